//! The writing side: makes the index say what the docs folders say, and nothing else.
//!
//! Every change goes through [`Indexer::update`] or [`Indexer::catch_up`] and ends in one commit;
//! readers move to it at once and never see half of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};
use tantivy::{TantivyError, Term};

use super::anchors;
use super::catalog::Catalog;
use super::damage::Marks;
use super::directory::UnsyncedDirectory;
use super::documents::{documents, included, nanoseconds};
use super::lock::Lock;
use super::report::{Changes, Progress, Report, is_renamed};
use super::schema::{self, PageRecord};
use super::snapshot::{Index, OpenError, Stamp};
use super::writer::{Writer, plain};
use crate::corpus::{self, Collection, Page, Reader, Skip, Source, Warning};

struct Folder {
    collection: Collection,
    reader: Reader,
    origin: Origin,
}

/// Bytes of records that are packed together. A search reads some twenty from anywhere: with half of Tantivy's default it
/// is 2 to 4 % faster over MDN, and the index 6 % larger.
const RECORDS_BLOCK: usize = 8192;

/// Where the files of a folder come from.
enum Origin {
    /// People write them.
    People,
    /// A git repository; they are those of a commit. Of none while they are not whole: what is
    /// indexed then stays as it is.
    Commit(Option<String>),
}

/// The one writer of an index.
pub struct Indexer {
    index: Arc<Index>,
    folders: Vec<Folder>,
    writer: Writer,
    marks: Marks,
    lock: Lock,
}

/// A file that may have changed.
struct Job {
    folder: usize,
    path: String,
}

enum Outcome {
    Same,
    Read(Box<PageRecord>),
    None,
}

impl Folder {
    /// Whether its files may be read.
    fn is_whole(&self) -> bool {
        !matches!(self.origin, Origin::Commit(None))
    }
}

impl Indexer {
    /// Takes the lock and opens the index, or makes an empty one. The second value says why the
    /// pages must be read anew, if they must; call [`Indexer::catch_up`] in any case.
    ///
    /// # Errors
    ///
    /// [`Held`](super::Held) if another process has the lock, [`Unwritable`](super::Unwritable)
    /// if nobody can have it; else what the disk says.
    pub fn open(
        dir: &Path,
        collections: &[Collection],
        command: &str,
    ) -> anyhow::Result<(Indexer, Option<OpenError>)> {
        let lock = Lock::take(dir, command)?;
        // Writes are not forced to the disk: after a power cut only the checksums tell.
        let (index, reason) = match Index::open_whole(dir, collections) {
            Ok(index) => (index, None),
            Err(reason) => (Indexer::make(&dir.join("search"))?, Some(reason)),
        };
        Ok((Indexer::with(Arc::new(index), collections, lock), reason))
    }

    /// Becomes the writer of an index that this process has open for reading.
    ///
    /// # Errors
    ///
    /// As [`Indexer::open`].
    pub fn take_over(
        index: &Arc<Index>,
        collections: &[Collection],
        command: &str,
    ) -> anyhow::Result<Indexer> {
        let lock = Lock::take(&index.home, command)?;
        // What cannot be read is damage, and is mended like any other.
        let _ = index.refresh();
        Ok(Indexer::with(index.clone(), collections, lock))
    }

    fn with(index: Arc<Index>, collections: &[Collection], lock: Lock) -> Indexer {
        index.meaning.write();
        let folder = |c: &Collection| {
            let (collection, reader) = (c.clone(), Reader::new(c));
            Folder { collection, reader, origin: Origin::People }
        };
        Indexer {
            writer: Writer::new(index.tantivy()),
            marks: Marks::of(&index),
            index,
            folders: collections.iter().map(folder).collect(),
            lock,
        }
    }

    /// An empty index in place of whatever is there.
    fn make(dir: &Path) -> anyhow::Result<Index> {
        let failed = || format!("cannot make an index in {}", dir.display());
        if dir.exists() {
            std::fs::remove_dir_all(dir).with_context(failed)?;
        }
        std::fs::create_dir_all(dir).with_context(failed)?;
        let directory = UnsyncedDirectory::open(dir).with_context(failed)?;
        let (schema, _) = schema::schema();
        let settings = tantivy::IndexSettings {
            docstore_blocksize: RECORDS_BLOCK,
            ..tantivy::IndexSettings::default()
        };
        let index = tantivy::Index::create(directory, schema, settings)
            .map_err(plain)
            .with_context(failed)?;
        let home = dir.parent().context("an index without a data folder")?;
        Index::with(index, dir, home, Stamp::default())
    }

    /// The reading side.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Says which commit the files of a collection are of, as they come from a git repository. With
    /// none they are not read: what is indexed of it stays.
    pub fn set_commit(&mut self, collection: &str, commit: Option<String>) {
        for folder in self.folders.iter_mut().filter(|it| it.collection.name == collection) {
            // Another commit may bring another site, whose rules a reader knows.
            folder.reader = Reader::new(&folder.collection);
            folder.origin = Origin::Commit(commit.clone());
        }
    }

    /// The collections whose folders people write into, with their positions.
    pub fn written(&self) -> Vec<(usize, Collection)> {
        let folders = self.folders.iter().enumerate();
        let written = folders.filter(|(_, folder)| matches!(folder.origin, Origin::People));
        written.map(|(at, folder)| (at, folder.collection.clone())).collect()
    }

    /// Whether a folder that is read is not there.
    pub fn lacks_root(&self) -> bool {
        self.folders.iter().any(|folder| folder.is_whole() && !folder.collection.root.is_dir())
    }

    /// Why the index has to be made again with [`Indexer::rebuild`], if it has to.
    ///
    /// # Errors
    ///
    /// As [`Indexer::open`]: the data folder was deleted, and cannot be had again.
    pub fn damage(&mut self) -> anyhow::Result<Option<String>> {
        self.lock.renew()?;
        self.marks.differ(&self.index)
    }

    /// Makes the index again from the docs, in place of the one on the disk. What was served goes
    /// on being served until then.
    ///
    /// # Errors
    ///
    /// As [`Indexer::catch_up`]; the damage stays and is told again.
    pub fn rebuild(&mut self, progress: &Progress) -> anyhow::Result<Report> {
        let fresh = Indexer::make(&self.index.dir())?;
        let served = std::mem::replace(&mut self.index, Arc::new(fresh));
        self.writer = Writer::new(self.index.tantivy());
        let made = self.catch_up(progress);
        let fresh = std::mem::replace(&mut self.index, served);
        let mut report = made?;
        if let Some(before) = self.index.snapshot().known_catalog() {
            self.not_emptied(before, fresh.snapshot().catalog()?)?;
        }
        // Pages that are as they were are no news, if it is known what they were.
        if let Some(before) = self.index.snapshot().known_catalog() {
            report.changes = Changes::between(before, fresh.snapshot().catalog()?);
        }
        self.index.become_like(&fresh)?;
        Ok(report)
    }

    /// Walks all folders and brings the index up to date; files whose size and time are known
    /// are not read.
    ///
    /// # Errors
    ///
    /// A root that is gone or empty, a disk that is full or not writable. What was indexed stays.
    pub fn catch_up(&mut self, progress: &Progress) -> anyhow::Result<Report> {
        let started = Instant::now();
        let snapshot = self.index.snapshot();
        let catalog = snapshot.catalog()?;
        let mut skipped = Vec::new();
        let mut jobs = Vec::new();
        let mut removed = Vec::new();
        let whole = self.folders.iter().enumerate().filter(|(_, folder)| folder.is_whole());
        for (folder, Folder { collection, .. }) in whole {
            if !collection.root.is_dir() {
                bail!("the docs folder {} is gone", collection.root.display());
            }
            let walk = corpus::walk(collection);
            // Half a list would take the other half's pages out of the index.
            if let Some(Warning { path, message, .. }) = walk.busy.first() {
                let path = collection.root.join(path);
                bail!("{} cannot be read just now: {message}", path.display());
            }
            let mut touched = BTreeSet::new();
            for file in &walk.files {
                let known = catalog.page(&collection.name, &file.path).is_some_and(|page| {
                    page.size == file.size && page.modified == nanoseconds(file.modified)
                });
                if !known {
                    jobs.push(Job { folder, path: file.path.clone() });
                    touched.insert(file.path.as_str());
                }
            }
            let present: rustc_hash::FxHashSet<&str> =
                walk.files.iter().map(|file| file.path.as_str()).collect();
            for page in catalog.collection(&collection.name) {
                if !present.contains(page.path.as_str()) {
                    removed.push(page.clone());
                } else if !touched.contains(page.path.as_str())
                    && self.includes_changed(folder, page)
                {
                    jobs.push(Job { folder, path: page.path.clone() });
                }
            }
            skipped.extend(walk.warnings);
        }
        let names: BTreeSet<_> = self.folders.iter().map(|f| f.collection.name.as_str()).collect();
        removed.extend(
            catalog.pages().iter().filter(|p| !names.contains(p.collection.as_str())).cloned(),
        );
        let mut report = self.apply(jobs, removed, progress, started)?;
        report.drafts.sort_unstable();
        skipped.append(&mut report.skipped);
        report.skipped = skipped;
        Ok(report)
    }

    /// Brings single files up to date: (position of the collection, path).
    ///
    /// # Errors
    ///
    /// As [`Indexer::catch_up`].
    pub fn update(&mut self, files: &BTreeSet<(usize, String)>) -> anyhow::Result<Report> {
        let started = Instant::now();
        let snapshot = self.index.snapshot();
        let catalog = snapshot.catalog()?;
        let mut wanted: BTreeSet<(usize, String)> = BTreeSet::new();
        for (folder, path) in files {
            let Some(Folder { collection, reader, .. }) = self.folders.get(*folder) else {
                continue;
            };
            if !collection.root.is_dir() {
                bail!("the docs folder {} is gone", collection.root.display());
            }
            if reader.accepts(path) {
                wanted.insert((*folder, path.clone()));
            }
            // When a folder went, all that was in it; and pages that pull the file in.
            let inside = |other: &str| {
                other.strip_prefix(path.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            let pulls_in = |page: &PageRecord| {
                page.includes.iter().any(|include| include == path || inside(include))
            };
            let pages = catalog.collection(&collection.name).iter();
            let touched = pages.filter(|page| inside(&page.path) || pulls_in(page));
            wanted.extend(touched.map(|page| (*folder, page.path.clone())));
        }
        let jobs = wanted.into_iter().map(|(folder, path)| Job { folder, path }).collect();
        self.apply(jobs, Vec::new(), &Progress::default(), started)
    }

    /// Merges the large segments that a bulk run leaves, one a thread, into one: long questions
    /// are answered a fifth faster. Readers go on with what they have.
    ///
    /// # Errors
    ///
    /// What the disk says; the index stays as it was.
    pub fn compact(&mut self) -> anyhow::Result<()> {
        match self.writer.compact() {
            Ok(false) => Ok(()),
            Ok(true) => {
                let snapshot = self.index.snapshot();
                self.index.publish(snapshot.stamp().clone(), snapshot.catalog()?.clone())?;
                self.marks = Marks::of(&self.index);
                Ok(())
            }
            Err(error) => {
                self.writer.abandon();
                Err(error)
            }
        }
    }

    /// Waits until nothing is written any more: Tantivy merges segments in the background, and deletes
    /// those that it merged. From here on the files stay as they are until the next change.
    ///
    /// # Errors
    ///
    /// As [`Indexer::compact`].
    pub fn rest(&mut self) -> anyhow::Result<()> {
        if self.writer.rest()? {
            let snapshot = self.index.snapshot();
            self.index.publish(snapshot.stamp().clone(), snapshot.catalog()?.clone())?;
            self.marks = Marks::of(&self.index);
        }
        Ok(())
    }

    /// Whether a file that the page pulls in is another one than it was, or was written since the last
    /// commit.
    fn includes_changed(&self, folder: usize, page: &PageRecord) -> bool {
        let committed = u128::from(self.index.snapshot().stamp().committed) * 1_000_000_000;
        let root = &self.folders[folder].collection.root;
        let differs = page.included != included(root, &page.includes);
        differs
            || page.includes.iter().any(|include| {
                let modified =
                    std::fs::metadata(root.join(include)).and_then(|m| m.modified()).ok();
                nanoseconds(modified) >= committed
            })
    }

    /// Reads the files of the jobs, removes pages, commits once.
    fn apply(
        &mut self,
        jobs: Vec<Job>,
        mut removed: Vec<Arc<PageRecord>>,
        progress: &Progress,
        started: Instant,
    ) -> anyhow::Result<Report> {
        let before = self.index.snapshot();
        let catalog = before.catalog()?;
        let first = before.stamp().made_by.is_empty();
        progress.files.store(jobs.len() as u64, Ordering::Relaxed);
        let mut report = Report::default();
        let mut added = Vec::new();
        let commits = self.commits(before.stamp());
        // Answers name the commit: one that changes no page is news, too.
        let due = first || commits != before.stamp().commits;
        if !jobs.is_empty() || !removed.is_empty() || due {
            self.writer.open(jobs.len())?;
            match self.read_all(&jobs, catalog, progress, &mut report) {
                Ok(outcomes) => sort_out(
                    &jobs,
                    outcomes,
                    &self.folders,
                    catalog,
                    &mut report.changes,
                    &mut added,
                    &mut removed,
                ),
                Err(error) => return Err(self.give_up(error, first)),
            }
        }
        let changes = &mut report.changes;
        changes.removed = removed.iter().map(|p| (p.collection.clone(), p.path.clone())).collect();
        if report.changes.is_empty() && added.is_empty() && !due {
            self.count(&mut report, catalog, started);
            return Ok(report);
        }
        let next = catalog.with(&removed, added.clone());
        if let Err(error) = self.not_emptied(catalog, &next) {
            self.writer.abandon();
            return Err(error);
        }
        let written = self
            .write_anchors(catalog, &next, &added, &removed)
            .and_then(|()| self.commit(&removed, next, commits));
        if let Err(error) = written {
            return Err(self.give_up(error, first));
        }
        let after = self.index.snapshot();
        self.count(&mut report, after.catalog()?, started);
        Ok(report)
    }

    /// Fails where a folder that had pages has no file to read any more: a mount that vanishes leaves an
    /// empty folder behind. What was indexed of it stays.
    fn not_emptied(&self, before: &Catalog, after: &Catalog) -> anyhow::Result<()> {
        for Folder { collection, origin, .. } in &self.folders {
            let had = |catalog: &Catalog| !catalog.collection(&collection.name).is_empty();
            let by_people = matches!(origin, Origin::People);
            if by_people && had(before) && !had(after) && corpus::walk(collection).files.is_empty()
            {
                bail!("the docs folder {} has no docs any more", collection.root.display());
            }
        }
        Ok(())
    }

    fn give_up(&mut self, error: anyhow::Error, first: bool) -> anyhow::Error {
        let in_thread = matches!(error.downcast_ref(), Some(TantivyError::ErrorInThread(_)));
        let cause = in_thread.then(|| self.writer.cause()).flatten();
        let error = cause.unwrap_or(error);
        self.writer.abandon();
        error.context(if first {
            "the index could not be written"
        } else {
            "the index could not be written; what was indexed before stays"
        })
    }

    fn count(&self, report: &mut Report, catalog: &Catalog, started: Instant) {
        report.pages = catalog.pages().len();
        report.sections = catalog.sections();
        report.seconds = started.elapsed().as_secs_f64();
    }

    /// The jobs' outcomes, in order; pages go to the writer as they are read.
    fn read_all(
        &self,
        jobs: &[Job],
        catalog: &Catalog,
        progress: &Progress,
        report: &mut Report,
    ) -> anyhow::Result<Vec<(usize, Outcome)>> {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        let next = AtomicUsize::new(0);
        let shared = Mutex::new((Vec::with_capacity(jobs.len()), report));
        let work = || -> anyhow::Result<()> {
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(job) = jobs.get(at) else { return Ok(()) };
                let folder = &self.folders[job.folder];
                let known = catalog.page(&folder.collection.name, &job.path);
                let read = read_one(folder, job, known.map(|page| &**page));
                let outcome = match read.page {
                    Some((page, source)) => {
                        let record = self.write(folder, page, source, known.is_some())?;
                        Outcome::Read(Box::new(record))
                    }
                    None if read.same => Outcome::Same,
                    None => Outcome::None,
                };
                progress.done.fetch_add(1, Ordering::Relaxed);
                progress.bytes.fetch_add(read.bytes, Ordering::Relaxed);
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                shared.1.bytes += read.bytes;
                shared.1.skipped.extend(read.skipped);
                shared.1.drafts.extend(read.draft.then(|| job.path.clone()));
                shared.1.busy.extend(read.busy);
                shared.1.warnings.extend(read.warnings);
                shared.0.push((at, outcome));
            }
        };
        if jobs.len() < 4 {
            work()?;
        } else {
            std::thread::scope(|scope| -> anyhow::Result<()> {
                let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
                for worker in workers {
                    worker.join().map_err(|_| anyhow::anyhow!("a reader thread died"))??;
                }
                Ok(())
            })?;
        }
        let (mut outcomes, report) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcomes.sort_unstable_by_key(|(at, _)| *at);
        // Threads end in any order; what is told has one.
        report.drafts.sort_unstable();
        for told in [&mut report.skipped, &mut report.busy, &mut report.warnings] {
            told.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
        }
        Ok(outcomes)
    }

    /// Hands a page and its sections to the writer, in place of what it knew of them.
    fn write(
        &self,
        folder: &Folder,
        page: Page,
        source: Source,
        replace: bool,
    ) -> anyhow::Result<PageRecord> {
        // Files of a clone are as old as the checkout, which says nothing of the page.
        let dated = matches!(folder.origin, Origin::People);
        let (record, documents) =
            documents(&folder.collection, &self.index.fields, page, source, dated)?;
        self.writer.put(replace.then(|| self.key(&record)), documents)?;
        Ok(record)
    }

    /// Writes anew what other pages call those whose links changed.
    fn write_anchors(
        &self,
        before: &Catalog,
        after: &Catalog,
        added: &[Arc<PageRecord>],
        removed: &[Arc<PageRecord>],
    ) -> anyhow::Result<()> {
        let fields = &self.index.fields;
        let pages = anchors::affected(before, after, added, removed);
        let documents = anchors::documents(fields, after, &pages);
        for (page, document) in pages.into_iter().zip(documents) {
            let known = before.page(&page.collection, &page.path);
            let replaced = known.map(|page| anchors::key(fields, page));
            if replaced.is_some() || document.is_some() {
                self.writer.put(replaced, document.into_iter().collect())?;
            }
        }
        Ok(())
    }

    fn key(&self, page: &PageRecord) -> Term {
        Term::from_field_text(
            self.index.fields.under,
            &format!("{}/{}", page.collection, page.path),
        )
    }

    /// The commits of the repositories, as the next commit of the index has them.
    fn commits(&self, before: &Stamp) -> BTreeMap<String, String> {
        let of = |folder: &Folder| {
            let name = &folder.collection.name;
            let commit = match &folder.origin {
                Origin::People => None,
                Origin::Commit(Some(commit)) => Some(commit),
                Origin::Commit(None) => before.commits.get(name),
            };
            Some((name.clone(), commit?.clone()))
        };
        self.folders.iter().filter_map(of).collect()
    }

    fn commit(
        &mut self,
        removed: &[Arc<PageRecord>],
        next: Catalog,
        commits: BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let fields = &self.index.fields;
        let keys = removed.iter().flat_map(|page| [self.key(page), anchors::key(fields, page)]);
        let keys: Vec<Term> = keys.collect();
        let collections: Vec<Collection> =
            self.folders.iter().map(|folder| folder.collection.clone()).collect();
        let mut pages: BTreeMap<&str, u64> =
            collections.iter().map(|c| (c.name.as_str(), 0)).collect();
        for page in next.pages() {
            *pages.entry(&page.collection).or_default() += 1;
        }
        let stamp = Stamp {
            made_by: Stamp::current_maker(),
            fingerprint: Stamp::fingerprint_of(&collections),
            collections: pages.into_iter().map(|(name, n)| (name.to_owned(), n)).collect(),
            sections: next.sections() as u64,
            languages: next.languages(),
            committed: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs()),
            commits,
        };
        self.writer.commit(keys, &stamp)?;
        self.index.publish(stamp, next)?;
        self.marks = Marks::of(&self.index);
        Ok(())
    }
}

#[derive(Default)]
struct Read {
    page: Option<(Page, Source)>,
    same: bool,
    bytes: u64,
    skipped: Vec<Warning>,
    draft: bool,
    busy: Vec<Warning>,
    warnings: Vec<Warning>,
}

impl Read {
    fn skip(&mut self, why: Skip, warning: impl FnOnce(String) -> Warning) {
        match why {
            Skip::Unreadable(message) => self.skipped.push(warning(message)),
            Skip::Busy(message) => {
                self.same = true;
                self.busy.push(warning(message));
            }
            Skip::Draft => self.draft = true,
            Skip::Gone => {}
        }
    }
}

fn read_one(folder: &Folder, job: &Job, known: Option<&PageRecord>) -> Read {
    let mut read = Read::default();
    let warning = |message| Warning { path: job.path.clone(), line: 0, message };
    let source = match folder.reader.load(&job.path) {
        Ok(source) => source,
        Err(why) => {
            read.skip(why, warning);
            return read;
        }
    };
    read.bytes = source.bytes.len() as u64;
    // A page that pulls in other files can change without a change of its own.
    if known.is_some_and(|page| page.hash == source.hash && page.includes.is_empty()) {
        read.same = true;
        return read;
    }
    let (page, warnings) = folder.reader.parse(&job.path, &source.bytes);
    read.warnings = warnings;
    match page {
        Ok(page) => read.page = Some((page, source)),
        Err(why) => read.skip(why, warning),
    }
    read
}

/// Sorts outcomes into what is new, what changed, and what is there no longer.
fn sort_out(
    jobs: &[Job],
    outcomes: Vec<(usize, Outcome)>,
    folders: &[Folder],
    catalog: &Catalog,
    changes: &mut Changes,
    added: &mut Vec<Arc<PageRecord>>,
    removed: &mut Vec<Arc<PageRecord>>,
) {
    for (at, outcome) in outcomes {
        let collection = &folders[jobs[at].folder].collection.name;
        let known = catalog.page(collection, &jobs[at].path);
        let name = || (collection.clone(), jobs[at].path.clone());
        match (outcome, known) {
            (Outcome::Read(page), Some(old)) => {
                changes.changed.push(name());
                changes.renamed.extend(is_renamed(old, &page).then(name));
                added.push(Arc::from(page));
            }
            (Outcome::Read(page), None) => {
                changes.added.push(name());
                added.push(Arc::from(page));
            }
            (Outcome::None, Some(page)) => removed.push(page.clone()),
            (Outcome::Same, _) | (Outcome::None, None) => {}
        }
    }
}
