//! How known clients come in, each as it has been seen to: what it asks first, how it registers,
//! where it has people sent back, what it asks for. The facts are in `dialogues/`, a file for each.

use std::collections::BTreeMap;

use axum::body::Body;
use docent::auth::{APPS, documented};
use serde::Deserialize;
use serde_json::Value;

use crate::people::{Answer, Browser, House, ORIGIN, VERIFIER, authorize, request};

/// What a client is known to do.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Dialogue {
    /// What people call it.
    client: String,
    /// Where the facts come from.
    source: String,
    /// What is unusual in it.
    quirks: Vec<String>,
    /// What it asks before it has a token, in order.
    probes: Vec<Probe>,
    /// How it registers, of each kind and version that is known.
    ways: Vec<Way>,
    /// What it says of itself on the way to the page for people, beside what everybody must.
    authorize: Parameters,
    /// What it adds where it exchanges a code.
    token: Parameters,
    /// And where it refreshes.
    refresh: Parameters,
}

/// Parameters by name; none is one that it leaves out.
type Parameters = BTreeMap<String, Option<String>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// Method and path.
    ask: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// The status.
    gets: u16,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Way {
    /// The body of a registration.
    body: Option<Value>,
    /// Or the document at the address that it calls itself by.
    document: Option<Value>,
    /// Where people are sent back to.
    back: String,
    /// What it says otherwise than in its other ways.
    #[serde(default)]
    authorize: Parameters,
    #[serde(default)]
    token: Parameters,
}

#[tokio::test]
async fn claude_gets_in() {
    play(include_str!("dialogues/claude.json")).await;
}

#[tokio::test]
async fn claude_code_gets_in() {
    play(include_str!("dialogues/claude-code.json")).await;
}

#[tokio::test]
async fn chatgpt_gets_in() {
    play(include_str!("dialogues/chatgpt.json")).await;
}

#[tokio::test]
async fn codex_gets_in() {
    play(include_str!("dialogues/codex.json")).await;
}

#[tokio::test]
async fn cursor_gets_in() {
    play(include_str!("dialogues/cursor.json")).await;
}

#[tokio::test]
async fn visual_studio_code_gets_in() {
    play(include_str!("dialogues/vscode.json")).await;
}

#[tokio::test]
async fn gemini_gets_in() {
    play(include_str!("dialogues/gemini.json")).await;
}

#[tokio::test]
async fn mcp_remote_gets_in() {
    play(include_str!("dialogues/mcp-remote.json")).await;
}

#[tokio::test]
async fn opencode_gets_in() {
    play(include_str!("dialogues/opencode.json")).await;
}

#[tokio::test]
async fn the_inspector_gets_in() {
    play(include_str!("dialogues/inspector.json")).await;
}

#[tokio::test]
async fn copilot_gets_in() {
    play(include_str!("dialogues/copilot-cli.json")).await;
}

/// Clients take whatever they get at an address that they guess for what they look for.
#[tokio::test]
async fn what_clients_guess_and_is_not_there_is_not_found() {
    let house = House::new().await;
    for path in [
        "/.well-known/mcp.json",
        "/.well-known/oauth-protected-resource/sse",
        "/.well-known/oauth-protected-resource/mcp/",
        "/.well-known/oauth-authorization-server/sse",
        "/.well-known/openid-configuration/authorize",
        "/.well-known/jwks.json",
        "/mcp/.well-known/oauth-protected-resource",
        "/mcp/.well-known/oauth-authorization-server",
    ] {
        for method in ["GET", "HEAD", "POST"] {
            let answer = ask(&house, method, path, &BTreeMap::new()).await;
            assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text);
            assert_eq!(answer.header("content-type"), "application/json", "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), "", "{method} {path}");
        }
    }
}

/// Plays all that a client does, in each of its ways.
async fn play(dialogue: &str) {
    let dialogue: Dialogue = serde_json::from_str(dialogue).expect("a dialogue");
    let Dialogue { client, source, quirks, .. } = &dialogue;
    assert!(source.ends_with('.') && !quirks.is_empty(), "{client}: where is this known from?");
    let house = House::new().await;
    for probe in &dialogue.probes {
        let (method, path) = probe.ask.split_once(' ').expect("a method and a path");
        let answer = ask(&house, method, path, &probe.headers).await;
        assert_eq!(answer.status, probe.gets, "{client} {}: {}", probe.ask, answer.text);
        is_understood(path, &answer);
    }
    let server = discovered(&house).await;
    for way in &dialogue.ways {
        let id = registered(&house, &server, way).await;
        let code = agreed(&house, &id, &dialogue, way).await;
        let mut form = parameters(&[&dialogue.token, &way.token]);
        form.extend([
            ("grant_type", "authorization_code"),
            ("client_id", &id),
            ("code", &code),
            ("redirect_uri", &way.back),
            ("code_verifier", VERIFIER),
        ]);
        let tokens = house.form(&path_of(&server, "token_endpoint"), &form).await;
        let first = shown_tokens(&tokens);
        works(&house, &first.access).await;
        // It comes back when the token has ended, and learns that it must refresh; what it is
        // given then is good, and so is what it is given the next time.
        house.pass(3600);
        let ended = house.search(&first.access).await;
        assert_eq!(ended.status, 401, "{}", ended.text);
        assert!(ended.header("www-authenticate").contains("error=\"invalid_token\""));
        let mut refresh = first.refresh;
        for _ in 0..2 {
            let mut form = parameters(&[&dialogue.refresh]);
            form.extend([
                ("grant_type", "refresh_token"),
                ("client_id", &id),
                ("refresh_token", &refresh),
            ]);
            let tokens = house.form(&path_of(&server, "token_endpoint"), &form).await;
            let next = shown_tokens(&tokens);
            works(&house, &next.access).await;
            assert_ne!(next.refresh, refresh);
            refresh = next.refresh;
        }
    }
}

async fn ask(
    house: &House,
    method: &str,
    path: &str,
    headers: &BTreeMap<String, String>,
) -> Answer {
    let mut request = request(method, path).header("content-type", "application/json");
    if !headers.contains_key("accept") {
        request = request.header("accept", "application/json, text/event-stream");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    house.ask(request.body(Body::empty()).expect("a request")).await
}

/// An answer is what clients take it for: a challenge, a document, or nothing.
fn is_understood(path: &str, answer: &Answer) {
    match answer.status.as_u16() {
        401 => {
            // Nothing was shown, and so nothing was wrong.
            let challenge = answer.header("www-authenticate");
            assert_eq!(
                challenge,
                format!(
                    "Bearer resource_metadata=\"{ORIGIN}/.well-known/oauth-protected-resource/mcp\", \
                     scope=\"docs:read\""
                )
            );
            // Some clients break at an answer to a call that nobody made.
            assert!(!answer.text.contains("\"id\""), "{}", answer.text);
        }
        200 if path.contains("oauth-protected-resource") => {
            assert_eq!(answer.json()["resource"], format!("{ORIGIN}/mcp"));
            assert_eq!(answer.json()["authorization_servers"], serde_json::json!([ORIGIN]));
        }
        200 => is_metadata(&answer.json()),
        204 => assert_eq!(answer.header("access-control-allow-origin"), "*"),
        _ => assert_eq!(answer.header("content-type"), "application/json", "{path}"),
    }
}

/// What clients must find there before they go on, of one kind or another.
fn is_metadata(server: &Value) {
    assert_eq!(server["issuer"], ORIGIN);
    let has = |list: &str, word: &str| {
        let list = server[list].as_array().expect("a list");
        assert!(list.iter().any(|it| it == word), "{word} {list:?}");
    };
    has("code_challenge_methods_supported", "S256");
    has("token_endpoint_auth_methods_supported", "none");
    has("grant_types_supported", "refresh_token");
    has("response_types_supported", "code");
    assert_eq!(server["client_id_metadata_document_supported"], true);
    assert_eq!(server["authorization_response_iss_parameter_supported"], true);
}

/// The metadata of the authorization server, found by nothing but a refusal.
async fn discovered(house: &House) -> Value {
    let refused = house.call(&[]).await;
    let challenge = refused.header("www-authenticate");
    let (_, address) = challenge.split_once("resource_metadata=\"").expect("an address");
    let (address, _) = address.split_once('"').expect("its end");
    let resource = house.get(address.strip_prefix(ORIGIN).expect("here")).await.json();
    let issuer = resource["authorization_servers"][0].as_str().expect("an issuer");
    let address = format!("{issuer}/.well-known/oauth-authorization-server");
    let server = house.get(address.strip_prefix(ORIGIN).expect("here")).await.json();
    is_metadata(&server);
    server
}

fn path_of(server: &Value, endpoint: &str) -> String {
    let address = server[endpoint].as_str().expect("an endpoint");
    address.strip_prefix(ORIGIN).expect("here").to_owned()
}

/// What the client is called from now on.
async fn registered(house: &House, server: &Value, way: &Way) -> String {
    match (&way.body, &way.document) {
        (Some(body), None) => {
            let answer = house.post_json(&path_of(server, "registration_endpoint"), body).await;
            assert_eq!(answer.status, 201, "{}", answer.text);
            let kept = answer.json();
            assert_eq!(kept["redirect_uris"], body["redirect_uris"]);
            assert_eq!(kept["token_endpoint_auth_method"], "none");
            kept["client_id"].as_str().expect("a name").to_owned()
        }
        (None, Some(document)) => {
            // As if it had been fetched from there.
            let id = document["client_id"].as_str().expect("an address");
            docent::auth::check_document_address(id).expect("an address of a document");
            let (apps, text) = (APPS.map(str::to_owned), document.to_string());
            let client = documented(id, text.as_bytes(), &apps, 1_800_000_000, 1_800_086_400);
            let client = client.expect("a client");
            house.store.put_client(&client, 10).expect("a store");
            id.to_owned()
        }
        _ => panic!("a client registers or has a document"),
    }
}

/// Its person signs in: the code that comes back.
async fn agreed(house: &House, id: &str, dialogue: &Dialogue, way: &Way) -> String {
    let mut all = dialogue.authorize.clone();
    all.extend(way.authorize.clone());
    let mut change = vec![("redirect_uri", Some(way.back.as_str()))];
    // What is not said here is not sent.
    for name in ["scope", "resource"] {
        change.push((name, all.get(name).and_then(Option::as_deref)));
    }
    let others = all.iter().filter(|(name, _)| !["scope", "resource"].contains(&name.as_str()));
    change.extend(others.map(|(name, value)| (name.as_str(), value.as_deref())));
    let address = authorize(id, &change);
    let mut browser = Browser::default();
    let page = house.open(&mut browser, &address).await;
    let said = way.body.as_ref().or(way.document.as_ref()).expect("what it says of itself");
    let name = said["client_name"].as_str().expect("a name");
    assert!(page.text.contains(name), "{name}: {}", page.text);
    let sent = house.agree(&mut browser, &address).await;
    let back = house.come_back(&mut browser, &sent["state"]).await;
    assert_eq!(back.status, 303, "{}", back.text);
    assert!(back.header("location").starts_with(&format!("{}?", way.back)), "{back:?}");
    let told = back.query();
    assert_eq!(Some(&told["state"]), all["state"].as_ref());
    assert_eq!(told["iss"], ORIGIN);
    assert_eq!(told.len(), 3, "{told:?}");
    told["code"].clone()
}

/// The last of these that says something of a name counts.
fn parameters<'a>(said: &[&'a Parameters]) -> Vec<(&'a str, &'a str)> {
    let mut all = BTreeMap::new();
    for parameters in said {
        all.extend(parameters.iter().map(|(name, value)| (name.as_str(), value.as_deref())));
    }
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn shown_tokens(answer: &Answer) -> crate::people::Tokens {
    let tokens = answer.tokens();
    assert_eq!(answer.header("cache-control"), "no-store");
    let json = answer.json();
    assert!(json["token_type"].as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
    assert_eq!(json["expires_in"], 3600);
    assert_eq!(json["scope"], "docs:read");
    tokens
}

/// A token is good for a call; there is no stream to open and no session to end, which clients try.
async fn works(house: &House, token: &str) {
    assert_eq!(house.search(token).await.status, 200);
    let shown = BTreeMap::from([("authorization".to_owned(), format!("Bearer {token}"))]);
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(house, method, "/mcp", &shown).await.status, 405, "{method}");
    }
}
