//! Which of several copies is shown: that of the newest version.

use std::cmp::Ordering;

use super::Shelf;
use crate::index::Hit;

/// Puts the newest of the copies that score alike in front, where versions are known.
pub(super) fn newest_first(hits: &mut [Hit], shelves: &[Shelf]) {
    let version = |hit: &Hit| {
        let shelf = shelves.iter().find(|shelf| shelf.name == hit.record.collection);
        shelf.and_then(|shelf| shelf.version.as_deref())
    };
    for hit in hits.iter_mut().filter(|hit| !hit.also.is_empty()) {
        let mut newest: Option<usize> = None;
        for (at, copy) in hit.also.iter().enumerate() {
            let shown = newest.map_or(&*hit, |at| &hit.also[at]);
            if copy.scores_like(hit) && order(version(copy), version(shown)) == Ordering::Greater {
                newest = Some(at);
            }
        }
        if let Some(at) = newest {
            let mut also = std::mem::take(&mut hit.also);
            std::mem::swap(hit, &mut also[at]);
            hit.also = also;
        }
    }
}

/// Order of two versions by their numbers; what has none is neither newer nor older.
fn order(a: Option<&str>, b: Option<&str>) -> Ordering {
    let numbers = |version: Option<&str>| -> Vec<u64> {
        let parts = version.unwrap_or_default().split(|c: char| !c.is_ascii_digit());
        parts.filter_map(|part| part.parse().ok()).collect()
    };
    let (a, b) = (numbers(a), numbers(b));
    if a.is_empty() || b.is_empty() { Ordering::Equal } else { a.cmp(&b) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        for (older, newer) in [("v1.9", "v1.10"), ("1.x", "2.x"), ("2", "2.1"), ("r9", "10")] {
            assert_eq!(order(Some(older), Some(newer)), Ordering::Less, "{older} {newer}");
        }
        assert_eq!(order(Some("next"), Some("1")), Ordering::Equal);
        assert_eq!(order(None, Some("1")), Ordering::Equal);
    }
}
