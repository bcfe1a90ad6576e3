//! What stands in a place: the pointer, and the manifest that it leads to. Both are read as if anybody
//! could have written them.

use std::collections::BTreeSet;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::trouble::{Cause, Trouble};
use crate::index::Stamp;

/// Raised when what stands here means something else: a docent refuses what is of a later one.
const FORMAT: u32 = 1;
/// The name of the pointer.
pub(super) const POINTER: &str = "current.json";
/// Most bytes of a pointer and of a manifest.
pub(super) const MOST_OF_POINTER: u64 = 4 << 10;
pub(super) const MOST_OF_MANIFEST: u64 = 16 << 20;
/// Bytes of a piece. One that was cut off costs no more than this, and it stays in memory while it
/// travels.
pub(super) const PIECE: u64 = 16 << 20;
/// Most files of a snapshot, and bytes of all of them: nobody's index has more.
const MOST_FILES: usize = 10_000;
const MOST_BYTES: u64 = 1 << 40;
/// Longest name of a file, of a collection, and of what is told of one, in bytes.
const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 4 << 10;

/// Which snapshot is the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pointer {
    format: u32,
    pub(super) id: String,
    /// BLAKE3 of the manifest, as hex.
    pub(super) blake3: String,
    /// When it was published, in seconds since 1970.
    pub(super) published: u64,
}

/// A collection, as callers are told of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Described {
    /// Short name, unique.
    pub name: String,
    /// Title for people and models.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One or two sentences: what is inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Public address of the site, with a trailing slash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Version of the documented software.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// BCP 47 language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

/// A file by what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct File {
    pub(super) name: String,
    /// Bytes.
    pub(super) size: u64,
    /// BLAKE3, as hex; the name of the object, if there are no pieces.
    pub(super) blake3: String,
    /// The same of each of its pieces, where it is larger than one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pieces: Vec<String>,
}

/// The vectors of the sections, for replicas with the same model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Vectors {
    /// The model, and how many sections have a vector.
    pub(super) of: String,
    pub(super) file: File,
}

/// A snapshot: what it is of, and what it consists of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    format: u32,
    /// Its name: the time, and something that no other has. Names sort by time.
    pub id: String,
    /// When it was published, in seconds since 1970.
    pub published: u64,
    /// Version of docent, of the fields and of the analyzer.
    pub(super) made_by: String,
    /// Hash of what is answered from it.
    pub(super) content: String,
    /// What the index says of itself.
    pub(super) stamp: Stamp,
    /// The collections.
    pub collections: Vec<Described>,
    pub(super) files: Vec<File>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) vectors: Option<Vectors>,
}

/// What a manifest is made of that is not counted.
pub(super) struct Contents {
    pub(super) content: String,
    pub(super) stamp: Stamp,
    pub(super) collections: Vec<Described>,
    pub(super) files: Vec<File>,
    pub(super) vectors: Option<Vectors>,
}

impl Pointer {
    /// The pointer to a manifest with this text.
    pub(super) fn to(manifest: &Manifest, text: &[u8]) -> Pointer {
        Pointer {
            format: FORMAT,
            id: manifest.id.clone(),
            blake3: hash(text),
            published: manifest.published,
        }
    }

    /// Reads one.
    ///
    /// # Errors
    ///
    /// It is damaged, or of a later version.
    pub fn read(text: &[u8]) -> Result<Pointer, Trouble> {
        let pointer: Pointer = read(POINTER, text)?;
        let checked = check_id(&pointer.id).and_then(|()| check_hash(&pointer.blake3));
        checked.map_err(|error| damaged(POINTER, &error))?;
        Ok(pointer)
    }
}

impl Manifest {
    /// The manifest of a snapshot that is published now, which is later than another one.
    pub(super) fn new(
        contents: Contents,
        after: Option<&Pointer>,
        now: u64,
        number: u64,
    ) -> Manifest {
        // Names sort by time also where two clocks differ.
        let published = now.max(after.map_or(0, |pointer| pointer.published + 1));
        let Contents { content, stamp, collections, files, vectors } = contents;
        Manifest {
            format: FORMAT,
            id: format!("{}-{:08x}", compact(published), number as u32),
            published,
            made_by: Stamp::current_maker(),
            content,
            stamp,
            collections,
            files,
            vectors,
        }
    }

    /// Where a manifest is.
    pub(super) fn name(id: &str) -> String {
        format!("snapshots/{id}.json")
    }

    /// Reads the manifest that a pointer leads to.
    ///
    /// # Errors
    ///
    /// It is another one, damaged, or of a later version.
    pub fn read(pointer: &Pointer, text: &[u8]) -> Result<Manifest, Trouble> {
        let name = Manifest::name(&pointer.id);
        if hash(text) != pointer.blake3 {
            return Err(Trouble::say(
                Cause::Damaged,
                format!("{name} is not the manifest that {POINTER} names"),
            ));
        }
        let manifest = Manifest::read_any(&name, text)?;
        if manifest.id != pointer.id {
            return Err(damaged(&name, &anyhow::anyhow!("it is that of {:?}", manifest.id)));
        }
        Ok(manifest)
    }

    /// Reads a manifest that nothing is known of.
    ///
    /// # Errors
    ///
    /// It is damaged, or of a later version.
    pub fn read_any(name: &str, text: &[u8]) -> Result<Manifest, Trouble> {
        let manifest: Manifest = read(name, text)?;
        manifest.check().map_err(|error| damaged(name, &error))?;
        Ok(manifest)
    }

    /// Refuses what another version of docent made.
    pub(super) fn fits(&self) -> Result<(), Trouble> {
        let current = Stamp::current_maker();
        if self.made_by == current {
            return Ok(());
        }
        Err(Trouble::say(
            Cause::Foreign,
            format!(
                "the snapshot {} was made by {}, and this is {current}: publish with the version that \
                 follows",
                self.id, self.made_by
            ),
        ))
    }

    /// All that travels, with the name in the folder of a snapshot.
    pub(super) fn all_files(&self) -> impl Iterator<Item = &File> {
        self.files.iter().chain(self.vectors.as_ref().map(|vectors| &vectors.file))
    }

    /// The objects that it consists of, with their sizes.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&str, u64)> {
        self.all_files().flat_map(File::objects)
    }

    /// Bytes of all files.
    pub(super) fn bytes(&self) -> u64 {
        self.all_files().map(|file| file.size).sum()
    }

    /// Whether it is of the same as another one: nothing would be answered otherwise.
    pub(super) fn says_the_same(&self, other: &Manifest) -> bool {
        let vectors = |of: &Manifest| of.vectors.as_ref().map(|vectors| vectors.of.clone());
        self.made_by == other.made_by
            && self.content == other.content
            && self.collections == other.collections
            && vectors(self) == vectors(other)
    }

    fn check(&self) -> anyhow::Result<()> {
        check_id(&self.id)?;
        ensure!(self.all_files().count() <= MOST_FILES, "it has too many files");
        let mut names = BTreeSet::new();
        let mut bytes = 0_u64;
        for file in self.all_files() {
            file.check()?;
            ensure!(names.insert(&file.name), "it has two files {:?}", file.name);
            bytes = bytes.saturating_add(file.size);
        }
        ensure!(bytes <= MOST_BYTES, "it is too large");
        ensure!(self.files.iter().any(|file| file.name == "meta.json"), "it has no meta.json");
        let mut names = BTreeSet::new();
        for collection in &self.collections {
            collection.check()?;
            ensure!(names.insert(&collection.name), "it has {:?} twice", collection.name);
        }
        ensure!(!names.is_empty(), "it has no collection");
        Ok(())
    }
}

impl File {
    /// Its objects, in order, with their sizes.
    pub(super) fn objects(&self) -> impl Iterator<Item = (&str, u64)> {
        let whole = self.pieces.is_empty().then_some((self.blake3.as_str(), self.size));
        let pieces = (0..).zip(&self.pieces).map(|(at, piece)| {
            let size = self.size.saturating_sub(at * PIECE).min(PIECE);
            (piece.as_str(), size)
        });
        whole.into_iter().chain(pieces)
    }

    fn check(&self) -> anyhow::Result<()> {
        check_name(&self.name)?;
        check_hash(&self.blake3)?;
        self.pieces.iter().try_for_each(|piece| check_hash(piece))?;
        let pieces = if self.size <= PIECE { 0 } else { self.size.div_ceil(PIECE) };
        ensure!(self.pieces.len() as u64 == pieces, "{:?} is not in {pieces} pieces", self.name);
        Ok(())
    }
}

impl Described {
    fn check(&self) -> anyhow::Result<()> {
        check_name(&self.name)?;
        let Described { title, description, base_url, version, language, .. } = self;
        for text in [title, description, base_url, version, language].into_iter().flatten() {
            ensure!(text.len() <= LONGEST_TEXT, "it says too much of {:?}", self.name);
        }
        if let Some(url) = base_url {
            let plain = ["https://", "http://"].iter().any(|scheme| url.starts_with(scheme));
            ensure!(
                plain
                    && url.ends_with('/')
                    && !url.contains(|c: char| c.is_whitespace() || c == '"'),
                "{url:?} is not the address of a site"
            );
        }
        Ok(())
    }
}

/// The hash of a text, as hex.
pub(super) fn hash(text: &[u8]) -> String {
    blake3::hash(text).to_hex().to_string()
}

/// Where an object is.
pub(super) fn object(hash: &str) -> String {
    format!("files/{hash}")
}

fn damaged(name: &str, error: &anyhow::Error) -> Trouble {
    Trouble::say(Cause::Damaged, format!("{name} is damaged: {error:#}"))
}

/// Reads JSON of a format that is known; what else stands in it, later versions know.
fn read<T: serde::de::DeserializeOwned>(name: &str, text: &[u8]) -> Result<T, Trouble> {
    let parsed = serde_json::from_slice::<Value>(text).context("it is no JSON");
    let value = parsed.map_err(|error| damaged(name, &error))?;
    match value["format"].as_u64() {
        Some(format) if format > u64::from(FORMAT) => Err(Trouble::say(
            Cause::Foreign,
            format!("{name} was written by a later version of docent: take that one here, too"),
        )),
        Some(_) => serde_json::from_value(value).map_err(|error| damaged(name, &error.into())),
        None => Err(damaged(name, &anyhow::anyhow!("it has no format"))),
    }
}

/// Names become names of files on this machine.
fn check_name(name: &str) -> anyhow::Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let fine = !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(fits);
    if !fine || name.starts_with('.') || name.contains("..") || name.ends_with('.') {
        bail!("the name {name:?} is none that docent gives");
    }
    Ok(())
}

/// The same of names of snapshots.
pub(super) fn check_id(id: &str) -> anyhow::Result<()> {
    check_name(id)?;
    ensure!(!id.contains('.'), "the name {id:?} is none that docent gives");
    Ok(())
}

fn check_hash(hash: &str) -> anyhow::Result<()> {
    let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
    ensure!(hash.len() == 64 && hash.chars().all(hex), "{hash:?} is no BLAKE3 hash");
    Ok(())
}

/// A time that sorts as text: `20261126T102500Z`.
fn compact(seconds: u64) -> String {
    let time =
        i64::try_from(seconds).ok().and_then(|s| time::OffsetDateTime::from_unix_timestamp(s).ok());
    let time = time.unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second()
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn manifest() -> Manifest {
        let file = |name: &str, size, pieces| File {
            name: name.into(),
            size,
            blake3: hash(name.as_bytes()),
            pieces,
        };
        let pieces = vec![hash(b"1"), hash(b"2")];
        let contents = Contents {
            content: hash(b"x"),
            stamp: Stamp::default(),
            collections: vec![Described { name: "docs".into(), ..Described::default() }],
            files: vec![file("meta.json", 3, vec![]), file("a.store", PIECE + 1, pieces)],
            vectors: None,
        };
        Manifest::new(contents, None, 1_795_688_700, 0xab)
    }

    fn text(manifest: &Manifest) -> Vec<u8> {
        serde_json::to_vec(manifest).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let manifest = manifest();
        assert_eq!(manifest.id, "20261126T102500Z-000000ab");
        let pointer = Pointer::to(&manifest, &text(&manifest));
        let written = serde_json::to_vec(&pointer).unwrap();
        assert_eq!(Pointer::read(&written).unwrap(), pointer);
        let read = Manifest::read(&pointer, &text(&manifest)).unwrap();
        assert!(read.says_the_same(&manifest));
        let sizes: Vec<u64> = read.objects().map(|(_, size)| size).collect();
        assert_eq!(sizes, [3, PIECE, 1]);
        // The next one is later, whatever the clock says.
        let contents = |manifest: &Manifest| Contents {
            content: manifest.content.clone(),
            stamp: Stamp::default(),
            collections: manifest.collections.clone(),
            files: manifest.files.clone(),
            vectors: None,
        };
        assert!(Manifest::new(contents(&read), Some(&pointer), 5, 0).id > read.id);
    }

    #[test]
    fn what_is_not_what_was_written_is_refused() {
        let manifest = manifest();
        let text = text(&manifest);
        let pointer = Pointer::to(&manifest, &text);
        for at in [0, text.len() / 2, text.len() - 1] {
            let mut flipped = text.clone();
            flipped[at] ^= 1;
            assert_eq!(Manifest::read(&pointer, &flipped).unwrap_err().cause, Cause::Damaged);
            assert_eq!(Manifest::read(&pointer, &text[..at]).unwrap_err().cause, Cause::Damaged);
        }
    }

    #[test]
    fn whatever_a_manifest_says_it_names_no_other_file() {
        let whole = serde_json::to_value(manifest()).unwrap();
        let mut wrong: Vec<(&str, Value)> = Vec::new();
        for name in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a..b", "c:x", "a\0", "x."] {
            wrong.push(("/files/1/name", json!(name)));
        }
        wrong.push(("/files/1/name", json!("a".repeat(101))));
        wrong.push(("/files/1/name", json!("meta.json")));
        wrong.push(("/files/0/name", json!("other.json")));
        wrong.push(("/files/1/size", json!(PIECE)));
        wrong.push(("/files/1/size", json!(PIECE * 2 + 1)));
        wrong.push(("/files/1/size", json!(u64::MAX)));
        wrong.push(("/files/1/pieces", json!([])));
        wrong.push(("/files/1/blake3", json!("../../etc/passwd")));
        wrong.push(("/files/1/pieces/0", json!("A".repeat(64))));
        wrong.push(("/id", json!("../x")));
        wrong.push(("/id", json!("a.b")));
        wrong.push(("/collections", json!([])));
        wrong.push(("/collections", json!([{"name": "a"}, {"name": "a"}])));
        wrong.push(("/collections/0/name", json!("a/b")));
        wrong.push(("/collections/0", json!({"name": "a", "base_url": "javascript:alert(1)/"})));
        wrong.push(("/collections/0", json!({"name": "a", "title": "x".repeat(5000)})));
        wrong.push(("/format", json!("1")));
        for (place, value) in wrong {
            let mut changed = whole.clone();
            *changed.pointer_mut(place).unwrap() = value;
            let read = Manifest::read_any("it", &serde_json::to_vec(&changed).unwrap());
            assert_eq!(read.unwrap_err().cause, Cause::Damaged, "{changed}");
        }
    }

    #[test]
    fn what_is_of_another_version_is_told_apart() {
        let mut later = serde_json::to_value(manifest()).unwrap();
        later["format"] = json!(2);
        later["files"] = json!("something else");
        let read = Manifest::read_any("it", &serde_json::to_vec(&later).unwrap());
        assert_eq!(read.unwrap_err().cause, Cause::Foreign);
        let mut other = manifest();
        assert!(other.fits().is_ok());
        other.made_by = "docent 9.9.9".into();
        let refused = other.fits().unwrap_err();
        assert_eq!(refused.cause, Cause::Foreign);
        assert!(refused.to_string().contains("was made by docent 9.9.9, and this is docent"));
    }
}
