//! `docent connect`: configuration to paste, for each client.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;

use super::clients::{self, Client, Entrance, Target};
use super::{collections, shell};
use crate::config::{Access, Settings, Source};
use crate::http;

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

/// The line that connects Claude Code, for the welcome of `serve`.
pub(super) fn claude_code_line(name: String, url: String, access: Access) -> String {
    let entrance = entrance(access);
    let target = Target { name, url, command: String::new(), args: Vec::new(), entrance };
    clients::one_line(Client::ClaudeCode, &target).unwrap_or_default()
}

/// The line that prints the configuration of other clients for the server that listens on
/// `listen`: in any folder, without the variables of this process.
pub(super) fn line(settings: &Settings, listen: SocketAddr) -> anyhow::Result<String> {
    let mut words = vec!["docent".to_owned(), "connect".to_owned()];
    if let Some(docs) = &settings.docs {
        words.extend(["--docs".to_owned(), real(docs)?]);
    }
    if let Some(file) = &settings.file {
        words.extend(["--config".to_owned(), real_file(file)?]);
    }
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

/// How clients come in. Where people sign in keys let in as well, but whoever pastes is a person.
fn entrance(access: Access) -> Entrance {
    match access {
        Access::Open => Entrance::Open,
        Access::Keys => Entrance::Key,
        Access::Google | Access::External => Entrance::SignIn,
    }
}

/// How a server over these docs is called in clients.
pub(super) fn server_name(names: &[String]) -> String {
    match names {
        [only] => only.clone(),
        _ => "docs".to_owned(),
    }
}

fn target(settings: &Settings) -> anyhow::Result<Target> {
    let mut args = vec!["stdio".to_owned()];
    let mut names = Vec::new();
    if settings.collections.is_empty() && settings.file.is_none() {
        args.push(SOME_FOLDER.to_owned());
    } else {
        names.extend(collections::collections(settings)?.into_iter().map(|c| c.name));
        if let Some(docs) = &settings.docs {
            args.push(real(docs)?);
        }
        if let Some(file) = &settings.file {
            args.extend(["--config".to_owned(), real_file(file)?]);
        }
    }
    let web = http::address(settings.public_url.value.as_deref(), settings.listen.value);
    let command = std::env::current_exe()?.to_string_lossy().into_owned();
    let url = format!("{web}/mcp");
    Ok(Target { name: server_name(&names), url, command, args, entrance: Entrance::Open })
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
