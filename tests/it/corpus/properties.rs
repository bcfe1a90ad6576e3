//! What holds for any page, whatever it is made of.

use docent::corpus::{Page, Reader, Site, tokens};
use proptest::prelude::*;

use super::reader;

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

fn parse(reader: &Reader, bytes: &[u8]) -> Option<Page> {
    reader.parse("a/b.md", bytes).0.ok()
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

#[test]
fn bombs_cost_no_more_than_pages() {
    let start = std::time::Instant::now();
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
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
