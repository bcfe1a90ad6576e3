//! What the owner of the docs learns while docent serves: usage goes to the disk, numbers to
//! Prometheus.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, ensure};

use super::state::State;
use super::{state, times};
use crate::config::{self, Settings};
use crate::http;
use crate::limits::Shared;
use crate::mcp::{self, Account, Client, Feedback, Observer, Outcome};
use crate::store::{CallRow, FeedbackRow};
use crate::usage::{Cloned, Followed, Gauges, Metrics, Policy, Queries, Recorder};

/// Is told of every call.
pub(super) struct Observed {
    recorder: Option<Recorder>,
    metrics: Arc<Metrics>,
}

/// Finds what is wrong with the settings of it, before anything is begun.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    let owner = &settings.owner;
    ensure!(
        owner.usage.value || !owner.feedback.value,
        "{}: feedback.enabled is kept with the usage: say usage.enabled = true, too",
        owner.feedback.source
    );
    policy(settings).map(drop)
}

fn policy(settings: &Settings) -> anyhow::Result<Policy> {
    let owner = &settings.owner;
    let kept = times::time("usage.keep", &owner.keep.value)
        .with_context(|| owner.keep.source.to_string())?;
    let queries = match owner.queries.value {
        config::Queries::Full => Queries::Full,
        config::Queries::Redacted => Queries::Redacted,
        config::Queries::Off => Queries::Off,
    };
    Ok(Policy { queries, people: owner.people.value, kept })
}

/// Begins to observe.
///
/// # Errors
///
/// A setting is wrong. Usage that cannot be kept is a warning: the docs are served all the same.
pub(super) fn start(
    settings: &Settings,
    state: Option<&State>,
    metrics: Arc<Metrics>,
) -> anyhow::Result<Arc<Observed>> {
    let policy = policy(settings)?;
    let recorder = || {
        let store = state::usage(settings, state)?;
        Recorder::start(store, policy, milliseconds)
    };
    let recorder = settings.owner.usage.value.then(recorder).transpose().unwrap_or_else(|error| {
        tracing::warn!("what is asked is not recorded: {error:#}");
        None
    });
    Ok(Arc::new(Observed { recorder, metrics }))
}

/// Milliseconds since 1970.
fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Observed {
    /// What docs of these settings have for an owner.
    pub(super) fn owner(self: &Arc<Observed>, settings: &Settings) -> mcp::Owner {
        // What would be kept nowhere is not asked for.
        let feedback = settings.owner.feedback.value && self.recorder.is_some();
        mcp::Owner { observer: Some(self.clone()), feedback }
    }

    /// Where the numbers are.
    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// How things stand with these docs, behind this door.
    pub(super) fn gauges(&self, docs: &mcp::Docs, door: &http::Door) -> Gauges {
        let snapshot = docs.snapshot();
        let stamp = snapshot.stamp();
        let clones = docs.standings().into_iter().map(|it| Cloned {
            pulls: vec![("moved", it.moved), ("unchanged", it.unchanged), ("failed", it.failed)],
            collection: it.collection,
            commit: it.commit,
            pulled: it.pulled,
            failing: it.failing,
        });
        let followed = docs.followed().map(|it| Followed {
            published: it.published,
            looked: it.looked,
            failures: it.failures,
        });
        Gauges {
            followed,
            clones: clones.collect(),
            pages: stamp.collections.clone(),
            sections: stamp.sections,
            index_bytes: snapshot.bytes(),
            committed: stamp.committed,
            age: (milliseconds() / 1000).saturating_sub(stamp.committed),
            following: docs.problem().is_none(),
            waiting: docs.waiting(),
            listeners: docs.listeners(),
            state: door.shared().map(Shared::is_reachable),
            unwritten: self.recorder.as_ref().map_or(0, Recorder::waiting),
        }
    }

    /// Writes what is not on the disk yet; nothing is recorded after that.
    pub(super) fn close(&self) {
        if let Some(recorder) = &self.recorder {
            recorder.close();
        }
    }
}

impl Observer for Observed {
    fn called(&self, account: Account) {
        let Account { tool, outcome, .. } = account;
        // What was refused is counted at the door, where everything is that was refused.
        if !matches!(outcome, Outcome::Limited(_)) {
            self.metrics.called(tool, outcome == Outcome::Ok, account.elapsed);
        }
        if let (Some(results), Some(coverage)) = (account.results, account.coverage) {
            self.metrics.searched(results, coverage);
        }
        if let Some(recorder) = &self.recorder {
            recorder.called(row(account));
        }
    }

    fn feedback(&self, feedback: Feedback) {
        let Feedback { caller, page, problem, comment } = feedback;
        self.metrics.heard(problem);
        if let Some(recorder) = &self.recorder {
            let client = caller.client.as_ref().map(|client| client.name.clone());
            let problem = problem.to_owned();
            recorder.feedback(FeedbackRow { at: 0, page, problem, comment, client });
        }
    }
}

/// What is kept of a call; when it was the recorder says.
fn row(account: Account) -> CallRow {
    let caller = &account.caller;
    let client = |part: fn(&Client) -> &String| caller.client.as_ref().map(|it| part(it).clone());
    CallRow {
        at: 0,
        tool: account.tool.to_owned(),
        outcome: match account.outcome {
            Outcome::Ok => "ok".to_owned(),
            Outcome::Error => "error".to_owned(),
            Outcome::Limited(limit) => format!("limited:{limit}"),
        },
        caller: caller.kind.name().to_owned(),
        who: caller.who.clone(),
        client: client(|it| &it.name),
        client_version: client(|it| &it.version),
        collection: account.collection,
        query: account.query,
        results: account.results.map(|results| results as u64),
        coverage: account.coverage.map(f64::from),
        ids: account.ids,
        corrected: account.corrected.iter().map(|(word, it)| format!("{word} > {it}")).collect(),
        tokens: account.tokens as u64,
        micros: u64::try_from(account.elapsed.as_micros()).unwrap_or(u64::MAX),
        times: 1,
    }
}
