//! Text to the tokens of a model, as its `tokenizer.json` says.

use std::path::Path;

use anyhow::{Context, anyhow};

use super::weights;

/// Bytes of a text for each token that may come of it. A token has four in the mean of docs; this
/// keeps a generated page of a megabyte from being cut to pieces for its first paragraphs.
const BYTES: usize = 32;

/// A vocabulary and how text is cut to it.
pub(super) struct Tokenizer(tokenizers::Tokenizer);

impl Tokenizer {
    /// Reads `tokenizer.json` of a folder.
    ///
    /// # Errors
    ///
    /// No such file, or one that is no tokenizer.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Tokenizer> {
        let path = folder.join("tokenizer.json");
        Tokenizer::parse(&weights::read(&path)?)
            .with_context(|| format!("{} cannot be used", path.display()))
    }

    fn parse(json: &[u8]) -> anyhow::Result<Tokenizer> {
        let tokenizer = tokenizers::Tokenizer::from_bytes(json);
        let mut tokenizer = tokenizer.map_err(|error| anyhow!("it is no tokenizer: {error}"))?;
        // Lengths are bounded by whoever asks, and nothing is run in batches of one length.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(|error| anyhow!("{error}"))?;
        Ok(Tokenizer(tokenizer))
    }

    /// Number of tokens that it knows.
    pub(super) fn vocabulary(&self) -> usize {
        self.0.get_vocab_size(true)
    }

    /// The tokens of a text's beginning, with those that mark its begin and its end; at most
    /// `most` in all.
    ///
    /// # Errors
    ///
    /// A text that the vocabulary has no token for.
    pub(super) fn tokens(&self, text: &str, most: usize) -> anyhow::Result<Vec<u32>> {
        let beginning = &text[..text.floor_char_boundary(most * BYTES)];
        let encoding = self.0.encode_fast(beginning, true).map_err(|error| anyhow!("{error}"))?;
        let mut tokens = encoding.get_ids().to_vec();
        if tokens.len() > most {
            let end = tokens.pop();
            tokens.truncate(most.saturating_sub(1));
            tokens.extend(end);
        }
        Ok(tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[&str] =
        &["[CLS]", "[SEP]", "[UNK]", "un", "##aff", "##able", "cafe", "-", "a", "##b", "中", "."];

    fn pieces(text: &str, most: usize) -> String {
        let vocab: serde_json::Map<_, _> =
            WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
        let json = serde_json::json!({
            "version": "1.0",
            "truncation": {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
            "model": {"type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100},
            "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
            "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 0], "sep": ["[SEP]", 1]},
        });
        let tokenizer = Tokenizer::parse(json.to_string().as_bytes()).unwrap();
        let tokens = tokenizer.tokens(text, most).unwrap();
        tokens.iter().map(|id| WORDS[*id as usize]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_text_has_the_marks_of_its_model_and_no_bound_but_ours() {
        assert_eq!(pieces("Un-A. unaffable", 512), "[CLS] un - a . un ##aff ##able [SEP]");
        assert_eq!(pieces("CAFÉ 中", 512), "[CLS] cafe 中 [SEP]");
        assert_eq!(pieces("", 512), "[CLS] [SEP]");
    }

    #[test]
    fn no_text_has_more_tokens_than_asked_for() {
        assert_eq!(pieces("unaffable a", 4), "[CLS] un ##aff [SEP]");
        assert_eq!(pieces(&"中".repeat(100_000), 5), "[CLS] 中 中 中 [SEP]");
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let error = Tokenizer::parse(b"{\"model\": 1}").err().unwrap().to_string();
        assert!(error.contains("no tokenizer"), "{error}");
    }
}
