//! The reading side: opening an index, and its generations.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use tantivy::collector::DocSetCollector;
use tantivy::query::TermQuery;
use tantivy::schema::IndexRecordOption;
use tantivy::store::StoreReader;
use tantivy::{IndexReader, ReloadPolicy, Searcher, Term};

use super::analyzer::{self, Language};
use super::catalog::Catalog;
use super::directory::UnsyncedDirectory;
use super::meaning::{Embedded, Meaning};
use super::part::{Counts, Living, Part, Parts};
use super::report::Changes;
use super::schema::{self, Fields, SectionRecord, Stored};
use crate::corpus::Collection;

/// What a commit says of itself; stored inside it, so that it is never newer or older than it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Version of docent, of the fields and of the analyzer.
    pub made_by: String,
    /// What of the configuration decides how pages are read.
    pub fingerprint: String,
    /// Pages per collection, by name.
    pub collections: Vec<(String, u64)>,
    /// Sections of all pages.
    pub sections: u64,
    /// Languages whose stemmers the pages got, in order.
    pub(super) languages: Vec<Language>,
    /// When it was committed, in seconds since 1970.
    pub committed: u64,
    /// Of collections that come from a git repository: the commit that the pages are of, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commits: BTreeMap<String, String>,
}

impl Stamp {
    /// Pages of all collections.
    pub fn pages(&self) -> u64 {
        self.collections.iter().map(|(_, pages)| pages).sum()
    }

    /// What an index made by this program must say.
    pub fn current_maker() -> String {
        let version = env!("CARGO_PKG_VERSION");
        format!("docent {version}, format {}, analyzer {}", schema::FORMAT, analyzer::VERSION)
    }

    /// What of the collections decides how pages are read.
    pub(super) fn fingerprint_of(collections: &[Collection]) -> String {
        let mut hasher = blake3::Hasher::new();
        for c in collections {
            let line = format!("{:?}\n", (&c.name, &c.root, c.site, &c.language, &c.version));
            hasher.update(line.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// The folder of the index, in the folder that it is kept in.
pub(super) const FOLDER: &str = "search";

/// How often an index is looked at that another process changes meanwhile.
const CHECKS: usize = 20;

/// Blocks of a segment's store, of 16 kB each, that stay unpacked: as many as Tantivy keeps.
const UNPACKED_BLOCKS: usize = 100;

/// How long a move waits for parts to be counted again.
const BEFORE_A_MOVE: Duration = Duration::from_secs(2);

/// Why an index cannot be served as it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is none yet.
    #[error("there is no index yet")]
    Missing,
    /// It must be made again; the sentence says why.
    #[error("{0}")]
    Stale(String),
}

/// An index, open for reading.
pub struct Index {
    pub(super) fields: Fields,
    /// The data folder, where the model and the vectors are.
    pub(super) home: PathBuf,
    /// Changed for others when the index is made again while it is served.
    files: ArcSwap<Files>,
    current: ArcSwap<Snapshot>,
    suspicion: Suspicion,
    pub(super) meaning: Meaning,
    counted: Counts,
}

/// An index on the disk, as Tantivy has it open.
struct Files {
    dir: PathBuf,
    index: tantivy::Index,
    reader: IndexReader,
}

impl Index {
    /// Opens the index of these collections in a data folder.
    ///
    /// # Errors
    ///
    /// Why it cannot be served; whoever may write makes it again.
    pub fn open(data_dir: &Path, collections: &[Collection]) -> Result<Index, OpenError> {
        Index::open_if(data_dir, data_dir, Some(collections), |_| Ok(()))
    }

    /// Opens an index that was made elsewhere, of whatever collections, and is kept in a folder of
    /// its own. The model and the vectors are those of the data folder.
    ///
    /// # Errors
    ///
    /// As [`Index::open`].
    pub fn open_copy(dir: &Path, data_dir: &Path) -> Result<Index, OpenError> {
        Index::open_if(dir, data_dir, None, |_| Ok(()))
    }

    /// The same, of files that all have their checksums: those are looked at before anything else
    /// is read, because Tantivy panics at a file that is not what it was.
    pub(super) fn open_whole(
        data_dir: &Path,
        collections: &[Collection],
    ) -> Result<Index, OpenError> {
        Index::open_if(data_dir, data_dir, Some(collections), intact)
    }

    /// Looks whether the index in a data folder is whole: the checksums of its files, and whether all
    /// pages are in it that the commit speaks of. Another process may be writing it.
    ///
    /// # Errors
    ///
    /// Why it is not, or does not fit these collections.
    pub fn check(data_dir: &Path, collections: &[Collection]) -> Result<Stamp, OpenError> {
        let commit = || std::fs::read(data_dir.join(FOLDER).join("meta.json")).ok();
        for _ in 0..CHECKS {
            let before = commit();
            let checked = Index::checked(data_dir, collections);
            // Who writes deletes what belongs to no commit any more.
            if checked.is_ok() || before == commit() {
                return checked;
            }
        }
        Err(OpenError::Stale("it changes too fast to be looked at".into()))
    }

    fn checked(data_dir: &Path, collections: &[Collection]) -> Result<Stamp, OpenError> {
        let index = Index::open_whole(data_dir, collections)?;
        let snapshot = index.snapshot();
        let stamp = snapshot.stamp();
        let catalog = snapshot.catalog();
        let catalog = catalog.map_err(|error| OpenError::Stale(format!("{error:#}")))?;
        let found = (catalog.pages().len() as u64, catalog.sections() as u64);
        if found != (stamp.pages(), stamp.sections) {
            let (pages, sections) = found;
            return Err(OpenError::Stale(format!(
                "the index has {pages} pages and {sections} sections instead of {} and {}",
                stamp.pages(),
                stamp.sections
            )));
        }
        Ok(stamp.clone())
    }

    fn open_if(
        above: &Path,
        home: &Path,
        collections: Option<&[Collection]>,
        check: impl FnOnce(&tantivy::Index) -> anyhow::Result<()>,
    ) -> Result<Index, OpenError> {
        let dir = &above.join(FOLDER);
        if !dir.join("meta.json").exists() {
            return Err(OpenError::Missing);
        }
        let unreadable = |error: &dyn std::fmt::Display| {
            OpenError::Stale(format!("the index cannot be read ({error})"))
        };
        let directory = UnsyncedDirectory::open(dir).map_err(|e| unreadable(&e))?;
        let index = tantivy::Index::open(directory).map_err(|e| unreadable(&e))?;
        let payload = index.load_metas().map_err(|e| unreadable(&e))?.payload;
        let stamp: Stamp = payload
            .and_then(|payload| serde_json::from_str(&payload).ok())
            .ok_or_else(|| OpenError::Stale("the index was left half-written".into()))?;
        if stamp.made_by != Stamp::current_maker() {
            return Err(OpenError::Stale(format!(
                "the index was made by {}, this is {}",
                stamp.made_by,
                Stamp::current_maker()
            )));
        }
        if collections.is_some_and(|it| stamp.fingerprint != Stamp::fingerprint_of(it)) {
            return Err(OpenError::Stale("the collections are configured differently".into()));
        }
        check(&index).map_err(|error| OpenError::Stale(format!("{error:#}")))?;
        Index::with(index, dir, home, stamp).map_err(|e| unreadable(&e))
    }

    pub(super) fn with(
        index: tantivy::Index,
        dir: &Path,
        home: &Path,
        stamp: Stamp,
    ) -> anyhow::Result<Index> {
        index.tokenizers().register(analyzer::NAME, analyzer::Analyzer);
        let (_, fields) = schema::schema();
        let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
        let reader: IndexReader = reader;
        let (suspicion, meaning) = (Suspicion::default(), Meaning::default());
        let counted = Counts::default();
        let shared = (suspicion.clone(), meaning.clone(), counted.clone());
        let snapshot = Snapshot::new(reader.searcher(), fields, stamp, 0, shared);
        let current = ArcSwap::from_pointee(snapshot);
        let files = ArcSwap::from_pointee(Files { dir: dir.to_owned(), index, reader });
        let home = home.to_owned();
        Ok(Index { fields, home, files, current, suspicion, meaning, counted })
    }

    /// The folder that the files are in.
    pub(super) fn dir(&self) -> PathBuf {
        self.files.load().dir.clone()
    }

    /// The index, as Tantivy has it open.
    pub(super) fn tantivy(&self) -> tantivy::Index {
        self.files.load().index.clone()
    }

    /// Whether reading failed since this was asked last: then the files are worth a look.
    pub(super) fn was_suspected(&self) -> bool {
        self.suspicion.0.swap(false, Ordering::Relaxed)
    }

    /// The newest generation. It stays whole however long it is kept.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Checks the files against their checksums; names the damaged ones.
    pub fn verify(&self) -> anyhow::Result<()> {
        intact(&self.tantivy())
    }

    /// Moves to what another process has committed since; the pages that differ, if any.
    pub fn refresh(&self) -> anyhow::Result<bool> {
        let payload = self.tantivy().load_metas()?.payload.context("commit without a stamp")?;
        let stamp: Stamp = serde_json::from_str(&payload)?;
        let files = self.files.load_full();
        files.reader.reload()?;
        let old = self.snapshot();
        let searcher = files.reader.searcher();
        // A commit of a repository that changes no page makes no segment either.
        let same = searcher.generation().segments() == old.searcher.generation().segments();
        if same && stamp == old.stamp {
            return Ok(false);
        }
        self.show(searcher, stamp, None);
        Ok(true)
    }

    /// Moves to what this process has just committed.
    pub(super) fn publish(&self, stamp: Stamp, catalog: Catalog) -> anyhow::Result<()> {
        let files = self.files.load_full();
        files.reader.reload()?;
        self.show(files.reader.searcher(), stamp, Some(catalog));
        Ok(())
    }

    /// Moves to another index, whatever collections that has; the pages that differ. Whoever reads
    /// goes on reading what was there.
    ///
    /// # Errors
    ///
    /// The other one cannot be read; then nothing moves.
    pub fn move_to(&self, fresh: &Index) -> anyhow::Result<Changes> {
        let (before, after) = (self.snapshot(), fresh.snapshot());
        // Where nobody knows what was there, everything is new.
        let unknown = Catalog::default();
        let changes = Changes::between(before.catalog().unwrap_or(&unknown), after.catalog()?);
        self.become_like(fresh)?;
        Ok(changes)
    }

    /// Moves to an index that this process has made in place of its own.
    pub(super) fn become_like(&self, fresh: &Index) -> anyhow::Result<()> {
        let (made, before) = (fresh.snapshot(), self.snapshot());
        let catalog = Some(made.catalog()?.clone());
        let next = self.next(made.searcher.clone(), made.stamp.clone(), catalog);
        // All segments may be others. What is not counted now is counted after the move, or by who asks.
        next.count_parts_of(&before, Some(BEFORE_A_MOVE));
        self.files.store(fresh.files.load_full());
        self.current.store(next.clone());
        next.count_parts_of(&before, None);
        Ok(())
    }

    fn show(&self, searcher: Searcher, stamp: Stamp, catalog: Option<Catalog>) {
        self.current.store(self.next(searcher, stamp, catalog));
    }

    fn next(&self, searcher: Searcher, stamp: Stamp, catalog: Option<Catalog>) -> Arc<Snapshot> {
        let generation = self.snapshot().generation + 1;
        let shared = (self.suspicion.clone(), self.meaning.clone(), self.counted.clone());
        let next = Snapshot::new(searcher, self.fields, stamp, generation, shared);
        if let Some(catalog) = catalog {
            let _ = next.catalog.set(Ok(catalog));
        }
        Arc::new(next)
    }
}

fn intact(index: &tantivy::Index) -> anyhow::Result<()> {
    let damaged = index.validate_checksum().context("the index has damaged files")?;
    anyhow::ensure!(damaged.is_empty(), "the index has damaged files: {damaged:?}");
    Ok(())
}

/// Raised by whoever fails to read, lowered by whoever looks into it.
#[derive(Debug, Clone, Default)]
struct Suspicion(Arc<AtomicBool>);

/// One generation of an index: pages and sections that belong together.
pub struct Snapshot {
    pub(super) searcher: Searcher,
    pub(super) fields: Fields,
    stamp: Stamp,
    generation: u64,
    /// Read back from the page records when first needed: serving starts without it.
    catalog: OnceLock<Result<Catalog, String>>,
    suspicion: Suspicion,
    pub(super) meaning: Meaning,
    pub(super) counted: Counts,
    /// What of the generation is seen; none where it is all.
    pub(super) part: Option<Part>,
    pub(super) parts: Parts,
    /// What of each segment is there yet; looked at when it is first needed.
    pub(super) living: OnceLock<Result<Vec<Living>, String>>,
    /// What is stored of each segment's documents; opened when it is first needed.
    stores: OnceLock<Result<Vec<StoreReader>, String>>,
}

impl Snapshot {
    fn new(
        searcher: Searcher,
        fields: Fields,
        stamp: Stamp,
        generation: u64,
        (suspicion, meaning, counted): (Suspicion, Meaning, Counts),
    ) -> Snapshot {
        let (catalog, parts, living) = (OnceLock::new(), Parts::default(), OnceLock::new());
        let stores = OnceLock::new();
        let part = None;
        Snapshot {
            searcher,
            fields,
            stamp,
            generation,
            catalog,
            suspicion,
            meaning,
            counted,
            part,
            parts,
            living,
            stores,
        }
    }

    /// The same generation, narrowed down to a part with this stamp and catalog.
    pub(super) fn with_part(
        &self,
        part: Part,
        stamp: Stamp,
        catalog: Result<Catalog, String>,
    ) -> Snapshot {
        let shared = (self.suspicion.clone(), self.meaning.clone(), self.counted.clone());
        let (searcher, generation) = (self.searcher.clone(), self.generation);
        let narrowed = Snapshot::new(searcher, self.fields, stamp, generation, shared);
        Snapshot { part: Some(part), catalog: OnceLock::from(catalog), ..narrowed }
    }

    /// What the commit says of itself.
    pub fn stamp(&self) -> &Stamp {
        &self.stamp
    }

    /// Counts up with each change that this process saw.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Size of the index on the disk in bytes; 0 where nobody knows.
    pub fn bytes(&self) -> u64 {
        let sizes = self.searcher.space_usage();
        sizes.map_or(0, |sizes| sizes.total().get_bytes())
    }

    /// How far the sections are embedded, if there is a model.
    pub fn embedded(&self) -> Option<Embedded> {
        self.meaning.embedded()
    }

    /// All pages.
    pub fn catalog(&self) -> anyhow::Result<&Catalog> {
        let read = || self.read_catalog().map_err(|error| format!("{error:#}"));
        self.catalog.get_or_init(read).as_ref().map_err(|error| anyhow::anyhow!("{error}"))
    }

    /// All pages, if they were ever asked for and could be read; does not touch the disk.
    pub(super) fn known_catalog(&self) -> Option<&Catalog> {
        self.catalog.get()?.as_ref().ok()
    }

    /// Reads from the files. Tantivy takes them to be whole, and panics where they are not: that
    /// is an error like any other here, and makes the writer look at the files.
    pub(super) fn reading<T>(&self, read: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
        let outcome = std::panic::catch_unwind(AssertUnwindSafe(read))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("the index is damaged")));
        if outcome.is_err() {
            self.suspicion.0.store(true, Ordering::Relaxed);
        }
        outcome
    }

    fn read_catalog(&self) -> anyhow::Result<Catalog> {
        let term = Term::from_field_text(self.fields.kind, schema::PAGE);
        let pages = self.stored(term)?.into_iter().filter_map(|stored| match stored {
            Stored::Page(page) => Some(Arc::new(page)),
            Stored::Section(_) => None,
        });
        Ok(Catalog::new(pages.collect()))
    }

    /// The sections of a page, in order; empty for an unknown page.
    pub fn sections(&self, collection: &str, path: &str) -> anyhow::Result<Vec<SectionRecord>> {
        if !self.shows(collection) {
            return Ok(Vec::new());
        }
        let term = Term::from_field_text(self.fields.under, &format!("{collection}/{path}"));
        let stored = self.stored(term)?.into_iter();
        let mut sections: Vec<SectionRecord> = stored
            .filter_map(|stored| match stored {
                Stored::Section(section) => Some(section),
                Stored::Page(_) => None,
            })
            .collect();
        sections.sort_unstable_by_key(|section| section.ordinal);
        Ok(sections)
    }

    fn stored(&self, term: Term) -> anyhow::Result<Vec<Stored>> {
        self.reading(|| {
            let query = TermQuery::new(term, IndexRecordOption::Basic);
            let found = self.searcher.search(&query, &DocSetCollector)?;
            let mut addresses: Vec<_> = found.into_iter().collect();
            // In the store's order each block is unpacked once.
            addresses.sort_unstable();
            addresses.into_iter().map(|address| self.load(address)).collect()
        })
    }

    pub(super) fn load(&self, address: tantivy::DocAddress) -> anyhow::Result<Stored> {
        let stores = match self.stores.get_or_init(|| self.open_stores()) {
            Ok(stores) => stores,
            Err(error) => bail!("{error}"),
        };
        let store = stores.get(address.segment_ord as usize).context("no such segment")?;
        Stored::read(&store.get_document_bytes(address.doc_id)?)
    }

    fn open_stores(&self) -> Result<Vec<StoreReader>, String> {
        let segments = self.searcher.segment_readers().iter();
        let stores = segments.map(|segment| segment.get_store_reader(UNPACKED_BLOCKS));
        stores.collect::<Result<_, _>>().map_err(|error| error.to_string())
    }
}
