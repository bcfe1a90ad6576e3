//! From scored sections to the list that is shown. Every number of the ranking stands here.

use tantivy::collector::TopDocs;
use tantivy::{DocAddress, Score};

use super::schema::Stored;
use super::snapshot::Snapshot;
use super::{Hit, Hits, QueryTerms, Search};

/// Hits of one page before other pages had a turn.
const PER_PAGE: usize = 2;
/// Sections that are scored for each hit that is shown, so that there are other pages to turn to.
const DEPTH: usize = 4;

impl Snapshot {
    /// The sections that answer, best first.
    ///
    /// # Errors
    ///
    /// Only what the disk says; any text is a valid question.
    pub fn search(&self, search: &Search) -> anyhow::Result<Hits> {
        let terms = QueryTerms::of(&search.query);
        if terms.terms().is_empty() || search.limit == 0 {
            return Ok(Hits { hits: Vec::new(), terms });
        }
        let query = terms.query(&self.fields, search);
        let depth = (search.limit * DEPTH).max(20);
        let top = self.searcher.search(&*query, &TopDocs::with_limit(depth).order_by_score())?;
        let mut hits = Vec::with_capacity(search.limit);
        for (score, address) in self.in_turn(top, search.limit)? {
            if let Stored::Section(record) = self.load(address)? {
                hits.push(Hit { record, score });
            }
        }
        Ok(Hits { hits, terms })
    }

    /// Takes at most [`PER_PAGE`] sections of a page, then fills up with what was passed over.
    fn in_turn(
        &self,
        top: Vec<(Score, DocAddress)>,
        limit: usize,
    ) -> anyhow::Result<Vec<(Score, DocAddress)>> {
        let mut pages: Vec<(u64, usize)> = Vec::new();
        let mut first = Vec::with_capacity(limit);
        let mut later = Vec::new();
        for (score, address) in top {
            if first.len() == limit {
                break;
            }
            let segment = self.searcher.segment_reader(address.segment_ord);
            let page = segment.fast_fields().u64("page")?.first(address.doc_id).unwrap_or_default();
            let at = pages.iter().position(|(known, _)| *known == page).unwrap_or_else(|| {
                pages.push((page, 0));
                pages.len() - 1
            });
            pages[at].1 += 1;
            if pages[at].1 <= PER_PAGE { &mut first } else { &mut later }.push((score, address));
        }
        let room = limit - first.len();
        first.extend(later.into_iter().take(room));
        Ok(first)
    }
}
