//! What docent asks of other servers: never more than an answer of bounded size within a bounded
//! time, over TLS that this machine trusts, and without following anybody elsewhere.

mod fixed;
mod guard;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use anyhow::{Context, ensure};
pub use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;
use ureq::unversioned::transport::DefaultConnector;

pub use guard::{Permit, is_public};

/// What this machine trusts: behind a company's proxy that is more than the public list.
static TRUSTED: LazyLock<Vec<Certificate<'static>>> = LazyLock::new(|| {
    let found = rustls_native_certs::load_native_certs().certs;
    found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect()
});

/// An agent for files that somebody chose to download: it goes where it is sent. `silence` is how
/// long an answer is waited for, `whole` how long a file may take in all.
pub fn download_agent(silence: Duration, whole: Duration) -> Agent {
    config(silence, whole).max_redirects(10).http_status_as_error(true).build().new_agent()
}

/// An agent for servers that the operator chose.
pub fn agent(whole: Duration) -> Agent {
    config(whole, whole).build().new_agent()
}

/// An agent that connects to one address, by whatever name. `roots` are trusted besides what this
/// machine trusts, in DER.
pub fn agent_at(address: SocketAddr, whole: Duration, roots: &[Vec<u8>]) -> Agent {
    let config = trusting(whole, whole, roots).proxy(None).build();
    Agent::with_parts(config, DefaultConnector::default(), fixed::Fixed(address))
}

/// An agent for addresses that a stranger names: it connects to the public internet, and to what is
/// permitted besides. The addresses that a name stands for are looked at when they are connected
/// to, so that a name cannot stand for something else a moment later.
/// `roots` are trusted besides what this machine trusts, in DER.
pub fn guarded_agent(whole: Duration, permit: Permit, roots: &[Vec<u8>]) -> Agent {
    // A proxy would look the name up by itself, and reach what it can reach.
    let config = trusting(whole, whole, roots).proxy(None).max_idle_connections(0).build();
    Agent::with_parts(config, DefaultConnector::default(), guard::Guard::new(permit))
}

/// An answer.
#[derive(Debug)]
pub struct Fetched {
    /// Its body.
    pub body: Vec<u8>,
    /// Seconds for which it says that it is fresh (RFC 9111), if it does.
    pub fresh_for: Option<u64>,
}

/// Gets JSON of at most `most` bytes.
///
/// # Errors
///
/// No answer, another status than 200, another kind of content, too much of it.
pub fn get_json(agent: &Agent, address: &str, most: u64) -> anyhow::Result<Fetched> {
    let request = agent.get(address).header("accept", "application/json");
    let answer = request.call().with_context(|| format!("cannot get {address}"))?;
    ensure!(answer.status() == 200, "{address} answers with status {}", answer.status());
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let kind = header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_json =
        kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"));
    ensure!(is_json, "{address} is not JSON");
    ensure!(header("content-encoding").is_none(), "{address} comes compressed, unasked");
    let fresh_for = header("cache-control").and_then(fresh_for);
    let body = body(answer, most).with_context(|| format!("cannot get {address}"))?;
    Ok(Fetched { body, fresh_for })
}

/// Gets an answer of at most `most` bytes, with its status.
///
/// # Errors
///
/// No answer, or too much of it.
pub fn get(agent: &Agent, address: &str, most: u64) -> anyhow::Result<(u16, Vec<u8>)> {
    let answer = agent.get(address).call().with_context(|| format!("cannot get {address}"))?;
    let status = answer.status().as_u16();
    Ok((status, body(answer, most).with_context(|| format!("cannot read {address}"))?))
}

/// Sends a form, and takes an answer of at most `most` bytes with its status.
///
/// # Errors
///
/// No answer, or too much of it.
pub fn post_form(
    agent: &Agent,
    address: &str,
    form: &[(&str, &str)],
    most: u64,
) -> anyhow::Result<(u16, Vec<u8>)> {
    let request = agent.post(address).header("accept", "application/json");
    let answer = request.send_form(form.iter().copied());
    let answer = answer.with_context(|| format!("cannot reach {address}"))?;
    let status = answer.status().as_u16();
    Ok((status, body(answer, most).with_context(|| format!("cannot read {address}"))?))
}

/// Sends a request as it is, and takes an answer of at most `most` bytes with its status.
///
/// # Errors
///
/// No answer, or too much of it.
pub fn send(
    agent: &Agent,
    request: ureq::http::Request<impl AsRef<[u8]>>,
    most: u64,
) -> anyhow::Result<(u16, Vec<u8>)> {
    let address = request.uri().to_string();
    let (parts, content) = request.into_parts();
    let request = ureq::http::Request::from_parts(parts, content.as_ref().to_vec());
    let answer = agent.run(request).with_context(|| format!("cannot reach {address}"))?;
    let status = answer.status().as_u16();
    Ok((status, body(answer, most).with_context(|| format!("cannot read {address}"))?))
}

fn body(answer: ureq::http::Response<ureq::Body>, most: u64) -> anyhow::Result<Vec<u8>> {
    Ok(answer.into_body().into_with_config().limit(most).read_to_vec()?)
}

/// What `Cache-Control` says of how long an answer is fresh.
fn fresh_for(value: &str) -> Option<u64> {
    let mut directives = value.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    directives.find_map(|directive| match directive.split_once('=') {
        Some(("max-age", seconds)) => seconds.trim_matches('"').parse().ok(),
        None if directive == "no-store" || directive == "no-cache" => Some(0),
        _ => None,
    })
}

fn config(silence: Duration, whole: Duration) -> ConfigBuilder<AgentScope> {
    trusting(silence, whole, &[])
}

fn trusting(silence: Duration, whole: Duration, roots: &[Vec<u8>]) -> ConfigBuilder<AgentScope> {
    let roots = roots.iter().map(|root| Certificate::from_der(root).to_owned());
    let trusted = TRUSTED.iter().cloned().chain(roots).collect();
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .root_certs(RootCerts::Specific(Arc::new(trusted)))
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_connect(Some(silence))
        .timeout_recv_response(Some(silence))
        .timeout_global(Some(whole))
        .user_agent(concat!("docent/", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_an_answer_is_fresh() {
        assert_eq!(fresh_for("public, max-age=300"), Some(300));
        assert_eq!(fresh_for("Max-Age=\"60\""), Some(60));
        assert_eq!(fresh_for("no-store"), Some(0));
        assert_eq!(fresh_for("max-age=x"), None);
        assert_eq!(fresh_for("public"), None);
    }
}
