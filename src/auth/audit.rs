//! The audit log: who came to the door, with what outcome, from which network. Never a secret, and
//! of people no more than a keyed hash.
//!
//! Noting something never waits for the disk and never fails: one thread writes, beside the calls.
//! What happens again in the same minute is counted, so that a flood neither fills the disk nor
//! pushes other events out.

use std::net::IpAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rustc_hash::FxHashMap;

use super::{Denied, Secret};
use crate::store::{AuditRow, Store};

/// How long an event is kept, in seconds.
pub const KEPT: u64 = 90 * 24 * 60 * 60;
/// Most rows kept: some 10 MB.
const MOST_ROWS: u64 = 100_000;
/// Of each event, cases that are told apart in one minute; more are counted as one. A flood of one
/// event hides nothing of another.
const MOST_A_MINUTE: usize = 1000;
/// Rows that wait for a disk which takes none.
const MOST_WAITING: usize = 4 * MOST_A_MINUTE;
/// Time between two writes: each makes others look whether a key has changed.
const PACE: Duration = Duration::from_secs(1);
/// Seconds between two looks for what is old.
const SWEEP: u64 = 60 * 60;
/// Characters that are kept of the name of a client, which is its own word.
const LONGEST_CLIENT: usize = 200;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// A key was made.
    KeyCreated,
    /// A key was made in place of another, which is the one that is named.
    KeyRotated,
    /// A key was taken back.
    KeyRevoked,
    /// A key was shown at the door. Noted only where it was refused.
    KeyShown,
    /// Somebody was sent to sign in.
    SignInBegan,
    /// A person let a client in.
    Consented,
    /// A person did not let a client in.
    ConsentDenied,
    /// A person came back from signing in.
    SignedIn,
    /// A person or a client ended its sign-in.
    SignedOut,
    /// A client made itself known.
    ClientRegistered,
    /// A token was shown. Noted only where it was refused.
    TokenShown,
    /// A token was used again after it had been replaced: somebody may have stolen it.
    TokenReused,
}

impl Event {
    /// The name that is kept and printed.
    pub fn name(self) -> &'static str {
        match self {
            Event::KeyCreated => "key.created",
            Event::KeyRotated => "key.rotated",
            Event::KeyRevoked => "key.revoked",
            Event::KeyShown => "key.shown",
            Event::SignInBegan => "sign_in.began",
            Event::Consented => "sign_in.consented",
            Event::ConsentDenied => "sign_in.denied",
            Event::SignedIn => "sign_in.done",
            Event::SignedOut => "sign_in.ended",
            Event::ClientRegistered => "client.registered",
            Event::TokenShown => "token.shown",
            Event::TokenReused => "token.reused",
        }
    }
}

/// How it ended. A reason is one of our own words: nothing that was sent can get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// As it was asked for.
    Done,
    /// It was refused, for this reason.
    Refused(&'static str),
}

impl From<Denied> for Outcome {
    fn from(denied: Denied) -> Outcome {
        Outcome::Refused(match denied {
            Denied::Malformed => "malformed",
            Denied::Unknown => "unknown",
            Denied::Expired => "expired",
            Denied::Revoked => "revoked",
        })
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    event: Event,
    outcome: Outcome,
    who: Option<String>,
    client: Option<String>,
    network: Option<String>,
}

impl Entry {
    /// Something that happened as it was asked for, by nobody in particular.
    pub fn of(event: Event) -> Entry {
        Entry { event, outcome: Outcome::Done, who: None, client: None, network: None }
    }

    /// A key that was refused. Its id is kept where it is that of a key: of any other it is what
    /// somebody made up.
    pub fn refused_key(key: &str, denied: Denied) -> Entry {
        let is_known = matches!(denied, Denied::Expired | Denied::Revoked);
        let id = Secret::parse(key).filter(|_| is_known).map(|secret| secret.id().to_owned());
        Entry { who: id, ..Entry::of(Event::KeyShown).outcome(denied) }
    }

    /// What happened.
    pub fn event(&self) -> Event {
        self.event
    }

    /// Whether it was refused.
    pub fn is_refused(&self) -> bool {
        self.outcome != Outcome::Done
    }

    /// With another outcome.
    pub fn outcome(self, outcome: impl Into<Outcome>) -> Entry {
        Entry { outcome: outcome.into(), ..self }
    }

    /// By this key or person: an id, or a keyed hash.
    pub fn by(self, who: impl Into<String>) -> Entry {
        Entry { who: Some(who.into()), ..self }
    }

    /// With this OAuth client, by its id or address. Some of it is kept, on one line.
    pub fn with(self, client: &str) -> Entry {
        let visible = client.chars().filter(|c| !c.is_control());
        Entry { client: Some(visible.take(LONGEST_CLIENT).collect()), ..self }
    }

    /// From the network of this address.
    pub fn from(self, address: IpAddr) -> Entry {
        Entry { network: Some(network(address)), ..self }
    }

    fn row(self, at: u64, times: u64) -> AuditRow {
        let refused = match self.outcome {
            Outcome::Done => None,
            Outcome::Refused(reason) => Some(reason.to_owned()),
        };
        let Entry { event, who, client, network, .. } = self;
        AuditRow { at, event: event.name().to_owned(), refused, who, client, network, times }
    }
}

/// As much of an address as is kept: 24 bits of IPv4, 48 of IPv6. One customer of a provider may have
/// all of it.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// Writes down what the command line did, at this time (seconds since 1970).
///
/// # Errors
///
/// The store cannot be written.
pub fn write(store: &dyn Store, entry: Entry, now: u64) -> anyhow::Result<()> {
    store.add_audit(&[entry.row(now, 1)])
}

/// Says what time it is, in seconds since 1970.
type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// The audit log of a server. What was noted is on the disk a second later, and when it is dropped.
pub struct Audit {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

struct Shared {
    store: Arc<dyn Store>,
    clock: Clock,
    pending: Mutex<Pending>,
    changed: Condvar,
}

/// What is not on the disk yet.
#[derive(Default)]
struct Pending {
    rows: Vec<AuditRow>,
    /// This minute, since 1970.
    minute: u64,
    /// What happened in it, and how often after the first time.
    seen: FxHashMap<Event, FxHashMap<Entry, u64>>,
    /// Rows for which there was no room.
    lost: u64,
    closed: bool,
}

impl Audit {
    /// Starts to write into a store.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(
        store: Arc<dyn Store>,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> anyhow::Result<Audit> {
        let clock = Box::new(clock);
        let shared = Shared { store, clock, pending: Mutex::default(), changed: Condvar::new() };
        let shared = Arc::new(shared);
        let write = shared.clone();
        let writer = std::thread::Builder::new().name("audit".into()).spawn(move || write.run());
        let writer = Some(writer.context("cannot start the audit log")?);
        Ok(Audit { shared, writer })
    }

    /// Notes that something happened now. Never waits for the disk.
    pub fn note(&self, entry: Entry) {
        let now = (self.shared.clock)();
        self.shared.pending().add(entry, now);
        self.shared.changed.notify_one();
    }
}

impl Drop for Audit {
    fn drop(&mut self) {
        self.shared.pending().closed = true;
        self.shared.changed.notify_one();
        if let Some(writer) = self.writer.take() {
            // A panic in there was told when it happened.
            let _ = writer.join();
        }
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what comes until the end.
    fn run(&self) {
        let (mut swept, mut failing) = (None, false);
        loop {
            let now = (self.clock)();
            if is_due(swept, now) {
                swept = Some(now);
                if let Err(error) = self.store.sweep_audit(now.saturating_sub(KEPT), MOST_ROWS) {
                    tracing::warn!("{error:#}");
                }
            }
            let (rows, lost, closed) = self.wait();
            warn_of(lost);
            if !rows.is_empty() {
                failing = !self.write(rows, failing);
            }
            if closed {
                let left = self.pending();
                return warn_of(left.lost + left.rows.len() as u64);
            }
            // Others that happen in the meantime are written together.
            let _ = self.changed.wait_timeout_while(self.pending(), PACE, |it| !it.closed);
        }
    }

    /// Whether rows are on the disk now. Those that are not wait there, as far as there is room; that is told
    /// unless it was told before.
    fn write(&self, rows: Vec<AuditRow>, is_told: bool) -> bool {
        let Err(error) = self.store.add_audit(&rows) else { return true };
        if !is_told {
            tracing::warn!("the audit log cannot be written just now: {error:#}");
        }
        self.pending().take_back(rows);
        false
    }

    /// Waits until there is something to write, or a minute is over.
    fn wait(&self) -> (Vec<AuditRow>, u64, bool) {
        let minute = Duration::from_secs(60);
        let idle = |pending: &mut Pending| pending.rows.is_empty() && !pending.closed;
        let waited = self.changed.wait_timeout_while(self.pending(), minute, idle);
        let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if pending.closed {
            pending.write_counts();
        } else {
            pending.begin_minute((self.clock)() / 60);
        }
        (std::mem::take(&mut pending.rows), std::mem::take(&mut pending.lost), pending.closed)
    }
}

fn warn_of(lost: u64) {
    if lost > 0 {
        tracing::warn!(lost, "events are missing in the audit log: there was no room for them");
    }
}

/// Whether it is time to look for what is old, after the look before.
fn is_due(swept: Option<u64>, now: u64) -> bool {
    swept.is_none_or(|swept| swept + SWEEP <= now)
}

impl Pending {
    /// The first of its kind in a minute is written at once; others are counted.
    fn add(&mut self, entry: Entry, now: u64) {
        self.begin_minute(now / 60);
        let seen = self.seen.entry(entry.event).or_default();
        if let Some(times) = seen.get_mut(&entry) {
            *times += 1;
        } else if seen.len() < MOST_A_MINUTE {
            seen.insert(entry.clone(), 0);
            self.push(entry.row(now, 1));
        } else {
            // From too many networks, or by too many: only what and how often.
            let Entry { event, outcome, .. } = entry;
            *seen.entry(Entry::of(event).outcome(outcome)).or_default() += 1;
        }
    }

    /// Ends the counts of the minute before, if this is another one.
    fn begin_minute(&mut self, minute: u64) {
        if minute != self.minute {
            self.write_counts();
            self.minute = minute;
        }
    }

    fn write_counts(&mut self) {
        for (entry, times) in std::mem::take(&mut self.seen).into_values().flatten() {
            if times > 0 {
                self.push(entry.row(self.minute * 60, times));
            }
        }
    }

    /// What could not be written waits with what came since, as far as there is room.
    fn take_back(&mut self, rows: Vec<AuditRow>) {
        let since = std::mem::replace(&mut self.rows, rows);
        since.into_iter().for_each(|row| self.push(row));
    }

    fn push(&mut self, row: AuditRow) {
        if self.rows.len() < MOST_WAITING {
            self.rows.push(row);
        } else {
            self.lost += row.times;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::store::SqliteStore;

    fn store() -> (tempfile::TempDir, Arc<dyn Store>) {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        (dir, store)
    }

    /// A log with a hand on its clock.
    fn audit(store: &Arc<dyn Store>, seconds: u64) -> (Audit, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(seconds));
        let hand = clock.clone();
        let audit = Audit::start(store.clone(), move || hand.load(Ordering::Relaxed)).unwrap();
        (audit, clock)
    }

    fn shown(from: &str) -> Entry {
        let entry = Entry::of(Event::KeyShown).outcome(Denied::Unknown);
        entry.from(from.parse().unwrap())
    }

    /// When, from where, and how often.
    fn rows(store: &dyn Store) -> Vec<(u64, String, u64)> {
        let rows = store.audit(0).unwrap().into_iter();
        rows.map(|row| (row.at, row.network.unwrap_or_default(), row.times)).collect()
    }

    #[test]
    fn what_happens_again_in_a_minute_is_counted() {
        let (_dir, store) = store();
        let (audit, clock) = audit(&store, 600);
        for n in 0..50 {
            audit.note(shown(&format!("192.0.2.{n}")));
        }
        audit.note(shown("2001:db8:1:ffff::1"));
        clock.store(660, Ordering::Relaxed);
        audit.note(shown("192.0.2.1"));
        drop(audit);
        let here = || "192.0.2.0/24".to_owned();
        let there = "2001:db8:1::/48".to_owned();
        // The counts of a minute stand where it begins.
        assert_eq!(
            rows(&*store),
            [(600, here(), 1), (600, there, 1), (600, here(), 49), (660, here(), 1)]
        );
    }

    #[test]
    fn a_flood_from_everywhere_is_a_bounded_number_of_rows_and_none_of_it_is_lost() {
        let (_dir, store) = store();
        let (audit, _) = audit(&store, 600);
        for n in 0..20_000u32 {
            let [_, a, b, c] = n.to_be_bytes();
            audit.note(shown(&format!("10.{b}.{c}.{a}")));
        }
        audit.note(Entry::of(Event::SignedIn).by("me"));
        drop(audit);
        let rows = store.audit(0).unwrap();
        assert_eq!(rows.len(), MOST_A_MINUTE + 2);
        assert_eq!(rows.iter().map(|row| row.times).sum::<u64>(), 20_001);
        let rest: Vec<_> = rows.iter().filter(|row| row.network.is_none()).collect();
        assert_eq!((rest[0].event.as_str(), rest[0].who.as_deref()), ("sign_in.done", Some("me")));
        assert_eq!((rest[1].event.as_str(), rest[1].times), ("key.shown", 19_000));
    }

    #[test]
    fn what_waits_for_a_disk_that_takes_nothing_is_bounded() {
        let mut pending = Pending::default();
        for minute in 0..10 {
            for n in 0..MOST_A_MINUTE {
                pending.add(shown(&format!("10.{}.{}.1", n / 256, n % 256)), minute * 60);
            }
        }
        assert_eq!(pending.rows.len(), MOST_WAITING);
        assert_eq!(pending.lost, 6 * MOST_A_MINUTE as u64);
    }

    #[test]
    fn what_is_old_is_deleted() {
        let (_dir, store) = store();
        write(&*store, Entry::of(Event::KeyCreated).by("old"), 100).unwrap();
        write(&*store, Entry::of(Event::KeyCreated).by("new"), 101).unwrap();
        let ninety_days = 7_776_000;
        let (audit, _) = audit(&store, 101 + ninety_days);
        drop(audit);
        assert_eq!(rows(&*store).len(), 1);
        assert_eq!(store.audit(0).unwrap()[0].who.as_deref(), Some("new"));
    }

    #[test]
    fn what_is_old_is_looked_for_at_once_and_then_every_hour() {
        let since_start =
            [(None, true), (Some(3599), false), (Some(3600), true), (Some(9999), true)];
        for (seconds, due) in since_start {
            let swept = seconds.map(|_| 50_000);
            assert_eq!(is_due(swept, 50_000 + seconds.unwrap_or_default()), due, "{seconds:?}");
        }
    }

    #[test]
    fn what_a_disk_does_not_take_waits_and_comes_before_what_happened_since() {
        let (dir, store) = store();
        crate::store::change(dir.path(), "ALTER TABLE audit RENAME TO away");
        let shared = Shared {
            store: store.clone(),
            clock: Box::new(|| 600),
            pending: Mutex::default(),
            changed: Condvar::new(),
        };
        let row = |at| shown("192.0.2.1").row(at, 1);
        shared.pending().push(row(601));
        assert!(!shared.write(vec![row(600)], false));
        crate::store::change(dir.path(), "ALTER TABLE away RENAME TO audit");
        let (waiting, lost, _) = shared.wait();
        assert_eq!((waiting.iter().map(|row| row.at).collect(), lost), (vec![600, 601], 0));
        assert!(shared.write(waiting, true));
        assert_eq!(rows(&*store).len(), 2);
        assert!(shared.pending().rows.is_empty());
    }

    #[test]
    fn only_ids_of_real_keys_are_kept_and_no_part_of_a_secret() {
        let key = Secret::new().unwrap();
        let who = |denied| Entry::refused_key(key.reveal(), denied).who;
        assert_eq!(who(Denied::Revoked).as_deref(), Some(key.id()));
        assert_eq!(who(Denied::Expired).as_deref(), Some(key.id()));
        assert_eq!(who(Denied::Unknown), None);
        assert_eq!(Entry::refused_key("Bearer of news", Denied::Malformed).who, None);
    }

    #[test]
    fn what_was_refused_is_told_from_what_was_done() {
        assert!(shown("192.0.2.1").is_refused());
        assert!(!Entry::of(Event::KeyCreated).is_refused());
    }

    #[test]
    fn the_name_of_a_client_is_short_and_on_one_line() {
        let client =
            Entry::of(Event::ClientRegistered).with(&format!("a\n\x1b[2J{}", "b".repeat(999)));
        let client = client.client.unwrap();
        assert!(client.starts_with("a[2Jbbb"), "{client}");
        assert_eq!(client.chars().count(), LONGEST_CLIENT);
    }
}
