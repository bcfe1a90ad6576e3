//! When a repository is pulled, and what came of it.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::address::Address;
use super::checkout::Checkout;
use super::short;

/// How often a stop is noticed.
const TICK: Duration = Duration::from_millis(250);
/// How long to wait after the first failure; each further one doubles it.
const RETRY: Duration = Duration::from_secs(10);
/// The longest wait after failures, unless pulls are farther apart than that.
const LONGEST: Duration = Duration::from_secs(600);

/// What a repository is, and how it is followed.
#[derive(Debug, Clone)]
pub struct Options {
    /// Name of the collection.
    pub name: String,
    /// Where it is.
    pub address: Address,
    /// Branch, or a full name such as `refs/tags/v2`; what the server says without one.
    pub branch: Option<String>,
    /// Folder of the docs, with `/`; empty for the whole.
    pub folder: String,
    /// Folder for its clone, absolute.
    pub dir: PathBuf,
    /// Time between two pulls; only when it is asked for without.
    pub every: Option<Duration>,
    /// How long a fetch may take.
    pub patience: Duration,
    /// Sent to the server with each question, over https alone.
    pub token: Option<String>,
}

/// A repository whose docs are served.
#[derive(Debug)]
pub struct Repository {
    name: String,
    checkout: Checkout,
    every: Option<Duration>,
    bell: Bell,
    /// Held by who moves the files or throws away what no name leads to: between two looks a commit
    /// that is being checked out may be one of those.
    moving: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Fetched, and not checked out yet.
    fetched: Option<String>,
    /// The clone is gone or damaged, and whoever owns the index does not know it yet.
    lost: bool,
    /// Whose files are there.
    shown: Option<String>,
    pulled: Option<u64>,
    problem: Option<String>,
    failures: u32,
    moved: u64,
    unchanged: u64,
    failed: u64,
}

/// How a repository is doing, for operators; since this process began to pull it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Name of the collection.
    pub collection: String,
    /// The commit that is served; none before the first.
    pub commit: Option<String>,
    /// When it was last known to be the newest, in seconds since 1970; none before the first pull.
    pub pulled: Option<u64>,
    /// Whether the last pull failed.
    pub failing: bool,
    /// Pulls that brought a new commit.
    pub moved: u64,
    /// Pulls that brought nothing new.
    pub unchanged: u64,
    /// Pulls that failed.
    pub failed: u64,
}

impl Repository {
    /// Nothing is done yet.
    pub fn new(options: Options) -> Repository {
        let Options { name, address, branch, folder, dir, every, patience, token } = options;
        let token = token.filter(|_| address.is_https());
        let checkout = Checkout { tree: dir, address, branch, folder, patience, token };
        let (bell, moving, state) = (Bell::default(), Mutex::default(), Mutex::default());
        Repository { name, checkout, every, bell, moving, state }
    }

    /// Name of the collection.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.checkout.address
    }

    /// Folder of the docs on this disk.
    pub fn root(&self) -> PathBuf {
        let folder = self.checkout.folder.split('/').filter(|part| !part.is_empty());
        folder.fold(self.checkout.tree.clone(), |path, part| path.join(part))
    }

    /// Folder of the clone on this disk.
    pub fn dir(&self) -> &Path {
        &self.checkout.tree
    }

    /// How it is doing; the commit is what the index says.
    pub fn standing(&self) -> Standing {
        let state = self.state();
        Standing {
            collection: self.name.clone(),
            commit: state.shown.clone(),
            pulled: state.pulled,
            failing: state.problem.is_some(),
            moved: state.moved,
            unchanged: state.unchanged,
            failed: state.failed,
        }
    }

    /// What was wrong with the last pull, for the operator.
    pub fn problem(&self) -> Option<String> {
        self.state().problem.clone()
    }

    /// Asks for a pull soon; many who ask get one.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// The commit whose files are there, brought into order; none before the first, and of a clone
    /// that is damaged: the next fetch makes it again. Only for whoever owns the index, as all that
    /// moves files.
    ///
    /// # Errors
    ///
    /// What the disk says. It is noted and told, too. The files are then to be left alone.
    pub fn settle(&self) -> anyhow::Result<Option<String>> {
        let settled = self.checkout.settle();
        let shown = settled.as_ref().map_or(None, Option::clone);
        let before = std::mem::replace(&mut self.state().shown, shown);
        match &settled {
            // Somebody deleted the clone, or it is damaged.
            Ok(None) if before.is_some() => self.ring(),
            Ok(_) => {}
            Err(error) => {
                let before = self.problem();
                if before.as_ref() != Some(&format!("{error:#}")) {
                    self.note_failure(error);
                    self.tell(before, error);
                }
            }
        }
        settled
    }

    /// Fetches what is new; tells whether there is something to check out. Touches no file of the
    /// docs that is read.
    ///
    /// # Errors
    ///
    /// In git's words. It is noted, too; whoever calls tells of it.
    pub fn fetch(&self, progress: &(dyn Fn(&str) + Sync)) -> anyhow::Result<bool> {
        self.fetch_within(self.checkout.patience, progress)
    }

    /// As [`Repository::fetch`], with another patience.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn fetch_within(
        &self,
        patience: Duration,
        progress: &(dyn Fn(&str) + Sync),
    ) -> anyhow::Result<bool> {
        let is_read = self.state().shown.is_some();
        let ready = if is_read { Ok(()) } else { self.ready() };
        match ready.and_then(|()| self.checkout.fetch(patience, progress)) {
            Err(error) => {
                self.note_failure(&error);
                let survives = self.checkout.survives(&error);
                self.state().lost = is_read && !survives;
                Err(error)
            }
            Ok(commit) => {
                let is_new = self.state().shown.as_ref() != Some(&commit);
                if is_new {
                    self.state().fetched = Some(commit);
                } else {
                    // A commit that was fetched before and is taken back.
                    self.state().fetched = None;
                    self.note_success(false);
                }
                Ok(is_new)
            }
        }
    }

    fn ready(&self) -> anyhow::Result<()> {
        let _moving = self.moving.lock().unwrap_or_else(PoisonError::into_inner);
        self.checkout.ready()
    }

    /// Checks out what was fetched, if there is something; the new commit. One that cannot be
    /// checked out is noted as a failure, and the files go back to those of the old one. Which
    /// files are there then is in [`Repository::standing`]. Whoever calls this and finds upkeep at
    /// work calls again.
    pub fn check_out(&self) -> Option<String> {
        let _moving = self.try_moving()?;
        if std::mem::take(&mut self.state().lost) {
            self.state().fetched = None;
            // Noted by itself.
            let _ = self.settle();
            return None;
        }
        let commit = self.state().fetched.take()?;
        if let Err(error) = self.checkout.check_out(&commit) {
            let before = self.problem();
            self.note_failure(&error);
            self.tell(before, &error);
            let _ = self.settle();
            return None;
        }
        self.state().shown = Some(commit.clone());
        self.note_success(true);
        Some(commit)
    }

    /// Whether there is something to do for [`Repository::check_out`].
    pub fn is_ahead(&self) -> bool {
        let state = self.state();
        state.fetched.is_some() || state.lost
    }

    fn try_moving(&self) -> Option<MutexGuard<'_, ()>> {
        match self.moving.try_lock() {
            Ok(moving) => Some(moving),
            Err(TryLockError::Poisoned(moving)) => Some(moving.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Fetches when it is time and when it is asked for, until told to stop. The thread is its own.
    pub fn keep_fetching(&self, stop: &AtomicBool) {
        // Who has tried just now, at the start, need not at once.
        let tried = self.state().pulled.is_some() || self.state().failures > 0;
        let mut now = !tried;
        loop {
            // Not on the dot, so that many servers that start together do not ask together.
            let chance = 0.9 + (RandomState::new().hash_one(0) % 201) as f64 / 1000.0;
            // Whether what was fetched can be checked out is known a while after the fetch.
            let wait = || if now { Some(Duration::ZERO) } else { self.pause(chance) };
            if !self.bell.waits(wait, stop) {
                return;
            }
            now = false;
            if let Some(_moving) = self.try_moving() {
                self.checkout.tidy();
            }
            let before = self.problem();
            if let Err(error) = self.fetch(&|_| {}) {
                self.tell(before, &error);
            }
        }
    }

    /// Time from one fetch to the next, as things stand, times `share`; none to wait until it is asked
    /// for.
    fn pause(&self, share: f64) -> Option<Duration> {
        let failures = self.state().failures;
        let every = match (self.every, failures) {
            (every, 0) => every?,
            (every, failures) => {
                let longest = every.map_or(LONGEST, |every| every.max(LONGEST));
                (RETRY * 2u32.saturating_pow(failures.min(10) - 1)).min(longest)
            }
        };
        Some(every.mul_f64(share))
    }

    fn note_success(&self, moved: bool) {
        let mut state = self.state();
        state.pulled = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|d| d.as_secs());
        state.failures = 0;
        *(if moved { &mut state.moved } else { &mut state.unchanged }) += 1;
        let (before, commit) = (state.problem.take(), state.shown.clone().unwrap_or_default());
        drop(state);
        let (collection, commit) = (&self.name, short(&commit));
        if before.is_some() {
            tracing::info!(%collection, %commit, "the repository can be pulled again");
        }
        if moved {
            tracing::info!(%collection, %commit, "a new commit is checked out");
        }
    }

    fn note_failure(&self, error: &anyhow::Error) {
        let mut state = self.state();
        state.failures = state.failures.saturating_add(1);
        state.failed += 1;
        state.problem = Some(format!("{error:#}"));
    }

    /// Says in the log that a pull failed: once, however long it lasts.
    fn tell(&self, before: Option<String>, error: &anyhow::Error) {
        let problem = format!("{error:#}");
        if before.is_some_and(|before| before == problem) {
            return;
        }
        let rest = match &self.state().shown {
            Some(commit) => format!("serving commit {}", short(commit)),
            None => "serving what is indexed of it, if anything".to_owned(),
        };
        let (collection, address) = (&self.name, &self.checkout.address);
        tracing::error!(%collection, "cannot pull {address}: {problem}; {rest}");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes who waits for it; rung before, it does not let wait.
#[derive(Debug, Default)]
struct Bell {
    rung: Mutex<bool>,
    heard: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.heard.notify_all();
    }

    /// Waits until it rings, or as long as `patience` says, which is asked at each tick; false when told
    /// to stop.
    fn waits(&self, patience: impl Fn() -> Option<Duration>, stop: &AtomicBool) -> bool {
        let started = Instant::now();
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = patience().map(|patience| patience.saturating_sub(started.elapsed()));
            if std::mem::take(&mut *rung) || left.is_some_and(|left| left.is_zero()) {
                return true;
            }
            let tick = left.map_or(TICK, |left| left.min(TICK));
            rung = self.heard.wait_timeout(rung, tick).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(every: Option<Duration>) -> Repository {
        Repository::new(Options {
            name: "guide".into(),
            address: Address::parse("https://example.com/guide").unwrap(),
            branch: None,
            folder: "docs/en".into(),
            dir: PathBuf::from("clone"),
            every,
            patience: TICK,
            token: None,
        })
    }

    #[test]
    fn pulls_are_apart_as_set_and_failures_back_off() {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        for (every, failures, expected) in [
            (Some(minutes(10)), 0, Some(minutes(10))),
            (Some(minutes(10)), 1, Some(RETRY)),
            (Some(minutes(10)), 3, Some(4 * RETRY)),
            (Some(minutes(60)), 99, Some(minutes(60).min(512 * RETRY))),
            (Some(RETRY), 99, Some(LONGEST)),
            (None, 0, None),
            (None, 2, Some(2 * RETRY)),
        ] {
            let repository = repository(every);
            repository.state().failures = failures;
            assert_eq!(repository.pause(1.0), expected);
            assert_eq!(repository.pause(1.1), expected.map(|pause| pause.mul_f64(1.1)));
        }
    }

    #[test]
    fn the_docs_are_in_the_folder_of_the_clone() {
        assert_eq!(repository(None).root(), Path::new("clone").join("docs").join("en"));
    }

    #[test]
    fn a_bell_that_rang_before_lets_nobody_wait() {
        let (bell, stop) = (Bell::default(), AtomicBool::new(false));
        bell.ring();
        bell.ring();
        assert!(bell.waits(|| None, &stop));
        assert!(bell.waits(|| Some(Duration::ZERO), &stop));
        stop.store(true, Ordering::Relaxed);
        assert!(!bell.waits(|| None, &stop));
    }

    #[test]
    fn a_failure_that_comes_while_it_waits_ends_the_wait() {
        let (bell, stop) = (Bell::default(), AtomicBool::new(false));
        let asked = std::cell::Cell::new(0);
        let patience = || {
            asked.set(asked.get() + 1);
            (asked.get() > 2).then_some(Duration::ZERO)
        };
        assert!(bell.waits(patience, &stop));
        assert_eq!(asked.get(), 3);
    }

    #[test]
    fn what_upkeep_may_throw_away_is_checked_out_after_it() {
        let repository = repository(None);
        repository.state().fetched = Some("1234".to_owned());
        let upkeep = repository.try_moving().unwrap();
        assert_eq!(repository.check_out(), None);
        assert!(repository.is_ahead() && !repository.standing().failing);
        drop(upkeep);
        assert_eq!(repository.check_out(), None);
        assert!(!repository.is_ahead() && repository.standing().failing);
    }
}
