//! What `serve` and `stdio` share: an index that is ready, docs that follow it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::bail;

use super::observe::Observed;
use super::repositories::{self, Pull};
use super::{collections, index};
use crate::config::{Settings, WatchMode};
use crate::corpus::git::Repository;
use crate::corpus::{Collection, Watch};
use crate::index::{Follow, Held, Index, Indexer, News, OpenError, Unwritable};
use crate::mcp::{Docs, Links};
use crate::usage::Metrics;

/// What happens when another process holds the index.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Second {
    /// It is an error: one server is enough.
    Refuse,
    /// Its index is read: every session of an assistant starts a docent of its own.
    Share,
}

/// Opens or builds the index and starts to follow the docs.
pub(super) fn start(
    settings: &Settings,
    command: &'static str,
    web: Option<String>,
    second: Second,
    observed: &Arc<Observed>,
) -> anyhow::Result<Docs> {
    let owner = observed.owner(settings);
    let collections = collections::collections(settings)?;
    let repositories = repositories::repositories(settings)?;
    for concern in repositories.iter().filter_map(|repository| repository.address().concern()) {
        tracing::warn!("{concern}");
    }
    let data_dir = &settings.data_dir.value;
    match Indexer::open(data_dir, &collections, command) {
        Ok((mut indexer, reason)) => {
            repositories::prepare(&repositories, &collections, &mut indexer, Pull::Soon, true)?;
            match &reason {
                Some(reason) => index::build(&mut indexer, &collections, reason)?,
                None => index::fill(&mut indexer, &collections)?,
            }
            indexer.index().embed_in_background()?;
            let links = Links::new(collections::shelves(&collections), web);
            let docs = Docs::of(indexer.index().clone(), links, owner);
            let follow =
                follow(settings, &docs, &collections, repositories, observed.metrics().clone());
            std::thread::Builder::new().name("follow".into()).spawn(move || follow.run(indexer))?;
            Ok(docs)
        }
        Err(error)
            if error.is::<Unwritable>() || (second == Second::Share && error.is::<Held>()) =>
        {
            let index = Arc::new(if error.is::<Held>() {
                tracing::info!("{error}; reading it beside");
                wait_for(data_dir, &collections)?
            } else {
                let index = index::open_as_it_is(data_dir, &collections, &error)?;
                tracing::warn!("{error}; serving the index as it is, without following the docs");
                index
            });
            index.embed_in_background()?;
            let links = Links::new(collections::shelves(&collections), web);
            let docs = Docs::of(index.clone(), links, owner);
            let follow =
                follow(settings, &docs, &collections, repositories, observed.metrics().clone());
            std::thread::Builder::new()
                .name("follow".into())
                .spawn(move || follow.run_beside(index, &collections, command))?;
            Ok(docs)
        }
        Err(error) => Err(error),
    }
}

/// The index that another process is making.
fn wait_for(data_dir: &Path, collections: &[Collection]) -> anyhow::Result<Index> {
    let started = std::time::Instant::now();
    loop {
        match Index::open(data_dir, collections) {
            Ok(index) => return Ok(index),
            Err(OpenError::Stale(reason)) if !reason.contains("half-written") => bail!(
                "another docent holds {} and its index does not fit: {reason}; set another --data-dir",
                data_dir.display()
            ),
            Err(_) if started.elapsed().as_secs() < 120 => {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            Err(error) => {
                bail!("another docent holds {} and makes no index: {error}", data_dir.display())
            }
        }
    }
}

fn follow(
    settings: &Settings,
    docs: &Docs,
    collections: &[Collection],
    repositories: Vec<Arc<Repository>>,
    metrics: Arc<Metrics>,
) -> Follow {
    docs.set_repositories(repositories.clone());
    let docs = docs.clone();
    // Paths of this machine are for the log; clients know the collections by their names.
    let mut names = vec![(settings.data_dir.value.clone(), "the data folder")];
    names.extend(collections.iter().map(|c| (c.root.clone(), c.name.as_str())));
    let names: Vec<(String, String)> =
        names.into_iter().map(|(path, name)| (path.display().to_string(), name.into())).collect();
    let followed = AtomicBool::new(false);
    let tell = move |news| match news {
        News::Moved(report) => {
            metrics.reloaded("changed");
            let changes = &report.changes;
            tracing::info!(
                added = changes.added.len(),
                changed = changes.changed.len(),
                removed = changes.removed.len(),
                pages = report.pages,
                ms = (report.seconds * 1000.0).round(),
                "docs changed"
            );
            for warning in report.skipped.iter().take(20) {
                tracing::warn!("{}: {}", warning.path, warning.message);
            }
            docs.announce(report.changes);
        }
        News::Trouble(problem) => {
            let hide = |told: String, (path, name): &(String, String)| told.replace(path, name);
            let told = names.iter().fold(problem.clone(), hide);
            let sentence = format!(
                "The docs cannot be followed just now ({told}); this is what was indexed before."
            );
            // First what is answered, then the log: whoever reads the log may ask at once.
            let before = docs.problem();
            docs.set_problem(Some(sentence.clone()));
            if before != Some(sentence) {
                metrics.reloaded("failed");
                tracing::error!("{problem}; serving what is indexed");
            }
        }
        News::Damaged(reason) => {
            if docs.problem().is_none() {
                metrics.reloaded("damaged");
                docs.set_problem(Some(
                    "The index is damaged and is being made again; answers may lack something."
                        .into(),
                ));
                tracing::warn!("making the index again: {reason}");
            }
        }
        News::Following => {
            let before = docs.problem();
            docs.set_problem(None);
            if before.is_some() {
                tracing::info!("the docs can be followed again");
            }
            if !followed.swap(true, Ordering::Relaxed) {
                tracing::info!("following the docs");
            }
        }
    };
    Follow {
        watch: match settings.watch.value {
            WatchMode::Auto => Watch::Auto,
            WatchMode::Events => Watch::Events,
            WatchMode::Poll => Watch::Poll,
            WatchMode::Off => Watch::Off,
        },
        interval: settings.poll_interval.value,
        repositories,
        stop: Arc::new(AtomicBool::new(false)),
        tell: Box::new(tell),
    }
}
