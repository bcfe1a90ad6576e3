//! From a question to the list that is shown. Every number of the ranking stands here.
//!
//! In two steps: Tantivy's BM25 finds the sections that may answer, then each of them is scored
//! anew by what it, its heading and its page hold of the question.
//!
//! The numbers were learned by `benches/learn.rs` on the open questions over Kubernetes, Docker,
//! FastAPI and the Vue guide in Chinese (260; figures are mean changes of page nDCG@10 and, after a
//! comma, of section nDCG@10). Learning everything on three of the corpora gained on the fourth
//! -0.000, +0.013, -0.011 and +0.010: only what all four agreed on was moved. What each step gave,
//! one after the other, on the 249 English ones: page nDCG@10 0.743 with the first step and
//! evidence from other hits of the page, 0.764 with unknown words corrected, 0.781 with the score
//! of the whole page in its place, 0.786 with priors, 0.808 with words that docs use instead, 0.812
//! with headings, 0.818 with the words of links.
//!
//! Tried on the same questions without gain, and left out: nearness of the words (0.000), coverage
//! of the rare ones (-0.001), more weight for the exact form of a word (-0.001 to -0.007), words of
//! the path (-0.002), terms of the first hits (harm), latent semantic analysis (+0.004 at several
//! times the cost).

use std::time::Duration;

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::collector::TopDocs;
use tantivy::{DocAddress, Score};

use super::analyzer;
use super::candidates::{Candidate, Candidates};
use super::meaning::{Asked, Near};
use super::query::Group;
use super::snapshot::Snapshot;
use super::{Hit, Hits, QueryTerms, Search, SectionRecord};
use crate::corpus::Section;

/// The numbers that are learned; see [`Weights::LEARNED`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Weight of a word that docs use instead of one of the question, 0 to below 0.5. None at all:
    /// -0.017, -0.016; twice as much: -0.004, -0.002.
    pub synonym: f32,
    /// Weight of two words of the question written as one, 0.5 to 1. All alike.
    pub joined: f32,
    /// Weight of further words that are as near to an unknown word as the one taken, 0.5 to 1. All
    /// alike.
    pub near: f32,
    /// Saturation of the count of a term (BM25's k1, Robertson and Zaragoza 2009), above 0. 0.9:
    /// -0.009, -0.011; 1.2 to 2 are alike, more of the first five answer at 1.5 than at 1.2.
    pub k1: f32,
    /// How much a section's length counts (BM25's b), 0 to 1. 0.4 to 0.6 are alike; 0.3:
    /// -0.002, -0.004; 0.75: +0.000, -0.002.
    pub section_b: f32,
    /// How much a page's length counts (BM25's b), 0 to 1. All alike.
    pub page_b: f32,
    /// Share of the page's score that its sections gain, 0 or more. None: -0.011, -0.007; twice as
    /// much: -0.004, -0.006.
    pub page_share: f32,
    /// How much a word in a link to the page counts, as a multiple of one in its text, 0 or more.
    /// None: -0.001, +0.002; 3: +0.002, -0.002. Of little consequence where pages are well titled.
    pub anchor: f32,
    /// Share of the best score that a section gains whose heading says all that is asked and
    /// nothing else, 0 or more. None: -0.005, -0.010; twice as much favours sections over pages
    /// (-0.003, +0.002).
    pub heading: f32,
    /// Factor of a section that points elsewhere by its heading, such as "See also", 0 to 1. Of no
    /// consequence for these questions; what it keeps away is no answer to any.
    pub pointer: f32,
    /// Factor of a section that is mostly links, 0 to 1. Of no consequence here either.
    pub links: f32,
    /// Factor of a page that tells what changed, 0 to 1. None: -0.007, -0.006.
    pub changes: f32,
    /// Factor of a section with fewer than 25 words, 0 to 1. 0.5: -0.003, -0.003.
    pub short: f32,
    /// Factor of a section with fewer than 8 words, 0 to 1. None: -0.000, +0.001.
    pub stub: f32,
}

impl Weights {
    /// What `benches/learn.rs` found on the open questions.
    pub const LEARNED: Weights = Weights {
        synonym: 0.2,
        joined: 0.7,
        near: 0.6,
        k1: 1.5,
        section_b: 0.45,
        page_b: 0.5,
        page_share: 0.4,
        anchor: 1.0,
        heading: 0.15,
        pointer: 0.5,
        links: 0.7,
        changes: 0.5,
        short: 0.85,
        stub: 0.3,
    };
}

/// Terms below this weight do not make a word of the question common, and do not make a section a
/// candidate as long as there are enough others: looking for them first costs twice the time and
/// gives the same lists.
pub(super) const OWN: f32 = 0.5;

/// Hits of one page before other pages had a turn.
const PER_PAGE: usize = 2;
/// Sections that are scored anew for each hit that is shown, so that there are other pages to
/// turn to.
const DEPTH: usize = 5;
/// Sections that are scored anew in any case (100: -0.004; 200 to 500: -0.001, by a script).
const LEAST_DEPTH: usize = 150;

/// Share of runs of three words that two sections must have in common to be shown as one. Of 174
/// pairs at 0.9 and above, met in answers over six corpora, 26 drawn by lot all said the same; one
/// that was met later did not (affinity, anti-affinity), and is told apart by its heading. From
/// 0.85 to 0.9 three of 17 differed in what they were about (an ARIA role, a function).
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

/// How long a search waits for the model from its beginning on; then it answers from words alone.
/// A question of ten words takes 3 to 5 ms on a core of its own.
const PATIENCE: Duration = Duration::from_millis(25);
/// Sections that each leg brings in, and over which its scores are spread from 0 to 1.
const LEG: usize = 100;
/// Share of the meaning in the score, with all-MiniLM-L6-v2. Docker and FastAPI together, dev and
/// test halves: none 0.838, 0.835; 0.2: 0.858, 0.885; 0.3: 0.891, 0.884; 0.35: 0.893, 0.886; 0.4:
/// 0.894, 0.889; 0.5: 0.899, 0.894; 0.6: 0.881, 0.875; meaning alone 0.774, 0.814. More than 0.4
/// takes from questions about concepts what it gives to others. With Kubernetes, which had no part
/// in the choice, all 249 go from 0.818 to 0.857 (0.45: 0.855); the figures above are older.
const MEANING: f32 = 0.4;
/// Words of a question that may be nothing but code, such as `--dry-run=client -o yaml`: meaning
/// takes from those what words find exactly (identifiers 0.867 with it, 0.897 without; all 0.845
/// and 0.850; up to 2 words: 0.849).
const CODE_WORDS: usize = 3;
/// A section without any word of the question is an answer from this cosine on. The best section
/// for nonsense has 0.20 to 0.26, the best for a real question 0.33 at least, 0.60 in the median.
const RELATED: f32 = 0.3;

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

/// Words below which a section is short, and below which it says next to nothing.
const SHORT: usize = 25;
const STUB: usize = 8;

/// What a section is by itself, whatever is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traits(u64);

impl Traits {
    const POINTER: u64 = 1;
    const LINKS: u64 = 1 << 1;
    const CHANGES: u64 = 1 << 2;
    const SHORT: u64 = 1 << 3;
    const STUB: u64 = 1 << 4;
    /// From here on, the number of terms in the heading.
    const HEADING: u32 = 8;

    /// Looks at a section whose heading has this many telling terms.
    pub(super) fn of(path: &str, section: &Section, heading_terms: usize) -> Traits {
        let title = section.title.trim().to_lowercase();
        let words = words(&section.prose) + words(&section.code);
        let linked: usize = section.links.iter().map(|link| link.text.len()).sum();
        let path = path.to_lowercase();
        let mut traits = 0;
        if POINTERS.contains(&title.as_str()) {
            traits |= Traits::POINTER;
        } else if linked * 10 > section.prose.trim().len() * 6 && linked > 0 {
            traits |= Traits::LINKS;
        }
        if CHANGES.iter().any(|part| path.contains(part)) {
            traits |= Traits::CHANGES;
        }
        match words {
            0..STUB => traits |= Traits::STUB,
            STUB..SHORT => traits |= Traits::SHORT,
            _ => {}
        }
        Traits(traits | (heading_terms.min(255) as u64) << Traits::HEADING)
    }

    /// As they are stored.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// As they were stored.
    pub(super) fn from_bits(bits: u64) -> Traits {
        Traits(bits)
    }

    /// The factor of the section's score.
    fn prior(self, weights: &Weights) -> f32 {
        let factors = [
            (Traits::POINTER, weights.pointer),
            (Traits::LINKS, weights.links),
            (Traits::CHANGES, weights.changes),
            (Traits::SHORT, weights.short),
            (Traits::STUB, weights.stub),
        ];
        let has = |(bit, _): &(u64, f32)| self.0 & bit != 0;
        factors.into_iter().filter(has).map(|(_, factor)| factor).product()
    }

    /// Number of telling terms in the heading.
    fn heading_terms(self) -> f32 {
        (self.0 >> Traits::HEADING & 255) as f32
    }
}

/// Words of a text; scripts without spaces have one to two characters each.
fn words(text: &str) -> usize {
    let unspaced = text.chars().filter(|c| analyzer::is_unspaced(*c)).count();
    text.split_whitespace().count() + unspaced / 2
}

impl Snapshot {
    /// The sections that answer, best first.
    ///
    /// # Errors
    ///
    /// Only what the disk says; any text is a valid question.
    pub fn search(&self, search: &Search) -> anyhow::Result<Hits> {
        self.search_with(search, &Weights::LEARNED)
    }

    /// As [`Snapshot::search`], with other weights: for learning them.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::search`].
    pub fn search_with(&self, search: &Search, weights: &Weights) -> anyhow::Result<Hits> {
        let terms = QueryTerms::of(&search.query, &self.stamp().languages);
        if terms.terms().is_empty() || search.limit == 0 {
            return Ok(Hits { hits: Vec::new(), terms });
        }
        let asked = match is_code(&search.query) {
            true => None,
            false => self.meaning.ask(&search.query),
        };
        self.reading(|| {
            let mut terms = self.expand(terms.clone(), weights)?;
            self.keep_held_phrases(&mut terms, search)?;
            let all = self.stamp().sections;
            let rarity = |group: &Group| rarity(group.frequency(), all);
            terms.rarities = terms.groups.iter().map(rarity).collect();
            // Meaning alone holds no phrase.
            let first = asked.as_ref().filter(|_| terms.phrases.is_empty());
            let mut hits = self.best(&terms, search, weights, first)?;
            if !terms.phrases.is_empty() && hits.len() < search.limit {
                // Behind those that hold what is quoted come those that hold its words.
                let words = QueryTerms { phrases: Vec::new(), ..terms.clone() };
                let more = self.best(&words, search, weights, asked.as_ref())?;
                let more: Vec<Hit> = more.into_iter().filter(|hit| !shows(&hits, hit)).collect();
                hits.extend(more);
                hits.truncate(search.limit);
            }
            Ok(Hits { hits, terms })
        })
    }

    fn best(
        &self,
        terms: &QueryTerms,
        search: &Search,
        weights: &Weights,
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
            let least = if words.is_empty() { RELATED } else { f32::MIN };
            let new = near.best.iter().filter(|(alike, _)| *alike >= least);
            let new = new.map(|(_, address)| *address);
            addresses.extend(new.filter(|address| !words.contains(address)));
        }
        let candidates = self.candidates(&terms.groups, &addresses)?;
        let mut scored = scored(&candidates, &terms.rarities, weights);
        if let Some(near) = near {
            mix(&mut scored, |address| near.of(self, address));
        }
        let list = in_turn(scored, search.limit * MOST_LOOKED_AT);
        let list = list.into_iter().map(|Scored { score, address, .. }| (address, score));
        self.distinct(list, search.limit, terms)
    }
}

/// Whether a list has a section, by itself or beside one that says the same.
fn shows(hits: &[Hit], hit: &Hit) -> bool {
    let name = |hit: &Hit| {
        let SectionRecord { collection, path, ordinal, .. } = &hit.record;
        (collection.clone(), path.clone(), *ordinal)
    };
    let wanted = name(hit);
    hits.iter().any(|hit| name(hit) == wanted || hit.also.iter().any(|also| name(also) == wanted))
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

/// The candidates, best first: each by its own counts and a share of its page's, then by how much
/// its heading and the question say the same.
fn scored(candidates: &Candidates, rarities: &[f32], weights: &Weights) -> Vec<Scored> {
    // BM25 over the groups: counts at one place, in part those of the links to its page.
    let sum = |counts: &[Vec<f32>], at: usize, page: usize, links: f32, length: f32| -> f32 {
        let all = counts.iter().zip(&candidates.in_anchors).zip(rarities);
        let each = all.map(|((counts, in_anchors), rarity)| {
            let count = (counts[at] + links * in_anchors[page]) / length;
            rarity * count * (weights.k1 + 1.0) / (weights.k1 + count)
        });
        each.sum()
    };
    let relative = |length: f32, mean: f32, b: f32| 1.0 - b + b * length / mean.max(1.0);
    let pages: Vec<f32> = (0..candidates.pages.len())
        .map(|at| {
            let length = relative(candidates.pages[at], candidates.mean_page, weights.page_b);
            sum(&candidates.in_pages, at, at, weights.anchor, length)
        })
        .collect();
    let mut scored: Vec<Scored> = candidates
        .sections
        .iter()
        .enumerate()
        .map(|(at, Candidate { address, page, length, leads, traits })| {
            let length = relative(*length, candidates.mean_section, weights.section_b);
            let links = if *leads { weights.anchor } else { 0.0 };
            let own = sum(&candidates.in_sections, at, *page, links, length);
            let prior = traits.prior(weights);
            let score = (own + weights.page_share * pages[*page]) * prior;
            Scored { score, address: *address, page: *page, prior }
        })
        .collect();
    let best = scored.iter().map(|section| section.score).fold(0.0, f32::max);
    for (at, section) in scored.iter_mut().enumerate() {
        section.score += weights.heading * best * said_by_heading(candidates, rarities, at);
    }
    sort(&mut scored);
    scored
}

/// Share of the question, by rarity, that a section's heading says, times the share of the
/// heading that the question says.
fn said_by_heading(candidates: &Candidates, rarities: &[f32], at: usize) -> f32 {
    let terms = candidates.sections[at].traits.heading_terms();
    let all: f32 = rarities.iter().sum();
    if terms == 0.0 || all == 0.0 {
        return 0.0;
    }
    let said = candidates.in_headings.iter().map(|said| said[at]);
    let (mut of_question, mut of_heading) = (0.0, 0.0);
    for (said, rarity) in said.zip(rarities) {
        of_question += said * rarity;
        of_heading += said;
    }
    of_question / all * (of_heading / terms).min(1.0)
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
