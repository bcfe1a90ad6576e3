//! How well hits answer questions whose answers are known: the question file, what its answers
//! cover, the measures.
//!
//! Everything here is pure: whoever asks the questions hands in what came, as ids.

mod judge;
mod measure;
mod question;

pub use judge::{Judgement, Lookup, Place, Ranks, Targets};
pub use measure::Measures;
pub use question::{Gold, Mistake, Question, Questions};
