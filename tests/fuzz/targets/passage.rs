//! Passages: the first line is a size and a question, the rest a page. Whatever is cut out of it is
//! within the size, is valid Markdown, and is part of it; pieces one after the other lose nothing.
#![no_main]

use std::sync::LazyLock;

use docent::corpus::{Collection, Reader, Site, tokens};
use docent::index::{Passage, QueryTerms, Search, SectionRecord, take_blocks};
use docent_fuzz::{Server, fences_close};
use libfuzzer_sys::fuzz_target;

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

static READER: LazyLock<Reader> = LazyLock::new(|| {
    let root = "/nowhere/docs".into();
    Reader::new(&Collection { root, site: Some(Site::Plain), ..Collection::default() })
});

/// A stored section, with another text.
static RECORD: LazyLock<SectionRecord> = LazyLock::new(|| {
    let sections = SERVER.docs.snapshot().sections("docs", "index.md").expect("a page");
    sections.into_iter().next().expect("a section")
});

/// What of a text is neither white space nor the padding of a table.
fn bare(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '…')).collect()
}

fn is_part(piece: &str, text: &str) {
    let whole = bare(text);
    for line in piece.lines() {
        assert!(whole.contains(&bare(line)), "{line:?} of {piece:?} is not in {text:?}");
    }
}

fn cut(text: &str, terms: &QueryTerms, budget: usize) {
    let mut record = RECORD.clone();
    record.text = text.to_owned();
    record.tokens = tokens::estimate(text) as u32;
    let passage = Passage::of(&record, terms, budget);
    let size = tokens::estimate(&passage.text);
    assert!(size <= budget || passage.text.is_empty(), "{size} of {budget}: {:?}", passage.text);
    assert!(fences_close(&passage.text), "{budget}: {:?}", passage.text);
    is_part(&passage.text, text);
}

/// Reads a text piece by piece.
fn walk(text: &str, room: usize) {
    let (mut at, mut all) = (0, String::new());
    while at < text.len() {
        let (piece, end) = take_blocks(text, at, room, true);
        assert!(end > at, "stuck at {at}: {piece:?}");
        assert!(text.is_char_boundary(end), "{end} is inside of a character");
        assert!(fences_close(&piece), "{room}: {piece:?}");
        is_part(&piece, text);
        all.push_str(&piece);
        at = end;
    }
    // Heads of tables and first lines of fences stand in each piece: more may be there, and in order.
    let mut there = all.chars();
    for c in bare(text).chars() {
        assert!(there.any(|it| it == c), "{room}: {c:?} is lost from {text:?}: {all:?}");
    }
}

fuzz_target!(|text: &str| {
    let (head, page) = text.split_once('\n').unwrap_or(("60 text", text));
    let (size, query) = head.split_once(' ').unwrap_or(("60", head));
    let budget = size.parse::<u16>().unwrap_or(60).into();
    let search = Search { query: query.into(), limit: 1, ..Search::default() };
    let terms = SERVER.docs.snapshot().search(&search).expect("an answer").terms;
    let Ok(page) = READER.parse("a.md", page.as_bytes()).0 else { return };
    for section in &page.sections {
        cut(&section.text, &terms, budget);
        walk(&section.text, budget);
    }
});
