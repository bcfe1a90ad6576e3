//! Keys that a deployment brings along: hashes in a file that the server only reads, and one that
//! stands in the settings.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow, bail, ensure};
use rustc_hash::FxHashMap;
use serde::Deserialize;

use super::secret;
use super::watched::Watched;
use crate::limits::Limit;
pub use crate::store::hex;
use crate::store::{Key, KeyScope};

/// Where a key is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// In the data folder.
    Store,
    /// In the file that `keys_file` names.
    File,
    /// In the setting `key_hash`.
    Setting,
}

impl Origin {
    /// The name that people know it by.
    pub fn name(self) -> &'static str {
        match self {
            Origin::Store => "data_dir",
            Origin::File => "keys_file",
            Origin::Setting => "key_hash",
        }
    }
}

/// The keys of a file and of a setting; by default none.
#[derive(Default)]
pub struct Listed {
    file: Option<File>,
    keys: Mutex<Brought>,
}

struct File {
    path: PathBuf,
    watched: Mutex<Watched>,
}

/// Keys by their ids, and where each is kept.
type Brought = Arc<FxHashMap<String, (Key, Origin)>>;

/// The file as it is written; unknown names are errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    keys: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    hash: String,
    limit: Option<String>,
    collections: Option<Vec<String>>,
    tools: Option<Vec<String>>,
    expires: Option<toml::value::Datetime>,
}

impl Listed {
    /// With the key that is written as `ID:HASH`.
    ///
    /// # Errors
    ///
    /// It is not written so.
    pub fn with_single(self, text: &str) -> anyhow::Result<Listed> {
        // Nothing of what stands there is repeated: it may be a key by mistake.
        let Some((id, hash)) = text.split_once(':') else {
            bail!("this is not ID:HASH; docent key create --for-file prints what to put here");
        };
        let key = Key { name: "key_hash".into(), ..key(id, hash)? };
        let mut keys = Arc::unwrap_or_clone(self.now());
        keys.insert(key.id.clone(), (key, Origin::Setting));
        Ok(Listed { keys: Mutex::new(Arc::new(keys)), ..self })
    }

    /// With the keys of a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, or holds what is no key: its name, and what is wrong.
    pub fn with_file(self, path: &Path) -> anyhow::Result<Listed> {
        let watched = Mutex::new(Watched::new(vec![path.to_owned()]));
        self.read(path)?;
        Ok(Listed { file: Some(File { path: path.to_owned(), watched }), ..self })
    }

    /// The keys now. A file that was changed is read again; one that cannot be read changes nothing.
    pub(super) fn now(&self) -> Brought {
        if let Some(File { path, watched }) = &self.file
            && watched.lock().unwrap_or_else(PoisonError::into_inner).changed()
        {
            match self.read(path) {
                Ok(count) => tracing::info!(keys = count, "read {} again", path.display()),
                Err(error) => {
                    tracing::error!("{error:#}; the keys from before it was changed stay")
                }
            }
        }
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where a key is kept that nobody can change here, in words.
    pub(super) fn place(&self, id: &str) -> Option<String> {
        let (_, origin) = self.now().get(id).cloned()?;
        let file = self.file.as_ref().filter(|_| origin == Origin::File);
        Some(file.map_or("the setting key_hash".into(), |file| file.path.display().to_string()))
    }

    /// Reads the file; the number of keys in it.
    fn read(&self, path: &Path) -> anyhow::Result<usize> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the keys file {}", path.display()))?;
        // The parser would show the line, and by mistake a key may stand in it.
        let named = |error: String| {
            let is_safe = !error.contains(secret::PREFIX);
            let error = if is_safe { &error } else { "a key itself stands in it, not its hash" };
            anyhow!("{}: {error}", path.display())
        };
        let Written { keys: entries } = toml::from_str(&text).map_err(|error| {
            let before = text.get(..error.span().map_or(0, |span| span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            named(format!("line {line}: {}", error.message()))
        })?;
        let count = entries.len();
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = keys.iter().filter(|(_, (_, origin))| *origin == Origin::Setting);
        let mut read: FxHashMap<_, _> = kept.map(|(id, key)| (id.clone(), key.clone())).collect();
        for entry in entries {
            let id = entry.id.clone();
            let key = entry.key().map_err(|error| named(format!("the key {id}: {error:#}")))?;
            if read.insert(id.clone(), (key, Origin::File)).is_some() {
                return Err(named(format!("the key {id} stands twice")));
            }
        }
        *keys = Arc::new(read);
        Ok(count)
    }
}

impl Entry {
    fn key(self) -> anyhow::Result<Key> {
        let limit = self.limit.as_deref().map(str::parse::<Limit>).transpose().context("limit")?;
        let expires = self.expires.map(|expires| date(&expires.to_string())).transpose()?;
        let mut key = key(&self.id, &self.hash)?;
        key.name = self.name;
        key.limit = limit.map(Into::into);
        key.scope = KeyScope { collections: self.collections, tools: self.tools };
        key.expires = expires;
        Ok(key)
    }
}

/// A key of which only this is known.
fn key(id: &str, hash: &str) -> anyhow::Result<Key> {
    ensure!(secret::is_id(id), "id: a key's id is 8 letters and digits");
    let hash = unhex(hash).context(
        "hash: it is 64 hexadecimal digits, the SHA-256 of the whole key; docent key create \
         --for-file prints it",
    )?;
    Ok(Key {
        id: id.to_owned(),
        hash,
        name: String::new(),
        family: id.to_owned(),
        limit: None,
        scope: KeyScope::default(),
        created: 0,
        expires: None,
        revoked: None,
        used: None,
    })
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let fits = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2).filter(|_| fits)?, 16).ok()?;
    }
    Some(bytes)
}

/// Seconds since 1970.
fn date(text: &str) -> anyhow::Result<u64> {
    let date = humantime::parse_rfc3339(text).ok();
    let since = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
    let since = since
        .with_context(|| format!("expires: {text} is no time such as 2027-02-23T09:30:00Z"))?;
    Ok(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::super::{Caller, Denied, Keys, Secret};
    use super::*;
    use crate::store::{KeyLimit, SqliteStore, Store};

    fn entry(secret: &Secret, more: &str) -> String {
        let (id, hash) = (secret.id(), hex(&secret.hash()));
        format!("[[keys]]\nid = \"{id}\"\nname = \"ci\"\nhash = \"{hash}\"\n{more}\n")
    }

    /// A store, and a file beside it.
    fn place() -> (tempfile::TempDir, Arc<dyn Store>, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(dir.path()).unwrap());
        let path = dir.path().join("keys.toml");
        (dir, store, path)
    }

    fn check(keys: &Keys, secret: &Secret, now: u64) -> Result<Caller, Denied> {
        keys.check(secret.reveal(), now).unwrap()
    }

    fn error(path: &Path) -> String {
        format!("{:#}", Listed::default().with_file(path).err().unwrap())
    }

    #[test]
    fn keys_of_a_file_and_of_a_setting_let_in() {
        let (_dir, store, path) = place();
        let [in_file, alone, stranger] = [(); 3].map(|()| Secret::new().unwrap());
        let more = "limit = \"600/hour\"\nexpires = 1970-01-01T00:10:00Z";
        std::fs::write(&path, entry(&in_file, more)).unwrap();
        let single = format!("{}:{}", alone.id(), hex(&alone.hash()).to_uppercase());
        let listed = Listed::default().with_single(&single).unwrap().with_file(&path).unwrap();
        let keys = Keys::open(store).unwrap().with(listed);
        let caller = check(&keys, &in_file, 599).unwrap();
        assert_eq!(caller.limit, Some(KeyLimit { calls: 600, seconds: 3600 }));
        assert!(!caller.unnoted, "there is no place to note it");
        assert_eq!(check(&keys, &in_file, 600), Err(Denied::Expired));
        let caller = check(&keys, &alone, 600).unwrap();
        assert_eq!((caller.id.as_str(), caller.name.as_str()), (alone.id(), "key_hash"));
        assert_eq!(check(&keys, &stranger, 0), Err(Denied::Unknown));
        let mut places: Vec<&str> =
            keys.list_all().unwrap().iter().map(|(_, origin)| origin.name()).collect();
        places.sort_unstable();
        assert_eq!(places, ["key_hash", "keys_file"]);
    }

    #[test]
    fn a_file_that_changes_counts_at_the_next_call_and_a_broken_one_changes_nothing() {
        let (_dir, store, path) = place();
        let [first, second, single] = [(); 3].map(|()| Secret::new().unwrap());
        std::fs::write(&path, entry(&first, "")).unwrap();
        let listed = Listed::default();
        let listed = listed.with_single(&format!("{}:{}", single.id(), hex(&single.hash())));
        let keys = Keys::open(store).unwrap().with(listed.unwrap().with_file(&path).unwrap());
        for broken in ["[[keys]]\n", "nonsense", &entry(&second, "x = 1")] {
            std::fs::write(&path, broken).unwrap();
            assert!(check(&keys, &first, 0).is_ok(), "{broken}");
            assert_eq!(check(&keys, &second, 0), Err(Denied::Unknown));
        }
        std::fs::remove_file(&path).unwrap();
        assert!(check(&keys, &first, 0).is_ok());
        std::fs::write(&path, entry(&second, "")).unwrap();
        assert_eq!(check(&keys, &first, 0), Err(Denied::Unknown));
        assert!(check(&keys, &second, 0).is_ok());
        assert!(check(&keys, &single, 0).is_ok(), "it is not of the file");
    }

    #[test]
    fn a_key_that_was_revoked_in_the_store_is_not_brought_back_by_a_file() {
        let (_dir, store, path) = place();
        let keys = Keys::open(store).unwrap();
        let (secret, _) = keys.create("ci", None, None, 0).unwrap();
        keys.revoke(secret.id(), 1).unwrap();
        std::fs::write(&path, entry(&secret, "")).unwrap();
        let keys = keys.with(Listed::default().with_file(&path).unwrap());
        assert_eq!(check(&keys, &secret, 2), Err(Denied::Revoked));
    }

    #[test]
    fn keys_of_a_file_are_changed_there_only() {
        let (_dir, store, path) = place();
        let secret = Secret::new().unwrap();
        std::fs::write(&path, entry(&secret, "")).unwrap();
        let keys = Keys::open(store).unwrap().with(Listed::default().with_file(&path).unwrap());
        for error in [
            keys.revoke(secret.id(), 1).err().unwrap(),
            keys.rotate(secret.id(), 1, None, 1).err().unwrap(),
        ] {
            let error = error.to_string();
            assert!(error.contains("keys.toml, which only you can change: take it out"), "{error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_is_repeated() {
        let (_dir, _store, path) = place();
        let secret = Secret::new().unwrap();
        assert!(error(&path).contains("cannot read the keys file"));
        let good = entry(&secret, "");
        let hash = hex(&secret.hash());
        for (text, part) in [
            (good.replace("name", "nmae"), "keys.toml: line 3: unknown field `nmae`"),
            (good.replace("[[keys]]", "[[key]]"), "line 1: unknown field `key`"),
            (good.replace("name = \"ci\"\n", ""), "missing field `name`"),
            (good.replace(&hash, secret.reveal()), "hash: it is 64 hexadecimal digits"),
            (good.replace(&hash, &"+f".repeat(32)), "hash: it is 64 hexadecimal digits"),
            (good.replace(&format!("\"{hash}\""), secret.reveal()), "keys.toml: "),
            (format!("keys = [\"{}\"]", secret.reveal()), "a key itself stands in it"),
            (good.replace(secret.id(), secret.reveal()), "a key itself stands in it"),
            (good.replace(secret.id(), "x"), "the key x: id: a key's id is 8 letters"),
            (format!("{good}{good}"), "stands twice"),
            (entry(&secret, "limit = \"5\""), "limit: \"5\" is not CALLS/UNIT"),
            (entry(&secret, "expires = 2027-01-01"), "expires: 2027-01-01 is no time such as"),
        ] {
            std::fs::write(&path, &text).unwrap();
            let error = error(&path);
            assert!(error.contains(part), "{text}: {error}");
            assert!(!error.contains(&secret.reveal()[17..]), "{error}");
        }
        for text in
            [secret.reveal(), "", "abc:def", &format!("{}:{}", secret.id(), secret.reveal())]
        {
            let error = Listed::default().with_single(text).err().unwrap().to_string();
            assert!(!error.contains(&secret.reveal()[17..]), "{error}");
        }
    }
}
