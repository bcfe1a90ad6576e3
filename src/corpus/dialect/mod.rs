//! Real docs are not CommonMark: this makes plain, clean Markdown of a page before the Markdown
//! parser sees it. One file per family of dialects, all of them driven by [`scan`].

mod block;
mod containers;
mod elements;
mod entities;
mod fence;
mod heading;
mod html;
mod hugo;
mod include;
mod inline;
mod invisible;
mod lines;
mod mdn;
mod mdx;
mod mkdocs;
mod scan;
mod table;
mod tags;
mod trace;

pub(super) use include::Includes;
pub(super) use invisible::{is_invisible, strip_invisible};
pub(super) use trace::Trace;

use super::Site;

/// Which families of syntax a page may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    /// JSX tags, `{expressions}`, `import` and `export`.
    mdx: bool,
    /// Vue's `{{ expressions }}`.
    vue: bool,
    hugo: bool,
    mdn: bool,
    mdbook: bool,
    mkdocs: bool,
    /// `:::` containers.
    containers: bool,
    /// `!!!` admonitions: MkDocs' own, and harmless elsewhere.
    admonitions: bool,
}

impl Dialect {
    pub(super) fn new(site: Site, path: &str) -> Dialect {
        let mdx_file =
            path.len() > 4 && path.as_bytes()[path.len() - 4..].eq_ignore_ascii_case(b".mdx");
        let plain = site == Site::Plain;
        Dialect {
            mdx: mdx_file || matches!(site, Site::Docusaurus | Site::NextJs),
            vue: site == Site::VitePress,
            hugo: site == Site::Hugo,
            mdn: site == Site::Mdn,
            mdbook: site == Site::MdBook,
            mkdocs: site == Site::MkDocs,
            containers: !matches!(site, Site::MkDocs | Site::Mdn | Site::Hugo | Site::MdBook),
            admonitions: site == Site::MkDocs || plain,
        }
    }
}

/// A page as plain Markdown.
#[derive(Debug, Default)]
pub(super) struct Cleaned {
    pub(super) text: String,
    /// Anchors that authors gave: offset of the heading's line in `text`, anchor; in order.
    pub(super) anchors: Vec<(usize, String)>,
    /// Line and message of what is odd.
    pub(super) notes: Vec<(usize, String)>,
    /// Files whose text was pulled in, relative to the root.
    pub(super) includes: Vec<String>,
    /// Files that would have been, and are not there.
    pub(super) sought: Vec<String>,
    /// If it was asked for.
    pub(super) trace: Option<Box<Trace>>,
}

/// Rewrites `body` as plain Markdown. What `trace` is given is filled and comes back.
pub(super) fn clean(
    body: &str,
    dialect: Dialect,
    includes: Includes,
    trace: Option<Box<Trace>>,
) -> Cleaned {
    scan::Scanner { trace, ..scan::Scanner::new(body, dialect, includes, 0) }.run()
}

/// Longest title, and longest name of a section, in characters: what is longer is a paragraph that
/// an author took for a heading, and would stand in every hit.
pub(super) const MAX_TITLE: usize = 250;
/// Longest description, in characters.
pub(super) const MAX_DESCRIPTION: usize = 1000;

/// A text on one line, of so many characters at the most, in which a reader sees every one: entities
/// and escapes of front matter spell characters that were not there to be stripped before.
pub(super) fn line(text: &str, most: usize) -> String {
    let text = strip_invisible(text, &mut Vec::new());
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&line, most).to_owned()
}

/// The beginning of a text that may have so many characters.
pub(super) fn cut(text: &str, most: usize) -> &str {
    text.char_indices().nth(most).map_or(text, |(end, _)| text[..end].trim_end())
}

/// What stands where no Markdown is read (a title of the front matter, an argument of a macro) as a reader of the site sees
/// it: on one line, without markup and entities.
pub(super) fn plain(text: &str) -> String {
    let text = entities::decode(&elements::strip_markup(text));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
