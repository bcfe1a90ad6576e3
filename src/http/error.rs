//! What refusals and failures look like on the wire; the only file that turns them into answers.

use std::any::Any;
use std::borrow::Cow;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::envelope::Id;

/// JSON-RPC: the body is not JSON.
pub(super) const PARSE_ERROR: i32 = -32700;
/// JSON-RPC: the JSON is not a request.
pub(super) const INVALID_REQUEST: i32 = -32600;
/// JSON-RPC: the server failed.
pub(super) const INTERNAL_ERROR: i32 = -32603;
/// MCP: headers contradict the body or each other.
pub(super) const HEADER_MISMATCH: i32 = -32020;
/// MCP: a revision that is not spoken here.
pub(super) const UNSUPPORTED_VERSION: i32 = -32022;
/// What HTTP refuses before there is a request in the sense of JSON-RPC; SDKs use this code too.
pub(super) const TRANSPORT: i32 = -32000;

/// Methods that `/mcp` takes.
pub(super) const ALLOWED_METHODS: &str = "POST, OPTIONS";

/// A request that got no result.
#[derive(Debug)]
pub(super) enum Error {
    /// The caller can do something about it.
    Refused(Refusal),
    /// The caller has to say who they are.
    Unauthorized(Challenge),
    /// The caller can not; the cause is for the log alone.
    Internal(anyhow::Error),
}

/// The challenge of RFC 6750 section 3. Its body is no JSON-RPC error: of those that answer no
/// request, some clients break.
#[derive(Debug)]
pub(super) struct Challenge {
    /// 401, or 403 where who it is is known.
    pub(super) status: StatusCode,
    /// The header `WWW-Authenticate`.
    pub(super) header: String,
    /// A code word, and what to do.
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl IntoResponse for Challenge {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.code, "error_description": self.message });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let challenge = HeaderValue::try_from(self.header);
        headers.insert(
            header::WWW_AUTHENTICATE,
            challenge.unwrap_or(HeaderValue::from_static("Bearer")),
        );
        response
    }
}

impl From<Challenge> for Error {
    fn from(challenge: Challenge) -> Error {
        Error::Unauthorized(challenge)
    }
}

/// A refusal in the form of a JSON-RPC error.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: i32,
    message: Cow<'static, str>,
    id: Option<Id>,
    data: Option<Box<Value>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    /// A refusal that answers no particular request.
    pub(super) fn new(
        status: StatusCode,
        code: i32,
        message: impl Into<Cow<'static, str>>,
    ) -> Refusal {
        Refusal { status, code, message: message.into(), id: None, data: None, headers: Vec::new() }
    }

    /// Of this request.
    pub(super) fn of(mut self, id: Option<Id>) -> Refusal {
        self.id = id;
        self
    }

    /// With a header.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Refusal {
        self.headers.push((name, value));
        self
    }

    /// With what a program needs to know.
    pub(super) fn with(mut self, data: Value) -> Refusal {
        self.data = Some(Box::new(data));
        self
    }
}

impl Error {
    /// The refusal as a page for people: its status and headers stay.
    pub(super) fn shown_as(self, mut page: Response) -> Response {
        let answer = self.into_response();
        *page.status_mut() = answer.status();
        let of_body = [header::CONTENT_TYPE, header::CONTENT_LENGTH];
        for (name, value) in answer.headers() {
            if !of_body.contains(name) {
                page.headers_mut().insert(name, value.clone());
            }
        }
        page
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Error {
        Error::Refused(refusal)
    }
}

impl From<anyhow::Error> for Error {
    fn from(error: anyhow::Error) -> Error {
        Error::Internal(error)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Error::Refused(refusal) => refusal.into_response(),
            Error::Unauthorized(challenge) => challenge.into_response(),
            Error::Internal(error) => {
                tracing::error!(error = format!("{error:#}"), "a request failed");
                failure().into_response()
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut error = json!({ "code": self.code, "message": self.message });
        if let Some(data) = self.data {
            error["data"] = *data;
        }
        let body = json!({ "jsonrpc": "2.0", "error": error, "id": self.id });
        let mut response = (self.status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        match self.status {
            StatusCode::METHOD_NOT_ALLOWED => {
                headers.insert(header::ALLOW, HeaderValue::from_static(ALLOWED_METHODS));
            }
            // The rest of the body was not read: it must not be taken for a request.
            StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            _ => {}
        }
        response
    }
}

/// Gives an error answer that is not JSON the form of a JSON-RPC error; SDKs read no other.
pub(super) fn in_json(status: StatusCode, text: &str, id: Option<Id>) -> Response {
    if status.is_server_error() {
        tracing::error!(%status, error = text, "a call failed");
        return failure().of(id).into_response();
    }
    Refusal::new(status, TRANSPORT, text.to_owned()).of(id).into_response()
}

/// Answers for a handler that panicked; the process lives on.
pub(super) fn panicked(panic: Box<dyn Any + Send>) -> axum::http::Response<Body> {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = message, "a request panicked");
    failure().into_response()
}

fn failure() -> Refusal {
    let message = "the server failed; the cause is in its log";
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, INTERNAL_ERROR, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(response: Response) -> String {
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_failure_does_not_tell_its_cause() {
        let response = Error::from(anyhow::anyhow!("/secret/path is gone")).into_response();
        assert_eq!(response.status(), 500);
        assert!(!text(response).await.contains("secret"));
        let response = in_json(StatusCode::INTERNAL_SERVER_ERROR, "/secret/path", None);
        assert!(!text(response).await.contains("secret"));
        assert!(!text(panicked(Box::new("/secret/path"))).await.contains("secret"));
    }

    #[tokio::test]
    async fn a_refusal_is_a_json_rpc_error() {
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, PARSE_ERROR, "no");
        let response = refusal.of(Some(Id::Number(7))).into_response();
        assert_eq!(
            text(response).await,
            r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"},"id":7}"#
        );
    }
}
