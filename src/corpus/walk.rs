//! Finding the files of a collection on disk, without ever leaving its folder.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

use globset::{Glob, GlobSet, GlobSetBuilder};
use ignore::{DirEntry, WalkBuilder, WalkState};

use super::{Collection, Warning};

/// Bytes a file may have; the largest page of the corpora we measure with has 1.2 MB.
pub(super) const MAX_FILE_BYTES: u64 = 8 << 20;
/// Folders a file may lie in; a path of this depth is no longer docs.
const MAX_DEPTH: usize = 64;
/// Bytes a path may have, as most file systems have it.
const MAX_PATH_BYTES: usize = 4096;
/// Kinds of files that are read, by extension.
const KINDS: [&str; 6] = ["md", "markdown", "mdx", "txt", "rst", "adoc"];

/// A file that [`walk`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Relative to the collection's root, with `/`.
    pub path: String,
    /// In bytes.
    pub size: u64,
    /// When it last changed, if the file system tells.
    pub modified: Option<SystemTime>,
}

/// What [`walk`] found, and what it passed over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Walk {
    /// Sorted by path.
    pub files: Vec<File>,
    /// Files and folders that look like docs but are not read.
    pub warnings: Vec<Warning>,
    /// Folders and ignore files that the system cannot read just now: what is missing in `files`
    /// may be there, and what is in them may be none of it.
    pub busy: Vec<Warning>,
}

/// Lists the files of a collection.
pub fn walk(collection: &Collection) -> Walk {
    let (filter, mut warnings) = Filter::new(collection);
    if collection.root.canonicalize().is_err() {
        let message = "the folder cannot be read".to_owned();
        warnings.push(Warning { path: String::new(), line: 0, message });
        return Walk { warnings, ..Walk::default() };
    }
    let ground = Ground::of(collection);
    let found = Mutex::new(Vec::new());
    walker(&ground, &filter).build_parallel().run(|| {
        // Each thread keeps its own list and hands it over once.
        let mut local = Local { found: &found, entries: Vec::new() };
        let (ground, filter) = (&ground, &filter);
        Box::new(move |entry| {
            if let Some(outcome) = look(ground, filter, entry) {
                local.entries.push(outcome);
            }
            WalkState::Continue
        })
    });
    let outcomes = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut files = Vec::with_capacity(outcomes.len());
    let mut busy = Vec::new();
    for outcome in outcomes {
        match outcome {
            Found::File(file) => files.push(file),
            Found::Odd(warning) => warnings.push(warning),
            Found::Busy(warning) => busy.push(warning),
        }
    }
    files.sort_unstable_by(|a: &File, b: &File| a.path.cmp(&b.path));
    files.dedup_by(|a, b| a.path == b.path);
    warnings.sort_unstable_by(|a, b| (&a.path, &a.message).cmp(&(&b.path, &b.message)));
    Walk { files, warnings, busy }
}

/// What an entry turned out to be.
enum Found {
    File(File),
    Odd(Warning),
    Busy(Warning),
}

struct Local<'a> {
    found: &'a Mutex<Vec<Found>>,
    entries: Vec<Found>,
}

impl Drop for Local<'_> {
    fn drop(&mut self) {
        if let Ok(mut found) = self.found.lock() {
            found.append(&mut self.entries);
        }
    }
}

fn walker(ground: &Ground, filter: &Filter) -> WalkBuilder {
    let mut builder = WalkBuilder::new(&ground.root);
    let (ground, node_modules) = (ground.clone(), filter.node_modules);
    builder
        .threads(std::thread::available_parallelism().map_or(1, |n| n.get().min(4)))
        // Rules of folders above the root are somebody else's: a docs folder that a parent's
        // .gitignore leaves out was still named by its owner.
        .parents(false)
        .require_git(false)
        .git_global(false)
        .ignore(false)
        .add_custom_ignore_filename(".docentignore")
        // Links are followed by the walker, which knows about loops; the ground keeps them in.
        .follow_links(true)
        .max_depth(Some(MAX_DEPTH))
        .filter_entry(move |entry| enter(&ground, node_modules, entry));
    builder
}

/// May the walk go on with this entry? Folders are decided here, once each.
fn enter(ground: &Ground, node_modules: bool, entry: &DirEntry) -> bool {
    if entry.file_name() == "node_modules" && !node_modules {
        return false;
    }
    let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
    // The data folder may be below a link that was followed: its name tells whom to ask the system of.
    let may_leave = entry.path_is_symlink() || ground.names_without(entry.file_name());
    !is_folder || !may_leave || ground.has(entry.path())
}

/// What of the disk a collection is read from: its folder, without docent's own data in it.
#[derive(Debug, Clone)]
pub(super) struct Ground {
    /// The folder, with all links resolved.
    pub(super) root: PathBuf,
    without: Option<PathBuf>,
}

impl Ground {
    pub(super) fn of(collection: &Collection) -> Ground {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        let root = real(&collection.root);
        // The clone of a repository lies in the data folder, and not the other way round.
        let within = |dir: &PathBuf| *dir != root && dir.starts_with(&root);
        let without = collection.data_dir.as_ref().map(real).filter(within);
        Ground { root, without }
    }

    /// Does a path without links lie in it? Compared by components, so that `/srv/docs-private` is
    /// not in `/srv/docs`.
    pub(super) fn holds(&self, real: &Path) -> bool {
        let is_own = self.without.as_ref().is_some_and(|dir| real.starts_with(dir));
        real.starts_with(&self.root) && !is_own
    }

    /// Does `path`, with all links resolved, lie in it?
    pub(super) fn has(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.holds(&real))
    }

    fn names_without(&self, name: &OsStr) -> bool {
        self.without.as_ref().is_some_and(|dir| dir.file_name() == Some(name))
    }
}

/// A file, a warning, or nothing of interest.
fn look(ground: &Ground, filter: &Filter, entry: Result<DirEntry, ignore::Error>) -> Option<Found> {
    let root = &ground.root;
    let entry = match entry {
        Ok(entry) => entry,
        Err(error) => return broken(root, &error),
    };
    // An ignore file that cannot be read just now would let in what it keeps out.
    if let Some(error) = entry.error().and_then(passing) {
        let path = printable(&entry.path().strip_prefix(root).ok()?.to_string_lossy());
        return Some(Found::Busy(Warning { path, line: 0, message: error.to_string() }));
    }
    let kind = entry.file_type()?;
    let relative = entry.path().strip_prefix(root).ok()?;
    let warn = |message: &str| {
        let path = printable(&relative.to_string_lossy());
        Some(Found::Odd(Warning { path, line: 0, message: message.to_owned() }))
    };
    if kind.is_dir() {
        let cut = entry.depth() >= MAX_DEPTH;
        return if cut { warn("folder is too deep, not read") } else { None };
    }
    if !has_kind(entry.path()) {
        return None;
    }
    let Some(path) = plain_path(relative) else {
        return warn("file name is not plain UTF-8, not read");
    };
    if !filter.matches(&path) {
        return None;
    }
    if !kind.is_file() {
        return warn("not a regular file, not read");
    }
    if entry.path_is_symlink() && !ground.has(entry.path()) {
        return warn("link leads outside the folder, not read");
    }
    let meta = match entry.metadata() {
        Ok(meta) => meta,
        Err(_) if is_gone(entry.path()) => return None,
        Err(_) => return warn("file cannot be read"),
    };
    if meta.len() > MAX_FILE_BYTES {
        return warn("file is larger than 8 MiB, not read");
    }
    Some(Found::File(File { path, size: meta.len(), modified: meta.modified().ok() }))
}

/// Names an entry that the walker could not look at: a dangling link, a loop, no permission.
fn broken(root: &Path, error: &ignore::Error) -> Option<Found> {
    fn path_of(error: &ignore::Error) -> Option<PathBuf> {
        match error {
            ignore::Error::WithPath { path, .. } => Some(path.clone()),
            ignore::Error::Loop { child, .. } => Some(child.clone()),
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
                path_of(err)
            }
            _ => None,
        }
    }
    let path = path_of(error)?;
    let relative = path.strip_prefix(root).ok()?;
    if let Some(error) = passing(error) {
        let path = printable(&relative.to_string_lossy());
        return Some(Found::Busy(Warning { path, line: 0, message: error.to_string() }));
    }
    if is_gone(&path) {
        return None;
    }
    let message = if matches!(error, ignore::Error::Partial(_)) {
        "ignore file has a broken line"
    } else if relative.as_os_str().is_empty() {
        "the folder cannot be read"
    } else {
        "cannot be read (broken link, loop or no permission)"
    };
    let path = printable(&relative.to_string_lossy());
    Some(Found::Odd(Warning { path, line: 0, message: message.to_owned() }))
}

/// Was it deleted since it was listed? A link that leads nowhere is still there.
fn is_gone(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// What of an error will pass by itself.
fn passing(error: &ignore::Error) -> Option<&std::io::Error> {
    match error {
        ignore::Error::Partial(errors) => errors.iter().find_map(passing),
        ignore::Error::Io(error) => will_pass(error).then_some(error),
        ignore::Error::WithLineNumber { err, .. }
        | ignore::Error::WithPath { err, .. }
        | ignore::Error::WithDepth { err, .. } => passing(err),
        _ => None,
    }
}

/// Does the error say something of the system at this moment, not of the file?
pub(super) fn will_pass(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{OutOfMemory, StaleNetworkFileHandle, TimedOut};
    // ENFILE and EMFILE, the same numbers on all kinds of Unix; there is no `ErrorKind` for them.
    let out_of_descriptors = cfg!(unix) && matches!(error.raw_os_error(), Some(23 | 24));
    out_of_descriptors || matches!(error.kind(), OutOfMemory | StaleNetworkFileHandle | TimedOut)
}

/// Is it one of the kinds of files we read?
fn has_kind(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|it| KINDS.iter().any(|kind| it.eq_ignore_ascii_case(kind)))
}

/// A relative path with `/`, if it is UTF-8 and could stand in a URI and in a log unescaped.
fn plain_path(relative: &Path) -> Option<String> {
    let path = relative.to_str()?;
    let path = if cfg!(windows) { path.replace('\\', "/") } else { path.to_owned() };
    is_plain(&path).then_some(path)
}

/// Are there no characters in it that a reader of a log cannot see?
pub(super) fn is_plain(path: &str) -> bool {
    path.len() <= MAX_PATH_BYTES && !path.chars().any(super::dialect::is_invisible)
}

fn printable(path: &str) -> String {
    path.chars().map(|c| if super::dialect::is_invisible(c) { '\u{fffd}' } else { c }).collect()
}

/// A collection's globs and rules about names.
pub(super) struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
    node_modules: bool,
}

impl Filter {
    pub(super) fn new(collection: &Collection) -> (Filter, Vec<Warning>) {
        let mut warnings = Vec::new();
        let include = globs(&collection.include, &mut warnings);
        let filter = Filter {
            include: (!collection.include.is_empty()).then_some(include),
            exclude: globs(&collection.exclude, &mut warnings),
            node_modules: collection.include.iter().any(|glob| glob.contains("node_modules")),
        };
        (filter, warnings)
    }

    fn matches(&self, path: &str) -> bool {
        self.include.as_ref().is_none_or(|set| set.is_match(path)) && !self.exclude.is_match(path)
    }

    /// Would a file of this path be listed, ignore files aside?
    pub(super) fn accepts(&self, path: &str) -> bool {
        let plain = |part: &str| {
            let hidden = part.is_empty() || part.starts_with('.');
            !hidden && (self.node_modules || part != "node_modules")
        };
        path.split('/').all(plain)
            && path.split('/').count() <= MAX_DEPTH
            && is_plain(path)
            && has_kind(Path::new(path))
            && self.matches(path)
    }
}

/// Whether a pattern of `include` or `exclude` can be read.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_glob(pattern: &str) -> Result<(), String> {
    glob(pattern).map(drop).map_err(|error| error.kind().to_string())
}

/// The pattern itself, and all that is below: a folder's name stands for what is in it.
fn glob(pattern: &str) -> Result<[Glob; 2], globset::Error> {
    let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
    let whole = format!("{}/**", pattern.trim_end_matches('/'));
    Ok([Glob::new(pattern)?, Glob::new(&whole)?])
}

fn globs(patterns: &[String], warnings: &mut Vec<Warning>) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        match glob(pattern) {
            Ok(globs) => {
                for glob in globs {
                    builder.add(glob);
                }
            }
            Err(_) => {
                let message = format!("`{}` is not a glob", printable(pattern));
                warnings.push(Warning { path: String::new(), line: 0, message });
            }
        }
    }
    builder.build().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn no_file_is_to_blame_for_a_lack_of_file_descriptors() {
        let of = |number| std::io::Error::from_raw_os_error(number);
        for (number, passes) in [(24, true), (23, true), (2, false), (13, false), (5, false)] {
            assert_eq!(will_pass(&of(number)), passes, "{}", of(number));
            let error = ignore::Error::WithDepth { depth: 1, err: Box::new(of(number).into()) };
            assert_eq!(passing(&error).is_some(), passes, "{}", of(number));
        }
    }
}
