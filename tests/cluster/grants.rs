//! Codes and tokens over two servers that share a state: what can be used once is used once, whoever is asked.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, UNIX_EPOCH};

use docent::auth::{Answer, Client, Grants, Keys, Lost, Parameters, Pending};
use docent::store::Store;
use docent::store::redis::{Names, RedisStore};
use serde_json::Value;

use crate::redis::Redis;

const ORIGIN: &str = "https://docs.example.com";
const BACK: &str = "https://app.example/callback";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-specification";
/// SHA-256 of it, as it is sent.
const CHALLENGE: &str = "0hL6GxT-deUh9wvAt8-vjkfoPTZp_bBas44GlVGeJAY";
/// When all of it happens, in seconds since 1970.
const BEGIN: u64 = 1_800_000_000;

/// Two servers, with a connection each, and a hand on their clock.
struct Pair {
    _redis: Redis,
    stores: [Arc<dyn Store>; 2],
    grants: [Grants; 2],
    seconds: Arc<AtomicU64>,
    client: Client,
}

impl Pair {
    fn new() -> Pair {
        let redis = Redis::start();
        let seconds = Arc::new(AtomicU64::new(BEGIN));
        let stores: [Arc<dyn Store>; 2] = [(); 2].map(|()| -> Arc<dyn Store> {
            Arc::new(RedisStore::open(redis.line(), Names::new("docs"), [7; 32]).expect("a store"))
        });
        let grants = stores.clone().map(|store| {
            let hand = seconds.clone();
            let time = move || UNIX_EPOCH + Duration::from_secs(hand.load(Ordering::Relaxed));
            Grants::new(store, ORIGIN, &format!("{ORIGIN}/mcp"), &[], Arc::new(time))
        });
        let client = Client {
            id: "app".into(),
            name: "An app".into(),
            redirect_uris: vec![BACK.into()],
            created: BEGIN,
            used: None,
            fresh_until: None,
        };
        stores[0].put_client(&client, 10).expect("a store");
        Pair { _redis: redis, stores, grants, seconds, client }
    }

    /// A code, from one of them.
    fn code(&self, at: usize) -> String {
        let asked = self.grants[at].ask(&request(), &self.client).expect("a store");
        let back = self.grants[at].approve(&asked.expect("it may be asked"), "somebody");
        let back = url::Url::parse(&back.expect("a code")).expect("an address");
        let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1;
        code.into_owned()
    }

    fn exchange(&self, at: usize, code: &str) -> Answer {
        let form = Parameters::from_iter([
            ("grant_type", "authorization_code"),
            ("client_id", "app"),
            ("redirect_uri", BACK),
            ("code", code),
            ("code_verifier", VERIFIER),
        ]);
        self.grants[at].token(&form).expect("a store")
    }

    fn refresh(&self, at: usize, token: &str) -> Answer {
        let form = Parameters::from_iter([
            ("grant_type", "refresh_token"),
            ("client_id", "app"),
            ("refresh_token", token),
        ]);
        self.grants[at].token(&form).expect("a store")
    }

    fn lets_in(&self, at: usize, tokens: &Value) -> bool {
        self.grants[at].whose(text(tokens, "access_token")).expect("a store").is_some()
    }
}

/// What a client asks a person for.
fn request() -> Parameters {
    Parameters::from_iter([
        ("client_id", "app"),
        ("response_type", "code"),
        ("redirect_uri", BACK),
        ("state", "of the client"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ])
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().expect("a token")
}

/// Asks both servers at the same moment.
fn both<T: Send>(ask: impl Fn(usize) -> T + Sync) -> [T; 2] {
    let barrier = Barrier::new(2);
    let ask = |at| {
        barrier.wait();
        ask(at)
    };
    std::thread::scope(|scope| {
        let other = scope.spawn(|| ask(1));
        [ask(0), other.join().expect("a thread")]
    })
}

#[test]
fn a_code_is_redeemed_by_one_server_alone() {
    let pair = Pair::new();
    for round in 0..50 {
        let code = pair.code(round % 2);
        let answers = both(|at| pair.exchange(at, &code));
        let redeemed = answers.iter().filter(|answer| answer.is_ok()).count();
        assert!(redeemed <= 1, "round {round}: both gave tokens");
        // Whoever was first, that a code is shown twice ends the sign-in, also at the same moment.
        for tokens in answers.iter().flatten() {
            assert!(!pair.lets_in(0, tokens) && !pair.lets_in(1, tokens), "round {round}");
        }
        for answer in answers {
            let refused = answer.err().map(|fault| fault.code);
            assert!(refused.is_none_or(|code| code == "invalid_grant"), "{refused:?}");
        }
    }
    // Not because nobody ever gets any.
    let code = pair.code(0);
    let tokens = pair.exchange(1, &code).expect("tokens");
    assert!(pair.lets_in(0, &tokens) && pair.lets_in(1, &tokens));
    // Its second use takes back what it gave, wherever that is shown.
    assert_eq!(pair.exchange(0, &code).expect_err("it was used").code, "invalid_grant");
    assert!(!pair.lets_in(0, &tokens));
    assert_eq!(pair.refresh(1, text(&tokens, "refresh_token")).expect_err("it ended").status, 400);
}

#[test]
fn a_refresh_that_two_servers_are_asked_for_has_one_answer() {
    let pair = Pair::new();
    let code = pair.code(0);
    let mut tokens = pair.exchange(1, &code).expect("tokens");
    for round in 0..30 {
        let before = text(&tokens, "refresh_token").to_owned();
        let [first, second] = both(|at| pair.refresh(at, &before).expect("tokens"));
        for name in ["access_token", "refresh_token"] {
            assert_eq!(text(&first, name), text(&second, name), "round {round}");
        }
        assert!(pair.lets_in(0, &first) && pair.lets_in(1, &first), "round {round}");
        // Who lost the answer gets it again from either, for a while.
        pair.seconds.fetch_add(60, Ordering::Relaxed);
        let again = pair.refresh(round % 2, &before).expect("tokens");
        assert_eq!(text(&again, "refresh_token"), text(&first, "refresh_token"));
        tokens = first;
    }
    // A token whose successor was used is a stolen one: all of the sign-in ends, on both.
    let stolen = text(&tokens, "refresh_token").to_owned();
    let next = pair.refresh(0, &stolen).expect("tokens");
    let last = pair.refresh(1, text(&next, "refresh_token")).expect("tokens");
    let refused = pair.refresh(0, &stolen).expect_err("it is not the owner");
    assert!(refused.reused, "{refused:?}");
    assert!(!pair.lets_in(0, &last));
    assert!(pair.refresh(1, text(&last, "refresh_token")).is_err());
}

#[test]
fn a_sign_in_goes_on_at_another_server_once() {
    let pair = Pair::new();
    let pending = pair.stores.clone().map(Pending::new);
    for round in 0..20 {
        let asked = pair.grants[0].ask(&request(), &pair.client).expect("a store");
        let asked = asked.expect("it may be asked");
        let shown = pending[0].begin(&asked, "here".into(), BEGIN).expect("a store");
        let answer = |at: usize, token: &str| {
            let parts = [token, &shown.browser];
            pending[at].answered(&pair.grants[at], &shown.id, parts, BEGIN).expect("a store")
        };
        assert_eq!(answer(1, "another form").err(), Some(Lost::Elsewhere));
        let answers = both(|at| answer(at, &shown.token));
        let mut answered: Vec<_> = answers.into_iter().flatten().collect();
        assert_eq!(answered.len(), 1, "round {round}");
        let answered = answered.remove(0);
        let sent = pending[1].consented(&answered, BEGIN).expect("a store");
        let back = |at: usize, browser: &str| {
            pending[at].back(&pair.grants[at], &sent.state, browser, BEGIN).expect("a store")
        };
        assert_eq!(back(0, &shown.browser).err(), Some(Lost::Elsewhere));
        let consented = back(0, &sent.browser).expect("it goes on");
        assert_eq!(consented.nonce, sent.nonce);
        assert_eq!(consented.asked.redirect_uri(), BACK);
        let address = pair.grants[0].approve(&consented.asked, "somebody").expect("a code");
        assert!(address.contains("state=of+the+client"), "{address}");
        assert_eq!(back(1, &sent.browser).err(), Some(Lost::Unknown));
    }
    // A client that was taken out meanwhile gets nothing.
    let asked = pair.grants[0].ask(&request(), &pair.client).expect("a store");
    let shown = pending[0].begin(&asked.expect("it may"), "here".into(), BEGIN).expect("a store");
    let gone = docent::store::Revocation::Client("app");
    pair.stores[0].revoke(gone, BEGIN * 1000, BEGIN * 1000 + 1).expect("a store");
    let parts = [shown.token.as_str(), &shown.browser];
    let answered = pending[1].answered(&pair.grants[1], &shown.id, parts, BEGIN);
    assert_eq!(answered.expect("a store").err(), Some(Lost::Unknown));
}

#[test]
fn a_key_is_known_to_the_other_server_and_refused_there_soon_after_it_was_revoked() {
    let pair = Pair::new();
    let [ours, other] = pair.stores.clone().map(|store| Keys::open(store).expect("keys"));
    let (secret, key) = ours.create("ci", None, None, BEGIN).expect("a key");
    let begun = std::time::Instant::now();
    let soon = |good: bool| {
        while other.check(secret.reveal(), BEGIN).expect("a store").is_ok() != good {
            assert!(begun.elapsed() < Duration::from_secs(5), "it takes too long");
            std::thread::yield_now();
        }
    };
    soon(true);
    ours.revoke(&key.id, BEGIN).expect("a store");
    assert!(ours.check(secret.reveal(), BEGIN).expect("a store").is_err());
    soon(false);
}
