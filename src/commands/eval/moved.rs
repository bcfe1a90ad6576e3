//! What moved between two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::outcome::{Answer, Asked, Level, Outcome};
use crate::index::quality::Measures;

/// Changes smaller than this come from adding in another order.
const NOISE: f64 = 1e-9;

/// Two runs, over the questions that are in both with the same answers.
#[derive(Debug, Serialize)]
pub(super) struct Moved {
    pub(super) questions: usize,
    /// Questions that only this run has, or has with other answers.
    pub(super) only_now: usize,
    pub(super) only_before: usize,
    #[serde(flatten)]
    pub(super) all: Steps,
    /// The same for each kind of this run.
    pub(super) kinds: BTreeMap<String, Steps>,
    /// Questions that gained, most first.
    pub(super) gained: Vec<Change>,
    pub(super) lost: Vec<Change>,
}

/// How far both levels moved.
#[derive(Debug, Serialize)]
pub(super) struct Steps {
    pub(super) page: Step,
    pub(super) section: Step,
}

/// Means before and now.
#[derive(Debug, Serialize)]
pub(super) struct Step {
    pub(super) before: Measures,
    pub(super) now: Measures,
}

/// A question that moved; nDCG before and now.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) line: usize,
    pub(super) query: String,
    pub(super) page: [f64; 2],
    pub(super) section: [f64; 2],
}

impl Moved {
    /// Compares question by question: a file that grew does not look like a ranking that moved.
    pub(super) fn between(before: &Outcome, now: &Outcome) -> Moved {
        let mut open: Vec<&Asked> = before.results.iter().collect();
        let mut pairs = Vec::new();
        for asked in &now.results {
            if let Some(at) = open.iter().position(|other| same(other, asked)) {
                pairs.push((open.remove(at), asked));
            }
        }
        let step = |level: fn(&Asked) -> &Measures, kind: Option<&str>| {
            let of_kind =
                |pair: &&(&Asked, &Asked)| kind.is_none() || pair.1.kind.as_deref() == kind;
            let pairs = || pairs.iter().filter(of_kind);
            Step {
                before: Measures::mean(pairs().map(|(before, _)| level(before))),
                now: Measures::mean(pairs().map(|(_, now)| level(now))),
            }
        };
        let steps = |kind| Steps {
            page: step(|asked| &asked.page, kind),
            section: step(|asked| &asked.section, kind),
        };
        let kinds: BTreeSet<&String> =
            pairs.iter().filter_map(|(_, now)| now.kind.as_ref()).collect();
        let kinds = kinds.into_iter().map(|kind| (kind.clone(), steps(Some(kind)))).collect();
        let mut changes: Vec<Change> = pairs.iter().map(|(a, b)| Change::of(a, b)).collect();
        changes.retain(|change| change.size().abs() > NOISE);
        changes.sort_by(|a, b| b.size().abs().total_cmp(&a.size().abs()));
        let (gained, lost) = changes.into_iter().partition(|change| change.size() > 0.0);
        Moved {
            questions: pairs.len(),
            only_now: now.results.len() - pairs.len(),
            only_before: open.len(),
            all: steps(None),
            kinds,
            gained,
            lost,
        }
    }
}

impl Steps {
    /// One of the two levels.
    pub(super) fn level(&self, level: Level) -> &Step {
        match level {
            Level::Page => &self.page,
            Level::Section => &self.section,
        }
    }
}

fn same(a: &Asked, b: &Asked) -> bool {
    let gold = |answer: &Answer| (answer.path.clone(), answer.heading.clone(), answer.grade);
    a.query == b.query && a.gold.iter().map(gold).eq(b.gold.iter().map(gold))
}

impl Change {
    fn of(before: &Asked, now: &Asked) -> Change {
        Change {
            line: now.line,
            query: now.query.clone(),
            page: [before.page.ndcg, now.page.ndcg],
            section: [before.section.ndcg, now.section.ndcg],
        }
    }

    /// Of both levels together: the page may stay where its section moves.
    fn size(&self) -> f64 {
        self.page[1] - self.page[0] + self.section[1] - self.section[0]
    }
}
