//! The cookies of a sign-in: one per sign-in that has begun, so that several can go on at once.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::auth::PENDING_SECONDS;

/// Characters of a sign-in's name that its cookie is called by.
const SHORT: usize = 12;

/// How a server names its cookies. Over TLS no other host and no plain connection can set them.
pub(super) fn name(origin: &str, id: &str) -> String {
    let prefix = if origin.starts_with("https://") { "__Host-" } else { "" };
    let short: String = id.chars().filter(char::is_ascii_alphanumeric).take(SHORT).collect();
    format!("{prefix}docent-{short}")
}

/// The value of a cookie; none if it stands twice.
pub(super) fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut values = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(at, _)| *at == name)
        .map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() { None } else { value }
}

/// Sets a cookie for as long as a sign-in may take. It comes back with the form, and from the
/// identity provider, which is a link from another site: `Lax`.
pub(super) fn set(origin: &str, name: &str, value: &str) -> HeaderValue {
    line(origin, name, value, PENDING_SECONDS)
}

/// Takes a cookie back.
pub(super) fn clear(origin: &str, name: &str) -> HeaderValue {
    line(origin, name, "", 0)
}

fn line(origin: &str, name: &str, value: &str, seconds: u64) -> HeaderValue {
    let secure = if origin.starts_with("https://") { "; Secure" } else { "" };
    let line = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    // Names and values are letters and digits of our own.
    HeaderValue::try_from(line).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_read_once_and_by_its_whole_name() {
        let headers = |line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, line.parse().unwrap());
            headers
        };
        assert_eq!(value(&headers("a=1; docent-x=2;b=3"), "docent-x"), Some("2"));
        assert_eq!(value(&headers("xdocent-x=2"), "docent-x"), None);
        assert_eq!(value(&headers("docent-x=1; docent-x=2"), "docent-x"), None);
        assert_eq!(value(&HeaderMap::new(), "docent-x"), None);
    }

    #[test]
    fn over_tls_a_cookie_is_this_hosts_alone() {
        let name = name("https://docs.example.com", "abc\r\nx; y");
        assert_eq!(name, "__Host-docent-abcxy");
        let line = set("https://docs.example.com", &name, "v");
        let line = line.to_str().unwrap();
        assert!(
            line.contains("; Secure") && line.contains("; HttpOnly") && line.contains("; Path=/;")
        );
        assert!(line.contains("; SameSite=Lax") && !line.contains("Domain"), "{line}");
        assert!(!super::name("http://localhost:1", "abc").starts_with("__Host-"));
    }
}
