//! Plain Markdown, split into sections: one pass of pulldown-cmark over the page.

use std::ops::Range;

use pulldown_cmark::{BrokenLink, Event, LinkType, Options, Parser, RefDefs, Tag, TagEnd};

use super::{
    Link, Page, Section, Site, dialect,
    site::{Anchors, Rules},
};

/// Where things stand in clean Markdown: kept for the linter only.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// Where the heading of each section of the page stands, or its text if it has none.
    pub(super) sections: Vec<usize>,
    /// All links with their targets, whatever they lead to.
    pub(super) links: Vec<(usize, String)>,
    /// Images without alternative text.
    pub(super) images: Vec<usize>,
    /// Anchors of headings that start no section: in quotes, lists and tables.
    pub(super) anchors: Vec<String>,
}

/// Sections of clean Markdown. `anchors` are those that authors gave; `titled` says that the front
/// matter has the page's title; `marks` is filled, if given.
pub(super) fn read(
    text: &str,
    anchors: &[(usize, String)],
    rules: Rules,
    titled: bool,
    marks: Option<&mut Marks>,
) -> Page {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS;
    // What is behind such a link only the generator's plugins know: its words stay.
    let known = |link: BrokenLink<'_>| {
        let full = link.link_type == LinkType::Reference;
        let before = text[..link.span.start].chars().next_back();
        let is_link = full
            && matches!(rules.site, Site::MkDocs | Site::MdBook)
            && !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | ']' | ')'));
        is_link.then(|| ("".into(), "".into()))
    };
    let events = Parser::new_with_broken_link_callback(text, options, Some(known));
    let events = events.into_offset_iter();
    let mut splitter = Splitter::new(text, anchors, rules);
    splitter.marks = marks;
    splitter.forget_definitions(events.reference_definitions());
    for (event, range) in events {
        splitter.event(event, range);
    }
    splitter.finish(titled)
}

/// A file of plain text: one section.
pub(super) fn plain(text: &str) -> Page {
    let text = text.trim();
    let mut page = Page::default();
    if !text.is_empty() {
        let (prose, text) = (text.to_owned(), text.to_owned());
        page.sections.push(Section { text, prose, ..Section::default() });
    }
    page
}

/// A section and where it stands in the text.
#[derive(Default)]
struct Part {
    section: Section,
    start: usize,
    /// Where its heading stands, which text may stand above.
    heading: usize,
}

struct Splitter<'a> {
    text: &'a str,
    explicit: std::iter::Peekable<std::slice::Iter<'a, (usize, String)>>,
    anchors: Anchors,
    parts: Vec<Part>,
    /// Lists, quotes and tables around the current event: no section starts in them.
    depth: usize,
    in_code: bool,
    heading: Option<Heading>,
    images: Vec<Image>,
    links: Vec<OpenLink>,
    /// Bytes of the text to replace when sections are cut out.
    edits: Vec<(Range<usize>, String)>,
    marks: Option<&'a mut Marks>,
}

#[derive(Default)]
struct Heading {
    level: u8,
    range: Range<usize>,
    title: String,
    /// It starts a section.
    is_top: bool,
}

struct OpenLink {
    target: String,
    kind: LinkType,
    range: Range<usize>,
    /// Where its words start in the prose or in the heading's title.
    from: usize,
    /// Where its text ends.
    end: usize,
}

struct Image {
    start: usize,
    /// Where its alternative text ends.
    end: usize,
}

impl<'a> Splitter<'a> {
    fn new(text: &'a str, explicit: &'a [(usize, String)], rules: Rules) -> Splitter<'a> {
        Splitter {
            text,
            explicit: explicit.iter().peekable(),
            anchors: Anchors::new(rules),
            parts: vec![Part::default()],
            depth: 0,
            in_code: false,
            heading: None,
            images: Vec::new(),
            links: Vec::new(),
            edits: Vec::new(),
            marks: None,
        }
    }

    /// Definitions of links are resolved where they are used, and leave the text.
    fn forget_definitions(&mut self, definitions: &RefDefs<'_>) {
        for (_, definition) in definitions.iter() {
            self.edits.push((definition.span.clone(), String::new()));
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        if let Some(image) = self.images.last_mut()
            && !matches!(event, Event::End(TagEnd::Image))
        {
            image.end = image.end.max(range.end);
        }
        if let Some(link) = self.links.last_mut()
            && !matches!(event, Event::End(TagEnd::Link))
        {
            link.end = link.end.max(range.end);
        }
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(text) if self.in_code => self.section().code.push_str(&text),
            Event::Text(text) | Event::Code(text) => self.words(&text),
            // Tags are gone by now: what is left are words in angle brackets.
            Event::Html(text) | Event::InlineHtml(text) => self.words(&text),
            Event::SoftBreak | Event::HardBreak => self.words(" "),
            _ => {}
        }
    }

    fn section(&mut self) -> &mut Section {
        if self.parts.is_empty() {
            self.parts.push(Part::default());
        }
        let last = self.parts.len() - 1;
        &mut self.parts[last].section
    }

    fn words(&mut self, text: &str) {
        match &mut self.heading {
            Some(heading) => heading.title.push_str(text),
            None => self.section().prose.push_str(text),
        }
    }

    /// Separates words of two blocks.
    fn separate(&mut self, separator: char) {
        if self.heading.is_none() {
            let prose = &mut self.section().prose;
            if !prose.is_empty() && !prose.ends_with(['\n', ' ']) {
                prose.push(separator);
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.separate('\n');
                let is_top = self.depth == 0;
                self.heading =
                    Some(Heading { level: level as u8, range, title: String::new(), is_top });
            }
            Tag::CodeBlock(_) => self.in_code = true,
            Tag::BlockQuote(_)
            | Tag::List(_)
            | Tag::Item
            | Tag::Table(_)
            | Tag::FootnoteDefinition(_) => {
                self.depth += 1;
                self.separate('\n');
            }
            Tag::TableCell => self.separate(' '),
            Tag::TableRow | Tag::TableHead | Tag::Paragraph => self.separate('\n'),
            Tag::Link { link_type, dest_url, .. } => {
                let from = match &self.heading {
                    Some(heading) => heading.title.len(),
                    None => self.section().prose.len(),
                };
                let (target, end) = (dest_url.into_string(), range.start + 1);
                self.links.push(OpenLink { target, kind: link_type, range, from, end });
            }
            Tag::Image { .. } => {
                self.images.push(Image { start: range.start, end: range.start + 2 });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::Heading(_) => self.end_heading(),
            TagEnd::CodeBlock => {
                self.in_code = false;
                let code = &mut self.section().code;
                if !code.is_empty() && !code.ends_with('\n') {
                    code.push('\n');
                }
                self.separate('\n');
            }
            TagEnd::BlockQuote(_)
            | TagEnd::List(_)
            | TagEnd::Item
            | TagEnd::Table
            | TagEnd::FootnoteDefinition => {
                self.depth = self.depth.saturating_sub(1);
                self.separate('\n');
            }
            TagEnd::TableCell => self.separate(' '),
            TagEnd::TableRow | TagEnd::TableHead | TagEnd::Paragraph => self.separate('\n'),
            TagEnd::Link => self.end_link(),
            TagEnd::Image => self.end_image(range),
            _ => {}
        }
    }

    fn end_heading(&mut self) {
        let Some(heading) = self.heading.take() else { return };
        let whole = dialect::line(&heading.title, usize::MAX);
        let title = dialect::cut(&whole, dialect::MAX_TITLE).to_owned();
        let anchor = self.anchor(&heading, &title);
        if !heading.is_top {
            let prose = &mut self.section().prose;
            prose.push_str(&title);
            prose.push('\n');
            if let Some(marks) = &mut self.marks {
                marks.anchors.push(anchor);
            }
            return;
        }
        // What stands above the page's title belongs to it.
        let opens_page =
            heading.level == 1 && self.parts.len() == 1 && self.parts[0].section.level == 0;
        if !opens_page {
            self.parts.push(Part { start: heading.range.start, ..Part::default() });
        }
        if let Some(part) = self.parts.last_mut() {
            part.heading = heading.range.start;
        }
        let section = self.section();
        section.anchor = anchor;
        section.level = heading.level;
        if title.len() < whole.len() {
            section.prose.push_str(&whole);
            section.prose.push('\n');
        }
        section.title = title;
    }

    fn anchor(&mut self, heading: &Heading, title: &str) -> String {
        let explicit = &mut self.explicit;
        // Up to three spaces may stand between the start of the line and the heading.
        while explicit.next_if(|(at, _)| at + 3 < heading.range.start).is_some() {}
        if let Some((_, id)) = explicit.next_if(|(at, _)| *at < heading.range.end) {
            let id = dialect::line(id, dialect::MAX_TITLE);
            if !id.is_empty() {
                return self.anchors.explicit(&id);
            }
        }
        let source = self.text[heading.range.clone()].trim();
        let source = source.trim_start_matches('#').lines().next().unwrap_or_default();
        let source = dialect::cut(source, dialect::MAX_TITLE);
        self.anchors.next(title, source.trim_end_matches('#'))
    }

    fn end_link(&mut self) {
        let Some(OpenLink { target, kind, range, from, end }) = self.links.pop() else { return };
        if is_script(&target) || kind == LinkType::ReferenceUnknown {
            let text = range.start + 1..end.min(range.end);
            self.edits.push((range.start..text.start, String::new()));
            self.edits.push((text.end..range.end, String::new()));
            return;
        }
        let destination = || {
            if target.contains([' ', '(', ')']) {
                format!("(<{target}>)")
            } else {
                format!("({target})")
            }
        };
        let source = &self.text[range.clone()];
        match kind {
            LinkType::Reference => {
                if let Some(at) = source.rfind('[') {
                    self.edits.push((range.start + at..range.end, destination()));
                }
            }
            LinkType::Collapsed if self.text[range.end..].starts_with("[]") => {
                self.edits.push((range.end..range.end + 2, destination()));
            }
            LinkType::Collapsed if source.ends_with("[]") => {
                self.edits.push((range.end - 2..range.end, destination()));
            }
            LinkType::Shortcut => self.edits.push((range.end..range.end, destination())),
            _ => {}
        }
        if let Some(marks) = &mut self.marks {
            marks.links.push((range.start, target.clone()));
        }
        if is_page(&target) {
            let words = match &self.heading {
                Some(heading) => heading.title.get(from..),
                None => self.section().prose.get(from..),
            };
            let text = words.unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
            self.section().links.push(Link { target, text });
        }
    }

    /// Of an image, the alternative text stays: its address is nothing to read, and to fetch it
    /// would tell its owner.
    fn end_image(&mut self, range: Range<usize>) {
        let Some(image) = self.images.pop() else { return };
        let alt = image.start + 2..image.end.min(range.end);
        if let Some(marks) = &mut self.marks
            && self.text.get(alt.clone()).is_none_or(|alt| alt.trim().is_empty())
        {
            marks.images.push(range.start);
        }
        // At the begin of a line such a text would open a fence.
        let words = self.text.get(alt.clone()).unwrap_or_default();
        let text = words.trim_start();
        let begin = if text.starts_with("```") || text.starts_with("~~~") { "\\" } else { "" };
        let begins = alt.start + words.len() - text.len();
        self.edits.push((range.start..begins.min(range.end), begin.to_owned()));
        self.edits.push((alt.end.max(alt.start).min(range.end)..range.end, String::new()));
    }

    fn finish(mut self, titled: bool) -> Page {
        self.edits.sort_by_key(|(range, _)| (range.start, range.end));
        let ends: Vec<usize> = self.parts.iter().skip(1).map(|part| part.start).collect();
        let mut page = Page::default();
        let mut edits = self.edits.iter().peekable();
        let mut trail: Vec<(u8, String)> = Vec::new();
        for (at, part) in self.parts.into_iter().enumerate() {
            let end = ends.get(at).copied().unwrap_or(self.text.len());
            let mut section = part.section;
            section.text = cut(self.text, part.start..end, &mut edits);
            section.prose.truncate(section.prose.trim_end().len());
            if section.level == 0 && section.text.is_empty() {
                continue;
            }
            if section.level > 0 {
                trail.retain(|(level, _)| *level < section.level);
                section.trail = trail.iter().map(|(_, title)| title.clone()).collect();
                // The page's title stands over all trails anyway.
                if at > 0 || section.level > 1 {
                    trail.push((section.level, section.title.clone()));
                }
            }
            if let Some(marks) = &mut self.marks {
                marks.sections.push(part.heading);
            }
            page.sections.push(section);
        }
        if !titled && let Some(first) = page.sections.iter().find(|section| section.level == 1) {
            page.title.clone_from(&first.title);
        }
        page
    }
}

/// The text of a range with its edits made, without blank lines at its ends.
fn cut<'e>(
    text: &str,
    range: Range<usize>,
    edits: &mut std::iter::Peekable<impl Iterator<Item = &'e (Range<usize>, String)>>,
) -> String {
    let mut out = String::new();
    let mut at = range.start;
    let mut edited = false;
    while let Some((place, with)) = edits.next_if(|(place, _)| place.start < range.end) {
        // Edits do not overlap; were they to, the first one would hold.
        if place.start < at || place.end > range.end {
            continue;
        }
        out.push_str(&text[at..place.start]);
        out.push_str(with);
        at = place.end;
        edited = true;
    }
    if !edited {
        return text[range].trim_matches('\n').trim_end().to_owned();
    }
    out.push_str(&text[at..range.end]);
    squeeze(&out)
}

/// Takes away the blank lines that removed text left.
fn squeeze(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut fence: Option<(u8, usize)> = None;
    let mut blank = true;
    for line in text.lines() {
        let word = line.trim_start_matches([' ', '>', '-', '*']);
        let mark = word.bytes().next().unwrap_or(0);
        let run = word.bytes().take_while(|b| *b == mark).count();
        match fence {
            None if matches!(mark, b'`' | b'~') && run >= 3 => fence = Some((mark, run)),
            Some((it, length)) if mark == it && run >= length && word[run..].trim().is_empty() => {
                fence = None;
            }
            _ => {}
        }
        let is_blank = line.trim().is_empty() && fence.is_none();
        if is_blank && blank {
            continue;
        }
        blank = is_blank;
        out.push_str(if is_blank { "" } else { line });
        out.push('\n');
    }
    out.truncate(out.trim_end().len());
    out
}

/// Would following a link run something, instead of showing a page?
fn is_script(target: &str) -> bool {
    let scheme = target.trim_start().split(':').next().unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    target.contains(':') && matches!(scheme.as_str(), "javascript" | "vbscript" | "data")
}

/// Does a link lead to a page of the collection?
fn is_page(target: &str) -> bool {
    const ASSETS: [&str; 20] = [
        "png", "jpg", "jpeg", "gif", "svg", "webp", "ico", "zip", "gz", "tgz", "pdf", "css", "js",
        "ts", "json", "yaml", "yml", "mp4", "toml", "py",
    ];
    let path = target.split(['#', '?']).next().unwrap_or_default();
    if path.is_empty() || path.starts_with("//") || path.contains(':') {
        return false;
    }
    let file = path.rsplit('/').next().unwrap_or_default();
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    !ASSETS.contains(&extension.to_ascii_lowercase().as_str())
}
