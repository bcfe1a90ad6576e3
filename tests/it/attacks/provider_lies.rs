//! O27: an identity provider that does not say the truth, or not at all.

use std::sync::Arc;

use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::people::{BACK, Browser, House, authorize};
use crate::provider::Provider;

/// How a sign-in ends.
async fn ends(house: &House, client: &str) -> Result<String, String> {
    let mut browser = Browser::default();
    let sent = house.agree(&mut browser, &authorize(client, &[])).await;
    let query = house.come_back(&mut browser, &sent["state"]).await.query();
    match query.get("code") {
        Some(code) => Ok(code.clone()),
        None => Err(query["error"].clone()),
    }
}

#[tokio::test]
async fn o27_an_id_token_that_says_something_else_signs_nobody_in() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    type Lie = Box<dyn Fn(&mut Value) + Send + Sync>;
    let set = |name: &'static str, value: Value| -> Lie {
        Box::new(move |claims: &mut Value| claims[name] = value.clone())
    };
    let without = |name: &'static str| -> Lie {
        Box::new(move |claims: &mut Value| {
            drop(claims.as_object_mut().expect("claims").remove(name))
        })
    };
    let now = 1_800_000_000u64;
    let lies: Vec<Lie> = vec![
        set("nonce", json!("another")),
        without("nonce"),
        set("aud", json!("another")),
        set("aud", json!([])),
        set("aud", json!(["docent.apps.example", "another"])),
        without("aud"),
        set("azp", json!("another")),
        set("azp", json!(7)),
        set("iss", json!("https://evil.example")),
        set("iss", json!("accounts.google.com")),
        without("iss"),
        set("exp", json!(now - 60)),
        set("exp", json!("soon")),
        without("exp"),
        set("iat", json!(now + 61)),
        without("iat"),
        set("nbf", json!(now + 61)),
        set("sub", json!("")),
        set("sub", json!("x".repeat(300))),
        set("sub", json!(7)),
        set("sub", json!("a\nb")),
        without("sub"),
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        house.provider.lie(lie);
        assert_eq!(ends(&house, &client).await, Err("server_error".into()), "lie {at}");
    }
    // A clock that is a minute off is no lie.
    house.provider.lie(move |claims| {
        claims["iat"] = json!(now + 60);
        claims["exp"] = json!(now - 59);
        claims["aud"] = json!(["docent.apps.example"]);
        claims["azp"] = json!("docent.apps.example");
    });
    assert!(ends(&house, &client).await.is_ok());
    house.provider.lie(|_| {});
    house.is_well().await;
}

#[tokio::test]
async fn o27_an_id_token_that_is_signed_in_another_way_signs_nobody_in() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let other_key = Provider::start(1_800_000_000).await;
    let secret = EncodingKey::from_secret(&house.provider.public_key());
    let body = |token: &str| token.split('.').nth(1).expect("claims").to_owned();
    let resigned = {
        move |token: String| {
            let claims = URL_SAFE_NO_PAD.decode(body(&token)).expect("claims");
            let claims: Value = serde_json::from_slice(&claims).expect("claims");
            encode(&Header::new(Algorithm::HS256), &claims, &secret).expect("a token")
        }
    };
    let unsigned = {
        move |token: String| {
            format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#), body(&token))
        }
    };
    let forged = move |token: String| {
        let claims = URL_SAFE_NO_PAD.decode(body(&token)).expect("claims");
        let claims: Value = serde_json::from_slice(&claims).expect("claims");
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("k1".into());
        other_key.sign(&header, &claims)
    };
    type Change = Arc<dyn Fn(String) -> String + Send + Sync>;
    let changes: Vec<Change> = vec![
        Arc::new(resigned),
        Arc::new(unsigned),
        Arc::new(forged),
        Arc::new(|token| format!("{token}x")),
        Arc::new(|token| token[..token.len() - 8].to_owned()),
        Arc::new(|_| String::new()),
        Arc::new(|_| "x.y.z".into()),
        Arc::new(|token| format!("{token}{}", "x".repeat(10_000))),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        house.provider.behave(|behaviour| behaviour.token = change);
        assert_eq!(ends(&house, &client).await, Err("server_error".into()), "change {at}");
    }
    house.provider.behave(|behaviour| behaviour.token = Arc::new(|token| token));
    for change in [
        |header: &mut Header| header.kid = Some("unknown".into()),
        |header: &mut Header| header.crit = Some(vec!["exp".into()]),
        |header: &mut Header| header.alg = Algorithm::RS512,
    ] {
        house.provider.behave(|behaviour| change(&mut behaviour.header));
        assert_eq!(ends(&house, &client).await, Err("server_error".into()));
        house.provider.behave(|behaviour| *behaviour = Provider::honest(behaviour.now));
    }
    assert!(ends(&house, &client).await.is_ok());
    house.is_well().await;
}

#[tokio::test]
async fn o27_a_provider_that_answers_wrongly_signs_nobody_in() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    type Answer = Arc<dyn Fn() -> axum::response::Response + Send + Sync>;
    let json = [("content-type", "application/json")];
    let answers: Vec<Answer> = vec![
        Arc::new(move || (json, "{}").into_response()),
        Arc::new(move || (json, "not JSON").into_response()),
        Arc::new(move || (json, r#"{"access_token":"x"}"#).into_response()),
        Arc::new(move || (json, r#"{"id_token":7}"#).into_response()),
        Arc::new(move || (json, "x".repeat(5 << 20)).into_response()),
        Arc::new(|| (axum::http::StatusCode::BAD_REQUEST, "<script>").into_response()),
        Arc::new(|| axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response()),
        Arc::new(|| axum::response::Redirect::temporary("/token").into_response()),
    ];
    for (at, answer) in answers.into_iter().enumerate() {
        house.provider.behave(|behaviour| behaviour.answer = Some(answer));
        assert_eq!(ends(&house, &client).await, Err("server_error".into()), "answer {at}");
    }
    house.provider.behave(|behaviour| behaviour.answer = None);
    // It was asked once for each, and never followed anywhere.
    assert_eq!(house.provider.forms.lock().expect("no panic").len(), 8);
    house.is_well().await;
}

#[tokio::test]
async fn o27_a_provider_without_its_keys_signs_nobody_in() {
    for keys in [
        "{}",
        "[]",
        "not JSON",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AA","kid":"k1"}]}"#,
    ] {
        let house = House::new().await;
        let client = house.register(&[BACK]).await;
        house.provider.behave(|behaviour| behaviour.keys = Some(keys.to_owned()));
        assert_eq!(ends(&house, &client).await, Err("server_error".into()), "{keys}");
    }
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    house.provider.behave(|behaviour| {
        behaviour.keys = Some(format!("{{\"keys\":[{}]}}", " ".repeat(5 << 20)))
    });
    assert_eq!(ends(&house, &client).await, Err("server_error".into()));
}

#[tokio::test]
async fn o27_a_provider_that_is_another_is_told_nothing() {
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("issuer", Value::Null),
        ("token_endpoint", json!("not an address")),
        ("jwks_uri", Value::Null),
    ] {
        let house = House::new().await;
        let client = house.register(&[BACK]).await;
        house.provider.behave(|behaviour| {
            behaviour.metadata = Arc::new(move |metadata| metadata[name] = value.clone());
        });
        let mut browser = Browser::default();
        let (id, token) = house.open(&mut browser, &authorize(&client, &[])).await.form();
        let form = [("sign_in", id.as_str()), ("token", token.as_str()), ("answer", "allow")];
        let query = house.press(&mut browser, "/consent", &form).await.query();
        assert_eq!(query["error"], "temporarily_unavailable", "{name}");
        assert!(house.provider.forms.lock().expect("no panic").is_empty());
    }
}
