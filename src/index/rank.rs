//! From scored sections to the list that is shown. Every number of the ranking stands here.

use rustc_hash::FxHashMap;
use tantivy::collector::TopDocs;
use tantivy::{DocAddress, Score};

use super::schema::Stored;
use super::snapshot::Snapshot;
use super::{Hit, Hits, QueryTerms, Search};

/// Hits of one page before other pages had a turn.
const PER_PAGE: usize = 2;
/// Sections that are scored for each hit that is shown, so that there are other pages to turn to.
const DEPTH: usize = 4;
/// Sections that are scored in any case.
const LEAST_DEPTH: usize = 40;
/// Share of the score of other sections of the page that a section gains. Without and with it, page
/// nDCG@10: Kubernetes 0.704, 0.714; FastAPI 0.820, 0.819; Docker 0.690, 0.702; Vue in Chinese
/// 0.760, 0.829. It costs section nDCG@10 (0.552, 0.532 on Kubernetes), because siblings come along.
const PAGE_WEIGHT: f32 = 0.15;
/// How many of them.
const PAGE_DEPTH: usize = 3;

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
        let hits = self.reading(|| self.best(&terms, search))?;
        Ok(Hits { hits, terms })
    }

    fn best(&self, terms: &QueryTerms, search: &Search) -> anyhow::Result<Vec<Hit>> {
        let query = terms.query(&self.fields, search);
        let depth = (search.limit * DEPTH).max(LEAST_DEPTH);
        let top = self.searcher.search(&*query, &TopDocs::with_limit(depth).order_by_score())?;
        // Opening a column costs more than reading it: once a segment, not once a hit.
        let segments = self.searcher.segment_readers().iter();
        let pages = segments
            .map(|segment| Ok(segment.fast_fields().u64("page")?.first_or_default_col(0)))
            .collect::<tantivy::Result<Vec<_>>>()?;
        let page = |at: DocAddress| pages[at.segment_ord as usize].get_val(at.doc_id);
        let scored = |(score, address)| Scored { score, address, page: page(address) };
        let mut top: Vec<Scored> = top.into_iter().map(scored).collect();
        add_page_evidence(&mut top);
        let mut hits = Vec::with_capacity(search.limit);
        for Scored { score, address, .. } in in_turn(top, search.limit) {
            if let Stored::Section(record) = self.load(address)? {
                hits.push(Hit { record, score });
            }
        }
        Ok(hits)
    }
}

/// A section that matches.
struct Scored {
    score: Score,
    address: DocAddress,
    page: u64,
}

/// A page of which several sections match is more likely about the question: each section gains a
/// share of the best others of its page.
fn add_page_evidence(top: &mut [Scored]) {
    let mut pages: FxHashMap<u64, Vec<Score>> = FxHashMap::default();
    for hit in top.iter() {
        let best = pages.entry(hit.page).or_default();
        if best.len() <= PAGE_DEPTH {
            best.push(hit.score);
        }
    }
    for hit in top.iter_mut() {
        let best = &pages[&hit.page];
        // The scores come best first; a section does not support itself.
        let own = best.iter().position(|score| *score == hit.score);
        let others = best.iter().enumerate().filter(|(at, _)| Some(*at) != own);
        hit.score += PAGE_WEIGHT * others.take(PAGE_DEPTH).map(|(_, score)| score).sum::<Score>();
    }
    top.sort_by(|a, b| b.score.total_cmp(&a.score));
}

/// Takes at most [`PER_PAGE`] sections of a page, then fills up with what was passed over.
fn in_turn(top: Vec<Scored>, limit: usize) -> Vec<Scored> {
    let mut taken: FxHashMap<u64, usize> = FxHashMap::default();
    let mut first = Vec::with_capacity(limit);
    let mut later = Vec::new();
    for hit in top {
        if first.len() == limit {
            break;
        }
        let taken = taken.entry(hit.page).or_default();
        *taken += 1;
        if *taken <= PER_PAGE { &mut first } else { &mut later }.push(hit);
    }
    let room = limit - first.len();
    first.extend(later.into_iter().take(room));
    first
}
