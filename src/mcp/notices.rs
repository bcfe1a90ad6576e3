//! What is said about an answer: what was dropped, what was meant, where else to look.

use super::arguments::shorten;
use super::server::Docs;
use crate::corpus::tokens;
use crate::index::{Hit, QueryTerms, spelling};

/// Gathers the sentences of one answer.
#[derive(Clone)]
pub(super) struct Notices {
    sentences: Vec<String>,
    /// Whether the caller can fetch what is cut.
    fetches: bool,
}

impl Notices {
    pub(super) fn new(docs: &Docs) -> Notices {
        let sentences = docs.problem().into_iter().collect();
        Notices { sentences, fetches: docs.has(super::fetch::NAME) }
    }

    /// Room that the sentences take.
    pub(super) fn tokens(&self) -> usize {
        self.sentences.iter().map(|sentence| tokens::estimate(sentence) + 2).sum()
    }

    /// The whole notice; `cut` hits have a part of their text, `bare` ones none, and `dropped` ones
    /// are not in the answer.
    pub(super) fn finish(&self, cut: usize, bare: usize, dropped: usize) -> Option<String> {
        let mut sentences = self.sentences.clone();
        let hits = |n: usize, one: &str, more: &str| match n {
            1 => format!("1 {one}"),
            _ => format!("{n} {more}"),
        };
        if cut > 0 {
            let passages = hits(cut, "passage is", "passages are");
            let more = if self.fetches {
                "fetch has the whole section by its id"
            } else {
                "raise max_tokens"
            };
            sentences.push(format!("{passages} cut at …: {more}."));
        }
        if bare > 0 {
            let hits = hits(bare, "hit has", "hits have");
            let fetch = if self.fetches { "fetch them by id, or " } else { "" };
            sentences.push(format!(
                "{hits} no text because the budget is spent: {fetch}raise max_tokens."
            ));
        }
        if dropped > 0 {
            let hits = hits(dropped, "more hit", "more hits");
            sentences.push(format!("{hits} did not fit: raise max_tokens."));
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    /// Words that the docs do not have were taken for others; the answer must say so. How the
    /// other is written is looked up in the hits, because the index knows its stem only.
    pub(super) fn corrected(&mut self, terms: &QueryTerms, hits: &[Hit]) {
        let others: Vec<String> = terms
            .corrected()
            .iter()
            .map(|(word, term)| {
                let written = hits.iter().find_map(|hit| spelling(term, &hit.record));
                format!("{} (for {})", written.unwrap_or_else(|| term.clone()), shorten(word))
            })
            .collect();
        if !others.is_empty() {
            self.sentences
                .push(format!("Not in these docs as asked; taken for: {}.", others.join(", ")));
        }
    }

    /// Words that no section holds, so that nobody takes a hit for an answer to them.
    pub(super) fn unknown(&mut self, terms: &QueryTerms) {
        let words: Vec<String> = terms.unknown().into_iter().take(8).map(shorten).collect();
        if !words.is_empty() {
            self.sentences.push(format!("Nothing here holds: {}.", words.join(", ")));
        }
    }

    /// Quoted parts that no section holds were searched as words; the answer must say so.
    pub(super) fn unheld(&mut self, terms: &QueryTerms) {
        let phrases: Vec<String> = terms
            .unheld_phrases()
            .iter()
            .map(|phrase| format!("\"{}\"", shorten(phrase)))
            .collect();
        if !phrases.is_empty() {
            self.sentences.push(format!(
                "No section here holds {}: the words were searched one by one.",
                phrases.join(" and ")
            ));
        }
    }

    /// A sentence of its own.
    pub(super) fn say(&mut self, sentence: String) {
        self.sentences.push(sentence);
    }
}
