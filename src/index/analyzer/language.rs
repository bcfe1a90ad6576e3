//! The language of a page's words: which stemmer they get, and which words say nothing.

use std::cell::RefCell;
use std::sync::LazyLock;

use frostem::{Algorithm, Stemmer};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tantivy::tokenizer::{StopWordFilter, TextAnalyzer, TokenStream as _, WhitespaceTokenizer};
use whatlang::{Detector, Lang};

/// A language with a Snowball stemmer, as its position in [`LANGUAGES`]. Words of languages that
/// have none are treated as English ones: most of what can be stemmed there are English names.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(in crate::index) struct Language(u8);

/// Primary language subtag (BCP 47), stemmer, name in the detector.
const LANGUAGES: &[(&str, Algorithm, Lang)] = &[
    ("en", Algorithm::English, Lang::Eng),
    ("ar", Algorithm::Arabic, Lang::Ara),
    ("ca", Algorithm::Catalan, Lang::Cat),
    ("cs", Algorithm::Czech, Lang::Ces),
    ("da", Algorithm::Danish, Lang::Dan),
    ("de", Algorithm::German, Lang::Deu),
    ("el", Algorithm::Greek, Lang::Ell),
    ("es", Algorithm::Spanish, Lang::Spa),
    ("et", Algorithm::Estonian, Lang::Est),
    ("fi", Algorithm::Finnish, Lang::Fin),
    ("fr", Algorithm::French, Lang::Fra),
    ("hi", Algorithm::Hindi, Lang::Hin),
    ("hu", Algorithm::Hungarian, Lang::Hun),
    ("hy", Algorithm::Armenian, Lang::Hye),
    ("id", Algorithm::Indonesian, Lang::Ind),
    ("it", Algorithm::Italian, Lang::Ita),
    ("lt", Algorithm::Lithuanian, Lang::Lit),
    ("nb", Algorithm::Norwegian, Lang::Nob),
    ("ne", Algorithm::Nepali, Lang::Nep),
    ("nl", Algorithm::Dutch, Lang::Nld),
    ("pl", Algorithm::Polish, Lang::Pol),
    ("pt", Algorithm::Portuguese, Lang::Por),
    ("ro", Algorithm::Romanian, Lang::Ron),
    ("ru", Algorithm::Russian, Lang::Rus),
    ("sr", Algorithm::Serbian, Lang::Srp),
    ("sv", Algorithm::Swedish, Lang::Swe),
    ("ta", Algorithm::Tamil, Lang::Tam),
    ("tr", Algorithm::Turkish, Lang::Tur),
    ("yi", Algorithm::Yiddish, Lang::Yid),
];

/// Characters of a page that are looked at to tell its language.
pub(in crate::index) const SAMPLE: usize = 1000;
/// Fewer characters do not tell a language.
const LEAST_SAMPLE: usize = 120;
/// Share, in percent, of the words below that says a text is English: 80 to 98 in 100 pages of the
/// English corpora have it (the median is 18), and one page in a hundred of the Vue guide in
/// Chinese or Japanese.
const ENGLISH: usize = 12;
const ENGLISH_WORDS: &[&str] = &[
    "the", "of", "and", "to", "is", "that", "for", "you", "with", "this", "are", "be", "it", "can",
    "your", "by", "when", "from",
];

impl Language {
    /// What a page is stemmed as when nothing else is known.
    pub(in crate::index) const ENGLISH: Language = Language(0);

    /// The language of a page: what it or its owner says (BCP 47), else what its text looks like.
    pub(in crate::index) fn of(declared: Option<&str>, prose: &str) -> Language {
        match declared {
            Some(tag) => Language::named(tag),
            None => Language::detect(prose),
        }
    }

    fn named(tag: &str) -> Language {
        let primary = tag.split(['-', '_']).next().unwrap_or(tag).to_ascii_lowercase();
        let primary = if matches!(&*primary, "no" | "nn") { "nb" } else { &*primary };
        Language::position(|(tag, ..)| *tag == primary)
    }

    fn position(is: impl FnMut(&(&str, Algorithm, Lang)) -> bool) -> Language {
        let at = LANGUAGES.iter().position(is).unwrap_or(0);
        Language(u8::try_from(at).unwrap_or(0))
    }

    /// Nearly all docs are in English, which a few words give away; only text without them is
    /// worth the price of the detector.
    fn detect(prose: &str) -> Language {
        let end = prose.char_indices().nth(SAMPLE).map_or(prose.len(), |(at, _)| at);
        let sample = &prose[..end];
        if sample.len() < LEAST_SAMPLE {
            return Language::ENGLISH;
        }
        let (mut words, mut english) = (0, 0);
        for word in sample.split_ascii_whitespace() {
            words += 1;
            english += usize::from(ENGLISH_WORDS.contains(&word));
        }
        if english * 100 >= words * ENGLISH {
            return Language::ENGLISH;
        }
        let known = LANGUAGES.iter().map(|(.., lang)| *lang).collect();
        match Detector::with_allowlist(known).detect(sample) {
            Some(found) if found.is_reliable() => {
                Language::position(|(_, _, lang)| *lang == found.lang())
            }
            _ => Language::ENGLISH,
        }
    }

    /// The character that stands before a text of this language on its way to the analyzer.
    pub(super) fn mark(self) -> char {
        char::from_u32(MARKS + u32::from(self.0)).unwrap_or(char::REPLACEMENT_CHARACTER)
    }

    /// The language that a mark stands for.
    pub(super) fn marked(mark: char) -> Option<Language> {
        let at = u8::try_from(u32::from(mark).checked_sub(MARKS)?).ok()?;
        (usize::from(at) < LANGUAGES.len()).then_some(Language(at))
    }

    /// Replaces a word in lower case by its stem.
    pub(super) fn stem(self, word: &mut String) {
        // Code and product names are English wherever the letters of the language differ.
        let language = if word.is_ascii() && !self.is_latin() { Language::ENGLISH } else { self };
        if word.len() < 3 || (language == Language::ENGLISH && !word.is_ascii()) {
            return;
        }
        STEMS.with_borrow_mut(|memos| {
            let at = usize::from(language.0);
            let (stemmer, memo) = memos[at]
                .get_or_insert_with(|| (Stemmer::new(LANGUAGES[at].1), FxHashMap::default()));
            if let Some(stem) = memo.get(word.as_str()) {
                if **stem != **word {
                    word.clear();
                    word.push_str(stem);
                }
                return;
            }
            let stem: Box<str> = stemmer.stem(word).into();
            if memo.len() >= MEMO {
                memo.clear();
            }
            memo.insert(word.as_str().into(), stem.clone());
            word.clear();
            word.push_str(&stem);
        });
    }

    fn is_latin(self) -> bool {
        !matches!(
            LANGUAGES[usize::from(self.0)].0,
            "ar" | "el" | "hi" | "hy" | "ne" | "ru" | "sr" | "ta" | "yi"
        )
    }

    /// Whether a word in lower case says nothing in this language; English has a list of its own,
    /// made for questions.
    pub(in crate::index) fn is_stop_word(self, word: &str) -> bool {
        let Some(filter) = &STOP_WORDS[usize::from(self.0)] else { return false };
        let rest = TextAnalyzer::builder(WhitespaceTokenizer::default()).filter(filter.clone());
        !word.is_empty() && !rest.build().token_stream(word).advance()
    }
}

/// The lists of Snowball that come with Tantivy, by position in [`LANGUAGES`].
static STOP_WORDS: LazyLock<[Option<StopWordFilter>; LANGUAGES.len()]> = LazyLock::new(|| {
    use tantivy::tokenizer::Language as Listed;
    std::array::from_fn(|at| {
        StopWordFilter::new(match LANGUAGES[at].0 {
            "da" => Listed::Danish,
            "de" => Listed::German,
            "es" => Listed::Spanish,
            "fi" => Listed::Finnish,
            "fr" => Listed::French,
            "hu" => Listed::Hungarian,
            "it" => Listed::Italian,
            "nb" => Listed::Norwegian,
            "nl" => Listed::Dutch,
            "pt" => Listed::Portuguese,
            "ru" => Listed::Russian,
            "sv" => Listed::Swedish,
            _ => return None,
        })
    })
});

/// First of the private characters that stand for languages; docs that use one themselves at the
/// very start are not affected, because a mark is always put before them.
const MARKS: u32 = 0x10_FF00;

/// Entries of a stemmer's memo, per thread: a megabyte or two at most.
const MEMO: usize = 1 << 14;

/// A stemmer with what it has said so far.
type Memo = (Stemmer, FxHashMap<Box<str>, Box<str>>);

thread_local! {
    /// Zipf's law makes nearly every lookup a hit: without this memo the stemmer is 40 % of the
    /// time of indexing.
    static STEMS: RefCell<[Option<Memo>; LANGUAGES.len()]> =
        const { RefCell::new([const { None }; LANGUAGES.len()]) };
}

#[cfg(test)]
mod tests {
    use super::*;

    const GERMAN: &str = "Mit der Konfiguration legen Sie fest, welche Ordner gelesen werden und wie \
        oft nach Änderungen gesucht wird. Ohne eine Angabe gilt der Standard, der für die meisten \
        Anwendungen ausreicht.";
    const RUSSIAN: &str = "Настройка определяет, какие папки читаются и как часто сервер проверяет \
        изменения. Без указания используется значение по умолчанию, которого обычно достаточно. \
        После сохранения файла поиск находит новый текст почти сразу, перезапуск не требуется.";
    const CHINESE: &str = "组件允许我们将界面划分为独立的、可重用的部分，并且可以对每个部分进行单独的思考。\
        在实际应用中，组件常常被组织成一个层层嵌套的树状结构。这和我们嵌套元素的方式类似。";

    fn tag(declared: Option<&str>, prose: &str) -> &'static str {
        LANGUAGES[usize::from(Language::of(declared, prose).0)].0
    }

    #[test]
    fn what_is_declared_counts_and_the_text_decides_where_nothing_is() {
        assert_eq!(tag(Some("pt-BR"), GERMAN), "pt");
        assert_eq!(tag(Some("no"), ""), "nb");
        assert_eq!(tag(None, GERMAN), "de");
        assert_eq!(tag(None, RUSSIAN), "ru");
        let english = "Set the folders that are to be read, and how often the server looks for \
            changes. The default is good enough for most of the uses that you may have for it.";
        assert_eq!(tag(None, english), "en");
    }

    #[test]
    fn languages_without_a_stemmer_and_texts_that_tell_nothing_are_taken_for_english() {
        assert_eq!(tag(Some("zh-CN"), ""), "en");
        assert_eq!(tag(None, CHINESE), "en");
        assert_eq!(tag(None, "Kurz und gut."), "en");
        assert_eq!(tag(None, &"cfg.toml --listen 8080 {}; ".repeat(20)), "en");
    }

    #[test]
    fn each_language_has_its_own_stems_and_stop_words() {
        let stem = |tag, word: &str| {
            let mut word = word.to_owned();
            Language::named(tag).stem(&mut word);
            word
        };
        assert_eq!(stem("de", "konfigurationen"), stem("de", "konfiguration"));
        assert_eq!(stem("ru", "настройки"), stem("ru", "настройка"));
        assert_eq!(stem("ru", "servers"), "server");
        assert_eq!(stem("en", "настройки"), "настройки");
        assert!(Language::named("de").is_stop_word("wie"));
        assert!(!Language::named("de").is_stop_word("ordner"));
        assert!(!Language::ENGLISH.is_stop_word("the"));
    }

    #[test]
    fn marks_are_read_back() {
        for at in 0..LANGUAGES.len() {
            let language = Language(u8::try_from(at).expect("few"));
            assert_eq!(Language::marked(language.mark()), Some(language));
        }
        assert_eq!(Language::marked('a'), None);
        assert_eq!(Language::marked('\u{10FFFF}'), None);
    }
}
