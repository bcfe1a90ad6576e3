//! `docent usage`: what was asked of the server that has this data folder.

use std::io::Write;

use anyhow::{Context, bail};

use super::times::{date, now, time};
use super::{collections, following, shell, state};
use crate::config::{Settings, UsageArguments};
use crate::index::{Index, Search};
use crate::mcp::{Docs, Links};
use crate::usage::{self, Report, Reporter};

/// Seconds of a day.
const DAY: u64 = 24 * 60 * 60;

/// Shows the report as text, as JSON, or writes it as a page.
pub(super) fn run(settings: &Settings, asked: &UsageArguments) -> anyhow::Result<()> {
    if !settings.names_data_dir() {
        bail!("whose usage? Name the docs folder with --docs, or the data folder with --data-dir");
    }
    let until = now()?;
    let since = since(until, time("--since", &asked.since)?.as_secs());
    let report = report(settings, since, until)?;
    if let Some(file) = &asked.html {
        let page = usage::page(&report, &title(settings), &date(until));
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
        eprintln!("wrote {}", shell::line([&*file.to_string_lossy()]));
    }
    let mut out = std::io::stdout().lock();
    if asked.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else if report.totals.calls == 0 && report.totals.limited == 0 {
        eprintln!("nothing was asked in the last {}", asked.since);
    } else if asked.html.is_none() {
        write!(out, "{}", usage::text(&report))?;
    }
    Ok(())
}

/// When so long a time began. Days are whole ones, today among them: a part of one would look poor.
fn since(until: u64, span: u64) -> u64 {
    if span < DAY {
        return until.saturating_sub(span);
    }
    (until / DAY * DAY).saturating_sub((span.div_ceil(DAY) - 1) * DAY)
}

fn report(settings: &Settings, since: u64, until: u64) -> anyhow::Result<Report> {
    let mut reporter = Reporter::new(since, until);
    let mut feedback = Vec::new();
    if let Some(store) = state::usage_if_any(settings)? {
        store.each_call(since * 1000, &mut |row| reporter.see(row))?;
        feedback = store.feedback(since * 1000)?;
    }
    let docs = docs(settings).inspect_err(|error| {
        eprintln!(
            "which pages were never found is not told, because the docs cannot be read: {error:#}"
        );
    });
    let docs = docs.ok();
    let pages = docs.as_ref().and_then(|docs| pages(docs).ok());
    Ok(reporter.report(feedback, pages, |question| nearest(docs.as_ref()?, question)))
}

/// The docs as they are indexed just now.
fn docs(settings: &Settings) -> anyhow::Result<Docs> {
    if let Some(docs) = following::here(settings, None)? {
        return Ok(docs);
    }
    let collections = collections::collections(settings)?;
    let index = Index::open(&settings.data_dir.value, &collections)?;
    let links = Links::new(collections::shelves(&collections), None);
    Ok(Docs::new(index.into(), links))
}

/// Ids of all pages.
fn pages(docs: &Docs) -> anyhow::Result<Vec<String>> {
    let snapshot = docs.snapshot();
    let pages = snapshot.catalog()?.pages().iter();
    Ok(pages.map(|page| docs.links().id(&page.collection, &page.path, "")).collect())
}

/// The section whose heading is likest to a question that nothing was found for.
fn nearest(docs: &Docs, question: &str) -> Option<String> {
    let search = Search { query: question.to_owned(), limit: 1, ..Search::default() };
    let found = docs.snapshot().near_headings(&search, &[], 1).ok()?;
    let (page, section) = found.first()?;
    Some(docs.links().id(&page.collection, &page.path, &section.anchor))
}

/// What the docs are called.
fn title(settings: &Settings) -> String {
    let titles: Vec<String> = collections::shown(settings)
        .unwrap_or_default()
        .into_iter()
        .map(|shelf| shelf.title.unwrap_or(shelf.name))
        .collect();
    if titles.is_empty() { "the docs".to_owned() } else { titles.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_ones_and_hours_are_as_long_as_they_are() {
        let noon = 20_000 * DAY + DAY / 2;
        assert_eq!(since(noon, 7 * DAY), 19_994 * DAY);
        assert_eq!(since(noon, DAY), 20_000 * DAY);
        assert_eq!(since(noon, DAY + 1), 19_999 * DAY);
        assert_eq!(since(noon, 3600), noon - 3600);
        assert_eq!(since(5, 7 * DAY), 0);
    }
}
