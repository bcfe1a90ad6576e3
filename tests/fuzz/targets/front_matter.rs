//! Front matter: the input stands between the marks of YAML and of TOML, and is JSON by itself. The
//! page below it is read as without it; YAML of the plainest kind is read as by the whole parser.
#![no_main]

use std::sync::LazyLock;

use docent::corpus::{Collection, Page, Reader, Site};
use libfuzzer_sys::fuzz_target;

static READER: LazyLock<Reader> = LazyLock::new(|| {
    let root = "/nowhere/docs".into();
    Reader::new(&Collection { root, site: Some(Site::Hugo), ..Collection::default() })
});

const BODY: &str = "# Heading\n\nokapi\n\n## More\n\ntapir\n";

/// The page, unless it is a draft.
fn read(text: &str) -> Option<Page> {
    READER.parse("a/b.md", text.as_bytes()).0.ok()
}

fn is_sound(page: &Page) {
    for (text, most) in [
        (&page.title, 250),
        (&page.description, 1000),
        (page.updated.as_ref().unwrap_or(&page.title), 250),
    ] {
        let hidden = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{feff}');
        assert!(text.chars().count() <= most && !text.contains(hidden), "{text:?}");
    }
    assert!(!page.title.is_empty());
}

fuzz_target!(|block: &str| {
    // What ends the block early is another page.
    let ends = |mark: &str| {
        let seen = |line: &str| line.chars().filter(char::is_ascii_graphic).collect::<String>();
        block.split(['\n', '\r']).any(|line| seen(line) == mark)
    };
    let bare = read(BODY).expect("a page");
    let is_meta = |block: &str| block.contains([':', '=']) && !block.contains('\u{1b}');
    for mark in ["---", "+++"] {
        let Some(page) = read(&format!("{mark}\n{block}\n{mark}\n{BODY}")) else { continue };
        is_sound(&page);
        if is_meta(block) && !ends(mark) && !ends("...") {
            assert_eq!(page.sections, bare.sections);
        }
    }
    let read_so = |block: &str| read(&format!("---\n{block}\n---\n{BODY}"));
    // Whatever has a comment is none of the plainest kind.
    let plain = |block: &str| {
        block.lines().all(|line| {
            let (key, value) =
                line.trim_start_matches("  - ").split_once(": ").unwrap_or((line, ""));
            !key.is_empty()
                && value.bytes().all(|b| b.is_ascii_alphanumeric() || b" .-/".contains(&b))
        })
    };
    if is_meta(block) && block.contains(':') && plain(block) && !ends("---") && !ends("...") {
        assert_eq!(read_so(block), read_so(&format!("{block}\n# a comment")), "{block}");
    }
    if let Some(page) = read(&format!("{block}\n{BODY}")) {
        is_sound(&page);
    }
});
