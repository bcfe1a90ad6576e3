//! What `search` and `eval` share: docs that are up to date when they are asked, and not followed.

use std::sync::Arc;

use anyhow::bail;

use super::repositories::{self, Pull};
use super::{collections, door, following, index};
use crate::config::Settings;
use crate::http;
use crate::index::meaning::Embedded;
use crate::index::{Held, Index, Indexer, OpenError, Unwritable};
use crate::mcp::{Docs, Links};

/// The index as it is; brought up to date first, unless another process does that.
pub(super) fn open(settings: &Settings, command: &'static str) -> anyhow::Result<Docs> {
    let web = door::shows_pages(settings)
        .then(|| http::address(settings.public_url.value.as_deref(), settings.listen.value));
    if let Some(docs) = following::here(settings, web.clone())? {
        return Ok(docs);
    }
    let collections = collections::collections(settings)?;
    let links = Links::new(collections::shelves(&collections), web);
    let data_dir = &settings.data_dir.value;
    let index = match Indexer::open(data_dir, &collections, command) {
        Ok((mut indexer, reason)) => {
            let repositories = repositories::repositories(settings)?;
            let pull = Pull::Missing;
            repositories::prepare(&repositories, &collections, &mut indexer, pull, true)?;
            match reason {
                Some(reason) => index::build(&mut indexer, &collections, &reason)?,
                None => {
                    let report = indexer.catch_up(&Default::default())?;
                    index::refuse_nothing(&report, &collections)?;
                }
            }
            indexer.index().clone()
        }
        Err(error) if error.is::<Held>() => match Index::open(data_dir, &collections) {
            Ok(index) => Arc::new(index),
            Err(OpenError::Missing) => return Err(error),
            Err(stale) => bail!("{error}, and {stale}"),
        },
        Err(error) if error.is::<Unwritable>() => {
            Arc::new(index::open_as_it_is(data_dir, &collections, &error)?)
        }
        Err(error) => return Err(error),
    };
    if let Err(error) = index.load_model() {
        eprintln!("searching by words alone, because the model does not load: {error:#}");
    }
    if let Some(Embedded { embedded, sections, .. }) = index.snapshot().embedded()
        && embedded < sections
    {
        eprintln!("{embedded} of {sections} sections are embedded: docent index embeds the others");
    }
    Ok(Docs::new(index, links))
}
