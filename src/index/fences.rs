//! Fenced code in clean Markdown: which line opens a fence, which one closes it, and what makes a part of it whole again.

use super::blocks::{Kind, kind_of};

/// A fence that is open: the line that opens it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fence<'a> {
    line: &'a str,
    /// Where in the line the mark begins: behind those of the items and quotations it is inside of.
    start: usize,
    mark: &'a str,
}

impl<'a> Fence<'a> {
    /// The fence that a line opens, where none is open.
    pub(crate) fn opened_by(line: &'a str) -> Option<Self> {
        let rest = behind_markers(line);
        let start = line.len() - rest.len();
        ['`', '~'].into_iter().find_map(|mark| {
            let info = rest.trim_start_matches(mark);
            let length = rest.len() - info.len();
            let opens = length >= 3 && !(mark == '`' && info.contains('`'));
            opens.then(|| Self { line, start, mark: &rest[..length] })
        })
    }

    /// The fence that is open below a line, as of what is open above it.
    pub(crate) fn after(open: Option<Self>, line: &'a str) -> Option<Self> {
        match open {
            Some(fence) => (!fence.is_closed_by(line)).then_some(fence),
            None => Self::opened_by(line),
        }
    }

    /// Whether a line ends the code. One that is four columns further in than the first line is code (CommonMark 0.31,
    /// section 4.5), and so is one in a quotation that the first line is not in.
    pub(crate) fn is_closed_by(&self, line: &str) -> bool {
        let rest = line.trim_start_matches(MARKERS);
        let (first, last) = (&self.line[..self.start], &line[..line.len() - rest.len()]);
        let mark = rest.trim_end_matches([' ', '\t', '\r']);
        let quotes = |prefix: &str| prefix.matches('>').count();
        mark.len() >= self.mark.len()
            && mark.bytes().all(|b| self.mark.as_bytes().first() == Some(&b))
            && columns(last) < columns(first) + 4
            && quotes(last) == quotes(first)
    }

    /// A line that opens it anew: the mark of an item is none inside of it.
    fn first_line(&self) -> String {
        format!("{}{}", self.prefix(), &self.line[self.start..])
    }

    /// The line that closes it, as far inside of items and quotations as the first.
    fn last_line(&self) -> String {
        format!("{}{}", self.prefix(), self.mark)
    }

    fn prefix(&self) -> String {
        let inside = |c: char| if matches!(c, '>' | '\t') { c } else { ' ' };
        self.line[..self.start].chars().map(inside).collect()
    }
}

/// A text whose last fence is closed, whatever it was cut off from.
pub(crate) fn closed(text: &str) -> String {
    match open_at_end(text) {
        Some(fence) => format!("{}\n{}", text.trim_end_matches('\n'), fence.last_line()),
        None => text.to_owned(),
    }
}

/// What must stand above the rest of a text from a byte on: the first line of the fence that is open there. Of a line that
/// the byte is inside of all counts, because ticks may open no fence only for those that follow.
pub(crate) fn reopened(text: &str, at: usize) -> String {
    let line = text[at..].find('\n').unwrap_or(text.len() - at);
    let line = if is_inside_line(text, at) { line } else { 0 };
    let open = open_at_end(&text[..at + line]);
    open.map(|fence| fence.first_line() + "\n").unwrap_or_default()
}

/// Whether a byte of a text has something before it on its line.
pub(crate) fn is_inside_line(text: &str, at: usize) -> bool {
    at > 0 && !text[..at].ends_with('\n')
}

fn open_at_end(text: &str) -> Option<Fence<'_>> {
    text.lines().fold(None, Fence::after)
}

/// Whether the first line of a text opens a fence.
pub(crate) fn begins_fence(text: &str) -> bool {
    text.lines().next().and_then(Fence::opened_by).is_some()
}

/// First line of a fence, its content, and the line that closes it.
pub(crate) fn fenced(body: &str) -> (&str, &str, String) {
    let (first, rest) = body.split_once('\n').unwrap_or((body, ""));
    let Some(fence) = Fence::opened_by(first) else { return (first, rest, "```".to_owned()) };
    let (inner, last) = rest.rsplit_once('\n').unwrap_or(("", rest));
    (first, if fence.is_closed_by(last) { inner } else { rest }, fence.last_line())
}

/// What stands behind the marks of quotations and items that a line begins with.
fn behind_markers(line: &str) -> &str {
    let mut line = line.trim_start_matches(MARKERS);
    while kind_of(line) == Kind::Item {
        let marker = line.find(' ').unwrap_or(line.len());
        // Behind five spaces and more an item begins with indented code (CommonMark 0.31, section 5.2).
        if line[marker..].starts_with("     ") {
            return "";
        }
        line = line[marker..].trim_start_matches(MARKERS);
    }
    line
}

/// What stands in front of quoted and of indented text.
const MARKERS: [char; 3] = [' ', '\t', '>'];

fn columns(prefix: &str) -> usize {
    prefix.chars().fold(0, |at, c| if c == '\t' { at + 4 - at % 4 } else { at + 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fence_ends_where_a_parser_sees_its_end() {
        for (first, ends, goes_on) in [
            (
                "```sh",
                vec!["```", "````", "   ```", "``` ", "```\r"],
                vec!["``", "~~~", "``` x", "    ```", "\t```", "> ```"],
            ),
            ("~~~~", vec!["~~~~", "~~~~~"], vec!["~~~", "````"]),
            ("- ```", vec!["  ```", "    ```"], vec!["      ```"]),
            ("> ```", vec!["> ```", ">   ```"], vec![">     ```"]),
        ] {
            let fence = Fence::opened_by(first).unwrap();
            for line in ends {
                assert!(fence.is_closed_by(line), "{first:?} {line:?}");
            }
            for line in goes_on {
                assert!(!fence.is_closed_by(line), "{first:?} {line:?}");
            }
        }
    }

    #[test]
    fn a_fence_begins_where_a_parser_sees_its_begin() {
        for line in ["```", "~~~ x `y`", "- 1. ```sh", "> - ~~~", "-    ```"] {
            assert!(Fence::opened_by(line).is_some(), "{line:?}");
        }
        for line in ["``", "``` a`b", "text ```", "-```", "-     ```"] {
            assert!(Fence::opened_by(line).is_none(), "{line:?}");
        }
    }
}
