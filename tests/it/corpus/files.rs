//! What is found on disk, and what is never read.

use std::{fs, path::Path};

use docent::corpus::{Collection, Reader, Site, walk};
use expect_test::expect;

fn collection(root: &Path) -> Collection {
    Collection { root: root.to_owned(), site: Some(Site::Plain), ..Collection::default() }
}

/// A file with its folders.
fn write(root: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
    fs::write(path, text).expect("a file");
}

fn listed(collection: &Collection) -> Vec<String> {
    walk(collection).files.into_iter().map(|file| file.path).collect()
}

#[test]
fn ignored_hidden_and_odd_files_are_not_listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let refused =
        ["c.png", ".hidden.md", ".git/x.md", "node_modules/x.md", "out/x.md", "drafts/x.md"];
    for path in ["a.md", "b.MDX", "deep/d.rst"].iter().chain(&refused) {
        write(root, path, "text");
    }
    write(root, ".gitignore", "out/\n");
    write(root, ".docentignore", "drafts\n");
    write(root, "big.md", vec![b'x'; 9 << 20]);
    assert_eq!(listed(&collection(root)), ["a.md", "b.MDX", "deep/d.rst"]);
    let warnings = walk(&collection(root)).warnings;
    let warnings: Vec<String> =
        warnings.iter().map(|it| format!("{}: {}", it.path, it.message)).collect();
    expect!["big.md: file is larger than 8 MiB, not read"].assert_eq(&warnings.join("\n"));
    let reader = Reader::new(&collection(root));
    for path in ["a.md", "b.MDX", "deep/d.rst", "new/e.md"] {
        assert!(reader.accepts(path), "{path}");
    }
    for path in refused.iter().chain(&["../a.md"]) {
        assert!(!reader.accepts(path), "{path}");
    }
}

#[test]
fn globs_choose_files() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in ["a/x.md", "a/y.md", "b/x.md"] {
        write(folder.path(), path, "text");
    }
    let include = vec!["a".to_owned()];
    let exclude = vec!["**/y.md".to_owned()];
    let chosen = Collection { include, exclude, ..collection(folder.path()) };
    assert_eq!(listed(&chosen), ["a/x.md"]);
}

#[cfg(unix)]
#[test]
fn the_data_folder_is_read_by_no_way_that_leads_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().canonicalize().expect("it is there");
    write(&root, "a.md", "# A\n\n{{#include deep/data/git/b.md}}\n{{#include deep/ours.md}}\n");
    write(&root, "deep/ours.md", "ours\n");
    write(&root, "deep/data/git/b.md", "secret\n");
    write(&root, "deep/data-sheets/c.md", "# C\n");
    let link = |to: &str, at: &str| {
        std::os::unix::fs::symlink(root.join(to), root.join(at)).expect("a link is made");
    };
    link("deep/data/git", "z-clones");
    link("deep", "z-alias");
    link("deep/data/git/b.md", "z-file.md");
    // A link to the data folder in the settings is the data folder.
    link("deep/data", "y-data");
    for data_dir in ["deep/data", "y-data"] {
        let data_dir = Some(root.join(data_dir));
        let site = Some(Site::MdBook);
        let chosen = Collection { data_dir, site, ..collection(&root) };
        let walk = docent::corpus::walk(&chosen);
        let paths: Vec<&str> = walk.files.iter().map(|file| &*file.path).collect();
        let ours = ["a.md", "deep/data-sheets/c.md", "deep/ours.md"];
        let alias = ["z-alias/data-sheets/c.md", "z-alias/ours.md"];
        assert_eq!(paths, [&ours[..], &alias[..]].concat());
        let reader = Reader::new(&chosen);
        assert!(!reader.accepts("deep/data/git/b.md"));
        for path in ["deep/data/git/b.md", "z-alias/data/git/b.md", "z-clones/b.md", "z-file.md"] {
            assert!(reader.load(path).is_err(), "{path}");
        }
        let source = reader.load("a.md").expect("it is read");
        let page = reader.parse("a.md", &source.bytes).0.expect("a page");
        let text = format!("{page:?}");
        assert!(text.contains("ours") && !text.contains("secret"), "{text}");
    }
}
