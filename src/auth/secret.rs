//! The form of a key: `dk_live_` + 8 characters that name it + `_` + 43 characters of chance
//! (256 bits) + 6 characters of a checksum over all before, as GitHub's tokens have it. Letters and
//! digits only, so that a double click selects all of it and scanners find it where it leaked.

use anyhow::{Context, anyhow};
use sha2::{Digest, Sha256};

/// How every key begins.
pub(super) const PREFIX: &str = "dk_live_";
/// Characters of the name, of the chance, and of the checksum.
const NAME: usize = 8;
const CHANCE: usize = 43;
const CHECKSUM: usize = 6;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key in clear, which exists only while it is made or shown to this server.
pub struct Secret(String);

impl Secret {
    /// A new one, from the randomness of the operating system.
    ///
    /// # Errors
    ///
    /// The system gives none.
    pub fn new() -> anyhow::Result<Secret> {
        let mut text = format!("{PREFIX}{}_{}", chance(NAME)?, chance(CHANCE)?);
        text.push_str(&checksum(&text));
        Ok(Secret(text))
    }

    /// Reads what a caller sent; none if it cannot be a key. Nothing is looked up for it then.
    pub fn parse(text: &str) -> Option<Secret> {
        let rest = text.strip_prefix(PREFIX)?;
        let whole = rest.len() == NAME + 1 + CHANCE + CHECKSUM
            && rest.as_bytes()[NAME] == b'_'
            && rest.bytes().enumerate().all(|(at, c)| at == NAME || c.is_ascii_alphanumeric());
        let (before, sum) = text.split_at_checked(text.len().checked_sub(CHECKSUM)?)?;
        (whole && checksum(before) == sum).then(|| Secret(text.to_owned()))
    }

    /// The part that is no secret.
    pub fn id(&self) -> &str {
        &self.0[PREFIX.len()..PREFIX.len() + NAME]
    }

    /// SHA-256 of the whole key. 256 random bits need no slow hash, which would only be work that
    /// an attacker can order.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }

    /// The key itself, for whom it was made.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// Whether a text has the form of the part that is no secret.
pub(super) fn is_id(text: &str) -> bool {
    text.len() == NAME && text.bytes().all(|c| c.is_ascii_alphanumeric())
}

/// Characters of base62, each as likely as any other.
pub(super) fn chance(count: usize) -> anyhow::Result<String> {
    let mut text = String::with_capacity(count);
    let mut bytes = [0u8; 64];
    while text.len() < count {
        getrandom::fill(&mut bytes)
            .map_err(|error| anyhow!("{error}"))
            .context("this system gives no random numbers")?;
        // 248 is the largest multiple of 62 that a byte holds: what is beyond would favour some.
        let fair = bytes.iter().filter(|byte| **byte < 248);
        let fair = fair.map(|byte| char::from(BASE62[usize::from(*byte) % 62]));
        text.extend(fair.take(count - text.len()));
    }
    Ok(text)
}

pub(super) fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes()) as usize;
    let mut sum = [b'0'; CHECKSUM];
    for place in sum.iter_mut().rev() {
        *place = BASE62[rest % 62];
        rest /= 62;
    }
    sum.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_made() {
        let key = Secret::new().unwrap();
        let text = key.reveal();
        assert_eq!(text.len(), 66);
        let read = Secret::parse(text).unwrap();
        assert_eq!((read.id(), read.hash()), (key.id(), key.hash()));
        assert_ne!(Secret::new().unwrap().reveal(), text);
    }

    #[test]
    fn a_slip_anywhere_is_no_key() {
        let key = Secret::new().unwrap();
        let text = key.reveal();
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'x' { b'y' } else { b'x' };
            assert!(Secret::parse(std::str::from_utf8(&bytes).unwrap()).is_none(), "{at}");
        }
        let long = format!("{text}{}", "a".repeat(1 << 20));
        for bad in
            ["", "dk_live_", &text[1..], &text[..65], &format!("{text} "), &long, "dk_live_é"]
        {
            assert!(Secret::parse(bad).is_none());
        }
    }

    /// As Python's `zlib.crc32` has it, in base62.
    #[test]
    fn the_checksum_is_that_of_other_programs() {
        assert_eq!(checksum(""), "000000");
        assert_eq!(checksum("123456789"), "3jZRME");
        assert_eq!(checksum(&format!("dk_live_4pMTB7kN_{}", "x".repeat(43))), "1X5Rwo");
    }

    #[test]
    fn a_good_checksum_makes_no_key_of_another_form() {
        let read = |name: &str, between: &str, chance: &str| {
            let before = format!("{PREFIX}{name}{between}{chance}");
            Secret::parse(&format!("{before}{}", checksum(&before))).is_some()
        };
        let (name, chance) = ("4pMTB7kN", "x".repeat(CHANCE));
        assert!(read(name, "_", &chance));
        assert!(!read(name, "-", &chance) && !read(name, "a", &chance));
        assert!(!read("4pMTB7kN4", "", &chance), "no mark in its place");
        assert!(!read(&name[1..], "_", &chance) && !read("4pMTB7kNN", "_", &chance));
        assert!(!read(name, "_", &chance[1..]) && !read(name, "_", &format!("{chance}x")));
        assert!(!read("4pMT 7kN", "_", &chance) && !read("4pMT_7kN", "_", &chance));
        assert!(!read(name, "_", &format!("{}!", &chance[1..])));
    }

    #[test]
    fn a_name_is_eight_letters_and_digits() {
        assert!(is_id("4pMTB7kN"));
        for bad in ["", "4pMTB7k", "4pMTB7kNN", "4pMT 7kN", "4pMTB7\u{e9}"] {
            assert!(!is_id(bad), "{bad}");
        }
    }

    #[test]
    fn every_character_is_as_likely() {
        let mut counts = [0u32; 62];
        let text = chance(62 * 1000).unwrap();
        assert_eq!(text.len(), 62_000);
        for c in text.bytes() {
            counts[BASE62.iter().position(|b| *b == c).unwrap()] += 1;
        }
        // Six standard deviations of 1000: one run in some ten million is beyond.
        assert!(counts.iter().all(|count| (810..1190).contains(count)), "{counts:?}");
    }
}
