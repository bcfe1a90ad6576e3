//! Following: a look at the pointer again and again, and whatever it leads to brought here, checked, and
//! shown, while what was there before goes on being served.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::kept::{self, Kept};
use super::manifest::{MOST_OF_MANIFEST, MOST_OF_POINTER, Manifest, POINTER, Pointer};
use super::place::{Place, Seen, Version};
use super::trouble::{Cause, Trouble, local};
use super::{about, fetch};
use crate::index::{Changes, Index, Marks};

/// The longest wait after failures.
const LONGEST: Duration = Duration::from_secs(60);
/// The wait after the first one: it may have been nothing.
const SOON: Duration = Duration::from_secs(1);
/// The longest wait before a snapshot that is of no use is tried again; another one is taken at once.
const STUCK_LONGEST: Duration = Duration::from_secs(600);
/// How long a look may take, with all tries of it, and how long the manifest. Two looks, one of which
/// fails, and the waits before them take less than ten seconds with the usual interval.
const LOOK: Duration = Duration::from_secs(3);
const BRING_MANIFEST: Duration = Duration::from_secs(5);
/// How long the first look may take where there is nothing here to serve instead: credentials of the
/// machine are asked for, too, and what is wrong with them is told.
const FIRST_LOOK: Duration = Duration::from_secs(60);
/// How often one who waits for the first snapshot says so.
const REMIND: Duration = Duration::from_secs(60);

/// A snapshot that is here, whole and open.
pub struct Taken {
    /// What it is.
    pub manifest: Manifest,
    /// Its pages.
    pub index: Index,
}

/// What happens while snapshots are followed.
pub enum News {
    /// The served index moved to this snapshot.
    Moved(Box<Manifest>, Changes),
    /// There is a newer snapshot, or may be, and it cannot be had; what is served stays.
    Trouble(Trouble),
    /// What is served was damaged on this machine, and is brought again.
    Harmed(String),
    /// The place was looked at, and what is served is the newest.
    Current,
    /// The place was looked at; the trouble is the one from before.
    Looked,
}

/// One who follows.
pub struct Follower {
    address: String,
    interval: Duration,
    data_dir: PathBuf,
    patience: Duration,
    kept: Kept,
    runtime: Runtime,
    place: Option<Place>,
    /// The version of the pointer that was looked at last.
    seen: Option<Version>,
    /// The snapshot that is served, and the one before.
    served: Option<String>,
    before: Option<String>,
    /// What is served, if it was harmed and is not here again yet.
    harmed: Option<Harmed>,
    /// What the pointer leads to is of no use.
    stuck: Option<Stuck>,
}

/// A snapshot that could not be taken.
struct Stuck {
    /// When to try again, if that may help.
    again: Option<Instant>,
    times: u32,
}

/// A snapshot that is served, and whose files are not what they were.
struct Harmed {
    id: String,
    /// When to bring it again.
    again: Instant,
    times: u32,
}

/// What a look brought.
enum Step {
    Taken(Box<Taken>),
    Same,
    Stuck,
}

impl Follower {
    /// Nobody is asked yet. Snapshots are kept in the data folder.
    ///
    /// # Errors
    ///
    /// [`Held`](crate::index::Held) and [`Unwritable`](crate::index::Unwritable).
    pub fn new(
        address: &str,
        interval: Duration,
        data_dir: &Path,
        command: &str,
    ) -> anyhow::Result<Follower> {
        super::check_apart(address, data_dir)?;
        let kept = Kept::open(data_dir, address, &format!("{command} --follow"))?;
        Ok(Follower {
            address: address.to_owned(),
            interval,
            data_dir: data_dir.to_owned(),
            patience: if kept.ids().is_empty() { FIRST_LOOK } else { LOOK },
            kept,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            place: None,
            seen: None,
            served: None,
            before: None,
            harmed: None,
            stuck: None,
        })
    }

    /// The first snapshot to serve: the newest; one that is here if that cannot be had, with the
    /// reason. Where nothing is published that is of use, it is waited for, and told each minute.
    ///
    /// # Errors
    ///
    /// The place cannot be looked at, and there is nothing here.
    pub fn first(&mut self, tell: &dyn Fn(&Trouble)) -> Result<(Taken, Option<Trouble>), Trouble> {
        // What is waited for, and when that was told.
        let mut waiting: Option<Trouble> = None;
        let mut told: Option<(Cause, Instant)> = None;
        let mut failures = 0;
        loop {
            match self.step() {
                Ok(Step::Taken(taken)) => {
                    self.patience = LOOK;
                    self.serve(&taken.manifest.id);
                    self.kept.tidy_parts(None);
                    return Ok((*taken, None));
                }
                Ok(Step::Same | Step::Stuck) => failures = 0,
                Err(trouble) => {
                    if let Some(taken) = self.newest_kept() {
                        self.patience = LOOK;
                        self.serve(&taken.manifest.id);
                        return Ok((taken, Some(trouble)));
                    }
                    let is_there =
                        matches!(trouble.cause, Cause::Nothing | Cause::Damaged | Cause::Foreign);
                    // One who waits since long does not end because the store is away for a moment.
                    if !is_there && waiting.is_none() {
                        return Err(trouble);
                    }
                    failures = if trouble.cause == Cause::Nothing { 0 } else { failures + 1 };
                    waiting = Some(trouble);
                }
            }
            if let Some(trouble) = &waiting {
                let is_told = |(cause, since): (Cause, Instant)| {
                    cause == trouble.cause && since.elapsed() < REMIND
                };
                if !told.is_some_and(is_told) {
                    tell(trouble);
                    told = Some((trouble.cause, Instant::now()));
                }
            }
            self.wait(failures);
        }
    }

    /// Follows as long as the process lives, and moves an index that is served to what is published.
    pub fn run(mut self, served: &Arc<Index>, tell: &dyn Fn(News)) -> ! {
        let mut marks = Marks::of(served);
        let mut failures = 0;
        loop {
            self.wait(failures);
            match guarded(|| self.round(served, &mut marks, tell)) {
                Ok(news) => {
                    failures = 0;
                    tell(news);
                }
                Err(trouble) => {
                    // A snapshot that is of no use is tried again in its own time: the next one may
                    // come at any moment.
                    let away =
                        !matches!(trouble.cause, Cause::Damaged | Cause::Foreign | Cause::Local);
                    failures = if away { failures + 1 } else { 0 };
                    tell(News::Trouble(trouble));
                }
            }
        }
    }

    /// Looks once at what is served, and once at the pointer.
    fn round(
        &mut self,
        served: &Arc<Index>,
        marks: &mut Marks,
        tell: &dyn Fn(News),
    ) -> Result<News, Trouble> {
        if let Some(reason) = marks.differ(served).map_err(local)?
            && let Some(id) = self.served.take()
        {
            // What is here is looked at anew, file by file.
            (self.seen, self.stuck) = (None, None);
            self.harmed = Some(Harmed { id, again: Instant::now(), times: 0 });
            tell(News::Harmed(reason));
        }
        // First what is served, which is known to be of use: what the pointer leads to may not be.
        if let Some(Harmed { id, times, .. }) =
            self.harmed.take_if(|harmed| harmed.again <= Instant::now())
        {
            let wait = about(longer(self.interval, times, STUCK_LONGEST));
            match self.again(&id) {
                Ok(Taken { manifest, index }) => {
                    let changes = self.show(&manifest, &index, served, marks)?;
                    tell(News::Moved(Box::new(manifest), changes));
                }
                Err(trouble) => {
                    tracing::debug!("{id} is not brought again: {trouble}");
                    let again = Instant::now() + wait;
                    self.harmed = Some(Harmed { id, again, times: times + 1 });
                }
            }
        }
        match self.step()? {
            Step::Taken(taken) => {
                let Taken { manifest, index } = *taken;
                let changes = self.show(&manifest, &index, served, marks)?;
                self.kept.tidy_parts(None);
                Ok(News::Moved(Box::new(manifest), changes))
            }
            Step::Same => Ok(News::Current),
            Step::Stuck => Ok(News::Looked),
        }
    }

    /// Brings a snapshot again whose manifest is here.
    fn again(&mut self, id: &str) -> Result<Taken, Trouble> {
        let manifest = match self.kept.whole(id) {
            Ok(manifest) => manifest,
            Err(_) => {
                let manifest = self.kept.manifest(id).map_err(local)?;
                let place = self.place()?;
                self.runtime.block_on(fetch::fetch(&place, &manifest, &self.kept))?;
                manifest
            }
        };
        self.open(manifest)
    }

    /// Moves what is served; the pages that differ.
    fn show(
        &mut self,
        manifest: &Manifest,
        index: &Index,
        served: &Arc<Index>,
        marks: &mut Marks,
    ) -> Result<Changes, Trouble> {
        let moved = served.move_to(index);
        let changes = moved.inspect_err(|_| self.seen = None).map_err(local)?;
        *marks = Marks::of(served);
        self.bring_vectors(manifest, served);
        self.serve(&manifest.id);
        Ok(changes)
    }

    /// Hands the vectors of a snapshot to an index, which then embeds only what has none.
    pub fn bring_vectors(&self, manifest: &Manifest, index: &Index) {
        let path = manifest.vectors.as_ref().map(|_| kept::vectors_of(&self.kept.of(&manifest.id)));
        index.take_vectors(path);
    }

    /// Remembers what is served: it stays here, and so does the one before.
    fn serve(&mut self, id: &str) {
        if self.served.as_deref() != Some(id) {
            let other = || self.kept.ids().into_iter().find(|it| it != id);
            self.before = self.served.take().or_else(other);
        }
        (self.served, self.harmed) = (Some(id.to_owned()), None);
        let stay: Vec<&str> = self.served.iter().chain(&self.before).map(String::as_str).collect();
        self.kept.tidy(&stay);
    }

    /// Waits for the next look, and never just as long as others do.
    fn wait(&self, failures: u32) {
        std::thread::sleep(about(waits(self.interval, failures)));
    }

    fn place(&mut self) -> Result<Place, Trouble> {
        Ok(match self.place.clone() {
            Some(place) => place,
            None => self.place.insert(Place::open(&self.address, false)?).clone(),
        })
    }

    /// Looks at the pointer once, and takes what it leads to.
    fn step(&mut self) -> Result<Step, Trouble> {
        let step = self.look();
        if step.as_ref().is_err_and(|trouble| trouble.cause == Cause::Denied) {
            // Credentials in files are read when a place is opened: there may be others next time.
            self.place = None;
        }
        step
    }

    fn look(&mut self) -> Result<Step, Trouble> {
        let place = self.place()?;
        let is_due = self
            .stuck
            .as_ref()
            .is_some_and(|stuck| stuck.again.is_some_and(|again| again <= Instant::now()));
        let known = if is_due { None } else { self.seen.clone() };
        let look = place.look(POINTER, known.as_ref(), MOST_OF_POINTER);
        let look = async { place.within(self.patience, look).await };
        let (text, version) = match self.runtime.block_on(look)? {
            Seen::Nothing => {
                self.seen = None;
                return Err(Trouble::say(
                    Cause::Nothing,
                    format!(
                        "nothing is published at {} yet: docent index --publish does that",
                        self.address
                    ),
                ));
            }
            Seen::Same if self.stuck.is_some() => return Ok(Step::Stuck),
            Seen::Same => return Ok(Step::Same),
            Seen::Object(text, version) => (text, version),
        };
        let is_another = self.seen.as_ref() != Some(&version);
        let taken = Pointer::read(&text)
            .map_err(|trouble| trouble.during(&self.address))
            .and_then(|pointer| self.take(&place, &pointer));
        match taken {
            Ok(taken) => {
                (self.seen, self.stuck) = (Some(version), None);
                Ok(taken.map_or(Step::Same, |taken| Step::Taken(Box::new(taken))))
            }
            Err(trouble) => {
                // Where the store went away in between, the same pointer is looked at anew.
                if matches!(trouble.cause, Cause::Damaged | Cause::Foreign | Cause::Local) {
                    let before = self.stuck.take().filter(|_| !is_another);
                    let times = before.map_or(0, |stuck| stuck.times + 1);
                    let wait = about(longer(self.interval, times, STUCK_LONGEST));
                    let again = (trouble.cause != Cause::Foreign).then(|| Instant::now() + wait);
                    self.stuck = Some(Stuck { again, times });
                    self.seen = Some(version);
                }
                Err(trouble)
            }
        }
    }

    /// Brings a snapshot here; none if it is the one that is served.
    fn take(&self, place: &Place, pointer: &Pointer) -> Result<Option<Taken>, Trouble> {
        if self.served.as_ref() == Some(&pointer.id) {
            return Ok(None);
        }
        if let Ok(manifest) = self.kept.whole(&pointer.id)
            && let Ok(taken) = self.open(manifest)
        {
            return Ok(Some(taken));
        }
        let manifest = self.runtime.block_on(async {
            let name = Manifest::name(&pointer.id);
            let text = place.within(BRING_MANIFEST, place.get(&name, MOST_OF_MANIFEST));
            let text = text.await?.ok_or_else(|| {
                Trouble::say(Cause::Damaged, format!("{}: {name} is missing", self.address))
            })?;
            let manifest =
                Manifest::read(pointer, &text).map_err(|trouble| trouble.during(&self.address))?;
            manifest.fits()?;
            let bytes = fetch::fetch(place, &manifest, &self.kept).await?;
            tracing::debug!(id = manifest.id, bytes, "a snapshot was fetched");
            Ok::<_, Trouble>(manifest)
        })?;
        self.open(manifest).map(Some)
    }

    fn open(&self, manifest: Manifest) -> Result<Taken, Trouble> {
        manifest.fits()?;
        let dir = self.kept.of(&manifest.id);
        // The files are those that were published. What these say nobody has checked, and Tantivy
        // panics at some of what it does not expect.
        let opened = catch_unwind(AssertUnwindSafe(|| -> anyhow::Result<Index> {
            let index = Index::open_copy(&dir, &self.data_dir)?;
            index.snapshot().catalog()?;
            Ok(index)
        }));
        let index = opened.unwrap_or_else(|_| Err(anyhow::anyhow!("it is no index")));
        let index = index.map_err(|error| {
            Trouble::say(Cause::Damaged, format!("the snapshot {}: {error:#}", manifest.id))
        })?;
        Ok(Taken { manifest, index })
    }

    /// The newest snapshot that is here and whole.
    fn newest_kept(&self) -> Option<Taken> {
        self.kept.ids().into_iter().find_map(|id| {
            let taken = self.kept.whole(&id).map_err(|error| Trouble::new(Cause::Damaged, error));
            let taken = taken.and_then(|manifest| self.open(manifest));
            taken.inspect_err(|trouble| tracing::warn!("{id} is not served: {trouble}")).ok()
        })
    }
}

/// The newest snapshot of an address that a data folder holds, for commands that only read it. What it
/// is made of is taken on trust, as with any index.
///
/// # Errors
///
/// Why it cannot be read.
pub fn newest_here(data_dir: &Path, address: &str) -> anyhow::Result<Option<Taken>> {
    let kept = Kept::beside(data_dir, address);
    let Some(id) = kept.ids().into_iter().next() else { return Ok(None) };
    let manifest = kept.manifest(&id)?;
    let index = Index::open_copy(&kept.of(&id), data_dir)?;
    Ok(Some(Taken { manifest, index }))
}

/// Does something in which Tantivy may panic at files that are not what they were; then it failed.
fn guarded<T>(doing: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    catch_unwind(AssertUnwindSafe(doing)).unwrap_or_else(|_| {
        Err(Trouble::say(Cause::Local, "following failed in the middle: the log says where"))
    })
}

/// The wait before the next look: soon after the first failure, later after more of them.
fn waits(interval: Duration, failures: u32) -> Duration {
    match failures {
        0 => interval,
        1 => interval.min(SOON),
        more => longer(interval, more - 2, LONGEST),
    }
}

/// A time that doubles with each failure, up to the longest.
fn longer(time: Duration, failures: u32, longest: Duration) -> Duration {
    time.saturating_mul(2_u32.saturating_pow(failures.min(16))).min(longest.max(time))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_grow_and_are_never_the_same() {
        let seconds = |failures| waits(SECOND * 5, failures).as_secs();
        let all: Vec<u64> = (0..8).map(seconds).collect();
        assert_eq!(all, [5, 1, 5, 10, 20, 40, 60, 60]);
        assert_eq!(longer(SECOND, 20, STUCK_LONGEST), STUCK_LONGEST);
        assert_eq!(longer(SECOND * 900, u32::MAX, LONGEST), SECOND * 900);
        let some: std::collections::BTreeSet<Duration> = (0..20).map(|_| about(SECOND)).collect();
        assert!(some.len() > 10);
        assert!(some.iter().all(|it| (600..=1000).contains(&it.as_millis())));
        // One look that fails does not keep a replica from being there in ten seconds.
        let interval = SECOND * 5;
        assert!(waits(interval, 0) + LOOK + waits(interval, 1) < SECOND * 10);
    }

    #[test]
    fn a_panic_is_trouble_like_any_other() {
        let trouble = guarded(|| -> Result<(), Trouble> { panic!("a file is cut off") });
        assert_eq!(trouble.unwrap_err().cause, Cause::Local);
    }

    fn follower(data: &Path, place: Place) -> Follower {
        let address = "s3://bucket/prefix";
        let mut follower = Follower::new(address, SECOND, data, "test").unwrap();
        assert_eq!(follower.patience, FIRST_LOOK);
        (follower.place, follower.patience) = (Some(place), SECOND);
        follower
    }

    #[test]
    fn a_place_that_hangs_does_not_answer_in_time() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        place.faults.hangs.store(true, Ordering::Relaxed);
        let trouble = follower(data.path(), place).step().err().unwrap();
        assert_eq!(trouble.cause, Cause::Unreachable);
        assert_eq!(trouble.to_string(), "memory:// does not answer within 1 s");
    }

    #[test]
    fn a_place_that_refuses_is_opened_anew() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        place.faults.denies.store(true, Ordering::Relaxed);
        let mut follower = follower(data.path(), place);
        assert_eq!(follower.step().err().unwrap().cause, Cause::Denied);
        assert!(follower.place.is_none());
    }

    #[test]
    fn whoever_makes_an_index_there_is_kept_out() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        let follower = follower(data.path(), place);
        let refused = crate::index::Lock::take(data.path(), "index").unwrap_err().to_string();
        assert!(refused.contains("test --follow"), "{refused}");
        drop(follower);
        crate::index::Lock::take(data.path(), "index").unwrap();
    }
}
