//! Limits that hold over all replicas together: counted where all of them can ask, or, while that
//! cannot be asked, by each replica alone.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::refused::Refused;
use super::{Limit, Verdict, Windows};
use crate::store::redis::{Counted, Counts, Line, Names, Trouble};

/// How long a call is held up at most by being counted.
const PATIENCE: Duration = Duration::from_millis(50);
/// How often a replica says that it is there.
const BEAT: Duration = Duration::from_secs(2);
/// How often it is tried whether the counts can be asked again; a tenth more or less, so that not all
/// replicas try at once.
const PROBE: Duration = Duration::from_millis(500);
/// Callers who are counted at a time, as long as that is done here.
const CALLERS: usize = 100_000;
/// Characters of the name of a caller, 4 bits each: that two have the same one does not happen.
const NAME: usize = 32;
/// When a call that nobody counts may be tried again.
const SOON: Duration = Duration::from_secs(1);

/// What happens to calls while the counts of all cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This replica counts by itself, with its share of the limit.
    Local,
    /// They are refused.
    Deny,
}

/// Where the calls of all replicas are counted.
pub trait Remote: Send + Sync + 'static {
    /// Counts a call, if the limit admits it. It answers or fails within 50 ms.
    fn admit(
        &self,
        caller: &str,
        limit: Limit,
    ) -> impl Future<Output = Result<Verdict, Trouble>> + Send;

    /// Says that this replica is there; how many there are. It answers or fails within 50 ms.
    fn beat(&self) -> impl Future<Output = Result<u32, Trouble>> + Send;
}

impl Remote for Counts {
    async fn admit(&self, caller: &str, limit: Limit) -> Result<Verdict, Trouble> {
        let counted = Counts::admit(self, caller, limit.calls, limit.per).await?;
        let Counted { admitted, left, wait } = counted;
        Ok(Verdict { admitted, left, wait })
    }

    async fn beat(&self) -> Result<u32, Trouble> {
        Counts::beat(self).await
    }
}

/// Who counted a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// All replicas together, which took so long.
    All(Duration),
    /// Nobody had to: it was known that it would be refused.
    Known,
    /// This replica alone.
    Alone,
    /// Nobody could: it is refused for that reason alone.
    Nobody,
}

/// Limits that hold over all replicas together.
pub struct Shared<R = Counts> {
    inner: Arc<Inner<R>>,
    /// Wakes the one who tries whether the counts of all can be asked again.
    lost: Arc<Notify>,
}

struct Inner<R> {
    remote: R,
    fallback: Fallback,
    /// The counts of all can be asked.
    reachable: AtomicBool,
    /// Replicas that were there when it was last known, with this one.
    replicas: AtomicU32,
    /// What this replica admitted, all along: when it counts alone it does not begin at zero.
    alone: Windows<String>,
    refused: Refused,
}

impl Shared {
    /// Begins to ask over a connection of its own to the same place: what else is asked there holds up
    /// no call. Blocks the thread for some seconds at most; see [`Shared::start`].
    ///
    /// # Errors
    ///
    /// The server cannot be reached any more.
    pub fn over(line: &Line, names: Names, fallback: Fallback) -> anyhow::Result<Shared> {
        let line = line.another()?.within(PATIENCE);
        Ok(Shared::start(Counts::new(line, names), fallback))
    }
}

impl<R: Remote> Shared<R> {
    /// Begins to ask. It is called on a runtime, where it says every now and then that this replica is
    /// there.
    pub fn start(remote: R, fallback: Fallback) -> Shared<R> {
        let inner = Arc::new(Inner {
            remote,
            fallback,
            reachable: AtomicBool::new(true),
            replicas: AtomicU32::new(1),
            alone: Windows::new(CALLERS),
            refused: Refused::new(CALLERS),
        });
        let lost = Arc::new(Notify::new());
        tokio::spawn(keep_in_touch(Arc::downgrade(&inner), lost.clone()));
        Shared { inner, lost }
    }

    /// Counts a call at this time, if the limit admits it: a clock that never goes back says when.
    /// `kind` tells apart who could have the same name.
    pub async fn admit(&self, kind: &str, who: &str, limit: Limit, now: Duration) -> (Verdict, By) {
        let inner = &*self.inner;
        let caller = hidden(kind, who);
        if !self.is_reachable() {
            return inner.without(caller, limit, now);
        }
        if let Some(wait) = inner.refused.wait(&caller, limit, now) {
            return (Verdict { admitted: false, left: 0, wait }, By::Known);
        }
        let begun = Instant::now();
        match inner.remote.admit(&caller, limit).await {
            Ok(verdict) => {
                match (verdict.admitted, inner.fallback) {
                    (true, Fallback::Local) => drop(inner.alone.admit(caller, limit, now)),
                    (true, Fallback::Deny) => {}
                    (false, _) => inner.refused.note(caller, limit, now, verdict.wait),
                }
                (verdict, By::All(begun.elapsed()))
            }
            Err(trouble) => {
                if inner.lose(&trouble) {
                    self.lost.notify_one();
                }
                inner.without(caller, limit, now)
            }
        }
    }

    /// Whether the counts of all can be asked.
    pub fn is_reachable(&self) -> bool {
        self.inner.reachable.load(Ordering::Relaxed)
    }

    /// What happens while they cannot.
    pub fn fallback(&self) -> Fallback {
        self.inner.fallback
    }
}

impl<R: Remote> Inner<R> {
    /// What is said of a call while the counts of all cannot be asked.
    fn without(&self, caller: String, limit: Limit, now: Duration) -> (Verdict, By) {
        match self.fallback {
            Fallback::Deny => (Verdict { admitted: false, left: 0, wait: SOON }, By::Nobody),
            Fallback::Local => {
                let replicas = self.replicas.load(Ordering::Relaxed).max(1);
                let share = Limit { calls: limit.calls.div_ceil(replicas), ..limit };
                (self.alone.admit(caller, share, now), By::Alone)
            }
        }
    }

    /// From now on the counts of all are not asked, until they answer again; whether they were until
    /// now.
    fn lose(&self, trouble: &Trouble) -> bool {
        let was_reachable = self.reachable.swap(false, Ordering::Relaxed);
        if was_reachable {
            let then = match self.fallback {
                Fallback::Local => "this replica counts alone, with its share of the limits",
                Fallback::Deny => "calls are refused",
            };
            tracing::warn!("limits are not those of all replicas any more: {trouble}; {then}");
        }
        was_reachable
    }

    /// Says that this replica is there, and so tries whether the counts of all can be asked; whether
    /// they can. `since` is when they were lost.
    async fn beat(&self, since: &mut Option<Instant>) -> bool {
        match self.remote.beat().await {
            Ok(replicas) => {
                self.replicas.store(replicas.max(1), Ordering::Relaxed);
                let since = since.take();
                if !self.reachable.swap(true, Ordering::Relaxed) {
                    let after = since.map(|since| since.elapsed()).unwrap_or_default();
                    tracing::info!("limits are those of all replicas again, after {after:.1?}");
                }
                true
            }
            Err(trouble) => {
                self.lose(&trouble);
                since.get_or_insert_with(Instant::now);
                false
            }
        }
    }
}

/// Says every now and then that this replica is there. When the counts of all were lost, that is how it
/// is noticed that they can be asked again. Ends with the limits.
async fn keep_in_touch<R: Remote>(inner: Weak<Inner<R>>, lost: Arc<Notify>) {
    let mut since = None;
    loop {
        let Some(there) = inner.upgrade() else { return };
        let is_reachable = there.beat(&mut since).await;
        drop(there);
        if is_reachable {
            tokio::select! {
                () = sleep(BEAT) => continue,
                () = lost.notified() => since = Some(Instant::now()),
            }
        }
        sleep(PROBE.mul_f64(0.9 + 0.2 * chance())).await;
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    f64::from(RandomState::new().hash_one(()) as u32) / f64::from(u32::MAX)
}

/// A name for a caller that says nothing of who it is, the same on all replicas.
fn hidden(kind: &str, who: &str) -> String {
    let hash = blake3::hash(format!("{kind}:{who}").as_bytes());
    hash.to_hex()[..NAME].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts like the real one, as long as it answers; how it fails when it does the tests with a real
    /// one show.
    #[derive(Default)]
    struct Double {
        fails: AtomicBool,
        asked: AtomicU32,
        beats: AtomicU32,
        at_once: AtomicU32,
    }

    impl Remote for Arc<Double> {
        async fn admit(&self, _: &str, limit: Limit) -> Result<Verdict, Trouble> {
            let before = self.asked.fetch_add(1, Ordering::Relaxed);
            self.answer()?;
            let left = limit.calls.saturating_sub(before + 1);
            Ok(Verdict { admitted: before < limit.calls, left, wait: limit.per })
        }

        async fn beat(&self) -> Result<u32, Trouble> {
            self.beats.fetch_add(1, Ordering::Relaxed);
            let at_once = self.at_once.fetch_add(1, Ordering::Relaxed);
            assert_eq!(at_once, 0, "one tries at a time");
            sleep(Duration::from_millis(1)).await;
            self.at_once.fetch_sub(1, Ordering::Relaxed);
            self.answer().map(|()| 3)
        }
    }

    impl Double {
        fn answer(&self) -> Result<(), Trouble> {
            let address = || Arc::new("redis://a".parse().unwrap());
            let why = || "it is gone".to_owned();
            match self.fails.load(Ordering::Relaxed) {
                true => Err(Trouble::Lost { address: address(), why: why() }),
                false => Ok(()),
            }
        }
    }

    const NOW: Duration = Duration::from_secs(1);

    async fn passes(time: Duration) {
        tokio::time::sleep(time).await;
    }

    async fn told(shared: &Shared<Arc<Double>>, calls: &str) -> (bool, u32, By) {
        let (verdict, by) = shared.admit("user", "a", calls.parse().unwrap(), NOW).await;
        (verdict.admitted, verdict.left, by)
    }

    fn all() -> By {
        By::All(Duration::ZERO)
    }

    #[tokio::test(start_paused = true)]
    async fn alone_a_replica_has_its_share_and_remembers_what_it_admitted() {
        let double = Arc::new(Double::default());
        let shared = Shared::start(double.clone(), Fallback::Local);
        passes(Duration::from_millis(10)).await;
        assert_eq!(told(&shared, "10/hour").await, (true, 9, all()));
        assert_eq!(told(&shared, "10/hour").await, (true, 8, all()));
        double.fails.store(true, Ordering::Relaxed);
        // A third of 10, rounded up, is 4, and 2 of them were made.
        assert_eq!(told(&shared, "10/hour").await, (true, 1, By::Alone));
        assert!(!shared.is_reachable());
        assert_eq!(told(&shared, "10/hour").await, (true, 0, By::Alone));
        let (verdict, _) = shared.admit("user", "a", "10/hour".parse().unwrap(), NOW).await;
        let hour = Duration::from_secs(3600);
        assert_eq!(verdict, Verdict { admitted: false, left: 0, wait: hour });
        assert_eq!(
            double.asked.load(Ordering::Relaxed),
            3,
            "it is not asked as long as it is lost"
        );
        // Whoever is called the same elsewhere is somebody else.
        let (verdict, _) = shared.admit("key", "a", "10/hour".parse().unwrap(), NOW).await;
        assert_eq!(verdict.left, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn where_that_is_wanted_nobody_is_let_in() {
        let double = Arc::new(Double::default());
        let shared = Shared::start(double.clone(), Fallback::Deny);
        passes(Duration::from_millis(10)).await;
        assert_eq!(told(&shared, "10/hour").await, (true, 9, all()));
        double.fails.store(true, Ordering::Relaxed);
        for _ in 0..2 {
            let (verdict, by) = shared.admit("user", "a", "10/hour".parse().unwrap(), NOW).await;
            assert_eq!(
                (verdict, by),
                (Verdict { admitted: false, left: 0, wait: SOON }, By::Nobody)
            );
        }
        assert_eq!(double.asked.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_tried_again_and_again_until_it_answers() {
        let double = Arc::new(Double::default());
        let shared = Shared::start(double.clone(), Fallback::Local);
        passes(Duration::from_millis(10)).await;
        double.fails.store(true, Ordering::Relaxed);
        for _ in 0..10 {
            told(&shared, "10/hour").await;
        }
        let before = double.beats.load(Ordering::Relaxed);
        passes(Duration::from_secs(10)).await;
        let tried = double.beats.load(Ordering::Relaxed) - before;
        assert!((17..=23).contains(&tried), "{tried} times in ten seconds");
        assert!(!shared.is_reachable());
        double.fails.store(false, Ordering::Relaxed);
        passes(Duration::from_millis(600)).await;
        assert!(shared.is_reachable());
        assert!(matches!(told(&shared, "100/hour").await.2, By::All(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_that_nobody_calls_notices_too() {
        let double = Arc::new(Double::default());
        let shared = Shared::start(double.clone(), Fallback::Local);
        double.fails.store(true, Ordering::Relaxed);
        passes(Duration::from_secs(3)).await;
        assert!(!shared.is_reachable());
        drop(shared);
        passes(Duration::from_secs(3)).await;
        let ended = double.beats.load(Ordering::Relaxed);
        passes(Duration::from_secs(3)).await;
        assert_eq!(double.beats.load(Ordering::Relaxed), ended, "it ends with the limits");
    }

    #[tokio::test(start_paused = true)]
    async fn who_will_be_refused_is_not_asked_about() {
        let double = Arc::new(Double::default());
        let shared = Shared::start(double.clone(), Fallback::Local);
        passes(Duration::from_millis(10)).await;
        assert_eq!(told(&shared, "1/hour").await, (true, 0, all()));
        assert_eq!(told(&shared, "1/hour").await, (false, 0, all()));
        assert_eq!(told(&shared, "1/hour").await, (false, 0, By::Known));
        assert_eq!(double.asked.load(Ordering::Relaxed), 2);
        assert_eq!(told(&shared, "5/hour").await, (true, 2, all()), "another limit is asked again");
    }

    #[test]
    fn chances_are_from_nothing_to_one_and_spread() {
        let chances: Vec<f64> = (0..1000).map(|_| chance()).collect();
        assert!(chances.iter().all(|it| (0.0..=1.0).contains(it)), "{chances:?}");
        for quarter in [0.0, 0.25, 0.5, 0.75] {
            assert!(chances.iter().any(|it| (quarter..quarter + 0.25).contains(it)), "{quarter}");
        }
    }

    #[test]
    fn a_name_says_nothing_of_who_it_is() {
        let name = hidden("address", "192.0.2.1/32");
        assert_eq!((name.len(), name.bytes().all(|it| it.is_ascii_hexdigit())), (32, true));
        assert_eq!(name, hidden("address", "192.0.2.1/32"), "the same everywhere");
        assert_ne!(name, hidden("user", "192.0.2.1/32"));
    }
}
