//! Notices changes in docs folders, and hands them out in batches that belong together.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RemoveKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};

use super::Collection;
use super::walk::Ground;

/// A batch ends when nothing happened for this long: editors write a file in several steps.
const QUIET: Duration = Duration::from_millis(40);
/// A batch of few files ends after this long in any case: a file that is written all the time
/// must not hold up the others.
const FEW_LIMIT: Duration = Duration::from_millis(200);
/// Above this many files it is a checkout or a build, and becomes one batch however long it takes.
const FEW: usize = 50;
/// The end of that patience.
const MANY_LIMIT: Duration = Duration::from_secs(10);

/// How changes are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watch {
    /// By events, or by looking where events do not work.
    Auto,
    /// By events only.
    Events,
    /// By looking at all files again and again.
    Poll,
    /// Not at all.
    Off,
}

/// Changes that belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// Files that may differ: (position of the root, path relative to it).
    pub files: BTreeSet<(usize, String)>,
    /// Too much happened, or nobody knows what: everything must be looked at.
    pub rescan: bool,
}

/// Watches some roots.
pub struct Watcher {
    grounds: Vec<(usize, Ground)>,
    /// The folders that stood at the roots when they began to be watched.
    folders: Vec<Option<Identity>>,
    events: Option<Receiver<notify::Result<notify::Event>>>,
    _watcher: Option<RecommendedWatcher>,
    interval: Duration,
    /// When the next look is due where events do not work.
    due: Cell<Instant>,
}

impl Watcher {
    /// Begins to watch the folders of collections, which have numbers; `interval` is the time between two looks where events do not work. The
    /// second value says why they do not, if they were wanted.
    ///
    /// # Errors
    ///
    /// With [`Watch::Events`], what the system said.
    pub fn new(
        collections: &[(usize, Collection)],
        watch: Watch,
        interval: Duration,
    ) -> anyhow::Result<(Watcher, Option<String>)> {
        let ground = |(number, collection): &(usize, Collection)| (*number, Ground::of(collection));
        let grounds: Vec<_> = collections.iter().map(ground).collect();
        let folders = identities(&grounds);
        let mut reason = None;
        let mut watcher = None;
        let wants_events = match watch {
            Watch::Events => true,
            Watch::Auto => {
                let remote =
                    grounds.iter().find_map(|(_, ground)| remote_file_system(&ground.root));
                if let Some(kind) = &remote {
                    reason = Some(format!("the docs are on {kind}, which reports no changes"));
                }
                remote.is_none()
            }
            Watch::Poll | Watch::Off => false,
        };
        if wants_events {
            match listen(&grounds) {
                Ok(listening) => watcher = Some(listening),
                Err(error) if watch == Watch::Events => return Err(error.into()),
                Err(error) => reason = Some(error.to_string()),
            }
        }
        let (watcher, events) = watcher.unzip();
        let due = Cell::new(Instant::now() + interval);
        Ok((Watcher { grounds, folders, events, _watcher: watcher, interval, due }, reason))
    }

    /// Whether another folder stands where one is watched: it was renamed, or something was mounted
    /// there. What happens in the new one is not noticed.
    pub fn is_elsewhere(&self) -> bool {
        identities(&self.grounds) != self.folders
    }

    /// The next batch, or none when nothing happened for `patience`.
    pub fn next(&self, patience: Duration) -> Option<Batch> {
        let Some(events) = &self.events else {
            let left = self.due.get().saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(patience));
            if left > patience {
                return None;
            }
            self.due.set(Instant::now() + self.interval);
            return Some(Batch { rescan: true, ..Batch::default() });
        };
        let mut batch = Batch::default();
        let end = Instant::now() + patience;
        while batch == Batch::default() {
            let left = end.saturating_duration_since(Instant::now());
            match events.recv_timeout(left) {
                Ok(event) => self.note(event, &mut batch),
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => {
                    std::thread::sleep(left);
                    return Some(Batch { rescan: true, ..Batch::default() });
                }
            }
        }
        let started = Instant::now();
        loop {
            let limit =
                if batch.rescan || batch.files.len() > FEW { MANY_LIMIT } else { FEW_LIMIT };
            let left = limit.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            match events.recv_timeout(QUIET.min(left)) {
                Ok(event) => self.note(event, &mut batch),
                Err(_) => break,
            }
        }
        Some(batch)
    }

    fn note(&self, event: notify::Result<notify::Event>, batch: &mut Batch) {
        let Ok(event) = event else {
            batch.rescan = true;
            return;
        };
        if event.need_rescan() {
            batch.rescan = true;
            return;
        }
        let relevant = match event.kind {
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(_)) => false,
            _ => true,
        };
        if !relevant {
            return;
        }
        let came = matches!(
            event.kind,
            EventKind::Create(_)
                | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
        );
        let went_folder = matches!(event.kind, EventKind::Remove(RemoveKind::Folder));
        for path in &event.paths {
            let Some((root, relative)) = self.relative(path) else { continue };
            if relative.is_empty() {
                batch.rescan = true;
                continue;
            }
            let name = relative.rsplit('/').next().unwrap_or(&relative);
            if name == ".gitignore" || name == ".docentignore" {
                batch.rescan = true;
            } else if relative.split('/').any(|part| part.starts_with('.')) {
                // `.git` alone makes hundreds of events with each checkout.
            } else if went_folder || (came && path.is_dir()) {
                batch.rescan = true;
            } else {
                batch.files.insert((root, relative));
            }
        }
    }

    fn relative(&self, path: &Path) -> Option<(usize, String)> {
        let inside = |(number, ground): &(usize, Ground)| {
            let relative = path.strip_prefix(&ground.root).ok().filter(|_| ground.holds(path))?;
            let parts: Option<Vec<&str>> = relative.iter().map(|part| part.to_str()).collect();
            Some((*number, parts?.join("/")))
        };
        self.grounds.iter().find_map(inside)
    }
}

type Listening = (RecommendedWatcher, Receiver<notify::Result<notify::Event>>);

fn listen(grounds: &[(usize, Ground)]) -> notify::Result<Listening> {
    let (sender, events) = channel();
    let mut watcher = notify::recommended_watcher(sender)?;
    for (_, ground) in grounds {
        watcher.watch(&ground.root, RecursiveMode::Recursive)?;
    }
    Ok((watcher, events))
}

/// What tells a folder from another one of the same name: its device and number.
type Identity = (u64, u64);

fn identities(grounds: &[(usize, Ground)]) -> Vec<Option<Identity>> {
    grounds.iter().map(|(_, ground)| identity(&ground.root)).collect()
}

#[cfg(unix)]
fn identity(root: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(root).ok().map(|folder| (folder.dev(), folder.ino()))
}

/// There it cannot be told: a folder that is watched cannot be renamed either.
#[cfg(not(unix))]
fn identity(_: &Path) -> Option<Identity> {
    None
}

/// The kind of a network file system, where changes made elsewhere cause no events here.
fn remote_file_system(root: &Path) -> Option<String> {
    let mounts = std::fs::read_to_string("/proc/self/mounts").ok()?;
    let mut best: (usize, &str) = (0, "");
    for line in mounts.lines() {
        let mut words = line.split(' ');
        let (Some(_), Some(point), Some(kind)) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        if root.starts_with(point.replace("\\040", " ")) && point.len() >= best.0 {
            best = (point.len(), kind);
        }
    }
    let remote = [
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "fuse.sshfs",
        "fuse.s3fs",
        "virtiofs",
        "vboxsf",
        "ceph",
        "fuse.grpcfuse",
    ];
    remote.contains(&best.1).then(|| best.1.to_owned())
}
