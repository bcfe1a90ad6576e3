//! The settings of what is told before anybody connects.

use anyhow::bail;
use serde::Deserialize;

use super::settings::{Pick, Setting};

/// `[discovery]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiscoveryFile {
    name: Option<String>,
    title: Option<String>,
    description: Option<String>,
}

/// What the owner says of the server to those who have not connected.
#[derive(Debug, Clone)]
pub struct DiscoverySettings {
    /// Name in reverse-DNS form, such as `com.example/docs`. Default: made from `public_url` and the
    /// collections.
    pub name: Setting<Option<String>>,
    /// Title, in at most 100 characters. Default: that of the collection.
    pub title: Setting<Option<String>>,
    /// What the server is for, in at most 100 characters. Default: what the collections say.
    pub description: Setting<Option<String>>,
}

impl DiscoverySettings {
    pub(super) fn resolve(file: DiscoveryFile, pick: &Pick<'_>) -> anyhow::Result<Self> {
        let DiscoveryFile { name, title, description } = file;
        Ok(DiscoverySettings {
            name: pick
                .or_default(name.map(Some), None)
                .try_map("discovery.name", |name| checked(name, is_name, NAME))?,
            title: pick
                .or_default(title.map(Some), None)
                .try_map("discovery.title", |title| checked(title, is_short, SHORT))?,
            description: pick
                .or_default(description.map(Some), None)
                .try_map("discovery.description", |text| checked(text, is_short, SHORT))?,
        })
    }
}

const NAME: &str = "is not of the form com.example/docs: letters, digits, '.' and '-', one slash, then \
                    letters, digits, '.', '_' and '-'; 3 to 200 characters";
const SHORT: &str = "is not of 1 to 100 characters";

fn checked(
    text: Option<String>,
    fits: fn(&str) -> bool,
    otherwise: &str,
) -> anyhow::Result<Option<String>> {
    match text {
        Some(text) if !fits(&text) => bail!("{text:?} {otherwise}"),
        text => Ok(text),
    }
}

/// As the schemas of server cards and of the MCP registry have it.
fn is_name(name: &str) -> bool {
    let of = |text: &str, more: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
        !text.is_empty() && text.chars().all(fits)
    };
    let parts = name.split_once('/');
    let fits = parts.is_some_and(|(space, name)| of(space, ".-") && of(name, "._-"));
    fits && (3..=200).contains(&name.len())
}

fn is_short(text: &str) -> bool {
    (1..=100).contains(&text.trim().chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_one_slash() {
        for good in ["com.example/docs", "io.github.some-body/a_b.c"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["docs", "a/b/c", "/docs", "com.example/", "com example/docs", "com_x/docs"] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_name(&format!("a/{}", "x".repeat(200))));
    }
}
