//! The effective settings, checked once, at start.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ArgMatches;
use clap::parser::ValueSource;

use super::arguments::Flags;
use super::discovery::DiscoverySettings;
use super::door::{self, ExternalSettings, SignInSettings};
use super::file::{CollectionSettings, File};
use super::git::GitSettings;
use super::owner::OwnerSettings;
use super::state::{StateFile, StateSettings};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag, by name.
    Flag(&'static str),
    /// An environment variable, by name.
    Environment(&'static str),
    /// The settings file.
    File(PathBuf),
    /// Nobody set it.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Flag(name) => write!(f, "--{name}"),
            Source::Environment(name) => write!(f, "{name}"),
            Source::File(path) => write!(f, "{}", path.display()),
            Source::Default => write!(f, "default"),
        }
    }
}

/// A value and its origin.
#[derive(Debug, Clone)]
pub struct Setting<T> {
    /// The value.
    pub value: T,
    /// Its origin.
    pub source: Source,
}

/// Who may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody who reaches the address.
    Open,
    /// Who shows a bearer key.
    Keys,
    /// Who signs in with Google or another identity provider, and who shows a bearer key.
    Google,
    /// Who shows a token of an authorization server that somebody else runs, or a bearer key.
    External,
}

/// How a `tools/call` over its limit is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLimit {
    /// With status 429 and a JSON-RPC error.
    Http,
    /// With status 200 and a result that says so to the model.
    ToolResult,
}

/// What happens to calls while the limits that are shared cannot be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Each replica counts by itself, with its share of the limits.
    Local,
    /// They are refused.
    Deny,
}

/// Format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, for machines elsewhere.
    Auto,
    /// For people.
    Human,
    /// A JSON object a line.
    Json,
}

/// How changes of the docs are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WatchMode {
    /// By events, or by looking where events do not work.
    Auto,
    /// By events only.
    Events,
    /// By looking again and again.
    Poll,
    /// Not at all.
    Off,
}

/// Everything that can be set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder for the index and everything docent keeps. Default: `index` beside the settings
    /// file; a folder in the user's cache when the docs are named on the command line.
    pub data_dir: Setting<PathBuf>,
    /// Where the state is that several servers share.
    pub state: StateSettings,
    /// Address to listen on. Default: 127.0.0.1:8080.
    pub listen: Setting<SocketAddr>,
    /// Address under which clients reach the server. Default: where it listens.
    pub public_url: Setting<Option<String>>,
    /// Who may come in. Default: open.
    pub access: Setting<Access>,
    /// File of hashes of keys, besides those in the data folder. Default: none.
    pub keys_file: Setting<Option<PathBuf>>,
    /// A single key, as `ID:HASH`. Default: none.
    pub key_hash: Setting<Option<String>>,
    /// Certificate chain of the server in PEM. Default: none, plain HTTP.
    pub tls_certificate: Setting<Option<PathBuf>>,
    /// Its private key in PEM.
    pub tls_key: Setting<Option<PathBuf>>,
    /// Calls that a key without a limit of its own may make. Default: 60/minute.
    pub key_limit: Setting<String>,
    /// Calls that a person who signed in may make, with all their apps. Default: 40/hour.
    pub user_limit: Setting<String>,
    /// Calls that an address without a key may make. Default: 120/minute.
    pub address_limit: Setting<String>,
    /// Clients that may register from one address. Default: 20/hour.
    pub registration_limit: Setting<String>,
    /// How a call over its limit is answered. Default: http.
    pub on_limit: Setting<OnLimit>,
    /// What happens while limits that are shared cannot be asked. Default: local.
    pub fallback: Setting<Fallback>,
    /// Addresses and networks of proxies whose word on the client's address counts. Default: none.
    pub trusted_proxies: Setting<Vec<String>>,
    /// Format of the log. Default: auto.
    pub log: Setting<LogFormat>,
    /// How changes are noticed. Default: auto.
    pub watch: Setting<WatchMode>,
    /// Time between two looks where events do not work. Default: 2 s.
    pub poll_interval: Setting<Duration>,
    /// Where index snapshots are published that are served in place of docs. Default: none.
    pub follow: Setting<Option<String>>,
    /// Time between two looks at it. Default: 5 s.
    pub follow_interval: Setting<Duration>,
    /// Host names besides those of `public_url` and of the address. Default: none.
    pub allowed_hosts: Setting<Vec<String>>,
    /// Origins of browser clients besides those of `public_url`. Default: none.
    pub allowed_origins: Setting<Vec<String>>,
    /// What is told before anybody connects.
    pub discovery: DiscoverySettings,
    /// How people sign in.
    pub sign_in: SignInSettings,
    /// An authorization server that somebody else runs.
    pub external: ExternalSettings,
    /// What the owner of the docs learns.
    pub owner: OwnerSettings,
    /// What holds for all git repositories.
    pub git: GitSettings,
    /// The collections, paths resolved; none if nobody named a folder.
    pub collections: Vec<CollectionSettings>,
    /// The docs folder of the command line, which stands in place of the file's collections.
    pub docs: Option<PathBuf>,
    /// The settings file that was read.
    pub file: Option<PathBuf>,
}

impl Settings {
    /// Puts flags, environment, file and defaults together.
    ///
    /// `matches` are those of the subcommand, which know where a flag's value comes from.
    ///
    /// # Errors
    ///
    /// The first setting that is not valid, by name.
    pub fn resolve(
        flags: &Flags,
        matches: &ArgMatches,
        docs: Option<&Path>,
    ) -> anyhow::Result<Settings> {
        let path = match filled(&flags.config) {
            Some(path) => Some(path),
            None => Some(PathBuf::from("docent.toml")).filter(|p| docs.is_none() && p.exists()),
        };
        let mut file = path.as_deref().map(File::read).transpose()?.unwrap_or_default();
        let of_state = StateFile::take(&mut file);
        let base = path.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let pick = Pick { matches, file: path.clone(), base: base.clone() };
        let collections = collections(docs, file.collections, &base);
        let listen =
            pick.text("listen", "DOCENT_LISTEN", &flags.listen, file.listen, "127.0.0.1:8080");
        let listen = listen.try_map("listen", |text| parse_listen(&text))?;
        let access = pick.text("access", "DOCENT_ACCESS", &flags.access, file.access, "open");
        let access = access.try_map("access", |text| parse_access(&text))?;
        let log = pick.text("log", "DOCENT_LOG", &flags.log, file.log, "auto");
        let log = log.try_map("log", |text| parse_log(&text))?;
        let watch = pick.text("watch", "DOCENT_WATCH", &flags.watch, file.watch, "auto");
        let watch = watch.try_map("watch", |text| parse_watch(&text))?;
        let public_url =
            pick.text("public-url", "DOCENT_PUBLIC_URL", &flags.public_url, file.public_url, "");
        let public_url = public_url.try_map("public-url", |text| parse_public_url(&text))?;
        let follow = pick.text("follow", "DOCENT_FOLLOW", &flags.follow, file.follow, "");
        let follow = follow.map(|text| Some(text).filter(|text| !text.is_empty()));
        let given = filled(&flags.data_dir);
        let data_dir = match pick.of("data-dir", "DOCENT_DATA_DIR", given, None) {
            Some(set) => set,
            None => default_data_dir(file.data_dir, &base, &pick, &collections, &follow)?,
        };
        Ok(Settings {
            data_dir,
            state: StateSettings::resolve(flags, of_state, &pick),
            listen,
            public_url,
            access,
            keys_file: pick.path("keys-file", "DOCENT_KEYS_FILE", &flags.keys_file, file.keys_file),
            key_hash: pick
                .text("key-hash", "DOCENT_KEY_HASH", &flags.key_hash, file.key_hash, "")
                .map(|text| Some(text).filter(|text| !text.is_empty())),
            tls_certificate: pick.path(
                "tls-certificate",
                "DOCENT_TLS_CERTIFICATE",
                &flags.tls_certificate,
                file.tls.certificate,
            ),
            tls_key: pick.path("tls-key", "DOCENT_TLS_KEY", &flags.tls_key, file.tls.key),
            on_limit: pick
                .or_default(file.limits.on_limit, "http".to_owned())
                .try_map("limits.on_limit", |text| parse_on_limit(&text))?,
            fallback: pick
                .or_default(file.limits.fallback, "local".to_owned())
                .try_map("limits.fallback", |text| parse_fallback(&text))?,
            key_limit: pick.or_default(file.limits.key, "60/minute".to_owned()),
            user_limit: pick.or_default(file.limits.user, "40/hour".to_owned()),
            address_limit: pick.or_default(file.limits.address, "120/minute".to_owned()),
            registration_limit: pick.or_default(file.limits.registration, "20/hour".to_owned()),
            trusted_proxies: pick.or_default(file.trusted_proxies, Vec::new()),
            log,
            watch,
            poll_interval: pick.interval("poll_interval_ms", file.poll_interval_ms, 2000)?,
            follow,
            follow_interval: pick.interval("follow_interval_ms", file.follow_interval_ms, 5000)?,
            allowed_hosts: pick.or_default(file.allowed_hosts, Vec::new()),
            allowed_origins: pick.or_default(file.allowed_origins, Vec::new()),
            discovery: DiscoverySettings::resolve(file.discovery, &pick)?,
            sign_in: SignInSettings::resolve(file.sign_in, &pick, &base),
            external: ExternalSettings::resolve(file.external, &pick),
            owner: OwnerSettings::resolve(
                file.usage,
                file.feedback,
                file.metrics,
                file.telemetry,
                &pick,
            )?,
            git: GitSettings::resolve(file.git, &pick, &base),
            collections,
            docs: docs.map(Path::to_owned),
            file: path,
        })
    }

    /// Whether it is said whose state it is: by a data folder that somebody named, or that of docs which
    /// somebody named, or by where it is shared.
    pub fn names_data_dir(&self) -> bool {
        !self.collections.is_empty()
            || self.data_dir.source != Source::Default
            || self.state.is_shared()
            || self.follow.value.is_some()
    }

    /// Refuses an address that others reach, unless it was opened on purpose.
    ///
    /// # Errors
    ///
    /// One sentence that says what to set.
    pub fn check_exposure(&self) -> anyhow::Result<()> {
        let address = self.listen.value;
        if !address.ip().is_loopback() && self.access.source == Source::Default {
            bail!(
                "{address} can be reached from other machines: say --access keys to let in who has a key, --access google to let people sign in, --access open to let everybody in, or listen on 127.0.0.1"
            );
        }
        Ok(())
    }

    /// Refuses settings with which nobody could come in.
    ///
    /// # Errors
    ///
    /// One sentence that says what to set.
    pub fn check_access(&self) -> anyhow::Result<()> {
        match self.access.value {
            Access::Open | Access::Keys => Ok(()),
            Access::Google => {
                door::check_origin(&self.public_url)?;
                self.sign_in.check()
            }
            Access::External => {
                door::check_origin(&self.public_url)?;
                self.external.check()
            }
        }
    }
}

/// An empty value counts as unset: that is how a variable is switched off in places where it
/// cannot be taken away.
fn filled(path: &Option<PathBuf>) -> Option<PathBuf> {
    path.clone().filter(|path| !path.as_os_str().is_empty())
}

impl<T> Setting<T> {
    pub(super) fn map<U>(self, map: impl FnOnce(T) -> U) -> Setting<U> {
        Setting { value: map(self.value), source: self.source }
    }

    pub(super) fn try_map<U>(
        self,
        name: &str,
        map: impl FnOnce(T) -> anyhow::Result<U>,
    ) -> anyhow::Result<Setting<U>> {
        let source = self.source;
        let value = map(self.value).with_context(|| match &source {
            Source::File(path) => format!("{}: {}", path.display(), name.replace('-', "_")),
            Source::Environment(variable) => (*variable).to_owned(),
            _ => format!("--{name}"),
        })?;
        Ok(Setting { value, source })
    }
}

/// Chooses between the places where a value can stand.
pub(super) struct Pick<'a> {
    matches: &'a ArgMatches,
    file: Option<PathBuf>,
    /// The folder of the file, which paths in it start from.
    base: PathBuf,
}

impl Pick<'_> {
    fn of<T>(
        &self,
        flag: &'static str,
        variable: &'static str,
        given: Option<T>,
        in_file: Option<T>,
    ) -> Option<Setting<T>> {
        if let Some(value) = given {
            let id = flag.replace('-', "_");
            let source = match self.matches.value_source(&id) {
                Some(ValueSource::EnvVariable) => Source::Environment(variable),
                _ => Source::Flag(flag),
            };
            return Some(Setting { value, source });
        }
        in_file.map(|value| Setting { value, source: self.file_source() })
    }

    pub(super) fn text(
        &self,
        flag: &'static str,
        variable: &'static str,
        given: &Option<String>,
        in_file: Option<String>,
        default: &str,
    ) -> Setting<String> {
        let given = given.clone().filter(|text| !text.is_empty());
        self.of(flag, variable, given, in_file)
            .unwrap_or_else(|| Setting { value: default.to_owned(), source: Source::Default })
    }

    /// A value that only the environment can set besides the file.
    pub(super) fn environment(&self, variable: &'static str) -> Option<Setting<String>> {
        let value = std::env::var(variable).ok().filter(|value| !value.is_empty())?;
        Some(Setting { value, source: Source::Environment(variable) })
    }

    /// A path of the file, from where the file is.
    pub(super) fn in_file(&self, path: Option<PathBuf>) -> Option<PathBuf> {
        path.map(|path| self.base.join(path))
    }

    fn path(
        &self,
        flag: &'static str,
        variable: &'static str,
        given: &Option<PathBuf>,
        in_file: Option<PathBuf>,
    ) -> Setting<Option<PathBuf>> {
        let in_file = filled(&in_file).map(|path| self.base.join(path));
        let set = self.of(flag, variable, filled(given), in_file);
        set.map_or(Setting { value: None, source: Source::Default }, |set| set.map(Some))
    }

    pub(super) fn or_default<T>(&self, in_file: Option<T>, default: T) -> Setting<T> {
        match in_file {
            Some(value) => Setting { value, source: self.file_source() },
            None => Setting { value: default, source: Source::Default },
        }
    }

    /// Milliseconds between two looks for something new.
    fn interval(
        &self,
        name: &str,
        in_file: Option<u64>,
        default: u64,
    ) -> anyhow::Result<Setting<Duration>> {
        self.or_default(in_file, default).try_map(name, parse_poll_interval)
    }

    pub(super) fn file_source(&self) -> Source {
        self.file.clone().map_or(Source::Default, Source::File)
    }
}

fn collections(
    docs: Option<&Path>,
    in_file: Vec<CollectionSettings>,
    base: &Path,
) -> Vec<CollectionSettings> {
    if let Some(docs) = docs {
        return vec![CollectionSettings { path: Some(docs.to_owned()), ..Default::default() }];
    }
    let resolve = |collection: CollectionSettings| CollectionSettings {
        path: collection.path.map(|path| base.join(path)),
        token_file: collection.token_file.map(|path| base.join(path)),
        git: collection.git.map(|address| match address.starts_with('.') {
            // A repository beside the file; git runs elsewhere.
            true => {
                let path = base.join(address);
                std::path::absolute(&path).unwrap_or(path).display().to_string()
            }
            false => address,
        }),
        ..collection
    };
    in_file.into_iter().map(resolve).collect()
}

fn parse_access(text: &str) -> anyhow::Result<Access> {
    match text {
        "open" => Ok(Access::Open),
        "keys" => Ok(Access::Keys),
        "google" => Ok(Access::Google),
        "external" => Ok(Access::External),
        _ => bail!("{text:?} is not one of: open, keys, google, external"),
    }
}

fn parse_poll_interval(milliseconds: u64) -> anyhow::Result<Duration> {
    if milliseconds < 50 {
        bail!("must be at least 50");
    }
    Ok(Duration::from_millis(milliseconds))
}

fn parse_log(text: &str) -> anyhow::Result<LogFormat> {
    match text {
        "auto" => Ok(LogFormat::Auto),
        "human" => Ok(LogFormat::Human),
        "json" => Ok(LogFormat::Json),
        _ => bail!("{text:?} is not one of: auto, human, json"),
    }
}

fn parse_watch(text: &str) -> anyhow::Result<WatchMode> {
    match text {
        "auto" => Ok(WatchMode::Auto),
        "events" => Ok(WatchMode::Events),
        "poll" => Ok(WatchMode::Poll),
        "off" => Ok(WatchMode::Off),
        _ => bail!("{text:?} is not one of: auto, events, poll, off"),
    }
}

fn parse_on_limit(text: &str) -> anyhow::Result<OnLimit> {
    match text {
        "http" => Ok(OnLimit::Http),
        "tool_result" => Ok(OnLimit::ToolResult),
        _ => bail!("{text:?} is not one of: http, tool_result"),
    }
}

fn parse_fallback(text: &str) -> anyhow::Result<Fallback> {
    match text {
        "local" => Ok(Fallback::Local),
        "deny" => Ok(Fallback::Deny),
        _ => bail!("{text:?} is not one of: local, deny"),
    }
}

fn parse_listen(text: &str) -> anyhow::Result<SocketAddr> {
    let text = text.replace("localhost:", "127.0.0.1:");
    // A port alone is what people type first.
    let text = if text.parse::<u16>().is_ok() { format!("127.0.0.1:{text}") } else { text };
    text.parse()
        .ok()
        .with_context(|| format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:8080"))
}

fn parse_public_url(text: &str) -> anyhow::Result<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { bail!("{text:?} must begin with https://") };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = match host.strip_prefix('[') {
        Some(inner) => {
            let closed = inner
                .split_once(']')
                .filter(|(_, port)| matches!(port.bytes().next(), None | Some(b':')));
            closed.map_or("", |(name, _)| name)
        }
        None => host.split(':').next().unwrap_or_default(),
    };
    if name.is_empty()
        || host.contains('@')
        || rest.contains(['?', '#'])
        || rest.contains(char::is_whitespace)
    {
        bail!("{text:?} must be a plain address, such as https://docs.example.com");
    }
    if path.trim_end_matches('/').rsplit('/').next() == Some("mcp") {
        bail!("{text:?} must not end with /mcp: docent puts that behind it");
    }
    // Names such as 127.0.0.1.nip.io only look like this machine.
    let local = name.eq_ignore_ascii_case("localhost")
        || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if text.starts_with("http://") && !local {
        bail!("{text:?} must be https unless the host is this machine");
    }
    Ok(Some(text.trim_end_matches('/').to_owned()))
}

fn default_data_dir(
    in_file: Option<PathBuf>,
    base: &Path,
    pick: &Pick<'_>,
    collections: &[CollectionSettings],
    follow: &Setting<Option<String>>,
) -> anyhow::Result<Setting<PathBuf>> {
    if let Some(dir) = in_file {
        return Ok(Setting { value: base.join(dir), source: pick.file_source() });
    }
    if pick.file.is_some() {
        return Ok(Setting { value: base.join("index"), source: Source::Default });
    }
    let value = |name: &str, of: &[u8]| -> anyhow::Result<Setting<PathBuf>> {
        let hash = blake3::hash(of).to_hex();
        let cache = cache_dir().context("no home folder is known: set --data-dir")?;
        let value = cache.join("docent").join(format!("{name}-{}", &hash[..8]));
        Ok(Setting { value, source: Source::Default })
    };
    if let (Some(address), []) = (&follow.value, collections) {
        return value("snapshots", address.as_bytes());
    }
    let docs =
        collections.first().and_then(|collection| collection.path.clone()).unwrap_or_default();
    // One folder has one index, by whatever path it is named.
    let docs = docs.canonicalize().or_else(|_| std::path::absolute(&docs)).unwrap_or(docs);
    let name = docs.file_name().map_or("docs".into(), |name| name.to_string_lossy().into_owned());
    value(&name, docs.as_os_str().as_encoded_bytes())
}

/// Where this system's users keep what can be made again.
fn cache_dir() -> Option<PathBuf> {
    let var = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    if cfg!(windows) {
        return var("LOCALAPPDATA");
    }
    if cfg!(target_os = "macos") {
        return var("HOME").map(|home| home.join("Library").join("Caches"));
    }
    var("XDG_CACHE_HOME").or_else(|| var("HOME").map(|home| home.join(".cache")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_means_this_machine() {
        assert_eq!(parse_listen("9000").unwrap().to_string(), "127.0.0.1:9000");
        assert_eq!(parse_listen("localhost:1").unwrap().to_string(), "127.0.0.1:1");
        assert!(parse_listen("nonsense").is_err());
    }

    #[test]
    fn public_addresses_are_https_and_plain() {
        assert_eq!(
            parse_public_url("https://a.example/").unwrap().as_deref(),
            Some("https://a.example")
        );
        assert_eq!(
            parse_public_url("http://localhost:1").unwrap().as_deref(),
            Some("http://localhost:1")
        );
        for good in [
            "http://127.9.9.9:1",
            "http://[::1]:1",
            "https://a.example/docs",
            "https://a.example/mcp/docs",
        ] {
            assert_eq!(parse_public_url(good).unwrap().as_deref(), Some(good));
        }
        for bad in [
            "http://a.example",
            "http://127.0.0.1.nip.io",
            "http://127.evil.example",
            "http://[::1].example",
            "https://a.example/mcp",
            "https://a.example/docs/mcp/",
            "a.example",
            "https://",
            "https://a@b",
            "https://a/?x",
            "https://a b",
        ] {
            assert!(parse_public_url(bad).is_err(), "{bad}");
        }
    }
}
