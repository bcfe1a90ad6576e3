//! What an answer without hits offers instead: other words, headings, places, the outline.

use serde::Serialize;

use super::server::Docs;
use super::{Shelf, ToolError};
use crate::index::{QueryTerms, Search, Snapshot};

/// Items of each list, unless the budget wants fewer.
const MOST: usize = 5;
/// Hits that are named where leaving out a filter helps.
const NAMED: usize = 3;

/// What to try.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct Instead {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    did_you_mean: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headings: Vec<Heading>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    without: Vec<Without>,
    outline: String,
    /// Whether the caller has a tool for it.
    #[serde(skip)]
    outlines: bool,
}

#[derive(Debug, Clone, Serialize)]
struct Heading {
    id: String,
    title: String,
}

/// A filter that hides everything.
#[derive(Debug, Clone, Serialize)]
struct Without {
    filter: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    value: String,
    sections: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    ids: Vec<String>,
}

impl Instead {
    /// Looks for what there is instead of hits of this search.
    pub(super) fn of(
        docs: &Docs,
        snapshot: &Snapshot,
        search: &Search,
        terms: &QueryTerms,
    ) -> Result<Instead, ToolError> {
        let under = search.under.as_deref().map(|under| place(docs, under));
        let outline = under.or_else(|| search.collection.clone()).unwrap_or_default();
        let outlines = docs.has(super::outline::NAME);
        let mut instead = Instead { outline, outlines, ..Instead::default() };
        if terms.terms().is_empty() {
            return Ok(instead);
        }
        instead.without = without(docs, snapshot, search, terms)?;
        instead.did_you_mean = snapshot.near_words(terms, search)?;
        // The pages themselves do not know of which version they are.
        let of_version = |collection: &str| {
            let shelf = docs.collections().iter().find(|shelf| shelf.name == collection);
            search.version.is_none() || shelf.is_some_and(|shelf| shelf.version == search.version)
        };
        let near = snapshot.near_headings(search, &instead.did_you_mean, 4 * MOST)?;
        let near = near.into_iter().filter(|(page, _)| of_version(&page.collection));
        for (page, section) in near.take(MOST) {
            let title = if section.title.is_empty() { &*page.title } else { &*section.title };
            instead.headings.push(Heading {
                id: docs.links().id(&page.collection, &page.path, &section.anchor),
                title: title.to_owned(),
            });
        }
        Ok(instead)
    }

    /// The same with at most so many items in a list.
    pub(super) fn at_most(&self, items: usize) -> Instead {
        let mut fewer = self.clone();
        fewer.did_you_mean.truncate(items);
        fewer.headings.truncate(items);
        fewer.without.truncate(items);
        for without in &mut fewer.without {
            without.values.truncate(items);
            without.ids.truncate(items);
        }
        fewer
    }

    /// The same where there is nothing to look for.
    pub(super) fn wordless(&self) -> String {
        let outline = if self.outlines { ", or call outline to see what is here" } else { "" };
        format!("The query holds no words to look for: ask with words{outline}.")
    }

    /// The same in sentences.
    pub(super) fn sentences(&self) -> String {
        let mut sentences = Vec::new();
        for Without { filter, value, sections, values, ids } in &self.without {
            let what = if *filter == "all" {
                "all these filters: without them".to_owned()
            } else {
                format!("{filter} {value:?}: without it")
            };
            let number = if *sections == 1 {
                "1 section does".into()
            } else {
                format!("{sections} sections do")
            };
            let places = if values.is_empty() {
                String::new()
            } else {
                format!(", in {}", values.join(", "))
            };
            let ids = if ids.is_empty() { String::new() } else { format!(" ({})", ids.join(", ")) };
            sentences.push(format!("Nothing matches with {what} {number}{places}{ids}."));
        }
        if self.without.is_empty() {
            sentences.push("Nothing here matches.".into());
        }
        if !self.did_you_mean.is_empty() {
            sentences.push(format!("Did you mean: {}?", self.did_you_mean.join(", ")));
        }
        if !self.headings.is_empty() {
            let headings = self.headings.iter().map(|h| format!("{} ({})", h.title, h.id));
            let headings: Vec<String> = headings.collect();
            sentences.push(format!("The nearest headings are: {}.", headings.join("; ")));
        }
        if self.outlines {
            sentences.push(if self.outline.is_empty() {
                "Call outline to see all that is here.".into()
            } else {
                format!("Call outline with path {:?} to see what is there.", self.outline)
            });
        }
        sentences.join(" ")
    }
}

/// A folder or page as ids have it.
fn place(docs: &Docs, under: &str) -> String {
    let bare =
        under.split_once('/').filter(|_| !docs.links().several()).map_or(under, |(_, path)| path);
    bare.to_owned()
}

/// The filters that hide everything, each tried alone; all together where none helps alone.
fn without(
    docs: &Docs,
    snapshot: &Snapshot,
    search: &Search,
    terms: &QueryTerms,
) -> Result<Vec<Without>, ToolError> {
    let mut found = Vec::new();
    let given = [
        ("path", search.under.as_deref().map(|under| place(docs, under))),
        ("collection", search.collection.clone()),
        ("version", search.version.clone()),
        ("language", search.language.clone()),
    ];
    let given: Vec<_> = given.into_iter().filter_map(|(name, v)| Some((name, v?))).collect();
    for (filter, value) in &given {
        let mut open = search.clone();
        set(&mut open, filter, None);
        let sections = snapshot.matches(terms, &open)?;
        if sections == 0 {
            continue;
        }
        let (ids, folders) = best(docs, snapshot, &open)?;
        let values = if *filter == "path" {
            folders
        } else {
            elsewhere(docs.collections(), snapshot, &open, terms, filter)?
        };
        found.push(Without { filter, value: value.clone(), sections, values, ids });
    }
    if found.is_empty() && given.len() > 1 {
        let open = Search { query: search.query.clone(), ..Search::default() };
        let sections = snapshot.matches(terms, &open)?;
        if sections > 0 {
            let (ids, values) = best(docs, snapshot, &open)?;
            found.push(Without { filter: "all", value: String::new(), sections, values, ids });
        }
    }
    Ok(found)
}

fn set(search: &mut Search, filter: &str, value: Option<String>) {
    match filter {
        "path" => search.under = value,
        "collection" => search.collection = value,
        "version" => search.version = value,
        _ => search.language = value,
    }
}

/// Ids of the best hits, and the folders they are in; of pages at the top, the pages themselves.
fn best(
    docs: &Docs,
    snapshot: &Snapshot,
    search: &Search,
) -> Result<(Vec<String>, Vec<String>), ToolError> {
    let hits = snapshot.search(&Search { limit: MOST, ..search.clone() })?.hits;
    let mut folders: Vec<String> = Vec::new();
    let mut ids = Vec::new();
    for record in hits.iter().map(|hit| &hit.record) {
        let page = docs.links().id(&record.collection, &record.path, "");
        let folder = page.rfind('/').map_or(page.clone(), |at| page[..=at].to_owned());
        if !folders.contains(&folder) {
            folders.push(folder);
        }
        ids.push(docs.links().id(&record.collection, &record.path, &record.anchor));
    }
    ids.truncate(NAMED);
    Ok((ids, folders))
}

/// The values of a filter that have sections which match, those with the most first.
fn elsewhere(
    shelves: &[Shelf],
    snapshot: &Snapshot,
    search: &Search,
    terms: &QueryTerms,
    filter: &'static str,
) -> Result<Vec<String>, ToolError> {
    let value = |shelf: &Shelf| match filter {
        "collection" => Some(shelf.name.clone()),
        "version" => shelf.version.clone(),
        _ => shelf.language.clone(),
    };
    let mut values: Vec<String> = shelves.iter().filter_map(value).collect();
    values.sort();
    values.dedup();
    let mut counted = Vec::new();
    for value in values {
        let mut only = search.clone();
        set(&mut only, filter, Some(value.clone()));
        let sections = snapshot.matches(terms, &only)?;
        if sections > 0 {
            counted.push((sections, value));
        }
    }
    counted.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    Ok(counted.into_iter().map(|(_, value)| value).take(MOST).collect())
}
