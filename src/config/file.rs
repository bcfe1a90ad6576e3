//! `docent.toml`.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Deserialize;

use super::discovery::DiscoveryFile;
use super::door::{ExternalFile, SignInFile};
use super::git::GitFile;
use super::owner::{FeedbackFile, MetricsFile, TelemetryFile, UsageFile};

/// The file as it is written; unknown keys are errors that name the key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct File {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) state: Option<String>,
    pub(super) state_file: Option<PathBuf>,
    pub(super) state_prefix: Option<String>,
    pub(super) listen: Option<String>,
    pub(super) public_url: Option<String>,
    pub(super) access: Option<String>,
    pub(super) keys_file: Option<PathBuf>,
    pub(super) key_hash: Option<String>,
    pub(super) log: Option<String>,
    pub(super) watch: Option<String>,
    pub(super) poll_interval_ms: Option<u64>,
    pub(super) follow: Option<String>,
    pub(super) follow_interval_ms: Option<u64>,
    pub(super) allowed_hosts: Option<Vec<String>>,
    pub(super) allowed_origins: Option<Vec<String>>,
    pub(super) trusted_proxies: Option<Vec<String>>,
    pub(super) sign_in: SignInFile,
    pub(super) external: ExternalFile,
    pub(super) tls: Tls,
    pub(super) limits: Limits,
    pub(super) usage: UsageFile,
    pub(super) feedback: FeedbackFile,
    pub(super) metrics: MetricsFile,
    pub(super) telemetry: TelemetryFile,
    pub(super) git: GitFile,
    pub(super) discovery: DiscoveryFile,
    pub(super) collections: Vec<CollectionSettings>,
}

/// Where this server's certificate is.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tls {
    pub(super) certificate: Option<PathBuf>,
    pub(super) key: Option<PathBuf>,
}

/// How much a caller may.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) user: Option<String>,
    pub(super) key: Option<String>,
    pub(super) address: Option<String>,
    pub(super) registration: Option<String>,
    pub(super) on_limit: Option<String>,
    pub(super) fallback: Option<String>,
}

/// A collection as it is written.
#[derive(Debug, Clone, Default, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct CollectionSettings {
    /// Name, unique; made from the name of the folder or of the repository when absent.
    pub name: Option<String>,
    /// The folder, relative to the file.
    pub path: Option<PathBuf>,
    /// Address of the git repository that stands in place of a folder.
    pub git: Option<String>,
    /// Its branch. Default: what the server says.
    pub branch: Option<String>,
    /// Folder of the docs in it. Default: the whole.
    pub folder: Option<String>,
    /// Time between two pulls, or off. Default: 10m.
    pub pull: Option<String>,
    /// A file with what the server of the repository lets in, relative to this one.
    pub token_file: Option<PathBuf>,
    /// Title for people and models.
    pub title: Option<String>,
    /// One or two sentences: what is inside.
    pub description: Option<String>,
    /// Public address of the site.
    pub base_url: Option<String>,
    /// Version of the documented software.
    pub version: Option<String>,
    /// BCP 47 language of the pages.
    pub language: Option<String>,
    /// Generator of the public site.
    pub site: Option<String>,
    /// Globs of files to read.
    #[serde(default)]
    pub include: Vec<String>,
    /// Globs of files not to read.
    #[serde(default)]
    pub exclude: Vec<String>,
}

impl File {
    /// Reads a settings file.
    pub(super) fn read(path: &Path) -> anyhow::Result<File> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the settings file {}", path.display()))?;
        // TOML's own message shows the line and names the key and its neighbours.
        toml::from_str(&text).map_err(|error| anyhow!("{}: {error}", path.display()))
    }
}
