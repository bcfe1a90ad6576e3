//! Why a folder that looks full has no pages: files that its owner's own rules keep out.

use std::ops::Add;

use ignore::WalkBuilder;

use super::walk::{Filter, Ground};
use super::{Collection, Reader};

/// Files of the kinds that are read, counted by what keeps them out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// `include` or `exclude`.
    pub by_globs: usize,
    /// An ignore file.
    pub by_ignore_files: usize,
    /// Something in the file: it was looked at.
    pub otherwise: usize,
}

impl Add for LeftOut {
    type Output = LeftOut;

    fn add(self, other: LeftOut) -> LeftOut {
        LeftOut {
            by_globs: self.by_globs + other.by_globs,
            by_ignore_files: self.by_ignore_files + other.by_ignore_files,
            otherwise: self.otherwise + other.otherwise,
        }
    }
}

/// Counts the files of a collection that has no pages. Hidden ones are never meant as docs, and
/// links are not followed: what is told of a missing page is in the folder itself.
pub fn left_out(collection: &Collection) -> LeftOut {
    let mut found = LeftOut::default();
    let without_globs =
        Collection { include: Vec::new(), exclude: Vec::new(), ..collection.clone() };
    let (every, _) = Filter::new(&without_globs);
    let (chosen, _) = Filter::new(collection);
    let reader = Reader::new(collection);
    let ground = Ground::of(collection);
    let root = ground.root.clone();
    let all = WalkBuilder::new(&root)
        .standard_filters(false)
        .hidden(true)
        .filter_entry(move |entry| {
            entry.file_name() != "node_modules" && ground.holds(entry.path())
        })
        .build();
    for entry in all.flatten() {
        let Ok(path) = entry.path().strip_prefix(&root) else { continue };
        let path = path.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
        if entry.file_type().is_none_or(|kind| kind.is_dir()) || !every.accepts(&path) {
            continue;
        }
        if !chosen.accepts(&path) {
            found.by_globs += 1;
        } else if !reader.accepts(&path) {
            found.by_ignore_files += 1;
        } else {
            found.otherwise += 1;
        }
    }
    found
}
