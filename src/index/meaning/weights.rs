//! Tensors of a file in the safetensors format: eight bytes of length, a JSON header that says
//! where each tensor stands, then their numbers, little-endian.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// A header longer than this is no header; the format's own limit, in bytes.
const MAX_HEADER: usize = 100 << 20;

#[derive(Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// The file, read whole, with its header understood.
pub(super) struct Weights {
    bytes: Vec<u8>,
    data: usize,
    entries: HashMap<String, Entry>,
}

impl Weights {
    /// Reads a file's bytes.
    ///
    /// # Errors
    ///
    /// What does not fit the format.
    pub(super) fn parse(bytes: Vec<u8>) -> anyhow::Result<Weights> {
        let length = bytes.first_chunk().map(|bytes| u64::from_le_bytes(*bytes));
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length =
            length.filter(|length| *length <= MAX_HEADER).context("no safetensors file")?;
        let data = 8 + length;
        let header = bytes.get(8..data).context("the file ends in its header")?;
        let mut members: HashMap<String, serde_json::Value> =
            serde_json::from_slice(header).context("the header is not JSON")?;
        members.remove("__metadata__");
        let entries = members.into_iter().map(|(name, value)| {
            let entry: Entry = serde_json::from_value(value).with_context(|| name.clone())?;
            Ok((name, entry))
        });
        let entries = entries.collect::<anyhow::Result<_>>()?;
        Ok(Weights { bytes, data, entries })
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// A tensor of 32-bit floats of exactly this shape.
    ///
    /// # Errors
    ///
    /// It is missing, of another shape or type, or beyond the end of the file.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> anyhow::Result<Vec<f32>> {
        let entry = self.entries.get(name).with_context(|| format!("no tensor {name}"))?;
        ensure!(
            entry.shape == shape,
            "tensor {name} has the shape {:?}, not {shape:?}",
            entry.shape
        );
        if entry.dtype != "F32" {
            bail!("tensor {name} has numbers of type {}: this version reads F32", entry.dtype);
        }
        let [from, to] = entry.data_offsets.map(|at| at.saturating_add(self.data));
        let bytes = self.bytes.get(from..to).filter(|bytes| {
            shape.iter().try_fold(4usize, |n, side| n.checked_mul(*side)) == Some(bytes.len())
        });
        let bytes = bytes.with_context(|| format!("tensor {name} is cut off"))?;
        let (numbers, _) = bytes.as_chunks();
        Ok(numbers.iter().map(|number| f32::from_le_bytes(*number)).collect())
    }
}

/// Reads a whole file, and names it where that fails.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[f32]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.extend(data.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    #[test]
    fn tensors_are_read_and_held_to_their_shape() {
        let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[1],"data_offsets":[0,2]},"c":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}"#;
        let weights = Weights::parse(file(header, &[1.5, -2.0])).unwrap();
        assert_eq!(weights.tensor("a", &[2, 1]).unwrap(), [1.5, -2.0]);
        let refusals = [("a", vec![2], "shape"), ("b", vec![1], "F16"), ("c", vec![4], "cut off")];
        for (name, shape, told) in refusals {
            let error = weights.tensor(name, &shape).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(weights.tensor("d", &[1]).is_err());
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for bytes in [vec![], vec![255; 8], file("{", &[]), b"\x10\0\0\0\0\0\0\0{}".to_vec()] {
            assert!(Weights::parse(bytes).is_err());
        }
    }
}
