//! Clean Markdown as blocks that may be shown apart: a paragraph, a list item, a row, a fence.
//!
//! Whatever is cut is cut here, so that no answer ever holds half a code block or half a row.

use std::borrow::Cow;
use std::ops::Range;

use super::fences::{Fence, begins_fence, closed, fenced, reopened};
use crate::corpus::tokens;

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

/// Cuts a block into pieces of at most `room` bytes where its kind allows: a fence between lines,
/// each piece fenced again; text between sentences. A single longer line or sentence is cut at a
/// space, at worst at a character. Code inside of an item is fenced in each piece, too.
pub(crate) fn cut(text: &str, block: &Block, room: usize) -> Vec<String> {
    let body = &text[block.range.clone()];
    if body.len() <= room {
        return vec![body.to_owned()];
    }
    if block.kind == Kind::Fence {
        return cut_fence(body, room);
    }
    let mut before = String::new();
    let pieces = gather(sentences(body), room, "").into_iter();
    let whole = pieces.map(|piece| {
        let text = closed(&format!("{}{piece}", reopened(&before)));
        before.push_str(&piece);
        text
    });
    whole.collect()
}

/// What fits into `room` tokens from a byte of the text on, and where it ends. With `force` at
/// least one piece comes, cut inside a block if it must be; what goes on inside a fence or a table
/// gets the fence's first line or the table's head again.
pub fn take(text: &str, offset: usize, room: usize, force: bool) -> (String, usize) {
    let blocks = split(text);
    let mut out = String::new();
    let mut used = 0;
    let mut end = offset;
    let first = blocks.iter().position(|block| block.range.end > offset).unwrap_or(blocks.len());
    for at in first..blocks.len() {
        let block = &blocks[at];
        let (above, rest) = resumed(text, &blocks, at, offset);
        let body = format!("{above}{rest}");
        let cost = tokens::estimate(&body) + 1;
        if used + cost <= room {
            // Blocks that touch stay together as they were.
            let gap = &text[end.min(block.range.start)..block.range.start];
            out.push_str(if out.is_empty() { "" } else { gap });
            push(&mut out, &body);
            used += cost;
            end = block.range.end;
            continue;
        }
        let alone = out.is_empty() || blocks[first..at].iter().all(|b| b.kind == Kind::Heading);
        if !(force && alone) {
            return (out, blocks[at].range.start.max(end));
        }
        let (piece, taken) = head_in_tokens(&above, rest, block.kind, room.saturating_sub(used));
        if !out.is_empty() {
            out.push_str("\n\n");
        }
        push(&mut out, &piece);
        let next = block.range.end - rest.len() + taken;
        return (out, floor(text, next.max(offset + 1)));
    }
    (out, text.len())
}

/// What a text begins with is as far left as it can be; but all lines of a fence are as far in as its first.
fn push(out: &mut String, text: &str) {
    let is_moved = out.is_empty() && !begins_fence(text);
    out.push_str(if is_moved { text.trim_start() } else { text });
}

/// What must stand above a block that goes on at the offset, so that it is valid Markdown; and the block
/// from there on.
fn resumed<'a>(text: &'a str, blocks: &[Block], at: usize, offset: usize) -> (String, &'a str) {
    let block = &blocks[at];
    let body = &text[block.range.clone()];
    if offset <= block.range.start {
        let head = at
            .checked_sub(1)
            .filter(|_| block.kind == Kind::Row && offset == block.range.start && offset > 0);
        let head =
            head.and_then(|before| blocks[..=before].iter().rev().find(|b| b.kind != Kind::Row));
        let head = head.filter(|head| head.kind == Kind::TableHead);
        let above = head.map(|head| format!("{}\n", &text[head.range.clone()]));
        return (above.unwrap_or_default(), body);
    }
    let rest = &text[offset..block.range.end];
    let above = match block.kind {
        Kind::Fence => format!("{}\n", body.lines().next().unwrap_or("```")),
        _ => reopened(&text[block.range.start..offset]),
    };
    let line = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    let is_inside = !text[line..offset].trim().is_empty();
    if is_inside && begins_fence(rest) {
        return (format!("{above}{GAP} "), rest.trim_start());
    }
    let rest = rest.trim_start_matches('\n');
    // Code is as far inside of its item as it was.
    let is_code = !above.is_empty() || begins_fence(rest);
    (above, if is_code { rest } else { rest.trim_start() })
}

/// The same as [`head`], for a room in tokens.
fn head_in_tokens(above: &str, rest: &str, kind: Kind, room: usize) -> (String, usize) {
    /// Less holds hardly a fence and a line in it.
    const LEAST: usize = 64;
    let mut bytes = (above.len() + rest.len()) * room / tokens::estimate(rest).max(1);
    loop {
        let (piece, taken) = head(above, rest, kind, bytes.max(LEAST));
        let cost = tokens::estimate(&piece) + 1;
        if cost <= room || bytes <= LEAST {
            return (piece, taken);
        }
        // What comes first takes more tokens than the same length of the whole.
        bytes = (bytes * room / cost).min(bytes - 1);
    }
}

/// The first piece of a block that is too long, below what must stand above it, and how many bytes of
/// the block it takes.
fn head(above: &str, rest: &str, kind: Kind, room: usize) -> (String, usize) {
    let first = |pieces: Vec<String>| pieces.into_iter().next().unwrap_or_default();
    if kind != Kind::Fence {
        let own = sentences_below(above.lines().fold(None, Fence::after), rest);
        let piece = first(gather(own, room.saturating_sub(above.len()), ""));
        return (closed(&format!("{above}{piece}")), piece.len());
    }
    let piece = first(cut_fence(&format!("{above}{rest}"), room));
    // The closing line was added; what stands above it is the block's own.
    let taken = piece.rfind('\n').unwrap_or(piece.len()).saturating_sub(above.len());
    let left = rest.get(taken..).unwrap_or_default().trim_start_matches('\n');
    let fence = piece.lines().next().and_then(Fence::opened_by);
    let is_all = fence.is_some_and(|fence| fence.is_closed_by(left));
    (piece, if is_all { rest.len() } else { taken })
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
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

fn cut_fence(body: &str, room: usize) -> Vec<String> {
    let (first, inner, end) = fenced(body);
    if inner.is_empty() {
        return vec![format!("{first}\n{end}")];
    }
    let room = room.saturating_sub(first.len() + end.len() + 2).max(40);
    let pieces = gather(inner.split_inclusive('\n').collect(), room, "");
    pieces
        .into_iter()
        .map(|piece| format!("{first}\n{}\n{end}", piece.trim_end_matches('\n')))
        .collect()
}

/// Sentences with the white space behind them. Lines of a paragraph are wrapped anywhere: a line's
/// end ends a sentence only where the next line begins something of its own, or is code.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    sentences_below(None, text)
}

/// The same of a text above which a fence may be open.
fn sentences_below<'a>(mut fence: Option<Fence<'a>>, text: &'a str) -> Vec<&'a str> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut ended = false;
    let mut line = 0;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        if c == '\n' {
            fence = Fence::after(fence, &text[line..at]);
            line = at + 1;
        }
        let ends = match c {
            '\n' => fence.is_some() || begins_something(rest),
            _ if fence.is_some() => false,
            '。' | '！' | '？' => !rest.starts_with(['」', '』', '”', '）']),
            '」' | '』' | '”' | '）' => {
                text[..at].ends_with(['。', '！', '？']) && !rest.starts_with(['。', '，', '、'])
            }
            '.' | '!' | '?' => {
                let rest = rest.trim_start_matches(CLOSING);
                rest.starts_with(char::is_whitespace) && !goes_on(&text[start..at], rest)
            }
            _ => false,
        };
        // The marks and the white space behind belong to the sentence that ends.
        ended = ends || (ended && (c.is_whitespace() || CLOSING.contains(&c)));
        let over = rest.chars().next().is_some_and(|next| !next.is_whitespace());
        let line = c == '\n' && ends;
        let inside = ended && over && (c.is_whitespace() || !c.is_ascii());
        if line || (inside && !begins_fence(rest)) {
            found.push(&text[start..at + c.len_utf8()]);
            start = at + c.len_utf8();
            ended = false;
        }
    }
    found.push(&text[start..]);
    found
}

/// Marks that close behind the end of a sentence.
const CLOSING: &[char] = &[')', '"', '\'', '*', '_', '`', ']', '”', '’'];

/// Whether a full stop is inside of a sentence: after an abbreviation, or before a small letter.
fn goes_on(before: &str, rest: &str) -> bool {
    let next = rest.trim_start().chars().next();
    let abbreviated = ["e.g", "i.e", "etc", "vs", "cf", "resp", "Mr", "Dr", "No"];
    next.is_some_and(char::is_lowercase)
        || abbreviated.iter().any(|word| {
            let before = before.strip_suffix(word);
            before.is_some_and(|before| !before.ends_with(char::is_alphanumeric))
        })
}

/// Whether a line begins an item, a row, a quotation, a definition or indented code.
fn begins_something(rest: &str) -> bool {
    let line = rest.lines().next().unwrap_or_default();
    let trimmed = line.trim_start();
    line.starts_with("    ")
        || trimmed.starts_with(['|', '>', ':', '#'])
        || begins_fence(line)
        || kind_of(trimmed) == Kind::Item
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

/// Puts parts together into pieces of at most `room` bytes.
fn gather(parts: Vec<&str>, room: usize, between: &str) -> Vec<String> {
    let room = room.max(16);
    let mut pieces: Vec<String> = Vec::new();
    for mut part in parts {
        if let Some(last) = pieces.last_mut()
            && last.len() + between.len() + part.len() <= room
        {
            last.push_str(between);
            last.push_str(part);
            continue;
        }
        // A row of marks that is longer than a piece goes on inside of its line, and must not look like a fence.
        let shown = |part: &str, inside: bool| match inside && begins_fence(part) {
            true => format!("{GAP} {part}"),
            false => part.to_owned(),
        };
        let mut inside = false;
        while part.len() > room {
            let mut at = room;
            while !part.is_char_boundary(at) {
                at -= 1;
            }
            let spaces = part[..at].rmatch_indices([' ', '，', '、', '；']).map(|(space, _)| space);
            // What stood inside of a line is no fence, and must not look like one.
            let space = spaces
                .take_while(|space| *space > at / 2)
                .find(|space| !begins_fence(&part[*space..]));
            let at = space.unwrap_or(at);
            // Nor must what a row of marks begins with, which would end the code that it stands in.
            let marks = part[..at].trim_start().trim_start_matches(['`', '~']);
            let is_row = !inside && marks.trim_end().is_empty() && begins_fence(&part[..at]);
            let (head, tail) =
                part.split_at(if is_row { part.find(['`', '~']).unwrap_or(0) + 2 } else { at });
            pieces.push(shown(head, inside));
            (part, inside) = (tail, true);
        }
        pieces.push(shown(part, inside));
    }
    pieces
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
    fn a_long_fence_is_cut_between_lines_and_fenced_again() {
        let lines: Vec<String> = (0..20).map(|n| format!("let line_{n} = {n};")).collect();
        let text = format!("```rust\n{}\n```", lines.join("\n"));
        let pieces = cut(&text, &split(&text)[0], 120);
        assert!(pieces.len() > 1);
        for piece in &pieces {
            assert!(piece.starts_with("```rust\n") && piece.ends_with("\n```"), "{piece}");
        }
    }

    #[test]
    fn pieces_of_any_size_hold_every_word_once_and_are_valid_markdown() {
        let code: String = (0..60).map(|n| format!("let name{n} = {n};\n")).collect();
        let rows: String = (0..40).map(|n| format!("| row{n} | x |\n")).collect();
        let words: String = (0..200).map(|n| format!("Word{n} and. ")).collect();
        let text =
            format!("## H\n\n{words}\n\n```rust\n{code}```\n\n| a | b |\n| - | -- |\n{rows}\nEnd.");
        for room in [30, 60, 200, 5000] {
            let (mut at, mut all) = (0, String::new());
            while at < text.len() {
                let (piece, end) = take(&text, at, room, true);
                assert!(end > at, "{room}: stuck at {at}");
                assert_eq!(piece.matches("```").count() % 2, 0, "{piece}");
                all.push_str(&piece);
                all.push('\n');
                at = end;
            }
            for n in 0..60 {
                assert_eq!(all.matches(&format!("let name{n} ")).count(), 1, "{room}: name{n}");
            }
            for n in 0..40 {
                assert_eq!(all.matches(&format!("| row{n} ")).count(), 1, "{room}: row{n}");
            }
            for n in 0..200 {
                assert_eq!(all.matches(&format!("Word{n} ")).count(), 1, "{room}: word{n}");
            }
        }
    }

    #[test]
    fn code_inside_of_items_and_quotations_is_fenced_in_each_piece() {
        let lines = |indent: &str| -> String {
            (0..30).map(|n| format!("{indent}let name{n} = {n};\n")).collect()
        };
        for (text, fence) in [
            (format!("- a\n  ```sh\n{}  ```\n- b\n", lines("  ")), ["  ```sh", "  ```"]),
            (format!("- ```sh\n{}  ```\n- b\n", lines("  ")), ["```sh", "  ```"]),
            (format!("1. a\n\n   ```sh\n{}   ```\n", lines("   ")), ["   ```sh", "   ```"]),
            (format!("> ```sh\n{}> ```\n", lines("> ")), ["> ```sh", "> ```"]),
        ] {
            let (mut at, mut pieces) = (0, Vec::new());
            while at < text.len() {
                let (piece, end) = take(&text, at, 60, true);
                pieces.push(piece);
                at = end;
            }
            assert!(pieces.len() > 3, "{pieces:?}");
            for piece in pieces.iter().filter(|piece| piece.contains("let")) {
                assert!(piece.contains(fence[0]), "{piece}");
                assert_eq!(piece.lines().filter(|line| *line == fence[1]).count(), 1, "{piece}");
            }
            let all = pieces.concat();
            for n in 0..30 {
                assert_eq!(all.matches(&format!("let name{n} ")).count(), 1, "name{n}: {pieces:?}");
            }
        }
    }

    #[test]
    fn a_row_that_is_too_long_loses_nothing_below_the_head_of_its_table() {
        let words: String = (0..80).map(|n| format!("word{n} ")).collect();
        let text = format!("| a | b |\n| --- | --- |\n| first | row |\n| {words}| long |\n");
        let (mut at, mut all) = (0, String::new());
        while at < text.len() {
            let (piece, end) = take(&text, at, 30, true);
            all.push_str(&piece);
            all.push('\n');
            at = end;
        }
        for n in 0..80 {
            let word = format!("word{n}");
            assert_eq!(
                all.split_whitespace().filter(|it| **it == word).count(),
                1,
                "{word}: {all}"
            );
        }
        assert!(all.contains("| word0 "), "{all}");
    }

    #[test]
    fn a_piece_begins_at_the_margin_unless_it_is_code() {
        let text = "1. a\n\n    ```\n    code\n    ```\n\n    more";
        let from = |what: &str| take(text, text.find(what).unwrap(), 100, false).0;
        assert_eq!(from("    ```"), "    ```\n    code\n    ```\n\n    more");
        assert_eq!(from("    more"), "more");
    }

    #[test]
    fn code_without_a_line_is_one_piece() {
        for text in ["```text\n```", "```text\n\n```"] {
            let (piece, end) = take(text, 0, 1, true);
            assert!(piece.starts_with("```text\n") && piece.ends_with("\n```"), "{piece:?}");
            assert_eq!((piece.matches("```").count(), end), (2, text.len()), "{piece:?}");
        }
    }

    #[test]
    fn sentences_end_where_they_end() {
        for (text, expected) in [
            ("One line\nis wrapped. Two\nis too.", vec!["One line\nis wrapped. ", "Two\nis too."]),
            (
                "See e.g. This page. Or (that one.) And.",
                vec!["See e.g. This page. ", "Or (that one.) ", "And."],
            ),
            (
                "Version 1.2 of a.b is v. small. Yes!",
                vec!["Version 1.2 of a.b is v. small. ", "Yes!"],
            ),
            ("他说：“好。”然后走了。完", vec!["他说：“好。”", "然后走了。", "完"]),
            ("- item\n  goes on\n  - below", vec!["- item\n  goes on\n", "  - below"]),
            ("Term\n: Meaning of it.", vec!["Term\n", ": Meaning of it."]),
            ("**Bold.** Next.", vec!["**Bold.** ", "Next."]),
            ("Open it with. ```sh\nOr so.", vec!["Open it with. ```sh\nOr so."]),
        ] {
            assert_eq!(sentences(text), expected, "{text}");
        }
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

    #[test]
    fn what_stands_inside_of_a_line_never_becomes_a_fence() {
        let text = "A line that is too long says that ~~~ opens a fence where a line begins.";
        let marks = format!("Marks {}\nand words.", "~".repeat(200));
        for text in [text, &marks] {
            for room in 16..60 {
                for piece in cut(text, &split(text)[0], room) {
                    assert!(!begins_fence(&piece), "{room}: {piece:?}");
                }
                let mut at = 0;
                while at < text.len() {
                    let (piece, end) = take(text, at, room / 4, true);
                    assert!(!begins_fence(&piece), "{room}: {piece:?}");
                    at = end;
                }
            }
        }
    }

    #[test]
    fn marks_inside_of_a_line_of_code_end_no_piece_of_it() {
        for length in 100..200 {
            let (long, row) = ("x".repeat(length), "`".repeat(length));
            for line in [format!("{long}    ```"), format!("{long} ```{long}"), format!("{row} x")]
            {
                let text = format!("```sh\n{line}\nlast\n```");
                let (mut at, mut all) = (0, String::new());
                while at < text.len() {
                    let (piece, end) = take(&text, at, 20, true);
                    let lines: Vec<&str> = piece.lines().collect();
                    let fence = Fence::opened_by(lines[0]).unwrap();
                    let ends = lines[1..].iter().position(|line| fence.is_closed_by(line));
                    assert_eq!(ends, Some(lines.len() - 2), "{length}: {piece:?}");
                    all.push_str(&lines[1..lines.len() - 1].concat());
                    at = end;
                }
                let bare = |text: &str| text.replace([' ', '…'], "");
                assert_eq!(bare(&all), bare(&format!("{line}last")), "{length}");
            }
        }
    }

    #[test]
    fn long_text_is_cut_between_sentences() {
        let text = "One sentence is here. Another one follows it. And a third one ends.";
        let pieces = cut(text, &split(text)[0], 30);
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.len() <= 30), "{pieces:?}");
    }
}
