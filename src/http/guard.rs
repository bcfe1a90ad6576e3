//! Decides from which names and from which web pages the server may be used: `Host` and `Origin`.
//!
//! Against DNS rebinding: a page on a foreign name that points to this machine sends that name.
//! Only the peer's own headers count; what a proxy adds (`X-Forwarded-*`) is never consulted.

use std::net::{IpAddr, SocketAddr};

/// Names and origins that are let in.
#[derive(Debug, Clone, Default)]
pub(super) struct Guard {
    hosts: Vec<Name>,
    /// On every interface and without a public URL, an address is as good as a name: nobody can
    /// rebind one, and this machine's addresses are not known here.
    any_address: bool,
    origins: Vec<Origin>,
    any_origin: bool,
}

/// Why a request is not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Denied {
    /// There must be exactly one `Host`.
    HostCount(usize),
    /// The request line names another host than the header.
    Authority,
    /// The host is not on the list.
    Host(String),
    /// The origin is not on the list.
    Origin(String),
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Denied::HostCount(0) => f.write_str("a request needs a Host header"),
            Denied::HostCount(_) => f.write_str("a request has exactly one Host header"),
            Denied::Authority => f.write_str("the request line and the Host header differ"),
            Denied::Host(host) => write!(
                f,
                "this server does not answer to the host \"{host}\"; its operator can add it to \
                 allowed_hosts in docent.toml"
            ),
            Denied::Origin(origin) => write!(
                f,
                "web pages of the origin \"{origin}\" may not use this server; its operator can \
                 add it to allowed_origins in docent.toml"
            ),
        }
    }
}

/// A host of a list; without a port it stands for every port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    host: String,
    port: Option<u16>,
    /// The port is the scheme's own, so that the header may leave it out.
    implied: bool,
}

/// An origin of a list; without a port it stands for every port.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

/// Whether hosts and origins can be told from these settings, before anything else is begun.
///
/// # Errors
///
/// The setting that cannot be understood, by name.
pub fn check(
    listen: SocketAddr,
    public_url: Option<&str>,
    allowed_hosts: &[String],
    allowed_origins: &[String],
) -> anyhow::Result<()> {
    Guard::new(listen, public_url, allowed_hosts, allowed_origins).map(drop)
}

const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

impl Guard {
    /// Derives both lists; an error names the setting that cannot be understood.
    pub(super) fn new(
        listen: SocketAddr,
        public_url: Option<&str>,
        allowed_hosts: &[String],
        allowed_origins: &[String],
    ) -> anyhow::Result<Guard> {
        let mut guard = Guard::default();
        let ip = listen.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            for host in LOOPBACK {
                guard.allow_host(host, None, false);
                guard.allow_origin("http", host, None);
            }
        }
        if !ip.is_unspecified() {
            let host = literal(ip);
            guard.allow_host(&host, None, false);
            guard.allow_origin("http", &host, Some(listen.port()));
        }
        guard.any_address = ip.is_unspecified() && public_url.is_none();
        if let Some(url) = public_url {
            let (scheme, host, port) = split_origin(url)
                .and_then(|(scheme, host, port)| Some((scheme, host, port?)))
                .ok_or_else(|| anyhow::anyhow!("public_url: \"{url}\" is not an http(s) URL"))?;
            guard.allow_host(&host, Some(port), default_port(&scheme) == Some(port));
            guard.allow_origin(&scheme, &host, Some(port));
        }
        for entry in allowed_hosts {
            let (host, port) = split_authority(entry.trim())
                .ok_or_else(|| anyhow::anyhow!("allowed_hosts: \"{entry}\" is not a host"))?;
            guard.allow_host(&host, port, matches!(port, Some(80 | 443)));
        }
        for entry in allowed_origins {
            guard.allow_origin_entry(entry.trim())?;
        }
        Ok(guard)
    }

    fn allow_origin_entry(&mut self, entry: &str) -> anyhow::Result<()> {
        if entry == "*" {
            self.any_origin = true;
            return Ok(());
        }
        let (base, any_port) = match entry.strip_suffix(":*") {
            Some(base) => (base, true),
            None => (entry.strip_suffix('/').unwrap_or(entry), false),
        };
        let (scheme, host, port) = split_origin(base)
            .filter(|_| base.split_once("://").is_some_and(|(_, rest)| !rest.contains('/')))
            .ok_or_else(|| {
                anyhow::anyhow!(
                    "allowed_origins: \"{entry}\" is not an origin like https://app.example.com"
                )
            })?;
        self.allow_origin(&scheme, &host, if any_port { None } else { port.or(Some(0)) });
        Ok(())
    }

    fn allow_host(&mut self, host: &str, port: Option<u16>, implied: bool) {
        let name = Name { host: host.to_owned(), port, implied };
        if !self.hosts.contains(&name) {
            self.hosts.push(name);
        }
    }

    fn allow_origin(&mut self, scheme: &str, host: &str, port: Option<u16>) {
        let origin = Origin { scheme: scheme.to_owned(), host: host.to_owned(), port };
        if !self.origins.contains(&origin) {
            self.origins.push(origin);
        }
    }

    /// Decides on the `Host` headers and on the authority of the request line, if it has one.
    pub(super) fn check_host(
        &self,
        hosts: &[&[u8]],
        authority: Option<&str>,
    ) -> Result<(), Denied> {
        let [host] = hosts else { return Err(Denied::HostCount(hosts.len())) };
        if host.is_empty() {
            return Err(Denied::HostCount(0));
        }
        if authority.is_some_and(|authority| !authority.as_bytes().eq_ignore_ascii_case(host)) {
            return Err(Denied::Authority);
        }
        let denied = || Denied::Host(shown(host));
        let text = std::str::from_utf8(host).map_err(|_| denied())?;
        let (host, port) = split_authority(text).ok_or_else(denied)?;
        let listed = self.hosts.iter().any(|name| {
            name.host == host
                && match (name.port, port) {
                    (None, _) => true,
                    (Some(_), None) => name.implied,
                    (Some(ours), Some(theirs)) => ours == theirs,
                }
        });
        if listed || (self.any_address && is_address(&host)) { Ok(()) } else { Err(denied()) }
    }

    /// Decides on the `Origin` headers; programs that are not browsers send none.
    pub(super) fn check_origin(&self, origins: &[&[u8]]) -> Result<(), Denied> {
        let origin = match origins {
            [] => return Ok(()),
            [origin] => *origin,
            [first, ..] => return Err(Denied::Origin(shown(first))),
        };
        if self.any_origin {
            return Ok(());
        }
        let parsed = std::str::from_utf8(origin).ok().and_then(split_origin);
        let listed = parsed.is_some_and(|(scheme, host, port)| {
            self.origins.iter().any(|ours| {
                ours.scheme == scheme
                    && ours.host == host
                    && ours.port.is_none_or(|ours| ours == port.unwrap_or(0))
            })
        });
        if listed { Ok(()) } else { Err(Denied::Origin(shown(origin))) }
    }

    /// Whether a request that `check_host` let in comes from a page of this server itself, opened at
    /// one of this machine's addresses, which no list knows. On every interface and without a public
    /// URL there is plain HTTP only, so that an origin is a scheme and the very `Host`.
    pub(super) fn is_own_page(&self, hosts: &[&[u8]], origins: &[&[u8]]) -> bool {
        let ([host], [origin]) = (hosts, origins) else { return false };
        self.any_address && origin.strip_prefix(b"http://") == Some(*host)
    }

    /// The lists, one line each, for printing at start.
    pub(super) fn describe(&self) -> Vec<String> {
        let mut hosts: Vec<String> = self.hosts.iter().map(Name::shown).collect();
        if self.any_address {
            hosts.push("any IP address".into());
        }
        let mut origins: Vec<String> = self.origins.iter().map(Origin::shown).collect();
        if self.any_origin {
            origins = vec!["any (allowed_origins has \"*\")".into()];
        }
        let none = "none (browsers are refused)";
        let origins = if origins.is_empty() { none.to_owned() } else { origins.join(", ") };
        vec![format!("hosts: {}", hosts.join(", ")), format!("origins: {origins}")]
    }
}

impl Name {
    fn shown(&self) -> String {
        match self.port {
            Some(port) if !self.implied => format!("{}:{port}", self.host),
            _ => self.host.clone(),
        }
    }
}

impl Origin {
    fn shown(&self) -> String {
        let Origin { scheme, host, port } = self;
        match port {
            None => format!("{scheme}://{host}:*"),
            Some(0) => format!("{scheme}://{host}"),
            Some(port) if default_port(scheme) == Some(*port) => format!("{scheme}://{host}"),
            Some(port) => format!("{scheme}://{host}:{port}"),
        }
    }
}

/// Scheme, host and port of the origin of a URL; the port is the scheme's own unless written, and
/// absent for schemes that have none (`vscode-webview://…`).
fn split_origin(url: &str) -> Option<(String, String, Option<u16>)> {
    let (scheme, rest) = url.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(plain) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = split_authority(authority)?;
    let port = port.or(default_port(&scheme));
    Some((scheme, host, port))
}

/// Host in lower case, and port. Nothing but a name or an address is a host: no user, no space,
/// no trailing dot that would make two spellings of one name.
fn split_authority(authority: &str) -> Option<(String, Option<u16>)> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (&authority[..address.len() + 2], port)
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let plain = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.' | b'_');
    let bracketed = host.starts_with('[');
    if host.is_empty() || host.ends_with('.') || (!bracketed && !host.bytes().all(plain)) {
        return None;
    }
    let port = match port {
        Some(digits) if digits.bytes().all(|c| c.is_ascii_digit()) => Some(digits.parse().ok()?),
        Some(_) => return None,
        None => None,
    };
    Some((host.to_ascii_lowercase(), port))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn is_address(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

fn literal(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// What a refusal repeats of a header: short, and without characters that a terminal obeys.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars().filter(|c| !c.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(listen: &str, public: Option<&str>, hosts: &[&str], origins: &[&str]) -> Guard {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        let listen = listen.parse().unwrap();
        Guard::new(listen, public, &owned(hosts), &owned(origins)).unwrap()
    }

    fn host(guard: &Guard, host: &str) -> bool {
        guard.check_host(&[host.as_bytes()], None).is_ok()
    }

    fn origin(guard: &Guard, origin: &str) -> bool {
        guard.check_origin(&[origin.as_bytes()]).is_ok()
    }

    #[test]
    fn loopback_names_are_hosts_of_a_local_server() {
        let guard = guard("127.0.0.1:8080", None, &[], &[]);
        for good in ["localhost", "localhost:8080", "LOCALHOST:9", "127.0.0.1:8080", "[::1]:8080"] {
            assert!(host(&guard, good), "{good}");
        }
        for bad in [
            "evil.example",
            "localhost.evil",
            "127.0.0.1.nip.io",
            "localhost@evil",
            "evil@localhost",
            "LOCALHOST.",
            "localhost:",
            "localhost:8080:1",
            "localhost:99999",
            "localhost ",
            "[::1",
            "[::1]x",
            "[::2]",
            "0.0.0.0",
            "127.0.0.2",
            "\u{ff4c}ocalhost",
        ] {
            assert!(!host(&guard, bad), "{bad}");
        }
    }

    #[test]
    fn there_is_exactly_one_host() {
        let guard = guard("127.0.0.1:8080", None, &[], &[]);
        assert_eq!(guard.check_host(&[], None), Err(Denied::HostCount(0)));
        assert_eq!(guard.check_host(&[b""], None), Err(Denied::HostCount(0)));
        assert_eq!(
            guard.check_host(&[b"localhost", b"localhost"], None),
            Err(Denied::HostCount(2))
        );
    }

    #[test]
    fn the_request_line_names_the_same_host() {
        let guard = guard("127.0.0.1:8080", None, &[], &[]);
        assert_eq!(guard.check_host(&[b"localhost"], Some("LOCALHOST")), Ok(()));
        assert_eq!(guard.check_host(&[b"localhost"], Some("evil.example")), Err(Denied::Authority));
        assert_eq!(
            guard.check_host(&[b"localhost:1"], Some("localhost:2")),
            Err(Denied::Authority)
        );
    }

    #[test]
    fn a_public_server_answers_to_its_own_name() {
        let guard =
            guard("10.0.0.5:8080", Some("https://Docs.example.com/x"), &["docent:8080"], &[]);
        for good in
            ["docs.example.com", "docs.example.com:443", "docent:8080", "10.0.0.5:8080", "10.0.0.5"]
        {
            assert!(host(&guard, good), "{good}");
        }
        for bad in ["docs.example.com:80", "docent", "localhost:8080", "10.0.0.6", "evil.example"] {
            assert!(!host(&guard, bad), "{bad}");
        }
    }

    #[test]
    fn on_every_interface_its_own_pages_may_ask_and_those_of_other_addresses_not() {
        let own = |guard: &Guard, host: &str, origin: &str| {
            guard.is_own_page(&[host.as_bytes()], &[origin.as_bytes()])
        };
        let open = guard("0.0.0.0:8080", None, &[], &[]);
        assert!(own(&open, "192.0.2.1:8080", "http://192.0.2.1:8080"));
        assert!(own(&open, "[2001:db8::1]:8080", "http://[2001:db8::1]:8080"));
        for origin in
            ["http://192.0.2.9:8080", "http://192.0.2.1", "https://192.0.2.1:8080", "null", ""]
        {
            assert!(!own(&open, "192.0.2.1:8080", origin), "{origin}");
        }
        let twice = [b"http://a".as_slice(); 2];
        assert!(!open.is_own_page(&[b"a"], &[]) && !open.is_own_page(&[b"a"], &twice));
        let public = guard("0.0.0.0:8080", Some("https://docs.example.com"), &[], &[]);
        for other in [guard("127.0.0.1:8080", None, &[], &[]), public] {
            assert!(!own(&other, "192.0.2.1:8080", "http://192.0.2.1:8080"));
        }
    }

    #[test]
    fn on_every_interface_any_address_is_a_host_but_no_foreign_name() {
        let open = guard("0.0.0.0:8080", None, &[], &[]);
        for good in ["192.168.1.5:8080", "[fe80::1]:8080", "localhost"] {
            assert!(host(&open, good), "{good}");
        }
        assert!(!host(&open, "evil.example"));
        let public = guard("0.0.0.0:8080", Some("https://docs.example.com"), &[], &[]);
        assert!(!host(&public, "192.168.1.5:8080"));
        assert!(host(&public, "localhost:8080"));
    }

    #[test]
    fn local_pages_may_use_a_local_server() {
        let guard = guard("127.0.0.1:8080", None, &[], &[]);
        assert_eq!(guard.check_origin(&[]), Ok(()));
        for good in
            ["http://localhost", "http://localhost:5173", "http://127.0.0.1:80", "http://[::1]:1"]
        {
            assert!(origin(&guard, good), "{good}");
        }
        for bad in [
            "null",
            "",
            "http://evil.example",
            "http://localhost.evil",
            "http://127.0.0.1.nip.io",
            "https://localhost",
            "http://localhost@evil.example",
            "http://localhost:x",
            "://localhost",
            "localhost",
        ] {
            assert!(!origin(&guard, bad), "{bad}");
        }
        let two: [&[u8]; 2] = [b"http://localhost", b"http://localhost"];
        assert!(guard.check_origin(&two).is_err());
    }

    #[test]
    fn a_public_server_is_used_from_its_own_pages_and_configured_ones() {
        let configured =
            ["https://app.example.com", "http://dev.example.com:*", "vscode-webview://abc"];
        let guard = guard("10.0.0.5:80", Some("https://docs.example.com"), &[], &configured);
        for good in [
            "https://docs.example.com",
            "https://app.example.com:443",
            "http://dev.example.com:3000",
            "vscode-webview://abc",
        ] {
            assert!(origin(&guard, good), "{good}");
        }
        for bad in [
            "http://docs.example.com",
            "https://docs.example.com:8443",
            "https://app.example.com:444",
            "http://localhost:5173",
            "vscode-webview://abd",
        ] {
            assert!(!origin(&guard, bad), "{bad}");
        }
    }

    #[test]
    fn a_star_lets_every_page_in() {
        let guard = guard("127.0.0.1:1", None, &[], &["*"]);
        assert!(origin(&guard, "https://anything.example"));
    }

    #[test]
    fn a_setting_that_cannot_be_understood_is_named() {
        let new = |public: Option<&str>, hosts: &[String], origins: &[String]| {
            let listen = "127.0.0.1:1".parse().unwrap();
            format!("{:#}", Guard::new(listen, public, hosts, origins).unwrap_err())
        };
        assert!(new(Some("docs.example.com"), &[], &[]).starts_with("public_url: "));
        assert!(new(None, &["https://x".into()], &[]).starts_with("allowed_hosts: "));
        assert!(new(None, &[], &["app.example.com".into()]).starts_with("allowed_origins: "));
        assert!(new(None, &[], &["https://x/path".into()]).starts_with("allowed_origins: "));
    }

    #[test]
    fn a_refusal_names_the_setting_and_is_short() {
        let long = "e".repeat(5000);
        let guard = guard("127.0.0.1:1", None, &[], &[]);
        let denied = guard.check_host(&[long.as_bytes()], None).unwrap_err().to_string();
        assert!(denied.contains("allowed_hosts") && denied.len() < 300, "{denied}");
        let denied = guard.check_origin(&[b"null"]).unwrap_err().to_string();
        assert!(denied.contains("allowed_origins"), "{denied}");
    }

    #[test]
    fn the_lists_are_described_for_the_operator() {
        let guard = guard("127.0.0.1:8080", Some("https://docs.example.com"), &[], &[]);
        assert_eq!(
            guard.describe(),
            [
                "hosts: localhost, 127.0.0.1, [::1], docs.example.com",
                "origins: http://localhost:*, http://127.0.0.1:*, http://[::1]:*, \
                 http://127.0.0.1:8080, https://docs.example.com",
            ]
        );
    }
}
