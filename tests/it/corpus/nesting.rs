//! What stands in what: each construct of the dialects inside of each other one, in the words that authors use and in those
//! that end one of them too early. Whatever comes of it, a page has whole sections, and so have its pieces.

use std::collections::HashSet;

use docent::corpus::{Collection, Page, Reader};
use docent::index::take_blocks;

use super::properties::SITES;
use crate::harness::{fences_close, write};

/// What something may stand in, at `§`; and what its other lines begin with there.
const OUTER: &[(&str, &str)] = &[
    ("§", ""),
    ("<table>\n<tr><th>a</th><td>§</td></tr>\n</table>", ""),
    ("<table><thead><tr><th>a<th>b</tr></thead><tr><td>§</td><td>x\n</td></tr></table>", ""),
    ("<table><caption>§</caption><tr><td>x</td></tr></table>", ""),
    ("| a | b |\n|---|---|\n| x | § |", ""),
    ("| § | b |\n|---|---|\n| x | y |", ""),
    ("# §", ""),
    ("## T § {#id}", ""),
    ("§ {#id}\n===", ""),
    ("- §", "  "),
    ("1. a\n\n   §", "   "),
    ("-     §", "      "),
    ("> §", "> "),
    ("> - §", ">   "),
    ("- > §", "  > "),
    ("    §", "    "),
    ("text\n§\ntext", ""),
    ("text § text", ""),
    ("text §", ""),
    ("**§**", ""),
    ("`§`", ""),
    ("``§``", ""),
    ("[§](x.md)", ""),
    ("[x](§)", ""),
    ("![§](x.png)", ""),
    ("[^1]: §", "    "),
    ("term\n: §", "  "),
    ("```\n§\n```", ""),
    ("```§\nx\n```", ""),
    ("~~~ md\n§\n~~~", ""),
    ("  ```\n  §\n  ```", "  "),
    ("<div>\n§\n</div>", ""),
    ("<div>\n\n§\n\n</div>", ""),
    ("<div>§</div>", ""),
    ("<div hidden>secret §</div>", ""),
    ("<span>§</span>", ""),
    ("<p>§", ""),
    ("<pre>§</pre>", ""),
    ("<pre><code>\n§\n</code></pre>", ""),
    ("<code>§</code>", ""),
    ("<a href=\"§\">x</a>", ""),
    ("<a href=\"x\">§</a>", ""),
    ("<h2 id=\"§\">x</h2>", ""),
    ("<h2>§</h2>", ""),
    ("<img alt=\"§\">", ""),
    ("<details><summary>§</summary>x</details>", ""),
    ("<details>\n<summary>x</summary>\n\n§\n\n</details>", ""),
    ("<ul><li>§</li><li>x</ul>", ""),
    ("<ul>\n<li>\n§\n</li>\n</ul>", ""),
    ("<dl><dt>§</dt><dd>§</dd></dl>", ""),
    ("<!-- secret § -->x", ""),
    ("{/* § */}x", ""),
    ("{§}", ""),
    ("{`§`}", ""),
    ("<Tab title=\"§\">\nx\n</Tab>", ""),
    ("<Tabs>\n<Tab title=\"x\">\n§\n</Tab>\n</Tabs>", ""),
    ("<Tabs>\n  <Tab title=\"x\">\n    §\n  </Tab>\n</Tabs>", "    "),
    ("<Card title={`§`} />", ""),
    ("<>§</>", ""),
    (":::note §\nx\n:::", ""),
    (":::note[§]\nx\n:::", ""),
    (":::note\n§\n:::", ""),
    ("::: code-group\n§\n:::", ""),
    ("!!! note \"§\"\n    x", ""),
    ("!!! note\n    §", "    "),
    ("=== \"§\"\n    x", ""),
    ("=== \"x\"\n\n    §", "    "),
    ("/// note | §\nx\n///", ""),
    ("/// note\n§\n///", ""),
    ("??? tip\n\n    - §", "      "),
    ("{{< note >}}§{{< /note >}}", ""),
    ("{{< note >}}\n§\n{{< /note >}}", ""),
    ("{{% tab name=\"§\" %}}x{{% /tab %}}", ""),
    ("{{< highlight sh >}}\n§\n{{< /highlight >}}", ""),
    ("{{< table caption=\"§\" >}}\nx\n{{< /table >}}", ""),
    ("{{domxref(\"§\")}}", ""),
    ("{{glossary(\"§script\")}}\n```\n</script>", ""),
    ("{{CSSSyntaxRaw(`§`)}}", ""),
    ("{{Note(\"a\", \"§\")}}", ""),
    ("++§++", ""),
    ("{==§==}", ""),
    ("{>>§<<}", ""),
    ("==§==", ""),
    ("^§^", ""),
    ("--8<-- \"§\"", ""),
    ("export const x = `§`", ""),
    ("---\ntitle: §\n---\nx", ""),
    ("---\ntitle: |\n  §\n---\nx", "  "),
    ("\\§", ""),
    ("&§;", ""),
    ("<§td>\n- ```\n\n  `", ""),
];

/// What may stand there.
const INNER: &[&str] = &[
    "word",
    "```js\nlet x;\n```",
    "```",
    "~~~",
    "``` x",
    "````\n```\n````",
    "`a`",
    "`",
    "```a``` b",
    "``` {{< x >}}\nb ``` c",
    "```a. B `c`",
    "---",
    "===",
    "# h",
    "## h {#i}",
    "- a\n- b",
    "1. a\n\n   ```\n   x\n   ```",
    "> q",
    "| a | b |\n|---|---|\n| c | d |",
    "|",
    "<",
    "<div>",
    "</div>",
    "</table>",
    "<table>",
    "<td>",
    "<tr>",
    "<pre>",
    "</pre>",
    "<pre>x\n```\ny</pre>",
    "<code>",
    "<!--",
    "-->",
    "{/*",
    "*/}",
    "{",
    "}",
    "\"",
    "'",
    "{{#include part.md}}",
    "{{#include ../part.md}}x",
    "{{#playground ../part.md}}",
    "--8<-- \"part.md\"",
    "{* ../part.md *}",
    "{* /part.md *}",
    "{{< include \"part.md\" >}}",
    "{{% include \"/part.md\" %}}",
    "{{< note >}}",
    "{{< /note >}}",
    "{{domxref(\"a\")}}",
    "{{CSSSyntaxRaw(`a\nb`)}}",
    ":::note",
    ":::",
    "!!! tip",
    "    code",
    "\tcode",
    "      ```\n      x\n      ```",
    "\n\n",
    "\na\n\nb\n",
    "  ",
    "\\",
    "&lt;",
    "&#96;&#96;&#96;",
    "&#10;",
    "[a]: b",
    "[a](b)",
    "![a](b)",
    "<https://x.y>",
    "<Tab>",
    "</Tab>",
    "<script>",
    "</script>x",
    "<x",
    "<a",
    "<br>",
    "<br/>```",
    "<span></span>```\nx",
    "<b>```</b>\nx",
    "\u{200b}```",
    "{==```==}\nx",
    "+++",
    "import x from 'y'",
    "export const x = {",
    "**",
    "]",
    "[",
    "](",
    "é\u{301}",
    "中文。中文",
    "a. B. C",
    "\r\n",
    "\u{1b}[1m",
];

/// A part that pages pull in.
const PART: &str = "## Part\n\n```js\nlet part;\n```\n";

/// Tokens of a piece.
const ROOM: usize = 16;

/// What is wrong with a page.
fn problem(page: &Page) -> Option<String> {
    let mut names = HashSet::new();
    for section in &page.sections {
        let (title, anchor, text) = (&section.title, &section.anchor, &section.text);
        if title.contains('\n') || anchor.contains('\n') {
            return Some(format!("{title:?}, {anchor:?} is more than a line"));
        }
        if !anchor.is_empty() && !names.insert(anchor) {
            return Some(format!("two sections are called {anchor:?}"));
        }
        if text.contains('\u{200b}') || text.contains("secret") {
            return Some(format!("what nobody sees is there: {text:?}"));
        }
        if !fences_close(text) {
            return Some(format!("code goes on: {text:?}"));
        }
        let mut at = 0;
        while at < text.len() {
            let (piece, end) = take_blocks(text, at, ROOM, true);
            assert!(end > at, "stuck at {at} of {text:?}");
            if !fences_close(&piece) {
                return Some(format!("code goes on in the piece {piece:?} of {text:?}"));
            }
            at = end;
        }
    }
    None
}

#[test]
fn whatever_stands_in_whatever_a_page_has_whole_sections() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().canonicalize().expect("the folder is there");
    for path in ["part.md", "a/part.md"] {
        write(&root, path, PART);
    }
    let mut found = Vec::new();
    for site in SITES {
        let reader =
            Reader::new(&Collection { root: root.clone(), site: Some(site), ..Default::default() });
        for (outer, begin) in OUTER {
            for inner in INNER {
                let text = outer.replace('§', &inner.replace('\n', &format!("\n{begin}")));
                // A reader that fails leaves the page out; there is no other reason to.
                let why = match reader.parse("a/b.md", text.as_bytes()).0 {
                    Ok(page) => problem(&page),
                    Err(why) => Some(format!("{why:?}")),
                };
                found.extend(why.map(|why| format!("{site:?}: {text:?}: {why}")));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} pages, among them\n{}",
        found.len(),
        found[..found.len().min(20)].join("\n")
    );
}
