//! What the answers of a question cover in an index, and how hits fare against them.

use std::ops::Range;

use super::measure::Measures;
use super::question::{Gold, Mistake, Question};
use crate::corpus::heading_slug;
use crate::index::{Catalog, PROMPT, PageRecord, Snapshot, nearest};

/// Pages or headings that are named when one does not exist.
const NEAR: usize = 5;

/// Finds what ids name in one generation of an index.
pub struct Lookup<'a> {
    snapshot: &'a Snapshot,
    catalog: &'a Catalog,
    /// The collection that ids leave out; none if there are several.
    only: Option<&'a str>,
}

/// Where a hit is: a page, and a section of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    page: String,
    section: usize,
}

impl Place {
    /// The id of the page.
    pub fn page(&self) -> &str {
        &self.page
    }
}

/// All that answers a question.
#[derive(Debug, Clone)]
pub struct Targets(Vec<Target>);

#[derive(Debug, Clone)]
struct Target {
    page: String,
    /// Sections under the heading; none for the whole page.
    covers: Option<Vec<Range<usize>>>,
    grade: u32,
}

/// How the hits of one question fare.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Distinct pages, in the order of their first hits.
    pub page: Measures,
    /// The hits themselves.
    pub section: Measures,
    /// Where each answer came, in the order of the question's gold.
    pub ranks: Vec<Ranks>,
}

/// Where one answer came, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranks {
    /// Its page, among the distinct pages.
    pub page: Option<usize>,
    /// The hit that counts for it.
    pub section: Option<usize>,
}

impl<'a> Lookup<'a> {
    /// Looks into a snapshot; `only` is the collection that ids leave out because it is the only
    /// one.
    ///
    /// # Errors
    ///
    /// The index cannot be read.
    pub fn new(snapshot: &'a Snapshot, only: Option<&'a str>) -> anyhow::Result<Lookup<'a>> {
        Ok(Lookup { snapshot, catalog: snapshot.catalog()?, only })
    }

    /// Where a hit is; none for an id that names nothing.
    pub fn place(&self, id: &str) -> Option<Place> {
        // A path may hold a `#` itself: the longest name that is a page wins.
        let splits = id.rmatch_indices('#').map(|(at, _)| (&id[..at], &id[at + 1..]));
        std::iter::once((id, "")).chain(splits).find_map(|(name, anchor)| {
            let page = self.page(name)?;
            // What stands above all headings has no anchor, nor has a page without any.
            let section = page.sections.iter().position(|entry| &*entry.anchor == anchor);
            Some(Place { page: name.to_owned(), section: section.unwrap_or(0) })
        })
    }

    /// What answers a question.
    ///
    /// # Errors
    ///
    /// A page or heading that is not there, with what is near: then the line is wrong, not the
    /// ranking.
    pub fn targets(&self, question: &Question) -> anyhow::Result<Result<Targets, Mistake>> {
        let mut targets = Vec::with_capacity(question.gold.len());
        for gold in &question.gold {
            match self.target(gold)? {
                Ok(target) => targets.push(target),
                Err(message) => return Ok(Err(Mistake { line: question.line, message })),
            }
        }
        Ok(Ok(Targets(targets)))
    }

    fn target(&self, gold: &Gold) -> anyhow::Result<Result<Target, String>> {
        let Gold { path, heading, grade } = gold;
        let Some(page) = self.page(path) else { return Ok(Err(self.no_page(path)?)) };
        if path.ends_with(PROMPT) {
            return Ok(Err(format!("{path} is a prompt, which is never among the hits")));
        }
        let covers = match heading {
            None => None,
            Some(heading) => match covered(page, heading) {
                covers if covers.is_empty() => return Ok(Err(no_heading(path, page, heading))),
                covers => Some(covers),
            },
        };
        Ok(Ok(Target { page: path.clone(), covers, grade: *grade }))
    }

    fn page(&self, name: &str) -> Option<&'a PageRecord> {
        let (collection, path) = match self.only {
            Some(only) => (only, name),
            None => name.split_once('/')?,
        };
        self.catalog.page(collection, path).map(|page| &**page)
    }

    fn no_page(&self, path: &str) -> anyhow::Result<String> {
        if let Some(place) = self.place(path) {
            let (page, anchor) = path.split_at(place.page.len());
            let anchor = &anchor[1..];
            return Ok(format!(
                "there is no page {path:?}: write \"path\": {page:?}, \"heading\": {anchor:?}"
            ));
        }
        let own = match self.only {
            Some(_) => path,
            None => path.split_once('/').map_or(path, |(_, path)| path),
        };
        let near: Vec<String> = self
            .snapshot
            .nearest_pages(own, NEAR)?
            .iter()
            .map(|page| match self.only {
                Some(_) => page.path.clone(),
                None => format!("{}/{}", page.collection, page.path),
            })
            .collect();
        let hint = match near.is_empty() {
            true => String::new(),
            false => format!("; near it: {}", near.join(", ")),
        };
        Ok(format!("there is no page {path:?}{hint}"))
    }
}

/// The sections under a heading and its sub-headings. An anchor names one heading; words name
/// each heading that has them.
fn covered(page: &PageRecord, heading: &str) -> Vec<Range<usize>> {
    let wanted = heading.trim().trim_start_matches('#').trim_start();
    let entries = &page.sections;
    let under = |first: usize| {
        let level = entries[first].level;
        let behind = entries[first + 1..].iter().position(|entry| entry.level <= level);
        first..behind.map_or(entries.len(), |count| first + 1 + count)
    };
    let headings = || (0..entries.len()).filter(|at| entries[*at].level > 0);
    let by_anchor: Vec<_> =
        headings().filter(|at| &*entries[*at].anchor == wanted).map(under).collect();
    if !by_anchor.is_empty() {
        return by_anchor;
    }
    let slug = heading_slug(wanted);
    headings()
        .filter(|at| !slug.is_empty() && heading_slug(&entries[*at].title) == slug)
        .map(under)
        .collect()
}

fn no_heading(path: &str, page: &PageRecord, heading: &str) -> String {
    let anchors: Vec<&str> =
        page.sections.iter().filter(|entry| entry.level > 0).map(|entry| &*entry.anchor).collect();
    if anchors.is_empty() {
        return format!("{path} has no headings: leave \"heading\" out");
    }
    // Titles get longer and shorter more often than they are mistyped.
    let slug = heading_slug(heading);
    let part =
        |anchor: &&str| !anchor.is_empty() && (slug.contains(anchor) || anchor.contains(&slug));
    let near = nearest(heading, anchors.iter().copied())
        .or_else(|| anchors.iter().copied().find(part).filter(|_| !slug.is_empty()));
    let mut shown: Vec<&str> = near.into_iter().collect();
    let rest = anchors.iter().copied().filter(|anchor| near != Some(anchor));
    shown.extend(rest.take(NEAR - shown.len()));
    let more = if anchors.len() > shown.len() { ", …" } else { "" };
    format!("{path} has no heading {heading:?}; its headings: {}{more}", shown.join(", "))
}

impl Targets {
    /// Judges hits, best first.
    pub fn judge(&self, hits: &[Place]) -> Judgement {
        let mut pages: Vec<&str> = Vec::new();
        for hit in hits {
            if !pages.contains(&hit.page.as_str()) {
                pages.push(&hit.page);
            }
        }
        let mut ranks: Vec<Ranks> =
            self.0.iter().map(|_| Ranks { page: None, section: None }).collect();
        for (rank, target) in ranks.iter_mut().zip(&self.0) {
            rank.page = pages.iter().position(|page| *page == target.page).map(|at| at + 1);
        }
        let mut gains = Vec::with_capacity(hits.len());
        for (at, hit) in hits.iter().enumerate() {
            let open =
                (0..self.0.len()).filter(|n| ranks[*n].section.is_none() && self.0[*n].holds(hit));
            // The narrowest of equals, so that what only the whole page covers is left for others.
            let best =
                open.min_by_key(|n| (std::cmp::Reverse(self.0[*n].grade), self.0[*n].size()));
            if let Some(n) = best {
                ranks[n].section = Some(at + 1);
            }
            gains.push(best.map_or(0, |n| self.0[n].grade));
        }
        let grades: Vec<u32> = self.0.iter().map(|target| target.grade).collect();
        let section = Measures::of(&gains, &grades);
        Judgement { page: self.judge_pages(&pages), section, ranks }
    }

    /// Judges distinct pages by their ids, best first.
    pub fn judge_pages(&self, pages: &[&str]) -> Measures {
        let mut wanted: Vec<(&str, u32)> = Vec::new();
        for Target { page, grade, .. } in &self.0 {
            match wanted.iter_mut().find(|(known, _)| known == page) {
                Some((_, best)) => *best = (*best).max(*grade),
                None => wanted.push((page, *grade)),
            }
        }
        let gain = |page: &&str| {
            wanted.iter().find(|(known, _)| known == page).map_or(0, |(_, grade)| *grade)
        };
        let gains: Vec<u32> = pages.iter().map(gain).collect();
        let grades: Vec<u32> = wanted.iter().map(|(_, grade)| *grade).collect();
        Measures::of(&gains, &grades)
    }

    /// The place that a hit is judged by: its own, or that of a copy which it stands for, where
    /// only the copy answers.
    pub fn place_of(&self, own: Place, copies: impl Iterator<Item = Place>) -> Place {
        if self.answered_by(&own) {
            return own;
        }
        let mut copies = copies.filter(|copy| self.answered_by(copy));
        copies.next().unwrap_or(own)
    }

    /// Whether a hit answers something.
    pub fn answered_by(&self, hit: &Place) -> bool {
        self.0.iter().any(|target| target.holds(hit))
    }
}

impl Target {
    fn holds(&self, hit: &Place) -> bool {
        let covers = self.covers.as_ref();
        hit.page == self.page
            && covers.is_none_or(|ranges| ranges.iter().any(|range| range.contains(&hit.section)))
    }

    /// How many sections answer.
    fn size(&self) -> usize {
        self.covers.as_ref().map_or(usize::MAX, |ranges| ranges.iter().map(Range::len).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(page: &str, section: usize) -> Place {
        Place { page: page.into(), section }
    }

    fn target(page: &str, covers: Option<Range<usize>>, grade: u32) -> Target {
        Target { page: page.into(), covers: covers.map(|range| vec![range]), grade }
    }

    #[test]
    fn an_answer_counts_once_and_pages_count_once() {
        let targets = Targets(vec![target("a", Some(1..3), 2), target("b", None, 1)]);
        let hits = [hit("a", 0), hit("a", 1), hit("a", 2), hit("b", 7)];
        let judged = targets.judge(&hits);
        assert_eq!(judged.page.values(), [1.0; 6]);
        assert_eq!(judged.section, Measures::of(&[0, 2, 0, 1], &[2, 1]));
        assert_eq!(
            judged.ranks,
            [Ranks { page: Some(1), section: Some(2) }, Ranks { page: Some(2), section: Some(4) }]
        );
    }

    #[test]
    fn the_narrowest_of_equal_answers_takes_the_hit() {
        for swapped in [false, true] {
            let mut all = vec![target("a", None, 2), target("a", Some(4..5), 2)];
            if swapped {
                all.reverse();
            }
            let judged = Targets(all).judge(&[hit("a", 4), hit("a", 0)]);
            assert_eq!(judged.section.values(), [1.0; 6]);
        }
    }

    #[test]
    fn a_hit_stands_for_its_copies() {
        let targets = Targets(vec![target("v2/a", Some(1..2), 1)]);
        let place = |own, copies: &[Place]| targets.place_of(own, copies.iter().cloned());
        assert_eq!(place(hit("v1/a", 1), &[hit("v2/a", 0), hit("v2/a", 1)]), hit("v2/a", 1));
        assert_eq!(place(hit("v2/a", 1), &[hit("v1/a", 1)]), hit("v2/a", 1));
        assert_eq!(place(hit("v1/a", 1), &[hit("v3/a", 1)]), hit("v1/a", 1));
    }

    #[test]
    fn a_page_named_twice_has_its_best_grade() {
        let targets = Targets(vec![target("a", Some(1..2), 1), target("a", Some(2..3), 2)]);
        assert_eq!(targets.judge_pages(&["b", "a"]), Measures::of(&[0, 2], &[2]));
    }
}
