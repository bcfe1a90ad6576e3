//! What the postings say of sections that may answer: how often the terms of a question stand in
//! each of them, and in all sections of its page.

use rustc_hash::FxHashMap;
use tantivy::columnar::ColumnValues;
use tantivy::fieldnorm::FieldNormReader;
use tantivy::postings::Postings;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocAddress, DocId, DocSet, SegmentReader, TERMINATED, Term};

use super::query::Group;
use super::snapshot::Snapshot;
use super::traits::Traits;

/// A section that may answer.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) address: DocAddress,
    /// Its page, as a position in [`Candidates::pages`].
    pub(super) page: usize,
    /// Where it stands among others that answer as well: its page, and its place there. Where it is in
    /// the index is another thing after each change.
    pub(super) rank: (u64, DocId),
    /// Length in terms.
    pub(super) length: f32,
    /// Whether its page begins with it: links without an anchor lead there.
    pub(super) leads: bool,
    /// What it is by itself, whatever is asked.
    pub(super) traits: Traits,
}

/// Sections with the counts of a question's terms.
#[derive(Debug, Default)]
pub(super) struct Candidates {
    pub(super) sections: Vec<Candidate>,
    /// Lengths of their pages in terms.
    pub(super) pages: Vec<f32>,
    /// For each group of terms, its weighted count in each section.
    pub(super) in_sections: Vec<Vec<f32>>,
    /// The same in each page.
    pub(super) in_pages: Vec<Vec<f32>>,
    /// For each group, its weighted count in the words of the links to each page.
    pub(super) in_anchors: Vec<Vec<f32>>,
    /// Positions of the pages by their keys.
    pub(super) keys: FxHashMap<u64, usize>,
    /// For each group, the weight of its best term in each section's heading; 0 for none.
    pub(super) in_headings: Vec<Vec<f32>>,
    /// Mean length of a section, and of a page.
    pub(super) mean_section: f32,
    pub(super) mean_page: f32,
}

impl Snapshot {
    /// Counts the terms of the groups in these sections and in their pages.
    pub(super) fn candidates(
        &self,
        groups: &[Group],
        addresses: &[DocAddress],
    ) -> anyhow::Result<Candidates> {
        let mut found = Candidates {
            in_sections: vec![Vec::new(); groups.len()],
            in_pages: vec![Vec::new(); groups.len()],
            in_headings: vec![Vec::new(); groups.len()],
            ..Candidates::default()
        };
        for (ord, segment) in self.searcher.segment_readers().iter().enumerate() {
            let mut docs: Vec<DocId> = addresses
                .iter()
                .filter(|address| address.segment_ord as usize == ord)
                .map(|address| address.doc_id)
                .collect();
            if !docs.is_empty() {
                docs.sort_unstable();
                self.count(ord, segment, groups, &docs, &mut found)?;
            }
        }
        found.in_anchors = vec![vec![0.0; found.pages.len()]; groups.len()];
        for segment in self.searcher.segment_readers() {
            self.count_anchors(segment, groups, &mut found)?;
        }
        let terms = self.tokens()?;
        let mean = |number: u64| terms as f32 / number.max(1) as f32;
        found.mean_section = mean(self.stamp().sections);
        found.mean_page = mean(self.stamp().pages());
        Ok(found)
    }

    /// Adds the sections of one segment.
    fn count(
        &self,
        ord: usize,
        segment: &SegmentReader,
        groups: &[Group],
        docs: &[DocId],
        found: &mut Candidates,
    ) -> anyhow::Result<()> {
        let lengths = segment.get_fieldnorms_reader(self.fields.text)?;
        let traits = segment.fast_fields().u64("traits")?.first_or_default_col(0);
        let pages = segment.fast_fields().u64("page")?.first_or_default_col(0);
        let spans = spans(&*pages, segment.max_doc(), docs);
        let (first_section, first_page) = (found.sections.len(), found.pages.len());
        for (page, span) in spans.iter().enumerate() {
            for doc in docs.iter().filter(|doc| span.contains(doc)) {
                found.sections.push(Candidate {
                    address: DocAddress::new(u32::try_from(ord)?, *doc),
                    page: first_page + page,
                    rank: (pages.get_val(span.start), *doc - span.start),
                    length: length(&lengths, *doc),
                    leads: *doc == span.start,
                    traits: Traits::from_bits(traits.get_val(*doc)),
                });
            }
            found.keys.insert(pages.get_val(span.start), found.pages.len());
            found.pages.push(span.clone().map(|doc| length(&lengths, doc)).sum());
        }
        let inverted = segment.inverted_index(self.fields.text)?;
        let headings = segment.inverted_index(self.fields.heading)?;
        for (at, group) in groups.iter().enumerate() {
            let (in_sections, in_pages) = (&mut found.in_sections[at], &mut found.in_pages[at]);
            in_sections.resize(found.sections.len(), 0.0);
            in_pages.resize(found.pages.len(), 0.0);
            let in_headings = &mut found.in_headings[at];
            in_headings.resize(found.sections.len(), 0.0);
            for (term, weight) in &group.alternatives {
                if self.hides(term) {
                    continue;
                }
                let heading = Term::from_field_text(self.fields.heading, term);
                let said = headings.read_postings(&heading, IndexRecordOption::Basic)?;
                if let Some(mut said) = said {
                    let sections = found.sections.iter().zip(in_headings.iter_mut());
                    for (section, in_heading) in sections.skip(first_section) {
                        let doc = section.address.doc_id;
                        if said.doc() < doc {
                            said.seek(doc);
                        }
                        if said.doc() == doc {
                            *in_heading = weight.max(*in_heading);
                        }
                    }
                }
                let term = Term::from_field_text(self.fields.text, term);
                let option = IndexRecordOption::WithFreqs;
                let Some(mut postings) = inverted.read_postings(&term, option)? else { continue };
                let mut section = first_section;
                let mut doc = postings.doc();
                for (page, span) in spans.iter().enumerate() {
                    if doc < span.start {
                        doc = postings.seek(span.start);
                    }
                    while doc < span.end {
                        let count = weight * postings.term_freq() as f32;
                        in_pages[first_page + page] += count;
                        let candidate = |at: usize| found.sections[at].address.doc_id;
                        while section < found.sections.len() && candidate(section) < doc {
                            section += 1;
                        }
                        if section < found.sections.len() && candidate(section) == doc {
                            in_sections[section] += count;
                        }
                        doc = postings.advance();
                    }
                    if doc == TERMINATED {
                        break;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Snapshot {
    /// Counts the terms of the groups in what other pages call those of the candidates.
    fn count_anchors(
        &self,
        segment: &SegmentReader,
        groups: &[Group],
        found: &mut Candidates,
    ) -> anyhow::Result<()> {
        let inverted = segment.inverted_index(self.fields.anchors)?;
        let pages = segment.fast_fields().u64("page")?.first_or_default_col(0);
        let is_alive = |doc| segment.alive_bitset().is_none_or(|alive| alive.is_alive(doc));
        for (group, in_anchors) in groups.iter().zip(&mut found.in_anchors) {
            for (term, weight) in &group.alternatives {
                let term = Term::from_field_text(self.fields.anchors, term);
                let option = IndexRecordOption::WithFreqs;
                let Some(mut postings) = inverted.read_postings(&term, option)? else { continue };
                while postings.doc() != TERMINATED {
                    let doc = postings.doc();
                    if let Some(page) = found.keys.get(&pages.get_val(doc))
                        && is_alive(doc)
                    {
                        in_anchors[*page] += weight * postings.term_freq() as f32;
                    }
                    postings.advance();
                }
            }
        }
        Ok(())
    }
}

/// The pages of sections as ranges of documents, in order: a page is written in one go, so its
/// sections stand together in their segment.
fn spans(pages: &dyn ColumnValues<u64>, end: DocId, docs: &[DocId]) -> Vec<std::ops::Range<DocId>> {
    let mut spans: Vec<std::ops::Range<DocId>> = Vec::new();
    for doc in docs {
        if spans.last().is_some_and(|span| span.contains(doc)) {
            continue;
        }
        let page = pages.get_val(*doc);
        let from = (0..*doc).rev().take_while(|at| pages.get_val(*at) == page).last();
        let to = (*doc + 1..end).find(|at| pages.get_val(*at) != page);
        spans.push(from.unwrap_or(*doc)..to.unwrap_or(end));
    }
    spans
}

fn length(lengths: &FieldNormReader, doc: DocId) -> f32 {
    lengths.fieldnorm(doc) as f32
}
