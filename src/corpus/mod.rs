//! A docs folder, as pages: found on disk, read in their dialect, split into sections.
//!
//! Nothing in here knows of an index or of a client. Reading never fails: what cannot be read is
//! skipped or read leniently, and comes back as a [`Warning`] that names the file.

pub mod check;
mod dialect;
mod front_matter;
pub mod git;
mod left_out;
mod markdown;
mod page;
mod read;
mod site;
mod survey;
pub mod tokens;
mod walk;
mod watch;

pub use left_out::{LeftOut, left_out};
pub use page::{Collection, Link, Page, Section, Site, Skip, Warning};
pub use read::{Reader, Source};
pub(crate) use site::{github as heading_slug, resolve};
pub use walk::{File, Walk, check_glob, walk};
pub use watch::{Batch, Watch, Watcher};
