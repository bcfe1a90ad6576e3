//! Pages that no page links to.
//!
//! People find such a page in a menu, which is no text. An assistant goes from page to page by
//! links, and the words of links help search. Where a whole folder is reached in another way (news,
//! a glossary, generated reference), its pages are no orphans: only the odd one out is.

use std::collections::{HashMap, HashSet};

use super::sheet::Sheet;
use super::{Finding, Rule, finding};
use crate::corpus::Site;

/// Pages that a folder must have for its habits to show.
const FEWEST: usize = 4;

/// Pages without a link in folders where most have one.
pub(super) fn findings(sheets: &[Sheet], linked: &HashSet<usize>, site: Site) -> Vec<Finding> {
    // Most links of MDN are macros, which name no address.
    if site == Site::Mdn {
        return Vec::new();
    }
    let mut folders: HashMap<&str, (usize, usize)> = HashMap::new();
    for (at, sheet) in sheets.iter().enumerate() {
        for folder in above(&sheet.path) {
            let (pages, with_link) = folders.entry(folder).or_default();
            *pages += 1;
            *with_link += usize::from(linked.contains(&at));
        }
    }
    let mut found = Vec::new();
    for (at, sheet) in sheets.iter().enumerate() {
        // `[name].md` is a pattern of addresses.
        if linked.contains(&at) || is_entrance(&sheet.path) || sheet.path.contains('[') {
            continue;
        }
        let judged = above(&sheet.path).filter_map(|folder| folders.get(folder));
        let Some((pages, with_link)) = judged.into_iter().find(|(pages, _)| *pages >= FEWEST)
        else {
            continue;
        };
        if 4 * with_link < 3 * pages {
            continue;
        }
        let message = format!(
            "no page links to {:?}: an assistant that reads the pages beside it never hears of it; link to it where its subject comes up",
            sheet.title
        );
        found.push(finding(&sheet.path, 1, Rule::Orphan, message));
    }
    found
}

/// The folders above a page, the nearest first, the root last.
fn above(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(path);
    std::iter::from_fn(move || {
        let path = rest?;
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        rest = (!folder.is_empty()).then_some(folder);
        Some(folder)
    })
}

/// Do readers come in here? The first page of a folder, and what is shown for lost ones.
fn is_entrance(path: &str) -> bool {
    let file = path.rsplit('/').next().unwrap_or_default();
    let stem = file.split('.').next().unwrap_or_default();
    matches!(stem.to_ascii_lowercase().as_str(), "index" | "_index" | "readme" | "summary" | "404")
}
