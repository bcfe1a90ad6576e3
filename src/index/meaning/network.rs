//! A BERT encoder (Devlin et al. 2018) that makes a vector of a text's tokens, as
//! sentence-transformers trains them: the last layer's mean, or its first token, of length 1.
//!
//! One text at a time, so that nothing is padded. Matrix products and the functions between them
//! are those of the rten crates, which choose vector instructions when the program runs; the
//! measurement that led to them is in `benches/README.md`.

use std::path::Path;

use anyhow::{Context, ensure};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_simd::{SimdOp, SimdUnaryOp};
use rten_tensor::NdTensorView;
use rten_vecmath::{Gelu, Normalize, NormalizeOptions, Softmax};
use serde::Deserialize;

use super::linear::{Linear, Product};
use super::pooling::Pooling;
use super::weights::{self, Weights};

/// What `config.json` says of the network.
#[derive(Debug, Clone, Deserialize)]
struct Config {
    model_type: String,
    hidden_size: usize,
    intermediate_size: usize,
    num_attention_heads: usize,
    num_hidden_layers: usize,
    max_position_embeddings: usize,
    vocab_size: usize,
    type_vocab_size: usize,
    #[serde(default = "epsilon")]
    layer_norm_eps: f32,
    #[serde(default = "activation")]
    hidden_act: String,
}

fn epsilon() -> f32 {
    1e-12
}

fn activation() -> String {
    "gelu".into()
}

/// The weights, ready to be multiplied with.
pub(super) struct Network {
    config: Config,
    pooling: Pooling,
    /// Vectors of the vocabulary, of the positions, and of the first kind of text.
    words: Vec<f32>,
    positions: Vec<f32>,
    kind: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

/// Products with weights, and of states with each other. They belong to a thread.
#[derive(Default)]
struct Products {
    weights: Product,
    states: GemmExecutor,
}

struct Layer {
    /// Queries, keys and values in one.
    attention: Linear,
    mixed: Linear,
    mixed_norm: Norm,
    wide: Linear,
    narrow: Linear,
    narrow_norm: Norm,
}

struct Norm {
    scale: Vec<f32>,
    bias: Vec<f32>,
}

impl Network {
    /// Reads `config.json` and `model.safetensors` of a folder.
    ///
    /// # Errors
    ///
    /// Files that are missing or hold another kind of network.
    pub(super) fn read(
        folder: &Path,
        weights: Vec<u8>,
        pooling: Pooling,
    ) -> anyhow::Result<Network> {
        let path = folder.join("config.json");
        let config: Config = serde_json::from_slice(&weights::read(&path)?)
            .with_context(|| format!("{} is not that of a BERT model", path.display()))?;
        ensure!(
            config.model_type == "bert" && config.hidden_act == "gelu",
            "{}: a {} model with {}; this version runs bert with gelu",
            path.display(),
            config.model_type,
            config.hidden_act
        );
        let heads = config.num_attention_heads;
        ensure!(
            heads > 0 && config.hidden_size.is_multiple_of(heads),
            "{}: {heads} heads do not share {} numbers",
            path.display(),
            config.hidden_size
        );
        let weights = Weights::parse(&weights)?;
        Loader { weights: &weights, config: &config, product: Product::default() }.network(pooling)
    }

    /// Numbers of a vector.
    pub(super) fn dimensions(&self) -> usize {
        self.config.hidden_size
    }

    /// Tokens that the network can read.
    pub(super) fn positions(&self) -> usize {
        self.config.max_position_embeddings
    }

    /// Entries of the vocabulary.
    pub(super) fn vocabulary(&self) -> usize {
        self.config.vocab_size
    }

    /// The vector of a text, of length 1. Tokens beyond [`Network::positions`] do not count.
    ///
    /// # Errors
    ///
    /// A token that is not in the vocabulary; no token at all.
    pub(super) fn embed(&self, tokens: &[u32]) -> anyhow::Result<Vec<f32>> {
        let tokens = &tokens[..tokens.len().min(self.positions())];
        ensure!(!tokens.is_empty(), "no tokens");
        let size = self.config.hidden_size;
        let mut state = Vec::with_capacity(tokens.len() * size);
        for (token, position) in tokens.iter().zip(self.positions.chunks_exact(size)) {
            let at = *token as usize * size;
            let word = self.words.get(at..at + size).context("a token beyond the vocabulary")?;
            let sum = word.iter().zip(position).zip(&self.kind).map(|((a, b), c)| a + b + c);
            state.extend(sum);
        }
        self.norm.apply(&mut state, self.config.layer_norm_eps);
        let products = Products::default();
        for layer in &self.layers {
            self.layer(&products, layer, tokens.len(), &mut state)?;
        }
        self.pooling.pool(&state, size)
    }

    fn layer(
        &self,
        products: &Products,
        layer: &Layer,
        tokens: usize,
        state: &mut Vec<f32>,
    ) -> anyhow::Result<()> {
        let weights = &products.weights;
        let epsilon = self.config.layer_norm_eps;
        let context = self.attend(products, &layer.attention, tokens, state)?;
        let mut next = layer.mixed.apply(weights, &context)?;
        add(&mut next, state);
        layer.mixed_norm.apply(&mut next, epsilon);
        let mut wide = layer.wide.apply(weights, &next)?;
        Gelu {}.map_mut(&mut wide);
        *state = layer.narrow.apply(weights, &wide)?;
        add(state, &next);
        layer.narrow_norm.apply(state, epsilon);
        Ok(())
    }

    /// Each token's mix of the values of all tokens, head by head.
    fn attend(
        &self,
        products: &Products,
        linear: &Linear,
        tokens: usize,
        state: &[f32],
    ) -> anyhow::Result<Vec<f32>> {
        let size = self.config.hidden_size;
        let head = size / self.config.num_attention_heads;
        let scale = 1.0 / (head as f32).sqrt();
        let all = linear.apply(&products.weights, state)?;
        let all = NdTensorView::from_data([tokens, 3 * size], &all[..]);
        let mut context = vec![0.0; tokens * size];
        let mut shares = vec![0.0; tokens * tokens];
        let mut mixed = vec![0.0; tokens * head];
        for at in (0..size).step_by(head) {
            let part = |from: usize| all.slice((.., from + at..from + at + head));
            let (queries, keys, values) = (part(0), part(size), part(2 * size));
            products.states.gemm(
                &mut shares,
                GemmInputA::Unpacked(queries),
                GemmInputB::Unpacked(keys.transposed()),
                GemmOptions { alpha: scale, ..GemmOptions::default() },
            )?;
            for row in shares.chunks_exact_mut(tokens) {
                Softmax::new_mut(row).dispatch();
            }
            products.states.gemm(
                &mut mixed,
                GemmInputA::Unpacked(NdTensorView::from_data([tokens, tokens], &shares[..])),
                GemmInputB::Unpacked(values),
                GemmOptions::default(),
            )?;
            for (to, from) in context.chunks_exact_mut(size).zip(mixed.chunks_exact(head)) {
                to[at..at + head].copy_from_slice(from);
            }
        }
        Ok(context)
    }
}

impl Norm {
    /// Layer normalisation (Ba et al. 2016) of each token's numbers.
    fn apply(&self, state: &mut [f32], epsilon: f32) {
        for token in state.chunks_exact_mut(self.scale.len()) {
            let count = token.len() as f32;
            let mean = token.iter().sum::<f32>() / count;
            let spread = token.iter().map(|n| (n - mean) * (n - mean)).sum::<f32>() / count;
            let options = NormalizeOptions {
                pre_scale_bias: mean,
                scale: (spread + epsilon).sqrt().recip(),
                element_scale: Some(&self.scale),
                bias: 0.0,
                element_bias: Some(&self.bias),
            };
            Normalize::new_mut(token, options).dispatch();
        }
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

struct Loader<'a> {
    weights: &'a Weights<'a>,
    config: &'a Config,
    product: Product,
}

impl Loader<'_> {
    fn network(self, pooling: Pooling) -> anyhow::Result<Network> {
        let config = self.config;
        let size = config.hidden_size;
        let mut kind =
            self.get("embeddings.token_type_embeddings.weight", &[config.type_vocab_size, size])?;
        kind.truncate(size);
        let layers = (0..config.num_hidden_layers).map(|at| self.layer(at));
        let layers = layers.collect::<anyhow::Result<_>>()?;
        let words = self.get("embeddings.word_embeddings.weight", &[config.vocab_size, size])?;
        let shape = [config.max_position_embeddings, size];
        let positions = self.get("embeddings.position_embeddings.weight", &shape)?;
        let norm = self.norm("embeddings.LayerNorm")?;
        let config = config.clone();
        Ok(Network { config, pooling, words, positions, kind, norm, layers })
    }

    fn layer(&self, at: usize) -> anyhow::Result<Layer> {
        let Config { hidden_size: size, intermediate_size: wide, .. } = *self.config;
        let name = |part: &str| format!("encoder.layer.{at}.{part}");
        let own = ["query", "key", "value"].map(|part| name(&format!("attention.self.{part}")));
        Ok(Layer {
            attention: self.linear(&own, size, size)?,
            mixed: self.linear(&[name("attention.output.dense")], size, size)?,
            mixed_norm: self.norm(&name("attention.output.LayerNorm"))?,
            wide: self.linear(&[name("intermediate.dense")], size, wide)?,
            narrow: self.linear(&[name("output.dense")], wide, size)?,
            narrow_norm: self.norm(&name("output.LayerNorm"))?,
        })
    }

    /// Some linear maps of the same input, one beside the other.
    fn linear(&self, names: &[String], input: usize, output: usize) -> anyhow::Result<Linear> {
        let mut weight = Vec::new();
        let mut bias = Vec::new();
        for name in names {
            weight.extend(self.get(&format!("{name}.weight"), &[output, input])?);
            bias.extend(self.get(&format!("{name}.bias"), &[output])?);
        }
        Ok(Linear::new(&self.product, &weight, bias))
    }

    fn norm(&self, name: &str) -> anyhow::Result<Norm> {
        let size = [self.config.hidden_size];
        let scale = self.get(&format!("{name}.weight"), &size)?;
        Ok(Norm { scale, bias: self.get(&format!("{name}.bias"), &size)? })
    }

    /// Some exports put the name of the network before those of its parts.
    fn get(&self, name: &str, shape: &[usize]) -> anyhow::Result<Vec<f32>> {
        let named = format!("bert.{name}");
        self.weights.tensor(if self.weights.has(&named) { &named } else { name }, shape)
    }
}
