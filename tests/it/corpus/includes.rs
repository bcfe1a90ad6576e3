//! Text from other files: resolved within the root, and never from outside it.

use std::path::PathBuf;

use docent::corpus::{Collection, Reader, Site};
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

#[test]
fn what_follows_a_part_of_several_lines_stands_on_a_line_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().canonicalize().expect("the folder is there");
    crate::harness::write(&root, "part.md", "```js\nlet x;\n```\n");
    let reader = Reader::new(&Collection { root, site: Some(Site::MdBook), ..Default::default() });
    let (page, _) = reader.parse("a.md", b"# A\n\n{{#include part.md}} and so on.\n");
    let page = page.expect("the page is read");
    assert_eq!(page.sections[0].text, "# A\n\n```js\nlet x;\n```\nand so on.");
}

#[test]
fn what_is_pulled_into_code_does_not_end_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let root = dir.path().canonicalize().expect("the folder is there");
    crate::harness::write(&root, "part.md", "```js\nlet x;\n```\n");
    let reader = Reader::new(&Collection { root, site: Some(Site::MkDocs), ..Default::default() });
    let (page, _) = reader.parse("a.md", b"```md\n--8<-- \"part.md\"\n```\n\nMore.\n");
    let page = page.expect("the page is read");
    let code = "```js\nlet x;\n```\n";
    assert_eq!(page.sections[0].text, format!("````md\n{code}````\n\nMore."));
    assert_eq!(page.sections[0].code, code);
}
