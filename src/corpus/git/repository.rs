//! When a repository is pulled, and what came of it.

use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
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
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Fetched, and not checked out yet.
    fetched: Option<String>,
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
        let (bell, state) = (Bell::default(), Mutex::default());
        Repository { name, checkout, every, bell, state }
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

    /// The commit whose files are there, brought into order; none before the first. Only for whoever
    /// owns the index, as all that moves files.
    ///
    /// # Errors
    ///
    /// What the disk says. The files are then to be left alone.
    pub fn settle(&self) -> anyhow::Result<Option<String>> {
        let shown = self.checkout.settle()?;
        let before = std::mem::replace(&mut self.state().shown, shown.clone());
        // Somebody deleted the clone.
        if before.is_some() && shown.is_none() {
            self.ring();
        }
        Ok(shown)
    }

    /// Fetches what is new; tells whether there is something to check out. Touches no file of the
    /// docs.
    ///
    /// # Errors
    ///
    /// In git's words. It is noted, too; whoever calls tells of it.
    pub fn fetch(&self, progress: &(dyn Fn(&str) + Sync)) -> anyhow::Result<bool> {
        match self.checkout.fetch(progress) {
            Err(error) => {
                self.note_failure(&error);
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

    /// Checks out what was fetched, if there is something; the new commit. One that cannot be
    /// checked out is noted as a failure, and the files stay those of the old one.
    ///
    /// # Errors
    ///
    /// The files are those of neither commit, and to be left alone until [`Repository::settle`].
    pub fn check_out(&self) -> anyhow::Result<Option<String>> {
        let Some(commit) = self.state().fetched.take() else { return Ok(None) };
        if let Err(error) = self.checkout.check_out(&commit) {
            let before = self.problem();
            self.note_failure(&error);
            self.tell(before, &error);
            self.settle()?;
            return Ok(None);
        }
        self.state().shown = Some(commit.clone());
        self.note_success(true);
        Ok(Some(commit))
    }

    /// Whether something was fetched that is not checked out.
    pub fn is_ahead(&self) -> bool {
        self.state().fetched.is_some()
    }

    /// Fetches when it is time and when it is asked for, until told to stop. The thread is its own.
    pub fn keep_fetching(&self, stop: &AtomicBool) {
        // Who has tried just now, at the start, need not at once.
        let tried = self.state().pulled.is_some() || self.state().failures > 0;
        let mut wait = if tried { self.pause() } else { Some(Duration::ZERO) };
        while self.bell.waits(wait, stop) {
            self.checkout.tidy();
            let before = self.problem();
            if let Err(error) = self.fetch(&|_| {}) {
                self.tell(before, &error);
            }
            wait = self.pause();
        }
    }

    /// Time to the next fetch; none to wait until it is asked for. Not on the dot, so that many
    /// servers that start together do not ask together.
    fn pause(&self) -> Option<Duration> {
        let failures = self.state().failures;
        let every = match (self.every, failures) {
            (every, 0) => every?,
            (every, failures) => {
                let longest = every.map_or(LONGEST, |every| every.max(LONGEST));
                (RETRY * 2u32.saturating_pow(failures.min(10) - 1)).min(longest)
            }
        };
        let chance = RandomState::new().hash_one(0) % 201;
        Some(every.mul_f64(0.9 + chance as f64 / 1000.0))
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
            None => "there is no earlier commit to serve".to_owned(),
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

    /// Waits so long, or until it rings; false when told to stop.
    fn waits(&self, patience: Option<Duration>, stop: &AtomicBool) -> bool {
        let started = Instant::now();
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if stop.load(Ordering::Relaxed) {
                return false;
            }
            let left = patience.map(|patience| patience.saturating_sub(started.elapsed()));
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
            let pause = repository.pause();
            assert_eq!(pause.is_some(), expected.is_some());
            let (Some(pause), Some(expected)) = (pause, expected) else { continue };
            let share = pause.as_secs_f64() / expected.as_secs_f64();
            assert!((0.899..=1.101).contains(&share), "{pause:?} for {expected:?}");
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
        assert!(bell.waits(None, &stop));
        assert!(bell.waits(Some(Duration::ZERO), &stop));
        stop.store(true, Ordering::Relaxed);
        assert!(!bell.waits(None, &stop));
    }
}
