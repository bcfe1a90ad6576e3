//! The rules: their names, how much each weighs, what each is about.

use std::fmt;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Hurts answers.
    Warning,
    /// Something is lost or leads nowhere.
    Error,
}

impl Severity {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is looked for. Names are a public contract: settings of CI jobs hold them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The file, or some of it, is no text.
    Unreadable,
    /// The front matter does not parse.
    FrontMatter,
    /// Neither front matter nor a level-one heading name the page.
    NoTitle,
    /// Two sections of a page have the same headings.
    RepeatedHeading,
    /// A section is larger than a whole answer.
    LongSection,
    /// There is nothing under a heading.
    EmptySection,
    /// A link leads to no page.
    BrokenLink,
    /// A link leads to no section of its page.
    BrokenAnchor,
    /// No page links to this one.
    Orphan,
    /// An image says nothing in words.
    ImageWithoutText,
    /// Text that readers of the site do not see.
    InvisibleText,
    /// Two pages say the same.
    DuplicatePage,
}

impl Rule {
    /// All of them, in the order of the manual.
    pub const ALL: [Rule; 12] = [
        Rule::Unreadable,
        Rule::FrontMatter,
        Rule::NoTitle,
        Rule::RepeatedHeading,
        Rule::LongSection,
        Rule::EmptySection,
        Rule::BrokenLink,
        Rule::BrokenAnchor,
        Rule::Orphan,
        Rule::ImageWithoutText,
        Rule::InvisibleText,
        Rule::DuplicatePage,
    ];

    /// The name that people type.
    pub fn name(self) -> &'static str {
        match self {
            Rule::Unreadable => "unreadable",
            Rule::FrontMatter => "front-matter",
            Rule::NoTitle => "no-title",
            Rule::RepeatedHeading => "repeated-heading",
            Rule::LongSection => "long-section",
            Rule::EmptySection => "empty-section",
            Rule::BrokenLink => "broken-link",
            Rule::BrokenAnchor => "broken-anchor",
            Rule::Orphan => "orphan",
            Rule::ImageWithoutText => "image-without-text",
            Rule::InvisibleText => "invisible-text",
            Rule::DuplicatePage => "duplicate-page",
        }
    }

    /// The rule of a name.
    pub fn named(name: &str) -> Option<Rule> {
        Rule::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// How much its findings weigh.
    pub fn severity(self) -> Severity {
        match self {
            Rule::Unreadable | Rule::FrontMatter | Rule::BrokenLink => Severity::Error,
            Rule::Orphan => Severity::Note,
            _ => Severity::Warning,
        }
    }

    /// What it is about, in one sentence.
    pub fn summary(self) -> &'static str {
        match self {
            Rule::Unreadable => "A file, or some of it, cannot be read as text.",
            Rule::FrontMatter => "The front matter of a page does not parse.",
            Rule::NoTitle => "A page has no title of its own.",
            Rule::RepeatedHeading => "Two sections of a page have the same headings.",
            Rule::LongSection => "A section is larger than a whole answer.",
            Rule::EmptySection => "There is nothing under a heading.",
            Rule::BrokenLink => "A link leads to no page of the folder.",
            Rule::BrokenAnchor => "A link leads to no heading of its page.",
            Rule::Orphan => "No page links to a page, though its neighbours are linked to.",
            Rule::ImageWithoutText => "An image has no alternative text.",
            Rule::InvisibleText => "A page holds text that its readers do not see.",
            Rule::DuplicatePage => "Two pages hold the same text.",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
