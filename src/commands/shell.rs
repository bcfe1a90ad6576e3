//! Lines to paste into a shell.

/// A line for a POSIX shell; a word is quoted only if it has to be.
pub(super) fn line<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = words.into_iter().map(word).collect();
    quoted.join(" ")
}

fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(line(["a", "b c", "it's", "$x", ""]), r"a 'b c' 'it'\''s' '$x' ''");
    }
}
