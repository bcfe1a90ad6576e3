//! One publisher at a time. In a folder of this machine a lock says so, which the system lets go of
//! however the process ends; in a bucket it is an object, which whoever publishes keeps renewing, and
//! which ends by itself when nobody does.
//!
//! It keeps two publishers from doing the same work, and from deleting what the other one needs. What
//! keeps the pointer right is that it is only ever moved from the version that was read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::place::{Place, Seen, Version};
use super::trouble::{Cause, Trouble, local};
use super::{now, number};
use crate::index::{Held, Lock, Unwritable};

/// The name of the object.
const LEASE: &str = "publishing.json";
/// Most bytes of it.
const MOST: u64 = 4 << 10;
/// How long it holds after the last renewal, and how often it is renewed.
const HOLDS: u64 = 90;
const RENEW: Duration = Duration::from_secs(20);
/// How long a renewal may take, so that one that hangs leaves time for others.
const AT_MOST: Duration = Duration::from_secs(10);
/// Clocks differ by less than this; two that differ more are kept apart by the pointer.
const SLACK: u64 = 30;

/// Who publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    who: String,
    /// Tells two processes apart that call themselves the same.
    number: u64,
    /// Seconds since 1970.
    since: u64,
    until: u64,
}

/// The right to publish.
pub(super) struct Lease {
    place: Place,
    grip: Grip,
}

enum Grip {
    /// The system's lock of a folder, which is let go of when it is dropped.
    Folder { _lock: Lock },
    Bucket {
        holder: Holder,
        /// Until when it holds, by a clock that nobody sets; none if another one has it.
        until: Until,
        renewing: JoinHandle<()>,
    },
}

type Until = Arc<Mutex<Option<Instant>>>;

impl Lease {
    /// Takes the lease, or says who has it.
    pub(super) async fn take(place: &Place) -> Result<Lease, Trouble> {
        let place = place.clone();
        let grip = match place.folder() {
            Some(folder) => {
                let command = format!("index --publish since {}", said(now()));
                let lock = Lock::take(folder, &command).map_err(|error| {
                    if let Some(held) = error.downcast_ref::<Held>() {
                        return taken(&place, &held.holder);
                    }
                    match error.downcast::<Unwritable>() {
                        Ok(Unwritable { dir, cause }) => {
                            Trouble::say(Cause::Denied, format!("cannot write to {dir} ({cause})"))
                        }
                        Err(error) => local(error),
                    }
                })?;
                place.sweep();
                Grip::Folder { _lock: lock }
            }
            None => Lease::take_object(&place).await?,
        };
        Ok(Lease { place, grip })
    }

    async fn take_object(place: &Place) -> Result<Grip, Trouble> {
        let since = now();
        let mut holder = Holder { who: who(), number: number(), since, until: since + HOLDS };
        let mut sent = Instant::now();
        // Somebody may take or give back what ended between two looks; not for ever.
        for _ in 0..5 {
            if let Some(version) = place.create(LEASE, holder.text()).await? {
                return Ok(keep_renewing(place, holder, version, sent));
            }
            let (other, version) = match place.look(LEASE, None, MOST).await? {
                Seen::Object(text, version) => (Holder::read(&text), version),
                Seen::Same | Seen::Nothing => continue,
            };
            match other {
                // A write that the library repeated: the first time it took effect.
                Some(other) if other.number == holder.number => {
                    return Ok(keep_renewing(place, holder, version, sent));
                }
                Some(other) if other.until + SLACK > now() => {
                    let since = said(other.since);
                    let ends = said(other.until + SLACK);
                    let who = format!(
                        "{} since {since} (if it is gone, that ends by itself at {ends})",
                        other.who
                    );
                    return Err(taken(place, &who));
                }
                // Nobody renews it, or it is none.
                _ => {
                    (holder.until, sent) = (now() + HOLDS, Instant::now());
                    if let Some(version) = place.replace(LEASE, holder.text(), &version).await? {
                        return Ok(keep_renewing(place, holder, version, sent));
                    }
                }
            }
        }
        Err(taken(place, "another docent"))
    }

    /// Whether it is still held. One that could not be renewed in time counts as lost.
    pub(super) fn is_held(&self) -> bool {
        match &self.grip {
            Grip::Folder { .. } => true,
            Grip::Bucket { until, .. } => holds(until),
        }
    }

    /// What time it is by the clock of the store, as far as is known, in seconds since 1970.
    pub(super) async fn time_there(&self) -> Result<u64, Trouble> {
        match &self.grip {
            Grip::Folder { .. } => Ok(now()),
            Grip::Bucket { .. } => Ok(self.place.written(LEASE).await?.unwrap_or_else(now)),
        }
    }

    /// Gives it back.
    pub(super) async fn give_back(self) {
        let Grip::Bucket { holder, until, renewing } = self.grip else { return };
        renewing.abort();
        let _ = renewing.await;
        let place = &self.place;
        let given = place.within(AT_MOST, async {
            // One that somebody else took over meanwhile is theirs. While ours holds nobody does so, and
            // the slack is longer than this takes.
            let is_ours = own(place, &holder).await?.is_some() && holds(&until);
            if is_ours { place.delete(LEASE).await } else { Ok(()) }
        });
        if let Err(error) = given.await {
            tracing::debug!("the lease ends by itself: {error}");
        }
    }
}

fn holds(until: &Until) -> bool {
    let until = until.lock().unwrap_or_else(PoisonError::into_inner);
    until.is_some_and(|until| Instant::now() < until)
}

/// Keeps renewing a lease that was written at this time.
fn keep_renewing(place: &Place, holder: Holder, mut version: Version, sent: Instant) -> Grip {
    let holds = Duration::from_secs(HOLDS);
    let until: Until = Arc::new(Mutex::new(Some(sent + holds)));
    let (place, told, mut renewed) = (place.clone(), until.clone(), holder.clone());
    let renewing = tokio::spawn(async move {
        let tell = |until| *told.lock().unwrap_or_else(PoisonError::into_inner) = until;
        loop {
            tokio::time::sleep(RENEW).await;
            let sent = Instant::now();
            renewed.until = now() + HOLDS;
            match place.within(AT_MOST, renew(&place, &renewed, &version)).await {
                Ok(Some(next)) => {
                    version = next;
                    tell(Some(sent + holds));
                }
                // Another one has it.
                Ok(None) => return tell(None),
                // The next try may come in time.
                Err(error) => tracing::debug!("the lease could not be renewed: {error}"),
            }
        }
    });
    Grip::Bucket { holder, until, renewing }
}

/// Writes a lease anew; its version, or none if another one has it.
async fn renew(
    place: &Place,
    holder: &Holder,
    version: &Version,
) -> Result<Option<Version>, Trouble> {
    if let Some(next) = place.replace(LEASE, holder.text(), version).await? {
        return Ok(Some(next));
    }
    // A write that the library repeated, or that nobody waited for: it took effect.
    match own(place, holder).await? {
        Some(version) => place.replace(LEASE, holder.text(), &version).await,
        None => Ok(None),
    }
}

/// The version of the lease that is there, if it is this one.
async fn own(place: &Place, holder: &Holder) -> Result<Option<Version>, Trouble> {
    Ok(match place.look(LEASE, None, MOST).await? {
        Seen::Object(text, version) => {
            let other = Holder::read(&text);
            other.is_some_and(|other| other.number == holder.number).then_some(version)
        }
        Seen::Same | Seen::Nothing => None,
    })
}

impl Holder {
    fn text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    fn read(text: &[u8]) -> Option<Holder> {
        serde_json::from_slice(text).ok()
    }
}

fn taken(place: &Place, who: &str) -> Trouble {
    Trouble::say(
        Cause::Local,
        format!("{who} publishes to {} just now: try again when that is done", place.address()),
    )
}

/// This process, as others are told of it.
fn who() -> String {
    let named = ["HOSTNAME", "COMPUTERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let host = named.or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let host = host.map(|host| host.trim().to_owned()).filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(|| "another machine".to_owned());
    format!("docent index --publish on {host} (process {})", std::process::id())
}

/// A time for people.
fn said(seconds: u64) -> String {
    let time =
        i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    let format = &time::format_description::well_known::Rfc3339;
    time.and_then(|time| time.format(format).ok()).unwrap_or_else(|| "some time".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    fn holder(until: u64) -> Holder {
        Holder { who: "docent on a".into(), number: 1, since: 1_795_688_700, until }
    }

    #[tokio::test]
    async fn one_has_it_and_the_other_is_told_who() {
        let place = Place::in_memory();
        let lease = Lease::take(&place).await.unwrap();
        assert!(lease.is_held());
        let refused = Lease::take(&place).await.err().unwrap().to_string();
        assert!(refused.contains("publishes to memory:// just now"), "{refused}");
        assert!(refused.contains("docent index --publish on "), "{refused}");
        lease.give_back().await;
        assert!(Lease::take(&place).await.is_ok());
    }

    #[tokio::test]
    async fn what_a_dead_publisher_left_is_taken_over_by_one() {
        let place = Place::in_memory();
        place.create(LEASE, holder(now() + 5).text()).await.unwrap();
        let refused = Lease::take(&place).await.err().unwrap().to_string();
        assert!(refused.contains("docent on a since 2026-11-26T10:25:00Z"), "{refused}");
        place.put(LEASE, holder(now() - SLACK - 1).text()).await.unwrap();
        let lease = Lease::take(&place).await.unwrap();
        assert!(Lease::take(&place).await.is_err());
        // What is no lease at all is one that ended.
        lease.give_back().await;
        place.put(LEASE, b"{".to_vec()).await.unwrap();
        assert!(Lease::take(&place).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_and_lost_to_who_takes_it_over() {
        let place = Place::in_memory();
        let lease = Lease::take(&place).await.unwrap();
        let Seen::Object(_, first) = place.look(LEASE, None, MOST).await.unwrap() else { panic!() };
        tokio::time::sleep(RENEW * 2).await;
        let Seen::Object(_, later) = place.look(LEASE, None, MOST).await.unwrap() else { panic!() };
        assert_ne!(first, later);
        assert!(lease.is_held());
        place.put(LEASE, holder(now() + HOLDS).text()).await.unwrap();
        tokio::time::sleep(RENEW * 2).await;
        assert!(!lease.is_held());
        // What is another's is not taken away.
        lease.give_back().await;
        assert!(place.get(LEASE, MOST).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_that_was_repeated_is_its_own() {
        let place = Place::in_memory();
        place.faults.repeats.store(true, Ordering::Relaxed);
        let lease = Lease::take(&place).await.unwrap();
        place.faults.repeats.store(true, Ordering::Relaxed);
        tokio::time::sleep(RENEW * 2).await;
        assert!(!place.faults.repeats.load(Ordering::Relaxed));
        tokio::time::sleep(RENEW * 10).await;
        assert!(lease.is_held());
        lease.give_back().await;
        assert!(place.get(LEASE, MOST).await.unwrap().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn where_the_store_hangs_it_is_lost_in_time() {
        let place = Place::in_memory();
        let lease = Lease::take(&place).await.unwrap();
        place.faults.hangs.store(true, Ordering::Relaxed);
        tokio::time::sleep(RENEW + AT_MOST * 2).await;
        assert!(lease.is_held());
        // One renewal that hung is no loss.
        place.faults.hangs.store(false, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(HOLDS)).await;
        assert!(lease.is_held());
        place.faults.hangs.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(HOLDS + 1)).await;
        assert!(!lease.is_held());
        // What is there may be another's by now.
        place.faults.hangs.store(false, Ordering::Relaxed);
        lease.give_back().await;
        assert!(place.get(LEASE, MOST).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_folder_is_locked_by_the_system() {
        let dir = tempfile::tempdir().unwrap();
        let address = url::Url::from_directory_path(dir.path()).unwrap().to_string();
        let place = Place::open(&address, true).unwrap();
        let lease = Lease::take(&place).await.unwrap();
        let refused = Lease::take(&place).await.err().unwrap().to_string();
        assert!(refused.contains("docent index --publish since 20"), "{refused}");
        drop(lease);
        assert!(Lease::take(&place).await.is_ok());
    }
}
