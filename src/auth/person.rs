//! People, of whom nothing is kept but a keyed hash: enough to know them again, and to nobody else
//! the name of anybody.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, anyhow, ensure};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Name of the key's file in a data folder. It is no part of the state: who steals one of the two
/// learns nothing about anybody.
const FILE: &str = "people.key";
/// Bytes of the key.
const LENGTH: usize = 32;

/// Turns people into keyed hashes.
pub struct People(Key);

impl People {
    /// Reads the key of a data folder, and makes one if there is none. Without the old one everybody
    /// is somebody new: nothing is lost but who had used up what.
    ///
    /// # Errors
    ///
    /// A file that cannot be read or written, or is no key; the system gives no random numbers.
    pub fn open(data_dir: &Path) -> anyhow::Result<People> {
        let path = data_dir.join(FILE);
        let named = || format!("cannot read the key in {}", path.display());
        let key = match std::fs::read(&path) {
            Ok(key) => key,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => make(data_dir, &path)
                .with_context(|| format!("cannot make the key in {}", path.display()))?,
            Err(error) => return Err(error).with_context(named),
        };
        ensure!(key.len() == LENGTH, "{} is no key: it has not {LENGTH} bytes", path.display());
        Ok(People(Key::new(HMAC_SHA256, &key)))
    }

    /// The key of servers that share a state: made of random bytes there and of a secret that all of them
    /// know and the state does not, so that who steals the state learns nothing about anybody. With another
    /// secret everybody is somebody new.
    ///
    /// # Errors
    ///
    /// The key cannot be derived.
    pub fn shared(salt: &[u8], secret: &str) -> anyhow::Result<People> {
        struct Length;
        impl KeyType for Length {
            fn len(&self) -> usize {
                LENGTH
            }
        }
        let mut key = [0u8; LENGTH];
        Salt::new(HKDF_SHA256, salt)
            .extract(secret.as_bytes())
            .expand(&[b"docent: people"], Length)
            .and_then(|derived| derived.fill(&mut key))
            .map_err(|_| anyhow!("cannot derive the key of people"))?;
        Ok(People(Key::new(HMAC_SHA256, &key)))
    }

    /// Random bytes for a new key.
    ///
    /// # Errors
    ///
    /// The system gives none.
    pub fn fresh() -> anyhow::Result<[u8; LENGTH]> {
        let mut key = [0u8; LENGTH];
        getrandom::fill(&mut key).map_err(|error| anyhow!("{error}"))?;
        Ok(key)
    }

    /// The hash of a subject of an issuer, for good. Two issuers may use one name for two people.
    pub fn hash(&self, issuer: &str, subject: &str) -> String {
        // The length before the issuer: no two pairs are written alike.
        let text = format!("{}:{issuer}{subject}", issuer.len());
        URL_SAFE_NO_PAD.encode(sign(&self.0, text.as_bytes()))
    }
}

/// Makes a key that only this user can read. Of two who try at once, one makes it for both.
fn make(data_dir: &Path, path: &Path) -> anyhow::Result<Vec<u8>> {
    let key = People::fresh()?;
    std::fs::create_dir_all(data_dir)?;
    let fresh = path.with_extension(format!("{}.tmp", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh)?;
    file.write_all(&key)?;
    file.sync_all()?;
    // Unlike a move, a link never takes the place of a key that is there.
    let linked = std::fs::hard_link(&fresh, path);
    std::fs::remove_file(&fresh)?;
    match linked {
        Ok(()) => Ok(key.to_vec()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(std::fs::read(path)?),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_known_again_and_by_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let people = People::open(dir.path()).unwrap();
        let hash = people.hash("https://accounts.google.com", "1234");
        let again = People::open(dir.path()).unwrap();
        assert_eq!(again.hash("https://accounts.google.com", "1234"), hash);
        assert!(!hash.contains("1234"));
        let elsewhere = tempfile::tempdir().unwrap();
        let other = People::open(elsewhere.path()).unwrap();
        assert_ne!(other.hash("https://accounts.google.com", "1234"), hash);
    }

    #[test]
    fn one_name_at_two_issuers_is_two_people() {
        let dir = tempfile::tempdir().unwrap();
        let people = People::open(dir.path()).unwrap();
        assert_ne!(people.hash("https://a.example", "1"), people.hash("https://b.example", "1"));
        assert_ne!(people.hash("https://a.example", "11"), people.hash("https://a.example1", "1"));
    }

    #[test]
    fn servers_with_one_salt_and_one_secret_know_the_same_people() {
        let hash = |salt: &[u8], secret: &str| {
            People::shared(salt, secret).unwrap().hash("https://a.example", "1")
        };
        assert_eq!(hash(b"salt", "secret"), hash(b"salt", "secret"));
        assert_ne!(hash(b"salt", "secret"), hash(b"salt", "another"));
        assert_ne!(hash(b"salt", "secret"), hash(b"other", "secret"));
    }

    #[test]
    fn no_two_keys_are_alike() {
        assert_ne!(People::fresh().unwrap(), People::fresh().unwrap());
    }

    #[test]
    fn of_two_who_make_the_key_at_once_one_makes_it_for_both() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let first = make(dir.path(), &path).unwrap();
        assert_eq!(make(dir.path(), &path).unwrap(), first);
        assert!(make(dir.path(), &dir.path().join("nowhere").join(FILE)).is_err());
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_reads_the_key_and_a_broken_one_is_not_replaced() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        People::open(dir.path()).unwrap();
        let path = dir.path().join(FILE);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"short").unwrap();
        assert!(People::open(dir.path()).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"short");
    }
}
