//! The outcome as people and as machines read it.

use std::fmt::Write;

use serde::Serialize;

use super::floor::Judged;
use super::moved::{Change, Moved, Step};
use super::outcome::{Answer, Asked, LIMIT, Level, MAX_TOKENS, Outcome, Scores};
use crate::index::quality::Measures;

/// Headings of the columns, in the order of [`Measures::values`].
const COLUMNS: [&str; 6] = ["hit@1", "hit@3", "hit@5", "MRR@10", "nDCG@10", "Recall@10"];
/// Hits that are shown of a question that went badly.
const CAME: usize = 5;

/// The result for machines.
#[derive(Serialize)]
pub(super) struct Result<'a> {
    #[serde(flatten)]
    pub(super) outcome: &'a Outcome,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) floors: Vec<Judged>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) moved: Option<&'a Moved>,
}

/// The measures, a kind a row, and the worst questions.
pub(super) fn readable(outcome: &Outcome, worst: usize) -> String {
    let mut out = String::new();
    let names = outcome.kinds.keys().map(|kind| kind.chars().count());
    let width = names.chain(["section".len()]).max().unwrap_or_default();
    for (level, name) in Level::ALL {
        let mut columns = String::new();
        for column in COLUMNS {
            let _ = write!(columns, "  {column:>9}");
        }
        let _ = writeln!(out, "{name:<width$}  questions{columns}");
        let kinds = outcome.kinds.iter().map(|(kind, scores)| (kind.as_str(), scores));
        for (kind, scores) in kinds.chain([("all", &outcome.all)]) {
            let Scores { questions, .. } = scores;
            let _ = writeln!(out, "{kind:<width$}  {questions:>9}{}", cells(scores.level(level)));
        }
        out.push('\n');
    }
    let _ = writeln!(
        out,
        "answers: {:.0} tokens on average, with limit {LIMIT} and max_tokens {MAX_TOKENS}; p50 {:.1} ms, p99 {:.1} ms",
        outcome.tokens, outcome.milliseconds.p50, outcome.milliseconds.p99
    );
    let mut bad: Vec<&Asked> = outcome.results.iter().filter(|asked| ndcg(asked).1 < 1.0).collect();
    bad.sort_by(|a, b| {
        let ((page, section), (other_page, other_section)) = (ndcg(a), ndcg(b));
        page.total_cmp(&other_page).then(section.total_cmp(&other_section))
    });
    bad.truncate(worst);
    if !bad.is_empty() {
        out.push_str("\nworst questions, and what came (* answers):\n");
        bad.into_iter().for_each(|asked| question(&mut out, asked));
    }
    out
}

/// Of pages, and of the worse level. A sum of exact parts may miss 1 by the last bits.
fn ndcg(asked: &Asked) -> (f64, f64) {
    let exact = |value: f64| (value * 1e9).round() / 1e9;
    let page = exact(asked.page.ndcg);
    (page, page.min(exact(asked.section.ndcg)))
}

fn question(out: &mut String, asked: &Asked) {
    let Asked { line, query, page, section, .. } = asked;
    let kind = asked.kind.as_ref().map(|kind| format!(" ({kind})")).unwrap_or_default();
    let _ = writeln!(
        out,
        "\nline {line}{kind}: {query}\n  nDCG@10 of pages {:.3}, of sections {:.3}",
        page.ndcg, section.ndcg
    );
    for answer in &asked.gold {
        let Answer { path, heading, grade, page_rank, section_rank } = answer;
        let heading = heading.as_ref().map(|heading| format!("#{heading}")).unwrap_or_default();
        let rank = |rank: &Option<usize>| rank.map_or("–".to_owned(), |rank| rank.to_string());
        let place = match (page_rank, section_rank) {
            (None, _) => "did not come".to_owned(),
            (page, hit) => format!("page {}, hit {}", rank(page), rank(hit)),
        };
        let _ = writeln!(out, "  wanted  {path}{heading} (grade {grade}): {place}");
    }
    if asked.top.is_empty() {
        out.push_str("  came    nothing\n");
    }
    for (at, found) in asked.top.iter().take(CAME).enumerate() {
        let label = if at == 0 { "came" } else { "" };
        let mark = if found.answers { " *" } else { "" };
        let _ = writeln!(out, "  {label:<6}{:>3}. {}{mark}", at + 1, found.id);
    }
}

/// What moved since an earlier run.
pub(super) fn readable_moved(moved: &Moved, other: &str, shown: usize) -> String {
    let mut out = String::new();
    let Moved { questions, only_now, only_before, .. } = moved;
    let _ = writeln!(
        out,
        "\ncompared with {other}: {questions} questions with the same answers in both, {only_now} only here, {only_before} only there"
    );
    if moved.questions == 0 {
        return out;
    }
    let names = moved.kinds.keys().map(|kind| kind.chars().count());
    let width = names.chain(["section".len()]).max().unwrap_or_default();
    for (level, name) in Level::ALL {
        let mut columns = String::new();
        for column in COLUMNS {
            let _ = write!(columns, "  {column:>9}");
        }
        let Step { before, now } = moved.all.level(level);
        let _ = writeln!(out, "\n{name:<width$}{columns}");
        let _ = writeln!(out, "{:<width$}{}", "before", cells(before));
        let _ = writeln!(out, "{:<width$}{}", "now", cells(now));
        let _ = writeln!(out, "{:<width$}{}", "moved", deltas(&moved_by(before, now)));
        for (kind, steps) in &moved.kinds {
            let Step { before, now } = steps.level(level);
            let _ = writeln!(out, "{kind:<width$}{}", deltas(&moved_by(before, now)));
        }
    }
    for (what, changes) in [("gained", &moved.gained), ("lost", &moved.lost)] {
        if changes.is_empty() {
            continue;
        }
        let _ =
            writeln!(out, "\n{} {what}, most first; nDCG@10 of pages, of sections:", changes.len());
        for Change { line, query, page, section } in changes.iter().take(shown) {
            let _ = writeln!(
                out,
                "  {:.3} → {:.3}  {:.3} → {:.3}  line {line}: {query}",
                page[0], page[1], section[0], section[1]
            );
        }
    }
    if moved.gained.is_empty() && moved.lost.is_empty() {
        out.push_str("\nno question moved\n");
    }
    out
}

fn moved_by(before: &Measures, now: &Measures) -> Vec<f64> {
    now.values().iter().zip(before.values()).map(|(now, before)| now - before).collect()
}

fn deltas(moved: &[f64]) -> String {
    // No minus before a zero.
    let exact = |delta: f64| (delta * 1e3).round() / 1e3 + 0.0;
    moved.iter().map(|delta| format!("  {:>+9.3}", exact(*delta))).collect()
}

fn cells(measures: &Measures) -> String {
    let values = measures.values();
    values.iter().map(|value| format!("  {value:>9.3}")).collect()
}
