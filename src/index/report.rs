//! What a run of the indexer says of itself: how far it is, what changed, what was left out.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::catalog::Catalog;
use super::schema::PageRecord;
use crate::corpus::Warning;

/// How far a run of the indexer is; read from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files to look at; 0 while they are being listed.
    pub files: AtomicU64,
    /// Files looked at.
    pub done: AtomicU64,
    /// Bytes read.
    pub bytes: AtomicU64,
}

/// Pages that came, changed or went with a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// New pages, as (collection, path).
    pub added: Vec<(String, String)>,
    /// Pages with other content.
    pub changed: Vec<(String, String)>,
    /// Pages that are gone.
    pub removed: Vec<(String, String)>,
    /// Those of the changed pages that are called otherwise.
    pub renamed: Vec<(String, String)>,
}

impl Changes {
    /// What differs between two generations.
    pub fn between(before: &Catalog, after: &Catalog) -> Changes {
        let name = |page: &PageRecord| (page.collection.clone(), page.path.clone());
        let mut changes = Changes::default();
        for page in after.pages() {
            match before.page(&page.collection, &page.path) {
                None => changes.added.push(name(page)),
                Some(old) if old.hash != page.hash => {
                    changes.changed.push(name(page));
                    changes.renamed.extend(is_renamed(old, page).then(|| name(page)));
                }
                Some(_) => {}
            }
        }
        let gone = |page: &&Arc<PageRecord>| after.page(&page.collection, &page.path).is_none();
        changes.removed = before.pages().iter().filter(gone).map(|page| name(page)).collect();
        changes
    }

    /// Those of the changes that are in some of the collections.
    pub fn only(&self, mut seen: impl FnMut(&str) -> bool) -> Changes {
        let mut of = |pages: &[(String, String)]| {
            pages.iter().filter(|(collection, _)| seen(collection)).cloned().collect()
        };
        Changes {
            added: of(&self.added),
            changed: of(&self.changed),
            removed: of(&self.removed),
            renamed: of(&self.renamed),
        }
    }

    /// Whether a list of pages looks different: pages came or went, or are called otherwise.
    pub fn listed(&self) -> bool {
        !(self.added.is_empty() && self.removed.is_empty() && self.renamed.is_empty())
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// What a run of the indexer did.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// What differs from before.
    pub changes: Changes,
    /// Pages in the index now.
    pub pages: usize,
    /// Sections in the index now.
    pub sections: usize,
    /// Bytes of the files that were read.
    pub bytes: u64,
    /// Files without a page, with the reason.
    pub skipped: Vec<Warning>,
    /// Files that say of themselves that they are drafts, by path.
    pub drafts: Vec<String>,
    /// Files that the system cannot read just now; what is indexed of them stays.
    pub busy: Vec<Warning>,
    /// What the authors should know; the pages are in the index.
    pub warnings: Vec<Warning>,
    /// Seconds from start to the commit.
    pub seconds: f64,
}

/// Whether a page is listed under other words than before.
pub(super) fn is_renamed(old: &PageRecord, new: &PageRecord) -> bool {
    old.title != new.title || old.description != new.description
}
