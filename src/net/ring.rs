//! The ways between shards: for each direction between two of them a ring of bytes that one thread writes and another
//! reads, without locks and without memory of its own for any message.
//!
//! A way is made when the first room spans the two shards, and stays. It takes [`RING`] bytes of memory once all of it
//! has been used: a megabyte for each ordered pair of shards that share a room, two for two shards, twelve for four.
//! That bridges some 20 ms of 400 Mbit/s. What finds it full is refused, and counted by whoever wrote.

use rtrb::{Consumer, Producer, RingBuffer};

use crate::ids::{MediaDataTrackId, MediaTrackId};
use crate::media::{RelaySink, Relayed};
use crate::units::{NtpTime, RtpTime, Ssrc};

use super::ShardIndex;
use super::mailbox::ShardHandle;

/// Bytes on their way from one shard to another at most.
pub(super) const RING: usize = 1 << 20;
/// Length of what follows (4), kind (1), layer or layers (1), shard that asks (2), number of the track (8).
const HEADER: usize = 16;
const CLOCK: usize = 24;

const PACKET: u8 = 0;
const REPAIRED: u8 = 1;
const CLOCK_KIND: u8 = 2;
const KEY_FRAME: u8 = 3;
const DATA: u8 = 4;
const WANTS: u8 = 5;
const LAYERS: u8 = 6;

/// The writing end.
pub(super) struct Writer(Producer<u8>);

/// The reading end.
pub(super) struct Reader {
    ring: Consumer<u8>,
    /// For messages that lie across the ring's end.
    whole: Vec<u8>,
}

/// Both ends of a new way.
pub(super) fn way() -> (Writer, Reader) {
    of_size(RING)
}

fn of_size(bytes: usize) -> (Writer, Reader) {
    let (producer, consumer) = RingBuffer::new(bytes);
    (Writer(producer), Reader { ring: consumer, whole: Vec::new() })
}

impl Writer {
    /// Writes a message; false when there is no room for all of it.
    fn write(&mut self, message: Relayed<'_>) -> bool {
        let (mut clock, mut asks) = ([0; CLOCK], ShardIndex(0));
        let (kind, layer, track, body) = match message {
            Relayed::Packet { track, layer, repaired, packet } => {
                (if repaired { REPAIRED } else { PACKET }, layer, track.0, packet)
            }
            Relayed::Clock { track, layer, ssrc, theirs, rtp, ours } => {
                clock[..4].copy_from_slice(&ssrc.0.to_ne_bytes());
                clock[4..8].copy_from_slice(&rtp.0.to_ne_bytes());
                clock[8..16].copy_from_slice(&theirs.0.to_ne_bytes());
                clock[16..].copy_from_slice(&ours.0.to_ne_bytes());
                (CLOCK_KIND, layer, track.0, &clock[..])
            }
            Relayed::KeyFrame { track, layer } => (KEY_FRAME, layer, track.0, &[][..]),
            Relayed::Wants { track, layers, of } => {
                asks = of;
                (WANTS, layers, track.0, &[][..])
            }
            Relayed::Layers { track, relayed, report } => (LAYERS, relayed, track.0, report),
            Relayed::Data { track, payload } => (DATA, 0, track.0, payload),
        };
        let Ok(len) = u32::try_from(body.len()) else { return false };
        if self.0.slots() < HEADER + body.len() {
            return false;
        }
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&len.to_ne_bytes());
        header[4] = kind;
        header[5] = layer;
        header[6..8].copy_from_slice(&asks.0.to_ne_bytes());
        header[8..].copy_from_slice(&track.to_ne_bytes());
        // Nobody else takes the room that there is; the reader waits for the rest of what has begun.
        self.0.push_entire_slice(&header).is_ok() && self.0.push_entire_slice(body).is_ok()
    }
}

impl Reader {
    /// Takes the next message, if all of it is there; returns how many bytes it took.
    fn read(&mut self, each: impl FnOnce(Relayed<'_>)) -> usize {
        let mut header = [0; HEADER];
        let Ok(chunk) = self.ring.read_chunk(HEADER) else { return 0 };
        let (one, two) = chunk.as_slices();
        header[..one.len()].copy_from_slice(one);
        header[one.len()..].copy_from_slice(two);
        let size = HEADER + u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let Ok(chunk) = self.ring.read_chunk(size) else { return 0 };
        let (one, two) = chunk.as_slices();
        let all = if two.is_empty() {
            one
        } else {
            self.whole.clear();
            self.whole.extend_from_slice(one);
            self.whole.extend_from_slice(two);
            &self.whole
        };
        if let Some(message) = parse(&header, &all[HEADER..]) {
            each(message);
        }
        chunk.commit_all();
        size
    }

    /// Nothing comes any more.
    fn is_dry(&self) -> bool {
        self.ring.is_abandoned() && self.ring.is_empty()
    }
}

fn parse<'a>(header: &[u8; HEADER], body: &'a [u8]) -> Option<Relayed<'a>> {
    let layer = header[5];
    let number = u64::from_ne_bytes(*header.last_chunk()?);
    let track = MediaTrackId(number);
    Some(match header[4] {
        PACKET | REPAIRED => Relayed::Packet { track, layer, repaired: header[4] == REPAIRED, packet: body },
        CLOCK_KIND => {
            let body = body.first_chunk::<CLOCK>()?;
            Relayed::Clock {
                track,
                layer,
                ssrc: Ssrc(u32::from_ne_bytes(*body.first_chunk()?)),
                rtp: RtpTime(u32::from_ne_bytes(*body[4..].first_chunk()?)),
                theirs: NtpTime(u64::from_ne_bytes(*body[8..].first_chunk()?)),
                ours: NtpTime(u64::from_ne_bytes(*body[16..].first_chunk()?)),
            }
        }
        KEY_FRAME => Relayed::KeyFrame { track, layer },
        WANTS => Relayed::Wants { track, layers: layer, of: ShardIndex(u16::from_ne_bytes([header[6], header[7]])) },
        LAYERS => Relayed::Layers { track, relayed: layer, report: body },
        DATA => Relayed::Data { track: MediaDataTrackId(number), payload: body },
        _ => return None,
    })
}

/// All ways of one shard.
#[derive(Default)]
pub(super) struct Ways {
    /// By the shard that they lead to.
    out: Vec<Option<Writer>>,
    into: Vec<Reader>,
    /// Shards that have something to read and have not been woken.
    unread: Vec<ShardIndex>,
}

impl Ways {
    /// A way to another shard.
    pub(super) fn add_writer(&mut self, to: ShardIndex, writer: Writer) {
        let index = usize::from(to.0);
        if self.out.len() <= index {
            self.out.resize_with(index + 1, || None);
        }
        self.out[index] = Some(writer);
    }

    /// A way from another shard; those that nobody writes to any more make room.
    pub(super) fn add_reader(&mut self, reader: Reader) {
        self.into.retain(|known| !known.is_dry());
        self.into.push(reader);
    }

    /// How many ways lead here.
    pub(super) fn incoming(&self) -> usize {
        self.into.len()
    }

    /// How much waits on one of the ways that lead here.
    pub(super) fn waiting(&self, way: usize) -> usize {
        self.into.get(way).map_or(0, |reader| reader.ring.slots())
    }

    /// The next message of a way, and how many bytes it took.
    pub(super) fn read(&mut self, way: usize, each: impl FnOnce(Relayed<'_>)) -> usize {
        self.into.get_mut(way).map_or(0, |reader| reader.read(each))
    }

    /// Wakes every shard that has been written to since the last call, once.
    pub(super) fn wake(&mut self, shards: &[ShardHandle]) {
        for to in self.unread.drain(..) {
            if let Some(shard) = shards.get(usize::from(to.0)) {
                shard.wake();
            }
        }
    }
}

impl RelaySink for Ways {
    fn relay(&mut self, to: ShardIndex, message: Relayed<'_>) -> bool {
        let Some(Some(writer)) = self.out.get_mut(usize::from(to.0)) else { return false };
        let written = writer.write(message);
        if written && !self.unread.contains(&to) {
            self.unread.push(to);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TRACK: MediaTrackId = MediaTrackId(0x1234_5678_9ABC);

    fn packet(packet: &[u8]) -> Relayed<'_> {
        Relayed::Packet { track: TRACK, layer: 2, repaired: false, packet }
    }

    #[test]
    fn what_is_written_is_read_whole_and_in_order_across_the_rings_end() {
        let (mut writer, mut reader) = of_size(300);
        for round in 0..200u8 {
            let bytes = vec![round; usize::from(round)];
            let clock = Relayed::Clock {
                track: TRACK,
                layer: 1,
                ssrc: Ssrc(u32::from(round)),
                theirs: NtpTime(1 << 40 | u64::from(round)),
                rtp: RtpTime(7),
                ours: NtpTime(9),
            };
            let messages = [
                packet(&bytes),
                clock,
                Relayed::KeyFrame { track: TRACK, layer: 0 },
                Relayed::Wants { track: TRACK, layers: 5, of: ShardIndex(0x1234) },
                Relayed::Layers { track: TRACK, relayed: 3, report: b"all of them" },
                Relayed::Data { track: MediaDataTrackId(5), payload: &bytes[..usize::from(round).min(20)] },
                Relayed::Packet { track: TRACK, layer: 0, repaired: true, packet: b"again" },
            ];
            for message in messages {
                assert!(writer.write(message));
                let mut got = false;
                assert!(reader.read(|read| got = read == message) > 0);
                assert!(got, "{message:?}");
            }
            assert_eq!(reader.read(|_| panic!("nothing is left")), 0);
        }
    }

    #[test]
    fn what_has_no_room_is_refused_whole() {
        let (mut writer, mut reader) = of_size(100);
        assert!(writer.write(packet(&[1; 60])));
        assert!(!writer.write(packet(&[2; 60])), "no room");
        assert!(writer.write(packet(&[3; 8])), "a smaller one fits");
        let mut read = Vec::new();
        let note = |message: Relayed<'_>, read: &mut Vec<u8>| match message {
            Relayed::Packet { packet, .. } => read.push(packet[0]),
            _ => panic!(),
        };
        while reader.read(|message| note(message, &mut read)) > 0 {}
        assert_eq!(read, [1, 3]);
        assert!(!writer.write(packet(&[4; 200])), "larger than the ring");
        assert!(writer.write(packet(&[4; 84])), "all of the ring");
    }

    #[test]
    fn two_threads_lose_nothing_that_was_taken() {
        let (mut writer, mut reader) = of_size(10_000);
        let writing = std::thread::spawn(move || {
            let mut taken = 0u64;
            for n in 0..20_000u32 {
                let bytes = [n as u8; 100];
                taken += u64::from(writer.write(packet(&bytes[..n as usize % 100 + 1])));
            }
            taken
        });
        let mut read = 0u64;
        while !reader.is_dry() {
            read += u64::from(
                reader.read(|message| match message {
                    Relayed::Packet { packet, .. } => assert!(packet.iter().all(|byte| *byte == packet[0])),
                    _ => panic!(),
                }) > 0,
            );
        }
        assert_eq!(read, writing.join().unwrap());
    }
}
