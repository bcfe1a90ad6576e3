//! Pages of the docs for people, lists of them, and what was not found.
//!
//! Docs are rendered from the index, as models get them; no address is ever joined to a path.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Extension, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};

use super::door::Who;
use super::error::{self, Error, Refusal};
use super::html::{Page, escaped, link};
use super::link::{self, Links};
use super::{Site, home, llms, render, rpc};
use crate::index::{Catalog, PageRecord, SectionRecord};
use crate::mcp::{Docs, Shelf};

/// Longest list of pages; a longer one is shown folder by folder.
const MAX_LISTED: usize = 1000;
/// Pages offered in place of one that is not there.
const OFFERED: usize = 5;

/// `GET /mcp`: a browser gets the start page, a program learns that there is no stream.
pub(super) async fn endpoint(
    site: State<Arc<Site>>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if rpc::takes_html(&headers) {
        Ok(home::home(site).await)
    } else {
        Err(rpc::method_not_allowed())
    }
}

/// `GET /docs` and `GET /docs/`: the collections are on the start page, unless they are too many.
pub(super) async fn shelves(
    State(site): State<Arc<Site>>,
    Extension(who): Extension<Who>,
) -> Response {
    let docs = site.docs_for(&who);
    if docs.collections().len() <= home::MAX_SHELVES || !docs.scope().lists() {
        return Redirect::to(&format!("{}/", site.base)).into_response();
    }
    let items: String = docs
        .collections()
        .iter()
        .map(|shelf| {
            let address = link::page(&site.base, &shelf.name, "");
            format!("<li>{}</li>\n", link(&address, titled(shelf)))
        })
        .collect();
    let trail =
        vec![(site.start(), format!("{}/", site.base)), ("All collections".into(), String::new())];
    let content = format!("<h1>All collections</h1>\n<ul>\n{items}</ul>");
    Page { title: "All collections", base: &site.base, trail, content, ..Page::default() }
        .answer(StatusCode::OK)
}

/// `GET /docs/{collection}/{path}`: a page, or the list of those under a folder. Whoever does not
/// ask for HTML gets a page as the Markdown that models get.
pub(super) async fn docs(
    State(site): State<Arc<Site>>,
    Extension(who): Extension<Who>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Error> {
    let docs = site.docs_for(&who);
    let rest = uri.path().trim_start_matches("/docs/");
    let (collection, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (collection, path) = match (link::decoded(collection), link::decoded(path)) {
        (Some(collection), Some(path)) => (collection, path),
        _ => return not_found(&site, &docs, ""),
    };
    let shelf = docs.collections().iter().find(|shelf| shelf.name == collection);
    let Some(shelf) = shelf.filter(|_| docs.scope().reads()) else {
        return not_found(&site, &docs, &path);
    };
    if !rest.contains('/') {
        return Ok(Redirect::to(&link::page(&site.base, &shelf.name, "")).into_response());
    }
    let snapshot = docs.snapshot();
    let catalog = snapshot.catalog()?;
    if let Some(page) = catalog.page(&shelf.name, &path) {
        let sections = snapshot.sections(&shelf.name, &path)?;
        if !rpc::takes_html(&headers) {
            return Ok(llms::alone(page, &sections));
        }
        return Ok(shown(&site, shelf, catalog, page, &sections));
    }
    if docs.scope().lists() && (path.is_empty() || path.ends_with('/')) {
        let pages = catalog.collection(&shelf.name);
        let from = pages.partition_point(|page| page.path.as_str() < path.as_str());
        let below = pages[from..].iter().take_while(|page| page.path.starts_with(&path)).count();
        if below > 0 || path.is_empty() {
            return Ok(list(&site, shelf, &path, &pages[from..from + below]));
        }
    }
    match catalog.stands_for(&shelf.name, &path) {
        Some(page) => {
            let address = link::page(&site.base, &shelf.name, &page.path);
            Ok(Redirect::temporary(&address).into_response())
        }
        None => not_found(&site, &docs, &path),
    }
}

/// Every other address.
pub(super) async fn nowhere(
    State(site): State<Arc<Site>>,
    who: Option<Extension<Who>>,
    request: Request,
) -> Result<Response, Error> {
    // In front of the door nobody is told what there is.
    if let Some(Extension(who)) = who
        && rpc::takes_html(request.headers())
    {
        return not_found(&site, &site.docs_for(&who), request.uri().path());
    }
    let message =
        format!("there is nothing at this address; the MCP endpoint is {}", site.endpoint);
    Err(Refusal::new(StatusCode::NOT_FOUND, error::TRANSPORT, message).into())
}

fn not_found(site: &Site, docs: &Docs, wanted: &str) -> Result<Response, Error> {
    let wanted = wanted.trim_matches('/');
    let offered = if docs.scope().reads() { OFFERED } else { 0 };
    let near = docs.snapshot().nearest_pages(wanted, offered)?;
    let mut offers = String::new();
    for page in &near {
        let address = link::page(&site.base, &page.collection, &page.path);
        offers += &format!(
            "<li>{} <span class=\"note\">{}</span></li>\n",
            link(&address, &page.title),
            escaped(&page.path)
        );
    }
    if !offers.is_empty() {
        offers = format!("<p>Perhaps you want one of these:</p>\n<ul>\n{offers}</ul>\n");
    }
    let mut all = String::new();
    let listed = if docs.scope().lists() { docs.collections() } else { &[] };
    for shelf in listed {
        let address = link::page(&site.base, &shelf.name, "");
        all += &format!("<li>{}</li>\n", link(&address, titled(shelf)));
    }
    if !all.is_empty() {
        all = format!("<p>All pages:</p>\n<ul>\n{all}</ul>");
    }
    let content = format!(
        "<h1>There is no such page</h1>\n<p>It may have been moved or renamed.</p>\n{offers}{all}"
    );
    let trail =
        vec![(site.start(), format!("{}/", site.base)), ("Not found".into(), String::new())];
    let page = Page { title: "Not found", base: &site.base, trail, content, ..Page::default() };
    Ok(page.answer(StatusCode::NOT_FOUND))
}

/// A page of the docs.
fn shown(
    site: &Site,
    shelf: &Shelf,
    catalog: &Catalog,
    page: &PageRecord,
    sections: &[SectionRecord],
) -> Response {
    let base_url = shelf.base_url.as_deref();
    let links = Links::of(page, catalog, &site.base, base_url);
    let titled = sections.iter().any(|section| section.level == 1);
    let heading =
        if titled { String::new() } else { format!("<h1>{}</h1>\n", escaped(&page.title)) };
    let rendered = render::page(sections, &links);
    let content = format!("{heading}{}<article>\n{rendered}</article>", outline(sections));
    let mut trail = above(site, shelf, &page.path);
    trail.push((page.title.clone(), String::new()));
    Page {
        title: &page.title,
        base: &site.base,
        trail,
        language: page.language.as_deref().or(shelf.language.as_deref()),
        canonical: base_url
            .map(|base| format!("{base}{}", link::encoded(page.route.trim_start_matches('/')))),
        content,
        ..Page::default()
    }
    .answer(StatusCode::OK)
}

/// Headings of a page, to jump to.
fn outline(sections: &[SectionRecord]) -> String {
    let headings: Vec<_> =
        sections.iter().filter(|section| section.level > 1 && !section.anchor.is_empty()).collect();
    if headings.len() < 2 {
        return String::new();
    }
    let mut items = String::new();
    for section in headings {
        let class = if section.level > 2 { " class=\"deeper\"" } else { "" };
        let address = format!("#{}", section.anchor);
        items += &format!("<li{class}>{}</li>\n", link(&address, &section.title));
    }
    format!(
        "<nav aria-label=\"On this page\"><details><summary>On this page</summary>\n\
         <ul>\n{items}</ul></details></nav>\n"
    )
}

/// The pages under a folder: all of them by folder, or, where that is too long, its own pages and
/// its folders.
fn list(site: &Site, shelf: &Shelf, folder: &str, pages: &[Arc<PageRecord>]) -> Response {
    let short = pages.len() <= MAX_LISTED;
    let mut groups: BTreeMap<&str, Vec<&PageRecord>> = BTreeMap::new();
    let mut folders: BTreeMap<&str, u64> = BTreeMap::new();
    for page in pages {
        let below = &page.path[folder.len()..];
        match below.split_once('/') {
            Some((sub, _)) if !short => *folders.entry(sub).or_default() += 1,
            _ => groups.entry(folder_of(&page.path)).or_default().push(page),
        }
    }
    let mut content = String::new();
    if !folders.is_empty() {
        content += "<h2>Folders</h2>\n<ul>\n";
        for (sub, pages) in &folders {
            let address = link::page(&site.base, &shelf.name, &format!("{folder}{sub}/"));
            content += &format!(
                "<li>{} <span class=\"note\">{}</span></li>\n",
                link(&address, sub),
                counted_pages(*pages)
            );
        }
        content += "</ul>\n";
    }
    for (group, pages) in &groups {
        let heading = if group.is_empty() { "Pages" } else { group };
        content += &format!("<section><h2>{}</h2>\n<ul>\n", escaped(heading));
        content.extend(pages.iter().take(MAX_LISTED).map(|page| listed(site, page)));
        content += "</ul></section>\n";
        if let Some(more) = pages.len().checked_sub(MAX_LISTED).filter(|more| *more > 0) {
            content += &format!("<p class=\"note\">And {more} more.</p>\n");
        }
    }
    if pages.is_empty() {
        content += "<p>This collection has no pages yet.</p>";
    }
    let title = if folder.is_empty() { titled(shelf) } else { folder.trim_end_matches('/') };
    let mut trail = above(site, shelf, folder.trim_end_matches('/'));
    if folder.is_empty() {
        trail.pop();
    }
    trail.push((title.to_owned(), String::new()));
    let content = format!(
        "<h1>{}</h1>\n<p class=\"note\">{}</p>\n{content}",
        escaped(title),
        counted_pages(pages.len() as u64)
    );
    let language = shelf.language.as_deref();
    Page { title, base: &site.base, trail, language, content, ..Page::default() }
        .answer(StatusCode::OK)
}

fn listed(site: &Site, page: &PageRecord) -> String {
    let address = link::page(&site.base, &page.collection, &page.path);
    let said = if page.description.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"note\">{}</span>", escaped(&page.description))
    };
    format!("<li>{}{said}</li>\n", link(&address, &page.title))
}

/// The start page, the collection, and the folders above a path.
fn above(site: &Site, shelf: &Shelf, path: &str) -> Vec<(String, String)> {
    let address = |path: &str| link::page(&site.base, &shelf.name, path);
    let mut trail =
        vec![(site.start(), format!("{}/", site.base)), (titled(shelf).to_owned(), address(""))];
    for (at, _) in path.match_indices('/') {
        let name = path[..at].rsplit('/').next().unwrap_or_default();
        trail.push((name.to_owned(), address(&path[..=at])));
    }
    trail
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub(super) fn titled(shelf: &Shelf) -> &str {
    shelf.title.as_deref().unwrap_or(&shelf.name)
}

pub(super) fn counted_pages(pages: u64) -> String {
    if pages == 1 { "1 page".to_owned() } else { format!("{pages} pages") }
}
