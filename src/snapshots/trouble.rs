//! What goes wrong between a docent and an object store.

use std::fmt;

/// What kind of trouble it is, in words that name no address: callers are told, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The store does not answer, or answers with an error of its own.
    Unreachable,
    /// The store does not let this docent read.
    Denied,
    /// There is no such bucket, container or folder.
    NoPlace,
    /// Nothing was published yet, or it was taken away.
    Nothing,
    /// What is there is not what was published.
    Damaged,
    /// It was made by another version of docent.
    Foreign,
    /// This machine cannot keep it.
    Local,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Cause::Unreachable => "the store cannot be reached",
            Cause::Denied => "the store refuses the credentials",
            Cause::NoPlace => "the place of the snapshots is not there",
            Cause::Nothing => "nothing is published there",
            Cause::Damaged => "the published snapshot is damaged",
            Cause::Foreign => "the published snapshot is of another version of docent",
            Cause::Local => "the snapshot cannot be kept on this machine",
        })
    }
}

/// Something that went wrong.
#[derive(Debug)]
pub struct Trouble {
    /// Of what kind it is.
    pub cause: Cause,
    /// In full, for the operator: where, what, and what to do.
    pub error: anyhow::Error,
}

impl Trouble {
    /// Trouble of this kind.
    pub(super) fn new(cause: Cause, error: impl Into<anyhow::Error>) -> Trouble {
        Trouble { cause, error: error.into() }
    }

    /// The same, in one sentence.
    pub(super) fn say(cause: Cause, sentence: impl Into<String>) -> Trouble {
        Trouble { cause, error: anyhow::Error::msg(sentence.into()) }
    }

    /// With what was being done.
    pub(super) fn during(self, doing: impl fmt::Display) -> Trouble {
        Trouble { cause: self.cause, error: anyhow::anyhow!("{doing}: {:#}", self.error) }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.error)
    }
}

impl std::error::Error for Trouble {}

/// What the disk of this machine said.
pub(super) fn local(error: impl Into<anyhow::Error>) -> Trouble {
    Trouble::new(Cause::Local, error)
}
