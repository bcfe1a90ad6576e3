//! Quoted parts of a question: sections that hold their words side by side and in order come first,
//! if there are any.

use tantivy::query::{BooleanQuery, EnableScoring, PhraseQuery, Query};
use tantivy::{DocSet, TERMINATED, Term};

use super::Search;
use super::analyzer::{self, Language};
use super::query::QueryTerms;
use super::snapshot::Snapshot;

/// Phrases of a question that count; nobody quotes more on purpose.
const MAX_PHRASES: usize = 4;
/// Positions of a phrase that count. Each costs a list of positions to read; a quoted error
/// message is unique long before.
const MAX_POSITIONS: usize = 24;

/// Marks that open a quotation, with those that close it (CLDR, quotation delimiters).
const MARKS: &[(char, &[char])] = &[
    ('"', &['"']),
    ('＂', &['＂']),
    ('“', &['”']),
    ('”', &['”']),
    ('„', &['“', '”']),
    ('«', &['»']),
    ('»', &['«']),
    ('「', &['」']),
    ('『', &['』']),
];

/// Words that stand side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phrase {
    /// As they were quoted.
    pub(super) words: String,
    /// For each language, one term for each position, the first at 0.
    terms: Vec<(Language, Vec<(usize, String)>)>,
}

impl Phrase {
    /// The phrases of a question to pages in these languages, at most [`MAX_PHRASES`]. A quotation
    /// of a single position is none: its word is looked for anyway.
    pub(super) fn all(query: &str, languages: &[Language]) -> Vec<Phrase> {
        let phrases = quotations(query).into_iter().map(|words| Phrase::of(words, languages));
        let several = |phrase: &Phrase| phrase.terms.iter().any(|(_, terms)| terms.len() > 1);
        phrases.filter(several).take(MAX_PHRASES).collect()
    }

    fn of(words: &str, languages: &[Language]) -> Phrase {
        let in_language = |language: &Language| {
            let mut terms = positions(words, *language);
            terms.truncate(MAX_POSITIONS);
            let first = terms.first().map_or(0, |(position, _)| *position);
            for (position, _) in &mut terms {
                *position -= first;
            }
            (*language, terms)
        };
        let terms = languages.iter().map(in_language).collect();
        Phrase { words: words.trim().to_owned(), terms }
    }

    /// The query for the sections that hold the phrase.
    pub(super) fn query(&self, snapshot: &Snapshot) -> Box<dyn Query> {
        let term = |(position, term): &(usize, String)| {
            (*position, Term::from_field_text(snapshot.fields.text, term))
        };
        let is_seen = |(_, terms): &&(Language, Vec<(usize, String)>)| {
            !terms.iter().any(|(_, term)| snapshot.hides(term))
        };
        let phrase = |(_, terms): &(Language, Vec<(usize, String)>)| -> Box<dyn Query> {
            Box::new(PhraseQuery::new_with_offset(terms.iter().map(term).collect()))
        };
        Box::new(BooleanQuery::union(self.terms.iter().filter(is_seen).map(phrase).collect()))
    }

    /// Whether a text of a language holds the phrase.
    pub(super) fn stands_in(&self, text: &str, language: Language) -> bool {
        let Some((_, terms)) = self.terms.iter().find(|(known, _)| *known == language) else {
            return false;
        };
        let text = positions(text, language);
        let holds = |start: usize| {
            let mut at = start;
            terms.iter().all(|(offset, term)| {
                let wanted = text[start].0 + offset;
                while at < text.len() && text[at].0 < wanted {
                    at += 1;
                }
                text.get(at).is_some_and(|(position, here)| *position == wanted && here == term)
            })
        };
        (0..text.len()).any(holds)
    }
}

impl Snapshot {
    /// Keeps the phrases that some section holds within the filters of the search, and notes the
    /// others. Where each stands somewhere but no section has all of them, none is kept.
    pub(super) fn keep_held_phrases(
        &self,
        terms: &mut QueryTerms,
        search: &Search,
    ) -> anyhow::Result<()> {
        let (mut held, mut unheld) = (Vec::new(), Vec::new());
        for phrase in std::mem::take(&mut terms.phrases) {
            terms.phrases = vec![phrase];
            let is_held = self.has_any(&*terms.query(self, search, f32::MAX))?;
            if is_held { &mut held } else { &mut unheld }.append(&mut terms.phrases);
        }
        terms.phrases = held;
        if terms.phrases.len() > 1 && !self.has_any(&*terms.query(self, search, f32::MAX))? {
            unheld.append(&mut terms.phrases);
        }
        terms.unheld = unheld.into_iter().map(|phrase| phrase.words).collect();
        Ok(())
    }

    /// Whether a query matches anything; looks no further than the first match.
    fn has_any(&self, query: &dyn Query) -> anyhow::Result<bool> {
        let weight = query.weight(EnableScoring::disabled_from_searcher(&self.searcher))?;
        for segment in self.searcher.segment_readers() {
            let mut matches = weight.scorer(segment, 1.0)?;
            let mut doc = matches.doc();
            while doc != TERMINATED {
                if segment.alive_bitset().is_none_or(|alive| alive.is_alive(doc)) {
                    return Ok(true);
                }
                doc = matches.advance();
            }
        }
        Ok(false)
    }
}

/// One term for each position. Where a compound and its first part begin at the same one, the part
/// comes last and stands: `rolling-update` holds the phrase "rolling update".
fn positions(text: &str, language: Language) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    analyzer::terms(text, language, |token| {
        if let Some(last) = found.last_mut().filter(|(position, _)| *position == token.position) {
            last.1.clone_from(&token.text);
        } else {
            found.push((token.position, token.text.clone()));
        }
    });
    found
}

/// What stands in quotation marks. Straight marks also stand in code and after inches, so they
/// count only where white space, or a script without it, is around the whole.
fn quotations(query: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut after = 0;
    let mut before = None;
    for (at, c) in query.char_indices() {
        let previous = before.replace(c);
        if at < after {
            continue;
        }
        let Some((_, closing)) = MARKS.iter().find(|(mark, _)| *mark == c) else { continue };
        let free = |c: char| c.is_whitespace() || !c.is_ascii();
        if c == '"' && !previous.is_none_or(free) {
            continue;
        }
        let from = at + c.len_utf8();
        let Some(length) = query[from..].find(*closing) else { continue };
        let end = from + length;
        let rest = query[end..].chars().nth(1);
        if c == '"' && !rest.is_none_or(|c| free(c) || ".,;:!?".contains(c)) {
            continue;
        }
        found.push(&query[from..end]);
        after = end + query[end..].chars().next().map_or(0, char::len_utf8);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(query: &str) -> Vec<Phrase> {
        Phrase::all(query, &[Language::ENGLISH])
    }

    #[test]
    fn quotations_are_found_in_the_marks_of_many_languages() {
        for (query, expected) in [
            (r#""rolling update" strategy"#, vec!["rolling update"]),
            (r#"is "a b", or "c d"?"#, vec!["a b", "c d"]),
            ("“rolling update” and „schlaue Zeile“", vec!["rolling update", "schlaue Zeile"]),
            ("«bonjour monde» ”hej du”", vec!["bonjour monde", "hej du"]),
            ("如何使用「具名插槽」", vec!["具名插槽"]),
            (r#"如何使用"具名插槽""#, vec!["具名插槽"]),
        ] {
            assert_eq!(quotations(query), expected, "{query}");
        }
    }

    #[test]
    fn marks_in_code_and_marks_left_open_mean_nothing() {
        for query in [
            r#"print("hello world")"#,
            r#"{"a": "b c"}"#,
            r#"<a href="x y">"#,
            r#"a "b c"#,
            r#"a 5" disk and a 3" one"#,
            "\"",
            "it's „open",
        ] {
            assert_eq!(quotations(query), [] as [&str; 0], "{query}");
        }
    }

    #[test]
    fn a_phrase_is_several_positions_and_bounded() {
        assert_eq!(all(r#""foo" bar"#), []);
        assert_eq!(all(r#""" " " "?!""#), []);
        let long = format!("\"{}\"", "word ".repeat(200));
        assert_eq!(all(&long)[0].terms[0].1.len(), MAX_POSITIONS);
        assert_eq!(all(&"\"a b\" ".repeat(50)).len(), MAX_PHRASES);
    }

    #[test]
    fn a_text_holds_a_phrase_in_order_and_side_by_side() {
        let phrase = &all(r#""rolling updates""#)[0];
        assert!(phrase.stands_in("Do a Rolling Update now.", Language::ENGLISH));
        assert!(phrase.stands_in("`rolling-update`", Language::ENGLISH));
        assert!(!phrase.stands_in("An update that is rolling.", Language::ENGLISH));
        assert!(!phrase.stands_in("rolling of the update", Language::ENGLISH));
    }
}
