//! O: codes and tokens: used twice, by another, too late, for too much, in the wrong place.

use axum::body::Body;
use docent::auth::{Grants, Parameters};
use docent::store::Revocation;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;

use crate::people::{BACK, House, ORIGIN, SEARCH, Tokens, encoded, exchange, request};

async fn sent(house: &House, form: &[(&'static str, String)]) -> crate::people::Answer {
    house.form("/token", form).await
}

/// Whether tokens still let anybody in.
async fn works(house: &House, tokens: &Tokens) -> bool {
    house.search(&tokens.access).await.status == 200
}

#[tokio::test]
async fn o07_a_code_that_is_used_twice_takes_back_what_it_gave() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let code = house.code(&client).await;
    let tokens = house.exchange(&client, &code).await.tokens();
    assert!(works(&house, &tokens).await);
    assert_eq!(house.exchange(&client, &code).await.error(), (400, "invalid_grant".into()));
    assert!(!works(&house, &tokens).await);
    assert_eq!(
        house.refresh(&client, &tokens.refresh).await.error(),
        (400, "invalid_grant".into())
    );
    // Also where it was refreshed meanwhile, and the code would have ended.
    let code = house.code(&client).await;
    let first = house.exchange(&client, &code).await.tokens();
    let second = house.refresh(&client, &first.refresh).await.tokens();
    house.pass(300);
    assert_eq!(house.exchange(&client, &code).await.error(), (400, "invalid_grant".into()));
    assert!(!works(&house, &second).await);
    house.is_well().await;
}

#[tokio::test]
async fn o08_who_cannot_have_been_meant_takes_nothing_away() {
    let house = House::new().await;
    let (client, other) = (house.register(&[BACK]).await, house.register(&[BACK]).await);
    let code = house.code(&client).await;
    let strays = |code: &str| {
        let good = exchange(&client, code);
        let changed = |name: &str, value: &str| {
            let mut form = good.clone();
            form.iter_mut().filter(|(at, _)| *at == name).for_each(|(_, v)| *v = value.to_owned());
            form
        };
        let mut without = good.clone();
        without.retain(|(name, _)| *name != "redirect_uri");
        [
            changed("client_id", &other),
            changed("redirect_uri", "https://app.example/other"),
            changed("code_verifier", "another-verifier-that-is-long-enough-for-it"),
            changed("code", &code[..code.len() - 1]),
            changed("code", &code[..16]),
            without,
        ]
    };
    for form in strays(&code) {
        assert_eq!(sent(&house, &form).await.error(), (400, "invalid_grant".into()), "{form:?}");
    }
    let tokens = house.exchange(&client, &code).await.tokens();
    for form in strays(&code) {
        assert_eq!(sent(&house, &form).await.error(), (400, "invalid_grant".into()), "{form:?}");
    }
    assert!(works(&house, &tokens).await);
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o09_of_many_who_show_one_code_at_once_one_gets_tokens() {
    let house = std::sync::Arc::new(House::new().await);
    let client = house.register(&[BACK]).await;
    let code = house.code(&client).await;
    let tries = (0..20).map(|_| {
        let (house, client, code) = (house.clone(), client.clone(), code.clone());
        tokio::spawn(async move { house.exchange(&client, &code).await.status.as_u16() })
    });
    let mut good = 0;
    for status in tries.collect::<Vec<_>>() {
        match status.await.expect("an answer") {
            200 => good += 1,
            status => assert_eq!(status, 400),
        }
    }
    assert_eq!(good, 1);
    house.is_well().await;
}

#[tokio::test]
async fn o10_a_code_is_good_for_a_minute_and_across_a_restart_for_once() {
    let mut house = House::new().await;
    let client = house.register(&[BACK]).await;
    let code = house.code(&client).await;
    house.pass(60);
    assert_eq!(house.exchange(&client, &code).await.error(), (400, "invalid_grant".into()));
    let code = house.code(&client).await;
    house.pass(59);
    house.restart();
    house.exchange(&client, &code).await.tokens();
    house.restart();
    assert_eq!(house.exchange(&client, &code).await.error(), (400, "invalid_grant".into()));
    house.is_well().await;
}

#[tokio::test]
async fn o11_a_refresh_token_that_is_used_long_after_ends_the_sign_in() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let first = house.tokens(&client).await;
    let second = house.refresh(&client, &first.refresh).await.tokens();
    house.pass(121);
    assert_eq!(house.refresh(&client, &first.refresh).await.error(), (400, "invalid_grant".into()));
    assert!(!works(&house, &second).await);
    assert_eq!(
        house.refresh(&client, &second.refresh).await.error(),
        (400, "invalid_grant".into())
    );
    house.is_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn o12_twenty_refreshes_at_once_get_one_answer() {
    let house = std::sync::Arc::new(House::new().await);
    let client = house.register(&[BACK]).await;
    let first = house.tokens(&client).await;
    let tries = (0..20).map(|_| {
        let (house, client, token) = (house.clone(), client.clone(), first.refresh.clone());
        tokio::spawn(async move { house.refresh(&client, &token).await.tokens() })
    });
    let mut successors = std::collections::BTreeSet::new();
    for tokens in tries.collect::<Vec<_>>() {
        let tokens = tokens.await.expect("an answer");
        assert!(works(&house, &tokens).await);
        successors.insert((tokens.access, tokens.refresh));
    }
    assert_eq!(successors.len(), 1);
    // Up to the last second of two minutes, and across a restart.
    house.pass(119);
    let again = house.refresh(&client, &first.refresh).await.tokens();
    assert!(successors.contains(&(again.access, again.refresh)));
    house.is_well().await;
}

#[tokio::test]
async fn o13_a_token_whose_successor_was_used_has_no_second_chance() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let first = house.tokens(&client).await;
    let second = house.refresh(&client, &first.refresh).await.tokens();
    let third = house.refresh(&client, &second.refresh).await.tokens();
    assert!(works(&house, &third).await);
    assert_eq!(house.refresh(&client, &first.refresh).await.error(), (400, "invalid_grant".into()));
    assert!(!works(&house, &third).await);
    assert_eq!(house.refresh(&client, &third.refresh).await.error(), (400, "invalid_grant".into()));
    house.is_well().await;
}

#[tokio::test]
async fn o14_a_refresh_asks_for_no_more_than_there_was_and_loses_nothing_by_asking() {
    let house = House::new().await;
    let (client, other) = (house.register(&[BACK]).await, house.register(&[BACK]).await);
    let tokens = house.tokens(&client).await;
    let base = [
        ("grant_type", "refresh_token".to_owned()),
        ("client_id", client.clone()),
        ("refresh_token", tokens.refresh.clone()),
    ];
    let with = |name: &'static str, value: &str| {
        let mut form = base.to_vec();
        form.retain(|(at, _)| *at != name);
        form.push((name, value.to_owned()));
        form
    };
    for (form, error) in [
        (with("scope", "docs:read admin"), "invalid_scope"),
        (with("scope", "\"\""), "invalid_scope"),
        (with("resource", "https://other.example/mcp"), "invalid_target"),
        (with("client_id", &other), "invalid_grant"),
        (with("refresh_token", &tokens.access), "invalid_grant"),
        (with("refresh_token", tokens.refresh.trim_start_matches("dk_rt_")), "invalid_grant"),
    ] {
        assert_eq!(sent(&house, &form).await.error(), (400, error.into()), "{form:?}");
    }
    let form = with("scope", "docs:read");
    let renewed = sent(&house, &form).await.tokens();
    assert!(works(&house, &renewed).await);
    house.is_well().await;
}

#[tokio::test]
async fn o15_only_an_access_token_is_one() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let code = house.code(&client).await;
    let unused = house.code(&client).await;
    let tokens = house.exchange(&client, &code).await.tokens();
    let bare = tokens.access.trim_start_matches("dk_at_").to_owned();
    for other in [
        tokens.refresh.clone(),
        tokens.refresh.replacen("dk_rt_", "dk_at_", 1),
        format!("dk_at_{unused}"),
        unused.clone(),
        bare.clone(),
        format!("dk_live_{bare}"),
        format!("DK_AT_{bare}"),
        format!("{} ", tokens.access),
        client.clone(),
    ] {
        let answer = house.search(&other).await;
        assert_eq!(answer.error(), (401, "invalid_token".into()), "{other}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    }
    assert!(works(&house, &tokens).await);
    house.is_well().await;
}

#[tokio::test]
async fn o16_a_token_for_another_is_none_here() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    // Another resource that keeps its grants in the same place.
    let time = std::sync::Arc::new(|| {
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000)
    });
    let resource = "https://docs.example.com/other";
    let other = Grants::new(house.store.clone(), ORIGIN, resource, &[], time);
    let known = house.store.client(&client).expect("a store").expect("a client");
    let address = crate::people::authorize(&client, &[("resource", Some(resource))]);
    let query = address.split_once('?').expect("a query").1;
    let asked = Parameters::parse(query.as_bytes());
    let asked = other.ask(&asked, &known).expect("a store").expect("it may be asked");
    let back = other.approve(&asked, "somebody").expect("a code");
    let back = url::Url::parse(&back).expect("an address");
    let code = back.query_pairs().find(|(name, _)| name == "code").expect("a code").1.into_owned();
    let form = exchange(&client, &code);
    let form = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let tokens = other.token(&form).expect("a store").expect("tokens");
    let token = tokens["access_token"].as_str().expect("a token");
    assert!(other.whose(token).expect("a store").is_some());
    assert_eq!(house.search(token).await.error(), (401, "invalid_token".into()));
    // What the provider gives out is not for us to take either.
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some("k1".into());
    let id_token = house.provider.sign(&header, &json!({ "iss": house.provider.issuer,
        "aud": crate::provider::CLIENT_ID, "sub": "1", "exp": 1_900_000_000u64, "iat": 1_800_000_000u64 }));
    for token in ["ya29.upstream-access-token", &id_token] {
        assert_eq!(house.search(token).await.error(), (401, "invalid_token".into()));
    }
    house.is_well().await;
}

#[tokio::test]
async fn o17_a_token_that_somebody_made_is_none() {
    let house = House::new().await;
    let claims = json!({ "iss": ORIGIN, "aud": format!("{ORIGIN}/mcp"), "sub": "1", "exp": 1_900_000_000u64 });
    let secret = EncodingKey::from_secret(&house.provider.public_key());
    let part = |value: &serde_json::Value| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let none = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims));
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("../../etc/passwd".into());
    header.jku = Some("https://evil.example/keys".into());
    let signed = encode(&header, &claims, &secret).expect("a token");
    for token in [
        none,
        signed,
        "a.b.c".into(),
        format!("dk_at_{}", "x".repeat(1 << 20)),
        "x".repeat(1 << 20),
    ] {
        // Two of five are too many wrong keys for one address in the long run, not yet here.
        assert_eq!(house.search(&token).await.status, 401, "{}", &token[..token.len().min(80)]);
    }
    house.is_well().await;
}

#[tokio::test]
async fn o18_an_access_token_ends_to_the_second() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let tokens = house.tokens(&client).await;
    house.pass(3599);
    assert!(works(&house, &tokens).await);
    house.pass(1);
    assert_eq!(house.search(&tokens.access).await.error(), (401, "invalid_token".into()));
    // And the sign-in after thirty days, however often it was refreshed.
    let mut tokens = house.refresh(&client, &tokens.refresh).await.tokens();
    house.pass(29 * 24 * 3600);
    tokens = house.refresh(&client, &tokens.refresh).await.tokens();
    house.pass(24 * 3600 - 3600 - 1);
    tokens = house.refresh(&client, &tokens.refresh).await.tokens();
    assert!(works(&house, &tokens).await);
    house.pass(3600);
    assert_eq!(
        house.refresh(&client, &tokens.refresh).await.error(),
        (400, "invalid_grant".into())
    );
    house.is_well().await;
}

#[tokio::test]
async fn o19_a_token_stands_in_one_place_once() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let Tokens { access, .. } = house.tokens(&client).await;
    let bearer = format!("Bearer {access}");
    assert_eq!(house.call(&[("authorization", &format!("bEaReR {access}"))]).await.status, 200);
    for headers in [
        vec![("authorization", bearer.as_str()), ("authorization", &bearer)],
        vec![("authorization", access.as_str())],
        vec![("authorization", "Bearer")],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "")],
        vec![("cookie", access.as_str())],
        vec![("x-api-key", access.as_str())],
        vec![("proxy-authorization", bearer.as_str())],
    ] {
        assert_eq!(house.call(&headers).await.status, 401, "{headers:?}");
    }
    for scheme in ["Basic", "Token", "Bearer\t"] {
        let value = format!("{scheme} {access}");
        assert_eq!(house.call(&[("authorization", &value)]).await.status, 401, "{scheme}");
    }
    for path in [format!("/mcp?access_token={access}"), format!("/mcp?token={access}")] {
        let request = request("POST", &path)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream");
        let answer = house.ask(request.body(Body::from(SEARCH)).expect("a request")).await;
        assert_eq!(answer.status, 401);
    }
    let form = request("POST", "/mcp").header("content-type", "application/x-www-form-urlencoded");
    let body = encoded(&[("access_token", &access)]);
    assert_eq!(house.ask(form.body(Body::from(body)).expect("a request")).await.status, 401);
    house.is_well().await;
}

#[tokio::test]
async fn o44_the_token_endpoint_takes_two_kinds_of_forms() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let code = house.code(&client).await;
    for kind in [
        "client_credentials",
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "x",
    ] {
        let form = [("grant_type", kind), ("client_id", &client), ("code", &code)];
        let error = house.form("/token", &form).await.error();
        assert_eq!(error, (400, "unsupported_grant_type".into()), "{kind}");
    }
    let json = json!({ "grant_type": "authorization_code", "client_id": client, "code": code });
    assert_eq!(house.post_json("/token", &json).await.error(), (415, "invalid_request".into()));
    let query =
        encoded(&[("grant_type", "authorization_code"), ("client_id", &client), ("code", &code)]);
    let get = house.get(&format!("/token?{query}")).await;
    assert_eq!((get.status.as_u16(), get.header("allow")), (405, "POST, OPTIONS"));
    let form: &[(&str, &str)] = &[];
    assert_eq!(
        house.form(&format!("/token?{query}"), form).await.error(),
        (400, "invalid_request".into())
    );
    for twice in ["grant_type", "client_id", "code", "code_verifier"] {
        let mut form = exchange(&client, &code);
        form.push((twice, "x".into()));
        assert_eq!(sent(&house, &form).await.error(), (400, "invalid_request".into()), "{twice}");
    }
    for missing in ["grant_type", "client_id", "code"] {
        let mut form = exchange(&client, &code);
        form.retain(|(name, _)| *name != missing);
        assert_eq!(sent(&house, &form).await.error(), (400, "invalid_request".into()), "{missing}");
    }
    let mut form = exchange(&client, &code);
    form.push(("client_secret", "one-that-nobody-gave-out".into()));
    assert_eq!(sent(&house, &form).await.error(), (401, "invalid_client".into()));
    let big = format!("grant_type=authorization_code&x={}", "y".repeat(100_000));
    let request =
        request("POST", "/token").header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(house.ask(request.body(Body::from(big)).expect("a request")).await.status, 413);
    house.exchange(&client, &code).await.tokens();
    house.is_well().await;
}

#[tokio::test]
async fn o45_a_client_that_is_gone_learns_that_it_has_to_register_again() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let tokens = house.tokens(&client).await;
    let code = house.code(&client).await;
    let (now, until) = (1_800_000_000_000, 1_900_000_000_000);
    house.store.revoke(Revocation::Client(&client), now, until).expect("a store");
    assert_eq!(
        house.refresh(&client, &tokens.refresh).await.error(),
        (401, "invalid_client".into())
    );
    assert_eq!(house.exchange(&client, &code).await.error(), (401, "invalid_client".into()));
    assert!(!works(&house, &tokens).await);
    let address = crate::people::authorize(&client, &[]);
    house.open(&mut crate::people::Browser::default(), &address).await.is_page(400);
    house.is_well().await;
}

#[tokio::test]
async fn o46_a_client_revokes_its_own_tokens_and_no_others() {
    let house = House::new().await;
    let (client, other) = (house.register(&[BACK]).await, house.register(&[BACK]).await);
    let revoke = |client: &str, token: &str| {
        let form = [("client_id", client.to_owned()), ("token", token.to_owned())];
        let house = &house;
        async move { house.form("/revoke", &form).await.status.as_u16() }
    };
    let tokens = house.tokens(&client).await;
    for token in [&tokens.access, &tokens.refresh] {
        assert_eq!(revoke(&other, token).await, 200);
    }
    assert_eq!(revoke(&client, "dk_at_unknown").await, 200);
    assert_eq!(revoke(&client, "x").await, 200);
    assert!(works(&house, &tokens).await);
    // An access token alone; with a refresh token everything.
    assert_eq!(revoke(&client, &tokens.access).await, 200);
    assert!(!works(&house, &tokens).await);
    let renewed = house.refresh(&client, &tokens.refresh).await.tokens();
    assert!(works(&house, &renewed).await);
    assert_eq!(revoke(&client, &renewed.refresh).await, 200);
    assert!(!works(&house, &renewed).await);
    assert_eq!(
        house.refresh(&client, &renewed.refresh).await.error(),
        (400, "invalid_grant".into())
    );
    house.is_well().await;
}

/// A disk that is full when it matters: what stands in the way of the last step is a reference that is
/// looked at only then.
#[tokio::test]
async fn what_cannot_be_ended_is_not_said_to_have_ended() {
    for kind in ["access token", "refresh token"] {
        let house = House::new().await;
        let client = house.register(&[BACK]).await;
        let tokens = house.tokens(&client).await;
        let database = rusqlite::Connection::open(house.data.path().join("state.sqlite"));
        let database = database.expect("the state");
        let number = if kind == "access token" { 1 } else { 2 };
        let sql = format!(
            "CREATE TABLE held (kind, hash, FOREIGN KEY (kind, hash) REFERENCES grants (kind, hash)
             DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO held SELECT kind, hash FROM grants WHERE kind = {number};"
        );
        database.execute_batch(&sql).expect("it is held");
        let form = [("client_id", client.clone()), ("token", tokens.refresh.clone())];
        assert_eq!(house.form_status("/revoke", &form).await, 500, "{kind}");
        assert!(works(&house, &tokens).await, "{kind}");
        database.execute_batch("DROP TABLE held").expect("it is let go");
        // Whoever was told so tries again.
        assert_eq!(house.form("/revoke", &form).await.status.as_u16(), 200, "{kind}");
        assert!(!works(&house, &tokens).await, "{kind}");
        assert_eq!(
            house.refresh(&client, &tokens.refresh).await.error(),
            (400, "invalid_grant".into())
        );
    }
}

#[tokio::test]
async fn o53_whoever_steals_the_files_can_do_nothing_with_them() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let unused = house.code(&client).await;
    let tokens = house.tokens(&client).await;
    let renewed = house.refresh(&client, &tokens.refresh).await.tokens();
    let (key, _) = house.keys.create("ci", None, None, 1).expect("a key");
    let bare = |token: &str| token[6..].to_owned();
    let secrets = [
        unused,
        bare(&tokens.access),
        bare(&tokens.refresh),
        bare(&renewed.access),
        bare(&renewed.refresh),
        key.reveal()[17..].to_owned(),
        "108234567890123456789".to_owned(),
        "somebody@example.com".to_owned(),
        "Some Body".to_owned(),
        crate::provider::CLIENT_SECRET.to_owned(),
        "ya29.upstream-access-token".to_owned(),
        crate::people::VERIFIER.to_owned(),
    ];
    let mut looked = 0;
    for file in std::fs::read_dir(house.data.path()).expect("a folder") {
        let path = file.expect("a file").path();
        let bytes = std::fs::read(&path).expect("a file");
        looked += bytes.len();
        for secret in &secrets {
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} is in {}", path.display());
            // Nor in the form of bytes, where it is written in digits.
            if let Some(raw) = unhexed(secret) {
                assert!(!bytes.windows(raw.len()).any(|window| window == raw), "{secret}");
            }
        }
    }
    assert!(looked > 10_000, "there is something to look at");
    house.is_well().await;
}

fn unhexed(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 {
        return None;
    }
    (0..32).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()).collect()
}

#[tokio::test]
async fn o55_one_name_at_two_providers_is_two_people() {
    let house = House::new().await;
    let people = docent::auth::People::open(house.data.path()).expect("a key");
    let hash = |issuer: &str, name: &str| people.hash(issuer, name);
    assert_ne!(hash("https://accounts.google.com", "7"), hash("https://login.example", "7"));
    assert_ne!(hash("https://a.example", "17"), hash("https://a.example1", "7"));
    // And the two ways in which Google spells itself are one: the issuer is the one that is set.
    let client = house.register(&[BACK]).await;
    house.tokens(&client).await;
    house.is_well().await;
}

#[tokio::test]
async fn o56_a_person_has_one_limit_whatever_they_use() {
    let house = House::new().await;
    let mut all = Vec::new();
    for at in 0..50 {
        let client = docent::auth::Client {
            id: format!("client-{at}"),
            name: "App".into(),
            redirect_uris: vec![BACK.into()],
            created: 1,
            used: None,
            fresh_until: None,
        };
        house.store.put_client(&client, 1000).expect("a store");
        all.push(house.tokens(&client.id).await);
    }
    for tokens in &all[..40] {
        assert_eq!(house.search(&tokens.access).await.status, 200);
    }
    for tokens in &all[40..] {
        let answer = house.search(&tokens.access).await;
        assert_eq!(answer.status, 429, "{}", answer.text);
        assert_eq!(answer.json()["error"]["data"]["scope"], "user");
    }
    // Another person has their own.
    house.provider.behave(|behaviour| behaviour.subject = "another".into());
    let other = house.tokens("client-0").await;
    assert_eq!(house.search(&other.access).await.status, 200);
    // And after an hour there is room again.
    house.pass(3599);
    let late = house.tokens("client-1").await;
    assert_eq!(house.search(&late.access).await.status, 200);
}
