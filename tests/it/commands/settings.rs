//! Settings: where they come from, and how wrong ones are refused.

use super::served::{Served, manual, serve};
use super::{errors, fails};
use crate::harness::{docent, write};

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let show = |file: &str, environment: Option<&str>, flag: Option<&str>| {
        write(dir.path(), "docent.toml", &format!("{file}\n[[collections]]\npath = \"docs\"\n"));
        let mut command = docent();
        command.current_dir(dir.path()).arg("config");
        if let Some(value) = environment {
            command.env("DOCENT_LISTEN", value);
        }
        if let Some(value) = flag {
            command.args(["--listen", value]);
        }
        let output = command.output().expect("docent runs");
        assert!(output.status.success(), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().find(|line| line.starts_with("listen")).expect("the setting").to_owned()
    };
    let default = show("", None, None);
    assert!(
        default.starts_with("listen = \"127.0.0.1:8080\"") && default.ends_with("# default"),
        "{default}"
    );
    let file = show("listen = \"127.0.0.1:1\"", None, None);
    assert!(file.contains(":1\"") && file.ends_with("# docent.toml"), "{file}");
    let environment = show("listen = \"127.0.0.1:1\"", Some("127.0.0.1:2"), None);
    assert!(
        environment.contains(":2\"") && environment.ends_with("# DOCENT_LISTEN"),
        "{environment}"
    );
    let flag = show("listen = \"127.0.0.1:1\"", Some("127.0.0.1:2"), Some("127.0.0.1:3"));
    assert!(flag.contains(":3\"") && flag.ends_with("# --listen"), "{flag}");
}

#[test]
fn wrong_settings_are_named() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let with = |file: &str| {
        write(dir.path(), "docent.toml", file);
        let output = docent().current_dir(dir.path()).arg("config").output().expect("docent runs");
        assert_eq!(output.status.code(), Some(1), "{file}");
        errors(&output)
    };
    let collections = "[[collections]]\npath = \"docs\"\n";
    for (file, expected) in [
        (format!("colour = 1\n{collections}"), "unknown field `colour`"),
        ("[[collections]]\npath = \"docs\"\nnmae = \"x\"\n".to_owned(), "unknown field `nmae`"),
        ("".to_owned(), "docent.toml: no [[collections]]"),
        (
            format!("{collections}[discovery]\nname = \"docs\"\n"),
            "docent.toml: discovery.name: \"docs\" is not of the form com.example/docs",
        ),
        (
            format!("{collections}[discovery]\ndescription = \"{}\"\n", "x".repeat(101)),
            "is not of 1 to 100 characters",
        ),
        (
            format!("listen = \"x\"\n{collections}"),
            "docent.toml: listen: \"x\" is not ADDRESS:PORT",
        ),
        (
            format!("access = \"google\"\n{collections}"),
            "people sign in at the server's public address: set --public-url",
        ),
        (format!("[limits]\nkey = \"60\"\n{collections}"), "limits.key: \"60\" is not CALLS/UNIT"),
        (
            format!("trusted_proxies = [\"10.0.0.0/33\"]\n{collections}"),
            "trusted_proxies: \"10.0.0.0/33\" is no address or network",
        ),
        (
            format!("[limits]\non_limit = \"x\"\n{collections}"),
            "limits.on_limit: \"x\" is not one of: http, tool_result",
        ),
        (
            format!("[limits]\nfallback = \"open\"\n{collections}"),
            "limits.fallback: \"open\" is not one of: local, deny",
        ),
        (
            format!("state = \"http://a\"\n{collections}"),
            "docent.toml: state: the address begins with http://",
        ),
        (
            format!("state = \"redis://app:s3cret@a:x\"\n{collections}"),
            "docent.toml: state: the servers in the address \"a:x\" are not HOST:PORT",
        ),
        (
            format!("state = \"redis://a\"\nstate_file = \"b\"\n{collections}"),
            "and so is state (docent.toml): keep one",
        ),
        (format!("state_file = \"away\"\n{collections}"), "state_file: cannot read away"),
        (
            format!("state_prefix = \"a{{b}}\"\n{collections}"),
            "docent.toml: state_prefix: \"a{b}\" is not of 1 to 64 letters",
        ),
        (format!("[limits]\nkeys = \"60/hour\"\n{collections}"), "unknown field `keys`"),
        (
            format!("watch = \"x\"\n{collections}"),
            "watch: \"x\" is not one of: auto, events, poll, off",
        ),
        (format!("public_url = \"http://a.example\"\n{collections}"), "must be https"),
        (format!("poll_interval_ms = 1\n{collections}"), "poll_interval_ms: must be at least 50"),
        (
            format!("listen = \"0.0.0.0:80\"\n{collections}"),
            "say --access keys to let in who has a key, --access google to let people sign in, --access open",
        ),
    ] {
        let said = with(&file);
        assert!(said.contains(expected) && !said.contains("s3cret"), "{file}: {said}");
    }
}

#[test]
fn an_address_of_shared_state_is_shown_without_its_password() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    write(dir.path(), "address", "rediss+cluster://:s3cret@a,b\n");
    let shows = |file: &str, environment: Option<&str>, flag: Option<&str>| {
        let file = format!("{file}\n[[collections]]\npath = \"docs\"\n");
        write(dir.path(), "docent.toml", &file);
        let mut command = docent();
        command.current_dir(dir.path()).arg("config");
        command.envs(environment.map(|value| ("DOCENT_STATE", value)));
        command.args(flag.map(|value| ["--state", value]).iter().flatten());
        let output = command.output().expect("docent runs");
        assert!(output.status.success(), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(!text.contains("s3cret"), "{text}");
        let lines = text.lines().filter(|line| line.starts_with("state"));
        lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let url = "redis://app:s3cret@a/1";
    let file = format!("state = \"{url}\"\nstate_prefix = \"docs\"");
    let [state, of_file, prefix] = &shows(&file, None, None)[..] else { panic!() };
    assert_eq!(state, "state = \"redis://app:…@a:6379/1\" # docent.toml");
    assert_eq!(of_file, "state_file = \"\" # default");
    assert_eq!(prefix, "state_prefix = \"docs\" # docent.toml");
    let by_environment = &shows(&file, Some("redis+sentinel://:s3cret@b/m"), None)[0];
    assert_eq!(by_environment, "state = \"redis+sentinel://:…@b:26379/m\" # DOCENT_STATE");
    let by_flag = &shows(&file, Some("redis://b"), Some("redis://:s3cret@c"))[0];
    assert_eq!(by_flag, "state = \"redis://:…@c:6379\" # --state");
    let in_file = &shows("state_file = \"address\"", None, None)[1];
    assert_eq!(in_file, "state_file = \"address\" # docent.toml");
}

#[test]
fn wrong_folders_get_one_clear_sentence() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("empty")).expect("a folder");
    write(dir.path(), "file.md", "# A\n");
    let serve = |docs: &str| {
        let mut command = docent();
        command.current_dir(dir.path()).args([
            "serve",
            docs,
            "--data-dir",
            "data",
            "--listen",
            "127.0.0.1:0",
        ]);
        fails(&mut command)
    };
    assert_eq!(serve("nowhere"), "docent: there is no docs folder nowhere");
    assert_eq!(
        serve("file.md"),
        "docent: file.md is not a folder: name the folder that holds the docs"
    );
    assert!(serve("empty").starts_with("docent: there are no docs in "), "{}", serve("empty"));
    let none = fails(docent().current_dir(dir.path()).arg("serve"));
    assert!(none.starts_with("docent: no docs to serve: name a folder"), "{none}");
}

#[test]
fn collections_are_checked() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let index = |collections: &str| {
        write(dir.path(), "docent.toml", collections);
        fails(docent().current_dir(dir.path()).arg("index"))
    };
    let twice = "[[collections]]\npath = \"docs\"\n[[collections]]\npath = \"docs\"\n";
    assert!(index(twice).contains("two collections are called \"docs\""));
    assert!(
        index("[[collections]]\npath = \"docs\"\nname = \"a b\"\n").contains("must be of letters")
    );
    assert!(
        index("[[collections]]\npath = \"docs\"\nsite = \"jekyll\"\n")
            .contains("is not one of: plain")
    );
    assert!(
        index("[[collections]]\npath = \"docs\"\nbase_url = \"x\"\n")
            .contains("must be a plain address")
    );
}

#[test]
fn a_glob_that_cannot_be_read_is_named_with_its_key() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    for key in ["include", "exclude"] {
        let file = format!("[[collections]]\npath = \"docs\"\n{key} = [\"*.md\", \"[a\"]\n");
        write(dir.path(), "docent.toml", &file);
        for command in ["index", "serve", "config"] {
            let said = fails(docent().current_dir(dir.path()).arg(command));
            let expected = format!("docent: collection \"docs\": {key}: \"[a\" is not a glob: ");
            assert!(said.starts_with(&expected), "{command}: {said}");
        }
    }
}

#[test]
fn config_finds_the_mistakes_that_serve_finds_in_the_same_words() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let docs = "[[collections]]\npath = \"docs\"\n";
    for (file, expected) in [
        (format!("{docs}{docs}"), "two collections are called \"docs\""),
        (format!("{docs}site = \"jekyll\"\n"), "is not one of: plain"),
        (format!("{docs}name = \"a b\"\n"), "must be of letters"),
        (format!("{docs}base_url = \"x\"\n"), "must be a plain address"),
        ("[[collections]]\npath = \"away\"\n".to_owned(), "there is no docs folder"),
        (format!("allowed_hosts = [\"a b\"]\n{docs}"), "allowed_hosts: \"a b\" is not a host"),
        (format!("allowed_origins = [\"x\"]\n{docs}"), "allowed_origins: \"x\" is not an origin"),
    ] {
        write(dir.path(), "docent.toml", &file);
        let by = |command: &str| fails(docent().current_dir(dir.path()).arg(command));
        let said = by("config");
        assert!(said.contains(expected), "{file}: {said}");
        assert_eq!(said, by("serve"), "{file}");
        let mut check = docent();
        check.current_dir(dir.path()).args(["config", "--check"]);
        let output = check.output().expect("docent runs");
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{file}");
        assert_eq!(said, errors(&output).trim_end(), "{file}");
    }
    assert!(!dir.path().join("index").exists(), "serve looked at the docs first");
}

#[test]
fn a_check_says_one_sentence_and_touches_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    write(dir.path(), "docent.toml", "access = \"keys\"\n[[collections]]\npath = \"docs\"\n");
    let mut command = docent();
    command.current_dir(dir.path()).args(["config", "--check"]);
    let output = command.output().expect("docent runs");
    assert!(output.status.success(), "{}", errors(&output));
    let said = String::from_utf8(output.stdout).expect("text");
    assert_eq!(said, "docent.toml: the settings are valid\n");
    assert!(!dir.path().join("index").exists());
    // A server that runs is not asked, nor is its port.
    let _taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = _taken.local_addr().expect("its address").to_string();
    assert!(command.args(["--listen", &taken]).output().expect("docent runs").status.success());
}

#[test]
fn config_shows_the_names_that_collections_go_by() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "My Docs/a.md", "# A\n");
    write(dir.path(), "docent.toml", "[[collections]]\npath = \"My Docs\"\n");
    let output = docent().current_dir(dir.path()).arg("config").output().expect("docent runs");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(text.contains("\nname = \"my-docs\"\n"), "{text}");
}

#[test]
fn public_addresses_that_would_not_work_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let config = |url: &str| {
        let mut command = docent();
        command.current_dir(dir.path()).args(["config", "docs", "--public-url", url]);
        command
    };
    for (url, expected) in [
        ("http://127.0.0.1.nip.io", "must be https unless the host is this machine"),
        ("http://[::1].example", "must be a plain address"),
        ("https://docs.example.com/mcp", "must not end with /mcp"),
        ("https://docs.example.com/mcp/", "must not end with /mcp"),
    ] {
        let said = fails(&mut config(url));
        assert!(said.contains(expected), "{url}: {said}");
    }
    for url in ["http://127.0.0.1:1", "http://[::1]:1", "https://docs.example.com/mcp/docs"] {
        assert!(config(url).output().expect("docent runs").status.success(), "{url}");
    }
}

#[test]
fn a_variable_that_is_empty_counts_as_unset() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    write(dir.path(), "docent.toml", "[[collections]]\npath = \"docs\"\n");
    let show = |empty: bool| {
        let mut command = docent();
        command.current_dir(dir.path()).arg("config");
        for name in [
            "CONFIG",
            "DATA_DIR",
            "LISTEN",
            "PUBLIC_URL",
            "ACCESS",
            "KEYS_FILE",
            "KEY_HASH",
            "TLS_CERTIFICATE",
            "TLS_KEY",
            "LOG",
            "WATCH",
        ] {
            if empty {
                command.env(format!("DOCENT_{name}"), "");
            }
        }
        let output = command.output().expect("docent runs");
        assert!(output.status.success(), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(show(true), show(false));
}

#[test]
fn an_empty_variable_does_not_silence_the_log() {
    let (_dir, path) = manual();
    let mut command = serve(&path);
    command.env("RUST_LOG", "");
    let served = Served::run(command);
    write(&path, "docs/new.md", "# New\n");
    served.hears("docs changed");
}
