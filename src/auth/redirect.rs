//! Where people may be sent back to after they signed in (RFC 6749 section 3.1.2, RFC 8252
//! section 7). What is not surely harmless is refused, at registration and again at use.

use url::Url;

/// Schemes of apps on a person's own machine that are known to ask for them. The specification of
/// MCP wants `https` or loopback; these clients cannot register at all without them.
pub const APPS: [&str; 6] = ["cursor", "vscode", "vscode-insiders", "windsurf", "zed", "claude"];

/// Longest address taken, in bytes.
const MAX_LENGTH: usize = 2048;

/// Names of a person's own machine. No other spelling of its addresses is taken.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Why an address cannot be one to send people back to.
///
/// # Errors
///
/// The reason, as half a sentence.
pub fn check(uri: &str, apps: &[String]) -> Result<(), &'static str> {
    if uri.len() > MAX_LENGTH {
        return Err("is too long");
    }
    if !uri.bytes().all(|byte| byte.is_ascii_graphic()) || uri.contains(['\\', '"', '<', '>']) {
        return Err("has characters that no address has");
    }
    if uri.contains('#') {
        return Err("has a fragment");
    }
    let Some((scheme, rest)) = uri.split_once(':') else {
        return Err("is not an absolute address");
    };
    let parsed = Url::parse(uri).map_err(|_| "is not an absolute address")?;
    if scheme != parsed.scheme() {
        return Err("must have its scheme in lower case");
    }
    let authority = rest.strip_prefix("//").map(authority);
    match scheme {
        "https" => match authority {
            Some(authority) if authority.contains('@') => Err("has a user name in it"),
            Some("") | None => Err("names no host"),
            // Such as `https:\\host` or a host in full-width letters: two readers, two hosts.
            Some(authority) if !is_plain_authority(authority, &parsed) => {
                Err("spells its host in an unusual way")
            }
            Some(_) => Ok(()),
        },
        "http" if loopback(uri).is_some() => Ok(()),
        "http" => Err("must be https, unless the host is localhost, 127.0.0.1 or [::1]"),
        app if apps.iter().any(|known| known == app) => {
            if authority.is_some_and(|authority| authority.contains('@')) {
                Err("has a user name in it")
            } else {
                Ok(())
            }
        }
        _ => Err("has a scheme that is not allowed here"),
    }
}

/// Whether an address that was asked for is one that was registered: the same, byte for byte. A
/// loopback address may have any port, because an app takes the one that is free (RFC 8252
/// section 7.3); of real clients some register `localhost` so, which is why it counts too.
pub fn matches(registered: &str, asked: &str) -> bool {
    registered == asked
        || match (loopback(registered), loopback(asked)) {
            (Some(registered), Some(asked)) => registered == asked,
            _ => false,
        }
}

/// Host and path of an address on a person's own machine, without its port.
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let authority = authority(rest);
    let path = &rest[authority.len()..];
    let host = LOOPBACK.into_iter().find(|host| {
        authority.strip_prefix(host).is_some_and(|port| match port.strip_prefix(':') {
            None => port.is_empty(),
            Some(digits) => {
                digits.bytes().all(|digit| digit.is_ascii_digit())
                    && digits.parse::<u16>().is_ok_and(|port| port > 0)
            }
        })
    })?;
    // No path is the path `/`.
    Some((host, if path.is_empty() { "/" } else { path }))
}

/// The host as people are shown it: with its port where it has one; of an app what tells it from
/// others of its scheme.
pub fn shown_host(uri: &str) -> String {
    match uri.split_once("://") {
        Some(("https" | "http", rest)) => authority(rest).to_owned(),
        Some((app, rest)) => format!("{app}://{}", authority(rest)),
        None => uri.to_owned(),
    }
}

/// Whether an address leads to a program on the person's own machine, which any other there could
/// pretend to be.
pub fn is_local(uri: &str) -> bool {
    !uri.starts_with("https://")
}

/// An address to send somebody back to, with these parameters.
pub(super) fn location(uri: &str, parameters: &[(&str, &str)]) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in parameters {
        pairs.append_pair(name, value);
    }
    let joint = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{joint}{}", pairs.finish())
}

fn authority(rest: &str) -> &str {
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

/// Whether the host and the port stand as the parser read them: nothing was decoded, mapped or
/// left out. Only letters may be of another case.
fn is_plain_authority(authority: &str, parsed: &Url) -> bool {
    let host = parsed.host_str().unwrap_or_default();
    let (written, port) = match authority.rfind(':') {
        Some(at) if !authority[at..].contains(']') => {
            (&authority[..at], authority[at + 1..].parse::<u16>().ok())
        }
        _ => (authority, Some(443)),
    };
    !host.is_empty()
        && written.eq_ignore_ascii_case(host)
        && port.is_some_and(|port| port > 0 && Some(port) == parsed.port_or_known_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn good(uri: &str) -> bool {
        check(uri, &APPS.map(str::to_owned)).is_ok()
    }

    #[test]
    fn addresses_of_real_clients_are_good() {
        for uri in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://chatgpt.com/connector/oauth/abc-123",
            "https://vscode.dev/redirect",
            "http://localhost/callback",
            "http://localhost:58135/callback",
            "http://127.0.0.1:33418/",
            "http://127.0.0.1/",
            "http://[::1]:1/x?y=z",
            "cursor://anysphere.cursor-mcp/oauth/callback",
            "https://a.example:8443/cb",
            "https://[2001:db8::1]/cb",
            "https://[2001:db8::1]:8443/cb",
        ] {
            assert!(good(uri), "{uri}: {:?}", check(uri, &APPS.map(str::to_owned)));
        }
    }

    #[test]
    fn what_is_not_surely_harmless_is_refused() {
        for uri in [
            "",
            "x",
            "/callback",
            "//evil.example/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "file:///etc/passwd",
            "blob:https://a.example/x",
            "intent://x#Intent;end",
            "ms-settings:x",
            "HTTPS://a.example/cb",
            "http://evil.example/cb",
            "http://localhost.evil/cb",
            "http://localhost@evil/cb",
            "http://127.0.0.1@evil/cb",
            "http://127.1/cb",
            "http://0x7f.1/cb",
            "http://2130706433/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://0.0.0.0/cb",
            "http://localhost:99999/cb",
            "http://localhost:0/cb",
            "http://localhost:/cb",
            "http://localhost:1:2/cb",
            "http://LOCALHOST/cb",
            "https://a.example/cb#f",
            "https://good@evil.example/cb",
            "https://a.example\\@evil.example/cb",
            "https:///cb",
            "https:a.example/cb",
            "https://a.example:99999/cb",
            "https://a.example:/cb",
            "https://a.example:0/cb",
            "https://[2001:db8::1]:0/cb",
            "https://%61.example/cb",
            "https://\u{430}.example/cb",
            "https://a.example/c b",
            "https://a.example/\r\nx",
            "https://a.example/<script>",
            "cursor://a@b/cb",
            "unknown-app://x",
        ] {
            assert!(!good(uri), "{uri}");
        }
        assert!(!good(&format!("https://a.example/{}", "x".repeat(3000))));
        assert!(check("cursor://x", &[]).is_err());
    }

    #[test]
    fn a_loopback_address_may_have_any_port_and_nothing_else_may_differ() {
        for (registered, asked) in [
            ("http://localhost/callback", "http://localhost:58135/callback"),
            ("http://127.0.0.1:1/cb", "http://127.0.0.1:2/cb"),
            ("http://127.0.0.1/", "http://127.0.0.1:33418"),
            ("https://a.example/cb", "https://a.example/cb"),
        ] {
            assert!(matches(registered, asked), "{registered} {asked}");
        }
        for (registered, asked) in [
            ("http://localhost/callback", "http://localhost:1/other"),
            ("http://localhost/callback", "http://localhost:1/callback?x"),
            ("http://localhost/callback", "http://localhost:1/callback/"),
            ("http://localhost/callback", "https://localhost:1/callback"),
            ("http://localhost/callback", "http://127.0.0.1:1/callback"),
            ("http://localhost/callback", "http://localhost:1@evil/callback"),
            ("https://a.example/cb", "https://a.example:444/cb"),
            ("https://a.example/cb", "https://a.example/cb/"),
            ("https://a.example/cb", "https://A.example/cb"),
            ("https://a.example/cb", "https://a.example/cb?x=y"),
        ] {
            assert!(!matches(registered, asked), "{registered} {asked}");
        }
    }

    #[test]
    fn what_is_not_on_the_web_is_on_the_machine_of_the_person() {
        for (uri, is, shown) in [
            ("https://a.example:8443/cb?x", false, "a.example:8443"),
            ("http://localhost:1/cb", true, "localhost:1"),
            ("cursor://anysphere/cb", true, "cursor://anysphere"),
        ] {
            assert_eq!((is_local(uri), &*shown_host(uri)), (is, shown), "{uri}");
        }
    }

    #[test]
    fn parameters_are_added_and_cannot_break_out() {
        assert_eq!(
            location("https://a.example/cb?x=1", &[("state", "a&b\r\n")]),
            "https://a.example/cb?x=1&state=a%26b%0D%0A"
        );
        assert_eq!(location("cursor://a/cb", &[("code", "x")]), "cursor://a/cb?code=x");
    }

    /// Path and query of an address.
    const REST: &str = r"((/[a-z.~%20]{0,3}){1,3})?(\?[a-z=&%20]{0,8})?";

    /// The host of an address of this machine, its port, and what follows.
    fn local() -> impl Strategy<Value = (&'static str, Option<u16>, String)> {
        (select(&LOOPBACK[..]), proptest::option::of(1..=u16::MAX), REST)
    }

    fn written((host, port, rest): &(&str, Option<u16>, String)) -> String {
        let port = port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("http://{host}{port}{rest}")
    }

    proptest! {
        #[test]
        fn a_port_and_nothing_else_may_differ(one in local(), other in local(), is_near in any::<bool>()) {
            // By chance alone hardly two would have the same path.
            let other = if is_near { (other.0, other.1, one.2.clone()) } else { other };
            let rest = |rest: &str| if rest.is_empty() { "/".to_owned() } else { rest.to_owned() };
            let (asked, registered) = (written(&one), written(&other));
            prop_assert!(good(&asked) && good(&registered), "{} {}", asked, registered);
            let same = (one.0, rest(&one.2)) == (other.0, rest(&other.2));
            prop_assert_eq!(matches(&registered, &asked), same, "{} {}", asked, registered);
        }

        #[test]
        fn parameters_arrive_as_they_were(
            place in select(vec!["https://a.example", "http://[::1]:8", "cursor://a", "zed:a"]),
            rest in REST,
            state in any::<String>(),
            why in any::<String>(),
        ) {
            let uri = format!("{place}{rest}");
            prop_assert!(good(&uri), "{}", uri);
            let sent = location(&uri, &[("state", &state), ("error_description", &why)]);
            prop_assert!(sent.starts_with(&uri) && sent.bytes().all(|byte| byte.is_ascii_graphic()));
            let pairs = |uri: &str| -> Vec<(String, String)> {
                Url::parse(uri).unwrap().query_pairs().into_owned().collect()
            };
            let mut expected = pairs(&uri);
            expected.extend([("state".to_owned(), state), ("error_description".to_owned(), why)]);
            prop_assert_eq!(pairs(&sent), expected);
        }
    }
}
