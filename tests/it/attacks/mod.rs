//! Attacks and bad inputs: each is tried, and whatever comes of it is held to the same oracle.
//!
//! A test's name begins with the number of its row in the project's list: D documents, Q search,
//! H and N the wire, O sign-in, K keys and limits. The last module holds that no row lacks one.

mod authorize;
mod browsers;
mod clients;
mod contents;
mod documents;
mod headers;
mod http;
mod index;
mod keys;
mod metadata_documents;
mod operations;
mod oracle;
#[cfg(unix)]
mod processes;
mod provider_lies;
mod rows;
mod scope;
mod search;
mod settings;
mod tokens;
mod wire;
