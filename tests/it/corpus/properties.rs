//! What holds for any page, whatever it is made of.

use std::time::{Duration, Instant};

use docent::corpus::check::{Limits, check};
use docent::corpus::{Page, Reader, Site, Skip, tokens};
use docent::index::{Indexer, Progress};
use proptest::prelude::*;

use super::reader;
use crate::harness::{collection, write};

/// All kinds of sites.
pub(super) const SITES: [Site; 9] = [
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

/// What means something to some dialect, and text to stand between.
const MARKS: &[&str] = &[
    "\n",
    "\n\n",
    "    ",
    "  ",
    "\t",
    "- ",
    "1. ",
    "> ",
    "# ",
    "## x {#y}",
    "```",
    "~~~~",
    "``",
    "`",
    "<div>",
    "</div>",
    "<table><tr><td>",
    "</td></tr></table>",
    "<Tab title=\"x\">",
    "<!--",
    "-->",
    "{/*",
    "*/}",
    "{",
    "}",
    "{{",
    "}}",
    "{{< note >}}",
    "{{% /note %}}",
    "{{domxref(\"x\")}}",
    "{{#include x}}",
    ":::note",
    ":::",
    "!!! tip \"x\"",
    "=== \"t\"",
    "/// x",
    "///",
    "--8<--",
    "{* x *}",
    "[a](b)",
    "![a](b)",
    "[a]: b",
    "[a]",
    "&lt;",
    "&",
    "\\",
    "import x from 'y'",
    "export const x = {",
    "<pre>",
    "</pre>",
    "<code>",
    "</code>",
    "<a href=\"x\">",
    "</a>",
    "<h2 id=\"i\">",
    "</h2>",
    "<span hidden>",
    "</span>",
    "<script>",
    "</script>",
    "---",
    "+++",
    "\u{200b}",
    "\u{1b}[",
    "\r\n",
    "é",
    "中文",
    "🚀",
    "word",
    ":x:",
    "++a++",
    "{==",
    "==}",
    ": ",
    ":   ",
    "|",
    "\"",
    "'",
];

fn marks() -> impl Strategy<Value = String> {
    let mark = proptest::sample::select(MARKS.to_vec());
    proptest::collection::vec(mark, 0..60).prop_map(|parts| parts.concat())
}

/// Endings of files that are read, and of some that are not.
const KINDS: &[&str] = &["md", "markdown", "mdx", "MD", "txt", "rst", "adoc", "toml", "prompt.md"];

/// Bytes, marks, and marks among bytes.
fn anything() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        bytes(),
        marks().prop_map(String::into_bytes),
        (bytes(), marks(), bytes()).prop_map(|(a, b, c)| [a, b.into_bytes(), c].concat()),
        // A text in UTF-16.
        marks().prop_map(|text| {
            let units = text.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        }),
    ]
}

/// Blocks with whole fences in them.
const BLOCKS: &[&str] = &[
    "```js\nlet x;\n```\n\n",
    "~~~~\n```\n~~~~\n\n",
    "text\n\n",
    "- item\n\n  ```\n  a\n  ```\n\n",
    "> ```\n> b\n> ```\n\n",
    "## Heading\n\n",
    "<div>\n\n```\nc\n```\n\n</div>\n\n",
    "`code`\n\n",
    "<pre>x\n```\n</pre>\n\n",
];

/// Mark, length and info string of the fence on this line, behind quotes and list markers.
fn fence(line: &str) -> Option<(char, usize, &str)> {
    let rest = line.trim_start_matches([' ', '\t', '>', '-', '*', '+']);
    let mark = rest.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = rest.chars().take_while(|c| *c == mark).count();
    let info = &rest[run..];
    (run >= 3 && !(mark == '`' && info.contains('`'))).then_some((mark, run, info))
}

fn is_balanced(text: &str) -> bool {
    let mut open: Option<(char, usize)> = None;
    for line in text.lines() {
        match (open, fence(line)) {
            (None, Some((mark, run, _))) => open = Some((mark, run)),
            (Some((mark, run)), Some((it, length, info)))
                if it == mark && length >= run && info.trim().is_empty() =>
            {
                open = None;
            }
            _ => {}
        }
    }
    open.is_none()
}

/// The page, if there is one; that the reader failed is no reason for there being none.
fn parse(reader: &Reader, bytes: &[u8]) -> Option<Page> {
    let page = reader.parse("a/b.md", bytes).0;
    if let Err(Skip::Unreadable(why)) = &page {
        assert!(!why.contains("failed"), "{why}: {bytes:?}");
    }
    page.ok()
}

proptest! {
    #[test]
    fn any_bytes_make_a_page_or_are_skipped(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        for site in SITES {
            parse(&reader(site), &bytes);
        }
    }

    #[test]
    fn any_mix_of_marks_is_read(text in marks()) {
        for site in SITES {
            for section in parse(&reader(site), text.as_bytes()).iter().flat_map(|it| &it.sections) {
                let hidden = section.text.contains('\u{200b}');
                prop_assert!(!hidden);
                tokens::estimate(&section.text);
            }
        }
    }

    #[test]
    fn fences_balance(parts in proptest::collection::vec(proptest::sample::select(BLOCKS.to_vec()), 0..12)) {
        for site in SITES {
            let page = parse(&reader(site), parts.concat().as_bytes());
            for section in page.iter().flat_map(|it| &it.sections) {
                prop_assert!(is_balanced(&section.text), "{:?}\n{}", site, section.text);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_bytes_in_a_file_of_any_kind_leave_the_other_pages(
        files in proptest::collection::vec((proptest::sample::select(KINDS.to_vec()), anything()), 1..6)
    ) {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("docs");
        for (at, (kind, bytes)) in files.iter().enumerate() {
            write(&root, &format!("file{at}.{kind}"), "");
            std::fs::write(root.join(format!("file{at}.{kind}")), bytes).expect("a file is written");
        }
        write(&root, "good.md", "# Okapi\n\nIt is here.\n");
        let collection = collection(&root, "docs");
        let data = dir.path().join("data");
        let (mut indexer, _) = Indexer::open(&data, std::slice::from_ref(&collection), "test").expect("an index");
        let report = indexer.catch_up(&Progress::default()).expect("it is built");
        prop_assert!(report.pages + report.skipped.len() + report.drafts.len() <= files.len() + 1);
        let catalog = indexer.index().snapshot();
        let good = catalog.catalog().expect("a catalog").page("docs", "good.md");
        prop_assert_eq!(good.map(|page| page.title.as_str()), Some("Okapi"));
        // The linter reads them, too, and finds where things stand.
        let checked = check(&collection, Limits { section_tokens: 2000 });
        prop_assert_eq!(checked.pages, report.pages);
        for finding in checked.findings {
            let path = root.join(&finding.path);
            let text = std::fs::read(&path).expect("it is there");
            let lines = 2 + text.iter().filter(|b| matches!(b, b'\n' | b'\r')).count();
            prop_assert!(finding.line <= lines, "{finding:?} of {lines}");
        }
    }
}

/// What this thread has computed for, where the system says so: what others take of the machine is not its own.
fn computed() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}

#[test]
fn bombs_cost_no_more_than_pages() {
    let (start, before) = (Instant::now(), computed());
    let bombs = [
        ">", "[", "{", "<a ", "<!-- ", "{{", "{{< a ", "`", "```\n", "<table>", "<div>\n", "- ",
        "&", ":::a\n", "!!! a\n", "[a](", "<a x=\"", "{\"", "![", "    ",
    ];
    for bomb in bombs {
        let text = bomb.repeat(40_000 / bomb.len());
        for site in SITES {
            parse(&reader(site), text.as_bytes());
        }
    }
    // 7 MB in all, unoptimised; what is not linear would take minutes.
    let own = computed().zip(before).map(|(after, before)| after - before);
    let taken = own.unwrap_or_else(|| start.elapsed());
    assert!(taken.as_secs() < 60, "{taken:?}");
}
