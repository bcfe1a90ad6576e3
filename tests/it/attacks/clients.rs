//! O: clients that register, and what they may not do by it.

use axum::body::Body;
use docent::auth::Client;
use docent::http::Peer;
use docent::store::{GrantKind, GrantRecord};
use serde_json::json;

use crate::people::{BACK, House, request};

#[tokio::test]
async fn o31_a_registration_is_small_plain_and_of_a_public_client() {
    let house = House::new().await;
    let post = |kind: &'static str, body: String| {
        let request = request("POST", "/register").header("content-type", kind);
        house.ask(request.body(Body::from(body)).expect("a request"))
    };
    let json_kind = "application/json";
    assert_eq!(post(json_kind, format!("\"{}\"", "x".repeat(1 << 20))).await.status, 413);
    assert_eq!(post("text/plain", "{}".into()).await.status, 415);
    assert_eq!(post("application/x-www-form-urlencoded", "a=b".into()).await.status, 415);
    for bad in
        ["", "x", "[]", "7", &"[".repeat(60_000), r#"{"redirect_uris":["https://a.example/"]"#]
    {
        let answer = post(json_kind, bad.to_owned()).await;
        assert_eq!(answer.error(), (400, "invalid_client_metadata".into()), "{bad:.20}");
    }
    let many = vec![BACK; 1000];
    let answer = house.post_json("/register", &json!({ "redirect_uris": many })).await;
    assert_eq!(answer.error(), (400, "invalid_redirect_uri".into()));
    let body = json!({ "redirect_uris": [BACK], "software_statement": "x" });
    assert_eq!(house.post_json("/register", &body).await.error().0, 400);
    // Whatever it asks for, it gets no secret; what is not known is passed over.
    let body = json!({ "redirect_uris": [BACK], "token_endpoint_auth_method": "client_secret_basic",
        "jwks_uri": "http://127.0.0.1/keys", "scope": "admin", "unknown": { "deep": [1, 2] },
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"] });
    let answer = house.post_json("/register", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let got = answer.json();
    assert_eq!(got["token_endpoint_auth_method"], "none");
    assert_eq!(got["scope"], "docs:read");
    for absent in ["client_secret", "registration_access_token", "jwks_uri", "unknown"] {
        assert!(got.get(absent).is_none(), "{got}");
    }
    house.is_well().await;
}

#[tokio::test]
async fn o32_a_flood_of_registrations_is_held_off_and_takes_nobodys_place() {
    let house = House::new().await;
    let register = |from: &str| {
        let mut request = request("POST", "/register")
            .header("content-type", "application/json")
            .body(Body::from(json!({ "redirect_uris": [BACK] }).to_string()))
            .expect("a request");
        request.extensions_mut().insert(Peer(from.parse().expect("an address")));
        house.ask(request)
    };
    for _ in 0..20 {
        assert_eq!(register("2001:db8::1").await.status, 201);
    }
    // From all addresses of one network, which are one household's.
    let refused = register("2001:db8::ffff").await;
    assert_eq!(refused.error(), (429, "temporarily_unavailable".into()));
    assert!(refused.header("retry-after").parse::<u64>().is_ok_and(|seconds| seconds > 3000));
    assert_eq!(register("2001:db8:0:1::1").await.status, 201);
    house.pass(3600);
    assert_eq!(register("2001:db8::1").await.status, 201);

    // There is room for so many. Those that nobody signed in with go first, the oldest of them
    // before the others; those in use stay.
    let folder = tempfile::tempdir().expect("a folder");
    use docent::store::{ClientStore, GrantStore};
    let store = docent::store::SqliteStore::open(folder.path()).expect("a store");
    let client = |id: &str, created: u64| Client {
        id: id.into(),
        name: id.into(),
        redirect_uris: vec![BACK.into()],
        created,
        used: None,
        fresh_until: None,
    };
    for (id, created) in [("in-use", 1), ("old", 2), ("new", 3)] {
        store.put_client(&client(id, created), 3).expect("a store");
    }
    let grant = |client: &str| GrantRecord {
        kind: GrantKind::Refresh,
        hash: [client.len() as u8; 32],
        client: client.into(),
        family: Some(client.into()),
        person: Some("p".into()),
        established: 1,
        expires: None,
        successor: None,
        sealed: vec![1],
    };
    store.put_grant(&grant("in-use")).expect("a store");
    store.put_client(&client("next", 4), 3).expect("a store");
    let known = |id: &str| store.client(id).expect("a store").is_some();
    assert!(known("in-use") && known("new") && known("next") && !known("old"));
    store.put_grant(&grant("new")).expect("a store");
    store.put_grant(&grant("next")).expect("a store");
    // Where all are in use, newcomers are not kept out: whoever used theirs longest ago registers
    // again.
    store.use_client("in-use", 9).expect("a store");
    store.put_client(&client("one-more", 5), 3).expect("a store");
    assert!(known("in-use") && !known("new") && known("next") && known("one-more"));
    house.is_well().await;
}

#[tokio::test]
async fn o33_a_registration_can_be_neither_read_nor_changed() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    for path in ["/register".to_owned(), format!("/register/{client}")] {
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let answer = house.ask(request(method, &path).body(Body::empty()).expect("a request"));
            let answer = answer.await;
            assert!(
                [401, 404, 405].contains(&answer.status.as_u16()),
                "{method} {path} {answer:?}"
            );
            assert!(!answer.text.contains("redirect_uris"));
        }
    }
    assert_eq!(house.tokens(&client).await.access.len(), 70);
    house.is_well().await;
}
