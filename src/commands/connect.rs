//! `docent connect`: configuration to paste, for each client.

use std::io::Write;
use std::path::Path;

use super::clients::{self, Client, Target};
use super::collections;
use crate::config::Settings;

/// Prints the configuration of one client, or a line for each.
pub(super) fn run(
    client: Option<&str>,
    docs: Option<&Path>,
    settings: &Settings,
) -> anyhow::Result<()> {
    let text = match client {
        None => clients::overview(&target(docs, settings)?),
        Some(name) => clients::render(name.parse::<Client>()?, &target(docs, settings)?),
    };
    write!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// The line that connects Claude Code, for the welcome of `serve`.
pub(super) fn claude_code_line(name: String, url: String) -> String {
    let target = Target { name, url, command: String::new(), args: Vec::new() };
    clients::one_line(Client::ClaudeCode, &target).unwrap_or_default()
}

/// How a server over these docs is called in clients.
pub(super) fn server_name(names: &[String]) -> String {
    match names {
        [only] => only.clone(),
        _ => "docs".to_owned(),
    }
}

fn target(docs: Option<&Path>, settings: &Settings) -> anyhow::Result<Target> {
    let names: Vec<String> =
        collections::collections(settings)?.into_iter().map(|collection| collection.name).collect();
    let listen = settings.listen.value;
    let web = settings.public_url.value.clone().unwrap_or_else(|| format!("http://{listen}"));
    let absolute = |path: &Path| -> anyhow::Result<String> {
        Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
    };
    let mut args = vec!["stdio".to_owned()];
    match (docs, &settings.file) {
        (Some(docs), _) => args.push(absolute(docs)?),
        (None, Some(file)) => args.extend(["--config".to_owned(), absolute(file)?]),
        (None, None) => {}
    }
    let command = std::env::current_exe()?.to_string_lossy().into_owned();
    Ok(Target { name: server_name(&names), url: format!("{web}/mcp"), command, args })
}
