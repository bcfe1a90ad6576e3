//! Search quality over docent's own manual: fixed questions, a floor per kind, and a plain BM25
//! over whole pages that has to be beaten.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use docent::index::quality::{Judgement, Lookup, Measures, Question, Questions};
use serde_json::json;

use crate::harness::{call, docs};

/// Share of the questions of a kind whose best page, and whose best section, must be among the
/// first five: what words alone reach today. How-to questions in other words than the page has are
/// the hard ones.
const FLOORS: &[(&str, f64, f64)] = &[
    ("howto", 0.4, 0.2),
    ("keyword", 1.0, 1.0),
    ("identifier", 1.0, 1.0),
    ("error", 1.0, 1.0),
    ("concept", 1.0, 0.3),
];

fn questions() -> Vec<Question> {
    let read = Questions::read(include_str!("../questions/manual.jsonl"));
    assert_eq!(read.mistakes, [], "a question a line");
    assert!(read.ignored.is_empty(), "nothing that is not read: {:?}", read.ignored);
    read.questions
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
    let snapshot = docs.snapshot();
    let lookup = Lookup::new(&snapshot, Some("docs")).expect("the index is read");
    let mut ours = Vec::new();
    let mut theirs = Vec::new();
    let mut kinds: BTreeMap<String, Vec<Judgement>> = BTreeMap::new();
    let mut misses = Vec::new();
    for question in questions() {
        let targets = lookup.targets(&question).expect("the index is read");
        let targets = targets.expect("the manual has the page and the heading");
        let answer = call(&docs, "search", json!({"query": question.query, "limit": 20}))
            .expect("an answer");
        let ids = answer["results"].as_array().expect("results").iter();
        let ids: Vec<&str> = ids.map(|hit| hit["id"].as_str().expect("an id")).collect();
        let places: Vec<_> = ids.iter().map(|id| lookup.place(id).expect("a place")).collect();
        let judged = targets.judge(&places);
        let kind = question.kind.expect("a kind");
        if judged.page.hit_5 < 1.0 || judged.section.hit_5 < 1.0 {
            misses.push(format!("{kind}: {} got {:?}", question.query, &ids[..ids.len().min(5)]));
        }
        ours.push(judged.page);
        kinds.entry(kind).or_default().push(judged);
        let plain = plain.search(&question.query);
        theirs.push(targets.judge_pages(&plain.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    for (kind, page_floor, section_floor) in FLOORS {
        let judged = kinds.remove(*kind).expect("questions of this kind");
        let page = Measures::mean(judged.iter().map(|judged| &judged.page)).hit_5;
        let section = Measures::mean(judged.iter().map(|judged| &judged.section)).hit_5;
        let misses = misses.join("\n");
        assert!(page >= *page_floor, "{kind}: pages {page}\n{misses}");
        assert!(section >= *section_floor, "{kind}: sections {section}\n{misses}");
    }
    assert!(kinds.is_empty(), "kinds without a floor: {kinds:?}");
    let (ours, theirs) = (Measures::mean(&ours).mrr, Measures::mean(&theirs).mrr);
    assert!(ours > theirs, "MRR@10 {ours:.3}, plain BM25 over pages {theirs:.3}");
}
