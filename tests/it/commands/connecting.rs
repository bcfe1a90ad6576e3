//! `connect`, and the address that every command tells.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use super::served::Served;
use super::{errors, fails};
use crate::harness::{docent, write};

fn docs() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/ports.md", "# Ports\n\nChange the port.\n");
    dir
}

/// What a command that must succeed prints.
fn prints(command: &mut Command) -> String {
    let output = command.output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn connect_needs_no_docs() {
    let dir = tempfile::tempdir().expect("a folder");
    let connect = |words: &[&str]| {
        let mut command = docent();
        command.current_dir(dir.path()).arg("connect").args(words);
        command
    };
    let all = prints(&mut connect(&[]));
    assert!(all.starts_with("Connect a client to http://127.0.0.1:8080/mcp\n"), "{all}");
    let one = prints(&mut connect(&["claude-code"]));
    assert!(
        one.contains("claude mcp add --transport http docs http://127.0.0.1:8080/mcp"),
        "{one}"
    );
    assert!(one.contains("stdio /path/to/docs\n"), "{one}");
    let note = connect(&["zed"]).output().expect("docent runs");
    assert!(errors(&note).contains("/path/to/docs stands for the docs folder"));
}

#[test]
fn a_client_that_nobody_knows_is_told_whatever_the_settings_are() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docent.toml", "colour = 1\n");
    let said = fails(docent().current_dir(dir.path()).args(["connect", "emacs"]));
    assert!(said.starts_with("docent: unknown client \"emacs\", expected one of: "), "{said}");
}

#[test]
fn the_registry_is_given_a_public_server_and_its_name() {
    let dir = docs();
    let settings = |text: &str| {
        let collection = "[[collections]]\nname = \"guide\"\npath = \"docs\"\ntitle = \"Acme\"\n";
        write(dir.path(), "docent.toml", &format!("{text}\n{collection}"));
        let mut command = docent();
        command.current_dir(dir.path()).args(["connect", "registry"]);
        command
    };
    let entry = |text: &str| -> Value {
        serde_json::from_str(&prints(&mut settings(text))).expect("nothing but JSON")
    };
    let public = "public_url = \"https://docs.example.com\"";
    let open = entry(public);
    assert_eq!((&open["name"], &open["title"]), (&"com.example.docs/guide".into(), &"Acme".into()));
    assert_eq!(open["remotes"][0]["url"], "https://docs.example.com/mcp");
    assert!(open["remotes"][0].get("headers").is_none(), "{open}");
    let keyed = entry(&format!("{public}\naccess = \"keys\""));
    assert_eq!(keyed["remotes"][0]["headers"][0]["name"], "Authorization");
    assert!(!keyed.to_string().contains("Acme"), "{keyed}");
    let owned =
        "[discovery]\nname = \"com.example/help\"\ntitle = \"Help\"\ndescription = \"Ask.\"";
    let owned = entry(&format!("{public}\naccess = \"keys\"\n{owned}"));
    let said = ["name", "title", "description"].map(|it| owned[it].as_str().unwrap_or_default());
    assert_eq!(said, ["com.example/help", "Help", "Ask."]);
    for (text, expected) in [
        ("", "set public_url to the https address"),
        ("public_url = \"http://localhost:1\"", "set public_url to the https address"),
        ("public_url = \"https://203.0.113.7\"", "has no domain to name the server after"),
    ] {
        let said = fails(&mut settings(text));
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn the_start_page_shows_what_connect_prints_and_nothing_of_this_machine() {
    let (_dir, path) = super::served::manual();
    let served = Served::start(&path);
    let page = served.ask("GET / HTTP/1.1\r\nAccept: text/html\r\n", "");
    let url = format!("http://{}/mcp", served.address);
    let printed = prints(docent().current_dir(&path).args([
        "connect",
        "--docs",
        "docs",
        "--listen",
        &served.address,
    ]));
    let line = format!("claude mcp add --transport http docs {url}");
    assert!(printed.contains(&line) && page.contains(&format!("<code>{line}</code>")), "{page}");
    assert_eq!(page.matches("type=\"radio\"").count(), 12);
    assert!(page.contains("href=\"cursor://") && page.contains("href=\"vscode:mcp/install?"));
    for own in [env!("CARGO_BIN_EXE_docent"), path.to_str().expect("text"), "stdio"] {
        assert!(!page.contains(own), "{own} in {page}");
    }
}

/// Runs the line for other clients from a folder of its own; it must know the server. What it
/// prints.
fn the_line_works(serve: Command) -> String {
    let served = Served::run(serve);
    let claude = served.hears("connect Claude Code:").replace("connect Claude Code:", "");
    let line = served.hears("other clients:").replace("other clients:", "");
    let mut words = line.split_whitespace();
    assert_eq!((words.next(), words.next()), (Some("docent"), Some("connect")), "{line}");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let printed =
        prints(docent().current_dir(elsewhere.path()).args(["connect", "claude-code"]).args(words));
    assert!(printed.contains(claude.trim()), "{line}: {printed}");
    let stdio = printed.lines().find(|line| line.contains(" stdio ")).expect("the stdio line");
    assert!(!stdio.contains("/path/to/docs"), "{stdio}");
    printed
}

#[test]
fn the_line_that_serve_prints_for_other_clients_works_in_any_folder() {
    let dir = docs();
    let serve = |words: &[&str]| {
        let mut command = docent();
        command.current_dir(dir.path()).args(["serve", "--data-dir", "data"]).args(words);
        command
    };
    the_line_works(serve(&["docs", "--listen", "127.0.0.1:0"]));
    let public_origin = "http://localhost:1";
    let public = "http://localhost:1/docs";
    the_line_works(serve(&["docs", "--listen", "127.0.0.1:0", "--public-url", public]));
    write(
        dir.path(),
        "docent.toml",
        "listen = \"127.0.0.1:0\"\n[[collections]]\nname = \"guide\"\npath = \"docs\"\n",
    );
    the_line_works(serve(&[]));
    let mut by_variable = serve(&["--config", "docent.toml"]);
    by_variable.env("DOCENT_LISTEN", "0.0.0.0:0").env("DOCENT_ACCESS", "open");
    the_line_works(by_variable);
    // With a key, whether the file says so or somebody else.
    let mut keyed = serve(&["docs", "--listen", "127.0.0.1:0"]);
    keyed.env("DOCENT_ACCESS", "keys");
    the_line_works(keyed);
    // And where people sign in.
    let mut signed_in = serve(&["docs", "--listen", "127.0.0.1:0", "--public-url", public_origin]);
    signed_in.env("DOCENT_ACCESS", "google");
    signed_in.env("DOCENT_CLIENT_ID", "docent").env("DOCENT_CLIENT_SECRET", "of the provider");
    let printed = the_line_works(signed_in);
    assert!(printed.contains("browser opens") && !printed.contains("Bearer"), "{printed}");
    write(
        dir.path(),
        "docent.toml",
        "listen = \"127.0.0.1:0\"\naccess = \"keys\"\n[[collections]]\npath = \"docs\"\n",
    );
    the_line_works(serve(&[]));
}

#[test]
fn folders_are_printed_in_full() {
    let dir = docs();
    std::fs::create_dir(dir.path().join("beside")).expect("a folder");
    let beside = dir.path().join("beside");
    let real = dir.path().canonicalize().expect("the folder");
    let printed =
        prints(docent().current_dir(&beside).args(["connect", "claude", "--docs", "../docs"]));
    let expected = format!("stdio {}\n", real.join("docs").display());
    assert!(printed.contains(&expected), "{printed}");
    write(dir.path(), "docent.toml", "[[collections]]\npath = \"docs\"\n");
    let printed = prints(docent().current_dir(&beside).args([
        "connect",
        "claude",
        "--config",
        "../docent.toml",
    ]));
    let expected = format!("stdio --config {}\n", real.join("docent.toml").display());
    assert!(printed.contains(&expected), "{printed}");
}

#[test]
fn a_folder_has_one_index_by_whatever_path_it_is_named() {
    let dir = docs();
    std::fs::create_dir(dir.path().join("beside")).expect("a folder");
    let data_dir = |from: &Path, docs: &str| {
        let printed = prints(docent().current_dir(from).args(["config", docs]));
        printed.lines().find(|line| line.starts_with("data_dir")).expect("the setting").to_owned()
    };
    let absolute = dir.path().join("docs").canonicalize().expect("the folder");
    let absolute = data_dir(dir.path(), absolute.to_str().expect("text"));
    assert_eq!(data_dir(&dir.path().join("beside"), "../docs"), absolute);
    assert_eq!(data_dir(dir.path(), "docs/../docs"), absolute);
}

#[test]
fn every_command_tells_the_address_that_serve_tells() {
    let dir = docs();
    let with = |words: &[&str]| {
        let mut command = docent();
        command.current_dir(dir.path()).env("DOCENT_ACCESS", "open").args(words);
        command
    };
    let all = ["--listen", "0.0.0.0:18140"];
    let found = prints(
        with(&["search", "port", "--docs", "docs", "--data-dir", "data", "--json"]).args(all),
    );
    let found: Value = serde_json::from_str(&found).expect("JSON");
    assert_eq!(found["results"][0]["url"], "http://localhost:18140/docs/docs/ports.md#ports");
    let printed = prints(with(&["connect", "claude", "--docs", "docs"]).args(all));
    assert!(printed.contains(" http://localhost:18140/mcp\n"), "{printed}");
    let served =
        Served::run(with(&["serve", "docs", "--data-dir", "data", "--listen", "0.0.0.0:0"]));
    assert!(served.address.starts_with("localhost:"), "{}", served.address);
}

#[test]
fn only_serve_minds_an_address_that_others_reach() {
    let dir = docs();
    let run = |words: &[&str]| {
        let mut command = docent();
        command.current_dir(dir.path()).env("DOCENT_LISTEN", "0.0.0.0:1").args(words);
        command
    };
    prints(&mut run(&["index", "docs", "--data-dir", "data"]));
    prints(&mut run(&["search", "port", "--docs", "docs", "--data-dir", "data"]));
    prints(&mut run(&["connect", "--docs", "docs"]));
    let mut stdio = run(&["stdio", "docs", "--data-dir", "data"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("docent runs");
    let hello = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}"#;
    let mut input = stdio.stdin.take().expect("its input");
    std::io::Write::write_all(&mut input, format!("{hello}\n").as_bytes()).expect("it reads");
    drop(input);
    let mut answer = String::new();
    stdio.stdout.take().expect("its output").read_to_string(&mut answer).expect("it answers");
    assert!(answer.contains("serverInfo"), "{answer}");
    assert!(stdio.wait().expect("it ends").success());
    let refused = fails(&mut run(&["serve", "docs", "--data-dir", "data"]));
    assert!(refused.contains("0.0.0.0:1 can be reached from other machines"), "{refused}");
    // What is in effect is shown all the same; the sentence comes behind it.
    let shown = run(&["config", "docs"]).output().expect("docent runs");
    let text = String::from_utf8_lossy(&shown.stdout);
    assert!(
        text.contains("listen = \"0.0.0.0:1\"") && text.contains("\nname = \"docs\"\n"),
        "{text}"
    );
    assert_eq!(errors(&shown).trim_end(), refused);
}
