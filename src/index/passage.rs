//! The part of a section around what matched, within a budget.

use super::blocks::{self, Block, Kind};
use super::query::QueryTerms;
use crate::corpus::tokens;

/// What is left out is marked with this line.
const GAP: &str = "…";
/// Bytes of a section of which every block is weighed; longer sections are generated reference
/// pages, and behind this only blocks that hold a term not seen before it are looked at.
const SCANNED: usize = 48 << 10;
/// Places behind that at which such a term is looked for.
const MAX_PLACES: usize = 16;

/// A part of a section, as valid Markdown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// The Markdown.
    pub text: String,
    /// Estimated tokens of it.
    pub tokens: usize,
    /// Whether this is the section's whole text.
    pub whole: bool,
}

impl Passage {
    /// Cuts the passage that answers out of a section's text; `budget` is in tokens. An empty
    /// passage comes back where not even one sentence fits.
    pub fn cut(text: &str, tokens: usize, terms: &QueryTerms, budget: usize) -> Passage {
        if tokens <= budget {
            return Passage { text: text.trim().to_owned(), tokens, whole: true };
        }
        let blocks = blocks::split(text);
        let weights = weigh(text, &blocks, terms);
        // The first of the best: reading order decides between equals.
        let body = |at: usize| blocks[at].kind != Kind::Heading;
        let mut best = usize::from(blocks.len() > 1 && !body(0));
        for at in 0..blocks.len() {
            if body(at) && weights[at] > weights[best] {
                best = at;
            }
        }
        if blocks.is_empty() {
            return Passage { text: String::new(), tokens: 0, whole: false };
        }
        let text = Window { text, blocks: &blocks, budget }.around(best, terms);
        Passage { tokens: tokens::estimate(&text), text, whole: false }
    }
}

/// How much of the question each block holds.
fn weigh(text: &str, blocks: &[Block], terms: &QueryTerms) -> Vec<f32> {
    let weight = |block: &Block| terms.weight_in(&text[block.range.clone()]);
    let near = blocks.partition_point(|block| block.range.start < SCANNED);
    let mut weights: Vec<f32> = blocks[..near].iter().map(weight).collect();
    weights.resize(blocks.len(), 0.0);
    let Some(rest) = blocks.get(near) else { return weights };
    let behind = text[rest.range.start..].to_ascii_lowercase();
    let seen = terms.found_in(&text[..rest.range.start]);
    for (term, _) in terms.terms().iter().zip(seen).filter(|(_, seen)| !seen) {
        for at in memchr::memmem::find_iter(behind.as_bytes(), term).take(MAX_PLACES) {
            let at = rest.range.start + at;
            let block = blocks.partition_point(|block| block.range.end <= at);
            if blocks.get(block).is_some_and(|block| block.range.contains(&at)) {
                weights[block] = weight(&blocks[block]);
            }
        }
    }
    weights
}

struct Window<'a> {
    text: &'a str,
    blocks: &'a [Block],
    budget: usize,
}

impl Window<'_> {
    fn slice(&self, at: usize) -> &str {
        &self.text[self.blocks[at].range.clone()]
    }

    /// The best block with as many neighbours as fit, what follows first: an answer is mostly
    /// continued downwards, and code comes behind the sentence that leads to it.
    fn around(&self, best: usize, terms: &QueryTerms) -> String {
        let heading = (self.blocks[0].kind == Kind::Heading && best > 0).then(|| self.slice(0));
        let head = self.table_head(best);
        let lead = |from: usize| -> Vec<&str> {
            let mut lead = Vec::new();
            if let Some(heading) = heading.filter(|_| from > 0) {
                lead.push(heading);
                if from > 1 {
                    lead.push(GAP);
                }
            }
            if let Some(head) = head.filter(|head| from > *head) {
                lead.push(self.slice(head));
            }
            lead
        };
        let cost =
            |parts: &[&str]| parts.iter().map(|part| tokens::estimate(part) + 1).sum::<usize>();
        // Two for the mark at the end.
        let room = self.budget.saturating_sub(cost(&lead(best)) + 2);
        let own = tokens::estimate(self.slice(best));
        if own > room {
            return self.inside(best, &lead(best), room, terms);
        }
        let (mut from, mut to) = (best, best + 1);
        let mut used = own;
        let (mut up, mut down) = (true, true);
        while up || down {
            if down {
                let fits = to < self.blocks.len() && {
                    let more = tokens::estimate(self.slice(to)) + 1;
                    let fits = used + more <= room;
                    used += if fits { more } else { 0 };
                    fits
                };
                to += usize::from(fits);
                down = fits;
            }
            if up {
                let fits = from > usize::from(heading.is_some()) && {
                    let more = tokens::estimate(self.slice(from - 1)) + 1;
                    let fits = used + more <= room;
                    used += if fits { more } else { 0 };
                    fits
                };
                from -= usize::from(fits);
                up = fits;
            }
        }
        let mut out = lead(from).join("\n\n");
        if !out.is_empty() {
            out.push_str(if head.is_some_and(|head| from > head) { "\n" } else { "\n\n" });
        }
        out.push_str(
            self.text[self.blocks[from].range.start..self.blocks[to - 1].range.end].trim_end(),
        );
        if to < self.blocks.len() {
            out.push_str("\n\n");
            out.push_str(GAP);
        }
        out
    }

    /// The piece that matches best of a block that is too long by itself.
    fn inside(&self, at: usize, lead: &[&str], room: usize, terms: &QueryTerms) -> String {
        let block = &self.blocks[at];
        let tokens = tokens::estimate(self.slice(at)).max(1);
        let bytes = self.slice(at).len() * room / tokens;
        if bytes < 40 {
            return String::new();
        }
        let pieces = blocks::cut(self.text, block, bytes * 9 / 10);
        let mut best = 0;
        let mut weight = f32::MIN;
        for (n, piece) in pieces.iter().enumerate() {
            let here = terms.weight_in(piece);
            if here > weight {
                (best, weight) = (n, here);
            }
        }
        let mut parts: Vec<&str> = lead.to_vec();
        if best > 0 && parts.last() != Some(&GAP) {
            parts.push(GAP);
        }
        parts.push(pieces[best].trim());
        if best + 1 < pieces.len() || at + 1 < self.blocks.len() {
            parts.push(GAP);
        }
        parts.join("\n\n")
    }

    /// The head of the table that a row belongs to.
    fn table_head(&self, row: usize) -> Option<usize> {
        if self.blocks[row].kind != Kind::Row {
            return None;
        }
        let head = self.blocks[..row].iter().rposition(|block| block.kind != Kind::Row)?;
        (self.blocks[head].kind == Kind::TableHead).then_some(head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::analyzer::Language;

    fn cut(text: &str, query: &str, budget: usize) -> Passage {
        Passage::cut(
            text,
            tokens::estimate(text),
            &QueryTerms::of(query, &[Language::ENGLISH]),
            budget,
        )
    }

    fn long_text() -> String {
        let filler =
            "Nothing of interest stands in this paragraph, it only takes room.\n\n".repeat(20);
        format!(
            "## Ports\n\n{filler}Set `listen` to change the port.\n\n```toml\nlisten = \"1\"\n```\n\n{filler}"
        )
    }

    #[test]
    fn a_short_section_comes_whole() {
        let passage = cut("## A\n\nText.\n", "anything", 100);
        assert_eq!((passage.text.as_str(), passage.whole), ("## A\n\nText.", true));
    }

    #[test]
    fn a_long_section_is_cut_around_the_match_with_its_code() {
        let passage = cut(&long_text(), "change listen port", 80);
        assert!(passage.text.starts_with("## Ports\n\n…\n\n"), "{}", passage.text);
        assert!(passage.text.contains("```toml\nlisten = \"1\"\n```"), "{}", passage.text);
        assert!(passage.tokens <= 80, "{}", passage.tokens);
    }

    #[test]
    fn rows_keep_the_head_of_their_table() {
        let rows: String = (0..200).map(|n| format!("| option{n} | meaning {n} |\n")).collect();
        let passage = cut(&format!("| name | does |\n| --- | --- |\n{rows}"), "option150", 60);
        assert!(passage.text.starts_with("| name | does |\n| --- | --- |\n"), "{}", passage.text);
        assert!(passage.text.contains("| option150 | meaning 150 |"), "{}", passage.text);
    }

    #[test]
    fn a_match_far_down_a_huge_section_is_shown() {
        let rows: String = (0..5000).map(|n| format!("| ERR{n} | meaning {n} |\n")).collect();
        let passage = cut(&format!("| code | is |\n| --- | --- |\n{rows}"), "err4980", 60);
        assert!(passage.text.contains("| ERR4980 | meaning 4980 |"), "{}", passage.text);
        let prose = "Nothing of interest stands in this paragraph.\n\n".repeat(8000);
        let passage = cut(&format!("{prose}The Kranich flies.\n\n{prose}"), "kranich", 60);
        assert!(passage.text.contains("The Kranich flies."), "{}", passage.text);
    }

    #[test]
    fn budgets_hold_and_fences_balance() {
        let code = "let x = 1;\n".repeat(400);
        let text = format!("# T\n\nWords.\n\n```rust\n{code}```\n\nMore words.\n");
        for budget in [0, 5, 20, 50, 200, 1000] {
            let passage = cut(&text, "let", budget);
            assert!(passage.tokens <= budget.max(1), "{budget}: {}", passage.tokens);
            assert_eq!(passage.text.matches("```").count() % 2, 0, "{}", passage.text);
        }
    }
}
