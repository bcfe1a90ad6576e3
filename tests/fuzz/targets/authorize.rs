//! Requests for a code: a line is the redirect URI of a client, the rest the query that it sends a
//! person with. Whoever is sent back is sent to that address, with what it says of itself, and what
//! docent adds stands there exactly and once.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::{Duration, UNIX_EPOCH};

use docent::auth::{APPS, Client, Grants, Parameters, Unfit};
use docent::store::{ClientStore, SqliteStore};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use url::{Position, Url};

const ISSUER: &str = "https://docs.example.com";

static GRANTS: LazyLock<(Grants, TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Arc::new(SqliteStore::open(folder.path()).expect("a store"));
    // The library knows what the store knows; the seeds have addresses of this list.
    let known = ["https://app.example/callback?a=b", "http://localhost/callback", "cursor://a/b"];
    store.put_client(&client(&known), 9).expect("a client");
    let time = Arc::new(|| UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let apps = APPS.map(str::to_owned);
    (Grants::new(store, ISSUER, &format!("{ISSUER}/mcp"), &apps, time), folder)
});

fn client(redirect_uris: &[&str]) -> Client {
    Client {
        id: "known".into(),
        name: "Known".into(),
        redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
        created: 1,
        used: None,
        fresh_until: None,
    }
}

/// The pairs of an address that somebody is sent to, after those that the address had itself.
fn added(back: &str, sent: &str) -> Vec<(String, String)> {
    let (back, sent) = (Url::parse(back).expect("checked"), Url::parse(sent).expect("an address"));
    assert_eq!(back[..Position::AfterPath], sent[..Position::AfterPath]);
    assert_eq!(sent.fragment(), None);
    let own = back.query_pairs().into_owned().collect::<Vec<_>>();
    let all = sent.query_pairs().into_owned().collect::<Vec<_>>();
    assert!(all.starts_with(&own), "{back} {sent}");
    all[own.len()..].to_vec()
}

fuzz_target!(|text: &str| {
    let (uri, query) = text.split_once('\n').unwrap_or((text, ""));
    let parameters = Parameters::parse(query.as_bytes());
    let one = |name| parameters.one(name);
    let back = one("redirect_uri").unwrap_or(uri);
    let is_told = |sent: &str, code: Option<&str>| {
        let mut told = added(back, sent).into_iter();
        let (name, said) = told.next().expect("an error");
        assert_eq!(name, "error", "{sent}");
        assert!(code.is_none_or(|code| code == said), "{sent}");
        let (name, _) = told.next().expect("a description");
        assert_eq!(name, "error_description", "{sent}");
        let state = one("state").map(|state| ("state".to_owned(), state.to_owned()));
        let rest: Vec<_> = state.into_iter().chain([("iss".into(), ISSUER.into())]).collect();
        assert_eq!(told.collect::<Vec<_>>(), rest, "{sent}");
    };
    let (grants, _) = &*GRANTS;
    match grants.ask(&parameters, &client(&[uri])).expect("the store") {
        Ok(asked) => {
            assert_eq!(asked.redirect_uri(), back);
            is_told(&grants.refuse(&asked, "access_denied", "&=#\r\n"), Some("access_denied"));
        }
        Err(Unfit::SentBack(sent)) => is_told(&sent, None),
        Err(Unfit::Shown(why)) => assert!(!why.is_empty()),
    }
});
