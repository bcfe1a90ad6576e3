//! Where links lead: to a file beside the page, to an address of the site, or nowhere.
//!
//! A link counts as broken only when no reading of it leads to a page or a file: as a path, as an
//! address relative to the page's, as an address of the site. What lies outside the folder is not
//! judged, and nothing is fetched.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use percent_encoding::percent_decode_str;

use super::sheet::Sheet;
use super::{Finding, Rule, anchors, finding};
use crate::corpus::{Collection, Site, resolve, site};

/// Distinct links by which the place of the folder on its site is found out.
const SAMPLE: usize = 4000;
/// Pages from which on a missing target is something that the generator makes: a slip is not made
/// on so many.
const MADE_ELSEWHERE: usize = 5;

/// Where a link leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lead {
    /// To the page at this place.
    Page(usize),
    /// To a file that is no page, or out of what we can see.
    Elsewhere,
    Nowhere,
}

/// A link that has been followed.
struct Followed<'a> {
    from: usize,
    line: usize,
    target: &'a str,
    fragment: &'a str,
    lead: Lead,
}

/// All links of a collection, followed.
pub(super) struct Links<'a> {
    followed: Vec<Followed<'a>>,
    linked: HashSet<usize>,
}

impl<'a> Links<'a> {
    /// Follows the links of all sheets. `files` are the docs there are, drafts and all.
    pub(super) fn follow(
        collection: &Collection,
        site: Site,
        sheets: &'a [Sheet],
        files: &[&str],
    ) -> Links<'a> {
        let mut map = Map::new(collection, site, sheets, files);
        map.find_mounts(sheets);
        let mut followed = Vec::new();
        let mut linked = HashSet::new();
        for (from, sheet) in sheets.iter().enumerate() {
            for (line, target) in &sheet.links {
                let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
                let lead = map.lead(sheets, from, path);
                if let Lead::Page(to) = lead
                    && to != from
                {
                    linked.insert(to);
                }
                followed.push(Followed { from, line: *line, target, fragment, lead });
            }
        }
        let mut links = Links { followed, linked };
        links.forgive_popular(sheets);
        links
    }

    /// Takes back what many pages link to.
    fn forgive_popular(&mut self, sheets: &[Sheet]) {
        let name = |link: &Followed<'_>| {
            let path = link.target.split(['#', '?']).next().unwrap_or_default();
            if path.starts_with('/') {
                return address(path);
            }
            let folder = folder_of(&sheets[link.from].path);
            address(&resolve(folder, path).unwrap_or_default())
        };
        let mut pages: HashMap<String, HashSet<usize>> = HashMap::new();
        for link in self.followed.iter().filter(|link| link.lead == Lead::Nowhere) {
            pages.entry(name(link)).or_default().insert(link.from);
        }
        for link in self.followed.iter_mut().filter(|link| link.lead == Lead::Nowhere) {
            if pages.get(&name(link)).is_some_and(|from| from.len() >= MADE_ELSEWHERE) {
                link.lead = Lead::Elsewhere;
            }
        }
    }

    /// Pages that another page links to.
    pub(super) fn linked(&self) -> &HashSet<usize> {
        &self.linked
    }

    pub(super) fn findings(&self, sheets: &[Sheet]) -> Vec<Finding> {
        let mut found = Vec::new();
        // Links in included text are judged in the file that they stand in.
        for link in self.followed.iter().filter(|link| link.line > 0) {
            let from = &sheets[link.from];
            match link.lead {
                Lead::Nowhere => {
                    let message = format!(
                        "the link to {:?} leads to no page: an assistant that follows it ends there; name the page's file or its address",
                        link.target
                    );
                    found.push(finding(&from.path, link.line, Rule::BrokenLink, message));
                }
                Lead::Page(to) if !has_anchor(&sheets[to], link.fragment) => {
                    let message = without_anchor(&sheets[to], link);
                    found.push(finding(&from.path, link.line, Rule::BrokenAnchor, message));
                }
                Lead::Page(_) | Lead::Elsewhere => {}
            }
        }
        found
    }
}

fn without_anchor(to: &Sheet, link: &Followed<'_>) -> String {
    let key = anchors::key(link.fragment);
    let near = to.sections.iter().find(|anchor| {
        let other = anchors::key(anchor);
        !other.is_empty() && (other.starts_with(&key) || key.starts_with(&other))
    });
    let hint = match near {
        Some(anchor) => format!("did you mean #{anchor}?"),
        None => "name one that it has".to_owned(),
    };
    format!(
        "the link to {:?} leads to no heading of {}: an assistant that follows it gets the whole page or nothing; {hint}",
        link.target, to.path
    )
}

fn has_anchor(page: &Sheet, fragment: &str) -> bool {
    let decoded = percent_decode_str(fragment).decode_utf8_lossy();
    page.is_generated
        || anchors::key(&decoded).is_empty()
        || is_made(&decoded)
        || anchors::has(&page.anchors, &decoded)
}

/// Anchors that browsers and generators make without a word in the page.
fn is_made(fragment: &str) -> bool {
    let line_number = fragment
        .strip_prefix('L')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    fragment.eq_ignore_ascii_case("top")
        || fragment.starts_with("__")
        || fragment.starts_with("fn")
        // Live samples of MDN.
        || fragment.starts_with("frame_")
        || fragment.starts_with(":~:")
        || fragment.contains(['/', '=', '{', '<', '$'])
        || line_number
}

/// The pages of a folder by all their addresses.
struct Map {
    root: PathBuf,
    pages: HashMap<String, usize>,
    /// Folders that hold pages.
    folders: HashSet<String>,
    /// Files that are docs but have no page: drafts.
    others: HashSet<String>,
    /// Hugo finds a page by its file's name alone, if there is one such file.
    names: HashMap<String, Option<usize>>,
    site: Site,
    /// The configuration of the site, which names what it moves and where files come from.
    config: String,
    /// What the folder's address on its site starts with, if it is known.
    base: Option<String>,
    mounts: Vec<Mount>,
}

/// How addresses of the site become paths of the folder: one prefix goes, another one comes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Mount {
    site: String,
    folder: String,
}

impl Map {
    fn new(collection: &Collection, site: Site, sheets: &[Sheet], files: &[&str]) -> Map {
        let mut pages = HashMap::with_capacity(3 * sheets.len());
        let mut folders = HashSet::new();
        for (at, sheet) in sheets.iter().enumerate() {
            pages.insert(address(&sheet.path), at);
            // Folders have other names in addresses: `guide` for `01-guide`.
            for folder in [folder_of(&sheet.path), folder_of(sheet.route.trim_end_matches('/'))] {
                for (end, _) in folder.match_indices('/') {
                    folders.insert(folder[..end].to_lowercase());
                }
                folders.insert(folder.to_lowercase());
            }
        }
        for (at, sheet) in sheets.iter().enumerate() {
            for other in std::iter::once(&sheet.route).chain(&sheet.aliases) {
                pages.entry(address(other)).or_insert(at);
            }
        }
        let mut names = HashMap::new();
        for (at, sheet) in sheets.iter().enumerate().filter(|_| site == Site::Hugo) {
            let name = file_name(&sheet.path).to_lowercase();
            names.entry(name).and_modify(|it| *it = None).or_insert(Some(at));
        }
        let others = files.iter().map(|path| address(path)).collect();
        Map {
            root: collection.root.clone(),
            pages,
            folders,
            others,
            names,
            site,
            config: site::config(&collection.root).to_lowercase(),
            base: collection.base_url.clone(),
            mounts: Vec::new(),
        }
    }

    /// Finds out where on its site the folder lies: links that lead to a page tell.
    fn find_mounts(&mut self, sheets: &[Sheet]) {
        let targets = sheets.iter().flat_map(|sheet| &sheet.links).filter_map(|(_, target)| {
            let path = target.split(['#', '?']).next().unwrap_or_default();
            let inside = path.strip_prefix('/')?;
            (!inside.starts_with('/')).then(|| address(inside))
        });
        let targets: HashSet<String> = targets.take(20 * SAMPLE).collect();
        let mut targets: Vec<String> = targets.into_iter().filter(|it| !it.is_empty()).collect();
        targets.sort_unstable();
        let step = (targets.len() / SAMPLE).max(1);
        let mut tops: Vec<String> =
            self.folders.iter().filter(|it| !it.is_empty() && !it.contains('/')).cloned().collect();
        tops.sort_unstable();
        let mut votes: HashMap<Mount, usize> = HashMap::new();
        let mut count = 0;
        for target in targets.iter().step_by(step) {
            count += 1;
            for mount in self.readings(target, &tops) {
                *votes.entry(mount).or_default() += 1;
            }
        }
        // One link in twenty: fewer may fit by chance.
        let mut mounts: Vec<Mount> =
            votes.into_iter().filter(|(_, n)| n * 20 >= count).map(|(mount, _)| mount).collect();
        if let Some(path) = self.base.as_deref().and_then(path_of_url) {
            mounts.push(Mount { site: address(path), folder: String::new() });
        }
        // The longest prefix says most.
        mounts.sort_by(|a, b| b.site.len().cmp(&a.site.len()).then(a.folder.cmp(&b.folder)));
        mounts.dedup();
        self.mounts = mounts;
    }

    /// The ways to read an address of the site that lead to a page; the plainest alone, if it does.
    fn readings(&self, target: &str, tops: &[String]) -> Vec<Mount> {
        let cuts = std::iter::once(0).chain(target.match_indices('/').map(|(at, _)| at + 1));
        for start in cuts.take(4) {
            if self.pages.contains_key(&target[start..]) {
                let site = target[..start].trim_end_matches('/').to_owned();
                return vec![Mount { site, folder: String::new() }];
            }
        }
        let below = |top: &&String| self.pages.contains_key(&format!("{top}/{target}"));
        let mount = |top: &String| Mount { site: String::new(), folder: top.clone() };
        tops.iter().filter(below).map(mount).collect()
    }

    fn lead(&self, sheets: &[Sheet], from: usize, target: &str) -> Lead {
        let path = target.split('?').next().unwrap_or_default();
        if path.is_empty() {
            return if target.is_empty() { Lead::Page(from) } else { Lead::Elsewhere };
        }
        if let Some(rest) = self.base.as_deref().and_then(|base| path.strip_prefix(base)) {
            return self.inside(rest).unwrap_or(Lead::Nowhere);
        }
        if is_outside(path) || self.is_name(path) {
            return Lead::Elsewhere;
        }
        let path = percent_decode_str(path).decode_utf8_lossy();
        let lead = match path.strip_prefix('/') {
            Some(path) => self.on_site(path),
            None => self.beside(&sheets[from], &path),
        };
        let is_known = || !may_be_page(&path) || self.is_configured(&sheets[from], &path);
        if lead == Lead::Nowhere && is_known() { Lead::Elsewhere } else { lead }
    }

    /// Does the site's configuration name this target: as moved, or as brought in from elsewhere?
    fn is_configured(&self, from: &Sheet, path: &str) -> bool {
        let folder = if path.starts_with('/') { "" } else { folder_of(&from.path) };
        let address = resolve(folder, path).map(|path| address(&path)).unwrap_or_default();
        address.contains('/') && self.config.contains(&address)
    }

    /// What is at a path of the folder, if there is anything.
    fn inside(&self, path: &str) -> Option<Lead> {
        let address = address(path);
        if let Some(page) = self.pages.get(&address) {
            return Some(Lead::Page(*page));
        }
        let path = path.trim_matches('/');
        let on_disk = |path: &str| !path.is_empty() && self.root.join(path).exists();
        let is_file = self.others.contains(&address)
            || on_disk(path)
            || on_disk(&format!("{path}.html"))
            // mdBook shows the first page of a book there, whatever it is called.
            || path.strip_suffix("/index.html").is_some_and(on_disk);
        is_file.then_some(Lead::Elsewhere)
    }

    /// A link that starts with `/`.
    fn on_site(&self, path: &str) -> Lead {
        if let Some(lead) = self.inside(path) {
            return lead;
        }
        let address = address(path);
        let mut may_be_here = false;
        for mount in &self.mounts {
            let rest = match address.strip_prefix(mount.site.as_str()) {
                Some(rest) if mount.site.is_empty() || rest.is_empty() => rest,
                Some(rest) if rest.starts_with('/') => &rest[1..],
                _ => continue,
            };
            let path = join(&mount.folder, rest);
            if let Some(lead) = self.inside(&path) {
                return lead;
            }
            // Other parts of a site are made of other folders or of no files at all.
            may_be_here |= self.folders.contains(folder_of(&path));
        }
        if may_be_here { Lead::Nowhere } else { Lead::Elsewhere }
    }

    /// A link relative to the page.
    fn beside(&self, from: &Sheet, path: &str) -> Lead {
        let file_folder = folder_of(&from.path);
        let route_folder = folder_of(&from.route);
        // With and without a slash at the end: generators redirect one to the other.
        let bases = [file_folder, route_folder, from.route.trim_end_matches('/'), ""];
        let mut may_be_here = false;
        for (at, base) in bases.into_iter().enumerate() {
            let Some(path) = resolve(base, path) else { continue };
            if let Some(lead) = self.inside(&path) {
                return lead;
            }
            // Beside the page is what the author sees; the rest is for links that do lead somewhere.
            may_be_here |= at == 0 && self.is_part(&path);
        }
        if let Some(Some(page)) = self.names.get(&path.to_lowercase()) {
            return Lead::Page(*page);
        }
        if may_be_here { Lead::Nowhere } else { Lead::Elsewhere }
    }

    /// A word without a kind is no file of mdBook's, but a name that a preprocessor knows.
    fn is_name(&self, path: &str) -> bool {
        let has_kind = path.ends_with(".md") || path.ends_with(".html");
        self.site == Site::MdBook && !path.contains('/') && !has_kind
    }

    /// Is a path in a part of the folder that holds pages?
    fn is_part(&self, path: &str) -> bool {
        match path.split_once('/') {
            Some((top, _)) => self.folders.contains(&top.to_lowercase()),
            None => true,
        }
    }
}

/// `guide/start` for `/guide/Start.md`, `guide/start/index.html` and `guide/start/`: what tells
/// one page from another in all the ways in which it is named.
fn address(path: &str) -> String {
    let path = path.trim_matches('/').to_lowercase();
    let path = [".md", ".mdx", ".markdown", ".html", ".htm"]
        .iter()
        .find_map(|kind| path.strip_suffix(kind))
        .unwrap_or(&path);
    for index in ["index", "_index", "readme"] {
        if path == index {
            return String::new();
        }
        if let Some(folder) = path.strip_suffix(index).and_then(|it| it.strip_suffix('/')) {
            return folder.to_owned();
        }
    }
    path.replace(' ', "-")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn join(folder: &str, path: &str) -> String {
    if folder.is_empty() { path.to_owned() } else { format!("{folder}/{path}") }
}

fn path_of_url(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    Some(rest.split_once('/').map_or("", |(_, path)| path))
}

/// Has the link a scheme, another host, or something that only the generator resolves?
fn is_outside(path: &str) -> bool {
    let scheme = path.split('/').next().is_some_and(|first| first.contains(':'));
    scheme
        || path.starts_with("//")
        || path.starts_with(['@', '~'])
        || path.contains(['{', '}', '$', '<', '>', '*'])
}

/// Pictures, archives and sources are no pages, and a generator may put them anywhere.
fn may_be_page(path: &str) -> bool {
    let file = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let Some((_, kind)) = file.rsplit_once('.') else { return true };
    let kind = kind.to_ascii_lowercase();
    matches!(&*kind, "" | "md" | "mdx" | "markdown" | "html" | "htm" | "rst" | "adoc")
        // `v1.2` is a folder's name.
        || kind.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_same_by_all_its_names() {
        for name in ["/Guide/Start.md", "guide/start", "guide/start/", "guide/start/index.html"] {
            assert_eq!(address(name), "guide/start", "{name}");
        }
        for name in ["index.md", "", "/", "README.md"] {
            assert_eq!(address(name), "", "{name}");
        }
    }

    #[test]
    fn links_do_not_leave_the_folder_by_dots() {
        assert_eq!(resolve("a/b", "../c.md").as_deref(), Some("a/c.md"));
        assert_eq!(resolve("a", "../../c.md"), None);
    }
}
