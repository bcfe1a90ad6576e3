//! What a section is by itself, whatever is asked: whether it points elsewhere, tells of changes or
//! says next to nothing.

use super::analyzer;
use super::rank::{CHANGES, POINTERS, SHORT, STUB, Weights};
use crate::corpus::Section;

/// What a section is by itself, whatever is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traits(u64);

impl Traits {
    const POINTER: u64 = 1;
    const LINKS: u64 = 1 << 1;
    const CHANGES: u64 = 1 << 2;
    const SHORT: u64 = 1 << 3;
    const STUB: u64 = 1 << 4;
    /// From here on, the number of terms in the heading.
    const HEADING: u32 = 8;

    /// Looks at a section whose heading has this many telling terms.
    pub(super) fn of(path: &str, section: &Section, heading_terms: usize) -> Traits {
        let title = section.title.trim().to_lowercase();
        let words = words(&section.prose) + words(&section.code);
        let linked: usize = section.links.iter().map(|link| link.text.len()).sum();
        let path = path.to_lowercase();
        let mut traits = 0;
        if POINTERS.contains(&title.as_str()) {
            traits |= Traits::POINTER;
        } else if linked * 10 > section.prose.trim().len() * 6 && linked > 0 {
            traits |= Traits::LINKS;
        }
        if CHANGES.iter().any(|part| path.contains(part)) {
            traits |= Traits::CHANGES;
        }
        match words {
            0..STUB => traits |= Traits::STUB,
            STUB..SHORT => traits |= Traits::SHORT,
            _ => {}
        }
        Traits(traits | (heading_terms.min(255) as u64) << Traits::HEADING)
    }

    /// As they are stored.
    pub(super) fn bits(self) -> u64 {
        self.0
    }

    /// As they were stored.
    pub(super) fn from_bits(bits: u64) -> Traits {
        Traits(bits)
    }

    /// The factor of the section's score.
    pub(super) fn prior(self, weights: &Weights) -> f32 {
        let factors = [
            (Traits::POINTER, weights.pointer),
            (Traits::LINKS, weights.links),
            (Traits::CHANGES, weights.changes),
            (Traits::SHORT, weights.short),
            (Traits::STUB, weights.stub),
        ];
        let has = |(bit, _): &(u64, f32)| self.0 & bit != 0;
        factors.into_iter().filter(has).map(|(_, factor)| factor).product()
    }

    /// Number of telling terms in the heading.
    pub(super) fn heading_terms(self) -> f32 {
        (self.0 >> Traits::HEADING & 255) as f32
    }
}

/// Words of a text; scripts without spaces have one to two characters each.
fn words(text: &str) -> usize {
    let unspaced = text.chars().filter(|c| analyzer::is_unspaced(*c)).count();
    text.split_whitespace().count() + unspaced / 2
}
