//! From a question to the hits that are shown.

use rustc_hash::FxHashSet;
use tantivy::DocAddress;
use tantivy::collector::TopDocs;

use super::meaning::{Asked, Near};
use super::query::Group;
use super::rank::{CODE_WORDS, DEPTH, LEAST_DEPTH, LEG, MOST_LOOKED_AT, OWN, RELATED, Weights};
use super::score::{Scored, coverage, in_turn, mix, rarity, scored};
use super::snapshot::Snapshot;
use super::{Hit, Hits, QueryTerms, Search};

impl Snapshot {
    /// The sections that answer, best first.
    ///
    /// # Errors
    ///
    /// Only what the disk says; any text is a valid question.
    pub fn search(&self, search: &Search) -> anyhow::Result<Hits> {
        self.search_with(search, &Weights::LEARNED)
    }

    /// As [`Snapshot::search`], with other weights: for learning them.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::search`].
    pub fn search_with(&self, search: &Search, weights: &Weights) -> anyhow::Result<Hits> {
        if self.part.is_some() {
            // What a part says of itself is read from its pages.
            self.catalog()?;
        }
        let terms = QueryTerms::of(&search.query, &self.stamp().languages);
        if terms.terms().is_empty() || search.limit == 0 {
            return Ok(Hits { hits: Vec::new(), terms, coverage: 0.0 });
        }
        let asked = if is_code(&search.query) { None } else { self.meaning.ask(&search.query) };
        self.reading(|| {
            let mut terms = self.expand(terms.clone(), weights)?;
            self.keep_held_phrases(&mut terms, search)?;
            let all = self.stamp().sections;
            let rarity = |group: &Group| rarity(group.frequency(), all);
            terms.rarities = terms.groups.iter().map(rarity).collect();
            // Meaning alone holds no phrase.
            let first = asked.as_ref().filter(|_| terms.phrases.is_empty());
            let (mut hits, mut coverage) = self.best(&terms, search, weights, first)?;
            if !terms.phrases.is_empty() && hits.len() < search.limit {
                // Behind those that hold what is quoted come those that hold its words.
                let words = QueryTerms { phrases: Vec::new(), ..terms.clone() };
                let (more, of_words) = self.best(&words, search, weights, asked.as_ref())?;
                if hits.is_empty() {
                    coverage = of_words;
                }
                let more: Vec<Hit> = more.into_iter().filter(|hit| !shows(&hits, hit)).collect();
                hits.extend(more);
                hits.truncate(search.limit);
            }
            Ok(Hits { hits, terms, coverage })
        })
    }

    /// The hits, and how much of the question the first one holds.
    fn best(
        &self,
        terms: &QueryTerms,
        search: &Search,
        weights: &Weights,
        asked: Option<&Asked>,
    ) -> anyhow::Result<(Vec<Hit>, f32)> {
        let depth = (search.limit * DEPTH).max(LEAST_DEPTH);
        let find = |least| {
            let query = terms.query(self, search, least);
            self.look(&*query, &TopDocs::with_limit(depth).order_by_score())
        };
        let mut top = find(OWN)?;
        if top.len() < depth {
            top = find(0.0)?;
        }
        let mut addresses: Vec<DocAddress> = top.into_iter().map(|(_, address)| address).collect();
        let near = match asked {
            Some(asked) => Near::find(self, asked, search, LEG)?,
            None => None,
        };
        if let Some(near) = &near {
            let words: FxHashSet<DocAddress> = addresses.iter().copied().collect();
            let least = if words.is_empty() { RELATED } else { f32::MIN };
            let new = near.best.iter().filter(|(alike, _)| *alike >= least);
            let new = new.map(|(_, address)| *address);
            addresses.extend(new.filter(|address| !words.contains(address)));
        }
        let candidates = self.candidates(&terms.groups, &addresses)?;
        let mut scored = scored(&candidates, &terms.rarities, weights);
        if let Some(near) = &near {
            mix(&mut scored, |address| near.of(self, address));
        }
        let coverage = scored.first().map_or(0.0, |best| {
            let means_it = near.and_then(|near| near.of(self, best.address)) >= Some(RELATED);
            if means_it { 1.0 } else { coverage(&candidates, &terms.rarities, best) }
        });
        let list = in_turn(scored, search.limit * MOST_LOOKED_AT);
        let list = list.into_iter().map(|Scored { score, address, .. }| (address, score));
        Ok((self.distinct(list, search.limit, terms)?, coverage))
    }
}

/// Whether a list has a section, by itself or beside one that says the same.
fn shows(hits: &[Hit], hit: &Hit) -> bool {
    let is_it = |known: &Hit| {
        let (a, b) = (&known.record, &hit.record);
        (&a.collection, &a.path, a.ordinal) == (&b.collection, &b.path, b.ordinal)
    };
    hits.iter().any(|hit| is_it(hit) || hit.also.iter().any(is_it))
}

/// Whether a question is nothing but code: a few words, one of which no prose would have.
fn is_code(question: &str) -> bool {
    let odd = |word: &str| {
        let word = word.trim_end_matches(['.', '?', '!', ',', ':']);
        let pairs = word.chars().zip(word.chars().skip(1));
        let mut cases = pairs.map(|(a, b)| (a.is_ascii_lowercase(), b.is_ascii_uppercase()));
        word.starts_with('-')
            || word.contains(|c: char| c.is_ascii_digit() || "_:/=.@\\<>(){}[]$#".contains(c))
            || cases.any(|camel| camel == (true, true))
            || word.chars().take(2).filter(char::is_ascii_uppercase).count() == 2
    };
    question.split_whitespace().nth(CODE_WORDS).is_none() && question.split_whitespace().any(odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_words_with_one_that_is_no_prose_are_code() {
        for code in ["useEffect", "system:masters", "--dry-run=client -o yaml", "E0382", "C++ #if"]
        {
            assert!(is_code(code), "{code}");
        }
        for prose in ["install it", "Where is it?", "how do I set spec.template of a pod", ""] {
            assert!(!is_code(prose), "{prose}");
        }
    }
}
