//! What callers are shown before they ask, of everybody who was met: made once, and made anew when a
//! snapshot that is followed brings other collections.

use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::CacheScope;
use rustc_hash::FxHashMap;

use super::face::Face;
use super::links::Links;
use super::scope::Scope;
use crate::index::Snapshot;

/// What everybody is shown, until there are other collections.
pub(super) struct Shown {
    /// Of everything.
    links: Links,
    feedback: bool,
    /// For whoever came through an open door.
    face: Arc<Face>,
    /// Those of the scopes that were met.
    faces: Mutex<FxHashMap<Scope, Arc<Face>>>,
}

impl Shown {
    /// Of these collections; whether callers may say something of the docs is the owner's wish.
    pub(super) fn new(links: Links, snapshot: &Snapshot, feedback: bool) -> Shown {
        let face = Face::new(Scope::default(), &links, snapshot, CacheScope::Public, feedback);
        Shown { links, feedback, face: Arc::new(face), faces: Mutex::default() }
    }

    /// The same of other collections, at the same address.
    pub(super) fn with(&self, links: Links, snapshot: &Snapshot) -> Shown {
        Shown::new(links, snapshot, self.feedback)
    }

    /// The links of all collections.
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    /// For who came through an open door.
    pub(super) fn to_everybody(&self) -> Arc<Face> {
        self.face.clone()
    }

    /// For callers of a scope.
    pub(super) fn within(&self, scope: &Scope, snapshot: &Snapshot) -> Arc<Face> {
        let mut faces = self.faces.lock().unwrap_or_else(PoisonError::into_inner);
        let known = faces.get(scope).cloned();
        known.unwrap_or_else(|| {
            let (own, cache) = (scope.clone(), CacheScope::Private);
            let face = Arc::new(Face::new(own, &self.links, snapshot, cache, self.feedback));
            faces.insert(scope.clone(), face.clone());
            face
        })
    }
}

/// A snapshot that is served, and how following it goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Followed {
    /// Its name.
    pub id: String,
    /// When it was published, in seconds since 1970.
    pub published: u64,
    /// When a look for a newer one last succeeded, in seconds since 1970; none since the start.
    pub looked: Option<u64>,
    /// Looks that failed, and snapshots that could not be taken, since the start.
    pub failures: u64,
}
