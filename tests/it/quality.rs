//! Search quality over docent's own manual: fixed questions, a floor per kind, and a plain BM25
//! over whole pages that has to be beaten.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde::Deserialize;
use serde_json::json;

use crate::harness::{call, docs};

#[derive(Deserialize)]
struct Question {
    kind: String,
    query: String,
    gold: Vec<Gold>,
}

#[derive(Deserialize)]
struct Gold {
    path: String,
    grade: u32,
}

/// Share of the questions of a kind whose best page must be among the first five: what words alone
/// reach today. How-to questions in other words than the page has are the hard ones.
const FLOORS: &[(&str, f64)] =
    &[("howto", 0.4), ("keyword", 1.0), ("identifier", 1.0), ("error", 1.0), ("concept", 1.0)];

fn questions() -> Vec<Question> {
    let lines = include_str!("../questions/manual.jsonl").lines();
    lines.map(|line| serde_json::from_str(line).expect("a question a line")).collect()
}

fn manual() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut open = vec![root.clone()];
    let mut pages = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).expect("the manual").flatten() {
            if entry.path().is_dir() {
                open.push(entry.path());
            } else {
                let path = entry
                    .path()
                    .strip_prefix(&root)
                    .expect("inside")
                    .to_string_lossy()
                    .replace('\\', "/");
                pages.push((path, std::fs::read_to_string(entry.path()).expect("a page")));
            }
        }
    }
    pages.sort();
    pages
}

/// Rank of the first page that answers fully, from 1.
fn rank(question: &Question, pages: &[String]) -> Option<usize> {
    let full = question.gold.iter().map(|gold| gold.grade).max().unwrap_or(0);
    let answers =
        |page: &String| question.gold.iter().any(|gold| gold.grade == full && gold.path == *page);
    pages.iter().position(answers).map(|at| at + 1)
}

fn mean_reciprocal_rank(ranks: &[Option<usize>]) -> f64 {
    ranks.iter().map(|rank| rank.map_or(0.0, |rank| 1.0 / rank as f64)).sum::<f64>()
        / ranks.len() as f64
}

/// What anybody would write in an afternoon: lower-cased words, whole pages, k1 1.2 and b 0.75.
struct PlainBm25 {
    pages: Vec<(String, HashMap<String, f64>, f64)>,
}

impl PlainBm25 {
    fn words(text: &str) -> Vec<String> {
        let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    }

    fn new(pages: &[(String, String)]) -> PlainBm25 {
        let count = |(path, text): &(String, String)| {
            let words = PlainBm25::words(text);
            let length = words.len() as f64;
            let mut counts = HashMap::new();
            for word in words {
                *counts.entry(word).or_insert(0.0) += 1.0;
            }
            (path.clone(), counts, length)
        };
        PlainBm25 { pages: pages.iter().map(count).collect() }
    }

    fn search(&self, query: &str) -> Vec<String> {
        let total = self.pages.len() as f64;
        let average = self.pages.iter().map(|page| page.2).sum::<f64>() / total;
        let words = PlainBm25::words(query);
        let score = |(_, counts, length): &(String, HashMap<String, f64>, f64)| {
            let each = words.iter().map(|word| {
                let holding =
                    self.pages.iter().filter(|page| page.1.contains_key(word)).count() as f64;
                let idf = (1.0 + (total - holding + 0.5) / (holding + 0.5)).ln();
                let tf = counts.get(word).copied().unwrap_or(0.0);
                idf * tf * 2.2 / (tf + 1.2 * (0.25 + 0.75 * length / average))
            });
            each.sum::<f64>()
        };
        let mut scored: Vec<(f64, &String)> =
            self.pages.iter().map(|page| (score(page), &page.0)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        scored
            .into_iter()
            .filter(|(score, _)| *score > 0.0)
            .take(10)
            .map(|(_, path)| path.clone())
            .collect()
    }
}

#[test]
fn the_manual_answers_and_beats_plain_bm25_over_pages() {
    let pages = manual();
    let files: Vec<(&str, &str)> =
        pages.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (_folder, docs) = docs(&files);
    let plain = PlainBm25::new(&pages);
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut kinds: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut misses = Vec::new();
    for question in questions() {
        for gold in &question.gold {
            assert!(pages.iter().any(|(path, _)| *path == gold.path), "no page {}", gold.path);
        }
        let answer = call(&docs, "search", json!({"query": question.query, "limit": 20}))
            .expect("an answer");
        let mut found: Vec<String> = Vec::new();
        for hit in answer["results"].as_array().expect("results") {
            let page =
                hit["id"].as_str().expect("an id").split('#').next().unwrap_or_default().to_owned();
            if !found.contains(&page) {
                found.push(page);
            }
        }
        let place = rank(&question, &found);
        let (hits, all) = kinds.entry(question.kind.clone()).or_default();
        *all += 1;
        if place.is_some_and(|place| place <= 5) {
            *hits += 1;
        } else {
            misses.push(format!(
                "{}: {} got {:?}",
                question.kind,
                question.query,
                &found[..found.len().min(5)]
            ));
        }
        ours.push(place);
        theirs.push(rank(&question, &plain.search(&question.query)));
    }
    for (kind, floor) in FLOORS {
        let (hits, all) = kinds.remove(*kind).expect("questions of this kind");
        assert!(
            hits as f64 / all as f64 >= *floor,
            "{kind}: {hits} of {all}\n{}",
            misses.join("\n")
        );
    }
    assert!(kinds.is_empty(), "kinds without a floor: {kinds:?}");
    let (ours, theirs) = (mean_reciprocal_rank(&ours), mean_reciprocal_rank(&theirs));
    assert!(ours > theirs, "MRR@10 {ours:.3}, plain BM25 over pages {theirs:.3}");
}
