//! Which questions are one: those with the same words, in whatever order and case.

/// Words that say nothing of what is asked.
const SMALL: [&str; 40] = [
    "a", "an", "and", "are", "as", "at", "be", "can", "could", "do", "does", "for", "from", "get",
    "how", "i", "in", "is", "it", "me", "my", "of", "on", "or", "please", "should", "that", "the",
    "there", "this", "to", "use", "using", "we", "what", "when", "where", "with", "you", "your",
];

/// The words of a question, in one order, each once. A question of nothing but small words is its
/// words.
pub(super) fn words(question: &str) -> String {
    let lower = question.to_lowercase();
    let all = || {
        let words = lower.split(|c: char| !c.is_alphanumeric() && !"_+#".contains(c));
        words.filter(|word| !word.is_empty())
    };
    let mut words: Vec<&str> = all().filter(|word| !SMALL.contains(word)).collect();
    if words.is_empty() {
        words = all().collect();
    }
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_words_in_another_order_are_one_question() {
        assert_eq!(words("How do I change the port?"), words("port, change"));
        assert_eq!(words("What is it?"), "is it what");
        assert_ne!(words("C++ port"), words("C# port"));
        assert_eq!(words("端口 8080"), "8080 端口");
        assert_eq!(words("?!"), "");
    }
}
