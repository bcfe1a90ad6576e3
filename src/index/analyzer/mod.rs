//! Text to terms, the same for pages and for questions.
//!
//! Words are lower-cased, stemmed by the language of the page, and lose their accents; a word with
//! accents is there unstemmed as well, for those who type it without. Identifiers (`useEffect`,
//! `snake_case`, `std::sync::mpsc`, `Rc<T>`, `--flag-name`, `.env`, `C++`) give the whole,
//! unstemmed, and their parts, so that both a question that quotes one and a question that
//! paraphrases it find the page.
//!
//! Runs of Chinese, Japanese and Korean characters give overlapping pairs, which beat white-space
//! words by far on such pages (nDCG@10 0.76 against 0.55 on the Vue guide). Words from a dictionary
//! do not beat pairs: 0.81 against 0.79 in Chinese, 0.80 against 0.81 in Japanese (the Vue guide
//! again, 14 questions each), which is less than chance moves them.

mod fold;
mod language;

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};
use unicode_normalization::char::is_combining_mark;

pub(super) use language::{Language, SAMPLE};

/// Raised with every change of what the analyzer emits: an index of another version is rebuilt.
pub(crate) const VERSION: u32 = 2;

/// Name under which the analyzer is registered with Tantivy.
pub(super) const NAME: &str = "docent";

/// Longest term in bytes; longer words are cut, because nobody asks for them whole.
const MAX_TERM: usize = 128;
/// Longest compound identifier in bytes that is kept whole; beyond are URLs and hashes.
const MAX_COMPOUND: usize = 64;

/// The tokenizer of every searchable field; its texts come from [`marked`].
#[derive(Clone, Default)]
pub(super) struct Analyzer;

impl Tokenizer for Analyzer {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        let mut stream = Stream::new(text, Language::ENGLISH);
        if let Some(mark) = text.chars().next()
            && let Some(language) = Language::marked(mark)
        {
            stream.language = language;
            stream.at = mark.len_utf8();
        }
        stream
    }
}

/// Begins a text for the index, whose analyzer has no other way to know the language.
pub(super) fn marked(language: Language, text: &mut String) {
    text.clear();
    text.push(language.mark());
}

/// The terms of a text with the byte ranges they come from, in order.
pub(super) fn terms(text: &str, language: Language, mut each: impl FnMut(&Token)) {
    let mut stream = Stream::new(text, language);
    while stream.advance() {
        each(stream.token());
    }
}

/// The terms of a question, each with all forms in which these languages have it in the index:
/// that of the first language comes first, and the word as it is written is among them. Morphology
/// thereby never loses what an identifier or a page in another language says exactly.
pub(super) fn forms(text: &str, languages: &[Language], mut each: impl FnMut(&Token, Vec<String>)) {
    let first = languages.first().copied().unwrap_or_default();
    let mut stream = Stream::new(text, first);
    while stream.advance() {
        let form = stream.form();
        if form == Form::Unaccented {
            continue;
        }
        let token = stream.token();
        let mut forms = vec![token.text.clone()];
        if form == Form::Word {
            let word = &text[token.offset_from..token.offset_to];
            let mut other = String::new();
            for language in languages.iter().skip(1).map(Some).chain([None]) {
                fold::lower_into(word, &mut other);
                if let Some(language) = language {
                    language.stem(&mut other);
                }
                fold::fold(&mut other);
                if !forms.contains(&other) {
                    forms.push(other.clone());
                }
            }
        }
        each(token, forms);
    }
}

/// How a range of the text becomes a term.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    /// Lower-cased, stemmed and without accents.
    Word,
    /// As [`Form::Word`] with accents, but not stemmed.
    Unaccented,
    /// As it is, in lower case and without accents: identifiers keep their shape.
    Whole,
}

#[derive(Clone, Copy)]
struct Pending {
    from: usize,
    to: usize,
    position: usize,
    form: Form,
}

pub(super) struct Stream<'a> {
    text: &'a str,
    language: Language,
    at: usize,
    position: usize,
    pending: Vec<Pending>,
    next: usize,
    token: Token,
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        while self.next == self.pending.len() {
            self.pending.clear();
            self.next = 0;
            if !self.read_chunk() {
                return false;
            }
        }
        let Pending { from, to, position, form } = self.pending[self.next];
        self.next += 1;
        let token = &mut self.token;
        token.offset_from = from;
        token.offset_to = to;
        token.position = position;
        token.position_length = 1;
        fold::lower_into(&self.text[from..to], &mut token.text);
        if form == Form::Word {
            self.language.stem(&mut token.text);
        }
        fold::fold(&mut token.text);
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

impl<'a> Stream<'a> {
    fn new(text: &'a str, language: Language) -> Stream<'a> {
        let (pending, token) = (Vec::new(), Token::default());
        Stream { text, language, at: 0, position: 0, pending, next: 0, token }
    }

    /// Form of the current term.
    fn form(&self) -> Form {
        self.pending[self.next - 1].form
    }
}

impl Stream<'_> {
    /// Reads up to the next stretch without white space and queues its terms; false at the end.
    fn read_chunk(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut from = self.at;
        while from < bytes.len() && bytes[from].is_ascii_whitespace() {
            from += 1;
        }
        if from == bytes.len() {
            self.at = from;
            return false;
        }
        let mut to = from;
        let mut plain = true;
        while to < bytes.len() && !bytes[to].is_ascii_whitespace() {
            plain &= bytes[to].is_ascii_lowercase();
            to += 1;
        }
        self.at = to;
        if plain {
            self.push(from, to, Form::Word);
            self.position += 1;
        } else {
            self.read_mixed(from, to);
        }
        true
    }

    fn push(&mut self, from: usize, to: usize, form: Form) {
        let to = floor_boundary(self.text, to.min(from + MAX_TERM));
        let position = self.position;
        self.pending.push(Pending { from, to, position, form });
        if form == Form::Word && self.text[from..to].chars().any(is_accented) {
            self.pending.push(Pending { from, to, position, form: Form::Unaccented });
        }
    }

    /// A chunk with capitals, digits, punctuation or other scripts in it.
    fn read_mixed(&mut self, from: usize, to: usize) {
        let text = self.text;
        let mut at = from;
        while at < to {
            let Some(start) = text[at..to].find(char::is_alphanumeric) else { return };
            let start = at + start;
            let end = compound_end(text, start, to);
            let whole = start + text[start..end].trim_end_matches(is_connector).len();
            let mark = self.pending.len();
            let position = self.position;
            self.read_words(start, whole);
            let compound = &text[start..whole];
            let joined = self.position > position + 1 && compound.contains(is_connector);
            let (sign, generic) = (sigil(text, from, start), generic_end(text, whole, to));
            let names = [
                (start, whole, joined),
                (start + 1, whole, joined && is_version(compound)),
                (sign, whole, sign < start),
                (start, generic, generic > whole),
            ];
            for (from, to, is) in names {
                if is && to - from <= MAX_COMPOUND && !text[from..to].contains("://") {
                    let name = Pending { from, to, position, form: Form::Whole };
                    self.pending.insert(mark, name);
                }
            }
            at = end;
        }
    }

    /// The words inside a compound.
    fn read_words(&mut self, from: usize, to: usize) {
        let text = self.text;
        let mut at = from;
        while at < to {
            let Some(start) = text[at..to].find(is_word) else { return };
            let start = at + start;
            let end = text[start..to].find(|c| !is_word(c)).map_or(to, |n| start + n);
            let (mark, position) = (self.pending.len(), self.position);
            self.read_word(start, end);
            let name = start..end + name_suffix(&text[start..end], &text[end..]);
            if name.end > end {
                let name = Pending { from: start, to: name.end, position, form: Form::Whole };
                self.pending.insert(mark, name);
            }
            at = end;
        }
    }

    fn read_word(&mut self, from: usize, to: usize) {
        let word = &self.text[from..to];
        if !word.is_ascii() && word.chars().any(is_unspaced) {
            self.read_unspaced(from, to);
            return;
        }
        let mark = self.pending.len();
        let position = self.position;
        let mut part = from;
        let mut previous: Option<char> = None;
        let mut chars = word.char_indices().peekable();
        while let Some((offset, c)) = chars.next() {
            let at = from + offset;
            if c == '_' {
                self.push_part(part, at);
                part = at + 1;
            } else if let Some(p) = previous {
                let follows = chars.peek().map(|(_, next)| *next);
                let camel = p.is_lowercase() && c.is_uppercase();
                let acronym =
                    p.is_uppercase() && c.is_uppercase() && follows.is_some_and(char::is_lowercase);
                // `HTTPs` and `URLs` are plurals, not `HTT` + `Ps`.
                let plural = follows == Some('s') && at + 2 == to;
                if camel || (acronym && !plural) {
                    self.push_part(part, at);
                    part = at;
                }
            }
            previous = Some(c);
        }
        if self.position == position && part == from {
            self.push(from, to, Form::Word);
            self.position += 1;
            return;
        }
        self.push_part(part, to);
        if self.position > position + 1 {
            self.pending.insert(mark, Pending { from, to, position, form: Form::Whole });
        }
    }

    fn push_part(&mut self, from: usize, to: usize) {
        if from < to {
            self.push(from, to, Form::Word);
            self.position += 1;
        }
    }

    /// Scripts written without spaces: overlapping pairs; a lone character stands by itself.
    fn read_unspaced(&mut self, from: usize, to: usize) {
        let text = self.text;
        let mut at = from;
        while at < to {
            let unspaced = text[at..].chars().next().is_some_and(is_unspaced);
            let end = text[at..to].find(|c| is_unspaced(c) != unspaced).map_or(to, |n| at + n);
            if !unspaced {
                self.read_word(at, end);
                at = end;
                continue;
            }
            let mut offsets =
                text[at..end].char_indices().map(|(n, _)| at + n).chain([end]).peekable();
            let mut first = offsets.next().unwrap_or(at);
            let mut middle = offsets.next().unwrap_or(end);
            if middle == end {
                self.push(first, end, Form::Whole);
                self.position += 1;
            }
            for last in offsets {
                self.push(first, last, Form::Whole);
                self.position += 1;
                (first, middle) = (middle, last);
            }
            at = end;
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || (!c.is_ascii() && is_combining_mark(c))
}

/// Letters whose accents people leave out.
fn is_accented(c: char) -> bool {
    matches!(c, '\u{C0}'..='\u{36F}' | '\u{386}'..='\u{3CE}' | '\u{1E00}'..='\u{1FFF}' | 'ё')
}

/// Start of the sign before a name that belongs to it: `.env`, `--watch`, `@app.get`, `$HOME`,
/// `/etc/hosts`, `::before`, `#[derive]`. A sign that follows something else, as in `a().b`, does
/// not.
fn sigil(text: &str, from: usize, start: usize) -> usize {
    if let Some(attribute) = ["#[", "#!["].into_iter().find(|it| text[from..start].ends_with(it)) {
        return start - attribute.len();
    }
    let before = text[from..start].trim_end_matches(is_connector);
    let sign = &text[from + before.len()..start];
    let is_sign =
        matches!(sign, "." | "-" | "--" | "@" | "$" | "/" | "~/" | "./" | ":" | "::" | "#");
    let follows =
        before.chars().next_back().is_some_and(|c| is_word(c) || matches!(c, ')' | ']' | '}'));
    if is_sign && !follows { from + before.len() } else { start }
}

/// `v1.2.3`, which is also looked for as `1.2.3`.
fn is_version(compound: &str) -> bool {
    compound.strip_prefix(['v', 'V']).is_some_and(|rest| {
        rest.contains('.')
            && rest.split('.').all(|part| part.bytes().next().is_some_and(|b| b.is_ascii_digit()))
    })
}

/// End of the arguments of a generic type whose name ends at `at`: `Rc<RefCell<T>>`; `at` itself
/// if there are none or they do not end.
fn generic_end(text: &str, at: usize, to: usize) -> usize {
    let mut depth = 0;
    for (offset, c) in text[at..to].char_indices().take(MAX_COMPOUND) {
        match c {
            '<' => depth += 1,
            '>' if depth == 1 => return at + offset + 1,
            '>' => depth -= 1,
            _ => {}
        }
        if depth < 1 {
            break;
        }
    }
    at
}

/// Length of what makes another name of a short word: `C++`, `C#`.
fn name_suffix(word: &str, rest: &str) -> usize {
    let suffix = ["++", "#"].into_iter().find(|suffix| rest.starts_with(suffix));
    match suffix {
        Some(suffix)
            if word.len() <= 3
                && word.bytes().all(|b| b.is_ascii_alphabetic())
                && !rest[suffix.len()..].starts_with(|c| is_word(c) || is_connector(c)) =>
        {
            suffix.len()
        }
        _ => 0,
    }
}

/// Characters that hold an identifier together: `std::sync`, `a.b`, `--x-y=1`, `/etc/hosts`.
fn is_connector(c: char) -> bool {
    matches!(c, '.' | ':' | '/' | '-' | '@' | '=' | '+' | '$' | '~' | '#')
}

/// Han, kana and Hangul.
pub(super) fn is_unspaced(c: char) -> bool {
    matches!(c as u32,
        0x1100..=0x11FF | 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF
        | 0xF900..=0xFAFF | 0xFF66..=0xFF9F | 0x20000..=0x3FFFF)
}

/// End of the stretch of words and connectors that starts at `start`.
fn compound_end(text: &str, start: usize, to: usize) -> usize {
    text[start..to].find(|c| !is_word(c) && !is_connector(c)).map_or(to, |n| start + n)
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        check_in(Language::ENGLISH, text, expected);
    }

    fn check_in(language: Language, text: &str, expected: &str) {
        let mut found = Vec::new();
        terms(text, language, |token| found.push(format!("{}@{}", token.text, token.position)));
        assert_eq!(found.join(" "), expected, "{text}");
    }

    #[test]
    fn words_are_lower_cased_and_stemmed() {
        check("Running the Servers.", "run@0 the@1 server@2");
    }

    #[test]
    fn identifiers_keep_the_whole_and_give_their_parts() {
        check("useEffect", "useeffect@0 use@0 effect@1");
        check("snake_case_name", "snake_case_name@0 snake@0 case@1 name@2");
        check("std::sync::mpsc", "std::sync::mpsc@0 std@0 sync@1 mpsc@2");
        check(
            "--max-old-space-size=4096",
            "--max-old-space-size=4096@0 max-old-space-size=4096@0 max@0 old@1 space@2 size@3 4096@4",
        );
        check("XMLHttpRequest", "xmlhttprequest@0 xml@0 http@1 request@2");
        check("E0382", "e0382@0");
        check("(spec.template.spec),", "spec.template.spec@0 spec@0 templat@1 spec@2");
    }

    #[test]
    fn generics_give_their_names() {
        check("Rc<RefCell<T>>", "rc<refcell<t>>@0 rc@0 refcell<t>@1 refcell@1 ref@1 cell@2 t@3");
        check("<div>a<b", "div@0 a@1 b@2");
    }

    #[test]
    fn signs_that_make_a_name_stay() {
        check("C++, C#; C.", "c++@0 c@0 c#@1 c@1 c@2");
        check("C/C++", "c/c@0 c@0 c++@1 c@1");
        check("`.env`", ".env@0 env@0");
        check("(--watch)", "--watch@0 watch@0");
        check("HTTP/2", "http/2@0 http@0 2@1");
        check("@app.get(", "@app.get@0 app.get@0 app@0 get@1");
        check("#[derive] #![derive(Debug)]", "#[derive@0 deriv@0 #![derive@1 deriv@1 debug@2");
        check("$HOME ::before", "$home@0 home@0 ::before@1 befor@1");
        check("/etc/hosts", "/etc/hosts@0 etc/hosts@0 etc@0 host@1");
        check("v1.2.3", "1.2.3@0 v1.2.3@0 v1@0 2@1 3@2");
    }

    #[test]
    fn signs_of_other_things_go() {
        check("a().then(b)", "a@0 then@1 b@2");
        check("End. Next...", "end@0 next@1");
        check("...props ## Title -- dash", "prop@0 titl@1 dash@2");
        check("i++ x# 3", "i++@0 i@0 x#@1 x@1 3@2");
    }

    #[test]
    fn the_mark_of_the_language_chooses_the_stemmer() {
        let german = Language::of(Some("de"), "");
        check_in(german, "Die Konfigurationen ändern", "die@0 konfiguration@1 and@2 andern@2");
        let mut text = String::new();
        marked(german, &mut text);
        text.push_str("Konfigurationen");
        let mut analyzer = Analyzer;
        let mut stream = analyzer.token_stream(&text);
        assert!(stream.advance());
        assert_eq!(stream.token().text, "konfiguration");
    }

    #[test]
    fn a_question_has_the_forms_of_all_languages_and_the_word_itself() {
        let languages = [Language::ENGLISH, Language::of(Some("de"), "")];
        let mut found = Vec::new();
        forms("createServer createserver Änderungen", &languages, |_, forms| {
            found.push(forms.join("|"));
        });
        assert_eq!(
            found,
            [
                "createserver",
                "creat|create",
                "server|serv",
                "createserv|createserver",
                "anderungen|ander"
            ]
        );
    }

    #[test]
    fn unspaced_scripts_give_pairs() {
        check("组件", "组件@0");
        check("计算属性", "计算@0 算属@1 属性@2");
        check("Vue组件", "vue@0 组件@1");
        check("猫", "猫@0");
    }

    #[test]
    fn long_words_are_cut_at_a_character() {
        let word = "ä".repeat(500);
        terms(&word, Language::ENGLISH, |token| assert!(token.text.len() <= MAX_TERM));
    }
}
