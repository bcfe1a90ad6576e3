//! What people say and what docs call it: words of questions with words that docs use instead.
//!
//! Questions in one's own words are where matching words fails, because the page says `node` and
//! the question `machine`. The table is small, general and one-way: from a word of the question to
//! what may stand for it in a page, at a fraction of its weight (see [`rank`](super::rank)).

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use super::analyzer::{self, Language};

/// A line each: a word, a colon, words.
const TABLE: &str = include_str!("synonyms.txt");

static SYNONYMS: LazyLock<FxHashMap<String, Vec<String>>> = LazyLock::new(|| {
    let mut synonyms: FxHashMap<String, Vec<String>> = FxHashMap::default();
    for (word, others) in TABLE.lines().filter_map(|line| line.split_once(':')) {
        let (word, others) = (stems(word), stems(others));
        for word in word {
            let known = synonyms.entry(word.clone()).or_default();
            for other in &others {
                if *other != word && !known.contains(other) {
                    known.push(other.clone());
                }
            }
        }
    }
    synonyms
});

/// Terms that may stand for a term of a question; empty for most.
pub(super) fn of(term: &str) -> &'static [String] {
    SYNONYMS.get(term).map_or(&[], Vec::as_slice)
}

fn stems(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    analyzer::terms(text, Language::ENGLISH, |token| found.push(token.text.clone()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_word_with_others() {
        for line in TABLE.lines() {
            let (word, others) = line.split_once(": ").expect("a colon");
            assert_eq!(stems(word).len(), 1, "{line}");
            assert!(!others.split(' ').any(|other| other.is_empty() || other == word), "{line}");
        }
        assert!(of("machin").contains(&"node".to_owned()));
        assert!(of("useeffect").is_empty());
    }
}
