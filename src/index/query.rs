//! A question to a Tantivy query: terms joined by OR, never a query grammar, so that no text is a
//! syntax error or a bomb.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::Term;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::analyzer;
use super::schema::{Fields, SectionRecord};
use super::{Search, rank};

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
    pub(super) terms: Vec<String>,
    pub(super) words: Vec<String>,
    /// Position of each in the question.
    pub(super) places: Vec<usize>,
    /// What is looked for; see [`Snapshot::expand`](super::Snapshot).
    pub(super) groups: Vec<Group>,
    /// Words that the index does not know, with the terms that took their place.
    pub(super) corrected: Vec<(String, String)>,
}

/// A term of the question with what may stand for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    /// The term itself, with the weight 1, and others with less.
    pub(super) alternatives: Vec<(String, f32)>,
    /// Documents that hold the most frequent of them, and of those below [`rank::OWN`].
    frequency: [u64; 2],
}

impl Group {
    /// A term alone, with the number of documents that hold it.
    pub(super) fn of(term: &str, frequency: u64) -> Group {
        let mut group = Group::default();
        group.add(term.to_owned(), 1.0, frequency);
        group
    }

    /// One more term, unless it is there.
    pub(super) fn add(&mut self, term: String, weight: f32, frequency: u64) {
        if self.alternatives.iter().all(|(known, _)| *known != term) {
            self.alternatives.push((term, weight));
            let most = &mut self.frequency[usize::from(weight < rank::OWN)];
            *most = frequency.max(*most);
        }
    }

    /// Documents that hold the word of the question, or what stands for it where none does.
    pub(super) fn frequency(&self) -> u64 {
        let [own, others] = self.frequency;
        if own > 0 { own } else { others }
    }
}

impl QueryTerms {
    /// Analyses a question.
    pub fn of(query: &str) -> QueryTerms {
        let end = query.char_indices().nth(MAX_CHARACTERS).map_or(query.len(), |(at, _)| at);
        let query = &query[..end];
        let mut all: Vec<(String, String, usize)> = Vec::new();
        let mut seen = FxHashSet::default();
        analyzer::terms(query, |token| {
            if all.len() < MAX_TERMS && seen.insert(token.text.clone()) {
                let word = query[token.offset_from..token.offset_to].to_owned();
                all.push((token.text.clone(), word, token.position));
            }
        });
        let telling = |term: &str| !STOP_WORDS.contains(&term);
        if all.iter().any(|(term, ..)| telling(term)) {
            all.retain(|(term, ..)| telling(term));
        }
        let mut terms = QueryTerms::default();
        for (term, word, place) in all {
            terms.terms.push(term);
            terms.words.push(word);
            terms.places.push(place);
        }
        terms
    }

    /// Words of the question that the index does not know, with the terms looked for instead.
    pub fn corrected(&self) -> &[(String, String)] {
        &self.corrected
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

    /// The query for the sections that may answer: those that hold any term of at least a weight.
    pub(super) fn query(&self, fields: &Fields, search: &Search, least: f32) -> Box<dyn Query> {
        // A term of two groups counts once, with the greater weight.
        let mut weights: FxHashMap<&str, f32> = FxHashMap::default();
        let terms = self.groups.iter().flat_map(|group| &group.alternatives);
        for (term, weight) in terms.filter(|(_, weight)| *weight >= least) {
            let known = weights.entry(term).or_default();
            *known = known.max(*weight);
        }
        let clause = |(term, weight): (&str, f32)| -> (Occur, Box<dyn Query>) {
            let term = Term::from_field_text(fields.text, term);
            let query = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
            (Occur::Should, Box::new(BoostQuery::new(query, weight)))
        };
        let clauses: Vec<_> = weights.into_iter().map(clause).collect();
        let any = BooleanQuery::new(clauses);
        let mut all = filters(fields, search);
        if all.is_empty() {
            return Box::new(any);
        }
        all.push((Occur::Must, Box::new(any)));
        Box::new(BooleanQuery::new(all))
    }
}

/// The clauses that a search is narrowed down by.
pub(super) fn filters(fields: &Fields, search: &Search) -> Vec<(Occur, Box<dyn Query>)> {
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
    all
}

/// How a section first writes a term.
pub(crate) fn spelling(term: &str, section: &SectionRecord) -> Option<String> {
    let mut found = None;
    for text in [&section.title, &section.page, &section.text] {
        analyzer::terms(text, |token| {
            if found.is_none() && token.text == term {
                found = Some(text[token.offset_from..token.offset_to].to_lowercase());
            }
        });
        if found.is_some() {
            break;
        }
    }
    found
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
