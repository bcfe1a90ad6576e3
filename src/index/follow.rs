//! Keeps an index up to date with its folders while it is being served.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::report::{Changes, Progress, Report};
use super::sync::Indexer;
use super::{Held, Index};
use crate::corpus::{Batch, Collection, Watch, Watcher};

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
    /// They can be followed again.
    Recovered,
}

/// How to follow.
pub struct Follow {
    /// How changes are noticed.
    pub watch: Watch,
    /// Time between two looks where events do not work.
    pub interval: Duration,
    /// Set to end.
    pub stop: Arc<AtomicBool>,
    /// Told of everything that happens.
    pub tell: Box<dyn Fn(News) + Send>,
}

impl Follow {
    /// Runs until told to stop; the thread is the indexer's own.
    pub fn run(self, mut indexer: Indexer) {
        while !self.stopped() {
            if let Err(error) = self.follow(&mut indexer) {
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
        let started = Watcher::new(indexer.roots(), self.watch, self.interval);
        self.take(indexer.catch_up(&Progress::default())?);
        let (watcher, reason) = started?;
        if let Some(reason) = reason {
            let seconds = self.interval.as_secs_f64();
            tracing::warn!("looking for changes every {seconds} s, because {reason}");
        }
        (self.tell)(News::Recovered);
        indexer.compact()?;
        let mut looked = Instant::now();
        while !self.stopped() {
            if self.watch == Watch::Off {
                std::thread::sleep(TICK);
                continue;
            }
            let batch = watcher.next(TICK.max(self.interval)).unwrap_or_default();
            let Batch { files, rescan } = batch;
            if rescan || looked.elapsed() > LOOK_AGAIN {
                self.take(indexer.catch_up(&Progress::default())?);
                indexer.compact()?;
                looked = Instant::now();
            } else if !files.is_empty() {
                self.take(indexer.update(&files)?);
            } else if indexer.roots().iter().any(|root| !root.is_dir()) {
                anyhow::bail!("a docs folder is gone");
            }
        }
        Ok(())
    }

    /// Follows an index that another process writes, and takes over when that process ends.
    pub fn run_beside(self, index: Arc<Index>, collections: &[Collection], command: &str) {
        while !self.stopped() {
            match Indexer::take_over(&index, collections, command) {
                Ok(indexer) => return self.run(indexer),
                Err(error) if error.is::<Held>() => {}
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
                    self.take(report);
                }
                // The other process may be in the middle of making it anew.
                Err(error) => tracing::debug!("the index cannot be read just now: {error:#}"),
            }
        }
    }

    fn take(&self, report: Report) {
        if !report.changes.is_empty() {
            (self.tell)(News::Moved(report));
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
