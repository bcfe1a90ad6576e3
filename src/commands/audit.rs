//! `docent audit`: who came to the door of the server that has this data folder.

use std::io::Write;

use anyhow::bail;
use serde_json::json;

use super::state;
use super::times::{date, now, time};
use crate::config::{AuditArguments, Settings};
use crate::store::AuditRow;

/// Prints the audit log, the newest last.
pub(super) fn run(settings: &Settings, asked: &AuditArguments) -> anyhow::Result<()> {
    if !settings.names_data_dir() {
        bail!("whose log? Name the docs folder with --docs, or the data folder with --data-dir");
    }
    let since = now()?.saturating_sub(time("--since", &asked.since)?.as_secs());
    let rows: Vec<AuditRow> = state::of_command(settings)?.audit(since)?;
    let rows = rows.into_iter().map(visible);
    let mut out = std::io::stdout().lock();
    if asked.json {
        for row in rows {
            writeln!(out, "{}", machine(&row))?;
        }
        return Ok(());
    }
    if rows.len() == 0 {
        eprintln!("nothing was noted in the last {}", asked.since);
        return Ok(());
    }
    writeln!(
        out,
        "{:20}  {:17}  {:9}  {:>6}  {:20}  {:18}  client",
        "time", "event", "refused", "times", "network", "who"
    )?;
    for row in rows {
        let AuditRow { at, event, refused, who, client, network, times } = row;
        let [refused, who, client, network] =
            [refused, who, client, network].map(Option::unwrap_or_default);
        let line = format!(
            "{:20}  {event:17}  {refused:9}  {times:>6}  {network:20}  {who:18}  {client}",
            date(at)
        );
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn machine(row: &AuditRow) -> serde_json::Value {
    json!({
        "time": date(row.at),
        "event": row.event,
        "refused": row.refused,
        "who": row.who,
        "client": row.client,
        "network": row.network,
        "times": row.times,
    })
}

/// The row without what would move a terminal's cursor: the name of a client is its own word.
fn visible(row: AuditRow) -> AuditRow {
    let shown = |text: String| text.escape_debug().to_string();
    AuditRow {
        event: shown(row.event),
        refused: row.refused.map(shown),
        who: row.who.map(shown),
        client: row.client.map(shown),
        network: row.network.map(shown),
        ..row
    }
}
