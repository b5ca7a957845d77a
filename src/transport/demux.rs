//! Telling apart what shares one port: STUN, DTLS, RTP and RTCP (RFC 7983, RFC 5761). Pure functions on bytes
//! that nobody has authenticated yet.

/// What a datagram claims to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// First byte 0 to 3, and the magic cookie.
    Stun,
    /// First byte 20 to 63.
    Dtls,
    /// First byte 128 to 191, not RTCP.
    Rtp,
    /// First byte 128 to 191, second byte 192 to 223.
    Rtcp,
    /// Anything else.
    Other,
}

const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xA4, 0x42];
const STUN_HEADER: usize = 20;
const RTP_HEADER: usize = 12;
const RTCP_HEADER: usize = 8;
const USERNAME: u16 = 0x0006;

/// Classifies by the first bytes.
pub fn classify(datagram: &[u8]) -> Kind {
    match datagram {
        [0..=3, ..] if datagram.len() >= STUN_HEADER && datagram[4..8] == MAGIC_COOKIE => Kind::Stun,
        [20..=63, ..] => Kind::Dtls,
        [128..=191, 192..=223, ..] if datagram.len() >= RTCP_HEADER => Kind::Rtcp,
        [128..=191, second, ..] if !(192..=223).contains(second) && datagram.len() >= RTP_HEADER => Kind::Rtp,
        _ => Kind::Other,
    }
}

/// The part of a STUN USERNAME that names the receiver: the local ufrag before the colon (RFC 8445 §7.2.2).
/// The datagram must have been classified as STUN; nothing is authenticated.
pub fn stun_ufrag(datagram: &[u8]) -> Option<&str> {
    let username = core::str::from_utf8(stun_attribute(datagram, USERNAME)?).ok()?;
    let (local, _) = username.split_once(':')?;
    Some(local)
}

/// The value of the first attribute of this type, if the message's lengths hold together up to it.
fn stun_attribute(datagram: &[u8], wanted: u16) -> Option<&[u8]> {
    let declared = u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]) as usize;
    let mut rest = datagram.get(STUN_HEADER..STUN_HEADER + declared)?;
    while let [t0, t1, l0, l1, value @ ..] = rest {
        let length = u16::from_be_bytes([*l0, *l1]) as usize;
        if u16::from_be_bytes([*t0, *t1]) == wanted {
            return value.get(..length);
        }
        rest = value.get(length.next_multiple_of(4)..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_byte_tells_the_kinds_apart() {
        let mut stun = [0u8; 20];
        stun[1] = 1;
        stun[4..8].copy_from_slice(&MAGIC_COOKIE);
        assert_eq!(classify(&stun), Kind::Stun);
        stun[4] = 0;
        assert_eq!(classify(&stun), Kind::Other, "no magic cookie");
        assert_eq!(classify(&[22, 0xFE, 0xFD]), Kind::Dtls);
        assert_eq!(classify(&[0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Kind::Rtp);
        assert_eq!(classify(&[0x80, 0xE0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), Kind::Rtp, "marker and payload type 96");
        assert_eq!(classify(&[0x80, 200, 0, 1, 0, 0, 0, 0]), Kind::Rtcp);
        assert_eq!(classify(&[0x80, 96, 0]), Kind::Other, "too short for a header");
        assert_eq!(classify(&[64, 0]), Kind::Other);
        assert_eq!(classify(&[]), Kind::Other);
    }

    #[test]
    fn lengths_that_lie_yield_no_ufrag() {
        let mut stun = vec![0u8, 1, 0, 12, 0x21, 0x12, 0xA4, 0x42];
        stun.extend([0; 12]);
        stun.extend([0x00, 0x06, 0x00, 0x05]);
        stun.extend(*b"ab:cd\0\0\0");
        assert_eq!(stun_ufrag(&stun), Some("ab"));
        let mut long = stun.clone();
        long[23] = 200;
        assert_eq!(stun_ufrag(&long), None, "attribute longer than the message");
        let mut declared = stun.clone();
        declared[3] = 13;
        assert_eq!(stun_ufrag(&declared), None, "message longer than the datagram");
        for n in 0..stun.len() {
            let _ = stun_ufrag(&stun[..n]);
        }
    }
}
