//! `docent index`: only build the index, and show how far it is.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::repositories::{self, Pull};
use super::{collections, log, model, published};
use crate::config::{IndexArguments, Settings};
use crate::corpus::{self, Collection, LeftOut, Warning};
use crate::index::meaning::Embedded;
use crate::index::{Index, Indexer, OpenError, Progress, Report, Unwritable};
use crate::snapshots;

/// Warnings that are shown; the rest is counted.
const SHOWN: usize = 20;

/// Builds or updates the index, and publishes it where that is wanted.
pub(super) fn run(settings: &Settings, asked: &IndexArguments) -> anyhow::Result<()> {
    let machine = asked.json;
    let _log = log::start(settings)?;
    let to = asked.publish.as_deref();
    // A mistake in it is told before the docs are read.
    let apart = |to| snapshots::check_apart(to, &settings.data_dir.value);
    to.map(apart).transpose().context("--publish")?;
    let collections = collections::collections(settings)?;
    if asked.check {
        return check(settings, &collections, machine);
    }
    let opened = Indexer::open(&settings.data_dir.value, &collections, "index");
    let (mut indexer, reason) = opened.map_err(|error| match error.is::<Unwritable>() {
        true => anyhow!("{error}; {ELSEWHERE}"),
        false => error,
    })?;
    let repositories = repositories::repositories(settings)?;
    repositories::prepare(&repositories, &collections, &mut indexer, Pull::Now, !machine)?;
    if let Some(reason) = reason.as_ref().filter(|_| !machine) {
        eprintln!("building the index: {reason}");
    }
    let report = with_bar(&mut indexer, !machine)?;
    indexer.compact()?;
    refuse_nothing(&report, &collections)?;
    if !machine {
        summarise(&report);
    }
    let embedded = model::embed(indexer.index(), !machine)?;
    let published = to.map(|to| published::publish(to, &mut indexer, &collections, !machine));
    let published = published.transpose().context("the snapshot was not published")?;
    if machine {
        let snapshot = indexer.index().snapshot();
        let commits = &snapshot.stamp().commits;
        return print_json(&report, reason.as_ref(), settings, embedded, commits, published);
    }
    Ok(())
}

/// Looks whether the index is whole, and says so. Nothing is written, and who writes is not in the way.
fn check(settings: &Settings, collections: &[Collection], machine: bool) -> anyhow::Result<()> {
    let data_dir = &settings.data_dir.value;
    let stamp = Index::check(data_dir, collections).map_err(|reason| {
        anyhow!("{}: {reason}; docent index makes it anew", data_dir.display())
    })?;
    let (pages, sections) = (stamp.pages(), stamp.sections);
    if machine {
        let whole = json!({ "data_dir": data_dir, "pages": pages, "sections": sections });
        writeln!(std::io::stdout().lock(), "{whole}")?;
    } else {
        let dir = data_dir.display();
        eprintln!("the index in {dir} is whole: {pages} pages, {sections} sections");
    }
    Ok(())
}

/// What to do about a data folder that cannot be written.
const ELSEWHERE: &str = "name a folder that can be written with --data-dir";

/// The index in a data folder that cannot be written, if it can be served as it is: a container's
/// image may bring one along.
pub(super) fn open_as_it_is(
    data_dir: &Path,
    collections: &[Collection],
    unwritable: &anyhow::Error,
) -> anyhow::Result<Index> {
    let index = Index::open(data_dir, collections)
        .map_err(|reason| anyhow!("{unwritable}, and {reason}; {ELSEWHERE}"))?;
    index.verify()?;
    Ok(index)
}

/// Builds an index that is not there or does not fit, and says why.
pub(super) fn build(
    indexer: &mut Indexer,
    collections: &[Collection],
    reason: &OpenError,
) -> anyhow::Result<()> {
    eprintln!("building the index: {reason}");
    let report = with_bar(indexer, true)?;
    refuse_nothing(&report, collections)?;
    summarise(&report);
    Ok(())
}

/// Looks once more for pages where the index has none. One that has some is served as it is, and
/// brought up to date while it is served.
pub(super) fn fill(indexer: &mut Indexer, collections: &[Collection]) -> anyhow::Result<()> {
    if indexer.index().snapshot().stamp().pages() > 0 {
        return Ok(());
    }
    let report = with_bar(indexer, true)?;
    refuse_nothing(&report, collections)
}

/// Refuses to go on without a single page, and says why there is none.
pub(super) fn refuse_nothing(report: &Report, collections: &[Collection]) -> anyhow::Result<()> {
    if report.pages > 0 {
        return Ok(());
    }
    list_unread(report);
    refuse_folders(collections)
}

/// Says why there is not a single page in these folders.
pub(super) fn refuse_folders(collections: &[Collection]) -> anyhow::Result<()> {
    let roots: Vec<String> = collections.iter().map(|c| c.root.display().to_string()).collect();
    let left_out = collections.iter().map(corpus::left_out).fold(LeftOut::default(), |a, b| a + b);
    bail!("there are no docs in {}: {}", roots.join(", "), why_nothing(&left_out))
}

fn why_nothing(left_out: &LeftOut) -> String {
    let files = |n: usize| if n == 1 { "1 file".to_owned() } else { format!("{n} files") };
    let reasons: Vec<String> = [
        (left_out.by_globs, "left out by include and exclude"),
        (left_out.by_ignore_files, "left out by .gitignore or .docentignore"),
        (left_out.otherwise, "drafts or cannot be read"),
    ]
    .into_iter()
    .filter(|(n, _)| *n > 0)
    .map(|(n, why)| format!("{} {} {why}", files(n), if n == 1 { "is" } else { "are" }))
    .collect();
    if reasons.is_empty() {
        "no .md, .markdown, .mdx, .txt, .rst or .adoc file".to_owned()
    } else {
        reasons.join(", ")
    }
}

/// Runs the indexer beside a progress bar on standard error; the bar appears on terminals only.
fn with_bar(indexer: &mut Indexer, show: bool) -> anyhow::Result<Report> {
    let progress = Progress::default();
    if !show || !std::io::stderr().is_terminal() {
        return indexer.catch_up(&progress);
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} pages  {msg}")?;
    bar.set_style(style);
    let started = Instant::now();
    let done = std::sync::atomic::AtomicBool::new(false);
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let bytes = progress.bytes.load(Ordering::Relaxed) as f64 / 1e6;
                bar.set_length(progress.files.load(Ordering::Relaxed));
                bar.set_position(progress.done.load(Ordering::Relaxed));
                bar.set_message(format!(
                    "{:.1} MB/s",
                    bytes / started.elapsed().as_secs_f64().max(0.001)
                ));
                std::thread::park_timeout(Duration::from_millis(60));
            }
        });
        let report = indexer.catch_up(&progress);
        done.store(true, Ordering::Relaxed);
        report
    });
    bar.finish_and_clear();
    report
}

fn summarise(report: &Report) {
    let changes = &report.changes;
    let touched = changes.added.len() + changes.changed.len();
    let megabytes = report.bytes as f64 / 1e6;
    eprintln!(
        "indexed {} pages, {} sections: {touched} read ({megabytes:.1} MB in {:.2} s, {:.1} MB/s), {} removed",
        report.pages,
        report.sections,
        report.seconds,
        megabytes / report.seconds.max(0.001),
        changes.removed.len()
    );
    list_unread(report);
}

/// Names the files that have no page, and what is odd in those that have one.
fn list_unread(report: &Report) {
    let drafts = &report.drafts;
    if !drafts.is_empty() {
        let shown = drafts.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
        let more = drafts.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let s = if drafts.len() == 1 { "" } else { "s" };
        eprintln!("{} draft{s} skipped: {shown}{more}", drafts.len());
    }
    list("skipped", &report.skipped);
    list("unread", &report.busy);
    list("warning", &report.warnings);
}

fn list(kind: &str, warnings: &[Warning]) {
    for Warning { path, line, message } in warnings.iter().take(SHOWN) {
        let line = if *line > 0 { format!(":{line}") } else { String::new() };
        eprintln!("{kind}: {path}{line}: {message}");
    }
    if warnings.len() > SHOWN {
        eprintln!("{kind}: and {} more", warnings.len() - SHOWN);
    }
}

fn print_json(
    report: &Report,
    reason: Option<&OpenError>,
    settings: &Settings,
    embedded: Option<Embedded>,
    commits: &BTreeMap<String, String>,
    published: Option<serde_json::Value>,
) -> anyhow::Result<()> {
    let messages = |warnings: &[Warning]| -> Vec<serde_json::Value> {
        let object = |w: &Warning| json!({"path": w.path, "line": w.line, "message": w.message});
        warnings.iter().map(object).collect()
    };
    let mut summary = json!({
        "data_dir": settings.data_dir.value,
        "rebuilt": reason.map(ToString::to_string),
        "pages": report.pages,
        "sections": report.sections,
        "added": report.changes.added.len(),
        "changed": report.changes.changed.len(),
        "removed": report.changes.removed.len(),
        "bytes": report.bytes,
        "seconds": report.seconds,
        "skipped": messages(&report.skipped),
        "drafts": report.drafts,
        "unread": messages(&report.busy),
        "warnings": messages(&report.warnings),
    });
    if let Some(embedded) = embedded {
        summary["model"] = json!(embedded.model);
        summary["embedded"] = json!(embedded.embedded);
    }
    if !commits.is_empty() {
        summary["commits"] = json!(commits);
    }
    if let Some(published) = published {
        summary["published"] = published;
    }
    writeln!(std::io::stdout().lock(), "{summary}")?;
    Ok(())
}
