//! Headings: the ids that authors give them, in all the ways there are.

use super::scan::Scanner;

/// The level of an ATX heading.
pub(super) fn level(content: &str) -> Option<usize> {
    let level = content.bytes().take(7).take_while(|b| *b == b'#').count();
    let next = content.as_bytes().get(level);
    let is_heading = (1..=6).contains(&level) && matches!(next, None | Some(b' ' | b'\t'));
    is_heading.then_some(level)
}

impl Scanner<'_> {
    /// Rewrites the heading at the current position, which `content` is the line of. Says whether
    /// it was one.
    pub(super) fn heading(&mut self, content: &str, end: usize) -> bool {
        let Some(level) = level(content) else {
            return self.setext(content, end);
        };
        let (text, id) = split_id(content);
        let start = self.line_out;
        self.out.push_str(&content[..level]);
        let from = self.pos + level;
        self.in_anchor = id.is_none();
        self.inline_until(from, self.pos + text.len());
        self.in_anchor = false;
        self.pos = end;
        let kept = self.out.trim_end().len();
        self.out.truncate(kept.max(start + level));
        // A table in a heading has ended its line.
        self.line_out = self.line_out.min(self.out.len());
        if let Some(id) = id {
            self.anchors.push((start, id.to_owned()));
        }
        self.in_row = false;
        self.end_line();
        true
    }

    /// A heading that the next line underlines, if its author gave it an id.
    fn setext(&mut self, content: &str, end: usize) -> bool {
        if !content.trim_end().ends_with('}') {
            return false;
        }
        let next = self.src.get(end + 1..).unwrap_or_default();
        let line = next.lines().next().unwrap_or_default().trim();
        let underlined = !line.is_empty()
            && (line.bytes().all(|b| b == b'=') || line.bytes().all(|b| b == b'-'));
        let (text, id) = split_id(content);
        let (true, Some(id)) = (underlined, id) else { return false };
        self.anchors.push((self.line_out, id.to_owned()));
        self.inline_until(self.pos, self.pos + text.len());
        self.begin_no_fence();
        self.pos = end;
        self.end_line();
        true
    }

    /// Handles the text between two offsets of the page as if the page ended there.
    pub(super) fn inline_until(&mut self, from: usize, to: usize) {
        let whole = self.src;
        self.src = &whole[..to];
        self.pos = from;
        self.inline();
        self.src = whole;
    }
}

/// A heading's line without the id at its end, and the id.
fn split_id(content: &str) -> (&str, Option<&str>) {
    let line = content.trim_end();
    if !line.ends_with('}') {
        return (line, None);
    }
    let Some(open) = line.rfind('{') else { return (line, None) };
    let inner = line[open + 1..line.len() - 1].trim().trim_end_matches('\\');
    let before = line[..open].trim_end_matches('\\').trim_end();
    let inner = match inner.strip_prefix("/*").and_then(|it| it.strip_suffix("*/")) {
        Some(comment) => {
            let id = comment.trim().trim_start_matches('#');
            let plain = !id.is_empty() && !id.contains(char::is_whitespace);
            return if plain { (before, Some(id)) } else { (before, None) };
        }
        None => inner.strip_prefix(':').unwrap_or(inner).trim(),
    };
    let mut id = None;
    for word in inner.split_whitespace() {
        match word.as_bytes() {
            // Two signs are a slip that Hugo forgives.
            [b'#', _, ..] => id = id.or(Some(word.trim_start_matches('#'))),
            [b'.', _, ..] | [b'-'] => {}
            // `{ data-toc-label="x" }`, which may hold spaces
            _ if word.contains('=') || word.ends_with('"') || word.ends_with('\'') => {
                if let Some(it) = word.strip_prefix("id=") {
                    id = id.or(Some(it.trim_matches(['"', '\''])));
                }
            }
            _ => return (line, None),
        }
    }
    let has_any = !inner.is_empty();
    if has_any { (before, id) } else { (line, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_in_all_their_forms() {
        for line in [
            "## A b {#x-1}",
            "## A b {#x-1 .cls}",
            "## A b { #x-1 }",
            "## A b {: #x-1 }",
            "## A b {/*x-1*/}",
            "## A b {/* #x-1 */}",
            "## A b {##x-1}",
            r"## A b \{#x-1}",
            r"## A b \{#x-1\}",
        ] {
            assert_eq!(split_id(line), ("## A b", Some("x-1")), "{line}");
        }
        assert_eq!(split_id("## Use {id}"), ("## Use {id}", None));
        assert_eq!(split_id("## A { .cls }"), ("## A", None));
    }
}
