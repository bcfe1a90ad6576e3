//! What is kept of a page when it has been looked at: what links and copies are judged by.

use std::collections::HashSet;

use super::{Finding, Rule, anchors};
use crate::corpus::survey::Survey;
use crate::corpus::{Page, Site};

/// Words that a text must have to be told from others: stubs are alike by nature.
const TELLING_WORDS: usize = 30;

/// Words from which on a comment is text that was meant for somebody, not a mark for a tool.
const COMMENT_WORDS: usize = 40;

/// How a page says in a comment what is not to be found on it.
const IGNORE: &str = "docent-check-ignore:";

/// A page in short.
pub(super) struct Sheet {
    pub(super) path: String,
    pub(super) title: String,
    pub(super) route: String,
    pub(super) aliases: Vec<String>,
    pub(super) includes: Vec<String>,
    /// Line and target.
    pub(super) links: Vec<(usize, String)>,
    /// All places of the page that a link may lead to, as [`anchors::key`] has them.
    pub(super) anchors: HashSet<String>,
    /// Anchors of its sections as they are, for those who mistyped one.
    pub(super) sections: Vec<String>,
    /// The generator puts text here that we do not see, and anchors with it.
    pub(super) is_generated: bool,
    /// Line and text of comments that say something.
    pub(super) comments: Vec<(usize, String)>,
    /// Stands for the text, if it is telling.
    pub(super) text: Option<[u8; 32]>,
    /// Rules that a comment of the page takes back.
    pub(super) ignored: Vec<Rule>,
    pub(super) findings: Vec<Finding>,
}

impl Sheet {
    pub(super) fn new(site: Site, page: Page, survey: Survey, findings: Vec<Finding>) -> Sheet {
        let ignored = survey.comments.iter().flat_map(|(_, text)| ignored_by(text)).collect();
        let mut comments = survey.comments.clone();
        comments.retain(|(_, text)| text.split_whitespace().count() >= COMMENT_WORDS);
        Sheet {
            comments,
            ignored,
            anchors: anchors::of(site, &page, &survey),
            is_generated: anchors::is_generated(site, &page, &survey),
            text: fingerprint(&page),
            sections: page.sections.into_iter().map(|section| section.anchor).collect(),
            path: page.path,
            title: page.title,
            route: page.route,
            aliases: page.aliases,
            includes: page.includes,
            links: survey.links,
            findings,
        }
    }
}

/// The rules that a comment names. A name that is none changes nothing, and what it was meant for
/// is still reported.
fn ignored_by(comment: &str) -> impl Iterator<Item = Rule> {
    let names = comment.split_once(IGNORE).map_or("", |(_, names)| names);
    names.split(|c: char| c == ',' || c.is_whitespace()).filter_map(Rule::named)
}

/// Of all text but the page's title.
fn fingerprint(page: &Page) -> Option<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut count = 0;
    for section in &page.sections {
        let title = usize::from(section.level == 1);
        for word in section.text.lines().skip(title).flat_map(str::split_whitespace) {
            hasher.update(word.as_bytes());
            hasher.update(b" ");
            count += 1;
        }
    }
    // Scripts without spaces have few words and long ones.
    let letters: usize = page.sections.iter().map(|section| section.prose.len()).sum();
    (count >= TELLING_WORDS || letters >= 8 * TELLING_WORDS).then(|| *hasher.finalize().as_bytes())
}
