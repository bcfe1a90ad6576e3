//! Whole requests: a line with the method and the path, lines with a header each, an empty line, and
//! the body. Whoever asks for whatever in whatever way is answered without a failure; behind a closed
//! door no word of the docs is told.
#![no_main]

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Method, Request, Uri};
use docent_fuzz::Server;
use libfuzzer_sys::fuzz_target;

static SERVER: LazyLock<Server> = LazyLock::new(Server::new);

/// Words of the two pages.
const DOCS: [&str; 2] = ["okapi", "tapir"];

fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let mut lines = bytes.splitn(2, |b| *b == b'\n');
    let (first, mut rest) = (lines.next()?, lines.next().unwrap_or_default());
    let mut words = first.splitn(2, |b| *b == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let uri = Uri::try_from(words.next()?).ok()?;
    let mut request = Request::builder().method(method).uri(uri);
    let headers = request.headers_mut()?;
    headers.insert("host", HeaderValue::from_static("localhost"));
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    while !rest.is_empty() {
        let end = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
        let line = &rest[..end];
        rest = rest.get(end + 1..).unwrap_or_default();
        if line.is_empty() {
            break;
        }
        let mut parts = line.splitn(2, |b| *b == b':');
        let name = HeaderName::from_bytes(parts.next()?).ok()?;
        headers.append(name, HeaderValue::from_bytes(parts.next()?.trim_ascii()).ok()?);
    }
    request.body(Body::from(rest.to_vec())).ok()
}

fuzz_target!(|bytes: &[u8]| {
    let Some(asked) = request(bytes) else { return };
    SERVER.ask(&SERVER.open, asked);
    let answer = SERVER.ask(&SERVER.closed, request(bytes).expect("it was one before"));
    let text = String::from_utf8_lossy(bytes);
    for word in DOCS.iter().filter(|word| !text.contains(*word)) {
        assert!(!answer.text.contains(word), "{answer:?}");
    }
});
