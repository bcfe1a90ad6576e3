//! Collections that come from git repositories: what their settings say, and how they get here.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressStyle};

use crate::config::{CollectionSettings, Settings};
use crate::corpus::Collection;
use crate::corpus::git::{self, Address, Repository};
use crate::index::Indexer;

/// Time between two pulls, unless set.
const EVERY: Duration = Duration::from_secs(600);
/// The least that can be set: each pull is a request to somebody's server.
const LEAST: Duration = Duration::from_secs(10);
/// How long a fetch may take; the first one brings everything.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a start waits for a first clone while it has something else to serve.
const SOON: Duration = Duration::from_secs(20);

/// Whether the network is asked before anything is served.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pull {
    /// Always.
    Now,
    /// Only for what is not here at all.
    Missing,
    /// As `Missing`, by who goes on pulling: what takes long is left for later, if there is something
    /// else to serve.
    Soon,
}

/// What the settings of a collection say of its repository, checked. Its name is made from the
/// address when there is none.
pub(super) fn options(
    settings: &Settings,
    written: &CollectionSettings,
    address: &str,
    checked_name: impl FnOnce(Option<&str>, &str) -> anyhow::Result<String>,
) -> anyhow::Result<git::Options> {
    let address = Address::parse(address).map_err(anyhow::Error::msg).context("git")?;
    let name = checked_name(written.name.as_deref(), address.name())?;
    let of = |key: &str| format!("collection {name:?}: {key}");
    if let Some(branch) = &written.branch {
        git::check_branch(branch).with_context(|| of("branch"))?;
    }
    let folder = written.folder.as_deref().unwrap_or_default();
    let folder = git::check_folder(folder).with_context(|| of("folder"))?;
    let every = match written.pull.as_deref() {
        None => Some(EVERY),
        Some(text) => interval(text).with_context(|| of("pull"))?,
    };
    let token = match &written.token_file {
        None => None,
        Some(path) => Some(token(path, &address).with_context(|| of("token_file"))?),
    };
    let dir = resolved(&settings.data_dir.value).join("git").join(&name);
    let branch = written.branch.clone();
    Ok(git::Options { name, address, branch, folder, dir, every, patience: PATIENCE, token })
}

/// Refuses what means something only of a repository.
pub(super) fn refuse_without(written: &CollectionSettings) -> anyhow::Result<()> {
    let keys = [
        ("branch", written.branch.is_some()),
        ("folder", written.folder.is_some()),
        ("pull", written.pull.is_some()),
        ("token_file", written.token_file.is_some()),
    ];
    match keys.into_iter().find(|(_, is_set)| *is_set) {
        None => Ok(()),
        Some((key, _)) => {
            bail!("{key} is for docs from a git repository: set git, or take it away")
        }
    }
}

fn interval(text: &str) -> anyhow::Result<Option<Duration>> {
    if text == "off" {
        return Ok(None);
    }
    let every = humantime::parse_duration(text)
        .ok()
        .with_context(|| format!("{text:?} is no time such as 10m, and not off"))?;
    ensure!(every >= LEAST, "{text:?} is too often: at least {} s", LEAST.as_secs());
    Ok(Some(every))
}

fn token(path: &Path, address: &Address) -> anyhow::Result<String> {
    ensure!(address.is_https(), "a token is sent over https alone, and {address} is not https");
    let token =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let token = token.trim();
    let plain = !token.is_empty() && !token.contains(|c: char| c.is_control() || c == ' ');
    ensure!(plain, "{} holds no token", path.display());
    Ok(token.to_owned())
}

/// A path as it is once it is made: links in the part of it that is there are followed.
pub(super) fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let real = path.ancestors().find_map(|above| {
        let rest = path.strip_prefix(above).ok()?;
        let real = plain(above.canonicalize().ok()?);
        // Joined with nothing it would end with a separator.
        Some(if rest.as_os_str().is_empty() { real } else { real.join(rest) })
    });
    real.unwrap_or(path)
}

/// A path as git takes it. On Windows links are resolved to `\\?\C:\…`, which it does not.
fn plain(path: PathBuf) -> PathBuf {
    let short = path.to_str().filter(|_| cfg!(windows)).and_then(without_prefix);
    short.map(PathBuf::from).unwrap_or(path)
}

/// What stands in a path of Windows after the prefix that switches off the rules of paths.
fn without_prefix(path: &str) -> Option<String> {
    let rest = path.strip_prefix(r"\\?\")?;
    Some(match rest.strip_prefix(r"UNC\") {
        Some(share) => format!(r"\\{share}"),
        None => rest.to_owned(),
    })
}

/// The repositories of the collections that come from one.
pub(super) fn repositories(settings: &Settings) -> anyhow::Result<Vec<Arc<Repository>>> {
    let mut found = Vec::new();
    for written in &settings.collections {
        if let Some(address) = &written.git {
            let options = options(settings, written, address, super::collections::name)?;
            found.push(Arc::new(Repository::new(options)));
        }
    }
    Ok(found)
}

/// Gets the files of all repositories into order for the indexer, and those that are not here.
///
/// # Errors
///
/// There is no git. A pull that is wanted in any case and fails; one that fails while there is
/// nothing else to serve: with other collections it is tried again later.
pub(super) fn prepare(
    repositories: &[Arc<Repository>],
    collections: &[Collection],
    indexer: &mut Indexer,
    pull: Pull,
    show: bool,
) -> anyhow::Result<()> {
    if !repositories.is_empty() {
        git::check_program()?;
    }
    let mut missing = Vec::new();
    for repository in repositories {
        // What the disk said is told; a pull may mend it, and fails for the same reason otherwise.
        let commit = match (repository.settle().unwrap_or_default(), pull) {
            (_, Pull::Now) => Some(pulled(repository, PATIENCE, show)?),
            (commit, Pull::Missing | Pull::Soon) => commit,
        };
        if commit.is_none() {
            missing.push(repository);
        }
        indexer.set_commit(repository.name(), commit);
    }
    let is_empty = indexer.index().snapshot().stamp().pages() == 0;
    let patience = match pull {
        Pull::Soon if collections.len() > 1 || !is_empty => SOON,
        _ => PATIENCE,
    };
    let mut failed = first(&missing, patience, indexer, show);
    // One host that is down must not take the docs of all others along. What was indexed earlier is
    // served, too.
    let nothing = is_empty && failed.len() == collections.len();
    if nothing && patience == SOON {
        failed = first(&missing, PATIENCE, indexer, show);
    }
    let nothing = is_empty && failed.len() == collections.len();
    for error in failed {
        if nothing {
            return Err(error);
        }
        eprintln!("{error:#}; going on without it");
    }
    Ok(())
}

/// Clones what is not here; the errors of those that cannot be had.
fn first(
    missing: &[&Arc<Repository>],
    patience: Duration,
    indexer: &mut Indexer,
    show: bool,
) -> Vec<anyhow::Error> {
    let mut failed = Vec::new();
    for repository in missing {
        match pulled(repository, patience, show) {
            Ok(commit) => indexer.set_commit(repository.name(), Some(commit)),
            Err(error) => failed.push(error),
        }
    }
    failed
}

/// Pulls now, and shows how far it is.
///
/// # Errors
///
/// In git's words.
pub(super) fn pull_now(repository: &Repository) -> anyhow::Result<()> {
    repository.settle()?;
    pulled(repository, PATIENCE, true).map(drop)
}

/// Pulls, and shows how far it is; the commit that is there then.
fn pulled(repository: &Repository, patience: Duration, show: bool) -> anyhow::Result<String> {
    let failed = || format!("cannot pull {}", repository.address());
    fetch(repository, patience, show).with_context(failed)?;
    repository.check_out();
    let standing = repository.standing();
    match repository.problem() {
        Some(problem) => Err(anyhow::anyhow!(problem)).with_context(failed),
        None => standing.commit.with_context(failed),
    }
}

fn fetch(repository: &Repository, patience: Duration, show: bool) -> anyhow::Result<()> {
    let address = repository.address();
    if !show || !std::io::stderr().is_terminal() {
        if show {
            eprintln!("pulling {address}");
        }
        return repository.fetch_within(patience, &|_| {}).map(drop);
    }
    let bar = ProgressBar::new_spinner();
    bar.set_style(ProgressStyle::with_template("{spinner} {prefix}  {msg}")?);
    bar.set_prefix(format!("pulling {address}"));
    bar.enable_steady_tick(Duration::from_millis(100));
    let tell = |line: &str| bar.set_message(line.trim().to_owned());
    let fetched = repository.fetch_within(patience, &tell);
    bar.finish_and_clear();
    fetched.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pulls_are_not_too_often() {
        assert_eq!(interval("10m").unwrap(), Some(EVERY));
        assert_eq!(interval("off").unwrap(), None);
        for bad in ["", "9s", "often", "0"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_path_is_the_same_before_and_after_it_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let before = resolved(&path);
        std::fs::create_dir_all(&path).unwrap();
        assert_eq!(before, plain(path.canonicalize().unwrap()));
        assert_eq!(before, resolved(&path));
    }

    #[test]
    fn git_is_given_paths_of_windows_as_people_write_them() {
        for (path, expected) in [
            (r"\\?\C:\docs\index", Some(r"C:\docs\index")),
            (r"\\?\UNC\files\docs", Some(r"\\files\docs")),
            (r"C:\docs", None),
            ("/srv/docs", None),
        ] {
            assert_eq!(without_prefix(path).as_deref(), expected, "{path}");
        }
    }
}
