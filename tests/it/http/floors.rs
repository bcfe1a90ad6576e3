//! What is asked of a sign-in before anybody is known is counted by address, and refreshes by
//! sign-in; and what a server says that people sign in at.

use axum::body::Body;
use axum::http::Request;
use docent::http::Peer;

use crate::people::{Answer, BACK, Browser, House, ORIGIN, authorize, encoded, exchange, request};

async fn from(house: &House, address: &str, mut request: Request<Body>) -> Answer {
    request.extensions_mut().insert(Peer(address.parse().expect("an address")));
    house.ask(request).await
}

fn wait(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().expect("seconds")
}

#[tokio::test]
async fn an_address_sends_so_many_people_to_be_asked_and_no_more() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let address = authorize(&client, &[]);
    let path = address.strip_prefix(ORIGIN).expect("an address here");
    let open = |address| {
        let asked = request("GET", path).header("accept", "text/html").body(Body::empty());
        from(&house, address, asked.expect("a request"))
    };
    for _ in 0..100 {
        assert_eq!(open("192.0.2.1").await.status, 200);
    }
    let refused = open("192.0.2.1").await;
    assert!((1..=15 * 60 + 1).contains(&wait(&refused)));
    refused.is_page(429);
    assert!(house.counts("docent_limited_total{limit=\"authorizations\"} 1"));
    let begun = "docent_door_events_total{event=\"sign_in.began\",outcome=\"done\"} 100";
    assert!(house.counts(begun));
    assert_eq!(open("192.0.2.2").await.status, 200);
    house.pass(15 * 60);
    assert_eq!(open("192.0.2.1").await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn an_address_is_refused_so_many_tokens_and_then_held_off() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let code = house.code(&client).await;
    let ask = |path, address, code: &str| {
        let form = request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(encoded(&exchange(&client, code))));
        from(&house, address, form.expect("a request"))
    };
    for at in 0..299 {
        let refused = ask("/token", "2001:db8::1", &format!("wrong-{at}")).await;
        assert_eq!(refused.error(), (400, "invalid_grant".into()));
    }
    // Those that get something do not count: many come from the addresses of one assistant.
    for _ in 0..5 {
        let code = house.code(&client).await;
        assert_eq!(ask("/token", "2001:db8::1", &code).await.status, 200);
    }
    assert_eq!(ask("/revoke", "2001:db8::2", "").await.error(), (400, "invalid_request".into()));
    for path in ["/token", "/revoke"] {
        let refused = ask(path, "2001:db8::3", &code).await;
        assert_eq!(refused.error(), (429, "temporarily_unavailable".into()));
        assert!((1..=15 * 60 + 1).contains(&wait(&refused)));
    }
    assert!(house.counts("docent_limited_total{limit=\"refused_tokens\"} 2"));
    // Nothing happened to the code, and others come in with theirs.
    assert_eq!(ask("/token", "2001:db8:0:1::1", &code).await.status, 200);
    house.pass(15 * 60);
    let code = house.code(&client).await;
    assert_eq!(ask("/token", "2001:db8::1", &code).await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn a_sign_in_is_refreshed_so_often_and_no_other_pays_for_it() {
    let house = House::new().await;
    let client = house.register(&[BACK]).await;
    let (mut tokens, other) = (house.tokens(&client).await, house.tokens(&client).await);
    for _ in 0..60 {
        tokens = house.refresh(&client, &tokens.refresh).await.tokens();
    }
    let refused = house.refresh(&client, &tokens.refresh).await;
    assert_eq!(refused.error(), (429, "temporarily_unavailable".into()));
    assert!(house.counts("docent_limited_total{limit=\"refreshes\"} 1"));
    // It goes on with what it has.
    assert_eq!(house.search(&tokens.access).await.status, 200);
    assert_eq!(house.refresh(&client, &other.refresh).await.status, 200);
    house.pass(60 * 60);
    assert_eq!(house.refresh(&client, &tokens.refresh).await.status, 200);
    house.is_well().await;
}

#[tokio::test]
async fn who_is_not_known_learns_of_both_ways_in() {
    let house = House::new().await;
    for headers in [&[][..], &[("authorization", "Bearer dk_live_x")]] {
        let refused = house.call(headers).await;
        let json = refused.json();
        let said = json["error_description"].as_str().expect("words");
        assert_eq!(refused.status, 401);
        assert!(said.contains("sign in with"), "{said}");
        assert!(said.contains("Authorization: Bearer dk_live_"), "{said}");
    }
    // People too, where they look.
    let page = house.open(&mut Browser::default(), "/mcp").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("sign in with"), "{}", page.text);
    assert!(page.text.contains("Authorization: Bearer dk_live_"), "{}", page.text);
}

#[tokio::test]
async fn where_documents_are_not_wanted_clients_are_told_to_register() {
    let wanted = House::new().await;
    let house = House::fetching(None).await;
    for (house, takes) in [(&wanted, true), (&house, false)] {
        let about = house.get("/.well-known/oauth-authorization-server").await.json();
        assert_eq!(about["client_id_metadata_document_supported"], takes);
        assert_eq!(about["registration_endpoint"], format!("{ORIGIN}/register"));
    }
    let address = authorize("https://app.example/client.json", &[]);
    house.open(&mut Browser::default(), &address).await.is_page(400);
    house.is_well().await;
}
