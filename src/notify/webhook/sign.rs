//! Signatures by which receivers know our webhooks (the Standard Webhooks specification, version 1): HMAC-SHA256 over
//! id, time and body.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::Secret;
use crate::units::UnixTime;

/// What secrets begin with.
const PREFIX: &str = "whsec_";
/// Length of a key in bytes.
const KEYS: std::ops::RangeInclusive<usize> = 24..=64;

/// The key that one receiver shares with us.
pub struct SigningKey(hmac::Key);

/// The text is no secret of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a webhook's secret is whsec_ followed by 24 to 64 bytes in base64")]
pub struct NotASecret;

impl SigningKey {
    /// # Errors
    ///
    /// When the secret is none.
    pub fn new(secret: &Secret) -> Result<Self, NotASecret> {
        let encoded = secret.reveal().strip_prefix(PREFIX).ok_or(NotASecret)?;
        let key = STANDARD.decode(encoded).map_err(|_| NotASecret)?;
        if KEYS.contains(&key.len()) { Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &key))) } else { Err(NotASecret) }
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, at: UnixTime, body: &str) -> String {
        let signed = format!("{id}.{}.{body}", at.as_secs());
        format!("v1,{}", STANDARD.encode(hmac::sign(&self.0, signed.as_bytes())))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scheduler::new_webhook_secret;

    #[test]
    fn the_specifications_example_is_signed_the_same() {
        let key = SigningKey::new(&Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")).unwrap();
        let at = UnixTime::from_secs(1_614_265_330);
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_secrets_that_webhooks_are_given_work_and_differ() {
        let mut rng = rand::rng();
        let (one, other) = (new_webhook_secret(&mut rng), new_webhook_secret(&mut rng));
        assert!(one != other);
        let sign = |secret| SigningKey::new(secret).unwrap().sign("a", UnixTime(0), "b");
        assert_ne!(sign(&one), sign(&other));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for wrong in ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!!!"] {
            assert_eq!(SigningKey::new(&Secret::new(wrong)).err(), Some(NotASecret), "{wrong}");
        }
    }
}
