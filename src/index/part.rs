//! A part of an index: some of its collections, as if there were no others.
//!
//! Who may see a part must learn nothing of the rest, not even through what ranks: how rare a word
//! is, what a misspelt one is taken for, how long sections are. Tantivy counts these over all
//! documents of a segment, so they are counted again over those of the part. A segment never
//! changes, so once is enough: a change of the docs makes a small new one. Over 14,319 sections the
//! first question waits 24 ms for it; the others take what a search within a collection takes.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::Collector;
use tantivy::index::SegmentId;
use tantivy::postings::TermInfo;
use tantivy::query::{
    Bm25StatisticsProvider, BooleanQuery, ConstScoreQuery, EmptyQuery, Query, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocId, DocSet, SegmentReader, TERMINATED, Term};

use super::catalog::Catalog;
use super::schema::Fields;
use super::snapshot::{Snapshot, Stamp};

/// What a snapshot is narrowed down to.
pub(super) struct Part {
    /// Names, sorted, each once.
    collections: Arc<[String]>,
    /// By segment, in the order of the searcher; made for the first question.
    counts: OnceLock<Result<Vec<Arc<Count>>, String>>,
}

/// What a segment holds of a part. Documents that were deleted since are among it, as they are in
/// Tantivy's own counts: [`Living`] tells them apart.
#[derive(Default)]
pub(super) struct Count {
    /// Its documents, by their numbers.
    seen: Vec<bool>,
    sections: u64,
    /// Sections that hold each term of the segment, by its position in the dictionary; empty where
    /// there are no sections.
    holding: Vec<u32>,
}

/// What of a segment is there yet. Its dictionary goes on counting what was deleted until it is merged
/// with others; an answer must not: a word that stands nowhere any more would be taken for one that the
/// docs know, and the same docs would be ranked otherwise by an index that is built fresh.
#[derive(Default)]
pub(super) struct Living {
    /// Sections that are gone, in order.
    gone: Vec<DocId>,
    /// Terms of the others, as near as their lengths are stored.
    terms: u64,
}

/// The counts of an index by segment and part, shared by its generations.
#[derive(Clone, Default)]
pub(super) struct Counts(Arc<Mutex<FxHashMap<CountOf, Arc<Count>>>>);

type CountOf = (SegmentId, Arc<[String]>);

/// The parts of a snapshot that were asked for.
#[derive(Default)]
pub(super) struct Parts(Mutex<FxHashMap<Arc<[String]>, Arc<Snapshot>>>);

impl Snapshot {
    /// The same generation as it is for somebody who sees only these collections. Names of others
    /// count for nothing: without any that is here, nothing is seen.
    pub fn only(self: &Arc<Snapshot>, collections: &[String]) -> Arc<Snapshot> {
        if self.stamp().collections.iter().all(|(name, _)| collections.contains(name)) {
            return self.clone();
        }
        let mut names = collections.to_vec();
        names.sort_unstable();
        names.dedup();
        let mut parts = self.parts.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = parts.get(names.as_slice()).cloned();
        known.unwrap_or_else(|| {
            let names: Arc<[String]> = names.into();
            let part = Arc::new(self.narrowed(names.clone()));
            parts.insert(names, part.clone());
            part
        })
    }

    fn narrowed(&self, collections: Arc<[String]>) -> Snapshot {
        let seen = |name: &String| collections.binary_search(name).is_ok();
        let catalog = self.catalog().map(|all| {
            let pages = all.pages().iter().filter(|page| seen(&page.collection));
            Catalog::new(pages.cloned().collect())
        });
        let mut stamp = Stamp { sections: 0, languages: Vec::new(), ..self.stamp().clone() };
        stamp.collections.retain(|(name, _)| seen(name));
        stamp.commits.retain(|name, _| seen(name));
        if let Ok(catalog) = &catalog {
            stamp.sections = catalog.sections() as u64;
            stamp.languages = catalog.languages();
        }
        let part = Part { collections, counts: OnceLock::new() };
        self.with_part(part, stamp, catalog.map_err(|error| format!("{error:#}")))
    }

    /// Whether a collection is seen.
    pub(super) fn shows(&self, collection: &str) -> bool {
        let is_in = |part: &Part| part.collections.iter().any(|name| name == collection);
        self.part.as_ref().is_none_or(is_in)
    }

    /// What lets only sections of the part through; none for the whole.
    pub(super) fn part_filter(&self) -> Option<Box<dyn Query>> {
        let part = self.part.as_ref()?;
        let clause = |name: &String| -> Box<dyn Query> {
            Box::new(TermQuery::new(inside(&self.fields, name), IndexRecordOption::Basic))
        };
        let any: Box<dyn Query> = match &*part.collections {
            [] => Box::new(EmptyQuery),
            [one] => clause(one),
            several => Box::new(BooleanQuery::union(several.iter().map(clause).collect())),
        };
        Some(Box::new(ConstScoreQuery::new(any, 0.0)))
    }

    /// Searches, with the statistics of the part in the scores.
    pub(super) fn look<C: Collector>(
        &self,
        query: &dyn Query,
        collector: &C,
    ) -> anyhow::Result<C::Fruit> {
        Ok(match self.part {
            None => self.searcher.search(query, collector)?,
            Some(_) => {
                self.searcher.search_with_statistics_provider(query, collector, &Told(self))?
            }
        })
    }

    /// Number of sections that hold a term.
    pub(super) fn frequency(&self, term: &str) -> anyhow::Result<u64> {
        let term = Term::from_field_text(self.fields.text, term);
        let mut sum = 0;
        for (at, segment) in self.searcher.segment_readers().iter().enumerate() {
            let text = segment.inverted_index(self.fields.text)?;
            let terms = text.terms();
            let key = term.serialized_value_bytes();
            if let (Some(ord), Some(term)) = (terms.term_ord(key)?, terms.get(key)?) {
                sum += u64::from(self.holding(at, ord, &term)?);
            }
        }
        Ok(sum)
    }

    /// Number of sections of a segment that hold the term at this position in its dictionary.
    pub(super) fn holding(&self, at: usize, ord: u64, term: &TermInfo) -> anyhow::Result<u32> {
        let counts = self.counts()?;
        let mut holding = counts.map_or(term.doc_freq, |counts| counts[at].holding(ord));
        let gone = &self.living()?[at].gone;
        if holding == 0 || gone.is_empty() {
            return Ok(holding);
        }
        let text =
            self.searcher.segment_reader(u32::try_from(at)?).inverted_index(self.fields.text)?;
        let mut postings = text.read_postings_from_terminfo(term, IndexRecordOption::Basic)?;
        for doc in gone {
            if postings.doc() < *doc {
                postings.seek(*doc);
            }
            match postings.doc() {
                TERMINATED => break,
                held => holding -= u32::from(held == *doc),
            }
        }
        Ok(holding)
    }

    /// What is there yet, by segment.
    fn living(&self) -> anyhow::Result<&[Living]> {
        let look = || self.look_for_living().map_err(|error| format!("{error:#}"));
        match self.living.get_or_init(look) {
            Ok(living) => Ok(living),
            Err(error) => Err(anyhow::anyhow!("{error}")),
        }
    }

    fn look_for_living(&self) -> anyhow::Result<Vec<Living>> {
        let counts = self.counts()?;
        let look = |(at, segment): (usize, &SegmentReader)| -> anyhow::Result<Living> {
            let lengths = segment.get_fieldnorms_reader(self.fields.text)?;
            let alive = segment.alive_bitset();
            let mut living = Living::default();
            let seen = |doc: &DocId| counts.is_none_or(|counts| counts[at].sees(*doc));
            for doc in (0..segment.max_doc()).filter(seen) {
                if alive.is_none_or(|alive| alive.is_alive(doc)) {
                    living.terms += u64::from(lengths.fieldnorm(doc));
                } else {
                    living.gone.push(doc);
                }
            }
            Ok(living)
        };
        self.searcher.segment_readers().iter().enumerate().map(look).collect()
    }

    /// Whether a term must not be looked for, because only what is not seen holds it: it would be
    /// found nowhere, but not as fast as a word that nobody holds.
    pub(super) fn hides(&self, term: &str) -> bool {
        self.part.is_some() && !self.frequency(term).is_ok_and(|sections| sections > 0)
    }

    /// Terms in the texts of all sections, with repetitions.
    pub(super) fn tokens(&self) -> anyhow::Result<u64> {
        Ok(self.living()?.iter().map(|living| living.terms).sum())
    }

    /// What each segment holds of the part; none for the whole.
    pub(super) fn counts(&self) -> anyhow::Result<Option<&[Arc<Count>]>> {
        let Some(part) = &self.part else { return Ok(None) };
        let counted = || self.count_part(part).map_err(|error| format!("{error:#}"));
        match part.counts.get_or_init(counted) {
            Ok(counts) => Ok(Some(counts)),
            Err(error) => Err(anyhow::anyhow!("{error}")),
        }
    }

    /// Counts the parts that were counted in another generation, before anybody has to wait for it; no
    /// new one is begun after this time.
    pub(super) fn count_parts_of(self: &Arc<Snapshot>, before: &Snapshot, most: Option<Duration>) {
        let began = Instant::now();
        let asked: Vec<Arc<[String]>> = {
            let parts = before.parts.0.lock().unwrap_or_else(PoisonError::into_inner);
            let counted = |part: &Snapshot| part.part.as_ref().is_some_and(Part::is_counted);
            let counted = parts.iter().filter(|(_, part)| counted(part));
            counted.map(|(names, _)| names.clone()).collect()
        };
        for names in asked {
            if most.is_some_and(|most| began.elapsed() > most) {
                return;
            }
            let counted = self.reading(|| self.only(&names).counts().map(drop));
            if let Err(error) = counted {
                tracing::debug!("a part is counted when it is asked for: {error:#}");
            }
        }
    }

    fn count_part(&self, part: &Part) -> anyhow::Result<Vec<Arc<Count>>> {
        // Whoever else wants them waits, instead of counting beside.
        let mut known = self.counted.0.lock().unwrap_or_else(PoisonError::into_inner);
        let segments = self.searcher.segment_readers();
        let ids: FxHashSet<SegmentId> = segments.iter().map(SegmentReader::segment_id).collect();
        known.retain(|(id, _), _| ids.contains(id));
        let mut counts = Vec::with_capacity(segments.len());
        for segment in segments {
            let key = (segment.segment_id(), part.collections.clone());
            let count = match known.get(&key) {
                Some(count) => count.clone(),
                None => Arc::new(Count::of(segment, &self.fields, &part.collections)?),
            };
            known.insert(key, count.clone());
            counts.push(count);
        }
        Ok(counts)
    }
}

impl Part {
    fn is_counted(&self) -> bool {
        self.counts.get().is_some_and(Result::is_ok)
    }
}

impl Count {
    fn of(
        segment: &SegmentReader,
        fields: &Fields,
        collections: &[String],
    ) -> anyhow::Result<Count> {
        let mut count = Count::default();
        let mut seen = vec![false; segment.max_doc() as usize];
        let under = segment.inverted_index(fields.under)?;
        for name in collections {
            let postings = under.read_postings(&inside(fields, name), IndexRecordOption::Basic)?;
            let Some(mut postings) = postings else { continue };
            while postings.doc() != TERMINATED {
                seen[postings.doc() as usize] = true;
                count.sections += 1;
                postings.advance();
            }
        }
        if count.sections == 0 {
            return Ok(count);
        }
        count.seen = seen;
        let text = segment.inverted_index(fields.text)?;
        let mut terms = text.terms().stream()?;
        while terms.advance() {
            let mut postings =
                text.read_postings_from_terminfo(terms.value(), IndexRecordOption::Basic)?;
            let mut holding = 0;
            while postings.doc() != TERMINATED {
                if count.sees(postings.doc()) {
                    holding += 1;
                }
                postings.advance();
            }
            count.holding.push(holding);
        }
        Ok(count)
    }

    /// Whether a document is of the part.
    fn sees(&self, doc: DocId) -> bool {
        self.seen.get(doc as usize).copied().unwrap_or(false)
    }

    /// Number of sections that hold the term at this position in the dictionary.
    fn holding(&self, ord: u64) -> u32 {
        self.holding.get(ord as usize).copied().unwrap_or(0)
    }
}

/// The term that every section of a collection has, and nothing else.
fn inside(fields: &Fields, collection: &str) -> Term {
    Term::from_field_text(fields.under, &format!("{collection}/"))
}

/// What is told of a part to what scores.
struct Told<'a>(&'a Snapshot);

impl Bm25StatisticsProvider for Told<'_> {
    fn total_num_tokens(&self, _: Field) -> tantivy::Result<u64> {
        self.0.tokens().map_err(unreadable)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        let counts = self.0.counts().map_err(unreadable)?.unwrap_or_default();
        let sections: u64 = counts.iter().map(|count| count.sections).sum();
        let living = self.0.living().map_err(unreadable)?;
        Ok(sections - living.iter().map(|living| living.gone.len() as u64).sum::<u64>())
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        let term = std::str::from_utf8(term.serialized_value_bytes()).unwrap_or_default();
        self.0.frequency(term).map_err(unreadable)
    }
}

fn unreadable(error: anyhow::Error) -> tantivy::TantivyError {
    tantivy::TantivyError::InternalError(format!("{error:#}"))
}

#[cfg(test)]
mod tests {
    use crate::corpus::Collection;
    use crate::index::{Index, Indexer, Progress, Search};

    use super::*;

    /// An index of two collections with this page.
    fn made(dir: &std::path::Path, page: &str) -> Arc<Index> {
        let collections: Vec<Collection> = ["a", "b"]
            .into_iter()
            .map(|name| {
                let root = dir.join(name);
                std::fs::create_dir_all(&root).unwrap();
                std::fs::write(root.join("page.md"), page).unwrap();
                Collection { name: name.into(), root, ..Collection::default() }
            })
            .collect();
        let (mut indexer, _) = Indexer::open(&dir.join("data"), &collections, "test").unwrap();
        indexer.catch_up(&Progress::default()).unwrap();
        indexer.index().clone()
    }

    #[test]
    fn nobody_counts_again_after_a_move() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let served = made(first.path(), "# Okapi\n\nIt is here.\n");
        let part = |index: &Index| index.snapshot().only(&["a".to_owned()]);
        let is_counted = |index: &Index| part(index).part.as_ref().is_some_and(Part::is_counted);
        let fresh = made(second.path(), "# Okapi\n\nIt is there.\n");
        // What nobody asked for is not counted.
        served.move_to(&fresh).unwrap();
        assert!(!is_counted(&served));
        let search = Search { query: "okapi".into(), limit: 1, ..Search::default() };
        assert_eq!(part(&served).search(&search).unwrap().hits.len(), 1);
        assert!(is_counted(&served));
        served.move_to(&fresh).unwrap();
        assert!(is_counted(&served));
    }
}
