//! How we name ourselves to push services (RFC 8292): one key of the server, and a token signed with it.

use std::time::Duration;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::encoding::{AsBigEndian, EcPrivateKeyBin};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::config::Secret;
use crate::units::UnixTime;

/// How long a token is good for; services refuse more than a day.
const VALID: Duration = Duration::from_secs(12 * 3600);

/// The server's key. Browsers subscribe with its public half, so it stays the same: subscriptions made with another
/// are worth nothing.
pub struct VapidKey {
    pair: EcdsaKeyPair,
}

/// The key is none, or cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the key of web push is not 32 bytes of a P-256 key in base64url")]
pub struct NotAKey;

impl VapidKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// When the system gives no random numbers.
    pub fn generate() -> Result<Self, NotAKey> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(|pair| Self { pair }).map_err(|_| NotAKey)
    }

    /// The key that [`Self::secret`] gave.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn from_secret(secret: &Secret) -> Result<Self, NotAKey> {
        let private = URL_SAFE_NO_PAD.decode(secret.reveal()).map_err(|_| NotAKey)?;
        let key = PrivateKey::from_private_key(&ECDH_P256, &private).map_err(|_| NotAKey)?;
        let public = key.compute_public_key().map_err(|_| NotAKey)?;
        EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, public.as_ref())
            .map(|pair| Self { pair })
            .map_err(|_| NotAKey)
    }

    /// The key to keep.
    ///
    /// # Errors
    ///
    /// When the crypto library does not give it out.
    pub fn secret(&self) -> Result<Secret, NotAKey> {
        let private: EcPrivateKeyBin<'_> = self.pair.private_key().as_be_bytes().map_err(|_| NotAKey)?;
        Ok(Secret::new(URL_SAFE_NO_PAD.encode(private.as_ref())))
    }

    /// The public half, as browsers take it for `applicationServerKey`.
    pub fn public(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref())
    }

    /// The value of `Authorization` for a push service at `origin`; `contact` is where its operator reaches ours.
    pub(super) fn authorization(&self, origin: &str, contact: &str, now: UnixTime) -> Result<Secret, NotAKey> {
        let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#);
        let claims = json!({"aud": origin, "exp": now.plus(VALID).as_secs(), "sub": contact});
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).map_err(|_| NotAKey)?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Ok(Secret::new(format!("vapid t={signed}.{signature}, k={}", self.public())))
    }
}

impl std::fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VapidKey({})", self.public())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_key_survives_being_kept() {
        let key = VapidKey::generate().unwrap();
        let kept = key.secret().unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(kept.reveal()).unwrap().len(), 32);
        assert_eq!(VapidKey::from_secret(&kept).unwrap().public(), key.public());
        assert!(!format!("{key:?}").contains(kept.reveal()));
        for wrong in ["", "AAAA", &"A".repeat(43), "not base64!"] {
            assert_eq!(VapidKey::from_secret(&Secret::new(wrong)).err(), Some(NotAKey), "{wrong}");
        }
    }

    #[test]
    fn the_token_says_for_whom_until_when_and_from_whom() {
        let key = VapidKey::generate().unwrap();
        let now = UnixTime::from_secs(1_772_547_300);
        let value = key.authorization("https://push.example.org", "mailto:admin@visavis.example", now).unwrap();
        let (token, public) = value.reveal().strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let public = URL_SAFE_NO_PAD.decode(public).unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public).verify(signed.as_bytes(), &signature).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        let expected =
            json!({"aud": "https://push.example.org", "exp": 1_772_590_500, "sub": "mailto:admin@visavis.example"});
        assert_eq!(claims, expected);
    }
}
