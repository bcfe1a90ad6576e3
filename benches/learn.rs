//! Learns the numbers of the ranking on questions whose answers are known:
//! `cargo bench --bench learn -- DOCS=QUESTIONS …`, one pair for each corpus.
//!
//! One number after the other is moved along its grid, and stays where the mean of page and section
//! nDCG@10 over all questions is best. What was learned on a corpus says little about others, so
//! each corpus is also left out once: the numbers learned on the rest are tried on it. The last
//! table shows what each value of each number gives, the others being as they are; `--values` prints
//! nothing else.

#![allow(clippy::print_stdout, reason = "its tables are for the terminal")]

use std::path::Path;

use anyhow::{Context, bail};
use docent::corpus::Collection;
use docent::index::quality::{Lookup, Measures, Questions, Targets};
use docent::index::{Indexer, Progress, Search, Snapshot, Weights};
use indicatif::{ProgressBar, ProgressStyle};

/// A smaller gain is no reason to leave a value.
const LEAST_GAIN: f64 = 0.0005;
/// Rounds through all numbers; nothing moved in a third one.
const ROUNDS: usize = 2;

/// A number, and the values it may have.
struct Knob {
    name: &'static str,
    of: fn(&mut Weights) -> &mut f32,
    values: &'static [f32],
}

const KNOBS: &[Knob] = &[
    Knob {
        name: "synonym",
        of: |w| &mut w.synonym,
        values: &[0.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4],
    },
    Knob { name: "joined", of: |w| &mut w.joined, values: &[0.5, 0.7, 0.85, 1.0] },
    Knob { name: "near", of: |w| &mut w.near, values: &[0.5, 0.6, 0.8, 1.0] },
    Knob { name: "k1", of: |w| &mut w.k1, values: &[0.6, 0.9, 1.2, 1.5, 2.0] },
    Knob { name: "section_b", of: |w| &mut w.section_b, values: &[0.3, 0.4, 0.45, 0.5, 0.6, 0.75] },
    Knob { name: "page_b", of: |w| &mut w.page_b, values: &[0.5, 0.6, 0.75, 0.9] },
    Knob {
        name: "page_share",
        of: |w| &mut w.page_share,
        values: &[0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8],
    },
    Knob { name: "anchor", of: |w| &mut w.anchor, values: &[0.0, 0.5, 1.0, 1.5, 2.0, 3.0] },
    Knob { name: "heading", of: |w| &mut w.heading, values: &[0.0, 0.05, 0.1, 0.15, 0.2, 0.3] },
    Knob { name: "pointer", of: |w| &mut w.pointer, values: &[0.3, 0.5, 0.7, 1.0] },
    Knob { name: "links", of: |w| &mut w.links, values: &[0.5, 0.7, 0.85, 1.0] },
    Knob { name: "changes", of: |w| &mut w.changes, values: &[0.3, 0.5, 0.7, 1.0] },
    Knob { name: "short", of: |w| &mut w.short, values: &[0.5, 0.7, 0.85, 1.0] },
    Knob { name: "stub", of: |w| &mut w.stub, values: &[0.1, 0.3, 0.5, 1.0] },
];

/// Questions with their docs, indexed.
struct Set {
    name: String,
    indexer: Indexer,
    questions: Vec<(String, Targets)>,
    _data: tempfile::TempDir,
}

impl Set {
    fn read(pair: &str) -> anyhow::Result<Set> {
        let (docs, file) = pair.rsplit_once('=').context("an argument is no DOCS=QUESTIONS")?;
        let root = Path::new(docs).canonicalize().with_context(|| docs.to_owned())?;
        let name = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let data = tempfile::tempdir()?;
        let collection = Collection { name: "docs".into(), root, ..Collection::default() };
        let (mut indexer, _) = Indexer::open(data.path(), &[collection], "bench")?;
        indexer.catch_up(&Progress::default())?;
        let read =
            Questions::read(&std::fs::read_to_string(file).with_context(|| file.to_owned())?);
        let snapshot = indexer.index().snapshot();
        let lookup = Lookup::new(&snapshot, Some("docs"))?;
        let mut questions = Vec::new();
        for question in read.questions {
            if let Ok(targets) = lookup.targets(&question)? {
                questions.push((question.query, targets));
            }
        }
        println!("{name}: {} questions", questions.len());
        Ok(Set { name, indexer, questions, _data: data })
    }

    /// Measures of each question, at page and section level.
    fn measures(&self, weights: &Weights) -> anyhow::Result<Vec<[Measures; 2]>> {
        let snapshot: &Snapshot = &self.indexer.index().snapshot();
        let lookup = Lookup::new(snapshot, Some("docs"))?;
        let ask = |(query, targets): &(String, Targets)| {
            let search = Search { query: query.clone(), limit: 20, ..Search::default() };
            let hits = snapshot.search_with(&search, weights)?.hits;
            let id = |path: &str, anchor: &str| match anchor {
                "" => path.to_owned(),
                _ => format!("{path}#{anchor}"),
            };
            let ids = hits.iter().map(|hit| id(&hit.record.path, &hit.record.anchor));
            let places: Vec<_> = ids.filter_map(|id| lookup.place(&id)).collect();
            let judged = targets.judge(&places);
            Ok([judged.page, judged.section])
        };
        self.questions.iter().map(ask).collect()
    }
}

/// Mean measures over the questions of all sets, at page and section level.
fn means(sets: &[&Set], weights: &Weights) -> anyhow::Result<[Measures; 2]> {
    let mut all = Vec::new();
    for set in sets {
        all.extend(set.measures(weights)?);
    }
    Ok([0, 1].map(|level| Measures::mean(all.iter().map(|both| &both[level]))))
}

/// What is made as large as it goes.
fn objective(means: &[Measures; 2]) -> f64 {
    f64::midpoint(means[0].ndcg, means[1].ndcg)
}

fn learn(sets: &[&Set], bar: &ProgressBar) -> anyhow::Result<Weights> {
    let mut weights = Weights::LEARNED;
    let mut best = objective(&means(sets, &weights)?);
    for _ in 0..ROUNDS {
        for knob in KNOBS {
            for value in knob.values {
                let mut tried = weights;
                *(knob.of)(&mut tried) = *value;
                let reached = objective(&means(sets, &tried)?);
                if reached > best + LEAST_GAIN {
                    (weights, best) = (tried, reached);
                }
                bar.inc(1);
            }
        }
    }
    Ok(weights)
}

/// The numbers that moved.
fn moved(weights: &Weights) -> String {
    let value = |weights: &Weights, knob: &Knob| *(knob.of)(&mut { *weights });
    let moved: Vec<String> = KNOBS
        .iter()
        .filter(|knob| value(weights, knob) != value(&Weights::LEARNED, knob))
        .map(|knob| {
            let (from, to) = (value(&Weights::LEARNED, knob), value(weights, knob));
            format!("{} {from} to {to}", knob.name)
        })
        .collect();
    if moved.is_empty() { "nothing moved".into() } else { moved.join(", ") }
}

fn row(name: &str, means: &[Measures; 2]) -> String {
    let [page, section] = means;
    format!(
        "{name:<24} page nDCG@10 {:.4} hit@5 {:.3}   section nDCG@10 {:.4}",
        page.ndcg, page.hit_5, section.ndcg
    )
}

fn main() -> anyhow::Result<()> {
    let pairs: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with("--")).collect();
    if pairs.is_empty() {
        println!("nothing to learn from; say `cargo bench --bench learn -- DOCS=QUESTIONS …`");
        return Ok(());
    }
    let sets = pairs.iter().map(|pair| Set::read(pair)).collect::<anyhow::Result<Vec<Set>>>()?;
    if sets.iter().any(|set| set.questions.is_empty()) {
        bail!("a file has no questions about its docs");
    }
    let all: Vec<&Set> = sets.iter().collect();
    let before = means(&all, &Weights::LEARNED)?;
    println!("\nas it is");
    for set in &sets {
        println!("{}", row(&set.name, &means(&[set], &Weights::LEARNED)?));
    }
    println!("{}", row("all", &before));

    if !std::env::args().any(|it| it == "--values") {
        learn_all(&sets)?;
    }
    println!(
        "\nwhat each value gives, the others as they are (page and section nDCG@10, page hit@5)"
    );
    for knob in KNOBS {
        print!("{:<12}", knob.name);
        for value in knob.values {
            let mut tried = Weights::LEARNED;
            *(knob.of)(&mut tried) = *value;
            let [page, section] = means(&all, &tried)?;
            print!(
                "  {value}: {:+.4} {:+.4} {:+.3}",
                page.ndcg - before[0].ndcg,
                section.ndcg - before[1].ndcg,
                page.hit_5 - before[0].hit_5
            );
        }
        println!();
    }
    Ok(())
}

/// Learns on all sets, and on all but each.
fn learn_all(sets: &[Set]) -> anyhow::Result<()> {
    let all: Vec<&Set> = sets.iter().collect();
    let steps: usize = KNOBS.iter().map(|knob| knob.values.len()).sum::<usize>() * ROUNDS;
    let folds = if sets.len() > 1 { sets.len() + 1 } else { 1 };
    let bar = ProgressBar::new((steps * folds) as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} settings, {eta} left")?);
    let mut lines = Vec::new();
    if sets.len() > 1 {
        for (at, left) in sets.iter().enumerate() {
            let rest: Vec<&Set> =
                sets.iter().enumerate().filter(|(i, _)| *i != at).map(|(_, set)| set).collect();
            let weights = learn(&rest, &bar)?;
            let [old, new] = [Weights::LEARNED, weights].map(|it| means(&[left], &it));
            let gain = objective(&new?) - objective(&old?);
            lines.push(format!("{:<24} {gain:+.4}   {}", left.name, moved(&weights)));
        }
    }
    let weights = learn(&all, &bar)?;
    bar.finish_and_clear();
    if sets.len() > 1 {
        println!("\nlearned on the others, tried on the one left out (page and section, mean)");
        lines.iter().for_each(|line| println!("{line}"));
    }
    println!("\nlearned on all: {}", moved(&weights));
    println!("{}", row("all", &means(&all, &weights)?));

    Ok(())
}
