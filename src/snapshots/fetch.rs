//! Brings a snapshot here: what is here already is linked, all else is fetched, and nothing is believed
//! that has not the right hash.

use std::collections::HashMap;
use std::fs::{self, File as OpenFile, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::task::JoinSet;

use super::kept::{self, Kept};
use super::manifest::{self, Manifest, PIECE, object};
use super::place::Place;
use super::trouble::{Cause, Trouble, local};

/// Pieces that are fetched at a time; each is in memory meanwhile.
const AT_A_TIME: usize = 4;

/// A piece that is missing.
struct Piece {
    path: PathBuf,
    from: u64,
    size: u64,
    hash: String,
}

/// What is here already.
#[derive(Default)]
struct Here {
    files: HashMap<String, PathBuf>,
    pieces: HashMap<String, (PathBuf, u64)>,
}

/// Brings a snapshot into its folder; bytes that were fetched.
pub(super) async fn fetch(place: &Place, manifest: &Manifest, kept: &Kept) -> Result<u64, Trouble> {
    let part = kept.part_of(&manifest.id);
    let fetched = into(place, manifest, kept, &part).await;
    if fetched.is_err() {
        // What is left of it would only take room.
        let _ = fs::remove_dir_all(&part);
    }
    fetched
}

async fn into(
    place: &Place,
    manifest: &Manifest,
    kept: &Kept,
    part: &Path,
) -> Result<u64, Trouble> {
    let missing = lay_out(manifest, kept, part).map_err(local)?;
    let bytes = missing.iter().map(|piece| piece.size).sum();
    bring(place, missing).await?;
    // Every piece had its hash when it came; this is what the disk makes of them.
    kept::check(manifest, part).map_err(|error| Trouble::new(Cause::Damaged, error))?;
    kept.finish(manifest).map_err(local)?;
    Ok(bytes)
}

/// Makes the folder with all that is here already; what is missing.
fn lay_out(manifest: &Manifest, kept: &Kept, part: &Path) -> anyhow::Result<Vec<Piece>> {
    if part.exists() {
        fs::remove_dir_all(part)?;
    }
    let here = Here::of(kept);
    let mut missing = Vec::new();
    for (path, file) in kept::places(manifest, part) {
        let above = path.parent().context("a file without a folder")?;
        fs::create_dir_all(above)?;
        if let Some(known) = here.files.get(&file.blake3) {
            let linked = fs::hard_link(known, &path).or_else(|_| fs::copy(known, &path).map(drop));
            if linked.is_ok() && kept::check_file(&path, file).is_ok() {
                continue;
            }
            // A link to a file that is damaged must not be written to.
            let _ = fs::remove_file(&path);
        }
        let mut open = OpenFile::create_new(&path)?;
        open.set_len(file.size)?;
        for (at, (hash, size)) in (0..).zip(file.objects()) {
            let from = at * PIECE;
            match here.piece(hash, size) {
                Some(bytes) => {
                    open.seek(SeekFrom::Start(from))?;
                    open.write_all(&bytes)?;
                }
                None => {
                    let hash = hash.to_owned();
                    missing.push(Piece { path: path.clone(), from, size, hash });
                }
            }
        }
    }
    Ok(missing)
}

impl Here {
    fn of(kept: &Kept) -> Here {
        let mut here = Here::default();
        for id in kept.ids() {
            let Ok(manifest) = kept.manifest(&id) else { continue };
            for (path, file) in kept::places(&manifest, &kept.of(&id)) {
                here.files.insert(file.blake3.clone(), path.clone());
                for (at, (hash, _)) in (0..).zip(file.objects()) {
                    here.pieces.insert(hash.to_owned(), (path.clone(), at * PIECE));
                }
            }
        }
        here
    }

    /// A piece of a file that is here, if it is what its hash says.
    fn piece(&self, hash: &str, size: u64) -> Option<Vec<u8>> {
        let (path, from) = self.pieces.get(hash)?;
        let mut file = OpenFile::open(path).ok()?;
        file.seek(SeekFrom::Start(*from)).ok()?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes).ok()?;
        (manifest::hash(&bytes) == hash).then_some(bytes)
    }
}

/// Fetches pieces, some at a time, and writes them where they belong.
async fn bring(place: &Place, missing: Vec<Piece>) -> Result<(), Trouble> {
    let mut travelling = JoinSet::new();
    let mut rest = missing.into_iter();
    loop {
        while travelling.len() < AT_A_TIME
            && let Some(piece) = rest.next()
        {
            let place = place.clone();
            travelling.spawn(async move {
                let bytes = one(&place, &piece).await?;
                Ok::<_, Trouble>((piece, bytes))
            });
        }
        let Some(travelled) = travelling.join_next().await else { return Ok(()) };
        let (Piece { path, from, .. }, bytes) = travelled.map_err(local)??;
        let written = OpenOptions::new().write(true).open(&path).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.write_all(&bytes)
        });
        written.with_context(|| format!("cannot write {}", path.display())).map_err(local)?;
    }
}

/// A piece, if it is what its hash says.
async fn one(place: &Place, piece: &Piece) -> Result<Vec<u8>, Trouble> {
    let name = object(&piece.hash);
    let damaged =
        |what: String| Trouble::say(Cause::Damaged, format!("{}: {name} {what}", place.address()));
    let bytes = place.get(&name, piece.size).await?;
    let bytes = bytes.ok_or_else(|| damaged("is missing".into()))?;
    if bytes.len() as u64 != piece.size {
        return Err(damaged(format!("has {} bytes and not {}", bytes.len(), piece.size)));
    }
    if manifest::hash(&bytes) != piece.hash {
        return Err(damaged("is not what was published".into()));
    }
    Ok(bytes)
}
