//! What stands within lines: code spans, tags, braces, entities, each handed to its own file.

use std::borrow::Cow;

use super::{
    entities, heading,
    scan::{Scanner, line_window, marker_width},
};

/// Bytes after which an inline code span must have ended.
const MAX_SPAN: usize = 8 * 1024;

impl Scanner<'_> {
    /// Copies text up to the end of the line, with all marks on the way handled.
    pub(super) fn inline(&mut self) {
        loop {
            let bytes = self.src.as_bytes();
            let start = self.pos;
            let mut at = start;
            while at < bytes.len() && !self.special[bytes[at] as usize] {
                at += 1;
            }
            self.out.push_str(&self.src[start..at]);
            self.pos = at;
            let Some(b) = bytes.get(at) else { return };
            match b {
                b'\n' => return,
                b'`' => self.code_span(),
                b'\\' => self.escape(),
                b'<' => self.angle(),
                b'{' => self.brace(),
                b'&' => self.entity(),
                b':' => self.icon(),
                b'+' => self.keys(),
                b'=' | b'^' => self.marked(*b),
                _ => self.literal(1),
            }
        }
    }

    /// Copies `length` bytes as they are.
    pub(super) fn literal(&mut self, length: usize) {
        let end = (self.pos + length).min(self.src.len());
        self.out.push_str(&self.src[self.pos..end]);
        self.pos = end;
    }

    pub(super) fn escape(&mut self) {
        let next = self.src.as_bytes().get(self.pos + 1);
        match next {
            // Braces mean something to MDX and nothing to Markdown.
            Some(b'{' | b'}') if self.dialect.mdx => {
                self.pos += 1;
                self.literal(1);
            }
            Some(b) if b.is_ascii_punctuation() => self.literal(2),
            _ => self.literal(1),
        }
    }

    pub(super) fn entity(&mut self) {
        let Some((entity, length)) = entities::entity(&self.src[self.pos..]) else {
            return self.literal(1);
        };
        self.pos += length;
        let in_code = self.open.iter().any(|open| open.is_code());
        let at_start = self.out[self.line_out..].trim_start().is_empty();
        let mut text = String::new();
        entity.push_to(&mut text);
        // What was written as an entity was not meant as Markdown.
        let is_markup = entity.markup().is_some() || (at_start && matches!(&*text, "<" | ">"));
        if is_markup && !in_code {
            self.out.push('\\');
        }
        self.out.push_str(&text);
    }

    pub(super) fn code_span(&mut self) {
        let bytes = self.src.as_bytes();
        let run = bytes[self.pos..].iter().take_while(|b| **b == b'`').count();
        let Some(close) = self.span_end(self.pos + run, run) else {
            return self.literal(run);
        };
        let mut span = Cow::Borrowed(&self.src[self.pos..close]);
        if self.dialect.hugo && span.contains("{{") {
            span = Cow::Owned(self.resolve_values(&span));
        }
        if span.contains('\n') {
            let words: Vec<&str> =
                span.lines().map(|line| line.trim_start_matches(['>', ' ', '\t'])).collect();
            self.out.push_str(&words.join(" "));
        } else {
            self.out.push_str(&span);
        }
        self.pos = close;
    }

    /// Where a run of `run` backticks follows in this paragraph, one past it.
    pub(super) fn span_end(&self, from: usize, run: usize) -> Option<usize> {
        let bytes = self.src.as_bytes();
        let bound = bytes.len().min(from + MAX_SPAN);
        let mut at = from;
        while let Some(step) = memchr::memchr2(b'`', b'\n', &bytes[at..bound]) {
            at += step;
            if bytes[at] == b'\n' {
                at += 1;
                if self.in_row || starts_block(&self.src[at..]) {
                    return None;
                }
                continue;
            }
            let length = bytes[at..].iter().take_while(|b| **b == b'`').count();
            at += length;
            if length == run {
                return Some(at);
            }
            if at >= bound {
                return None;
            }
        }
        None
    }

    pub(super) fn brace(&mut self) {
        let rest = &self.src[self.pos..];
        let bytes = rest.as_bytes();
        let taken = match bytes.get(1) {
            Some(b'{') if self.dialect.vue || self.dialect.mkdocs => self.template_value(),
            Some(b'{') if self.dialect.mdbook || self.dialect.hugo => {
                (self.dialect.hugo && self.shortcode())
                    || (self.dialect.mdbook && self.inline_include())
                    || self.template_line()
            }
            Some(b'{') => {
                (self.dialect.mdn && self.macro_call()) || (self.dialect.mdx && self.expression())
            }
            Some(b'%') if !self.dialect.mdx => self.template_tag(),
            _ if self.dialect.mdx => self.expression(),
            _ if self.dialect.mkdocs => self.critic() || self.attribute_list(),
            Some(b'.' | b'#' | b':') => self.attribute_list(),
            Some(b' ') if self.dialect.hugo => self.attribute_list(),
            _ => false,
        };
        if !taken {
            self.literal(1);
        }
    }

    /// `{% raw %}` and the like, of Jekyll and of MkDocs' macros.
    pub(super) fn template_tag(&mut self) -> bool {
        let line = line_window(&self.src[self.pos..]);
        let Some(end) = memchr::memmem::find(line.as_bytes(), b"%}") else { return false };
        self.pos += end + 2;
        true
    }

    /// `{{ x }}` of Vue or of MkDocs' macros: the site evaluates it, we cannot.
    pub(super) fn template_value(&mut self) -> bool {
        let end = self.template_end();
        self.pos += end.unwrap_or_default();
        end.is_some()
    }

    /// A line that is nothing but `{{ … }}`, or several of them: code of a template or of a
    /// preprocessor.
    pub(super) fn template_line(&mut self) -> bool {
        let Some(end) = self.template_end() else { return false };
        let before = self.out[self.line_out..].trim_matches([' ', '>']);
        let after = line_window(&self.src[self.pos + end..]).trim_end();
        let alone = before.is_empty() && (after.is_empty() || after.ends_with("}}"));
        self.pos += if alone { end } else { 0 };
        alone
    }

    /// Length of the `{{ … }}` here; it may go on within its paragraph, and in rows within its line.
    fn template_end(&self) -> Option<usize> {
        let rest = &self.src[self.pos..];
        let window = if self.is_one_line() {
            line_window(rest)
        } else {
            &rest[..rest.floor_char_boundary(rest.len().min(1024))]
        };
        let end = memchr::memmem::find(window.as_bytes(), b"}}")? + 2;
        (!window[..end].contains("\n\n")).then_some(end)
    }
}

/// Does the next line start something new, so that no code span goes on there?
fn starts_block(text: &str) -> bool {
    let line = &text[..memchr::memchr(b'\n', text.as_bytes()).unwrap_or(text.len())];
    let line = line.trim_start_matches([' ', '\t', '>']);
    line.is_empty()
        || line.starts_with("```")
        || line.starts_with("~~~")
        || line.starts_with(":::")
        || line.starts_with('|')
        || heading::level(line).is_some()
        || marker_width(line) > 0
}
