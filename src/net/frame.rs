//! Datagrams on a byte stream: each behind its length in two bytes (RFC 4571 §2), as ICE-TCP carries them
//! (RFC 6544 §3). Both directions with fixed bounds.

use std::io::{self, Write};

use crate::media::Segment;

/// Longest frame that a peer may send: no STUN, DTLS or RTP datagram of any client is longer.
pub(super) const MAX_FRAME: usize = 2048;
/// Bytes of the length in front of a frame.
const PREFIX: usize = 2;
/// Room of a reader: several frames per system call.
const READ_BUFFER: usize = 8 * 1024;
/// Bytes that wait for a slow reader before whole frames are dropped.
const MAX_BACKLOG: usize = 256 * 1024;
/// Bytes gathered before they are written, and the most that an empty backlog keeps allocated.
const WRITE_CHUNK: usize = 64 * 1024;

/// A frame that no peer of ours sends: empty, or longer than [`MAX_FRAME`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadFrame;

/// Cuts a stream into frames.
#[derive(Debug)]
pub(super) struct FrameReader {
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl FrameReader {
    /// An empty reader.
    pub(super) fn new() -> Self {
        Self { buffer: vec![0; READ_BUFFER].into_boxed_slice(), start: 0, end: 0 }
    }

    /// Where the next bytes of the stream go. Never empty once [`FrameReader::next`] has found no whole frame.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        &mut self.buffer[self.end..]
    }

    /// So many bytes were put into the room.
    pub(super) fn filled(&mut self, count: usize) {
        self.end += count;
    }

    /// The next frame without taking it; `None` until it is complete.
    pub(super) fn peek(&self) -> Option<Result<&[u8], BadFrame>> {
        let waiting = &self.buffer[self.start..self.end];
        let [first, second, rest @ ..] = waiting else { return None };
        let length = u16::from_be_bytes([*first, *second]) as usize;
        if length == 0 || length > MAX_FRAME {
            return Some(Err(BadFrame));
        }
        rest.get(..length).map(Ok)
    }

    /// Takes the next frame; `None` until it is complete. After a bad frame there are no others.
    pub(super) fn next(&mut self) -> Option<Result<&mut [u8], BadFrame>> {
        let length = match self.peek()? {
            Ok(frame) => frame.len(),
            Err(bad) => return Some(Err(bad)),
        };
        let begin = self.start + PREFIX;
        self.start = begin + length;
        Some(Ok(&mut self.buffer[begin..begin + length]))
    }
}

/// Frames that a stream's kernel buffer did not take yet.
#[derive(Debug, Default)]
pub(super) struct FrameWriter {
    waiting: Vec<u8>,
    /// Bytes of `waiting` that have been written.
    head: usize,
}

impl FrameWriter {
    /// Frames datagrams and writes what the stream takes now. `scratch` is the caller's, to be reused.
    /// Returns how many datagrams were dropped because the backlog is full; an error means that the stream is dead.
    pub(super) fn send(
        &mut self,
        stream: &mut impl Write,
        scratch: &mut Vec<u8>,
        arena: &[u8],
        segments: &[Segment],
    ) -> io::Result<usize> {
        let mut dropped = 0;
        scratch.clear();
        for segment in segments {
            let start = segment.start as usize;
            let Some(datagram) = arena.get(start..start + segment.len as usize).filter(|bytes| !bytes.is_empty())
            else {
                dropped += 1;
                continue;
            };
            let target = if self.is_idle() { &mut *scratch } else { &mut self.waiting };
            if target.len() - self.head + PREFIX + datagram.len() > MAX_BACKLOG {
                dropped += 1;
                continue;
            }
            target.extend_from_slice(&segment.len.to_be_bytes());
            target.extend_from_slice(datagram);
            if scratch.len() >= WRITE_CHUNK {
                self.write_or_keep(stream, scratch)?;
            }
        }
        self.write_or_keep(stream, scratch)?;
        Ok(dropped)
    }

    /// Writes more of the backlog, when the stream is writable again.
    pub(super) fn flush(&mut self, stream: &mut impl Write) -> io::Result<()> {
        self.head += write_some(stream, &self.waiting[self.head..])?;
        if self.head == self.waiting.len() {
            self.head = 0;
            self.waiting.clear();
            self.waiting.shrink_to(WRITE_CHUNK);
        } else if self.head >= MAX_BACKLOG / 2 {
            self.waiting.drain(..self.head);
            self.head = 0;
        }
        Ok(())
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn write_or_keep(&mut self, stream: &mut impl Write, scratch: &mut Vec<u8>) -> io::Result<()> {
        if scratch.is_empty() {
            return Ok(());
        }
        let written = write_some(stream, scratch)?;
        self.waiting.extend_from_slice(&scratch[written..]);
        scratch.clear();
        Ok(())
    }
}

/// Writes until the stream takes no more, and returns how much it took.
fn write_some(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn framed(payloads: &[&[u8]]) -> Vec<u8> {
        payloads.iter().flat_map(|p| [&(p.len() as u16).to_be_bytes()[..], p].concat()).collect()
    }

    fn feed(reader: &mut FrameReader, bytes: &[u8]) {
        reader.room()[..bytes.len()].copy_from_slice(bytes);
        reader.filled(bytes.len());
    }

    #[test]
    fn frames_split_anywhere_come_out_whole() {
        let payloads: Vec<Vec<u8>> = (1..40usize).map(|n| vec![n as u8; n * 50]).collect();
        let stream = framed(&payloads.iter().map(|p| &p[..]).collect::<Vec<_>>());
        for step in [1, 2, 3, 7, 100, 1999, 4000] {
            let mut reader = FrameReader::new();
            let mut found = Vec::new();
            for part in stream.chunks(step) {
                feed(&mut reader, part);
                while let Some(frame) = reader.next() {
                    found.push(frame.unwrap().to_vec());
                }
            }
            assert_eq!(found, payloads, "in steps of {step}");
        }
    }

    #[test]
    fn empty_and_oversized_frames_are_bad_before_they_are_complete() {
        for prefix in [[0, 0], [8, 1], [255, 255]] {
            let mut reader = FrameReader::new();
            feed(&mut reader, &prefix);
            assert_eq!(reader.next(), Some(Err(BadFrame)));
            assert_eq!(reader.peek(), Some(Err(BadFrame)), "it stays bad");
        }
        let mut reader = FrameReader::new();
        feed(&mut reader, &framed(&[&[1; MAX_FRAME]]));
        assert_eq!(reader.next().unwrap().unwrap().len(), MAX_FRAME);
    }

    #[test]
    fn a_frame_that_was_looked_at_is_still_there() {
        let mut reader = FrameReader::new();
        feed(&mut reader, &framed(&[b"one", b"two"]));
        assert_eq!(reader.peek().unwrap().unwrap(), b"one");
        assert_eq!(reader.next().unwrap().unwrap(), b"one");
        assert_eq!(reader.next().unwrap().unwrap(), b"two");
        assert!(reader.next().is_none());
    }

    /// A stream that takes `room` bytes and then blocks.
    #[derive(Default)]
    struct Pipe {
        room: usize,
        taken: Vec<u8>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.room).min(999);
            if count == 0 {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            self.room -= count;
            self.taken.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_slow_reader_loses_whole_frames_only_and_memory_is_bounded() {
        let arena = vec![7; 1200];
        let segments = [Segment { start: 0, len: 1200 }; 100];
        let mut pipe = Pipe { room: 5_000, taken: Vec::new() };
        let mut writer = FrameWriter::default();
        let mut scratch = Vec::new();
        let mut dropped = 0;
        for _ in 0..10 {
            dropped += writer.send(&mut pipe, &mut scratch, &arena, &segments).unwrap();
        }
        assert!(dropped > 700, "{dropped}");
        assert!(writer.waiting.len() <= MAX_BACKLOG);
        while !writer.is_idle() {
            pipe.room = 10_000;
            writer.flush(&mut pipe).unwrap();
        }
        assert!(writer.waiting.capacity() <= WRITE_CHUNK);
        assert_eq!(pipe.taken.len(), (1000 - dropped) * 1202, "no frame is cut");
        assert!(pipe.taken.chunks(1202).all(|frame| frame[..2] == 1200u16.to_be_bytes() && frame[1201] == 7));
        pipe.room = usize::MAX;
        assert_eq!(writer.send(&mut pipe, &mut scratch, &arena, &segments).unwrap(), 0, "and it recovers");
    }

    #[test]
    fn segments_outside_the_arena_or_empty_are_dropped() {
        let mut pipe = Pipe { room: 1_000, taken: Vec::new() };
        let segments = [Segment { start: 5, len: 10 }, Segment { start: 0, len: 0 }, Segment { start: 0, len: 3 }];
        let dropped = FrameWriter::default().send(&mut pipe, &mut Vec::new(), b"abcdef", &segments).unwrap();
        assert_eq!((dropped, &pipe.taken[..]), (2, &b"\0\x03abc"[..]));
    }
}
