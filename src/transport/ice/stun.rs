//! Binding requests and their answers (RFC 8489, RFC 8445 §7), on rtc-stun.
//!
//! The message's own lengths are checked here first, and what rtc-stun sees ends with MESSAGE-INTEGRITY: attributes
//! behind it are not covered by it, so a USE-CANDIDATE appended on the way must not exist for us.

use std::net::SocketAddr;

use rtc_stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY, ATTR_PRIORITY,
    ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::crypto::providers::AwsLcRsCrypto;
use rtc_stun::error_code::{CODE_ROLE_CONFLICT, ErrorCodeAttribute};
use rtc_stun::fingerprint::{FINGERPRINT, fingerprint_value};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Getter, MESSAGE_HEADER_SIZE, Message, MessageType, Setter,
    TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::transport::event::DropCause;

/// Larger than any check of a browser; a STUN message over this is refused before it is parsed.
const MAX_MESSAGE: usize = 1500;
const MAX_ATTRIBUTES: usize = 32;
const INTEGRITY_SIZE: usize = 20;
const FINGERPRINT_SIZE: usize = 4;
/// Priority that a candidate learnt from our checks would have (RFC 8445 §5.1.2.1).
const PEER_REFLEXIVE_PRIORITY: u32 = (110 << 24) + (65_535 << 8) + 255;
/// Decides who controls where both sides want to; who offers controls (RFC 8445 §6.1.1), so it may be anything.
const TIE_BREAKER: u64 = 7;

/// A Binding request whose lengths hold together. Nothing in it is authenticated.
pub(super) struct UnverifiedRequest<'a> {
    /// Header and attributes up to and including MESSAGE-INTEGRITY.
    covered: &'a [u8],
    username: &'a str,
}

/// An authenticated Binding request.
pub(super) struct Request {
    transaction: TransactionId,
    /// The peer nominates this pair (RFC 8445 §7.1.2).
    pub(super) use_candidate: bool,
    /// The peer believes itself controlled, as we are (RFC 8445 §7.3.1.1).
    pub(super) controlled: bool,
}

impl<'a> UnverifiedRequest<'a> {
    /// Checks the form of a datagram that was classified as STUN.
    pub(super) fn parse(datagram: &'a [u8]) -> Result<Self, DropCause> {
        if datagram.len() < MESSAGE_HEADER_SIZE || datagram.len() > MAX_MESSAGE {
            return Err(DropCause::StunMalformed);
        }
        let mut kind = MessageType::default();
        kind.read_value(u16::from_be_bytes([datagram[0], datagram[1]]));
        if kind != BINDING_REQUEST {
            return Err(DropCause::StunUnexpected);
        }
        let declared = usize::from(u16::from_be_bytes([datagram[2], datagram[3]]));
        if declared + MESSAGE_HEADER_SIZE != datagram.len() || declared % 4 != 0 {
            return Err(DropCause::StunMalformed);
        }

        let (mut username, mut integrity_end) = (None, None);
        let mut at = MESSAGE_HEADER_SIZE;
        for count in 0.. {
            if at == datagram.len() {
                break;
            }
            let header: [u8; 4] = match datagram.get(at..at + 4) {
                Some(header) if count < MAX_ATTRIBUTES => [header[0], header[1], header[2], header[3]],
                _ => return Err(DropCause::StunMalformed),
            };
            let kind = u16::from_be_bytes([header[0], header[1]]);
            let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
            let value = datagram.get(at + 4..at + 4 + length).ok_or(DropCause::StunMalformed)?;
            let next = at + 4 + length.next_multiple_of(4);
            if kind == ATTR_MESSAGE_INTEGRITY.value() && integrity_end.is_none() {
                if length != INTEGRITY_SIZE {
                    return Err(DropCause::StunIntegrity);
                }
                integrity_end = Some(next);
            } else if kind == ATTR_FINGERPRINT.value() {
                // RFC 8489 §14.7: the last attribute, a CRC of everything before it.
                let expected = fingerprint_value(&datagram[..at]).to_be_bytes();
                if length != FINGERPRINT_SIZE || next != datagram.len() || value != expected {
                    return Err(DropCause::StunMalformed);
                }
            } else if kind == ATTR_USERNAME.value() && username.is_none() && integrity_end.is_none() {
                username = Some(std::str::from_utf8(value).map_err(|_| DropCause::StunMalformed)?);
            }
            at = next;
            if at > datagram.len() {
                return Err(DropCause::StunMalformed);
            }
        }
        let covered = &datagram[..integrity_end.ok_or(DropCause::StunIntegrity)?];
        Ok(Self { covered, username: username.ok_or(DropCause::StunUnknownUfrag)? })
    }

    /// The ufrag of the receiver, ours if it is meant for us.
    pub(super) fn local_ufrag(&self) -> &'a str {
        self.username.split_once(':').map_or(self.username, |(local, _)| local)
    }

    /// Verifies MESSAGE-INTEGRITY with the receiver's password (RFC 8489 §14.5).
    pub(super) fn verify(&self, password: &str) -> Result<Request, DropCause> {
        let mut message = Message::new();
        message.raw.clear();
        message.raw.extend_from_slice(self.covered);
        // The length field covers what rtc-stun is given; the check itself expects exactly that.
        let length = (self.covered.len() - MESSAGE_HEADER_SIZE) as u16;
        message.raw[2..4].copy_from_slice(&length.to_be_bytes());
        message.decode().map_err(|_| DropCause::StunMalformed)?;
        MessageIntegrity::check(&mut message, password.as_bytes(), &AwsLcRsCrypto)
            .map_err(|_| DropCause::StunIntegrity)?;
        Ok(Request {
            transaction: message.transaction_id,
            use_candidate: message.contains(ATTR_USE_CANDIDATE),
            controlled: message.contains(ATTR_ICE_CONTROLLED),
        })
    }
}

impl Request {
    /// The success response (RFC 8445 §7.3.1.2), protected with the password that protected the request.
    pub(super) fn success(&self, mapped: SocketAddr, password: &str) -> Option<Vec<u8>> {
        let address = XorMappedAddress { ip: mapped.ip().to_canonical(), port: mapped.port() };
        self.respond(BINDING_SUCCESS, &address, password)
    }

    /// The refusal of a peer that wants to be controlled: 487 makes it take the controlling role.
    pub(super) fn role_conflict(&self, password: &str) -> Option<Vec<u8>> {
        let error = ErrorCodeAttribute { code: CODE_ROLE_CONFLICT, reason: b"Role Conflict".to_vec() };
        self.respond(BINDING_ERROR, &error, password)
    }

    fn respond(&self, kind: MessageType, attribute: &dyn Setter, password: &str) -> Option<Vec<u8>> {
        let mut message = Message::new();
        message.typ = kind;
        message.transaction_id = self.transaction;
        message.write_header();
        attribute.add_to(&mut message).ok()?;
        integrity(password).add_to(&mut message).ok()?;
        FINGERPRINT.add_to(&mut message).ok()?;
        Some(message.raw)
    }
}

fn integrity(password: &str) -> MessageIntegrity<'static> {
    MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), &AwsLcRsCrypto)
}

/// How a check of ours deviates from a plain one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::transport) struct CheckFlags {
    /// The pair is nominated.
    pub(in crate::transport) nominate: bool,
    /// As the controlled side would write it, by mistake.
    pub(in crate::transport) controlled: bool,
    /// FINGERPRINT is left out.
    pub(in crate::transport) without_fingerprint: bool,
}

/// A check that we send (RFC 8445 §7.2.2): `username` is the receiver's ufrag and ours, `password` the receiver's.
/// None when the crypto library refuses the password.
pub(in crate::transport) fn check(
    username: &str,
    password: &str,
    transaction: [u8; 12],
    flags: CheckFlags,
) -> Option<Vec<u8>> {
    let mut message = Message::new();
    message.typ = BINDING_REQUEST;
    message.transaction_id = TransactionId(transaction);
    message.write_header();
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(ATTR_PRIORITY, &PEER_REFLEXIVE_PRIORITY.to_be_bytes());
    let role = if flags.controlled { ATTR_ICE_CONTROLLED } else { ATTR_ICE_CONTROLLING };
    message.add(role, &TIE_BREAKER.to_be_bytes());
    if flags.nominate {
        message.add(ATTR_USE_CANDIDATE, &[]);
    }
    integrity(password).add_to(&mut message).ok()?;
    if !flags.without_fingerprint {
        FINGERPRINT.add_to(&mut message).ok()?;
    }
    Some(message.raw)
}

/// What a response to a check of ours says, after its integrity was verified: transaction, and the mapped address
/// unless it is an error.
pub(in crate::transport) fn read_response(raw: &[u8], password: &str) -> Option<([u8; 12], Result<SocketAddr, u16>)> {
    if raw.len() > MAX_MESSAGE {
        return None;
    }
    let mut message = Message::new();
    message.unmarshal_binary(raw).ok()?;
    FINGERPRINT_CHECK.check(&message).ok()?;
    MessageIntegrity::check(&mut message, password.as_bytes(), &AwsLcRsCrypto).ok()?;
    let transaction = message.transaction_id.0;
    if message.typ == BINDING_SUCCESS {
        let mut address = XorMappedAddress::default();
        address.get_from(&message).ok()?;
        return Some((transaction, Ok(SocketAddr::new(address.ip, address.port))));
    }
    let mut error = ErrorCodeAttribute::default();
    error.get_from(&message).ok()?;
    Some((transaction, Err(error.code.0)))
}

const FINGERPRINT_CHECK: rtc_stun::fingerprint::FingerprintAttr = FINGERPRINT;

/// Messages of a controlling peer, for tests of this and the higher modules.
#[cfg(test)]
pub(in crate::transport) mod test_messages {
    use super::*;

    pub(in crate::transport) use super::{CheckFlags, read_response};

    pub(in crate::transport) fn check(
        username: &str,
        password: &str,
        transaction: [u8; 12],
        flags: CheckFlags,
    ) -> Vec<u8> {
        super::check(username, password, transaction, flags).expect("a password that makes a key")
    }

    /// Appends an attribute behind MESSAGE-INTEGRITY, as someone on the path could.
    pub fn append_use_candidate(mut raw: Vec<u8>) -> Vec<u8> {
        raw.extend([0x00, 0x25, 0, 0]);
        let length = (raw.len() - MESSAGE_HEADER_SIZE) as u16;
        raw[2..4].copy_from_slice(&length.to_be_bytes());
        raw
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::test_messages::{append_use_candidate, check};
    use super::*;

    const PASSWORD: &str = "the-password-of-ours-22chars";

    #[test]
    fn a_check_is_verified_and_answered_with_the_address_it_came_from() {
        let raw = check("ours:theirs", PASSWORD, [9; 12], CheckFlags { nominate: true, ..Default::default() });
        let request = UnverifiedRequest::parse(&raw).unwrap();
        assert_eq!(request.local_ufrag(), "ours");
        let request = request.verify(PASSWORD).unwrap();
        assert!(request.use_candidate && !request.controlled);
        for address in ["192.0.2.7:4711", "[2001:db8::7]:4711"] {
            let address: SocketAddr = address.parse().unwrap();
            let answer = request.success(address, PASSWORD).unwrap();
            assert_eq!(read_response(&answer, PASSWORD), Some(([9; 12], Ok(address))));
            assert_eq!(read_response(&answer, "another"), None);
        }
        assert_eq!(read_response(&request.role_conflict(PASSWORD).unwrap(), PASSWORD), Some(([9; 12], Err(487))));
    }

    #[test]
    fn a_mapped_ipv4_address_is_answered_as_ipv4() {
        let raw = check("ours:theirs", PASSWORD, [9; 12], CheckFlags::default());
        let request = UnverifiedRequest::parse(&raw).unwrap().verify(PASSWORD).unwrap();
        let answer = request.success("[::ffff:192.0.2.7]:80".parse().unwrap(), PASSWORD).unwrap();
        assert_eq!(read_response(&answer, PASSWORD).unwrap().1, Ok("192.0.2.7:80".parse().unwrap()));
    }

    #[test]
    fn an_attribute_behind_the_integrity_does_not_exist() {
        let flags = CheckFlags { without_fingerprint: true, ..Default::default() };
        let raw = append_use_candidate(check("ours:theirs", PASSWORD, [9; 12], flags));
        let request = UnverifiedRequest::parse(&raw).unwrap().verify(PASSWORD).unwrap();
        assert!(!request.use_candidate);
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let raw = check("ours:theirs", PASSWORD, [9; 12], CheckFlags { nominate: true, ..Default::default() });
        // The type of FINGERPRINT itself is the exception: it may be missing, and says nothing that is acted upon.
        let fingerprint = raw.len() - 8;
        for at in (0..raw.len()).filter(|at| !(fingerprint..fingerprint + 2).contains(at)) {
            let mut bent = raw.clone();
            bent[at] ^= 0x40;
            let verified = UnverifiedRequest::parse(&bent).and_then(|request| request.verify(PASSWORD).map(drop));
            assert!(verified.is_err(), "byte {at}");
        }
    }

    #[test]
    fn lengths_that_lie_are_refused_without_harm() {
        let flags = CheckFlags { without_fingerprint: true, ..Default::default() };
        let raw = check("ours:theirs", PASSWORD, [9; 12], flags);
        for at in 0..raw.len() {
            for value in [0, 1, 3, 4, 19, 20, 21, 24, 127, 255] {
                let mut bent = raw.clone();
                bent[at] = value;
                if let Ok(request) = UnverifiedRequest::parse(&bent) {
                    let verified = request.verify(PASSWORD);
                    assert!(verified.is_err() || bent == raw, "byte {at} = {value}");
                }
            }
            let _ = UnverifiedRequest::parse(&raw[..at]).map(|request| request.verify(PASSWORD).is_ok());
        }
    }

    proptest::proptest! {
        #[test]
        fn random_attributes_never_panic(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let mut raw = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
            raw.extend([7; 12]);
            raw.extend(&body);
            raw.resize(raw.len().next_multiple_of(4), 0);
            let length = (raw.len() - 20) as u16;
            raw[2..4].copy_from_slice(&length.to_be_bytes());
            if let Ok(request) = UnverifiedRequest::parse(&raw) {
                let _ = request.verify(PASSWORD).map(drop);
            }
        }
    }
}
