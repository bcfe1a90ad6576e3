//! Candidates to a list: each scored by what it, its heading, its page and the links to it hold of
//! the question, and by its meaning where there is a model.

use rustc_hash::FxHashMap;
use tantivy::{DocAddress, DocId, Score};

use super::candidates::{Candidate, Candidates};
use super::rank::{LEG, MEANING, PER_PAGE, Weights};

/// Inverse document frequency, never negative.
pub(super) fn rarity(holding: u64, all: u64) -> f32 {
    let (holding, all) = (holding as f32, all as f32);
    (1.0 + (all - holding + 0.5).max(0.0) / (holding + 0.5)).ln()
}

/// A section with its score.
pub(super) struct Scored {
    pub(super) score: Score,
    pub(super) address: DocAddress,
    page: usize,
    rank: (u64, DocId),
    prior: f32,
}

/// The candidates, best first: each by its own counts and a share of its page's, then by how much
/// its heading and the question say the same.
pub(super) fn scored(candidates: &Candidates, rarities: &[f32], weights: &Weights) -> Vec<Scored> {
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
        .map(|(at, Candidate { address, page, rank, length, leads, traits })| {
            let length = relative(*length, candidates.mean_section, weights.section_b);
            let links = if *leads { weights.anchor } else { 0.0 };
            let own = sum(&candidates.in_sections, at, *page, links, length);
            let prior = traits.prior(weights);
            let score = (own + weights.page_share * pages[*page]) * prior;
            Scored { score, address: *address, page: *page, rank: *rank, prior }
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

/// Share of the question, by rarity, whose words stand on the page of a section: 0 to 1.
pub(super) fn coverage(candidates: &Candidates, rarities: &[f32], section: &Scored) -> f32 {
    let all: f32 = rarities.iter().sum();
    let counts = candidates.in_pages.iter().map(|counts| counts[section.page]);
    let held: f32 =
        counts.zip(rarities).filter(|(count, _)| *count > 0.0).map(|(_, rarity)| rarity).sum();
    if all > 0.0 { held / all } else { 0.0 }
}

/// Reading order decides between equals of a page; pages have one that is the same in every index.
fn sort(scored: &mut [Scored]) {
    scored.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.rank.cmp(&b.rank)));
}

/// Puts the meaning into the scores of sections that stand in the order of their words: each leg
/// is spread from 0 to 1 over its best [`LEG`], as their numbers have nothing in common. Sections
/// that step back by themselves do so in both (+0.003).
pub(super) fn mix(scored: &mut [Scored], near: impl Fn(DocAddress) -> Option<f32>) {
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
pub(super) fn in_turn(top: Vec<Scored>, limit: usize) -> Vec<Scored> {
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
    use super::super::traits::Traits;
    use super::*;
    use crate::corpus::Section;

    fn list(scores: &[f32]) -> Vec<Scored> {
        let one = |(doc, score): (u32, &f32)| Scored {
            score: *score,
            address: DocAddress::new(0, doc),
            page: doc as usize,
            rank: (0, doc),
            prior: 1.0,
        };
        (0..).zip(scores).map(one).collect()
    }

    fn order(scored: &[Scored]) -> Vec<u32> {
        scored.iter().map(|hit| hit.address.doc_id).collect()
    }

    #[test]
    fn a_rare_word_weighs_more_and_no_word_less_than_nothing() {
        assert_eq!(rarity(0, 9), 20f32.ln());
        assert_eq!(rarity(4, 9), (1.0f32 + 5.5 / 4.5).ln());
        assert_eq!(rarity(10, 9), 0.0, "frequencies are counted before deletions are");
    }

    /// Three sections on two pages, whose scores can be reckoned by hand with round weights.
    fn counted() -> (Candidates, Weights) {
        let section = |doc: u32, page, length, leads, traits| Candidate {
            address: DocAddress::new(0, doc),
            page,
            rank: (page as u64, doc),
            length,
            leads,
            traits,
        };
        let of_two_terms = Traits::of("", &Section::default(), 2);
        let candidates = Candidates {
            sections: vec![
                section(0, 0, 4.0, true, Traits::default()),
                section(1, 0, 12.0, false, of_two_terms),
                section(2, 1, 4.0, false, of_two_terms),
            ],
            pages: vec![10.0, 30.0],
            in_sections: vec![vec![1.0, 2.0, 0.0], vec![0.0, 0.0, 3.0]],
            in_pages: vec![vec![3.0, 0.0], vec![0.0, 6.0]],
            in_anchors: vec![vec![1.0, 0.0], vec![0.0, 0.0]],
            in_headings: vec![vec![0.0, 0.5, 0.0], vec![0.0, 0.0, 1.0]],
            mean_section: 4.0,
            mean_page: 10.0,
            ..Candidates::default()
        };
        let weights = Weights {
            k1: 1.0,
            section_b: 0.5,
            page_b: 0.5,
            page_share: 0.5,
            anchor: 2.0,
            heading: 0.25,
            stub: 0.5,
            ..Weights::LEARNED
        };
        (candidates, weights)
    }

    #[test]
    fn a_score_is_the_sum_that_the_papers_give() {
        let (candidates, weights) = counted();
        let scored = scored(&candidates, &[2.0, 1.0], &weights);
        // The first: three times the first word with the link to its page, 2 x 3 x 2/4, and half of what its page has,
        // 2 x 5 x 2/6. The others are stubs, which halves theirs: 2 x 1 x 2/2 and the same page; 1 x 3 x 2/4 and half of as
        // much. On top a quarter of the best by their headings: a sixth of the question by half a quarter, and so on.
        let first = 3.0 + 5.0 / 3.0;
        let expected = [
            first,
            (2.0 + 5.0 / 3.0) / 2.0 + first / 4.0 / 12.0,
            (1.5 + 0.75) / 2.0 + first / 4.0 / 6.0,
        ];
        assert_eq!(order(&scored), [0, 1, 2]);
        for (hit, expected) in scored.iter().zip(expected) {
            assert!((hit.score - expected).abs() < 1e-5, "{} is not {expected}", hit.score);
        }
    }

    #[test]
    fn what_a_page_covers_is_a_share_by_rarity() {
        let (candidates, weights) = counted();
        let scored = scored(&candidates, &[2.0, 1.0], &weights);
        let shares: Vec<f32> =
            scored.iter().map(|hit| coverage(&candidates, &[2.0, 1.0], hit)).collect();
        assert_eq!(shares, [2.0 / 3.0, 2.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(
            coverage(&candidates, &[0.0, 0.0], &scored[0]),
            0.0,
            "words that all pages have"
        );
        assert_eq!(said_by_heading(&candidates, &[0.0, 0.0], 1), 0.0);
    }

    #[test]
    fn equals_stand_in_reading_order() {
        let mut scored = list(&[1.0, 1.0, 2.0]);
        scored[0].rank = (7, 0);
        sort(&mut scored);
        assert_eq!(order(&scored), [2, 1, 0]);
    }

    #[test]
    fn scores_are_spread_over_the_best_alone() {
        let best: Vec<f32> = (0..150).map(|at| 300.0 - at as f32).collect();
        let place = spread(&best);
        let half = best[0] - (LEG - 1) as f32 / 2.0;
        assert_eq!([300.0, half, best[LEG - 1], best[149]].map(place), [1.0, 0.5, 0.0, 0.0]);
        assert_eq!(spread(&[4.0, 2.0])(3.0), 0.5, "a short list ends with its last");
    }

    #[test]
    fn meaning_has_its_share_and_no_more() {
        // The second has nearly the words of the first, and the last has none of them.
        let mut scored = list(&[10.0, 9.0, 2.0]);
        mix(&mut scored, |address| {
            [Some(0.2), Some(0.7), Some(0.8)].get(address.doc_id as usize).copied().flatten()
        });
        assert_eq!(order(&scored), [1, 0, 2]);
        assert!((scored[1].score - (1.0 - MEANING)).abs() < 1e-6, "words alone");
        assert!((scored[2].score - MEANING).abs() < 1e-6, "meaning alone");
    }

    #[test]
    fn what_steps_back_does_so_by_its_meaning_too() {
        let mut scored = list(&[5.0, 5.0, 1.0]);
        scored[0].prior = 0.5;
        mix(&mut scored, |_| Some(0.8));
        assert_eq!(order(&scored), [1, 0, 2]);
        assert!((scored[1].score - (1.0 - MEANING)).abs() < 1e-6);
        // Nearer by far, and still first where it steps back to a seventh.
        let mut scored = list(&[5.0, 5.0]);
        scored[1].prior = 0.15;
        mix(&mut scored, |address| Some([0.1, 0.9][address.doc_id as usize]));
        assert_eq!(order(&scored), [1, 0]);
    }

    #[test]
    fn a_page_gives_two_before_others_have_a_turn() {
        let mut scored = list(&[5.0, 4.0, 3.0, 2.0]);
        scored.iter_mut().take(3).for_each(|hit| hit.page = 0);
        assert_eq!(order(&in_turn(scored, 4)), [0, 1, 3, 2]);
        // What was passed over fills up, and no more.
        let mut scored = list(&[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        scored.iter_mut().for_each(|hit| hit.page = 0);
        assert_eq!(order(&in_turn(scored, 5)), [0, 1, 2, 3, 4]);
    }
}
