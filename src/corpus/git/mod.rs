//! Docs that live in git repositories: cloned, pulled, and moved from one commit to the next.
//!
//! | file | what it decides |
//! |---|---|
//! | `address` | which addresses are taken, and what is shown of them |
//! | `program` | how the program git is called, and for how long |
//! | `checkout` | what lies on the disk: a clone of one branch, and its files |
//! | `repository` | when it is pulled, and what came of it |
//!
//! Pulling has two halves. Fetching may take long, hangs on a network, and touches no file that is
//! read: a thread of its own does it. Moving the files is quick, and done by the thread that owns
//! the index between two looks, so that no look ever meets half of a commit.
//!
//! The program does this and no library. It has the credential helpers, keys, proxies and
//! certificates that an operator has set up already, and its holes are mended with the system.
//! gix 0.90 brings some hundred crates and does not move a work tree from one commit to another yet
//! (uv, which wanted it, calls git); git2 0.21 brings a C library that knows no credential helper
//! of its own accord and links another TLS. cargo has both, and a switch to call git instead.

mod address;
mod checkout;
mod program;
mod repository;

pub use address::Address;
pub use checkout::{check_branch, check_folder};
pub use program::check_program;
pub use repository::{Options, Repository, Standing};

/// Characters of a commit that people and models are shown; git's own choice for large repositories.
pub const SHORT: usize = 12;

/// A commit as it is shown.
pub fn short(commit: &str) -> &str {
    commit.get(..SHORT).unwrap_or(commit)
}
