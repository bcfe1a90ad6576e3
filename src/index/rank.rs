//! From a question to the list that is shown. Every number of the ranking stands here.
//!
//! In two steps: Tantivy's BM25 finds the sections that may answer, then each of them is scored
//! anew by what it and its page hold of the question. The numbers were chosen on the open
//! questions over Kubernetes, Docker and FastAPI (249; measured as page nDCG@10 of all unless said
//! otherwise). What each step gave, one after the other: 0.743 with the first step and evidence
//! from other hits of the page, 0.764 with unknown words corrected, 0.781 with the score of the
//! whole page in its place, 0.786 with priors, 0.810 with words that docs use instead.

use rustc_hash::FxHashMap;
use tantivy::collector::TopDocs;
use tantivy::{DocAddress, Score};

use super::candidates::{Candidate, Candidates};
use super::query::Group;
use super::snapshot::Snapshot;
use super::{Hit, Hits, QueryTerms, Search};
use crate::corpus::Section;

/// Weight of a word that docs use instead of one of the question. 0.1 and 0.3 are as good; at 0.4
/// what was asked for in the docs' own words begins to suffer.
pub(super) const SYNONYM: f32 = 0.2;
/// Weight of two words of the question written as one. Of little consequence (+0.001).
pub(super) const JOINED: f32 = 0.7;
/// Weight of further words that are as near to an unknown word as the one taken. No consequence
/// was measured.
pub(super) const ALSO_NEAR: f32 = 0.6;
/// Terms below this weight do not make a word of the question common, and do not make a section a
/// candidate as long as there are enough others: looking for them first costs twice the time and
/// gives the same lists.
pub(super) const OWN: f32 = 0.5;

/// Saturation of the count of a term (BM25, Robertson and Zaragoza 2009): 1.0 to 1.5 are alike.
const K1: f32 = 1.2;
/// How much a section's length counts: sections want less of it than pages (0.3: -0.012, 0.75:
/// -0.008).
const SECTION_B: f32 = 0.45;
/// How much a page's length counts.
const PAGE_B: f32 = 0.75;
/// Share of the page's score that its sections gain: 0.3 to 0.6 are alike; none: -0.018.
const PAGE_SHARE: f32 = 0.4;

/// Hits of one page before other pages had a turn.
const PER_PAGE: usize = 2;
/// Sections that are scored anew for each hit that is shown, so that there are other pages to
/// turn to.
const DEPTH: usize = 5;
/// Sections that are scored anew in any case (100: -0.004; 200 to 500: -0.001).
const LEAST_DEPTH: usize = 150;

/// Share of runs of three words that two sections must have in common to be shown as one. Of 174
/// pairs at 0.9 and above, met in answers over six corpora, 26 drawn by lot all said the same;
/// from 0.85 to 0.9 three of 17 differed in what they were about (an ARIA role, a function).
pub(super) const SAME: f32 = 0.9;
/// Least share of the larger one's tokens that the smaller of two such sections has. What links
/// point to counts in tokens and not in words, so that this is less than [`SAME`].
pub(super) const SAME_SIZE: f32 = 0.8;
/// Copies score alike down to this share of the best: what else stands on their pages moves a
/// score a little. Between two editions of which the newer had lost a section of each page, 19 of
/// 20 copies (128, met in 15 answers) scored at least 0.98 of the better one.
pub(super) const ALIKE: f32 = 0.95;
/// Sections that are looked at for each hit that is shown, because some of them may be copies.
pub(super) const LOOKED_AT: usize = 2;
/// The same where all that were looked at are copies of a few: several versions in one index.
const MOST_LOOKED_AT: usize = 5;

/// Headings of sections that point elsewhere instead of answering.
const POINTERS: &[&str] = &[
    "see also",
    "what's next",
    "whats next",
    "next steps",
    "next step",
    "specifications",
    "browser compatibility",
    "related",
    "related topics",
    "related resources",
    "further reading",
    "learn more",
    "additional resources",
    "more information",
    "references",
];
/// Parts of paths of pages that tell what changed, not how things are.
const CHANGES: &[&str] =
    &["changelog", "release-notes", "release_notes", "/releases/", "whats-new"];

/// Factor of a section whatever is asked, in hundredths: what points elsewhere, tells of changes
/// or holds next to nothing steps back (+0.005).
pub(super) fn prior(path: &str, section: &Section) -> u64 {
    let title = section.title.trim().to_lowercase();
    let words = section.prose.split_whitespace().count() + section.code.split_whitespace().count();
    let linked: usize = section.links.iter().map(|link| link.text.len()).sum();
    let path = path.to_lowercase();
    let mut factor = 100;
    if POINTERS.contains(&title.as_str()) {
        factor /= 2;
    } else if linked * 10 > section.prose.trim().len() * 6 && linked > 0 {
        factor = factor * 7 / 10;
    }
    if CHANGES.iter().any(|part| path.contains(part)) {
        factor /= 2;
    }
    match words {
        0..8 => factor * 3 / 10,
        8..25 => factor * 7 / 10,
        _ => factor,
    }
}

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
        self.reading(|| {
            let mut terms = self.expand(terms.clone())?;
            self.keep_held_phrases(&mut terms, search)?;
            let all = self.searcher.num_docs();
            let rarity = |group: &Group| rarity(group.frequency(), all);
            terms.rarities = terms.groups.iter().map(rarity).collect();
            let hits = self.best(&terms, search)?;
            Ok(Hits { hits, terms })
        })
    }

    fn best(&self, terms: &QueryTerms, search: &Search) -> anyhow::Result<Vec<Hit>> {
        let depth = (search.limit * DEPTH).max(LEAST_DEPTH);
        let find = |least| {
            let query = terms.query(&self.fields, search, least);
            self.searcher.search(&*query, &TopDocs::with_limit(depth).order_by_score())
        };
        let mut top = find(OWN)?;
        if top.len() < depth {
            top = find(0.0)?;
        }
        let addresses: Vec<DocAddress> = top.into_iter().map(|(_, address)| address).collect();
        let candidates = self.candidates(&terms.groups, &addresses)?;
        let most = search.limit * MOST_LOOKED_AT;
        let list = in_turn(scored(&candidates, &terms.rarities), most);
        let list = list.into_iter().map(|Scored { score, address, .. }| (address, score));
        self.distinct(list, search.limit, terms)
    }
}

/// Inverse document frequency, never negative.
fn rarity(holding: u64, all: u64) -> f32 {
    let (holding, all) = (holding as f32, all as f32);
    (1.0 + (all - holding + 0.5).max(0.0) / (holding + 0.5)).ln()
}

/// A section with its score.
struct Scored {
    score: Score,
    address: DocAddress,
    page: usize,
}

/// The candidates, best first: each by its own counts and a share of its page's.
fn scored(candidates: &Candidates, rarities: &[f32]) -> Vec<Scored> {
    let sum = |counts: &[Vec<f32>], at: usize, length: f32| -> f32 {
        let each = counts.iter().zip(rarities).map(|(counts, rarity)| {
            let count = counts[at] / length;
            rarity * count * (K1 + 1.0) / (K1 + count)
        });
        each.sum()
    };
    let relative = |length: f32, mean: f32, b: f32| 1.0 - b + b * length / mean.max(1.0);
    let pages: Vec<f32> = (0..candidates.pages.len())
        .map(|at| {
            let length = relative(candidates.pages[at], candidates.mean_page, PAGE_B);
            sum(&candidates.in_pages, at, length)
        })
        .collect();
    let mut scored: Vec<Scored> = candidates
        .sections
        .iter()
        .enumerate()
        .map(|(at, Candidate { address, page, length, prior })| {
            let length = relative(*length, candidates.mean_section, SECTION_B);
            let own = sum(&candidates.in_sections, at, length);
            let score = (own + PAGE_SHARE * pages[*page]) * prior;
            Scored { score, address: *address, page: *page }
        })
        .collect();
    // Reading order decides between equals.
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.address.cmp(&b.address)));
    scored
}

/// Takes at most [`PER_PAGE`] sections of a page, then fills up with what was passed over.
fn in_turn(top: Vec<Scored>, limit: usize) -> Vec<Scored> {
    let mut taken: FxHashMap<usize, usize> = FxHashMap::default();
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
