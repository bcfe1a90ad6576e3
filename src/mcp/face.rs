//! What callers of one scope are shown before they ask: who the server is, which tools it has,
//! which collections. It never changes, so that clients may cache it; where a snapshot brings other
//! collections, another one takes its place.
#![expect(deprecated, reason = "clients before 2026-07-28 log this way")]

use rmcp::model::{CacheScope, Implementation, ServerCapabilities, ServerConfig, Tool};

use super::descriptions;
use super::links::Links;
use super::scope::Scope;
use crate::index::Snapshot;

/// What callers of one scope are shown.
pub(super) struct Face {
    pub(super) scope: Scope,
    pub(super) links: Links,
    pub(super) info: ServerConfig,
    pub(super) tools: Vec<Tool>,
    /// Whether caches in between may give what one caller got to another.
    pub(super) cache: CacheScope,
}

impl Face {
    /// For callers of a scope; of the links and of the index only what they see counts. Whether they
    /// may say something of the docs is the owner's wish.
    pub(super) fn new(
        scope: Scope,
        links: &Links,
        snapshot: &Snapshot,
        cache: CacheScope,
        feedback: bool,
    ) -> Face {
        let links = links.only(|name| scope.shows(name));
        let instructions = descriptions::instructions(links.shelves(), snapshot, &scope);
        let tools = descriptions::tools(links.shelves(), &scope, feedback);
        let title = match links.shelves() {
            [only] => format!("{} docs", only.title.as_ref().unwrap_or(&only.name)),
            _ => "docent".to_owned(),
        };
        let implementation =
            Implementation::new("docent", env!("CARGO_PKG_VERSION")).with_title(title);
        let info = ServerConfig::new(capabilities(&scope))
            .with_server_info(implementation)
            .with_instructions(instructions);
        Face { scope, links, info, tools, cache }
    }
}

/// What is offered: nothing that this scope could not use.
fn capabilities(scope: &Scope) -> ServerCapabilities {
    let mut offered = ServerCapabilities::builder()
        .enable_tools()
        .enable_prompts()
        .enable_prompts_list_changed()
        .enable_completions()
        .enable_logging()
        .enable_resources()
        .enable_resources_list_changed()
        .enable_resources_subscribe()
        .build();
    if !scope.lists() {
        offered.completions = None;
        if let Some(resources) = offered.resources.as_mut() {
            resources.list_changed = None;
        }
    }
    if !scope.reads() {
        offered.resources = None;
    }
    offered
}
