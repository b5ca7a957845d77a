//! Secrets that are handed out once and stored as hashes.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::Rng;

use crate::config::Secret;
use crate::store::hex;

/// Longest text that is looked up as a secret; ours have 43 characters.
const MAX_LENGTH: usize = 128;

/// A new secret of 256 bits.
pub(super) fn new_secret(rng: &mut impl Rng) -> Secret {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    Secret::new(URL_SAFE_NO_PAD.encode(bytes))
}

/// What is stored of a secret. A secret of 256 random bits needs no slow hash: nobody guesses one.
pub(super) fn hash_of(secret: &str) -> String {
    hex(digest(&SHA256, secret.as_bytes()).as_ref())
}

/// [`hash_of`] what somebody presents, unless it is too long to be one of ours.
pub(super) fn presented(secret: &str) -> Option<String> {
    (!secret.is_empty() && secret.len() <= MAX_LENGTH).then(|| hash_of(secret))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn secrets_differ_and_fit_into_addresses_and_cookies() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let (one, two) = (new_secret(&mut rng), new_secret(&mut rng));
        assert_ne!(one, two);
        assert_eq!(one.reveal().len(), 43);
        assert!(one.reveal().chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'));
        assert_eq!(presented(one.reveal()), Some(hash_of(one.reveal())));
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_even_hashed() {
        assert_eq!(presented(""), None);
        assert_eq!(presented(&"x".repeat(129)), None);
    }
}
