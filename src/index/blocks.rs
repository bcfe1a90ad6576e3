//! Clean Markdown as blocks that may be shown apart: a paragraph, a list item, a row, a fence.

use std::borrow::Cow;
use std::ops::Range;

use super::fences::Fence;

/// What is left out is marked with this.
pub(crate) const GAP: &str = "…";

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A heading line.
    Heading,
    /// A paragraph, or anything else without structure of its own.
    Text,
    /// One item of a list.
    Item,
    /// The first two lines of a table.
    TableHead,
    /// A row of a table.
    Row,
    /// A fenced code block.
    Fence,
}

/// A block, as a range of the text it is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) range: Range<usize>,
}

/// The blocks of a text, in order; blank lines belong to none.
pub(crate) fn split(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut open = false;
    let mut fence: Option<Fence> = None;
    let mut lines = lines(text).peekable();
    while let Some(range) = lines.next() {
        let line = &text[range.clone()];
        if fence.is_some() {
            extend(&mut blocks, range.end);
            fence = Fence::after(fence, line);
            open &= fence.is_some();
            continue;
        }
        if line.trim().is_empty() {
            open = false;
            continue;
        }
        fence = Fence::opened_by(line);
        if fence.is_some() {
            // A fence right under the text that leads to it stays with a list item only.
            if kind_of(line) == Kind::Item {
                blocks.push(Block { kind: Kind::Item, range });
                open = true;
            } else if open && blocks.last().is_some_and(|block| block.kind == Kind::Item) {
                extend(&mut blocks, range.end);
            } else {
                blocks.push(Block { kind: Kind::Fence, range });
            }
            continue;
        }
        let kind = kind_of(line);
        match kind {
            Kind::Row => {
                let first = !open
                    || blocks.last().is_none_or(|b| !matches!(b.kind, Kind::Row | Kind::TableHead));
                let rule = lines.peek().is_some_and(|next| is_rule(&text[next.clone()]));
                if first && rule {
                    let end = lines.next().map_or(range.end, |next| next.end);
                    blocks.push(Block { kind: Kind::TableHead, range: range.start..end });
                } else {
                    blocks.push(Block { kind, range });
                }
                open = true;
            }
            Kind::Heading => {
                blocks.push(Block { kind, range });
                open = false;
            }
            Kind::Item => {
                blocks.push(Block { kind, range });
                open = true;
            }
            _ if open
                && blocks.last().is_some_and(|b| matches!(b.kind, Kind::Text | Kind::Item)) =>
            {
                extend(&mut blocks, range.end);
            }
            _ => {
                blocks.push(Block { kind, range });
                open = true;
            }
        }
    }
    blocks
}

/// Byte ranges of the lines, without their line ends.
fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        start..start + line.trim_end_matches(['\n', '\r']).len()
    })
}

fn extend(blocks: &mut [Block], end: usize) {
    if let Some(last) = blocks.last_mut() {
        last.range.end = end;
    }
}

pub(super) fn kind_of(line: &str) -> Kind {
    let trimmed = line.trim_start();
    let indent = line.len() - trimmed.len();
    if indent < 4 && trimmed.starts_with('#') {
        let rest = trimmed.trim_start_matches('#');
        if trimmed.len() - rest.len() <= 6 && (rest.is_empty() || rest.starts_with(' ')) {
            return Kind::Heading;
        }
    }
    if trimmed.starts_with('|') {
        return Kind::Row;
    }
    let after = trimmed.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered =
        after.len() < trimmed.len() && (after.starts_with(". ") || after.starts_with(") "));
    if indent < 4 && (numbered || ["- ", "* ", "+ "].iter().any(|mark| trimmed.starts_with(mark))) {
        return Kind::Item;
    }
    Kind::Text
}

fn is_rule(line: &str) -> bool {
    let line = line.trim();
    let is_cell = |cell: &str| {
        let cell = cell.trim();
        let cell = cell.strip_prefix(':').unwrap_or(cell);
        cell.strip_suffix(':').unwrap_or(cell).bytes().all(|b| b == b'-')
    };
    line.contains("--") && line.split('|').all(is_cell)
}

/// Tables without the padding that lines their columns up, which says nothing and costs much.
pub(crate) fn without_padding(text: &str) -> Cow<'_, str> {
    if !text.contains("  |") && !text.contains("---|") && !text.contains("--- |") {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut fence = None;
    for line in text.split_inclusive('\n') {
        fence = Fence::after(fence, line.trim_end());
        let end = line.len() - line.trim_end_matches(['\n', '\r']).len();
        if fence.is_some() || kind_of(line) != Kind::Row || !line.trim_end().ends_with('|') {
            out.push_str(line);
            continue;
        }
        let rule = is_rule(line);
        let cells = line[..line.len() - end].split('|').map(|cell| {
            let bare = cell.trim();
            match (rule && bare.len() > 3, cell.len() - bare.len() > 2) {
                (true, _) => {
                    let left = if bare.starts_with(':') { ":" } else { "" };
                    let right = if bare.ends_with(':') { ":" } else { "" };
                    format!(" {left}---{right} ")
                }
                (false, true) if bare.is_empty() => " ".to_owned(),
                (false, true) => format!(" {bare} "),
                (false, false) => cell.to_owned(),
            }
        });
        let indent = line.len() - line.trim_start().len();
        let cells: Vec<String> = cells.collect();
        out.push_str(&line[..indent]);
        out.push_str(cells.join("|").trim());
        out.push_str(&line[line.len() - end..]);
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(Kind, &str)]) {
        let found: Vec<_> = split(text).into_iter().map(|b| (b.kind, &text[b.range])).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn blocks_are_what_a_reader_sees_as_one() {
        check(
            "## Title\nFirst line\nsecond line.\n\n- one\n  more\n- two\n\n```sh\na\n\nb\n```\nAfter",
            &[
                (Kind::Heading, "## Title"),
                (Kind::Text, "First line\nsecond line."),
                (Kind::Item, "- one\n  more"),
                (Kind::Item, "- two"),
                (Kind::Fence, "```sh\na\n\nb\n```"),
                (Kind::Text, "After"),
            ],
        );
    }

    #[test]
    fn a_table_is_a_head_and_rows() {
        check(
            "| a | b |\n| - | -- |\n| 1 | 2 |\n| 3 | 4 |",
            &[
                (Kind::TableHead, "| a | b |\n| - | -- |"),
                (Kind::Row, "| 1 | 2 |"),
                (Kind::Row, "| 3 | 4 |"),
            ],
        );
    }

    #[test]
    fn a_fence_of_a_list_item_stays_with_it() {
        check(
            "1. do\n   ```sh\n   - x\n   ```\n2. done",
            &[(Kind::Item, "1. do\n   ```sh\n   - x\n   ```"), (Kind::Item, "2. done")],
        );
    }

    #[test]
    fn padding_of_tables_goes_and_that_of_code_stays() {
        let text =
            "| a      | b |\n| :----- | -----: |\n| `x  y`  | z      |\n\n```\n| a     |\n```\n";
        assert_eq!(
            without_padding(text),
            "| a | b |\n| :--- | ---: |\n| `x  y` | z |\n\n```\n| a     |\n```\n"
        );
        assert!(matches!(without_padding("no | table"), Cow::Borrowed(_)));
        let none = "| a | b |\n|---|---:::|\n| c | d |";
        assert_eq!((&*without_padding(none), is_rule("|:--|:-:|")), (none, true));
    }
}
