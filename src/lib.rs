//! docent turns folders of Markdown docs into an MCP server.
//!
//! # The map
//!
//! A page moves left to right when it is indexed, a question right to left; nothing points back.
//! `tests/it/tidy.rs` holds the arrows.
//!
//! ```text
//!              commands ─────────────► config
//!                 │ (sees everything)
//!   corpus ◄── index ◄── mcp ◄── http ──► auth ──► limits ──► store
//!   (files)   (tantivy)  (rmcp)  (axum) ├► usage ──► store
//!                ▲                      └► outward
//!            snapshots
//!         (object_store)
//! ```
//!
//! * [`config`]: every setting: flag, environment, file, default.
//! * [`commands`]: one file per subcommand; the only place that sees everything.
//! * [`corpus`]: a docs folder, as pages.
//! * [`index`]: pages, made searchable.
//! * [`snapshots`]: an index in an object store, for replicas.
//! * [`mcp`]: what a model sees: tools, resources, prompts.
//! * [`http`]: the wire: routes, guards, pages for people.
//! * [`auth`]: who is calling.
//! * [`limits`]: how much they may.
//! * [`store`]: where state lives.
//! * [`outward`]: what is asked of other servers.
//! * [`usage`]: what was asked.

#![forbid(unsafe_code)]

pub mod config;

pub mod commands;

pub mod corpus;
pub mod index;
pub mod mcp;
pub mod snapshots;

pub mod http;

pub mod auth;
pub mod limits;
pub mod outward;
pub mod store;
pub mod usage;
