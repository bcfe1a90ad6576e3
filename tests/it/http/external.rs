//! Tokens of an authorization server that somebody else runs. O17, O18.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use docent::auth::Keys;
use docent::http::{Door, External, ExternalOptions, Now, Rules};
use docent::store::SqliteStore;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Answer, Server, call};
use crate::people::SEARCH;
use crate::provider::Provider;

const NOW: u64 = 1_800_000_000;
const RESOURCE: &str = "https://docs.example.com/mcp";

struct Guests {
    server: Server,
    issuer: Provider,
    keys: Arc<Keys>,
    seconds: Arc<AtomicU64>,
    _data: TempDir,
}

impl Guests {
    async fn new(scope: Option<&str>) -> Guests {
        let issuer = Provider::start(NOW).await;
        let jwks_url = format!("{}/keys", issuer.issuer);
        Guests::of(issuer, jwks_url, scope)
    }

    fn of(issuer: Provider, jwks_url: String, scope: Option<&str>) -> Guests {
        let data = tempfile::tempdir().expect("a folder");
        let store = Arc::new(SqliteStore::open(data.path()).expect("a store"));
        let keys = Arc::new(Keys::open(store).expect("keys"));
        let external = External::new(ExternalOptions {
            origin: "https://docs.example.com".into(),
            issuer: issuer.issuer.clone(),
            jwks_url,
            audience: RESOURCE.into(),
            algorithms: vec!["RS256".into()],
            kinds: vec!["at+jwt".into()],
            scope: scope.map(str::to_owned),
        })
        .expect("settings");
        let seconds = Arc::new(AtomicU64::new(NOW));
        let hand = seconds.clone();
        let clock = Arc::new(move || {
            let seconds = hand.load(Ordering::Relaxed);
            Now { date: seconds, ticks: Duration::from_secs(seconds) }
        });
        let rules = Rules {
            keys: Some(keys.clone()),
            external: Some(Arc::new(external)),
            ..Rules::default()
        };
        let server = Server::with(|options| options.door = Arc::new(Door::new(rules, clock)));
        Guests { server, issuer, keys, seconds, _data: data }
    }

    fn token(&self, change: impl FnOnce(&mut Header, &mut Value)) -> String {
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("k1".into());
        header.typ = Some("at+jwt".into());
        let mut claims = json!({ "iss": self.issuer.issuer, "aud": RESOURCE, "sub": "ada",
            "exp": NOW + 300, "iat": NOW, "client_id": "app", "scope": "openid docs:read" });
        change(&mut header, &mut claims);
        self.issuer.sign(&header, &claims)
    }

    async fn search(&self, token: &str) -> Answer {
        let call = call().header("authorization", format!("Bearer {token}"));
        self.server.ask(call.body(Body::from(SEARCH)).expect("a request")).await
    }
}

#[tokio::test]
async fn a_token_of_the_issuer_for_this_server_lets_in() {
    let guests = Guests::new(None).await;
    assert_eq!(guests.search(&guests.token(|_, _| {})).await.status, 200);
    // For several audiences, of which this is one, and by its whole media type.
    let both = guests.token(|header, claims| {
        header.typ = Some("application/AT+JWT".into());
        claims["aud"] = json!(["https://other.example", RESOURCE]);
    });
    assert_eq!(guests.search(&both).await.status, 200);
    let key = guests.keys.create("ci", None, None, NOW).expect("a key").0;
    assert_eq!(guests.search(key.reveal()).await.status, 200);
    // Clients learn where to go, and what is not needed is not asked for.
    let document =
        guests.server.get("/.well-known/oauth-protected-resource/mcp", "*/*").await.json();
    assert_eq!(document["authorization_servers"], json!([guests.issuer.issuer]));
    assert!(document.get("scopes_supported").is_none(), "{document}");
    for elsewhere in ["/.well-known/oauth-authorization-server", "/authorize", "/token"] {
        let answer = guests.server.get(elsewhere, "*/*").await;
        assert!([401, 404].contains(&answer.status.as_u16()), "{elsewhere} {}", answer.status);
    }
}

#[tokio::test]
async fn a_token_that_says_or_is_something_else_lets_nobody_in() {
    let guests = Guests::new(None).await;
    type Change = fn(&mut Header, &mut Value);
    let changes: [Change; 17] = [
        |_, claims| claims["aud"] = json!("https://other.example/mcp"),
        |_, claims| claims["aud"] = json!([]),
        |_, claims| claims["aud"] = Value::Null,
        |_, claims| claims["iss"] = json!("https://evil.example"),
        |_, claims| claims["exp"] = json!(NOW),
        |_, claims| claims["exp"] = Value::Null,
        |_, claims| claims["nbf"] = json!(NOW + 1),
        |_, claims| claims["sub"] = json!(""),
        |_, claims| claims["sub"] = Value::Null,
        // An ID token, or one that does not say what it is.
        |header, _| header.typ = Some("JWT".into()),
        |header, _| header.typ = None,
        |header, _| header.kid = Some("../../etc/passwd".into()),
        |header, _| header.kid = Some("unknown".into()),
        |header, _| header.alg = Algorithm::RS384,
        |header, _| header.crit = Some(vec!["x".into()]),
        |_, claims| claims["pad"] = json!("x".repeat(10_000)),
        |header, claims| {
            header.jku = Some("https://evil.example/keys".into());
            claims["iss"] = json!("https://evil.example");
        },
    ];
    for (at, change) in changes.into_iter().enumerate() {
        let answer = guests.search(&guests.token(change)).await;
        assert_eq!(answer.status, 401, "{at}: {}", answer.text);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    let claims =
        json!({ "iss": guests.issuer.issuer, "aud": RESOURCE, "sub": "ada", "exp": NOW + 300 });
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".into());
    header.kid = Some("k1".into());
    let secret = EncodingKey::from_secret(&guests.issuer.public_key());
    let forged = encode(&header, &claims, &secret).expect("a token");
    for token in [forged.as_str(), "x", "a.b.c", "dk_at_x", ""] {
        assert_eq!(guests.search(token).await.status, 401, "{token}");
    }
    assert_eq!(guests.search(&guests.token(|_, _| {})).await.status, 200);
}

#[tokio::test]
async fn a_token_that_ended_is_no_guess_at_a_key() {
    let guests = Guests::new(None).await;
    let old = guests.token(|_, _| {});
    guests.seconds.fetch_add(300, Ordering::Relaxed);
    for _ in 0..100 {
        let answer = guests.search(&old).await;
        assert_eq!(answer.status, 401);
        assert!(answer.header("www-authenticate").contains("resource_metadata="));
    }
    let new = guests.token(|_, claims| claims["exp"] = json!(NOW + 900));
    assert_eq!(guests.search(&new).await.status, 200);
}

#[tokio::test]
async fn a_token_has_to_allow_what_the_settings_ask_for() {
    let guests = Guests::new(Some("docs:read")).await;
    assert_eq!(guests.search(&guests.token(|_, _| {})).await.status, 200);
    let listed = guests.token(|_, claims| {
        claims["scope"] = Value::Null;
        claims["scp"] = json!(["docs:read"]);
    });
    assert_eq!(guests.search(&listed).await.status, 200);
    for scope in [json!("openid"), json!(""), Value::Null, json!("docs:readwrite")] {
        let narrow = guests.token(|_, claims| claims["scope"] = scope);
        let answer = guests.search(&narrow).await;
        assert_eq!(answer.status, 403, "{}", answer.text);
        let challenge = answer.header("www-authenticate");
        assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
        assert!(
            challenge.contains("scope=\"docs:read\"") && challenge.contains("resource_metadata=")
        );
    }
    let document = guests.server.get("/.well-known/oauth-protected-resource", "*/*").await.json();
    assert_eq!(document["scopes_supported"], json!(["docs:read"]));
}

#[tokio::test]
async fn each_person_has_one_limit_whatever_their_token() {
    let guests = Guests::new(None).await;
    for at in 0..41 {
        let token = guests.token(|_, claims| claims["jti"] = json!(at));
        let status = guests.search(&token).await.status;
        assert_eq!(status, if at < 40 { 200 } else { 429 });
    }
    let other = guests.token(|_, claims| claims["sub"] = json!("bob"));
    assert_eq!(guests.search(&other).await.status, 200);
}

#[tokio::test]
async fn an_issuer_that_is_away_keeps_nobody_with_a_key_out() {
    let issuer = Provider::start(NOW).await;
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/keys", gone.local_addr().expect("an address"));
    drop(gone);
    let guests = Guests::of(issuer, url, None);
    let token = guests.token(|_, _| {});
    for _ in 0..3 {
        let answer = guests.search(&token).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert_eq!(answer.header("retry-after"), "10");
    }
    // What is no token of anybody's is refused all the same, and a key needs no issuer.
    assert_eq!(guests.search("nonsense").await.status, 401);
    let key = guests.keys.create("ci", None, None, NOW).expect("a key").0;
    assert_eq!(guests.search(key.reveal()).await.status, 200);
}
