//! Traces and logs on their way to a collector, where one is named: OTLP over HTTP, in batches, from
//! threads of their own.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, ensure};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{LogExporter, Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Metadata;
use tracing::subscriber::Subscriber;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

use crate::config::Setting;
use crate::outward;

/// How long a collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the end waits for what was not sent yet: those who stop docent do not wait for ever.
const GOODBYE: Duration = Duration::from_secs(2);
/// Most of an answer that is read.
const MOST: u64 = 64 * 1024;

/// What sends them.
pub(super) struct Telemetry {
    traces: SdkTracerProvider,
    logs: SdkLoggerProvider,
}

impl Telemetry {
    /// Sends to a collector at this address, if there is one; below it are `/v1/traces` and `/v1/logs`.
    ///
    /// # Errors
    ///
    /// What the exporter says of the address.
    pub(super) fn to(endpoint: &Setting<Option<String>>) -> anyhow::Result<Option<Telemetry>> {
        let Some(address) = &endpoint.value else { return Ok(None) };
        let is_web = address.starts_with("http://") || address.starts_with("https://");
        ensure!(
            is_web,
            "{}: telemetry.endpoint: {address:?} is no address such as http://127.0.0.1:4318",
            endpoint.source
        );
        let endpoint = address.trim_end_matches('/');
        let spans = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Client::new())
            .with_endpoint(format!("{endpoint}/v1/traces"))
            .build()
            .context("telemetry.endpoint")?;
        let lines = LogExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(Client::new())
            .with_endpoint(format!("{endpoint}/v1/logs"))
            .build()
            .context("telemetry.endpoint")?;
        // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say more, or otherwise.
        let resource = Resource::builder()
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let resource = match std::env::var_os("OTEL_SERVICE_NAME") {
            Some(_) => resource.build(),
            None => resource.with_service_name("docent").build(),
        };
        let traces =
            SdkTracerProvider::builder().with_batch_exporter(spans).with_resource(resource.clone());
        let logs = SdkLoggerProvider::builder().with_batch_exporter(lines).with_resource(resource);
        Ok(Some(Telemetry { traces: traces.build(), logs: logs.build() }))
    }

    /// What takes spans and lines of docent's own: what the exporter logs would be exported in turn.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + Send + Sync + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let ours = |metadata: &Metadata<'_>| metadata.target().starts_with("docent");
        let spans = tracing_opentelemetry::layer()
            .with_tracer(self.traces.tracer("docent"))
            .with_threads(false)
            .with_location(false);
        let lines = OpenTelemetryTracingBridge::new(&self.logs);
        spans.and_then(lines).with_filter(filter_fn(ours))
    }

    /// Sends what waits.
    pub(super) fn close(&self) {
        let closed =
            [self.traces.shutdown_with_timeout(GOODBYE), self.logs.shutdown_with_timeout(GOODBYE)];
        for closed in closed {
            if let Err(error) = closed {
                tracing::debug!("not all traces and logs were sent: {error}");
            }
        }
    }
}

/// Carries batches, over the same TLS as all that docent asks of others.
struct Client(outward::Agent);

impl Client {
    fn new() -> Client {
        Client(outward::agent(PATIENCE))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client")
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        // The exporter waits for it on a thread of its own.
        let (status, body) = outward::send(&self.0, request, MOST)?;
        Ok(Response::builder().status(status).body(body.into())?)
    }
}
