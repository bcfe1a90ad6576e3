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

#[cfg(test)]
mod tests {
    use super::super::clean::Stock;
    use super::super::manifest::{Contents, Described};
    use super::super::publish::{Source, upload};
    use super::*;
    use crate::index::{Index, Stamp};

    /// Uploads these files as a snapshot; its manifest, and how many objects travelled.
    async fn publish(place: &Place, files: &[(&str, &[u8])], at: u64) -> (Manifest, usize) {
        let dir = tempfile::tempdir().unwrap();
        let source = |(name, bytes): &(&str, &[u8])| {
            let path = dir.path().join(name);
            fs::write(&path, bytes).unwrap();
            Source::new((*name).to_owned(), path).unwrap()
        };
        let sources: Vec<Source> = files.iter().map(source).collect();
        let stock = Stock::take(place, at, None).await.unwrap();
        let (uploaded, _) = upload(place, &sources, &stock, &|_, _| ()).await.unwrap();
        let contents = Contents {
            content: manifest::hash(b""),
            stamp: Stamp::default(),
            collections: vec![Described { name: "docs".into(), ..Described::default() }],
            files: sources.iter().map(|source| source.file.clone()).collect(),
            vectors: None,
        };
        (Manifest::new(contents, None, at, 0), uploaded)
    }

    /// Bytes that are not the same in any two pieces.
    fn large(pieces: u64, more: usize) -> Vec<u8> {
        let length = usize::try_from(PIECE * pieces).unwrap() + more;
        (0..length).map(|at| (at / 251 + at) as u8 ^ (at >> 20) as u8).collect()
    }

    #[tokio::test]
    async fn of_a_file_that_is_appended_to_the_last_piece_travels() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        let kept = Kept::open(data.path(), "test").unwrap();
        let now = super::super::now();
        let bytes = large(2, 5);
        let (first, uploaded) = publish(&place, &[("meta.json", b"1"), ("v", &bytes)], now).await;
        assert_eq!(uploaded, 4);
        assert_eq!(fetch(&place, &first, &kept).await.unwrap(), PIECE * 2 + 6);
        let bytes = large(2, 9);
        let (second, uploaded) =
            publish(&place, &[("meta.json", b"1"), ("v", &bytes)], now + 1).await;
        assert_eq!(uploaded, 1);
        assert_eq!(fetch(&place, &second, &kept).await.unwrap(), 9);
        let search = Index::folder_of_copy(&kept.of(&second.id));
        assert!(fs::read(search.join("v")).unwrap() == bytes);
        assert_eq!(kept.ids(), [second.id.clone(), first.id.clone()]);
        kept.whole(&first.id).unwrap();
        // One that is damaged here is not what the next is made of.
        fs::write(search.join("v"), large(1, 3)).unwrap();
        assert!(kept.whole(&second.id).is_err());
        let (third, uploaded) =
            publish(&place, &[("meta.json", b"1"), ("v", &bytes)], now + 2).await;
        assert_eq!(uploaded, 0);
        fetch(&place, &third, &kept).await.unwrap();
        kept.whole(&third.id).unwrap();
        kept.tidy(&[&third.id]);
        assert_eq!(kept.ids(), [third.id]);
    }

    #[tokio::test]
    async fn what_has_not_its_hash_leaves_nothing_behind() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        let kept = Kept::open(data.path(), "test").unwrap();
        let (manifest, _) =
            publish(&place, &[("meta.json", b"1"), ("a.store", b"okapi")], super::super::now())
                .await;
        let name = object(&manifest::hash(b"okapi"));
        for (bytes, expected) in [
            (&b"okapj"[..], "is not what was published"),
            (b"oka", "has 3 bytes and not 5"),
            (b"okapi and more", "has 14 bytes, where 5 are the most there may be"),
            (b"", "has 0 bytes and not 5"),
        ] {
            place.put(&name, bytes.to_vec()).await.unwrap();
            let trouble = fetch(&place, &manifest, &kept).await.unwrap_err();
            assert_eq!(trouble.cause, Cause::Damaged);
            assert!(trouble.to_string().contains(expected), "{trouble}");
            assert!(kept.ids().is_empty() && !kept.part_of(&manifest.id).exists());
        }
        place.delete(&name).await.unwrap();
        let trouble = fetch(&place, &manifest, &kept).await.unwrap_err();
        assert!(trouble.to_string().contains("is missing"), "{trouble}");
        place.put(&name, b"okapi".to_vec()).await.unwrap();
        assert_eq!(fetch(&place, &manifest, &kept).await.unwrap(), 6);
    }
}
