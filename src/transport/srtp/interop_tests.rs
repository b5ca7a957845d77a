//! Against rtc-srtp as an independent implementation, and what a hostile or unlucky peer may send.
#![allow(clippy::unwrap_used)]

use rtc_srtp::context::Context;
use rtc_srtp::crypto::providers::AwsLcRsCrypto;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::*;

const PROFILES: [(Profile, ProtectionProfile); 3] = [
    (Profile::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
    (Profile::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
    (Profile::AesCm128HmacSha1_80, ProtectionProfile::Aes128CmHmacSha1_80),
];

fn material(profile: Profile) -> Vec<u8> {
    (0..2 * (profile.key_len() + profile.salt_len())).map(|n| (n * 37 + 11) as u8).collect()
}

/// A server's and a client's session under the same exported material.
pub(super) fn pair(profile: Profile) -> (SrtpSession, SrtpSession) {
    let material = material(profile);
    let server = SrtpSession::from_dtls(profile, &material, false).unwrap();
    (server, SrtpSession::from_dtls(profile, &material, true).unwrap())
}

fn rtp(seq: u16, csrcs: u8, extension_words: Option<u16>, payload: usize) -> Vec<u8> {
    let mut packet = vec![0x80 | csrcs | if extension_words.is_some() { 0x10 } else { 0 }, 111];
    packet.extend(seq.to_be_bytes());
    packet.extend([0, 0, 1, 2, 0, 0, 0, 77]);
    packet.extend((0..csrcs).flat_map(|n| [0, 0, 0, n]));
    if let Some(words) = extension_words {
        packet.extend([0xBE, 0xDE]);
        packet.extend(words.to_be_bytes());
        // One element that leaves the last three bytes to padding, or as many as there are.
        let length = words * 4 - 4;
        packet.push(0x10 | length.saturating_sub(1) as u8);
        packet.extend((1..=length.max(1)).map(|n| n as u8));
        packet.resize(packet.len() + usize::from(words * 4 - 1 - length.max(1)), 0);
    }
    packet.extend((0..payload).map(|n| n as u8));
    packet
}

fn seal(session: &mut SrtpSession, plain: &[u8]) -> Vec<u8> {
    let mut packet = plain.to_vec();
    packet.resize(plain.len() + 16, 0);
    let len = session.seal_rtp(&mut packet, plain.len()).unwrap();
    packet.truncate(len);
    packet
}

#[test]
fn another_implementation_opens_what_we_seal_and_we_open_what_it_seals() {
    for (ours, theirs) in PROFILES {
        let material = material(ours);
        let (k, s) = (ours.key_len(), ours.salt_len());
        let (client_key, client_salt) = (&material[..k], &material[2 * k..2 * k + s]);
        let (server_key, server_salt) = (&material[k..2 * k], &material[2 * k + s..]);
        let context = |key, salt| Context::new(key, salt, theirs, None, None, &AwsLcRsCrypto).unwrap();
        let (mut their_seal, mut their_open) = (context(client_key, client_salt), context(server_key, server_salt));
        let mut server = SrtpSession::from_dtls(ours, &material, false).unwrap();

        // Across a rollover of the sequence number, with and without CSRCs and extensions.
        for (n, seq) in (65_530..=65_535).chain(0..6).enumerate() {
            for (csrcs, extension, payload) in [(0, None, 1200), (3, Some(2), 100), (15, Some(5), 1), (1, Some(1), 0)] {
                let mut plain = rtp(seq, csrcs, extension, payload);
                plain[11] = csrcs; // a source of its own
                let sealed = seal(&mut server, &plain);
                assert_eq!(their_open.decrypt_rtp(&sealed).unwrap()[..], plain[..], "{ours:?} {n}");
                let mut sealed = their_seal.encrypt_rtp(&plain).unwrap().to_vec();
                let len = server.open_rtp(&mut sealed).unwrap();
                assert_eq!(sealed[..len], plain[..], "{ours:?} {n}");
            }
        }
        for n in 0..5u8 {
            let mut plain = vec![0x80, 200, 0, 6, 0, 0, 0, 9];
            plain.extend([n; 20]);
            let mut sealed = Vec::new();
            server.seal_rtcp(&plain, &mut sealed).unwrap();
            assert_eq!(their_open.decrypt_rtcp(&sealed).unwrap()[..], plain[..], "{ours:?}");
            let mut sealed = their_seal.encrypt_rtcp(&plain).unwrap().to_vec();
            let len = server.open_rtcp(&mut sealed).unwrap();
            assert_eq!(sealed[..len], plain[..], "{ours:?}");
        }
    }
}

#[test]
fn a_packet_is_opened_once_and_late_ones_are_still_welcome() {
    for (profile, _) in PROFILES {
        let (mut server, mut client) = pair(profile);
        let sealed: Vec<_> = (0..3000u16).map(|seq| seal(&mut client, &rtp(seq, 0, None, 10))).collect();
        let mut open = |seq: usize| server.open_rtp(&mut sealed[seq].clone());
        for seq in (0..3000).filter(|seq| seq % 7 != 3) {
            assert_eq!(open(seq), Ok(22));
        }
        assert_eq!(open(2998), Err(DropCause::Replay));
        assert_eq!(open(1500), Err(DropCause::Replay), "a probe 1500 packets old");
        assert_eq!(open(2001), Err(DropCause::Replay));
        assert_eq!(open(2404), Ok(22), "late, but for the first time");
        assert_eq!(open(2404), Err(DropCause::Replay));
        assert_eq!(open(100), Err(DropCause::TooOld));
    }
}

#[test]
fn one_number_is_sealed_once_except_on_purpose() {
    let (mut server, mut client) = pair(Profile::AeadAes128Gcm);
    let plain = rtp(1000, 0, None, 50);
    let first = seal(&mut server, &plain);
    let mut room = plain.clone();
    room.resize(plain.len() + 16, 0);
    assert_eq!(server.seal_rtp(&mut room.clone(), plain.len()), None);
    let len = server.seal_rtp_again(&mut room, plain.len()).unwrap();
    assert_eq!(room[..len], first[..], "the same packet, byte for byte");
    seal(&mut server, &rtp(1005, 0, None, 5));
    let late = seal(&mut server, &rtp(1003, 0, None, 5));
    assert!(client.open_rtp(&mut late.clone()).is_ok(), "packets may be sealed out of order");
}

#[test]
fn a_hundred_thousand_bad_tags_leave_no_trace() {
    let (mut server, mut client) = pair(Profile::AeadAes256Gcm);
    let mut packet = rtp(1, 0, None, 20);
    packet.resize(packet.len() + 16, 0xEE);
    for n in 0..100_000u32 {
        let mut bad = packet.clone();
        bad[2..4].copy_from_slice(&(n as u16).to_be_bytes());
        bad[8..12].copy_from_slice(&(n / 7).to_be_bytes());
        assert_eq!(server.open_rtp(&mut bad), Err(DropCause::MediaIntegrity));
    }
    let mut good = seal(&mut client, &rtp(40_000, 0, None, 20));
    assert_eq!(server.open_rtp(&mut good), Ok(32));
}

#[test]
fn truncated_and_lying_packets_are_refused() {
    for (profile, _) in PROFILES {
        let (mut server, mut client) = pair(profile);
        let sealed = seal(&mut client, &rtp(9, 2, Some(3), 30));
        for len in 0..sealed.len() {
            assert!(server.open_rtp(&mut sealed[..len].to_vec()).is_err(), "{len} bytes");
        }
        for at in 0..sealed.len() {
            let mut bent = sealed.clone();
            bent[at] ^= 0x5A;
            assert!(server.open_rtp(&mut bent).is_err(), "byte {at}");
        }
        assert!(server.open_rtp(&mut sealed.clone()).is_ok());

        let mut rtcp = Vec::new();
        client.seal_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 1, 2, 3, 4, 5], &mut rtcp).unwrap();
        for len in 0..rtcp.len() {
            assert!(server.open_rtcp(&mut rtcp[..len].to_vec()).is_err(), "{len} bytes");
        }
        for at in 0..rtcp.len() {
            let mut bent = rtcp.clone();
            bent[at] ^= 0x5A;
            assert!(server.open_rtcp(&mut bent).is_err(), "byte {at}");
        }
        assert_eq!(server.open_rtcp(&mut rtcp.clone()), Ok(12));
        assert_eq!(server.open_rtcp(&mut rtcp), Err(DropCause::Replay));
        assert_eq!(client.seal_rtcp(&[0x80; 7], &mut Vec::new()), None);
        assert_eq!(client.seal_rtp(&mut [0x80; 20], 20), None, "no room for the tag");
        assert_eq!(client.seal_rtp(&mut [0x8F; 60], 30), None, "CSRC list past the end");
    }
}
