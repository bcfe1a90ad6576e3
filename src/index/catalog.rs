//! Every page of an index with its sections, in memory: what lists, outlines and updates read.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::analyzer::Language;
use super::schema::PageRecord;

/// What a name may leave out at the end of a path.
const ENDINGS: [&str; 8] =
    ["", ".md", ".mdx", ".markdown", "/index.md", "/index.mdx", "/_index.md", "/README.md"];

/// The pages of one generation of the index, sorted by collection and path.
#[derive(Debug, Default, Clone)]
pub struct Catalog {
    pages: Vec<Arc<PageRecord>>,
}

impl Catalog {
    pub(super) fn new(mut pages: Vec<Arc<PageRecord>>) -> Catalog {
        pages.sort_unstable_by(|a, b| order(a).cmp(&order(b)));
        // Two records of one page would be two commits of it; the later one stands.
        pages.dedup_by(|a, b| order(a) == order(b));
        Catalog { pages }
    }

    /// All pages, in order.
    pub fn pages(&self) -> &[Arc<PageRecord>] {
        &self.pages
    }

    /// The pages of one collection, in order.
    pub fn collection(&self, name: &str) -> &[Arc<PageRecord>] {
        let from = self.pages.partition_point(|page| page.collection.as_str() < name);
        let to = self.pages.partition_point(|page| page.collection.as_str() <= name);
        &self.pages[from..to]
    }

    /// The page at a path.
    pub fn page(&self, collection: &str, path: &str) -> Option<&Arc<PageRecord>> {
        let at = self.pages.binary_search_by(|page| order(page).cmp(&(collection, path))).ok()?;
        Some(&self.pages[at])
    }

    /// The page whose file a name stands for: its path, where the ending may be left out or be
    /// that of a route.
    pub fn file(&self, collection: &str, name: &str) -> Option<&Arc<PageRecord>> {
        let name = name.trim_matches('/');
        let bare = name.strip_suffix(".html").unwrap_or(name);
        ENDINGS.iter().find_map(|ending| {
            self.page(collection, format!("{bare}{ending}").trim_start_matches('/'))
        })
    }

    /// The page that a path, a route or an earlier address stands for.
    pub fn stands_for(&self, collection: &str, name: &str) -> Option<&Arc<PageRecord>> {
        let named = |page: &&Arc<PageRecord>| {
            let mut names = std::iter::once(&page.route).chain(&page.aliases);
            names.any(|address| route(address) == route(name))
        };
        self.page(collection, name)
            .or_else(|| self.file(collection, name))
            .or_else(|| self.collection(collection).iter().find(named))
    }

    /// Number of sections of all pages.
    pub fn sections(&self) -> usize {
        self.pages.iter().map(|page| page.sections.len()).sum()
    }

    /// Languages whose stemmers the pages got, in order.
    pub(super) fn languages(&self) -> Vec<Language> {
        let languages: BTreeSet<Language> = self.pages.iter().map(|page| page.stemmed).collect();
        languages.into_iter().collect()
    }

    /// The catalog after some pages went and others came or changed.
    pub(super) fn with(&self, removed: &[Arc<PageRecord>], added: Vec<Arc<PageRecord>>) -> Catalog {
        let gone = |page: &PageRecord| {
            removed.iter().chain(&added).any(|other| order(other) == order(page))
        };
        // A few changes are found faster by looking at each page; many by a set.
        let mut pages: Vec<_> = if removed.len() + added.len() <= 16 {
            self.pages.iter().filter(|page| !gone(page)).cloned().collect()
        } else {
            let gone: rustc_hash::FxHashSet<_> =
                removed.iter().chain(&added).map(|page| order(page)).collect();
            self.pages.iter().filter(|page| !gone.contains(&order(page))).cloned().collect()
        };
        pages.extend(added);
        Catalog::new(pages)
    }
}

/// A route in one spelling: without slashes around it, `.html`, or the `index` of a folder.
pub(crate) fn route(route: &str) -> &str {
    let route = route.trim_matches('/');
    let route = route.strip_suffix(".html").unwrap_or(route);
    if route == "index" { "" } else { route.strip_suffix("/index").unwrap_or(route) }
}

fn order(page: &PageRecord) -> (&str, &str) {
    (&page.collection, &page.path)
}
