//! `docent health`: whether the server of these settings answers.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::serve;
use crate::config::Settings;
use crate::{http, outward};

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// Longer than any answer.
const MOST: u64 = 64 * 1024;

/// Asks it, on this machine.
pub(super) fn run(settings: &Settings) -> anyhow::Result<()> {
    let address = reachable(settings.listen.value);
    ensure!(
        address.port() != 0,
        "{}: listen says no port, so nobody knows it",
        settings.listen.source
    );
    let (agent, url) = match &settings.tls_certificate.value {
        None => (outward::agent_at(address, PATIENCE, &[]), format!("http://{address}/readyz")),
        Some(certificate) => {
            let host = serve::tls_host(settings)?;
            // Whoever signed it is for clients to judge.
            let roots = http::certificates(certificate)?;
            let url = format!("https://{host}:{}/readyz", address.port());
            (outward::agent_at(address, PATIENCE, &roots), url)
        }
    };
    let (status, body) =
        outward::get(&agent, &url, MOST).with_context(|| format!("nobody answers at {address}"))?;
    ensure!(status == 200, "not ready: {}", String::from_utf8_lossy(&body));
    Ok(writeln!(std::io::stdout().lock(), "ready")?)
}

/// Where a server on this machine answers that listens there.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
