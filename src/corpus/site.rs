//! What a generator does to a page's address: which one built the site, the route of a file on it,
//! the anchors of its headings.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
};

use unicode_normalization::UnicodeNormalization as _;

use super::{Site, front_matter::FrontMatter};

/// A generator with the settings of it that change addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) site: Site,
    /// `page/` or `page` rather than `page.html`, for the generators where it is a setting.
    clean_urls: bool,
    /// Python-Markdown drops all but ASCII from anchors unless another slugger is set.
    unicode_anchors: bool,
}

impl Rules {
    fn with_config(site: Site, config: &str) -> Rules {
        let squeezed: String = config.chars().filter(|c| !c.is_whitespace()).collect();
        let clean_urls = match site {
            Site::VitePress => squeezed.contains("cleanUrls:true"),
            _ => !squeezed.contains("use_directory_urls:false"),
        };
        Rules { site, clean_urls, unicode_anchors: has_unicode_slugs(config) }
    }

    /// The generator of the site in `root`: the one given, else by its config file, else by what
    /// a sample of `pages` looks like.
    pub(super) fn detect(given: Option<Site>, root: &Path, pages: &[(String, String)]) -> Rules {
        let configured = configured(root);
        match (given, configured) {
            (Some(site), Some((found, config))) if site == found => {
                Rules::with_config(site, &config)
            }
            (Some(site), _) => Rules::with_config(site, ""),
            (None, Some((site, config))) => Rules::with_config(site, &config),
            (None, None) => Rules::with_config(guess(pages), ""),
        }
    }
}

/// Does the configuration of MkDocs or Zensical set a slugger for headings? The same one may be set
/// for tabs alone.
fn has_unicode_slugs(config: &str) -> bool {
    // The column from which on lines belong to the settings of `toc`.
    let mut toc = None;
    config.lines().any(|line| {
        let text = line.trim();
        let column = line.len() - line.trim_start().len();
        if text.starts_with('[') {
            toc = text.ends_with("toc]").then_some(0);
        } else if text.trim_start_matches(['-', ' ']).starts_with("toc:") {
            toc = Some(column + 1);
        } else if toc.is_some_and(|least| column < least) && !text.is_empty() {
            toc = None;
        }
        toc.is_some() && text.contains("pymdownx.slugs")
    })
}

/// Names of config files, and whose they are. A folder's name stands for its presence alone.
const CONFIGS: [(&str, Site); 22] = [
    ("book.toml", Site::MdBook),
    ("docusaurus.config.js", Site::Docusaurus),
    ("docusaurus.config.ts", Site::Docusaurus),
    ("docusaurus.config.mjs", Site::Docusaurus),
    (".vitepress/config.js", Site::VitePress),
    (".vitepress/config.ts", Site::VitePress),
    (".vitepress/config.mts", Site::VitePress),
    (".vitepress/config.mjs", Site::VitePress),
    (".vitepress", Site::VitePress),
    ("mkdocs.yml", Site::MkDocs),
    ("mkdocs.yaml", Site::MkDocs),
    ("zensical.toml", Site::MkDocs),
    ("hugo.toml", Site::Hugo),
    ("hugo.yaml", Site::Hugo),
    ("hugo.yml", Site::Hugo),
    ("hugo.json", Site::Hugo),
    ("astro.config.mjs", Site::Starlight),
    ("astro.config.ts", Site::Starlight),
    ("next.config.js", Site::NextJs),
    ("next.config.mjs", Site::NextJs),
    ("next.config.ts", Site::NextJs),
    ("config.toml", Site::Hugo),
];

/// The generator whose config file lies in `root` or up to two folders above, and its text.
fn configured(root: &Path) -> Option<(Site, String)> {
    for folder in root.ancestors().take(3) {
        for (name, site) in CONFIGS {
            let path = folder.join(name);
            // `config.toml` is anybody's; Hugo's stands beside the folder of its content.
            let is_hugos = name != "config.toml" || folder.join("content").is_dir();
            let Ok(meta) = fs::metadata(&path) else { continue };
            if !is_hugos || meta.len() > 1 << 20 {
                continue;
            }
            let config = if meta.is_file() { fs::read_to_string(&path).ok() } else { None };
            return Some((site, config.unwrap_or_default()));
        }
        // Above a repository's root stands nothing of the project.
        if folder.join(".git").exists() {
            break;
        }
    }
    None
}

/// The text of the generator's configuration; empty if there is none.
pub(super) fn config(root: &Path) -> String {
    configured(root).map(|(_, config)| config).unwrap_or_default()
}

/// The generator that a sample of pages, as (path, text), was written for.
fn guess(pages: &[(String, String)]) -> Site {
    let ends_with = |name: &str| pages.iter().any(|(path, _)| path.ends_with(name));
    if ends_with("SUMMARY.md") {
        return Site::MdBook;
    }
    let count = |marks: &[&str]| {
        let has = |text: &String| marks.iter().any(|mark| text.contains(mark));
        pages.iter().filter(|(_, text)| has(text)).count()
    };
    let many = |n: usize| n * 10 >= pages.len().max(1) && n > 0;
    let shortcodes = count(&["{{< ", "{{% ", "{{<"]);
    if (ends_with("_index.md") && shortcodes > 0) || many(shortcodes) {
        return Site::Hugo;
    }
    if many(count(&["\npage-type: "])) {
        return Site::Mdn;
    }
    let numbered = pages.iter().filter(|(path, _)| is_numbered(path)).count();
    if numbered * 2 > pages.len() && !many(count(&["\nsidebar_position: "])) {
        return Site::NextJs;
    }
    let mkdocs = count(&["\n!!! ", "\n??? ", "\n=== \"", "\n/// ", "--8<--", "\n{* "]);
    let vitepress = count(&["\n::: ", "<script setup", "\n:::code-group", "v-pre"]);
    let docusaurus = count(&["\n:::note", "\n:::tip", "\n:::info", "\n:::caution", "@theme/"])
        + count(&["\nsidebar_position: ", "\nsidebar_label: "]);
    let starlight = count(&["@astrojs/starlight"]);
    let react = count(&["{/*"]);
    let scores = [
        (Site::MkDocs, mkdocs),
        (Site::VitePress, vitepress + count(&[" {#"]).min(2 * vitepress)),
        (Site::Docusaurus, docusaurus),
        (Site::Starlight, 3 * starlight),
        (Site::NextJs, react),
    ];
    let best = scores.into_iter().max_by_key(|(_, score)| *score);
    best.filter(|(_, score)| many(*score)).map_or(Site::Plain, |(site, _)| site)
}

/// Does the first folder have a position for a prefix, as in `01-app`?
fn is_numbered(path: &str) -> bool {
    path.contains('/') && strip_number(path).len() != path.len()
}

/// `app` for `01-app`.
fn strip_number(name: &str) -> &str {
    let rest = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = name.len() - rest.len();
    match rest.strip_prefix(['-', '_', '.']) {
        // `2024-01-31-post` is a date, `v1.2-notes` no number.
        Some(rest) if (1..=3).contains(&digits) && !rest.is_empty() => {
            let date_like = rest.bytes().next().is_some_and(|b| b.is_ascii_digit());
            if date_like { name } else { rest.trim_start() }
        }
        _ => name,
    }
}

impl Rules {
    /// The route of a page: relative to the site's address, without a leading slash.
    pub(super) fn route(&self, path: &str, meta: &FrontMatter) -> String {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        if let Some(url) = &meta.url
            && !url.contains("://")
        {
            return url.trim_start_matches('/').to_owned();
        }
        let is_index = matches!(stem, "index" | "_index" | "README" | "readme");
        let slug = meta.slug.as_deref().filter(|slug| !slug.contains("://"));
        match self.site {
            Site::Plain => path.to_owned(),
            Site::MdBook if is_index => join(folder, "index.html"),
            Site::MdBook => join(folder, &format!("{stem}.html")),
            Site::Mdn => match slug {
                Some(slug) => slug.trim_start_matches('/').to_owned(),
                None => folder.to_owned(),
            },
            Site::Hugo => {
                let last = if is_index { "" } else { slug.unwrap_or(stem) };
                trailing(&join(folder, last).to_lowercase().replace(' ', "-"))
            }
            Site::MkDocs | Site::VitePress if is_index && stem != "_index" => trailing(folder),
            Site::MkDocs if self.clean_urls => trailing(&join(folder, stem)),
            Site::VitePress if self.clean_urls => join(folder, stem),
            Site::MkDocs | Site::VitePress => join(folder, &format!("{stem}.html")),
            Site::Docusaurus => docusaurus_route(folder, stem, slug, meta),
            Site::NextJs => {
                let path = if is_index { folder.to_owned() } else { join(folder, stem) };
                path.split('/').map(strip_number).collect::<Vec<_>>().join("/")
            }
            Site::Starlight => match slug {
                Some(slug) => trailing(slug.trim_matches('/')),
                None => {
                    let path = if is_index { folder.to_owned() } else { join(folder, stem) };
                    trailing(&path.split('/').map(github).collect::<Vec<_>>().join("/"))
                }
            },
        }
    }
}

fn docusaurus_route(folder: &str, stem: &str, slug: Option<&str>, meta: &FrontMatter) -> String {
    let folder = folder.split('/').map(strip_number).collect::<Vec<_>>().join("/");
    match slug {
        Some(slug) if slug.starts_with('/') => return slug.trim_start_matches('/').to_owned(),
        Some(slug) => return join(&folder, slug.trim_start_matches("./")),
        None => {}
    }
    let stem = meta.params.get("id").map_or_else(|| strip_number(stem), |id| id.as_str());
    // `guide/guide.md` is the index of `guide`, too.
    let last = folder.rsplit('/').next().unwrap_or_default();
    let is_index = stem.eq_ignore_ascii_case("index")
        || stem.eq_ignore_ascii_case("readme")
        || (stem == last && !last.is_empty());
    if is_index { trailing(&folder) } else { join(&folder, stem) }
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    }
}

fn trailing(path: &str) -> String {
    if path.is_empty() || path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

/// Gives the headings of one page their anchors.
pub(super) struct Anchors {
    rules: Rules,
    used: HashSet<String>,
    next: HashMap<String, usize>,
}

impl Anchors {
    pub(super) fn new(rules: Rules) -> Anchors {
        Anchors { rules, used: HashSet::new(), next: HashMap::new() }
    }

    /// The anchor of a heading whose author gave it one. Where a page has it already the site leads to
    /// the first; the other gets a number, without which it had no name that leads to it.
    pub(super) fn explicit(&mut self, id: &str) -> String {
        if self.used.insert(id.to_owned()) {
            return id.to_owned();
        }
        self.counted(id, id, '-', 1)
    }

    /// The anchor of the next heading: `title` as plain text, `source` as Markdown, which is what
    /// Hugo makes anchors of.
    pub(super) fn next(&mut self, title: &str, source: &str) -> String {
        let slug = match self.rules.site {
            Site::Hugo => hugo(source),
            Site::MdBook => mdbook(title),
            Site::MkDocs if !self.rules.unicode_anchors => python(title),
            Site::VitePress => vitepress(title),
            Site::Mdn => mdn(title),
            _ => github(title),
        };
        let (separator, first) = match self.rules.site {
            Site::MkDocs => ('_', 1),
            Site::Mdn => ('_', 2),
            _ => ('-', 1),
        };
        if !(slug.is_empty() && self.rules.site == Site::MkDocs) && self.used.insert(slug.clone()) {
            return slug;
        }
        // Those who number with `_` count on from a number that is there.
        let numbered = numbered(&slug).filter(|_| separator == '_');
        let (stem, first) = numbered.map_or((&*slug, first), |(stem, number)| (stem, number + 1));
        self.counted(&slug, stem, separator, first)
    }

    /// The first of the numbered anchors of a slug that is free.
    fn counted(&mut self, slug: &str, stem: &str, separator: char, first: usize) -> String {
        let next = self.next.entry(slug.to_owned()).or_insert(first);
        loop {
            let candidate = format!("{stem}{separator}{next}");
            *next += 1;
            if self.used.insert(candidate.clone()) {
                return candidate;
            }
        }
    }
}

/// `step` and 2 for `step_2`.
fn numbered(slug: &str) -> Option<(&str, usize)> {
    let (stem, digits) = slug.rsplit_once('_')?;
    let is_number = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    Some((stem, digits.parse().ok().filter(|_| is_number)?))
}

/// GitHub's, as `github-slugger` has it: letters, marks, digits, `_` and `-` stay.
pub(crate) fn github(title: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    for c in title.trim().chars() {
        match c {
            ' ' => slug.push('-'),
            '-' | '_' => slug.push(c),
            c if (c.is_alphanumeric() && !is_other_number(c)) || is_mark(c) => {
                slug.extend(c.to_lowercase());
            }
            _ => {}
        }
    }
    slug
}

/// Numbers that are no digits, such as `½` and `②`.
fn is_other_number(c: char) -> bool {
    matches!(c, '²' | '³' | '¹' | '¼'..='¾' | '⁰' | '⁴'..='⁹' | '₀'..='₉' | '⅐'..='⅟' | '①'..='⒛'
        | '⓪'..='⓿' | '❶'..='➓' | '㈠'..='㈩' | '㉈'..='㉟' | '㊀'..='㊉' | '㊱'..='㊿')
}

/// Marks that are not letters of their own; the blocks of combining characters in common use.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{94d}' | '\u{9cd}' | '\u{3099}' | '\u{309a}'
        | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}')
}

/// mdBook's `id_from_content`.
fn mdbook(title: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    for c in title.trim().chars() {
        match c {
            c if c.is_alphanumeric() || c == '_' || c == '-' => slug.extend(c.to_lowercase()),
            c if c.is_whitespace() => slug.push('-'),
            _ => {}
        }
    }
    slug
}

/// Hugo's `autoHeadingIDType = "github"`.
fn hugo(source: &str) -> String {
    let mut slug = String::with_capacity(source.len());
    for c in source.trim().chars() {
        match c {
            '-' | ' ' => slug.push('-'),
            c if c == '_' || (c.is_alphanumeric() && !is_other_number(c)) => {
                slug.extend(c.to_lowercase());
            }
            _ => {}
        }
    }
    if slug.is_empty() { "heading".to_owned() } else { slug }
}

/// Python-Markdown's `toc.slugify`.
fn python(title: &str) -> String {
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '\t' | ' ');
    let words: String = title.nfkd().filter(kept).collect();
    let mut slug = String::with_capacity(words.len());
    for c in words.trim().chars() {
        match c {
            // Runs of spaces and hyphens become one hyphen.
            c if c == '-' || c.is_whitespace() => {
                if !slug.ends_with('-') {
                    slug.push('-');
                }
            }
            c => slug.push(c.to_ascii_lowercase()),
        }
    }
    slug
}

/// VitePress's, from `@mdit-vue/shared`: decomposed, and what is special for anchors one hyphen.
fn vitepress(title: &str) -> String {
    let mut slug = String::with_capacity(title.len());
    for c in title.nfkd().filter(|c| !matches!(c, '\u{300}'..='\u{36f}')) {
        let special =
            c.is_whitespace() || matches!(c, '“' | '”' | '‘' | '’') || (c.is_ascii_punctuation());
        if !special && !c.is_control() {
            slug.extend(c.to_lowercase());
        } else if special && !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    let digit = slug.bytes().next().is_some_and(|b| b.is_ascii_digit());
    if digit { format!("_{slug}") } else { slug.to_owned() }
}

/// MDN's: no punctuation that would need escaping in a URL, lower case, `_` for each gap between
/// the words that are left.
fn mdn(title: &str) -> String {
    const REJECTED: &str = "*<>\"$#%&+,/:;=?@[]^`{|}~')(\\";
    let mut slug = String::with_capacity(title.len());
    let mut gap = false;
    for c in title.chars().filter(|c| !REJECTED.contains(*c)) {
        if c.is_ascii_whitespace() {
            gap = true;
            continue;
        }
        if gap && !slug.is_empty() {
            slug.push('_');
        }
        gap = false;
        slug.extend(c.to_lowercase());
    }
    if slug.is_empty() { "sect".to_owned() } else { slug }
}

/// A path seen from a folder, without `.` and `..`; none if it leads out of the docs.
pub(crate) fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_has_an_anchor_of_its_own() {
        let mut anchors = Anchors::new(Rules::detect(Some(Site::Docusaurus), Path::new("/"), &[]));
        assert_eq!(anchors.next("Setup", "Setup"), "setup");
        // A part that is pulled in twice brings its id twice.
        let given = ["setup", "it", "it", "it"].map(|id| anchors.explicit(id));
        assert_eq!(given, ["setup-1", "it", "it-1", "it-2"]);
        assert_eq!(anchors.next("Setup", "Setup"), "setup-2");
    }

    #[test]
    fn the_slugger_of_headings_is_told_from_that_of_tabs() {
        let slugs = "slugify: !!python/object/apply:pymdownx.slugs.slugify";
        let tabs =
            format!("  - toc:\n      permalink: true\n  - pymdownx.tabbed:\n      {slugs}\n");
        assert!(!has_unicode_slugs(&tabs));
        assert!(has_unicode_slugs(&format!("  - toc:\n      permalink: true\n\n      {slugs}\n")));
        let table = "slugify = {object = \"pymdownx.slugs.slugify\"}\n";
        let toc = "[project.markdown_extensions.toc]\n";
        let tabbed = "[project.markdown_extensions.pymdownx.tabbed]\n";
        assert!(has_unicode_slugs(&format!("{toc}permalink = true\n{table}")));
        assert!(!has_unicode_slugs(&format!("{toc}permalink = true\n{tabbed}{table}")));
    }
}
