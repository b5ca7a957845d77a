//! SRTP and SRTCP in place, on the crypto library's AEAD: AEAD_AES_128_GCM and AEAD_AES_256_GCM (RFC 7714),
//! AES_CM_128_HMAC_SHA1_80 (RFC 3711).
//!
//! A bad packet costs a failed tag and nothing else: no state is kept for a source before one of its packets has
//! authenticated, and no number of bad packets closes anything.

mod cipher;
mod kdf;
mod replay;
mod stream;

pub use cipher::Profile;

use crate::transport::event::DropCause;
use cipher::Cipher;
use kdf::{Label, derive_cipher};
use stream::{InboundStreams, OutboundStreams, RtcpSources};

/// Both directions of one connection's media protection.
pub struct SrtpSession {
    profile: Profile,
    seal_rtp: Cipher,
    seal_rtcp: Cipher,
    open_rtp: Cipher,
    open_rtcp: Cipher,
    outbound: OutboundStreams,
    inbound: InboundStreams,
    rtcp_sources: RtcpSources,
    rtcp_index: u32,
}

/// The keying material was too short for its profile, or the crypto library refused it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unusable SRTP keying material")]
pub struct KeyError;

/// Master key and salt of one direction (RFC 3711 §3.2.1).
pub struct MasterKey<'a> {
    /// Key of [`Profile::key_len`] bytes.
    pub key: &'a [u8],
    /// Salt of [`Profile::salt_len`] bytes.
    pub salt: &'a [u8],
}

const RTCP_HEADER: usize = 8;
const RTCP_INDEX: usize = 4;
/// The E bit of the SRTCP index word: this packet is encrypted (RFC 3711 §3.4).
const ENCRYPTED: u32 = 1 << 31;

impl SrtpSession {
    /// Splits the material that DTLS exported (RFC 5764 §4.2): client key, server key, client salt, server salt.
    pub fn from_dtls(profile: Profile, material: &[u8], we_are_client: bool) -> Result<Self, KeyError> {
        let (k, s) = (profile.key_len(), profile.salt_len());
        if material.len() < 2 * (k + s) {
            return Err(KeyError);
        }
        let (keys, salts) = material.split_at(2 * k);
        let client = MasterKey { key: &keys[..k], salt: &salts[..s] };
        let server = MasterKey { key: &keys[k..], salt: &salts[s..2 * s] };
        if we_are_client { Self::new(profile, client, server) } else { Self::new(profile, server, client) }
    }

    /// A session that seals with `ours` and opens with `theirs`.
    pub fn new(profile: Profile, ours: MasterKey<'_>, theirs: MasterKey<'_>) -> Result<Self, KeyError> {
        Ok(Self {
            profile,
            seal_rtp: derive_cipher(profile, &ours, Label::Rtp)?,
            seal_rtcp: derive_cipher(profile, &ours, Label::Rtcp)?,
            open_rtp: derive_cipher(profile, &theirs, Label::Rtp)?,
            open_rtcp: derive_cipher(profile, &theirs, Label::Rtcp)?,
            outbound: OutboundStreams::default(),
            inbound: InboundStreams::default(),
            rtcp_sources: RtcpSources::default(),
            rtcp_index: 0,
        })
    }

    /// The negotiated profile.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Seals `packet[..len]` in place; the tag goes behind it. Returns the sealed length; `None` when the header is
    /// malformed, there is no room for the tag, or this sequence number of this source was sealed before (or lies
    /// too far back to know): sealing two different packets under one number would give the key away.
    pub fn seal_rtp(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let header = rtp_header(packet.get(..len)?)?;
        let stream = self.outbound.stream(header.ssrc)?;
        let index = stream.estimate(header.seq);
        stream.check(index).ok()?;
        let sealed = self.seal_rtp.seal_rtp(packet, header.len, len, header.ssrc, index)?;
        stream.accept(index);
        Some(sealed)
    }

    /// Seals once more a packet that was sealed before. The caller promises that `packet[..len]` is byte for byte
    /// what it was then (a retransmission on the original source, RFC 4585, where RTX is not negotiated).
    pub fn seal_rtp_again(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        let header = rtp_header(packet.get(..len)?)?;
        let index = self.outbound.stream(header.ssrc)?.estimate(header.seq);
        self.seal_rtp.seal_rtp(packet, header.len, len, header.ssrc, index)
    }

    /// Opens an SRTP packet in place. Returns the length of the plaintext packet.
    pub fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, DropCause> {
        let header = rtp_header(packet).ok_or(DropCause::MediaMalformed)?;
        if packet.len() < header.len + self.profile.rtp_overhead() {
            return Err(DropCause::MediaMalformed);
        }
        let index = self.inbound.index(header.ssrc, header.seq)?;
        let len = self.open_rtp.open_rtp(packet, header.len, header.ssrc, index).ok_or(DropCause::MediaIntegrity)?;
        self.inbound.accept(header.ssrc, index);
        Ok(len)
    }

    /// Appends the sealed form of one RTCP compound to `out`. `None` when it is shorter than a header, or after
    /// 2^31 packets.
    pub fn seal_rtcp(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
        if plain.len() < RTCP_HEADER || self.rtcp_index >= ENCRYPTED {
            return None;
        }
        let ssrc = u32::from_be_bytes([plain[4], plain[5], plain[6], plain[7]]);
        let start = out.len();
        out.extend_from_slice(plain);
        if self.seal_rtcp.seal_rtcp(out, start, ssrc, self.rtcp_index).is_none() {
            out.truncate(start);
            return None;
        }
        self.rtcp_index += 1;
        Some(())
    }

    /// Opens an SRTCP packet in place. Returns the length of the plaintext compound.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DropCause> {
        if packet.len() < RTCP_HEADER + self.profile.rtcp_tag_len() + RTCP_INDEX {
            return Err(DropCause::MediaMalformed);
        }
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        let word = self.open_rtcp.rtcp_index_word(packet);
        if word & ENCRYPTED == 0 {
            // Authenticated plaintext is legal (RFC 3711 §3.4), but WebRTC never sends it.
            return Err(DropCause::MediaMalformed);
        }
        let index = u64::from(word & !ENCRYPTED);
        self.rtcp_sources.check(ssrc, index)?;
        let len = self.open_rtcp.open_rtcp(packet, ssrc, word).ok_or(DropCause::MediaIntegrity)?;
        self.rtcp_sources.accept(ssrc, index);
        Ok(len)
    }
}

/// What SRTP needs of an RTP header.
struct HeaderView {
    len: usize,
    seq: u16,
    ssrc: u32,
}

/// Reads the header's length, CSRC list and extension included (RFC 3550 §5.1, §5.3.1); `None` when it does not fit.
fn rtp_header(packet: &[u8]) -> Option<HeaderView> {
    let fixed: &[u8; 12] = packet.first_chunk()?;
    if fixed[0] >> 6 != 2 {
        return None;
    }
    let mut len = 12 + 4 * usize::from(fixed[0] & 0x0F);
    if fixed[0] & 0x10 != 0 {
        let extension = packet.get(len..len + 4)?;
        len += 4 + 4 * usize::from(u16::from_be_bytes([extension[2], extension[3]]));
    }
    (len <= packet.len()).then(|| HeaderView {
        len,
        seq: u16::from_be_bytes([fixed[2], fixed[3]]),
        ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
    })
}

#[cfg(test)]
mod interop_tests;
#[cfg(test)]
mod vector_tests;
