//! Things kept under a secret that only somebody else has: they are found by its hash and opened
//! with itself, so that a stolen file says nothing.

use anyhow::{anyhow, ensure};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use sha2::{Digest, Sha256};

/// What keys are derived for, so that none of them is ever the hash that things are found by.
const PURPOSE: &[u8] = b"docent: what a token stands for";

/// SHA-256. The secrets are random and long: nobody finds one by trying.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Seals bytes with a secret.
///
/// # Errors
///
/// The system gives no random numbers.
pub(super) fn seal(secret: &str, plain: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut bytes = plain.to_vec();
    let nonce = key(secret)?
        .seal_in_place_append_tag(Aad::empty(), &mut bytes)
        .map_err(|_| anyhow!("cannot seal"))?;
    Ok([nonce.as_ref().as_slice(), &bytes].concat())
}

/// Opens what was sealed with the same secret.
///
/// # Errors
///
/// It was sealed with another, or was changed.
pub(super) fn open(secret: &str, sealed: &[u8]) -> anyhow::Result<Vec<u8>> {
    ensure!(sealed.len() > NONCE_LEN, "what is kept of a token is cut off");
    let (nonce, bytes) = sealed.split_at(NONCE_LEN);
    let wrong = || anyhow!("what is kept of a token does not fit it");
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| wrong())?;
    let mut bytes = bytes.to_vec();
    let plain = key(secret)?.open_in_place(nonce, Aad::empty(), &mut bytes).map_err(|_| wrong())?;
    Ok(plain.to_vec())
}

fn key(secret: &str) -> anyhow::Result<RandomizedNonceKey> {
    struct Length;
    impl KeyType for Length {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0u8; 32];
    Salt::new(HKDF_SHA256, &[])
        .extract(secret.as_bytes())
        .expand(&[PURPOSE], Length)
        .and_then(|derived| derived.fill(&mut key))
        .and_then(|()| RandomizedNonceKey::new(&AES_256_GCM, &key))
        .map_err(|_| anyhow!("cannot derive a key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_opens() {
        let sealed = seal("a secret", b"plain").unwrap();
        assert_eq!(open("a secret", &sealed).unwrap(), b"plain");
        assert!(open("another", &sealed).is_err());
        assert_ne!(sealed, seal("a secret", b"plain").unwrap());
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let sealed = seal("a secret", b"plain").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open("a secret", &changed).is_err(), "{at}");
            assert!(open("a secret", &sealed[..at]).is_err(), "{at}");
        }
    }
}
