//! Completion of template and prompt arguments.

use rmcp::model::{ArgumentInfo, CompletionContext, CompletionInfo, Reference};

use super::server::Docs;
use crate::index::Catalog;

/// Values that begin with what was typed, then values that hold it.
pub(super) fn complete(
    docs: &Docs,
    catalog: &Catalog,
    reference: &Reference,
    argument: &ArgumentInfo,
    context: Option<&CompletionContext>,
) -> CompletionInfo {
    let values = match reference {
        Reference::Resource(_) if docs.scope().lists() => {
            candidates(docs, catalog, argument, context)
        }
        // What a question could be is not for the server to guess.
        _ => Vec::new(),
    };
    let typed = argument.value.to_lowercase();
    let (mut found, mut hold) = (Vec::new(), Vec::new());
    for value in values {
        let lower = value.to_lowercase();
        if lower.starts_with(&typed) {
            found.push(value);
        } else if lower.contains(&typed) {
            hold.push(value);
        }
    }
    found.append(&mut hold);
    let total = found.len();
    found.truncate(CompletionInfo::MAX_VALUES);
    let more = total > found.len();
    let found = found.into_iter().map(str::to_owned).collect();
    let mut info = CompletionInfo::new(found).unwrap_or_default();
    info.total = u32::try_from(total).ok();
    info.has_more = Some(more);
    info
}

fn candidates<'a>(
    docs: &'a Docs,
    catalog: &'a Catalog,
    argument: &ArgumentInfo,
    context: Option<&CompletionContext>,
) -> Vec<&'a str> {
    let chosen = |name: &str| context.and_then(|context| context.get_argument(name)).cloned();
    let collection = chosen("collection").or_else(|| match docs.collections() {
        [only] => Some(only.name.clone()),
        _ => None,
    });
    match argument.name.as_str() {
        "collection" => docs.collections().iter().map(|shelf| &*shelf.name).collect(),
        "path" => {
            let pages = match &collection {
                Some(name) => catalog.collection(name),
                None => catalog.pages(),
            };
            pages.iter().map(|page| &*page.path).collect()
        }
        "anchor" => {
            let page =
                collection.zip(chosen("path")).and_then(|(name, path)| catalog.page(&name, &path));
            let sections = page.map(|page| page.sections.iter()).into_iter().flatten();
            sections.map(|section| &*section.anchor).filter(|anchor| !anchor.is_empty()).collect()
        }
        _ => Vec::new(),
    }
}
