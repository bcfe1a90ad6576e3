//! From the words of a question to the terms that are looked for: words that the index does not
//! know are corrected, words that were written apart or together are tried the other way, and
//! words that docs use instead are looked for as well.

use super::analyzer::{self, Language};
use super::query::{Group, QueryTerms};
use super::rank::Weights;
use super::snapshot::Snapshot;
use super::suggest::reach;
use super::synonyms;

/// Shortest word that is corrected: among shorter ones anything is near anything.
const LEAST_LETTERS: usize = 4;
/// Shortest part that a word is split into.
const LEAST_PART: usize = 3;

impl Snapshot {
    /// Completes the terms of a question with what this index has for them.
    pub(super) fn expand(
        &self,
        mut terms: QueryTerms,
        weights: &Weights,
    ) -> anyhow::Result<QueryTerms> {
        let mut groups = Vec::with_capacity(terms.terms.len());
        for at in 0..terms.terms.len() {
            let term = terms.terms[at].clone();
            let (frequency, synonyms) = (self.frequency(&term)?, synonyms::of(&term));
            let mut group = Group::of(&term, frequency);
            for form in &terms.forms[at][1..] {
                let frequency = self.frequency(form)?;
                if frequency > 0 {
                    group.add(form.clone(), 1.0, frequency);
                }
            }
            let joined = self.joined(&terms, at)?;
            // What is in the table, or makes a word with the next, is no misspelling, even where
            // these docs never say it.
            let known = group.frequency() > 0 || !synonyms.is_empty() || joined.is_some();
            if !known && is_word(&term) {
                self.correct(&mut terms, at, &mut groups, weights)?;
                continue;
            }
            if let Some((joined, frequency)) = joined {
                group.add(joined, weights.joined, frequency);
            }
            for synonym in synonyms {
                let frequency = self.frequency(synonym)?;
                if frequency > 0 {
                    group.add(synonym.clone(), weights.synonym, frequency);
                }
            }
            groups.push(group);
        }
        terms.groups = groups;
        Ok(terms)
    }

    /// Puts what the index has in place of a word that it does not know.
    fn correct(
        &self,
        terms: &mut QueryTerms,
        at: usize,
        groups: &mut Vec<Group>,
        weights: &Weights,
    ) -> anyhow::Result<()> {
        let term = terms.terms[at].clone();
        let near = self.near_terms(&term)?;
        if let Some(((best, frequency), others)) = near.split_first() {
            let mut group = Group::of(best, *frequency);
            for (other, frequency) in others {
                group.add(other.clone(), weights.near, *frequency);
            }
            groups.push(group);
            terms.corrected.push((terms.words[at].clone(), best.clone()));
            terms.put(at, best);
        } else if let Some((first, second)) = self.parts(&terms.words[at])? {
            for part in [&first, &second] {
                groups.push(Group::of(part, self.frequency(part)?));
            }
            terms.corrected.push((terms.words[at].clone(), format!("{first} {second}")));
            terms.put(at, &first);
        } else {
            groups.push(Group::of(&term, 0));
        }
        Ok(())
    }

    /// Terms at the least distance within reach that start with the same letter, the most
    /// frequent first; at most three.
    fn near_terms(&self, term: &str) -> anyhow::Result<Vec<(String, u64)>> {
        let mut near = self.terms_within(term, reach(term))?;
        let least = near.iter().map(|(_, distance, _)| *distance).min();
        near.retain(|(_, distance, _)| Some(*distance) == least);
        near.sort_unstable_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
        near.truncate(3);
        Ok(near.into_iter().map(|(term, _, frequency)| (term, frequency)).collect())
    }

    /// The term of this word and the next, written as one, if the index knows it.
    fn joined(&self, terms: &QueryTerms, at: usize) -> anyhow::Result<Option<(String, u64)>> {
        let [first, second] = match terms.words.get(at..at + 2) {
            Some([first, second]) if terms.places[at] + 1 == terms.places[at + 1] => {
                [first, second]
            }
            _ => return Ok(None),
        };
        let letters = |word: &String| word.len() > 1 && word.chars().all(char::is_alphabetic);
        if !letters(first) || !letters(second) {
            return Ok(None);
        }
        let joined = stem(&format!("{first}{second}"));
        let frequency = self.frequency(&joined)?;
        Ok((frequency > 0).then_some((joined, frequency)))
    }

    /// Two terms that the index knows and that make the word; the split whose rarer part is the
    /// most frequent.
    fn parts(&self, word: &str) -> anyhow::Result<Option<(String, String)>> {
        let mut best: Option<(u64, String, String)> = None;
        for (at, _) in word.char_indices() {
            let (first, second) = word.split_at(at);
            if first.chars().count() < LEAST_PART || second.chars().count() < LEAST_PART {
                continue;
            }
            let (first, second) = (stem(first), stem(second));
            let rarer = self.frequency(&first)?.min(self.frequency(&second)?);
            if rarer > best.as_ref().map_or(0, |(frequency, ..)| *frequency) {
                best = Some((rarer, first, second));
            }
        }
        Ok(best.map(|(_, first, second)| (first, second)))
    }
}

/// Whether a term is a word that can be misspelt: identifiers, numbers and scripts without
/// alphabets are as they are.
fn is_word(term: &str) -> bool {
    term.chars().count() >= LEAST_LETTERS
        && term.chars().all(|c| c.is_alphabetic() && !analyzer::is_unspaced(c))
}

fn stem(word: &str) -> String {
    let mut term = String::new();
    analyzer::terms(word, Language::ENGLISH, |token| term.clone_from(&token.text));
    term
}
