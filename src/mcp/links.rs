//! Ids, resource URIs and public addresses of pages and sections, both ways.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::Shelf;
use crate::index::{Catalog, PageRecord};

/// What must be escaped in a path of a URI (RFC 3986 section 3.3), and what would end it.
pub(crate) const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'`')
    .add(b'#')
    .add(b'?')
    .add(b'{')
    .add(b'}')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'[')
    .add(b']')
    .add(b'|');

/// The same for a fragment (section 3.5).
const FRAGMENT: &AsciiSet = &PATH.remove(b'?');

/// Places in a name at which an anchor may begin that are tried; no real name has more.
const MAX_SPLITS: usize = 8;

/// Scheme and empty authority of resource URIs.
pub(super) const SCHEME: &str = "docs:///";

/// Makes and reads the names of pages.
#[derive(Debug, Clone)]
pub struct Links {
    shelves: Vec<Shelf>,
    /// Whether ids begin with the collection's name.
    several: bool,
    web: Option<String>,
}

/// What an id names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) collection: String,
    pub(super) path: String,
    pub(super) anchor: String,
}

impl Links {
    /// `web` is the address of the HTTP server that shows pages, without a trailing slash; none
    /// on stdio.
    pub fn new(shelves: Vec<Shelf>, web: Option<String>) -> Links {
        Links { several: shelves.len() > 1, shelves, web }
    }

    /// The same for who sees only some of the collections. Ids stay what they are: they must not
    /// change when somebody is let see more.
    pub(super) fn only(&self, seen: impl Fn(&str) -> bool) -> Links {
        let shelves = self.shelves.iter().filter(|shelf| seen(&shelf.name)).cloned().collect();
        Links { shelves, ..self.clone() }
    }

    /// The same of other collections.
    pub(super) fn of(&self, shelves: Vec<Shelf>) -> Links {
        Links::new(shelves, self.web.clone())
    }

    /// Whether ids begin with the collection's name: the server has several collections.
    pub(super) fn several(&self) -> bool {
        self.several
    }

    /// The collections.
    pub fn shelves(&self) -> &[Shelf] {
        &self.shelves
    }

    /// Id of a page or section: the path, with the collection's name in front if there are
    /// several.
    pub fn id(&self, collection: &str, path: &str, anchor: &str) -> String {
        let mut id = if self.several { format!("{collection}/{path}") } else { path.to_owned() };
        if !anchor.is_empty() {
            id.push('#');
            id.push_str(anchor);
        }
        id
    }

    /// Resource URI of a page or section.
    pub fn uri(&self, collection: &str, path: &str, anchor: &str) -> String {
        let collection = utf8_percent_encode(collection, PATH);
        let path = utf8_percent_encode(path, PATH);
        with_fragment(format!("{SCHEME}{collection}/{path}"), anchor)
    }

    /// Address to cite: on the public site, else on this server, else the resource URI.
    pub fn url(&self, collection: &str, path: &str, route: &str, anchor: &str) -> String {
        let shelf = self.shelves.iter().find(|shelf| shelf.name == collection);
        if let Some(base) = shelf.and_then(|shelf| shelf.base_url.as_deref()) {
            let route = utf8_percent_encode(route.trim_start_matches('/'), PATH);
            return with_fragment(format!("{base}{route}"), anchor);
        }
        if let Some(web) = &self.web {
            let collection = utf8_percent_encode(collection, PATH);
            let path = utf8_percent_encode(path, PATH);
            return with_fragment(format!("{web}/docs/{collection}/{path}"), anchor);
        }
        self.uri(collection, path, anchor)
    }

    /// The page or section that an id, a resource URI or a public address names. Names are looked
    /// up in the catalog, never joined to a path.
    pub(super) fn find<'a>(
        &self,
        catalog: &'a Catalog,
        name: &str,
    ) -> Option<(Target, &'a PageRecord)> {
        let name = name.trim();
        // A path may hold a `#` itself (`c#/start.md`): the longest name that is a page wins.
        let splits = name.rmatch_indices('#').take(MAX_SPLITS);
        let splits = splits.map(|(at, _)| (&name[..at], &name[at + 1..]));
        std::iter::once((name, "")).chain(splits).find_map(|(name, anchor)| {
            let page = self.find_page(catalog, name)?;
            let anchor = decode(anchor);
            let target =
                Target { collection: page.collection.clone(), path: page.path.clone(), anchor };
            Some((target, page))
        })
    }

    fn find_page<'a>(&self, catalog: &'a Catalog, name: &str) -> Option<&'a PageRecord> {
        if let Some(rest) = name.strip_prefix(SCHEME) {
            let (collection, path) = rest.split_once('/')?;
            return catalog.page(&decode(collection), &decode(path)).map(|page| &**page);
        }
        if name.starts_with("https://") || name.starts_with("http://") {
            return self.find_address(catalog, name);
        }
        let path = name.trim_start_matches("./").trim_start_matches('/');
        if let [only] = self.shelves.as_slice()
            && !self.several
            && let Some(page) = lookup(catalog, &only.name, path)
        {
            return Some(page);
        }
        let (collection, path) = path.split_once('/')?;
        lookup(catalog, collection, path)
    }

    fn find_address<'a>(&self, catalog: &'a Catalog, address: &str) -> Option<&'a PageRecord> {
        let address = address.split('?').next().unwrap_or(address);
        if let Some(rest) =
            self.web.as_ref().and_then(|web| address.strip_prefix(&format!("{web}/docs/")))
        {
            let (collection, path) = rest.split_once('/')?;
            return catalog.page(&decode(collection), &decode(path)).map(|page| &**page);
        }
        self.shelves.iter().find_map(|shelf| {
            let base = shelf.base_url.as_deref()?;
            let route = address
                .strip_prefix(base)
                .or_else(|| (address == base.trim_end_matches('/')).then_some(""))?;
            lookup(catalog, &shelf.name, route)
        })
    }
}

/// A page by its path; else by what an address makes of it: escaped, with a slash at the end,
/// without its ending, as a route, as an earlier address.
fn lookup<'a>(catalog: &'a Catalog, collection: &str, name: &str) -> Option<&'a PageRecord> {
    let page = catalog.page(collection, name);
    page.or_else(|| catalog.stands_for(collection, &decode(name))).map(|page| &**page)
}

fn with_fragment(mut address: String, anchor: &str) -> String {
    if !anchor.is_empty() {
        address.push('#');
        address.extend(utf8_percent_encode(anchor, FRAGMENT));
    }
    address
}

fn decode(text: &str) -> String {
    percent_decode_str(text)
        .decode_utf8()
        .map_or_else(|_| text.to_owned(), |text| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(names: &[&str], base: Option<&str>, web: Option<&str>) -> Links {
        let shelf = |name: &&str| Shelf {
            name: (*name).to_owned(),
            base_url: base.map(str::to_owned),
            ..Shelf::default()
        };
        Links::new(names.iter().map(shelf).collect(), web.map(str::to_owned))
    }

    #[test]
    fn ids_carry_the_collection_only_where_there_are_several() {
        assert_eq!(links(&["a"], None, None).id("a", "x/y.md", "z"), "x/y.md#z");
        assert_eq!(links(&["a", "b"], None, None).id("a", "x/y.md", ""), "a/x/y.md");
    }

    #[test]
    fn addresses_are_never_empty() {
        let public = links(&["a"], Some("https://d.example/"), Some("http://127.0.0.1:1"));
        assert_eq!(
            public.url("a", "x.md", "x/", "wie geht's"),
            "https://d.example/x/#wie%20geht's"
        );
        let web = links(&["a"], None, Some("http://127.0.0.1:1"));
        assert_eq!(web.url("a", "ä b.md", "x", ""), "http://127.0.0.1:1/docs/a/%C3%A4%20b.md");
        assert_eq!(links(&["a"], None, None).url("a", "x.md", "x", "y"), "docs:///a/x.md#y");
    }
}
