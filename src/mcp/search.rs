//! The tool `search`: the sections that answer, inside a token budget.

use std::collections::BTreeSet;

use rmcp::model::JsonObject;
use serde::Serialize;
use serde_json::{Value, json};

use super::account::Account;
use super::arguments::{Arguments, shorten};
use super::instead::Instead;
use super::notices::Notices;
use super::server::Docs;
use super::{Shelf, ToolError, versions};
use crate::corpus::tokens;
use crate::index::{
    Hit, Hits, Passage, QueryTerms, Search, SectionRecord, Snapshot, nearest, spelling,
};

/// Name of the tool.
pub(super) const NAME: &str = "search";

const ARGUMENTS: &[&str] =
    &["query", "limit", "path", "collection", "version", "language", "max_tokens"];
const ALIASES: &[(&str, &str)] = &[
    ("q", "query"),
    ("question", "query"),
    ("userQuery", "query"),
    ("user_query", "query"),
    ("search", "query"),
    ("text", "query"),
    ("top_k", "limit"),
    ("topK", "limit"),
    ("k", "limit"),
    ("count", "limit"),
    ("max_results", "limit"),
    ("maxResults", "limit"),
    ("folder", "path"),
    ("maxTokens", "max_tokens"),
    ("tokens", "max_tokens"),
    ("lang", "language"),
];

/// Tokens of an answer, unless asked otherwise.
pub const DEFAULT_TOKENS: u64 = 3000;
/// Hits, unless asked otherwise.
const DEFAULT_LIMIT: u64 = 6;
/// Copies that a hit points to; a list of more helps nobody.
const MAX_ALSO: usize = 8;
/// A passage of fewer tokens tells nothing: the hit keeps its id, title and address only.
const LEAST_PASSAGE: usize = 16;
/// Tokens that names must leave for the passage of the best hit.
const FIRST_PASSAGE: usize = 60;
/// Tokens kept for each hit, a heading and a sentence, in as far as half of the room allows.
const LINE: usize = 40;
/// Percent of what is left above these that a hit may use. Of the sections that answer the open
/// questions over Docker and FastAPI, this shows 0.58 with 6 hits in 1,000 tokens and 0.81 with 20
/// hits in 3,000, where shares that fall evenly from hit to hit showed 0.54 and 0.50.
const SHARE: usize = 60;
/// Tokens of what is said about cuts.
const NOTICE: usize = 40;

/// What the tool answers.
#[derive(Debug, Serialize)]
struct Answer {
    results: Vec<Found>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notice: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<Instead>,
}

#[derive(Debug, Serialize)]
struct Found {
    id: String,
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    page: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    breadcrumb: String,
    url: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tokens: Option<usize>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    also: Vec<String>,
}

/// Schema of the arguments; filters are offered only where there is something to choose.
pub(super) fn input_schema(shelves: &[Shelf]) -> Value {
    let mut properties = json!({
        "query": {"type": "string", "description": "What to find: a question, keywords, an error message or an identifier, in any form; escape nothing. Only \"words in quotes\" are a phrase."},
        "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": DEFAULT_LIMIT, "description": "Number of sections."},
        "path": {"type": "string", "description": "Only under this folder or page, as in ids, for example guide/ or guide/install.md."},
        "max_tokens": {"type": "integer", "minimum": 200, "maximum": 20000, "default": DEFAULT_TOKENS, "description": "Size of the whole answer."},
    });
    for (name, values) in choices(shelves) {
        let description = format!("Only this {name}.");
        properties[name] = json!({"type": "string", "enum": values, "description": description});
    }
    json!({"type": "object", "properties": properties, "required": ["query"], "additionalProperties": false})
}

/// Schema of the answer.
pub(super) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "results": {"type": "array", "items": {
                "type": "object",
                "properties": {
                    "id": {"type": "string", "description": "Give this to fetch."},
                    "title": {"type": "string"},
                    "page": {"type": "string", "description": "Title of the page."},
                    "breadcrumb": {"type": "string"},
                    "url": {"type": "string", "description": "Cite this."},
                    "text": {"type": "string", "description": "Markdown of the passage; absent where the budget was spent."},
                    "tokens": {"type": "integer", "description": "Estimated tokens of the whole section."},
                    "cut": {"type": "boolean", "description": "True where text is not the whole section: fetch has it."},
                    "also": {"type": "array", "items": {"type": "string"}, "description": "Ids of sections that say nearly the same, such as copies and other versions."}
                },
                "required": ["id", "title", "url"]
            }},
            "notice": {"type": "string", "description": "What to know about this answer, and the next call to make."},
            "instead": {
                "type": "object",
                "description": "Only where nothing matched: what to try.",
                "properties": {
                    "did_you_mean": {"type": "array", "items": {"type": "string"}, "description": "Words of these docs."},
                    "headings": {"type": "array", "items": {
                        "type": "object",
                        "properties": {"id": {"type": "string"}, "title": {"type": "string"}},
                        "required": ["id", "title"]
                    }},
                    "without": {"type": "array", "description": "Filters that hide everything: what matches without this one.", "items": {
                        "type": "object",
                        "properties": {
                            "filter": {"type": "string", "description": "Name of the argument, or all."},
                            "value": {"type": "string"},
                            "sections": {"type": "integer"},
                            "values": {"type": "array", "items": {"type": "string"}, "description": "Values of it that have some."},
                            "ids": {"type": "array", "items": {"type": "string"}, "description": "The best of them."}
                        },
                        "required": ["filter", "sections", "ids"]
                    }},
                    "outline": {"type": "string", "description": "A path for the tool outline."}
                },
                "required": ["outline"]
            }
        },
        "required": ["results"]
    })
}

/// Filters with the values that collections give them, where there are at least two.
fn choices(shelves: &[Shelf]) -> Vec<(&'static str, Vec<String>)> {
    let all = |value: fn(&Shelf) -> Option<&String>| {
        let mut values: Vec<String> = shelves.iter().filter_map(value).cloned().collect();
        values.sort();
        values.dedup();
        values
    };
    let filters = [
        ("collection", all(|shelf| Some(&shelf.name))),
        ("version", all(|shelf| shelf.version.as_ref())),
        ("language", all(|shelf| shelf.language.as_ref())),
    ];
    filters.into_iter().filter(|(_, values)| values.len() > 1).collect()
}

/// Runs the tool.
pub(super) fn call(
    docs: &Docs,
    given: Option<JsonObject>,
    account: &mut Account,
) -> Result<String, ToolError> {
    let mut arguments = Arguments::new(NAME, ARGUMENTS, ALIASES, given)?;
    let query = arguments
        .text("query")?
        .ok_or_else(|| ToolError("search needs \"query\": what to look for, in words".into()))?;
    account.query = Some(query.clone());
    let limit = arguments.number("limit", 1..=20, DEFAULT_LIMIT)? as usize;
    let budget = arguments.number("max_tokens", 200..=20_000, DEFAULT_TOKENS)? as usize;
    let snapshot = docs.snapshot();
    let mut search = Search { query, limit, ..Search::default() };
    let shelves = docs.collections();
    search.collection = filter(&mut arguments, "collection", shelves, |shelf| Some(&shelf.name))?;
    search.version = filter(&mut arguments, "version", shelves, |shelf| shelf.version.as_ref())?;
    search.language = filter(&mut arguments, "language", shelves, |shelf| shelf.language.as_ref())?;
    if let Some(path) = arguments.text("path")? {
        search.under = under(docs, &snapshot, &path, search.collection.as_deref())?;
    }
    let mut found = snapshot.search(&search)?;
    versions::newest_first(&mut found.hits, shelves);
    enter(docs, account, &search, &found);
    let mut notices = Notices::new(docs);
    notices.corrected(&found.terms, &found.hits);
    notices.unheld(&found.terms);
    if found.hits.is_empty() {
        let instead = Instead::of(docs, &snapshot, &search, &found.terms)?;
        return Ok(nothing(&notices, &instead, found.terms.terms().is_empty(), budget)?);
    }
    notices.unknown(&found.terms);
    let (json, size) = fit(docs, &found.hits, &found.terms, budget, notices)?;
    account.tokens = size;
    Ok(json)
}

/// Enters what was found into the account of the call.
fn enter(docs: &Docs, account: &mut Account, search: &Search, found: &Hits) {
    let records = || found.hits.iter().map(|hit| &hit.record);
    let best = records().next().map(|record| record.collection.clone());
    account.collection = search.collection.clone().or(best);
    account.results = Some(found.hits.len());
    account.coverage = Some(found.coverage);
    let ids = records().map(|it| docs.links().id(&it.collection, &it.path, &it.anchor));
    account.ids = ids.collect();
    let written = |term: &str| records().find_map(|record| spelling(term, record));
    let corrected = found.terms.corrected().iter();
    account.corrected = corrected
        .map(|(word, term)| (word.clone(), written(term).unwrap_or_else(|| term.clone())))
        .collect();
}

/// An answer without hits, with as much of what to try instead as fits; JSON.
fn nothing(
    notices: &Notices,
    instead: &Instead,
    wordless: bool,
    budget: usize,
) -> anyhow::Result<String> {
    let mut json = String::new();
    for items in [usize::MAX, 3, 1, 0] {
        let instead = instead.at_most(items);
        let mut notices = notices.clone();
        notices.say(if wordless { instead.wordless() } else { instead.sentences() });
        let notice = notices.finish(0, 0, 0);
        json =
            serde_json::to_string(&Answer { results: Vec::new(), notice, instead: Some(instead) })?;
        if tokens::estimate(&json) <= budget {
            break;
        }
    }
    Ok(json)
}

/// A filter's value, checked against what there is.
fn filter(
    arguments: &mut Arguments,
    name: &'static str,
    shelves: &[Shelf],
    value: fn(&Shelf) -> Option<&String>,
) -> Result<Option<String>, ToolError> {
    let Some(wanted) = arguments.text(name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let known: Vec<&str> = shelves.iter().filter_map(value).map(String::as_str).collect();
    if known.contains(&wanted.as_str()) {
        return Ok(Some(wanted));
    }
    if known.is_empty() {
        return Err(ToolError(format!("these docs have no {name} to choose: leave {name:?} out")));
    }
    let mut known = known;
    known.sort_unstable();
    known.dedup();
    let near = nearest(&wanted, known.iter().copied());
    let near = near.map_or(String::new(), |near| format!("the nearest is {near:?}; "));
    Err(ToolError(format!(
        "there is no {name} {:?}; {near}there is: {}",
        shorten(&wanted),
        known.join(", ")
    )))
}

/// The folder (`collection/path/`) or page (`collection/path`) that `path` names; none for the
/// top.
fn under(
    docs: &Docs,
    snapshot: &Snapshot,
    path: &str,
    collection: Option<&str>,
) -> Result<Option<String>, ToolError> {
    let catalog = snapshot.catalog()?;
    let path = path.trim();
    if let Some((target, _)) = docs.links().find(catalog, path) {
        return Ok(Some(format!("{}/{}", target.collection, target.path)));
    }
    let path =
        path.trim_start_matches(super::links::SCHEME).trim_matches('/').trim_start_matches("./");
    if path.is_empty() || path == "." {
        return Ok(None);
    }
    let shelves = docs.collections().iter().map(|shelf| shelf.name.as_str());
    let names: Vec<&str> =
        shelves.filter(|name| collection.is_none_or(|only| only == *name)).collect();
    let exists = |name: &str, folder: &str| {
        let prefix = format!("{folder}/");
        let pages = catalog.collection(name);
        let at = pages.partition_point(|page| page.path.as_str() < prefix.as_str());
        pages.get(at).is_some_and(|page| page.path.starts_with(&prefix))
    };
    for name in &names {
        if path == *name {
            return Ok(Some(format!("{path}/")));
        }
        let folder = path.strip_prefix(&format!("{name}/")).filter(|folder| exists(name, folder));
        if let Some(folder) = folder.or_else(|| exists(name, path).then_some(path)) {
            return Ok(Some(format!("{name}/{folder}/")));
        }
    }
    let pages = snapshot.nearest_pages(path, 3)?;
    let pages = pages.iter().map(|page| docs.links().id(&page.collection, &page.path, ""));
    let mut folders = BTreeSet::new();
    for page in names.iter().flat_map(|name| catalog.collection(name)) {
        let page = docs.links().id(&page.collection, &page.path, "");
        folders.extend(page.match_indices('/').map(|(at, _)| page[..at].to_owned()));
    }
    let folder = nearest(path, folders.iter().map(String::as_str));
    let near: Vec<String> =
        folder.map(|folder| format!("{folder}/")).into_iter().chain(pages).collect();
    let hint =
        if near.is_empty() { String::new() } else { format!("; near it are: {}", near.join(", ")) };
    let outline =
        if docs.has(super::outline::NAME) { "call outline to see what there is, or " } else { "" };
    Err(ToolError(format!(
        "there is no folder or page {:?}{hint}; {outline}search without \"path\"",
        shorten(path)
    )))
}

/// Spends the budget on the hits, best first, and says what did not fit; JSON and its size in tokens.
fn fit(
    docs: &Docs,
    hits: &[Hit],
    terms: &QueryTerms,
    budget: usize,
    notices: Notices,
) -> anyhow::Result<(String, usize)> {
    let mut spare = budget;
    // What is escaped in JSON costs a little more than its own text; a second round mends the
    // rare answer that this guess does not cover.
    for _ in 0..3 {
        let json = serde_json::to_string(&fill(docs, hits, terms, spare, &notices))?;
        let size = tokens::estimate(&json);
        if size <= budget {
            return Ok((json, size));
        }
        spare = spare.saturating_sub(size - budget + 8);
    }
    let json = serde_json::to_string(&fill(docs, hits, terms, spare, &notices))?;
    let size = tokens::estimate(&json);
    Ok((json, size))
}

fn fill(docs: &Docs, hits: &[Hit], terms: &QueryTerms, budget: usize, notices: &Notices) -> Answer {
    let mut results: Vec<Found> = hits.iter().map(|hit| found(docs, hit)).collect();
    let cost = |found: &Found| {
        let parts = [&found.id, &found.title, &found.page, &found.breadcrumb, &found.url];
        let parts = parts.into_iter().chain(&found.also);
        parts.map(|part| tokens::estimate(part) + 2).sum::<usize>() + 32 - 10
    };
    let mut left = budget.saturating_sub(12 + notices.tokens());
    let mut fixed: usize = results.iter().map(cost).sum();
    let mut dropped = 0;
    if fixed + FIRST_PASSAGE > left {
        // The names would leave nothing for the best hit: the last ones shrink, then go, and the
        // notice says so.
        for at in (1..results.len()).rev() {
            if fixed + FIRST_PASSAGE + NOTICE <= left {
                break;
            }
            let before = cost(&results[at]);
            results[at].page.clear();
            results[at].breadcrumb.clear();
            results[at].also.truncate(1);
            fixed -= before - cost(&results[at]);
        }
        while results.len() > 1 && fixed + FIRST_PASSAGE + NOTICE > left {
            if let Some(last) = results.pop() {
                fixed -= cost(&last);
                dropped += 1;
            }
        }
    }
    left = left.saturating_sub(fixed + NOTICE);
    let shown = results.len();
    // A line is kept for each hit; of the rest a good part goes to the best one. What it does not
    // use goes to the next.
    let line = LINE.min(left / 2 / shown);
    let mut pool = left - line * shown;
    let (mut bare, mut cut) = (0, 0);
    for (at, (found, hit)) in results.iter_mut().zip(hits).enumerate() {
        let share = if at + 1 == shown { line + pool } else { line + pool * SHARE / 100 };
        let passage = Passage::of(&hit.record, terms, share * 9 / 10);
        if passage.text.is_empty() || (passage.tokens < LEAST_PASSAGE && !passage.whole) {
            bare += 1;
            pool += line;
            continue;
        }
        pool = (pool + line).saturating_sub(passage.tokens * 10 / 9);
        found.text = passage.text;
        found.cut = !passage.whole;
        cut += usize::from(found.cut);
    }
    let notice = notices.finish(cut, bare, dropped);
    Answer { results, notice, instead: None }
}

fn found(docs: &Docs, hit: &Hit) -> Found {
    let section = &hit.record;
    let SectionRecord { collection, path, page, route, anchor, title, trail, .. } = section;
    let links = docs.links();
    let id = |hit: &Hit| links.id(&hit.record.collection, &hit.record.path, &hit.record.anchor);
    Found {
        id: links.id(collection, path, anchor),
        title: if title.is_empty() { page.clone() } else { title.clone() },
        page: page.clone(),
        breadcrumb: breadcrumb(page, trail, title),
        url: links.url(collection, path, route, anchor),
        text: String::new(),
        tokens: Some(section.tokens as usize),
        cut: false,
        also: hit.also.iter().take(MAX_ALSO).map(id).collect(),
    }
}

/// Page and headings down to the section, each once.
pub(super) fn breadcrumb(page: &str, trail: &[String], title: &str) -> String {
    let mut parts: Vec<&str> = vec![page];
    parts.extend(trail.iter().map(String::as_str).chain([title]).filter(|part| !part.is_empty()));
    parts.dedup();
    parts.join(" > ")
}
