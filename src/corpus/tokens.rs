//! How many tokens a model would make of a text, without its vocabulary.

/// An estimate of the number of tokens in `text`.
pub fn estimate(text: &str) -> usize {
    text.len().div_ceil(4)
}
