//! The settings of docs that come from git repositories, for all collections.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::door::SecretText;
use super::settings::{Pick, Setting};

/// Fewer characters than this can be guessed.
const LEAST: usize = 16;

/// `[git]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GitFile {
    webhook_secret: Option<String>,
    webhook_secret_file: Option<PathBuf>,
}

/// What holds for all repositories.
#[derive(Debug, Clone)]
pub struct GitSettings {
    /// What a webhook has to know to ask for a pull. Default: none, nobody can ask.
    pub webhook_secret: Setting<SecretText>,
    /// A file that holds it. Default: none.
    pub webhook_secret_file: Setting<Option<PathBuf>>,
}

impl GitSettings {
    pub(super) fn resolve(file: GitFile, pick: &Pick<'_>, base: &Path) -> GitSettings {
        let secret = pick
            .environment("DOCENT_WEBHOOK_SECRET")
            .unwrap_or_else(|| pick.or_default(file.webhook_secret, String::new()));
        let in_file = file.webhook_secret_file.map(|path| Some(base.join(path)));
        GitSettings {
            webhook_secret: secret.map(SecretText),
            webhook_secret_file: pick
                .environment("DOCENT_WEBHOOK_SECRET_FILE")
                .map(|setting| setting.map(|path| Some(PathBuf::from(path))))
                .unwrap_or_else(|| pick.or_default(in_file, None)),
        }
    }

    /// What a webhook has to know, if there are webhooks.
    ///
    /// # Errors
    ///
    /// There are two, its file cannot be read, or it is too short.
    pub fn secret(&self) -> anyhow::Result<Option<String>> {
        let given = &self.webhook_secret.value.0;
        let Setting { value, source } = &self.webhook_secret_file;
        let (secret, source) = match value {
            None if given.is_empty() => return Ok(None),
            None => (given.clone(), &self.webhook_secret.source),
            Some(path) => {
                ensure!(
                    given.is_empty(),
                    "{source}: git.webhook_secret_file {} is set, and so is git.webhook_secret: \
                     keep one",
                    path.display()
                );
                let read = std::fs::read_to_string(path).with_context(|| {
                    format!("{source}: git.webhook_secret_file: cannot read {}", path.display())
                })?;
                (read.trim().to_owned(), source)
            }
        };
        ensure!(
            secret.len() >= LEAST,
            "{source}: git.webhook_secret: it must have at least {LEAST} characters; openssl rand \
             -hex 32 makes a good one"
        );
        Ok(Some(secret))
    }
}
