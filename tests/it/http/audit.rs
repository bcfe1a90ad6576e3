//! The audit log of the door: who was refused, how often, from which network.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use docent::auth::{Audit, Keys, Secret};
use docent::http::{Door, Now, Peer, Rules};
use docent::store::{AuditRow, AuditStore, SqliteStore};

use super::{PING, Server, call};

const NOW: u64 = 1_000_000;

#[tokio::test]
async fn refused_keys_are_noted_by_network_and_counted_and_no_secret_is_kept() {
    let data = tempfile::tempdir().expect("a folder");
    let store = Arc::new(SqliteStore::open(data.path()).expect("a store"));
    let keys = Arc::new(Keys::open(store.clone()).expect("keys"));
    let audit = Arc::new(Audit::start(store.clone(), || NOW).expect("a log"));
    let clock = Arc::new(|| Now { date: NOW, ticks: Duration::from_secs(NOW) });
    let trusted_proxies = vec!["10.0.0.0/8".parse().expect("a network")];
    let keys_of_door = Some(keys.clone());
    let rules =
        Rules { keys: keys_of_door, audit: Some(audit), trusted_proxies, ..Rules::default() };
    let server = Server::with(|options| options.door = Arc::new(Door::new(rules, clock)));
    let show = async |peer: &str, key: &str| {
        let call = call().header("authorization", format!("Bearer {key}"));
        let call = call.header("x-forwarded-for", "198.51.100.77");
        let mut call = call.body(Body::from(PING)).expect("a request");
        call.extensions_mut().insert(Peer(peer.parse().expect("an address")));
        server.ask(call).await.status.as_u16()
    };
    let (good, _) = keys.create("good", None, None, NOW).expect("a key");
    let (revoked, _) = keys.create("revoked", None, None, NOW).expect("a key");
    keys.revoke(revoked.id(), NOW).expect("it is there");
    let (ended, _) = keys.create("ended", None, Some(NOW), NOW - 1).expect("a key");
    let stranger = Secret::new().expect("a key");

    assert_eq!(show("192.0.2.1", good.reveal()).await, 200);
    assert_eq!(show("192.0.2.1", revoked.reveal()).await, 401);
    assert_eq!(show("::ffff:192.0.2.2", ended.reveal()).await, 401);
    assert_eq!(show("10.0.0.1", "my voice is my passport").await, 401);
    // Also what is held off by its limit is counted.
    let mut held = 0;
    for _ in 0..100 {
        held += u32::from(show("2001:db8:1:2:3::4", stranger.reveal()).await == 429);
    }
    assert_eq!(held, 80);
    // With the server ends its log, and is on the disk then.
    drop(server);

    let row = |refused: &str, who: Option<&str>, network: &str, at: u64, times: u64| AuditRow {
        at,
        event: "key.shown".into(),
        refused: Some(refused.into()),
        who: who.map(str::to_owned),
        client: None,
        network: Some(network.into()),
        times,
    };
    assert_eq!(
        store.audit(0).expect("the log"),
        [
            // The count of a minute stands where it begins.
            row("unknown", None, "2001:db8:1::/48", NOW - NOW % 60, 99),
            row("revoked", Some(revoked.id()), "192.0.2.0/24", NOW, 1),
            row("expired", Some(ended.id()), "192.0.2.0/24", NOW, 1),
            row("malformed", None, "198.51.100.0/24", NOW, 1),
            row("unknown", None, "2001:db8:1::/48", NOW, 1),
        ]
    );
    for file in std::fs::read_dir(data.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("it is read");
        let text = String::from_utf8_lossy(&bytes);
        for key in [&good, &revoked, &ended, &stranger] {
            assert!(!text.contains(&key.reveal()[17..60]));
        }
        assert!(!text.contains("passport"));
    }
}
