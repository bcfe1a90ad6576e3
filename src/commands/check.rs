//! `docent check`: how assistants will see these docs, for their authors and their CI.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use serde_json::json;

use super::{collections, index, repositories, sarif};
use crate::config::{CheckArguments, CollectionSettings, Settings};
use crate::corpus::check::{self, Finding, Limits, Rule, Severity};
use crate::index::{Held, Lock};
use crate::mcp;

/// A finding, and where its file is for whoever reads the output.
pub(super) struct Located {
    /// The file's path as the docs folder was named on the command line or in the settings.
    pub(super) path: String,
    /// The collection's name.
    collection: String,
    /// The finding.
    pub(super) finding: Finding,
}

/// Looks at the docs and prints what hurts. The exit code says whether that fails.
pub(super) fn run(settings: &Settings, asked: &CheckArguments) -> anyhow::Result<ExitCode> {
    let wanted = rules(asked)?;
    let collections = collections::collections(settings)?;
    // Files of repositories are moved by one process; where another serves them they are new enough.
    let lock = pull(settings)?;
    // A section that is larger than an answer is never read whole by those who found it.
    let limits = Limits { section_tokens: mcp::SEARCH_TOKENS as usize };
    let mut pages = 0;
    let mut found = Vec::new();
    for (collection, written) in collections.iter().zip(&settings.collections) {
        let report = check::check(collection, limits);
        if report.pages == 0 && report.findings.is_empty() {
            index::refuse_folders(std::slice::from_ref(collection))?;
        }
        pages += report.pages;
        let findings = report.findings.into_iter().filter(|it| wanted.contains(&it.rule));
        found.extend(findings.map(|finding| Located {
            path: shown(named(written), &finding.path),
            collection: collection.name.clone(),
            finding,
        }));
    }
    drop(lock);
    let mut out = std::io::stdout().lock();
    if asked.sarif {
        writeln!(out, "{:#}", sarif::log(&found))?;
    } else if asked.json {
        writeln!(out, "{:#}", as_json(pages, &found))?;
    } else {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let colour = std::io::stdout().is_terminal() && !no_colour;
        write!(out, "{}", readable(pages, &found, colour))?;
    }
    let least = if asked.strict { Severity::Warning } else { Severity::Error };
    let fails = found.iter().any(|it| it.finding.rule.severity() >= least);
    Ok(if fails { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Pulls the repositories, if there are any and no other process does; what keeps others off.
fn pull(settings: &Settings) -> anyhow::Result<Option<Lock>> {
    let repositories = repositories::repositories(settings)?;
    if repositories.is_empty() {
        return Ok(None);
    }
    let lock = match Lock::take(&settings.data_dir.value, "check") {
        Err(error) if error.is::<Held>() => return Ok(None),
        taken => taken?,
    };
    for repository in &repositories {
        repositories::pull_now(repository)?;
    }
    Ok(Some(lock))
}

/// The folder of a collection, as whoever reads the output knows it.
fn named(written: &CollectionSettings) -> &Path {
    let folder = written.folder.as_deref().map(Path::new);
    written.path.as_deref().or(folder).unwrap_or(Path::new(""))
}

/// The rules that are asked for.
fn rules(asked: &CheckArguments) -> anyhow::Result<Vec<Rule>> {
    let parse = |names: &[String]| -> anyhow::Result<Vec<Rule>> {
        let known = || Rule::ALL.map(Rule::name).join(", ");
        let rule = |name: &String| {
            Rule::named(name).ok_or_else(|| anyhow!("{name:?} is no rule; there are: {}", known()))
        };
        names.iter().map(rule).collect()
    };
    let (only, not) = (parse(&asked.rule)?, parse(&asked.ignore)?);
    let wanted = |rule: &Rule| (only.is_empty() || only.contains(rule)) && !not.contains(rule);
    let rules: Vec<Rule> = Rule::ALL.into_iter().filter(wanted).collect();
    if rules.is_empty() {
        bail!("--ignore leaves no rule of those that --rule names");
    }
    Ok(rules)
}

/// A path that an editor opens from where the command was run.
fn shown(folder: &Path, path: &str) -> String {
    let folder = folder.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    let folder = folder.trim_start_matches("./").trim_end_matches('/');
    match folder {
        "" | "." => path.to_owned(),
        folder => format!("{folder}/{path}"),
    }
}

fn readable(pages: usize, found: &[Located], colour: bool) -> String {
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let mut out = String::new();
    for Located { path, finding, .. } in found {
        let severity = finding.rule.severity();
        let code = match severity {
            Severity::Error => "1;31",
            Severity::Warning => "1;33",
            Severity::Note => "1;36",
        };
        out.push_str(&format!(
            "{}: {} {}\n",
            paint("1", &format!("{path}:{}", finding.line)),
            paint(code, &format!("{severity}[{}]", finding.rule)),
            finding.message
        ));
    }
    if !found.is_empty() {
        out.push('\n');
    }
    out.push_str(&summary(pages, found));
    out.push('\n');
    out
}

/// `96 pages: 1 error, 2 warnings, no notes (broken-link 1, orphan 2)`.
fn summary(pages: usize, found: &[Located]) -> String {
    let counted = |n: usize, word: &str| match n {
        0 => format!("no {word}s"),
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    let of = |severity| counted(count(found, severity), severity.name());
    let rules: Vec<String> = Rule::ALL
        .into_iter()
        .map(|rule| (rule, found.iter().filter(|it| it.finding.rule == rule).count()))
        .filter(|(_, n)| *n > 0)
        .map(|(rule, n)| format!("{rule} {n}"))
        .collect();
    let rules = if rules.is_empty() { String::new() } else { format!(" ({})", rules.join(", ")) };
    format!(
        "{}: {}, {}, {}{rules}",
        counted(pages, "page"),
        of(Severity::Error),
        of(Severity::Warning),
        of(Severity::Note)
    )
}

fn count(found: &[Located], severity: Severity) -> usize {
    found.iter().filter(|it| it.finding.rule.severity() == severity).count()
}

fn as_json(pages: usize, found: &[Located]) -> serde_json::Value {
    let findings: Vec<_> = found
        .iter()
        .map(|Located { path, collection, finding }| {
            json!({
                "path": path,
                "line": finding.line,
                "rule": finding.rule.name(),
                "severity": finding.rule.severity().name(),
                "message": finding.message,
                "collection": collection,
            })
        })
        .collect();
    json!({
        "pages": pages,
        "errors": count(found, Severity::Error),
        "warnings": count(found, Severity::Warning),
        "notes": count(found, Severity::Note),
        "findings": findings,
    })
}
