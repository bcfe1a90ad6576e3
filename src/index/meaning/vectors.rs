//! Vectors in whole numbers of eight bits, one scale each: in a file that only grows, and in
//! memory, where all of them are compared with a question.
//!
//! A record is as long as any other and says by itself whether it is whole. So a process that is
//! killed in the middle of one loses that one, and a disk that lost its power those that had not
//! reached it. A record is found by the hash of the text that it stands for: what is in the file
//! stays true whatever the index does.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use rustc_hash::{FxHashMap, FxHashSet};

/// The first bytes of the file; the last of them is the version of the format.
const MAGIC: [u8; 8] = *b"docentV1";
/// Magic, fingerprint of the model, number of dimensions.
const HEADER: usize = 8 + 16 + 4;
/// Key, scale, check; then the numbers.
const HEAD: usize = 16 + 4 + 4;
/// Vectors of a chunk: those that are whole are shared between generations, the last is copied
/// when it grows, 400 KB at most.
const CHUNK: usize = 1024;
/// Range of a question's numbers: the sum over 2,048 dimensions stays below 2^31.
const QUESTION: f32 = 8191.0;

/// First half of the BLAKE3 hash of a text.
pub(super) type Key = [u8; 16];

/// The key of a text.
pub(super) fn key(text: &str) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    key
}

/// Some vectors, one after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunk {
    scales: Vec<f32>,
    numbers: Vec<i8>,
}

/// The whole numbers nearest to a vector's, and what one stands for. Each is off by at most half
/// of that.
fn quantise(vector: &[f32]) -> (f32, impl Iterator<Item = i8>) {
    let most = vector.iter().fold(0.0f32, |most, number| most.max(number.abs()));
    let scale = most.max(f32::MIN_POSITIVE) / 127.0;
    (scale, vector.iter().map(move |number| (number / scale).round() as i8))
}

/// The product of a question with each vector of the chunks, in their order: the cosine, as all
/// have the length 1.
pub(super) fn compare(chunks: &[Arc<Chunk>], question: &[f32]) -> Vec<f32> {
    let most = question.iter().fold(0.0f32, |most, number| most.max(number.abs()));
    let step = most.max(f32::MIN_POSITIVE) / QUESTION;
    let question: Vec<i16> = question.iter().map(|number| (number / step).round() as i16).collect();
    let mut alike = Vec::with_capacity(chunks.iter().map(|chunk| chunk.scales.len()).sum());
    for chunk in chunks {
        let vectors = chunk.numbers.chunks_exact(question.len());
        alike.extend(vectors.zip(&chunk.scales).map(|(vector, scale)| {
            // Sixteen bits times sixteen, added in pairs: one instruction of any x86-64.
            let products = vector.iter().zip(&question);
            let sum: i32 = products.map(|(a, b)| i32::from(i16::from(*a)) * i32::from(*b)).sum();
            sum as f32 * (scale * step)
        }));
    }
    alike
}

/// The vectors of one model.
#[derive(Debug)]
pub(super) struct Vectors {
    path: PathBuf,
    fingerprint: [u8; 16],
    dimensions: usize,
    /// Open once something is written.
    file: Option<File>,
    known: FxHashMap<Key, u32>,
    chunks: Vec<Arc<Chunk>>,
    /// Bytes of the file that were whole when it was read.
    whole: u64,
}

impl Vectors {
    /// Reads a file; one that is missing, of another model or of another format counts as empty.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub(super) fn open(
        path: &Path,
        fingerprint: [u8; 16],
        dimensions: usize,
    ) -> anyhow::Result<Vectors> {
        let mut vectors = Vectors {
            path: path.to_owned(),
            fingerprint,
            dimensions,
            file: None,
            known: FxHashMap::default(),
            chunks: Vec::new(),
            whole: 0,
        };
        vectors.read().with_context(|| format!("cannot read {}", path.display()))?;
        Ok(vectors)
    }

    /// Length of the file in bytes, if there is one.
    pub(super) fn length(path: &Path) -> u64 {
        std::fs::metadata(path).map_or(0, |file| file.len())
    }

    fn read(&mut self) -> std::io::Result<()> {
        let mut file = match File::open(&self.path) {
            Ok(file) => std::io::BufReader::with_capacity(1 << 18, file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut header = [0; HEADER];
        if !fill(&mut file, &mut header)? || header != self.header() {
            return Ok(());
        }
        self.whole = HEADER as u64;
        let mut record = vec![0; HEAD + self.dimensions];
        while fill(&mut file, &mut record)? {
            self.whole += record.len() as u64;
            let (head, numbers) = record.split_at(HEAD);
            // A record whose check fails is room that is lost until the file is written anew.
            if let (Some(key), Some(scale), Some(sum)) =
                (head.first_chunk(), head[16..].first_chunk(), head[20..].first_chunk())
                && *sum == check(key, scale, numbers)
            {
                let numbers = numbers.iter().map(|byte| i8::from_le_bytes([*byte]));
                self.push(*key, f32::from_le_bytes(*scale), numbers);
            }
        }
        Ok(())
    }

    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(&MAGIC);
        header[8..24].copy_from_slice(&self.fingerprint);
        header[24..].copy_from_slice(&(self.dimensions as u32).to_le_bytes());
        header
    }

    fn push(&mut self, key: Key, scale: f32, numbers: impl Iterator<Item = i8>) {
        if self.known.contains_key(&key) {
            return;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.scales.len() == CHUNK) {
            self.chunks.push(Arc::default());
        }
        let row = (self.chunks.len() - 1) * CHUNK;
        if let Some(chunk) = self.chunks.last_mut().map(Arc::make_mut) {
            self.known.insert(key, (row + chunk.scales.len()) as u32);
            chunk.scales.push(scale);
            chunk.numbers.extend(numbers);
        }
    }

    /// Position of a text's vector among those that [`compare`] goes through.
    pub(super) fn row(&self, key: &Key) -> Option<u32> {
        self.known.get(key).copied()
    }

    /// Number of records in the file, with those that nothing is found by.
    pub(super) fn records(&self) -> usize {
        (self.whole as usize).saturating_sub(HEADER) / (HEAD + self.dimensions)
    }

    /// All vectors, as they are now.
    pub(super) fn chunks(&self) -> Vec<Arc<Chunk>> {
        self.chunks.clone()
    }

    /// Adds vectors, in the file first.
    ///
    /// # Errors
    ///
    /// What the disk says; then none of them is there.
    pub(super) fn add(&mut self, vectors: &[(Key, Vec<f32>)]) -> anyhow::Result<()> {
        let mut bytes = Vec::with_capacity(vectors.len() * (HEAD + self.dimensions));
        for (key, vector) in vectors {
            ensure!(vector.len() == self.dimensions, "a vector of another length");
            put(&mut bytes, *key, vector);
        }
        self.append(&bytes).with_context(|| format!("cannot write {}", self.path.display()))?;
        for (key, vector) in vectors {
            let (scale, numbers) = quantise(vector);
            self.push(*key, scale, numbers);
        }
        Ok(())
    }

    /// Takes the vectors of others of the same model that are not here, in the file first; how many
    /// that were.
    ///
    /// # Errors
    ///
    /// What the disk says; then none of them is there.
    pub(super) fn take(&mut self, others: &Vectors) -> anyhow::Result<usize> {
        ensure!(others.dimensions == self.dimensions, "vectors of another length");
        let mut rows: Vec<(u32, Key)> = others
            .known
            .iter()
            .filter(|(key, _)| !self.known.contains_key(*key))
            .map(|(key, row)| (*row, *key))
            .collect();
        rows.sort_unstable();
        let mut bytes = Vec::with_capacity(rows.len() * (HEAD + self.dimensions));
        for (row, key) in &rows {
            let (scale, numbers) = others.at(*row);
            put_whole(&mut bytes, *key, scale, numbers);
        }
        self.append(&bytes).with_context(|| format!("cannot write {}", self.path.display()))?;
        for (row, key) in &rows {
            let (scale, numbers) = others.at(*row);
            self.push(*key, scale, numbers.iter().copied());
        }
        Ok(rows.len())
    }

    /// Scale and numbers of a vector.
    fn at(&self, row: u32) -> (f32, &[i8]) {
        let (chunk, at) = (&self.chunks[row as usize / CHUNK], row as usize % CHUNK);
        (chunk.scales[at], &chunk.numbers[at * self.dimensions..][..self.dimensions])
    }

    fn append(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.file.is_none() {
            if let Some(folder) = self.path.parent() {
                std::fs::create_dir_all(folder)?;
            }
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(false).open(&self.path)?;
            // What is behind the last whole record is the beginning of one.
            file.set_len(self.whole)?;
            if self.whole == 0 {
                file.write_all(&self.header())?;
                self.whole = HEADER as u64;
            }
            self.file = Some(file);
        }
        let whole = self.whole;
        let Some(file) = &mut self.file else { return Ok(()) };
        let written = file.seek(SeekFrom::Start(whole)).and_then(|_| file.write_all(bytes));
        if let Err(error) = written {
            // Half a record would keep the room that a full disk lacks.
            let _ = file.set_len(whole);
            self.file = None;
            return Err(error);
        }
        self.whole += bytes.len() as u64;
        Ok(())
    }

    /// Writes the file anew with these texts only.
    ///
    /// # Errors
    ///
    /// What the disk says; the file stays as it was.
    pub(super) fn keep(&mut self, keys: &FxHashSet<Key>) -> anyhow::Result<()> {
        let mut bytes = self.header().to_vec();
        let mut kept: Vec<(u32, Key)> = self
            .known
            .iter()
            .filter(|(key, _)| keys.contains(*key))
            .map(|(key, row)| (*row, *key))
            .collect();
        kept.sort_unstable();
        let mut next = Vectors {
            path: self.path.clone(),
            file: None,
            known: FxHashMap::default(),
            chunks: Vec::new(),
            ..*self
        };
        for (row, key) in kept {
            let (scale, numbers) = self.at(row);
            put_whole(&mut bytes, key, scale, numbers);
            next.push(key, scale, numbers.iter().copied());
        }
        let name = self.path.with_extension("new");
        let written =
            std::fs::write(&name, &bytes).and_then(|()| std::fs::rename(&name, &self.path));
        written
            .inspect_err(|_| drop(std::fs::remove_file(&name)))
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        next.whole = bytes.len() as u64;
        *self = next;
        Ok(())
    }
}

/// Fills the buffer; tells whether there was enough.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn put(bytes: &mut Vec<u8>, key: Key, vector: &[f32]) {
    let (scale, numbers) = quantise(vector);
    let numbers: Vec<i8> = numbers.collect();
    put_whole(bytes, key, scale, &numbers);
}

fn put_whole(bytes: &mut Vec<u8>, key: Key, scale: f32, numbers: &[i8]) {
    let scale = scale.to_le_bytes();
    let numbers: Vec<u8> = numbers.iter().map(|number| number.to_le_bytes()[0]).collect();
    bytes.extend(key);
    bytes.extend(scale);
    bytes.extend(check(&key, &scale, &numbers));
    bytes.extend(numbers);
}

fn check(key: &Key, scale: &[u8; 4], numbers: &[u8]) -> [u8; 4] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(key).update(scale).update(numbers);
    let mut sum = [0; 4];
    sum.copy_from_slice(&hasher.finalize().as_bytes()[..4]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of length 1 that look random and are the same each time.
    fn vector(seed: usize, dimensions: usize) -> Vec<f32> {
        let numbers = (0..dimensions).map(|at| ((seed * 7919 + at * 104_729) as f32).sin());
        let mut numbers: Vec<f32> = numbers.collect();
        let length = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
        numbers.iter_mut().for_each(|n| *n /= length);
        numbers
    }

    fn entry(seed: usize) -> (Key, Vec<f32>) {
        (key(&seed.to_string()), vector(seed, 96))
    }

    fn open(path: &Path) -> Vectors {
        Vectors::open(path, [7; 16], 96).unwrap()
    }

    #[test]
    fn a_number_is_off_by_half_a_step_at_most() {
        for seed in 0..50 {
            let vector = vector(seed, 384);
            let (scale, numbers) = quantise(&vector);
            for (exact, number) in vector.iter().zip(numbers) {
                assert!((exact - f32::from(number) * scale).abs() <= scale * 0.5001);
            }
        }
        assert_eq!(quantise(&[0.0; 4]).1.collect::<Vec<_>>(), [0; 4]);
    }

    #[test]
    fn whole_numbers_compare_as_floats_do() {
        let dir = tempfile::tempdir().unwrap();
        let mut vectors = open(&dir.path().join("vectors"));
        let entries: Vec<_> = (0..3000).map(entry).collect();
        vectors.add(&entries).unwrap();
        for seed in [5000, 6000] {
            let question = vector(seed, 96);
            let alike = compare(&vectors.chunks(), &question);
            for (key, vector) in &entries {
                let exact: f32 = vector.iter().zip(&question).map(|(a, b)| a * b).sum();
                let got = alike[vectors.row(key).unwrap() as usize];
                assert!((exact - got).abs() < 0.005, "{exact} {got}");
            }
        }
        let own = compare(&vectors.chunks(), &entries[2047].1);
        let best = own.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
        assert_eq!(best.0, 2047);
    }

    #[test]
    fn a_file_that_was_cut_anywhere_loses_its_last_record_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors");
        open(&path).add(&[entry(1), entry(2)]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in [0, 5, HEADER, HEADER + 9, HEADER + HEAD + 96, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut vectors = open(&path);
            assert_eq!(vectors.known.len(), cut.saturating_sub(HEADER) / (HEAD + 96), "{cut}");
            vectors.add(&[entry(2), entry(3)]).unwrap();
            let again = open(&path);
            for seed in [2, 3] {
                let row = again.row(&entry(seed).0).unwrap() as usize;
                assert!(compare(&again.chunks(), &entry(seed).1)[row] > 0.99, "{cut}");
            }
        }
    }

    #[test]
    fn a_damaged_record_and_another_models_file_are_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors");
        open(&path).add(&[entry(1), entry(2)]).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HEADER + HEAD + 3] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let vectors = open(&path);
        assert_eq!((vectors.row(&entry(1).0), vectors.row(&entry(2).0)), (None, Some(0)));
        assert_eq!(Vectors::open(&path, [8; 16], 96).unwrap().known.len(), 0);
        assert_eq!(Vectors::open(&path, [7; 16], 95).unwrap().known.len(), 0);
    }

    #[test]
    fn vectors_are_taken_from_another_file() {
        let dir = tempfile::tempdir().unwrap();
        let mut others = open(&dir.path().join("others"));
        others.add(&(1..3000).map(entry).collect::<Vec<_>>()).unwrap();
        let path = dir.path().join("vectors");
        let mut vectors = open(&path);
        vectors.add(&[entry(2), entry(4000)]).unwrap();
        assert_eq!(vectors.take(&others).unwrap(), 2998);
        assert_eq!(vectors.take(&others).unwrap(), 0);
        for vectors in [vectors, open(&path)] {
            for seed in [1, 2, 2999, 4000] {
                let row = vectors.row(&entry(seed).0).unwrap() as usize;
                assert!(compare(&vectors.chunks(), &entry(seed).1)[row] > 0.99, "{seed}");
            }
        }
        let other_length = Vectors::open(&path, [7; 16], 95).unwrap();
        assert!(open(&path).take(&other_length).is_err());
    }

    #[test]
    fn what_is_not_kept_leaves_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("vectors");
        let mut vectors = open(&path);
        vectors.add(&[entry(1), entry(2), entry(3)]).unwrap();
        vectors.keep(&[entry(3).0, entry(1).0, entry(9).0].into_iter().collect()).unwrap();
        vectors.add(&[entry(4)]).unwrap();
        for vectors in [vectors, open(&path)] {
            let rows = [1, 2, 3, 4].map(|seed| vectors.row(&entry(seed).0));
            assert_eq!(rows, [Some(0), None, Some(1), Some(2)]);
            assert!(compare(&vectors.chunks(), &entry(3).1)[1] > 0.99);
        }
    }
}
