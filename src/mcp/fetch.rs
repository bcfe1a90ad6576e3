//! The tool `fetch`: a page or section, whole or in pieces that end where the text allows.

use std::hash::{Hash, Hasher};

use rmcp::model::JsonObject;
use rustc_hash::FxHasher;
use serde::Serialize;
use serde_json::{Value, json};

use super::ToolError;
use super::account::Account;
use super::arguments::{Arguments, shorten};
use super::links::Target;
use super::search::breadcrumb;
use super::server::Docs;
use crate::corpus::git::short;
use crate::corpus::tokens;
use crate::index::{PageRecord, SectionRecord, Snapshot, nearest, take_blocks};

/// Name of the tool.
pub(super) const NAME: &str = "fetch";

const ARGUMENTS: &[&str] = &["id", "max_tokens", "cursor"];
const ALIASES: &[(&str, &str)] = &[
    ("uri", "id"),
    ("url", "id"),
    ("path", "id"),
    ("page", "id"),
    ("document", "id"),
    ("maxTokens", "max_tokens"),
    ("tokens", "max_tokens"),
    ("next", "cursor"),
    ("page_token", "cursor"),
];

/// Tokens of an answer, unless asked otherwise.
const DEFAULT_TOKENS: u64 = 6000;
/// Sections that are left to read and are listed; more are counted.
const LISTED: usize = 40;
/// Tokens of text that an answer has at the least, whatever its names cost.
const LEAST: usize = 24;

#[derive(Debug, Serialize)]
struct Answer {
    id: String,
    title: String,
    text: String,
    url: String,
    metadata: Metadata,
}

#[derive(Debug, Serialize)]
struct Metadata {
    page: String,
    breadcrumb: String,
    tokens: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<String>,
    sections: Vec<Left>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Left {
    id: String,
    title: String,
    tokens: u32,
}

/// Schema of the arguments.
pub(super) fn input_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": {"type": "string", "description": "A page (guide/install.md) or section (guide/install.md#linux), as search and outline give it; a page's public URL or resource URI works too."},
            "max_tokens": {"type": "integer", "minimum": 200, "maximum": 20000, "default": DEFAULT_TOKENS, "description": "Size of the whole answer."},
            "cursor": {"type": "string", "description": "metadata.next of the answer before, to read on."}
        },
        "required": ["id"],
        "additionalProperties": false
    })
}

/// Schema of the answer.
pub(super) fn output_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": {"type": "string"},
            "title": {"type": "string"},
            "text": {"type": "string", "description": "Markdown; ends with the exact next call if something is left."},
            "url": {"type": "string", "description": "Cite this."},
            "metadata": {"type": "object", "properties": {
                "page": {"type": "string", "description": "Title of the page."},
                "breadcrumb": {"type": "string"},
                "tokens": {"type": "integer", "description": "Estimated tokens of all that the id names."},
                "updated": {"type": "string", "description": "Date of the last change."},
                "commit": {"type": "string", "description": "Commit of the git repository that the page is from."},
                "sections": {"type": "array", "description": "Sections that this answer leaves to read.", "items": {
                    "type": "object",
                    "properties": {"id": {"type": "string"}, "title": {"type": "string"}, "tokens": {"type": "integer"}},
                    "required": ["id", "title", "tokens"]
                }},
                "next": {"type": "string", "description": "Cursor for the next call; absent at the end."}
            }, "required": ["page", "breadcrumb", "tokens", "sections"]}
        },
        "required": ["id", "title", "text", "url", "metadata"]
    })
}

/// Runs the tool.
pub(super) fn call(
    docs: &Docs,
    given: Option<JsonObject>,
    account: &mut Account,
) -> Result<String, ToolError> {
    let mut arguments = Arguments::new(NAME, ARGUMENTS, ALIASES, given)?;
    let id = arguments.text("id")?.ok_or_else(|| {
        ToolError("fetch needs \"id\": a page or page#section, as search gives it".into())
    })?;
    let budget = arguments.number("max_tokens", 200..=20_000, DEFAULT_TOKENS)? as usize;
    let cursor = arguments.text("cursor")?.filter(|cursor| !cursor.is_empty());
    let snapshot = docs.snapshot();
    // Until it is found.
    account.query = Some(id.clone());
    let (target, page) = find(docs, &snapshot, &id)?;
    let sections = named(docs, &snapshot, &target, page)?;
    account.read(docs, &target);
    let place = match cursor {
        None => Place { section: 0, offset: 0 },
        Some(cursor) => Place::parse(&cursor, &target, page, &sections).ok_or_else(|| {
            ToolError(format!(
                "this cursor does not belong to {:?} as it is now (the page may have changed): call fetch with {{\"id\": {}}} alone to begin again",
                shorten(&id),
                json!(docs.links().id(&target.collection, &target.path, &target.anchor))
            ))
        })?,
    };
    let commit = snapshot.stamp().commits.get(&target.collection).map(|commit| short(commit));
    let reading = Reading { docs, page, target: &target, sections: &sections, commit };
    let (json, size) = reading.answer(place, budget)?;
    account.tokens = size;
    Ok(json)
}

/// The page or section that an id names, or an error that names what is near.
pub(super) fn find<'a>(
    docs: &Docs,
    snapshot: &'a Snapshot,
    id: &str,
) -> Result<(Target, &'a PageRecord), ToolError> {
    let catalog = snapshot.catalog()?;
    if let Some(found) = docs.links().find(catalog, id) {
        return Ok(found);
    }
    let wanted = id.split('#').next().unwrap_or(id);
    let wanted = wanted.trim_start_matches(super::links::SCHEME);
    let near: Vec<String> = snapshot
        .nearest_pages(wanted, 5)?
        .iter()
        .map(|page| docs.links().id(&page.collection, &page.path, ""))
        .collect();
    let hint = if near.is_empty() {
        let tools = [super::search::NAME, super::outline::NAME];
        let tools: Vec<&str> = tools.into_iter().filter(|tool| docs.has(tool)).collect();
        let call = format!("call {} to find ids", tools.join(" or "));
        if tools.is_empty() { "nothing is near it".to_owned() } else { call }
    } else {
        format!("the nearest are: {}", near.join(", "))
    };
    Err(ToolError(format!("there is no page {:?}; {hint}", shorten(id))))
}

/// The sections that a target covers: the whole page, or a heading with what is under it.
pub(super) fn named(
    docs: &Docs,
    snapshot: &Snapshot,
    target: &Target,
    page: &PageRecord,
) -> Result<Vec<SectionRecord>, ToolError> {
    let mut sections = snapshot.sections(&target.collection, &target.path)?;
    if target.anchor.is_empty() {
        return Ok(sections);
    }
    let Some(first) = sections.iter().position(|section| section.anchor == target.anchor) else {
        let anchors =
            page.sections.iter().map(|section| &*section.anchor).filter(|a| !a.is_empty());
        let near = nearest(&target.anchor, anchors.clone());
        let shown: Vec<String> = near
            .into_iter()
            .chain(anchors)
            .take(8)
            .map(|anchor| docs.links().id(&target.collection, &target.path, anchor))
            .collect();
        let page = docs.links().id(&target.collection, &target.path, "");
        return Err(ToolError(format!(
            "{page} has no section {:?}; its sections are: {}{}",
            shorten(&target.anchor),
            shown.join(", "),
            if sections.len() > shown.len() { ", …" } else { "" }
        )));
    };
    let level = sections[first].level;
    let behind = sections[first + 1..].iter().position(|section| section.level <= level);
    sections.truncate(behind.map_or(sections.len(), |n| first + 1 + n));
    Ok(sections.split_off(first))
}

/// Where reading goes on: a section, and a byte of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    section: usize,
    offset: usize,
}

impl Place {
    /// A cursor: the place, and a mark of what is read that makes it useless elsewhere.
    fn cursor(self, target: &Target, page: &PageRecord) -> String {
        format!("{}.{}.{}", self.section, self.offset, Place::mark(target, page))
    }

    fn parse(
        cursor: &str,
        target: &Target,
        page: &PageRecord,
        sections: &[SectionRecord],
    ) -> Option<Place> {
        let mut parts = cursor.splitn(3, '.');
        let section: usize = parts.next()?.parse().ok()?;
        let offset: usize = parts.next()?.parse().ok()?;
        let text = &sections.get(section)?.text;
        let fits = parts.next()? == Place::mark(target, page) && text.is_char_boundary(offset);
        fits.then_some(Place { section, offset })
    }

    /// Of the page's content and of the id: the same place is another one in another section.
    /// 24 bits, in decimal: a cursor is written twice in an answer, and digits cost models least.
    fn mark(target: &Target, page: &PageRecord) -> String {
        let mut hasher = FxHasher::default();
        (page.hash, &target.collection, &target.path, &target.anchor).hash(&mut hasher);
        (hasher.finish() >> 40).to_string()
    }
}

/// What of an answer is for what, in tokens.
#[derive(Debug, Clone, Copy)]
struct Share {
    text: usize,
    /// For the list of what is left to read, which must not eat the text.
    list: usize,
    /// Whether all is left out that stands elsewhere, too.
    is_short: bool,
}

/// One call, once it is known what to read.
struct Reading<'a> {
    docs: &'a Docs,
    page: &'a PageRecord,
    target: &'a Target,
    sections: &'a [SectionRecord],
    /// Of the same generation as the page.
    commit: Option<&'a str>,
}

impl Reading<'_> {
    /// The answer within the budget; JSON and its size in tokens.
    fn answer(&self, from: Place, budget: usize) -> anyhow::Result<(String, usize)> {
        // The JSON around the text costs too; further rounds mend what the guess does not cover.
        let text = budget.saturating_sub(self.overhead(budget)).max(LEAST);
        let mut share = Share { text, list: (budget / 10).max(40), is_short: false };
        for _ in 0..8 {
            let (answer, given) = self.fill(from, share);
            let json = serde_json::to_string(&answer)?;
            let size = tokens::estimate(&json);
            if size <= budget {
                return Ok((json, size));
            }
            // A section that is given whole is broken only by a share that is smaller than it is.
            share.text = share.text.min(given).max(LEAST);
            if share.text == LEAST {
                share = Share { list: 0, is_short: true, ..share };
            }
            share.text = share.text.saturating_sub(size - budget + 8).max(LEAST);
        }
        let json = serde_json::to_string(&self.fill(from, share).0)?;
        let size = tokens::estimate(&json);
        Ok((json, size))
    }

    fn overhead(&self, budget: usize) -> usize {
        let names = [self.id(&self.target.anchor), self.page.title.clone(), self.url()];
        names.iter().map(|name| tokens::estimate(name)).sum::<usize>() * 2 + 40 + budget / 30
    }

    /// An answer, and how many tokens of it are text of the docs.
    fn fill(&self, from: Place, share: Share) -> (Answer, usize) {
        let (mut text, next) = self.read(from, share.text);
        let given = tokens::estimate(&text);
        let total: usize = self.sections.iter().map(|section| section.tokens as usize).sum();
        let mut left = Vec::new();
        let mut cursor = None;
        if let Some(place) = next {
            let next = place.cursor(self.target, self.page);
            let first = place.section + usize::from(place.offset > 0);
            left = self.sections[first.min(self.sections.len())..]
                .iter()
                .map(|s| self.left(s))
                .collect();
            let rest = left.len();
            let mut spent = 0;
            left.truncate(LISTED);
            left.retain(|section| {
                spent += tokens::estimate(&section.id) + tokens::estimate(&section.title) + 14;
                spent <= share.list
            });
            let more = rest - left.len();
            let note = match (left.len(), more) {
                (_, 0) => String::new(),
                (0, more) => format!(", {more} sections to read"),
                (_, more) => format!(", {more} more sections than listed"),
            };
            let call = json!({"id": self.id(&self.target.anchor), "cursor": next});
            text.push_str(&if share.is_short {
                "\n\n[cut here; to read on, give metadata.next as cursor]".to_owned()
            } else {
                format!(
                    "\n\n[cut here; {total} tokens in all{note}. To read on, call fetch with {call}]"
                )
            });
            cursor = Some(next);
        }
        let lead = self.sections.first();
        let answer = Answer {
            id: self.id(&self.target.anchor),
            title: lead
                .filter(|_| !self.target.anchor.is_empty())
                .map_or(&self.page.title, |s| &s.title)
                .clone(),
            text,
            url: self.url(),
            metadata: Metadata {
                page: self.page.title.clone(),
                breadcrumb: match lead {
                    _ if share.is_short => String::new(),
                    Some(s) if !self.target.anchor.is_empty() => {
                        breadcrumb(&s.page, &s.trail, &s.title)
                    }
                    _ => self.page.title.clone(),
                },
                tokens: total,
                updated: self.page.updated.clone(),
                commit: self.commit.map(str::to_owned),
                sections: left,
                next: cursor,
            },
        };
        (answer, given)
    }

    /// Sections from a place on, as many as fit; at least one piece of text in any case.
    fn read(&self, from: Place, room: usize) -> (String, Option<Place>) {
        let mut out = String::new();
        let mut used = 0;
        let mut at = from;
        while let Some(section) = self.sections.get(at.section) {
            let whole = section.tokens as usize;
            if at.offset == 0 && used + whole <= room {
                append(&mut out, &section.text);
                used += whole + 1;
                at = Place { section: at.section + 1, offset: 0 };
                continue;
            }
            // A section is broken only if it would not fit an answer of its own.
            if !out.is_empty() && whole <= room {
                return (out, Some(at));
            }
            let (piece, end) =
                take_blocks(&section.text, at.offset, room.saturating_sub(used), out.is_empty());
            append(&mut out, &piece);
            used += tokens::estimate(&piece) + 1;
            if end < section.text.len() {
                return (out, Some(Place { offset: end, ..at }));
            }
            at = Place { section: at.section + 1, offset: 0 };
        }
        (out, None)
    }

    fn left(&self, section: &SectionRecord) -> Left {
        let id = self.id(&section.anchor);
        Left { id, title: section.title.clone(), tokens: section.tokens }
    }

    fn id(&self, anchor: &str) -> String {
        self.docs.links().id(&self.target.collection, &self.target.path, anchor)
    }

    fn url(&self) -> String {
        let Target { collection, path, anchor } = self.target;
        self.docs.links().url(collection, path, &self.page.route, anchor)
    }
}

fn append(out: &mut String, text: &str) {
    if !out.is_empty() && !text.is_empty() {
        out.push_str("\n\n");
    }
    out.push_str(text.trim_matches('\n').trim_end());
}
