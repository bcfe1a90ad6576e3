//! The listener for Prometheus: an address of its own, which the public need not reach. Nothing but
//! numbers is there.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::usage::{Gauges, Metrics};

/// What is read where.
#[derive(Clone)]
struct Read {
    metrics: Arc<Metrics>,
    gauges: Arc<dyn Fn() -> Gauges + Send + Sync>,
}

/// The routes of the listener. The gauges are asked for each time that somebody looks.
pub fn metrics_router(
    metrics: Arc<Metrics>,
    gauges: impl Fn() -> Gauges + Send + Sync + 'static,
) -> Router {
    let read = Read { metrics, gauges: Arc::new(gauges) };
    Router::new()
        .route("/metrics", get(show))
        .fallback(async || (axum::http::StatusCode::NOT_FOUND, "metrics are at /metrics\n"))
        .with_state(read)
}

async fn show(State(read): State<Read>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let open_metrics = accepted.is_some_and(|kinds| kinds.contains("application/openmetrics-text"));
    let kind = if open_metrics {
        "application/openmetrics-text; version=1.0.0; charset=utf-8"
    } else {
        "text/plain; version=0.0.4; charset=utf-8"
    };
    let gauges = (read.gauges)();
    let text = read.metrics.render(&gauges, open_metrics);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], text).into_response()
}
