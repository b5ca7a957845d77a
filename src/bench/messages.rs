//! Messages on the reliable data channel: written here, read by the receiver.

use std::time::{Duration, Instant};

use prost::Message as _;
use visavis_signaling::proto::{DataPacket, UserPacket, data_packet};

use super::account::{Ledger, TrackSent};
use super::publish::Moment;
use super::stamp::{Stamp, TrackId};

/// The channel, as LiveKit's clients name it.
pub const RELIABLE: &str = "_reliable";
/// The channels that a client opens.
pub const CHANNELS: [&str; 3] = [RELIABLE, "_lossy", "_data_track"];
/// Time between the messages of one sender.
const INTERVAL: Duration = Duration::from_millis(50);
/// Bytes of a message.
const SIZE: usize = 300;

/// One sender of messages.
#[derive(Debug)]
pub struct Messages {
    track: TrackId,
    ledger: Ledger,
    due: Instant,
}

impl Messages {
    /// A sender that begins after `phase`.
    pub fn new(track: TrackId, now: Instant, phase: Duration) -> Self {
        Self { track, ledger: Ledger::default(), due: now + phase }
    }

    /// When the next message is due.
    pub const fn next_due(&self) -> Instant {
        self.due
    }

    /// The next message, where one is due.
    pub fn next(&mut self, moment: &Moment, sent: u64) -> Option<Vec<u8>> {
        if self.due > moment.now {
            return None;
        }
        // A loop that comes late sends one, not all that it owes.
        self.due = (self.due + INTERVAL).max(moment.now);
        let number = self.ledger.number(moment.window, sent);
        let mut payload = vec![0x5A; SIZE];
        Stamp { track: self.track, layer: 0, number, sent }.write(moment.run, &mut payload);
        let user = UserPacket { payload, ..UserPacket::default() };
        let value = Some(data_packet::Value::User(user));
        Some(DataPacket { value, sequence: number + 1, ..DataPacket::default() }.encode_to_vec())
    }

    /// A new window begins.
    pub fn open_window(&mut self) {
        self.ledger.open();
    }

    /// What was sent within the window.
    pub fn sent(&self) -> TrackSent {
        TrackSent { track: self.track, layers: [self.ledger.sent()].into_iter().collect() }
    }
}
