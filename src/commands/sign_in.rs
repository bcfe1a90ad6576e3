//! `docent sign-in`: who is signed in, and how that is ended.

use std::io::Write;

use anyhow::{bail, ensure};
use serde_json::json;

use super::state;
use super::times::{date, now};
use crate::auth::audit::{self, Entry, Event};
use crate::config::{Ended, Settings, SignInAction};
use crate::store::{Revocation, Standing, Store};

/// Seconds for which what is being written just now is refused: longer than any sign-in lasts.
const BARRED: u64 = 31 * 24 * 60 * 60;

/// Runs one of the actions on the sign-ins in the data folder.
pub(super) fn run(settings: &Settings, action: &SignInAction) -> anyhow::Result<()> {
    if !settings.names_data_dir() {
        bail!(
            "whose sign-ins? Name the docs folder with --docs, or the data folder with --data-dir"
        );
    }
    let store = state::of_command(settings)?;
    let now = now()?;
    match action {
        SignInAction::List { json, .. } => list(&store.standing(now * 1000)?, *json),
        SignInAction::Revoke { ended, .. } => revoke(&*store, ended, now),
    }
}

fn list(standing: &[Standing], as_json: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if as_json {
        let rows: Vec<_> = standing.iter().map(machine).collect();
        return Ok(writeln!(out, "{}", serde_json::to_string(&rows)?)?);
    }
    if standing.is_empty() {
        eprintln!("nobody is signed in");
        return Ok(());
    }
    writeln!(out, "{:43}  {:20}  {:20}  client", "person", "since", "until")?;
    for Standing { person, client, since, until } in standing {
        let visible: String = client.chars().filter(|c| !c.is_control()).collect();
        let (since, until) = (date(since / 1000), date(until / 1000));
        writeln!(out, "{person:43}  {since:20}  {until:20}  {visible}")?;
    }
    Ok(())
}

fn machine(standing: &Standing) -> serde_json::Value {
    json!({
        "person": standing.person,
        "client": standing.client,
        "since": date(standing.since / 1000),
        "until": date(standing.until / 1000),
    })
}

fn revoke(store: &dyn Store, ended: &Ended, now: u64) -> anyhow::Result<()> {
    let what = match ended {
        Ended { all: true, .. } => Revocation::All,
        Ended { person: Some(person), .. } => Revocation::Person(person),
        Ended { client: Some(client), .. } => Revocation::Client(client),
        Ended { .. } => bail!("say whose: --person, --client or --all"),
    };
    // To the end of this second: what was signed in within it is ended too.
    let (gone, known) = store.revoke(what, (now + 1) * 1000, (now + BARRED) * 1000)?;
    let everybody = matches!(what, Revocation::All);
    ensure!(
        gone > 0 || known || everybody,
        "nobody like that is signed in; docent sign-in list shows who is"
    );
    let entry = Entry::of(Event::SignedOut);
    let entry = match what {
        Revocation::Person(person) => entry.by(person),
        Revocation::Client(client) => entry.with(client),
        _ => entry,
    };
    audit::write(store, entry, now)?;
    eprintln!("ended, with {gone} codes and tokens: whoever it was has to sign in again");
    Ok(())
}
