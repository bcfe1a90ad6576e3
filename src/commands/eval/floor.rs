//! Floors: least values of measures, for jobs that must fail below them.

use std::str::FromStr;

use anyhow::{Context, bail};
use serde::Serialize;

use super::outcome::{Level, Outcome};
use super::{kinds, there_are};
use crate::index::quality::{Measures, Questions};

/// `KIND.LEVEL.MEASURE=VALUE`, of which kind and level may be left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Floor {
    kind: Option<String>,
    level: Level,
    measure: String,
    least: f64,
    /// As it was written, without the value.
    name: String,
}

/// A floor, and the value that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Judged {
    name: String,
    least: f64,
    /// None if no question of the kind could be asked.
    value: Option<f64>,
    met: bool,
}

impl FromStr for Floor {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Floor> {
        let Some((name, value)) = text.split_once('=') else {
            bail!("--floor {text:?} must be NAME=VALUE, such as ndcg=0.7");
        };
        let (name, value) = (name.trim(), value.trim());
        let (before, measure) = split_last(name);
        if !Measures::NAMES.contains(&measure) {
            bail!(
                "--floor {text:?}: {measure:?} is not one of: {}; a kind and a level may stand before it, as in section.ndcg or howto.ndcg",
                Measures::NAMES.join(", ")
            );
        }
        // A kind may have dots of its own; a level is the last word before the measure.
        let (kind, word) = before.map_or((None, None), |before| {
            let (kind, word) = split_last(before);
            (kind, Some(word))
        });
        let level = Level::ALL.iter().find(|(_, name)| word == Some(name)).map(|(level, _)| *level);
        let kind = if level.is_some() { kind } else { before };
        let least = value.parse().ok().filter(|value| (0.0..=1.0).contains(value));
        Ok(Floor {
            kind: kind.map(str::to_owned),
            level: level.unwrap_or(Level::Page),
            measure: measure.to_owned(),
            least: least.with_context(|| {
                format!("--floor {text:?}: {value:?} must be a number from 0 to 1")
            })?,
            name: name.to_owned(),
        })
    }
}

fn split_last(name: &str) -> (Option<&str>, &str) {
    name.rsplit_once('.').map_or((None, name), |(before, last)| (Some(before), last))
}

impl Floor {
    /// Refuses a kind that no question has: such a floor would hold nothing.
    pub(super) fn check(&self, questions: &Questions, file: &str) -> anyhow::Result<()> {
        let known = kinds(questions);
        match &self.kind {
            Some(kind) if !known.contains(&kind.as_str()) => bail!(
                "--floor {}: {file} has no questions of kind {kind:?}{}",
                self.name,
                there_are(&known)
            ),
            _ => Ok(()),
        }
    }

    /// The value beside the floor.
    pub(super) fn judged(&self, outcome: &Outcome) -> Judged {
        let scores = outcome.scores(self.kind.as_deref()).filter(|scores| scores.questions > 0);
        let value = scores.and_then(|scores| scores.level(self.level).get(&self.measure));
        Judged {
            name: self.name.clone(),
            least: self.least,
            value,
            // A mean of exact parts may miss its exact value by the last bits.
            met: value.is_some_and(|value| value >= self.least - 1e-9),
        }
    }

    /// What to say if the value is below the floor.
    pub(super) fn missed(&self, outcome: &Outcome) -> Option<String> {
        let Judged { name, least, value, met } = self.judged(outcome);
        if met {
            return None;
        }
        Some(match value {
            // Cut, not rounded: what is below must not read as if it were not.
            Some(value) => format!("{name} is {:.4}, not {least}", (value * 1e4).floor() / 1e4),
            None => format!("{name} is not measured, not {least}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, Level, String) {
        let floor: Floor = text.parse().expect("a floor");
        (floor.kind, floor.level, floor.measure)
    }

    #[test]
    fn kind_and_level_may_be_left_out() {
        let kind = |kind: &str| Some(kind.to_owned());
        assert_eq!(parsed("ndcg=0.7"), (None, Level::Page, "ndcg".into()));
        assert_eq!(parsed("section.hit@5 = 1"), (None, Level::Section, "hit@5".into()));
        assert_eq!(parsed("howto.mrr=0"), (kind("howto"), Level::Page, "mrr".into()));
        assert_eq!(parsed("a.b.section.mrr=0"), (kind("a.b"), Level::Section, "mrr".into()));
        assert_eq!(parsed("section.page.mrr=0"), (kind("section"), Level::Page, "mrr".into()));
    }

    #[test]
    fn a_wrong_floor_says_what_is_wrong() {
        for (text, part) in [
            ("ndcg", "NAME=VALUE"),
            ("ndgc=0.5", "hit@1, hit@3, hit@5, mrr, ndcg, recall"),
            ("hit5=0.5", "\"hit5\""),
            ("ndcg=70", "from 0 to 1"),
            ("ndcg=", "from 0 to 1"),
            ("ndcg=NaN", "from 0 to 1"),
        ] {
            let error = text.parse::<Floor>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
