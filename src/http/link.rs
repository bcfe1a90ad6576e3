//! Where the links of a page lead on this server: to pages of the index, outside, or nowhere.

use std::cell::OnceCell;

use percent_encoding::{percent_decode_str, utf8_percent_encode};
use rustc_hash::FxHashMap;

use crate::index::{Catalog, PageRecord, resolve, route};
use crate::mcp::PATH;

/// Address of a page on this server; `base` is the path that the public URL ends with.
pub(super) fn page(base: &str, collection: &str, path: &str) -> String {
    format!("{base}/docs/{}/{}", encoded(collection), encoded(path))
}

/// A path with what cannot stand in an address escaped.
pub(super) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, PATH).to_string()
}

/// A path of an address as it was meant; none if it is not text.
pub(super) fn decoded(path: &str) -> Option<String> {
    percent_decode_str(path).decode_utf8().ok().map(|path| path.into_owned())
}

/// Where a link leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// To a page of this server, or within the page.
    Here(String),
    /// To another site.
    Outside(String),
}

/// Resolves the links of one page.
pub(super) struct Links<'a> {
    base: &'a str,
    page: &'a PageRecord,
    catalog: &'a Catalog,
    /// Path of the public site's address: links from the root of the site start with it.
    site: Option<&'a str>,
    /// Pages by route; made for the first link that names no file.
    routes: OnceCell<FxHashMap<&'a str, &'a str>>,
}

impl<'a> Links<'a> {
    /// For the links of this page.
    pub(super) fn of(
        page: &'a PageRecord,
        catalog: &'a Catalog,
        base: &'a str,
        base_url: Option<&'a str>,
    ) -> Links<'a> {
        let site = base_url
            .and_then(|url| url.split_once("://"))
            .and_then(|(_, rest)| rest.split_once('/'))
            .map(|(_, path)| path.trim_matches('/'));
        Links { base, page, catalog, site, routes: OnceCell::new() }
    }

    /// Where a link leads; none if there is no such page, or if it is no address to follow.
    pub(super) fn resolve(&self, link: &str) -> Option<Target> {
        let link = link.trim();
        if link.is_empty() || link.starts_with("//") || link.chars().any(char::is_control) {
            return None;
        }
        if let Some(scheme) = scheme(link) {
            let web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
            return web.then(|| Target::Outside(link.to_owned()));
        }
        let (address, fragment) = match link.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (link, None),
        };
        let address = address.split('?').next().unwrap_or_default();
        let fragment = fragment.map(|fragment| format!("#{fragment}")).unwrap_or_default();
        if address.is_empty() {
            return (!fragment.is_empty()).then_some(Target::Here(fragment));
        }
        let path = self.find(&decoded(address)?)?;
        Some(Target::Here(page(self.base, &self.page.collection, path) + &fragment))
    }

    /// The page that an address names, read as a file's path and as a route of the site.
    fn find(&self, address: &str) -> Option<&'a str> {
        if let Some(rooted) = address.strip_prefix('/') {
            let within = self.site.and_then(|site| rooted.strip_prefix(site));
            let found = resolve("", rooted).and_then(|path| self.look_up(&path));
            return found.or_else(|| self.look_up(&resolve("", within?.trim_start_matches('/'))?));
        }
        let folder = |path: &'a str| path.rsplit_once('/').map_or("", |(folder, _)| folder);
        let as_file = resolve(folder(&self.page.path), address);
        let found = as_file.and_then(|path| self.look_up(&path));
        // A browser resolves against the route: `guide/install/` is a folder to it.
        found.or_else(|| self.look_up(&resolve(folder(&self.page.route), address)?))
    }

    fn look_up(&self, path: &str) -> Option<&'a str> {
        let file = self.catalog.file(&self.page.collection, path);
        file.map(|page| page.path.as_str()).or_else(|| self.routes().get(route(path)).copied())
    }

    fn routes(&self) -> &FxHashMap<&'a str, &'a str> {
        self.routes.get_or_init(|| {
            let pages = self.catalog.collection(&self.page.collection).iter();
            pages.map(|page| (route(&page.route), page.path.as_str())).collect()
        })
    }
}

/// The scheme of an address that has one (RFC 3986 section 3.1).
fn scheme(link: &str) -> Option<&str> {
    let (scheme, _) = link.split_once(':')?;
    let mut letters = scheme.chars();
    let starts = letters.next().is_some_and(|c| c.is_ascii_alphabetic());
    (starts && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))).then_some(scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_out_of_the_docs_is_none() {
        assert_eq!(resolve("a/b", "../c.md").as_deref(), Some("a/c.md"));
        assert_eq!(resolve("a", "./../../etc/passwd"), None);
        assert_eq!(resolve("", "a//b/./c").as_deref(), Some("a/b/c"));
    }

    #[test]
    fn schemes_are_told_from_paths() {
        assert_eq!(scheme("javascript:alert(1)"), Some("javascript"));
        assert_eq!(scheme("a/b:c"), None);
        assert_eq!(scheme("std::vec"), Some("std"));
        assert_eq!(scheme("#a:b"), None);
    }

    #[test]
    fn a_route_has_one_spelling() {
        for spelling in
            ["guide/install", "/guide/install/", "guide/install.html", "guide/install/index.html"]
        {
            assert_eq!(route(spelling), "guide/install", "{spelling}");
        }
        assert_eq!(route("index.html"), "");
    }

    #[test]
    fn an_address_escapes_what_would_end_a_path() {
        assert_eq!(page("", "guide", "ä b/c#?%.md"), "/docs/guide/%C3%A4%20b/c%23%3F%25.md");
        assert_eq!(decoded("%C3%A4%20b").as_deref(), Some("ä b"));
        assert_eq!(decoded("%ff"), None);
    }
}
