//! Real servers of Redis, each in a folder of its own, on a free port of this machine.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use docent::store::redis::{Address, Line};
use redis::{Cmd, FromRedisValue};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long anything may take that a test waits for, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A server, until it is dropped.
pub(crate) struct Redis {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Mutex<Option<Child>>,
}

impl Redis {
    /// One that writes nothing to the disk: what it has is gone when it is stopped.
    pub(crate) fn start() -> Redis {
        Redis::with(&[])
    }

    /// One that has everything again after it was stopped or killed.
    pub(crate) fn lasting() -> Redis {
        Redis::with(&["--appendonly", "yes", "--appendfsync", "always"])
    }

    /// One with more settings, as they stand on the command line of `redis-server`.
    pub(crate) fn with(arguments: &[&str]) -> Redis {
        let port = free_port();
        let mut all = vec!["--port".to_owned(), port.to_string()];
        all.extend(["--bind", "127.0.0.1", "--save", ""].map(str::to_owned));
        all.extend(arguments.iter().map(|&argument| argument.to_owned()));
        Redis::run(port, all)
    }

    fn run(port: u16, arguments: Vec<String>) -> Redis {
        let folder = tempfile::tempdir().expect("a folder");
        let redis = Redis { folder, port, arguments, process: Mutex::new(None) };
        redis.start_again();
        redis
    }

    /// Starts it again on the same port, after [`Redis::stop`] or [`Redis::kill`].
    pub(crate) fn start_again(&self) {
        let mut process = Command::new("redis-server")
            .args(&self.arguments)
            .args(["--daemonize", "no"])
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "redis-server does not start: {error}; on Debian: apt-get install redis-server"
                )
            });
        let mut said = String::new();
        let mut lines = BufReader::new(process.stdout.take().expect("its words")).lines();
        let is_up = lines.by_ref().map_while(Result::ok).any(|line| {
            said += &line;
            said += "\n";
            line.contains("Ready to accept connections") || line.contains("+monitor master")
        });
        assert!(is_up, "redis-server {:?} ended:\n{said}", self.arguments);
        // A pipe that nobody empties would stop it.
        std::thread::spawn(move || lines.for_each(drop));
        *self.process() = Some(process);
    }

    /// Stops it in order.
    pub(crate) fn stop(&self) {
        self.signal(Signal::TERM);
        self.reap();
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&self) {
        self.signal(Signal::KILL);
        self.reap();
    }

    /// From now on it takes connections, or the system does, and says nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// It forgets everything.
    pub(crate) fn flush(&self) {
        let _: () = self.ask(&redis::cmd("FLUSHALL"));
    }

    /// Asks it a command, past everything that is tested.
    pub(crate) fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        let client = redis::Client::open(("127.0.0.1", self.port)).expect("an address");
        let mut connection = client.get_connection_with_timeout(PATIENCE).expect("it is there");
        command.query(&mut connection).expect("an answer")
    }

    /// A line of what it tells of itself.
    pub(crate) fn info(&self, section: &str, field: &str) -> Option<String> {
        let info: String = self.ask(redis::cmd("INFO").arg(section));
        let mut lines = info.lines();
        lines.find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned()))
    }

    /// How often a command was asked since it was started.
    pub(crate) fn asked(&self, command: &str) -> u64 {
        let field = format!("cmdstat_{command}");
        let stats = self.info("commandstats", &field).unwrap_or_default();
        let calls = stats.strip_prefix("calls=").and_then(|rest| rest.split(',').next());
        calls.map_or(0, |calls| calls.parse().expect("a number"))
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address as it is set.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection of its own.
    pub(crate) fn line(&self) -> Line {
        open(&self.url())
    }

    fn process(&self) -> std::sync::MutexGuard<'_, Option<Child>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn signal(&self, signal: Signal) {
        let id = self.process().as_ref().expect("it runs").id();
        let id = Pid::from_raw(id as i32).expect("a process");
        kill_process(id, signal).expect("it is ours");
    }

    fn reap(&self) {
        let mut process = self.process().take().expect("it ran");
        process.wait().expect("it ends");
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut process) = self.process().take() {
            // Also one that is frozen.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// A connection to this address.
pub(crate) fn open(url: &str) -> Line {
    let address: Address = url.parse().expect("an address");
    Line::open(&address).unwrap_or_else(|error| panic!("{address}: {error:#}"))
}

/// Three masters that share the slots of a cluster.
pub(crate) struct Cluster(pub(crate) [Redis; 3]);

impl Cluster {
    pub(crate) fn start() -> Cluster {
        let nodes = [(); 3].map(|()| {
            let bus = free_port().to_string();
            Redis::with(&["--cluster-enabled", "yes", "--cluster-port", &bus])
        });
        let made = Command::new("redis-cli")
            .args(["--cluster", "create"])
            .args(nodes.each_ref().map(|node| format!("127.0.0.1:{}", node.port)))
            .arg("--cluster-yes")
            .output()
            .expect("redis-cli starts; on Debian: apt-get install redis-server");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stdout));
        until("the cluster is whole", || {
            nodes.iter().all(|node| {
                let info: String = node.ask(redis::cmd("CLUSTER").arg("INFO"));
                info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
            })
        });
        Cluster(nodes)
    }

    /// Its address as it is set.
    pub(crate) fn url(&self) -> String {
        let nodes = self.0.each_ref().map(|node| format!("127.0.0.1:{}", node.port));
        format!("redis+cluster://{}", nodes.join(","))
    }
}

/// A master, its replica, and a sentinel that watches them.
pub(crate) struct Watched {
    pub(crate) master: Redis,
    pub(crate) replica: Redis,
    sentinel: Redis,
}

impl Watched {
    pub(crate) fn start() -> Watched {
        let master = Redis::start();
        let of = format!("127.0.0.1 {}", master.port);
        let replica = Redis::with(&["--replicaof", &of]);
        until("the replica follows", || {
            replica.info("replication", "master_link_status").as_deref() == Some("up")
        });
        let port = free_port();
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\nsentinel monitor docs 127.0.0.1 {} 1\n\
             sentinel down-after-milliseconds docs 1000\nsentinel failover-timeout docs 5000\n",
            master.port
        );
        std::fs::write(&file, settings).expect("a file");
        let arguments = vec![file.display().to_string(), "--sentinel".to_owned()];
        let sentinel = Redis { folder, port, arguments, process: Mutex::new(None) };
        sentinel.start_again();
        let watched = Watched { master, replica, sentinel };
        until("the sentinel knows the replica", || {
            let masters: Vec<std::collections::HashMap<String, String>> =
                watched.sentinel.ask(redis::cmd("SENTINEL").arg("MASTERS"));
            masters.first().is_some_and(|docs| docs["num-slaves"] == "1")
        });
        watched
    }

    /// Its address as it is set.
    pub(crate) fn url(&self) -> String {
        format!("redis+sentinel://127.0.0.1:{}/docs", self.sentinel.port)
    }
}

/// A server that speaks TLS only, and the file of the authority that vouches for it.
pub(crate) struct Secured {
    pub(crate) redis: Redis,
    files: TempDir,
}

impl Secured {
    pub(crate) fn start() -> Secured {
        let files = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = files.path().join(name);
            std::fs::write(&path, text).expect("a file");
            path.display().to_string()
        };
        let mut authority = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().expect("a key");
        let certificate = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().expect("a key");
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let params = rcgen::CertificateParams::new(names).expect("parameters");
        let server = params.signed_by(&key, &issuer).expect("a certificate");
        let authority = write("authority.pem", &certificate.pem());
        let (server, key) =
            (write("server.pem", &server.pem()), write("key.pem", &key.serialize_pem()));
        let port = free_port();
        let arguments = ["--port", "0", "--tls-port", &port.to_string(), "--bind", "127.0.0.1"];
        let mut arguments = arguments.map(str::to_owned).to_vec();
        arguments.extend(["--tls-cert-file".to_owned(), server, "--tls-key-file".to_owned(), key]);
        arguments.extend(["--tls-ca-cert-file".to_owned(), authority]);
        arguments.extend(["--tls-auth-clients", "no", "--save", ""].map(str::to_owned));
        Secured { redis: Redis::run(port, arguments), files }
    }

    /// The certificate of the authority, in PEM.
    pub(crate) fn authority(&self) -> PathBuf {
        self.files.path().join("authority.pem")
    }

    /// Its address as it is set.
    pub(crate) fn url(&self) -> String {
        format!("rediss://localhost:{}", self.redis.port)
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "it took too long until {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// A port of this machine that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").port()
}
