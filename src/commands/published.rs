//! `docent index --publish`: the index as a snapshot in an object store.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::corpus::Collection;
use crate::index::Indexer;
use crate::snapshots::{self, Described, Done};

/// Publishes what was indexed, and says what that was.
///
/// # Errors
///
/// What is wrong with the address or the store. What was published before stays the current snapshot.
pub(super) fn publish(
    address: &str,
    indexer: &mut Indexer,
    collections: &[Collection],
    show: bool,
) -> anyhow::Result<Value> {
    // Merges in the background would delete files that are being uploaded. The caller holds the lock of
    // the index: after this nothing moves until the end.
    indexer.rest()?;
    let bar = ProgressBar::hidden();
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {bytes}/{total_bytes} published  {bytes_per_sec}  {eta}",
    )?);
    if show && std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    let tell = |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    };
    let described = collections.iter().map(described).collect();
    let done = snapshots::publish(address, indexer.index(), described, &tell);
    bar.finish_and_clear();
    let done = done?;
    if show {
        eprintln!("{}", said(address, &done));
    }
    Ok(json!({
        "id": done.id,
        "published": done.published,
        "unchanged": done.unchanged,
        "files": done.files,
        "bytes": done.bytes,
        "uploaded": done.uploaded,
        "bytes_uploaded": done.bytes_uploaded,
        "deleted": done.deleted,
    }))
}

fn said(address: &str, done: &Done) -> String {
    let Done { id, files, uploaded, .. } = done;
    if done.unchanged {
        return format!("nothing changed since {id} was published to {address}: it stays");
    }
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    format!(
        "published {id} to {address}: {files} files, {:.1} MB, of which {:.1} MB in {uploaded} objects \
         were not there",
        megabytes(done.bytes),
        megabytes(done.bytes_uploaded)
    )
}

/// What replicas tell their callers of a collection.
fn described(collection: &Collection) -> Described {
    let Collection { name, title, description, base_url, version, language, .. } = collection;
    Described {
        name: name.clone(),
        title: title.clone(),
        description: description.clone(),
        base_url: base_url.clone(),
        version: version.clone(),
        language: language.clone(),
    }
}
