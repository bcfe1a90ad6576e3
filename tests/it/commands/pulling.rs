//! Docs from a git repository, as people serve them: pulls, webhooks, failures, settings.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use super::served::Served;
use super::tls::pair;
use super::{errors, fails};
use crate::harness::{docent, write};
use crate::upstream::{Upstream, upstream};

const SECRET: &str = "It's a Secret to Everybody";

/// A server's folder with these settings of its one collection.
fn settings(dir: &Path, collection: &str) {
    let text = format!(
        "data_dir = \"data\"\n[git]\nwebhook_secret = {SECRET:?}\n[[collections]]\n{collection}\n"
    );
    write(dir, "docent.toml", &text);
}

fn command(dir: &Path, words: &[&str]) -> Command {
    let mut command = docent();
    command.current_dir(dir).args(words).args(["--log", "human"]);
    command
}

fn serve(dir: &Path) -> Served {
    Served::run(command(dir, &["serve", "--listen", "127.0.0.1:0"]))
}

/// Calls a webhook; the status line and the rest.
fn hook(served: &Served, headers: &str, body: &str) -> String {
    served.ask(&format!("POST /hooks/git/guide HTTP/1.1\r\n{headers}"), body)
}

fn ring(served: &Served) {
    let answer = hook(served, &format!("X-Gitlab-Token: {SECRET}\r\n"), "{}");
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
}

fn guide() -> Upstream {
    upstream(&[("docs/ports.md", "# Ports\n\nChange `listen` to use another port.\n")])
}

fn short(commit: &str) -> &str {
    &commit[..12]
}

/// The structured content of a call.
fn answer(served: &Served, tool: &str, arguments: Value) -> Value {
    let answer = served.call(tool, arguments);
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let answer: Value = serde_json::from_str(body).expect("JSON");
    answer["result"]["structuredContent"].clone()
}

#[test]
fn a_push_is_served_when_its_webhook_comes() {
    let upstream = guide();
    let daemon = upstream.serve();
    let first = upstream.git(&["rev-parse", "HEAD"]);
    let dir = tempfile::tempdir().expect("a folder");
    settings(
        dir.path(),
        &format!("git = \"{}\"\nfolder = \"docs\"\npull = \"off\"", daemon.address()),
    );
    let served = serve(dir.path());
    served.follows();
    let page = answer(&served, "fetch", json!({"id": "ports.md"}));
    assert_eq!(page["metadata"]["commit"], short(&first), "{page}");
    let ready = served.ready();
    assert_eq!(ready["repositories"][0]["collection"], "guide", "{ready}");
    assert_eq!(ready["repositories"][0]["commit"], short(&first), "{ready}");
    assert!(ready["repositories"][0]["pulled"].as_u64() > Some(1_700_000_000), "{ready}");
    assert!(ready["problem"].is_null(), "{ready}");
    upstream.write("docs/new.md", "# New\n\nThe okapi is here.\n");
    let second = upstream.commit();
    ring(&served);
    served.hears("docs changed");
    let hits = answer(&served, "search", json!({"query": "okapi"}));
    assert_eq!(hits["results"][0]["id"], "new.md#new", "{hits}");
    // A page that did not change is of the new commit, too.
    let page = answer(&served, "fetch", json!({"id": "ports.md"}));
    assert_eq!(page["metadata"]["commit"], short(&second), "{page}");
    assert_eq!(served.ready()["repositories"][0]["commit"], short(&second));
}

#[test]
fn a_failing_pull_keeps_the_last_good_docs_and_is_told() {
    let upstream = guide();
    let daemon = upstream.serve();
    let dir = tempfile::tempdir().expect("a folder");
    settings(
        dir.path(),
        &format!("git = \"{}\"\nfolder = \"docs\"\npull = \"off\"", daemon.address()),
    );
    let served = serve(dir.path());
    served.follows();
    let (port, address) = (daemon.port, daemon.address());
    drop(daemon);
    ring(&served);
    let line = served.hears("cannot pull");
    assert!(line.contains(&address) && line.contains("unable to connect"), "{line}");
    let ready = served.ready();
    assert_eq!(ready["ready"], true);
    let problem = ready["repositories"][0]["problem"].as_str().expect("a problem");
    assert!(problem.contains("The docs of guide cannot be pulled just now"), "{problem}");
    assert_eq!(ready["problem"], problem, "{ready}");
    let text = ready.to_string();
    assert!(!text.contains("127.0.0.1") && !text.contains("data"), "{text}");
    let hits = answer(&served, "search", json!({"query": "port"}));
    assert_eq!(hits["results"][0]["id"], "ports.md#ports");
    // A server that starts meanwhile has the same docs.
    drop(served);
    let served = serve(dir.path());
    served.hears("cannot pull");
    let hits = answer(&served, "search", json!({"query": "port"}));
    assert_eq!(hits["results"][0]["id"], "ports.md#ports");
    let _daemon = upstream.serve_at(port);
    upstream.write("docs/new.md", "# New\n\nThe okapi is here.\n");
    let commit = upstream.commit();
    ring(&served);
    served.hears("can be pulled again");
    served.hears("docs changed");
    let ready = served.ready();
    assert_eq!(ready["repositories"][0]["commit"], short(&commit));
    assert!(ready["repositories"][0]["problem"].is_null(), "{ready}");
    assert!(ready["problem"].is_null(), "{ready}");
}

#[test]
fn webhooks_prove_that_they_know_the_secret() {
    let upstream = guide();
    let dir = tempfile::tempdir().expect("a folder");
    let address = upstream.path().display().to_string();
    settings(dir.path(), &format!("git = {address:?}\nname = \"guide\"\npull = \"off\""));
    let served = serve(dir.path());
    // The example in GitHub's documentation.
    let signature = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let signed = format!("X-Hub-Signature-256: sha256={signature}\r\n");
    for (headers, body) in [
        (signed.clone(), "Hello, World!"),
        (format!("X-Hub-Signature: sha1=00\r\n{signed}"), "Hello, World!"),
        (format!("X-Hub-Signature: sha256={signature}\r\n"), "Hello, World!"),
        (format!("X-Gitlab-Token: {SECRET}\r\nX-Gitlab-Event: Push Hook\r\n"), "{}"),
        (format!("Authorization: Bearer {SECRET}\r\n"), ""),
    ] {
        let answer = hook(&served, &headers, body);
        assert!(answer.starts_with("HTTP/1.1 202"), "{headers}: {answer}");
        assert!(answer.ends_with(r#"{"collection":"guide","accepted":true}"#), "{answer}");
    }
    let wrong = [
        (String::new(), "Hello, World!"),
        (signed.clone(), "Hello, World?"),
        ("X-Hub-Signature-256: sha256=75\r\n".into(), "Hello, World!"),
        (format!("X-Hub-Signature-256: {signature}\r\n"), "Hello, World!"),
        (format!("X-Hub-Signature: sha1={signature}\r\n"), "Hello, World!"),
        ("X-Gitlab-Token: It's a Secret\r\n".into(), "{}"),
        ("Authorization: Bearer dk_live_x\r\n".into(), "{}"),
        (format!("Authorization: Basic {SECRET}\r\n"), "{}"),
        // A wrong signature is not mended by anything else.
        (format!("X-Hub-Signature-256: sha256=00\r\nX-Gitlab-Token: {SECRET}\r\n"), "{}"),
    ];
    for (headers, body) in &wrong {
        let answer = hook(&served, headers, body);
        assert!(answer.starts_with("HTTP/1.1 401"), "{headers}: {answer}");
        assert!(answer.contains("\"error\":\"wrong_secret\""), "{answer}");
    }
    let statuses: Vec<String> = (0..20)
        .map(|_| hook(&served, "", "{}").split(' ').nth(1).expect("a status").to_owned())
        .collect();
    assert_eq!(
        statuses.iter().filter(|status| *status == "429").count(),
        wrong.len(),
        "{statuses:?}"
    );
    // Whoever knows the secret is not kept out by those who guess.
    ring(&served);
    for (line, status) in [
        ("GET /hooks/git/guide HTTP/1.1\r\n", "404"),
        ("POST /hooks/git/other HTTP/1.1\r\n", "404"),
        ("POST /hooks/git/guide/x HTTP/1.1\r\n", "404"),
    ] {
        let answer = served.ask(&format!("{line}X-Gitlab-Token: {SECRET}\r\n"), "");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{line}: {answer}");
    }
}

#[test]
fn without_a_secret_there_are_no_webhooks_and_behind_a_closed_door_they_need_no_key() {
    let upstream = guide();
    let address = upstream.path().display().to_string();
    let dir = tempfile::tempdir().expect("a folder");
    write(
        dir.path(),
        "docent.toml",
        &format!("data_dir = \"data\"\n[[collections]]\ngit = {address:?}\npull = \"off\"\n"),
    );
    let served = serve(dir.path());
    let answer = hook(&served, "Authorization: Bearer \r\n", "");
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    drop(served);
    write(dir.path(), "secret", &format!("{SECRET}\n"));
    let mut closed = command(dir.path(), &["serve", "--listen", "127.0.0.1:0", "--access", "keys"]);
    closed.env("DOCENT_WEBHOOK_SECRET_FILE", dir.path().join("secret"));
    let served = Served::run(closed);
    ring(&served);
    // Which collections there are is for those who know the secret.
    for name in ["docs", "other"] {
        let refused = served.ask(&format!("POST /hooks/git/{name} HTTP/1.1\r\n"), "");
        assert!(refused.starts_with("HTTP/1.1 401") && refused.contains("wrong_secret"));
    }
    let known = format!("POST /hooks/git/other HTTP/1.1\r\nAuthorization: Bearer {SECRET}\r\n");
    assert!(served.ask(&known, "").starts_with("HTTP/1.1 404"));
}

#[test]
fn a_repository_that_cannot_be_had_does_not_take_the_others_along() {
    let upstream = guide();
    let dir = tempfile::tempdir().expect("a folder");
    let gone = dir.path().join("gone").display().to_string();
    let alone = format!("[[collections]]\ngit = {gone:?}\n");
    write(dir.path(), "docent.toml", &format!("data_dir = \"data\"\n{alone}"));
    let said = fails(&mut command(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
    assert!(said.starts_with(&format!("docent: cannot pull {gone}: ")), "{said}");
    write(dir.path(), "docs/a.md", "# A\n\nokapi\n");
    write(
        dir.path(),
        "docent.toml",
        &format!("data_dir = \"data\"\n{alone}[[collections]]\npath = \"docs\"\n"),
    );
    let served = serve(dir.path());
    served.follows();
    let hits = answer(&served, "search", json!({"query": "okapi"}));
    assert_eq!(hits["results"][0]["id"], "docs/a.md#a");
    let ready = served.ready();
    let problem = ready["repositories"][0]["problem"].as_str().expect("a problem");
    assert_eq!(problem, "The docs of gone could not be pulled yet; there are none of it.");
    // It comes by itself when it is there.
    std::fs::rename(upstream.path(), &gone).expect("it is moved");
    served.hears("can be pulled again");
    served.hears("docs changed");
    assert!(served.call("search", json!({"query": "listen"})).contains("gone/docs/ports.md#ports"));
}

#[test]
fn a_host_that_says_nothing_does_not_hold_up_what_else_there_is() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = format!("git://{}/silent", silent.local_addr().expect("its address"));
    let upstream = guide();
    let address = upstream.path().display().to_string();
    let dir = tempfile::tempdir().expect("a folder");
    write(
        dir.path(),
        "docent.toml",
        &format!(
            "data_dir = \"data\"\n[[collections]]\ngit = {silent:?}\n\
             [[collections]]\ngit = {address:?}\n"
        ),
    );
    let served = serve(dir.path());
    let said = served.said().join("\n");
    assert!(said.contains("git took longer than 20 s"), "{said}");
    let hits = answer(&served, "search", json!({"query": "listen"}));
    assert_eq!(hits["results"][0]["id"], "guide/docs/ports.md#ports", "{hits}");
}

#[test]
fn a_damaged_clone_stops_neither_the_start_nor_the_other_collections() {
    let upstream = guide();
    let dir = tempfile::tempdir().expect("a folder");
    let moving = dir.path().join("upstream").display().to_string();
    std::fs::rename(upstream.path(), &moving).expect("it is moved");
    write(dir.path(), "docs/a.md", "# A\n\nokapi\n");
    write(
        dir.path(),
        "docent.toml",
        &format!(
            "data_dir = \"data\"\n[[collections]]\npath = \"docs\"\n\
             [[collections]]\ngit = {moving:?}\nname = \"guide\"\npull = \"off\"\n"
        ),
    );
    let served = serve(dir.path());
    served.follows();
    drop(served);
    let clone = dir.path().join("data/git/guide");
    for file in ["index", "HEAD"] {
        std::fs::write(clone.join(".git").join(file), "").expect("a file is written");
    }
    // Nor does a server that is down: what was indexed of it is there.
    let away = dir.path().join("away");
    std::fs::rename(&moving, &away).expect("it is moved");
    let served = serve(dir.path());
    served.follows();
    for (query, id) in [("okapi", "docs/a.md#a"), ("listen", "guide/docs/ports.md#ports")] {
        let hits = answer(&served, "search", json!({"query": query}));
        assert_eq!(hits["results"][0]["id"], id, "{hits}");
    }
    drop(served);
    std::fs::rename(&away, &moving).expect("it is moved");
    let served = serve(dir.path());
    served.follows();
    assert!(served.ready()["problem"].is_null(), "{}", served.ready());
    let file = std::fs::read_to_string(clone.join("docs/ports.md")).expect("it is there");
    assert!(file.starts_with("# Ports"), "{file}");
}

#[test]
fn clones_in_a_data_folder_among_the_docs_are_no_docs_of_the_folder() {
    let upstream = guide();
    let address = upstream.path().display().to_string();
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "a.md", "# A\n\nokapi\n");
    let own = "[[collections]]\npath = \".\"\nname = \"own\"\n";
    write(
        dir.path(),
        "docent.toml",
        &format!(
            "[git]\nwebhook_secret = {SECRET:?}\n{own}[[collections]]\ngit = {address:?}\n\
             name = \"guide\"\npull = \"off\"\n"
        ),
    );
    let served = serve(dir.path());
    served.follows();
    upstream.write("docs/new/listen.md", "# New\n\nOne more word on `listen`.\n");
    upstream.commit();
    ring(&served);
    served.hears("docs changed");
    let clone = dir.path().join("index/git/guide/docs/new/listen.md");
    assert!(clone.exists(), "the clone is among the docs");
    // What is written after it is noticed after it.
    write(dir.path(), "b.md", "# B\n\nzebra\n");
    served.hears("docs changed");
    let hits = answer(&served, "search", json!({"query": "listen zebra", "limit": 10}));
    let hits = hits["results"].as_array().expect("a list");
    let ids: Vec<&str> = hits.iter().filter_map(|hit| hit["id"].as_str()).collect();
    let folder: Vec<&&str> = ids.iter().filter(|id| id.starts_with("own/")).collect();
    assert_eq!(folder, [&"own/b.md#b"], "{ids:?}");
    assert!(ids.contains(&"guide/docs/new/listen.md#new"), "{ids:?}");
    drop(served);
    write(dir.path(), "docent.toml", &format!("data_dir = \".\"\n{own}"));
    let said = fails(&mut command(dir.path(), &["serve", "--listen", "127.0.0.1:0"]));
    assert!(said.contains("is docent's own data folder"), "{said}");
}

#[test]
fn index_and_check_pull_and_search_takes_what_is_there() {
    let upstream = guide();
    let address = upstream.path().display().to_string();
    let dir = tempfile::tempdir().expect("a folder");
    settings(dir.path(), &format!("git = {address:?}\nname = \"guide\"\nfolder = \"docs\""));
    let run = |words: &[&str]| {
        let output = command(dir.path(), words).output().expect("docent runs");
        assert!(output.status.success(), "{words:?}: {}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(run(&["search", "port"]).contains("ports.md#ports"));
    upstream.write("docs/new.md", "# New\n\nThe okapi is here. [Lost](lost.md)\n");
    let commit = upstream.commit();
    assert!(!run(&["search", "okapi"]).contains("new.md#new"));
    let summary: Value = serde_json::from_str(&run(&["index", "--json"])).expect("JSON");
    assert_eq!(summary["commits"]["guide"], commit, "{summary}");
    assert!(run(&["search", "okapi"]).contains("new.md#new"));
    let checked = command(dir.path(), &["check"]).output().expect("docent runs");
    let found = String::from_utf8(checked.stdout).expect("text");
    assert!(found.contains("docs/new.md:3: "), "{found}");
    // A build says that it is not of the newest docs.
    std::fs::rename(upstream.path(), dir.path().join("elsewhere")).expect("it is moved");
    let said = fails(&mut command(dir.path(), &["index"]));
    assert!(said.contains("cannot pull"), "{said}");
    assert!(run(&["search", "okapi"]).contains("new.md#new"));
}

#[test]
fn settings_of_repositories_are_checked_at_the_start_and_show_no_secret() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    write(dir.path(), "token", "hunter2\n");
    let https = "git = \"https://example.com/docs.git\"";
    for (collection, expected) in [
        (
            "git = \"https://u:hunter2@example.com/docs.git\"".to_owned(),
            "keep them out of the address",
        ),
        ("git = \"ext::sh -c x\"".to_owned(), "is no address"),
        ("git = \"--upload-pack=x\"".to_owned(), "is no address"),
        (format!("{https}\npath = \"docs\""), "has path docs and git: keep one"),
        ("title = \"x\"".to_owned(), "has neither path nor git"),
        ("path = \"docs\"\nbranch = \"x\"".to_owned(), "branch is for docs from a git repository"),
        ("path = \"docs\"\nfolder = \"x\"".to_owned(), "folder is for docs from a git repository"),
        ("path = \"docs\"\npull = \"1h\"".to_owned(), "pull is for docs from a git repository"),
        (format!("{https}\nbranch = \"-x\""), "collection \"docs\": branch: \"-x\" is no name"),
        (
            format!("{https}\nfolder = \"../x\""),
            "collection \"docs\": folder: \"../x\" is no folder",
        ),
        (format!("{https}\npull = \"1s\""), "collection \"docs\": pull: \"1s\" is too often"),
        (format!("{https}\npull = \"soon\""), "collection \"docs\": pull: \"soon\" is no time"),
        (
            "git = \"git://example.com/docs\"\ntoken_file = \"token\"".to_owned(),
            "collection \"docs\": token_file: a token is sent over https alone",
        ),
        (format!("{https}\ntoken_file = \"gone\""), "collection \"docs\": token_file: cannot read"),
    ] {
        settings(dir.path(), &collection);
        let said = fails(&mut command(dir.path(), &["config"]));
        assert!(said.contains(expected), "{collection}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    write(
        dir.path(),
        "docent.toml",
        &format!("[git]\nwebhook_secret = \"short\"\n[[collections]]\n{https}\n"),
    );
    let said = fails(&mut command(dir.path(), &["config"]));
    assert!(said.contains("git.webhook_secret: it must have at least 16 characters"), "{said}");
    assert!(!said.contains("short\""), "{said}");
    settings(dir.path(), &format!("{https}\ntoken_file = \"token\"\npull = \"1h\""));
    let output = command(dir.path(), &["config"]).output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    let shown = String::from_utf8(output.stdout).expect("text");
    assert!(shown.contains("git.webhook_secret = \"(secret)\""), "{shown}");
    assert!(shown.contains("name = \"docs\"\ngit = \"https://example.com/docs.git\""), "{shown}");
    assert!(!shown.contains("hunter2") && !shown.contains(SECRET), "{shown}");
}

/// A host that speaks https with the certificate of a folder, and answers everything alike; its port,
/// and the heads of what it is asked.
fn host(dir: &Path, answer: String) -> (u16, Receiver<String>) {
    let certificate = CertificateDer::from_pem_file(dir.join("cert.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(dir.join("key.pem")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions().expect("versions");
    let config = config.with_no_client_auth().with_single_cert(vec![certificate], key);
    let config = Arc::new(config.expect("a certificate and its key"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (sender, heads) = channel();
    std::thread::spawn(move || {
        for socket in listener.incoming().map_while(Result::ok) {
            let connection = ServerConnection::new(config.clone()).expect("a server");
            let mut stream = BufReader::new(StreamOwned::new(connection, socket));
            let mut head = String::new();
            while stream.read_line(&mut head).is_ok_and(|read| read > 2) {}
            // Who hangs up has heard enough, and so has a test that is over.
            let _ = stream.get_mut().write_all(answer.as_bytes());
            stream.get_mut().conn.send_close_notify();
            let _ = stream.get_mut().flush();
            if sender.send(head).is_err() {
                return;
            }
        }
    });
    (port, heads)
}

#[test]
fn a_token_does_not_follow_a_redirect_to_another_host() {
    let dir = tempfile::tempdir().expect("a folder");
    pair(dir.path());
    write(dir.path(), "token", "hunter2\n");
    // What a repository says of itself: git would go on with a POST.
    let refs = "001e# service=git-upload-pack\n0000000eversion 2\n000cls-refs\n000afetch\n0000";
    let refs = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{refs}",
        refs.len()
    );
    let (other, elsewhere) = host(dir.path(), refs);
    let (port, asked) = host(
        dir.path(),
        format!(
            "HTTP/1.1 302 Found\r\nLocation: https://localhost:{other}/guide/info/refs\
             ?service=git-upload-pack\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        ),
    );
    let https = format!("https://localhost:{port}/guide");
    settings(dir.path(), &format!("git = {https:?}\ntoken_file = \"token\""));
    let mut index = command(dir.path(), &["index"]);
    index.env("GIT_SSL_CAINFO", dir.path().join("cert.pem"));
    let said = fails(&mut index);
    let head = asked.try_recv().unwrap_or_else(|_| panic!("nothing was asked: {said}"));
    assert!(head.contains("Authorization: Basic eC1hY2Nlc3MtdG9rZW46aHVudGVyMg=="), "{head}");
    let heads: Vec<String> = elsewhere.try_iter().collect();
    assert!(heads.is_empty(), "{heads:?}");
    assert!(said.contains("the server leads to another address"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn without_git_the_start_says_how_to_get_it() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let https = "git = \"https://example.com/docs.git\"\nname = \"other\"";
    settings(dir.path(), &format!("path = \"docs\"\n[[collections]]\n{https}"));
    for words in [&["index"][..], &["serve", "--listen", "127.0.0.1:0"]] {
        let mut command = command(dir.path(), words);
        command.env("PATH", dir.path());
        let said = fails(&mut command);
        assert!(said.starts_with("docent: the program git is not here"), "{said}");
        assert!(said.contains("apt install git"), "{said}");
    }
}
