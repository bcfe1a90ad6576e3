//! Pieces of clean Markdown, each valid by itself.
//!
//! Whatever is cut is cut here, so that no answer ever holds half a code block or half a row.

use std::ops::Range;

use super::blocks::{Block, GAP, Kind, split};
use super::fences::{Fence, begins_fence, closed, fenced, is_inside_line, reopened};
use super::sentences::{sentences, sentences_below};
use crate::corpus::tokens;

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
    let pieces = gather(body, sentences(body), room).into_iter();
    pieces.map(|at| closed(&format!("{}{}", reopened(body, at.start), shown(body, at)))).collect()
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
        _ => reopened(body, offset - block.range.start),
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
    if kind != Kind::Fence {
        let own = sentences_below(above.lines().fold(None, Fence::after), rest);
        let pieces = gather(rest, own, room.saturating_sub(above.len()));
        let taken = pieces.first().map_or(0, |first| first.end);
        return (closed(&format!("{above}{}", &rest[..taken])), taken);
    }
    let pieces = cut_fence(&format!("{above}{rest}"), room);
    let piece = pieces.into_iter().next().unwrap_or_default();
    // The closing line was added; what stands above it is the block's own.
    let taken = piece.rfind('\n').unwrap_or(piece.len()).saturating_sub(above.len());
    let left = rest.get(taken..).unwrap_or_default().trim_start_matches('\n');
    let fence = piece.lines().next().and_then(Fence::opened_by);
    let is_all = fence.is_some_and(|fence| fence.is_closed_by(left));
    (piece, if is_all { rest.len() } else { taken })
}

fn cut_fence(body: &str, room: usize) -> Vec<String> {
    let (first, inner, end) = fenced(body);
    if inner.is_empty() {
        return vec![format!("{first}\n{end}")];
    }
    let room = room.saturating_sub(first.len() + end.len() + 2).max(40);
    let pieces = gather(inner, inner.split_inclusive('\n').collect(), room).into_iter();
    let whole =
        pieces.map(|at| format!("{first}\n{}\n{end}", shown(inner, at).trim_end_matches('\n')));
    whole.collect()
}

/// Puts the parts of a text together into pieces of at most `room` bytes, and says where they are.
fn gather(text: &str, parts: Vec<&str>, room: usize) -> Vec<Range<usize>> {
    let room = room.max(16);
    let mut pieces: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for part in parts {
        let end = start + part.len();
        if let Some(last) = pieces.last_mut()
            && end - last.start <= room
        {
            last.end = end;
            start = end;
            continue;
        }
        while end - start > room {
            let at = start + cut_at(&text[start..end], room, is_inside_line(text, start));
            pieces.push(start..at);
            start = at;
        }
        pieces.push(start..end);
        start = end;
    }
    pieces
}

/// Where a part that is too long is cut, before `room`: at a space if there is one, and so that nothing comes to look like a
/// fence that is none. `inside` says that its begin is inside of a line.
fn cut_at(part: &str, room: usize, inside: bool) -> usize {
    let at = floor(part, room);
    let spaces = part[..at].rmatch_indices([' ', '，', '、', '；']).map(|(space, _)| space);
    // What stood inside of a line is no fence, and must not look like one.
    let space =
        spaces.take_while(|space| *space > at / 2).find(|space| !begins_fence(&part[*space..]));
    let at = space.unwrap_or(at);
    let line = part[..at].rfind('\n').map_or(0, |end| end + 1);
    // Nor must the first part of a line whose ticks open none only because of those that follow,
    let opens = begins_fence(&part[line..at]) && !begins_fence(&part[line..]);
    if opens && line > 0 {
        return line;
    }
    // or what a row of marks begins with, which would end the code that it stands in.
    let marks = part[..at].trim_start().trim_start_matches(['`', '~']);
    let is_row = marks.trim_end().is_empty() && begins_fence(&part[..at]);
    if inside || !(opens || is_row) {
        return at;
    }
    part.find(['`', '~']).unwrap_or(0) + 2
}

/// A piece of a text. A row of marks that is longer than a piece goes on inside of its line, and must not look like a fence.
fn shown(text: &str, at: Range<usize>) -> String {
    let (inside, piece) = (is_inside_line(text, at.start), &text[at]);
    if inside && begins_fence(piece) { format!("{GAP} {piece}") } else { piece.to_owned() }
}

fn floor(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn what_stands_inside_of_a_line_never_becomes_a_fence() {
        let text = "A line that is too long says that ~~~ opens a fence where a line begins.";
        let marks = format!("Marks {}\nand words.", "~".repeat(200));
        let ticks =
            "Marks\n```of a line. That are none, as more `ticks` follow. Behind ```them. Or `so`.";
        let long = format!("Marks\n```{} `x`", "of a line that is long, ".repeat(6));
        for text in [text, &marks, ticks, &long] {
            for room in 16..60 {
                for piece in cut(text, &split(text)[0], room) {
                    assert!(!piece.lines().any(begins_fence), "{room}: {piece:?}");
                }
                let mut at = 0;
                while at < text.len() {
                    let (piece, end) = take(text, at, room / 4, true);
                    assert!(!piece.lines().any(begins_fence), "{room}: {piece:?}");
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
