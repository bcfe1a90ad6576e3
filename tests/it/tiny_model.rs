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
    let vocabulary: serde_json::Map<String, Value> =
        vocabulary().into_iter().zip(0u32..).map(|(piece, id)| (piece, json!(id))).collect();
    let config = json!({
        "model_type": "bert", "hidden_size": SIZE, "intermediate_size": WIDE,
        "num_attention_heads": 2, "num_hidden_layers": 1, "max_position_embeddings": POSITIONS,
        "vocab_size": vocabulary.len(), "type_vocab_size": 2,
    });
    let tensors = tensors(vocabulary.len());
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
    write(folder, "config.json", &config.to_string());
    write(folder, "tokenizer.json", &tokenizer.to_string());
    std::fs::write(folder.join("model.safetensors"), tensors).expect("a file is written");
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
        for at in 0..shape.iter().product() {
            // Norms leave as it is what they normalise; all else is a wave that nothing repeats.
            let number = match name.ends_with("LayerNorm.weight") {
                true => 1.0f32,
                false => ((from / 4 + at) as f32 * 12.9898).sin() * 0.5,
            };
            data.extend(number.to_le_bytes());
        }
        let entry = json!({"dtype": "F32", "shape": shape, "data_offsets": [from, data.len()]});
        header.insert(name, entry);
    }
    let header = Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend(data);
    file
}
