//! O58: a public address with which nobody could sign in.

use crate::harness::{docent, write};

#[test]
fn o58_an_address_that_cannot_be_an_issuer_is_told_at_start_with_the_right_spelling() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    let said = |url: &str, access: &str| {
        let settings = format!(
            "access = \"{access}\"\n{url}\n[sign_in]\nclient_id = \"x\"\nclient_secret = \"a-secret\"\n\
             [external]\nissuer = \"https://login.example\"\njwks_url = \"https://login.example/keys\"\n\
             [[collections]]\npath = \"docs\"\n"
        );
        write(dir.path(), "docent.toml", &settings);
        let output = docent().current_dir(dir.path()).arg("config").output().expect("docent runs");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).expect("text");
        assert!(!text.contains("a-secret"), "{text}");
        (output.status.success(), text)
    };
    for access in ["google", "external"] {
        for (url, expected) in [
            ("", "set --public-url, such as https://docs.example.com"),
            (
                "public_url = \"https://docs.example.com/kb\"",
                "a host of their own: https://docs.example.com",
            ),
            ("public_url = \"https://docs.example.com/mcp\"", "must not end with /mcp"),
            ("public_url = \"http://docs.example.com\"", "must be https"),
            ("public_url = \"https://docs.example.com?x\"", "such as https://docs.example.com"),
            ("public_url = \"https://docs.example.com#x\"", "such as https://docs.example.com"),
            ("public_url = \"https://a@docs.example.com\"", "such as https://docs.example.com"),
            ("public_url = \"docs.example.com\"", "must begin with https://"),
            ("public_url = \"https://\"", "such as https://docs.example.com"),
        ] {
            let (good, text) = said(url, access);
            assert!(!good && text.contains(expected), "{access} {url}: {text}");
        }
        for url in
            ["https://docs.example.com", "https://docs.example.com/", "http://localhost:8080"]
        {
            let (good, text) = said(&format!("public_url = \"{url}\""), access);
            assert!(good, "{access} {url}: {text}");
        }
    }
}

#[test]
fn o58_a_provider_that_nobody_could_sign_in_with_is_told_at_start() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "docs/a.md", "# A\n");
    for (sign_in, expected) in [
        ("", "needs client_id under [sign_in]"),
        ("client_id = \"x\"", "needs client_secret_file under [sign_in]"),
        (
            "client_id = \"x\"\nclient_secret = \"y\"\nissuer = \"http://login.example\"",
            "must begin with https://",
        ),
        (
            "client_id = \"x\"\nclient_secret_file = \"gone\"",
            "cannot read the client secret in gone",
        ),
        (
            "client_id = \"x\"\nclient_secret = \"y\"\nclient_secret_file = \"docs/a.md\"",
            "keep one",
        ),
        (
            "client_id = \"x\"\nclient_secret = \"y\"\nalgorithms = [\"HS256\"]",
            "\"HS256\" is none of RS256",
        ),
        (
            "client_id = \"x\"\nclient_secret = \"y\"\nclient_networks = [\"x\"]",
            "is no address or network",
        ),
        ("scope = \"email\"", "unknown field `scope`"),
    ] {
        let settings = format!(
            "access = \"google\"\npublic_url = \"https://docs.example.com\"\n[sign_in]\n{sign_in}\n\
             [[collections]]\npath = \"docs\"\n"
        );
        write(dir.path(), "docent.toml", &settings);
        let output = docent().current_dir(dir.path()).arg("config").output().expect("docent runs");
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success() && text.contains(expected), "{sign_in}: {text}");
    }
}
