//! Webhooks: hosts of code that tell of a push, and know a secret that this server knows.

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What a webhook has to know.
#[derive(Clone)]
pub struct HookSecret {
    key: Key,
    hash: [u8; 32],
}

impl HookSecret {
    /// The secret as both sides have it.
    pub fn new(secret: &str) -> HookSecret {
        let key = Key::new(HMAC_SHA256, secret.as_bytes());
        HookSecret { key, hash: Sha256::digest(secret).into() }
    }

    /// Whether somebody shows the secret itself. Takes as long for any text of that length.
    pub fn is(&self, shown: &[u8]) -> bool {
        let hash: [u8; 32] = Sha256::digest(shown).into();
        hash.ct_eq(&self.hash).into()
    }

    /// Begins to check a body that is signed with the secret; none if the signature cannot be one.
    pub fn check(&self, signature: &str) -> Option<Signed> {
        let hex = signature.as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok());
        let mut claimed = [0; 32];
        if hex.len() != 2 * claimed.len() {
            return None;
        }
        for (byte, pair) in claimed.iter_mut().zip(hex.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Signed { context: Context::with_key(&self.key), claimed })
    }
}

/// A body with a signature, on its way in.
pub struct Signed {
    context: Context,
    claimed: [u8; 32],
}

impl Signed {
    /// Takes the next piece.
    pub fn take(&mut self, piece: &[u8]) {
        self.context.update(piece);
    }

    /// Whether the signature is that of all that was taken.
    pub fn is_good(self) -> bool {
        self.context.sign().as_ref().ct_eq(&self.claimed).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_signed(secret: &str, body: &[&str], signature: &str) -> bool {
        let secret = HookSecret::new(secret);
        let Some(mut signed) = secret.check(signature) else { return false };
        body.iter().for_each(|piece| signed.take(piece.as_bytes()));
        signed.is_good()
    }

    /// The example in GitHub's documentation of webhooks.
    #[test]
    fn a_body_is_signed_as_github_does_it() {
        let secret = "It's a Secret to Everybody";
        let good = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert!(is_signed(secret, &["Hello, World!"], good));
        assert!(is_signed(secret, &["Hello,", "", " World!"], &good.to_uppercase()));
        assert!(!is_signed(secret, &["Hello, World?"], good));
        assert!(!is_signed("It's another", &["Hello, World!"], good));
        for bad in ["", "75", &good[1..], &format!("{good}00"), &good.replace('e', "g"), "é"] {
            assert!(!is_signed(secret, &["Hello, World!"], bad), "{bad}");
        }
    }

    #[test]
    fn the_secret_itself_is_known() {
        let secret = HookSecret::new("0123456789abcdef");
        assert!(secret.is(b"0123456789abcdef"));
        for bad in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF"] {
            assert!(!secret.is(bad.as_bytes()), "{bad}");
        }
    }
}
