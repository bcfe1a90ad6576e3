//! Attacks and bad inputs: each is tried, and whatever comes of it is held to the same oracle.
//!
//! A test's name begins with the number of its row in the project's list: D documents, Q search,
//! H and N the wire, O sign-in, K keys and limits. The last module holds that no row lacks one.

mod contents;
mod documents;
mod headers;
mod http;
mod index;
mod keys;
mod operations;
mod oracle;
#[cfg(unix)]
mod processes;
mod rows;
mod search;
mod wire;
