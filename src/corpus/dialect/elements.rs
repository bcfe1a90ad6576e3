//! What is known of HTML's elements, without any page at hand.

use std::ops::Range;

use super::tags::{self, Kind, Tag};

/// An address in angle brackets: `<https://…>`, `<a@b.c>`.
pub(super) fn address(text: &str) -> Option<usize> {
    let end = text.bytes().take(2048).position(|b| matches!(b, b'>' | b' ' | b'\n'))?;
    let inner = &text[1..end];
    let is_address = text.as_bytes()[end] == b'>'
        && (inner.contains("://") || inner.starts_with("mailto:") || inner.contains('@'))
        && !inner.contains('=');
    is_address.then_some(end + 1)
}

/// May a link lead there? `javascript:` and `data:` may not.
pub(super) fn is_plain_target(href: &str) -> bool {
    let href = href.trim();
    let scheme = href.split_once(':').map(|(scheme, _)| scheme);
    let known = |scheme: &str| {
        matches!(scheme.to_ascii_lowercase().as_str(), "http" | "https" | "mailto" | "ftp" | "tel")
            || scheme.contains(['/', '#', '?'])
    };
    !href.is_empty() && !href.contains([' ', '\n', '(', ')', '<']) && scheme.is_none_or(known)
}

/// Is the element's text kept from readers?
pub(super) fn is_hidden(tag: &Tag<'_>) -> bool {
    tag.attributes.iter().any(|(key, value)| {
        if key.eq_ignore_ascii_case("hidden") {
            return matches!(*value, "" | "true" | "hidden" | "{true}" | "until-found");
        }
        if !key.eq_ignore_ascii_case("style") {
            return false;
        }
        let style: String =
            value.chars().filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\'')).collect();
        let style = style.to_ascii_lowercase();
        ["display:none", "visibility:hidden", "font-size:0;", "font-size:0px", "opacity:0;"]
            .iter()
            .any(|it| style.contains(it))
            || style.ends_with("opacity:0")
            || style.ends_with("font-size:0")
    })
}

/// `text` without its tags and comments.
pub(super) fn strip_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'<', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let comment = rest.strip_prefix("<!--").and_then(|it| it.find("-->"));
        let length = match (comment, tags::parse(rest, false)) {
            (Some(end), _) => end + 7,
            (None, Some(tag)) if is_html(tag.name) => tag.length,
            _ => {
                out.push('<');
                1
            }
        };
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// A line without comments and without the tags that mark up a part of it. One that nothing closes is what the line speaks
/// of: `<a>: The Anchor element`.
pub(super) fn strip_markup(line: &str) -> String {
    let mut open: Vec<(&str, Range<usize>)> = Vec::new();
    let mut marks: Vec<(Range<usize>, &str)> = Vec::new();
    let mut at = 0;
    while let Some(step) = memchr::memchr(b'<', &line.as_bytes()[at..]) {
        at += step;
        let rest = &line[at..];
        if let Some(end) = rest.strip_prefix("<!--").and_then(|it| it.find("-->")) {
            marks.push((at..at + end + 7, ""));
            at += end + 7;
            continue;
        }
        let Some(tag) = tags::parse(rest, false).filter(|tag| is_html(tag.name)) else {
            at += 1;
            continue;
        };
        let range = at..at + tag.length;
        at = range.end;
        let is = |name: &str| tag.name.eq_ignore_ascii_case(name);
        match tag.kind {
            Kind::Close => {
                if let Some(opened) = open.iter().rposition(|(name, _)| is(name)) {
                    marks.extend([(open.swap_remove(opened).1, ""), (range, "")]);
                    open.truncate(opened);
                }
            }
            _ if is("img") && tag.get("src").is_some() => marks.push((range, "")),
            _ if is("br") && !line[..range.start].trim().is_empty() => marks.push((range, " ")),
            _ => open.push((tag.name, range)),
        }
    }
    marks.sort_by_key(|(range, _)| range.start);
    let mut out = String::with_capacity(line.len());
    let mut kept = 0;
    for (range, instead) in marks {
        out.push_str(&line[kept..range.start]);
        out.push_str(instead);
        kept = range.end;
    }
    out.push_str(&line[kept..]);
    out
}

pub(super) fn is_void(name: &str) -> bool {
    matches!(
        name,
        "br" | "hr"
            | "img"
            | "input"
            | "link"
            | "meta"
            | "col"
            | "source"
            | "wbr"
            | "area"
            | "embed"
            | "track"
            | "param"
    )
}

pub(super) fn is_block(name: &str) -> bool {
    BLOCKS.binary_search(&name).is_ok()
}

/// Sorted.
const BLOCKS: [&str; 34] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "body",
    "caption",
    "center",
    "details",
    "dialog",
    "div",
    "fieldset",
    "figcaption",
    "figure",
    "footer",
    "form",
    "head",
    "header",
    "hgroup",
    "hr",
    "html",
    "legend",
    "main",
    "menu",
    "nav",
    "optgroup",
    "option",
    "p",
    "section",
    "select",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
];

/// Sorted.
const INLINE: [&str; 87] = [
    "a",
    "abbr",
    "acronym",
    "annotation",
    "area",
    "audio",
    "b",
    "base",
    "bdi",
    "bdo",
    "big",
    "br",
    "button",
    "canvas",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "datalist",
    "dd",
    "del",
    "dfn",
    "dl",
    "dt",
    "em",
    "embed",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "i",
    "iframe",
    "img",
    "input",
    "ins",
    "kbd",
    "label",
    "li",
    "link",
    "map",
    "mark",
    "math",
    "menclose",
    "meta",
    "meter",
    "mfrac",
    "mi",
    "mn",
    "mo",
    "mover",
    "mrow",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
    "noscript",
    "object",
    "ol",
    "output",
    "picture",
    "pre",
    "progress",
    "q",
    "s",
    "samp",
    "script",
    "small",
    "span",
    "strong",
    "style",
    "sub",
    "summary",
    "sup",
    "svg",
    "table",
    "tt",
];

/// Sorted; what `INLINE` has no room for.
const MORE: [&str; 13] = [
    "semantics",
    "slot",
    "source",
    "strike",
    "template",
    "textarea",
    "tfoot",
    "time",
    "track",
    "u",
    "ul",
    "var",
    "video",
];

pub(super) fn is_html(name: &str) -> bool {
    if name.len() > 12 {
        return false;
    }
    let lower = name.to_ascii_lowercase();
    let name = lower.as_str();
    BLOCKS.binary_search(&name).is_ok()
        || INLINE.binary_search(&name).is_ok()
        || MORE.binary_search(&name).is_ok()
        || name == "wbr"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_marks_up_a_title_or_is_what_it_speaks_of() {
        for (title, shown) in [
            ("<a>: The Anchor element", "<a>: The Anchor element"),
            ("<input type=\"button\">", "<input type=\"button\">"),
            ("<br>: The Line Break element", "<br>: The Line Break element"),
            ("<em>Two</em> <CODE class=x>words</code>", "Two words"),
            ("The <a>, the <b> and <i>more</i>", "The <a>, the <b> and more"),
            ("<b>The <a></b> element</a>", "The <a> element</a>"),
            ("</p> and <p>", "</p> and <p>"),
            ("One<br/>two<!-- <b> -->", "One two"),
            ("<img src=logo.svg> Docs", " Docs"),
            ("<img>: The Image element", "<img>: The Image element"),
            ("Vec<T> and 1 < 2 > 0", "Vec<T> and 1 < 2 > 0"),
        ] {
            assert_eq!(strip_markup(title), shown, "{title}");
        }
    }

    #[test]
    fn names_are_sorted() {
        assert!(BLOCKS.is_sorted() && INLINE.is_sorted() && MORE.is_sorted());
    }
}
