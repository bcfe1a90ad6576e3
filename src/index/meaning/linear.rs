//! Linear maps in whole numbers of eight bits: half the time and a quarter of the memory of floats.
//!
//! Weights get one scale for each output, states one scale and one zero for each token, as they
//! come. The processor's products of pairs saturate at 16 bits, so weights use seven bits only.

use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions, PackedBMatrix};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

/// Greatest whole number of a weight: 2 × 255 × 63 is below 2^15.
const MOST: f32 = 63.0;

/// A matrix and a bias.
pub(super) struct Linear {
    weight: PackedBMatrix<i8>,
    /// What a weight's whole number stands for, by output.
    scales: Vec<f32>,
    /// Sum of an output's whole numbers: what each step of a state's zero adds.
    sums: Vec<i32>,
    bias: Vec<f32>,
    inputs: usize,
}

/// The product of states and weights, with the processor's instructions for it.
pub(super) type Product = GemmExecutor<u8, i8, i32>;

impl Linear {
    /// `weight` has a row for each output.
    pub(super) fn new(product: &Product, weight: &[f32], bias: Vec<f32>) -> Linear {
        let inputs = weight.len() / bias.len();
        let mut whole = Vec::with_capacity(weight.len());
        let scales = weight.chunks_exact(inputs).map(|row| {
            let greatest = row.iter().fold(0.0f32, |most, number| most.max(number.abs()));
            let scale = greatest.max(f32::MIN_POSITIVE) / MOST;
            whole.extend(row.iter().map(|number| (number / scale).round() as i8));
            scale
        });
        let scales = scales.collect();
        let sum = |row: &[i8]| row.iter().map(|number| i32::from(*number)).sum();
        let sums = whole.chunks_exact(inputs).map(sum).collect();
        let whole = NdTensor::from_data([bias.len(), inputs], whole);
        Linear { weight: product.prepack_b(whole.transposed()), scales, sums, bias, inputs }
    }

    /// The map of each token's numbers.
    ///
    /// # Errors
    ///
    /// States of another size.
    pub(super) fn apply(&self, product: &Product, state: &[f32]) -> anyhow::Result<Vec<f32>> {
        let outputs = self.bias.len();
        let tokens = state.len() / self.inputs;
        let mut whole = vec![0u8; state.len()];
        let mut zeros = Vec::with_capacity(tokens);
        let mut scales = Vec::with_capacity(tokens);
        for (to, from) in whole.chunks_exact_mut(self.inputs).zip(state.chunks_exact(self.inputs)) {
            let (scale, zero) = quantise(from, to);
            scales.push(scale);
            zeros.push(i32::from(zero));
        }
        let mut sums = vec![0i32; tokens * outputs];
        product.gemm(
            &mut sums,
            GemmInputA::Unpacked(NdTensorView::from_data([tokens, self.inputs], &whole[..])),
            GemmInputB::Packed(&self.weight),
            GemmOptions::default(),
        )?;
        let mut out = Vec::with_capacity(sums.len());
        for ((sums, scale), zero) in sums.chunks_exact(outputs).zip(&scales).zip(&zeros) {
            let weights = self.sums.iter().zip(&self.scales).zip(&self.bias);
            out.extend(sums.iter().zip(weights).map(|(sum, ((weights, step), bias))| {
                (sum - zero * weights) as f32 * (scale * step) + bias
            }));
        }
        Ok(out)
    }
}

/// Whole numbers from 0 to 255 for floats; what one stands for, and which is zero.
fn quantise(from: &[f32], to: &mut [u8]) -> (f32, u8) {
    // Eight lanes, so that the compiler compares eight numbers at once.
    let (mut least, mut most) = ([0.0f32; 8], [0.0f32; 8]);
    let (chunks, rest) = from.as_chunks::<8>();
    for chunk in chunks {
        for ((least, most), number) in least.iter_mut().zip(&mut most).zip(chunk) {
            *least = if *number < *least { *number } else { *least };
            *most = if *number > *most { *number } else { *most };
        }
    }
    let least = least.iter().chain(rest).fold(0.0f32, |a, b| a.min(*b));
    let most = most.iter().chain(rest).fold(0.0f32, |a, b| a.max(*b));
    let scale = (most - least).max(f32::MIN_POSITIVE) / 255.0;
    let zero = (-least / scale).round();
    let inverse = scale.recip();
    for (to, from) in to.iter_mut().zip(from) {
        // Adding a half and cutting rounds: the sum is never negative.
        *to = (from * inverse + (zero + 0.5)) as u8;
    }
    (scale, zero as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_in_whole_numbers_is_near_the_one_in_floats() {
        let (tokens, inputs, outputs) = (150, 40, 24);
        let wave = |n: usize, step: f32| (0..n).map(|at| (at as f32 * step).sin()).collect();
        let weight: Vec<f32> = wave(inputs * outputs, 0.7);
        let bias: Vec<f32> = wave(outputs, 0.3);
        let state: Vec<f32> = wave(tokens * inputs, 1.3);
        let product = Product::default();
        let got = Linear::new(&product, &weight, bias.clone()).apply(&product, &state).unwrap();
        for (token, got) in state.chunks(inputs).zip(got.chunks(outputs)) {
            for ((row, bias), got) in weight.chunks(inputs).zip(&bias).zip(got) {
                let exact: f32 = row.iter().zip(token).map(|(a, b)| a * b).sum::<f32>() + bias;
                // Each of 40 products is off by at most half a step of either side.
                assert!((exact - got).abs() < 40.0 * (0.5 / 63.0 + 0.5 / 127.0), "{exact} {got}");
            }
        }
    }
}
