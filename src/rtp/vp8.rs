//! VP8 payload descriptor (RFC 7741 §4.2) and its rewriting (LiveKit `pkg/sfu/codecmunger/vp8.go`).
//!
//! A receiver checks that picture ids, TL0PICIDX and KEYIDX run without gaps. They do not when layers are switched or
//! temporal layers left out, so [`Vp8Munger`] renumbers them. It always writes the 15-bit form of the picture id,
//! so that the length of the descriptor does not change in mid-stream.

use thiserror::Error;

use super::munger::Order;

/// Bytes of a descriptor at most.
pub const MAX_DESCRIPTOR_LEN: usize = 6;

/// Pictures of which the munger remembers what became of them: at 30 frames a second two seconds.
const PICTURES: usize = 64;

/// A picture id and the form it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureId {
    /// 7 or 15 bits.
    pub value: u16,
    /// The 15-bit form.
    pub long: bool,
}

/// The payload descriptor of one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vp8Descriptor {
    /// S: the packet begins a partition.
    pub start_of_partition: bool,
    /// PID: index of that partition.
    pub partition: u8,
    /// N: no other frame refers to this one.
    pub non_reference: bool,
    /// Running number of the picture.
    pub picture_id: Option<PictureId>,
    /// Running number of pictures of temporal layer 0.
    pub tl0_pic_idx: Option<u8>,
    /// Temporal layer.
    pub tid: Option<u8>,
    /// Y: the frame depends on layer 0 alone, so a receiver may move up to its layer here.
    pub layer_sync: bool,
    /// Running number of key frames, 5 bits.
    pub key_idx: Option<u8>,
    /// Bytes of the descriptor.
    pub len: u8,
    /// The packet begins a key frame.
    pub key_frame: bool,
}

impl Vp8Descriptor {
    /// Reads the descriptor at the front of a payload; None when the payload ends before the VP8 data begins.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut descriptor = Self {
            start_of_partition: first & 0x10 != 0,
            partition: first & 0x07,
            non_reference: first & 0x20 != 0,
            picture_id: None,
            tl0_pic_idx: None,
            tid: None,
            layer_sync: false,
            key_idx: None,
            len: 0,
            key_frame: false,
        };
        let mut at = 1;
        let mut next = || {
            at += 1;
            payload.get(at - 1).copied()
        };
        if first & 0x80 != 0 {
            let present = next()?;
            if present & 0x80 != 0 {
                let high = next()?;
                let long = high & 0x80 != 0;
                let value = match long {
                    true => u16::from(high & 0x7F) << 8 | u16::from(next()?),
                    false => u16::from(high),
                };
                descriptor.picture_id = Some(PictureId { value, long });
            }
            if present & 0x40 != 0 {
                descriptor.tl0_pic_idx = Some(next()?);
            }
            if present & 0x30 != 0 {
                let byte = next()?;
                if present & 0x20 != 0 {
                    descriptor.tid = Some(byte >> 6);
                    descriptor.layer_sync = byte & 0x20 != 0;
                }
                if present & 0x10 != 0 {
                    descriptor.key_idx = Some(byte & 0x1F);
                }
            }
        }
        let frame_header = *payload.get(at)?;
        descriptor.len = at as u8;
        // The first bit of the frame header is clear in key frames (RFC 7741 §4.3).
        descriptor.key_frame = descriptor.start_of_partition && descriptor.partition == 0 && frame_header & 0x01 == 0;
        Some(descriptor)
    }

    /// Bytes of the descriptor that [`write_with`](Self::write_with) writes.
    pub const fn written_len(&self) -> usize {
        match self.picture_id {
            Some(PictureId { long: false, .. }) => self.len as usize + 1,
            _ => self.len as usize,
        }
    }

    /// Writes `payload`, whose descriptor this is, into `out` with the numbers in `fields`, and returns the length:
    /// that of `payload`, and one more where its picture id had 7 bits. None when `out` is too small.
    pub fn write_with(&self, fields: &Vp8Fields, payload: &[u8], out: &mut [u8]) -> Option<usize> {
        let body = payload.get(usize::from(self.len)..)?;
        let total = self.written_len() + body.len();
        let out = out.get_mut(..total)?;
        out[0] = payload[0];
        let mut at = 1;
        let mut put = |byte| {
            out[at] = byte;
            at += 1;
        };
        if payload[0] & 0x80 != 0 {
            put(payload[1]);
            if self.picture_id.is_some() {
                put(0x80 | (fields.picture_id >> 8) as u8);
                put(fields.picture_id as u8);
            }
            if self.tl0_pic_idx.is_some() {
                put(fields.tl0_pic_idx);
            }
            if payload[1] & 0x30 != 0 {
                let kept = payload[usize::from(self.len) - 1];
                put(if self.key_idx.is_some() { kept & 0xE0 | fields.key_idx & 0x1F } else { kept });
            }
        }
        out[at..].copy_from_slice(body);
        Some(total)
    }
}

/// Width and height of the key frame that begins in this payload (RFC 6386 §9.1).
pub fn key_frame_dimensions(payload: &[u8]) -> Option<(u16, u16)> {
    let descriptor = Vp8Descriptor::parse(payload)?;
    if !descriptor.key_frame {
        return None;
    }
    match payload.get(usize::from(descriptor.len) + 3..)? {
        [0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] => {
            Some((u16::from_le_bytes([*w0, *w1]) & 0x3FFF, u16::from_le_bytes([*h0, *h1]) & 0x3FFF))
        }
        _ => None,
    }
}

/// The rewritten numbers of one packet. Those that its descriptor lacks mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vp8Fields {
    /// Picture id, 15 bits.
    pub picture_id: u16,
    /// TL0PICIDX.
    pub tl0_pic_idx: u8,
    /// KEYIDX, 5 bits.
    pub key_idx: u8,
}

/// Why a packet is not to be forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Vp8Drop {
    /// Of a temporal layer above the wanted one.
    #[error("of a temporal layer that is not wanted")]
    TemporalLayer,
    /// Late, and its picture is not remembered.
    #[error("late, of a forgotten picture")]
    Forgotten,
}

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Forwarded, or to be so should one of its missing packets turn up, with this offset.
    Forward { offset: i64 },
    /// Left out, whole.
    Dropped,
}

/// Renumbers the pictures of one forwarded VP8 stream.
///
/// Temporal layers are left out picture by picture and the ids close up. After a gap in sequence numbers it is
/// unknown which pictures the missing packets belong to, so the packet behind a gap is forwarded whatever its layer,
/// and with it the rest of its picture. What became of the last 64 pictures is remembered for late packets.
#[derive(Clone, Debug)]
pub struct Vp8Munger {
    /// By extended source picture id modulo the length.
    pictures: [Option<(i64, Fate)>; PICTURES],
    /// The newest picture: as it was written, and extended (of the source since the last switch).
    newest: Option<(PictureId, i64)>,
    picture_offset: i64,
    tl0_offset: u8,
    key_offset: u8,
    last: Option<Vp8Fields>,
}

impl Default for Vp8Munger {
    fn default() -> Self {
        Self::new()
    }
}

impl Vp8Munger {
    /// A munger that has seen nothing; its first source keeps its own numbers.
    pub const fn new() -> Self {
        Self { pictures: [None; PICTURES], newest: None, picture_offset: 0, tl0_offset: 0, key_offset: 0, last: None }
    }

    /// From now on packets come from another source, beginning with the key frame whose first packet this is.
    /// Its numbers will follow those of the last forwarded packet.
    pub fn switch_source(&mut self, first: &Vp8Descriptor) {
        self.pictures = [None; PICTURES];
        self.newest = None;
        self.picture_offset = 0;
        self.tl0_offset = 0;
        self.key_offset = 0;
        if let Some(last) = self.last {
            let picture_id = first.picture_id.map_or(0, |id| i64::from(id.value));
            self.picture_offset = picture_id - i64::from(last.picture_id) - 1;
            self.tl0_offset = first.tl0_pic_idx.unwrap_or(0).wrapping_sub(last.tl0_pic_idx).wrapping_sub(1);
            self.key_offset = first.key_idx.unwrap_or(0).wrapping_sub(last.key_idx).wrapping_sub(1);
        }
    }

    /// Decides whether the packet goes out, and with which numbers.
    ///
    /// `order` is what [`RtpMunger::order`](super::munger::RtpMunger::order) says of it; temporal layers above
    /// `max_tid` are left out. When this refuses a packet that is not late, the caller drops it from the
    /// sequence numbers too ([`RtpMunger::drop_packet`](super::munger::RtpMunger::drop_packet)).
    pub fn forward(&mut self, packet: &Vp8Descriptor, order: Order, max_tid: u8) -> Result<Vp8Fields, Vp8Drop> {
        let unwanted = packet.tid.is_some_and(|tid| tid > max_tid);
        let Some(written) = packet.picture_id else {
            // Without picture ids there is nothing to tell pictures apart by; the layer decides packet by packet.
            if unwanted && order != Order::Gap {
                return Err(Vp8Drop::TemporalLayer);
            }
            return Ok(self.emit(packet, 0, order));
        };
        let ext = self.extend(written);
        match order {
            Order::Late | Order::Duplicate => match self.fate(ext) {
                Some(Fate::Forward { offset }) => Ok(self.emit(packet, ext - offset, order)),
                Some(Fate::Dropped) => Err(Vp8Drop::TemporalLayer),
                None => Err(Vp8Drop::Forgotten),
            },
            Order::Gap => {
                // The missing packets may belong to the picture before, to this one, or to any between.
                let previous = self.newest.map_or(ext, |(_, newest)| newest);
                for id in previous.max(ext - (PICTURES as i64 - 1))..=ext {
                    if self.fate(id).is_none() {
                        self.remember(id, Fate::Forward { offset: self.picture_offset });
                    }
                }
                self.advance(written, ext);
                match self.fate(ext) {
                    Some(Fate::Forward { offset }) => Ok(self.emit(packet, ext - offset, order)),
                    _ => Err(Vp8Drop::TemporalLayer),
                }
            }
            Order::Contiguous => {
                self.advance(written, ext);
                match self.fate(ext) {
                    Some(Fate::Forward { offset }) => Ok(self.emit(packet, ext - offset, order)),
                    Some(Fate::Dropped) => Err(Vp8Drop::TemporalLayer),
                    None if unwanted => {
                        self.remember(ext, Fate::Dropped);
                        self.picture_offset += 1;
                        Err(Vp8Drop::TemporalLayer)
                    }
                    None => {
                        self.remember(ext, Fate::Forward { offset: self.picture_offset });
                        Ok(self.emit(packet, ext - self.picture_offset, order))
                    }
                }
            }
        }
    }

    /// The extended id nearest to the newest one. The sender may go from 7 to 15 bits at any time (RFC 7741 §4.2):
    /// the shorter of the forms decides how far the two are apart.
    fn extend(&self, id: PictureId) -> i64 {
        let Some((newest, ext)) = self.newest else {
            return i64::from(id.value);
        };
        let bits = if id.long { 15 } else { 7 };
        let shift = 64 - bits;
        let step = (i64::from(id.value) - i64::from(newest.value)) << shift >> shift;
        ext + step
    }

    fn advance(&mut self, id: PictureId, ext: i64) {
        if self.newest.is_none_or(|(_, newest)| ext > newest) {
            self.newest = Some((id, ext));
        }
    }

    fn fate(&self, ext: i64) -> Option<Fate> {
        match self.pictures[Self::slot(ext)] {
            Some((id, fate)) if id == ext => Some(fate),
            _ => None,
        }
    }

    fn remember(&mut self, ext: i64, fate: Fate) {
        self.pictures[Self::slot(ext)] = Some((ext, fate));
    }

    const fn slot(ext: i64) -> usize {
        ext.rem_euclid(PICTURES as i64) as usize
    }

    fn emit(&mut self, packet: &Vp8Descriptor, picture_id: i64, order: Order) -> Vp8Fields {
        let last = self.last.unwrap_or_default();
        let fields = Vp8Fields {
            picture_id: if packet.picture_id.is_some() { (picture_id & 0x7FFF) as u16 } else { last.picture_id },
            tl0_pic_idx: packet.tl0_pic_idx.map_or(last.tl0_pic_idx, |idx| idx.wrapping_sub(self.tl0_offset)),
            key_idx: packet.key_idx.map_or(last.key_idx, |idx| idx.wrapping_sub(self.key_offset) & 0x1F),
        };
        if matches!(order, Order::Contiguous | Order::Gap) {
            self.last = Some(fields);
        }
        fields
    }
}

#[cfg(test)]
#[path = "vp8_tests.rs"]
mod tests;
