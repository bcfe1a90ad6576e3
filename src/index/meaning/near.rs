//! The sections whose vectors are nearest to a question's.

use std::sync::Arc;

use tantivy::query::{BooleanQuery, EnableScoring, Query};
use tantivy::{DocAddress, DocId, SegmentReader};

use super::vectors::compare;
use super::{Asked, NONE, View};
use crate::index::snapshot::Snapshot;
use crate::index::{Search, query};

/// How near the sections of a snapshot are to a question.
pub(in crate::index) struct Near {
    view: Arc<View>,
    /// By row.
    alike: Vec<f32>,
    /// The nearest that the search may answer with, nearest first.
    pub(in crate::index) best: Vec<(f32, DocAddress)>,
}

impl Near {
    /// The nearest sections that the filters let through; none if the model took too long or
    /// nothing is embedded yet.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub(in crate::index) fn find(
        snapshot: &Snapshot,
        asked: &Asked,
        search: &Search,
        most: usize,
    ) -> anyhow::Result<Option<Near>> {
        let view = asked.leg.view.load_full();
        if view.chunks.is_empty() {
            return Ok(None);
        }
        let Some(vector) = asked.vector() else { return Ok(None) };
        let mut near = Near { alike: compare(&view.chunks, &vector), view, best: Vec::new() };
        let filters = query::filters(snapshot, search);
        let filter = (!filters.is_empty()).then(|| BooleanQuery::new(filters));
        let mut all = Vec::new();
        for (ord, segment) in snapshot.searcher.segment_readers().iter().enumerate() {
            let Some(rows) = near.view.rows.get(&segment.segment_id()) else { continue };
            let ord = u32::try_from(ord)?;
            let mut take = |doc: DocId| {
                let row = rows.get(doc as usize).copied().unwrap_or(NONE);
                if let Some(alike) = near.alike.get(row as usize)
                    && !segment.is_deleted(doc)
                {
                    all.push((*alike, DocAddress::new(ord, doc)));
                }
            };
            match &filter {
                None => (0..segment.max_doc()).for_each(&mut take),
                Some(filter) => passing(filter, segment, &mut take)?,
            }
        }
        let order =
            |a: &(f32, DocAddress), b: &(f32, DocAddress)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if all.len() > most {
            all.select_nth_unstable_by(most - 1, order);
            all.truncate(most);
        }
        all.sort_unstable_by(order);
        near.best = all;
        Ok(Some(near))
    }

    /// How near any section is; none if it is not embedded.
    pub(in crate::index) fn of(&self, snapshot: &Snapshot, address: DocAddress) -> Option<f32> {
        let segment = snapshot.searcher.segment_reader(address.segment_ord).segment_id();
        let row = self.view.rows.get(&segment)?.get(address.doc_id as usize)?;
        self.alike.get(*row as usize).copied()
    }
}

fn passing(
    filter: &BooleanQuery,
    segment: &SegmentReader,
    take: &mut impl FnMut(DocId),
) -> anyhow::Result<()> {
    let weight = filter.weight(EnableScoring::disabled_from_schema(segment.schema()))?;
    weight.for_each_no_score(segment, &mut |docs| docs.iter().copied().for_each(&mut *take))?;
    Ok(())
}
