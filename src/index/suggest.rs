//! What to say when nothing was found: words of the index that are near, headings that are near.

use rustc_hash::FxHashMap;

use super::QueryTerms;
use super::schema::PageRecord;
use super::snapshot::Snapshot;

/// Largest distance at which a word is offered: one edit in short words, two in long ones.
fn reach(word: &str) -> usize {
    if word.chars().count() < 8 { 1 } else { 2 }
}

impl Snapshot {
    /// For each term of the question that the index does not know, the most frequent word near
    /// it, as (word of the question, word of the index).
    pub fn corrections(&self, terms: &QueryTerms) -> anyhow::Result<Vec<(String, String)>> {
        self.reading(|| self.near(terms))
    }

    fn near(&self, terms: &QueryTerms) -> anyhow::Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        for (term, word) in terms.terms().iter().zip(terms.words()) {
            let letters = term.chars().count();
            if letters < 4 || self.frequency(term)? > 0 {
                continue;
            }
            if let Some(near) = self.nearest_term(term)? {
                found.push((word.clone(), near));
            }
        }
        Ok(found)
    }

    fn frequency(&self, term: &str) -> anyhow::Result<u64> {
        let term = tantivy::Term::from_field_text(self.fields.text, term);
        Ok(self.searcher.doc_freq(&term)?)
    }

    /// The most frequent term within reach that starts with the same letter.
    fn nearest_term(&self, term: &str) -> anyhow::Result<Option<String>> {
        let mut candidates: FxHashMap<String, (usize, u64)> = FxHashMap::default();
        let Some(first) = term.chars().next() else { return Ok(None) };
        let from = first.to_string();
        for segment in self.searcher.segment_readers() {
            let inverted = segment.inverted_index(self.fields.text)?;
            let mut stream = inverted.terms().range().ge(from.as_bytes()).into_stream()?;
            while stream.advance() {
                let Ok(candidate) = std::str::from_utf8(stream.key()) else { continue };
                if !candidate.starts_with(first) {
                    break;
                }
                let far = candidate.len().abs_diff(term.len()) > 2 * reach(term);
                if far {
                    continue;
                }
                let distance = distance(term, candidate);
                if distance <= reach(term) {
                    let frequency = u64::from(stream.value().doc_freq);
                    candidates.entry(candidate.to_owned()).or_insert((distance, 0)).1 += frequency;
                }
            }
        }
        let best = candidates.into_iter().min_by_key(|(word, (distance, frequency))| {
            (*distance, std::cmp::Reverse(*frequency), word.clone())
        });
        Ok(best.map(|(word, _)| word))
    }

    /// Pages whose path or title is nearest to what was asked for, nearest first.
    pub fn nearest_pages(
        &self,
        wanted: &str,
        limit: usize,
    ) -> anyhow::Result<Vec<std::sync::Arc<PageRecord>>> {
        let catalog = self.catalog()?;
        let wanted = wanted.to_lowercase();
        let name = |path: &str| {
            let file = path.rsplit('/').next().unwrap_or(path);
            file.split('.').next().unwrap_or(file).to_lowercase()
        };
        let wanted_name = name(&wanted);
        let mut scored: Vec<(usize, &std::sync::Arc<PageRecord>)> = catalog
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
    fn the_nearest_name_is_offered_if_it_is_near() {
        assert_eq!(nearest("guid", ["guide", "api"].into_iter()), Some("guide"));
        assert_eq!(nearest("zzzzzzzz", ["guide", "api"].into_iter()), None);
    }
}
