//! Every page of an index with its sections, in memory: what lists, outlines and updates read.

use std::sync::Arc;

use super::schema::PageRecord;

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

    /// Number of sections of all pages.
    pub fn sections(&self) -> usize {
        self.pages.iter().map(|page| page.sections.len()).sum()
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

fn order(page: &PageRecord) -> (&str, &str) {
    (&page.collection, &page.path)
}
