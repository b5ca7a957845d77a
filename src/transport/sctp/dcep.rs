//! The Data Channel Establishment Protocol (RFC 8832): OPEN and ACK.

const ACK: u8 = 0x02;
const OPEN: u8 = 0x03;
const OPEN_HEADER: usize = 12;
const UNORDERED: u8 = 0x80;
const PARTIAL_RELIABLE_REXMIT: u8 = 0x01;
const PARTIAL_RELIABLE_TIMED: u8 = 0x02;
/// Longer labels are cut at a character: ours and LiveKit's are short, and a peer could send 64 KB of it.
const MAX_LABEL: usize = 256;

/// How far messages of a channel are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reliability {
    Reliable,
    /// At most so many retransmissions.
    Retransmits(u32),
    /// For at most so many milliseconds.
    Lifetime(u32),
}

/// One DCEP message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dcep {
    Open { label: String, ordered: bool, reliability: Reliability },
    Ack,
}

impl Dcep {
    /// Reads a message; `None` when it is malformed or of an unknown kind.
    pub(super) fn parse(message: &[u8]) -> Option<Self> {
        if *message.first()? == ACK {
            return Some(Self::Ack);
        }
        let header: &[u8; OPEN_HEADER] = message.first_chunk()?;
        if header[0] != OPEN {
            return None;
        }
        let parameter = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let reliability = match header[1] & !UNORDERED {
            0 => Reliability::Reliable,
            PARTIAL_RELIABLE_REXMIT => Reliability::Retransmits(parameter),
            PARTIAL_RELIABLE_TIMED => Reliability::Lifetime(parameter),
            _ => return None,
        };
        let label_len = usize::from(u16::from_be_bytes([header[8], header[9]]));
        let label = message.get(OPEN_HEADER..OPEN_HEADER + label_len)?;
        let label = bounded_label(&String::from_utf8_lossy(label));
        Some(Self::Open { label, ordered: header[1] & UNORDERED == 0, reliability })
    }

    /// The message's bytes.
    pub(super) fn build(&self) -> Vec<u8> {
        let Self::Open { label, ordered, reliability } = self else { return vec![ACK] };
        let (mut kind, parameter) = match reliability {
            Reliability::Reliable => (0, 0),
            Reliability::Retransmits(times) => (PARTIAL_RELIABLE_REXMIT, *times),
            Reliability::Lifetime(millis) => (PARTIAL_RELIABLE_TIMED, *millis),
        };
        if !ordered {
            kind |= UNORDERED;
        }
        let label = bounded_label(label);
        let mut message = vec![OPEN, kind, 0, 0];
        message.extend(parameter.to_be_bytes());
        message.extend((label.len() as u16).to_be_bytes());
        message.extend([0, 0]); // no protocol
        message.extend(label.as_bytes());
        message
    }
}

/// The label as far as it is kept.
pub(super) fn bounded_label(label: &str) -> String {
    let mut end = label.len().min(MAX_LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    label[..end].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn messages_survive_the_wire() {
        for (ordered, reliability) in [
            (true, Reliability::Reliable),
            (false, Reliability::Retransmits(0)),
            (false, Reliability::Lifetime(300)),
            (true, Reliability::Retransmits(7)),
        ] {
            let open = Dcep::Open { label: "_lossy".into(), ordered, reliability };
            assert_eq!(Dcep::parse(&open.build()), Some(open));
        }
        assert_eq!(Dcep::parse(&Dcep::Ack.build()), Some(Dcep::Ack));
    }

    #[test]
    fn a_browsers_open_is_read() {
        let mut wire = vec![3, 0x81, 1, 0, 0, 0, 0, 0, 0, 6, 0, 2];
        wire.extend(b"_lossyp1");
        let open = Dcep::Open { label: "_lossy".into(), ordered: false, reliability: Reliability::Retransmits(0) };
        assert_eq!(Dcep::parse(&wire), Some(open));
    }

    #[test]
    fn lengths_that_lie_and_long_labels_do_no_harm() {
        assert_eq!(Dcep::parse(&[]), None);
        assert_eq!(Dcep::parse(&[3, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0]), None);
        assert_eq!(Dcep::parse(&[9; 20]), None);
        let open = Dcep::Open { label: "ä".repeat(400), ordered: true, reliability: Reliability::Reliable };
        let Some(Dcep::Open { label, .. }) = Dcep::parse(&open.build()) else { panic!("an open") };
        assert_eq!(label, "ä".repeat(128));
    }
}
