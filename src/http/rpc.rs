//! `POST /mcp`: what stands between the wire and the protocol.
//!
//! The SDK behind answers some mistakes with a status or a body that clients cannot use (415 and
//! plain text for malformed JSON, 406 for `Accept: */*`). Here the body is read once, within
//! bounds, its outside is checked, and what is handed on is the same bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tracing::Instrument;

use super::accept::Patience;
use super::door::{Door, STREAMS, Who};
use super::envelope::{self, About, Flaw, Id, Message};
use super::error::{self, Error, Refusal};
use super::introduced::Introduced;
use super::stream;
use super::told::Told;
use super::trace;
use crate::mcp::{self, Docs, Headers};

/// Largest body taken; a call is a few hundred bytes.
pub(super) const MAX_BODY: usize = 256 * 1024;
/// How much of a body that is too large is still read, so that its sender is done and reads the
/// answer instead of a broken connection.
const MAX_DISCARDED: usize = 1024 * 1024;
/// The method with which older revisions begin, and in which they say who calls.
const HANDSHAKE: &str = "initialize";
/// The method whose answer is a stream.
const LISTEN: &str = "subscriptions/listen";
/// Headers that decide something: two of one kind could be read differently by two readers.
const SINGLE: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::CONTENT_ENCODING,
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
];

/// Where calls are answered.
pub(super) struct Desk {
    patience: Patience,
    door: Arc<Door>,
    introduced: Introduced,
}

/// A call whose outside is well.
struct Call<'a> {
    parts: Parts,
    body: Bytes,
    id: Option<Id>,
    method: &'a str,
    /// The docs, as far as they are for the caller, if it is the docs that are called.
    docs: Option<Docs>,
}

impl Desk {
    pub(super) fn new(patience: Patience, door: Arc<Door>) -> Desk {
        Desk { patience, door, introduced: Introduced::default() }
    }

    /// Checks a call, answers it if it is plain, else hands it on and gives errors the form that
    /// clients read. The docs are handed on with it where they are not the same for everybody.
    pub(super) async fn answer(
        &self,
        request: Request,
        docs: Option<Docs>,
        hand_on: impl AsyncFnOnce(Request, Option<Docs>) -> Response,
    ) -> Result<Response, Error> {
        let patience = self.patience;
        let call = async {
            let (mut parts, body) = request.into_parts();
            check_headers(&parts.headers)?;
            if !takes_both(&parts.headers) {
                parts.headers.insert(header::ACCEPT, BOTH);
            }
            let body = read(body, patience.body).await?;
            let Message { id, method, about } = envelope::check(&body).map_err(flawed)?;
            let method = method.unwrap_or_default();
            let span = trace::call(&method, &about, &parts.headers);
            let docs = docs.map(|docs| self.observed(docs, &parts, &method, about));
            let call = Call { parts, body: body.clone(), id, method: &method, docs };
            self.settle(call, hand_on).instrument(span).await
        };
        tokio::time::timeout(patience.call, call).await.unwrap_or_else(|_| {
            self.door.rules().metrics.timed_out();
            let message = format!("the call took longer than {} s", patience.call.as_secs());
            Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error::TRANSPORT, message).into())
        })
    }

    /// The docs with who calls them, if anybody wants to know.
    fn observed(&self, docs: Docs, parts: &Parts, method: &str, about: About) -> Docs {
        if !docs.is_observed() {
            return docs;
        }
        let who = parts.extensions.get::<Who>();
        let is_handshake = method == HANDSHAKE;
        let client = self.introduced.client(who, &parts.headers, about.client, is_handshake);
        let mut caller = who.map(Who::as_caller).unwrap_or_default();
        caller.client = client;
        docs.called_by(Arc::new(caller))
    }

    /// Counts a call, and has it answered.
    async fn settle(
        &self,
        call: Call<'_>,
        hand_on: impl AsyncFnOnce(Request, Option<Docs>) -> Response,
    ) -> Result<Response, Error> {
        let (door, Call { parts, body, id, method, docs }) = (&self.door, call);
        let told = match parts.extensions.get::<Who>() {
            Some(who) => door.count(who, method).await,
            None => None,
        };
        if let Some(told) = told.as_ref().filter(|told| !told.verdict.admitted) {
            if let Some(docs) = &docs {
                docs.refused(told.reason());
            }
            if let (Some(id), true) = (&id, door.tells_model(method)) {
                return over_limit(told, id, &parts.headers);
            }
        }
        let told = told.map(|told| told.or_refused(id.as_ref())).transpose()?;
        let answer = match &docs {
            Some(docs) => docs.answer_plainly(&repeated(&parts.headers), &body).await,
            None => None,
        };
        let mut response = match answer {
            Some(answer) => ([(header::CONTENT_TYPE, JSON)], answer).into_response(),
            None => {
                let who = parts.extensions.get::<Who>().cloned();
                let place = match &who {
                    Some(who) if method == LISTEN => door.stream_of(who).map_err(|_| {
                        door.limited("streams");
                        too_many_streams(id.clone())
                    })?,
                    _ => None,
                };
                let request = Request::from_parts(parts, Body::from(body));
                let response = in_json(hand_on(request, docs).await, id).await;
                stream::held_to(door, who.as_ref(), place, response)
            }
        };
        if let Some(told) = told {
            response.headers_mut().extend(told.headers());
        }
        Ok(response)
    }
}

/// When there is a place again nobody knows: no header says it.
fn too_many_streams(id: Option<Id>) -> Refusal {
    let message =
        format!("you have {STREAMS} streams open, as many as may be; end one of them first");
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, error::TRANSPORT, message);
    refusal.of(id).with(json!({ "limit": STREAMS, "scope": "streams" }))
}

/// What `/mcp` answers to methods other than `POST`.
pub(super) fn method_not_allowed() -> Error {
    let message = "this endpoint takes POST; it has no stream to GET and no session to DELETE";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, error::TRANSPORT, message).into()
}

/// Says to the model, in a result, that its limit is used up.
fn over_limit(told: &Told, id: &Id, headers: &HeaderMap) -> Result<Response, Error> {
    let answer = mcp::tool_error(&repeated(headers), id, told.for_model());
    let answer = answer.map_err(anyhow::Error::from)?;
    let no_store = (header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let mut response = ([(header::CONTENT_TYPE, JSON), no_store], answer).into_response();
    response.headers_mut().extend(told.headers());
    Ok(response)
}

/// The headers that repeat parts of the body. One that is no text is none of those that fit.
fn repeated(headers: &HeaderMap) -> Headers<'_> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or(""));
    let [_, _, revision, method, name] = &SINGLE;
    Headers { revision: text(revision), method: text(method), name: text(name) }
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BOTH: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

fn check_headers(headers: &HeaderMap) -> Result<(), Refusal> {
    for name in &SINGLE {
        if headers.get_all(name).iter().nth(1).is_some() {
            let message = format!("the header {name} stands twice");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, error::HEADER_MISMATCH, message));
        }
    }
    let unsupported =
        |message| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, error::TRANSPORT, message);
    let encoding = headers.get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity")) {
        return Err(unsupported("bodies are taken as they are, without a Content-Encoding"));
    }
    if !headers.get(header::CONTENT_TYPE).is_some_and(is_json) {
        return Err(unsupported("the Content-Type of a call is application/json (UTF-8)"));
    }
    if !takes_json(headers) {
        let message = "answers are application/json, or text/event-stream where they stream; \
                       Accept allows neither";
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, error::TRANSPORT, message));
    }
    Ok(())
}

/// JSON in UTF-8; a `charset` that says otherwise would make two readings of the same bytes.
fn is_json(value: &HeaderValue) -> bool {
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let json = parts.next().is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    json && parts.all(|parameter| match parameter.split_once('=') {
        Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => {
            let charset = value.trim().trim_matches('"');
            ["utf-8", "utf8", "us-ascii"].iter().any(|ours| charset.eq_ignore_ascii_case(ours))
        }
        _ => true,
    })
}

/// Both kinds are named, as the SDK behind wants it.
fn takes_both(headers: &HeaderMap) -> bool {
    let mut kinds = [false; 2];
    for (kind, _) in accepted(headers) {
        kinds[0] |= kind.eq_ignore_ascii_case("application/json");
        kinds[1] |= kind.eq_ignore_ascii_case("text/event-stream");
    }
    kinds == [true; 2]
}

/// JSON can be taken: it is named, or covered by a range, or nothing is said.
fn takes_json(headers: &HeaderMap) -> bool {
    let ours = ["application/json", "application/*", "*/*"];
    !headers.contains_key(header::ACCEPT)
        || accepted(headers).any(|(kind, _)| ours.iter().any(|our| kind.eq_ignore_ascii_case(our)))
}

/// Whether the caller is a browser that opens a page.
pub(super) fn takes_html(headers: &HeaderMap) -> bool {
    accepted(headers).any(|(kind, _)| kind.eq_ignore_ascii_case("text/html"))
}

/// The media ranges of `Accept` that are not excluded by a weight of 0, with their parameters.
fn accepted(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|range| {
        let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
        let excluded = parameters.split(';').any(|parameter| {
            let weight = parameter.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok());
            weight == Some(0.0)
        });
        (!excluded).then_some((kind.trim(), parameters))
    })
}

/// Reads a body of bounded size whose pieces come without long pauses. A body that comes in one
/// piece, as nearly all do, is not copied.
async fn read(mut body: Body, pause: Duration) -> Result<Bytes, Error> {
    let announced = body.size_hint().lower();
    if announced > MAX_BODY as u64 {
        if announced <= MAX_DISCARDED as u64 {
            discard(&mut body, 0, pause).await;
        }
        return Err(too_large());
    }
    let Some(first) = next(&mut body, pause).await? else { return Ok(Bytes::new()) };
    if first.len() <= MAX_BODY && body.is_end_stream() {
        return Ok(first);
    }
    let mut whole = first.to_vec();
    while whole.len() <= MAX_BODY {
        match next(&mut body, pause).await? {
            Some(piece) => whole.extend_from_slice(&piece),
            None => return Ok(whole.into()),
        }
    }
    discard(&mut body, whole.len(), pause).await;
    Err(too_large())
}

/// The next piece of the body.
pub(super) async fn next(body: &mut Body, pause: Duration) -> Result<Option<Bytes>, Error> {
    loop {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
        let frame = tokio::time::timeout(pause, frame).await.map_err(|_| {
            let message = "the body did not arrive in time";
            Refusal::new(StatusCode::REQUEST_TIMEOUT, error::TRANSPORT, message)
        })?;
        match frame.map(|frame| frame.map(|frame| frame.into_data())) {
            None => return Ok(None),
            Some(Ok(Ok(data))) => return Ok(Some(data)),
            Some(Ok(Err(_trailers))) => {}
            Some(Err(_)) => {
                let message = "the body broke off";
                let code = error::PARSE_ERROR;
                return Err(Refusal::new(StatusCode::BAD_REQUEST, code, message).into());
            }
        }
    }
}

async fn discard(body: &mut Body, mut read: usize, pause: Duration) {
    while read <= MAX_DISCARDED {
        match next(body, pause).await {
            Ok(Some(piece)) => read += piece.len(),
            Ok(None) | Err(_) => return,
        }
    }
}

fn too_large() -> Error {
    let message = format!("a call is at most {} KiB long", MAX_BODY / 1024);
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error::TRANSPORT, message).into()
}

fn flawed(flaw: Flaw) -> Refusal {
    let (code, message) = match flaw {
        Flaw::Syntax(why) => (error::PARSE_ERROR, format!("the body is not JSON: {why}")),
        Flaw::Batch => {
            (error::INVALID_REQUEST, "send one message per request; there are no batches".into())
        }
        Flaw::Shape(why) => {
            (error::INVALID_REQUEST, format!("the body is not a JSON-RPC message: {why}"))
        }
    };
    Refusal::new(StatusCode::BAD_REQUEST, code, message)
}

/// Rewrites the SDK's plain-text errors; everything else passes as it is.
async fn in_json(response: Response, id: Option<Id>) -> Response {
    let status = response.status();
    let json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
    let is_json = response.headers().get(header::CONTENT_TYPE).is_some_and(json);
    if status.is_success() || is_json {
        return response;
    }
    let text = axum::body::to_bytes(response.into_body(), 4096).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    // The headers and the syntax were right, so this is a message that the SDK has no place for.
    if status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        tracing::debug!(why = %text, "a message was not understood");
        let message = "the message does not have the members that its method asks for";
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, error::INVALID_REQUEST, message);
        return refusal.of(id).into_response();
    }
    if let Some((_, version)) = text.split_once("Unsupported MCP-Protocol-Version: ") {
        let requested: String = version.chars().take(40).collect();
        let message = "this revision of MCP is not spoken here";
        let refusal = Refusal::new(status, error::UNSUPPORTED_VERSION, message).of(id);
        let data = json!({ "supported": mcp::revisions(), "requested": requested });
        return refusal.with(data).into_response();
    }
    error::in_json(status, &text, id)
}
