//! The files of `deploy/`: those that the manual shows, and settings that docent takes.

use std::path::Path;

use super::errors;
use crate::harness::{docent, write};

const SETTINGS: &str = include_str!("../../../deploy/docent.toml");

#[test]
fn the_manual_shows_every_file() {
    let manual = include_str!("../../../corpus/public.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the folder").flatten() {
        let text = std::fs::read_to_string(entry.path()).expect("text");
        assert!(manual.contains(&format!("\n{text}```\n")), "{:?}", entry.file_name());
        files += 1;
    }
    assert_eq!(files, 4);
}

#[test]
fn the_settings_are_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "srv/index.md", "# Docs\n");
    write(dir.path(), "client-secret", "of the provider\n");
    let here = SETTINGS.replace("/srv/docs", "srv").replace("/var/lib/docent", "data");
    write(dir.path(), "docent.toml", &here);
    let output = docent().current_dir(dir.path()).arg("config").output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(shown.contains("access = \"google\"") && !shown.contains("of the provider"), "{shown}");
}
