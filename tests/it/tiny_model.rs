//! A model of a few kilobytes with weights that only look random: its vectors know which words a
//! text holds, and no more. It stands in for a real one where the way of vectors is tested.

use std::path::Path;

use serde_json::{Value, json};

use crate::harness::write;

const SIZE: usize = 16;
const WIDE: usize = 32;
const POSITIONS: usize = 64;
const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz0123456789.,`#->_/";

/// Writes the model's files into a folder.
pub(crate) fn tiny_model(folder: &Path) {
    let vocabulary = tiny_tokenizer(folder);
    let config = json!({
        "model_type": "bert", "hidden_size": SIZE, "intermediate_size": WIDE,
        "num_attention_heads": 2, "num_hidden_layers": 1, "max_position_embeddings": POSITIONS,
        "vocab_size": vocabulary, "type_vocab_size": 2,
    });
    write(folder, "config.json", &config.to_string());
    let weights = tensors(vocabulary);
    std::fs::write(folder.join("model.safetensors"), weights).expect("a file is written");
}

/// Writes a model of another kind, as it would be exported to ONNX: the vector of a token is a row
/// of a table.
pub(crate) fn tiny_onnx(folder: &Path) {
    let vocabulary = tiny_tokenizer(folder);
    std::fs::create_dir_all(folder.join("onnx")).expect("a folder is made");
    let network = onnx::network(&wave(0, vocabulary * SIZE), vocabulary, SIZE);
    std::fs::write(folder.join("onnx/model.onnx"), network).expect("a file is written");
}

/// Writes the tokenizer, and tells the size of its vocabulary.
fn tiny_tokenizer(folder: &Path) -> usize {
    let vocabulary: serde_json::Map<String, Value> =
        vocabulary().into_iter().zip(0u32..).map(|(piece, id)| (piece, json!(id))).collect();
    let words = vocabulary.len();
    let tokenizer = json!({
        "version": "1.0",
        "model": {
            "type": "WordPiece", "vocab": vocabulary, "unk_token": "[UNK]",
            "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
        },
        "normalizer": {
            "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
            "strip_accents": null, "lowercase": true,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 2], "sep": ["[SEP]", 3]},
    });
    write(folder, "tokenizer.json", &tokenizer.to_string());
    words
}

/// Numbers of a wave that nothing repeats.
fn wave(from: usize, count: usize) -> Vec<f32> {
    (from..from + count).map(|at| (at as f32 * 12.9898).sin() * 0.5).collect()
}

/// Letters, so that every word is known, and a few words.
fn vocabulary() -> Vec<String> {
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"].map(String::from);
    let letters = LETTERS.chars().flat_map(|c| [c.to_string(), format!("##{c}")]);
    let words = ["listen", "port", "ports", "package", "linux", "installation"].map(String::from);
    special.into_iter().chain(letters).chain(words).collect()
}

fn tensors(words: usize) -> Vec<u8> {
    let mut shapes: Vec<(String, Vec<usize>)> = vec![
        ("embeddings.word_embeddings.weight".into(), vec![words, SIZE]),
        ("embeddings.position_embeddings.weight".into(), vec![POSITIONS, SIZE]),
        ("embeddings.token_type_embeddings.weight".into(), vec![2, SIZE]),
    ];
    let layer = "encoder.layer.0";
    let mut linear = |name: String, output, input| {
        shapes.push((format!("{name}.weight"), vec![output, input]));
        shapes.push((format!("{name}.bias"), vec![output]));
    };
    for part in ["query", "key", "value"] {
        linear(format!("{layer}.attention.self.{part}"), SIZE, SIZE);
    }
    linear(format!("{layer}.attention.output.dense"), SIZE, SIZE);
    linear(format!("{layer}.intermediate.dense"), WIDE, SIZE);
    linear(format!("{layer}.output.dense"), SIZE, WIDE);
    for norm in ["attention.output.LayerNorm", "output.LayerNorm"] {
        shapes.push((format!("{layer}.{norm}.weight"), vec![SIZE]));
        shapes.push((format!("{layer}.{norm}.bias"), vec![SIZE]));
    }
    shapes.push(("embeddings.LayerNorm.weight".into(), vec![SIZE]));
    shapes.push(("embeddings.LayerNorm.bias".into(), vec![SIZE]));
    let mut header = serde_json::Map::new();
    let mut data: Vec<u8> = Vec::new();
    for (name, shape) in shapes {
        let from = data.len();
        let count = shape.iter().product();
        // Norms leave as it is what they normalise.
        let numbers = match name.ends_with("LayerNorm.weight") {
            true => vec![1.0; count],
            false => wave(from / 4, count),
        };
        data.extend(numbers.into_iter().flat_map(f32::to_le_bytes));
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [from, data.len()]});
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}

/// The few messages of the ONNX format (onnx.proto3) that a table needs.
mod onnx {
    const FLOAT: u64 = 1;
    const INT64: u64 = 7;

    /// `last_hidden_state = Gather(table, input_ids)`, after the mask, which is an output, too: the
    /// vectors are found by their name.
    pub(super) fn network(table: &[f32], rows: usize, size: usize) -> Vec<u8> {
        let raw: Vec<u8> = table.iter().flat_map(|number| number.to_le_bytes()).collect();
        let dims = [number(1, rows as u64), number(1, size as u64)].concat();
        let table = [dims, number(2, FLOAT), text(8, "table"), bytes(9, &raw)].concat();
        let node = ["table", "input_ids"].map(|input| text(1, input)).concat();
        let node = [node, text(2, "last_hidden_state"), text(4, "Gather")].concat();
        let mask = [text(1, "attention_mask"), text(2, "mask"), text(4, "Identity")].concat();
        let graph = [
            bytes(1, &mask),
            bytes(1, &node),
            text(2, "tiny"),
            bytes(5, &table),
            bytes(11, &value("input_ids", INT64, &["batch", "tokens"])),
            bytes(11, &value("attention_mask", INT64, &["batch", "tokens"])),
            bytes(12, &value("mask", INT64, &["batch", "tokens"])),
            bytes(12, &value("last_hidden_state", FLOAT, &["batch", "tokens", "size"])),
        ];
        let operators = number(2, 17);
        [number(1, 8), bytes(7, &graph.concat()), bytes(8, &operators)].concat()
    }

    fn value(name: &str, kind: u64, shape: &[&str]) -> Vec<u8> {
        let shape: Vec<u8> = shape.iter().flat_map(|dim| bytes(1, &text(2, dim))).collect();
        let tensor = [number(1, kind), bytes(2, &shape)].concat();
        [text(1, name), bytes(2, &bytes(1, &tensor))].concat()
    }

    fn text(field: u64, text: &str) -> Vec<u8> {
        bytes(field, text.as_bytes())
    }

    fn bytes(field: u64, bytes: &[u8]) -> Vec<u8> {
        [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
    }

    fn number(field: u64, number: u64) -> Vec<u8> {
        [varint(field << 3), varint(number)].concat()
    }

    fn varint(mut number: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while number >= 0x80 {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    }
}
