//! What is said about an answer: what was dropped, what was meant, where else to look.

use super::ToolError;
use super::arguments::shorten;
use super::server::Docs;
use crate::corpus::tokens;
use crate::index::{Hit, QueryTerms, Search, Snapshot, nearest, spelling};

/// Gathers the sentences of one answer.
pub(super) struct Notices<'a> {
    docs: &'a Docs,
    snapshot: &'a Snapshot,
    search: &'a Search,
    sentences: Vec<String>,
}

impl<'a> Notices<'a> {
    pub(super) fn new(docs: &'a Docs, snapshot: &'a Snapshot, search: &'a Search) -> Notices<'a> {
        Notices { docs, snapshot, search, sentences: docs.problem().into_iter().collect() }
    }

    /// Room that the sentences take.
    pub(super) fn tokens(&self) -> usize {
        self.sentences.iter().map(|sentence| tokens::estimate(sentence) + 2).sum()
    }

    /// The whole notice; `bare` hits have no text, `dropped` ones are not in the answer.
    pub(super) fn finish(&self, bare: usize, dropped: usize) -> Option<String> {
        let mut sentences = self.sentences.clone();
        if bare > 0 {
            let which =
                if bare == 1 { "The last hit has".into() } else { format!("{bare} hits have") };
            sentences.push(format!(
                "{which} no text because the budget is spent: fetch them by id, or raise max_tokens."
            ));
        }
        if dropped > 0 {
            sentences.push(format!("{dropped} more hits did not fit: raise max_tokens."));
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }

    /// Words that the docs do not have were taken for others; the answer must say so. How the
    /// other is written is looked up in the hits, because the index knows its stem only.
    pub(super) fn corrected(&mut self, terms: &QueryTerms, hits: &[Hit]) {
        let others: Vec<String> = terms
            .corrected()
            .iter()
            .map(|(word, term)| {
                let written = hits.iter().find_map(|hit| spelling(term, &hit.record));
                format!("{} (for {})", written.unwrap_or_else(|| term.clone()), shorten(word))
            })
            .collect();
        if !others.is_empty() {
            self.sentences
                .push(format!("Not in these docs as asked; taken for: {}.", others.join(", ")));
        }
    }

    /// Quoted parts that no section holds were searched as words; the answer must say so.
    pub(super) fn unheld(&mut self, terms: &QueryTerms) {
        let phrases: Vec<String> = terms
            .unheld_phrases()
            .iter()
            .map(|phrase| format!("\"{}\"", shorten(phrase)))
            .collect();
        if !phrases.is_empty() {
            self.sentences.push(format!(
                "No section here holds {}: the words were searched one by one.",
                phrases.join(" and ")
            ));
        }
    }

    /// An answer without hits says what to try: other words, other places, the outline.
    pub(super) fn nothing_found(&mut self, terms: &QueryTerms) -> Result<(), ToolError> {
        if terms.terms().is_empty() {
            self.sentences.push(
                "The query holds no words to look for: ask with words, or call outline to see what is here.".into(),
            );
            return Ok(());
        }
        let anywhere = Search { query: self.search.query.clone(), limit: 3, ..Search::default() };
        let filters = self.filters();
        if !filters.is_empty() {
            let hits = self.snapshot.search(&anywhere)?.hits;
            if !hits.is_empty() {
                let links = self.docs.links();
                let ids: Vec<String> = hits
                    .iter()
                    .map(|hit| {
                        links.id(&hit.record.collection, &hit.record.path, &hit.record.anchor)
                    })
                    .collect();
                self.sentences.push(format!(
                    "Nothing matches with {}; without it these do: {}.",
                    filters.join(" and "),
                    ids.join(", ")
                ));
                return Ok(());
            }
        }
        self.sentences.push("Nothing here matches.".into());
        let headings = self.near_headings(terms)?;
        if !headings.is_empty() {
            self.sentences.push(format!("The nearest headings are: {}.", headings.join("; ")));
        }
        self.sentences.push("Call outline to see all that is here.".into());
        Ok(())
    }

    fn filters(&self) -> Vec<String> {
        let Search { under, collection, version, language, .. } = self.search;
        [("path", under), ("collection", collection), ("version", version), ("language", language)]
            .into_iter()
            .filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value:?}")))
            .collect()
    }

    fn near_headings(&self, terms: &QueryTerms) -> Result<Vec<String>, ToolError> {
        let catalog = self.snapshot.catalog()?;
        let mut found: Vec<String> = Vec::new();
        for word in terms.words().iter().take(4) {
            let titles = catalog.pages().iter().map(|page| page.title.as_str());
            if let Some(title) = nearest(word, titles)
                && let Some(page) = catalog.pages().iter().find(|page| page.title == title)
            {
                let id = self.docs.links().id(&page.collection, &page.path, "");
                let line = format!("{title} ({id})");
                if !found.contains(&line) {
                    found.push(line);
                }
            }
        }
        Ok(found)
    }
}
