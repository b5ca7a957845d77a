//! Session keys from master keys (RFC 3711 §4.3, with AES-256 RFC 6188), key derivation rate zero.

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, UnboundCipherKey};

use super::cipher::{Cipher, Profile, apply_keystream};
use super::{KeyError, MasterKey};

/// Which session keys: those of RTP have labels 0 to 2, those of RTCP 3 to 5.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Rtp = 0,
    Rtcp = 3,
}

const ENCRYPTION: u8 = 0;
const AUTHENTICATION: u8 = 1;
const SALT: u8 = 2;
const SHA1_KEY: usize = 20;

/// The cipher for RTP or RTCP under `master`.
pub(super) fn derive_cipher(profile: Profile, master: &MasterKey<'_>, label: Label) -> Result<Cipher, KeyError> {
    if master.key.len() != profile.key_len() || master.salt.len() != profile.salt_len() {
        return Err(KeyError);
    }
    let prf = Prf::new(master)?;
    let base = label as u8;
    let mut key = [0u8; 32];
    let key = &mut key[..profile.key_len()];
    prf.derive(base + ENCRYPTION, key)?;
    match profile {
        Profile::AeadAes256Gcm | Profile::AeadAes128Gcm => {
            let mut salt = [0u8; 12];
            prf.derive(base + SALT, &mut salt)?;
            Cipher::gcm(profile, key, salt)
        }
        Profile::AesCm128HmacSha1_80 => {
            let (mut salt, mut mac) = ([0u8; 14], [0u8; SHA1_KEY]);
            prf.derive(base + SALT, &mut salt)?;
            prf.derive(base + AUTHENTICATION, &mut mac)?;
            Cipher::cm(key, salt, &mac)
        }
    }
}

/// AES in counter mode under the master key, as RFC 3711 §4.3.3 uses it.
pub(super) struct Prf {
    key: EncryptingKey,
    /// The master salt; that of GCM has 12 bytes and is padded on the right (RFC 7714 §11).
    salt: [u8; 14],
}

impl Prf {
    pub(super) fn new(master: &MasterKey<'_>) -> Result<Self, KeyError> {
        let algorithm = if master.key.len() == 32 { &AES_256 } else { &AES_128 };
        let key = UnboundCipherKey::new(algorithm, master.key).and_then(EncryptingKey::ctr).map_err(|_| KeyError)?;
        let mut salt = [0; 14];
        salt.get_mut(..master.salt.len()).ok_or(KeyError)?.copy_from_slice(master.salt);
        Ok(Self { key, salt })
    }

    pub(super) fn derive(&self, label: u8, out: &mut [u8]) -> Result<(), KeyError> {
        let mut iv = [0u8; 16];
        iv[..14].copy_from_slice(&self.salt);
        iv[7] ^= label;
        out.fill(0);
        apply_keystream(&self.key, iv, out).ok_or(KeyError)
    }
}
