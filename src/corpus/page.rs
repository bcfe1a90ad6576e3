//! What a docs folder is made of: collections, pages, sections.

use std::path::PathBuf;

/// A docs folder with a name, and what its owner says of it.
#[derive(Debug, Clone, Default)]
pub struct Collection {
    /// Short name, unique on a server: the first part of ids when there are several collections.
    pub name: String,
    /// The folder, absolute and canonical.
    pub root: PathBuf,
    /// Title for people and models.
    pub title: Option<String>,
    /// One or two sentences: what is inside.
    pub description: Option<String>,
    /// Public address of the site, with a trailing slash; hits cite `base_url` + route + anchor.
    pub base_url: Option<String>,
    /// Version of the documented software.
    pub version: Option<String>,
    /// BCP 47 language of the pages, unless a page says otherwise.
    pub language: Option<String>,
    /// The generator that built the public site; detected when absent.
    pub site: Option<Site>,
    /// Globs of files to read; empty means every file of a kind that is read.
    pub include: Vec<String>,
    /// Globs of files not to read.
    pub exclude: Vec<String>,
    /// docent's own data, absolute: not read, also where it lies in the folder.
    pub data_dir: Option<PathBuf>,
}

/// A generator of documentation sites: decides routes, anchors and some dialect rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Site {
    /// Markdown as a code host renders it: routes are file paths, anchors are GitHub's.
    Plain,
    /// mdBook.
    MdBook,
    /// Docusaurus.
    Docusaurus,
    /// VitePress.
    VitePress,
    /// MkDocs, Material for MkDocs, Zensical.
    MkDocs,
    /// Hugo.
    Hugo,
    /// Astro Starlight.
    Starlight,
    /// The docs of Next.js and sites laid out like them (numbered folders).
    NextJs,
    /// MDN Web Docs.
    Mdn,
}

/// One file of a collection, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Path relative to the collection's root, with `/`; the page's id within the collection.
    pub path: String,
    /// Title: front matter, else the first heading of level one, else a name made from the path.
    pub title: String,
    /// One sentence from the front matter.
    pub description: String,
    /// Keywords and tags of the front matter.
    pub keywords: Vec<String>,
    /// Earlier addresses of the page, from the front matter.
    pub aliases: Vec<String>,
    /// Route on the public site, relative to `base_url`, without a leading slash.
    pub route: String,
    /// BCP 47 language, if the page or its folder says one.
    pub language: Option<String>,
    /// Position among its siblings, from the front matter (smaller comes first).
    pub weight: Option<i64>,
    /// Date of the last change according to the front matter, as written there (ISO 8601).
    pub updated: Option<String>,
    /// In reading order; the first one, without a heading, is what stands above all headings
    /// (absent when nothing stands there).
    pub sections: Vec<Section>,
    /// Files, relative to the root, whose text this page pulled in.
    pub includes: Vec<String>,
    /// Files, relative to the root, whose text it would have pulled in, were they there.
    pub sought: Vec<String>,
}

/// What stands under one heading; sub-headings' text is in sections of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Section {
    /// Anchor on the public site, without `#`; empty for what stands above all headings.
    pub anchor: String,
    /// Heading level, 1 to 6; 0 for what stands above all headings.
    pub level: u8,
    /// The heading as plain text; empty for what stands above all headings.
    pub title: String,
    /// Headings above this one, outermost first, as plain text, without the page title.
    pub trail: Vec<String>,
    /// Clean Markdown, the heading line included: what a client is given.
    pub text: String,
    /// Words of the text outside code blocks, for the index; inline code included.
    pub prose: String,
    /// Text of the code blocks, for the index.
    pub code: String,
    /// Links to other pages of the same collection.
    pub links: Vec<Link>,
}

/// A link from a section to a page of the same collection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// As written in the page: relative or site-absolute, with its fragment.
    pub target: String,
    /// The words that carry the link.
    pub text: String,
}

/// Something about a file that its author or the operator should know; reading went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Path relative to the root.
    pub path: String,
    /// Line in the file, from 1; 0 when it concerns the whole file.
    pub line: usize,
    /// Lower case, no full stop.
    pub message: String,
}

/// Why a file has no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// The front matter says `draft: true`.
    Draft,
    /// The file is gone.
    Gone,
    /// It cannot be read or is not text; the sentence says why.
    Unreadable(String),
    /// The system cannot read it just now, and may be able to later; the sentence says why.
    Busy(String),
}
