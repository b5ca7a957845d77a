//! Packets as a camera sends them.

use visavis::rtp::write::{HeaderFields, write_header};
use visavis::rtp::{Codec, CodecParams, ExtensionKind, ExtensionMap};
use visavis::units::{ClockRate, PayloadType, RtpTime, SeqNo, Ssrc};

/// Bytes of a picture's packet without its header.
pub const PAYLOAD: usize = 1100;
/// Packets of a frame.
pub const FRAME: usize = 7;

pub fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::default();
    map.set(ExtensionKind::Mid, 1);
    map.set(ExtensionKind::TransportCc, 4);
    map
}

/// A packet's header fields, all of one stream.
pub fn fields(ssrc: u32, seq: u16, frame: u16, marker: bool) -> HeaderFields {
    HeaderFields {
        marker,
        payload_type: PayloadType(96),
        seq: SeqNo(seq),
        timestamp: RtpTime(u32::from(frame) * 3000),
        ssrc: Ssrc(ssrc),
    }
}

/// Part `part` of a frame of VP8.
pub fn packet(seq: u16, frame: u16, part: usize, key: bool) -> Vec<u8> {
    let mut out = vec![0; 1500];
    let fields = fields(7, seq, frame, part + 1 == FRAME);
    let len = write_header(&mut out, &fields, &[(1, b"0"), (4, &seq.to_be_bytes())]).unwrap();
    out.truncate(len);
    let begins = u8::from(part == 0) << 4;
    out.extend([0x80 | begins, 0xF0, 0x80 | (frame >> 8) as u8, frame as u8, frame as u8, 1]);
    out.push(u8::from(!key));
    out.resize(len + PAYLOAD, 7);
    out
}

pub fn codec() -> CodecParams {
    CodecParams {
        codec: Codec::Vp8,
        payload_type: PayloadType(96),
        clock_rate: ClockRate(90_000),
        channels: 1,
        fmtp: "".into(),
        rtx: None,
        nack: true,
        pli: true,
        fir: false,
        transport_cc: true,
        remb: false,
    }
}
