//! The measures of one list of hits, and their means.

use serde::{Deserialize, Serialize};

/// Hits that nDCG, MRR and Recall look at; more than that nobody reads.
const DEPTH: usize = 10;

/// How good a list of hits is; each measure lies between 0 and 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// Whether the first hit answers fully.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// Whether one of the first three does.
    #[serde(rename = "hit@3")]
    pub hit_3: f64,
    /// Whether one of the first five does.
    #[serde(rename = "hit@5")]
    pub hit_5: f64,
    /// One through the rank of the first hit that answers fully, among ten.
    pub mrr: f64,
    /// What the first ten gain, later ones less, as a share of the best order there is.
    pub ndcg: f64,
    /// Share of all answers that are among the first ten.
    pub recall: f64,
}

impl Measures {
    /// What settings and results call the measures, in the order of [`Measures::values`].
    pub const NAMES: [&'static str; 6] = ["hit@1", "hit@3", "hit@5", "mrr", "ndcg", "recall"];

    /// Measures `gains`, the grade of what each hit answers (0 for nothing), best hit first,
    /// against the `grades` of all that could have been found.
    ///
    /// Gains are linear, as trec_eval has them. Only the best grade counts as an answer in full:
    /// a page that merely helps is no hit.
    pub fn of(gains: &[u32], grades: &[u32]) -> Measures {
        let best = grades.iter().copied().max().unwrap_or(0).max(1);
        let first = gains.iter().position(|gain| *gain >= best);
        let within = |depth: usize| f64::from(u8::from(first.is_some_and(|at| at < depth)));
        let mut ideal = grades.to_vec();
        ideal.sort_unstable_by(|a, b| b.cmp(a));
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let found = gains.iter().take(DEPTH).filter(|gain| **gain > 0).count();
        Measures {
            hit_1: within(1),
            hit_3: within(3),
            hit_5: within(5),
            mrr: first.filter(|at| *at < DEPTH).map_or(0.0, |at| 1.0 / (at + 1) as f64),
            ndcg: share(discounted(gains), discounted(&ideal)),
            recall: share(found as f64, grades.len() as f64),
        }
    }

    /// The mean of many; zeros for none.
    pub fn mean<'a>(all: impl IntoIterator<Item = &'a Measures>) -> Measures {
        let mut sums = [0.0; 6];
        let mut count = 0;
        for measures in all {
            for (sum, value) in sums.iter_mut().zip(measures.values()) {
                *sum += value;
            }
            count += 1;
        }
        let [hit_1, hit_3, hit_5, mrr, ndcg, recall] =
            sums.map(|sum| sum / f64::from(count.max(1)));
        Measures { hit_1, hit_3, hit_5, mrr, ndcg, recall }
    }

    /// The values, in the order of [`Measures::NAMES`].
    pub fn values(&self) -> [f64; 6] {
        [self.hit_1, self.hit_3, self.hit_5, self.mrr, self.ndcg, self.recall]
    }

    /// The measure of a name.
    pub fn get(&self, name: &str) -> Option<f64> {
        let at = Measures::NAMES.iter().position(|known| *known == name)?;
        Some(self.values()[at])
    }
}

/// Gains of the first hits, each divided by the logarithm of its place.
fn discounted(gains: &[u32]) -> f64 {
    let places = gains.iter().take(DEPTH).enumerate();
    // A sum of nothing is -0.0, which would be shown.
    0.0 + places.map(|(at, gain)| f64::from(*gain) / ((at + 2) as f64).log2()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn the_best_order_is_one_in_every_measure() {
        assert_eq!(Measures::of(&[2, 1, 0], &[1, 2]).values(), [1.0; 6]);
    }

    #[test]
    fn what_only_helps_is_no_hit_and_gains_a_little() {
        // 1 and 2 in the wrong order: (1 + 2 / log2 3) / (2 + 1 / log2 3).
        let found = Measures::of(&[1, 2], &[2, 1]);
        assert_eq!(found.values()[..4], [0.0, 1.0, 1.0, 0.5]);
        let second = 3f64.log2();
        assert!(near(found.ndcg, (1.0 + 2.0 / second) / (2.0 + 1.0 / second)), "{found:?}");
        assert_eq!(found.recall, 1.0);
    }

    #[test]
    fn behind_the_tenth_nothing_counts() {
        let mut gains = [0; 11];
        gains[10] = 2;
        assert_eq!(Measures::of(&gains, &[2]).values(), [0.0; 6]);
        gains[9] = 2;
        assert!(near(Measures::of(&gains, &[2]).mrr, 0.1));
        assert!(near(Measures::of(&gains, &[2]).ndcg, 1.0 / 11f64.log2()));
    }

    #[test]
    fn nothing_found_is_zero_without_a_sign() {
        assert_eq!(format!("{:.3}", Measures::of(&[], &[2]).ndcg), "0.000");
    }

    #[test]
    fn where_nothing_answers_fully_the_best_there_is_does() {
        assert_eq!(Measures::of(&[0, 1], &[1]).mrr, 0.5);
    }

    #[test]
    fn a_mean_is_taken_measure_by_measure_and_none_is_zero() {
        let (good, bad) = (Measures::of(&[1], &[1]), Measures::of(&[0], &[1]));
        assert_eq!(Measures::mean([&good, &bad]).values(), [0.5; 6]);
        assert_eq!(Measures::mean([]), Measures::default());
        assert_eq!(good.get("hit@3"), Some(1.0));
        assert_eq!(good.get("hit@4"), None);
    }
}
