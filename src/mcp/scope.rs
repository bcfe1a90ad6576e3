//! What a caller may see and do, where that is not everything.
//!
//! What a tool brings comes by no other way, either. Without `fetch` there are no resources and no
//! pages for people; without `outline` nothing lists them. Prompts are no documents, and are there
//! for everybody who sees their collection.

use super::{fetch, outline};

/// Which collections a caller sees, and which tools it has; none is all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scope {
    /// Names of collections. Those that are not served count for nothing.
    pub collections: Option<Vec<String>>,
    /// Names of tools.
    pub tools: Option<Vec<String>>,
}

impl Scope {
    /// Whether the caller sees a collection.
    pub(super) fn shows(&self, collection: &str) -> bool {
        let names = self.collections.as_ref();
        names.is_none_or(|names| names.iter().any(|name| name == collection))
    }

    /// Whether the caller has a tool.
    pub(super) fn has(&self, tool: &str) -> bool {
        self.tools.as_ref().is_none_or(|tools| tools.iter().any(|name| name == tool))
    }

    /// Whether the caller may read pages.
    pub(crate) fn reads(&self) -> bool {
        self.has(fetch::NAME)
    }

    /// Whether the caller may have lists of the pages that it may read.
    pub(crate) fn lists(&self) -> bool {
        self.reads() && self.has(outline::NAME)
    }
}
