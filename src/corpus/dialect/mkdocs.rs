//! Python-Markdown's extensions as MkDocs sites use them: admonitions, tabs, blocks, icons, keys,
//! attribute lists, critic marks.

use super::{
    containers,
    scan::{Frame, Scanner, line_window},
};

impl Scanner<'_> {
    /// `!!! note "Title"`, `??? note`, `=== "Tab"`: the indented lines below are its body.
    pub(super) fn admonition(&mut self, at: usize, content: &str) -> bool {
        let Some((mark, rest)) = split_mark(content) else { return false };
        let Some(label) = (if mark == "===" { tab_label(rest) } else { box_label(rest) }) else {
            return false;
        };
        let column = self.column;
        self.pos = self.line_end(at);
        self.blank_line_before();
        self.label_line(&label);
        self.end_line_silently();
        if self.frames.len() < 64 {
            self.frames.push(Frame::Indented { at: column });
        }
        true
    }

    /// `/// note | Title` to `///`, with `options: lines` indented below the first line.
    pub(super) fn slashes(&mut self, at: usize, content: &str) -> bool {
        let count = content.bytes().take_while(|b| *b == b'/').count();
        let rest = content[count..].trim();
        if rest.is_empty() {
            self.containers.pop();
            self.pos = self.line_end(at);
            self.blank_line_before();
            self.end_line_silently();
            return true;
        }
        let (kind, title) = rest.split_once('|').unwrap_or((rest, ""));
        let kind = kind.trim();
        if !kind.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')) {
            return false;
        }
        if self.containers.len() < 64 {
            self.containers.push(count);
        }
        self.pos = self.line_end(at);
        self.blank_line_before();
        self.label_line(&containers::title(kind, title));
        self.end_line_silently();
        // The options end with the first line that is not indented, which must be a blank one.
        while self.pos < self.src.len() {
            let end = self.line_end(self.pos);
            let line = &self.src[self.pos..end];
            if !line.starts_with("    ") || !line.contains(':') {
                break;
            }
            self.pos = (end + 1).min(self.src.len());
        }
        true
    }

    /// mkdocstrings' `::: package.Name`, and its options below.
    pub(super) fn api_reference(&mut self, at: usize, content: &str) -> bool {
        let name = content[4..].trim();
        if name.is_empty() || name.contains(' ') {
            return false;
        }
        self.blank_line_before();
        self.out.push_str(&self.prefix);
        self.out.push_str(&format!("`{name}`\n"));
        self.line_out = self.out.len();
        self.after_blank = false;
        self.pos = self.line_end(at);
        self.end_line_silently();
        while self.pos < self.src.len() {
            let end = self.line_end(self.pos);
            let line = &self.src[self.pos..end];
            if !line.starts_with("    ") {
                break;
            }
            self.pos = (end + 1).min(self.src.len());
        }
        self.blank();
        true
    }

    /// `:material-check:`, `:octicons-x-16:{ .lg }`.
    pub(super) fn icon(&mut self) {
        const SETS: [&str; 6] =
            ["material-", "octicons-", "fontawesome-", "simple-", "custom-", "twemoji-"];
        let rest = &self.src[self.pos + 1..];
        let is_name = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let length = rest.bytes().take(80).take_while(is_name).count();
        let is_icon = rest.as_bytes().get(length) == Some(&b':')
            && SETS.iter().any(|set| rest.starts_with(set));
        if !is_icon {
            return self.literal(1);
        }
        self.pos += length + 2;
        if self.src[self.pos..].starts_with('{') {
            self.attribute_list();
        }
        if self.out.ends_with([' ', '\n', '[']) || self.out.len() == self.line_out {
            let spaces = self.src[self.pos..].bytes().take_while(|b| *b == b' ').count();
            self.pos += spaces;
        }
    }

    /// `++ctrl+alt+del++`
    pub(super) fn keys(&mut self) {
        let rest = &self.src[self.pos..];
        let line = line_window(rest);
        let inner = line.strip_prefix("++").and_then(|it| it.split_once("++")).map(|(it, _)| it);
        let is_keys = inner.is_some_and(|inner| {
            !inner.is_empty()
                && inner.len() < 60
                && inner
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'"' | b'_'))
        });
        let Some(inner) = inner.filter(|_| is_keys) else { return self.literal(1) };
        let keys: Vec<String> =
            inner.split('+').map(|key| containers::kind_word(key.trim_matches('"'))).collect();
        self.out.push_str(&keys.join("+"));
        self.pos += inner.len() + 4;
    }

    /// `==marked==` and `^^inserted^^`: their words.
    pub(super) fn marked(&mut self, mark: u8) {
        let line = line_window(&self.src[self.pos..]).as_bytes();
        let run = line.iter().take_while(|b| **b == mark).count();
        let in_word = self.out.ends_with(char::is_alphanumeric);
        let is_open = run == 2 && !in_word && line.get(2).is_some_and(|b| !b.is_ascii_whitespace());
        let close = line.get(2..).and_then(|rest| memchr::memmem::find(rest, &[mark; 2]));
        let Some(close) = close.filter(|_| is_open) else { return self.literal(run) };
        let end = self.pos + 2 + close;
        self.inline_until(self.pos + 2, end);
        self.pos = end + 2;
    }

    /// `{++added++}`, `{--removed--}`, `{~~old~>new~~}`, `{==marked==}`, `{>>comment<<}`.
    pub(super) fn critic(&mut self) -> bool {
        let rest = &self.src[self.pos..];
        let (close, keeps) = match rest.as_bytes().get(1..3) {
            Some(b"++") => ("++}", true),
            Some(b"==") => ("==}", true),
            Some(b"--") => ("--}", false),
            Some(b">>") => ("<<}", false),
            Some(b"~~") => ("~~}", true),
            _ => return false,
        };
        let window = &rest[..rest.floor_char_boundary(4096.min(rest.len()))];
        let paragraph = &window[..window.find("\n\n").unwrap_or(window.len())];
        let Some(end) = memchr::memmem::find(paragraph.as_bytes(), close.as_bytes()) else {
            return false;
        };
        if end < 3 {
            return false;
        }
        let behind = self.pos + end + 3;
        let inner = &rest[3..end];
        let inner = inner.split_once("~>").map_or(inner, |(_, new)| new);
        let text = inner.trim_matches('\n');
        if keeps && text.contains('\n') {
            self.pos = behind;
            let line = self.line_out;
            self.splice(text.trim());
            self.go_on_below(line);
        } else if keeps {
            let from = behind - 3 - inner.trim_start_matches('\n').len();
            self.inline_until(from, from + text.len());
        }
        self.pos = behind.max(self.pos);
        true
    }

    /// `{ .class #id key=value }` and `{: … }` behind an element or on a line of its own.
    pub(super) fn attribute_list(&mut self) -> bool {
        let rest = &self.src[self.pos..];
        let line = line_window(rest);
        let Some(end) = line.find('}') else { return false };
        let inner = line[1..end].trim();
        let colon = inner.starts_with(':');
        let inner = inner.trim_start_matches(':').trim();
        let bytes = self.out.as_bytes();
        let attached = self.out.len() == self.line_out
            || matches!(
                bytes.last(),
                Some(b')' | b']' | b'`' | b'*' | b'>' | b':' | b'_' | b' ' | b'"')
            );
        // `{id}` in prose is no list; `{ data-preview }` is.
        let looks_so =
            colon || inner.starts_with(['.', '#']) || inner.contains('=') || line.starts_with("{ ");
        let is_list = looks_so && !inner.is_empty() && is_attributes(inner);
        if !is_list || !(attached || colon) {
            return false;
        }
        self.pos += end + 1;
        if self.out.ends_with(' ') && !self.out[self.line_out..].trim().is_empty() {
            let kept = self.out.trim_end_matches(' ').len();
            self.out.truncate(kept);
        }
        true
    }
}

/// `.class`, `#id`, `key=value`, `key="a value"`, `data-key`, and nothing else.
fn is_attributes(mut text: &str) -> bool {
    while !text.is_empty() {
        let end = text.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let start = word.as_bytes();
        let plain = match start.first() {
            Some(b'.' | b'#') => start.len() > 1 && !start[1].is_ascii_digit(),
            _ => rest.starts_with('=') || word.starts_with("data-") || word == "markdown",
        };
        if !plain {
            return false;
        }
        let value = rest.strip_prefix('=').unwrap_or(rest);
        let length = match value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
            Some(quote) => value[1..].find(quote).map_or(value.len(), |at| at + 2),
            None => value.find(char::is_whitespace).unwrap_or(value.len()),
        };
        text = value[length..].trim_start();
    }
    true
}

fn split_mark(content: &str) -> Option<(&'static str, &str)> {
    for (mark, kind) in [
        ("!!!", "!!!"),
        ("???+", "???"),
        ("???", "???"),
        ("===!", "==="),
        ("===+", "==="),
        ("===", "==="),
    ] {
        if let Some(rest) = content.strip_prefix(mark) {
            return rest.starts_with(' ').then(|| (kind, rest.trim()));
        }
    }
    None
}

/// The label in `"Tab"`; a row of `=` under a heading has none.
fn tab_label(rest: &str) -> Option<String> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = &rest[1..];
    inner.rfind(quote).map(|end| inner[..end].to_owned())
}

/// The label of `note "Title"`, `note inline end "Title"`, `note ""`.
fn box_label(rest: &str) -> Option<String> {
    let (words, title) = match rest.find('"') {
        Some(at) => {
            let inner = &rest[at + 1..];
            (rest[..at].trim(), Some(inner.rfind('"').map_or(inner, |end| &inner[..end])))
        }
        None => (rest, None),
    };
    let kind = words.split(' ').next().unwrap_or_default();
    let is_kind = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    if !words.chars().all(is_kind) || (kind.is_empty() && title.is_none()) {
        return None;
    }
    Some(match title {
        Some("") => String::new(),
        title => containers::title(kind, title.unwrap_or_default()),
    })
}
