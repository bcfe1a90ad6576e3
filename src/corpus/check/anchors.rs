//! The places of a page that links may lead to: its headings, and whatever else carries an id.

use std::collections::HashSet;

use crate::corpus::survey::Survey;
use crate::corpus::{Page, Site};

/// Words that the frame of a generated page may have at most.
const FRAME_WORDS: usize = 60;

/// An anchor without what generators differ in: case, hyphens, punctuation. A renamed heading is
/// still another one; a heading that another version of the generator spells otherwise is not.
pub(super) fn key(anchor: &str) -> String {
    anchor.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// All anchors of a page, as [`key`] has them.
pub(super) fn of(site: Site, page: &Page, survey: &Survey) -> HashSet<String> {
    // Links to the top of a page name its title now and then.
    let mut found = HashSet::from([key(&page.title)]);
    for section in &page.sections {
        found.insert(key(&section.anchor));
        // Where an author's id takes the place of the one made of the title, some generators keep
        // both.
        found.insert(key(&section.title));
    }
    found.extend(survey.anchors.iter().map(|anchor| key(anchor)));
    for id in ids(&survey.source) {
        // The rules of the Rust reference: `r[items.use]` is at `#r-items.use`.
        if site == Site::MdBook {
            found.insert(format!("r{}", key(id)));
        }
        found.insert(key(id));
    }
    // What a component or a macro shows is at its own name as often as not.
    let names = survey.source.match_indices("\n<").filter_map(|(at, _)| {
        let rest = &survey.source[at + 2..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric())?;
        rest.starts_with(|c: char| c.is_ascii_uppercase()).then(|| key(&rest[..end]))
    });
    found.extend(names);
    if site == Site::Mdn && survey.source.contains("{{InteractiveExample") {
        found.insert(key("try_it"));
    }
    terms(site, &survey.cleaned, &mut found);
    if site == Site::MkDocs {
        tabs(page, &survey.source, &mut found);
    }
    found
}

/// Is there such a place among these? Generators count equal headings in their own ways.
pub(super) fn has(found: &HashSet<String>, fragment: &str) -> bool {
    let number = fragment
        .rsplit_once(['-', '_'])
        .filter(|(_, end)| !end.is_empty() && end.bytes().all(|b| b.is_ascii_digit()));
    found.contains(&key(fragment)) || number.is_some_and(|(stem, _)| found.contains(&key(stem)))
}

/// Ids in HTML and attribute lists, and whatever JSX is given: a component may make an id of it.
fn ids(source: &str) -> impl Iterator<Item = &str> {
    let marks = ["=\"", "='", "id=", "name=", "{#", "{ #", "{: #", "{:#", "r["];
    marks.into_iter().flat_map(move |mark| {
        source.match_indices(mark).filter_map(move |(at, _)| {
            let before = source[..at].chars().next_back().unwrap_or(' ');
            let starts_word = !before.is_alphanumeric() || mark.starts_with('=');
            let rest = source[at + mark.len()..].trim_start_matches(['"', '\'', '{', '`']);
            let end = rest.find(['"', '\'', '}', '`', '>', ' ', '\n', ']', '/'])?;
            // What starts so is where a link leads to, not where one ends.
            (starts_word && end > 0 && !rest.starts_with('#')).then(|| &rest[..end])
        })
    })
}

/// Terms of definition lists, which some generators give ids.
fn terms(site: Site, text: &str, found: &mut HashSet<String>) {
    if !matches!(site, Site::Mdn | Site::MkDocs | Site::Hugo | Site::Docusaurus) {
        return;
    }
    let mut above = "";
    for line in text.lines() {
        let word = line.trim_start();
        if word.starts_with("- : ") || word.starts_with(": ") {
            let term = without_targets(above);
            found.insert(key(&term));
            // `name (optional)` is `name`.
            found.insert(key(term.split(" (").next().unwrap_or_default()));
        } else if !word.is_empty() {
            above = word.trim_start_matches("- ");
        }
    }
}

/// The words of a line without the targets of its links.
fn without_targets(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("](") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, rest)| rest);
    }
    out.push_str(rest);
    out
}

/// Tabs of MkDocs: their anchor is their label's, behind that of the heading above if so set.
fn tabs(page: &Page, source: &str, found: &mut HashSet<String>) {
    let labels: Vec<String> = source
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("=== \""))
        .filter_map(|rest| rest.split('"').next())
        .map(|label| key(&without_icons(label)))
        .collect();
    for label in labels {
        found.extend(page.sections.iter().map(|it| format!("{}{label}", key(&it.anchor))));
        found.insert(label);
    }
}

/// `:octicons-image-16: Image` is `Image`.
fn without_icons(label: &str) -> String {
    let is_icon = |word: &&str| word.len() > 2 && word.starts_with(':') && word.ends_with(':');
    label.split(' ').filter(|word| !is_icon(word)).collect()
}

/// Does the generator put text with headings into this page that is not in the file?
pub(super) fn is_generated(site: Site, page: &Page, survey: &Survey) -> bool {
    let source = &survey.source;
    let has = |marks: &[&str]| marks.iter().any(|mark| source.contains(mark));
    // A page of a few words without sections is the frame of what a component or a template shows.
    let words = survey.cleaned.split_whitespace().take(FRAME_WORDS).count();
    let is_frame = page.sections.iter().all(|section| section.level < 2)
        && (words == 0 || (words < FRAME_WORDS && has(&["<", "{{", "{%"])));
    is_frame
        || match site {
            Site::MkDocs => has(&["\n::: ", "--8<--", "{% include"]),
            Site::Hugo => has(&["{{< include", "{{% include", "{{< readfile", "{{% readfile"]),
            Site::MdBook => has(&["{{#"]),
            // The text of another page.
            Site::NextJs => has(&["\nsource: "]),
            _ => false,
        }
}
