//! Something that another server says and that is asked for again from time to time: an issuer's
//! keys, a provider's metadata.
//!
//! Who needs it never waits for who asks: what is fresh is read without a lock. It is asked for by
//! one at a time, in a task that goes on when whoever started it has hung up, and not again soon
//! after, whether that failed or not.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use arc_swap::ArcSwapOption;
use tokio::sync::Mutex;

/// How soon it is asked for again.
const AGAIN: Duration = Duration::from_secs(10);

/// What was fetched last.
pub(super) struct Fetched<T>(Arc<Shared<T>>);

struct Shared<T> {
    kept: ArcSwapOption<(Instant, Arc<T>)>,
    /// When it was asked for last.
    asked: Mutex<Option<Instant>>,
}

impl<T: Send + Sync + 'static> Fetched<T> {
    /// Nothing yet.
    pub(super) fn new() -> Fetched<T> {
        Fetched(Arc::new(Shared { kept: ArcSwapOption::empty(), asked: Mutex::default() }))
    }

    /// What is kept and not older than this; else it is fetched. What cannot be fetched again stays
    /// as it was: better old than nobody signed in.
    ///
    /// # Errors
    ///
    /// There is none, and it cannot be fetched just now.
    pub(super) async fn get(
        &self,
        age: Duration,
        fetch: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<Arc<T>> {
        let fresh = move |shared: &Shared<T>| {
            let kept = shared.kept.load_full()?;
            (kept.0.elapsed() < age).then(|| kept.1.clone())
        };
        if let Some(kept) = fresh(&self.0) {
            return Ok(kept);
        }
        let shared = self.0.clone();
        let renewed = tokio::spawn(async move {
            let mut asked = shared.asked.lock().await;
            if let Some(kept) = fresh(&shared) {
                return Ok(kept);
            }
            if asked.is_none_or(|asked| asked.elapsed() >= AGAIN) {
                let fetched = aside(fetch).await;
                *asked = Some(Instant::now());
                match fetched {
                    Ok(value) => {
                        let value = Arc::new(value);
                        shared.kept.store(Some(Arc::new((Instant::now(), value.clone()))));
                        return Ok(value);
                    }
                    Err(error) => {
                        tracing::error!(
                            error = format!("{error:#}"),
                            "nobody answers who is asked"
                        );
                    }
                }
            }
            let kept = shared.kept.load_full().map(|kept| kept.1.clone());
            kept.ok_or_else(|| anyhow!("it could not be fetched; it is asked for again soon"))
        });
        renewed.await.context("the work was broken off")?
    }
}

/// Runs what waits for another server, or for the disk, beside the threads that serve.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> anyhow::Result<T> + Send + 'static,
) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work was broken off")?
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn what_is_fresh_is_not_asked_for_and_a_failure_not_again_at_once() {
        let fetched = Fetched::new();
        let asked = Arc::new(AtomicUsize::new(0));
        let fails = || {
            let asked = asked.clone();
            move || -> anyhow::Result<u32> {
                asked.fetch_add(1, Ordering::Relaxed);
                Err(anyhow!("out of order"))
            }
        };
        for _ in 0..5 {
            assert!(fetched.get(HOUR, fails()).await.is_err());
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);

        let fetched = Fetched::new();
        assert_eq!(*fetched.get(HOUR, || Ok(1)).await.unwrap(), 1);
        assert_eq!(*fetched.get(HOUR, || Ok(2)).await.unwrap(), 1);
        // Too old for this caller, but asked for a moment ago; and what fails changes nothing.
        assert_eq!(*fetched.get(Duration::ZERO, || Ok(3)).await.unwrap(), 1);
        assert_eq!(*fetched.get(Duration::ZERO, fails()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn who_hangs_up_does_not_make_the_next_ask_again() {
        let fetched = Arc::new(Fetched::new());
        let (go, wait) = std::sync::mpsc::channel::<()>();
        let first = fetched.clone();
        let first = tokio::spawn(async move {
            first.get(HOUR, move || Ok(wait.recv().map_or(0, |()| 1))).await
        });
        tokio::task::yield_now().await;
        first.abort();
        let _ = first.await;
        let second = fetched.clone();
        let second = tokio::spawn(async move { second.get(HOUR, || Ok(2)).await });
        tokio::task::yield_now().await;
        go.send(()).unwrap();
        assert_eq!(*second.await.unwrap().unwrap(), 1);
    }
}
