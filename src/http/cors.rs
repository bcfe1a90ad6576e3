//! What browsers are told about calls from web pages of other origins.
//!
//! Which origins may call is the guard's decision; never with credentials.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::error::ALLOWED_METHODS;

/// Headers that a page may send. `*` would not cover `Authorization`.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Accept, Mcp-Protocol-Version, \
                               Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID";
/// Headers that a page may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "WWW-Authenticate, Mcp-Session-Id, Retry-After, RateLimit, RateLimit-Policy",
);
/// Names of `Mcp-Param-…` headers in one preflight.
const MAX_PARAMETERS: usize = 32;

/// Answers `OPTIONS`, before anybody asks who is calling: a preflight carries no token.
pub(super) fn preflight(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
    if headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    {
        let methods = HeaderValue::from_static("GET, POST, OPTIONS");
        answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed_headers(headers));
        answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("7200"));
    }
    response
}

/// Lets a page of the request's origin, which the guard has let in, read the answer.
pub(super) fn share(origin: Option<HeaderValue>, answer: &mut HeaderMap) {
    answer.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

/// The fixed list, and those `Mcp-Param-…` headers that are asked for: they cannot be listed
/// beforehand, and CORS knows no prefix.
fn allowed_headers(headers: &HeaderMap) -> HeaderValue {
    let asked = headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS).iter();
    let names = asked.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let parameters = names
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .filter(|name| name.as_str().starts_with("mcp-param-"))
        .take(MAX_PARAMETERS);
    let list = parameters.fold(REQUEST_HEADERS.to_owned(), |list, name| format!("{list}, {name}"));
    HeaderValue::try_from(list).unwrap_or(HeaderValue::from_static(REQUEST_HEADERS))
}
