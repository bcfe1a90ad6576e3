//! The settings of sign-ins: here, or at an authorization server that somebody else runs.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use url::Url;

use super::settings::{Pick, Setting};

/// Google, whose issuer need not be set.
const GOOGLE: &str = "https://accounts.google.com";

/// `[sign_in]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignInFile {
    issuer: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    client_documents: Option<bool>,
    algorithms: Option<Vec<String>>,
    apps: Option<Vec<String>>,
    client_networks: Option<Vec<String>>,
}

/// `[external]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExternalFile {
    issuer: Option<String>,
    audience: Option<String>,
    jwks_url: Option<String>,
    algorithms: Option<Vec<String>>,
    token_types: Option<Vec<String>>,
    scope: Option<String>,
}

/// A value that is shown to nobody.
#[derive(Clone, Default)]
pub struct SecretText(pub String);

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "none" } else { "(secret)" })
    }
}

/// How people sign in.
#[derive(Debug, Clone)]
pub struct SignInSettings {
    /// The identity provider, an issuer of OpenID Connect. Default: Google.
    pub issuer: Setting<String>,
    /// What the provider knows this server by. Default: none.
    pub client_id: Setting<String>,
    /// How the provider knows that it is this server. Default: none.
    pub client_secret: Setting<SecretText>,
    /// A file that holds it. Default: none.
    pub client_secret_file: Setting<Option<PathBuf>>,
    /// Whether clients may be known by a document at an address of their own, which is fetched.
    /// Default: true.
    pub client_documents: Setting<bool>,
    /// How ID tokens may be signed. Default: RS256.
    pub algorithms: Setting<Vec<String>>,
    /// Schemes of apps that people may be sent back to, besides `https` and this machine. None given
    /// stands for those that are known to need it.
    pub apps: Setting<Option<Vec<String>>>,
    /// Networks, besides the public internet, from which documents of clients are fetched.
    /// Default: none.
    pub client_networks: Setting<Vec<String>>,
}

/// An authorization server that somebody else runs.
#[derive(Debug, Clone)]
pub struct ExternalSettings {
    /// Its issuer. Default: none.
    pub issuer: Setting<String>,
    /// What its tokens must be made for. Default: the address of the endpoint.
    pub audience: Setting<String>,
    /// Where its keys are. Default: none.
    pub jwks_url: Setting<String>,
    /// How its tokens may be signed. Default: RS256.
    pub algorithms: Setting<Vec<String>>,
    /// What its access tokens call themselves in their header, `typ`. Default: at+jwt.
    pub token_types: Setting<Vec<String>>,
    /// What its tokens must allow. Default: none, nothing.
    pub scope: Setting<String>,
}

impl SignInSettings {
    pub(super) fn resolve(file: SignInFile, pick: &Pick<'_>, base: &Path) -> SignInSettings {
        let text = |variable, in_file, default: &str| {
            pick.environment(variable)
                .unwrap_or_else(|| pick.or_default(in_file, default.to_owned()))
        };
        let client_secret_file = pick
            .environment("DOCENT_CLIENT_SECRET_FILE")
            .map(|setting| setting.map(|path| Some(PathBuf::from(path))))
            .unwrap_or_else(|| {
                pick.or_default(file.client_secret_file.map(|path| Some(base.join(path))), None)
            });
        SignInSettings {
            issuer: text("DOCENT_ISSUER", file.issuer, GOOGLE),
            client_id: text("DOCENT_CLIENT_ID", file.client_id, ""),
            client_secret: text("DOCENT_CLIENT_SECRET", file.client_secret, "").map(SecretText),
            client_secret_file,
            client_documents: pick.or_default(file.client_documents, true),
            algorithms: pick.or_default(file.algorithms, vec!["RS256".to_owned()]),
            apps: pick.or_default(file.apps.map(Some), None),
            client_networks: pick.or_default(file.client_networks, Vec::new()),
        }
    }

    /// Refuses what nobody could sign in with.
    ///
    /// # Errors
    ///
    /// One sentence that says what to set.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            !self.client_id.value.is_empty(),
            "access = \"google\" needs client_id under [sign_in]: the identity provider gives it out \
             (the manual's page \"Put it in public\" says how)"
        );
        self.secret()?;
        check_url("sign_in.issuer", &self.issuer)
    }

    /// How the provider knows that it is this server.
    ///
    /// # Errors
    ///
    /// There is none, or two, or its file cannot be read.
    pub fn secret(&self) -> anyhow::Result<String> {
        let given = &self.client_secret.value.0;
        let Setting { value, source } = &self.client_secret_file;
        let secret = match value {
            None => given.clone(),
            Some(path) => {
                ensure!(
                    given.is_empty(),
                    "{source}: client_secret_file {} is set, and so is client_secret: keep one",
                    path.display()
                );
                let read = std::fs::read_to_string(path).with_context(|| {
                    format!("{source}: cannot read the client secret in {}", path.display())
                })?;
                read.trim().to_owned()
            }
        };
        ensure!(
            !secret.is_empty(),
            "access = \"google\" needs client_secret_file under [sign_in], or DOCENT_CLIENT_SECRET"
        );
        Ok(secret)
    }
}

impl ExternalSettings {
    pub(super) fn resolve(file: ExternalFile, pick: &Pick<'_>) -> ExternalSettings {
        let text = |in_file| pick.or_default(in_file, String::new());
        ExternalSettings {
            issuer: text(file.issuer),
            audience: text(file.audience),
            jwks_url: text(file.jwks_url),
            scope: text(file.scope),
            token_types: pick.or_default(file.token_types, vec!["at+jwt".to_owned()]),
            algorithms: pick.or_default(file.algorithms, vec!["RS256".to_owned()]),
        }
    }

    /// Refuses what no token could be checked with.
    ///
    /// # Errors
    ///
    /// One sentence that says what to set.
    pub fn check(&self) -> anyhow::Result<()> {
        for (name, setting) in [("issuer", &self.issuer), ("jwks_url", &self.jwks_url)] {
            ensure!(
                !setting.value.is_empty(),
                "access = \"external\" needs {name} under [external]"
            );
            check_url(&format!("external.{name}"), setting)?;
        }
        Ok(())
    }
}

/// Keys and tokens come over TLS, except on this machine.
fn check_url(name: &str, setting: &Setting<String>) -> anyhow::Result<()> {
    let Setting { value, source } = setting;
    let rest = value.strip_prefix("http://").map(|rest| rest.split(['/', ':']).next());
    let is_local = rest.flatten().is_some_and(|host| {
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    });
    ensure!(
        value.starts_with("https://") || is_local,
        "{source}: {name}: {value:?} must begin with https://"
    );
    Ok(())
}

/// Where people can sign in: an origin, so that issuer and resource are told from it alone.
///
/// # Errors
///
/// There is none, or it has a path; with the right spelling.
pub(super) fn check_origin(public_url: &Setting<Option<String>>) -> anyhow::Result<()> {
    let Setting { value, source } = public_url;
    let Some(url) = value else {
        bail!(
            "people sign in at the server's public address: set --public-url, such as \
             https://docs.example.com"
        );
    };
    // As clients read it: they compare what they are told, byte for byte.
    let origin = Url::parse(url).map(|url| url.origin().ascii_serialization());
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    if let Some((host, _)) = rest.split_once('/') {
        let scheme = &url[..url.len() - rest.len()];
        bail!(
            "{source}: {url:?} has a path, and sign-ins need a host of their own: {scheme}{host}"
        );
    }
    match origin {
        Ok(origin) if origin == *url => Ok(()),
        Ok(origin) => bail!("{source}: {url:?} has to be written as {origin}"),
        Err(_) => bail!("{source}: {url:?} is no address"),
    }
}
