//! What tells one request from others in the log: an id, and the trace that its caller says it belongs
//! to (W3C Trace Context).

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing::field::Empty;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use super::envelope::About;
use crate::mcp;

/// The header that names the request in the answer.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The header in which a caller says which trace a request belongs to, where its body does not.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// An id for a request: 16 digits that no other request has, for as long as anybody keeps logs.
pub(super) fn request_id() -> HeaderValue {
    static SEED: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let id = format!("{:016x}", SEED.hash_one(COUNT.fetch_add(1, Ordering::Relaxed)));
    HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("0"))
}

/// What is logged of a request, in each line that it causes.
pub(super) fn request(id: &HeaderValue) -> Span {
    tracing::error_span!("request", id = id.to_str().unwrap_or_default())
}

/// What is logged of a call, within its request; elsewhere it is a part of its caller's trace.
pub(super) fn call(method: &str, about: &About, headers: &HeaderMap) -> Span {
    // What a caller makes up is for no log, and for no collector, which would have to keep them all.
    let named = |tool: &&str| Some(*tool) == about.name.as_deref();
    let tool = mcp::TOOLS.into_iter().find(named);
    // Collectors group spans by their names, so that these are few.
    macro_rules! span {
        ($span:literal) => {
            // Of the highest level, so that lines of every level stand within.
            tracing::error_span!($span, tool, trace_id = Empty, otel.kind = "server")
        };
    }
    let span = match method {
        "tools/call" => span!("tools/call"),
        "tools/list" => span!("tools/list"),
        "resources/read" => span!("resources/read"),
        "resources/list" => span!("resources/list"),
        "prompts/get" => span!("prompts/get"),
        "initialize" => span!("initialize"),
        "server/discover" => span!("server/discover"),
        "subscriptions/listen" => span!("subscriptions/listen"),
        _ => span!("call"),
    };
    let by_header = || headers.get(TRACEPARENT)?.to_str().ok();
    if let Some(parent) = about.trace.as_deref().or_else(by_header).and_then(parent) {
        span.record("trace_id", parent.trace_id().to_string());
        // It fails where nobody collects spans.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
    span
}

/// The span at the caller that a call belongs to: reads `00-TRACE-SPAN-FLAGS` (W3C Trace Context, section
/// 3.2); none if it is anything else.
fn parent(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let mut next = |length: usize| {
        let part = parts.next()?;
        let is_hex = part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        (part.len() == length && is_hex).then_some(part)
    };
    let (version, trace, span, flags) = (next(2)?, next(32)?, next(16)?, next(2)?);
    // Later versions may go on; this one ends here.
    let ends = text.len() == 55 || (version != "00" && text.as_bytes().get(55) == Some(&b'-'));
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let parent = SpanContext::new(trace, span, flags, true, TraceState::default());
    (ends && version != "ff" && parent.is_valid()).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_as_the_specification_has_it() {
        let good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let read = parent(good).unwrap();
        assert_eq!(read.trace_id().to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(read.span_id().to_string(), "b7ad6b7169203331");
        assert!(read.is_sampled());
        assert!(parent(&format!("01{}-more", &good[2..])).is_some());
        for bad in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n",
        ] {
            assert_eq!(parent(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_two_requests_have_one_id() {
        let ids: std::collections::BTreeSet<_> =
            (0..10_000).map(|_| request_id().to_str().unwrap().to_owned()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 16));
    }
}
