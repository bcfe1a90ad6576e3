//! Events on their way to the disk. Recording one never waits for the disk and never fails: one
//! thread writes, beside the calls, twice a second.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use rustc_hash::FxHashMap;

use super::redact::redacted;
use crate::store::{CallRow, FeedbackRow, UsageStore};

/// Events that wait for the disk; what comes on top of them is counted as lost.
const MOST_WAITING: usize = 20_000;
/// Time between two writes: what a kill may cost.
const PACE: Duration = Duration::from_millis(500);
/// Time between two looks for what is old.
const SWEEP: u64 = 60 * 60 * 1000;
/// Most calls kept, some 1.5 GB; most sentences.
const MOST_CALLS: u64 = 5_000_000;
const MOST_SENTENCES: u64 = 20_000;
/// Rows after which what is old or too much is deleted, whatever the clock says.
const MANY: usize = 100_000;
/// Longest text that is kept, in characters.
const LONGEST: usize = 400;
/// Bytes of a text that wait to be looked at: more than is kept of the longest characters.
const LONGEST_WAITING: usize = 4 * LONGEST;

/// What is kept of a question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Queries {
    /// All of it.
    Full,
    /// What is left without that which looks like e-mail addresses, keys and numbers.
    #[default]
    Redacted,
    /// Nothing.
    Off,
}

/// What of an event is kept, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// What is kept of questions.
    pub queries: Queries,
    /// Whether the keyed hash of a person is kept with what they asked.
    pub people: bool,
    /// How long.
    pub kept: Duration,
}

/// Milliseconds since 1970.
type Clock = Box<dyn Fn() -> u64 + Send + Sync>;

/// Keeps what was asked. What was recorded is on the disk half a second later, and when it is dropped.
pub struct Recorder {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Box<dyn UsageStore>,
    policy: Policy,
    clock: Clock,
    pending: Mutex<Pending>,
    /// There is something to write.
    filled: Condvar,
    /// It is the end.
    closed: Condvar,
}

/// What is not on the disk yet.
#[derive(Default)]
struct Pending {
    calls: Vec<CallRow>,
    feedback: Vec<FeedbackRow>,
    /// Calls that were refused, by what is the same of them: a flood of them is one row.
    refused: FxHashMap<Refused, u64>,
    lost: u64,
    closed: bool,
}

/// Nothing that a caller can make up: that would be a row for each of a flood.
#[derive(PartialEq, Eq, Hash)]
struct Refused {
    outcome: String,
    caller: String,
    who: Option<String>,
}

impl Recorder {
    /// Starts to write into a store; the clock gives milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// The system gives no thread.
    pub fn start(
        store: Box<dyn UsageStore>,
        policy: Policy,
        clock: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> anyhow::Result<Recorder> {
        let (clock, pending) = (Box::new(clock), Mutex::default());
        let (filled, closed) = (Condvar::new(), Condvar::new());
        let shared = Shared { store, policy, clock, pending, filled, closed };
        let shared = Arc::new(shared);
        let write = shared.clone();
        let writer = std::thread::Builder::new().name("usage".into()).spawn(move || write.run());
        let writer = writer.context("cannot start to record what is asked")?;
        Ok(Recorder { shared, writer: Mutex::new(Some(writer)) })
    }

    /// Records a call that ended now. Never waits for the disk.
    pub fn called(&self, mut row: CallRow) {
        row.at = (self.shared.clock)();
        row.who = row.who.filter(|_| self.shared.policy.people || row.caller != "user");
        if let Some(long) = row.query.take_if(|text| text.len() > LONGEST_WAITING) {
            row.query = Some(long[..long.floor_char_boundary(LONGEST_WAITING)].to_owned());
        }
        self.shared.fill(|pending| pending.add(row));
    }

    /// Records what an agent said now. Never waits for the disk.
    pub fn feedback(&self, mut row: FeedbackRow) {
        row.at = (self.shared.clock)();
        self.shared.fill(|pending| {
            if pending.feedback.len() < MOST_WAITING {
                pending.feedback.push(row);
            }
        });
    }

    /// Events that wait for the disk.
    pub fn waiting(&self) -> usize {
        let pending = self.shared.pending();
        pending.calls.len() + pending.feedback.len() + pending.refused.len()
    }

    /// Writes what waits, and ends: what is recorded after that is lost.
    pub fn close(&self) {
        self.shared.pending().closed = true;
        self.shared.filled.notify_one();
        self.shared.closed.notify_one();
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(writer) = writer.take() {
            // A panic in there was told when it happened.
            let _ = writer.join();
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.close();
    }
}

impl Pending {
    fn add(&mut self, row: CallRow) {
        if row.outcome.starts_with("limited:") {
            let CallRow { outcome, caller, who, .. } = row;
            let refused = Refused { outcome, caller, who };
            if self.refused.len() < MOST_WAITING || self.refused.contains_key(&refused) {
                *self.refused.entry(refused).or_default() += row.times;
                return;
            }
        } else if self.calls.len() < MOST_WAITING {
            self.calls.push(row);
            return;
        }
        self.lost += row.times;
    }

    /// What could not be written waits with what came since, as far as there is room.
    fn take_back(&mut self, calls: Vec<CallRow>, feedback: Vec<FeedbackRow>) {
        let since = std::mem::replace(&mut self.calls, calls);
        self.calls.extend(since);
        for row in self.calls.split_off(self.calls.len().min(MOST_WAITING)) {
            self.lost += row.times;
        }
        let since = std::mem::replace(&mut self.feedback, feedback);
        self.feedback.extend(since);
        self.feedback.truncate(MOST_WAITING);
    }

    fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.feedback.is_empty() && self.refused.is_empty()
    }
}

impl Shared {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what waits, and wakes the writer if it has nothing to do: to wake it for each event would
    /// cost as much as all that it does.
    fn fill(&self, add: impl FnOnce(&mut Pending)) {
        let mut pending = self.pending();
        let was_empty = pending.is_empty();
        add(&mut pending);
        drop(pending);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// Writes what comes until the end.
    fn run(&self) {
        let (mut swept, mut added) = (None, 0);
        let mut failing = false;
        loop {
            let now = (self.clock)();
            if added >= MANY || swept.is_none_or(|swept| swept + SWEEP <= now) {
                (swept, added) = (Some(now), 0);
                let kept = u64::try_from(self.policy.kept.as_millis()).unwrap_or(u64::MAX);
                let before = now.saturating_sub(kept);
                if let Err(error) = self.store.sweep(before, MOST_CALLS, MOST_SENTENCES) {
                    tracing::warn!("{error:#}");
                }
            }
            let hour = Duration::from_millis(SWEEP);
            let idle = |pending: &mut Pending| pending.is_empty() && !pending.closed;
            let waited = self.filled.wait_timeout_while(self.pending(), hour, idle);
            let (mut pending, _) = waited.unwrap_or_else(PoisonError::into_inner);
            let closed = pending.closed;
            let taken = std::mem::take(&mut *pending);
            pending.closed = closed;
            drop(pending);
            if !taken.is_empty() {
                let (calls, feedback) = self.rows(taken);
                let written = self.store.add(&calls, &feedback);
                added += calls.len();
                if let (Err(error), false) = (&written, failing) {
                    tracing::warn!("what is asked is not recorded just now: {error:#}");
                }
                failing = written.is_err();
                if failing {
                    self.pending().take_back(calls, feedback);
                }
            }
            if closed {
                return;
            }
            // Others that come in the meantime are written together.
            let _ = self.closed.wait_timeout_while(self.pending(), PACE, |it| !it.closed);
        }
    }

    /// What is kept of what waits.
    fn rows(&self, waiting: Pending) -> (Vec<CallRow>, Vec<FeedbackRow>) {
        let Pending { calls, feedback, refused, lost, .. } = waiting;
        if lost > 0 {
            tracing::warn!(lost, "calls are missing in the usage: there were too many at once");
        }
        let now = (self.clock)();
        let refused = refused.into_iter().map(|(refused, times)| {
            let Refused { outcome, caller, who } = refused;
            CallRow { at: now, outcome, caller, who, times, ..CallRow::default() }
        });
        let calls = calls.into_iter().chain(refused).map(|row| self.kept(row));
        let feedback = feedback
            .into_iter()
            .map(|row| FeedbackRow { comment: short(&redacted(&row.comment)), ..row });
        (calls.collect(), feedback.collect())
    }

    /// What is kept of a call.
    fn kept(&self, row: CallRow) -> CallRow {
        let text = |text: String| match self.policy.queries {
            Queries::Full => Some(short(&one_line(&text))),
            Queries::Redacted => Some(short(&redacted(&text))),
            Queries::Off => None,
        };
        let query = row.query.and_then(text);
        // A word may be a part of what was taken out of the question.
        let stands = |pair: &String| {
            let word = pair.split(" > ").next().unwrap_or_default();
            query.as_ref().is_some_and(|query| query.contains(word))
        };
        let corrected = row.corrected.into_iter().filter(stands).filter_map(text).collect();
        CallRow { query, corrected, ..row }
    }
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn short(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteUsage;

    const POLICY: Policy =
        Policy { queries: Queries::Redacted, people: false, kept: Duration::from_secs(60) };

    #[test]
    fn a_word_of_what_was_taken_out_is_not_kept_as_corrected_either() {
        let corrected = vec!["collektions > collect".into(), "wrks > works".into()];
        let asked = CallRow { corrected, ..asked("password=collektions wrks") };
        let kept = kept(POLICY, vec![asked]).remove(0);
        assert_eq!(kept.query.as_deref(), Some("password=[key] wrks"));
        assert_eq!(kept.corrected, ["wrks > works"]);
    }

    #[test]
    fn what_could_not_be_written_waits_as_far_as_there_is_room() {
        let mut pending = Pending::default();
        pending.add(asked("since"));
        pending.take_back(vec![asked("before"); MOST_WAITING], Vec::new());
        assert_eq!(pending.calls.len(), MOST_WAITING);
        assert_eq!(pending.calls[0].query.as_deref(), Some("before"));
        assert_eq!(pending.lost, 1);
    }

    #[test]
    fn of_a_long_question_no_more_waits_than_is_kept() {
        let kept = kept(POLICY, vec![asked(&"ä ".repeat(100_000))]).remove(0);
        assert_eq!(kept.query.map(|query| query.chars().count()), Some(LONGEST));
    }

    fn asked(query: &str) -> CallRow {
        CallRow {
            tool: "search".into(),
            outcome: "ok".into(),
            caller: "user".into(),
            who: Some("hash".into()),
            query: Some(query.into()),
            corrected: vec![format!("{query} > x")],
            times: 1,
            ..CallRow::default()
        }
    }

    fn rows(dir: &tempfile::TempDir) -> Vec<CallRow> {
        let mut rows = Vec::new();
        SqliteUsage::open(dir.path()).unwrap().each_call(0, &mut |row| rows.push(row)).unwrap();
        rows
    }

    /// What is kept of these calls.
    fn kept(policy: Policy, calls: Vec<CallRow>) -> Vec<CallRow> {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteUsage::open(dir.path()).unwrap();
        let recorder = Recorder::start(Box::new(store), policy, || 1_000_000).unwrap();
        calls.into_iter().for_each(|row| recorder.called(row));
        drop(recorder);
        rows(&dir)
    }

    #[test]
    fn what_is_kept_of_a_question_is_the_owners_choice() {
        let question = "mail\nme@mail.example.com";
        let with = |queries| kept(Policy { queries, ..POLICY }, vec![asked(question)]).remove(0);
        let full = with(Queries::Full);
        assert_eq!(full.query.as_deref(), Some("mail me@mail.example.com"));
        let redacted = with(Queries::Redacted);
        assert_eq!(redacted.query.as_deref(), Some("mail [e-mail]"));
        assert_eq!(redacted.corrected, Vec::<String>::new());
        let off = with(Queries::Off);
        assert_eq!((off.query, off.corrected), (None, Vec::new()));
    }

    #[test]
    fn people_are_kept_only_where_the_owner_wants_it_and_keys_always() {
        let key = CallRow { caller: "key".into(), who: Some("ci".into()), ..asked("x") };
        let who = |policy| {
            kept(policy, vec![asked("x"), key.clone()]).into_iter().map(|row| row.who).collect()
        };
        let without: Vec<_> = who(POLICY);
        assert_eq!(without, [None, Some("ci".into())]);
        let with: Vec<_> = who(Policy { people: true, ..POLICY });
        assert_eq!(with, [Some("hash".into()), Some("ci".into())]);
    }

    fn refused(who: usize) -> CallRow {
        let outcome = "limited:key".into();
        CallRow { outcome, caller: "key".into(), who: Some(who.to_string()), ..asked("x") }
    }

    #[test]
    fn a_flood_of_refused_calls_is_one_row_whatever_the_client_says_it_is() {
        let mut pending = Pending::default();
        for n in 0..5000 {
            pending.add(CallRow { client: Some(n.to_string()), ..refused(1) });
        }
        assert_eq!(pending.refused.values().collect::<Vec<_>>(), [&5000]);
        assert!(pending.calls.is_empty());
        let kept = kept(POLICY, vec![refused(1)]);
        assert_eq!((kept[0].at, kept[0].times, kept[0].tool.as_str()), (1_000_000, 1, ""));
    }

    #[test]
    fn what_waits_for_a_disk_that_takes_nothing_is_bounded() {
        let mut pending = Pending::default();
        for n in 0..MOST_WAITING + 10 {
            pending.add(asked("x"));
            pending.add(refused(n));
        }
        assert_eq!((pending.calls.len(), pending.refused.len()), (MOST_WAITING, MOST_WAITING));
        assert_eq!(pending.lost, 20);
    }

    #[test]
    fn what_is_old_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteUsage::open(dir.path()).unwrap();
        let old = CallRow { at: 1, times: 1, ..CallRow::default() };
        let new = CallRow { at: 61_001, times: 1, ..CallRow::default() };
        store.add(&[old, new], &[]).unwrap();
        drop(Recorder::start(Box::new(store), POLICY, || 61_002).unwrap());
        assert_eq!(rows(&dir).iter().map(|row| row.at).collect::<Vec<_>>(), [61_001]);
    }
}
