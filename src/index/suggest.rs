//! What is near to what was asked for: pages, headings, names.

use super::schema::PageRecord;
use super::snapshot::Snapshot;

/// Largest distance at which a word is offered: one edit in short words, two in long ones.
pub(super) fn reach(word: &str) -> usize {
    if word.chars().count() < 8 { 1 } else { 2 }
}

impl Snapshot {
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
pub(super) fn distance(a: &str, b: &str) -> usize {
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
