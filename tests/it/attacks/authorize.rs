//! O: what clients ask of people: where they are sent back, what they are asked, what is refused.

use axum::body::Body;
use docent::auth::Client;

use crate::people::{BACK, Browser, House, ORIGIN, authorize, request};

/// A client that is kept as it is, past what a registration checks.
fn keep(house: &House, id: &str, name: &str, redirect_uris: &[&str]) {
    let client = Client {
        id: id.into(),
        name: name.into(),
        redirect_uris: redirect_uris.iter().map(|uri| (*uri).to_owned()).collect(),
        created: 1,
        used: None,
        fresh_until: None,
    };
    house.store.put_client(&client, 1000).expect("a client");
}

#[tokio::test]
async fn o01_nobody_is_sent_back_to_an_address_that_was_not_registered() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    for other in [
        "https://evil.example/callback",
        "https://app.example/other",
        "https://app.example/callback?x=y",
        "https://app.example/callback#x",
        "//evil.example/callback",
        "https://app.example@evil.example/callback",
        "https://app.example.evil.example/callback",
        "https://app.example\\@evil.example/callback",
        "https://app.example/callback%00",
        "https://app.example/callback\0",
        "https://app.example/..;/callback",
        "https://app.example/x/../callback",
        "https://app.example/callback/",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "https://\u{430}pp.example/callback",
        "https://app.example:444/callback",
        "https://app.example:443/callback",
        "http://app.example/callback",
        " https://app.example/callback",
        "callback",
        "\r\n",
    ] {
        let address = authorize(&client, &[("redirect_uri", Some(other))]);
        house.open(&mut browser, &address).await.is_page(400);
    }
    // Of several, none goes without saying; of one, it does.
    let several = house.register(&[BACK, "https://app.example/2"]).await;
    let address = authorize(&several, &[("redirect_uri", None)]);
    house.open(&mut browser, &address).await.is_page(400);
    let address = authorize(&client, &[("redirect_uri", None)]);
    assert_eq!(house.open(&mut browser, &address).await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn o02_a_scheme_that_runs_something_is_refused_at_registration_and_at_use() {
    let house = House::new().await;
    let mut browser = Browser::default();
    for (at, uri) in [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "http://app.example/callback",
        "intent://x#Intent;scheme=http;end",
        "ms-officecmd:x",
        "JavaScript:alert(1)",
        "unknown-app://callback",
    ]
    .into_iter()
    .enumerate()
    {
        let body = serde_json::json!({ "redirect_uris": [uri] });
        let mut request = request("POST", "/register").header("content-type", "application/json");
        // Each from a network of its own: a registration counts.
        request = request.header("x-forwarded-for", format!("203.0.113.{at}"));
        let mut request = request.body(Body::from(body.to_string())).expect("a request");
        let proxy = "10.0.0.1".parse().expect("an address");
        request.extensions_mut().insert(docent::http::Peer(proxy));
        let answer = house.ask(request).await;
        assert_eq!(answer.error(), (400, "invalid_redirect_uri".into()), "{uri}");
        keep(&house, "old", "Old", &[uri]);
        let address = authorize("old", &[("redirect_uri", Some(uri))]);
        house.open(&mut browser, &address).await.is_page(400);
    }
    house.is_well().await;
}

#[tokio::test]
async fn o03_what_only_looks_like_this_machine_is_refused() {
    let house = House::new().await;
    let mut browser = Browser::default();
    for uri in [
        "http://localhost.evil.example/callback",
        "http://127.0.0.1@evil.example/callback",
        "http://localhost:1@evil.example/callback",
        "http://127.1/callback",
        "http://0x7f.1/callback",
        "http://2130706433/callback",
        "http://[::ffff:127.0.0.1]/callback",
        "http://0.0.0.0/callback",
        "http://localhost:99999/callback",
        "http://localhost:0/callback",
    ] {
        keep(
            &house,
            "old",
            "Old",
            &[uri, "http://localhost/callback", "http://127.0.0.1/callback"],
        );
        let address = authorize("old", &[("redirect_uri", Some(uri))]);
        house.open(&mut browser, &address).await.is_page(400);
    }
    let body = serde_json::json!({ "redirect_uris": ["http://127.1/"] });
    let answer = house.post_json("/register", &body).await;
    assert_eq!(answer.error(), (400, "invalid_redirect_uri".into()));
    house.is_well().await;
}

#[tokio::test]
async fn o04_an_app_on_this_machine_takes_any_port() {
    let house = House::new().await;
    let client = house.register(&["http://localhost/callback", "http://127.0.0.1/callback"]).await;
    for port in ["58135", "1", "65535"] {
        let back = format!("http://localhost:{port}/callback");
        let mut browser = Browser::default();
        let address = authorize(&client, &[("redirect_uri", Some(&back))]);
        let sent = house.agree(&mut browser, &address).await;
        let answer = house.come_back(&mut browser, &sent["state"]).await;
        assert!(answer.header("location").starts_with(&format!("{back}?code=")), "{answer:?}");
        // And the code is for that port alone.
        let code = answer.query()["code"].clone();
        let exchange = |back: &str| {
            let form = [
                ("grant_type", "authorization_code"),
                ("client_id", &client),
                ("code", &code),
                ("redirect_uri", back),
                ("code_verifier", crate::people::VERIFIER),
            ]
            .map(|(name, value)| (name, value.to_owned()));
            let house = &house;
            async move { house.form("/token", &form).await }
        };
        assert_eq!(exchange("http://localhost:2/callback").await.error().0, 400);
        assert_eq!(exchange(&back).await.status, 200);
    }
    house.is_well().await;
}

#[tokio::test]
async fn o05_but_no_other_path_scheme_or_host() {
    let house = House::new().await;
    let client = house.register(&["http://localhost/callback"]).await;
    let mut browser = Browser::default();
    for other in [
        "http://localhost:58135/other",
        "http://localhost:58135/callback/",
        "http://localhost:58135/callback?x=y",
        "https://localhost:58135/callback",
        "http://127.0.0.1:58135/callback",
        "http://[::1]:58135/callback",
    ] {
        let address = authorize(&client, &[("redirect_uri", Some(other))]);
        house.open(&mut browser, &address).await.is_page(400);
    }
    house.is_well().await;
}

#[tokio::test]
async fn o06_no_code_without_a_challenge_and_no_token_without_its_verifier() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let long = "a".repeat(129);
    for (name, value) in [
        ("code_challenge", None),
        ("code_challenge", Some("")),
        ("code_challenge", Some(&long[..42])),
        ("code_challenge", Some(&long[..44])),
        ("code_challenge", Some(&long[..])),
        ("code_challenge", Some("é".repeat(43).leak())),
        ("code_challenge", Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")),
        ("code_challenge_method", None),
        ("code_challenge_method", Some("plain")),
        ("code_challenge_method", Some("s256")),
    ] {
        let answer = house.open(&mut browser, &authorize(&client, &[(name, value)])).await;
        let query = answer.query();
        assert_eq!(query["error"], "invalid_request", "{name} {value:?}");
        assert!(!query.contains_key("code"));
    }
    let code = house.code(&client).await;
    let form = |verifier: Option<&str>| {
        let mut form = crate::people::exchange(&client, &code);
        form.retain(|(name, _)| *name != "code_verifier");
        form.extend(verifier.map(|verifier| ("code_verifier", verifier.to_owned())));
        form
    };
    for wrong in [None, Some(""), Some("wrong"), Some(&long[..43]), Some(&long[..])] {
        let form = form(wrong);
        let answer = house.form("/token", &form).await;
        assert_eq!(answer.error(), (400, "invalid_grant".into()), "{wrong:?}");
    }
    // None of that has used it up.
    house.exchange(&client, &code).await.tokens();
    house.is_well().await;
}

#[tokio::test]
async fn o29_what_a_client_calls_itself_is_shown_as_text_and_for_what_it_is() {
    let house = House::new().await;
    for (name, shown) in [
        ("<img src=x onerror=alert(1)>", "&lt;img src=x onerror=alert(1)&gt;"),
        ("</h1><form action=https://evil.example>", "&lt;/h1&gt;&lt;form"),
        ("Goo\u{202e}elg\u{200b}", "Gooelg"),
        ("two\r\nlines", "two lines"),
        ("Claude", "<strong>Claude</strong>"),
    ] {
        let body = serde_json::json!({ "client_name": name, "redirect_uris": [BACK] });
        let id = house.post_json("/register", &body).await.json()["client_id"].clone();
        let address = authorize(id.as_str().expect("a name"), &[]);
        let page = house.open(&mut Browser::default(), &address).await;
        assert!(page.text.contains(shown), "{}", page.text);
        assert!(
            !page.text.contains("<img") && !page.text.contains("evil.example>"),
            "{}",
            page.text
        );
        // Whatever it calls itself, nobody has checked that, and where it sends people is what
        // stands out.
        assert!(page.text.contains("nobody has checked"), "{}", page.text);
        assert!(page.text.contains("<strong class=\"host\">app.example</strong>"), "{}", page.text);
    }
    let body = serde_json::json!({ "client_name": "x".repeat(10_000), "redirect_uris": [BACK] });
    let answer = house.post_json("/register", &body).await.json();
    assert_eq!(answer["client_name"].as_str().map(str::len), Some(64));
    house.is_well().await;
}

#[tokio::test]
async fn o30_addresses_that_a_client_names_are_neither_fetched_nor_linked() {
    let house = House::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let inside = format!("http://{}/x", listener.local_addr().expect("an address"));
    let body = serde_json::json!({ "client_name": "App", "redirect_uris": [BACK], "logo_uri": inside,
        "tos_uri": "javascript:alert(1)", "policy_uri": inside, "client_uri": inside });
    let answer = house.post_json("/register", &body).await;
    assert_eq!(answer.status, 201);
    assert!(!answer.text.contains("_uri\":\"http://127") && !answer.text.contains("javascript"));
    let id = answer.json()["client_id"].clone();
    let address = authorize(id.as_str().expect("a name"), &[]);
    let page = house.open(&mut Browser::default(), &address).await;
    assert!(!page.text.contains(&inside) && !page.text.contains("javascript"), "{}", page.text);
    listener.set_nonblocking(true).expect("it can be");
    assert!(listener.accept().is_err(), "somebody has come");
    house.is_well().await;
}

#[tokio::test]
async fn o39_tokens_are_for_this_server_alone() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    for other in [
        "https://other.example/mcp",
        "https://docs.example.com/mcp#x",
        "https://docs.example.com/mcp/",
        "https://docs.example.com/",
        "https://docs.example.com/mcp?x",
        "https://docs.example.com:444/mcp",
        "http://docs.example.com/mcp",
        "mcp",
    ] {
        let answer =
            house.open(&mut browser, &authorize(&client, &[("resource", Some(other))])).await;
        assert_eq!(answer.query()["error"], "invalid_target", "{other}");
    }
    let both = authorize(&client, &[]) + "&resource=https%3A%2F%2Fother.example%2Fmcp";
    assert_eq!(house.open(&mut browser, &both).await.query()["error"], "invalid_target");
    let twice = authorize(&client, &[]) + "&resource=https%3A%2F%2Fdocs.example.com%2Fmcp";
    assert_eq!(house.open(&mut browser, &twice).await.status, 200);
    for ours in
        [None, Some("HTTPS://Docs.Example.com/mcp"), Some("https://docs.example.com:443/mcp")]
    {
        let answer = house.open(&mut browser, &authorize(&client, &[("resource", ours)])).await;
        assert_eq!(answer.status, 200, "{ours:?} {}", answer.text);
    }
    // At the token endpoint too.
    let code = house.code(&client).await;
    let mut form = crate::people::exchange(&client, &code);
    form.push(("resource", "https://other.example/mcp".into()));
    assert_eq!(house.form("/token", &form).await.error(), (400, "invalid_target".into()));
    house.exchange(&client, &code).await.tokens();
    house.is_well().await;
}

#[tokio::test]
async fn o40_a_parameter_stands_once_and_a_state_comes_back_as_it_was() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    for name in ["client_id", "redirect_uri", "state", "scope", "code_challenge", "response_type"] {
        let address = format!("{}&{name}=x", authorize(&client, &[]));
        house.open(&mut browser, &address).await.is_page(400);
    }
    let long = "s".repeat(50_000);
    house.open(&mut browser, &authorize(&client, &[("state", Some(&long))])).await.is_page(400);
    house
        .open(&mut browser, &authorize(&client, &[("state", Some(&long[..2049]))]))
        .await
        .is_page(400);
    for state in ["a&b=c", "\r\nSet-Cookie: x=y", "ä\u{1f600}", "%0d%0a", "<script>", &long[..2048]]
    {
        let mut browser = Browser::default();
        let address = authorize(&client, &[("state", Some(state))]);
        let sent = house.agree(&mut browser, &address).await;
        assert_ne!(sent["state"], state, "the provider does not get it");
        let answer = house.come_back(&mut browser, &sent["state"]).await;
        assert_eq!(answer.query()["state"], state);
        assert!(answer.headers.get("x").is_none() && !answer.header("location").contains('\r'));
    }
    // None is none.
    let mut browser = Browser::default();
    let sent = house.agree(&mut browser, &authorize(&client, &[("state", None)])).await;
    let answer = house.come_back(&mut browser, &sent["state"]).await;
    assert!(!answer.query().contains_key("state"));
    house.is_well().await;
}

#[tokio::test]
async fn o41_there_is_one_kind_of_answer_and_no_request_elsewhere() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let inside = format!("http://{}/x", listener.local_addr().expect("an address"));
    for (name, value, error) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "id_token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_mode", "form_post", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("request", "eyJhbGciOiJub25lIn0.e30.", "request_not_supported"),
        ("request_uri", &inside, "request_uri_not_supported"),
    ] {
        let answer = house.open(&mut browser, &authorize(&client, &[(name, Some(value))])).await;
        assert_eq!(answer.query()["error"], error, "{name}={value}");
    }
    listener.set_nonblocking(true).expect("it can be");
    assert!(listener.accept().is_err(), "somebody has come");
    house.is_well().await;
}

#[tokio::test]
async fn o42_nobody_signs_in_without_being_asked() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    for prompt in ["none", "login none"] {
        let answer =
            house.open(&mut browser, &authorize(&client, &[("prompt", Some(prompt))])).await;
        let query = answer.query();
        assert_eq!(
            (query["error"].as_str(), query["iss"].as_str()),
            ("interaction_required", ORIGIN)
        );
        assert_eq!(query["state"], "a state & more");
    }
    let answer =
        house.open(&mut browser, &authorize(&client, &[("prompt", Some("consent"))])).await;
    assert_eq!(answer.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn o43_whatever_scope_is_asked_for_there_is_but_one() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let long = "x".repeat(4_000);
    for scope in [
        None,
        Some(""),
        Some("offline_access"),
        Some("admin root"),
        Some("docs:read openid"),
        Some(&long[..]),
        Some("\"\\"),
    ] {
        let mut browser = Browser::default();
        let sent = house.agree(&mut browser, &authorize(&client, &[("scope", scope)])).await;
        // Nothing of it reaches the provider.
        assert_eq!(sent["scope"], "openid");
        let answer = house.come_back(&mut browser, &sent["state"]).await;
        let tokens = house.exchange(&client, &answer.query()["code"]).await;
        assert_eq!(tokens.json()["scope"], "docs:read", "{scope:?}");
    }
    let too_long = "x".repeat(10_000);
    let mut browser = Browser::default();
    house.open(&mut browser, &authorize(&client, &[("scope", Some(&too_long))])).await.is_page(400);
    house.is_well().await;
}

#[tokio::test]
async fn o47_every_answer_to_a_client_says_once_who_gives_it() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let refused = house.open(&mut browser, &authorize(&client, &[("response_type", None)])).await;
    assert_eq!(refused.query()["iss"], ORIGIN);
    // One of another issuer is none: the provider's name is checked where it says it.
    let ours = &house.provider.issuer;
    for other in ["iss=https://evil.example", "iss=", &format!("iss={ours}&iss={ours}.evil")] {
        let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
        let other = format!("/auth/google/callback?code=good&state={}&{other}", sent["state"]);
        let answer = house.open(&mut browser, &other).await.query();
        assert_eq!((answer["error"].as_str(), answer["iss"].as_str()), ("server_error", ORIGIN));
    }
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    let answer = house.come_back(&mut browser, &sent["state"]).await.query();
    assert!(answer.contains_key("code"));
    assert_eq!(answer["iss"], ORIGIN);
    house.is_well().await;
}

#[tokio::test]
async fn o48_errors_are_sent_only_where_a_client_is() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let evil = ("redirect_uri", Some("https://evil.example/"));
    for change in [
        vec![evil, ("response_type", Some("token"))],
        vec![evil, ("prompt", Some("none"))],
        vec![evil, ("code_challenge", None)],
        vec![evil, ("resource", Some("https://other.example"))],
        vec![("client_id", Some("nobody")), ("prompt", Some("none"))],
        vec![("client_id", Some("")), evil],
        vec![("client_id", None)],
    ] {
        house.open(&mut browser, &authorize(&client, &change)).await.is_page(400);
    }
    house.is_well().await;
}

#[tokio::test]
async fn o48_whoever_has_just_registered_gets_nobody_sent_on_from_here() {
    let house = House::new().await;
    let body =
        serde_json::json!({ "client_name": "Docs", "redirect_uris": ["https://phish.example/"] });
    let answer = house.post_json("/register", &body).await;
    let id = answer.json()["client_id"].as_str().expect("a name").to_owned();
    let back = ("redirect_uri", Some("https://phish.example/"));
    for wrong in [("prompt", Some("none")), ("response_type", Some("x")), ("code_challenge", None)]
    {
        let address = authorize(&id, &[back, wrong]);
        house.open(&mut Browser::default(), &address).await.is_page(400);
    }
    // A person who is asked, and says no, has seen where that leads.
    let mut browser = Browser::default();
    let page = house.open(&mut browser, &authorize(&id, &[back])).await;
    let (sign_in, token) = page.form();
    let form = [("sign_in", sign_in.as_str()), ("token", &token), ("answer", "deny")];
    let answer = house.press(&mut browser, "/consent", &form).await;
    assert!(answer.header("location").starts_with("https://phish.example/?error=access_denied"));
    house.is_well().await;
}

#[tokio::test]
async fn o49_after_a_form_browsers_are_sent_on_by_303() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    for answer in ["allow", "deny", "anything"] {
        let (id, token) = house.open(&mut browser, &authorize(&client, &[])).await.form();
        let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", answer)];
        assert_eq!(house.press(&mut browser, "/consent", &form).await.status, 303, "{answer}");
    }
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    assert_eq!(house.come_back(&mut browser, &sent["state"]).await.status, 303);
    house.is_well().await;
}

#[tokio::test]
async fn o50_pages_of_other_origins_read_nothing_of_what_people_see() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let path = authorize(&client, &[]);
    let path = path.strip_prefix(ORIGIN).expect("it is here");
    for path in [path, "/consent", "/auth/google/callback"] {
        for method in ["GET", "HEAD", "OPTIONS", "POST"] {
            let request = request(method, path)
                .header("origin", "https://evil.example")
                .header("access-control-request-method", "POST");
            let answer = house.ask(request.body(Body::empty()).expect("a request")).await;
            for name in answer.headers.keys() {
                assert!(!name.as_str().starts_with("access-control-"), "{method} {path} {name}");
            }
        }
    }
    // Programs on any page may register and ask for tokens.
    for path in [
        "/token",
        "/register",
        "/revoke",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let ask = |method: &str| {
            let request = request(method, path)
                .header("origin", "https://anywhere.example")
                .header("access-control-request-method", "POST");
            house.ask(request.body(Body::empty()).expect("a request"))
        };
        let preflight = ask("OPTIONS").await;
        assert_eq!(
            (preflight.status.as_u16(), preflight.header("access-control-allow-origin")),
            (204, "*")
        );
        assert_eq!(preflight.header("access-control-allow-credentials"), "");
        assert_eq!(ask("POST").await.header("access-control-allow-origin"), "*", "{path}");
    }
    house.is_well().await;
}

#[tokio::test]
async fn o51_no_page_tells_another_what_stood_in_its_address() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let page = house.open(&mut browser, &authorize(&client, &[])).await;
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert!(
        !page.text.contains("src=\"http") && !page.text.contains("href=\"http"),
        "{}",
        page.text
    );
    let sent = house.agree(&mut browser, &authorize(&client, &[])).await;
    let back = house.come_back(&mut browser, &sent["state"]).await;
    assert_eq!(back.header("referrer-policy"), "no-referrer");
    house.is_well().await;
}

#[tokio::test]
async fn o52_nothing_of_a_sign_in_is_kept_by_caches() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let mut browser = Browser::default();
    let address = authorize(&client, &[]);
    let page = house.open(&mut browser, &address).await;
    assert_eq!(page.header("cache-control"), "no-store");
    let sent = house.agree(&mut browser, &address).await;
    // Back, and the same form again: it was answered, and says so.
    let (id, token) = page.form();
    let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "allow")];
    assert_eq!(house.press(&mut browser, "/consent", &form).await.status, 303);
    house.press(&mut browser, "/consent", &form).await.is_page(400);
    let back = house.come_back(&mut browser, &sent["state"]).await;
    assert_eq!(back.header("cache-control"), "no-store");
    let tokens = house.exchange(&client, &back.query()["code"]).await;
    assert_eq!(tokens.header("cache-control"), "no-store");
    assert_eq!(tokens.header("pragma"), "no-cache");
    assert_eq!(house.exchange(&client, "x").await.header("cache-control"), "no-store");
    house.is_well().await;
}

#[tokio::test]
async fn o57_addresses_come_from_the_settings_whatever_a_request_says() {
    let house = House::new().await;
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-authorization-server/mcp",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/mcp",
        "/mcp/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let plain = house.get(path).await;
        assert_eq!(plain.status, 200, "{path}");
        assert!(plain.text.contains(ORIGIN) && !plain.text.contains("evil"));
        let request = request("GET", path)
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("forwarded", "host=evil.example;proto=http")
            .header("x-original-url", "/evil");
        let told = house.ask(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(told.text, plain.text, "{path}");
        let mut request = crate::people::request("GET", path);
        request
            .headers_mut()
            .expect("headers")
            .insert("host", "evil.example".parse().expect("a host"));
        assert_eq!(house.ask(request.body(Body::empty()).expect("a request")).await.status, 403);
    }
    let challenge = house.call(&[]).await;
    assert_eq!(challenge.status, 401);
    assert!(challenge.header("www-authenticate").contains(&format!("{ORIGIN}/.well-known/")));
    house.is_well().await;
}
