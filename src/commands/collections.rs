//! Collections as they are configured, made into what `corpus` reads and `mcp` shows.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::{following, repositories};
use crate::config::{CollectionSettings, Settings};
use crate::corpus::git::Repository;
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
        let collection = collection(settings, written)?;
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

/// What clients are told of the collections of these settings, wherever they come from.
pub(super) fn shown(settings: &Settings) -> anyhow::Result<Vec<Shelf>> {
    match following::shelves_here(settings)? {
        Some(shelves) => Ok(shelves),
        None => Ok(shelves(&collections(settings)?)),
    }
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

fn collection(settings: &Settings, written: &CollectionSettings) -> anyhow::Result<Collection> {
    let data_dir = repositories::resolved(&settings.data_dir.value);
    let (name, root) = match (&written.path, &written.git) {
        (Some(path), None) => {
            repositories::refuse_without(written)?;
            folder(written, path, &data_dir)?
        }
        (None, Some(address)) => {
            let options = repositories::options(settings, written, address, name)?;
            (options.name.clone(), Repository::new(options).root())
        }
        (Some(path), Some(_)) => {
            bail!("a collection has path {} and git: keep one", path.display())
        }
        (None, None) => bail!("a collection has neither path nor git: name its docs folder"),
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
        data_dir: Some(data_dir),
    })
}

/// Name and root of a docs folder.
fn folder(
    written: &CollectionSettings,
    path: &Path,
    data_dir: &Path,
) -> anyhow::Result<(String, PathBuf)> {
    if !path.exists() {
        bail!("there is no docs folder {}", path.display());
    }
    if !path.is_dir() {
        bail!("{} is not a folder: name the folder that holds the docs", path.display());
    }
    let root = path
        .canonicalize()
        .with_context(|| format!("cannot read the docs folder {}", path.display()))?;
    let own = [data_dir.to_owned(), data_dir.join("git")];
    if own.iter().any(|own| own.canonicalize().is_ok_and(|own| own == root)) {
        bail!(
            "{} is docent's own data folder: keep the docs apart from it, or set another data_dir",
            path.display()
        );
    }
    let called = root.file_name().map(|name| name.to_string_lossy().into_owned());
    Ok((name(written.name.as_deref(), &called.unwrap_or_default())?, root))
}

/// The name that a collection is given, else one made of what its docs are called.
pub(super) fn name(given: Option<&str>, called: &str) -> anyhow::Result<String> {
    given.map_or_else(|| Ok(name_of(called)), checked_name)
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

fn name_of(called: &str) -> String {
    let fits =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = called.to_lowercase().chars().map(fits).take(64).collect();
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
        assert_eq!(name_of("My Docs"), "my-docs");
        assert_eq!(name_of(""), "docs");
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
