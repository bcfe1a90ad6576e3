//! Publishing: everything is there before the pointer moves, and it moves from what it was in the
//! beginning or not at all.

use std::collections::BTreeSet;
use std::fs::File as OpenFile;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use tokio::task::JoinSet;

use super::clean::Stock;
use super::lease::Lease;
use super::manifest::{
    Contents, Described, File, MOST_OF_MANIFEST, MOST_OF_POINTER, Manifest, PIECE, POINTER,
    Pointer, Vectors, object,
};
use super::place::{Place, Seen, Version};
use super::trouble::{Cause, Trouble, local};
use super::{now, number};
use crate::index::Index;

/// Pieces that travel at a time; each is in memory meanwhile.
const AT_A_TIME: usize = 4;

/// Told how many bytes have travelled, and how many will.
pub(super) type Tell<'a> = &'a dyn Fn(u64, u64);

/// What publishing did.
#[derive(Debug, Clone)]
pub struct Done {
    /// Name of the snapshot that is the current one now.
    pub id: String,
    /// When that was published, in seconds since 1970.
    pub published: u64,
    /// Whether it is the one from before, because nothing changed.
    pub unchanged: bool,
    /// Its files, and their bytes.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
    /// Objects that travelled; all others were there.
    pub uploaded: usize,
    /// Bytes of those.
    pub bytes_uploaded: u64,
    /// Objects of old snapshots that were deleted.
    pub deleted: usize,
}

/// A file of this machine, and what stands in it.
pub(super) struct Source {
    path: PathBuf,
    pub(super) file: File,
}

/// A piece that travels.
struct Piece {
    path: PathBuf,
    from: u64,
    size: u64,
    hash: String,
}

/// Publishes an index that nobody writes meanwhile: the caller has its indexer, which rests.
///
/// # Errors
///
/// What is wrong with the place, or with the files; somebody else publishes. What was published before
/// stays the current snapshot then.
pub fn publish(
    address: &str,
    index: &Index,
    collections: Vec<Described>,
    tell: Tell<'_>,
) -> anyhow::Result<Done> {
    runtime()?.block_on(async {
        let place = Place::open(address, true)?;
        let lease = Lease::take(&place).await?;
        let done = under(&lease, &place, index, collections, tell).await;
        lease.give_back().await;
        Ok(done?)
    })
}

/// With a thread beside the one that hashes and reads files: the lease is renewed meanwhile.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()
}

async fn under(
    lease: &Lease,
    place: &Place,
    index: &Index,
    collections: Vec<Described>,
    tell: Tell<'_>,
) -> Result<Done, Trouble> {
    let current = current(place).await?;
    let (pointer, version) = match &current {
        Some((pointer, version)) => (pointer.as_ref(), Some(version)),
        None => (None, None),
    };
    let time = lease.time_there().await?;
    let mut stock = Stock::take(place, time, pointer.map(|pointer| pointer.id.as_str())).await?;
    let (contents, sources) = describe(index, collections).map_err(local)?;
    let manifest = Manifest::new(contents, pointer, now(), number());
    let published = match pointer {
        Some(pointer) => published(place, pointer).await?,
        None => None,
    };
    let needed = manifest.objects().chain(published.iter().flat_map(Manifest::objects));
    stock.distrust(place, &needed.map(|(hash, _)| hash).collect());
    // What is published says the same, and is whole.
    if let Some(published) = published
        && published.says_the_same(&manifest)
        && stock.holds(&published)
    {
        return Ok(Done { unchanged: true, ..Done::of(&published) });
    }
    let (uploaded, bytes_uploaded) = upload(place, &sources, &stock, tell).await?;
    let text = serde_json::to_vec_pretty(&manifest).map_err(local)?;
    if text.len() as u64 > MOST_OF_MANIFEST {
        return Err(Trouble::say(Cause::Local, "the snapshot has too many files to be published"));
    }
    let new = Pointer::to(&manifest, &text);
    place.put(&Manifest::name(&manifest.id), text).await?;
    if !lease.is_held() || !moves(place, &new, version).await? {
        return Err(overtaken(place));
    }
    // What is published is published: a store that lets nobody delete is no failure.
    let is_held = || lease.is_held();
    let deleted = stock.clean(place, &manifest, &is_held).await.unwrap_or_else(|trouble| {
        tracing::warn!("old snapshots could not be deleted: {trouble}");
        0
    });
    Ok(Done { uploaded, bytes_uploaded, deleted, ..Done::of(&manifest) })
}

impl Done {
    fn of(manifest: &Manifest) -> Done {
        Done {
            id: manifest.id.clone(),
            published: manifest.published,
            unchanged: false,
            files: manifest.all_files().count(),
            bytes: manifest.bytes(),
            uploaded: 0,
            bytes_uploaded: 0,
            deleted: 0,
        }
    }
}

fn overtaken(place: &Place) -> Trouble {
    Trouble::say(
        Cause::Local,
        format!(
            "another docent published to {} meanwhile, and what that published stays: publish again",
            place.address()
        ),
    )
}

/// The pointer as it is now, with its version. One that cannot be read is replaced; one that a later
/// docent wrote is left alone.
async fn current(place: &Place) -> Result<Option<(Option<Pointer>, Version)>, Trouble> {
    match place.look(POINTER, None, MOST_OF_POINTER).await? {
        Seen::Object(text, version) => match Pointer::read(&text) {
            Ok(pointer) => Ok(Some((Some(pointer), version))),
            Err(trouble) if trouble.cause == Cause::Foreign => Err(trouble),
            Err(trouble) => {
                tracing::warn!("{}: {trouble}; it is written anew", place.address());
                Ok(Some((None, version)))
            }
        },
        Seen::Same | Seen::Nothing => Ok(None),
    }
}

/// What is published now, if that can be read.
async fn published(place: &Place, pointer: &Pointer) -> Result<Option<Manifest>, Trouble> {
    let text = place.get(&Manifest::name(&pointer.id), MOST_OF_MANIFEST).await?;
    Ok(text.and_then(|text| Manifest::read(pointer, &text).ok()))
}

/// Moves the pointer from this version, or makes it; whether it leads here now.
async fn moves(place: &Place, new: &Pointer, from: Option<&Version>) -> Result<bool, Trouble> {
    let text = serde_json::to_vec_pretty(new).map_err(local)?;
    let moved = match from {
        Some(version) => place.replace(POINTER, text, version).await?,
        None => place.create(POINTER, text).await?,
    };
    if moved.is_some() {
        return Ok(true);
    }
    // A write whose answer got lost is repeated by the library, and is refused the second time.
    let there = place.get(POINTER, MOST_OF_POINTER).await?;
    Ok(there.and_then(|text| Pointer::read(&text).ok()).as_ref() == Some(new))
}

/// What the index consists of.
fn describe(index: &Index, collections: Vec<Described>) -> anyhow::Result<(Contents, Vec<Source>)> {
    let snapshot = index.snapshot();
    let mut sources = Vec::new();
    for (name, path) in index.files()? {
        sources.push(Source::new(name, path)?);
    }
    let files = sources.iter().map(|source| source.file.clone()).collect();
    let vectors = match index.vectors() {
        Some((path, of)) => {
            let source = Source::new("vectors".to_owned(), path)?;
            let file = source.file.clone();
            sources.push(source);
            Some(Vectors { of, file })
        }
        None => None,
    };
    let contents = Contents {
        content: snapshot.content()?,
        stamp: snapshot.stamp().clone(),
        collections,
        files,
        vectors,
    };
    Ok((contents, sources))
}

impl Source {
    /// Hashes a file, whole and in pieces.
    pub(super) fn new(name: String, path: PathBuf) -> anyhow::Result<Source> {
        let of = || format!("cannot read {}", path.display());
        let mut open = OpenFile::open(&path).with_context(of)?;
        let size = open.metadata().with_context(of)?.len();
        let mut whole = blake3::Hasher::new();
        let mut pieces = Vec::new();
        let mut left = size;
        while left > 0 {
            let mut buffer = vec![0; usize::try_from(left.min(PIECE))?];
            open.read_exact(&mut buffer).with_context(of)?;
            left -= buffer.len() as u64;
            whole.update(&buffer);
            pieces.push(super::manifest::hash(&buffer));
        }
        if size <= PIECE {
            pieces.clear();
        }
        let blake3 = whole.finalize().to_hex().to_string();
        Ok(Source { path, file: File { name, size, blake3, pieces } })
    }

    fn pieces(&self) -> impl Iterator<Item = Piece> {
        (0..).zip(self.file.objects()).map(|(at, (hash, size))| Piece {
            path: self.path.clone(),
            from: at * PIECE,
            size,
            hash: hash.to_owned(),
        })
    }
}

/// Uploads what is not there; the number of objects and of bytes.
pub(super) async fn upload(
    place: &Place,
    sources: &[Source],
    stock: &Stock,
    tell: Tell<'_>,
) -> Result<(usize, u64), Trouble> {
    let present = stock.present();
    let mut seen = BTreeSet::new();
    let mut missing = Vec::new();
    for piece in sources.iter().flat_map(Source::pieces) {
        let is_there = present.contains(&(piece.hash.as_str(), piece.size));
        if !is_there && seen.insert(piece.hash.clone()) {
            missing.push(piece);
        }
    }
    let (objects, total) = (missing.len(), missing.iter().map(|piece| piece.size).sum());
    let mut travelling = JoinSet::new();
    let (mut rest, mut done) = (missing.into_iter(), 0);
    tell(0, total);
    loop {
        while travelling.len() < AT_A_TIME
            && let Some(piece) = rest.next()
        {
            let bytes = piece.read().map_err(local)?;
            let place = place.clone();
            travelling.spawn(async move {
                place.put(&object(&piece.hash), bytes).await?;
                Ok::<u64, Trouble>(piece.size)
            });
        }
        match travelling.join_next().await {
            Some(travelled) => done += travelled.map_err(local)??,
            None => return Ok((objects, total)),
        }
        tell(done, total);
    }
}

impl Piece {
    /// What stands in it, if that is still what stood in it.
    fn read(&self) -> anyhow::Result<Vec<u8>> {
        let bytes = read_piece(&self.path, self.from, self.size)
            .with_context(|| format!("cannot read {}", self.path.display()))?;
        ensure!(
            super::manifest::hash(&bytes) == self.hash,
            "{} changed while it was published",
            self.path.display()
        );
        Ok(bytes)
    }
}

fn read_piece(path: &Path, from: u64, size: u64) -> anyhow::Result<Vec<u8>> {
    let mut file = OpenFile::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; usize::try_from(size)?];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    #[tokio::test]
    async fn a_pointer_whose_move_was_repeated_was_moved() {
        let place = Place::in_memory();
        let pointer = |number| {
            let text = format!(
                "{{\"format\":1,\"id\":\"a-{number}\",\"blake3\":\"{}\",\"published\":1}}",
                "0".repeat(64)
            );
            Pointer::read(text.as_bytes()).unwrap()
        };
        let repeat = || place.faults.repeats.store(true, Ordering::Relaxed);
        repeat();
        assert!(moves(&place, &pointer(1), None).await.unwrap());
        assert!(!moves(&place, &pointer(2), None).await.unwrap());
        let (_, version) = current(&place).await.unwrap().unwrap();
        repeat();
        assert!(moves(&place, &pointer(2), Some(&version)).await.unwrap());
        assert!(!moves(&place, &pointer(3), Some(&version)).await.unwrap());
        assert_eq!(current(&place).await.unwrap().unwrap().0, Some(pointer(2)));
    }

    #[test]
    fn the_lease_is_renewed_while_files_are_hashed() {
        static RENEWED: AtomicBool = AtomicBool::new(false);
        runtime().unwrap().block_on(async {
            tokio::spawn(async {
                tokio::time::sleep(Duration::from_millis(1)).await;
                RENEWED.store(true, Ordering::Relaxed);
            });
            let end = Instant::now() + Duration::from_secs(30);
            while !RENEWED.load(Ordering::Relaxed) {
                assert!(Instant::now() < end, "nobody renews");
                std::thread::sleep(Duration::from_millis(5));
            }
        });
    }
}
