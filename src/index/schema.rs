//! The fields of the index, and the record that is stored with each section and page.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};

use super::analyzer::{self, Language};
use super::anchors::OutLink;

/// Raised with every change of the fields, of a stored record or of what is made of a page: an index of another format is
/// rebuilt.
pub(crate) const FORMAT: u32 = 9;

/// Handles of the fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    /// The collection and every folder above the page, each with a slash at its end, and the page
    /// itself, without one: what `path` and `collection` narrow a search to, what an update
    /// deletes, what a fetch collects. The page's own record has only the page itself.
    pub(super) under: Field,
    /// Version of the documented software.
    pub(super) version: Field,
    /// Language of the page.
    pub(super) language: Field,
    /// `p` on page records, so that the catalog can be read back; sections have none.
    pub(super) kind: Field,
    /// Title twice, headings twice, then body and code, each a value of its own: one field with repetition ranks better
    /// than boosted fields in a sum (nDCG@10 0.708 against 0.637), because short fields get a
    /// full BM25 of their own and drown the body.
    pub(super) text: Field,
    /// Hash of the page's name: groups sections by page without touching the store; 0 on page records.
    pub(super) page: Field,
    /// The section's own heading; the page's title above all headings.
    pub(super) heading: Field,
    /// Words of the links to a page, on documents of their own; see [`anchors`](super::anchors).
    pub(super) anchors: Field,
    /// What the section is whatever is asked; see [`Traits`](super::traits::Traits).
    pub(super) traits: Field,
    /// The [`SectionRecord`] or [`PageRecord`], as [`Stored::written`]: the only field that is stored.
    pub(super) record: Field,
}

/// The schema, with its fields.
pub(super) fn schema() -> (Schema, Fields) {
    let mut builder = Schema::builder();
    let words = |option| {
        TextOptions::default().set_indexing_options(
            TextFieldIndexing::default().set_tokenizer(analyzer::NAME).set_index_option(option),
        )
    };
    let fields = Fields {
        under: builder.add_text_field("under", STRING),
        version: builder.add_text_field("version", STRING),
        language: builder.add_text_field("language", STRING),
        kind: builder.add_text_field("kind", STRING),
        text: builder.add_text_field("text", words(IndexRecordOption::WithFreqsAndPositions)),
        page: builder.add_u64_field("page", FAST),
        heading: builder.add_text_field("heading", words(IndexRecordOption::Basic)),
        anchors: builder.add_text_field("anchors", words(IndexRecordOption::WithFreqs)),
        traits: builder.add_u64_field("traits", FAST),
        record: builder.add_bytes_field("record", STORED),
    };
    (builder.build(), fields)
}

/// Term of `kind` on page records.
pub(super) const PAGE: &str = "p";

/// Ending of the files that are prompts, not docs.
pub(crate) const PROMPT: &str = ".prompt.md";

/// The record of a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Stored {
    Section(SectionRecord),
    Page(PageRecord),
}

impl Stored {
    /// What is stored: the record, and behind it the number of its bytes. Tantivy copies bytes out of
    /// a document one by one. These are all that is stored of one, so that they end where it ends, and
    /// [`Stored::read`] takes them from there.
    ///
    /// # Errors
    ///
    /// None that a record could cause.
    pub(super) fn written(&self) -> anyhow::Result<Vec<u8>> {
        let mut bytes = postcard::to_allocvec(self)?;
        bytes.extend(u32::try_from(bytes.len())?.to_le_bytes());
        Ok(bytes)
    }

    /// The record of a document, from all that is stored of it.
    ///
    /// # Errors
    ///
    /// There is none: the index is damaged.
    pub(super) fn read(document: &[u8]) -> anyhow::Result<Stored> {
        let (before, length) = document.split_last_chunk().context(NO_RECORD)?;
        let length = usize::try_from(u32::from_le_bytes(*length))?;
        let begin = before.len().checked_sub(length).context(NO_RECORD)?;
        Ok(postcard::from_bytes(&before[begin..])?)
    }
}

const NO_RECORD: &str = "a document without a record";

/// What is stored with a section: all that an answer needs.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SectionRecord {
    /// Collection name.
    pub collection: String,
    /// Path of the page within the collection.
    pub path: String,
    /// Title of the page.
    pub page: String,
    /// Route on the public site.
    pub route: String,
    /// Position in the page, from 0.
    pub ordinal: u32,
    /// Heading level, 0 to 6.
    pub level: u8,
    /// Anchor without `#`; empty for the text above all headings.
    pub anchor: String,
    /// Heading; empty for the text above all headings.
    pub title: String,
    /// Headings above this one.
    pub trail: Vec<String>,
    /// Clean Markdown with its heading line.
    pub text: String,
    /// Estimated tokens of `text`.
    pub tokens: u32,
    /// Language whose stemmer its words got.
    pub(super) stemmed: Language,
}

/// What is stored with a page: all that lists and updates need.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PageRecord {
    /// Collection name.
    pub collection: String,
    /// Path within the collection.
    pub path: String,
    /// Title.
    pub title: String,
    /// One sentence of the front matter.
    pub description: String,
    /// Route on the public site.
    pub route: String,
    /// Earlier addresses.
    pub aliases: Vec<String>,
    /// Language of the page, where the page, its folder or its owner says one.
    pub language: Option<String>,
    /// Language whose stemmer its words got.
    pub(super) stemmed: Language,
    /// Position among its siblings.
    pub weight: Option<i64>,
    /// Date of the last change: the front matter's, else the file's (ISO 8601).
    pub updated: Option<String>,
    /// Size of the file in bytes.
    pub size: u64,
    /// Modification time of the file, in nanoseconds since 1970.
    pub modified: u128,
    /// First half of the file's BLAKE3 hash.
    pub hash: [u8; 16],
    /// Files the page pulled in, and those it would have, were they there.
    pub includes: Vec<String>,
    /// What these looked like then; see [`included`](super::documents::included).
    pub(super) included: u64,
    /// Its links to other pages.
    pub(super) links: Vec<OutLink>,
    /// Its sections, in order.
    pub sections: Vec<SectionEntry>,
}

/// A section as lists show it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SectionEntry {
    /// Anchor without `#`.
    pub anchor: Box<str>,
    /// Heading.
    pub title: Box<str>,
    /// Heading level, 0 to 6.
    pub level: u8,
    /// Estimated tokens of the section's own text.
    pub tokens: u32,
}
