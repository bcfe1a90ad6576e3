//! Text from other files: resolved within the root, and never from outside it.

use std::path::PathBuf;

use docent::corpus::{Collection, Reader, Section, Site};
use expect_test::{Expect, expect};

use super::show;

fn check(folder: &str, site: Site, path: &str, expected: Expect) {
    let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/corpus/fixtures");
    let root = fixtures.join(folder);
    let reader = Reader::new(&Collection { root, site: Some(site), ..Collection::default() });
    let source = reader.load(path).expect("the fixture is there");
    let (page, warnings) = reader.parse(path, &source.bytes);
    let page = page.expect("the page is read");
    expected.assert_eq(&format!("{}includes {:?}\n", show(&page, &warnings), page.includes));
}

#[test]
fn mdbook_includes_whole_files_lines_and_anchors() {
    check(
        "mdbook/src",
        Site::MdBook,
        "chapter.md",
        expect![[r#"
            [#greetings]
            # Greetings

            ```rust
            fn greet() {
                println!("hello");
            }
            ```

            The first line alone:

            ```rust
            use std::io;
            ```

            Text that *two* chapters share, and  itself.

            ```rust
            fn shown() {}
            ```
            includes ["listing.rs", "shared.md"]
        "#]],
    );
}

#[test]
fn mkdocs_snippets_and_code() {
    check(
        "mkdocs/docs",
        Site::MkDocs,
        "page.md",
        expect![[r#"
        [#snippets]
        # Snippets

        **Tip: Shared**

        Said in many places.

        ```python
        app.run()
        ```

        **app.py**
        ```python
        import app

        app.run()
        ```
        includes ["part.md", "code/app.py"]
    "#]],
    );
}

#[test]
fn hugo_includes_and_glossary() {
    check(
        "hugo",
        Site::Hugo,
        "guide.md",
        expect![[r#"
        [#]
        Use a Crate of v7.

        You need **two** things.
        [#whats-next]
        ## What's next
        includes ["reference/glossary/crate.md", "includes/needs.md"]
    "#]],
    );
}

/// The one section of a page that pulls in `part.md`, which is code.
fn with_part(site: Site, page: &str) -> Section {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().canonicalize().expect("the folder is there");
    crate::harness::write(&root, "part.md", PART);
    let reader = Reader::new(&Collection { root, site: Some(site), ..Default::default() });
    let (page, _) = reader.parse("a.md", page.as_bytes());
    page.expect("the page is read").sections.remove(0)
}

const PART: &str = "```js\nlet x;\n```\n";

#[test]
fn what_follows_a_part_of_several_lines_stands_on_a_line_of_its_own() {
    let section = with_part(Site::MdBook, "# A\n\n{{#include part.md}} and so on.\n");
    assert_eq!(section.text, format!("# A\n\n{PART}and so on."));
}

#[test]
fn a_part_that_ends_a_line_ends_as_it_does_in_its_file() {
    let section = with_part(Site::MdBook, "See {{#include part.md}}\n\nMore.\n");
    assert!(section.text.ends_with("let x;\n```\n\nMore."), "{}", section.text);
}

#[test]
fn what_is_pulled_into_code_does_not_end_it() {
    let section = with_part(Site::MkDocs, "```md\n--8<-- \"part.md\"\n```\n\nMore.\n");
    assert_eq!(section.text, format!("````md\n{PART}````\n\nMore."));
    assert_eq!(section.code, PART);
}

#[test]
fn a_part_of_several_lines_in_a_heading_or_a_cell_stays_on_its_line() {
    let section = with_part(Site::MdBook, "# A {{#include part.md}} b\n");
    assert_eq!(section.text, "# A ```js let x; ``` b");
    let cell = "<table><tr><th>A</th><td>{{#include part.md}} b</td></tr></table>\n\nMore.\n";
    let section = with_part(Site::MdBook, cell);
    assert_eq!(section.text, "A | ```js let x; ``` b\n\nMore.");
    let cell = "<table><tr><th>A</th><td>{{#playground part.md}}</td></tr></table>\n\nMore.\n";
    let section = with_part(Site::MdBook, cell);
    assert_eq!(section.text, "A | `'''js let x; '''`\n\nMore.");
}

#[test]
fn what_follows_a_part_of_hugo_stands_on_a_line_of_its_own() {
    let section = with_part(Site::Hugo, "See {{< include \"part.md\" >}} and so on.\n");
    assert_eq!(section.text, format!("See\n{PART}and so on."));
}
