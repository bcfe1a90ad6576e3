//! The connection: how it is made, lost and made again.

use std::net::TcpListener;
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use docent::store::redis::{Address, Line, Script, Trouble};

use crate::redis::{Cluster, Redis, Secured, Watched, open, until};

static COUNT: LazyLock<Script> = LazyLock::new(|| {
    Script::new("redis.call('SET', KEYS[2], ARGV[1]) return redis.call('INCR', KEYS[1])")
});

fn count(line: &Line) -> Result<u64, Trouble> {
    let keys = ["a", "b"].map(|name| format!("docs:{{state}}:{name}"));
    line.wait(line.run(&COUNT, keys.to_vec(), vec![b"x".to_vec()]))
}

#[test]
fn scripts_run_also_after_the_server_forgot_them() {
    let redis = Redis::lasting();
    let line = redis.line();
    assert_eq!(count(&line).unwrap(), 1);
    assert_eq!(count(&line).unwrap(), 2);
    assert_eq!(redis.asked("eval"), 2, "once to look, and once because the script was not known");
    redis.kill();
    redis.start_again();
    until("it is connected again", || count(&line).is_ok());
    let now = count(&line).unwrap();
    assert!(now >= 4, "{now}: what was written is still there");
}

#[tokio::test]
async fn a_line_is_asked_from_any_thread_and_any_runtime() {
    let redis = Redis::start();
    let line = redis.line();
    let asked = (0..100).map(|_| {
        let line = line.clone();
        tokio::spawn(async move { line.ask::<u64>(redis::cmd("INCR").arg("n").to_owned()).await })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap().unwrap();
    }
    // Blocking inside of a runtime is no good habit, and no dead end.
    assert_eq!(line.wait(line.ask::<u64>(redis::cmd("GET").arg("n").to_owned())).unwrap(), 100);
    let mut both = redis::pipe();
    both.atomic().cmd("SET").arg("m").arg(1).ignore().cmd("GET").arg("m");
    let [one]: [u64; 1] = line.ask_all(both).await.unwrap();
    assert_eq!(one, 1);
}

#[test]
fn a_server_that_says_nothing_keeps_nobody() {
    let redis = Redis::start();
    let line = redis.line().within(Duration::from_millis(50));
    redis.freeze();
    let begun = Instant::now();
    let error = count(&line).unwrap_err();
    assert!(matches!(error, Trouble::Silent { .. }), "{error}");
    assert!(error.to_string().ends_with("did not answer within 50 ms"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(2));
    redis.thaw();
    until("it answers again", || count(&line).is_ok());
}

#[test]
fn what_is_lost_is_told_at_once_after_a_while() {
    let redis = Redis::start();
    let line = redis.line();
    redis.stop();
    let hasty = line.within(Duration::from_millis(50));
    until("it is told why, also to who has no patience", || {
        let error = count(&hasty).unwrap_err();
        error.to_string().contains("cannot be reached: Connection refused")
    });
    until("nobody waits any more", || {
        let begun = Instant::now();
        let error = count(&line).unwrap_err();
        matches!(error, Trouble::Lost { .. }) && begun.elapsed() < Duration::from_secs(1)
    });
    redis.start_again();
    until("it is connected again", || count(&line).is_ok());
}

#[test]
fn a_server_that_still_reads_its_disk_is_waited_for() {
    // A millisecond for each key, and a look at who asks after each kilobyte.
    let slow = ["--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024"];
    let redis = Redis::with(&slow);
    let line = redis.line();
    assert_eq!(count(&line).unwrap(), 1);
    let mut fill = redis::cmd("EVAL");
    fill.arg("for n = 1, 500 do redis.call('SET', 'fill' .. n, string.rep('x', 100)) end").arg(0);
    let _: () = redis.ask(&fill);
    let _: () = redis.ask(&redis::cmd("SAVE"));
    redis.kill();
    std::thread::scope(|scope| {
        scope.spawn(|| redis.start_again());
        let mut put_off = 0;
        let hasty = line.within(Duration::from_millis(50));
        until("it has read everything", || match count(&hasty) {
            Ok(_) => true,
            Err(error) => {
                put_off += usize::from(error.to_string().contains("LOADING"));
                // With more patience it is waited for.
                put_off > 0 && count(&line).is_ok()
            }
        });
        assert!(put_off > 0, "it was ready before anybody asked");
    });
    assert!(count(&line).unwrap() >= 3, "what it had it has");
}

#[test]
fn a_connection_that_is_cut_while_nobody_asks_is_made_again_before_somebody_does() {
    let redis = Redis::start();
    let line = redis.line();
    let clients = || -> String { redis.ask(redis::cmd("CLIENT").arg("LIST")) };
    let id = |clients: &str| {
        let line = clients
            .lines()
            .find(|line| line.contains("lib-name=docent") || line.contains("resp=3"));
        line.and_then(|line| line.strip_prefix("id=")?.split(' ').next().map(str::to_owned))
    };
    let first = id(&clients()).expect("the line is there");
    let _: i64 = redis.ask(redis::cmd("CLIENT").arg("KILL").arg("ID").arg(&first));
    until("there is another one", || id(&clients()).is_some_and(|id| id != first));
    assert_eq!(count(&line).unwrap(), 1, "nobody noticed");
}

#[test]
fn one_that_cannot_be_reached_or_lets_nobody_in_is_told_in_words() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let locked = Redis::with(&["--requirepass", "s3cret"]);
    let said = |url: &str| {
        let address: Address = url.parse().unwrap();
        format!("{:#}", Line::open(&address).err().expect("nobody is let in"))
    };
    let refused = said(&format!("redis://{free}"));
    assert!(refused.contains("cannot be reached: Connection refused"), "{refused}");
    let silence = said(&format!("redis://{}", silent.local_addr().unwrap()));
    assert!(silence.contains("cannot be reached: "), "{silence}");
    let without = said(&locked.url());
    assert!(without.contains("NOAUTH"), "{without}");
    let wrong = said(&format!("redis://:wr0ng@127.0.0.1:{}", locked.port()));
    assert!(wrong.contains("WRONGPASS") || wrong.contains("uthentication"), "{wrong}");
    assert!(!wrong.contains("wr0ng"), "{wrong}");
    open(&format!("redis://:s3cret@127.0.0.1:{}/3", locked.port()));
}

#[test]
fn a_cluster_is_asked_wherever_the_key_is() {
    let cluster = Cluster::start();
    let line = open(&cluster.url());
    for n in 1..=3 {
        assert_eq!(count(&line).unwrap(), n);
    }
    for n in 0..30 {
        let command = redis::cmd("INCR").arg(format!("docs:{{{n}}}:limit")).to_owned();
        assert_eq!(line.wait(line.ask::<u64>(command)).unwrap(), 1);
    }
    for node in &cluster.0 {
        assert!(node.asked("incr") > 0, "keys are spread over all of them");
    }
}

#[test]
fn behind_a_sentinel_the_new_master_is_found() {
    let watched = Watched::start();
    let line = open(&watched.url());
    assert_eq!(count(&line).unwrap(), 1);
    watched.master.kill();
    until("the replica is the master now", || count(&line).is_ok());
    assert_eq!(watched.replica.info("replication", "role").as_deref(), Some("master"));
    // A sentinel without a password of its own is not kept out by that of the servers.
    let set = redis::cmd("CONFIG").arg("SET").arg("requirepass").arg("s3cret").to_owned();
    let _: () = watched.replica.ask(&set);
    let with = watched.url().replace("://", "://:s3cret@");
    assert!(count(&open(&with)).is_ok());
}

/// Asks itself in another process, because what this machine trusts is read from the environment.
#[test]
fn over_tls_a_server_is_known_by_what_this_machine_trusts() {
    const URL: &str = "DOCENT_TEST_URL";
    if let Ok(url) = std::env::var(URL) {
        let address: Address = url.parse().unwrap();
        let line = Line::open(&address).unwrap_or_else(|error| panic!("{error:#}"));
        assert_eq!(count(&line).unwrap(), 1);
        return;
    }
    let secured = Secured::start();
    let run = |trusted: &std::path::Path| {
        let mut command = Command::new(std::env::current_exe().expect("this"));
        command.arg("line::over_tls_a_server_is_known_by_what_this_machine_trusts");
        command.args(["--exact", "--nocapture"]).env(URL, secured.url());
        let output = command.env("SSL_CERT_FILE", trusted).output().expect("it runs");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    let (is_fine, said) = run(&secured.authority());
    assert!(is_fine && said.contains("1 passed"), "{said}");
    let other = Secured::start();
    let (is_fine, said) = run(&other.authority());
    assert!(!is_fine && said.contains("invalid peer certificate"), "{said}");
}
