//! Where the server is: an address as it is set, with what lets in, which is shown to nobody.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use percent_encoding::percent_decode_str;

/// Ports where none is given.
const SERVER_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;
/// What an address looks like, for errors.
const FORMS: &str = "redis://HOST:PORT/DB, rediss://…, redis+cluster://HOST:PORT,HOST:PORT or \
                     redis+sentinel://HOST:PORT,HOST:PORT/MASTER";

/// Where a server of Redis or Valkey is, and what lets in there.
///
/// | form | what is there |
/// |---|---|
/// | `redis://[NAME:PASSWORD@]HOST[:PORT][/DB]` | one server |
/// | `redis+cluster://[NAME:PASSWORD@]HOST[:PORT],…` | a cluster, by some of its servers |
/// | `redis+sentinel://[NAME:PASSWORD@]HOST[:PORT],…/MASTER[/DB]` | the master that sentinels watch |
///
/// With `rediss` in place of `redis` everything goes over TLS. A name and a password that hold other
/// characters than letters and digits are percent-encoded.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    pub(super) kind: Kind,
    pub(super) tls: bool,
    /// At least one; of a single server exactly one.
    pub(super) hosts: Vec<(String, u16)>,
    pub(super) name: Option<String>,
    pub(super) password: Option<String>,
    /// Number of the database; 0 in a cluster.
    pub(super) database: i64,
}

/// What is at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// One server.
    Single,
    /// A cluster.
    Cluster,
    /// Sentinels, which know where the master of this name is.
    Sentinel(String),
}

impl FromStr for Address {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Address> {
        // What is wrong is said without the text: a password may stand in it.
        let (scheme, rest) =
            text.split_once("://").with_context(|| format!("the address is not {FORMS}"))?;
        let (tls, kind) = match scheme.strip_prefix("rediss") {
            Some(kind) => (true, kind),
            None => (false, scheme.strip_prefix("redis").unwrap_or("?")),
        };
        ensure!(
            !rest.contains(['?', '#']),
            "the address has a ? or # in it: nothing can be set that way, and in a name or password \
             they are written %3F and %23"
        );
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_end_matches('/');
        let (kind, port, database) = match kind {
            "" => (Kind::Single, SERVER_PORT, path),
            "+cluster" => {
                ensure!(path.is_empty(), "a cluster has no databases: take /{path} away");
                (Kind::Cluster, SERVER_PORT, "")
            }
            "+sentinel" => {
                let (master, database) = path.split_once('/').unwrap_or((path, ""));
                ensure!(
                    !master.is_empty(),
                    "the address of sentinels ends with the name of the master that they watch: \
                     redis+sentinel://HOST:PORT/mymaster"
                );
                (Kind::Sentinel(decoded("master", master)?), SENTINEL_PORT, database)
            }
            _ => bail!("the address begins with {scheme}://, which is not {FORMS}"),
        };
        let database = match database {
            "" => 0,
            number => number.parse().ok().filter(|number| *number >= 0).with_context(|| {
                format!("the database {number:?} is not a number, such as redis://HOST:PORT/0")
            })?,
        };
        let parsed = hosts.split(',').map(|text| host(text, port)).collect::<Option<Vec<_>>>();
        // Where there is no @, what is wrong may be a password.
        let shown = login.map(|_| format!(" {hosts:?}")).unwrap_or_default();
        let hosts = parsed.with_context(|| {
            format!("the servers in the address{shown} are not HOST:PORT; a password ends with @")
        })?;
        ensure!(
            kind != Kind::Single || hosts.len() == 1,
            "there is more than one server in the address: of a cluster write redis+cluster://, of \
             sentinels redis+sentinel://"
        );
        let (name, password) = match login {
            None => (None, None),
            Some(login) => {
                let (name, password) = login.split_once(':').unwrap_or((login, ""));
                (filled(decoded("name", name)?), filled(decoded("password", password)?))
            }
        };
        ensure!(
            name.is_none() || password.is_some(),
            "the address has a name without a password: write NAME:PASSWORD@, or :PASSWORD@ where \
             there are no names"
        );
        Ok(Address { kind, tls, hosts, name, password, database })
    }
}

/// One of `HOST`, `HOST:PORT`, `[ADDRESS]:PORT`.
fn host(text: &str, port: u16) -> Option<(String, u16)> {
    let (host, rest) = match text.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, rest)) => (host, rest),
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = match rest {
        "" => port,
        rest => rest.strip_prefix(':').and_then(|port| port.parse().ok())?,
    };
    let fits = !host.is_empty() && !host.contains(char::is_whitespace);
    fits.then(|| (host.to_owned(), port))
}

fn decoded(what: &str, text: &str) -> anyhow::Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded.with_context(|| format!("the {what} in the address is not UTF-8"))?.into_owned())
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

/// Without what lets in.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Address { kind, tls, hosts, name, password, database } = self;
        f.write_str(if *tls { "rediss" } else { "redis" })?;
        f.write_str(match kind {
            Kind::Single => "://",
            Kind::Cluster => "+cluster://",
            Kind::Sentinel(_) => "+sentinel://",
        })?;
        if password.is_some() {
            write!(f, "{}:…@", name.as_deref().unwrap_or_default())?;
        }
        for (n, (host, port)) in hosts.iter().enumerate() {
            let comma = if n > 0 { "," } else { "" };
            match host.contains(':') {
                true => write!(f, "{comma}[{host}]:{port}")?,
                false => write!(f, "{comma}{host}:{port}")?,
            }
        }
        if let Kind::Sentinel(master) = kind {
            write!(f, "/{master}")?;
        }
        if *database != 0 {
            write!(f, "/{database}")?;
        }
        Ok(())
    }
}

/// Without what lets in.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Address {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn an_address_is_shown_as_it_is_read() {
        for (text, shown) in [
            ("redis://localhost", "redis://localhost:6379"),
            ("rediss://redis.example:1/", "rediss://redis.example:1"),
            ("redis://[::1]:7000/3", "redis://[::1]:7000/3"),
            ("redis+cluster://a,b:7001", "redis+cluster://a:6379,b:7001"),
            ("rediss+sentinel://a,b:1/main/2", "rediss+sentinel://a:26379,b:1/main/2"),
        ] {
            assert_eq!(read(text).to_string(), shown);
        }
        let sentinels = read("redis+sentinel://a/main");
        assert_eq!(sentinels.kind, Kind::Sentinel("main".into()));
        assert!(!sentinels.tls && read("rediss+cluster://a").tls);
    }

    #[test]
    fn what_lets_in_is_shown_to_nobody() {
        for (text, name) in [
            ("redis://app:p%40ss%3Aword@h/1", Some("app")),
            ("redis://:p%40ss%3Aword@h/1", None),
            ("rediss+cluster://app:p@ss:word@h,i", Some("app")),
        ] {
            let address = read(text);
            assert_eq!(address.name.as_deref(), name);
            assert_eq!(address.password.as_deref(), Some("p@ss:word"), "{text}");
            let shown = format!("{address} {address:?}");
            assert!(!shown.contains("p@") && !shown.contains("word"), "{shown}");
        }
        let wrong = "redis://app:s3cret@h:x".parse::<Address>().unwrap_err().to_string();
        assert!(!wrong.contains("s3cret"), "{wrong}");
        // Where the server was forgotten.
        for text in ["redis://:s3cret", "redis://app:s3cret"] {
            let wrong = text.parse::<Address>().unwrap_err().to_string();
            assert!(!wrong.contains("s3cret"), "{wrong}");
        }
    }

    #[test]
    fn a_wrong_address_is_told_in_words() {
        for (text, said) in [
            ("localhost:6379", "is not redis://HOST:PORT/DB"),
            ("http://a", "begins with http://, which is not redis://"),
            ("redis+tls://a", "begins with redis+tls://"),
            ("redis://a/x", "the database \"x\" is not a number"),
            ("redis://a/-1", "the database \"-1\" is not a number"),
            ("redis://a,b", "write redis+cluster://"),
            ("redis+cluster://a/1", "a cluster has no databases"),
            ("redis+sentinel://a", "ends with the name of the master"),
            ("redis://", "the servers in the address are not HOST:PORT"),
            ("redis://:p@a:x", "address \"a:x\" are not HOST:PORT"),
            ("redis://app@a", "a name without a password"),
            ("rediss://a#insecure", "nothing can be set that way"),
            ("redis://a?protocol=3", "nothing can be set that way"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
