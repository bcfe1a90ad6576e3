//! From a question to the list that is shown. Every number of the ranking stands here.
//!
//! In two steps: Tantivy's BM25 finds the sections that may answer, then each of them is scored
//! anew by what it and its page hold of the question. The numbers were chosen on the open
//! questions over Kubernetes, Docker and FastAPI (249; measured as page nDCG@10 of all unless said
//! otherwise). What each step gave, one after the other: 0.743 with the first step and evidence
//! from other hits of the page, 0.764 with unknown words corrected, 0.781 with the score of the
//! whole page in its place, 0.786 with priors, 0.810 with words that docs use instead.

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::TopDocs;
use tantivy::{DocAddress, Score};

use super::candidates::{Candidate, Candidates};
use super::meaning::{Asked, Near};
use super::schema::Stored;
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

/// How long a search waits for the model from its beginning on; then it answers from words alone.
/// A question of ten words takes 3 to 5 ms on a core of its own.
const PATIENCE: Duration = Duration::from_millis(25);
/// Sections that each leg brings in, and over which its scores are spread from 0 to 1.
const LEG: usize = 100;
/// Share of the meaning in the score, with all-MiniLM-L6-v2. Docker and FastAPI together, dev and
/// test halves: none 0.838, 0.835; 0.2: 0.858, 0.885; 0.3: 0.891, 0.884; 0.35: 0.893, 0.886; 0.4:
/// 0.894, 0.889; 0.5: 0.899, 0.894; 0.6: 0.881, 0.875; meaning alone 0.774, 0.814. More than 0.4
/// takes from questions about concepts what it gives to others. With Kubernetes, which had no part
/// in the choice, all 249 go from 0.808 to 0.850 (dev and test halves alike).
const MEANING: f32 = 0.4;
/// Words of a question that may be nothing but code, such as `--dry-run=client -o yaml`: meaning
/// takes from those what words find exactly (identifiers 0.867 with it, 0.897 without; all 0.845
/// and 0.850; up to 2 words: 0.849).
const CODE_WORDS: usize = 3;
/// A section without any word of the question is an answer from this cosine on. The best section
/// for nonsense has 0.20 to 0.26, the best for a real question 0.33 at least, 0.60 in the median.
const ALIKE: f32 = 0.3;

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
        let asked = match is_code(&search.query) {
            true => None,
            false => self.meaning.ask(&search.query),
        };
        self.reading(|| {
            let terms = self.expand(terms.clone())?;
            let hits = self.best(&terms, search, asked.as_ref())?;
            Ok(Hits { hits, terms })
        })
    }

    fn best(
        &self,
        terms: &QueryTerms,
        search: &Search,
        asked: Option<&Asked>,
    ) -> anyhow::Result<Vec<Hit>> {
        let depth = (search.limit * DEPTH).max(LEAST_DEPTH);
        let find = |least| {
            let query = terms.query(&self.fields, search, least);
            self.searcher.search(&*query, &TopDocs::with_limit(depth).order_by_score())
        };
        let mut top = find(OWN)?;
        if top.len() < depth {
            top = find(0.0)?;
        }
        let mut addresses: Vec<DocAddress> = top.into_iter().map(|(_, address)| address).collect();
        let near = match asked {
            Some(asked) => Near::find(self, asked, search, PATIENCE, LEG)?,
            None => None,
        };
        if let Some(near) = &near {
            let words: FxHashSet<DocAddress> = addresses.iter().copied().collect();
            let least = if words.is_empty() { ALIKE } else { f32::MIN };
            let new = near.best.iter().filter(|(alike, _)| *alike >= least);
            let new = new.map(|(_, address)| *address);
            addresses.extend(new.filter(|address| !words.contains(address)));
        }
        let candidates = self.candidates(&terms.groups, &addresses)?;
        let all = self.searcher.num_docs();
        let rarities: Vec<f32> =
            terms.groups.iter().map(|group| rarity(group.frequency(), all)).collect();
        let mut scored = scored(&candidates, &rarities);
        if let Some(near) = near {
            mix(&mut scored, |address| near.of(self, address));
        }
        let mut hits = Vec::with_capacity(search.limit);
        for Scored { score, address, .. } in in_turn(scored, search.limit) {
            if let Stored::Section(record) = self.load(address)? {
                hits.push(Hit { record, score });
            }
        }
        Ok(hits)
    }
}

/// Whether a question is nothing but code: a few words, one of which no prose would have.
fn is_code(question: &str) -> bool {
    let odd = |word: &str| {
        let word = word.trim_end_matches(['.', '?', '!', ',', ':']);
        let pairs = word.chars().zip(word.chars().skip(1));
        let mut cases = pairs.map(|(a, b)| (a.is_ascii_lowercase(), b.is_ascii_uppercase()));
        word.starts_with('-')
            || word.contains(|c: char| c.is_ascii_digit() || "_:/=.@\\<>(){}[]$#".contains(c))
            || cases.any(|camel| camel == (true, true))
            || word.chars().take(2).filter(char::is_ascii_uppercase).count() == 2
    };
    question.split_whitespace().nth(CODE_WORDS).is_none() && question.split_whitespace().any(odd)
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
    prior: f32,
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
            Scored { score, address: *address, page: *page, prior: *prior }
        })
        .collect();
    sort(&mut scored);
    scored
}

/// Reading order decides between equals.
fn sort(scored: &mut [Scored]) {
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.address.cmp(&b.address)));
}

/// Puts the meaning into the scores of sections that stand in the order of their words: each leg
/// is spread from 0 to 1 over its best [`LEG`], as their numbers have nothing in common. Sections
/// that step back by themselves do so in both (+0.003).
fn mix(scored: &mut [Scored], near: impl Fn(DocAddress) -> Option<f32>) {
    let meanings: Vec<Option<f32>> =
        scored.iter().map(|hit| near(hit.address).map(|near| near * hit.prior)).collect();
    let mut best: Vec<f32> = meanings.iter().flatten().copied().collect();
    best.sort_unstable_by(|a, b| b.total_cmp(a));
    let meaning = spread(&best);
    let words = spread(&scored.iter().map(|hit| hit.score).collect::<Vec<_>>());
    for (hit, near) in scored.iter_mut().zip(meanings) {
        let near = near.map_or(0.0, &meaning);
        hit.score = (1.0 - MEANING) * words(hit.score) + MEANING * near;
    }
    sort(scored);
}

/// From a score to its place between the best of a list, 1, and the last that counts, 0.
fn spread(best: &[f32]) -> impl Fn(f32) -> f32 + use<> {
    let most = best.first().copied().unwrap_or(0.0);
    let least = best.get(LEG - 1).or(best.last()).copied().unwrap_or(0.0);
    let range = (most - least).max(f32::MIN_POSITIVE);
    move |score| ((score - least) / range).clamp(0.0, 1.0)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_words_with_one_that_is_no_prose_are_code() {
        for code in ["useEffect", "system:masters", "--dry-run=client -o yaml", "E0382", "C++ #if"]
        {
            assert!(is_code(code), "{code}");
        }
        for prose in ["install it", "Where is it?", "how do I set spec.template of a pod", ""] {
            assert!(!is_code(prose), "{prose}");
        }
    }
}
