//! The part of a section around what matched, within a budget.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::analyzer::Language;
use super::blocks::{self, Block, GAP, Kind};
use super::fences;
use super::pieces;
use super::query::{QueryTerms, Worths};
use super::schema::SectionRecord;
use super::sentences::sentences;
use crate::corpus::tokens;

/// Bytes of a section of which every block is weighed; longer sections are generated reference
/// pages, and behind this only blocks that hold a term not seen before it are looked at.
const SCANNED: usize = 48 << 10;
/// Places behind that at which such a term is looked for.
const MAX_PLACES: usize = 16;
/// Part of its neighbours' weight that a block gets: among equals the one in the thick of it.
const NEIGHBOURS: f32 = 0.25;
/// Weight of a quoted part of the question; more than all words together can have.
const QUOTED: f32 = 1e4;
/// Pieces of fewer bytes tell nothing.
const LEAST_BYTES: usize = 40;
/// Tokens that must be left for a few more sentences below.
const LEAST_REST: usize = 24;

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
    /// Cuts the passage that answers out of a section; `budget` is in tokens. An empty passage
    /// comes back where not even one sentence fits.
    pub fn of(section: &SectionRecord, terms: &QueryTerms, budget: usize) -> Passage {
        let SectionRecord { text, tokens, stemmed, .. } = section;
        Passage::cut(text, *tokens as usize, *stemmed, terms, budget)
    }

    fn cut(
        text: &str,
        tokens: usize,
        language: Language,
        terms: &QueryTerms,
        budget: usize,
    ) -> Passage {
        let tidy = blocks::without_padding(text);
        let tokens = if matches!(tidy, Cow::Owned(_)) { tokens::estimate(&tidy) } else { tokens };
        if tokens <= budget {
            return Passage { text: tidy.trim_end().to_owned(), tokens, whole: true };
        }
        let text = &*tidy;
        let blocks = blocks::split(text);
        if blocks.is_empty() {
            return Passage { text: String::new(), tokens: 0, whole: false };
        }
        let worths = terms.worths(language);
        let weights = weigh(text, &blocks, terms, &worths);
        let best = densest(&blocks, &weights);
        let text = Cutting::new(text, &blocks, budget).around(best, &worths);
        Passage { tokens: tokens::estimate(&text), text, whole: false }
    }
}

/// How much of the question each block holds. One that holds a quoted part of it comes first.
fn weigh(text: &str, blocks: &[Block], terms: &QueryTerms, worths: &Worths<'_>) -> Vec<f32> {
    let weight = |block: &Block| {
        let text = &text[block.range.clone()];
        let phrases =
            terms.phrases.iter().filter(|phrase| phrase.stands_in(text, worths.language)).count();
        worths.of(text) + QUOTED * phrases as f32
    };
    let near = blocks.partition_point(|block| block.range.start < SCANNED);
    let mut weights: Vec<f32> = blocks[..near].iter().map(weight).collect();
    weights.resize(blocks.len(), 0.0);
    let Some(rest) = blocks.get(near) else { return weights };
    let behind = text[rest.range.start..].to_ascii_lowercase();
    let seen = terms.found_in(&text[..rest.range.start], worths.language);
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

/// The block that answers: of those that hold the most, counting a part of what their neighbours
/// hold, the first. Headings only point to what is below them.
fn densest(blocks: &[Block], weights: &[f32]) -> usize {
    let around = |at: usize| {
        let before = at.checked_sub(1).map_or(0.0, |at| weights[at]);
        weights[at] + NEIGHBOURS * (before + weights.get(at + 1).unwrap_or(&0.0))
    };
    let mut best = usize::from(blocks.len() > 1 && blocks[0].kind == Kind::Heading);
    for (at, block) in blocks.iter().enumerate().skip(best + 1) {
        if block.kind != Kind::Heading && around(at) > around(best) {
            best = at;
        }
    }
    best
}

/// A passage in the making: which blocks it shows, and those of which it shows a part.
struct Cutting<'a> {
    text: &'a str,
    blocks: &'a [Block],
    budget: usize,
    shown: BTreeMap<usize, Option<String>>,
    used: usize,
}

impl<'a> Cutting<'a> {
    fn new(text: &'a str, blocks: &'a [Block], budget: usize) -> Cutting<'a> {
        // Four for the marks at both ends.
        Cutting { text, blocks, budget, shown: BTreeMap::new(), used: 4 }
    }

    fn slice(&self, at: usize) -> &'a str {
        &self.text[self.blocks[at].range.clone()]
    }

    fn kind(&self, at: usize) -> Kind {
        self.blocks[at].kind
    }

    fn indent(&self, at: usize) -> usize {
        indent_of(self.slice(at))
    }

    fn room(&self) -> usize {
        self.budget.saturating_sub(self.used)
    }

    /// Shows a block if it fits.
    fn add(&mut self, at: usize) -> bool {
        if self.shown.contains_key(&at) {
            return true;
        }
        let cost = tokens::estimate(self.slice(at)) + 1;
        let fits = cost <= self.room();
        if fits {
            self.used += cost;
            self.shown.insert(at, None);
        }
        fits
    }

    /// Shows a part of a block if it fits.
    fn add_part(&mut self, at: usize, part: &str) -> bool {
        let cost = tokens::estimate(part) + 2;
        let fits = !part.trim().is_empty() && cost <= self.room() && !self.shown.contains_key(&at);
        if fits {
            self.used += cost;
            self.shown.insert(at, Some(part.trim_end().to_owned()));
        }
        fits
    }

    /// The block that answers with what belongs to it, then as many neighbours as fit, what
    /// follows first: an answer is mostly continued downwards.
    fn around(mut self, best: usize, worths: &Worths<'_>) -> String {
        if self.kind(0) == Kind::Heading {
            self.add(0);
        }
        if let Some(head) = self.table_head(best) {
            self.add(head);
        }
        if !self.add(best) {
            let piece = self.piece(best, worths);
            if !self.add_part(best, &piece) {
                return String::new();
            }
        } else {
            self.belongings(best);
            self.grow(best);
        }
        self.trim(best);
        let mut out = self.print();
        // What a block costs by itself and in company differs by a token or two.
        while tokens::estimate(&out) > self.budget && self.shown.len() > 1 {
            let far = |at: &usize| at.abs_diff(best);
            let Some(last) = self.shown.keys().copied().max_by_key(|at| (*at > 0, far(at))) else {
                break;
            };
            self.shown.remove(&last);
            out = self.print();
        }
        out
    }

    /// What a block does not read well without: the lines that lead to it, the item it is part
    /// of, the code or list that it leads to.
    fn belongings(&mut self, best: usize) {
        let mut at = best;
        // At most as many steps up as lists are nested.
        for _ in 0..4 {
            let Some(lead) = self.lead(at) else { break };
            if !self.add(lead) {
                let last = sentences(self.slice(lead)).last().copied().unwrap_or_default();
                self.add_part(lead, &format!("{GAP} {}", last.trim_start()));
            }
            at = lead;
        }
        let mut at = best;
        while self.leads(at) && at + 1 < self.blocks.len() {
            at += 1;
            if !self.add(at) {
                self.begin(at);
                break;
            }
        }
    }

    /// Shows the beginning of a block that does not fit: whole sentences, or lines of code.
    fn begin(&mut self, at: usize) {
        let room = self.room().saturating_sub(4);
        let body = self.slice(at);
        let bytes = body.len() * room / tokens::estimate(body).max(1);
        let mut part = String::new();
        match self.kind(at) {
            Kind::Fence if bytes >= 2 * LEAST_BYTES => {
                let pieces = pieces::cut(self.text, &self.blocks[at], bytes * 9 / 10);
                part.push_str(&pieces[0]);
            }
            Kind::Text | Kind::Item => {
                let mut used = 0;
                for sentence in sentences(body) {
                    used += tokens::estimate(sentence);
                    if used > room {
                        break;
                    }
                    part.push_str(sentence);
                }
            }
            _ => {}
        }
        self.add_part(at, &fences::closed(&part));
    }

    /// The block that leads to this one: of a fence the text above it, of an indented block the
    /// item that it is part of, of an item the line above its list, of a paragraph its label.
    fn lead(&self, at: usize) -> Option<usize> {
        let before = at.checked_sub(1)?;
        if let Some(item) = self.item(at).filter(|_| self.kind(at) != Kind::Row) {
            return Some(item);
        }
        let indent = self.indent(at);
        let first = match self.kind(at) {
            Kind::Heading | Kind::Row => return None,
            Kind::Item => {
                let own = |at: &usize| self.kind(*at) == Kind::Item || self.indent(*at) > indent;
                (0..at).rev().take_while(own).last().unwrap_or(at)
            }
            Kind::Fence => {
                return matches!(self.kind(before), Kind::Text | Kind::Item).then_some(before);
            }
            Kind::Text | Kind::TableHead => at,
        };
        first.checked_sub(1).filter(|before| self.promises(*before))
    }

    /// The item that an indented block is part of.
    fn item(&self, at: usize) -> Option<usize> {
        let indent = self.indent(at);
        let above = (0..at).rev().find(|above| self.indent(*above) < indent)?;
        (self.kind(above) == Kind::Item).then_some(above)
    }

    /// Whether a block is there for the next: it ends in a colon or is a label, or the next is
    /// code.
    fn leads(&self, at: usize) -> bool {
        let next = self.blocks.get(at + 1).map(|block| block.kind);
        self.promises(at)
            || self.kind(at) == Kind::TableHead
            || (next == Some(Kind::Fence) && matches!(self.kind(at), Kind::Text | Kind::Item))
    }

    /// Whether a block ends in a colon or is a label in bold, so that by itself it says nothing.
    fn promises(&self, at: usize) -> bool {
        let text = self.slice(at).trim();
        let label = text.starts_with("**") && text.ends_with("**") && !text.contains('\n');
        let kind = matches!(self.kind(at), Kind::Text | Kind::Item);
        kind && (text.ends_with([':', '：']) || label)
    }

    /// Shows neighbours as long as they fit: blocks, and below a last few sentences.
    fn grow(&mut self, best: usize) {
        let (mut from, mut to) = (best, best + 1);
        let (mut up, mut down) = (true, true);
        while up || down {
            if down {
                down = to < self.blocks.len() && self.add(to);
                to += usize::from(down);
            }
            if up {
                // Code without the line that leads to it says little.
                let lead = from.checked_sub(1).filter(|at| self.kind(*at) == Kind::Fence);
                let lead = lead.and_then(|fence| self.lead(fence));
                up = from > 0 && lead.is_none_or(|lead| self.add(lead)) && self.add(from - 1);
                from -= usize::from(up);
            }
        }
        if to < self.blocks.len() && self.kind(to) == Kind::Text && self.room() > LEAST_REST {
            self.begin(to);
        }
    }

    /// Takes away what is left at the ends and points to something that is not shown.
    fn trim(&mut self, best: usize) {
        let shown: Vec<usize> = self.shown.keys().copied().collect();
        for at in shown.into_iter().rev() {
            let dangling = self.kind(at) == Kind::Heading && at > 0
                || self.kind(at) == Kind::TableHead
                || self.promises(at);
            let last = at + 1 == self.blocks.len() || self.shown.contains_key(&(at + 1));
            if dangling && !last && at != best {
                let followed = self.shown.range(at + 1..).next();
                let row = followed.is_some_and(|(next, _)| {
                    self.kind(*next) == Kind::Row && self.table_head(*next) == Some(at)
                });
                let list = followed.is_some_and(|(next, _)| self.lead(*next) == Some(at));
                if !row && !list {
                    self.shown.remove(&at);
                }
            }
        }
    }

    /// The part that matches best of a block that is too long by itself: a sentence, or a line of
    /// code, with as many others around it as fit.
    fn piece(&self, at: usize, worths: &Worths<'_>) -> String {
        let body = self.slice(at);
        let room = self.room().saturating_sub(4);
        let bytes = body.len() * room / tokens::estimate(body).max(1) * 9 / 10;
        if bytes < LEAST_BYTES {
            return String::new();
        }
        let fence = self.kind(at) == Kind::Fence;
        let (first, inner, last) =
            if fence { fences::fenced(body) } else { ("", body, String::new()) };
        let units: Vec<&str> =
            if fence { inner.split_inclusive('\n').collect() } else { sentences(inner) };
        let weights: Vec<f32> = units.iter().map(|unit| worths.of(unit)).collect();
        let mut best = 0;
        for at in 1..units.len() {
            best = if weights[at] > weights[best] { at } else { best };
        }
        let room = bytes.saturating_sub(first.len() + last.len());
        if units.get(best).is_none_or(|unit| unit.len() > room) {
            return self.scrap(at, bytes, worths);
        }
        let (mut from, mut to, mut used) = (best, best + 1, units[best].len());
        loop {
            let below = units.get(to).filter(|unit| used + unit.len() <= room);
            to += usize::from(below.is_some());
            used += below.map_or(0, |unit| unit.len());
            let above = from.checked_sub(1).filter(|at| used + units[*at].len() <= room);
            used += above.map_or(0, |at| units[at].len());
            from = above.unwrap_or(from);
            if below.is_none() && above.is_none() {
                break;
            }
        }
        let mut piece = units[from..to].concat();
        if !fence {
            let above = fences::reopened(inner, units[..from].iter().map(|it| it.len()).sum());
            piece = fences::closed(&format!("{above}{piece}"));
        }
        let moved = |text: &str| without_indent(text, self.indent(at)).trim_end().to_owned();
        let piece = moved(&piece);
        match (fence, from > 0) {
            (true, _) => format!("{}\n{piece}\n{}", moved(first), moved(&last)),
            (false, true) => behind_gap(&at_margin(&piece)),
            (false, false) => at_margin(&piece).into_owned(),
        }
    }

    /// The same where a single sentence or line is too long.
    fn scrap(&self, at: usize, bytes: usize, worths: &Worths<'_>) -> String {
        let pieces = pieces::cut(self.text, &self.blocks[at], bytes);
        let mut best = (f32::MIN, "");
        for piece in &pieces {
            let weight = worths.of(piece);
            best = if weight > best.0 { (weight, piece) } else { best };
        }
        let inside = self.kind(at) != Kind::Fence && pieces[0] != best.1;
        let piece = without_indent(best.1, self.indent(at));
        let piece = at_margin(&piece);
        if inside { behind_gap(&piece) } else { piece.into_owned() }
    }

    /// The passage, with a mark for whatever is left out.
    fn print(&self) -> String {
        let mut out = String::new();
        let mut before: Option<usize> = None;
        let mut strip = 0;
        for (at, part) in &self.shown {
            let touches = before.map_or(*at == 0, |before| before + 1 == *at);
            let head = before.is_some_and(|before| self.kind(before) == Kind::TableHead);
            if touches && let Some(before) = before {
                let (end, start) = (self.blocks[before].range.end, self.blocks[*at].range.start);
                out.push_str(&self.text[end..start]);
            } else if head && self.kind(*at) == Kind::Row {
                out.push('\n');
            } else if !touches {
                let marked = part.as_ref().is_some_and(|part| part.starts_with(GAP));
                out.push_str(match (out.is_empty(), marked) {
                    (true, true) => "",
                    (true, false) => "…\n\n",
                    (false, true) => "\n\n",
                    (false, false) => "\n\n…\n\n",
                });
            }
            // A block of an item that is not shown would be read as indented code.
            let indent = self.indent(*at);
            if indent < strip || !touches || before.is_none() {
                let lost = self.item(*at).is_some_and(|item| !self.shown.contains_key(&item));
                strip = if lost { indent } else { 0 };
            }
            // A part of a block is at the margin already.
            match part {
                Some(part) => out.push_str(part),
                None => out.push_str(&without_indent(self.slice(*at), strip)),
            }
            before = Some(*at);
        }
        let last = before.is_some_and(|at| at + 1 == self.blocks.len());
        let whole = self.shown.last_key_value().is_some_and(|(_, part)| part.is_none());
        if !(last && whole) {
            out.push_str("\n\n");
            out.push_str(GAP);
        }
        out
    }

    /// The head of the table that a row belongs to.
    fn table_head(&self, row: usize) -> Option<usize> {
        if self.kind(row) != Kind::Row {
            return None;
        }
        let head = (0..row).rev().find(|at| self.kind(*at) != Kind::Row)?;
        (self.kind(head) == Kind::TableHead).then_some(head)
    }
}

/// A text that goes on behind what is left out. Code has its first line for itself.
fn behind_gap(text: &str) -> String {
    let is_code = fences::begins_fence(text);
    let between = if is_code { "\n\n" } else { " " };
    format!("{GAP}{between}{text}")
}

/// Spaces that a text begins with.
fn indent_of(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

/// A text that begins at the margin: of text the first line alone, of code all lines.
fn at_margin(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches('\n').trim_end();
    if fences::begins_fence(text) {
        without_indent(text, indent_of(text))
    } else {
        Cow::Borrowed(text.trim_start())
    }
}

/// A text whose lines begin so many spaces further left.
fn without_indent(text: &str, spaces: usize) -> Cow<'_, str> {
    if spaces == 0 {
        return Cow::Borrowed(text);
    }
    let lines = text.split_inclusive('\n').map(|line| &line[indent_of(line).min(spaces)..]);
    Cow::Owned(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::query::Group;

    fn cut(text: &str, query: &str, budget: usize) -> Passage {
        Passage::cut(
            text,
            tokens::estimate(text),
            Language::ENGLISH,
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
    fn code_of_an_item_that_is_far_in_ends_as_far_in_as_it_begins() {
        let lines: String = (0..40).map(|n| format!("        let name{n} = {n};\n")).collect();
        let passage = cut(&format!("# A\n\n      * ```\n{lines}        ```"), "name20", 40);
        assert!(passage.text.contains("\n\n* ```\n  let name"), "{}", passage.text);
        assert!(passage.text.ends_with(";\n  ```\n\n…"), "{}", passage.text);
    }

    #[test]
    fn a_part_of_an_item_whose_list_is_left_out_keeps_its_shape() {
        let lines: String = (0..40).map(|n| format!("       let name{n} = {n};\n")).collect();
        let text = format!("- a\n  -    ```x\n{lines}       ```");
        let passage = cut(&text, "x", 40);
        let begin = "…\n\n-    ```x\n     let name0 = 0;\n     let name1 = 1;\n";
        assert!(passage.text.starts_with(begin), "{}", passage.text);
        assert!(passage.text.ends_with(";\n     ```\n\n…"), "{}", passage.text);
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

    const FILLER: &str = "Nothing of interest stands in this paragraph, it only takes room.\n\n";

    #[test]
    fn code_comes_with_the_line_that_leads_to_it() {
        let filler = FILLER.repeat(12);
        let code = "Write this to the file:\n\n```toml\nkranich = 1\n```\n\n";
        let text = format!("## T\n\n{filler}{code}{filler}");
        // The code matched, and the line matched.
        for query in ["kranich", "write file"] {
            let passage = cut(&text, query, 40);
            assert!(passage.text.contains(code.trim()), "{query}: {}", passage.text);
        }
    }

    #[test]
    fn of_long_code_the_first_lines_come_with_the_line_that_leads_to_it() {
        let lines = "let x = 1;\n".repeat(100);
        let text = format!("Call the kranich like this:\n\n```rust\n{lines}```\n\n{FILLER}");
        let passage = cut(&text, "kranich", 60);
        let start = "Call the kranich like this:\n\n```rust\nlet x = 1;\nlet x = 1;\n";
        assert!(passage.text.starts_with(start), "{}", passage.text);
        assert_eq!(passage.text.matches("```").count(), 2, "{}", passage.text);
    }

    #[test]
    fn nothing_at_the_end_points_to_what_is_not_shown() {
        let filler = FILLER.repeat(12);
        for dangling in ["For more, see the following:", "**Note**", "### Next", "如下所示："]
        {
            let text = format!("The kranich flies.\n\n{dangling}\n\n- {filler}");
            let passage = cut(&text, "kranich", 14);
            assert_eq!(passage.text, "The kranich flies.\n\n…", "{dangling}");
        }
    }

    #[test]
    fn an_item_comes_with_the_line_above_its_list() {
        let items: String = (0..40).map(|n| format!("- option {n} does it\n")).collect();
        let text = format!("{FILLER}Choose one of these:\n\n{items}- kranich flies\n\n{FILLER}");
        let passage = cut(&text, "kranich", 40);
        let start = "…\n\nChoose one of these:\n\n…\n\n- option";
        assert!(passage.text.starts_with(start), "{}", passage.text);
        assert!(passage.text.contains("- kranich flies"), "{}", passage.text);
    }

    #[test]
    fn what_is_inside_of_an_item_comes_with_the_item() {
        let filler = FILLER.repeat(12);
        let text = format!("{filler}- **ttl** (int32)\n\n  The kranich lives so long.\n\n{filler}");
        let passage = cut(&text, "kranich", 24);
        let item = "- **ttl** (int32)\n\n  The kranich lives so long.";
        assert_eq!(passage.text, format!("…\n\n{item}\n\n…"));
        // Without it, what was indented is no code.
        let text = text.replace("(int32)", &"(int32) ".repeat(60));
        let passage = cut(&text, "kranich", 24);
        assert!(passage.text.contains("\n\nThe kranich lives so long."), "{}", passage.text);
    }

    #[test]
    fn code_of_an_item_that_is_cut_is_fenced_at_the_margin() {
        let code = "    let a = 1;\n".repeat(60);
        let text = format!("- a\n    ```rs\n{code}    let kranich = 1;\n{code}    ```\n- b");
        let passage = cut(&text, "kranich", 40);
        assert!(passage.text.starts_with("…\n\n```rs\nlet a = 1;\n"), "{}", passage.text);
        assert!(passage.text.contains("\nlet kranich = 1;\n"), "{}", passage.text);
        assert!(passage.text.ends_with("\n```\n\n…"), "{}", passage.text);
    }

    #[test]
    fn long_paragraphs_are_cut_at_sentences_wherever_their_lines_are_wrapped() {
        let text = "Words stand here before it\nand go on for long. ".repeat(20)
            + "The kranich\nflies in autumn. "
            + &"Words stand here behind it\nand go on for long. ".repeat(20);
        let passage = cut(&text, "kranich", 40);
        assert!(passage.text.contains("The kranich\nflies in autumn."), "{}", passage.text);
        assert!(passage.text.starts_with("… Words stand") || passage.text.starts_with("… The"));
        let end = passage.text.trim_end_matches(['…', '\n']);
        assert!(end.ends_with('.'), "{}", passage.text);
    }

    #[test]
    fn rare_words_decide_where_to_look() {
        let mut terms = QueryTerms::of("server kranich port", &[Language::ENGLISH]);
        terms.groups = ["server", "kranich", "port"].map(|term| Group::of(term, 1)).to_vec();
        terms.rarities = vec![0.1, 5.0, 0.1];
        let filler = FILLER.repeat(8);
        let text = format!("The server has a port.\n\n{filler}A kranich.\n\n{filler}");
        let passage = Passage::cut(&text, tokens::estimate(&text), Language::ENGLISH, &terms, 20);
        assert!(passage.text.contains("A kranich."), "{}", passage.text);
    }

    #[test]
    fn a_quoted_part_of_the_question_is_what_is_shown() {
        let filler = FILLER.repeat(12);
        let text = format!(
            "An update may be rolling, and a rolling thing updates.\n\n{filler}A rolling update.\n\n{filler}"
        );
        let passage = cut(&text, "\"rolling update\" thing", 20);
        assert!(passage.text.contains("A rolling update."), "{}", passage.text);
    }

    #[test]
    fn code_that_is_shown_whole_stays_as_far_in_as_it_is() {
        let text = "    ```text\n    kranich\n    ```";
        assert_eq!(cut(text, "kranich", 60).text, text);
    }

    #[test]
    fn padding_of_a_table_costs_nothing() {
        let pad = " ".repeat(300);
        let text = format!("| a | b |\n| --- | --- |\n| kranich{pad} | flies{pad} |\n");
        let passage = cut(&text, "kranich", 30);
        assert_eq!(passage.text, "| a | b |\n| --- | --- |\n| kranich | flies |");
        assert!(passage.whole);
    }

    #[test]
    fn a_block_that_just_fits_leaves_room_for_the_marks_around_it() {
        let filler = FILLER.repeat(12);
        for words in 4..30 {
            let text = format!("{filler}A kranich {}flies.\n\n{filler}", "high ".repeat(words));
            for budget in 8..40 {
                let passage = cut(&text, "kranich", budget);
                assert!(passage.tokens <= budget, "{budget}: {passage:?}");
            }
        }
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
