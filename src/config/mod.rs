//! Every setting of docent: its flag, its environment variable, its key in `docent.toml`, its
//! default. A flag beats the environment beats the file beats the default.
//!
//! Only `commands` reads settings; the other folders take small options of their own.

mod arguments;
mod discovery;
mod door;
mod exported;
mod file;
mod git;
mod owner;
mod settings;
mod state;

pub use arguments::{
    AddArguments, Arguments, AuditArguments, CheckArguments, Command, ConfigArguments, Docs, Ended,
    EvalArguments, Flags, IndexArguments, KeyAction, Lifetime, ModelAction, SearchArguments,
    SignInAction, UsageArguments,
};
pub use discovery::DiscoverySettings;
pub use door::{ExternalSettings, SecretText, SignInSettings};
pub use exported::{completions, pages};
pub use file::CollectionSettings;
pub use git::GitSettings;
pub use owner::{OwnerSettings, Queries};
pub use settings::{Access, Fallback, LogFormat, OnLimit, Setting, Settings, Source, WatchMode};
pub use state::StateSettings;
