//! What was asked: events on their way to the disk, reports, metrics. Nothing is ever sent anywhere.
//!
//! | file | what it decides |
//! |---|---|
//! | `recorder` | when events reach the disk, and how many wait |
//! | `redact` | what of a text is not kept |
//! | `report` | what the events of a time say |
//! | `question` | which questions are one |
//! | `page`, `chart` | the report as a page |
//! | `text` | the report for a terminal |
//! | `metrics` | what Prometheus reads |

mod chart;
mod metrics;
mod page;
mod question;
mod recorder;
mod redact;
mod report;
mod text;

pub use metrics::{Cloned, Counted, Followed, Gauges, Metrics};
pub use page::page;
pub use recorder::{Policy, Queries, Recorder};
pub use redact::redacted;
pub use report::{Report, Reporter};
pub use text::text;
