//! A network in the ONNX format, of whatever kind, as Optimum and sentence-transformers export
//! them: tokens in, the vectors of the tokens or that of the text out.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use rten::{Model, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::{AsView, Layout, Tensor};

use super::pooling::Pooling;

/// Outputs that hold a vector, the best first; a network with one output may call it anything.
const OUTPUTS: &[&str] = &["sentence_embedding", "last_hidden_state", "token_embeddings"];

thread_local! {
    // Texts are spread over threads by whoever asks: each is worked on by one, of the same
    // priority as the one that asks.
    static THREAD: Arc<ThreadPool> = Arc::new(ThreadPool::with_num_threads(1));
}

/// What a network wants to know of a text.
#[derive(Debug, Clone, Copy)]
enum Input {
    Tokens,
    /// Which tokens count: all, as no text is padded.
    Mask,
    /// Which of two texts a token belongs to: the first.
    Kinds,
    Positions,
}

/// A network that is loaded.
pub(super) struct Graph {
    model: Model,
    inputs: Vec<(NodeId, Input)>,
    output: NodeId,
    pooling: Pooling,
    dimensions: usize,
}

impl Graph {
    /// Reads the bytes of an ONNX file.
    ///
    /// # Errors
    ///
    /// A file in another format, or a network that takes or gives something else.
    pub(super) fn read(bytes: Vec<u8>, pooling: Pooling) -> anyhow::Result<Graph> {
        let model = Model::load(bytes).context("no ONNX file that this version can run")?;
        let named = |id: &NodeId| {
            let name = model.node_info(*id).and_then(|node| node.name().map(str::to_owned));
            name.unwrap_or_default()
        };
        let mut inputs = Vec::new();
        for id in model.input_ids() {
            let input = match named(id).as_str() {
                "input_ids" => Input::Tokens,
                "attention_mask" => Input::Mask,
                "token_type_ids" => Input::Kinds,
                "position_ids" => Input::Positions,
                other => bail!("the network asks for {other:?}, which is nothing known of a text"),
            };
            inputs.push((*id, input));
        }
        let outputs = model.output_ids();
        let wanted = OUTPUTS.iter().find_map(|name| outputs.iter().find(|id| named(id) == *name));
        let output = *wanted.or(outputs.first()).context("the network gives nothing")?;
        let mut graph = Graph { model, inputs, output, pooling, dimensions: 0 };
        graph.dimensions = graph.embed(&[0])?.len();
        Ok(graph)
    }

    /// Numbers of a vector.
    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The vector of a text, of length 1.
    ///
    /// # Errors
    ///
    /// A network that cannot be run on these tokens, or gives something else than vectors.
    pub(super) fn embed(&self, tokens: &[u32]) -> anyhow::Result<Vec<f32>> {
        ensure!(!tokens.is_empty(), "no tokens");
        let inputs = self.inputs.iter().map(|(id, input)| {
            let numbers: Vec<i32> = match input {
                Input::Tokens => tokens.iter().map(|token| *token as i32).collect(),
                Input::Mask => vec![1; tokens.len()],
                Input::Kinds => vec![0; tokens.len()],
                Input::Positions => (0..tokens.len() as i32).collect(),
            };
            (*id, Tensor::from_data(&[1, tokens.len()], numbers).into())
        });
        let options = RunOptions::default().with_thread_pool(Some(THREAD.with(Arc::clone)));
        let given = self.model.run(inputs.collect(), &[self.output], Some(options))?.pop();
        let Some(Value::FloatTensor(given)) = given else { bail!("the network gave no numbers") };
        let numbers = given.to_vec();
        match *given.shape() {
            [1, size] => Pooling::First.pool(&numbers, size),
            [1, count, size] if count == tokens.len() => self.pooling.pool(&numbers, size),
            ref other => bail!("the network gave numbers of the shape {other:?}"),
        }
    }
}
