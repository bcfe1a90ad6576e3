//! The files of `deploy/`: those that the manual shows, and settings that docent takes.

use std::path::Path;

use serde_json::Value;

use super::errors;
use crate::harness::{docent, write};

const SETTINGS: &str = include_str!("../../../deploy/docent.toml");

#[test]
fn the_manual_shows_what_a_machine_without_containers_needs() {
    let manual = include_str!("../../../corpus/public.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy");
    for file in ["docent.toml", "docent.service", "Caddyfile", "nginx.conf"] {
        let text = std::fs::read_to_string(folder.join(file)).expect("text");
        assert!(manual.contains(&format!("\n{text}```\n")), "{file}");
    }
}

/// The settings in the manifest, without the manifest.
fn of_manifest() -> String {
    let manifest = include_str!("../../../deploy/kubernetes/configmap.yaml");
    let (_, settings) = manifest.split_once("  docent.toml: |\n").expect("the settings");
    settings
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line)))
        .collect()
}

#[test]
fn the_manifest_of_the_bundle_is_that_of_this_version_and_the_manual_shows_it() {
    let text = include_str!("../../../deploy/mcpb/manifest.json");
    let page = include_str!("../../../corpus/connect/claude-desktop.md");
    assert!(page.contains(&format!("```json\n{text}```\n")), "the manual has another manifest");
    let manifest: Value = serde_json::from_str(text).expect("JSON");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let tools = manifest["tools"].as_array().expect("tools").iter();
    let tools: Vec<&str> = tools.filter_map(|tool| tool["name"].as_str()).collect();
    // The last is there only where the owner of the docs wants it.
    assert_eq!(tools, docent::mcp::TOOLS[..3]);
    // Words that docent takes, with the folder that the user chooses in place of the last one.
    let words = &manifest["server"]["mcp_config"]["args"];
    assert_eq!(words, &serde_json::json!(["stdio", "${user_config.docs}"]));
    assert_eq!(manifest["user_config"]["docs"]["type"], "directory");
}

#[test]
fn all_settings_are_taken() {
    let docker = include_str!("../../../deploy/compose.toml").to_owned();
    for settings in [SETTINGS.to_owned(), docker, of_manifest()] {
        let dir = tempfile::tempdir().expect("a folder");
        write(dir.path(), "srv/index.md", "# Docs\n");
        write(dir.path(), "client-secret", "of the provider\n");
        let here = settings.replace("/srv/docs", "srv");
        let here = here.replace("\"/docs\"", "\"srv\"").replace("/var/lib/docent", "data");
        write(dir.path(), "docent.toml", &here);
        let mut command = docent();
        if !settings.contains("client_secret_file") {
            command.env("DOCENT_CLIENT_SECRET_FILE", "client-secret");
        }
        let output = command.current_dir(dir.path()).arg("config").output().expect("docent runs");
        assert!(output.status.success(), "{}\n{settings}", errors(&output));
        let shown = String::from_utf8(output.stdout).expect("text");
        assert!(shown.contains("access = \"google\""), "{shown}");
        assert!(!shown.contains("of the provider"), "{shown}");
    }
}
