//! Text to the tokens of a model: BERT's own steps, as `tokenizer.json` configures them.
//!
//! First words (control characters gone, Chinese characters apart, accents and case folded,
//! punctuation apart), then each word as the longest pieces of the vocabulary (WordPiece, Schuster
//! and Nakajima 2012).

use std::path::Path;

use anyhow::{Context, ensure};
use rustc_hash::FxHashMap;
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::weights;

#[derive(Deserialize)]
struct File {
    model: Model,
    normalizer: Normalizer,
    pre_tokenizer: PreTokenizer,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    vocab: FxHashMap<Box<str>, u32>,
    #[serde(default)]
    unk_token: String,
    #[serde(default)]
    continuing_subword_prefix: String,
    #[serde(default = "longest_word")]
    max_input_chars_per_word: usize,
}

#[derive(Deserialize)]
struct Normalizer {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    lowercase: bool,
    #[serde(default)]
    strip_accents: Option<bool>,
    #[serde(default)]
    handle_chinese_chars: bool,
}

#[derive(Deserialize)]
struct PreTokenizer {
    #[serde(rename = "type")]
    kind: String,
}

fn longest_word() -> usize {
    100
}

/// A vocabulary and how text is cut to it.
pub(super) struct Tokenizer {
    /// Pieces that begin a word, and those that continue one, without their mark.
    first: FxHashMap<Box<str>, u32>,
    further: FxHashMap<Box<str>, u32>,
    unknown: u32,
    begin: u32,
    end: u32,
    lowercase: bool,
    strip_accents: bool,
    split_chinese: bool,
    /// Characters; longer words are unknown.
    longest_word: usize,
}

impl Tokenizer {
    /// Reads `tokenizer.json` of a folder.
    ///
    /// # Errors
    ///
    /// No such file, or one of another kind.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Tokenizer> {
        let path = folder.join("tokenizer.json");
        Tokenizer::parse(&weights::read(&path)?)
            .with_context(|| format!("{} cannot be used", path.display()))
    }

    fn parse(json: &[u8]) -> anyhow::Result<Tokenizer> {
        const KNOWN: &str = "this version knows WordPiece with BERT's rules for words";
        let file: File = serde_json::from_slice(json).context(KNOWN)?;
        let kinds = [&file.model.kind, &file.normalizer.kind, &file.pre_tokenizer.kind];
        ensure!(
            kinds == ["WordPiece", "BertNormalizer", "BertPreTokenizer"],
            "it is made of {kinds:?}; {KNOWN}"
        );
        let Model { vocab, unk_token, continuing_subword_prefix: mark, .. } = file.model;
        ensure!(!mark.is_empty(), "no mark for pieces that continue a word; {KNOWN}");
        let special = |name: &str| {
            vocab.get(name).copied().with_context(|| format!("the vocabulary lacks {name}"))
        };
        let (unknown, begin, end) = (special(&unk_token)?, special("[CLS]")?, special("[SEP]")?);
        let mut first = FxHashMap::default();
        let mut further = FxHashMap::default();
        for (piece, id) in vocab {
            match piece.strip_prefix(mark.as_str()) {
                Some(rest) if !rest.is_empty() => further.insert(rest.into(), id),
                _ => first.insert(piece, id),
            };
        }
        let Normalizer { lowercase, strip_accents, handle_chinese_chars, .. } = file.normalizer;
        Ok(Tokenizer {
            first,
            further,
            unknown,
            begin,
            end,
            lowercase,
            strip_accents: strip_accents.unwrap_or(lowercase),
            split_chinese: handle_chinese_chars,
            longest_word: file.model.max_input_chars_per_word,
        })
    }

    /// The greatest number that a token can have.
    pub(super) fn last(&self) -> u32 {
        self.first.values().chain(self.further.values()).copied().max().unwrap_or(0)
    }

    /// The tokens of a text, between the two that begin and end it; at most `most` in all.
    pub(super) fn tokens(&self, text: &str, most: usize) -> Vec<u32> {
        let room = most.saturating_sub(1);
        let mut tokens = vec![self.begin];
        let mut word = String::new();
        for run in text.split(char::is_whitespace) {
            if tokens.len() >= room {
                break;
            }
            self.words(run, &mut word, &mut |word| self.pieces(word, &mut tokens));
        }
        tokens.truncate(room);
        tokens.push(self.end);
        tokens
    }

    /// The words of a run of text without spaces.
    fn words(&self, run: &str, word: &mut String, each: &mut impl FnMut(&str)) {
        let mut put = |c: char| {
            let apart = is_punctuation(c) || (self.split_chinese && is_chinese(c));
            if apart && !word.is_empty() {
                each(word);
                word.clear();
            }
            word.push(c);
            if apart {
                each(word);
                word.clear();
            }
        };
        let mut fold = |c: char| {
            if self.lowercase { c.to_lowercase().for_each(&mut put) } else { put(c) }
        };
        if run.is_ascii() {
            run.chars().filter(|c| !c.is_control()).for_each(&mut fold);
        } else {
            let visible = run.chars().filter(|c| !is_invisible(*c));
            if self.strip_accents {
                visible.nfd().filter(|c| !is_combining_mark(*c)).for_each(&mut fold);
            } else {
                visible.for_each(&mut fold);
            }
        }
        if !word.is_empty() {
            each(word);
            word.clear();
        }
    }

    /// The longest pieces of a word, from its beginning on; one unknown token if some part of it
    /// is in no piece.
    fn pieces(&self, word: &str, tokens: &mut Vec<u32>) {
        let before = tokens.len();
        if word.chars().count() > self.longest_word {
            tokens.push(self.unknown);
            return;
        }
        let mut rest = word;
        while !rest.is_empty() {
            let known = if rest.len() == word.len() { &self.first } else { &self.further };
            let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8()).rev();
            let longest = ends.into_iter().find_map(|end| Some((end, known.get(&rest[..end])?)));
            let Some((end, id)) = longest else {
                tokens.truncate(before);
                tokens.push(self.unknown);
                return;
            };
            tokens.push(*id);
            rest = &rest[end..];
        }
    }
}

/// Control and format characters, and those that say that something could not be read.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{fffd}' | '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
        )
        || matches!(c, '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{e000}'..='\u{f8ff}' | '\u{fff9}'..='\u{fffb}')
        || matches!(c, '\u{e0000}'..='\u{10ffff}')
}

/// ASCII's symbols, and what Unicode calls punctuation in the scripts that docs are written in.
fn is_punctuation(c: char) -> bool {
    c.is_ascii_punctuation()
        || matches!(c, '¡' | '§' | '«' | '¶' | '·' | '»' | '¿' | '\u{37e}' | '\u{387}')
        || matches!(c, '\u{55a}'..='\u{55f}' | '\u{589}' | '\u{58a}' | '\u{5be}' | '\u{5c0}')
        || matches!(c, '\u{5c3}' | '\u{5c6}' | '\u{5f3}' | '\u{5f4}' | '\u{60c}' | '\u{60d}')
        || matches!(c, '\u{61b}' | '\u{61d}'..='\u{61f}' | '\u{66a}'..='\u{66d}' | '\u{6d4}')
        || matches!(c, '\u{964}' | '\u{965}' | '\u{970}' | '\u{e4f}' | '\u{e5a}' | '\u{e5b}')
        || matches!(c, '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{2043}' | '\u{2045}'..='\u{2051}')
        || matches!(c, '\u{2053}'..='\u{205e}' | '\u{207d}' | '\u{207e}' | '\u{208d}' | '\u{208e}')
        || matches!(c, '\u{2308}'..='\u{230b}' | '\u{2329}' | '\u{232a}' | '\u{2768}'..='\u{2775}')
        || matches!(c, '\u{27c5}' | '\u{27c6}' | '\u{27e6}'..='\u{27ef}' | '\u{2983}'..='\u{2998}')
        || matches!(c, '\u{29d8}'..='\u{29db}' | '\u{29fc}' | '\u{29fd}' | '\u{2cf9}'..='\u{2cfc}')
        || matches!(c, '\u{2e00}'..='\u{2e2e}' | '\u{2e30}'..='\u{2e4f}' | '\u{2e52}'..='\u{2e5d}')
        || matches!(c, '\u{3001}'..='\u{3003}' | '\u{3008}'..='\u{3011}' | '\u{3014}'..='\u{301f}')
        || matches!(c, '\u{3030}' | '\u{303d}' | '\u{30a0}' | '\u{30fb}' | '\u{fd3e}' | '\u{fd3f}')
        || matches!(c, '\u{fe10}'..='\u{fe19}' | '\u{fe30}'..='\u{fe52}' | '\u{fe54}'..='\u{fe61}')
        || matches!(c, '\u{fe63}' | '\u{fe68}' | '\u{fe6a}' | '\u{fe6b}' | '\u{ff01}'..='\u{ff03}')
        || matches!(c, '\u{ff05}'..='\u{ff0a}' | '\u{ff0c}'..='\u{ff0f}' | '\u{ff1a}' | '\u{ff1b}')
        || matches!(c, '\u{ff1f}' | '\u{ff20}' | '\u{ff3b}'..='\u{ff3d}' | '\u{ff3f}' | '\u{ff5b}')
        || matches!(c, '\u{ff5d}' | '\u{ff5f}'..='\u{ff65}')
}

/// Ideographs, which BERT reads one by one; Japanese syllables and Korean are read as words.
fn is_chinese(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}')
        || matches!(c, '\u{20000}'..='\u{2ceaf}' | '\u{2f800}'..='\u{2fa1f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &[&str] =
        &["[CLS]", "[SEP]", "[UNK]", "un", "##aff", "##able", "cafe", "-", "a", "##b", "中", "."];

    fn tokenizer() -> Tokenizer {
        let vocab: serde_json::Map<_, _> =
            WORDS.iter().enumerate().map(|(id, word)| ((*word).to_owned(), id.into())).collect();
        let json = serde_json::json!({
            "model": {"type": "WordPiece", "vocab": vocab, "unk_token": "[UNK]", "continuing_subword_prefix": "##"},
            "normalizer": {"type": "BertNormalizer", "lowercase": true, "handle_chinese_chars": true},
            "pre_tokenizer": {"type": "BertPreTokenizer"},
        });
        Tokenizer::parse(json.to_string().as_bytes()).unwrap()
    }

    fn pieces(text: &str, most: usize) -> String {
        let tokens = tokenizer().tokens(text, most);
        tokens.iter().map(|id| WORDS[*id as usize]).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_cut_to_the_longest_pieces_of_the_vocabulary() {
        let cases = [
            ("unaffable", "[CLS] un ##aff ##able [SEP]"),
            ("Un-A. ab", "[CLS] un - a . a ##b [SEP]"),
            ("CAFÉ a\u{200b}b", "[CLS] cafe a ##b [SEP]"),
            ("a中中b", "[CLS] a 中 中 [UNK] [SEP]"),
            ("unknown", "[CLS] [UNK] [SEP]"),
            ("", "[CLS] [SEP]"),
        ];
        for (text, expected) in cases {
            assert_eq!(pieces(text, 512), expected, "{text}");
        }
        assert_eq!(pieces(&"a".repeat(101), 512), "[CLS] [UNK] [SEP]");
    }

    #[test]
    fn no_text_has_more_tokens_than_asked_for() {
        assert_eq!(pieces("unaffable a", 4), "[CLS] un ##aff [SEP]");
        assert_eq!(pieces(&"a ".repeat(100), 5), "[CLS] a a a [SEP]");
    }

    #[test]
    fn other_kinds_are_refused_with_what_is_known() {
        let unigram = br#"{"model":{"type":"Unigram"},"normalizer":{"type":"Precompiled"},"pre_tokenizer":{"type":"Metaspace"}}"#;
        let error = Tokenizer::parse(unigram).err().unwrap().to_string();
        assert!(error.contains("Unigram") && error.contains("WordPiece"), "{error}");
    }
}
