//! The state of several servers, in Redis or Valkey: how a script of it is run, and how changes are noticed.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use anyhow::{Context, ensure};
use redis::{Cmd, FromRedisValue};

use super::{Line, Names, Script};
use crate::store::{LAG, Store};

/// The shape of what is kept. One that was published is never given another meaning.
const FORMAT: i64 = 1;
/// How often it is looked for changes: what is noticed is known within [`LAG`].
const LOOK: Duration = Duration::from_millis(500);

/// Makes a script out of what all scripts of the state share, and its own lines.
macro_rules! script {
    ($name:ident, $text:expr) => {
        static $name: std::sync::LazyLock<$crate::store::redis::Script> =
            std::sync::LazyLock::new(|| {
                $crate::store::redis::Script::new(concat!(include_str!("state.lua"), $text))
            });
    };
}
pub(super) use script;

/// Arguments of a script: texts, numbers and bytes.
macro_rules! arguments {
    ($($argument:expr),* $(,)?) => {
        vec![$($crate::store::redis::state::Argument::bytes(&$argument)),*]
    };
}
pub(super) use arguments;

/// Something that a script is given.
pub(super) trait Argument {
    fn bytes(&self) -> Vec<u8>;
}

impl Argument for Vec<u8> {
    fn bytes(&self) -> Vec<u8> {
        self.clone()
    }
}

impl Argument for &str {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Argument for String {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl Argument for u64 {
    fn bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl Argument for usize {
    fn bytes(&self) -> Vec<u8> {
        self.to_string().into_bytes()
    }
}

impl Argument for bool {
    fn bytes(&self) -> Vec<u8> {
        if *self { b"1".to_vec() } else { Vec::new() }
    }
}

/// What is not there is empty. The library would leave it out, and all that follow would move up.
impl<T: Argument> Argument for Option<T> {
    fn bytes(&self) -> Vec<u8> {
        self.as_ref().map(T::bytes).unwrap_or_default()
    }
}

// What is there already, or else what is given; and how the state is shaped.
script!(
    BEGIN,
    r"
even_if_full()
local salt, format = unpack(ARGV)
redis.call('SETNX', P .. 'salt', salt)
redis.call('SETNX', P .. 'format', format)
return { redis.call('GET', P .. 'salt'), redis.call('GET', P .. 'format') }
"
);

/// The state of several servers.
pub struct RedisStore {
    pub(super) line: Line,
    pub(super) names: Names,
    /// The number of the last change, as far as it is known here.
    known: Arc<AtomicI64>,
    salt: Vec<u8>,
}

impl RedisStore {
    /// The state over a connection, under these names. Looks for changes until it is dropped. `fresh` are
    /// random bytes, in case that there are none in common yet.
    ///
    /// # Errors
    ///
    /// What Redis says; a state that a newer version of docent has written; the system gives no thread.
    pub fn open(line: Line, names: Names, fresh: [u8; 32]) -> anyhow::Result<RedisStore> {
        let known = Arc::new(AtomicI64::new(0));
        let (salt, format) = begin(&line, &names, fresh.to_vec())?;
        ensure!(
            format <= FORMAT,
            "the state at {} was written by a newer version of docent",
            line.address()
        );
        let store = RedisStore { line, names, known, salt };
        store.look()?;
        store.keep_looking()?;
        Ok(store)
    }

    /// Asks a command, and waits.
    pub(super) fn ask<T: FromRedisValue + Send + 'static>(
        &self,
        command: Cmd,
    ) -> anyhow::Result<T> {
        Ok(self.line.wait(self.line.ask(command))?)
    }

    /// Runs a script of the state, and waits.
    pub(super) fn run<T: FromRedisValue + Send + 'static>(
        &self,
        script: &'static Script,
        arguments: Vec<Vec<u8>>,
    ) -> anyhow::Result<T> {
        Ok(self.line.wait(self.line.run(script, vec![self.names.state("")], arguments))?)
    }

    /// The same, of one whose answer is the number of the last change.
    pub(super) fn change(
        &self,
        script: &'static Script,
        arguments: Vec<Vec<u8>>,
    ) -> anyhow::Result<()> {
        let version = self.run(script, arguments)?;
        self.know(version);
        Ok(())
    }

    /// Knows of a change. Answers may overtake each other.
    pub(super) fn know(&self, version: i64) {
        self.known.fetch_max(version, Ordering::Relaxed);
    }

    fn look(&self) -> anyhow::Result<()> {
        let version: Option<i64> = self.ask(self.version_command())?;
        self.known.store(version.unwrap_or(0), Ordering::Relaxed);
        Ok(())
    }

    fn version_command(&self) -> Cmd {
        let mut command = redis::cmd("GET");
        command.arg(self.names.state("version"));
        command
    }

    fn keep_looking(&self) -> anyhow::Result<()> {
        const { assert!(LOOK.as_millis() * 2 <= LAG.as_millis()) };
        let (line, known) = (self.line.clone(), Arc::downgrade(&self.known));
        let (names, salt) = (self.names.clone(), self.salt.clone());
        let command = self.version_command();
        let look = move || {
            let (mut is_other, mut was_smaller) = (false, false);
            loop {
                std::thread::sleep(LOOK);
                let asked = line.wait(line.ask::<Option<i64>>(command.clone()));
                let Some(known) = known.upgrade() else { return };
                // What is known stays while Redis is away, of which the line tells.
                let Ok(version) = asked else { continue };
                let version = version.unwrap_or(0);
                // A smaller one is of before a change that was made here meanwhile, or of after data were
                // lost, which the next look finds, too.
                let is_smaller = known.fetch_max(version, Ordering::Relaxed) > version;
                if is_smaller && was_smaller {
                    known.store(version, Ordering::Relaxed);
                }
                was_smaller = is_smaller;
                // Data that were lost took it along; all others have it still.
                let there = begin(&line, &names, salt.clone());
                let was_other = is_other;
                is_other = there.is_ok_and(|(there, _)| there != salt);
                if is_other && !was_other {
                    tracing::error!(
                        "the state at {} was made anew while this server was away from it: start the \
                         server again, else it takes people for others than its like do",
                        line.address()
                    );
                }
            }
        };
        let thread = std::thread::Builder::new().name("docent-state".into()).spawn(look);
        thread.context("cannot look for changes of the state").map(drop)
    }
}

impl Store for RedisStore {
    fn version(&self) -> anyhow::Result<i64> {
        Ok(self.known.load(Ordering::Relaxed))
    }

    fn salt(&self) -> Option<&[u8]> {
        Some(&self.salt)
    }
}

fn begin(line: &Line, names: &Names, fresh: Vec<u8>) -> anyhow::Result<(Vec<u8>, i64)> {
    let arguments = arguments![fresh, FORMAT as u64];
    Ok(line.wait(line.run(&BEGIN, vec![names.state("")], arguments))?)
}
