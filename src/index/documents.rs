//! From a page to what Tantivy is given: one document a section, one for the page itself.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use tantivy::TantivyDocument;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::analyzer::{self, Language};
use super::anchors;
use super::query;
use super::schema::{self, Fields, PageRecord, SectionEntry, SectionRecord, Stored};
use super::traits::Traits;
use crate::corpus::{Collection, Page, Section, Source, tokens};

/// The documents of a page, and its record for the catalog. A file whose time tells when it was written
/// is `dated`.
pub(super) fn documents(
    collection: &Collection,
    fields: &Fields,
    mut page: Page,
    source: Source,
    dated: bool,
) -> anyhow::Result<(PageRecord, Vec<TantivyDocument>)> {
    let sections = std::mem::take(&mut page.sections);
    let language = page.language.clone().or_else(|| collection.language.clone());
    let links = anchors::links(&page, &sections);
    let stemmed = Language::of(language.as_deref(), &beginning(&sections));
    let maker = Maker {
        collection,
        fields,
        page: &page,
        language: language.as_deref(),
        stemmed,
        sections: sections.len(),
    };
    let includes = [&*page.includes, &*page.sought].concat();
    let key = maker.key();
    let mut documents = Vec::with_capacity(sections.len() + 1);
    let mut entries = Vec::with_capacity(sections.len());
    for (ordinal, section) in sections.into_iter().enumerate() {
        let mut document = maker.filters(&key);
        maker.words(&mut document, &section, ordinal);
        let record = maker.record(section, ordinal);
        entries.push(SectionEntry {
            anchor: record.anchor.as_str().into(),
            title: record.title.as_str().into(),
            level: record.level,
            tokens: record.tokens,
        });
        document.add_bytes(fields.record, &Stored::Section(record).written()?);
        documents.push(document);
    }
    let record = PageRecord {
        collection: collection.name.clone(),
        path: page.path,
        title: page.title,
        description: page.description,
        route: page.route,
        aliases: page.aliases,
        language,
        stemmed,
        weight: page.weight,
        updated: page.updated.or_else(|| date(source.modified.filter(|_| dated))),
        size: source.size,
        modified: nanoseconds(source.modified),
        hash: source.hash,
        included: included(&collection.root, &includes),
        includes,
        links,
        sections: entries,
    };
    let mut document = TantivyDocument::default();
    document.add_text(fields.under, &key);
    document.add_text(fields.kind, schema::PAGE);
    // A column without gaps is read in a fraction of the time.
    document.add_u64(fields.page, 0);
    let stored = Stored::Page(record.clone());
    document.add_bytes(fields.record, &stored.written()?);
    documents.push(document);
    Ok((record, documents))
}

/// What stands at the beginning of a page, as far as its language needs it.
fn beginning(sections: &[Section]) -> String {
    let mut beginning = String::new();
    for section in sections {
        if beginning.len() >= analyzer::SAMPLE {
            break;
        }
        beginning.push_str(&section.prose);
        beginning.push('\n');
    }
    beginning
}

/// What the sections of a page have in common.
struct Maker<'a> {
    collection: &'a Collection,
    fields: &'a Fields,
    page: &'a Page,
    language: Option<&'a str>,
    stemmed: Language,
    sections: usize,
}

impl Maker<'_> {
    fn key(&self) -> String {
        format!("{}/{}", self.collection.name, self.page.path)
    }

    /// A document with all that narrows a search down.
    fn filters(&self, key: &str) -> TantivyDocument {
        let fields = self.fields;
        let mut document = TantivyDocument::default();
        if let Some(version) = &self.collection.version {
            document.add_text(fields.version, version);
        }
        if let Some(language) = self.language {
            document.add_text(fields.language, language);
        }
        for (at, _) in key.match_indices('/') {
            document.add_text(fields.under, &key[..=at]);
        }
        document.add_text(fields.under, key);
        document.add_u64(fields.page, page_key(&self.collection.name, &self.page.path));
        document
    }

    /// What is searched. Prompts are templates, not docs; a heading with nothing under it but
    /// other headings has no answer, and its words stand with each of those. Both are stored and
    /// not found.
    fn words(&self, document: &mut TantivyDocument, section: &Section, ordinal: usize) {
        let empty = section.prose.trim().is_empty() && section.code.trim().is_empty();
        let alone = self.sections == 1;
        if self.page.path.ends_with(schema::PROMPT) || (empty && !alone) {
            return;
        }
        let own = if section.title.is_empty() { &self.page.title } else { &section.title };
        let traits = Traits::of(&self.page.path, section, query::telling_terms(own, self.stemmed));
        document.add_u64(self.fields.traits, traits.bits());
        let mut text = String::new();
        let mut add = |field, part: &str| {
            if !part.trim().is_empty() {
                analyzer::marked(self.stemmed, &mut text);
                text.push_str(part);
                document.add_text(field, &text);
            }
        };
        add(self.fields.heading, own);
        // Each part is a value of its own: positions of different values are never side by side,
        // so no phrase begins in one part and ends in another.
        let mut add = |part: &str| add(self.fields.text, part);
        for _ in 0..2 {
            add(&self.page.title);
            for above in section.trail.iter().chain([&section.title]) {
                if *above != self.page.title {
                    add(above);
                }
            }
        }
        add(&section.prose);
        add(&section.code);
        if ordinal == 0 {
            add(&self.page.description);
            self.page.keywords.iter().for_each(|keyword| add(keyword));
        }
    }

    fn record(&self, section: Section, ordinal: usize) -> SectionRecord {
        SectionRecord {
            collection: self.collection.name.clone(),
            path: self.page.path.clone(),
            page: self.page.title.clone(),
            route: self.page.route.clone(),
            ordinal: u32::try_from(ordinal).unwrap_or(u32::MAX),
            level: section.level,
            anchor: section.anchor,
            title: section.title,
            trail: section.trail,
            tokens: u32::try_from(tokens::estimate(&section.text)).unwrap_or(u32::MAX),
            text: section.text,
            stemmed: self.stemmed,
        }
    }
}

/// What a page goes by in the index.
pub(super) fn page_key(collection: &str, path: &str) -> u64 {
    hash(&format!("{collection}/{path}"))
}

/// The beginning of a text's BLAKE3 hash: enough that no two names of an index have the same.
pub(super) fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Stands for the names, sizes and times of the files that a page pulls in; 0 for none. One that comes,
/// goes, or is replaced by an older one makes another number.
pub(super) fn included(root: &Path, includes: &[String]) -> u64 {
    if includes.is_empty() {
        return 0;
    }
    let look = |include: &String| {
        let meta = std::fs::metadata(root.join(include)).ok();
        let size = meta.as_ref().map(std::fs::Metadata::len);
        (include.clone(), size, nanoseconds(meta.and_then(|meta| meta.modified().ok())))
    };
    hash(&format!("{:?}", includes.iter().map(look).collect::<Vec<_>>()))
}

/// A file time as it is stored.
pub(super) fn nanoseconds(time: Option<SystemTime>) -> u128 {
    time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos())
}

fn date(time: Option<SystemTime>) -> Option<String> {
    let time = OffsetDateTime::from(time?);
    time.replace_nanosecond(0).ok()?.format(&Rfc3339).ok()
}
