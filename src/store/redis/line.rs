//! A connection that stays open: many ask at once through it, and it comes back by itself.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{
    Cmd, ErrorKind, FromRedisValue, Pipeline, RedisError, RedisResult, ServerErrorKind, Value,
};
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::address::Address;
use super::look;
use super::wire::{Connector, Wire};

/// How long an answer is waited for, unless [`Line::within`] says otherwise.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long somebody who asks waits for a connection that was lost a moment ago. After that they are
/// told at once.
const GRACE: Duration = Duration::from_secs(2);
/// First and last time between two attempts to connect.
const PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Until something is asked again that the server put off without doing it.
const AGAIN: Duration = Duration::from_millis(25);

/// What went wrong.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Trouble {
    /// No answer came in time. What was asked may have been done.
    #[error("{address} did not answer within {} ms", patience.as_millis())]
    Silent {
        /// Who was asked.
        address: Arc<Address>,
        /// How long was waited.
        patience: Duration,
    },
    /// There is no connection, or it was lost before the answer came. What was asked may have been
    /// done.
    #[error("{address} cannot be reached: {why}")]
    Lost {
        /// Who was asked.
        address: Arc<Address>,
        /// In the words of the system.
        why: String,
    },
    /// The server answered that it will not, or with what makes no sense.
    #[error("{address} refuses: {why}")]
    Refused {
        /// Who was asked.
        address: Arc<Address>,
        /// In its words.
        why: String,
    },
}

/// A connection to a server, a cluster or the master behind sentinels. A clone is the same connection.
///
/// What is asked goes over a thread of the line's own, so it can be asked from any thread and any
/// runtime. When the connection is lost, that thread goes on trying until there is one again.
#[derive(Clone)]
pub struct Line {
    inner: Arc<Inner>,
    patience: Duration,
}

struct Inner {
    address: Arc<Address>,
    runtime: Handle,
    state: watch::Receiver<State>,
    /// What was noticed of the connection. When the last line is dropped this closes, and the thread
    /// ends.
    noticed: mpsc::UnboundedSender<Noticed>,
}

/// How the connection is.
#[derive(Clone)]
enum State {
    /// Nobody has tried yet.
    Begun,
    /// It is there: the n-th that was made.
    Up(Wire, u64),
    /// It is not, since when and why.
    Down(Instant, Arc<str>),
}

/// What was noticed of the n-th connection.
#[derive(Debug, Clone, Copy)]
pub(super) enum Noticed {
    /// It is not there any more.
    Lost(u64),
    /// An answer did not come in time.
    Silence(u64),
}

/// A script in Lua, which a server runs as a whole: nothing else happens meanwhile.
pub struct Script {
    text: &'static str,
    hash: String,
}

impl Script {
    /// A script. Its keys all have the same braces: see [`super::Names`].
    pub fn new(text: &'static str) -> Script {
        Script { text, hash: redis::Script::new(text).get_hash().to_owned() }
    }

    /// The command that runs it, by its hash or as it is written.
    fn command(&self, by_hash: bool, keys: &[String], arguments: &[Vec<u8>]) -> Cmd {
        let mut command = redis::cmd(if by_hash { "EVALSHA" } else { "EVAL" });
        command.arg(if by_hash { &self.hash } else { self.text });
        command.arg(keys.len()).arg(keys).arg(arguments);
        command
    }
}

impl Line {
    /// Connects, and looks once whether this server does what is needed. What may be surprising in its
    /// settings is logged.
    ///
    /// Blocks the thread for some seconds at most.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, does not let in, or is too old.
    pub fn open(address: &Address) -> anyhow::Result<Line> {
        let line = Line::begin(address)?;
        let asked = line.clone();
        line.wait(async move {
            asked.first().await?;
            look::at(&asked).await
        })?;
        Ok(line)
    }

    /// Another connection to the same place, where nobody waits for what others ask here. Blocks the
    /// thread for some seconds at most.
    ///
    /// # Errors
    ///
    /// The server cannot be reached any more.
    pub fn another(&self) -> anyhow::Result<Line> {
        let line = Line::begin(&self.inner.address)?;
        let asked = line.clone();
        line.wait(async move { asked.first().await })?;
        Ok(line)
    }

    /// Begins to connect.
    fn begin(address: &Address) -> anyhow::Result<Line> {
        let address = Arc::new(address.clone());
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (noticed, notices) = mpsc::unbounded_channel();
        let (told, state) = watch::channel(State::Begun);
        let inner = Inner {
            address: address.clone(),
            runtime: runtime.handle().clone(),
            state,
            noticed: noticed.clone(),
        };
        let connector = Connector::new(&address, noticed.downgrade())?;
        drop(noticed);
        let keeper = Keeper { address, connector, told, notices };
        std::thread::Builder::new()
            .name("docent-redis".into())
            .spawn(move || runtime.block_on(keeper.keep()))?;
        Ok(Line { inner: Arc::new(inner), patience: PATIENCE })
    }

    /// The same connection, where an answer is waited for so long.
    pub fn within(&self, patience: Duration) -> Line {
        Line { inner: self.inner.clone(), patience }
    }

    /// Where it leads, without what lets in there.
    pub fn address(&self) -> &Address {
        &self.inner.address
    }

    /// Asks a command.
    ///
    /// # Errors
    ///
    /// No answer in time, or one that is an error.
    pub fn ask<T: FromRedisValue + Send + 'static>(
        &self,
        command: Cmd,
    ) -> impl Future<Output = Result<T, Trouble>> + Send + use<T> {
        self.over(
            move |mut wire| {
                let command = command.clone();
                async move { command.query_async(&mut wire).await }
            },
            true,
        )
    }

    /// Asks any server that has keys, where the answer is not about a key.
    pub(super) fn ask_any(
        &self,
        command: Cmd,
    ) -> impl Future<Output = Result<Value, Trouble>> + Send + use<> {
        self.over(
            move |mut wire| {
                let command = command.clone();
                async move { wire.any(&command).await }
            },
            true,
        )
    }

    /// Asks many commands at once; after [`Pipeline::atomic`] all of them happen, or none. What the server
    /// puts off is not asked again: a part may have been done.
    ///
    /// # Errors
    ///
    /// No answer in time, or one that is an error.
    pub fn ask_all<T: FromRedisValue + Send + 'static>(
        &self,
        commands: Pipeline,
    ) -> impl Future<Output = Result<T, Trouble>> + Send + use<T> {
        self.over(
            move |mut wire| {
                let commands = commands.clone();
                async move { commands.query_async(&mut wire).await }
            },
            false,
        )
    }

    /// Runs a script, which is sent as a whole only to a server that does not know it yet.
    ///
    /// # Errors
    ///
    /// No answer in time, or one that is an error.
    pub fn run<T: FromRedisValue + Send + 'static>(
        &self,
        script: &'static Script,
        keys: Vec<String>,
        arguments: Vec<Vec<u8>>,
    ) -> impl Future<Output = Result<T, Trouble>> + Send + use<T> {
        let asked = Arc::new((keys, arguments));
        self.over(
            move |mut wire| {
                let asked = asked.clone();
                async move {
                    let (keys, arguments) = &*asked;
                    let by_hash = script.command(true, keys, arguments);
                    match by_hash.query_async(&mut wire).await {
                        Err(error)
                            if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) =>
                        {
                            // Not SCRIPT LOAD: a cluster would want it on every server that has keys.
                            script.command(false, keys, arguments).query_async(&mut wire).await
                        }
                        answer => answer,
                    }
                }
            },
            true,
        )
    }

    /// Waits for what was asked of a line, on a thread that may block. It may be in a runtime, too: the
    /// work is done on the thread of the line.
    ///
    /// # Errors
    ///
    /// What was asked failed.
    pub fn wait<T, E>(
        &self,
        asked: impl Future<Output = Result<T, E>> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Trouble> + Send + 'static,
    {
        let (answer, answered) = std::sync::mpsc::sync_channel(1);
        self.inner.runtime.spawn(async move {
            // Whoever asked is waiting, and cannot go away.
            let _ = answer.send(asked.await);
        });
        answered.recv().unwrap_or_else(|_| Err(self.ended().into()))
    }

    /// Asks over the connection that is there, on the thread of the line; `again`, if the server puts it
    /// off.
    fn over<T, F, A>(
        &self,
        ask: F,
        again: bool,
    ) -> impl Future<Output = Result<T, Trouble>> + Send + use<T, F, A>
    where
        T: Send + 'static,
        F: Fn(Wire) -> A + Send + Sync + 'static,
        A: Future<Output = RedisResult<T>> + Send,
    {
        let Line { inner, patience } = self.clone();
        async move {
            let line = Line { inner, patience };
            let (answer, answered) = oneshot::channel();
            let asking = line.clone();
            line.inner.runtime.spawn(async move {
                // Whoever asked may have gone away.
                let _ = answer.send(asking.patiently(ask, again).await);
            });
            answered.await.unwrap_or_else(|_| Err(line.ended()))
        }
    }

    /// Asks, and once more as often as the server puts it off, for as long as there is patience.
    async fn patiently<T, F, A>(&self, ask: F, again: bool) -> Result<T, Trouble>
    where
        F: Fn(Wire) -> A,
        A: Future<Output = RedisResult<T>>,
    {
        let address = || self.inner.address.clone();
        // The connection that was asked, and why the server put it off.
        let (mut number, mut put_off) = (None, None);
        let asked = async {
            loop {
                let (wire, n) = self.wire().await?;
                number = Some(n);
                let error = match ask(wire).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => error,
                };
                let is_lost = error.is_unrecoverable_error() || error.is_io_error();
                // A master that became a replica is lost, too: there is another master now.
                if is_lost || error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                    self.notice(Noticed::Lost(n));
                }
                let why = words(&error);
                if again && is_put_off(&error) {
                    put_off = Some(why);
                    sleep(AGAIN).await;
                } else if is_lost {
                    return Err(Trouble::Lost { address: address(), why });
                } else {
                    return Err(Trouble::Refused { address: address(), why });
                }
            }
        };
        if let Ok(answer) = timeout(self.patience, asked).await {
            return answer;
        }
        let Some(number) = number else {
            // Without a connection nobody was asked who could have answered.
            let why = match &*self.inner.state.borrow() {
                State::Down(_, why) => (**why).to_owned(),
                State::Begun | State::Up(..) => "it is not connected yet".to_owned(),
            };
            return Err(Trouble::Lost { address: address(), why });
        };
        if let Some(why) = put_off {
            return Err(Trouble::Refused { address: address(), why });
        }
        self.notice(Noticed::Silence(number));
        Err(Trouble::Silent { address: address(), patience: self.patience })
    }

    /// The connection that is there; waits for one that was lost a moment ago.
    async fn wire(&self) -> Result<(Wire, u64), Trouble> {
        let mut state = self.inner.state.clone();
        loop {
            let now = state.borrow_and_update().clone();
            let (left, why) = match now {
                State::Up(wire, number) => return Ok((wire, number)),
                State::Begun => (GRACE, None),
                State::Down(since, why) => (GRACE.saturating_sub(since.elapsed()), Some(why)),
            };
            let lost = || {
                let why = why.as_deref().unwrap_or("it does not answer").to_owned();
                Trouble::Lost { address: self.inner.address.clone(), why }
            };
            match timeout(left, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Err(lost()),
            }
        }
    }

    /// Waits for the first attempt to connect.
    async fn first(&self) -> Result<(), Trouble> {
        let mut state = self.inner.state.clone();
        let tried = state.wait_for(|state| !matches!(state, State::Begun)).await;
        match tried.as_deref() {
            Ok(State::Up(..)) => Ok(()),
            Ok(State::Down(_, why)) => {
                Err(Trouble::Lost { address: self.inner.address.clone(), why: (**why).to_owned() })
            }
            _ => Err(self.ended()),
        }
    }

    fn notice(&self, noticed: Noticed) {
        // The thread that hears it lives as long as a line does.
        let _ = self.inner.noticed.send(noticed);
    }

    /// The thread of the line is not there any more: it panicked.
    fn ended(&self) -> Trouble {
        let why = "the thread of the connection has ended".to_owned();
        Trouble::Lost { address: self.inner.address.clone(), why }
    }
}

/// Whether the server refused without doing anything, and will not do so for long.
fn is_put_off(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly, TryAgain};
    matches!(
        error.kind(),
        ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly | TryAgain)
    )
}

/// An error as the library has it, without its kind where the server has words of its own.
fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

/// Keeps a connection.
struct Keeper {
    address: Arc<Address>,
    connector: Connector,
    told: watch::Sender<State>,
    notices: mpsc::UnboundedReceiver<Noticed>,
}

impl Keeper {
    /// Until the last line is dropped.
    async fn keep(mut self) {
        let mut number = 0;
        let (mut lost, mut is_short) = (None, false);
        loop {
            number += 1;
            let Some(wire) = self.connect(number, lost).await else { return };
            let made = Instant::now();
            if let Some(since) = lost {
                let address = &self.address;
                tracing::info!("{address} is connected again after {:.1?}", since.elapsed());
            }
            self.told.send_replace(State::Up(wire.clone(), number));
            let Some(why) = self.watch(wire, number).await else { return };
            lost = Some(Instant::now());
            tracing::warn!("the connection to {} is lost: {why}", self.address);
            self.told.send_replace(State::Down(Instant::now(), why.into()));
            // One that is lost at once each time, such as that to a replica which takes no writes, is not
            // made again and again without a pause.
            let was_short = std::mem::replace(&mut is_short, made.elapsed() < PAUSES.1);
            if is_short && was_short {
                tokio::select! {
                    () = closed(&mut self.notices) => return,
                    () = sleep(PAUSES.1.mul_f64(share())) => {}
                }
            }
        }
    }

    /// Tries until there is a connection; none when nobody wants one any more.
    async fn connect(&mut self, number: u64, lost: Option<Instant>) -> Option<Wire> {
        let since = lost.unwrap_or_else(Instant::now);
        let (mut pause, longest) = PAUSES;
        loop {
            let why = tokio::select! {
                () = closed(&mut self.notices) => return None,
                wire = self.connector.connect(number) => match wire {
                    Ok(wire) => return Some(wire),
                    Err(error) => words(&error),
                },
            };
            tracing::debug!("cannot connect to {}: {why}", self.address);
            self.told.send_replace(State::Down(since, why.into()));
            tokio::select! {
                () = closed(&mut self.notices) => return None,
                () = sleep(pause.mul_f64(share())) => {}
            }
            pause = (2 * pause).min(longest);
        }
    }

    /// Until the connection is lost: why. None when nobody wants it any more.
    async fn watch(&mut self, wire: Wire, number: u64) -> Option<&'static str> {
        loop {
            match self.notices.recv().await? {
                Noticed::Lost(n) if n == number => return Some("it was closed, or cut"),
                Noticed::Silence(n) if n == number => {
                    // A server that is slow keeps its connection; one that is gone has another address
                    // perhaps.
                    if !wire.clone().answers(PATIENCE).await {
                        return Some("it does not answer");
                    }
                    // Others were waiting at the same time.
                    while let Ok(noticed) = self.notices.try_recv() {
                        if matches!(noticed, Noticed::Lost(n) if n == number) {
                            return Some("it was closed, or cut");
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// A half to a whole: not all replicas try at the same moment.
fn share() -> f64 {
    f64::from(RandomState::new().hash_one(()) as u16) / f64::from(2 * u32::from(u16::MAX)) + 0.5
}

/// Until nobody can notice anything any more.
async fn closed(notices: &mut mpsc::UnboundedReceiver<Noticed>) {
    while notices.recv().await.is_some() {}
}
