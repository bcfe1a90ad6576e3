//! Where the state is that several servers share.

use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::arguments::Flags;
use super::door::SecretText;
use super::file::File;
use super::settings::{Pick, Setting};

/// Where the state is. By default it is a file in the data folder.
#[derive(Debug, Clone)]
pub struct StateSettings {
    /// Address of a Redis or Valkey, which may hold a password. Default: none.
    pub address: Setting<SecretText>,
    /// A file that holds it. Default: none.
    pub file: Setting<Option<PathBuf>>,
    /// What the names of all keys there begin with. Default: docent.
    pub prefix: Setting<String>,
}

/// What the settings file says of it.
pub(super) struct StateFile {
    address: Option<String>,
    file: Option<PathBuf>,
    prefix: Option<String>,
}

impl StateFile {
    /// Takes it from among the rest.
    pub(super) fn take(file: &mut File) -> StateFile {
        StateFile {
            address: file.state.take(),
            file: file.state_file.take(),
            prefix: file.state_prefix.take(),
        }
    }
}

impl StateSettings {
    pub(super) fn resolve(flags: &Flags, of_file: StateFile, pick: &Pick<'_>) -> StateSettings {
        let StateFile { address, file, prefix } = of_file;
        let in_file = pick.in_file(file).map(Some);
        StateSettings {
            address: pick.text("state", "DOCENT_STATE", &flags.state, address, "").map(SecretText),
            file: pick
                .environment("DOCENT_STATE_FILE")
                .map(|setting| setting.map(|path| Some(PathBuf::from(path))))
                .unwrap_or_else(|| pick.or_default(in_file, None)),
            prefix: pick.or_default(prefix, "docent".to_owned()),
        }
    }

    /// Whether it is somewhere else than in a file of the data folder.
    pub fn is_shared(&self) -> bool {
        !self.address.value.0.is_empty() || self.file.value.is_some()
    }

    /// The address, and who set it; none where the state is a file in the data folder.
    ///
    /// # Errors
    ///
    /// There are two, or its file cannot be read or is empty.
    pub fn given(&self) -> anyhow::Result<Option<Setting<String>>> {
        let Setting { value: SecretText(given), source } = &self.address;
        let Setting { value: Some(path), source: of_file } = &self.file else {
            let given = Setting { value: given.clone(), source: source.clone() };
            return Ok(Some(given).filter(|given| !given.value.is_empty()));
        };
        ensure!(
            given.is_empty(),
            "{of_file}: state_file {} is set, and so is state ({source}): keep one",
            path.display()
        );
        let read = std::fs::read_to_string(path)
            .with_context(|| format!("{of_file}: state_file: cannot read {}", path.display()))?;
        let value = read.trim().to_owned();
        ensure!(!value.is_empty(), "{of_file}: state_file: {} is empty", path.display());
        Ok(Some(Setting { value, source: of_file.clone() }))
    }
}
