//! Brings a snapshot here: what is here already is linked, all else is fetched, and nothing is believed
//! that has not the right hash.

use std::collections::HashMap;
use std::fs::{self, File as OpenFile, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::task::JoinSet;

use super::kept::{self, Kept};
use super::manifest::{self, File, Manifest, PIECE, object};
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

/// What is here already, with all the places of it: one may be harmed, and the other one whole.
#[derive(Default)]
struct Here {
    files: HashMap<String, Vec<PathBuf>>,
    pieces: HashMap<String, Vec<(PathBuf, u64)>>,
}

/// What a folder was laid out as.
struct Plan<'a> {
    missing: Vec<Piece>,
    /// Files that are put together of pieces; all others are known to be whole.
    made: Vec<(PathBuf, &'a File)>,
}

/// Brings a snapshot into its folder; bytes that were fetched. Where that fails, what was fetched stays
/// for the next try.
pub(super) async fn fetch(place: &Place, manifest: &Manifest, kept: &Kept) -> Result<u64, Trouble> {
    let part = kept.begin(manifest).map_err(local)?;
    let Plan { missing, made } = lay_out(manifest, kept, &part).map_err(local)?;
    kept.tidy_parts(Some(&part));
    let bytes = missing.iter().map(|piece| piece.size).sum();
    bring(place, missing).await?;
    // Every piece had its hash when it came; this is what the disk makes of them.
    for (path, file) in made {
        kept::check_file(&path, file).map_err(|error| Trouble::new(Cause::Damaged, error))?;
    }
    kept.finish(manifest).map_err(local)?;
    Ok(bytes)
}

/// Fills the folder with all that is here already.
fn lay_out<'a>(manifest: &'a Manifest, kept: &Kept, part: &Path) -> anyhow::Result<Plan<'a>> {
    let here = Here::of(kept);
    let mut plan = Plan { missing: Vec::new(), made: Vec::new() };
    for (path, file) in kept::places(manifest, part) {
        let above = path.parent().context("a file without a folder")?;
        fs::create_dir_all(above)?;
        if here.links(&path, file) {
            continue;
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
                    plan.missing.push(Piece { path: path.clone(), from, size, hash });
                }
            }
        }
        plan.made.push((path, file));
    }
    Ok(plan)
}

impl Here {
    fn of(kept: &Kept) -> Here {
        let mut here = Here::default();
        for (manifest, dir) in kept.sources() {
            for (path, file) in kept::places(&manifest, &dir) {
                here.files.entry(file.blake3.clone()).or_default().push(path.clone());
                for (at, (hash, _)) in (0..).zip(file.objects()) {
                    let pieces = here.pieces.entry(hash.to_owned()).or_default();
                    pieces.push((path.clone(), at * PIECE));
                }
            }
        }
        here
    }

    /// Links a file that is here and whole; whether there is one.
    fn links(&self, path: &Path, file: &File) -> bool {
        self.files.get(&file.blake3).into_iter().flatten().any(|known| {
            let linked = fs::hard_link(known, path).or_else(|_| fs::copy(known, path).map(drop));
            if linked.is_ok() && kept::check_file(path, file).is_ok() {
                return true;
            }
            // A link to a file that is damaged must not be written to.
            let _ = fs::remove_file(path);
            false
        })
    }

    /// A piece of a file that is here, if it is what its hash says.
    fn piece(&self, hash: &str, size: u64) -> Option<Vec<u8>> {
        let read = |(path, from): &(PathBuf, u64)| {
            let mut file = OpenFile::open(path).ok()?;
            file.seek(SeekFrom::Start(*from)).ok()?;
            let mut bytes = Vec::new();
            file.take(size).read_to_end(&mut bytes).ok()?;
            (manifest::hash(&bytes) == hash).then_some(bytes)
        };
        self.pieces.get(hash).into_iter().flatten().find_map(read)
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
        let kept = Kept::open(data.path(), "memory://", "test").unwrap();
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
    async fn what_has_not_its_hash_is_never_there_and_what_has_it_is_fetched_once() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        let kept = Kept::open(data.path(), "memory://", "test").unwrap();
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
            assert!(kept.ids().is_empty());
        }
        place.delete(&name).await.unwrap();
        let trouble = fetch(&place, &manifest, &kept).await.unwrap_err();
        assert!(trouble.to_string().contains("is missing"), "{trouble}");
        place.put(&name, b"okapi".to_vec()).await.unwrap();
        // The other file came with an earlier try.
        assert_eq!(fetch(&place, &manifest, &kept).await.unwrap(), 5);
        kept.whole(&manifest.id).unwrap();
        assert!(!kept.part_of(&manifest.id).exists());
        assert_eq!(kept.sources().len(), 1);
        // What has no hash is written anew.
        let names = Index::folder_of_copy(&kept.of(&manifest.id)).join(".managed.json");
        fs::write(&names, "[").unwrap();
        kept.whole(&manifest.id).unwrap();
        assert_eq!(fs::read_to_string(&names).unwrap(), r#"["meta.json","a.store"]"#);
    }

    #[tokio::test]
    async fn what_was_fetched_before_the_store_went_away_is_not_fetched_again() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        let kept = Kept::open(data.path(), "memory://", "test").unwrap();
        let (now, bytes) = (super::super::now(), large(6, 5));
        let (first, _) = publish(&place, &[("meta.json", b"1"), ("v", &bytes)], now).await;
        let last = first.objects().last().unwrap().0.to_owned();
        let text = place.get(&object(&last), PIECE).await.unwrap().unwrap();
        place.delete(&object(&last)).await.unwrap();
        assert!(fetch(&place, &first, &kept).await.is_err());
        place.put(&object(&last), text).await.unwrap();
        // At the most what travelled beside the one that failed comes again; also of another snapshot.
        let (second, _) = publish(&place, &[("meta.json", b"2"), ("v", &bytes)], now + 1).await;
        let fetched = fetch(&place, &second, &kept).await.unwrap();
        assert!(fetched < PIECE * AT_A_TIME as u64, "{fetched}");
        kept.whole(&second.id).unwrap();
    }

    #[tokio::test]
    async fn one_that_was_harmed_is_brought_beside_itself() {
        let (place, data) = (Place::in_memory(), tempfile::tempdir().unwrap());
        let kept = Kept::open(data.path(), "memory://", "test").unwrap();
        let files: [(&str, &[u8]); 2] = [("meta.json", b"1"), ("a.store", b"okapi")];
        let (manifest, _) = publish(&place, &files, super::super::now()).await;
        for times in 0..3 {
            // The smaller file is linked.
            let fetched = fetch(&place, &manifest, &kept).await.unwrap();
            assert_eq!(fetched, if times == 0 { 6 } else { 5 });
            kept.tidy(&[&manifest.id]);
            kept.whole(&manifest.id).unwrap();
            let store = Index::folder_of_copy(&kept.of(&manifest.id)).join("a.store");
            fs::write(store, b"okapj").unwrap();
        }
        assert_eq!(kept.sources().len(), 1);
    }
}
