//! Where text may be cut between words: sentences.

use super::blocks::{Kind, kind_of};
use super::fences::{Fence, begins_fence};

/// Sentences with the white space behind them. Lines of a paragraph are wrapped anywhere: a line's
/// end ends a sentence only where the next line begins something of its own, or is code.
pub(crate) fn sentences(text: &str) -> Vec<&str> {
    sentences_below(None, text)
}

/// The same of a text above which a fence may be open.
pub(crate) fn sentences_below<'a>(mut fence: Option<Fence<'a>>, text: &'a str) -> Vec<&'a str> {
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
        let inside = ended && over && (c.is_whitespace() || !c.is_ascii());
        let end = at + c.len_utf8();
        // Neither part of a line may look like a fence: ticks open none only because of those that follow.
        let opens = || begins_fence(rest) || begins_fence(&text[line.max(start)..end]);
        if (c == '\n' && ends) || (inside && !opens()) {
            found.push(&text[start..end]);
            start = end;
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

#[cfg(test)]
mod tests {
    use super::*;

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
}
