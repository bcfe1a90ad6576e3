//! The scanner: one pass over a page, line by line and inside lines from mark to mark. It knows
//! what is code, and leaves that alone; everything else it hands to the dialects' own files.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use super::{
    Cleaned, Dialect, Includes, Trace, fence::opening_run, heading, html::Open, table::Table,
};

/// Constructs that look begun and are not, before the scanner takes the rest of their kind as
/// plain text: each may cost a look at some kilobytes.
const PATIENCE: usize = 4000;

/// Something whose lines are indented on the page, or would be, and are not in plain Markdown.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Frame {
    /// MkDocs: ends with the first line that is less indented than `at` + 4.
    Indented { at: usize },
    /// A tag on a line of its own, up to its closing tag; `extra` is what its first line of
    /// content is indented by.
    Element { name: String, at: usize, extra: Option<usize> },
}

pub(super) struct Scanner<'a> {
    /// What is read: the page, or a part of it from its start.
    pub(super) src: &'a str,
    /// The whole page.
    pub(super) page: &'a str,
    /// The next byte to read.
    pub(super) pos: usize,
    pub(super) out: String,
    pub(super) dialect: Dialect,
    pub(super) includes: Includes,
    /// Includes around this text.
    pub(super) depth: usize,
    pub(super) frames: Vec<Frame>,
    /// Inline elements that wait for their closing tag.
    pub(super) open: Vec<Open>,
    pub(super) table: Option<Table>,
    pub(super) list_depth: Vec<Option<usize>>,
    /// Where the current line starts on the page.
    pub(super) line_src: usize,
    /// Where the current line starts in `out`.
    pub(super) line_out: usize,
    /// Where the last line starts in `out` that came with others out of another file: its marks are that file's.
    pub(super) spliced: Option<usize>,
    /// Column of the current line's text, frames aside; what stands before it on following lines.
    pub(super) column: usize,
    pub(super) prefix: String,
    /// The line is a row of a Markdown table or a heading: nothing may break it.
    pub(super) in_row: bool,
    /// The line is a heading whose words make its anchor: what generators show without letting it
    /// into the anchor stays out.
    pub(super) in_anchor: bool,
    /// The last line of output is blank.
    pub(super) after_blank: bool,
    /// The line above is blank on the page.
    pub(super) below_blank: bool,
    pub(super) patience: usize,
    /// `:::` and `///` blocks that are open: colons or slashes, and whether they show a title.
    pub(super) containers: Vec<usize>,
    pub(super) anchors: Vec<(usize, String)>,
    pub(super) notes: Vec<(usize, String)>,
    /// Definitions of links, kept for the end of the page.
    pub(super) definitions: String,
    pub(super) labels: HashSet<String>,
    /// Content columns of the list items around the current line.
    pub(super) lists: Vec<usize>,
    pub(super) special: [bool; 256],
    pub(super) closers: Option<HashMap<Cow<'a, str>, usize>>,
    pub(super) comments_end: bool,
    /// Only for those who ask for it.
    pub(super) trace: Option<Box<Trace>>,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(src: &'a str, dialect: Dialect, includes: Includes, depth: usize) -> Self {
        let mut special = [false; 256];
        for b in b"\n`\\<&" {
            special[*b as usize] = true;
        }
        special[b'{' as usize] = true;
        special[b':' as usize] = dialect.mkdocs;
        special[b'+' as usize] = dialect.mkdocs;
        special[b'=' as usize] = dialect.mkdocs;
        special[b'^' as usize] = dialect.mkdocs;
        Scanner {
            src,
            page: src,
            pos: 0,
            out: String::with_capacity(src.len() + 64),
            dialect,
            includes,
            depth,
            frames: Vec::new(),
            open: Vec::new(),
            table: None,
            list_depth: Vec::new(),
            line_src: 0,
            line_out: 0,
            spliced: None,
            column: 0,
            prefix: String::new(),
            in_row: false,
            in_anchor: false,
            after_blank: true,
            below_blank: true,
            patience: PATIENCE,
            containers: Vec::new(),
            anchors: Vec::new(),
            notes: Vec::new(),
            definitions: String::new(),
            labels: HashSet::new(),
            lists: Vec::new(),
            special,
            closers: None,
            comments_end: true,
            trace: None,
        }
    }

    pub(super) fn run(self) -> Cleaned {
        self.run_nested().0
    }

    /// As [`run`](Self::run), and gives back what knows of the files that may still be included.
    pub(super) fn run_nested(mut self) -> (Cleaned, Includes) {
        while self.pos < self.src.len() {
            self.line();
        }
        self.finish_table();
        if !self.definitions.is_empty() {
            self.blank();
            self.out.push_str(&self.definitions);
        }
        let includes = self.includes.files().to_vec();
        let sought = self.includes.sought().to_vec();
        let (text, anchors, notes) = (self.out, self.anchors, self.notes);
        (Cleaned { text, anchors, notes, includes, sought, trace: self.trace }, self.includes)
    }

    /// Remembers what is odd at the current position.
    pub(super) fn note(&mut self, message: impl Into<String>) {
        if self.notes.len() < 50 && self.depth == 0 {
            let read = &self.src.as_bytes()[..self.pos.min(self.src.len())];
            self.notes.push((memchr::memchr_iter(b'\n', read).count() + 1, message.into()));
        }
    }

    /// The end of the line that `at` is on, its line feed excluded.
    pub(super) fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.src.as_bytes()[at..]).map_or(self.src.len(), |step| at + step)
    }

    fn line(&mut self) {
        self.line_src = self.pos;
        if let Some(trace) = &mut self.trace {
            trace.line(self.out.len(), self.pos);
        }
        let end = self.line_end(self.pos);
        let raw = &self.src[self.pos..end];
        let (indent, text) = indentation(raw);
        if text.trim_end().is_empty() {
            self.pos = (end + 1).min(self.src.len());
            self.blank();
            self.below_blank = true;
            return;
        }
        self.text_line(raw, indent, text, end);
        self.below_blank =
            self.src.as_bytes().get(..self.pos).is_some_and(|it| it.ends_with(b"\n\n"));
    }

    fn text_line(&mut self, raw: &'a str, indent: usize, text: &'a str, end: usize) {
        let column = self.dedent(indent);
        self.column = column;
        let text_at = self.pos + raw.len() - text.len();
        if self.table.is_none() && self.is_indented_code(column, text) {
            self.indented_code();
            return;
        }
        self.prefix.clear();
        push_spaces(&mut self.prefix, column);
        let quotes = self.quotes(text_at);
        let rest_at = text_at + quotes;
        let rest = &self.src[rest_at..end];
        let marker = if quotes == 0 {
            self.list_marker(rest, column)
        } else {
            self.lists.retain(|content| *content <= column);
            0
        };
        let content_at = rest_at + marker;
        let content = &self.src[content_at..end];
        if content.trim_end().is_empty() {
            self.bare_line(rest_at, content_at);
            return;
        }
        if self.table.is_none() {
            if self.fence(rest_at, content_at, quotes) {
                return;
            }
            if self.block(content_at, content, marker) {
                return;
            }
        }
        self.out.push_str(&self.prefix);
        if marker > 0 {
            self.out.push_str(&self.src[rest_at..content_at]);
            push_spaces(&mut self.prefix, marker);
        }
        self.pos = content_at;
        self.in_row = content.starts_with('|') || heading::level(content).is_some();
        if self.heading(content, end) {
            return;
        }
        self.inline();
        self.begin_no_fence();
        self.end_line();
    }

    /// A line with nothing behind its quote marks or its list marker.
    fn bare_line(&mut self, rest_at: usize, content_at: usize) {
        self.pos = self.line_end(content_at);
        self.out.push_str(&self.prefix);
        self.out.push_str(&self.src[rest_at..content_at]);
        let kept = self.out.trim_end_matches(' ').len();
        self.out.truncate(kept.max(self.line_out));
        self.end_line();
        self.after_blank = rest_at == content_at;
    }

    /// The column that a line with `indent` columns of space has in plain Markdown. Closes MkDocs
    /// blocks that end here.
    fn dedent(&mut self, indent: usize) -> usize {
        let mut column = indent;
        let mut keep = self.frames.len();
        for (i, frame) in self.frames.iter_mut().enumerate() {
            match frame {
                Frame::Indented { at } => {
                    if column < *at + 4 {
                        keep = i;
                        break;
                    }
                    column -= 4;
                }
                Frame::Element { at, extra, .. } => {
                    let extra = extra.get_or_insert(column.saturating_sub(*at).min(12));
                    if column > *at {
                        column = (*at).max(column.saturating_sub(*extra));
                    }
                }
            }
        }
        if keep < self.frames.len() {
            self.frames.truncate(keep);
            if !self.after_blank {
                self.blank();
            }
        }
        column
    }

    /// Length of the `>` marks at `at`; they go to the prefix.
    fn quotes(&mut self, at: usize) -> usize {
        let bytes = self.src.as_bytes();
        let mut end = at;
        // Deeper quotes than this are no text, and pulldown-cmark would be slow with them.
        for _ in 0..16 {
            if bytes.get(end) != Some(&b'>') {
                break;
            }
            end += 1;
            self.prefix.push('>');
            if bytes.get(end) == Some(&b' ') {
                end += 1;
            }
            self.prefix.push(' ');
        }
        end - at
    }

    /// Bytes of the list markers that `rest` starts with, their spaces included. Keeps track of
    /// the lists around.
    fn list_marker(&mut self, rest: &str, column: usize) -> usize {
        let width = marker_width(rest);
        if self.below_blank || width > 0 {
            while self.lists.last().is_some_and(|content| column < *content) {
                self.lists.pop();
            }
        }
        if width == 0 {
            return 0;
        }
        if self.lists.len() < 64 {
            self.lists.push(column + width);
        }
        // `- 1. x`: the inner marker counts, too.
        let inner = marker_width(&rest[width..]);
        if inner > 0 && self.lists.len() < 64 {
            self.lists.push(column + width + inner);
        }
        width + inner
    }

    /// The column at which the content of the innermost list item begins that a column is inside of.
    fn content_column(&self, column: usize) -> usize {
        self.lists.iter().rev().copied().find(|content| *content <= column).unwrap_or_default()
    }

    fn is_indented_code(&self, column: usize, text: &str) -> bool {
        let base = self.content_column(column);
        let first = text.as_bytes()[0];
        let in_element = self.frames.iter().any(|frame| matches!(frame, Frame::Element { .. }));
        !self.dialect.mdx
            && self.below_blank
            && column >= base + 4
            && !in_element
            && !matches!(first, b'`' | b'~' | b'|')
            && !(first == b'<' && (!self.lists.is_empty() || text.starts_with("</")))
            && !text.starts_with("{{<")
            && !text.starts_with("{{%")
            && !(self.dialect.admonitions
                && ["!!! ", "??? ", "???+ ", "=== \""].iter().any(|it| text.starts_with(it)))
            && marker_width(text) == 0
    }

    /// Copies an indented code block as it is. One that has a fence in it is fenced itself: how far in a line is decides there
    /// what it means, and pieces of it stand further left.
    fn indented_code(&mut self) {
        let content = self.content_column(self.column);
        let (base, start) = (content + 4, self.out.len());
        self.in_row = false;
        self.copy_indented(base);
        let written = &self.out[start..];
        if written.lines().all(|line| opening_run(line.trim_start()).is_none()) {
            return;
        }
        let code: String = written
            .split_inclusive('\n')
            .map(|line| &line[(line.len() - line.trim_start_matches(' ').len()).min(base)..])
            .collect();
        let is_apart = written.ends_with("\n\n");
        self.out.truncate(start);
        self.line_out = start;
        self.prefix.clear();
        push_spaces(&mut self.prefix, content);
        self.write_fence("", &code);
        if is_apart {
            self.blank();
        }
    }

    fn copy_indented(&mut self, base: usize) {
        while self.pos < self.src.len() {
            let end = self.line_end(self.pos);
            let raw = &self.src[self.pos..end];
            let (indent, text) = indentation(raw);
            if text.trim_end().is_empty() {
                self.pos = (end + 1).min(self.src.len());
                self.blank();
                continue;
            }
            let column = self.dedent(indent);
            if column < base {
                return;
            }
            push_spaces(&mut self.out, column);
            self.out.push_str(text);
            self.pos = end;
            self.end_line();
        }
    }

    /// Is the current line a list item's?
    pub(super) fn in_list(&self) -> bool {
        self.lists.iter().any(|content| *content <= self.column)
    }

    /// Offset of the last closing tag of this name, if there is one behind the current position.
    pub(super) fn last_close(&mut self, name: &str) -> Option<usize> {
        let src = self.page;
        let closers = self.closers.get_or_insert_with(|| {
            let mut map = HashMap::new();
            for at in memchr::memmem::find_iter(src.as_bytes(), b"</") {
                let rest = &src[at + 2..];
                let is_name =
                    |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b':');
                let length = rest.bytes().take(64).take_while(is_name).count();
                map.insert(lower(&rest[..length]), at);
            }
            map
        });
        closers.get(&lower(name)).copied().filter(|at| *at > self.pos)
    }
}

fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|b| b.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// The rest of a line, or as much of it as a mark may span: a line of a megabyte that is full of
/// marks must not be searched to its end for each of them.
pub(super) fn line_window(text: &str) -> &str {
    let window = &text[..text.floor_char_boundary(text.len().min(1024))];
    &window[..memchr::memchr(b'\n', window.as_bytes()).unwrap_or(window.len())]
}

/// Columns of white space that a line starts with, and what follows; tabs stop at fours.
pub(super) fn indentation(line: &str) -> (usize, &str) {
    let mut columns = 0;
    for (at, b) in line.bytes().enumerate() {
        match b {
            b' ' => columns += 1,
            b'\t' => columns += 4 - columns % 4,
            _ => return (columns, &line[at..]),
        }
    }
    (columns, "")
}

pub(super) fn push_spaces(out: &mut String, count: usize) {
    const SPACES: &str = "                                ";
    let mut left = count.min(256);
    while left > 0 {
        let step = left.min(SPACES.len());
        out.push_str(&SPACES[..step]);
        left -= step;
    }
}

/// Bytes of a list marker and its spaces; 0 if there is none.
pub(super) fn marker_width(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mark = match bytes.first() {
        Some(b'-' | b'*' | b'+') => 1,
        Some(b'0'..=b'9') => {
            let digits = bytes.iter().take(10).take_while(|b| b.is_ascii_digit()).count();
            if digits > 9 || !matches!(bytes.get(digits), Some(b'.' | b')')) {
                return 0;
            }
            digits + 1
        }
        _ => return 0,
    };
    let spaces = bytes[mark..].iter().take_while(|b| **b == b' ').count();
    match spaces {
        0 => 0,
        // Five spaces and more: the item starts with indented code.
        1..=4 if mark + spaces < bytes.len() => mark + spaces,
        _ => mark + 1,
    }
}
