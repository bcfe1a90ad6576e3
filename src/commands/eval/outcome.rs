//! The questions, asked and measured.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::corpus::tokens;
use crate::index::quality::{Gold, Lookup, Measures, Place, Question, Questions, Ranks, Targets};
use crate::mcp::Docs;

/// What is asked for: all that the tool gives, because measures look at ten distinct pages.
pub(super) const LIMIT: usize = 20;
pub(super) const MAX_TOKENS: usize = 20_000;

/// All that was measured: what `--json` prints and `--compare` reads.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    /// Questions that were asked.
    pub(super) questions: usize,
    pub(super) all: Scores,
    pub(super) kinds: BTreeMap<String, Scores>,
    /// Mean size of an answer.
    pub(super) tokens: f64,
    pub(super) milliseconds: Milliseconds,
    pub(super) mistakes: Vec<Mistake>,
    pub(super) results: Vec<Asked>,
}

/// The means of some questions.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Scores {
    pub(super) questions: usize,
    pub(super) page: Measures,
    pub(super) section: Measures,
}

/// How long the tool took.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Milliseconds {
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// A line that was left out.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mistake {
    pub(super) line: usize,
    pub(super) message: String,
}

/// One question, and what came.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) line: usize,
    pub(super) query: String,
    pub(super) kind: Option<String>,
    pub(super) page: Measures,
    pub(super) section: Measures,
    pub(super) gold: Vec<Answer>,
    pub(super) top: Vec<Found>,
    pub(super) tokens: usize,
    pub(super) milliseconds: f64,
}

/// What would have answered, and where it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) path: String,
    pub(super) heading: Option<String>,
    pub(super) grade: u32,
    pub(super) page_rank: Option<usize>,
    pub(super) section_rank: Option<usize>,
}

/// A hit, and whether it answers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Found {
    pub(super) id: String,
    pub(super) answers: bool,
}

impl Outcome {
    /// Asks the questions that can be judged.
    pub(super) fn of(docs: &Docs, file: Questions) -> anyhow::Result<Outcome> {
        let snapshot = docs.snapshot();
        let only = match docs.collections() {
            [only] => Some(only.name.as_str()),
            _ => None,
        };
        let lookup = Lookup::new(&snapshot, only)?;
        let mut mistakes = file.mistakes;
        let mut sound = Vec::with_capacity(file.questions.len());
        for question in file.questions {
            match lookup.targets(&question)? {
                Ok(targets) => sound.push((question, targets)),
                Err(mistake) => mistakes.push(mistake),
            }
        }
        mistakes.sort_by_key(|mistake| mistake.line);
        // Drawn on terminals only.
        let bar = ProgressBar::new(sound.len() as u64)
            .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} questions")?);
        let mut results = Vec::with_capacity(sound.len());
        for (question, targets) in sound {
            results.push(ask(docs, &lookup, question, &targets)?);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let mistakes = mistakes
            .into_iter()
            .map(|mistake| Mistake { line: mistake.line, message: mistake.message })
            .collect();
        Ok(Outcome {
            questions: results.len(),
            all: Scores::of(&results, |_| true),
            kinds: by_kind(&results),
            tokens: results.iter().map(|asked| asked.tokens as f64).sum::<f64>()
                / results.len().max(1) as f64,
            milliseconds: Milliseconds::of(&results),
            mistakes,
            results,
        })
    }

    /// The means of a kind, or of all.
    pub(super) fn scores(&self, kind: Option<&str>) -> Option<&Scores> {
        kind.map_or(Some(&self.all), |kind| self.kinds.get(kind))
    }
}

/// Reads what an earlier run printed.
pub(super) fn earlier(path: &Path) -> anyhow::Result<Outcome> {
    let name = path.display();
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {name}"))?;
    serde_json::from_str(&text)
        .map_err(|error| anyhow!("{name} is not a result of docent eval --json: {error}"))
}

impl Scores {
    fn of(results: &[Asked], which: impl Fn(&Asked) -> bool) -> Scores {
        let some: Vec<&Asked> = results.iter().filter(|asked| which(asked)).collect();
        Scores {
            questions: some.len(),
            page: Measures::mean(some.iter().map(|asked| &asked.page)),
            section: Measures::mean(some.iter().map(|asked| &asked.section)),
        }
    }

    /// One of the two levels.
    pub(super) fn level(&self, level: Level) -> &Measures {
        match level {
            Level::Page => &self.page,
            Level::Section => &self.section,
        }
    }
}

/// What counts as a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Pages, each once.
    Page,
    /// Sections.
    Section,
}

impl Level {
    /// Both, with their names.
    pub(super) const ALL: [(Level, &'static str); 2] =
        [(Level::Page, "page"), (Level::Section, "section")];
}

fn by_kind(results: &[Asked]) -> BTreeMap<String, Scores> {
    let kinds = results.iter().filter_map(|asked| asked.kind.clone());
    let scores = |kind: String| {
        let scores = Scores::of(results, |asked| asked.kind.as_deref() == Some(&kind));
        (kind, scores)
    };
    let kinds: std::collections::BTreeSet<String> = kinds.collect();
    kinds.into_iter().map(scores).collect()
}

impl Milliseconds {
    fn of(results: &[Asked]) -> Milliseconds {
        let mut times: Vec<f64> = results.iter().map(|asked| asked.milliseconds).collect();
        times.sort_unstable_by(f64::total_cmp);
        // The nearest rank: a time that was measured, not one between two.
        let at = |share: f64| {
            let rank = (times.len() as f64 * share).ceil() as usize;
            times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
        };
        Milliseconds { p50: at(0.5), p99: at(0.99) }
    }
}

fn ask(
    docs: &Docs,
    lookup: &Lookup<'_>,
    question: Question,
    targets: &Targets,
) -> anyhow::Result<Asked> {
    let arguments = json!({"query": question.query, "limit": LIMIT, "max_tokens": MAX_TOKENS});
    let started = Instant::now();
    let answer = docs.call("search", arguments.as_object().cloned());
    let took = started.elapsed();
    let answer = answer.context("no tool called search")?;
    let answer = answer.map_err(|told| anyhow!("line {}: {told}", question.line))?;
    let parsed: Value = serde_json::from_str(&answer)?;
    let hits = parsed["results"].as_array().context("an answer without results")?;
    let place = |hit: &Value| {
        let id = hit["id"].as_str().context("a hit without an id")?;
        let own = lookup.place(id).with_context(|| format!("no page for the hit {id}"))?;
        let copies = hit["also"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let place = targets.place_of(own, copies.filter_map(|id| lookup.place(id)));
        Ok((id.to_owned(), place))
    };
    let hits = hits.iter().map(place).collect::<anyhow::Result<Vec<(String, Place)>>>()?;
    let (ids, places): (Vec<String>, Vec<Place>) = hits.into_iter().unzip();
    let judged = targets.judge(&places);
    let top = ids.into_iter().zip(&places);
    let top = top.map(|(id, place)| Found { id, answers: targets.answered_by(place) });
    let gold = question.gold.into_iter().zip(judged.ranks);
    Ok(Asked {
        line: question.line,
        query: question.query,
        kind: question.kind,
        page: judged.page,
        section: judged.section,
        gold: gold.map(|(gold, ranks)| answer_of(gold, ranks)).collect(),
        top: top.collect(),
        tokens: tokens::estimate(&answer),
        milliseconds: rounded(took),
    })
}

fn answer_of(gold: Gold, ranks: Ranks) -> Answer {
    let Gold { path, heading, grade } = gold;
    Answer { path, heading, grade, page_rank: ranks.page, section_rank: ranks.section }
}

/// In microseconds: more is noise.
fn rounded(took: Duration) -> f64 {
    took.as_micros() as f64 / 1000.0
}
