//! A question to a Tantivy query: terms joined by OR, never a query grammar, so that no text is a
//! syntax error or a bomb.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::Term;
use tantivy::query::{BooleanQuery, ConstScoreQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::Search;
use super::analyzer;
use super::schema::Fields;

/// Characters of a question that count; more is a pasted page.
const MAX_CHARACTERS: usize = 1024;
/// Distinct terms of a question that count.
const MAX_TERMS: usize = 64;

/// Words that say nothing about what is asked, as the analyzer gives them. Dropping them makes
/// long questions three times faster and ranks better (nDCG@10 +0.007). A question of such words
/// alone keeps them.
const STOP_WORDS: &[&str] = &[
    "a", "about", "an", "and", "ani", "are", "as", "at", "be", "been", "but", "by", "can", "could",
    "do", "doe", "doesn", "don", "for", "from", "get", "had", "has", "have", "how", "i", "if",
    "in", "into", "is", "it", "its", "me", "my", "of", "on", "or", "our", "pleas", "should", "so",
    "such", "t", "that", "the", "their", "them", "then", "there", "these", "they", "this", "to",
    "was", "we", "were", "what", "when", "where", "which", "who", "whi", "why", "will", "with",
    "would", "you", "your", "s", "am", "did", "tell", "explain", "mean",
];

/// The terms of a question.
#[derive(Debug, Clone, Default)]
pub struct QueryTerms {
    terms: Vec<String>,
    words: Vec<String>,
}

impl QueryTerms {
    /// Analyses a question.
    pub fn of(query: &str) -> QueryTerms {
        let end = query.char_indices().nth(MAX_CHARACTERS).map_or(query.len(), |(at, _)| at);
        let query = &query[..end];
        let mut all: Vec<(String, String)> = Vec::new();
        let mut seen = FxHashSet::default();
        analyzer::terms(query, |token| {
            if all.len() < MAX_TERMS && seen.insert(token.text.clone()) {
                all.push((
                    token.text.clone(),
                    query[token.offset_from..token.offset_to].to_owned(),
                ));
            }
        });
        let telling = |term: &str| !STOP_WORDS.contains(&term);
        if all.iter().any(|(term, _)| telling(term)) {
            all.retain(|(term, _)| telling(term));
        }
        let (terms, words) = all.into_iter().unzip();
        QueryTerms { terms, words }
    }

    /// The terms, as the index has them.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// The words of the question that the terms come from, in the same order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Which of the terms a text holds, in their order.
    pub(super) fn found_in(&self, text: &str) -> Vec<bool> {
        let mut found = vec![false; self.terms.len()];
        analyzer::terms(text, |token| {
            if let Some(at) = self.terms.iter().position(|term| *term == token.text) {
                found[at] = true;
            }
        });
        found
    }

    /// How much of the question a text holds: a point for each distinct term, and a little for
    /// each further one.
    pub(super) fn weight_in(&self, text: &str) -> f32 {
        let mut counts: FxHashMap<usize, u32> = FxHashMap::default();
        analyzer::terms(text, |token| {
            if let Some(at) = self.terms.iter().position(|term| *term == token.text) {
                *counts.entry(at).or_default() += 1;
            }
        });
        counts.values().map(|n| 1.0 + 0.1 * (*n).min(5) as f32).sum()
    }

    /// The query for the sections that answer.
    pub(super) fn query(&self, fields: &Fields, search: &Search) -> Box<dyn Query> {
        let clause = |term: &String| -> (Occur, Box<dyn Query>) {
            let term = Term::from_field_text(fields.text, term);
            (Occur::Should, Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs)))
        };
        let clauses: Vec<_> = self.terms.iter().map(clause).collect();
        let any = BooleanQuery::new(clauses);
        let collection = search.collection.as_ref().map(|name| format!("{name}/"));
        let filters = [
            (fields.under, search.under.as_deref()),
            (fields.under, collection.as_deref()),
            (fields.version, search.version.as_deref()),
            (fields.language, search.language.as_deref()),
        ];
        let mut all: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for (field, value) in filters {
            if let Some(value) = value {
                let term = Term::from_field_text(field, value);
                let filter = TermQuery::new(term, IndexRecordOption::Basic);
                all.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(filter), 0.0))));
            }
        }
        if all.is_empty() {
            return Box::new(any);
        }
        all.push((Occur::Must, Box::new(any)));
        Box::new(BooleanQuery::new(all))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_go_unless_they_are_all_there_is() {
        assert_eq!(QueryTerms::of("how do I install it?").terms(), ["instal"]);
        assert_eq!(QueryTerms::of("to be or not to be").terms(), ["not"]);
        assert_eq!(QueryTerms::of("how to").terms(), ["how", "to"]);
    }

    #[test]
    fn any_text_is_a_question_of_bounded_size() {
        assert!(QueryTerms::of("((((( AND NOT \"* :").terms().len() <= 2);
        assert_eq!(QueryTerms::of("😀 … !!").terms(), [] as [&str; 0]);
        let many: String = (0..5000).map(|n| format!("w{n} ")).collect();
        assert_eq!(QueryTerms::of(&many).terms().len(), MAX_TERMS);
    }
}
