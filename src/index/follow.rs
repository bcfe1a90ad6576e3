//! Keeps an index up to date with its folders while it is being served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::report::{Changes, Progress, Report};
use super::sync::Indexer;
use super::{Held, Index, Unwritable};
use crate::corpus::git::Repository;
use crate::corpus::{Batch, Collection, Warning, Watch, Watcher};

/// Everything is looked at this often in any case: an event that got lost costs no more than this.
const LOOK_AGAIN: Duration = Duration::from_secs(600);
/// How often a stop is noticed.
const TICK: Duration = Duration::from_millis(250);
/// How long to wait before trying again after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// What happens to the index while it is followed.
pub enum News {
    /// The index moved.
    Moved(Report),
    /// The docs cannot be followed just now; what is indexed goes on being served.
    Trouble(String),
    /// The index on the disk is no longer what is served, and is being made again.
    Damaged(String),
    /// The index is up to date and follows the docs, for the first time or again.
    Following,
}

/// How to follow.
pub struct Follow {
    /// How changes are noticed.
    pub watch: Watch,
    /// Time between two looks where events do not work.
    pub interval: Duration,
    /// Where the files of collections come from that nobody writes into.
    pub repositories: Vec<Arc<Repository>>,
    /// Set to end.
    pub stop: Arc<AtomicBool>,
    /// Told of everything that happens.
    pub tell: Box<dyn Fn(News) + Send>,
}

impl Follow {
    /// Runs until told to stop; the thread is the indexer's own. Repositories are pulled meanwhile,
    /// and by nobody else: there is one indexer.
    pub fn run(self, indexer: Indexer) {
        let (repositories, stop) = (self.repositories.clone(), self.stop.clone());
        std::thread::scope(|scope| {
            for repository in &repositories {
                scope.spawn(|| repository.keep_fetching(&stop));
            }
            self.keep_following(indexer);
        });
    }

    fn keep_following(&self, mut indexer: Indexer) {
        while !self.stopped() {
            // Tantivy panics on files that are not whole; the next round looks at them.
            let followed = catch_unwind(AssertUnwindSafe(|| self.follow(&mut indexer)));
            let followed = followed.unwrap_or_else(|_| Err(anyhow::anyhow!("the indexer failed")));
            if let Err(error) = followed {
                (self.tell)(News::Trouble(format!("{error:#}")));
                let end = Instant::now() + RETRY;
                while !self.stopped() && Instant::now() < end {
                    std::thread::sleep(TICK);
                }
            }
        }
    }

    /// Watches first and looks then, so that no change falls between; ends with an error when
    /// both have to begin anew.
    fn follow(&self, indexer: &mut Indexer) -> anyhow::Result<()> {
        self.settle(indexer);
        let started = Watcher::new(&indexer.written(), self.watch, self.interval);
        self.mend(indexer)?;
        self.take(indexer.catch_up(&Progress::default())?)?;
        let (watcher, reason) = started?;
        if let Some(reason) = reason {
            let seconds = self.interval.as_secs_f64();
            tracing::warn!("looking for changes every {seconds} s, because {reason}");
        }
        (self.tell)(News::Following);
        compact(indexer);
        let mut looked = Instant::now();
        while !self.stopped() {
            if self.mend(indexer)? {
                (self.tell)(News::Following);
            }
            if self.check_out(indexer) {
                self.take(indexer.catch_up(&Progress::default())?)?;
                compact(indexer);
                looked = Instant::now();
            }
            if self.watch == Watch::Off {
                std::thread::sleep(TICK);
                continue;
            }
            if watcher.is_elsewhere() {
                // It is looked at and watched anew, in the next round.
                return Ok(());
            }
            // What was fetched is noticed between two waits.
            let patience = if self.repositories.is_empty() { self.interval } else { TICK };
            let batch = watcher.next(TICK.max(patience)).unwrap_or_default();
            let Batch { files, rescan } = batch;
            if rescan || looked.elapsed() > LOOK_AGAIN {
                self.take(indexer.catch_up(&Progress::default())?)?;
                compact(indexer);
                looked = Instant::now();
            } else if !files.is_empty() {
                self.take(indexer.update(&files)?)?;
            } else if indexer.lacks_root() {
                anyhow::bail!("a docs folder is gone");
            }
        }
        Ok(())
    }

    /// Brings the files of the repositories into order before anything looks at them. Where that
    /// fails, which the repository tells, what is indexed of it stays, and all others go on.
    fn settle(&self, indexer: &mut Indexer) {
        for repository in &self.repositories {
            let commit = repository.settle().unwrap_or_default();
            indexer.set_commit(repository.name(), commit);
        }
    }

    /// Moves files to what was fetched; tells whether there was something. All that is indexed next
    /// becomes visible at once.
    fn check_out(&self, indexer: &mut Indexer) -> bool {
        let mut moved = false;
        for repository in self.repositories.iter().filter(|repository| repository.is_ahead()) {
            moved |= repository.check_out().is_some();
            // Where it failed the files are those of the commit before, or of none.
            indexer.set_commit(repository.name(), repository.standing().commit);
        }
        moved
    }

    /// Makes the index again if it was damaged; tells whether it was.
    fn mend(&self, indexer: &mut Indexer) -> anyhow::Result<bool> {
        let Some(reason) = indexer.damage()? else { return Ok(false) };
        (self.tell)(News::Damaged(reason));
        self.take(indexer.rebuild(&Progress::default())?)?;
        compact(indexer);
        Ok(true)
    }

    /// Follows an index that another process writes or that cannot be written, and takes over when that process ends.
    pub fn run_beside(self, index: Arc<Index>, collections: &[Collection], command: &str) {
        while !self.stopped() {
            match Indexer::take_over(&index, collections, command) {
                Ok(indexer) => return self.run(indexer),
                Err(error) if error.is::<Held>() || error.is::<Unwritable>() => {}
                Err(error) => (self.tell)(News::Trouble(format!("{error:#}"))),
            }
            std::thread::sleep(TICK);
            let before = index.snapshot();
            match index.refresh() {
                Ok(false) => {}
                Ok(true) => {
                    let after = index.snapshot();
                    let mut report = Report::default();
                    if let (Ok(before), Ok(after)) = (before.catalog(), after.catalog()) {
                        report.changes = Changes::between(before, after);
                        report.pages = after.pages().len();
                        report.sections = after.sections();
                    }
                    self.tell_of(report);
                }
                // The other process may be in the middle of making it anew.
                Err(error) => tracing::debug!("the index cannot be read just now: {error:#}"),
            }
        }
    }

    /// Tells of a run; files that could not be read are tried again, like all that fails.
    fn take(&self, mut report: Report) -> anyhow::Result<()> {
        let busy = report.busy.pop();
        self.tell_of(report);
        if let Some(Warning { path, message, .. }) = busy {
            anyhow::bail!("{path} cannot be read just now: {message}");
        }
        Ok(())
    }

    fn tell_of(&self, report: Report) {
        if !report.changes.is_empty() {
            (self.tell)(News::Moved(report));
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Merging makes answers faster, not better: when it fails, the docs are followed all the same.
fn compact(indexer: &mut Indexer) {
    if let Err(error) = indexer.compact() {
        tracing::warn!("large segments could not be merged: {error:#}");
    }
}
