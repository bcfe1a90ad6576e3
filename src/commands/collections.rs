//! Collections as they are configured, made into what `corpus` reads and `mcp` shows.

use std::path::Path;

use anyhow::{Context, bail};

use crate::config::{CollectionSettings, Settings};
use crate::corpus::{self, Collection, Site};
use crate::mcp::Shelf;

/// The collections, checked: folders that exist, names that are unique.
pub(super) fn collections(settings: &Settings) -> anyhow::Result<Vec<Collection>> {
    if settings.collections.is_empty() {
        match &settings.file {
            Some(file) => bail!("{}: no [[collections]]: name a docs folder", file.display()),
            None => bail!(
                "no docs to serve: name a folder (docent serve ./docs) or write a docent.toml here"
            ),
        }
    }
    let mut found: Vec<Collection> = Vec::new();
    for written in &settings.collections {
        let collection = collection(written)?;
        if found.iter().any(|other| other.name == collection.name) {
            bail!(
                "two collections are called {:?}: give one of them another name",
                collection.name
            );
        }
        found.push(collection);
    }
    Ok(found)
}

/// What clients are told of the collections.
pub(super) fn shelves(collections: &[Collection]) -> Vec<Shelf> {
    let shelf = |c: &Collection| Shelf {
        name: c.name.clone(),
        title: c.title.clone(),
        description: c.description.clone(),
        base_url: c.base_url.clone(),
        version: c.version.clone(),
        language: c.language.clone(),
    };
    collections.iter().map(shelf).collect()
}

fn collection(written: &CollectionSettings) -> anyhow::Result<Collection> {
    let path = &written.path;
    if !path.exists() {
        bail!("there is no docs folder {}", path.display());
    }
    if !path.is_dir() {
        bail!("{} is not a folder: name the folder that holds the docs", path.display());
    }
    let root = path
        .canonicalize()
        .with_context(|| format!("cannot read the docs folder {}", path.display()))?;
    let name = match &written.name {
        Some(name) => checked_name(name)?,
        None => name_of(&root),
    };
    let base_url = match &written.base_url {
        Some(url) => {
            Some(checked_base(url).with_context(|| format!("collection {name:?}: base_url"))?)
        }
        None => None,
    };
    let site = match &written.site {
        Some(site) => {
            Some(checked_site(site).with_context(|| format!("collection {name:?}: site"))?)
        }
        None => None,
    };
    for (key, globs) in [("include", &written.include), ("exclude", &written.exclude)] {
        for glob in globs {
            if let Err(problem) = corpus::check_glob(glob) {
                bail!("collection {name:?}: {key}: {glob:?} is not a glob: {problem}");
            }
        }
    }
    Ok(Collection {
        name,
        root,
        title: written.title.clone(),
        description: written.description.clone(),
        base_url,
        version: written.version.clone(),
        language: written.language.clone(),
        site,
        include: written.include.clone(),
        exclude: written.exclude.clone(),
    })
}

/// Names stand in ids, addresses and enums: letters, digits, `.`, `_` and `-`.
fn checked_name(name: &str) -> anyhow::Result<String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.starts_with('.') || name.len() > 64 || !name.chars().all(fits) {
        bail!(
            "the collection name {name:?} must be of letters, digits, '.', '_' and '-', at most 64"
        );
    }
    Ok(name.to_owned())
}

fn name_of(root: &Path) -> String {
    let name = root.file_name().map_or("docs".into(), |name| name.to_string_lossy().to_lowercase());
    let fits =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = name.chars().map(fits).take(64).collect();
    let name = name.trim_matches(['.', '-']);
    if name.is_empty() { "docs".to_owned() } else { name.to_owned() }
}

fn checked_base(url: &str) -> anyhow::Result<String> {
    let plain = url.starts_with("https://") || url.starts_with("http://");
    if !plain || url.contains(['?', '#']) || url.contains(char::is_whitespace) {
        bail!("{url:?} must be a plain address, such as https://docs.example.com/");
    }
    Ok(if url.ends_with('/') { url.to_owned() } else { format!("{url}/") })
}

fn checked_site(name: &str) -> anyhow::Result<Site> {
    let known = "plain, mdbook, docusaurus, vitepress, mkdocs, hugo, starlight, nextjs, mdn";
    serde_json::from_value(serde_json::json!(name.to_lowercase()))
        .ok()
        .with_context(|| format!("{name:?} is not one of: {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_become_collection_names() {
        assert_eq!(name_of(Path::new("/a/My Docs")), "my-docs");
        assert_eq!(name_of(Path::new("/")), "docs");
    }

    #[test]
    fn every_site_has_a_name_in_the_settings() {
        for name in [
            "plain",
            "mdbook",
            "docusaurus",
            "vitepress",
            "mkdocs",
            "hugo",
            "starlight",
            "nextjs",
            "mdn",
        ] {
            assert!(checked_site(name).is_ok(), "{name}");
        }
        assert!(checked_site("jekyll").is_err());
    }
}
