//! The lines of the output: how they end, break and are told apart from blank ones.

use super::{fence::opening_run, scan::Scanner};

impl Scanner<'_> {
    /// Ends the current line of output; a line whose text has all gone becomes a blank one.
    pub(super) fn end_line(&mut self) {
        if self.src.as_bytes().get(self.pos) == Some(&b'\n') {
            self.pos += 1;
        }
        if self.table.is_some() {
            self.out.push(' ');
            return;
        }
        let line = &self.out[self.line_out..];
        let text = line.trim_matches([' ', '\t']);
        if text.is_empty() {
            self.out.truncate(self.line_out);
            self.blank();
            return;
        }
        self.out.push('\n');
        self.line_out = self.out.len();
        self.after_blank = false;
    }

    /// Whether the line of output has nothing yet but the marks of quotations and items, so that what comes next may begin a
    /// block.
    pub(super) fn begins_line(&self) -> bool {
        self.out[self.line_out..].chars().all(is_mark)
    }

    /// Whether what is written stays on the line: in a cell of an HTML table, in a row of another, in a heading.
    pub(super) fn is_one_line(&self) -> bool {
        self.table.is_some() || self.in_row
    }

    /// Escapes what would open a fence at the begin of the line of output. It was no fence on the page: something that stood
    /// before it or within it has gone, and nothing would end the code.
    pub(super) fn begin_no_fence(&mut self) {
        if self.is_one_line() || self.spliced == Some(self.line_out) {
            return;
        }
        let line = self.out[self.line_out..].trim_start_matches(is_mark);
        let at = self.out.len() - line.len();
        let marks = &self.out[self.line_out..at];
        let is_indented_code = marks.ends_with("     ") && !marks.trim().is_empty();
        if is_indented_code || opening_run(line).is_none() {
            return;
        }
        self.out.insert(at, '\\');
        for open in self.open.iter_mut().filter(|open| open.start > at) {
            open.start += 1;
        }
    }

    /// Forgets the current line, as if it had not been there.
    pub(super) fn drop_line(&mut self) {
        self.out.truncate(self.line_out);
        self.end_line();
    }

    /// A blank line, unless there is one already.
    pub(super) fn blank(&mut self) {
        if self.table.is_some() {
            self.out.push(' ');
            return;
        }
        self.open.clear();
        self.after_blank = true;
        if !self.out.is_empty() && !self.out.ends_with("\n\n") {
            if !self.out.ends_with('\n') {
                self.out.push('\n');
            }
            self.out.push('\n');
        }
        self.line_out = self.out.len();
    }

    /// Starts a new line of output where a block element begins or ends within a line.
    pub(super) fn break_line(&mut self) {
        if self.is_one_line() {
            if !self.out.ends_with(' ') {
                self.out.push(' ');
            }
            return;
        }
        let line = &self.out[self.line_out..];
        if line.trim_matches([' ', '\t', '>']).is_empty() {
            return;
        }
        self.begin_no_fence();
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept);
        self.out.push('\n');
        self.line_out = self.out.len();
        self.out.push_str(&self.prefix);
        self.after_blank = false;
    }

    /// What follows must not stand on the last of several lines that came where the line at `line` was written: it may close
    /// a fence.
    pub(super) fn go_on_below(&mut self, line: usize) {
        if self.line_out != line && self.pos < self.line_end(self.pos) {
            self.break_line();
            self.pos += self.src[self.pos..].bytes().take_while(|b| *b == b' ').count();
        }
    }

    /// As [`break_line`](Self::break_line), and a blank line in between.
    pub(super) fn break_paragraph(&mut self) {
        self.break_line();
        if self.is_one_line() || self.after_blank || self.out.is_empty() {
            return;
        }
        let line = self.out.split_off(self.line_out);
        if line.contains('>') {
            self.out.push_str(line.trim_end());
            self.out.push('\n');
        } else if !self.out.ends_with("\n\n") && !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line_out = self.out.len();
        self.out.push_str(&line);
        self.after_blank = true;
    }

    /// Ends the paragraph above the line that is being read.
    pub(super) fn blank_line_before(&mut self) {
        self.out.truncate(self.line_out);
        if !self.after_blank {
            self.blank();
        }
    }

    /// Goes on behind the line feed without writing one.
    pub(super) fn end_line_silently(&mut self) {
        if self.src.as_bytes().get(self.pos) == Some(&b'\n') {
            self.pos += 1;
        }
        self.line_out = self.out.len();
        self.after_blank = true;
    }

    /// Writes a bold line: what a box, a tab or a code block is called on the site.
    pub(super) fn bold_line(&mut self, label: &str) {
        let label = label.split_whitespace().collect::<Vec<_>>().join(" ");
        if label.is_empty() {
            return;
        }
        self.break_paragraph();
        if self.out.len() == self.line_out {
            self.out.push_str(&self.prefix);
        }
        self.out.push_str("**");
        self.out.push_str(&label.replace("**", ""));
        self.out.push_str("**");
        self.break_line_now();
    }

    /// Writes a bold line of a label that is Markdown itself, read as a line of the page is: its code stays, icons and
    /// attribute lists go.
    pub(super) fn label_line(&mut self, label: &str) {
        let mut inner = Scanner::new(label, self.dialect, super::Includes::none(), self.depth + 1);
        inner.in_row = true;
        inner.inline();
        self.bold_line(&inner.out);
        self.out.truncate(self.line_out);
    }

    /// Ends a line that [`bold_line`](Self::bold_line) wrote; what follows is a new paragraph.
    pub(super) fn break_line_now(&mut self) {
        if self.is_one_line() {
            self.out.push(' ');
            return;
        }
        self.out.push('\n');
        let quote = self.prefix.contains('>');
        if quote {
            self.out.push_str(self.prefix.trim_end());
        }
        self.out.push('\n');
        self.line_out = self.out.len();
        self.out.push_str(&self.prefix);
        self.after_blank = true;
    }
}

/// What a line may have before the text of an item or a quotation.
fn is_mark(c: char) -> bool {
    c.is_ascii_digit() || " >-*+.)".contains(c)
}
