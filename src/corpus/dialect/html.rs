//! HTML, in blocks and in lines: its tags go, what they mean in Markdown stays.

use super::{
    elements::{address, is_block, is_hidden, is_html, is_plain_target, is_void, strip_tags},
    mdx,
    scan::{Frame, Scanner},
    tags::{self, Kind, Tag},
};

/// An element that waits for its closing tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    name: String,
    /// Where its text starts in the output.
    pub(super) start: usize,
    href: Option<String>,
}

impl Open {
    pub(super) fn is_code(&self) -> bool {
        is_code(&self.name)
    }
}

/// Does an attribute say what an image shows, or that there is nothing to say? `alt=""` does, and
/// so may what a component is given.
fn names_image(key: &str) -> bool {
    let key = key.trim_start_matches([':', '.']).to_ascii_lowercase();
    matches!(
        key.as_str(),
        "alt" | "v-bind:alt" | "aria-label" | "aria-hidden" | "title" | "caption" | "role"
    )
}

fn is_code(name: &str) -> bool {
    matches!(name, "code" | "kbd" | "samp" | "tt")
}

impl<'a> Scanner<'a> {
    /// What starts with `<`: a comment, a tag, an address, or just a sign.
    pub(super) fn angle(&mut self) {
        let rest = &self.src[self.pos..];
        match rest.as_bytes().get(1) {
            Some(b'!' | b'?') => self.declaration(rest),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'/' | b'>') => {
                if let Some(length) = address(rest) {
                    self.literal(length);
                    return;
                }
                let tag =
                    if self.patience > 0 { tags::parse(rest, self.dialect.mdx) } else { None };
                match tag {
                    Some(tag) if self.is_element(&tag) => self.element(&tag),
                    Some(_) => self.sign(),
                    None => {
                        self.patience = self.patience.saturating_sub(1);
                        self.sign();
                    }
                }
            }
            // What follows may go, and what is behind it make a tag of this one.
            Some(b'<' | b'{' | b'&') => self.sign(),
            _ => self.literal(1),
        }
    }

    /// A `<` that is meant as one. Where it begins a line it would begin a block of HTML, and what is under it, up to the
    /// next blank line, be no Markdown.
    fn sign(&mut self) {
        if self.begins_line() {
            self.out.push('\\');
        }
        self.literal(1);
    }

    fn declaration(&mut self, rest: &str) {
        let Some(comment) = rest.strip_prefix("<!--") else {
            let line = super::scan::line_window(rest);
            return match line.find('>') {
                Some(end) => self.pos += end + 1,
                None => self.sign(),
            };
        };
        let end = if self.comments_end { comment_end(comment).map(|at| at + 7) } else { None };
        match end {
            Some(length) => {
                if self.dialect.mkdocs {
                    self.material_mark(&rest[4..length - 3]);
                }
                if let Some(trace) = &mut self.trace {
                    trace.comments.push(self.pos + 4..self.pos + length - 3);
                }
                self.pos += length;
            }
            None => {
                // A browser would hide the rest of the page; the author did not mean that.
                self.comments_end = false;
                self.note("comment is not closed, dropped up to the next blank line");
                let paragraph = memchr::memmem::find(rest.as_bytes(), b"\n\n");
                self.pos += paragraph.unwrap_or(rest.len());
            }
        }
    }

    /// `<!-- md:setting name -->` of Material for MkDocs' own docs, which shows the name; as a
    /// heading it is the anchor, too.
    fn material_mark(&mut self, comment: &str) {
        let mut words = comment.split_whitespace();
        if let (Some("md:setting" | "md:option"), Some(name)) = (words.next(), words.next()) {
            self.out.push_str(&format!("`{}`", name.replace('`', "")));
            let at_heading = self.out[self.line_out..].starts_with('#');
            if at_heading && self.anchors.last().is_none_or(|(at, _)| *at != self.line_out) {
                self.anchors.push((self.line_out, name.to_owned()));
            }
        }
    }

    /// Is this a tag, or a placeholder like `<version>` and the parameter of a `Vec<T>`?
    fn is_element(&mut self, tag: &Tag<'_>) -> bool {
        if self.dialect.mdx {
            return true;
        }
        let bytes = tag.name.as_bytes();
        let one_capital = bytes.len() == 1 && bytes[0].is_ascii_uppercase();
        if !one_capital && is_html(tag.name) {
            return true;
        }
        let alone = self.out[self.line_out..].trim_matches([' ', '>']).is_empty();
        match tag.kind {
            // Prose has placeholders like `<name>`, but none like `</name>`.
            Kind::Close => true,
            Kind::Alone => alone || !tag.attributes.is_empty() || tag.name.len() > 2,
            Kind::Open => {
                tag.attributes.iter().any(|(_, value)| !value.is_empty())
                    || self.last_close(tag.name).is_some()
            }
        }
    }

    fn element(&mut self, tag: &Tag<'a>) {
        let name = tag.name.to_ascii_lowercase();
        let start = self.pos;
        let line = &self.out[self.line_out..];
        let first = line.trim_matches([' ', '>']).is_empty();
        self.pos += tag.length;
        if tag.kind == Kind::Open && is_hidden(tag) && !is_void(&name) {
            self.note("hidden element removed");
            self.skip_element(tag.name);
            return;
        }
        if self.table.is_some() && self.table_tag(&name, tag) {
            return;
        }
        match &*name {
            "script" | "style" | "svg" | "iframe" | "object" | "canvas" | "video" | "audio"
            | "noscript" | "datalist" | "annotation" => {
                if tag.kind == Kind::Open {
                    self.skip_element(tag.name);
                }
            }
            "table" if tag.kind == Kind::Open && self.last_close("table").is_some() => {
                self.begin_table();
            }
            "pre" if tag.kind == Kind::Open => self.pre(),
            "br" => self.out.push_str(if self.out.ends_with(' ') { "" } else { " " }),
            "img" | "image" => {
                if let Some(alt) = tag.get("alt").filter(|_| !self.in_anchor) {
                    self.push_text(alt);
                }
                if let Some(trace) = &mut self.trace
                    && tag.kind != Kind::Close
                    && !tag.attributes.iter().any(|(key, _)| names_image(key))
                {
                    trace.images.push(start);
                }
            }
            // Badges of Vue's docs, such as `3.5+`.
            "sup" if tag.get("data-text").is_some() => {
                let badge = tag.get("data-text").filter(|_| !self.in_anchor);
                self.push_text(badge.unwrap_or_default());
            }
            "sup" if tag.attributes.is_empty() && tag.kind == Kind::Open => {
                let is_note = self.src[self.pos..].starts_with(['[', '<', '(']);
                self.out.push_str(if is_note { "" } else { "^" });
            }
            "input" | "wbr" | "col" | "colgroup" | "link" | "meta" | "source" | "font" => {}
            "a" | "code" | "kbd" | "samp" | "tt" | "summary" | "h1" | "h2" | "h3" | "h4" | "h5"
            | "h6" => self.spanning(&name, tag),
            "ul" | "ol" | "li" | "dl" | "dt" | "dd" => self.list_tag(&name, tag.kind),
            _ if is_block(&name) => self.break_paragraph(),
            _ if is_html(&name) => {}
            _ => self.component(tag, first),
        }
        self.frame(tag, &name, start, first);
    }

    /// Keeps track of elements whose tags stand on lines of their own: what is in them is usually
    /// indented, and would become code without them.
    fn frame(&mut self, tag: &Tag<'_>, name: &str, start: usize, first: bool) {
        if self.is_one_line() {
            return;
        }
        match tag.kind {
            Kind::Open
                if first && !is_void(name) && !matches!(name, "p" | "li" | "dt" | "dd" | "pre") =>
            {
                let before = self.src.get(self.line_src..start).unwrap_or("x");
                let after = self.src[self.pos..].trim_start_matches([' ', '\t']);
                if before.trim_matches([' ', '\t', '>']).is_empty()
                    && (after.is_empty() || after.starts_with('\n'))
                    && self.frames.len() < 64
                    && (tag.name.is_empty() || self.last_close(tag.name).is_some())
                {
                    let name = tag.name.to_owned();
                    self.frames.push(Frame::Element { name, at: self.column, extra: None });
                }
            }
            Kind::Close => {
                let found = self.frames.iter().rposition(
                    |frame| matches!(frame, Frame::Element { name, .. } if name == tag.name),
                );
                if let Some(found) = found {
                    self.frames.truncate(found);
                }
            }
            _ => {}
        }
    }

    /// Skips to behind the closing tag that belongs to the element just opened.
    fn skip_element(&mut self, name: &str) {
        let Some(last) = self.last_close(name) else { return };
        let bytes = self.src.as_bytes();
        let (mut at, mut depth) = (self.pos, 1);
        let named = |from: usize| {
            let end = from + name.len();
            bytes.get(from..end).is_some_and(|it| it.eq_ignore_ascii_case(name.as_bytes()))
                && !bytes.get(end).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-')
        };
        while let Some(step) = memchr::memchr(b'<', &bytes[at..]) {
            at += step + 1;
            if bytes.get(at) == Some(&b'/') && named(at + 1) {
                depth -= 1;
                if depth == 0 || at > last {
                    let close = memchr::memchr(b'>', &bytes[at..]);
                    self.pos = close.map_or(self.src.len(), |step| at + step + 1);
                    return;
                }
            } else if named(at) && !matches!(name, "script" | "style") {
                depth += 1;
            }
        }
        // What is read may end before the element does.
        self.pos = last.min(self.src.len());
    }

    /// Elements whose text is changed as a whole when they are closed.
    fn spanning(&mut self, name: &str, tag: &Tag<'_>) {
        let level = name.strip_prefix('h').and_then(|level| level.parse::<usize>().ok());
        match tag.kind {
            Kind::Open => {
                if level.is_some() || name == "summary" {
                    self.break_paragraph();
                    if self.out.len() == self.line_out {
                        self.out.push_str(&self.prefix);
                    }
                }
                if let (Some(_), Some(id), None) = (level, tag.get("id"), &self.table)
                    && !self.in_row
                {
                    self.anchors.push((self.line_out, id.to_owned()));
                }
                let href = tag.get("href").map(super::hugo::target);
                let href = href.filter(|href| is_plain_target(href));
                let href = href.map(|href| super::entities::decode(&href));
                if self.open.len() < 64 {
                    self.open.push(Open { name: name.to_owned(), start: self.out.len(), href });
                }
            }
            Kind::Close => {
                let Some(at) = self.open.iter().rposition(|open| open.name == name) else { return };
                let open = self.open.remove(at);
                self.open.truncate(at);
                if open.start <= self.out.len() {
                    self.close_span(open, level);
                }
            }
            Kind::Alone => {}
        }
    }

    fn close_span(&mut self, open: Open, level: Option<usize>) {
        let over_lines = open.start < self.line_out;
        let text = self.out.split_off(open.start);
        if over_lines {
            self.line_out = self.out.rfind('\n').map_or(0, |end| end + 1);
        }
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let spaced = text.starts_with(' ') && !words.is_empty();
        match (&*open.name, level) {
            _ if words.is_empty() => {}
            (_, Some(level)) if !self.is_one_line() => {
                let marks: String = std::iter::repeat_n('#', level).collect();
                self.out.push_str(&format!("{marks} {}", words.trim_start_matches('#')));
                self.break_line();
                self.break_paragraph();
            }
            (_, Some(_)) => self.out.push_str(&format!("**{words}**")),
            ("summary", _) => self.bold_line(&words),
            ("a", _) => {
                let in_code = self.open.iter().any(Open::is_code);
                let nested = text.contains("](") || words.len() > 500;
                match &open.href {
                    Some(href) if !in_code && !nested => {
                        let space = if spaced { " " } else { "" };
                        self.out.push_str(&format!("{space}[{words}]({href})"));
                    }
                    _ => self.out.push_str(&text),
                }
            }
            (name, _) if is_code(name) && !words.contains('`') => {
                let space = if spaced && !self.out.ends_with([' ', '\n']) { " " } else { "" };
                self.out.push_str(&format!("{space}`{words}`"));
            }
            _ => self.out.push_str(&text),
        }
        if over_lines && let Some(end) = self.out[self.line_out..].rfind('\n') {
            // The text was put back as it was, lines and all.
            self.line_out += end + 1;
        }
    }

    fn list_tag(&mut self, name: &str, kind: Kind) {
        match (name, kind) {
            ("ul" | "ol" | "dl", Kind::Open) => {
                if self.list_depth.is_empty() {
                    self.break_paragraph();
                }
                if self.list_depth.len() < 16 {
                    self.list_depth.push((name == "ol").then_some(0));
                }
            }
            ("ul" | "ol" | "dl", _) => {
                self.list_depth.pop();
                if self.list_depth.is_empty() { self.break_paragraph() } else { self.break_line() }
            }
            ("li", Kind::Open) => {
                self.break_line();
                if self.out.len() == self.line_out {
                    self.out.push_str(&self.prefix);
                }
                if !self.is_one_line() {
                    let depth = self.list_depth.len().saturating_sub(1);
                    super::scan::push_spaces(&mut self.out, 2 * depth);
                }
                match self.list_depth.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        let number = *number;
                        self.out.push_str(&format!("{number}. "));
                    }
                    _ => self.out.push_str("- "),
                }
            }
            ("dt", Kind::Open) => self.break_paragraph(),
            _ => self.break_line(),
        }
    }

    /// Preformatted text becomes a fenced block.
    fn pre(&mut self) {
        if self.last_close("pre").is_none() {
            return;
        }
        let start = self.pos;
        self.skip_element("pre");
        let body = &self.src[start..self.pos];
        let body = body.rfind("</").map_or(body, |end| &body[..end]);
        let code = super::entities::decode(&strip_tags(body));
        let code = code.trim();
        let code = code.strip_prefix("{`").and_then(|it| it.strip_suffix("`}")).unwrap_or(code);
        if code.is_empty() {
            return;
        }
        self.write_fence("", code);
    }

    /// Appends an attribute's text, entities decoded.
    pub(super) fn push_text(&mut self, text: &str) {
        let text = super::entities::decode(text);
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        self.out.push_str(&words);
    }

    /// A tag that is not HTML's: a component's.
    fn component(&mut self, tag: &Tag<'_>, first: bool) {
        if first && !self.in_row {
            self.break_paragraph();
        }
        if tag.kind == Kind::Close || self.in_anchor {
            return;
        }
        let Some(label) = mdx::label(tag) else { return };
        if first && !self.is_one_line() {
            self.bold_line(&super::entities::decode(&label));
        } else {
            let spaced = self.out.ends_with([' ', '\n', '(']) || self.out.is_empty();
            self.out.push_str(if spaced { "" } else { " " });
            self.push_text(&label);
            self.out.push(' ');
        }
    }
}

/// Where `-->` is in what follows `<!--`.
fn comment_end(comment: &str) -> Option<usize> {
    memchr::memmem::find(comment.as_bytes(), b"-->")
}
