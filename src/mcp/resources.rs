//! Pages as resources: lists, templates, reading.

use rmcp::ErrorData;
use rmcp::model::{
    Annotations, ListResourceTemplatesResult, ListResourcesResult, ReadResourceResult, Resource,
    ResourceContents, ResourceTemplate, Role,
};
use serde_json::json;

use super::account::Account;
use super::fetch;
use super::links::SCHEME;
use super::prompts;
use super::server::Docs;
use crate::index::PageRecord;

/// Resources of one page of the list: some clients walk the whole list when they connect.
const PAGE: usize = 1000;
/// What every resource is.
const MIME: &str = "text/markdown";
/// The docs may change at any time; a list this old does no harm, and changes are announced.
const TTL_MS: u64 = 5_000;
/// What a cursor of ours begins with.
const CURSOR: &str = "after:";

/// A page of the list; the cursor names the last resource before it, so that it stays good when
/// docs change.
pub(super) fn list(docs: &Docs, cursor: Option<&str>) -> Result<ListResourcesResult, ErrorData> {
    let snapshot = docs.snapshot();
    let catalog = snapshot.catalog().map_err(internal)?;
    let after = match cursor {
        None => None,
        Some(cursor) => {
            let last = cursor.strip_prefix(CURSOR).and_then(|rest| rest.split_once('/'));
            Some(last.ok_or_else(|| {
                ErrorData::invalid_params(
                    "this cursor is not of this server: list from the start, without a cursor",
                    None,
                )
            })?)
        }
    };
    let pages = if docs.scope().lists() { catalog.pages() } else { &[] };
    let from = after.map_or(0, |last| {
        pages.partition_point(|page| (page.collection.as_str(), page.path.as_str()) <= last)
    });
    let rest = &pages[from..];
    let shown = &rest[..rest.len().min(PAGE)];
    let resources = shown.iter().filter(|page| !prompts::is_template(&page.path));
    let mut result =
        ListResourcesResult::with_all_items(resources.map(|page| resource(docs, page)).collect());
    if let Some(last) = shown.last().filter(|_| rest.len() > PAGE) {
        result.next_cursor = Some(format!("{CURSOR}{}/{}", last.collection, last.path));
    }
    Ok(result.with_ttl_ms(TTL_MS).with_cache_scope(docs.cache_scope()))
}

fn resource(docs: &Docs, page: &PageRecord) -> Resource {
    let mut resource = Resource::new(
        docs.links().uri(&page.collection, &page.path, ""),
        docs.links().id(&page.collection, &page.path, ""),
    )
    .with_title(page.title.clone())
    .with_mime_type(MIME)
    .with_size(page.size)
    .with_annotations(annotations(page));
    if !page.description.is_empty() {
        resource = resource.with_description(page.description.clone());
    }
    resource
}

fn annotations(page: &PageRecord) -> Annotations {
    let mut annotations = Annotations::default().with_audience(vec![Role::User, Role::Assistant]);
    annotations.last_modified = page.updated.clone();
    annotations
}

/// The templates of pages and of sections.
pub(super) fn templates(docs: &Docs) -> ListResourceTemplatesResult {
    let template = |end: &str, name: &str, title: &str, description: &str| {
        ResourceTemplate::new(format!("{SCHEME}{{collection}}/{{+path}}{end}"), name)
            .with_title(title)
            .with_description(description)
            .with_mime_type(MIME)
    };
    let mut templates = vec![
        template("", "page", "A page of the docs", "The page at a path, as Markdown."),
        template(
            "#{anchor}",
            "section",
            "A section of a page",
            "What stands under one heading, with its sub-headings.",
        ),
    ];
    if !docs.scope().reads() {
        templates.clear();
    }
    ListResourceTemplatesResult::with_all_items(templates)
        .with_ttl_ms(3_600_000)
        .with_cache_scope(docs.cache_scope())
}

/// A page or section, whole. URIs are looked up, never joined to a path; whatever is not there is
/// answered alike.
pub(super) fn read(
    docs: &Docs,
    uri: &str,
    account: &mut Account,
) -> Result<ReadResourceResult, ErrorData> {
    account.query = Some(super::arguments::shorten(uri));
    let unknown = || {
        let message =
            "there is no such resource; resources/list and the tool search say what there is";
        ErrorData::resource_not_found(message, Some(json!({"uri": super::arguments::shorten(uri)})))
    };
    if !docs.scope().reads() || !uri.starts_with(SCHEME) || uri.chars().any(char::is_control) {
        return Err(unknown());
    }
    let snapshot = docs.snapshot();
    let catalog = snapshot.catalog().map_err(internal)?;
    let (target, page) = docs.links().find(catalog, uri).ok_or_else(unknown)?;
    let sections = fetch::named(docs, &snapshot, &target, page).map_err(|_| unknown())?;
    account.read(docs, &target);
    let mut text = String::new();
    for section in &sections {
        if !text.is_empty() {
            text.push_str("\n\n");
        }
        text.push_str(&section.text);
    }
    account.tokens = sections.iter().map(|section| section.tokens as usize).sum();
    let contents = ResourceContents::text(text, uri).with_mime_type(MIME);
    Ok(ReadResourceResult::new(vec![contents])
        .with_ttl_ms(TTL_MS)
        .with_cache_scope(docs.cache_scope()))
}

pub(super) fn internal(error: anyhow::Error) -> ErrorData {
    tracing::error!("a request failed: {error:#}");
    ErrorData::internal_error("the index could not be read just now; try again", None)
}
