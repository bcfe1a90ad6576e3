//! Tensors of a file in the safetensors format.

use std::path::Path;

use anyhow::{Context, ensure};
use safetensors::{Dtype, SafeTensors};

/// The tensors of a file that is in memory.
pub(super) struct Weights<'a>(SafeTensors<'a>);

impl Weights<'_> {
    /// Reads a file's bytes.
    ///
    /// # Errors
    ///
    /// What does not fit the format.
    pub(super) fn parse(bytes: &[u8]) -> anyhow::Result<Weights<'_>> {
        Ok(Weights(SafeTensors::deserialize(bytes).context("no safetensors file")?))
    }

    /// Whether there is a tensor of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.tensor(name).is_ok()
    }

    /// A tensor of 32-bit floats of exactly this shape.
    ///
    /// # Errors
    ///
    /// It is missing, or of another shape or type.
    pub(super) fn tensor(&self, name: &str, shape: &[usize]) -> anyhow::Result<Vec<f32>> {
        let tensor = self.0.tensor(name).with_context(|| format!("no tensor {name}"))?;
        let (found, kind) = (tensor.shape(), tensor.dtype());
        ensure!(found == shape, "tensor {name} has the shape {found:?}, not {shape:?}");
        ensure!(
            kind == Dtype::F32,
            "tensor {name} has numbers of type {kind}: this version reads F32"
        );
        let (numbers, _) = tensor.data().as_chunks();
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
        let header = r#"{"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},"b":{"dtype":"F16","shape":[2],"data_offsets":[8,12]}}"#;
        let bytes = file(header, &[1.5, -2.0, 0.0]);
        let weights = Weights::parse(&bytes).unwrap();
        assert!(weights.has("a") && !weights.has("d"));
        assert_eq!(weights.tensor("a", &[2, 1]).unwrap(), [1.5, -2.0]);
        for (name, shape, told) in [("a", vec![2], "shape"), ("b", vec![2], "F16")] {
            let error = weights.tensor(name, &shape).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(weights.tensor("d", &[1]).is_err());
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        for bytes in [vec![], vec![255; 8], file("{", &[]), b"\x10\0\0\0\0\0\0\0{}".to_vec()] {
            assert!(Weights::parse(&bytes).is_err());
        }
    }
}
