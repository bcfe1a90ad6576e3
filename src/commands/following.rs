//! `docent serve --follow`: snapshots that somebody else publishes, in place of docs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow, ensure};

use super::observe::Observed;
use crate::config::{Setting, Settings, Source};
use crate::index::{Held, Index, Unwritable};
use crate::mcp::{Docs, Followed, Links, Shelf};
use crate::snapshots::{self, Cause, Described, Follower, Manifest, News, Taken, Trouble};
use crate::usage::Metrics;

/// Finds what is wrong with the settings of it, before anything is begun; whether snapshots are
/// followed at all.
pub(super) fn check(settings: &Settings) -> anyhow::Result<bool> {
    let Setting { value, source } = &settings.follow;
    let Some(address) = value else { return Ok(false) };
    let named = || match source {
        Source::File(file) => format!("{}: follow", file.display()),
        other => other.to_string(),
    };
    snapshots::check_apart(address, &settings.data_dir.value).with_context(named)?;
    ensure!(
        settings.docs.is_none(),
        "{}: who follows snapshots serves no docs folder: name the one or the other",
        named()
    );
    Ok(true)
}

/// How often one who waits for another process looks.
const TICK: Duration = Duration::from_millis(250);

/// Brings the first snapshot here and starts to follow; `waits` is set as long as there is none. Of
/// several sessions of assistants the first one follows, and the others read what that brings.
///
/// # Errors
///
/// The place cannot be looked at and there is nothing here; the data folder cannot be used.
pub(super) fn start(
    settings: &Settings,
    command: &'static str,
    web: Option<String>,
    observed: &Arc<Observed>,
    waits: &AtomicBool,
) -> anyhow::Result<Docs> {
    let address = settings.follow.value.as_deref().context("no snapshots are followed")?;
    let webhooks = settings.git.webhook_secret_file.value.is_some();
    if webhooks || settings.collections.iter().any(|collection| collection.git.is_some()) {
        tracing::info!(
            "repositories and webhooks are for whoever publishes: nothing is pulled here"
        );
    }
    let data_dir = &settings.data_dir.value;
    let interval = settings.follow_interval.value;
    let first = |follower: &mut Follower| {
        let taken = follower.first(&|trouble: &Trouble| {
            tracing::warn!("waiting: {trouble}");
            waits.store(true, Ordering::Relaxed);
        });
        waits.store(false, Ordering::Relaxed);
        taken
    };
    // With a follower of its own, or beside that of another process.
    let mut follower = None;
    let mut told_of = false;
    let (Taken { manifest, index }, trouble) = loop {
        match Follower::new(address, interval, data_dir, command) {
            Ok(own) => break first(follower.insert(own))?,
            Err(error) if command == "stdio" && error.is::<Held>() => {
                if let Ok(Some(taken)) = snapshots::newest_here(data_dir, address) {
                    tracing::info!("{error}: serving what that brings");
                    break (taken, None);
                }
                if !std::mem::replace(&mut told_of, true) {
                    tracing::warn!("waiting: {error}, and brought no snapshot yet");
                }
                waits.store(true, Ordering::Relaxed);
                std::thread::sleep(TICK);
            }
            Err(error) => return Err(refused(error)),
        }
    };
    waits.store(false, Ordering::Relaxed);
    let index = Arc::new(index);
    if let Some(follower) = &follower {
        follower.bring_vectors(&manifest, &index);
    }
    index.embed_in_background()?;
    let links = Links::new(shelves(&manifest.collections), web);
    let docs = Docs::of(index.clone(), links, observed.owner(settings));
    let told = Told::new(docs.clone(), observed.metrics().clone(), &manifest);
    tracing::info!(
        id = manifest.id,
        pages = index.snapshot().stamp().pages(),
        "following {address}"
    );
    if let Some(trouble) = trouble {
        told.hear(News::Trouble(trouble));
    } else {
        told.hear(News::Current);
    }
    let beside = Beside { address: address.to_owned(), data_dir: data_dir.clone(), interval };
    let follow = move || {
        let follower = follower.unwrap_or_else(|| beside.read(&index, &told, manifest.id));
        follower.run(&index, &|news| told.hear(news))
    };
    std::thread::Builder::new().name("follow".into()).spawn(follow)?;
    Ok(docs)
}

/// One who reads what the follower of another process brings.
struct Beside {
    address: String,
    data_dir: PathBuf,
    interval: Duration,
}

impl Beside {
    /// Reads until that process ends, and follows then.
    fn read(&self, served: &Arc<Index>, told: &Told, mut id: String) -> Follower {
        loop {
            std::thread::sleep(self.interval);
            let (address, data_dir) = (&self.address, &self.data_dir);
            if let Ok(follower) = Follower::new(address, self.interval, data_dir, "stdio") {
                return follower;
            }
            match snapshots::newest_here(data_dir, address) {
                Ok(Some(Taken { manifest, index })) if manifest.id != id => {
                    match served.move_to(&index) {
                        Ok(changes) => {
                            id.clone_from(&manifest.id);
                            told.hear(News::Moved(Box::new(manifest), changes));
                        }
                        Err(error) => tracing::debug!("{} cannot be read: {error:#}", manifest.id),
                    }
                }
                Ok(Some(_)) => told.hear(News::Current),
                Ok(None) => {}
                // It may be deleted just now.
                Err(error) => tracing::debug!("the snapshots cannot be read just now: {error:#}"),
            }
        }
    }
}

/// The docs of the snapshot that is in the data folder, for commands that only ask; none where no
/// snapshots are followed, or none is here yet.
pub(super) fn here(settings: &Settings, web: Option<String>) -> anyhow::Result<Option<Docs>> {
    let Some(Taken { manifest, index }) = newest(settings)? else { return Ok(None) };
    if let Err(error) = index.load_model() {
        eprintln!("searching by words alone, because the model does not load: {error:#}");
    }
    let links = Links::new(shelves(&manifest.collections), web);
    Ok(Some(Docs::new(Arc::new(index), links)))
}

/// The collections of that snapshot.
pub(super) fn shelves_here(settings: &Settings) -> anyhow::Result<Option<Vec<Shelf>>> {
    Ok(newest(settings)?.map(|taken| shelves(&taken.manifest.collections)))
}

fn newest(settings: &Settings) -> anyhow::Result<Option<Taken>> {
    match &settings.follow.value {
        Some(address) if settings.docs.is_none() => {
            snapshots::newest_here(&settings.data_dir.value, address)
        }
        _ => Ok(None),
    }
}

/// Why the data folder cannot be used.
fn refused(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Held>() {
        Ok(Held { dir, holder }) => anyhow!(
            "the snapshots or the index in {dir} are in use by {holder}: give this one its own --data-dir"
        ),
        Err(error) if error.is::<Unwritable>() => {
            anyhow!("{error}: who follows snapshots keeps them there; name another with --data-dir")
        }
        Err(error) => error,
    }
}

/// What clients are told of the collections.
fn shelves(described: &[Described]) -> Vec<Shelf> {
    let shelf = |it: &Described| Shelf {
        name: it.name.clone(),
        title: it.title.clone(),
        description: it.description.clone(),
        base_url: it.base_url.clone(),
        version: it.version.clone(),
        language: it.language.clone(),
    };
    described.iter().map(shelf).collect()
}

/// Tells the log, the numbers and callers what happens.
struct Told {
    docs: Docs,
    metrics: Arc<Metrics>,
    standing: Mutex<Standing>,
}

struct Standing {
    followed: Followed,
    collections: Vec<Described>,
    /// What was told of last, until it ends.
    trouble: Option<Cause>,
}

impl Told {
    fn new(docs: Docs, metrics: Arc<Metrics>, manifest: &Manifest) -> Told {
        let followed = Followed {
            id: manifest.id.clone(),
            published: manifest.published,
            ..Followed::default()
        };
        docs.set_followed(followed.clone());
        let collections = manifest.collections.clone();
        let standing = Mutex::new(Standing { followed, collections, trouble: None });
        Told { docs, metrics, standing }
    }

    fn hear(&self, news: News) {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        // First what is answered, then the log: whoever reads the log may ask at once.
        match &news {
            News::Looked | News::Current => standing.followed.looked = Some(now()),
            News::Moved(manifest, _) => {
                standing.followed.looked = Some(now());
                standing.followed.id = manifest.id.clone();
                standing.followed.published = manifest.published;
            }
            News::Trouble(_) => standing.followed.failures += 1,
            News::Harmed(_) => {}
        }
        self.docs.set_followed(standing.followed.clone());
        match news {
            News::Looked => {}
            News::Current => self.recovered(&mut standing),
            News::Moved(manifest, changes) => {
                self.show(&mut standing, manifest.collections);
                self.metrics.reloaded("changed");
                self.docs.set_problem(None);
                tracing::info!(
                    id = manifest.id,
                    added = changes.added.len(),
                    changed = changes.changed.len(),
                    removed = changes.removed.len(),
                    pages = self.docs.snapshot().stamp().pages(),
                    "moved to a newer snapshot"
                );
                self.recovered(&mut standing);
                if !changes.is_empty() {
                    self.docs.announce(changes);
                }
            }
            News::Harmed(reason) => {
                self.metrics.reloaded("damaged");
                self.docs.set_problem(Some(
                    "The index is damaged and is being brought again; answers may lack something."
                        .into(),
                ));
                tracing::warn!("bringing the snapshot again: {reason}");
                // Whatever ends that is told.
                standing.trouble = Some(Cause::Local);
            }
            News::Trouble(trouble) => {
                let (cause, id) = (trouble.cause, standing.followed.id.clone());
                self.docs.set_problem(Some(format!(
                    "Newer docs cannot be had just now ({cause}); this is the snapshot {id}."
                )));
                if standing.trouble.replace(cause) != Some(cause) {
                    self.metrics.reloaded("failed");
                    tracing::error!("{trouble}; serving the snapshot {id}");
                }
            }
        }
    }

    fn recovered(&self, standing: &mut Standing) {
        self.docs.set_problem(None);
        if standing.trouble.take().is_some() {
            tracing::info!("snapshots can be followed again");
        }
    }

    /// Shows other collections, if there are others.
    fn show(&self, standing: &mut Standing, collections: Vec<Described>) {
        if standing.collections == collections {
            return;
        }
        self.docs.show(shelves(&collections));
        let names = |of: &[Described]| {
            let names: Vec<&str> = of.iter().map(|it| it.name.as_str()).collect();
            names.join(", ")
        };
        tracing::warn!(
            before = names(&standing.collections),
            now = names(&collections),
            "the snapshot brings other collections: tools and pages have them; the title of the start \
             page and the server card are made again with a restart, and clients that are connected \
             keep what they were told of the tools until they connect again"
        );
        standing.collections = collections;
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
