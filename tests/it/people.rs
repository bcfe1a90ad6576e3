//! A server where people sign in, its state in a real file, the provider's double, and a hand on
//! the clock; and what a browser and a client do there, step by step.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use docent::auth::{self, APPS, Clients, Grants, Keys, Pending, People};
use docent::http::{
    Clock, Door, Hooks, Now, Options, Patience, Peer, ProviderOptions, Rules, SignIn,
    SignInOptions, router,
};
use docent::outward::{Agent, guarded_agent};
use docent::store::{SqliteStore, Store};
use docent::usage::{Gauges, Metrics};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use url::Url;

use crate::harness::Folder;
use crate::provider::{CLIENT_ID, CLIENT_SECRET, Provider};

/// Where the server is, for the world.
pub(crate) const ORIGIN: &str = "https://docs.example.com";
/// Where a client wants people to be sent back.
pub(crate) const BACK: &str = "https://app.example/callback";
/// A secret of a client, and what it shows of it.
pub(crate) const VERIFIER: &str = "a-verifier-that-is-long-enough-for-the-specification";

/// A search, which is counted.
pub(crate) const SEARCH: &str = r#"{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"search","arguments":{"query":"berth"}}}"#;

/// The server.
pub(crate) struct House {
    pub(crate) provider: Provider,
    pub(crate) data: TempDir,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) keys: Arc<Keys>,
    pub(crate) sign_in: Arc<SignIn>,
    seconds: Arc<AtomicU64>,
    router: Router,
    documents: Option<Agent>,
    _folder: Mutex<Folder>,
    docs: docent::mcp::Docs,
    metrics: Arc<Metrics>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// Tokens of a client.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

/// A browser: its cookies.
#[derive(Debug, Default, Clone)]
pub(crate) struct Browser(pub(crate) BTreeMap<String, String>);

impl House {
    /// A server that fetches documents of clients from the public internet alone.
    pub(crate) async fn new() -> House {
        let agent = guarded_agent(Duration::from_secs(5), Arc::new(|_| false), &[]);
        House::fetching(Some(agent)).await
    }

    /// One that fetches documents of clients by this agent, if at all.
    pub(crate) async fn fetching(documents: Option<Agent>) -> House {
        let seconds = Arc::new(AtomicU64::new(1_800_000_000));
        let provider = Provider::start(1_800_000_000).await;
        let data = tempfile::tempdir().expect("a folder");
        let (folder, docs) =
            crate::harness::docs(&[("berths.md", "# Berths\n\nWhere ships lie.\n")]);
        let metrics = Arc::new(Metrics::new());
        let opened = open(&data, &provider, &seconds, &docs, &documents, &metrics);
        let (router, store, keys, sign_in) = opened;
        House {
            metrics,
            provider,
            data,
            store,
            keys,
            sign_in,
            seconds,
            router,
            documents,
            _folder: Mutex::new(folder),
            docs,
        }
    }

    /// The server is started again, on the same data.
    pub(crate) fn restart(&mut self) {
        let House { data, provider, seconds, docs, documents, metrics, .. } = &*self;
        let opened = open(data, provider, seconds, docs, documents, metrics);
        (self.router, self.store, self.keys, self.sign_in) = opened;
    }

    /// Whether a line is among the metrics.
    pub(crate) fn counts(&self, line: &str) -> bool {
        let numbers = self.metrics.render(&Gauges::default(), false);
        numbers.lines().any(|it| it == line)
    }

    /// Time passes.
    pub(crate) fn pass(&self, seconds: u64) {
        let now = self.seconds.fetch_add(seconds, Ordering::Relaxed) + seconds;
        self.provider.behave(|behaviour| behaviour.now = now);
    }

    /// Sends a request.
    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let answer = self.ask_what_fails(request).await;
        answer.is_deliberate();
        answer
    }

    /// The same where the server may fail.
    async fn ask_what_fails(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, 10 << 20).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// After whatever was tried: the next who sign in, and call, can.
    pub(crate) async fn is_well(&self) {
        let client = auth::Client {
            id: "honest".into(),
            name: "An honest app".into(),
            redirect_uris: vec![BACK.into()],
            created: 0,
            used: None,
            fresh_until: None,
        };
        self.store.put_client(&client, 100_000).expect("a client");
        self.provider.behave(|behaviour| *behaviour = Provider::honest(behaviour.now));
        let tokens = self.tokens("honest").await;
        assert_eq!(self.search(&tokens.access).await.status, 200);
    }

    /// Gets an address, as a program does.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(request("GET", path).body(Body::empty()).expect("a request")).await
    }

    /// Sends a form, as a program does.
    pub(crate) async fn form(&self, path: &str, form: &[(&str, impl AsRef<str>)]) -> Answer {
        self.ask(form_request(path).body(Body::from(encoded(form))).expect("a request")).await
    }

    /// The status of a form that the server may fail at.
    pub(crate) async fn form_status(
        &self,
        path: &str,
        form: &[(&str, impl AsRef<str>)],
    ) -> StatusCode {
        let request = form_request(path).body(Body::from(encoded(form))).expect("a request");
        self.ask_what_fails(request).await.status
    }

    /// Opens an address in a browser.
    pub(crate) async fn open(&self, browser: &mut Browser, address: &str) -> Answer {
        let path = address.strip_prefix(ORIGIN).unwrap_or(address);
        let request = browser.of(request("GET", path)).header("accept", "text/html");
        let answer = self.ask(request.body(Body::empty()).expect("a request")).await;
        browser.keep(&answer);
        answer
    }

    /// Presses a button of a form in a browser.
    pub(crate) async fn press(
        &self,
        browser: &mut Browser,
        path: &str,
        form: &[(&str, impl AsRef<str>)],
    ) -> Answer {
        let request = browser.of(form_request(path));
        let request = request.header("sec-fetch-site", "same-origin").header("origin", "null");
        let answer = self.ask(request.body(Body::from(encoded(form))).expect("a request")).await;
        browser.keep(&answer);
        answer
    }

    /// Registers a client; its name.
    pub(crate) async fn register(&self, redirect_uris: &[&str]) -> String {
        let body = serde_json::json!({ "client_name": "A Client", "redirect_uris": redirect_uris,
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"] });
        let answer = self.post_json("/register", &body).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let id = answer.json()["client_id"].as_str().expect("a name").to_owned();
        // Somebody has signed in with it before.
        self.store.use_client(&id, 1).expect("a store");
        id
    }

    /// Sends JSON.
    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let request = request("POST", path).header("content-type", "application/json");
        self.ask(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    /// Agrees to what is asked at an address, up to the way to the provider: the query that came
    /// along.
    pub(crate) async fn agree(
        &self,
        browser: &mut Browser,
        address: &str,
    ) -> BTreeMap<String, String> {
        let page = self.open(browser, address).await;
        assert_eq!(page.status, 200, "{}", page.text);
        let (id, token) = page.form();
        let sent = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "allow")];
        let sent = self.press(browser, "/consent", &sent).await;
        assert_eq!(sent.status, 303, "{}", sent.text);
        let sent = sent.query();
        self.provider.visited(&sent["nonce"]);
        sent
    }

    /// Comes back from the provider.
    pub(crate) async fn come_back(&self, browser: &mut Browser, state: &str) -> Answer {
        self.open(browser, &format!("/auth/google/callback?code=good&state={state}")).await
    }

    /// The whole way of a person, up to the code.
    pub(crate) async fn code(&self, client: &str) -> String {
        let mut browser = Browser::default();
        let sent = self.agree(&mut browser, &authorize(client, &[])).await;
        let back = self.come_back(&mut browser, &sent["state"]).await;
        assert_eq!(back.status, 303, "{}", back.text);
        back.query()["code"].clone()
    }

    /// Exchanges a code.
    pub(crate) async fn exchange(&self, client: &str, code: &str) -> Answer {
        self.form("/token", &exchange(client, code)).await
    }

    /// A person signs in with a client.
    pub(crate) async fn tokens(&self, client: &str) -> Tokens {
        let code = self.code(client).await;
        self.exchange(client, &code).await.tokens()
    }

    /// Refreshes tokens.
    pub(crate) async fn refresh(&self, client: &str, refresh: &str) -> Answer {
        let form =
            [("grant_type", "refresh_token"), ("client_id", client), ("refresh_token", refresh)];
        self.form("/token", &form).await
    }

    /// Calls with a token.
    pub(crate) async fn search(&self, token: &str) -> Answer {
        self.call(&[("authorization", &format!("Bearer {token}"))]).await
    }

    /// Calls with these headers.
    pub(crate) async fn call(&self, headers: &[(&str, &str)]) -> Answer {
        let mut request = request("POST", "/mcp")
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request.body(Body::from(SEARCH)).expect("a request")).await
    }
}

fn open(
    data: &TempDir,
    provider: &Provider,
    seconds: &Arc<AtomicU64>,
    docs: &docent::mcp::Docs,
    documents: &Option<Agent>,
    metrics: &Arc<Metrics>,
) -> (Router, Arc<dyn Store>, Arc<Keys>, Arc<SignIn>) {
    let hand = seconds.clone();
    let clock: Clock = Arc::new(move || {
        let seconds = hand.load(Ordering::Relaxed);
        Now { date: seconds, ticks: Duration::from_secs(seconds) }
    });
    let store = Arc::new(SqliteStore::open(data.path()).expect("a store"));
    let keys = Arc::new(Keys::open(store.clone()).expect("keys"));
    let apps = APPS.map(str::to_owned).to_vec();
    let time = {
        let clock = clock.clone();
        Arc::new(move || UNIX_EPOCH + Duration::from_secs(clock().date))
    };
    let resource = format!("{ORIGIN}/mcp");
    let sign_in = SignIn::new(SignInOptions {
        grants: Grants::new(store.clone(), ORIGIN, &resource, &apps, time),
        pending: Pending::new(store.clone()),
        clients: Clients::new(store.clone()),
        people: People::open(data.path()).expect("a key"),
        provider: ProviderOptions {
            issuer: provider.issuer.clone(),
            client_id: CLIENT_ID.into(),
            client_secret: CLIENT_SECRET.into(),
            algorithms: vec!["RS256".into()],
        },
        apps,
        documents: documents.clone(),
        origin: ORIGIN.into(),
        registrations: "20/hour".parse().expect("a limit"),
        clock: clock.clone(),
    });
    let sign_in = Arc::new(sign_in.expect("a sign-in"));
    let rules = Rules {
        keys: Some(keys.clone()),
        sign_in: Some(sign_in.clone()),
        trusted_proxies: vec!["10.0.0.0/8".parse().expect("a network")],
        metrics: metrics.clone(),
        ..Rules::default()
    };
    let options = Options {
        docs: docs.clone(),
        public_url: Some(ORIGIN.into()),
        listen: "127.0.0.1:8080".parse().expect("an address"),
        allowed_hosts: Vec::new(),
        allowed_origins: Vec::new(),
        patience: Patience::default(),
        front: Default::default(),
        door: Arc::new(Door::new(rules, clock)),
        hooks: Hooks::default(),
    };
    let router = router(&options, CancellationToken::new()).expect("a router");
    (router, store, keys, sign_in)
}

/// The address that a client sends a person to; of `change`, each takes the place of the parameter
/// of its name, or takes it away.
pub(crate) fn authorize(client: &str, change: &[(&str, Option<&str>)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let resource = format!("{ORIGIN}/mcp");
    let usual = [
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", BACK),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
        ("state", "a state & more"),
        ("scope", "docs:read"),
        ("resource", &resource),
    ];
    let mut address = Url::parse(&format!("{ORIGIN}/authorize")).expect("an address");
    for (name, value) in usual {
        match change.iter().find(|(changed, _)| *changed == name) {
            Some((_, Some(other))) => drop(address.query_pairs_mut().append_pair(name, other)),
            Some((_, None)) => {}
            None => drop(address.query_pairs_mut().append_pair(name, value)),
        }
    }
    for (name, value) in change {
        if let (false, Some(value)) = (usual.iter().any(|(usual, _)| usual == name), value) {
            address.query_pairs_mut().append_pair(name, value);
        }
    }
    address.into()
}

/// The form that exchanges a code.
pub(crate) fn exchange(client: &str, code: &str) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "authorization_code".into()),
        ("client_id", client.into()),
        ("code", code.into()),
        ("redirect_uri", BACK.into()),
        ("code_verifier", VERIFIER.into()),
    ]
}

/// A request to the server, from an address of documentation.
pub(crate) fn request(method: &str, path: &str) -> axum::http::request::Builder {
    let peer: IpAddr = "198.51.100.7".parse().expect("an address");
    Request::builder()
        .method(method)
        .uri(path)
        .header("host", "docs.example.com")
        .extension(Peer(peer))
}

fn form_request(path: &str) -> axum::http::request::Builder {
    request("POST", path).header("content-type", "application/x-www-form-urlencoded")
}

/// A form as it is sent.
pub(crate) fn encoded(form: &[(&str, impl AsRef<str>)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish()
}

impl Answer {
    /// No failure of the server's, and nothing of its inside.
    fn is_deliberate(&self) {
        let status = self.status.as_u16();
        assert!(status < 500 || status == 503, "{status}: {}", self.text);
        for trace in ["panicked", "src/", "RUST_BACKTRACE"] {
            assert!(!self.text.contains(trace), "{trace}: {}", self.text);
        }
    }

    /// A page that sends nobody anywhere.
    pub(crate) fn is_page(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.header("location"), "");
        assert!(self.header("content-type").starts_with("text/html"));
        assert!(!self.text.contains("<form"), "{}", self.text);
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    /// The error of RFC 6749 section 5.2, with its status.
    pub(crate) fn error(&self) -> (u16, String) {
        let error = self.json()["error"].as_str().expect("an error").to_owned();
        (self.status.as_u16(), error)
    }

    /// Where a browser is sent.
    pub(crate) fn location(&self) -> Url {
        Url::parse(self.header("location"))
            .unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    /// What stands in the address that a browser is sent to; each once.
    pub(crate) fn query(&self) -> BTreeMap<String, String> {
        let mut query = BTreeMap::new();
        for (name, value) in self.location().query_pairs().into_owned() {
            assert!(query.insert(name.clone(), value).is_none(), "{name} twice");
        }
        query
    }

    /// The name of the sign-in and the token in the form of a page.
    pub(crate) fn form(&self) -> (String, String) {
        let field = |name: &str| {
            let after = self.text.split_once(&format!("name=\"{name}\" value=\""));
            let value = after.and_then(|(_, rest)| rest.split_once('"'));
            value.unwrap_or_else(|| panic!("no {name} in {}", self.text)).0.to_owned()
        };
        (field("sign_in"), field("token"))
    }

    pub(crate) fn tokens(&self) -> Tokens {
        assert_eq!(self.status, 200, "{}", self.text);
        let json = self.json();
        let token = |name: &str| json[name].as_str().expect("a token").to_owned();
        Tokens { access: token("access_token"), refresh: token("refresh_token") }
    }
}

impl Browser {
    fn of(&self, request: axum::http::request::Builder) -> axum::http::request::Builder {
        if self.0.is_empty() {
            return request;
        }
        let pairs: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header("cookie", pairs.join("; "))
    }

    fn keep(&mut self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let line = line.to_str().expect("text");
            let (pair, rest) = line.split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a value");
            if rest.contains("Max-Age=0") {
                self.0.remove(name);
            } else {
                self.0.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
