//! What a flight recorder remembers: one entry of its ring, and the recording that is handed over. Plain figures, of
//! fixed size, in the words of the exported file.

use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::media::command::Quality;
use crate::media::estimate::Why;

/// Everything that is remembered of one peer connection.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What the entries' times count from.
    pub began: Instant,
    /// Entries that had to make room for newer ones.
    pub forgotten: u64,
    /// The oldest first.
    pub entries: Vec<Entry>,
}

/// Something that happened.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, in milliseconds; of a stretch of time its end.
    pub at: u32,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. "The peer" is whom the connection leads to; tracks are numbers that the file explains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Media may flow.
    Connected,
    /// Media is lost.
    Failed,
    /// What the peer's transport-wide feedback said of the way to it.
    Down(Down),
    /// Packets left, and no feedback came.
    Silent {
        /// For so long, in milliseconds.
        span: u16,
        /// Packets that left meanwhile.
        sent: u16,
    },
    /// What came from the peer.
    Up(Up),
    /// What the way to the peer is thought to carry has become another figure, by a tenth at least.
    Estimate {
        /// In kbit/s.
        kbps: u32,
        /// What made it so.
        why: Why,
    },
    /// A probe leaves.
    Probe {
        /// At this rate in kbit/s.
        kbps: u32,
    },
    /// The peer wants something else of a picture.
    Wants {
        /// Which.
        track: u32,
        /// The best layer; none when it wants nothing of it.
        layer: Option<u8>,
    },
    /// Another layer of a picture is the best that the way allows.
    Allowed {
        /// Which picture.
        track: u32,
        /// The layer.
        layer: u8,
    },
    /// Another layer of a picture flows to the peer.
    Layer {
        /// Which picture.
        track: u32,
        /// The layer.
        layer: u8,
    },
    /// A picture stands still for want of room, or goes on.
    Paused {
        /// Which.
        track: u32,
        /// Stands still.
        paused: bool,
    },
    /// The peer mutes a track of its own, or no longer.
    Muted {
        /// Which.
        track: u32,
        /// Muted.
        muted: bool,
    },
    /// The peer asks for a key frame.
    Asks {
        /// Of which picture.
        track: u32,
        /// So many times within a second.
        times: u16,
    },
    /// The peer, who films, is asked for a key frame.
    Asked {
        /// Of which picture.
        track: u32,
        /// Of which layer.
        layer: u8,
        /// So many times within a second.
        times: u16,
    },
    /// A key frame of the peer's has begun.
    KeyFrame {
        /// Of which picture.
        track: u32,
        /// Of which layer.
        layer: u8,
        /// So many within a second.
        times: u16,
    },
}

/// What feedback said of a stretch of time: enough to build the way anew. How much it carries is what came through it
/// while packets queued; how long it takes is the round trip and, beyond that, how long those waited that met no queue
/// of ours; what it loses is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Down {
    /// Its length in milliseconds.
    pub span: u16,
    /// Packets that arrived.
    pub arrived: u16,
    /// Packets that did not. What an outage took is not among them.
    pub lost: u16,
    /// Runs of neighbours that the lost ones make.
    pub runs: u8,
    /// Packets that the peer asked for again.
    pub again: u16,
    /// The least round trip in milliseconds; 0 where unknown.
    pub rtt: u16,
    /// The longest that a packet waited beyond what the way takes by itself, in milliseconds.
    pub wait: u16,
    /// The least and the most that packets waited which followed none of ours closely: others' doing, in milliseconds.
    pub foreign: [u16; 2],
    /// For so long in all packets left the narrowest place back to back, in milliseconds, rounded up.
    pub busy: u16,
    /// And so fast, in kbit/s; 0 where none did.
    pub capacity: u32,
    /// Bytes that arrived, of RTP.
    pub bytes: u32,
}

impl Down {
    /// Nothing to see: such stretches may be long ones.
    pub(super) const fn calm(&self) -> bool {
        self.lost == 0 && self.again == 0 && self.wait <= 30
    }
}

/// What came from a peer in a stretch of time, of all its streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Up {
    /// Its length in milliseconds.
    pub span: u16,
    /// Packets that came.
    pub packets: u16,
    /// Packets that did not.
    pub lost: u16,
    /// Packets that it was asked for again.
    pub again: u16,
    /// The largest interarrival jitter of a stream at its end, in milliseconds.
    pub jitter: u16,
    /// Bytes that came.
    pub bytes: u32,
}

impl Up {
    /// Nothing to see.
    pub(super) const fn calm(&self) -> bool {
        self.lost == 0 && self.again == 0
    }
}

impl What {
    /// A layer as the file says it: 0 is the lowest.
    pub const fn layer(quality: Quality) -> u8 {
        quality as u8
    }

    /// Where it is the same again, both as one.
    pub(super) fn joined(&self, later: &Self) -> Option<Self> {
        match (*self, *later) {
            (Self::Asks { track, times }, Self::Asks { track: other, times: more }) if track == other => {
                Some(Self::Asks { track, times: times.saturating_add(more) })
            }
            (Self::Asked { track, layer, times }, Self::Asked { track: other, layer: same, times: more })
                if (track, layer) == (other, same) =>
            {
                Some(Self::Asked { track, layer, times: times.saturating_add(more) })
            }
            (Self::KeyFrame { track, layer, times }, Self::KeyFrame { track: other, layer: same, times: more })
                if (track, layer) == (other, same) =>
            {
                Some(Self::KeyFrame { track, layer, times: times.saturating_add(more) })
            }
            _ => None,
        }
    }
}
