//! What every store is held to, whatever keeps it. The same file is a part of two test programs: with SQLite
//! of `cargo test`, with Redis of `cargo test --test cluster`.

use std::sync::Arc;
use std::time::Instant;

use docent::store::begun::{MOST_FROM_ONE, PATIENCE};
use docent::store::{
    AuditRow, Begun, CallRow, Client, FeedbackRow, GrantKind, GrantRecord, Key, KeyLimit, KeyScope,
    LAG, Phase, Revocation, Standing, Store, Taken, UsageStore,
};

/// Where a store is, empty at first. It can be opened again and again, as by several processes.
pub(crate) trait Place {
    fn open(&self) -> Arc<dyn Store>;
    fn usage(&self) -> Box<dyn UsageStore>;
}

/// Makes a test of each function here, for the places that a function makes.
macro_rules! held_to_the_contract {
    ($place:path) => {
        held_to_the_contract!(
            $place:
            a_key_is_read_as_it_was_kept,
            a_key_that_is_followed_ends_and_never_later_than_it_would,
            a_key_is_revoked_once,
            another_key_is_noticed_elsewhere,
            a_revoked_key_and_what_ended_are_noticed_at_once_here_and_soon_elsewhere,
            a_client_is_read_as_it_was_kept,
            of_too_many_clients_the_one_goes_that_nobody_uses,
            old_clients_go_unless_somebody_is_signed_in,
            what_was_granted_is_read_as_it_was_kept_and_taken_once,
            of_many_who_replace_one_record_one_does,
            who_was_too_late_decides_again,
            what_is_revoked_goes_and_comes_never_back,
            a_code_outlives_its_sign_in_but_not_its_person,
            everything_of_a_client_and_everything_at_all_is_revoked,
            a_thousand_sign_ins_with_one_client_are_revoked_as_one,
            who_is_signed_in_is_told,
            what_has_ended_is_swept,
            the_audit_log_is_read_in_order_and_swept_by_weight,
            a_sign_in_goes_on_once_for_who_fits_and_not_after_its_time,
            a_flood_of_sign_ins_from_one_place_pushes_nobody_else_out,
            what_was_asked_is_read_as_it_was_kept,
            what_was_asked_long_ago_goes_and_of_too_much_the_oldest,
        );
    };
    ($place:path: $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                contract::$name(&$place());
            }
        )*
    };
}
pub(crate) use held_to_the_contract;

fn key(id: &str, created: u64) -> Key {
    Key {
        id: id.into(),
        hash: [7; 32],
        name: format!("name of {id}"),
        family: id.into(),
        limit: None,
        scope: KeyScope::default(),
        created,
        expires: None,
        revoked: None,
        used: None,
    }
}

fn hash(n: usize) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&n.to_be_bytes());
    hash
}

fn record(kind: GrantKind, n: usize) -> GrantRecord {
    GrantRecord {
        kind,
        hash: hash(n),
        client: "client".into(),
        family: (kind != GrantKind::Code).then(|| "family".into()),
        person: Some("person".into()),
        established: 1000,
        expires: Some(100_000),
        successor: None,
        sealed: vec![n as u8, 0, 255, b'\r', b'\n'],
    }
}

fn client(id: &str, created: u64) -> Client {
    Client {
        id: id.into(),
        name: "An app, \"quoted\"".into(),
        redirect_uris: vec!["https://a.example/cb".into(), "http://127.0.0.1/cb".into()],
        created,
        used: None,
        fresh_until: None,
    }
}

/// Runs something on several threads that begin together.
fn at_once<T: Send>(threads: usize, run: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let barrier = std::sync::Barrier::new(threads);
    std::thread::scope(|scope| {
        let (run, barrier) = (&run, &barrier);
        let threads: Vec<_> = (0..threads)
            .map(|n| {
                scope.spawn(move || {
                    barrier.wait();
                    run(n)
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread")).collect()
    })
}

pub(crate) fn a_key_is_read_as_it_was_kept(place: &dyn Place) {
    let store = place.open();
    let plain = key("b", 5);
    let full = Key {
        limit: Some(KeyLimit { calls: 600, seconds: 3600 }),
        scope: KeyScope {
            collections: Some(vec!["a".into(), "b".into()]),
            tools: Some(vec!["search".into()]),
        },
        expires: Some(9),
        ..key("a", 5)
    };
    let older = key("z", 4);
    for key in [&plain, &full, &older] {
        store.add_key(key, None).expect("a store");
    }
    let other = place.open();
    // By age, and of the same age as they came.
    assert_eq!(other.keys().expect("a store"), [older, plain.clone(), full]);
    assert_eq!(other.key("b").expect("a store"), Some(plain));
    assert_eq!(other.key("c").expect("a store"), None);
    store.use_key("b", 3600).expect("a store");
    store.use_key("unknown", 3600).expect("a store");
    assert_eq!(other.key("b").expect("a store").expect("a key").used, Some(3600));
    assert_eq!(other.keys().expect("a store").len(), 3);
}

pub(crate) fn a_key_that_is_followed_ends_and_never_later_than_it_would(place: &dyn Place) {
    let store = place.open();
    store.add_key(&key("endless", 1), None).expect("a store");
    store.add_key(&Key { expires: Some(50), ..key("soon", 1) }, None).expect("a store");
    store.add_key(&key("new", 2), Some(("endless", 100))).expect("a store");
    store.add_key(&key("newer", 2), Some(("soon", 100))).expect("a store");
    let ends = |id: &str| store.key(id).expect("a store").expect("a key").expires;
    assert_eq!([ends("endless"), ends("soon"), ends("new")], [Some(100), Some(50), None]);
}

pub(crate) fn a_key_is_revoked_once(place: &dyn Place) {
    let store = place.open();
    store.add_key(&key("a", 1), None).expect("a store");
    store.revoke_key("a", 7).expect("a store");
    store.revoke_key("a", 9).expect("a store");
    store.revoke_key("unknown", 9).expect("a store");
    assert_eq!(store.key("a").expect("a store").expect("a key").revoked, Some(7));
    assert_eq!(store.keys().expect("a store").len(), 1);
}

/// Waits until a store knows that something has changed since.
fn noticed(store: &dyn Store, before: i64) {
    let begun = Instant::now();
    while store.version().expect("a store") == before {
        assert!(begun.elapsed() < LAG * 5, "what another wrote was not noticed");
        std::thread::yield_now();
    }
}

pub(crate) fn another_key_is_noticed_elsewhere(place: &dyn Place) {
    let [ours, other] = [(); 2].map(|()| place.open());
    let before = other.version().expect("a store");
    ours.add_key(&key("a", 1), None).expect("a store");
    noticed(&*other, before);
}

pub(crate) fn a_revoked_key_and_what_ended_are_noticed_at_once_here_and_soon_elsewhere(
    place: &dyn Place,
) {
    let [ours, other] = [(); 2].map(|()| place.open());
    let before = other.version().expect("a store");
    ours.add_key(&key("a", 1), None).expect("a store");
    noticed(&*other, before);
    let access = record(GrantKind::Access, 1);
    let changes: [&dyn Fn(); 3] = [
        &|| ours.revoke_key("a", 2).expect("a store"),
        &|| assert!(ours.take_grant(GrantKind::Access, &hash(1)).expect("a store").is_some()),
        &|| {
            assert_eq!(ours.revoke(Revocation::Family("family"), 2000, 9000).expect("a store").0, 1)
        },
    ];
    for change in changes {
        ours.put_grant(&access).expect("a store");
        let before = [&ours, &other].map(|store| store.version().expect("a store"));
        change();
        assert_ne!(ours.version().expect("a store"), before[0]);
        noticed(&*other, before[1]);
    }
}

pub(crate) fn a_client_is_read_as_it_was_kept(place: &dyn Place) {
    let store = place.open();
    let documented = Client { fresh_until: Some(50), ..client("https://a.example/doc", 3) };
    store.put_client(&documented, 10).expect("a store");
    assert_eq!(place.open().client(&documented.id).expect("a store"), Some(documented.clone()));
    assert_eq!(store.client("unknown").expect("a store"), None);
    store.use_client(&documented.id, 7).expect("a store");
    store.use_client("unknown", 7).expect("a store");
    assert_eq!(store.client("unknown").expect("a store"), None);
    // Kept again it says something else, but is as old, and was used when it was.
    let changed =
        Client { name: "Another".into(), fresh_until: Some(90), created: 8, ..documented };
    store.put_client(&changed, 10).expect("a store");
    let kept = store.client(&changed.id).expect("a store");
    assert_eq!(kept, Some(Client { created: 3, used: Some(7), ..changed }));
}

pub(crate) fn of_too_many_clients_the_one_goes_that_nobody_uses(place: &dyn Place) {
    let store = place.open();
    let known = |id: &str| store.client(id).expect("a store").is_some();
    let documented = |id: &str| Client { fresh_until: Some(9), ..client(id, 1) };
    // Those with a document and those that registered have room apart.
    store.put_client(&documented("d1"), 2).expect("a store");
    for (id, created) in [("a", 1), ("b", 2), ("c", 3)] {
        store.put_client(&client(id, created), 3).expect("a store");
    }
    store.put_client(&documented("d2"), 2).expect("a store");
    let signed_in = GrantRecord { client: "a".into(), ..record(GrantKind::Refresh, 1) };
    assert!(store.put_grant(&signed_in).expect("a store"));
    // One that is known needs no room.
    store.put_client(&client("b", 2), 3).expect("a store");
    store.put_client(&client("d", 4), 3).expect("a store");
    assert_eq!(["a", "b", "c", "d", "d1", "d2"].map(known), [true, false, true, true, true, true]);
    store.use_client("c", 9).expect("a store");
    store.put_client(&client("e", 5), 3).expect("a store");
    assert_eq!(["a", "c", "d", "e"].map(known), [true, true, false, true]);
    // Where somebody is signed in with each, the one goes that was not used for longest.
    for (n, id) in ["c", "e"].into_iter().enumerate() {
        let signed_in = GrantRecord { client: id.into(), ..record(GrantKind::Refresh, 10 + n) };
        assert!(store.put_grant(&signed_in).expect("a store"));
    }
    store.put_client(&client("f", 10), 3).expect("a store");
    assert_eq!(["a", "c", "e", "f"].map(known), [false, true, true, true]);
}

pub(crate) fn old_clients_go_unless_somebody_is_signed_in(place: &dyn Place) {
    let store = place.open();
    for (id, created) in [("old", 1), ("used", 1), ("held", 1), ("new", 50)] {
        store.put_client(&client(id, created), 10).expect("a store");
    }
    store.use_client("used", 60).expect("a store");
    let signed_in = GrantRecord { client: "held".into(), ..record(GrantKind::Refresh, 1) };
    assert!(store.put_grant(&signed_in).expect("a store"));
    assert_eq!(store.forget_clients(50).expect("a store"), 1);
    let known = |id: &str| store.client(id).expect("a store").is_some();
    assert_eq!(["old", "used", "held", "new"].map(known), [false, true, true, true]);
    store.take_grant(GrantKind::Refresh, &hash(1)).expect("a store").expect("a token");
    assert_eq!(store.forget_clients(50).expect("a store"), 1);
    assert!(!known("held"));
}

pub(crate) fn what_was_granted_is_read_as_it_was_kept_and_taken_once(place: &dyn Place) {
    let store = place.open();
    let bare = GrantRecord {
        family: None,
        person: None,
        expires: None,
        sealed: Vec::new(),
        ..record(GrantKind::Refresh, 2)
    };
    let full = GrantRecord {
        successor: Some([255; 32]),
        established: 1_800_000_000_123,
        expires: Some(i64::MAX as u64),
        ..record(GrantKind::Refresh, 1)
    };
    for record in [&bare, &full] {
        assert!(store.put_grant(record).expect("a store"));
    }
    let other = place.open();
    let found = |n| other.grant(GrantKind::Refresh, &hash(n)).expect("a store");
    assert_eq!([found(1), found(2), found(3)], [Some(full.clone()), Some(bare), None]);
    // The same hash of another kind is something else.
    assert_eq!(other.grant(GrantKind::Access, &hash(1)).expect("a store"), None);
    let again = GrantRecord { client: "another".into(), ..full };
    assert!(store.put_grant(&again).expect("a store"));
    assert_eq!(found(1), Some(again.clone()));
    let taken = at_once(8, |n| {
        let store = if n % 2 == 0 { &store } else { &other };
        store.take_grant(GrantKind::Refresh, &hash(1)).expect("a store")
    });
    assert_eq!(taken.into_iter().flatten().collect::<Vec<_>>(), [again]);
    assert_eq!(found(1), None);
}

pub(crate) fn of_many_who_replace_one_record_one_does(place: &dyn Place) {
    let stores = [place.open(), place.open()];
    assert!(stores[0].put_grant(&record(GrantKind::Refresh, 1)).expect("a store"));
    let done = at_once(8, |n| {
        let swap = &mut |now: &GrantRecord| -> anyhow::Result<Option<Vec<GrantRecord>>> {
            // The others meet this one while it thinks.
            (0..1000).for_each(|_| std::thread::yield_now());
            let fresh = now.successor.is_none().then(|| {
                let spent = GrantRecord {
                    successor: Some(hash(100 + n)),
                    sealed: vec![n as u8],
                    ..now.clone()
                };
                vec![spent, record(GrantKind::Refresh, 100 + n)]
            });
            Ok(fresh)
        };
        stores[n % 2].replace_grant(GrantKind::Refresh, &hash(1), swap).expect("a store")
    });
    assert_eq!(done.iter().filter(|done| **done).count(), 1);
    let winner = done.iter().position(|done| *done).expect("a winner");
    let found = |n| stores[1].grant(GrantKind::Refresh, &hash(n)).expect("a store");
    assert_eq!(found(1).expect("the spent one").successor, Some(hash(100 + winner)));
    for n in 0..8 {
        assert_eq!(found(100 + n).is_some(), n == winner);
    }
}

pub(crate) fn who_was_too_late_decides_again(place: &dyn Place) {
    let stores = [place.open(), place.open()];
    assert!(stores[0].put_grant(&record(GrantKind::Refresh, 1)).expect("a store"));
    // Eight count up together: none of them is lost.
    at_once(8, |n| {
        let count = &mut |now: &GrantRecord| -> anyhow::Result<Option<Vec<GrantRecord>>> {
            let next = now.sealed.len() as u64 + 1;
            let sealed = vec![b'x'; next as usize];
            Ok(Some(vec![GrantRecord { sealed, ..now.clone() }]))
        };
        assert!(stores[n % 2].replace_grant(GrantKind::Refresh, &hash(1), count).expect("a store"));
    });
    let counted = stores[0].grant(GrantKind::Refresh, &hash(1)).expect("a store").expect("it");
    assert_eq!(counted.sealed.len(), 5 + 8);
    let gone = &mut |_: &GrantRecord| panic!("there is nothing to decide on");
    assert!(!stores[0].replace_grant(GrantKind::Refresh, &hash(9), gone).expect("a store"));
    let fails = &mut |_: &GrantRecord| anyhow::bail!("not so");
    let error = stores[0].replace_grant(GrantKind::Refresh, &hash(1), fails);
    let error = error.expect_err("it fails");
    assert!(error.to_string().contains("not so"), "{error:#}");
    let kept = stores[0].grant(GrantKind::Refresh, &hash(1)).expect("a store");
    assert_eq!(kept, Some(counted));
}

pub(crate) fn what_is_revoked_goes_and_comes_never_back(place: &dyn Place) {
    let store = place.open();
    let late = |n, established| GrantRecord { established, ..record(GrantKind::Access, n) };
    assert!(store.put_grant(&record(GrantKind::Access, 1)).expect("a store"));
    assert!(store.put_grant(&record(GrantKind::Refresh, 2)).expect("a store"));
    let other = GrantRecord { family: Some("other".into()), ..record(GrantKind::Access, 3) };
    assert!(store.put_grant(&other).expect("a store"));
    let gone = store.revoke(Revocation::Family("family"), 2000, 9000).expect("a store");
    assert_eq!(gone, (2, false));
    assert_eq!(store.grant(GrantKind::Access, &hash(1)).expect("a store"), None);
    assert_eq!(store.grant(GrantKind::Refresh, &hash(2)).expect("a store"), None);
    assert_eq!(store.grant(GrantKind::Access, &hash(3)).expect("a store"), Some(other.clone()));
    // Of a sign-in nothing comes back, however late it is written.
    assert!(!place.open().put_grant(&late(1, 5000)).expect("a store"));
    // Of a person nothing that is as old; who signs in again may.
    let gone = store.revoke(Revocation::Person("person"), 2000, 9000).expect("a store");
    assert_eq!(gone, (1, false));
    let theirs =
        |n, established| GrantRecord { family: Some("new".into()), ..late(n, established) };
    assert!(!store.put_grant(&theirs(4, 2000)).expect("a store"));
    assert!(store.put_grant(&theirs(5, 2001)).expect("a store"));
    // An earlier one takes nothing back.
    store.revoke(Revocation::Person("person"), 1000, 1500).expect("a store");
    assert!(!store.put_grant(&theirs(6, 2000)).expect("a store"));
    // What is revoked meanwhile is not replaced.
    assert!(store.put_grant(&theirs(7, 2001)).expect("a store"));
    store.revoke(Revocation::All, 2000, 9000).expect("a store");
    assert!(store.put_grant(&theirs(8, 2001)).expect("a store"));
    store.revoke(Revocation::Client("unknown"), 9, 9).expect("a store");
    assert!(store.revoke(Revocation::Person(""), 1, 1).is_err());
    // Its time over, a mark is forgotten.
    store.sweep_grants(9000).expect("a store");
    assert!(store.put_grant(&late(9, 1)).expect("a store"));
}

pub(crate) fn a_code_outlives_its_sign_in_but_not_its_person(place: &dyn Place) {
    let store = place.open();
    let code = GrantRecord { family: Some("family".into()), ..record(GrantKind::Code, 1) };
    assert!(store.put_grant(&code).expect("a store"));
    assert!(store.put_grant(&record(GrantKind::Access, 2)).expect("a store"));
    assert_eq!(store.revoke(Revocation::Family("family"), 2000, 9000).expect("a store").0, 1);
    assert_eq!(store.grant(GrantKind::Code, &hash(1)).expect("a store"), Some(code.clone()));
    // With it, its second use is known for what it is; also one that is written late.
    assert!(store.put_grant(&code).expect("a store"));
    let used =
        &mut |now: &GrantRecord| Ok(Some(vec![GrantRecord { sealed: vec![9], ..now.clone() }]));
    assert!(store.replace_grant(GrantKind::Code, &hash(1), used).expect("a store"));
    assert_eq!(store.revoke(Revocation::Person("person"), 2000, 9000).expect("a store").0, 1);
    assert_eq!(store.grant(GrantKind::Code, &hash(1)).expect("a store"), None);
}

pub(crate) fn everything_of_a_client_and_everything_at_all_is_revoked(place: &dyn Place) {
    let store = place.open();
    store.put_client(&client("client", 1), 10).expect("a store");
    for n in 0..3 {
        assert!(store.put_grant(&record(GrantKind::Refresh, n)).expect("a store"));
    }
    let other = GrantRecord { client: "other".into(), ..record(GrantKind::Access, 7) };
    assert!(store.put_grant(&other).expect("a store"));
    let gone = store.revoke(Revocation::Client("client"), 2000, 9000).expect("a store");
    assert_eq!(gone, (3, true));
    assert_eq!(store.client("client").expect("a store"), None);
    let gone = store.revoke(Revocation::Client("client"), 2000, 9000).expect("a store");
    assert_eq!(gone, (0, false));
    assert!(!store.put_grant(&record(GrantKind::Refresh, 4)).expect("a store"));
    assert_eq!(store.revoke(Revocation::All, 2000, 9000).expect("a store"), (1, false));
    assert_eq!(store.grant(GrantKind::Access, &hash(7)).expect("a store"), None);
    assert!(!store.put_grant(&other).expect("a store"));
}

pub(crate) fn a_thousand_sign_ins_with_one_client_are_revoked_as_one(place: &dyn Place) {
    let store = place.open();
    for n in 0..1200 {
        let theirs = GrantRecord { person: Some(format!("p{n}")), ..record(GrantKind::Refresh, n) };
        assert!(store.put_grant(&theirs).expect("a store"));
    }
    assert_eq!(store.standing(1).expect("a store").len(), 1200);
    assert_eq!(store.revoke(Revocation::Client("client"), 2000, 9000).expect("a store").0, 1200);
    assert!(store.standing(1).expect("a store").is_empty());
}

pub(crate) fn who_is_signed_in_is_told(place: &dyn Place) {
    let store = place.open();
    let refresh = |n, established| GrantRecord { established, ..record(GrantKind::Refresh, n) };
    for record in [
        refresh(1, 30),
        refresh(2, 20),
        // A token that was used is no sign-in, nor is another kind, nor what has ended, nor nobody's.
        GrantRecord { successor: Some(hash(1)), ..refresh(3, 10) },
        record(GrantKind::Access, 4),
        GrantRecord { expires: Some(500), ..refresh(5, 10) },
        GrantRecord { person: None, ..refresh(6, 10) },
    ] {
        assert!(store.put_grant(&record).expect("a store"));
    }
    let standing = |since| Standing {
        person: "person".into(),
        client: "client".into(),
        since,
        until: 100_000,
    };
    assert_eq!(store.standing(500).expect("a store"), [standing(20), standing(30)]);
}

pub(crate) fn what_has_ended_is_swept(place: &dyn Place) {
    let store = place.open();
    for (n, expires) in [(1, Some(100)), (2, Some(101)), (3, None)] {
        let record = GrantRecord { expires, ..record(GrantKind::Access, n) };
        assert!(store.put_grant(&record).expect("a store"));
    }
    store.revoke(Revocation::Family("another"), 1, 100).expect("a store");
    // One token, and one mark of what was revoked.
    assert_eq!(store.sweep_grants(100).expect("a store"), 2);
    assert_eq!(store.sweep_grants(100).expect("a store"), 0);
    let there = |n| store.grant(GrantKind::Access, &hash(n)).expect("a store").is_some();
    assert_eq!([there(1), there(2), there(3)], [false, true, true]);
    // What went is not counted again by whom it belonged to.
    assert_eq!(store.revoke(Revocation::Family("family"), 1, 1).expect("a store").0, 2);
}

pub(crate) fn the_audit_log_is_read_in_order_and_swept_by_weight(place: &dyn Place) {
    let store = place.open();
    let row = |at, refused: Option<&str>| AuditRow {
        at,
        event: "key.shown".into(),
        refused: refused.map(str::to_owned),
        who: Some("who".into()),
        client: None,
        network: Some("192.0.2.0/24".into()),
        times: at,
    };
    let unknown = Some("unknown");
    let rows = [row(1, None), row(2, unknown), row(3, None), row(4, unknown), row(5, unknown)];
    store.add_audit(&rows).expect("a store");
    let same = AuditRow { event: "sign_in.began".into(), ..row(5, None) };
    store.add_audit(&[same.clone(), same.clone()]).expect("a store");
    let other = place.open();
    assert_eq!(other.audit(4).expect("a store")[..2], rows[3..]);
    assert_eq!(other.audit(5).expect("a store"), [rows[4].clone(), same.clone(), same]);
    let times = || other.audit(0).expect("a store").iter().map(|row| row.at).collect::<Vec<_>>();
    store.sweep_audit(2, 100).expect("a store");
    assert_eq!(times(), [2, 3, 4, 5, 5, 5]);
    // Those go first that anybody can make.
    store.sweep_audit(0, 2).expect("a store");
    assert_eq!(times(), [3, 5]);
    store.sweep_audit(0, 1).expect("a store");
    assert_eq!(times(), [3]);
    store.sweep_audit(0, 0).expect("a store");
    assert!(times().is_empty());
}

fn begun(id: usize, place: &str) -> Begun {
    Begun { id: hash(id), proof: [1; 32], place: place.into(), sealed: vec![id as u8, 0, 255] }
}

pub(crate) fn a_sign_in_goes_on_once_for_who_fits_and_not_after_its_time(place: &dyn Place) {
    let store = place.open();
    let take = |id, proof, now| {
        store.take_begun(Phase::Shown, &hash(id), &[proof; 32], now).expect("a store")
    };
    store.put_begun(Phase::Shown, &begun(7, "here"), 100).expect("a store");
    assert_eq!(take(8, 1, 100), Taken::Unknown);
    assert_eq!(take(7, 2, 100), Taken::Elsewhere);
    // The other phase knows nothing of it.
    let other = store.take_begun(Phase::Consented, &hash(7), &[1; 32], 100).expect("a store");
    assert_eq!(other, Taken::Unknown);
    let last = 100 + PATIENCE - 1;
    let taken = Taken::Begun { sealed: vec![7, 0, 255], place: "here".into() };
    let got =
        at_once(8, |_| store.take_begun(Phase::Shown, &hash(7), &[1; 32], last).expect("a store"));
    assert_eq!(got.iter().filter(|got| **got == taken).count(), 1);
    assert_eq!(got.iter().filter(|got| **got == Taken::Unknown).count(), 7);
    store.put_begun(Phase::Shown, &begun(7, "here"), 100).expect("a store");
    assert_eq!(take(7, 1, last + 1), Taken::Unknown);
    store.put_begun(Phase::Consented, &begun(9, "here"), 100).expect("a store");
    store.sweep_begun(last + 1).expect("a store");
    let swept = store.take_begun(Phase::Consented, &hash(9), &[1; 32], 100).expect("a store");
    assert_eq!(swept, Taken::Unknown);
}

pub(crate) fn a_flood_of_sign_ins_from_one_place_pushes_nobody_else_out(place: &dyn Place) {
    let store = place.open();
    let put = |id, from| store.put_begun(Phase::Shown, &begun(id, from), 100).expect("a store");
    put(1_000_000, "elsewhere");
    for n in 0..2 * MOST_FROM_ONE {
        put(n, "flood");
    }
    let there = |id| {
        let taken = store.take_begun(Phase::Shown, &hash(id), &[1; 32], 100).expect("a store");
        matches!(taken, Taken::Begun { .. })
    };
    assert!(there(1_000_000));
    // Of the flood the newest are left.
    assert_eq!(
        [0, MOST_FROM_ONE - 1, MOST_FROM_ONE, 2 * MOST_FROM_ONE - 1].map(there),
        [false, false, true, true]
    );
}

fn call(at: u64) -> CallRow {
    CallRow { at, tool: "search".into(), times: 1, ..CallRow::default() }
}

fn times(store: &dyn UsageStore, since: u64) -> Vec<u64> {
    let mut times = Vec::new();
    store.each_call(since, &mut |row| times.push(row.at)).expect("a store");
    times
}

pub(crate) fn what_was_asked_is_read_as_it_was_kept(place: &dyn Place) {
    let store = place.usage();
    let row = CallRow {
        at: 1_700_000_000_000,
        tool: "search".into(),
        outcome: "ok".into(),
        collection: Some("guide".into()),
        caller: "key".into(),
        who: Some("ci".into()),
        client: Some("t".into()),
        client_version: Some("1".into()),
        query: Some("how? \"ä\"\u{1}".into()),
        results: Some(2),
        coverage: Some(0.5),
        ids: vec!["a.md#b".into(), "c.md".into()],
        corrected: vec!["hwo > how".into()],
        tokens: 10,
        micros: 100,
        times: 1,
    };
    let said = FeedbackRow {
        at: 5,
        page: Some("a.md".into()),
        problem: "stale".into(),
        comment: "it is 3 now".into(),
        client: None,
    };
    let later = FeedbackRow { at: 6, comment: "and now 4".into(), ..said.clone() };
    store.add(&[call(3), row.clone()], &[said.clone(), later.clone()]).expect("a store");
    store.add(&[], &[]).expect("a store");
    let other = place.usage();
    let mut rows = Vec::new();
    other.each_call(4, &mut |row| rows.push(row)).expect("a store");
    assert_eq!(rows, [row]);
    assert_eq!(times(&*other, 0), [3, 1_700_000_000_000]);
    assert_eq!(other.feedback(0).expect("a store"), [later.clone(), said]);
    assert_eq!(other.feedback(6).expect("a store"), [later]);
}

pub(crate) fn what_was_asked_long_ago_goes_and_of_too_much_the_oldest(place: &dyn Place) {
    let store = place.usage();
    store.add(&[1, 2, 3, 4, 5].map(call), &[]).expect("a store");
    store.sweep(2, 10, 10).expect("a store");
    assert_eq!(times(&*store, 0), [2, 3, 4, 5]);
    store.sweep(0, 2, 10).expect("a store");
    assert_eq!(times(&*store, 0), [4, 5]);
    assert_eq!(times(&*store, 5), [5]);
}
