//! `docent eval`: how well the docs answer a file of questions.

mod floor;
mod moved;
mod outcome;
mod table;

use std::io::{Read, Write};
use std::path::Path;

use anyhow::{Context, bail};

use self::floor::Floor;
use self::moved::Moved;
use self::outcome::Outcome;
use super::once;
use crate::config::{EvalArguments, Settings};
use crate::index::quality::Questions;

/// Mistakes that are shown; the rest is counted.
const SHOWN: usize = 20;

/// Asks every question with the code of the tool, and measures what came.
pub(super) fn run(settings: &Settings, asked: &EvalArguments) -> anyhow::Result<()> {
    // What is wrong with the words is told before minutes are spent on asking.
    let floors =
        asked.floor.iter().map(|text| text.parse()).collect::<anyhow::Result<Vec<Floor>>>()?;
    let before = asked.compare.as_deref().map(outcome::earlier).transpose()?;
    let name = file_name(&asked.questions);
    let mut file = Questions::read(&text_of(&asked.questions)?);
    if let Some(kind) = &asked.kind {
        keep(&mut file, kind, &name)?;
    }
    floors.iter().try_for_each(|floor| floor.check(&file, &name))?;
    if !file.ignored.is_empty() {
        let names: Vec<&str> = file.ignored.iter().map(String::as_str).collect();
        eprintln!("{name}: ignored, because they mean nothing here: {}", names.join(", "));
    }
    let docs = once::open(settings, "eval")?;
    let outcome = Outcome::of(&docs, file)?;
    for mistake in outcome.mistakes.iter().take(SHOWN) {
        eprintln!("{name}:{}: {}", mistake.line, mistake.message);
    }
    if outcome.mistakes.len() > SHOWN {
        eprintln!("{name}: and {} more mistakes", outcome.mistakes.len() - SHOWN);
    }
    let moved = before.as_ref().map(|before| Moved::between(before, &outcome));
    if asked.json {
        let floors: Vec<_> = floors.iter().map(|floor| floor.judged(&outcome)).collect();
        let result = table::Result { outcome: &outcome, floors, moved: moved.as_ref() };
        writeln!(std::io::stdout().lock(), "{}", serde_json::to_string(&result)?)?;
    } else if outcome.questions > 0 {
        let mut text = table::readable(&outcome, asked.worst);
        if let (Some(moved), Some(other)) = (&moved, &asked.compare) {
            text.push_str(&table::readable_moved(moved, &file_name(other), asked.worst));
        }
        std::io::stdout().lock().write_all(text.as_bytes())?;
    }
    verdict(&outcome, &floors, &name)
}

/// What a job in CI stops for: lines that could not be asked, and values under a floor.
fn verdict(outcome: &Outcome, floors: &[Floor], name: &str) -> anyhow::Result<()> {
    let mut reasons = Vec::new();
    let mistakes = outcome.mistakes.len();
    if mistakes > 0 {
        let s = if mistakes == 1 { "" } else { "s" };
        reasons.push(format!("{name} has {mistakes} mistake{s}, left out of every measure"));
    } else if outcome.questions == 0 {
        bail!("{name} holds no question");
    }
    let below: Vec<String> = floors.iter().filter_map(|floor| floor.missed(outcome)).collect();
    if !below.is_empty() {
        reasons.push(format!("below the floor: {}", below.join(", ")));
    }
    if reasons.is_empty() { Ok(()) } else { bail!("{}", reasons.join("; ")) }
}

/// Leaves only the questions of a kind. A line that cannot be read may be of any kind: its
/// mistake stays.
fn keep(file: &mut Questions, kind: &str, name: &str) -> anyhow::Result<()> {
    let kinds = kinds(file);
    if !kinds.contains(&kind) {
        bail!("{name} has no questions of kind {kind:?}{}", there_are(&kinds));
    }
    file.questions.retain(|question| question.kind.as_deref() == Some(kind));
    Ok(())
}

fn kinds(file: &Questions) -> Vec<&str> {
    let mut kinds: Vec<&str> =
        file.questions.iter().filter_map(|question| question.kind.as_deref()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn there_are(kinds: &[&str]) -> String {
    if kinds.is_empty() {
        "; it has no kinds".into()
    } else {
        format!("; it has: {}", kinds.join(", "))
    }
}

fn file_name(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let name = file_name(path);
    let bytes = bytes.with_context(|| format!("cannot read the questions in {name}"))?;
    String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8 text"))
}
