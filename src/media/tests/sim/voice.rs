//! Somebody who talks without pause: Opus at 32 kbit/s.

use std::time::{Duration, Instant};

use crate::rtp::write::{HeaderFields, write_header};
use crate::units::{PayloadType, RtpTime, SeqNo, Ssrc};

const EACH: Duration = Duration::from_millis(20);

pub struct Voice {
    pub client: usize,
    pub next: Instant,
    mid: &'static str,
    ssrc: u32,
    count: u32,
}

impl Voice {
    pub fn new(now: Instant, client: usize, mid: &'static str) -> Self {
        Self { client, next: now, mid, ssrc: 700 + client as u32, count: 0 }
    }

    /// The next packet.
    pub fn packet(&mut self) -> Vec<u8> {
        self.next += EACH;
        self.count += 1;
        let fields = HeaderFields {
            marker: self.count == 1,
            payload_type: PayloadType(111),
            seq: SeqNo(self.count as u16),
            timestamp: RtpTime(self.count.wrapping_mul(960)),
            ssrc: Ssrc(self.ssrc),
        };
        let mut packet = vec![0; 200];
        let len = write_header(&mut packet, &fields, &[(1, self.mid.as_bytes()), (5, &[20])]).unwrap_or_default();
        packet.truncate(len);
        packet.resize(len + 80, 0xFC);
        packet
    }
}
