//! A sentence-embedding model in a data folder: where it stands, what it is made of, and whether
//! it is still what was added.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::onnx::Graph;
use super::pooling::Pooling;
use super::tokenizer::Tokenizer;
use super::weights;

/// Files of a model that is run by docent's own network, in the order in which they are fetched:
/// the small ones first.
pub const FILES: [&str; 3] = ["config.json", "tokenizer.json", "model.safetensors"];
/// Files of any other.
const ONNX_FILES: [&str; 2] = ["tokenizer.json", "model.onnx"];
/// Folder of the model in a data folder.
const FOLDER: &str = "model";
/// The file that says what was added.
const MANIFEST: &str = "docent.json";
/// Tokens that a model reads where its folder does not say: what most are trained with.
const WINDOW: usize = 256;

/// A model that can be added by its name.
#[derive(Debug)]
pub struct Known {
    /// What it is called here.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Folder on the hub, with the revision: what is behind it never changes.
    pub path: &'static str,
    /// Bytes and BLAKE3 hash of each of [`FILES`].
    pub files: [(u64, &'static str); 3],
    window: usize,
}

/// Every model that can be added by its name.
pub const KNOWN: &[Known] = &[Known {
    name: "all-minilm-l6-v2",
    about: "English, 384 numbers a section, 91 MB, Apache-2.0",
    path: "sentence-transformers/all-MiniLM-L6-v2/resolve/1110a243fdf4706b3f48f1d95db1a4f5529b4d41",
    files: [
        (612, "02ba870d29dc00b373fe71bd273baca30586d6577def4130456e756c7b286890"),
        (466_247, "82483bb4f0bdb81779f295ecc5a93285d2156834e994a2169f9800e4c8f250c1"),
        (90_868_376, "8087e9bf97c265f8435ed268733ecf3791825ad24850fd5d84d89e32ee3a589a"),
    ],
    window: 256,
}];

/// The model of that name.
pub fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name.eq_ignore_ascii_case(name))
}

/// What was added.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// Name of a known model, or of the folder that it came from.
    pub name: String,
    /// Tokens of a text that it reads.
    window: usize,
    /// Whether the first token stands for the text; else their mean does.
    first_token: bool,
    /// BLAKE3 hash of each file.
    files: BTreeMap<String, String>,
}

impl Manifest {
    /// What stands in a data folder, if anything does.
    ///
    /// # Errors
    ///
    /// A folder that holds no readable manifest.
    pub fn read(data_dir: &Path) -> anyhow::Result<Option<Manifest>> {
        let folder = data_dir.join(FOLDER);
        if !folder.exists() {
            return Ok(None);
        }
        let path = folder.join(MANIFEST);
        let manifest = weights::read(&path)?;
        let manifest = serde_json::from_slice(&manifest)
            .with_context(|| format!("{} is damaged; add the model again", path.display()))?;
        Ok(Some(manifest))
    }
}

/// Takes the model out of a data folder; tells which it was.
///
/// # Errors
///
/// What the disk says.
pub fn remove(data_dir: &Path) -> anyhow::Result<Option<String>> {
    let folder = data_dir.join(FOLDER);
    if !folder.exists() {
        return Ok(None);
    }
    let name = Manifest::read(data_dir).ok().flatten().map_or("unknown".into(), |it| it.name);
    for folder in [folder, super::vectors_folder(data_dir)] {
        if folder.exists() {
            std::fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
    }
    Ok(Some(name))
}

/// A model, loaded.
pub struct Model {
    name: String,
    fingerprint: [u8; 16],
    tokenizer: Tokenizer,
    encoder: Encoder,
    window: usize,
}

/// What makes vectors of tokens.
enum Encoder {
    Network(Network),
    Graph(Graph),
}

impl Model {
    /// Loads the model of a data folder, if there is one.
    ///
    /// # Errors
    ///
    /// Files that are missing, or are not those that were added.
    pub fn open(data_dir: &Path) -> anyhow::Result<Option<Model>> {
        let Some(manifest) = Manifest::read(data_dir)? else { return Ok(None) };
        Model::load(&data_dir.join(FOLDER), &manifest).map(Some)
    }

    fn load(folder: &Path, manifest: &Manifest) -> anyhow::Result<Model> {
        let mut hasher = blake3::Hasher::new();
        let mut weights = Vec::new();
        for name in manifest.names() {
            let path = folder.join(name);
            weights = weights::read(&path)?;
            let hash = blake3::hash(&weights).to_hex();
            ensure!(
                manifest.files.get(*name).is_some_and(|added| **added == *hash),
                "{} is not what was added; add the model again",
                path.display()
            );
            hasher.update(hash.as_bytes());
        }
        let pooling = if manifest.first_token { Pooling::First } else { Pooling::Mean };
        hasher.update(format!("{} {pooling:?}", manifest.window).as_bytes());
        let tokenizer = Tokenizer::read(folder)?;
        let (encoder, window) = if manifest.is_onnx() {
            (Encoder::Graph(Graph::read(weights, pooling)?), manifest.window)
        } else {
            let network = Network::read(folder, weights, pooling)?;
            ensure!(
                tokenizer.vocabulary() <= network.vocabulary(),
                "tokenizer.json and model.safetensors do not belong together"
            );
            let window = manifest.window.min(network.positions());
            (Encoder::Network(network), window)
        };
        let hash = hasher.finalize();
        let fingerprint = *hash.as_bytes().first_chunk().context("a hash has 32 bytes")?;
        Ok(Model { name: manifest.name.clone(), fingerprint, tokenizer, encoder, window })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Differs for models that give other vectors.
    pub(super) fn fingerprint(&self) -> [u8; 16] {
        self.fingerprint
    }

    /// Numbers of a vector.
    pub(super) fn dimensions(&self) -> usize {
        match &self.encoder {
            Encoder::Network(network) => network.dimensions(),
            Encoder::Graph(graph) => graph.dimensions(),
        }
    }

    /// The vector of a text's beginning, of length 1.
    ///
    /// # Errors
    ///
    /// Numbers that are none; only a model that is not what it seems gives them.
    pub(super) fn embed(&self, text: &str) -> anyhow::Result<Vec<f32>> {
        self.embed_some(text, self.window)
    }

    /// The same of at most this many tokens.
    pub(super) fn embed_some(&self, text: &str, most: usize) -> anyhow::Result<Vec<f32>> {
        let tokens = self.tokenizer.tokens(text, most.min(self.window))?;
        match &self.encoder {
            Encoder::Network(network) => network.embed(&tokens),
            Encoder::Graph(graph) => graph.embed(&tokens),
        }
    }
}

/// A model that is being added: nothing of it is seen before it is whole, and nothing stays when
/// it does not get there.
pub struct Staging {
    data_dir: PathBuf,
    folder: PathBuf,
    files: BTreeMap<String, String>,
}

impl Staging {
    /// Begins, in place of any earlier attempt.
    ///
    /// # Errors
    ///
    /// What the disk says.
    pub fn new(data_dir: &Path) -> anyhow::Result<Staging> {
        let folder = data_dir.join(format!("{FOLDER}.new"));
        let failed = || format!("cannot write to {}", folder.display());
        if folder.exists() {
            std::fs::remove_dir_all(&folder).with_context(failed)?;
        }
        std::fs::create_dir_all(&folder).with_context(failed)?;
        Ok(Staging { data_dir: data_dir.to_owned(), folder, files: BTreeMap::new() })
    }

    /// Takes a file in, piece by piece as `next` fills the buffer, and tells its size and hash.
    ///
    /// # Errors
    ///
    /// What `next` or the disk says.
    pub fn take(
        &mut self,
        name: &str,
        mut next: impl FnMut(&mut [u8]) -> anyhow::Result<usize>,
    ) -> anyhow::Result<(u64, String)> {
        let path = self.folder.join(name);
        let failed = || format!("cannot write {}", path.display());
        let mut file = File::create(&path).with_context(failed)?;
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        let mut size = 0;
        loop {
            let read = next(&mut buffer)?;
            if read == 0 {
                break;
            }
            size += read as u64;
            hasher.update(&buffer[..read]);
            file.write_all(&buffer[..read]).with_context(failed)?;
        }
        // What is renamed into place is on the disk, or a power cut would leave empty files.
        file.sync_all().with_context(failed)?;
        let hash = hasher.finalize().to_hex().to_string();
        self.files.insert(name.to_owned(), hash.clone());
        Ok((size, hash))
    }

    /// Copies the files of a folder in.
    ///
    /// # Errors
    ///
    /// A folder that lacks one of them; says which there should be.
    pub fn take_folder(&mut self, from: &Path) -> anyhow::Result<()> {
        for (name, path) in files_of(from)? {
            let mut file =
                File::open(&path).with_context(|| format!("cannot read {}", path.display()))?;
            self.take(name, |buffer| Ok(std::io::Read::read(&mut file, buffer)?))?;
        }
        Ok(())
    }

    /// Makes what was taken in the model of the data folder, in place of any other, after it gave
    /// a first vector.
    ///
    /// # Errors
    ///
    /// Files that make no model; what the disk says.
    pub fn finish(self, manifest: Manifest) -> anyhow::Result<Manifest> {
        let manifest = Manifest { files: self.files.clone(), ..manifest };
        Model::load(&self.folder, &manifest)?.embed("A first sentence.")?;
        let path = self.folder.join(MANIFEST);
        std::fs::write(&path, serde_json::to_vec_pretty(&manifest)?)
            .with_context(|| format!("cannot write {}", path.display()))?;
        let target = self.data_dir.join(FOLDER);
        let failed = || format!("cannot put the model into {}", target.display());
        if target.exists() {
            std::fs::remove_dir_all(&target).with_context(failed)?;
        }
        std::fs::rename(&self.folder, &target).with_context(failed)?;
        Ok(manifest)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Gone already if it was finished; what cannot be removed now is removed by the next try.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The files of a model in a folder, as they are called here. A folder with both kinds of weights
/// is taken as the kind that docent's own network runs, which is twice as fast.
fn files_of(from: &Path) -> anyhow::Result<Vec<(&'static str, PathBuf)>> {
    let in_root = |name: &'static str| (name, from.join(name));
    let there = |files: &[(&'static str, PathBuf)]| files.iter().all(|(_, path)| path.is_file());
    let own: Vec<_> = FILES.into_iter().map(in_root).collect();
    if there(&own) {
        return Ok(own);
    }
    // Where it is published, the network has a folder of its own.
    for folder in [from.to_owned(), from.join("onnx")] {
        let [tokenizer, network] = ONNX_FILES;
        let files = vec![in_root(tokenizer), (network, folder.join(network))];
        if there(&files) {
            return Ok(files);
        }
    }
    bail!(
        "{} is no model: that is a folder with {}, or with {}",
        from.display(),
        FILES.join(", "),
        ONNX_FILES.join(", ")
    )
}

impl Manifest {
    fn is_onnx(&self) -> bool {
        let [_, network] = ONNX_FILES;
        self.files.contains_key(network)
    }

    /// The files in the order in which they are read.
    fn names(&self) -> &'static [&'static str] {
        if self.is_onnx() { &ONNX_FILES } else { &FILES }
    }

    /// For a known model.
    pub fn of(known: &Known) -> Manifest {
        Manifest {
            name: known.name.into(),
            window: known.window,
            first_token: false,
            files: BTreeMap::new(),
        }
    }

    /// For a folder, by the files that sentence-transformers keeps beside the network.
    ///
    /// # Errors
    ///
    /// A way to make a text's vector that this version does not know.
    pub fn of_folder(from: &Path) -> anyhow::Result<Manifest> {
        #[derive(Deserialize, Default)]
        #[serde(default)]
        struct Length {
            max_seq_length: Option<usize>,
        }
        #[derive(Deserialize)]
        #[serde(default)]
        struct PoolingFile {
            pooling_mode_cls_token: bool,
            pooling_mode_mean_tokens: bool,
        }
        impl Default for PoolingFile {
            fn default() -> Self {
                PoolingFile { pooling_mode_cls_token: false, pooling_mode_mean_tokens: true }
            }
        }
        fn read<T: Default + serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
            if !path.exists() {
                return Ok(T::default());
            }
            let named = || format!("{} cannot be used", path.display());
            serde_json::from_slice(&weights::read(path)?).with_context(named)
        }
        let length: Length = read(&from.join("sentence_bert_config.json"))?;
        let path = from.join("1_Pooling").join("config.json");
        let pooling: PoolingFile = read(&path)?;
        ensure!(
            pooling.pooling_mode_cls_token != pooling.pooling_mode_mean_tokens,
            "{}: this version knows the mean of the tokens, or the first of them",
            path.display()
        );
        let name = from.file_name().map_or("model".into(), |name| name.to_string_lossy().into());
        Ok(Manifest {
            name,
            window: length.max_seq_length.unwrap_or(WINDOW).max(8),
            first_token: pooling.pooling_mode_cls_token,
            files: BTreeMap::new(),
        })
    }
}
