//! What a model sees: three tools, resources, prompts, in both eras of the protocol.
//!
//! Everything here reads [`index`](crate::index) snapshots; nothing opens a file. Document text
//! appears in content fields only, never in descriptions, instructions or names.

mod account;
mod arguments;
mod completion;
mod descriptions;
mod face;
mod feedback;
mod fetch;
mod instead;
mod links;
mod notices;
mod outline;
mod plain;
mod prompts;
mod resources;
mod scope;
mod search;
mod server;
mod shown;
mod transport;
mod versions;

pub use crate::corpus::git::Standing;
pub use account::{Account, Caller, CallerKind, Client, Feedback, Observer, Outcome, RESOURCE};
pub use links::Links;
pub(crate) use links::PATH;
pub(crate) use plain::{Headers, tool_error};
pub use scope::Scope;
pub use search::DEFAULT_TOKENS as SEARCH_TOKENS;
pub use server::{Docs, Owner};
pub use shown::Followed;
pub(crate) use transport::revisions;
pub use transport::{http_service, serve_pipe, serve_stdio};

/// Names of the tools, in the order clients show them. The last is there only where the owner of the
/// docs wants it.
pub const TOOLS: [&str; 4] = [search::NAME, fetch::NAME, outline::NAME, feedback::NAME];

/// A collection, as clients are told of it.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Short name, unique.
    pub name: String,
    /// Title for people and models.
    pub title: Option<String>,
    /// One or two sentences: what is inside.
    pub description: Option<String>,
    /// Public address of the site, with a trailing slash.
    pub base_url: Option<String>,
    /// Version of the documented software.
    pub version: Option<String>,
    /// BCP 47 language.
    pub language: Option<String>,
}

/// An error that the model reads: what was wrong and the next call to make.
pub(crate) struct ToolError(pub(crate) String);

impl From<anyhow::Error> for ToolError {
    /// The cause goes to the log; the model learns that trying again is all it can do.
    fn from(error: anyhow::Error) -> ToolError {
        tracing::error!("a tool call failed: {error:#}");
        ToolError("the index could not be read just now; try the same call again".into())
    }
}
