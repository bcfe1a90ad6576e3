//! Limits that hold over several replicas: exact as long as Redis answers, and what happens when it does
//! not.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use docent::limits::{By, Fallback, Limit, Shared, Verdict, Windows};
use docent::store::redis::{Counted, Counts, Line, Names};

use crate::redis::{Cluster, PATIENCE, Redis, Watched, open, until};

fn limit(text: &str) -> Limit {
    text.parse().expect("a limit")
}

fn counts(line: &Line) -> Counts {
    Counts::new(line.clone(), Names::new("docs"))
}

fn admit(line: &Line, caller: &str, calls: u32, per: Duration) -> Counted {
    line.wait(counts(line).admit(caller, calls, per)).unwrap_or_else(|error| panic!("{error}"))
}

/// The time of the server, in microseconds since 1970.
fn time(redis: &Redis) -> u64 {
    let (seconds, micros): (u64, u64) = redis.ask(&redis::cmd("TIME"));
    seconds * 1_000_000 + micros
}

/// Fifty calls at once over each of eight connections.
async fn four_hundred(lines: Vec<Line>) -> usize {
    let calls = lines.iter().flat_map(|line| (0..50).map(|_| counts(line)));
    let calls = calls.map(|counts| {
        tokio::spawn(async move {
            counts.admit("somebody", 40, Duration::from_secs(3600)).await.expect("an answer")
        })
    });
    let mut admitted = 0;
    for call in calls.collect::<Vec<_>>() {
        admitted += usize::from(call.await.expect("it ends").admitted);
    }
    admitted
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_four_hundred_calls_at_once_exactly_forty_are_admitted() {
    let redis = Redis::start();
    assert_eq!(four_hundred((0..8).map(|_| redis.line()).collect()).await, 40);
    redis.flush();
    assert_eq!(
        four_hundred((0..8).map(|_| redis.line()).collect()).await,
        40,
        "they are forgotten"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_the_same_in_a_cluster_and_behind_a_sentinel() {
    let (cluster, watched) = (Cluster::start(), Watched::start());
    for url in [cluster.url(), watched.url()] {
        assert_eq!(four_hundred((0..8).map(|_| open(&url)).collect()).await, 40, "{url}");
    }
}

#[test]
fn any_window_admits_what_the_limit_says() {
    let redis = Redis::start();
    let line = redis.line();
    let (calls, per) = (10, Duration::from_millis(400));
    let (mut admitted, begun) = (Vec::new(), Instant::now());
    while begun.elapsed() < 4 * per {
        let before = time(&redis);
        if admit(&line, "greedy", calls, per).admitted {
            admitted.push((before, time(&redis)));
        }
    }
    // By the time of the server: the window is as long as that from before one call to after another.
    for window in admitted.windows(calls as usize + 1) {
        let (begun, ended) = (window[0].0, window[calls as usize].1);
        assert!(ended - begun >= per.as_micros() as u64, "{} µs", ended - begun);
    }
    assert!((30..=50).contains(&admitted.len()), "{} in four windows", admitted.len());
}

/// The script is held to what the windows of one process say, call by call: times are put into Redis as
/// if they had been made then.
#[test]
fn what_is_told_is_what_a_single_replica_would_tell() {
    let redis = Redis::start();
    let line = redis.line();
    let per = Duration::from_secs(3600);
    // How long ago calls were made, in seconds; and the limit.
    for (ago, calls) in [
        (vec![], 1),
        (vec![], 40),
        (vec![10], 1),
        (vec![3599], 1),
        (vec![3601], 1),
        (vec![3000, 2000, 1000], 5),
        (vec![3000, 2000, 1000], 4),
        (vec![3000, 2000, 1000], 3),
        (vec![3000, 2000, 1000], 2),
        (vec![3000, 2000, 1000], 1),
        (vec![9000, 8000, 7000, 3000, 10], 3),
        (vec![9000, 8000, 7000, 3000, 10], 2),
        (vec![9000, 8000, 7000], 2),
        ((1..=200).rev().map(|n| n * 40).collect(), 90),
        ((1..=200).rev().map(|n| n * 40).collect(), 91),
    ] {
        let windows = Windows::new(10);
        let now = 1_000_000;
        for ago in &ago {
            let most = Limit { calls: 1000, per };
            assert!(windows.admit("a", most, Duration::from_secs(now - ago)).admitted);
        }
        let alone = windows.admit("a", Limit { calls, per }, Duration::from_secs(now));
        redis.flush();
        let server = time(&redis);
        for ago in &ago {
            let mut push = redis::cmd("RPUSH");
            push.arg("docs:{a}:limit").arg(server - ago * 1_000_000);
            let _: u64 = redis.ask(&push);
        }
        let Counted { admitted, left, wait } = admit(&line, "a", calls, per);
        assert_eq!((admitted, left), (alone.admitted, alone.left), "{ago:?} of {calls}");
        // What was made now leaves in an hour, whenever now was; what was made before, a bit sooner.
        let spent = Duration::from_micros(time(&redis) - server);
        assert!(wait <= alone.wait && alone.wait <= wait + spent, "{ago:?} of {calls}: {wait:?}");
        let kept: u64 = redis.ask(redis::cmd("LLEN").arg("docs:{a}:limit"));
        let counting = ago.iter().filter(|ago| **ago < 3600).count() as u64;
        assert_eq!(kept, counting + u64::from(admitted), "what left the window is not kept");
    }
}

#[test]
fn the_wait_is_true() {
    let redis = Redis::start();
    let line = redis.line();
    let (calls, per) = (3, Duration::from_secs(60));
    let key = "docs:{a}:limit";
    // Two that leave in a moment, so that nobody has to wait a minute for it.
    let set = |ago: u64| {
        redis.flush();
        let made = time(&redis) - per.as_micros() as u64 + ago;
        for n in 0..calls {
            let _: u64 = redis.ask(redis::cmd("RPUSH").arg(key).arg(made + u64::from(n)));
        }
        made
    };
    let made = set(300_000);
    let refused = admit(&line, "a", calls, per);
    assert!(!refused.admitted);
    // By the time of the server, which alone counts: a millisecond before not yet, and at that time.
    let due = made + per.as_micros() as u64;
    let mut last_refused = 0;
    let admitted = loop {
        let (before, told) = (time(&redis), admit(&line, "a", calls, per));
        if told.admitted {
            break time(&redis);
        }
        last_refused = before;
        let still = Duration::from_micros(due.saturating_sub(before));
        assert!(told.wait <= still, "{:?} are told, and {still:?} left", told.wait);
    };
    assert!(admitted >= due, "{} µs too early", due.saturating_sub(admitted));
    assert!(last_refused <= due, "{} µs too late", last_refused.saturating_sub(due));
}

#[test]
fn after_its_window_a_caller_leaves_nothing() {
    let redis = Redis::start();
    let line = redis.line();
    admit(&line, "a", 5, Duration::from_millis(300));
    let keys = || -> Vec<String> { redis.ask(redis::cmd("KEYS").arg("docs:*")) };
    assert_eq!(keys(), ["docs:{a}:limit"]);
    until("it is forgotten", || keys().is_empty());
    let whole: Vec<String> = redis.ask(redis::cmd("KEYS").arg("*"));
    assert!(whole.is_empty(), "{whole:?}");
}

#[test]
fn a_clock_that_is_set_back_admits_no_more() {
    let redis = Redis::start();
    let line = redis.line();
    let ahead = time(&redis) + 10_000_000;
    let _: u64 = redis.ask(redis::cmd("RPUSH").arg("docs:{a}:limit").arg(ahead));
    let per = Duration::from_secs(60);
    assert_eq!(admit(&line, "a", 2, per), Counted { admitted: true, left: 0, wait: per });
    let refused = admit(&line, "a", 2, per);
    assert_eq!(refused, Counted { admitted: false, left: 0, wait: per });
}

fn shared(line: &Line, fallback: Fallback) -> Shared {
    Shared::over(line, Names::new("docs"), fallback).expect("limits")
}

async fn call(shared: &Shared, who: &str, text: &str) -> (Verdict, By) {
    let now = Duration::from_millis(time_here());
    shared.admit("user", who, limit(text), now).await
}

/// Milliseconds since 1970, by this machine.
fn time_here() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.expect("after 1970").as_millis() as u64
}

/// Waits until the limits are asked again, or not any more.
async fn until_reachable(shared: &Shared, reachable: bool) {
    let changed = async {
        while shared.is_reachable() != reachable {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, changed).await.expect("it is noticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_be_refused_anyway_is_not_asked() {
    let redis = Redis::start();
    let shared = shared(&redis.line(), Fallback::Local);
    for n in 0..40 {
        let (verdict, _) = call(&shared, "a", "40/hour").await;
        assert_eq!((verdict.admitted, verdict.left), (true, 39 - n));
    }
    let scripts = || redis.asked("evalsha") + redis.asked("eval");
    let before = scripts();
    let (refused, by) = call(&shared, "a", "40/hour").await;
    assert!(!refused.admitted && matches!(by, By::All(_)));
    for _ in 0..1000 {
        let (verdict, by) = call(&shared, "a", "40/hour").await;
        assert!(!verdict.admitted && by == By::Known && verdict.wait <= refused.wait, "{by:?}");
    }
    let asked = scripts() - before;
    assert!(asked <= 5, "{asked} questions, of which some say that the replica is there");
    assert!(call(&shared, "b", "40/hour").await.0.admitted);
    assert!(call(&shared, "a", "41/hour").await.0.admitted, "another limit has another answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_personal_is_in_redis() {
    let redis = Redis::start();
    let shared = shared(&redis.line(), Fallback::Local);
    call(&shared, "21:https://login.example108234567890", "40/hour").await;
    let keys: Vec<String> = redis.ask(redis::cmd("KEYS").arg("*"));
    let window = keys.iter().find(|key| key.ends_with(":limit")).expect("a window");
    let hash = window.strip_prefix("docs:{").and_then(|rest| rest.strip_suffix("}:limit"));
    let hash = hash.expect("the form of a key");
    assert!(hash.len() == 32 && hash.bytes().all(|it| it.is_ascii_hexdigit()), "{window}");
}

#[tokio::test(flavor = "multi_thread")]
async fn alone_each_replica_has_its_share_and_then_they_count_together_again() {
    let redis = Redis::start();
    let line = redis.line();
    let replicas: Vec<Shared> = (0..3).map(|_| shared(&line, Fallback::Local)).collect();
    // Each says that it is there; the first of them did so when it was the only one.
    let known = || -> u64 { redis.ask(redis::cmd("ZCARD").arg("docs:{state}:replicas")) };
    until("all are there", || known() == 3);
    tokio::time::timeout(PATIENCE, async {
        while redis.asked("zadd") < 6 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("each said so again");
    for replica in &replicas {
        assert!(call(replica, "a", "30/hour").await.0.admitted);
    }
    redis.stop();
    let mut admitted = 0;
    for replica in &replicas {
        until_reachable(replica, false).await;
        for _ in 0..30 {
            let begun = Instant::now();
            let (verdict, by) = call(replica, "a", "30/hour").await;
            assert_eq!(by, By::Alone);
            assert!(begun.elapsed() < Duration::from_secs(1));
            admitted += u32::from(verdict.admitted);
        }
    }
    assert_eq!(admitted, 27, "ten for each replica, of which it had admitted one");
    // It forgot its scripts, too.
    redis.start_again();
    for replica in &replicas {
        until_reachable(replica, true).await;
        assert!(matches!(call(replica, "a", "30/hour").await.1, By::All(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_that_is_wanted_calls_are_refused_until_it_answers_again() {
    let redis = Redis::start();
    let shared = shared(&redis.line(), Fallback::Deny);
    assert!(call(&shared, "a", "30/hour").await.0.admitted);
    redis.freeze();
    let (verdict, by) = call(&shared, "a", "30/hour").await;
    assert_eq!((verdict.admitted, by), (false, By::Nobody));
    redis.thaw();
    until_reachable(&shared, true).await;
    assert!(call(&shared, "a", "30/hour").await.0.admitted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_says_nothing_holds_up_no_call_for_long() {
    let redis = Redis::start();
    let shared = Arc::new(shared(&redis.line(), Fallback::Local));
    assert!(call(&shared, "a", "30/hour").await.0.admitted);
    redis.freeze();
    let begun = Instant::now();
    let calls = (0..100).map(|n| {
        let shared = shared.clone();
        tokio::spawn(async move { call(&shared, &n.to_string(), "30/hour").await })
    });
    for call in calls.collect::<Vec<_>>() {
        let (verdict, by) = call.await.expect("it ends");
        assert_eq!((verdict.admitted, by), (true, By::Alone));
    }
    // All of them were under way at once: fifty milliseconds, and what a busy machine takes.
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let begun = Instant::now();
    for _ in 0..100 {
        call(&shared, "b", "1000/hour").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(2), "nobody waits any more");
    redis.thaw();
    until_reachable(&shared, true).await;
}

/// The system takes connections for who does not, and nothing ever comes back.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_takes_connections_and_never_answers_is_no_redis() {
    let redis = Redis::start();
    let shared = shared(&redis.line(), Fallback::Local);
    assert!(call(&shared, "a", "30/hour").await.0.admitted);
    redis.kill();
    let silent = TcpListener::bind(("127.0.0.1", redis.port())).expect("its port is free");
    let held = std::thread::spawn(move || {
        let taken: Vec<TcpStream> = silent.incoming().take(2).flatten().collect();
        (silent, taken)
    });
    until_reachable(&shared, false).await;
    let begun = Instant::now();
    let (verdict, by) = call(&shared, "a", "30/hour").await;
    assert_eq!((verdict.admitted, by), (true, By::Alone));
    assert!(begun.elapsed() < Duration::from_secs(1));
    // It was tried again meanwhile, and is once it is there.
    drop(held.join().expect("they came"));
    redis.start_again();
    until_reachable(&shared, true).await;
}
