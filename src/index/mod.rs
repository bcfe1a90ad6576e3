//! Pages, made searchable: the Tantivy index and all that reads or writes it.
//!
//! [`Indexer`] writes, one process at a time; [`Index`] reads and hands out [`Snapshot`]s, each
//! one generation of the index, complete and unchanging. Nothing in here knows of MCP or HTTP.

mod analyzer;
mod anchors;
mod blocks;
mod candidates;
mod catalog;
mod copy;
mod damage;
mod directory;
mod documents;
mod expand;
mod fences;
mod follow;
mod lock;
pub mod meaning;
mod part;
mod passage;
mod phrase;
mod pieces;
pub mod quality;
mod query;
mod rank;
mod report;
mod resemblance;
mod schema;
mod score;
mod search;
mod sentences;
mod snapshot;
mod suggest;
mod sync;
mod synonyms;
mod traits;
mod writer;

pub(crate) use crate::corpus::resolve;
pub use catalog::Catalog;
pub(crate) use catalog::route;
pub use damage::Marks;
pub use follow::{Follow, News};
pub use lock::{Held, Lock, Unwritable};
pub use passage::Passage;
pub use pieces::take as take_blocks;
pub use query::QueryTerms;
pub(crate) use query::spelling;
pub use rank::Weights;
pub use report::{Changes, Progress, Report};
pub(crate) use schema::PROMPT;
pub use schema::{PageRecord, SectionEntry, SectionRecord};
pub use snapshot::{Index, OpenError, Snapshot, Stamp};
pub(crate) use suggest::nearest;
pub use sync::Indexer;

/// What to look for, and where.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Any text; only its first 1,024 characters count.
    pub query: String,
    /// Number of hits, from 1.
    pub limit: usize,
    /// Only sections of this page, `collection/path`, or of pages under this folder,
    /// `collection/path/`.
    pub under: Option<String>,
    /// Only this collection.
    pub collection: Option<String>,
    /// Only this version.
    pub version: Option<String>,
    /// Only this language.
    pub language: Option<String>,
}

/// A section that answers.
#[derive(Debug, Clone)]
pub struct Hit {
    /// The section, as stored.
    pub record: SectionRecord,
    /// How well it answers; comparable within one search only.
    pub score: f32,
    /// Sections that say nearly the same, best first.
    pub also: Vec<Hit>,
}

impl Hit {
    /// Whether this one answers as well as another, as far as copies are concerned.
    pub fn scores_like(&self, other: &Hit) -> bool {
        self.score >= other.score * rank::ALIKE
    }
}

/// What a search found.
#[derive(Debug, Clone)]
pub struct Hits {
    /// Best first.
    pub hits: Vec<Hit>,
    /// The question's terms, for cutting passages.
    pub terms: QueryTerms,
    /// Share of the question, by rarity of its words, that stands on the page of the best hit: 0 to 1;
    /// 1 where that hit means what is asked, in whatever words.
    pub coverage: f32,
}
