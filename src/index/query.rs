//! A question to a Tantivy query: terms joined by OR, never a query grammar, so that no text is a
//! syntax error or a bomb.

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::Term;
use tantivy::query::{BooleanQuery, BoostQuery, ConstScoreQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;

use super::analyzer::{self, Language};
use super::phrase::Phrase;
use super::schema::SectionRecord;
use super::snapshot::Snapshot;
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
    "would", "you", "your", "s", "am", "did", "tell", "explain", "mean", "如何", "怎么", "怎样",
    "什么", "为何", "哪些", "哪个", "是否",
];

/// The terms of a question.
#[derive(Debug, Clone, Default)]
pub struct QueryTerms {
    pub(super) terms: Vec<String>,
    /// All forms in which the index may have each, the term first.
    pub(super) forms: Vec<Vec<String>>,
    pub(super) words: Vec<String>,
    /// Position of each in the question.
    pub(super) places: Vec<usize>,
    /// What is looked for; see [`Snapshot::expand`].
    pub(super) groups: Vec<Group>,
    /// How rare each of them is.
    pub(super) rarities: Vec<f32>,
    /// Words that the index does not know, with the terms that took their place.
    pub(super) corrected: Vec<(String, String)>,
    /// Quoted parts that some section holds.
    pub(super) phrases: Vec<Phrase>,
    /// Quoted parts that no section holds, as they were written.
    pub(super) unheld: Vec<String>,
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

/// What terms are worth in a passage of one language.
pub(super) struct Worths<'a> {
    /// The place of a term's group, and the worth of the term.
    terms: FxHashMap<&'a str, (usize, f32)>,
    pub(super) language: Language,
}

impl Worths<'_> {
    /// What a text holds of the question: for each group of terms the worth of the best, and a
    /// little for each further time.
    pub(super) fn of(&self, text: &str) -> f32 {
        let mut found: FxHashMap<usize, (f32, u32)> = FxHashMap::default();
        analyzer::terms(text, self.language, |token| {
            if let Some((group, worth)) = self.terms.get(token.text.as_str()) {
                let (best, times) = found.entry(*group).or_default();
                *best = best.max(*worth);
                *times += 1;
            }
        });
        let worth = |(worth, times): &(f32, u32)| worth * (1.0 + 0.1 * (*times).min(5) as f32);
        found.values().map(worth).sum()
    }
}

impl QueryTerms {
    /// Analyses a question to pages in these languages.
    pub(super) fn of(query: &str, languages: &[Language]) -> QueryTerms {
        let end = query.char_indices().nth(MAX_CHARACTERS).map_or(query.len(), |(at, _)| at);
        let query = &query[..end];
        let phrases = Phrase::all(query, languages);
        let mut terms = QueryTerms { phrases, ..QueryTerms::default() };
        let mut seen = FxHashSet::default();
        let mut telling = Vec::new();
        analyzer::forms(query, languages, |token, forms| {
            if terms.terms.len() < MAX_TERMS && seen.insert(token.text.clone()) {
                let word = &query[token.offset_from..token.offset_to];
                telling.push(!says_nothing(&token.text, word, languages));
                terms.terms.push(token.text.clone());
                terms.forms.push(forms);
                terms.words.push(word.to_owned());
                terms.places.push(token.position);
            }
        });
        if telling.contains(&true) {
            keep(&mut terms.terms, &telling);
            keep(&mut terms.forms, &telling);
            keep(&mut terms.words, &telling);
            keep(&mut terms.places, &telling);
        }
        terms
    }

    /// Puts a term in the place of another.
    pub(super) fn put(&mut self, at: usize, term: &str) {
        self.terms[at] = term.to_owned();
        self.forms[at] = vec![term.to_owned()];
    }

    /// Words of the question that the index does not know, with the terms looked for instead.
    pub fn corrected(&self) -> &[(String, String)] {
        &self.corrected
    }

    /// Plain words of the question that no section holds and that nothing was put in place of.
    pub fn unknown(&self) -> Vec<&str> {
        let plain = |word: &str| word.chars().all(char::is_alphabetic);
        let missing = |at: usize| {
            let none =
                |group: &Group| group.frequency() == 0 && group.alternatives[0].0 == self.terms[at];
            plain(&self.words[at]) && self.groups.iter().any(none) && !self.is_joined(at)
        };
        (0..self.terms.len()).filter(|at| missing(*at)).map(|at| self.words[at].as_str()).collect()
    }

    /// Whether a word was found as one with the word before it.
    fn is_joined(&self, at: usize) -> bool {
        let Some(before) = at.checked_sub(1).map(|at| self.words[at].to_lowercase()) else {
            return false;
        };
        let mut terms = self.groups.iter().flat_map(|group| &group.alternatives);
        terms.any(|(term, weight)| {
            let rest = term.strip_prefix(&before).filter(|_| *weight < 1.0);
            rest.and_then(|rest| rest.chars().next())
                .is_some_and(|letter| self.words[at].to_lowercase().starts_with(letter))
        })
    }

    /// Quoted parts of the question that no section holds: their words were looked for instead.
    pub fn unheld_phrases(&self) -> &[String] {
        &self.unheld
    }

    /// The terms, as the index has them.
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    /// The words of the question that the terms come from, in the same order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// Which of the terms a text of a language holds, in their order.
    pub(super) fn found_in(&self, text: &str, language: Language) -> Vec<bool> {
        let mut found = vec![false; self.terms.len()];
        analyzer::terms(text, language, |token| {
            for (found, forms) in found.iter_mut().zip(&self.forms) {
                *found |= forms.contains(&token.text);
            }
        });
        found
    }

    /// What each term is worth in a passage: the place of its group, its weight there, and the
    /// rarity of the group, 1 where the index was not asked.
    pub(super) fn worths(&self, language: Language) -> Worths<'_> {
        let mut terms = FxHashMap::default();
        for (at, forms) in self.forms.iter().enumerate() {
            for form in forms {
                terms.insert(form.as_str(), (at + self.groups.len(), 1.0));
            }
        }
        for (at, group) in self.groups.iter().enumerate() {
            let rarity = self.rarities.get(at).copied().unwrap_or(1.0);
            for (term, weight) in &group.alternatives {
                terms.insert(term.as_str(), (at, weight * rarity));
            }
        }
        Worths { terms, language }
    }

    /// The query for the sections that may answer: those that hold every phrase, or, where nothing
    /// is quoted, any term of at least a weight.
    pub(super) fn query(&self, snapshot: &Snapshot, search: &Search, least: f32) -> Box<dyn Query> {
        // A term of two groups counts once, with the greater weight.
        let mut weights: FxHashMap<&str, f32> = FxHashMap::default();
        let terms = self.groups.iter().flat_map(|group| &group.alternatives);
        for (term, weight) in terms.filter(|(_, weight)| *weight >= least) {
            if snapshot.hides(term) {
                continue;
            }
            let known = weights.entry(term).or_default();
            *known = known.max(*weight);
        }
        let clause = |(term, weight): (&str, f32)| -> (Occur, Box<dyn Query>) {
            let term = Term::from_field_text(snapshot.fields.text, term);
            let query = Box::new(TermQuery::new(term, IndexRecordOption::WithFreqs));
            (Occur::Should, Box::new(BoostQuery::new(query, weight)))
        };
        let clauses: Vec<_> = weights.into_iter().map(clause).collect();
        let any = BooleanQuery::new(clauses);
        let mut all = filters(snapshot, search);
        for phrase in &self.phrases {
            let query = Box::new(ConstScoreQuery::new(phrase.query(snapshot), 0.0));
            all.push((Occur::Must, query));
        }
        if all.is_empty() {
            return Box::new(any);
        }
        let words = if self.phrases.is_empty() { Occur::Must } else { Occur::Should };
        all.push((words, Box::new(any)));
        Box::new(BooleanQuery::new(all))
    }
}

/// Whether a word of a question says nothing about what is asked.
fn says_nothing(term: &str, word: &str, languages: &[Language]) -> bool {
    let foreign = || languages.iter().any(|it| it.is_stop_word(&word.to_lowercase()));
    STOP_WORDS.contains(&term) || term.chars().all(is_hiragana) || foreign()
}

/// Number of distinct terms of a heading that say something.
pub(super) fn telling_terms(heading: &str, language: Language) -> usize {
    let mut terms = FxHashSet::default();
    analyzer::terms(heading, language, |token| {
        let word = &heading[token.offset_from..token.offset_to];
        if !says_nothing(&token.text, word, &[language]) {
            terms.insert(token.text.clone());
        }
    });
    terms.len()
}

/// Pairs of these alone are endings and particles.
fn is_hiragana(c: char) -> bool {
    matches!(c, '\u{3040}'..='\u{309F}')
}

/// Keeps the items that are marked.
fn keep<T>(items: &mut Vec<T>, marks: &[bool]) {
    let mut marks = marks.iter();
    items.retain(|_| marks.next().is_some_and(|mark| *mark));
}

/// The clauses that a search is narrowed down by: what may be seen, and what is asked for.
pub(super) fn filters(snapshot: &Snapshot, search: &Search) -> Vec<(Occur, Box<dyn Query>)> {
    let fields = &snapshot.fields;
    let collection = search.collection.as_ref().map(|name| format!("{name}/"));
    let filters = [
        (fields.under, search.under.as_deref()),
        (fields.under, collection.as_deref()),
        (fields.version, search.version.as_deref()),
        (fields.language, search.language.as_deref()),
    ];
    let part = snapshot.part_filter().map(|part| (Occur::Must, part));
    let mut all: Vec<(Occur, Box<dyn Query>)> = part.into_iter().collect();
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
        analyzer::terms(text, section.stemmed, |token| {
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

    fn of(query: &str) -> QueryTerms {
        QueryTerms::of(query, &[Language::ENGLISH])
    }

    #[test]
    fn stop_words_go_unless_they_are_all_there_is() {
        assert_eq!(of("how do I install it?").terms(), ["instal"]);
        assert_eq!(of("to be or not to be").terms(), ["not"]);
        assert_eq!(of("how to").terms(), ["how", "to"]);
        let german = [Language::ENGLISH, Language::of(Some("de"), "")];
        assert_eq!(
            QueryTerms::of("wie kann ich Ordner wählen", &german).terms(),
            ["ordner", "wahlen"]
        );
        assert_eq!(of("データを渡すには").terms(), ["デー", "ータ", "タを", "を渡", "渡す"]);
        assert_eq!(of("如何安装").terms(), ["何安", "安装"]);
    }

    #[test]
    fn any_text_is_a_question_of_bounded_size() {
        assert!(of("((((( AND NOT \"* :").terms().len() <= 2);
        assert_eq!(of("😀 … !!").terms(), [] as [&str; 0]);
        let many: String = (0..5000).map(|n| format!("w{n} ")).collect();
        assert_eq!(of(&many).terms().len(), MAX_TERMS);
    }
}
