//! D: documents and resources.

use std::fs;
use std::path::Path;

use docent::corpus::{Collection, Reader, Site, Skip};
use serde_json::{Value, json};

use super::oracle::Oracle;
use crate::harness::{docs, write};
use crate::http::request;

/// The word of a file beside the docs, which no answer may hold.
const SECRET: &str = "pangolin";

/// A server of these pages, with a secret file right beside their folder.
fn beside_a_secret(files: &[(&str, &str)]) -> Oracle {
    let (folder, docs) = docs(files);
    write(folder.dir.path(), "secret.md", "# Secret\n\npangolin\n");
    write(folder.dir.path(), "docs-private/p.md", "# Private\n\npangolin\n");
    Oracle::over((folder, docs))
}

/// Asks for what is not there in every way in which something can be asked for.
async fn is_nowhere(oracle: &Oracle, uri: &str) {
    let without_echo = |mut answer: Value| {
        answer["error"]["data"] = Value::Null;
        answer
    };
    // The code is that of the revision that is spoken.
    for (modern, code) in [(true, -32602), (false, -32002)] {
        let read = async |uri: &str| {
            let params = json!({"uri": uri});
            if modern {
                oracle.modern("resources/read", params, Some(uri)).await
            } else {
                oracle.method("resources/read", params).await
            }
        };
        let missing = read("docs:///docs/gone.md").await;
        assert_eq!(missing["error"]["code"], code, "{missing}");
        assert_eq!(without_echo(read(uri).await), without_echo(missing), "{uri:?}");
    }
    let fetched = oracle.tool("fetch", json!({"id": uri})).await.expect_err(uri);
    assert!(fetched.starts_with("there is no page"), "{uri:?}: {fetched}");
    assert!(!fetched.contains(SECRET), "{uri:?}: {fetched}");
    for (tool, arguments) in
        [("search", json!({"query": SECRET, "path": uri})), ("outline", json!({"path": uri}))]
    {
        let said = match oracle.tool(tool, arguments).await {
            Ok(answer) => answer.to_string(),
            Err(message) => message,
        };
        assert!(!said.contains("Secret") && !said.contains("Private"), "{uri:?}: {said}");
    }
    // As a page for people, in so far as it can stand in a request at all.
    let path = uri.trim_start_matches("docs:///docs").trim_start_matches("docs:/");
    if let Ok(asked) = request("GET", &format!("/docs/docs/{path}"))
        .header("accept", "text/html")
        .body(axum::body::Body::empty())
    {
        let page = oracle.ask(asked).await;
        assert!([400, 404].contains(&page.status.as_u16()), "{uri:?}: {}", page.status);
        assert!(!page.text.contains(SECRET), "{uri:?}: {}", page.text);
    }
}

#[tokio::test]
async fn d01_a_resource_uri_never_leaves_the_index() {
    let oracle = beside_a_secret(&[("guide/a.md", "# A\n\nokapi\n")]);
    for path in [
        "../secret.md",
        "../../secret.md",
        "../../../../../../etc/passwd",
        "guide/../../secret.md",
        "..%2fsecret.md",
        "..%2F..%2Fetc%2Fpasswd",
        "%2e%2e/secret.md",
        "%2e%2e%2fsecret.md",
        "..\\secret.md",
        "..%5csecret.md",
        "%252e%252e%252fsecret.md",
        "....//secret.md",
        "..;/secret.md",
        "%c0%ae%c0%ae/secret.md",
        "%c0%ae%c0%ae%c0%afsecret.md",
        "%e0%80%ae%e0%80%ae/secret.md",
        "./../secret.md",
        "..%00/secret.md",
    ] {
        is_nowhere(&oracle, &format!("docs:///docs/{path}")).await;
    }
    is_nowhere(&oracle, "docs:///../secret.md").await;
    is_nowhere(&oracle, "docs:///docs-private/p.md").await;
}

#[tokio::test]
async fn d02_an_absolute_path_or_a_device_is_no_resource() {
    let oracle = beside_a_secret(&[("guide/a.md", "# A\n\nokapi\n")]);
    let folder = std::env::temp_dir();
    for uri in [
        "/etc/passwd",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "docs:////etc/passwd",
        "docs:///docs//etc/passwd",
        "//host/share/secret.md",
        "\\\\host\\share\\secret.md",
        "C:\\Windows\\win.ini",
        "docs:///docs/C:/Windows/win.ini",
        "\\\\?\\C:\\secret.md",
        "docs:///docs/CON",
        "docs:///docs/NUL",
        "docs:///docs/con.md",
        "/proc/self/environ",
        "/dev/zero",
        "~/.ssh/id_rsa",
        &format!("docs:///docs/{}/secret.md", folder.display()),
    ] {
        is_nowhere(&oracle, uri).await;
    }
}

/// What a search for the secret finds: nothing, however it is asked for.
async fn is_not_indexed(oracle: &Oracle) {
    let answer = oracle.tool("search", json!({"query": SECRET})).await.expect("an answer");
    assert_eq!(answer["results"], json!([]), "{answer}");
    let whole = oracle.tool("outline", json!({})).await.expect("an answer").to_string();
    assert!(!whole.contains("Secret") && !whole.contains("Private"), "{whole}");
}

#[cfg(unix)]
mod links {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::harness::Folder;

    /// What was skipped, a line each.
    fn skipped(folder: &mut Folder) -> Vec<String> {
        let report = folder.catch_up();
        report.skipped.iter().map(|it| format!("{}: {}", it.path, it.message)).collect()
    }

    fn reader(root: &Path) -> Reader {
        let root = root.to_owned();
        Reader::new(&Collection { root, site: Some(Site::Plain), ..Collection::default() })
    }

    #[tokio::test]
    async fn d03_a_link_to_a_file_outside_is_skipped_and_named() {
        let (mut folder, docs) = docs(&[("real/page.md", "# Page\n\nokapi\n")]);
        write(folder.dir.path(), "secret.md", "# Secret\n\npangolin\n");
        let root = folder.docs_dir();
        symlink("../secret.md", root.join("out.md")).expect("a link");
        symlink(folder.dir.path().join("secret.md"), root.join("real/out.md")).expect("a link");
        symlink("real/out.md", root.join("twice.md")).expect("a link");
        // Links are followed always, and only within the folder: there is no setting for it.
        symlink("real/page.md", root.join("alias.md")).expect("a link");
        folder
            .write("include.md", "# Include\n\n{{#include ../secret.md}}\n\n{{#include out.md}}\n");
        let told = skipped(&mut folder);
        for path in ["out.md", "real/out.md", "twice.md"] {
            let line = format!("{path}: link leads outside the folder, not read");
            assert!(told.contains(&line), "{told:?}");
            assert!(matches!(reader(&root).load(path), Err(Skip::Unreadable(_))), "{path}");
        }
        assert_eq!(reader(&root).load("alias.md").expect("it is within").bytes.len(), 14);
        is_not_indexed(&Oracle::over((folder, docs))).await;
    }

    #[tokio::test]
    async fn d04_links_to_folders_loops_and_devices_end_nowhere() {
        let (mut folder, docs) = docs(&[("real/page.md", "# Page\n\nokapi\n")]);
        write(folder.dir.path(), "outside/secret.md", "# Secret\n\npangolin\n");
        let root = folder.docs_dir();
        symlink(folder.dir.path().join("outside"), root.join("dir")).expect("a link");
        symlink("b", root.join("a")).expect("a link");
        symlink("a", root.join("b")).expect("a link");
        symlink("b.md", root.join("a.md")).expect("a link");
        symlink("a.md", root.join("b.md")).expect("a link");
        symlink("..", root.join("real/loop")).expect("a link");
        symlink("/proc/self/environ", root.join("environ.md")).expect("a link");
        symlink("/proc/self", root.join("proc")).expect("a link");
        symlink("/dev/zero", root.join("zero.md")).expect("a link");
        let fifo = Command::new("mkfifo").arg(root.join("fifo.md")).status();
        assert!(fifo.expect("mkfifo runs").success());
        let _socket = UnixListener::bind(root.join("socket.md")).expect("a socket");
        let told = skipped(&mut folder);
        for path in ["environ.md", "zero.md", "fifo.md", "socket.md", "a.md", "b.md"] {
            assert!(told.iter().any(|line| line.starts_with(path)), "{path}: {told:?}");
            assert!(matches!(reader(&root).load(path), Err(Skip::Unreadable(_))), "{path}");
        }
        assert!(matches!(reader(&root).load("dir/secret.md"), Err(Skip::Unreadable(_))));
        let oracle = Oracle::over((folder, docs));
        is_not_indexed(&oracle).await;
        let pages = oracle.tool("outline", json!({})).await.expect("an answer")["pages"].clone();
        assert_eq!(pages, 1);
    }

    #[test]
    fn d05_a_file_that_is_swapped_for_a_link_is_never_read_through_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path().join("docs");
        write(dir.path(), "outside/page.md", SECRET);
        write(&root, "folder/page.md", "okapi");
        let root = root.canonicalize().expect("it is there");
        let (page, folder) = (root.join("page.md"), root.join("folder"));
        // A link in the place of the file, and one in the place of the folder above it.
        let swaps = AtomicBool::new(true);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while swaps.load(Ordering::Relaxed) {
                    for (n, target) in ["folder/page.md", "../outside/page.md"].iter().enumerate() {
                        let new = root.join(format!("new{n}"));
                        symlink(target, &new).expect("a link");
                        fs::rename(&new, &page).expect("it is swapped");
                    }
                    fs::rename(&folder, root.join("away")).expect("it is moved");
                    symlink("../outside", &folder).expect("a link");
                    fs::remove_file(&folder).expect("it goes");
                    fs::rename(root.join("away"), &folder).expect("it comes back");
                }
            });
            let reader = reader(&root);
            let (mut read, mut leaked) = (0, Vec::new());
            for _ in 0..20_000 {
                for path in ["page.md", "folder/page.md"] {
                    match reader.load(path) {
                        Ok(source) if source.bytes == b"okapi" => read += 1,
                        Ok(_) => leaked.push(path),
                        Err(_) => {}
                    }
                }
            }
            swaps.store(false, Ordering::Relaxed);
            assert!(leaked.is_empty(), "read from outside: {leaked:?}");
            assert!(read > 0, "nothing was ever read");
        });
    }

    #[tokio::test]
    async fn d06_a_folder_whose_name_begins_alike_is_outside() {
        let (mut folder, docs) = docs(&[("real/page.md", "# Page\n\nokapi\n")]);
        write(folder.dir.path(), "docs-private/p.md", "# Private\n\npangolin\n");
        let root = folder.docs_dir();
        symlink(folder.dir.path().join("docs-private"), root.join("sibling")).expect("a link");
        symlink("../docs-private/p.md", root.join("p.md")).expect("a link");
        folder.write("include.md", "# Include\n\n{{#include ../docs-private/p.md}}\n");
        folder.catch_up();
        for path in [
            "p.md",
            "sibling/p.md",
            "../docs-private/p.md",
            "real/../../docs-private/p.md",
            "real",
            "",
            "/etc/passwd",
        ] {
            assert!(matches!(reader(&root).load(path), Err(Skip::Unreadable(_))), "{path}");
        }
        is_not_indexed(&Oracle::over((folder, docs))).await;
    }

    #[tokio::test]
    async fn d07_a_hard_link_is_a_file_and_the_manual_says_so() {
        let (mut folder, docs) = docs(&[("a.md", "# A\n\nokapi\n")]);
        write(folder.dir.path(), "elsewhere.md", "# Elsewhere\n\ntapir\n");
        let link = folder.docs_dir().join("linked.md");
        fs::hard_link(folder.dir.path().join("elsewhere.md"), link).expect("a link");
        folder.catch_up();
        let oracle = Oracle::over((folder, docs));
        let found = oracle.tool("search", json!({"query": "tapir"})).await.expect("an answer");
        assert_eq!(found["results"][0]["id"], "linked.md#elsewhere");
        let manual = include_str!("../../../corpus/security.md");
        assert!(manual.contains("hard link"), "nothing tells two names of one file apart");
    }
}

#[tokio::test]
async fn d08_hidden_files_and_what_editors_leave_are_not_indexed() {
    let secret = "# Secret\n\npangolin\n";
    let files = [
        (".git/config", "pangolin"),
        (".git/notes.md", secret),
        (".env", "KEY=pangolin"),
        (".env.md", secret),
        (".hidden/a.md", secret),
        ("guide/.draft.md", secret),
        ("a.md~", secret),
        ("#a.md#", secret),
        (".#a.md", secret),
        (".a.md.swp", secret),
        ("a.md.bak", secret),
        ("a.md.orig", secret),
        ("4913", secret),
        ("node_modules/x.md", secret),
        ("id_rsa", secret),
        ("config.toml", secret),
    ];
    let (mut folder, docs) = docs(&files);
    folder.write("a.md", "# A\n\nokapi\n");
    folder.catch_up();
    // The same, as events name them one by one.
    let names = files.iter().map(|(path, _)| (0, (*path).to_owned())).collect();
    folder.indexer.update(&names).expect("an update");
    is_not_indexed(&Oracle::over((folder, docs))).await;
}

#[tokio::test]
async fn d09_what_nobody_sees_is_in_no_uri_no_title_and_no_log() {
    let combining = "\u{301}".repeat(20_000);
    let (mut folder, docs) = docs(&[
        ("a.md", "# A\u{202e}B\u{200b}C\u{1b}[31mD&#7;&#x202e;&#8203;\n\nokapi\n"),
        ("b.md", &format!("# Z{combining}\n\ntapir\n")),
        (
            "c.md",
            "---\ntitle: \"E\\u202eF\\u0007\\nG\"\ndescription: \"x\\u001b]8;;y\"\n---\nzebu\n",
        ),
    ]);
    folder.write("line\nbreak.md", "# Line\n\nquagga\n");
    folder.write("turned\u{202e}dm.md", "# Turned\n\nquagga\n");
    let told = folder.catch_up().skipped;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|it| it.path.contains('\u{fffd}')), "{told:?}");
    let oracle = Oracle::over((folder, docs));
    for uri in [
        "docs:///docs/a.md\0",
        "docs:///docs/a.md%00",
        "docs:///docs/a\n.md",
        "docs:///docs/a%0a.md",
        "docs:///docs/\u{202e}a.md",
        "docs:///docs/a\u{200b}.md",
        "docs:///docs/a.md\u{feff}",
        &format!("docs:///docs/a{combining}.md"),
        &format!("docs:///docs/{}", "a".repeat(100_000)),
    ] {
        is_nowhere(&oracle, uri).await;
    }
    let seen = |text: &str| !text.chars().any(|c| c.is_control() || "\u{202e}\u{200b}".contains(c));
    for (query, title) in [("okapi", Some("ABCD")), ("tapir", None), ("zebu", Some("EF G"))] {
        let answer = oracle.tool("search", json!({"query": query})).await.expect("an answer");
        let hit = &answer["results"][0];
        let found = hit["title"].as_str().expect("a title");
        assert!(seen(found), "{found:?}");
        if let Some(title) = title {
            assert_eq!(found, title, "{answer}");
        }
        assert!(answer.to_string().len() < 20_000, "{}", answer.to_string().len());
    }
    let listed = oracle.method("resources/list", json!({})).await.to_string();
    assert!(seen(&listed) && !listed.contains("\\u001b") && !listed.contains("\\u0007"));
}

#[tokio::test]
async fn d10_a_uri_is_that_of_one_page_exactly() {
    // The same letters for the eye: composed, decomposed, and in capitals.
    let (folder, docs) = docs(&[
        ("caf\u{e9}.md", "# Composed\n\nokapi\n"),
        ("cafe\u{301}.md", "# Decomposed\n\ntapir\n"),
        ("guide/install.md", "# Install\n\nzebu\n"),
    ]);
    let oracle = Oracle::over((folder, docs));
    let read = async |uri: &str| oracle.method("resources/read", json!({"uri": uri})).await;
    let text = |answer: &Value| answer["result"]["contents"][0]["text"].clone();
    let composed = "# Composed\n\nokapi";
    for uri in
        ["docs:///docs/caf\u{e9}.md", "docs:///docs/caf%C3%A9.md", "docs:///docs/caf%c3%a9.md"]
    {
        assert_eq!(text(&read(uri).await), composed, "{uri}");
    }
    assert_eq!(text(&read("docs:///docs/cafe%CC%81.md").await), "# Decomposed\n\ntapir");
    for uri in [
        "docs:///docs/guide/INSTALL.md",
        "docs:///docs/Guide/install.md",
        "docs:///docs/guide/install.MD",
        "docs:///DOCS/guide/install.md",
        "DOCS:///docs/guide/install.md",
        "docs:///docs/guide/install",
        "docs:///docs/guide//install.md",
        "docs:///docs/guide/install.md/",
        "docs:///docs/CAF\u{c9}.md",
        "docs:///docs/\u{ff47}uide/install.md",
    ] {
        assert_eq!(read(uri).await["error"]["code"], -32002, "{uri}");
    }
}
