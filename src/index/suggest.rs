//! What is near to what was asked for: pages, headings, words, names.

use std::cmp::Reverse;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};
use tantivy::Term;
use tantivy::collector::{Count, TopDocs};
use tantivy::query::FuzzyTermQuery;

use super::query::{Group, QueryTerms, spelling};
use super::schema::{PageRecord, SectionEntry, Stored};
use super::snapshot::Snapshot;
use super::{Search, analyzer};

/// Words that are offered for one that nothing holds.
const OFFERED: usize = 3;
/// First letters that a word must share with another to be offered whatever follows.
const SHARED_LETTERS: usize = 4;
/// Most edits between a word and one that is offered for it.
const MOST_EDITS: usize = 3;
/// Least share of pairs of letters that a heading has in common with the question (the coefficient
/// of Dice, as Adamson and Boreham 1974 use it for words): below stand chance likenesses.
const LIKENESS: f32 = 0.4;

/// Largest distance at which a word is offered: one edit in short words, two in long ones.
pub(super) fn reach(word: &str) -> u8 {
    if word.chars().count() < 8 { 1 } else { 2 }
}

/// A term, its distance in edits, and the number of documents that hold it.
pub(super) type NearTerm = (String, usize, u64);

/// Terms of several segments, each once.
#[derive(Default)]
struct Found(FxHashMap<String, (usize, u64)>);

impl Found {
    fn add(&mut self, term: &[u8], distance: usize, documents: u32) {
        if let Ok(term) = std::str::from_utf8(term)
            && documents > 0
        {
            self.0.entry(term.to_owned()).or_insert((distance, 0)).1 += u64::from(documents);
        }
    }

    fn all(self) -> Vec<NearTerm> {
        let flat = |(term, (distance, documents))| (term, distance, documents);
        self.0.into_iter().map(flat).collect()
    }
}

impl Snapshot {
    /// Number of sections that hold a word of an analysed question within the filters of a search.
    pub fn matches(&self, terms: &QueryTerms, search: &Search) -> anyhow::Result<u64> {
        if terms.terms().is_empty() {
            return Ok(0);
        }
        self.reading(|| Ok(self.look(&*terms.query(self, search, 0.0), &Count)? as u64))
    }

    /// Words of these docs that are near to those of the question that they do not have, written
    /// as they write them; only such as some section holds within the filters. Looks further than
    /// the correction of a question does, because these are offered and not taken.
    pub fn near_words(&self, terms: &QueryTerms, search: &Search) -> anyhow::Result<Vec<String>> {
        self.reading(|| {
            let mut words = Vec::new();
            for term in terms.terms().iter().take(OFFERED) {
                if self.frequency(term)? > 0 || !term.chars().all(char::is_alphabetic) {
                    continue;
                }
                for near in self.terms_near(term)? {
                    let alone = QueryTerms {
                        terms: vec![near.clone()],
                        groups: vec![Group::of(&near, 1)],
                        ..QueryTerms::default()
                    };
                    let query = alone.query(self, search, 0.0);
                    let top = TopDocs::with_limit(1).order_by_score();
                    let found = self.look(&*query, &top)?;
                    let Some((_, address)) = found.first() else { continue };
                    if let Stored::Section(section) = self.load(*address)? {
                        words.extend(spelling(&near, &section).filter(|w| !words.contains(w)));
                    }
                }
            }
            Ok(words)
        })
    }

    /// Terms that begin like this one, or are within a third of its letters and [`MOST_EDITS`] of
    /// it, the nearest first.
    fn terms_near(&self, term: &str) -> anyhow::Result<Vec<String>> {
        let length = term.chars().count();
        let near = Neighbours::of(term, (length / 3).clamp(1, MOST_EDITS));
        let beginning: String = term.chars().take(SHARED_LETTERS).collect();
        let like = |other: &[u8]| {
            let begins = length >= SHARED_LETTERS && other.starts_with(beginning.as_bytes());
            let text = || std::str::from_utf8(other).ok();
            let far = || begins.then(|| Some(bounded_distance(term, text()?))).flatten();
            let distance = near.distance(other).or_else(far)?;
            text()?.chars().all(char::is_alphabetic).then_some(distance)
        };
        let mut found = self.terms_like(like)?;
        found.sort_unstable_by(|(a, da, fa), (b, db, fb)| {
            (da, Reverse(fa), a).cmp(&(db, Reverse(fb), b))
        });
        Ok(found.into_iter().map(|(term, ..)| term).take(OFFERED).collect())
    }

    /// Terms of the whole vocabulary for which `distance` tells one.
    fn terms_like(
        &self,
        distance: impl Fn(&[u8]) -> Option<usize>,
    ) -> anyhow::Result<Vec<NearTerm>> {
        let mut found = Found::default();
        for (at, segment) in self.searcher.segment_readers().iter().enumerate() {
            let inverted = segment.inverted_index(self.fields.text)?;
            let mut stream = inverted.terms().stream()?;
            while stream.advance() {
                if let Some(distance) = distance(stream.key()) {
                    let documents = self.holding(at, stream.term_ord(), stream.value())?;
                    found.add(stream.key(), distance, documents);
                }
            }
        }
        Ok(found.all())
    }

    /// Terms within so many edits, 0 to 2, that begin with the same letter. Only what can still be
    /// within reach is walked through (Schulz and Mihov 2002).
    pub(super) fn terms_within(&self, term: &str, edits: u8) -> anyhow::Result<Vec<NearTerm>> {
        let Some(first) = term.chars().next() else { return Ok(Vec::new()) };
        let first = first.to_string();
        let last = [first.as_bytes(), &[u8::MAX]].concat();
        let fuzzy = Term::from_field_text(self.fields.text, term);
        let fuzzy = FuzzyTermQuery::new(fuzzy, edits, true);
        let mut found = Found::default();
        for (at, segment) in self.searcher.segment_readers().iter().enumerate() {
            let inverted = segment.inverted_index(self.fields.text)?;
            let near = inverted.terms().search(fuzzy.automaton()?);
            let mut stream = near.ge(&first).lt(&last).into_stream()?;
            while stream.advance() {
                let Ok(other) = std::str::from_utf8(stream.key()) else { continue };
                let documents = self.holding(at, stream.term_ord(), stream.value())?;
                found.add(stream.key(), distance(term, other), documents);
            }
        }
        Ok(found.all())
    }

    /// Headings that look most like the question or one of these words, with their pages, within
    /// the filters of a search that say where; likest first.
    pub fn near_headings(
        &self,
        search: &Search,
        words: &[String],
        limit: usize,
    ) -> anyhow::Result<Vec<(Arc<PageRecord>, SectionEntry)>> {
        let asked = words.iter().chain([&search.query]);
        let asked: Vec<Pairs> = asked.map(|text| Pairs::of(text)).collect();
        let mut found: Vec<(f32, &Arc<PageRecord>, &SectionEntry)> = Vec::new();
        for page in self.catalog()?.pages().iter().filter(|page| lies_in(page, search)) {
            for section in &page.sections {
                let title = if section.title.is_empty() { &*page.title } else { &*section.title };
                let likeness = asked.iter().map(|asked| asked.likeness(title)).fold(0.0, f32::max);
                if likeness >= LIKENESS {
                    found.push((likeness, page, section));
                }
            }
        }
        // Among equals those that come first, which a stable order keeps.
        found.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut seen = FxHashSet::default();
        found.retain(|(_, page, section)| seen.insert((&page.title, &section.title)));
        found.truncate(limit);
        Ok(found.into_iter().map(|(_, page, section)| (page.clone(), section.clone())).collect())
    }

    /// Pages whose path or title is nearest to what was asked for, nearest first.
    pub fn nearest_pages(
        &self,
        wanted: &str,
        limit: usize,
    ) -> anyhow::Result<Vec<Arc<PageRecord>>> {
        let catalog = self.catalog()?;
        let wanted = wanted.to_lowercase();
        let name = |path: &str| {
            let file = path.rsplit('/').next().unwrap_or(path);
            file.split('.').next().unwrap_or(file).to_lowercase()
        };
        let wanted_name = name(&wanted);
        let mut scored: Vec<(usize, &Arc<PageRecord>)> = catalog
            .pages()
            .iter()
            .map(|page| {
                let path = page.path.to_lowercase();
                let whole = bounded_distance(&wanted, &path);
                let short = bounded_distance(&wanted_name, &name(&path));
                let contains = path.contains(&wanted_name) || page.title.to_lowercase() == wanted;
                (whole.min(short * 2 + 1).min(if contains { 2 } else { usize::MAX }), page)
            })
            .filter(|(distance, _)| *distance <= (wanted.len() / 2).max(3))
            .collect();
        scored.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| a.1.path.cmp(&b.1.path)));
        Ok(scored.into_iter().take(limit).map(|(_, page)| page.clone()).collect())
    }
}

/// Whether a page is where a search looks.
fn lies_in(page: &PageRecord, search: &Search) -> bool {
    let key = format!("{}/{}", page.collection, page.path);
    let under = |under: &String| key == *under || (under.ends_with('/') && key.starts_with(under));
    search.under.as_ref().is_none_or(under)
        && search.collection.as_ref().is_none_or(|name| page.collection == *name)
        && (search.language.is_none() || page.language == search.language)
}

/// Pairs of neighbouring letters of the words of a text.
struct Pairs(FxHashSet<(char, char)>);

impl Pairs {
    fn of(text: &str) -> Pairs {
        let mut pairs = FxHashSet::default();
        each_pair(text, |pair| {
            pairs.insert(pair);
        });
        Pairs(pairs)
    }

    /// Twice the pairs in common over all pairs, 0 to 1. Every heading is looked at, so nothing is
    /// kept of them; a pair that stands twice in one counts twice.
    fn likeness(&self, other: &str) -> f32 {
        let (mut common, mut all) = (0, 0);
        each_pair(other, |pair| {
            all += 1;
            common += usize::from(self.0.contains(&pair));
        });
        let common = common.min(self.0.len());
        2.0 * common as f32 / (self.0.len() + all).max(1) as f32
    }
}

/// Calls for each pair; a letter of a script without spaces counts by itself, too.
fn each_pair(text: &str, mut each: impl FnMut((char, char))) {
    let mut before = None;
    for c in text.chars().take(200).flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            if analyzer::is_unspaced(c) {
                each((c, c));
            }
            if let Some(before) = before {
                each((before, c));
            }
        }
        before = c.is_alphanumeric().then_some(c);
    }
}

/// Nearest of a few names to what was asked for.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = wanted.to_lowercase();
    let scored = names.map(|name| (bounded_distance(&wanted, &name.to_lowercase()), name));
    scored
        .min_by_key(|(distance, _)| *distance)
        .filter(|(d, _)| *d <= wanted.len().max(4) / 2)
        .map(|(_, n)| n)
}

/// Distance of names of a sane length; others are not near anything.
fn bounded_distance(a: &str, b: &str) -> usize {
    if a.len() > 200 || b.len() > 200 || a.len().abs_diff(b.len()) > 40 {
        return usize::MAX / 4;
    }
    distance(a, b)
}

/// Tells which terms are within reach of one. A whole vocabulary is asked, so that a cheap look
/// comes first.
struct Neighbours<'a> {
    term: &'a str,
    reach: usize,
    letters: u32,
}

impl Neighbours<'_> {
    /// Those within so many edits.
    fn of(term: &str, reach: usize) -> Neighbours<'_> {
        Neighbours { term, reach, letters: letters(term.as_bytes()) }
    }

    /// Edits to another term, if it is within reach.
    fn distance(&self, other: &[u8]) -> Option<usize> {
        // An edit changes two letters of the set at the most: that rules out nearly all.
        let differ = (self.letters ^ letters(other)).count_ones() as usize;
        if other.len().abs_diff(self.term.len()) > self.reach || differ > 2 * self.reach {
            return None;
        }
        let distance = distance(self.term, std::str::from_utf8(other).ok()?);
        (distance <= self.reach).then_some(distance)
    }
}

/// The set of letters in a term, ASCII letters apart, all others as one.
fn letters(term: &[u8]) -> u32 {
    term.iter().fold(0, |set, byte| {
        set | match byte {
            b'a'..=b'z' => 1 << (byte - b'a'),
            _ => 1 << 26,
        }
    })
}

/// Edits between two words, an exchange of neighbours counting as one (restricted
/// Damerau-Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let cost = usize::from(a[i - 1] != b[j - 1]);
            row[j] = (previous[j] + 1).min(row[j - 1] + 1).min(previous[j - 1] + cost);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut previous, row);
    }
    previous[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_is_one_edit() {
        assert_eq!(distance("ownersihp", "ownership"), 1);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }

    #[test]
    fn likeness_is_in_pairs_of_letters() {
        let like = |a, b| Pairs::of(a).likeness(b);
        assert_eq!(like("Scaling", "scaling"), 1.0);
        assert!(like("autoscaling", "Scaling") > LIKENESS);
        assert!(like("作用域插槽", "插槽") > LIKENESS);
        assert!(like("zebra", "Scaling") < LIKENESS);
        assert_eq!(like("", "?"), 0.0);
    }

    #[test]
    fn the_nearest_name_is_offered_if_it_is_near() {
        assert_eq!(nearest("guid", ["guide", "api"].into_iter()), Some("guide"));
        assert_eq!(nearest("zzzzzzzz", ["guide", "api"].into_iter()), None);
    }
}
