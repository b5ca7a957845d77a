//! Encryption of a notification for one browser (RFC 8291): what push services carry they cannot read.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use aws_lc_rs::rand;

/// Length of an uncompressed P-256 point.
pub(super) const POINT: usize = 65;
/// Length of a subscription's authentication secret.
pub(super) const AUTH: usize = 16;
/// The record size that we declare; push services take this much at least (RFC 8030 §7.2).
const RECORD: u32 = 4096;
const SALT: usize = 16;
const TAG: usize = 16;
/// The header before the one record: salt, record size, key's length, key (RFC 8188 §2.1).
const HEADER: usize = SALT + 4 + 1 + POINT;
/// Longest plaintext: what is left of 4096 bytes after header, delimiter and tag.
pub(super) const MAX_PLAINTEXT: usize = RECORD as usize - HEADER - 1 - TAG;

/// The keys that a browser gave with its subscription.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct BrowserKeys {
    pub(super) public: [u8; POINT],
    pub(super) auth: [u8; AUTH],
}

/// One of them is a secret.
impl std::fmt::Debug for BrowserKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BrowserKeys")
    }
}

/// A key of the subscription is none, the text is too long, or the system gives no random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the notification cannot be encrypted for this subscription")]
pub(super) struct CannotEncrypt;

impl From<aws_lc_rs::error::Unspecified> for CannotEncrypt {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self
    }
}

/// The message body, with a key and a salt of its own.
pub(super) fn encrypt(keys: &BrowserKeys, plaintext: &[u8]) -> Result<Vec<u8>, CannotEncrypt> {
    let mut salt = [0; SALT];
    rand::fill(&mut salt)?;
    encrypt_with(keys, plaintext, &PrivateKey::generate(&ECDH_P256)?, salt)
}

fn encrypt_with(
    keys: &BrowserKeys,
    plaintext: &[u8],
    ours: &PrivateKey,
    salt: [u8; SALT],
) -> Result<Vec<u8>, CannotEncrypt> {
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(CannotEncrypt);
    }
    let public = ours.compute_public_key()?;
    let theirs = UnparsedPublicKey::new(&ECDH_P256, keys.public.as_slice());
    // RFC 8291 §3.3 and §3.4.
    let info = [b"WebPush: info\0".as_slice(), &keys.public, public.as_ref()];
    let input = agree(ours, theirs, CannotEncrypt, |secret| {
        expand::<32>(&Salt::new(HKDF_SHA256, &keys.auth).extract(secret), &info)
    })?;
    let prk = Salt::new(HKDF_SHA256, &salt).extract(&input);
    let key = expand::<16>(&prk, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = expand::<12>(&prk, &[b"Content-Encoding: nonce\0"])?;
    // One record, the last one: its delimiter is 2 (RFC 8188 §2).
    let mut record = plaintext.to_vec();
    record.push(2);
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key)?).seal_in_place_append_tag(
        Nonce::assume_unique_for_key(nonce),
        Aad::empty(),
        &mut record,
    )?;
    let mut body = Vec::with_capacity(HEADER + record.len());
    body.extend_from_slice(&salt);
    body.extend_from_slice(&RECORD.to_be_bytes());
    body.push(POINT as u8);
    body.extend_from_slice(public.as_ref());
    body.extend_from_slice(&record);
    Ok(body)
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(prk: &Prk, info: &[&[u8]]) -> Result<[u8; N], CannotEncrypt> {
    let mut out = [0; N];
    prk.expand(info, Length(N))?.fill(&mut out)?;
    Ok(out)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    fn private(text: &str) -> PrivateKey {
        PrivateKey::from_private_key(&ECDH_P256, &bytes(text)).unwrap()
    }

    /// The browser's side of RFC 8291 Appendix A.
    pub(in crate::notify::push) const BROWSER_PRIVATE: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
    pub(in crate::notify::push) const BROWSER_PUBLIC: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    pub(in crate::notify::push) const BROWSER_AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    fn browser() -> BrowserKeys {
        BrowserKeys { public: bytes(BROWSER_PUBLIC).try_into().unwrap(), auth: bytes(BROWSER_AUTH).try_into().unwrap() }
    }

    /// What a browser does with a message, written from RFC 8291 and 8188 in the other direction.
    pub(in crate::notify::push) fn decrypt(body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(SALT);
        assert_eq!(rest[..4], RECORD.to_be_bytes());
        assert_eq!(usize::from(rest[4]), POINT);
        let (sender, record) = rest[5..].split_at(POINT);
        let keys = browser();
        let info = [b"WebPush: info\0".as_slice(), &keys.public, sender];
        let sender = UnparsedPublicKey::new(&ECDH_P256, sender);
        let input = agree(&private(BROWSER_PRIVATE), sender, CannotEncrypt, |secret| {
            expand::<32>(&Salt::new(HKDF_SHA256, &keys.auth).extract(secret), &info)
        });
        let prk = Salt::new(HKDF_SHA256, salt).extract(&input.unwrap());
        let key = expand::<16>(&prk, &[b"Content-Encoding: aes128gcm\0"]).unwrap();
        let nonce = Nonce::assume_unique_for_key(expand::<12>(&prk, &[b"Content-Encoding: nonce\0"]).unwrap());
        let mut record = record.to_vec();
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap());
        let plain = key.open_in_place(nonce, Aad::empty(), &mut record).unwrap();
        let (delimiter, text) = plain.split_last().unwrap();
        assert_eq!(*delimiter, 2);
        text.to_vec()
    }

    #[test]
    fn the_example_of_rfc_8291_comes_out_the_same() {
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let ours = private("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let body = encrypt_with(&browser(), b"When I grow up, I want to be a watermelon", &ours, salt).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn every_message_has_its_own_key_and_salt_and_the_browser_reads_it() {
        let (one, other) = (encrypt(&browser(), b"ring").unwrap(), encrypt(&browser(), b"ring").unwrap());
        assert_ne!(one[..HEADER], other[..HEADER]);
        assert_eq!(decrypt(&one), b"ring");
        assert_eq!(decrypt(&other), b"ring");
    }

    #[test]
    fn the_longest_text_fills_4096_bytes_and_a_longer_one_is_refused() {
        let longest = vec![7; MAX_PLAINTEXT];
        let body = encrypt(&browser(), &longest).unwrap();
        assert_eq!(body.len(), 4096);
        assert_eq!(decrypt(&body), longest);
        assert_eq!(encrypt(&browser(), &vec![7; MAX_PLAINTEXT + 1]), Err(CannotEncrypt));
    }

    #[test]
    fn a_point_that_is_not_on_the_curve_is_refused() {
        let mut keys = browser();
        keys.public[40] ^= 1;
        assert_eq!(encrypt(&keys, b"x"), Err(CannotEncrypt));
        keys.public = [0; POINT];
        assert_eq!(encrypt(&keys, b"x"), Err(CannotEncrypt));
    }
}
