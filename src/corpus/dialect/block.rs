//! Lines that are blocks of a dialect: each goes to its family's own file; the small ones are done
//! here.

use super::scan::{Frame, Scanner};

impl Scanner<'_> {
    /// Lines of one dialect's blocks. Says whether it took the line.
    pub(super) fn block(&mut self, at: usize, content: &str, marker: usize) -> bool {
        let first = content.as_bytes()[0];
        match first {
            b'i' | b'e' if self.dialect.mdx && self.column == 0 && marker == 0 => {
                self.after_blank && self.esm(at, content)
            }
            b':' if self.dialect.containers && content.starts_with(":::") => {
                self.container(at, content)
            }
            b':' if self.dialect.mkdocs && content.starts_with("::: ") => {
                self.api_reference(at, content)
            }
            b':' if self.dialect.mkdocs || self.dialect.hugo => self.described(at, content),
            b'!' | b'?' | b'=' if self.dialect.admonitions => self.admonition(at, content),
            b'/' if self.dialect.mkdocs && content.starts_with("///") => self.slashes(at, content),
            b'-' | b';' | b'{' if self.is_include(content) => self.include_line(at, content),
            b'r' | b'[' | b'*' if self.is_unseen(content) => {
                self.pos = self.line_end(at);
                self.drop_line();
                true
            }
            // Definitions of links are no text: the address is not to be touched.
            b'[' if content.contains("]: ") && is_definition(content) => {
                self.definition(at);
                true
            }
            _ => false,
        }
    }

    /// The definition of a link at `at`. Python-Markdown takes them anywhere, CommonMark not below
    /// a paragraph: there they go to the end of the page.
    fn definition(&mut self, at: usize) {
        let end = self.line_end(at);
        self.pos = end;
        let label = self.src[at..end].split("]:").next().unwrap_or_default().to_lowercase();
        // The first one counts; the parser does not even tell us of the others.
        if !self.labels.insert(label) {
            self.drop_line();
            return;
        }
        if self.dialect.mkdocs {
            self.definitions.push_str(&self.src[at..end]);
            self.definitions.push('\n');
            self.drop_line();
            return;
        }
        self.out.push_str(&self.prefix);
        self.out.push_str(&self.src[at..end]);
        self.end_line();
    }

    /// Does the site show nothing, or something else, for this line?
    fn is_unseen(&self, content: &str) -> bool {
        is_contents(content)
            || (self.dialect.mdbook && is_rule(content))
            // An abbreviation is shown where it is used.
            || (self.dialect.mkdocs && content.starts_with("*[") && content.contains("]:"))
    }

    /// What `:   text` defines: its lines are indented as those of a list item, and Markdown's
    /// core has no such lists.
    fn described(&mut self, at: usize, content: &str) -> bool {
        let spaces = content[1..].bytes().take_while(|b| *b == b' ').count();
        if spaces < 3 || self.frames.len() >= 64 {
            return false;
        }
        let at_column = self.column;
        self.out.push_str(&self.prefix);
        self.out.push_str(": ");
        self.pos = at + 1 + spaces;
        let start = self.out.len();
        self.inline();
        // Unless an element broke the line, or took back more than it.
        if self.line_out <= start && start <= self.out.len() {
            let text = self.out[start..].trim_start().len();
            self.out.drain(start..self.out.len() - text);
        }
        if self.out[self.line_out..].trim() == ":" {
            // Nothing is left of the first line: the text starts on the next one.
            self.drop_line();
        } else {
            self.end_line();
        }
        self.frames.push(Frame::Indented { at: at_column });
        true
    }
}

/// `r[items.use.path]` on a line of its own: how the Rust reference names its rules.
fn is_rule(content: &str) -> bool {
    let name = content.strip_prefix("r[").and_then(|it| it.trim_end().strip_suffix(']'));
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    name.is_some_and(|name| !name.is_empty() && name.bytes().all(plain))
}

/// `[TOC]`, `[[toc]]`, `[[_TOC_]]`.
fn is_contents(content: &str) -> bool {
    let word = content.trim().trim_matches(['[', ']', '_']);
    word.eq_ignore_ascii_case("toc") && content.trim().ends_with(']')
}

/// `[label]: address "title"`; what has more words is text, such as `[!NOTE]: Mind this`.
fn is_definition(content: &str) -> bool {
    let Some((label, rest)) = content[1..].split_once("]:") else { return false };
    let rest = rest.trim();
    let end = rest.find([' ', '\t']).unwrap_or(rest.len());
    let title = rest[end..].trim_start();
    !label.starts_with(['^', '!'])
        && !label.contains(['[', ']'])
        && (title.is_empty() || title.starts_with(['"', '\'', '(']) || rest.starts_with('<'))
}
