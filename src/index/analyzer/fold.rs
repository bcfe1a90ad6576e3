//! One spelling for what is the same word: case, width, ligatures and accents.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Lower case in the composed compatibility form (NFKC, Unicode Standard Annex 15), accents kept:
/// stemmers need them.
pub(super) fn lower_into(source: &str, target: &mut String) {
    target.clear();
    if source.is_ascii() {
        target.push_str(source);
        target.make_ascii_lowercase();
    } else {
        target.extend(source.nfkc().flat_map(char::to_lowercase).nfc());
    }
}

/// Takes the accents off Latin and Greek letters, and writes the letters that stand for others
/// (`ß`, `æ`, `ø`) as those: that is how people type them. Marks of other scripts make other
/// letters, and stay.
pub(super) fn fold(word: &mut String) {
    if word.is_ascii() {
        return;
    }
    let mut folded = String::with_capacity(word.len());
    for c in word.chars() {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' | 'ð' => folded.push('d'),
            'þ' => folded.push_str("th"),
            'ı' => folded.push('i'),
            'ё' => folded.push('е'),
            // Alone, a mark stands where `İ` was made lower case.
            '\u{300}'..='\u{36F}' => {}
            '\u{C0}'..='\u{3FF}' | '\u{1E00}'..='\u{1FFF}' => {
                folded.extend(std::iter::once(c).nfd().filter(|c| !is_combining_mark(*c)));
            }
            _ => folded.push(c),
        }
    }
    *word = folded;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut word = String::new();
        lower_into(text, &mut word);
        fold(&mut word);
        word
    }

    #[test]
    fn case_width_and_accents_make_no_difference() {
        for (text, expected) in [
            ("Größe", "grosse"),
            ("Cafe\u{301}", "cafe"),
            ("CAFÉ", "cafe"),
            ("ＡＰＩ", "api"),
            ("ﬁle", "file"),
            ("İstanbul", "istanbul"),
            ("ΆΛΦΑ", "αλφα"),
            ("ещё", "еще"),
            ("Łódź", "lodz"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn marks_that_make_another_letter_stay() {
        assert_eq!(folded("Йод"), "йод");
        assert_eq!(folded("ガギ"), "ガギ");
        assert_eq!(folded("한국"), "한국");
        assert_eq!(folded("हिन्दी"), "हिन्दी");
    }
}
