//! What Prometheus reads: counters since the start, and how things stand. No label names a caller or
//! repeats what one sent.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

/// Upper ends of the buckets of times, in seconds: a search takes a tenth of a millisecond.
const SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];
/// The same of numbers of hits.
const HITS: [f64; 7] = [0.0, 1.0, 2.0, 3.0, 6.0, 10.0, 20.0];

/// Kinds of limits, of the door and of sign-ins.
const LIMITS: [&str; 9] = [
    "user",
    "key",
    "address",
    "wrong_keys",
    "streams",
    "authorizations",
    "registrations",
    "refused_tokens",
    "refreshes",
];

/// A family that has nothing in it until it is known.
type Unlabelled = [(&'static str, &'static str); 0];
type One = [(&'static str, &'static str); 1];
type Two = [(&'static str, &'static str); 2];
type Named = [(&'static str, String); 1];
type NamedTwice = [(&'static str, String); 2];

/// How a collection stands that is a git repository.
#[derive(Debug, Clone, Default)]
pub struct Cloned {
    /// Name of the collection.
    pub collection: String,
    /// The commit that is served.
    pub commit: Option<String>,
    /// When a pull last succeeded, in seconds since 1970.
    pub pulled: Option<u64>,
    /// Whether the last pull failed.
    pub failing: bool,
    /// Pulls by outcome, since the start.
    pub pulls: Vec<(&'static str, u64)>,
}

/// How following index snapshots goes.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// When the one that is served was published, in seconds since 1970.
    pub published: u64,
    /// When a look for a newer one last succeeded.
    pub looked: Option<u64>,
    /// Looks that failed, and snapshots that could not be taken, since the start.
    pub failures: u64,
}

/// How things stand when somebody looks.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Index snapshots, where they are followed.
    pub followed: Option<Followed>,
    /// Collections that are git repositories.
    pub clones: Vec<Cloned>,
    /// Pages of each collection, by its name.
    pub pages: Vec<(String, u64)>,
    /// Sections of all pages.
    pub sections: u64,
    /// Bytes of the index on the disk.
    pub index_bytes: u64,
    /// When the index was committed, in seconds since 1970.
    pub committed: u64,
    /// Seconds since then.
    pub age: u64,
    /// Whether changes of the docs are followed just now.
    pub following: bool,
    /// Calls that wait for their turn.
    pub waiting: usize,
    /// Clients that are told of changes.
    pub listeners: usize,
    /// Events of the usage that are not on the disk yet.
    pub unwritten: usize,
    /// Whether the state that replicas share can be reached, where they share one.
    pub state: Option<bool>,
}

/// How a call was counted that is counted for all replicas.
#[derive(Debug, Clone, Copy)]
pub enum Counted {
    /// With those of all, which took so long.
    Shared(Duration),
    /// Not at all: it was known that it would be refused.
    Spared,
    /// Those of all could not be asked: what was done then, `local` or `deny`.
    Fallback(&'static str),
}

/// The numbers of a server.
pub struct Metrics {
    registry: Registry,
    calls: Family<Two, Counter>,
    seconds: Family<One, Histogram, fn() -> Histogram>,
    hits: Histogram,
    empty: Counter,
    weak: Counter,
    limited: Family<One, Counter>,
    door: Family<Two, Counter>,
    reloads: Family<One, Counter>,
    connections: Gauge,
    refused: Family<One, Counter>,
    feedback: Family<One, Counter>,
    timeouts: Counter,
    asked: Histogram,
    spared: Counter,
    fallback: Family<One, Counter>,
    standing: Mutex<Standing>,
}

/// What is set whenever somebody looks.
#[derive(Default)]
struct Standing {
    pages: Family<Named, Gauge>,
    sections: Gauge,
    bytes: Gauge,
    committed: Gauge,
    age: Gauge,
    following: Gauge,
    waiting: Gauge,
    listeners: Gauge,
    unwritten: Gauge,
    state: Family<Unlabelled, Gauge>,
    published: Family<Unlabelled, Gauge>,
    looked: Family<Unlabelled, Gauge>,
    failures: Family<Unlabelled, Counter>,
    commits: Family<NamedTwice, Gauge>,
    pulled: Family<Named, Gauge>,
    failing: Family<Named, Gauge>,
    pulls: Family<NamedTwice, Counter>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("docent");
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        registry.register("build", "The version of docent", Info::new(version));
        let calls = Family::default();
        registry.register("calls", "Calls that were answered, by tool and outcome", calls.clone());
        let histogram = || Histogram::new(SECONDS);
        let seconds = Family::new_with_constructor(histogram as fn() -> Histogram);
        let help = "Time from a call to its answer, waiting for a turn included";
        registry.register_with_unit("call", help, Unit::Seconds, seconds.clone());
        let hits = Histogram::new(HITS);
        registry.register("search_results", "Hits of a search", hits.clone());
        let empty = Counter::default();
        registry.register("searches_empty", "Searches that found nothing", empty.clone());
        let weak = Counter::default();
        let help = "Searches whose best hit holds less than half of the question";
        registry.register("searches_weak", help, weak.clone());
        let limited = Family::default();
        let help = "Requests that were refused because a limit was used up, by kind of limit";
        registry.register("limited", help, limited.clone());
        let door = Family::default();
        let help = "Sign-ins, keys and tokens at the door, by event and outcome";
        registry.register("door_events", help, door.clone());
        let reloads = Family::default();
        let help = "Moves of the index to changed docs, and failures to follow them";
        registry.register("reloads", help, reloads.clone());
        let connections = Gauge::default();
        registry.register("connections", "Open connections", connections.clone());
        let refused = Family::default();
        let help = "Connections that were closed at once, by reason";
        registry.register("connections_refused", help, refused.clone());
        let feedback = Family::default();
        registry.register("feedback", "What agents said of pages, by problem", feedback.clone());
        let timeouts = Counter::default();
        let help = "Calls that took longer than they may, or could not be waited for";
        registry.register("timeouts", help, timeouts.clone());
        let asked = Histogram::new(SECONDS);
        let help = "Time to count a call for all replicas";
        registry.register_with_unit("limits_shared", help, Unit::Seconds, asked.clone());
        let spared = Counter::default();
        let help = "Calls that were known to be refused, so that nobody was asked";
        registry.register("limits_spared", help, spared.clone());
        let fallback = Family::default();
        let help = "Calls while those of all replicas could not be counted, by what was done";
        registry.register("limits_fallback", help, fallback.clone());
        let standing = Standing::default();
        standing.register(&mut registry);
        let standing = Mutex::new(standing);
        let metrics = Metrics {
            timeouts,
            asked,
            spared,
            fallback,
            registry,
            calls,
            seconds,
            hits,
            empty,
            weak,
            limited,
            door,
            reloads,
            connections,
            refused,
            feedback,
            standing,
        };
        metrics.begin();
        metrics
    }

    /// Makes what may happen rarely begin at 0: of a counter that appears with 1, Prometheus sees no
    /// increase.
    fn begin(&self) {
        for limit in LIMITS {
            drop(self.limited.get_or_create(&[("limit", limit)]));
        }
        for outcome in ["changed", "failed", "damaged"] {
            drop(self.reloads.get_or_create(&[("outcome", outcome)]));
        }
        for reason in ["network", "full"] {
            drop(self.refused.get_or_create(&[("reason", reason)]));
        }
        for fallback in ["local", "deny"] {
            drop(self.fallback.get_or_create(&[("fallback", fallback)]));
        }
        for problem in ["wrong", "stale", "missing"] {
            drop(self.feedback.get_or_create(&[("problem", problem)]));
        }
    }

    /// A call took longer than it may.
    pub fn timed_out(&self) {
        self.timeouts.inc();
    }

    /// A call was answered.
    pub fn called(&self, tool: &'static str, is_ok: bool, elapsed: Duration) {
        let outcome = if is_ok { "ok" } else { "error" };
        self.calls.get_or_create(&[("tool", tool), ("outcome", outcome)]).inc();
        self.seconds.get_or_create(&[("tool", tool)]).observe(elapsed.as_secs_f64());
    }

    /// A search had so many hits, the best of which held this share of the question.
    pub fn searched(&self, hits: usize, coverage: f32) {
        self.hits.observe(hits as f64);
        if hits == 0 {
            self.empty.inc();
        } else if coverage < 0.5 {
            self.weak.inc();
        }
    }

    /// A request was refused, because a limit of this kind was used up.
    pub fn limited(&self, limit: &'static str) {
        self.limited.get_or_create(&[("limit", limit)]).inc();
    }

    /// A call was counted that is counted for all replicas, or could not be.
    pub fn counted(&self, counted: Counted) {
        match counted {
            Counted::Shared(took) => self.asked.observe(took.as_secs_f64()),
            Counted::Spared => {
                self.spared.inc();
            }
            Counted::Fallback(fallback) => {
                self.fallback.get_or_create(&[("fallback", fallback)]).inc();
            }
        }
    }

    /// Something happened at the door.
    pub fn at_the_door(&self, event: &'static str, is_refused: bool) {
        let outcome = if is_refused { "refused" } else { "done" };
        self.door.get_or_create(&[("event", event), ("outcome", outcome)]).inc();
    }

    /// The index moved to changed docs, or could not.
    pub fn reloaded(&self, outcome: &'static str) {
        self.reloads.get_or_create(&[("outcome", outcome)]).inc();
    }

    /// A connection was opened; it ends when what is returned is dropped.
    pub fn connected(&self) -> Connected {
        self.connections.inc();
        Connected(self.connections.clone())
    }

    /// A connection was closed at once.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }

    /// An agent said something of a page.
    pub fn heard(&self, problem: &'static str) {
        self.feedback.get_or_create(&[("problem", problem)]).inc();
    }

    /// Everything, in the format of OpenMetrics 1.0 or in the older one of Prometheus (0.0.4).
    pub fn render(&self, gauges: &Gauges, open_metrics: bool) -> String {
        // Two who look at once would mix what each of them sets.
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.set(gauges);
        let mut out = String::new();
        let encoded = if open_metrics {
            text::encode(&mut out, &self.registry)
        } else {
            prometheus_text::encode(&mut out, &self.registry)
        };
        if encoded.is_err() {
            // A text takes all that is written to it.
            let _ = out.write_str("# not whole\n");
        }
        out
    }
}

/// An open connection.
pub struct Connected(Gauge<i64, AtomicI64>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Standing {
    fn register(&self, registry: &mut Registry) {
        registry.register("index_pages", "Pages, by collection", self.pages.clone());
        registry.register("index_sections", "Sections of all pages", self.sections.clone());
        let help = "Size of the index on the disk";
        registry.register_with_unit("index_size", help, Unit::Bytes, self.bytes.clone());
        let help = "When the index was committed, in seconds since 1970";
        registry.register_with_unit(
            "index_committed_timestamp",
            help,
            Unit::Seconds,
            self.committed.clone(),
        );
        let help = "Time since the index was committed";
        registry.register_with_unit("index_age", help, Unit::Seconds, self.age.clone());
        let help = "1 while changes of the docs are followed, 0 while something keeps them from it";
        registry.register("following", help, self.following.clone());
        registry.register("queue", "Calls that wait for their turn", self.waiting.clone());
        let help = "Clients that are told of changes";
        registry.register("listeners", help, self.listeners.clone());
        let help = "Events of the usage that are not on the disk yet";
        registry.register("usage_unwritten", help, self.unwritten.clone());
        let help = "1 while the state that replicas share can be reached, 0 while it cannot";
        registry.register("state_reachable", help, self.state.clone());
        let help = "When the snapshot that is served was published, in seconds since 1970";
        let name = "snapshot_published_timestamp";
        registry.register_with_unit(name, help, Unit::Seconds, self.published.clone());
        let help = "When a look for a newer snapshot last succeeded, in seconds since 1970";
        let name = "snapshot_looked_timestamp";
        registry.register_with_unit(name, help, Unit::Seconds, self.looked.clone());
        let help = "Looks for a newer snapshot that failed, and snapshots that could not be taken";
        registry.register("snapshot_failures", help, self.failures.clone());
        let help = "Always 1: the commit that is served of a git repository";
        registry.register("git_commit", help, self.commits.clone());
        let help = "When a pull last succeeded, in seconds since 1970";
        registry.register_with_unit(
            "git_pulled_timestamp",
            help,
            Unit::Seconds,
            self.pulled.clone(),
        );
        registry.register("git_failing", "1 while pulls fail", self.failing.clone());
        registry.register("git_pulls", "Pulls, by outcome", self.pulls.clone());
    }

    fn set(&self, gauges: &Gauges) {
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        for (collection, pages) in &gauges.pages {
            let labels = [("collection", collection.clone())];
            self.pages.get_or_create(&labels).set(number(*pages));
        }
        self.sections.set(number(gauges.sections));
        self.bytes.set(number(gauges.index_bytes));
        self.committed.set(number(gauges.committed));
        self.age.set(number(gauges.age));
        self.following.set(i64::from(gauges.following));
        self.waiting.set(number(gauges.waiting as u64));
        self.listeners.set(number(gauges.listeners as u64));
        self.unwritten.set(number(gauges.unwritten as u64));
        if let Some(is_reachable) = gauges.state {
            self.state.get_or_create(&[]).set(i64::from(is_reachable));
        }
        if let Some(Followed { published, looked, failures }) = &gauges.followed {
            self.published.get_or_create(&[]).set(number(*published));
            if let Some(looked) = looked {
                self.looked.get_or_create(&[]).set(number(*looked));
            }
            self.failures.get_or_create(&[]).inner().store(*failures, Ordering::Relaxed);
        }
        // The commit before is not served any more.
        self.commits.clear();
        for Cloned { collection, commit, pulled, failing, pulls } in &gauges.clones {
            let of = [("collection", collection.clone())];
            let and = |name, value: &str| [of[0].clone(), (name, value.to_owned())];
            if let Some(commit) = commit {
                let labels = and("commit", commit);
                self.commits.get_or_create(&labels).set(1);
            }
            if let Some(pulled) = pulled {
                self.pulled.get_or_create(&of).set(number(*pulled));
            }
            self.failing.get_or_create(&of).set(i64::from(*failing));
            for (outcome, count) in pulls {
                let labels = and("outcome", outcome);
                self.pulls.get_or_create(&labels).inner().store(*count, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dashboard_and_the_manual_name_what_there_is() {
        let metrics = Metrics::new();
        metrics.called("search", true, Duration::ZERO);
        metrics.limited("key");
        metrics.at_the_door("key.shown", true);
        metrics.reloaded("changed");
        metrics.refused("full");
        metrics.heard("stale");
        let cloned = Cloned {
            commit: Some("0123456789ab".into()),
            pulled: Some(1),
            pulls: vec![("failed", 1)],
            ..Cloned::default()
        };
        let pages = vec![("docs".into(), 1)];
        let state = Some(true);
        let followed = Some(Followed { looked: Some(1), ..Followed::default() });
        let gauges = Gauges { pages, clones: vec![cloned], state, followed, ..Gauges::default() };
        let text = metrics.render(&gauges, false);
        let names = |text: &str| -> std::collections::BTreeSet<String> {
            let rest = text.split("docent_").skip(1);
            let name = |rest: &str| {
                let end = rest.find(|c: char| !c.is_ascii_lowercase() && c != '_');
                rest[..end.unwrap_or(rest.len())].trim_end_matches('_').to_owned()
            };
            rest.map(name).filter(|name| !name.is_empty()).collect()
        };
        let there = names(&text);
        let dashboard = include_str!("../../deploy/grafana-dashboard.json");
        let manual = include_str!("../../corpus/metrics.md");
        for (told, whose) in [(dashboard, "the dashboard"), (manual, "the manual")] {
            for name in names(told) {
                // Prometheus makes three series of a histogram.
                let series = [format!("{name}_bucket"), name.clone()];
                assert!(series.iter().any(|it| there.contains(it)), "{whose}: docent_{name}");
            }
        }
        let series = ["_bucket", "_sum", "_count"];
        for name in there {
            let told = series.iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            assert!(names(manual).contains(told), "the manual lacks docent_{name}");
        }
    }

    #[test]
    fn what_happened_is_counted_in_both_formats() {
        let metrics = Metrics::new();
        metrics.called("search", true, Duration::from_micros(300));
        metrics.called("search", false, Duration::from_micros(300));
        metrics.searched(0, 0.0);
        metrics.searched(6, 0.4);
        metrics.limited("key");
        metrics.at_the_door("sign_in.done", false);
        metrics.reloaded("changed");
        metrics.counted(Counted::Shared(Duration::from_micros(300)));
        metrics.counted(Counted::Spared);
        metrics.counted(Counted::Fallback("local"));
        let open = metrics.connected();
        drop(metrics.connected());
        let gauges = Gauges {
            pages: vec![("a \"quoted\" name".into(), 7)],
            age: 5,
            following: true,
            state: Some(false),
            followed: Some(Followed { published: 7, looked: Some(8), failures: 9 }),
            ..Gauges::default()
        };
        let cloned = |commit: &str, failing| Cloned {
            collection: "guide".into(),
            commit: Some(commit.into()),
            pulled: Some(9),
            failing,
            pulls: vec![("moved", 2)],
        };
        let before = Gauges { clones: vec![cloned("before", true)], ..gauges.clone() };
        metrics.render(&before, false);
        let gauges = Gauges { clones: vec![cloned("after", false)], ..gauges };
        for open_metrics in [false, true] {
            let text = metrics.render(&gauges, open_metrics);
            for line in [
                "docent_calls_total{tool=\"search\",outcome=\"ok\"} 1",
                "docent_calls_total{tool=\"search\",outcome=\"error\"} 1",
                "docent_call_seconds_count{tool=\"search\"} 2",
                "docent_search_results_count 2",
                "docent_searches_empty_total 1",
                "docent_searches_weak_total 1",
                "docent_limited_total{limit=\"key\"} 1",
                "docent_door_events_total{event=\"sign_in.done\",outcome=\"done\"} 1",
                "docent_reloads_total{outcome=\"changed\"} 1",
                "docent_limits_shared_seconds_count 1",
                "docent_limits_spared_total 1",
                "docent_limits_fallback_total{fallback=\"local\"} 1",
                "docent_limits_fallback_total{fallback=\"deny\"} 0",
                "docent_state_reachable 0",
                "docent_connections 1",
                "docent_index_pages{collection=\"a \\\"quoted\\\" name\"} 7",
                "docent_index_age_seconds 5",
                "docent_following 1",
                "docent_git_commit{collection=\"guide\",commit=\"after\"} 1",
                "docent_git_pulled_timestamp_seconds{collection=\"guide\"} 9",
                "docent_snapshot_published_timestamp_seconds 7",
                "docent_snapshot_looked_timestamp_seconds 8",
                "docent_snapshot_failures_total 9",
                "docent_git_failing{collection=\"guide\"} 0",
                "docent_git_pulls_total{collection=\"guide\",outcome=\"moved\"} 2",
                concat!("docent_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            ] {
                assert!(text.lines().any(|it| it == line), "{line} is not in\n{text}");
            }
            // The two formats write labels in another order.
            let bucket = text.lines().find(|line| line.contains("le=\"0.00025\""));
            assert!(bucket.is_some_and(|line| line.ends_with("} 0")), "{text}");
            let bucket = text.lines().find(|line| line.contains("le=\"0.0005\""));
            assert!(bucket.is_some_and(|line| line.ends_with("} 2")), "{text}");
            assert!(!text.contains("before"), "{text}");
            assert_eq!(text.ends_with("# EOF\n"), open_metrics);
        }
        drop(open);
        assert!(metrics.render(&gauges, false).contains("docent_connections 0\n"));
    }
}
