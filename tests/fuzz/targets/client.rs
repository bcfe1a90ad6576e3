//! What a client says of itself: the input is a registration, and a document at the address that it
//! names; then its lines are a name and redirect URIs. Whatever is kept of it passes by itself.
#![no_main]

use docent::auth::{
    APPS, Client, check_document_address, check_redirect, documented, registered, registration,
};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// Marks that turn the direction of text.
const BIDI: [std::ops::RangeInclusive<char>; 4] = [
    '\u{61c}'..='\u{61c}',
    '\u{200e}'..='\u{200f}',
    '\u{202a}'..='\u{202e}',
    '\u{2066}'..='\u{2069}',
];

fn is_fit(client: &Client, said: &Value) {
    let Client { name, redirect_uris, .. } = client;
    assert!((1..=64).contains(&name.chars().count()), "{name:?}");
    let shown = |c: char| !c.is_control() && !BIDI.iter().any(|marks| marks.contains(&c));
    assert!(name.chars().all(shown), "{name:?}");
    assert!(name.split(' ').all(|word| !word.contains(char::is_whitespace)), "{name:?}");
    assert!((1..=16).contains(&redirect_uris.len()), "{redirect_uris:?}");
    for uri in redirect_uris {
        assert_eq!(check_redirect(uri, &APPS.map(str::to_owned)), Ok(()), "{uri}");
    }
    assert_eq!(json!(redirect_uris), said["redirect_uris"]);
}

fn register(said: &Value) {
    match registered(said, &APPS.map(str::to_owned), 1) {
        Ok(client) => {
            let client = client.expect("chance");
            is_fit(&client, said);
            let answer = registration(&client, "docs:read");
            assert_eq!(answer["redirect_uris"], said["redirect_uris"]);
            assert_eq!((client.created, client.fresh_until), (1, None));
        }
        Err(unfit) => assert!(!unfit.why.contains(char::is_control), "{unfit:?}"),
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(said) = serde_json::from_slice::<Value>(bytes) {
        register(&said);
        let id = said["client_id"].as_str().unwrap_or("https://app.example/client.json");
        let _ = check_document_address(id);
        match documented(id, bytes, &APPS.map(str::to_owned), 1, 2) {
            Ok(client) => {
                is_fit(&client, &said);
                assert_eq!((client.id.as_str(), client.fresh_until), (id, Some(2)));
                assert_eq!(said["client_id"], id);
            }
            Err(unfit) => assert!(!unfit.why.contains(char::is_control), "{unfit:?}"),
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (name, uris) = text.split_once('\n').unwrap_or((text, ""));
    let uris: Vec<&str> = uris.split('\n').collect();
    register(&json!({ "client_name": name, "redirect_uris": uris }));
    register(&json!({ "redirect_uris": uris }));
});
