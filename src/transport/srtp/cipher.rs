//! The protection profiles: how one packet is sealed and opened under a given key and index.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

use super::{ENCRYPTED, KeyError, RTCP_HEADER, RTCP_INDEX};

/// SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// AEAD_AES_256_GCM.
    AeadAes256Gcm,
    /// AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// AES_CM_128_HMAC_SHA1_80.
    AesCm128HmacSha1_80,
}

const GCM_TAG: usize = 16;
const SHA1_80_TAG: usize = 10;

impl Profile {
    /// Bytes of a master key.
    pub const fn key_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 => 16,
        }
    }

    /// Bytes of a master salt.
    pub const fn salt_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => 12,
            Self::AesCm128HmacSha1_80 => 14,
        }
    }

    /// Bytes that sealing adds to an RTP packet.
    pub const fn rtp_overhead(self) -> usize {
        self.rtcp_tag_len()
    }

    /// Bytes of an SRTCP authentication tag; the index word of four bytes comes on top.
    pub const fn rtcp_tag_len(self) -> usize {
        match self {
            Self::AeadAes256Gcm | Self::AeadAes128Gcm => GCM_TAG,
            Self::AesCm128HmacSha1_80 => SHA1_80_TAG,
        }
    }
}

/// Session keys of one direction, for RTP or for RTCP.
pub(super) enum Cipher {
    Gcm {
        key: LessSafeKey,
        salt: [u8; 12],
    },
    /// Boxed: the expanded keys have 1.7 KB, and few connections need them.
    Cm(Box<CmKeys>),
}

/// Session keys of AES-CM with HMAC-SHA1.
pub(super) struct CmKeys {
    key: EncryptingKey,
    salt: [u8; 14],
    mac: hmac::Key,
}

impl Cipher {
    pub(super) fn gcm(profile: Profile, key: &[u8], salt: [u8; 12]) -> Result<Self, KeyError> {
        let algorithm = if profile == Profile::AeadAes256Gcm { &AES_256_GCM } else { &AES_128_GCM };
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).map_err(|_| KeyError)?);
        Ok(Self::Gcm { key, salt })
    }

    pub(super) fn cm(key: &[u8], salt: [u8; 14], mac: &[u8]) -> Result<Self, KeyError> {
        let key = UnboundCipherKey::new(&AES_128, key).and_then(EncryptingKey::ctr).map_err(|_| KeyError)?;
        let mac = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, mac);
        Ok(Self::Cm(Box::new(CmKeys { key, salt, mac })))
    }

    /// Seals `packet[..len]`, whose header has `header` bytes, behind which there is room for the tag.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        len: usize,
        ssrc: u32,
        index: u64,
    ) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let (plain, room) = packet.split_at_mut_checked(len)?;
                let (header, payload) = plain.split_at_mut_checked(header)?;
                let room = room.get_mut(..GCM_TAG)?;
                let nonce = gcm_rtp_nonce(salt, ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload).ok()?;
                room.copy_from_slice(tag.as_ref());
                Some(len + GCM_TAG)
            }
            Self::Cm(keys) => {
                let CmKeys { key, salt, mac } = &**keys;
                if packet.len() < len + SHA1_80_TAG {
                    return None;
                }
                apply_keystream(key, cm_iv(salt, ssrc, index), packet.get_mut(header..len)?)?;
                let tag = cm_rtp_tag(mac, &packet[..len], index);
                packet[len..len + SHA1_80_TAG].copy_from_slice(&tag.as_ref()[..SHA1_80_TAG]);
                Some(len + SHA1_80_TAG)
            }
        }
    }

    /// Opens a whole SRTP packet; returns the plaintext's length.
    pub(super) fn open_rtp(&self, packet: &mut [u8], header: usize, ssrc: u32, index: u64) -> Option<usize> {
        match self {
            Self::Gcm { key, salt } => {
                let (aad, body) = packet.split_at_mut_checked(header)?;
                let plain = key.open_in_place(gcm_rtp_nonce(salt, ssrc, index), Aad::from(&*aad), body).ok()?;
                Some(header + plain.len())
            }
            Self::Cm(keys) => {
                let CmKeys { key, salt, mac } = &**keys;
                let len = packet.len().checked_sub(SHA1_80_TAG)?;
                let (sealed, tag) = packet.split_at_mut(len);
                let expected = cm_rtp_tag(mac, sealed, index);
                verify_slices_are_equal(&expected.as_ref()[..SHA1_80_TAG], tag).ok()?;
                apply_keystream(key, cm_iv(salt, ssrc, index), sealed.get_mut(header..)?)?;
                Some(len)
            }
        }
    }

    /// Seals the compound that begins at `start` of `out`, and appends tag and index word in the profile's order.
    pub(super) fn seal_rtcp(&self, out: &mut Vec<u8>, start: usize, ssrc: u32, index: u32) -> Option<()> {
        let word = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Gcm { key, salt } => {
                let (header, payload) = out[start..].split_at_mut_checked(RTCP_HEADER)?;
                let aad = gcm_rtcp_aad(header, word);
                let nonce = gcm_rtcp_nonce(salt, ssrc, index);
                let tag = key.seal_in_place_separate_tag(nonce, Aad::from(aad), payload).ok()?;
                out.extend_from_slice(tag.as_ref());
                out.extend_from_slice(&word);
            }
            Self::Cm(keys) => {
                let CmKeys { key, salt, mac } = &**keys;
                apply_keystream(key, cm_iv(salt, ssrc, index.into()), out[start..].get_mut(RTCP_HEADER..)?)?;
                out.extend_from_slice(&word);
                let tag = hmac::sign(mac, &out[start..]);
                out.extend_from_slice(&tag.as_ref()[..SHA1_80_TAG]);
            }
        }
        Some(())
    }

    /// The index word with its E bit. The packet is at least header, tag and word long.
    pub(super) fn rtcp_index_word(&self, packet: &[u8]) -> u32 {
        let end = match self {
            Self::Gcm { .. } => packet.len(),
            Self::Cm(_) => packet.len() - SHA1_80_TAG,
        };
        let word = &packet[end - RTCP_INDEX..end];
        u32::from_be_bytes([word[0], word[1], word[2], word[3]])
    }

    /// Opens a whole SRTCP packet whose index word has been read; returns the plaintext's length.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, word: u32) -> Option<usize> {
        let index = word & !ENCRYPTED;
        match self {
            Self::Gcm { key, salt } => {
                let len = packet.len().checked_sub(RTCP_INDEX)?;
                let (header, body) = packet[..len].split_at_mut_checked(RTCP_HEADER)?;
                let aad = gcm_rtcp_aad(header, word.to_be_bytes());
                let plain = key.open_in_place(gcm_rtcp_nonce(salt, ssrc, index), Aad::from(aad), body).ok()?;
                Some(RTCP_HEADER + plain.len())
            }
            Self::Cm(keys) => {
                let CmKeys { key, salt, mac } = &**keys;
                let len = packet.len().checked_sub(SHA1_80_TAG)?;
                let (sealed, tag) = packet.split_at_mut(len);
                let expected = hmac::sign(mac, sealed);
                verify_slices_are_equal(&expected.as_ref()[..SHA1_80_TAG], tag).ok()?;
                let len = len.checked_sub(RTCP_INDEX)?;
                apply_keystream(key, cm_iv(salt, ssrc, index.into()), sealed.get_mut(RTCP_HEADER..len)?)?;
                Some(len)
            }
        }
    }
}

/// RFC 7714 §8.1: two zero bytes, SSRC, rollover counter, sequence number; XOR the salt.
fn gcm_rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut iv = *salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[6..12], &index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(iv)
}

/// RFC 7714 §9.1: two zero bytes, SSRC, two zero bytes, index; XOR the salt.
fn gcm_rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
    let mut iv = *salt;
    xor(&mut iv[2..6], &ssrc.to_be_bytes());
    xor(&mut iv[8..12], &index.to_be_bytes());
    Nonce::assume_unique_for_key(iv)
}

/// RFC 7714 §17: the first eight bytes of the packet and the index word.
fn gcm_rtcp_aad(header: &[u8], word: [u8; 4]) -> [u8; RTCP_HEADER + RTCP_INDEX] {
    let mut aad = [0; RTCP_HEADER + RTCP_INDEX];
    aad[..RTCP_HEADER].copy_from_slice(&header[..RTCP_HEADER]);
    aad[RTCP_HEADER..].copy_from_slice(&word);
    aad
}

/// RFC 3711 §4.1.1: salt · 2^16 XOR SSRC · 2^64 XOR index · 2^16.
fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    xor(&mut iv[4..8], &ssrc.to_be_bytes());
    xor(&mut iv[8..14], &index.to_be_bytes()[2..]);
    iv
}

/// RFC 3711 §4.2: over the packet and the rollover counter.
fn cm_rtp_tag(mac: &hmac::Key, sealed: &[u8], index: u64) -> hmac::Tag {
    let mut context = hmac::Context::with_key(mac);
    context.update(sealed);
    context.update(&((index >> 16) as u32).to_be_bytes());
    context.sign()
}

pub(super) fn apply_keystream(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Option<()> {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv))).ok()?;
    Some(())
}

fn xor(target: &mut [u8], with: &[u8]) {
    for (byte, mask) in target.iter_mut().zip(with) {
        *byte ^= mask;
    }
}
