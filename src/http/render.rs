//! Markdown of the index to HTML for people: what the page says, and nothing that acts.

use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

use super::html::escaped;
use super::link::{Links, Target};
use crate::index::SectionRecord;

/// Tags that documents may write as HTML; all others show as the text they are, because in docs
/// they are more often a placeholder (`<name>`) or a type (`Vec<String>`) than markup.
const INLINE: [&str; 10] = ["br", "kbd", "sub", "sup", "b", "i", "em", "strong", "code", "mark"];

/// Levels of markup within each other that are shown as such. A browser would draw no more, and the
/// cleaner takes time with the square of them: 50,000 quotes in quotes kept it busy for minutes.
const MAX_DEPTH: usize = 100;

/// The second wall: whatever gets past the renderer, this is all that reaches a browser. Styles,
/// scripts, forms and images are not in it.
static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::default();
    cleaner
        .rm_tags(["img", "map", "area", "bdo"])
        .url_schemes(["http", "https"].into())
        .link_rel(None)
        .add_tag_attributes("a", ["rel"])
        .add_tag_attributes("span", ["id"])
        .add_tag_attributes("pre", ["tabindex"])
        .add_tag_attributes("div", ["role", "tabindex", "aria-label"])
        .add_allowed_classes("div", ["scroll"]);
    for heading in ["h1", "h2", "h3", "h4", "h5", "h6"] {
        cleaner.add_tag_attributes(heading, ["id"]);
    }
    cleaner
});

/// The sections of a page, in order, as HTML that is safe to show.
pub(super) fn page(sections: &[SectionRecord], links: &Links<'_>) -> String {
    let mut out = String::new();
    for section in sections {
        let events = events(section, links);
        if deepest(&events) > MAX_DEPTH {
            let (anchor, text) = (escaped(&section.anchor), escaped(&section.text));
            out += &format!("<span id=\"{anchor}\"></span><pre tabindex=\"0\">{text}</pre>\n");
        } else {
            html::push_html(&mut out, events.into_iter());
        }
    }
    CLEANER.clean(&out).to_string()
}

fn events<'a>(section: &'a SectionRecord, links: &Links<'_>) -> Vec<Event<'a>> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut events = Vec::new();
    // The first heading is the section's own and gets its anchor; a section that opens otherwise
    // gets a place to jump to.
    let mut anchor = Some(section.anchor.as_str()).filter(|anchor| !anchor.is_empty());
    // Ends of links, because a link that leads nowhere has none.
    let mut open = Vec::new();
    for event in Parser::new_ext(&section.text, options) {
        if let Some(anchor) = anchor.take() {
            if let Event::Start(Tag::Heading { level, classes, attrs, .. }) = event {
                let id = Some(CowStr::from(anchor));
                events.push(Event::Start(Tag::Heading { level, id, classes, attrs }));
                continue;
            }
            events.push(Event::Html(format!("<span id=\"{}\"></span>", escaped(anchor)).into()));
        }
        match event {
            Event::Start(Tag::Link { dest_url, .. }) => {
                let tag = opened(links.resolve(&dest_url));
                open.push(tag.is_some());
                events.extend(tag.map(|tag| Event::InlineHtml(tag.into())));
            }
            Event::End(TagEnd::Link) => {
                let linked = open.pop().unwrap_or_default();
                events.extend(linked.then(|| Event::InlineHtml("</a>".into())));
            }
            Event::End(TagEnd::Table) => {
                events.push(Event::End(TagEnd::Table));
                events.push(Event::Html("</div>\n".into()));
            }
            event => events.push(plain(event)),
        }
    }
    events
}

/// How many levels of markup are within each other at the most.
fn deepest(events: &[Event<'_>]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for event in events {
        match event {
            Event::InlineHtml(tag) if tag.to_ascii_lowercase().starts_with("<br") => {}
            Event::InlineHtml(tag) if tag.starts_with("</") => depth = depth.saturating_sub(1),
            Event::Start(_) | Event::InlineHtml(_) => depth += 1,
            Event::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn opened(target: Option<Target>) -> Option<String> {
    Some(match target? {
        Target::Here(address) => format!("<a href=\"{}\">", escaped(&address)),
        Target::Outside(address) => {
            format!("<a href=\"{}\" rel=\"nofollow noopener noreferrer\">", escaped(&address))
        }
    })
}

fn plain(event: Event<'_>) -> Event<'_> {
    match event {
        // An image would tell its host who reads; its words stay.
        Event::Start(Tag::Image { .. }) => Event::Text("[image: ".into()),
        Event::End(TagEnd::Image) => Event::Text("]".into()),
        // What is wider than the page scrolls, also by keyboard.
        Event::Start(Tag::Table(_)) => Event::Html(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table\"><table>"
                .into(),
        ),
        Event::Start(Tag::CodeBlock(_)) => Event::Html("<pre tabindex=\"0\"><code>".into()),
        Event::End(TagEnd::CodeBlock) => Event::Html("</code></pre>\n".into()),
        Event::TaskListMarker(done) => Event::Text(if done { "☑ " } else { "☐ " }.into()),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        Event::Html(tag) | Event::InlineHtml(tag) => {
            if is_inline(&tag) {
                Event::InlineHtml(tag)
            } else {
                Event::Text(tag)
            }
        }
        event => event,
    }
}

/// Whether a piece of HTML is one of the tags that documents may write, without attributes.
fn is_inline(tag: &str) -> bool {
    let name = tag.trim().strip_prefix('<').and_then(|tag| tag.strip_suffix('>'));
    let name = name.map(|name| name.trim_matches('/').trim().to_ascii_lowercase());
    name.is_some_and(|name| INLINE.contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bare_inline_tags_are_markup() {
        for tag in ["<br>", "<br/>", "<BR />", "<kbd>", "</kbd>"] {
            assert!(is_inline(tag), "{tag}");
        }
        for tag in ["<script>", "<kbd onclick=x>", "<name>", "<img src=x>", "<!-- x -->"] {
            assert!(!is_inline(tag), "{tag}");
        }
    }

    #[test]
    fn of_an_image_the_words_stay() {
        let events = Parser::new("![a *red* crane](https://tracker.example/x.png)").map(plain);
        let mut out = String::new();
        html::push_html(&mut out, events);
        assert_eq!(out, "<p>[image: a <em>red</em> crane]</p>\n");
    }

    #[test]
    fn what_gets_past_the_renderer_is_cleaned() {
        for bad in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"data:text/html,x\">x</a>",
            "<svg/onload=alert(1)>",
            "<iframe src=//evil></iframe>",
            "<form action=/mcp><input></form>",
            "<p style=\"position:fixed\">x</p>",
            "<style>*{}</style>",
        ] {
            let clean = CLEANER.clean(bad).to_string();
            for word in
                ["script", "onerror", "onload", "data:", "<iframe", "<form", "style", "<img"]
            {
                assert!(!clean.contains(word), "{bad} became {clean}");
            }
        }
    }
}
