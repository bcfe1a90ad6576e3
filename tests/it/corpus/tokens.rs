//! The token estimate against real tokenizers.
//!
//! `DOCS=folder cargo test --test it -- corpus::tokens --nocapture` measures another folder.

use std::path::Path;

use docent::corpus::{Collection, Reader, tokens, walk};
use tiktoken_rs::{CoreBPE, cl100k_base, o200k_base};

#[test]
fn the_estimate_is_within_fifteen_percent_of_real_tokenizers() {
    let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/corpus");
    let root = std::env::var("DOCS").unwrap_or_else(|_| manual.to_owned());
    let root = Path::new(&root).canonicalize().expect("the docs folder");
    let collection = Collection { name: "docs".into(), root, ..Collection::default() };
    let reader = Reader::new(&collection);
    let pages = walk(&collection).files.into_iter().filter_map(|file| {
        let source = reader.load(&file.path).ok()?;
        reader.parse(&file.path, &source.bytes).0.ok()
    });
    let texts: Vec<String> =
        pages.flat_map(|page| page.sections).map(|section| section.text).collect();
    assert!(!texts.is_empty(), "no sections");
    let estimate: usize = texts.iter().map(|text| tokens::estimate(text)).sum();
    let count =
        |bpe: &CoreBPE| -> usize { texts.iter().map(|text| bpe.encode_ordinary(text).len()).sum() };
    for (name, bpe) in [("o200k_base", o200k_base()), ("cl100k_base", cl100k_base())] {
        let real = count(&bpe.expect("a vocabulary"));
        let error = estimate as f64 / real as f64 - 1.0;
        println!("{name}: {real} tokens, estimate {estimate}, {:+.1} %", error * 100.0);
        assert!(error.abs() < 0.15, "{name}: {real} tokens, estimate {estimate}");
    }
}
