//! The linter: what in a docs folder will hurt the answers of an assistant, by file and line.
//!
//! Each page is read once, judged by itself, and reduced to a `Sheet` of what the
//! rules about several pages ask for; they come when all sheets are there.

mod anchors;
mod comments;
mod copies;
mod links;
mod orphans;
mod page;
mod rule;
mod sheet;

pub use rule::{Rule, Severity};

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Collection, Reader, Skip, walk};
use links::Links;
use sheet::Sheet;

/// Where the rules draw lines.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Tokens that a section may have: what fits into one answer.
    pub section_tokens: usize,
}

/// Something to mend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Path relative to the root.
    pub path: String,
    /// Line in the file, from 1.
    pub line: usize,
    /// The rule that found it.
    pub rule: Rule,
    /// What is wrong, why it matters, what to do: one sentence, lower case, no full stop.
    pub message: String,
}

/// What a look at a collection brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Pages that were looked at; drafts are not.
    pub pages: usize,
    /// Sorted by path and line.
    pub findings: Vec<Finding>,
}

/// Looks at all pages of a collection.
pub fn check(collection: &Collection, limits: Limits) -> Report {
    let found = walk(collection);
    let reader = Reader::new(collection);
    let mut findings = Vec::new();
    for odd in found.warnings.iter().chain(&found.busy).filter(|odd| !odd.path.is_empty()) {
        let message = format!("{}: assistants will not find what it says", odd.message);
        findings.push(finding(&odd.path, 1, Rule::Unreadable, message));
    }
    let paths: Vec<&str> = found.files.iter().map(|file| file.path.as_str()).collect();
    let mut sheets = Vec::with_capacity(paths.len());
    for outcome in look_at_all(&reader, &paths, limits) {
        match outcome {
            Ok(sheet) => sheets.push(sheet),
            Err(Some(finding)) => findings.push(finding),
            Err(None) => {}
        }
    }
    let links = Links::follow(collection, reader.site(), &sheets, &paths);
    findings.extend(links.findings(&sheets));
    findings.extend(orphans::findings(&sheets, links.linked(), reader.site()));
    findings.extend(copies::findings(&sheets));
    findings.extend(comments::findings(&sheets));
    let pages = sheets.len();
    // What is only there to be included is no page of the site: it needs neither title nor links.
    let parts: HashSet<String> = sheets.iter().flat_map(|it| it.includes.iter().cloned()).collect();
    for sheet in &mut sheets {
        findings.append(&mut sheet.findings);
    }
    // Its anchors are those of the pages around it.
    let of_pages = |rule| {
        use Rule::{BrokenAnchor, DuplicatePage, NoTitle, Orphan};
        matches!(rule, NoTitle | Orphan | DuplicatePage | BrokenAnchor)
    };
    let is_part = |path: &String| parts.contains(path) || lies_among_parts(path);
    findings.retain(|it| !(of_pages(it.rule) && is_part(&it.path)));
    let ignored: HashMap<&str, &[Rule]> =
        sheets.iter().map(|sheet| (sheet.path.as_str(), &*sheet.ignored)).collect();
    findings.retain(|it| !ignored.get(&*it.path).is_some_and(|rules| rules.contains(&it.rule)));
    findings.sort_by(|a, b| (&a.path, a.line, a.rule).cmp(&(&b.path, b.line, b.rule)));
    findings.dedup();
    Report { pages, findings }
}

/// Reads and judges each file by itself, on as many threads as help; in the order of `paths`.
fn look_at_all(
    reader: &Reader,
    paths: &[&str],
    limits: Limits,
) -> Vec<Result<Sheet, Option<Finding>>> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(paths.len()));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(8));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = Vec::new();
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(path) = paths.get(at) else { break };
                    own.push((at, look_at(reader, path, limits)));
                }
                if let Ok(mut done) = done.lock() {
                    done.append(&mut own);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn look_at(reader: &Reader, path: &str, limits: Limits) -> Result<Sheet, Option<Finding>> {
    let read = reader.load(path).and_then(|source| {
        let (page, survey) = reader.survey(path, &source.bytes);
        page.map(|page| (page, survey))
    });
    match read {
        Ok((page, survey)) => {
            let findings = page::findings(&page, &survey, limits);
            Ok(Sheet::new(reader.site(), page, survey, findings))
        }
        Err(Skip::Unreadable(why) | Skip::Busy(why)) => {
            let message =
                format!("{why}, so the file is not read: assistants will not find what it says");
            Err(Some(finding(path, 1, Rule::Unreadable, message)))
        }
        Err(Skip::Draft | Skip::Gone) => Err(None),
    }
}

/// Is it in a folder of the names that generators give to what pages include?
fn lies_among_parts(path: &str) -> bool {
    path.split('/').rev().skip(1).any(|folder| {
        let folder = folder.trim_start_matches('_');
        matches!(folder, "includes" | "partials" | "snippets" | "templates")
    })
}

fn finding(path: &str, line: usize, rule: Rule, message: String) -> Finding {
    Finding { path: path.to_owned(), line: line.max(1), rule, message }
}
