//! Whole sign-ins over a real store, with a hand on the clock.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use super::*;
use crate::auth::{pkce, seal};
use crate::store::{self, Client, GrantKind, Revocation, SqliteStore};

const ISSUER: &str = "https://docs.example.com";
const RESOURCE: &str = "https://docs.example.com/mcp";
const BACK: &str = "https://app.example.org/back";
const LOOPBACK: &str = "http://127.0.0.1/back";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const START: u64 = 1_000_000_000;
const HOUR: u64 = 3600;
const MONTH: u64 = 2_592_000;

/// A server that people sign in at, with two clients: `app` with one address, `many` with several.
pub(in crate::auth) struct Server {
    pub(in crate::auth) grants: Grants,
    pub(in crate::auth) store: Arc<dyn Store>,
    clock: Arc<AtomicU64>,
    dir: tempfile::TempDir,
}

struct Tokens {
    access: String,
    refresh: String,
}

impl Server {
    pub(in crate::auth) fn new() -> Server {
        let dir = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let clock = Arc::new(AtomicU64::new(START));
        let hand = clock.clone();
        let time: Time =
            Arc::new(move || UNIX_EPOCH + Duration::from_secs(hand.load(Ordering::Relaxed)));
        let grants = Grants::new(store.clone(), ISSUER, RESOURCE, &["cursor".to_owned()], time);
        for (id, uris) in [("app", &[BACK][..]), ("many", &[BACK, LOOPBACK, "zed://back"])] {
            store.put_client(&client(id, uris), 10).unwrap();
        }
        Server { grants, store, clock, dir }
    }

    fn pass(&self, seconds: u64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    /// A good request of a client with something else in it; without what has no value.
    pub(in crate::auth) fn ask(
        &self,
        client: &str,
        change: &[(&str, &str)],
    ) -> anyhow::Result<Result<Asked, Unfit>> {
        let known = self.store.client(client)?.unwrap();
        self.grants.ask(&request(client, change), &known)
    }

    fn code(&self, client: &str, change: &[(&str, &str)]) -> String {
        let asked = self.ask(client, change).unwrap().unwrap();
        let mut answer = read(&self.grants.approve(&asked, "a person").unwrap()).1;
        answer.remove("code").unwrap()
    }

    /// Shows a code, with something else than is good.
    fn exchange(&self, code: &str, change: &[(&str, &str)]) -> Answer {
        let good = [
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ];
        self.grants.token(&changed(&good, change)).unwrap()
    }

    fn refresh(&self, token: &str, change: &[(&str, &str)]) -> Answer {
        let good =
            [("grant_type", "refresh_token"), ("client_id", "app"), ("refresh_token", token)];
        self.grants.token(&changed(&good, change)).unwrap()
    }

    fn sign_in(&self) -> Tokens {
        tokens(self.exchange(&self.code("app", &[]), &[]))
    }

    fn revoke(&self, pairs: &[(&str, &str)]) -> Result<bool, Fault> {
        self.grants.revoke(&pairs.iter().copied().collect()).unwrap()
    }

    fn is_in(&self, access: &str) -> bool {
        self.grants.whose(access).unwrap().is_some()
    }

    fn is_kept(&self, kind: GrantKind, secret: &str) -> bool {
        self.store.grant(kind, &seal::hash(secret)).unwrap().is_some()
    }
}

fn client(id: &str, uris: &[&str]) -> Client {
    Client {
        id: id.to_owned(),
        name: "An app".to_owned(),
        redirect_uris: uris.iter().map(|&uri| uri.to_owned()).collect(),
        created: START,
        used: None,
        fresh_until: None,
    }
}

pub(in crate::auth) fn request(client: &str, change: &[(&str, &str)]) -> Parameters {
    let challenge = pkce::challenge(VERIFIER);
    let good = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", BACK),
        ("state", "a state"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
    ];
    changed(&good, change)
}

fn changed(good: &[(&str, &str)], change: &[(&str, &str)]) -> Parameters {
    let kept = good.iter().filter(|(name, _)| change.iter().all(|(other, _)| other != name));
    kept.chain(change).copied().collect()
}

fn tokens(answer: Answer) -> Tokens {
    let answer = answer.unwrap();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    Tokens { access: member("access_token"), refresh: member("refresh_token") }
}

/// Where somebody is sent back to, and with what.
fn read(location: &str) -> (String, HashMap<String, String>) {
    let mut url = Url::parse(location).unwrap();
    let pairs = url.query_pairs().into_owned().collect();
    url.set_query(None);
    (url.into(), pairs)
}

fn code_of(answer: Answer) -> (&'static str, bool) {
    let fault = answer.unwrap_err();
    (fault.code, fault.reused)
}

#[test]
fn from_the_request_to_who_is_calling() {
    let server = Server::new();
    let asked = server.ask("app", &[]).unwrap().unwrap();
    assert_eq!((asked.client(), asked.redirect_uri()), ("app", BACK));
    let (address, mut answer) = read(&server.grants.approve(&asked, "a person").unwrap());
    let code = answer.remove("code").unwrap();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let rest = HashMap::from([pair("state", "a state"), pair("iss", ISSUER)]);
    assert_eq!((address.as_str(), answer), (BACK, rest));
    let Tokens { access, refresh } = tokens(server.exchange(&code, &[]));
    assert!(access.starts_with("dk_at_") && refresh.starts_with("dk_rt_"), "{access} {refresh}");
    let grant = Grant { person: "a person".to_owned(), client: "app".to_owned() };
    assert_eq!(server.grants.whose(&access).unwrap(), Some(grant));
    for other in [&access[6..], &refresh, "dk_at_", "dk_at_guessed", ""] {
        assert_eq!(server.grants.whose(other).unwrap(), None, "{other}");
    }
}

#[test]
fn a_refusal_is_told_to_the_client_with_its_state() {
    let server = Server::new();
    let asked = server.ask("app", &[]).unwrap().unwrap();
    let (address, answer) = read(&server.grants.refuse(&asked, "access_denied", "not today"));
    assert_eq!(address, BACK);
    let value = |name: &str| answer.get(name).map(String::as_str);
    assert_eq!(value("error"), Some("access_denied"));
    assert_eq!(value("error_description"), Some("not today"));
    assert_eq!((value("state"), value("iss")), (Some("a state"), Some(ISSUER)));
}

#[test]
fn what_may_not_be_told_to_whoever_asks_is_shown() {
    let server = Server::new();
    let long = "s".repeat(2049);
    let cases: [(&str, &[(&str, &str)]); 7] = [
        ("app", &[("state", &long)]),
        ("app", &[("scope", "a"), ("scope", "b")]),
        ("app", &[("redirect_uri", "https://app.example.org/elsewhere")]),
        ("app", &[("redirect_uri", LOOPBACK)]),
        ("many", &[("redirect_uri", "")]),
        // Registered, but the schemes of apps are not what they were.
        ("many", &[("redirect_uri", "zed://back")]),
        ("many", &[("redirect_uri", "http://127.0.0.1:99999/back")]),
    ];
    for (client, change) in cases {
        let unfit = server.ask(client, change).unwrap().unwrap_err();
        assert!(matches!(unfit, Unfit::Shown(_)), "{change:?}: {unfit:?}");
    }
    let stranger = client("stranger", &[BACK]);
    let unfit = server.grants.ask(&request("stranger", &[]), &stranger).unwrap().unwrap_err();
    assert_eq!(unfit, Unfit::Shown("This app is not known here.".to_owned()));
}

#[test]
fn what_is_wrong_with_a_request_is_told_to_the_client() {
    let server = Server::new();
    let cases: [(&[(&str, &str)], &str); 10] = [
        (&[("request", "x")], "request_not_supported"),
        (&[("request_uri", "https://x")], "request_uri_not_supported"),
        (&[("response_mode", "fragment")], "invalid_request"),
        (&[("prompt", "none")], "interaction_required"),
        (&[("prompt", "login none")], "interaction_required"),
        (&[("resource", "https://docs.example.com/other")], "invalid_target"),
        (&[("resource", RESOURCE), ("resource", ISSUER)], "invalid_target"),
        (&[("resource", "not an address")], "invalid_target"),
        (&[("response_type", "token")], "unsupported_response_type"),
        (&[("code_challenge", "")], "invalid_request"),
    ];
    for (change, code) in cases {
        let unfit = server.ask("app", change).unwrap().unwrap_err();
        let Unfit::SentBack(location) = unfit else { panic!("{change:?}: {unfit:?}") };
        let (address, answer) = read(&location);
        assert_eq!((address.as_str(), answer["error"].as_str()), (BACK, code), "{change:?}");
        assert_eq!((answer["state"].as_str(), answer["iss"].as_str()), ("a state", ISSUER));
    }
}

#[test]
fn what_clients_do_differently_is_taken() {
    let server = Server::new();
    let long = "s".repeat(2048);
    let cases: [(&str, &[(&str, &str)]); 8] = [
        ("app", &[("state", &long)]),
        ("app", &[("state", "")]),
        ("app", &[("redirect_uri", "")]),
        ("app", &[("response_mode", "query"), ("prompt", "login consent")]),
        ("app", &[("resource", ""), ("scope", "anything else")]),
        ("app", &[("resource", RESOURCE), ("resource", "HTTPS://Docs.Example.com:443/mcp")]),
        ("many", &[]),
        ("many", &[("redirect_uri", "http://127.0.0.1:5050/back")]),
    ];
    for (client, change) in cases {
        let asked = server.ask(client, change).unwrap();
        assert!(asked.is_ok(), "{change:?}: {asked:?}");
    }
}

#[test]
fn that_the_store_cannot_be_read_is_no_answer() {
    let server = Server::new();
    let app = server.store.client("app").unwrap().unwrap();
    store::change(server.dir.path(), "ALTER TABLE clients RENAME TO away");
    let asked = server.grants.ask(&request("app", &[]), &app);
    assert!(asked.is_err(), "{asked:?}");
}

#[test]
fn who_is_known_is_remembered_until_anybody_writes() {
    let server = Server::new();
    let (one, other) = (server.sign_in().access, server.sign_in().access);
    let remembered = |token: &str| server.grants.remembered(token).unwrap().is_some();
    assert!(!remembered(&one), "nobody has asked yet");
    assert!(server.is_in(&one) && server.is_in(&other));
    assert!(remembered(&one) && remembered(&other));
    assert!(!remembered("dk_at_guessed"));
    assert!(!remembered(&one[6..]));
    assert_eq!(server.grants.remembered(&one).unwrap(), server.grants.whose(&one).unwrap());
    let third = server.sign_in();
    server.revoke(&[("client_id", "app"), ("token", &third.refresh)]).unwrap();
    assert!(!remembered(&one), "something has ended, and it may be this");
    assert!(server.is_in(&one) && remembered(&one));
    server.pass(HOUR - 1);
    assert!(remembered(&one) && server.is_in(&one));
    server.pass(1);
    assert!(!remembered(&one) && !server.is_in(&one));
}

#[test]
fn a_code_is_good_for_a_minute() {
    let server = Server::new();
    let [in_time, late] = [(); 2].map(|()| server.code("app", &[]));
    server.pass(59);
    assert!(server.exchange(&in_time, &[]).is_ok());
    server.pass(1);
    assert_eq!(code_of(server.exchange(&late, &[])), ("invalid_grant", false));
}

#[test]
fn whoever_a_code_was_not_meant_for_learns_and_spoils_nothing() {
    let server = Server::new();
    let code = server.code("app", &[]);
    let cases: [(&[(&str, &str)], &str); 7] = [
        (&[("client_id", "many")], "invalid_grant"),
        (&[("client_id", "stranger")], "invalid_client"),
        (&[("redirect_uri", "https://app.example.org/elsewhere")], "invalid_grant"),
        (&[("redirect_uri", "")], "invalid_grant"),
        (&[("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXx")], "invalid_grant"),
        (&[("code_verifier", "")], "invalid_grant"),
        (&[("resource", ISSUER)], "invalid_target"),
    ];
    for (change, fault) in cases {
        assert_eq!(code_of(server.exchange(&code, change)), (fault, false), "{change:?}");
    }
    assert_eq!(code_of(server.exchange("guessed", &[])), ("invalid_grant", false));
    let good = tokens(server.exchange(&code, &[]));
    // Still nothing: they could not have used it the first time either.
    for (change, fault) in cases {
        assert_eq!(code_of(server.exchange(&code, change)), (fault, false), "{change:?}");
    }
    assert!(server.is_in(&good.access));
    assert_eq!(code_of(server.exchange(&code, &[])), ("invalid_grant", true));
    assert!(!server.is_in(&good.access), "used twice by somebody who knows all of it");
}

#[test]
fn a_code_asked_for_without_an_address_is_shown_with_none() {
    let server = Server::new();
    let code = server.code("app", &[("redirect_uri", "")]);
    assert!(server.exchange(&code, &[("redirect_uri", "")]).is_ok());
}

#[test]
fn a_used_code_is_known_for_an_hour_and_one_that_was_not_used_goes() {
    let server = Server::new();
    let [used, unused] = [(); 2].map(|()| server.code("app", &[]));
    let good = tokens(server.exchange(&used, &[]));
    server.pass(60);
    server.grants.sweep().unwrap();
    assert!(!server.is_kept(GrantKind::Code, &unused));
    server.pass(HOUR - 1);
    server.grants.sweep().unwrap();
    assert!(server.is_kept(GrantKind::Code, &used));
    assert_eq!(code_of(server.exchange(&used, &[])), ("invalid_grant", true));
    assert!(server.refresh(&good.refresh, &[]).is_err());
    server.pass(1);
    server.grants.sweep().unwrap();
    assert!(!server.is_kept(GrantKind::Code, &used));
}

#[test]
fn a_form_without_what_it_needs_is_refused() {
    let server = Server::new();
    let code = server.code("app", &[]);
    let cases: [(&[(&str, &str)], &str); 5] = [
        (&[("grant_type", "")], "invalid_request"),
        (&[("grant_type", "password")], "unsupported_grant_type"),
        (&[("client_id", "")], "invalid_request"),
        (&[("code", "")], "invalid_request"),
        (&[("scope", "a"), ("scope", "b")], "invalid_request"),
    ];
    for (change, fault) in cases {
        assert_eq!(code_of(server.exchange(&code, change)), (fault, false), "{change:?}");
    }
    let Tokens { access, refresh } = tokens(server.exchange(&code, &[("resource", "")]));
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[("refresh_token", "")], "invalid_request"),
        (&[("refresh_token", &access)], "invalid_grant"),
        (&[("refresh_token", &refresh[6..])], "invalid_grant"),
        (&[("client_id", "many")], "invalid_grant"),
        (&[("scope", "\"")], "invalid_scope"),
        (&[("resource", "https://docs.example.com/other")], "invalid_target"),
    ];
    for (change, fault) in cases {
        assert_eq!(code_of(server.refresh(&refresh, change)), (fault, false), "{change:?}");
    }
    let resources = [("resource", RESOURCE), ("resource", "https://DOCS.example.com/mcp")];
    assert!(server.refresh(&refresh, &resources).is_ok());
}

#[test]
fn a_sign_in_lasts_for_thirty_days_however_often_it_is_refreshed() {
    let server = Server::new();
    let mut last = server.sign_in();
    server.pass(MONTH / 2);
    assert!(!server.is_in(&last.access));
    last = tokens(server.refresh(&last.refresh, &[]));
    assert!(server.is_in(&last.access));
    server.pass(MONTH / 2 - 1);
    last = tokens(server.refresh(&last.refresh, &[]));
    server.pass(1);
    assert_eq!(code_of(server.refresh(&last.refresh, &[])), ("invalid_grant", false));
    server.grants.sweep().unwrap();
    assert!(!server.is_kept(GrantKind::Refresh, &last.refresh[6..]));
}

#[test]
fn an_answer_that_was_lost_is_given_again_until_it_was_used() {
    let server = Server::new();
    let first = server.sign_in();
    let second = tokens(server.refresh(&first.refresh, &[]));
    assert_ne!(first.refresh, second.refresh);
    server.pass(119);
    assert_eq!(tokens(server.refresh(&first.refresh, &[])).refresh, second.refresh);
    // One that was not used yet is renewed, and does not give its own answer again.
    let third = tokens(server.refresh(&second.refresh, &[]));
    assert_ne!(second.refresh, third.refresh);
    assert!(server.is_in(&third.access));
    assert_eq!(code_of(server.refresh(&first.refresh, &[])), ("invalid_grant", true));
    assert!(!server.is_in(&third.access));
    assert!(server.refresh(&third.refresh, &[]).is_err());
}

#[test]
fn a_refresh_token_that_comes_back_late_ends_the_sign_in() {
    let server = Server::new();
    let first = server.sign_in();
    let second = tokens(server.refresh(&first.refresh, &[]));
    server.pass(121);
    assert_eq!(code_of(server.refresh(&first.refresh, &[])), ("invalid_grant", true));
    assert!(!server.is_in(&second.access));
}

#[test]
fn a_client_ends_what_is_its_own_alone() {
    let server = Server::new();
    let Tokens { access, refresh } = server.sign_in();
    assert_eq!(server.revoke(&[("client_id", "many"), ("token", &refresh)]), Ok(false));
    assert_eq!(server.revoke(&[("client_id", "app"), ("token", "guessed")]), Ok(false));
    for form in [
        &[("client_id", "app")][..],
        &[("token", refresh.as_str())],
        &[("client_id", "app"), ("token", &refresh), ("client_id", "many")],
    ] {
        assert_eq!(server.revoke(form).unwrap_err().code, "invalid_request", "{form:?}");
    }
    assert!(server.is_in(&access));
    assert_eq!(server.revoke(&[("client_id", "app"), ("token", &access)]), Ok(true));
    assert!(!server.is_in(&access), "an access token ends by itself");
    let next = tokens(server.refresh(&refresh, &[]));
    assert!(server.is_in(&next.access));
    assert_eq!(server.revoke(&[("client_id", "app"), ("token", &next.refresh)]), Ok(true));
    assert!(!server.is_in(&next.access), "a refresh token ends with the whole sign-in");
    assert!(server.refresh(&next.refresh, &[]).is_err());
}

#[test]
fn what_belongs_to_one_sign_in_is_known_by_its_refresh_token() {
    let server = Server::new();
    let (one, other) = (server.sign_in(), server.sign_in());
    let family = |token: &str| {
        server.grants.family(&[("refresh_token", token)].into_iter().collect()).unwrap()
    };
    let first = family(&one.refresh).unwrap();
    assert_ne!(family(&other.refresh).unwrap(), first);
    let next = tokens(server.refresh(&one.refresh, &[]));
    assert_eq!(family(&next.refresh).unwrap(), first);
    for none in [&one.refresh[6..], &one.access, "dk_rt_guessed", ""] {
        assert_eq!(family(none), None, "{none}");
    }
}

#[test]
fn a_request_is_looked_at_again_as_things_are_then() {
    let server = Server::new();
    let asked = server.ask("app", &[]).unwrap().unwrap();
    let again = || server.grants.ask_again(asked.request().clone()).unwrap();
    assert_eq!(again().unwrap().redirect_uri(), BACK);
    server.store.revoke(Revocation::Client("app"), START * 1000, START * 1000).unwrap();
    assert!(again().is_none());
}

#[test]
fn one_that_has_the_store_to_itself_takes_requests_in_turn() {
    let server = Server::new();
    assert!(!server.grants.is_shared());
    let turn = server.grants.turn();
    assert!(turn.is_some() && server.grants.turn.try_lock().is_err());
}
