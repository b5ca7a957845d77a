//! Datagrams that wait to be sent: a bounded queue whose buffers are used again.

use std::collections::VecDeque;

use super::path::Path;

/// Datagrams waiting at most. A flight of DTLS or a burst of SCTP is well below; both repeat what is dropped.
const MAX_WAITING: usize = 512;
/// Empty buffers kept for the next datagrams.
const MAX_SPARE: usize = 2;

/// STUN answers and DTLS records on their way out.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    waiting: VecDeque<(Path, Vec<u8>)>,
    spare: Vec<Vec<u8>>,
}

impl Outbox {
    /// Queues one datagram; false when the queue is full.
    #[must_use]
    pub(super) fn push(&mut self, path: Path, datagram: &[u8]) -> bool {
        if self.waiting.len() >= MAX_WAITING {
            return false;
        }
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(datagram);
        self.waiting.push_back((path, buffer));
        true
    }

    /// Appends the oldest datagram to `out`.
    pub(super) fn pop(&mut self, out: &mut Vec<u8>) -> Option<Path> {
        let (path, mut buffer) = self.waiting.pop_front()?;
        out.extend_from_slice(&buffer);
        if self.spare.len() < MAX_SPARE {
            buffer.clear();
            self.spare.push(buffer);
        }
        Some(path)
    }

    /// Forgets everything that would have gone to `path`.
    pub(super) fn forget(&mut self, path: Path) {
        self.waiting.retain(|(to, _)| *to != path);
    }
}
