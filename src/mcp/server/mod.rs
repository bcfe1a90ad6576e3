//! The docs as a server has them: for whom, in whose turn, and what listeners are told. What MCP makes of
//! them is in [`handler`].
#![expect(deprecated, reason = "clients before 2026-07-28 log and subscribe this way")]

mod handler;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use arc_swap::{ArcSwap, ArcSwapOption};
use rmcp::model::{CacheScope, JsonObject, LoggingLevel, LoggingMessageNotificationParam};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, Peer, RoleServer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

use super::account::{Account, Caller, CallerKind, Client, Feedback, Observer, Outcome};
use super::face::Face;
use super::links::Links;
use super::scope::Scope;
use super::shown::{Followed, Shown};
use super::{Shelf, ToolError, feedback, fetch, outline, prompts, resources, search};
use crate::corpus::git::{Repository, Standing, short};
use crate::corpus::tokens;
use crate::index::{Changes, Index, Snapshot};

/// Notices a slow listener may fall behind before it is told that everything may have changed.
const BACKLOG: usize = 64;

/// What callers are told of a problem who do not see everything.
const UNNAMED_PROBLEM: &str =
    "The docs cannot be followed just now; this is what was indexed before.";

/// The docs, as a handler; cheap to clone.
#[derive(Clone)]
pub struct Docs {
    shared: Arc<Shared>,
    face: Arc<Face>,
    /// Who calls, where that is known before the call.
    caller: Arc<Caller>,
    /// Whether the transport can send notices outside of a request: stdio can, plain HTTP not.
    push: bool,
    /// Resources that the one client on stdio subscribed to (revisions before 2026-07-28).
    subscribed: Arc<Mutex<BTreeSet<String>>>,
    /// Least level of the log messages that this client wants (revisions before 2026-07-28).
    level: Arc<Mutex<LoggingLevel>>,
}

/// What the owner of the docs wants to know.
#[derive(Clone, Default)]
pub struct Owner {
    /// Is told of every call; nobody if there is none.
    pub observer: Option<Arc<dyn Observer>>,
    /// Whether agents may say what they think of a page.
    pub feedback: bool,
}

struct Shared {
    index: Arc<Index>,
    owner: Owner,
    shown: ArcSwap<Shown>,
    changes: broadcast::Sender<Arc<Changes>>,
    problem: ArcSwapOption<String>,
    /// Where collections come from that this process may pull.
    repositories: OnceLock<Vec<Arc<Repository>>>,
    /// The snapshot that is served, where one is followed.
    followed: ArcSwapOption<Followed>,
    /// Searches run on the threads that serve, because a hop to others costs more than a search;
    /// this keeps a burst from taking all of them. Whatever reads or walks pages takes its turn, too.
    permits: Arc<Semaphore>,
    /// Calls that wait for their turn.
    waiting: AtomicUsize,
    closing: CancellationToken,
}

impl Docs {
    /// A server over an index. Descriptions and instructions are made here and never change
    /// while it runs, so that clients may cache them, unless there are [other
    /// collections](Docs::show).
    pub fn new(index: Arc<Index>, links: Links) -> Docs {
        Docs::of(index, links, Owner::default())
    }

    /// The same, with an owner who wants to know something.
    pub fn of(index: Arc<Index>, links: Links, owner: Owner) -> Docs {
        let shown = Shown::new(links, &index.snapshot(), owner.feedback);
        let face = shown.to_everybody();
        let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
        let shared = Shared {
            index,
            owner,
            shown: ArcSwap::from_pointee(shown),
            changes: broadcast::channel(BACKLOG).0,
            problem: ArcSwapOption::empty(),
            repositories: OnceLock::new(),
            followed: ArcSwapOption::empty(),
            permits: Arc::new(Semaphore::new(cores)),
            waiting: AtomicUsize::new(0),
            closing: CancellationToken::new(),
        };
        let level = Arc::new(Mutex::new(LoggingLevel::Warning));
        let shared = Arc::new(shared);
        let (caller, subscribed) = (Arc::default(), Arc::default());
        Docs { shared, face, caller, push: false, subscribed, level }
    }

    /// The same docs for a caller who came through a closed door, and may see and do this much of
    /// everything. Nothing in between may give its answers to others.
    pub fn within(&self, scope: &Scope) -> Docs {
        let face = self.shared.shown.load().within(scope, &self.shared.index.snapshot());
        Docs { face, ..self.clone() }
    }

    /// The same docs for the same caller, with the collections that there are by now. One answer is
    /// made with one set of them.
    pub(crate) fn now(&self) -> Docs {
        let shown = self.shared.shown.load();
        let face = match self.face.cache {
            CacheScope::Public => shown.to_everybody(),
            _ => shown.within(&self.face.scope, &self.shared.index.snapshot()),
        };
        Docs { face, ..self.clone() }
    }

    /// Shows other collections from the next call on. Clients that keep what they were told of the
    /// tools learn of it when that has ended.
    pub fn show(&self, shelves: Vec<Shelf>) {
        let shown = self.shared.shown.load();
        let next = shown.with(shown.links().of(shelves), &self.shared.index.snapshot());
        self.shared.shown.store(Arc::new(next));
    }

    /// The same docs, called by this caller.
    pub(crate) fn called_by(&self, caller: Arc<Caller>) -> Docs {
        Docs { caller, ..self.clone() }
    }

    /// Whether anybody is told of calls.
    pub(crate) fn is_observed(&self) -> bool {
        self.shared.owner.observer.is_some()
    }

    /// Tells whoever observes that a call was refused, because a limit was used up.
    pub(crate) fn refused(&self, limit: &'static str) {
        let caller = self.caller.clone();
        self.tell(Account { caller, outcome: Outcome::Limited(limit), ..Account::default() });
    }

    fn tell(&self, account: Account) {
        if let Some(observer) = &self.shared.owner.observer {
            observer.called(account);
        }
    }

    /// Hands on what the caller has to say of a page.
    pub(super) fn hear(&self, page: Option<String>, problem: &'static str, comment: String) {
        if let Some(observer) = &self.shared.owner.observer {
            let caller = self.caller.clone();
            observer.feedback(Feedback { caller, page, problem, comment });
        }
    }

    /// Calls that wait for their turn just now.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Waits for this call's turn, which lasts as long as what is returned.
    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let permits = &self.shared.permits;
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        let _waiting = Waiting::new(&self.shared.waiting);
        permits.clone().acquire_owned().await.ok()
    }

    /// What the caller may see and do.
    pub(crate) fn scope(&self) -> &Scope {
        &self.face.scope
    }

    /// Whether the caller has a tool.
    pub(super) fn has(&self, tool: &str) -> bool {
        self.face.scope.has(tool)
    }

    /// Who may be given an answer that was kept.
    pub(super) fn cache_scope(&self) -> CacheScope {
        self.face.cache
    }

    /// The same docs for a transport with one client that can be told of changes at any time.
    pub(super) fn pushing(&self) -> Docs {
        let level = Arc::new(Mutex::new(LoggingLevel::Warning));
        Docs { push: true, subscribed: Arc::default(), level, ..self.clone() }
    }

    /// The newest generation of the index, as far as the caller sees it.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.shared.index.snapshot();
        match &self.face.scope.collections {
            None => snapshot,
            Some(names) => snapshot.only(names),
        }
    }

    /// The collections that the caller sees.
    pub fn collections(&self) -> &[Shelf] {
        self.face.links.shelves()
    }

    /// Ids and addresses.
    pub fn links(&self) -> &Links {
        &self.face.links
    }

    /// What keeps the docs from being followed, as a sentence; answers and `/readyz` say it.
    pub fn problem(&self) -> Option<String> {
        let problem = self.shared.problem.load();
        let problem = problem.as_ref()?;
        // It may name what the caller does not see.
        let named = self.face.scope.collections.is_none();
        Some(if named { problem.as_ref().clone() } else { UNNAMED_PROBLEM.to_owned() })
    }

    /// Sets or clears the problem.
    pub fn set_problem(&self, problem: Option<String>) {
        self.shared.problem.store(problem.map(Arc::new));
    }

    /// Says which snapshot is served, and how following it goes.
    pub fn set_followed(&self, followed: Followed) {
        self.shared.followed.store(Some(Arc::new(followed)));
    }

    /// The snapshot that is served, where one is followed.
    pub fn followed(&self) -> Option<Arc<Followed>> {
        self.shared.followed.load_full()
    }

    /// Says which repositories are pulled for these docs. The first word counts.
    pub fn set_repositories(&self, repositories: Vec<Arc<Repository>>) {
        let _ = self.shared.repositories.set(repositories);
    }

    /// The repositories that are pulled for these docs.
    pub fn repositories(&self) -> &[Arc<Repository>] {
        self.shared.repositories.get().map_or(&[], Vec::as_slice)
    }

    /// How the collections are doing that come from git repositories and that the caller sees, in
    /// the order of their names. The commit is a short one, and that of the newest generation.
    pub fn standings(&self) -> Vec<Standing> {
        let snapshot = self.snapshot();
        let commits = &snapshot.stamp().commits;
        let seen = |it: &&Arc<Repository>| self.face.scope.shows(it.name());
        let pulled = self.repositories().iter().filter(seen).map(|it| it.standing());
        let mut standings: Vec<Standing> = pulled.collect();
        // Another process may be the one that pulls.
        for name in commits.keys() {
            if !standings.iter().any(|it| it.collection == *name) {
                standings.push(Standing { collection: name.clone(), ..Standing::default() });
            }
        }
        for standing in &mut standings {
            standing.commit = commits.get(&standing.collection).map(|it| short(it).to_owned());
        }
        standings.sort_by(|a, b| a.collection.cmp(&b.collection));
        standings
    }

    /// Tells listeners that pages changed.
    pub fn announce(&self, changes: Changes) {
        // Nobody listening is no failure.
        let _ = self.shared.changes.send(Arc::new(changes));
    }

    /// Clients that wait for changes just now.
    pub fn listeners(&self) -> usize {
        self.shared.changes.receiver_count()
    }

    /// Ends subscriptions with their final result, before the transport is cut.
    pub fn close(&self) {
        self.shared.closing.cancel();
    }

    /// Runs a tool; the same for MCP and for the command line. None if there is no such tool, else
    /// the answer as JSON.
    ///
    /// # Errors
    ///
    /// A sentence for the model: what was wrong and the next call to make.
    pub fn call(
        &self,
        tool: &str,
        arguments: Option<JsonObject>,
    ) -> Option<Result<String, String>> {
        self.account_for(tool, arguments, &mut Account::default())
    }

    /// [`Docs::call`], with what the owner wants to know of it.
    fn account_for(
        &self,
        tool: &str,
        arguments: Option<JsonObject>,
        account: &mut Account,
    ) -> Option<Result<String, String>> {
        if !self.has(tool) {
            return None;
        }
        let result = match tool {
            search::NAME => search::call(self, arguments, account),
            fetch::NAME => fetch::call(self, arguments, account),
            outline::NAME => outline::call(self, arguments),
            feedback::NAME if self.shared.owner.feedback => feedback::call(self, arguments),
            _ => return None,
        };
        account.tool = super::TOOLS.into_iter().find(|name| *name == tool).unwrap_or_default();
        Some(result.map_err(|ToolError(message)| message))
    }

    /// [`Docs::call`] when it is this call's turn, and tells whoever observes.
    pub(super) async fn run(
        &self,
        tool: &str,
        arguments: Option<JsonObject>,
    ) -> Option<Result<String, String>> {
        let started = Instant::now();
        let mut account = Account { caller: self.caller.clone(), ..Account::default() };
        let _turn = self.turn().await;
        let answer = self.account_for(tool, arguments, &mut account)?;
        tracing::debug!(tool = account.tool, is_error = answer.is_err(), "a tool was called");
        if self.is_observed() {
            // The tools whose answers are long know how long they are.
            if let (Ok(text) | Err(text), 0) = (&answer, account.tokens) {
                account.tokens = tokens::estimate(text);
            }
            account.outcome = if answer.is_ok() { Outcome::Ok } else { Outcome::Error };
            account.elapsed = started.elapsed();
            self.tell(account);
        }
        Some(answer)
    }

    /// Does in its turn what may take longer than a search, beside the threads that serve. The turn
    /// lasts as long as the work does, also if nobody waits for its end any more.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Docs) -> Result<T, ErrorData> + Send + 'static,
    ) -> Result<T, ErrorData> {
        let turn = self.turn().await;
        let docs = self.now();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&docs)
        });
        done.await.map_err(|error| resources::internal(error.into()))?
    }

    /// The same docs, called by the one client of standard input; over HTTP the caller is known.
    fn for_caller(&self, context: &RequestContext<RoleServer>) -> Docs {
        let docs = self.now();
        if !self.push || !self.is_observed() {
            return docs;
        }
        let client = context.client_info().and_then(|it| Client::new(&it.name, &it.version));
        docs.called_by(Arc::new(Caller { kind: CallerKind::Local, who: None, client }))
    }

    /// Sends what changed to one client, until it goes or the server does.
    async fn push_changes(self, peer: Peer<RoleServer>) {
        let mut changes = self.shared.changes.subscribe();
        loop {
            let notice = tokio::select! {
                () = self.shared.closing.cancelled() => return,
                change = changes.recv() => match self.notice(change) {
                    Heard::Notice(notice) => notice,
                    Heard::Nothing => continue,
                    Heard::End => return,
                },
            };
            if self.wants_log() {
                let data = serde_json::json!({"message": "docs changed", "pages": notice.uris.as_ref().map(BTreeSet::len)});
                let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, data)
                    .with_logger("docent");
                if peer.notify_logging_message(message).await.is_err() {
                    return;
                }
            }
            if notice.listed && peer.notify_resource_list_changed().await.is_err() {
                return;
            }
            if notice.prompts && peer.notify_prompt_list_changed().await.is_err() {
                return;
            }
            let wanted: Vec<String> = {
                let subscribed = self.subscribed.lock().unwrap_or_else(PoisonError::into_inner);
                subscribed.iter().filter(|uri| notice.concerns(uri)).cloned().collect()
            };
            for uri in wanted {
                let updated = rmcp::model::ResourceUpdatedNotificationParam::new(uri);
                if peer.notify_resource_updated(updated).await.is_err() {
                    return;
                }
            }
        }
    }

    fn wants_log(&self) -> bool {
        let level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(level, LoggingLevel::Debug | LoggingLevel::Info)
    }

    fn notice(&self, change: Result<Arc<Changes>, broadcast::error::RecvError>) -> Heard {
        match change {
            Ok(changes) => {
                let scope = &self.face.scope;
                let changes = changes.only(|collection| scope.shows(collection));
                if changes.is_empty() {
                    return Heard::Nothing;
                }
                let uri =
                    |(collection, path): &(String, String)| self.links().uri(collection, path, "");
                let moved = || changes.added.iter().chain(&changes.removed);
                let touched = || moved().chain(&changes.changed);
                Heard::Notice(Notice {
                    listed: changes.listed(),
                    prompts: touched().any(|(_, path)| prompts::is_template(path)),
                    uris: Some(touched().map(uri).collect()),
                })
            }
            Err(broadcast::error::RecvError::Lagged(_)) => {
                Heard::Notice(Notice { listed: true, prompts: true, uris: None })
            }
            Err(broadcast::error::RecvError::Closed) => Heard::End,
        }
    }
}

/// One more that waits, until it is dropped: also if nobody waits for its answer any more.
struct Waiting<'a>(&'a AtomicUsize);

impl Waiting<'_> {
    fn new(count: &AtomicUsize) -> Waiting<'_> {
        count.fetch_add(1, Ordering::Relaxed);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a listener hears of a change.
enum Heard {
    Notice(Notice),
    /// It is in nothing that the caller sees.
    Nothing,
    /// There will be no more.
    End,
}

/// A change, as clients are told of it.
struct Notice {
    listed: bool,
    prompts: bool,
    /// None when too much happened to name.
    uris: Option<BTreeSet<String>>,
}

impl Notice {
    /// Whether a page or a section of it changed.
    fn concerns(&self, uri: &str) -> bool {
        let page = uri.split('#').next().unwrap_or(uri);
        self.uris.as_ref().is_none_or(|uris| uris.contains(page))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;
    use crate::index::Indexer;

    fn docs(data: &tempfile::TempDir) -> Docs {
        let (indexer, _) = Indexer::open(data.path(), &[], "test").unwrap();
        Docs::new(indexer.index().clone(), Links::new(Vec::new(), None))
    }

    fn request(id: u32, method: &str, params: Value) -> Value {
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    #[tokio::test(start_paused = true)]
    async fn what_reads_or_walks_pages_waits_for_its_turn() {
        let data = tempfile::tempdir().unwrap();
        let docs = docs(&data);
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let served = docs.clone();
        tokio::spawn(async move {
            crate::mcp::serve_pipe(&served, tokio::io::split(theirs)).await.unwrap();
        });
        let (output, mut input) = tokio::io::split(ours);
        let mut lines = BufReader::new(output).lines();
        let mut next = async || -> Value {
            serde_json::from_str(&lines.next_line().await.unwrap().unwrap()).unwrap()
        };
        let mut write = async |message: Value| {
            input.write_all(format!("{message}\n").as_bytes()).await.unwrap();
        };
        let hello = json!({"protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}});
        write(request(0, "initialize", hello)).await;
        assert_eq!(next().await["id"], 0);
        write(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;

        let shared = docs.shared.clone();
        let all = u32::try_from(shared.permits.available_permits()).unwrap();
        let busy = shared.permits.acquire_many(all).await.unwrap();
        let complete = json!({"ref": {"type": "ref/resource", "uri": "docs:///{collection}"},
            "argument": {"name": "path", "value": ""}});
        write(request(1, "completion/complete", complete)).await;
        write(request(2, "resources/list", json!({}))).await;
        write(request(3, "resources/read", json!({"uri": "docs:///a/b.md"}))).await;
        write(request(4, "prompts/list", json!({}))).await;
        write(request(5, "prompts/get", json!({"name": "ask", "arguments": {"question": "?"}})))
            .await;
        // What looks at nothing goes on.
        write(request(6, "ping", json!({}))).await;
        assert_eq!(next().await["id"], 6);
        // The clock stands as long as anybody works: a minute means that all of them wait.
        let minute = std::time::Duration::from_secs(60);
        assert!(tokio::time::timeout(minute, next()).await.is_err());
        drop(busy);
        let mut answered = BTreeSet::new();
        for _ in 0..5 {
            answered.insert(next().await["id"].as_u64().unwrap());
        }
        assert_eq!(answered, BTreeSet::from([1, 2, 3, 4, 5]));
    }

    #[tokio::test]
    async fn long_work_is_beside_the_threads_that_serve() {
        let data = tempfile::tempdir().unwrap();
        let here = std::thread::current().id();
        let there = docs(&data).beside(|_| Ok(std::thread::current().id())).await.unwrap();
        assert_ne!(here, there);
    }
}
