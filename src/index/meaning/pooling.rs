//! From the vectors of a text's tokens to the vector of the text.

use anyhow::ensure;

/// How the vectors of tokens become that of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    First,
}

impl Pooling {
    /// The vector, of length 1, of tokens whose vectors have `size` numbers each.
    ///
    /// # Errors
    ///
    /// Numbers that make no direction.
    pub(super) fn pool(self, tokens: &[f32], size: usize) -> anyhow::Result<Vec<f32>> {
        ensure!(size > 0 && tokens.len() >= size, "the model gave no vector");
        let mut pooled = vec![0.0; size];
        let counted = match self {
            Pooling::First => &tokens[..size],
            Pooling::Mean => tokens,
        };
        for token in counted.chunks_exact(size) {
            pooled.iter_mut().zip(token).for_each(|(sum, number)| *sum += number);
        }
        let length = pooled.iter().map(|number| number * number).sum::<f32>().sqrt();
        ensure!(length.is_finite() && length > 0.0, "the model gave no vector");
        pooled.iter_mut().for_each(|number| *number /= length);
        Ok(pooled)
    }
}
