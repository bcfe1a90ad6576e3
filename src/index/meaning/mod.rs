//! Meaning, the second leg of search: sections and questions as vectors of a small model, compared
//! by their cosine. Without a model in the data folder there is nothing of it, not even a thread.
//!
//! `Meaning` is the handle that an index and its snapshots share.
//! [`Index::embed_in_background`](super::Index::embed_in_background) fills it,
//! [`Index::embed_all`](super::Index::embed_all) does so now; a search asks it first of all and
//! ranks what comes back in time.

mod background;
mod linear;
mod model;
mod near;
mod network;
mod onnx;
mod pooling;
mod tokenizer;
mod vectors;
mod weights;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, ArcSwapOption};
use rustc_hash::FxHashMap;
use tantivy::index::SegmentId;

pub use self::background::Tell;
pub use self::model::{FILES, KNOWN, Known, Manifest, Model, Staging, known, remove};
pub(super) use self::near::Near;
use self::vectors::Chunk;

/// Tokens of a question that count: some thirty words, 10 ms on one core.
const QUESTION: usize = 48;
/// Questions that wait for the model; more are answered from words alone at once.
const QUEUE: usize = 4;
/// Stands for a document without a vector.
const NONE: u32 = u32::MAX;

/// The folder of the vectors in a data folder.
fn vectors_folder(data_dir: &Path) -> PathBuf {
    data_dir.join("meaning")
}

/// The second leg of an index; off until a model is loaded.
#[derive(Clone, Default)]
pub(super) struct Meaning(Arc<Inner>);

#[derive(Default)]
struct Inner {
    leg: ArcSwapOption<Leg>,
    /// Whether this process writes the index; only such a one embeds sections.
    writes: AtomicBool,
    /// A file of vectors that came with the index, until it is read.
    brought: ArcSwapOption<PathBuf>,
}

/// A model at work.
struct Leg {
    model: Arc<Model>,
    /// A thread for questions.
    pool: rayon::ThreadPool,
    waiting: Arc<AtomicUsize>,
    /// How long a question is waited for from its beginning on.
    patience: Duration,
    view: ArcSwap<View>,
    /// Sections that can be found, and those of them that have a vector.
    sections: AtomicUsize,
    embedded: AtomicUsize,
}

/// The vectors of a generation of the index.
#[derive(Default)]
struct View {
    chunks: Vec<Arc<Chunk>>,
    /// For each document of a segment, the position of its vector.
    rows: FxHashMap<SegmentId, Arc<[u32]>>,
}

/// How far embedding is.
#[derive(Debug, Clone)]
pub struct Embedded {
    /// Name of the model.
    pub model: String,
    /// Sections that can be found by their meaning.
    pub embedded: usize,
    /// Sections that can be found at all; 0 before they were counted.
    pub sections: usize,
}

impl Meaning {
    /// This process writes the index from now on.
    pub(super) fn write(&self) {
        self.0.writes.store(true, Ordering::Relaxed);
    }

    /// How far embedding is, if there is a model.
    pub(super) fn embedded(&self) -> Option<Embedded> {
        let leg = self.0.leg.load_full()?;
        Some(Embedded {
            model: leg.model.name().to_owned(),
            embedded: leg.embedded.load(Ordering::Relaxed),
            sections: leg.sections.load(Ordering::Relaxed),
        })
    }

    /// Begins to embed a question, if there is a model and it is not busy.
    pub(super) fn ask(&self, question: &str) -> Option<Asked> {
        let leg = self.0.leg.load_full()?;
        if leg.waiting.fetch_add(1, Ordering::Relaxed) >= QUEUE {
            leg.waiting.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        let (send, vector) = sync_channel(1);
        let (model, waiting) = (leg.model.clone(), leg.waiting.clone());
        let question = question.to_owned();
        leg.pool.spawn(move || {
            // Nobody listens any more when it took too long.
            let _ = send.send(model.embed_some(&question, QUESTION));
            waiting.fetch_sub(1, Ordering::Relaxed);
        });
        Some(Asked { leg, vector, since: Instant::now() })
    }

    fn install(&self, model: Model, patience: Duration) -> anyhow::Result<Arc<Leg>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "questions".into())
            .build()?;
        let leg = Arc::new(Leg {
            model: Arc::new(model),
            pool,
            waiting: Arc::default(),
            patience,
            view: ArcSwap::default(),
            sections: AtomicUsize::new(0),
            embedded: AtomicUsize::new(0),
        });
        self.0.leg.store(Some(leg.clone()));
        Ok(leg)
    }
}

/// A question that is being embedded.
pub(super) struct Asked {
    leg: Arc<Leg>,
    vector: Receiver<anyhow::Result<Vec<f32>>>,
    since: Instant,
}

impl Asked {
    /// Its vector, if it is there in time.
    fn vector(&self) -> Option<Vec<f32>> {
        let left = self.leg.patience.saturating_sub(self.since.elapsed());
        match self.vector.recv_timeout(left) {
            Ok(Ok(vector)) => Some(vector),
            Ok(Err(error)) => {
                tracing::warn!("a question could not be embedded: {error:#}");
                None
            }
            Err(_) => {
                tracing::debug!("the model took too long: answering from words alone");
                None
            }
        }
    }
}
