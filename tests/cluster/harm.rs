//! What happens to a state whose Redis loses its data, is full, or was changed by hand.

use std::sync::Arc;

use docent::auth::Keys;
use docent::store::redis::{Names, RedisStore};
use docent::store::{Client, GrantKind, GrantRecord, Revocation, Store};

use crate::redis::{Redis, until};

fn open(redis: &Redis, salt: u8) -> Arc<dyn Store> {
    Arc::new(RedisStore::open(redis.line(), Names::new("docs"), [salt; 32]).expect("a store"))
}

fn grant(n: u8, client: &str) -> GrantRecord {
    GrantRecord {
        kind: GrantKind::Refresh,
        hash: [n; 32],
        client: client.into(),
        family: Some("family".into()),
        person: Some("person".into()),
        established: 1000,
        expires: Some(100_000),
        successor: None,
        sealed: vec![n],
    }
}

fn client(id: &str, created: u64) -> Client {
    Client {
        id: id.into(),
        name: id.into(),
        redirect_uris: vec!["https://app.example/callback".into()],
        created,
        used: None,
        fresh_until: None,
    }
}

#[test]
fn after_everything_was_lost_no_lost_key_lets_in() {
    let redis = Redis::start();
    let stores = [open(&redis, 1), open(&redis, 2)];
    let [ours, other] = stores.clone().map(|store| Keys::open(store).expect("keys"));
    let (lost, _) = ours.create("lost", None, None, 1).expect("a key");
    until("the key is known", || other.check(lost.reveal(), 1).expect("a store").is_ok());
    redis.flush();
    // As many changes as before: a count would come to the same number.
    let (new, _) = ours.create("new", None, None, 1).expect("a key");
    until("the new key is known", || other.check(new.reveal(), 1).expect("a store").is_ok());
    assert!(other.check(lost.reveal(), 1).expect("a store").is_err());
    // By what all have in common people are known again: whoever is there puts it back.
    until("the salt is back", || open(&redis, 9).salt() == stores[0].salt());
    assert_eq!(stores[0].salt(), Some([1; 32].as_slice()));
    assert_eq!(stores[1].salt(), stores[0].salt());
}

#[test]
fn a_sign_in_makes_nobody_forget_what_they_know() {
    let redis = Redis::start();
    let store = open(&redis, 1);
    store.put_client(&client("app", 1), 10).expect("a store");
    let before = store.version().expect("a store");
    let code = GrantRecord { kind: GrantKind::Code, family: None, ..grant(1, "app") };
    assert!(store.put_grant(&code).expect("a store"));
    assert!(store.take_grant(GrantKind::Code, &[1; 32]).expect("a store").is_some());
    assert!(store.put_grant(&grant(2, "app")).expect("a store"));
    store.use_client("app", 5).expect("a store");
    assert_eq!(open(&redis, 1).version().expect("a store"), before);
    store.revoke(Revocation::Family("family"), 2000, 9000).expect("a store");
    assert_ne!(open(&redis, 1).version().expect("a store"), before);
}

#[test]
fn a_full_redis_takes_back_and_gives_nothing() {
    let redis = Redis::start();
    let store = open(&redis, 1);
    let keys = Keys::open(store.clone()).expect("keys");
    let (secret, key) = keys.create("ci", None, None, 1).expect("a key");
    assert!(store.put_grant(&grant(1, "app")).expect("a store"));
    let _: () = redis.ask(redis::cmd("CONFIG").arg("SET").arg("maxmemory").arg(1));
    let error = store.put_grant(&grant(2, "app")).expect_err("there is no room");
    assert!(format!("{error:#}").contains("OOM"), "{error:#}");
    assert!(keys.create("another", None, None, 1).is_err());
    keys.revoke(&key.id, 2).expect("it is taken back");
    assert!(keys.check(secret.reveal(), 2).expect("a store").is_err());
    assert_eq!(store.revoke(Revocation::All, 2000, 9000).expect("it is taken back").0, 1);
    assert_eq!(store.grant(GrantKind::Refresh, &[1; 32]).expect("a store"), None);
    // One that starts now does so, too.
    assert_eq!(open(&redis, 2).keys().expect("a store").len(), 1);
}

#[test]
fn a_flood_of_registrations_throws_out_nobody_who_is_signed_in() {
    let redis = Redis::start();
    let store = open(&redis, 1);
    for n in 0..50 {
        let id = format!("in use {n}");
        store.put_client(&client(&id, 1), 60).expect("a store");
        assert!(store.put_grant(&grant(n, &id)).expect("a store"));
    }
    for n in 0..100 {
        store.put_client(&client(&format!("flood {n}"), 2 + n), 60).expect("a store");
    }
    for n in 0..50 {
        assert!(store.client(&format!("in use {n}")).expect("a store").is_some(), "{n}");
    }
    assert!(store.client("flood 99").expect("a store").is_some());
    assert!(store.client("flood 0").expect("a store").is_none());
}

#[test]
fn what_was_taken_out_by_hand_holds_nothing_up() {
    let redis = Redis::start();
    let store = open(&redis, 1);
    store.put_client(&client("app", 1), 10).expect("a store");
    for n in 0..3 {
        assert!(store.put_grant(&grant(n, "app")).expect("a store"));
    }
    let name = |n: u8| format!("docs:{{state}}:grant:2:{}", format!("{n:02x}").repeat(32));
    assert_eq!(redis.ask::<i64>(redis::cmd("DEL").arg(name(0)).arg(name(1))), 2);
    assert_eq!(store.revoke(Revocation::Client("app"), 2000, 9000).expect("a store"), (1, true));
    let left: i64 = redis.ask(redis::cmd("EXISTS").arg("docs:{state}:of-client:app"));
    assert_eq!(left, 0);
    let keys = Keys::open(store.clone()).expect("keys");
    let (good, _) = keys.create("good", None, None, 1).expect("a key");
    let (_, broken) = keys.create("broken", None, None, 1).expect("a key");
    let name = format!("docs:{{state}}:key:{}", broken.id);
    let _: () = redis.ask(redis::cmd("HSET").arg(name).arg("text").arg("{"));
    let keys = Keys::open(open(&redis, 1)).expect("keys");
    assert!(keys.check(good.reveal(), 1).expect("a store").is_ok());
}
