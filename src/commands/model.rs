//! `docent model`: adds the model for searching by meaning, lists it, takes it away.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::config::{AddArguments, ModelAction, Settings};
use crate::index::Index;
use crate::index::meaning::{self, Embedded, FILES, KNOWN, Known, Manifest, Staging};
use crate::outward;

/// Where models are published.
const HUB: &str = "https://huggingface.co";
/// How long the hub may take to answer, and to send a file.
const ANSWER: Duration = Duration::from_secs(30);
const TRANSFER: Duration = Duration::from_secs(3600);

/// Runs one of the actions on the data folder.
pub(super) fn run(settings: &Settings, action: &ModelAction) -> anyhow::Result<()> {
    if !settings.names_data_dir() {
        bail!("whose model? Name the docs folder with --docs, or the data folder with --data-dir");
    }
    let data_dir = &settings.data_dir.value;
    match action {
        ModelAction::Add(add) => self::add(data_dir, add),
        ModelAction::List(_) => list(data_dir),
        ModelAction::Remove(_) => match meaning::remove(data_dir)? {
            Some(name) => {
                eprintln!(
                    "removed {name} and its vectors; docent searches by words alone when it is started again"
                );
                Ok(())
            }
            None => bail!("there is no model in {}", data_dir.display()),
        },
    }
}

fn add(data_dir: &Path, asked: &AddArguments) -> anyhow::Result<()> {
    let folder = Path::new(&asked.model);
    let manifest = match meaning::known(&asked.model) {
        Some(known) => {
            let mut staging = Staging::new(data_dir)?;
            let hub = asked.from.as_deref().unwrap_or(HUB).trim_end_matches('/');
            download(known, hub, &mut staging).context("the model was not added")?;
            staging.finish(Manifest::of(known))?
        }
        None if folder.is_dir() => {
            let mut staging = Staging::new(data_dir)?;
            staging.take_folder(folder)?;
            // A name such as `.` says nothing.
            let folder = folder.canonicalize().unwrap_or(folder.to_owned());
            staging.finish(Manifest::of_folder(&folder)?)?
        }
        None => {
            let names: Vec<&str> = KNOWN.iter().map(|known| known.name).collect();
            bail!(
                "{:?} is no folder and no model that is known here; known: {}",
                asked.model,
                names.join(", ")
            );
        }
    };
    eprintln!("added {} to {}", manifest.name, data_dir.display());
    eprintln!(
        "docent index embeds all sections now; docent serve does so in the background when it is started again"
    );
    Ok(())
}

fn list(data_dir: &Path) -> anyhow::Result<()> {
    let added = Manifest::read(data_dir)?.map(|manifest| manifest.name);
    let mut out = std::io::stdout().lock();
    for known in KNOWN {
        let here = if added.as_deref() == Some(known.name) { "  (added)" } else { "" };
        writeln!(out, "{}  {}{here}", known.name, known.about)?;
    }
    if let Some(name) = added.filter(|name| meaning::known(name).is_none()) {
        writeln!(out, "{name}  from a folder  (added)")?;
    }
    Ok(())
}

fn download(known: &Known, hub: &str, staging: &mut Staging) -> anyhow::Result<()> {
    let agent = outward::download_agent(ANSWER, TRANSFER);
    let total = known.files.iter().map(|(size, _)| size).sum();
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(total)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(ProgressStyle::with_template(
        "{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}",
    )?);
    for (name, (size, hash)) in FILES.into_iter().zip(known.files) {
        let address = format!("{hub}/{}/{name}", known.path);
        let response =
            agent.get(&address).call().with_context(|| format!("cannot get {address}"))?;
        // One byte more than there should be is enough to know that it is another file.
        let mut body = response.into_body().into_reader().take(size + 1);
        let (got, got_hash) = staging.take(name, |buffer| {
            let read = body.read(buffer).with_context(|| format!("{address} broke off"))?;
            bar.inc(read as u64);
            Ok(read)
        })?;
        ensure!(got >= size, "{address} broke off: {got} of {size} bytes came");
        ensure!(
            got == size && got_hash == hash,
            "{address} is not the file that this version knows: BLAKE3 {got_hash}, not {hash}"
        );
    }
    bar.finish_and_clear();
    Ok(())
}

/// Embeds all sections now, beside a progress bar on standard error; nothing without a model.
pub(super) fn embed(index: &Index, show: bool) -> anyhow::Result<Option<Embedded>> {
    let bar = ProgressBar::hidden();
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} sections embedded  {eta}")?);
    if show && std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::stderr());
    }
    let embedded = index.embed_all(&|done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    if let Some(Embedded { model, embedded, sections }) = embedded.as_ref().filter(|_| show) {
        eprintln!("{embedded} of {sections} sections are embedded with {model}");
    }
    Ok(embedded)
}
