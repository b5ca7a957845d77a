//! What the sockets and the loop count: plain integers, written by one thread, copied out once in a while.

use std::time::Duration;

use crate::media::Counters;

use super::ShardIndex;

/// Longest train of datagrams that one message carries (the kernel's `UDP_MAX_SEGMENTS`).
pub const MAX_TRAIN: usize = 64;

/// Everything one shard counts, as of the last publication (at most half a second ago while it is busy).
#[derive(Clone, Debug)]
pub struct ShardCounters {
    /// Whose counters these are.
    pub shard: ShardIndex,
    /// What the media state machine counts.
    pub media: Counters,
    /// What sockets and loop count.
    pub net: NetCounters,
}

/// What one shard's sockets and loop count.
#[derive(Clone, Debug, Default)]
pub struct NetCounters {
    /// UDP.
    pub udp: UdpCounters,
    /// ICE-TCP.
    pub tcp: TcpCounters,
    /// Rounds of the loop.
    pub turns: u64,
    /// How long a round took.
    pub turn_times: TurnTimes,
    /// Share of the last publication interval that the thread spent in its rounds, in thousandths.
    pub busy_permille: u32,
    /// Commands obeyed.
    pub commands: u64,
    /// Commands refused because the mailbox was full, of all senders.
    pub commands_refused: u64,
    /// Events handed out.
    pub events: u64,
}

/// UDP of one shard.
#[derive(Clone, Debug)]
pub struct UdpCounters {
    /// Datagrams received.
    pub received: u64,
    /// Bytes of them.
    pub received_bytes: u64,
    /// Calls that received something; `received / receive_calls` says how well batching works.
    pub receive_calls: u64,
    /// Receive errors of the system.
    pub receive_errors: u64,
    /// Datagrams that the kernel took.
    pub sent: u64,
    /// Bytes of them.
    pub sent_bytes: u64,
    /// Calls that sent something.
    pub send_calls: u64,
    /// Datagrams dropped because the socket's send buffer was full.
    pub dropped_full: u64,
    /// Datagrams that the system refused: no route, firewall, source address gone.
    pub dropped_refused: u64,
    /// Datagrams dropped because they were larger than any that can be sent.
    pub dropped_too_big: u64,
    /// Times that segmentation offload was found not to work and put aside for a while.
    pub offload_failures: u64,
    /// Messages sent, by number of datagrams in them; index 0 is unused.
    pub train_lengths: [u64; MAX_TRAIN + 1],
}

impl Default for UdpCounters {
    fn default() -> Self {
        Self {
            received: 0,
            received_bytes: 0,
            receive_calls: 0,
            receive_errors: 0,
            sent: 0,
            sent_bytes: 0,
            send_calls: 0,
            dropped_full: 0,
            dropped_refused: 0,
            dropped_too_big: 0,
            offload_failures: 0,
            train_lengths: [0; MAX_TRAIN + 1],
        }
    }
}

impl UdpCounters {
    /// Mean number of datagrams in a message; zero before the first.
    pub fn mean_train(&self) -> f64 {
        let messages: u64 = self.train_lengths.iter().sum();
        let datagrams: u64 = self.train_lengths.iter().zip(0u64..).map(|(count, length)| count * length).sum();
        if messages == 0 { 0.0 } else { datagrams as f64 / messages as f64 }
    }
}

/// ICE-TCP of one shard.
#[derive(Clone, Debug, Default)]
pub struct TcpCounters {
    /// Connections that are open now.
    pub open: u64,
    /// Connections accepted.
    pub accepted: u64,
    /// Connections refused: too many in all, or from one address.
    pub refused: u64,
    /// Connections handed to the shard that their first check named.
    pub handed_over: u64,
    /// Connections that came from the accepting shard.
    pub adopted: u64,
    /// Connections closed by the peer, or by an error of the system.
    pub closed_by_peer: u64,
    /// Connections closed because a frame was empty or too long, or the first was no STUN check for one of ours.
    pub closed_bad_frame: u64,
    /// Connections closed because nothing authentic came in time, or nothing at all for long.
    pub closed_idle: u64,
    /// Connections closed to make room for others.
    pub closed_evicted: u64,
    /// Frames received.
    pub received: u64,
    /// Frames sent or queued.
    pub sent: u64,
    /// Frames dropped because the peer reads too slowly, or the connection is gone.
    pub dropped: u64,
}

/// Histogram of durations in powers of two of a microsecond.
#[derive(Clone, Debug, Default)]
pub struct TurnTimes {
    /// `buckets[i]` counts durations below `2^i` µs that no lower bucket counts; the last one everything longer.
    pub buckets: [u64; Self::BUCKETS],
    /// Their sum in microseconds.
    pub total_micros: u64,
}

impl TurnTimes {
    /// Number of buckets: up to 32 ms, and beyond.
    pub const BUCKETS: usize = 17;

    /// Counts one duration.
    pub(super) fn record(&mut self, time: Duration) {
        let micros = time.as_micros() as u64;
        let bucket = (u64::BITS - micros.leading_zeros()) as usize;
        self.buckets[bucket.min(Self::BUCKETS - 1)] += 1;
        self.total_micros += micros;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_powers_of_two() {
        let mut times = TurnTimes::default();
        for micros in [0, 1, 3, 4, 1_000, 10_000_000] {
            times.record(Duration::from_micros(micros));
        }
        assert_eq!(times.buckets[0], 1, "below one microsecond");
        assert_eq!(times.buckets[1], 1, "one microsecond");
        assert_eq!(times.buckets[2], 1, "two and three");
        assert_eq!(times.buckets[3], 1, "four to seven");
        assert_eq!(times.buckets[10], 1, "512 to 1023");
        assert_eq!(times.buckets[16], 1, "everything longer");
    }

    #[test]
    fn the_mean_train_counts_datagrams_per_message() {
        let mut udp = UdpCounters::default();
        assert_eq!(udp.mean_train(), 0.0);
        udp.train_lengths[1] = 1;
        udp.train_lengths[5] = 1;
        assert_eq!(udp.mean_train(), 3.0);
    }
}
