//! The settings of what the owner of the docs learns: usage, feedback, metrics, traces.

use std::net::SocketAddr;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::settings::{Pick, Setting};

/// `[usage]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageFile {
    enabled: Option<bool>,
    queries: Option<String>,
    people: Option<bool>,
    keep: Option<String>,
}

/// `[feedback]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FeedbackFile {
    enabled: Option<bool>,
}

/// `[metrics]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricsFile {
    listen: Option<String>,
}

/// `[telemetry]`, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TelemetryFile {
    endpoint: Option<String>,
}

/// What is kept of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queries {
    /// All of it.
    Full,
    /// What is left without that which looks like e-mail addresses, keys and numbers.
    Redacted,
    /// Nothing.
    Off,
}

/// What the owner of the docs learns.
#[derive(Debug, Clone)]
pub struct OwnerSettings {
    /// Whether it is kept what is asked. Default: true.
    pub usage: Setting<bool>,
    /// What is kept of questions. Default: redacted.
    pub queries: Setting<Queries>,
    /// Whether the keyed hash of a person is kept with what they asked. Default: false.
    pub people: Setting<bool>,
    /// How long it is kept, such as 90d. Default: 90d.
    pub keep: Setting<String>,
    /// Whether agents may say what they think of a page. Default: false.
    pub feedback: Setting<bool>,
    /// Address at which Prometheus reads the metrics. Default: none.
    pub metrics: Setting<Option<SocketAddr>>,
    /// Where traces and logs are sent (OTLP over HTTP). Default: none.
    pub telemetry: Setting<Option<String>>,
}

impl OwnerSettings {
    pub(super) fn resolve(
        usage: UsageFile,
        feedback: FeedbackFile,
        metrics: MetricsFile,
        telemetry: TelemetryFile,
        pick: &Pick<'_>,
    ) -> anyhow::Result<OwnerSettings> {
        let text = |variable, in_file: Option<String>, default: &str| {
            pick.environment(variable)
                .unwrap_or_else(|| pick.or_default(in_file, default.to_owned()))
        };
        let queries = pick.or_default(usage.queries, "redacted".to_owned());
        let listen = text("DOCENT_METRICS_LISTEN", metrics.listen, "");
        let telemetry = text("OTEL_EXPORTER_OTLP_ENDPOINT", telemetry.endpoint, "");
        Ok(OwnerSettings {
            usage: pick.or_default(usage.enabled, true),
            queries: queries.try_map("usage.queries", |text| match text.as_str() {
                "full" => Ok(Queries::Full),
                "redacted" => Ok(Queries::Redacted),
                "off" => Ok(Queries::Off),
                _ => bail!("{text:?} is not one of: full, redacted, off"),
            })?,
            people: pick.or_default(usage.people, false),
            keep: pick.or_default(usage.keep, "90d".to_owned()),
            feedback: pick.or_default(feedback.enabled, false),
            metrics: listen.try_map("metrics.listen", |text| {
                let address = Some(text.as_str()).filter(|text| !text.is_empty());
                let parse = |text: &str| {
                    text.parse().ok().with_context(|| {
                        format!("{text:?} is not ADDRESS:PORT, such as 127.0.0.1:9090")
                    })
                };
                address.map(parse).transpose()
            })?,
            // The environment may mean other programs: whether it is one is looked at where it is used.
            telemetry: telemetry.map(|text| Some(text).filter(|text| !text.is_empty())),
        })
    }
}
