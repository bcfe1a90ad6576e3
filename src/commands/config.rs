//! `docent config`: the effective settings, and where each value comes from.

use std::io::Write;
use std::path::PathBuf;

use super::{collections, serve, state};
use crate::auth::APPS;
use crate::config::{
    Access, CollectionSettings, ExternalSettings, OnLimit, OwnerSettings, Setting, Settings,
    SignInSettings,
};

/// Prints the settings as TOML with the origin behind each value, then what `serve` would refuse
/// of them; with `check`, that alone.
pub(super) fn run(settings: &Settings, check: bool) -> anyhow::Result<()> {
    if check {
        serve::check(settings)?;
        let file = settings.file.as_deref().map(|file| format!("{}: ", file.display()));
        let file = file.unwrap_or_default();
        return Ok(writeln!(std::io::stdout().lock(), "{file}the settings are valid")?);
    }
    let collections = collections::collections(settings);
    let names = collections.iter().flatten().map(|collection| collection.name.clone()).collect();
    write!(std::io::stdout().lock(), "{}", show(settings, names)?)?;
    serve::check(settings)
}

/// A setting as it is shown.
pub(super) struct Row {
    /// Its key in `docent.toml`.
    pub(super) name: String,
    /// Its value, as TOML.
    pub(super) value: String,
    source: String,
}

/// Every setting, and the collections as a single one.
pub(super) fn rows(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut rows = values(settings);
    let value = toml::Value::try_from(&settings.collections)?.to_string();
    rows.push(Row { name: "collections".into(), value, source: String::new() });
    Ok(rows)
}

/// `names` are those that the collections go by, if all of them are well.
fn show(settings: &Settings, names: Vec<String>) -> anyhow::Result<String> {
    let rows = values(settings);
    let lines = rows.iter().map(|row| (format!("{} = {}", row.name, row.value), &row.source));
    let lines: Vec<_> = lines.collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0).min(60);
    let mut out: String =
        lines.iter().map(|(line, source)| format!("{line:width$}  # {source}\n")).collect();
    let mut names = names.into_iter();
    for written in &settings.collections {
        let name = names.next().or_else(|| written.name.clone());
        let collection = CollectionSettings { name, ..written.clone() };
        out.push_str("\n[[collections]]\n");
        out.push_str(&toml::to_string(&collection)?);
    }
    Ok(out)
}

/// Every setting but the collections.
fn values(settings: &Settings) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |name: &str, value: toml::Value, source: String| {
        rows.push(Row { name: name.to_owned(), value: value.to_string(), source });
    };
    let (value, source) = text(&settings.data_dir, |dir| dir.display().to_string());
    add("data_dir", value, source);
    shared(settings, &mut add);
    let (value, source) = text(&settings.listen, ToString::to_string);
    add("listen", value, source);
    let (value, source) = text(&settings.public_url, |url| url.clone().unwrap_or_default());
    add("public_url", value, source);
    let (value, source) = text(&settings.access, |access| format!("{access:?}").to_lowercase());
    add("access", value, source);
    let (value, source) = text(&settings.user_limit, Clone::clone);
    add("limits.user", value, source);
    let path = |path: &Option<PathBuf>| {
        path.as_deref().map(|path| path.display().to_string()).unwrap_or_default()
    };
    let (value, source) = text(&settings.keys_file, path);
    add("keys_file", value, source);
    let (value, source) = text(&settings.key_hash, |text| text.as_deref().map_or("", id).into());
    add("key_hash", value, source);
    let (value, source) = text(&settings.tls_certificate, path);
    add("tls.certificate", value, source);
    let (value, source) = text(&settings.tls_key, path);
    add("tls.key", value, source);
    let (value, source) = text(&settings.key_limit, Clone::clone);
    add("limits.key", value, source);
    let (value, source) = text(&settings.address_limit, Clone::clone);
    add("limits.address", value, source);
    let (value, source) = text(&settings.registration_limit, Clone::clone);
    add("limits.registration", value, source);
    let (value, source) = text(&settings.on_limit, |on_limit| {
        match on_limit {
            OnLimit::Http => "http",
            OnLimit::ToolResult => "tool_result",
        }
        .to_owned()
    });
    add("limits.on_limit", value, source);
    let (value, source) =
        text(&settings.fallback, |fallback| format!("{fallback:?}").to_lowercase());
    add("limits.fallback", value, source);
    let (value, source) = list(&settings.trusted_proxies);
    add("trusted_proxies", value, source);
    sign_in(settings, &mut add);
    owner(&settings.owner, &mut add);
    if settings.collections.iter().any(|collection| collection.git.is_some()) {
        let (value, source) = text(&settings.git.webhook_secret, |secret| format!("{secret:?}"));
        add("git.webhook_secret", value, source);
        let (value, source) = text(&settings.git.webhook_secret_file, path);
        add("git.webhook_secret_file", value, source);
    }
    let (value, source) = text(&settings.log, |log| format!("{log:?}").to_lowercase());
    add("log", value, source);
    let (value, source) = text(&settings.watch, |watch| format!("{watch:?}").to_lowercase());
    add("watch", value, source);
    let interval = toml::Value::Integer(settings.poll_interval.value.as_millis() as i64);
    add("poll_interval_ms", interval, settings.poll_interval.source.to_string());
    let (value, source) = text(&settings.follow, |url| url.clone().unwrap_or_default());
    add("follow", value, source);
    let interval = toml::Value::Integer(settings.follow_interval.value.as_millis() as i64);
    add("follow_interval_ms", interval, settings.follow_interval.source.to_string());
    let (value, source) = list(&settings.allowed_hosts);
    add("allowed_hosts", value, source);
    let (value, source) = list(&settings.allowed_origins);
    add("allowed_origins", value, source);
    for (name, setting) in [
        ("discovery.name", &settings.discovery.name),
        ("discovery.title", &settings.discovery.title),
        ("discovery.description", &settings.discovery.description),
    ] {
        let (value, source) = text(setting, |text| text.clone().unwrap_or_default());
        add(name, value, source);
    }
    rows
}

/// Where the state is that servers share.
fn shared(settings: &Settings, add: &mut impl FnMut(&str, toml::Value, String)) {
    let (value, source) = state::shown(settings);
    add("state", value.into(), source);
    let (value, source) = text(&settings.state.file, |path| {
        path.as_deref().map(|path| path.display().to_string()).unwrap_or_default()
    });
    add("state_file", value, source);
    let (value, source) = text(&settings.state.prefix, Clone::clone);
    add("state_prefix", value, source);
}

/// What the owner of the docs learns.
fn owner(settings: &OwnerSettings, add: &mut impl FnMut(&str, toml::Value, String)) {
    let OwnerSettings { usage, queries, people, keep, feedback, metrics, telemetry } = settings;
    add("usage.enabled", usage.value.into(), usage.source.to_string());
    let (value, source) = text(queries, |queries| format!("{queries:?}").to_lowercase());
    add("usage.queries", value, source);
    add("usage.people", people.value.into(), people.source.to_string());
    let (value, source) = text(keep, Clone::clone);
    add("usage.keep", value, source);
    add("feedback.enabled", feedback.value.into(), feedback.source.to_string());
    let (value, source) =
        text(metrics, |address| address.map(|address| address.to_string()).unwrap_or_default());
    add("metrics.listen", value, source);
    let (value, source) = text(telemetry, |address| address.clone().unwrap_or_default());
    add("telemetry.endpoint", value, source);
}

/// How people sign in, where they do.
fn sign_in(settings: &Settings, add: &mut impl FnMut(&str, toml::Value, String)) {
    match settings.access.value {
        Access::Open | Access::Keys => {}
        Access::Google => {
            let SignInSettings { issuer, client_id, client_secret, .. } = &settings.sign_in;
            let (value, source) = text(issuer, Clone::clone);
            add("sign_in.issuer", value, source);
            let (value, source) = text(client_id, Clone::clone);
            add("sign_in.client_id", value, source);
            let (value, source) = text(client_secret, |secret| format!("{secret:?}"));
            add("sign_in.client_secret", value, source);
            let (value, source) = text(&settings.sign_in.client_secret_file, |path| {
                path.as_deref().map(|path| path.display().to_string()).unwrap_or_default()
            });
            add("sign_in.client_secret_file", value, source);
            let Setting { value, source } = &settings.sign_in.client_documents;
            add("sign_in.client_documents", (*value).into(), source.to_string());
            let SignInSettings { algorithms, apps, client_networks, .. } = &settings.sign_in;
            let (value, source) = list(algorithms);
            add("sign_in.algorithms", value, source);
            let known = || APPS.map(str::to_owned).to_vec();
            let apps = Setting {
                value: apps.value.clone().unwrap_or_else(known),
                source: apps.source.clone(),
            };
            let (value, source) = list(&apps);
            add("sign_in.apps", value, source);
            let (value, source) = list(client_networks);
            add("sign_in.client_networks", value, source);
        }
        Access::External => {
            let ExternalSettings { issuer, audience, jwks_url, .. } = &settings.external;
            let (value, source) = text(issuer, Clone::clone);
            add("external.issuer", value, source);
            let (value, source) = text(audience, Clone::clone);
            add("external.audience", value, source);
            let (value, source) = text(jwks_url, Clone::clone);
            add("external.jwks_url", value, source);
            let ExternalSettings { algorithms, token_types, scope, .. } = &settings.external;
            let (value, source) = list(algorithms);
            add("external.algorithms", value, source);
            let (value, source) = list(token_types);
            add("external.token_types", value, source);
            let (value, source) = text(scope, Clone::clone);
            add("external.scope", value, source);
        }
    }
}

fn text<T>(setting: &Setting<T>, show: impl Fn(&T) -> String) -> (toml::Value, String) {
    (toml::Value::String(show(&setting.value)), setting.source.to_string())
}

fn list(setting: &Setting<Vec<String>>) -> (toml::Value, String) {
    let values = setting.value.iter().cloned().map(toml::Value::String).collect();
    (toml::Value::Array(values), setting.source.to_string())
}

/// As much of `ID:HASH` as is worth reading; nothing of what may be a key by mistake.
fn id(text: &str) -> &str {
    text.split_once(':').map_or("…", |(id, _)| id)
}
