//! `docent connect`: configuration to paste, for each client.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, ensure};

use super::clients::{self, Client, Entrance, Target};
use super::{collections, shell};
use crate::config::{Access, Setting, Settings, Source};
use crate::http;

/// The word that stands for the MCP registry in place of a client.
pub(super) const REGISTRY: &str = "registry";

/// Stands for the docs folder where none is known.
const SOME_FOLDER: &str = "/path/to/docs";

/// Prints the configuration of one client, or a line for each.
pub(super) fn run(client: Option<Client>, settings: &Settings, key: bool) -> anyhow::Result<()> {
    let entrance = if key { Entrance::Key } else { entrance(settings.access.value) };
    let target = Target { entrance, ..target(settings)? };
    let text = match client {
        None => clients::overview(&target),
        Some(client) => clients::render(client, &target),
    };
    write!(std::io::stdout().lock(), "{text}")?;
    if target.args.iter().any(|word| word == SOME_FOLDER) {
        eprintln!("{SOME_FOLDER} stands for the docs folder: --docs DOCS puts yours in its place");
    }
    Ok(())
}

/// Prints `server.json`, the server's entry in the MCP registry.
pub(super) fn registry(settings: &Settings, key: bool) -> anyhow::Result<()> {
    let address = settings.public_url.value.as_deref().filter(|url| url.starts_with("https://"));
    let address = address.context(
        "the registry lists servers that everybody reaches: set public_url to the https address of \
         yours, such as https://docs.example.com",
    )?;
    let shelves = collections::shown(settings)?;
    let entrance = if key { Entrance::Key } else { entrance(settings.access.value) };
    let way = match entrance {
        Entrance::Open => http::Way::Open,
        Entrance::Key => http::Way::Key,
        Entrance::SignIn => http::Way::SignIn,
    };
    let entry = http::registry_entry(&said(settings), address, &shelves, way);
    let is_named = entry["name"].as_str().is_some_and(|name| !name.starts_with("localhost/"));
    ensure!(is_named, "{address} has no domain to name the server after: set discovery.name");
    writeln!(std::io::stdout().lock(), "{entry:#}")?;
    Ok(())
}

/// What is told before anybody connects to the server at `url`, called `name` in clients.
pub(super) fn front(settings: &Settings, name: String, url: String) -> http::Front {
    let entrance = entrance(settings.access.value);
    let target = Target { name, url, command: String::new(), args: Vec::new(), entrance };
    let guides = Client::ALL.map(|client| clients::guide(client, &target)).to_vec();
    http::Front { guides, note: clients::note(entrance), ..said(settings) }
}

/// What the owner says of the server.
fn said(settings: &Settings) -> http::Front {
    http::Front {
        name: settings.discovery.name.value.clone(),
        title: settings.discovery.title.value.clone(),
        description: settings.discovery.description.value.clone(),
        ..http::Front::default()
    }
}

/// The line that connects Claude Code, for the welcome of `serve`.
pub(super) fn claude_code_line(name: String, url: String, access: Access) -> String {
    let entrance = entrance(access);
    let target = Target { name, url, command: String::new(), args: Vec::new(), entrance };
    clients::one_line(Client::ClaudeCode, &target).unwrap_or_default()
}

/// The line that prints the configuration of other clients for the server that listens on
/// `listen`: in any folder, without the variables of this process.
pub(super) fn line(settings: &Settings, listen: SocketAddr) -> anyhow::Result<String> {
    let mut words = command("connect", settings)?;
    let told = |source: &Source| matches!(source, Source::File(_) | Source::Default);
    match &settings.public_url.value {
        Some(_) if told(&settings.public_url.source) => {}
        Some(url) => words.extend(["--public-url".to_owned(), url.clone()]),
        None if told(&settings.listen.source) && listen == settings.listen.value => {}
        None => words.extend(["--listen".to_owned(), listen.to_string()]),
    }
    if !told(&settings.access.source) {
        words.extend(match settings.access.value {
            Access::Open => vec![],
            Access::Keys => vec!["--key".to_owned()],
            Access::Google => vec!["--access".to_owned(), "google".to_owned()],
            Access::External => vec!["--access".to_owned(), "external".to_owned()],
        });
    }
    Ok(shell::line(words.iter().map(String::as_str)))
}

/// The line that shows what was asked of the server of these settings, in any folder.
pub(super) fn usage_line(settings: &Settings) -> anyhow::Result<String> {
    let mut words = command("usage", settings)?;
    let Setting { value, source } = &settings.data_dir;
    if !matches!(source, Source::File(_) | Source::Default) {
        words.extend(["--data-dir".to_owned(), real(value)?]);
    }
    Ok(shell::line(words.iter().map(String::as_str)))
}

/// A command on the docs of these settings.
fn command(name: &str, settings: &Settings) -> anyhow::Result<Vec<String>> {
    let mut words = vec!["docent".to_owned(), name.to_owned()];
    if let Some(docs) = &settings.docs {
        words.extend(["--docs".to_owned(), real(docs)?]);
    }
    if let Some(file) = &settings.file {
        words.extend(["--config".to_owned(), real_file(file)?]);
    }
    words.extend(followed(settings));
    Ok(words)
}

/// Which snapshots are followed, unless the settings file says it.
fn followed(settings: &Settings) -> Vec<String> {
    match &settings.follow {
        Setting { source: Source::File(_) | Source::Default, .. } => Vec::new(),
        Setting { value, .. } => {
            value.iter().flat_map(|url| ["--follow".to_owned(), url.clone()]).collect()
        }
    }
}

/// How clients come in. Where people sign in keys let in as well, but whoever pastes is a person.
fn entrance(access: Access) -> Entrance {
    match access {
        Access::Open => Entrance::Open,
        Access::Keys => Entrance::Key,
        Access::Google | Access::External => Entrance::SignIn,
    }
}

fn target(settings: &Settings) -> anyhow::Result<Target> {
    let mut args = vec!["stdio".to_owned()];
    let mut names = Vec::new();
    let follows = settings.follow.value.is_some();
    if settings.collections.is_empty() && settings.file.is_none() && !follows {
        args.push(SOME_FOLDER.to_owned());
    } else {
        // Before the first snapshot is here nobody knows what it is of.
        let shown = collections::shown(settings);
        let shown = if follows { shown.unwrap_or_default() } else { shown? };
        names.extend(shown.into_iter().map(|shelf| shelf.name));
        if let Some(docs) = &settings.docs {
            args.push(real(docs)?);
        }
        if let Some(file) = &settings.file {
            args.extend(["--config".to_owned(), real_file(file)?]);
        }
        args.extend(followed(settings));
    }
    let web = http::address(settings.public_url.value.as_deref(), settings.listen.value);
    let command = std::env::current_exe()?.to_string_lossy().into_owned();
    let url = format!("{web}/mcp");
    let name = http::server_name(names.iter().map(String::as_str)).to_owned();
    Ok(Target { name, url, command, args, entrance: Entrance::Open })
}

/// A path that means the same in every folder.
fn real(path: &Path) -> anyhow::Result<String> {
    let real = path.canonicalize().with_context(|| format!("cannot find {}", path.display()))?;
    Ok(real.to_string_lossy().into_owned())
}

/// The same for a settings file, whose paths are relative to where it was named: a link to it
/// stays one.
fn real_file(file: &Path) -> anyhow::Result<String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let name = file.file_name().unwrap_or_default();
    let real = Path::new(&real(folder.unwrap_or(Path::new(".")))?).join(name);
    Ok(real.to_string_lossy().into_owned())
}
