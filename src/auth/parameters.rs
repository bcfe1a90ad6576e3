//! The parameters of a request, of its query or its form.

use serde::{Deserialize, Serialize};

/// Parameters in the form of `application/x-www-form-urlencoded`. One without a value counts as
/// absent, and one that stands twice says nothing (RFC 6749 section 3.1).
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query or the body of a form; whatever the bytes are, they are some parameters.
    pub fn parse(bytes: &[u8]) -> Parameters {
        Parameters(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// All values of a parameter, empty ones too.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(at, _)| at == name).map(|(_, value)| value.as_str())
    }

    /// The value of a parameter that stands once.
    pub fn one(&self, name: &str) -> Option<&str> {
        let mut values = self.all(name);
        let (value, more) = (values.next(), values.next());
        value.filter(|value| more.is_none() && !value.is_empty())
    }

    /// Those of these names alone.
    pub fn only(&self, names: &[&str]) -> Parameters {
        let kept = self.0.iter().filter(|(name, _)| names.contains(&name.as_str()));
        Parameters(kept.cloned().collect())
    }

    /// The name of a parameter that stands twice, if there is one; `resource` may (RFC 8707
    /// section 2).
    pub fn twice(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| *name != "resource");
        names.sort_unstable();
        names.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Parameters {
        let owned = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Parameters(owned.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_twice_or_is_empty_says_nothing() {
        let parameters = Parameters::parse(b"a=1&b=&c=2&c=3&resource=x&resource=y&resource=");
        assert_eq!(parameters.one("a"), Some("1"));
        assert_eq!([parameters.one("b"), parameters.one("c"), parameters.one("d")], [None; 3]);
        assert_eq!(parameters.twice(), Some("c"));
        assert_eq!(parameters.all("resource").collect::<Vec<_>>(), ["x", "y", ""]);
        assert_eq!(Parameters::parse(b"a=1&resource=x&resource=y").twice(), None);
        // An empty one is there, if only to be refused when it stands beside another.
        assert_eq!(Parameters::parse(b"a=&a=1").one("a"), None);
    }
}
