//! Pages: the input is a Markdown file, read as a page of every generator. Whatever stands in it,
//! its sections are whole and have names of their own; what readers do not see is not in them, and
//! nothing is pulled in from beside the docs.
#![no_main]

use std::sync::LazyLock;

use docent::corpus::{Collection, Page, Reader, Site, tokens};
use docent_fuzz::{SECRET, fences_close};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const SITES: [Site; 9] = [
    Site::Plain,
    Site::MdBook,
    Site::Docusaurus,
    Site::VitePress,
    Site::MkDocs,
    Site::Hugo,
    Site::Starlight,
    Site::NextJs,
    Site::Mdn,
];

/// A reader of every kind over a folder of parts to include, with a secret beside it.
static READERS: LazyLock<(Vec<Reader>, TempDir)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().join("docs");
    std::fs::create_dir_all(root.join("a")).expect("a folder");
    let write = |path: &str, text: &str| std::fs::write(dir.path().join(path), text);
    write("secret.md", SECRET).expect("a secret");
    write("docs/part.md", "## Part\n\n```js\nlet part;\n```\n").expect("a part");
    write("docs/a/code.rs", "// ANCHOR: x\nfn x() {}\n// ANCHOR_END: x\n").expect("code");
    write("docs/a/loop.md", "{{#include loop.md}}\n--8<-- \"a/loop.md\"\n").expect("a loop");
    let root = root.canonicalize().expect("it is there");
    let reader = |site| {
        Reader::new(&Collection { root: root.clone(), site: Some(site), ..Collection::default() })
    };
    (SITES.map(reader).into(), dir)
});

/// Characters that no reader of a site sees: of those that may spell a word none is here.
fn is_hidden(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b'..='\x1f' | '\x7f'..='\u{9f}' | '\u{200b}' | '\u{feff}'
        | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        | '\u{e0000}'..='\u{e007f}')
}

fn is_sound(page: &Page, site: Site) {
    let one_line = |text: &str, most: usize| {
        assert!(text.chars().count() <= most, "{site:?} {text:?}");
        assert!(!text.contains(|c| is_hidden(c) || c == '\n'), "{site:?} {text:?}");
    };
    one_line(&page.title, 250);
    one_line(&page.description, 1000);
    for include in &page.includes {
        assert!(!include.starts_with('/') && !include.contains(".."), "{include:?}");
    }
    let mut names = std::collections::HashSet::new();
    for (at, section) in page.sections.iter().enumerate() {
        one_line(&section.title, 250);
        // Made of the title as the site makes it: a letter may come apart into eighteen (Unicode's NFKD).
        one_line(&section.anchor, 18 * 250 + 20);
        assert!(section.level <= 6 && (section.level > 0 || at == 0), "{site:?} {section:?}");
        let named = section.anchor.is_empty() || names.insert(&section.anchor);
        assert!(named, "{site:?}: {:?} stands for two sections", section.anchor);
        assert!(section.trail.len() < usize::from(section.level).max(1), "{section:?}");
        assert!(!section.text.contains(is_hidden), "{site:?} {:?}", section.text);
        assert_eq!(section.text.trim_end(), section.text, "{site:?}");
        assert!(fences_close(&section.text), "{site:?} {:?}", section.text);
        assert!(tokens::estimate(&section.text) <= 8 * section.text.len() + 1);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let says_it = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
    let behind = [format!("<!-- {SECRET} -->\n\n").as_bytes(), bytes].concat();
    for (reader, site) in READERS.0.iter().zip(SITES) {
        let (page, notes) = reader.parse("a/b.md", bytes);
        assert!(notes.len() <= 50, "{} notes", notes.len());
        if let Ok(page) = &page {
            is_sound(page, site);
        }
        if !says_it && let (Ok(page), _) = reader.parse("a/b.mdx", &behind) {
            is_sound(&page, site);
            assert!(!format!("{page:?}").contains(SECRET), "{site:?} {page:?}");
        }
    }
});
