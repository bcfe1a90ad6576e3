//! What other pages call a page: the words of the links that lead to it.
//!
//! They say what a page is about in words that it may not use itself (Craswell, Hawking and
//! Robertson 2001), and change when other pages do. So each page that is linked to has a document
//! of its own for them, which is written anew without reading the page again.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};
use tantivy::{TantivyDocument, Term};

use super::analyzer;
use super::catalog::{Catalog, route};
use super::documents::{hash, page_key};
use super::schema::{Fields, PageRecord};
use crate::corpus::{Page, Section, resolve};

/// Links of a page that count; more stand on generated lists.
const MAX_LINKS: usize = 300;
/// Texts that a page keeps; a popular one is called the same again and again.
const MAX_TEXTS: usize = 20;

/// A link to a page of the same collection.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct OutLink {
    /// Hash of what it names: a path or a route, see [`name`].
    to: u64,
    /// Its words, in lower case.
    text: Box<str>,
}

/// The links of a page. What a target means depends on pages that may come later, so a link that
/// can be read in several ways is kept for each.
pub(super) fn links(page: &Page, sections: &[Section]) -> Vec<OutLink> {
    let folder = page.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut links = Vec::new();
    let mut seen = FxHashSet::default();
    for link in sections.iter().flat_map(|section| &section.links) {
        let target = link.target.split(['#', '?']).next().unwrap_or_default();
        let text: Box<str> = link.text.trim().to_lowercase().into();
        if target.is_empty() || text.is_empty() {
            continue;
        }
        let readings = match target.strip_prefix('/') {
            // The folder may be mounted below the root of its site.
            Some(rest) => {
                [Some(rest.to_owned()), rest.split_once('/').map(|(_, below)| below.to_owned())]
            }
            None => [resolve(folder, target), resolve(&page.route, target)],
        };
        for reading in readings.into_iter().flatten() {
            let link = OutLink { to: name(&reading), text: text.clone() };
            if links.len() < MAX_LINKS && seen.insert(link.clone()) {
                links.push(link);
            }
        }
    }
    links
}

/// Hash of a path or route in one spelling: without its ending, and without the index of a folder.
fn name(path: &str) -> u64 {
    let path = path.trim_matches('/');
    let bare = [".md", ".mdx", ".markdown"].iter().find_map(|end| path.strip_suffix(end));
    let bare = route(bare.unwrap_or(path));
    let (folder, file) = bare.rsplit_once('/').unwrap_or(("", bare));
    let is_index = matches!(file, "_index" | "README");
    hash(&(if is_index { folder } else { bare }).to_lowercase())
}

/// All that a page may be called by a link.
fn names(page: &PageRecord) -> impl Iterator<Item = u64> {
    let aliases = page.aliases.iter().map(|alias| name(alias));
    [name(&page.path), name(&page.route)].into_iter().chain(aliases)
}

/// The key under which the document of a page's anchors stands; no page has such a name.
pub(super) fn key(fields: &Fields, page: &PageRecord) -> Term {
    Term::from_field_text(fields.under, &key_text(page))
}

fn key_text(page: &PageRecord) -> String {
    format!("\u{1}{}/{}", page.collection, page.path)
}

/// The pages whose anchors may differ after a change: `before` became `after`, where `changed`
/// pages are those that came or changed and `removed` ones are gone.
pub(super) fn affected<'a>(
    before: &Catalog,
    after: &'a Catalog,
    changed: &[Arc<PageRecord>],
    removed: &[Arc<PageRecord>],
) -> Vec<&'a Arc<PageRecord>> {
    let mut linked: FxHashSet<(&str, u64)> = FxHashSet::default();
    let mut new: FxHashSet<(&str, &str)> = FxHashSet::default();
    for page in changed {
        let old = before.page(&page.collection, &page.path);
        if old.is_none_or(|old| old.aliases != page.aliases || old.route != page.route) {
            new.insert((&page.collection, &page.path));
        }
        let old: FxHashSet<&OutLink> = old.iter().flat_map(|old| &old.links).collect();
        let now: FxHashSet<&OutLink> = page.links.iter().collect();
        linked.extend(old.symmetric_difference(&now).map(|link| (&*page.collection, link.to)));
    }
    for page in removed {
        linked.extend(page.links.iter().map(|link| (&*page.collection, link.to)));
    }
    let is_affected = |page: &&Arc<PageRecord>| {
        new.contains(&(&*page.collection, &*page.path))
            || names(page).any(|name| linked.contains(&(&*page.collection, name)))
    };
    if linked.is_empty() && new.is_empty() {
        return Vec::new();
    }
    after.pages().iter().filter(is_affected).collect()
}

/// The documents of the anchors of some pages, in their order; none for pages without links to
/// them.
pub(super) fn documents(
    fields: &Fields,
    catalog: &Catalog,
    pages: &[&Arc<PageRecord>],
) -> Vec<Option<TantivyDocument>> {
    let mut called: FxHashMap<(&str, u64), Vec<usize>> = FxHashMap::default();
    for (at, page) in pages.iter().enumerate() {
        for name in names(page) {
            let pages = called.entry((&page.collection, name)).or_default();
            if !pages.contains(&at) {
                pages.push(at);
            }
        }
    }
    let mut texts: Vec<Vec<&str>> = vec![Vec::new(); pages.len()];
    for page in catalog.pages() {
        for link in &page.links {
            for at in called.get(&(&*page.collection, link.to)).into_iter().flatten() {
                let texts = &mut texts[*at];
                let itself = pages[*at].path == page.path;
                if !itself && texts.len() < MAX_TEXTS && !texts.contains(&&*link.text) {
                    texts.push(&link.text);
                }
            }
        }
    }
    let document = |(page, texts): (&&Arc<PageRecord>, Vec<&str>)| {
        let mut text = String::new();
        analyzer::marked(page.stemmed, &mut text);
        text.push_str(&texts.join("\n"));
        let mut document = TantivyDocument::default();
        document.add_text(fields.under, key_text(page));
        document.add_u64(fields.page, page_key(&page.collection, &page.path));
        document.add_text(fields.anchors, text);
        (!texts.is_empty()).then_some(document)
    };
    pages.iter().zip(texts).map(document).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Link;

    #[test]
    fn a_name_has_one_spelling() {
        for other in ["a/b.md", "/a/b/", "A/b.html", "a/b/index.md", "a/b/_index.md"] {
            assert_eq!(name("a/b"), name(other), "{other}");
        }
        assert_eq!(name("index.md"), name(""));
        assert_ne!(name("a/b"), name("a/c"));
    }

    #[test]
    fn links_are_read_as_paths_and_as_routes() {
        let page = Page { path: "guide/a.md".into(), route: "guide/a/".into(), ..Page::default() };
        let link = |target: &str| Link { target: target.into(), text: "It".into() };
        let to = |target: &str| {
            let section = Section { links: vec![link(target), link(target)], ..Section::default() };
            links(&page, &[section]).into_iter().map(|link| link.to).collect::<Vec<_>>()
        };
        assert_eq!(to("b.md#x"), [name("guide/b"), name("guide/a/b")]);
        assert_eq!(to("../b/"), [name("b"), name("guide/b")]);
        assert_eq!(to("/docs/guide/b/"), [name("docs/guide/b"), name("guide/b")]);
        assert!(to("#here").is_empty());
        assert!(to("../../../etc").is_empty());
    }
}
