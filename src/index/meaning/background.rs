//! Keeps the vectors up to date with the index: only texts that have none are embedded, on
//! threads that step back behind all others.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::DocAddress;
use tantivy::index::SegmentId;

use super::vectors::{Key, Vectors, key};
use super::{Embedded, Leg, Manifest, Meaning, Model, NONE, View, vectors_folder};
use crate::index::rank::{PATIENCE, PATIENCE_ALONE};
use crate::index::schema::{SectionRecord, Stored};
use crate::index::snapshot::{Index, Snapshot};

/// How often changes are noticed.
const TICK: Duration = Duration::from_millis(250);
/// How often what another process embeds is noticed.
const LOOK: Duration = Duration::from_secs(5);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(60);
/// How often new vectors are shown to searches, and progress to the log.
const SHOW: Duration = Duration::from_secs(2);
const TELL: Duration = Duration::from_secs(30);
/// Sections that are embedded between two looks at the index: about a second's work. It is what a
/// kill loses.
const BATCH: usize = 32;
/// The file is written anew when it holds more vectors that no section has than this, and a
/// quarter of those that some section has.
const SPARE: usize = 1000;

/// Told how many sections have a vector, and how many there are.
pub type Tell<'a> = &'a (dyn Fn(usize, usize) + Sync);

impl Index {
    /// Loads the model of the data folder, if there is one, and keeps vectors of all sections as
    /// long as the process lives: in the background, and only where the index is written.
    ///
    /// # Errors
    ///
    /// No thread can be had.
    pub fn embed_in_background(self: &Arc<Self>) -> anyhow::Result<()> {
        let data_dir = self.data_dir().to_owned();
        // Whether there is a model is seen from a folder: without one, that look is all it costs.
        if !matches!(Manifest::read(&data_dir), Ok(None)) {
            let index = self.clone();
            let run = move || index.meaning.clone().run(&index, &data_dir);
            std::thread::Builder::new().name("meaning".into()).spawn(run)?;
        }
        Ok(())
    }

    /// Loads the model of the data folder, if there is one, with the vectors that are there: for
    /// questions that come one at a time, each of which is waited for.
    ///
    /// # Errors
    ///
    /// A model that does not load; what the disk says.
    pub fn load_model(&self) -> anyhow::Result<()> {
        self.meaning.keeper(self, 1).map(drop)
    }

    /// Embeds all sections that are not embedded, now, on all cores; none if there is no model.
    ///
    /// # Errors
    ///
    /// As [`Index::load_model`].
    pub fn embed_all(&self, tell: Tell<'_>) -> anyhow::Result<Option<Embedded>> {
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        let Some(mut keeper) = self.meaning.keeper(self, threads)? else { return Ok(None) };
        keeper.embed(&self.snapshot(), || false, tell)?;
        Ok(self.meaning.embedded())
    }

    fn data_dir(&self) -> &Path {
        &self.home
    }

    /// The file of the vectors, if there is a model, and what its vectors are of: the model, and how
    /// many of the sections it is. Nobody writes it while nothing is embedded.
    pub fn vectors(&self) -> Option<(PathBuf, String)> {
        let leg = self.meaning.0.leg.load_full()?;
        let path = vectors_file(&self.home);
        let fingerprint: String =
            leg.model.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
        let embedded = leg.embedded.load(Ordering::Relaxed);
        path.exists().then(|| (path, format!("{fingerprint} {embedded}")))
    }

    /// Takes the vectors of a file that another process wrote, where they are of the same model,
    /// before anything is embedded here: from now on this process embeds what has none.
    pub fn take_vectors(&self, brought: Option<PathBuf>) {
        self.meaning.0.brought.store(brought.map(Arc::new));
        self.meaning.write();
    }
}

impl Meaning {
    fn run(&self, index: &Index, data_dir: &Path) {
        let opened = Model::open(data_dir)
            .and_then(|model| model.map(|m| self.install(m, PATIENCE)).transpose());
        let leg = match opened {
            Ok(Some(leg)) => leg,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(
                    "searching by words alone, because the model does not load: {error:#}"
                );
                return;
            }
        };
        loop {
            if let Err(error) = self.keep_up(index, data_dir, &leg) {
                tracing::error!("sections cannot be embedded just now: {error:#}");
            }
            std::thread::sleep(RETRY);
        }
    }

    /// Embeds what is not embedded, again and again.
    fn keep_up(&self, index: &Index, data_dir: &Path, leg: &Arc<Leg>) -> anyhow::Result<()> {
        let pool = pool(background_threads(), true)?;
        let mut keeper = Keeper::new(data_dir, leg.clone(), pool)?;
        loop {
            let snapshot = index.snapshot();
            let writes = self.0.writes.load(Ordering::Relaxed);
            if !writes {
                keeper.look_again()?;
            }
            keeper.take(self.0.brought.swap(None).as_deref());
            keeper.plan(&snapshot)?;
            if writes {
                let moved = || index.snapshot().generation() != snapshot.generation();
                keeper.embed(&snapshot, moved, &|_, _| ())?;
            }
            let since = Instant::now();
            while index.snapshot().generation() == snapshot.generation() {
                std::thread::sleep(TICK);
                let now = self.0.writes.load(Ordering::Relaxed);
                if now != writes || (!now && since.elapsed() > LOOK) {
                    break;
                }
            }
        }
    }

    fn keeper(&self, index: &Index, threads: usize) -> anyhow::Result<Option<Keeper>> {
        let dir = index.data_dir();
        let Some(model) = Model::open(dir)? else { return Ok(None) };
        let mut keeper =
            Keeper::new(dir, self.install(model, PATIENCE_ALONE)?, pool(threads, false)?)?;
        keeper.plan(&index.snapshot())?;
        Ok(Some(keeper))
    }
}

/// The file of the vectors in a data folder.
fn vectors_file(data_dir: &Path) -> PathBuf {
    vectors_folder(data_dir).join("vectors")
}

/// A quarter of the cores, one at least: questions need the others.
fn background_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |n| n.get()).div_ceil(4)
}

fn pool(threads: usize, low: bool) -> anyhow::Result<rayon::ThreadPool> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads);
    let builder = builder.thread_name(|at| format!("embed {at}"));
    Ok(builder
        .start_handler(move |_| {
            if low {
                step_back()
            }
        })
        .build()?)
}

/// Gives the thread the least share of the processor. Where the system has no such thing for a
/// thread, the small number of threads has to do.
fn step_back() {
    #[cfg(target_os = "linux")]
    {
        let thread = rustix::thread::gettid();
        if let Err(error) = rustix::process::setpriority_process(Some(thread), 19) {
            tracing::debug!("embedding runs with the priority of all: {error}");
        }
    }
}

/// What is embedded of a section: where it stands, then what it says.
fn text(record: &SectionRecord) -> String {
    let mut text = record.page.clone();
    for heading in record.trail.iter().chain([&record.title]) {
        if !heading.is_empty() && !text.ends_with(heading.as_str()) {
            text.push_str(" > ");
            text.push_str(heading);
        }
    }
    text.push('\n');
    let body = match record.text.split_once('\n') {
        Some((heading, body)) if heading.starts_with('#') => body,
        None if record.text.starts_with('#') => "",
        _ => &record.text,
    };
    text.push_str(body.trim());
    text
}

/// The one who brings vectors and index together.
struct Keeper {
    leg: Arc<Leg>,
    pool: rayon::ThreadPool,
    path: PathBuf,
    vectors: Vectors,
    length: u64,
    /// For each segment that was read, the key of each document that can be found.
    keys: FxHashMap<SegmentId, Arc<[Option<Key>]>>,
    /// Documents without a vector, one for each text.
    missing: Vec<(DocAddress, Key)>,
    /// Texts of which the model made no vector.
    failed: FxHashSet<Key>,
    segments: Vec<SegmentId>,
}

impl Keeper {
    fn new(data_dir: &Path, leg: Arc<Leg>, pool: rayon::ThreadPool) -> anyhow::Result<Keeper> {
        let path = vectors_file(data_dir);
        let length = Vectors::length(&path);
        let vectors = Vectors::open(&path, leg.model.fingerprint(), leg.model.dimensions())?;
        Ok(Keeper {
            leg,
            pool,
            path,
            vectors,
            length,
            keys: FxHashMap::default(),
            missing: Vec::new(),
            failed: FxHashSet::default(),
            segments: Vec::new(),
        })
    }

    /// Reads the file again if another process wrote to it.
    fn look_again(&mut self) -> anyhow::Result<()> {
        let length = Vectors::length(&self.path);
        if length != self.length {
            let model = &self.leg.model;
            self.vectors = Vectors::open(&self.path, model.fingerprint(), model.dimensions())?;
            self.length = length;
        }
        Ok(())
    }

    /// Takes the vectors that were brought along. What cannot be read is embedded here instead.
    fn take(&mut self, brought: Option<&PathBuf>) {
        let Some(path) = brought else { return };
        let model = &self.leg.model;
        let taken = Vectors::open(path, model.fingerprint(), model.dimensions())
            .and_then(|brought| self.vectors.take(&brought));
        match taken {
            Ok(taken) => tracing::debug!(taken, "vectors were brought along"),
            Err(error) => {
                tracing::warn!("vectors that were brought along are of no use: {error:#}")
            }
        }
    }

    /// Finds out which sections have no vector, and shows those that have one.
    fn plan(&mut self, snapshot: &Snapshot) -> anyhow::Result<()> {
        let readers = snapshot.searcher.segment_readers();
        self.segments = readers.iter().map(|reader| reader.segment_id()).collect();
        let living: FxHashSet<SegmentId> = self.segments.iter().copied().collect();
        self.keys.retain(|id, _| living.contains(id));
        let mut seen = FxHashSet::default();
        self.missing.clear();
        let mut sections = 0;
        for (ord, reader) in (0..).zip(readers) {
            let keys = match self.keys.get(&reader.segment_id()) {
                Some(keys) => keys.clone(),
                None => {
                    let keys = self.pool.install(|| keys_of(snapshot, ord))?;
                    self.keys.insert(reader.segment_id(), keys.clone());
                    keys
                }
            };
            for (doc, key) in (0..).zip(&*keys) {
                let Some(key) = key else { continue };
                if reader.is_deleted(doc) {
                    continue;
                }
                sections += 1;
                if self.vectors.row(key).is_none()
                    && !self.failed.contains(key)
                    && seen.insert(*key)
                {
                    self.missing.push((DocAddress::new(ord, doc), *key));
                }
            }
        }
        self.leg.sections.store(sections, Ordering::Relaxed);
        self.show();
        Ok(())
    }

    /// Lets searches see what is embedded.
    fn show(&self) {
        let rows = self.segments.iter().filter_map(|id| {
            let keys = self.keys.get(id)?;
            let row =
                |key: &Option<Key>| key.and_then(|key| self.vectors.row(&key)).unwrap_or(NONE);
            Some((*id, keys.iter().map(row).collect()))
        });
        let view = View { chunks: self.vectors.chunks(), rows: rows.collect() };
        self.leg.view.store(Arc::new(view));
        let sections = self.leg.sections.load(Ordering::Relaxed);
        let embedded = sections.saturating_sub(self.missing.len());
        self.leg.embedded.store(embedded, Ordering::Relaxed);
    }

    /// Embeds what has no vector, until the index moves.
    fn embed(
        &mut self,
        snapshot: &Snapshot,
        moved: impl Fn() -> bool,
        tell: Tell<'_>,
    ) -> anyhow::Result<()> {
        let total = self.missing.len();
        let started = Instant::now();
        let (mut shown, mut told) = (started, started);
        if total > BATCH {
            tracing::info!(sections = total, "embedding sections");
        }
        while !self.missing.is_empty() && !moved() {
            let batch = self.missing.split_off(self.missing.len().saturating_sub(BATCH));
            let model = &self.leg.model;
            let embed = |(address, key): &(DocAddress, Key)| match snapshot.load(*address) {
                Ok(Stored::Section(record)) => Some((*key, model.embed(&text(&record)))),
                _ => None,
            };
            let made: Vec<_> =
                self.pool.install(|| batch.par_iter().with_max_len(1).filter_map(embed).collect());
            let mut vectors = Vec::with_capacity(made.len());
            for (key, vector) in made {
                match vector {
                    Ok(vector) => vectors.push((key, vector)),
                    Err(error) => {
                        tracing::warn!("a section could not be embedded: {error:#}");
                        self.failed.insert(key);
                    }
                }
            }
            self.vectors.add(&vectors)?;
            let done = total - self.missing.len();
            tell(done, total);
            if shown.elapsed() > SHOW {
                self.show();
                shown = Instant::now();
            }
            if told.elapsed() > TELL {
                tracing::info!(done, of = total, "embedding sections");
                told = Instant::now();
            }
        }
        self.show();
        if self.missing.is_empty() {
            self.tidy()?;
            if total > BATCH {
                let seconds = started.elapsed().as_secs_f64().round();
                tracing::info!(sections = total, seconds, "all sections are embedded");
            }
        }
        Ok(())
    }

    /// Drops vectors of sections that are gone, when there are many.
    fn tidy(&mut self) -> anyhow::Result<()> {
        let used: FxHashSet<Key> =
            self.keys.values().flat_map(|k| k.iter().flatten().copied()).collect();
        let spare = self.vectors.records().saturating_sub(used.len());
        if spare > SPARE.max(used.len() / 4) {
            self.vectors.keep(&used)?;
            self.show();
            tracing::info!(dropped = spare, "vectors of sections that are gone were dropped");
        }
        Ok(())
    }
}

/// The keys of the documents of a segment; none for those that no word finds either.
fn keys_of(snapshot: &Snapshot, ord: u32) -> anyhow::Result<Arc<[Option<Key>]>> {
    let reader = snapshot.searcher.segment_reader(ord);
    let lengths = reader.get_fieldnorms_reader(snapshot.fields.text)?;
    let key = |doc: u32| -> anyhow::Result<Option<Key>> {
        if reader.is_deleted(doc) || lengths.fieldnorm(doc) == 0 {
            return Ok(None);
        }
        match snapshot.load(DocAddress::new(ord, doc))? {
            Stored::Section(record) => Ok(Some(key(&text(&record)))),
            Stored::Page(_) => Ok(None),
        }
    };
    (0..reader.max_doc()).map(key).collect()
}
