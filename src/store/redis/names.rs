//! What the keys in Redis are called.

use std::fmt;

/// Names of keys below one prefix: several servers of docs may share a Redis, each with a prefix of its
/// own.
///
/// In a cluster the part in braces says which server has a key, and a script may only touch keys that
/// one server has. So everything that is written together has the same braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names that begin with this. [`Names::is_prefix`] says what may be one.
    pub fn new(prefix: &str) -> Names {
        Names { prefix: prefix.to_owned() }
    }

    /// Whether this can be a prefix: 1 to 64 letters, digits, `.`, `_`, `-` and `:`. Braces would
    /// decide which server of a cluster has a key.
    pub fn is_prefix(text: &str) -> bool {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-:".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(fits)
    }

    /// A key of the state: `docent:{state}:…`. All of them are on one server.
    pub fn state(&self, rest: impl fmt::Display) -> String {
        format!("{}:{{state}}:{rest}", self.prefix)
    }

    /// A key of the usage: `docent:{usage}:…`.
    pub fn usage(&self, rest: impl fmt::Display) -> String {
        format!("{}:{{usage}}:{rest}", self.prefix)
    }

    /// The window of one caller: `docent:{…}:limit`. Callers are spread over the servers of a cluster.
    pub fn limit(&self, caller: impl fmt::Display) -> String {
        format!("{}:{{{caller}}}:limit", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_together_is_on_one_server() {
        let names = Names::new("docs");
        assert_eq!(names.state("key:1"), "docs:{state}:key:1");
        assert_eq!(names.usage("calls"), "docs:{usage}:calls");
        assert_eq!(names.limit("3f"), "docs:{3f}:limit");
        for (prefix, may) in
            [("docent", true), ("a.b:c_d-1", true), ("", false), ("a{b}", false), ("a b", false)]
        {
            assert_eq!(Names::is_prefix(prefix), may, "{prefix:?}");
        }
        assert!(!Names::is_prefix(&"x".repeat(65)));
    }
}
