//! Who watches: asks for what is missing, decodes what is complete, reports, and knows how well it went.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::rtp::RtpHeader;
use crate::rtp::nack::NackTracker;
use crate::rtp::rtcp::build;
use crate::rtp::stats::{ReceiveStats, SenderReport};
use crate::rtp::vp8::Vp8Descriptor;
use crate::units::{ClockRate, SeqNo, Ssrc};

const REPORTS: Duration = Duration::from_secs(1);
/// A picture that cannot go on for so long is asked for anew, and again after as long.
const STUCK: Duration = Duration::from_millis(600);
/// Older pieces of pictures are of no use.
const KEPT: u64 = 2000;

/// One part of a picture.
#[derive(Clone, Copy, Debug)]
struct Piece {
    begins: bool,
    key: bool,
    ends: bool,
    layer: u8,
}

/// One received stream; of audio only numbers count.
pub struct Stream {
    pub ssrc: u32,
    video: bool,
    stats: ReceiveStats,
    nacks: NackTracker,
    first: Option<u64>,
    highest: u64,
    /// Numbers that came, the first way or another.
    pub received: u64,
    seen: BTreeMap<u64, Piece>,
    /// Where the next picture begins.
    next: Option<u64>,
    /// When each picture was complete, and its layer.
    pub shown: Vec<(Instant, u8)>,
    stuck: Option<Instant>,
    pub asked: usize,
}

impl Stream {
    pub fn new(ssrc: u32, video: bool) -> Self {
        Self {
            ssrc,
            video,
            stats: ReceiveStats::new(ClockRate(if video { 90_000 } else { 48_000 })),
            nacks: NackTracker::new(),
            first: None,
            highest: 0,
            received: 0,
            seen: BTreeMap::new(),
            next: None,
            shown: Vec::new(),
            stuck: None,
            asked: 0,
        }
    }

    /// Share of all numbers that never came.
    pub fn missing(&self) -> f64 {
        let Some(first) = self.first else { return 1.0 };
        1.0 - self.received as f64 / (self.highest - first + 1) as f64
    }

    /// The longest time without a new picture since then.
    pub fn longest_freeze(&self, since: Instant, until: Instant) -> Duration {
        let shown = self.shown.iter().map(|(at, _)| *at).filter(|at| *at >= since);
        let mut last = since;
        let mut longest = Duration::ZERO;
        for at in shown.chain([until]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    fn packet(&mut self, now: Instant, header: &RtpHeader, seq: SeqNo, payload: &[u8], repaired: bool) {
        if payload.is_empty() && self.video {
            return;
        }
        let ext = seq.extend(if self.first.is_some() { self.highest } else { 0x1_0000 + u64::from(seq.0) });
        if !repaired {
            let _ = self.stats.on_packet(header.seq, header.timestamp, header.len as usize, now);
        }
        self.first.get_or_insert(ext);
        self.highest = self.highest.max(ext);
        self.nacks.on_packet(ext, now);
        let piece = if self.video {
            let Some(descriptor) = Vp8Descriptor::parse(payload) else { return };
            Piece {
                begins: descriptor.start_of_partition && descriptor.partition == 0,
                key: descriptor.key_frame,
                ends: header.marker,
                layer: payload[usize::from(descriptor.len) + 1],
            }
        } else {
            Piece { begins: true, key: true, ends: true, layer: 0 }
        };
        if self.seen.insert(ext, piece).is_some() {
            return;
        }
        self.received += 1;
        while self.seen.first_key_value().is_some_and(|(oldest, _)| oldest + KEPT < self.highest) {
            self.seen.pop_first();
        }
        if self.video {
            self.decode(now);
        }
    }

    fn decode(&mut self, now: Instant) {
        loop {
            let from = self.next.filter(|next| self.complete(*next).is_some()).or_else(|| self.key_picture());
            let Some(from) = from else { break };
            let Some(end) = self.complete(from) else { break };
            self.shown.push((now, self.seen[&from].layer));
            self.next = Some(end + 1);
            self.stuck = None;
        }
        if self.next.is_none_or(|next| next <= self.highest) {
            self.stuck.get_or_insert(now);
        } else {
            self.stuck = None;
        }
    }

    /// The last number of the picture that begins there, if all of it is here.
    fn complete(&self, from: u64) -> Option<u64> {
        self.seen.get(&from).filter(|piece| piece.begins)?;
        (from..)
            .map_while(|seq| self.seen.get(&seq).map(|piece| (seq, piece.ends)))
            .find(|(_, ends)| *ends)
            .map(|it| it.0)
    }

    /// A complete picture that needs none before it.
    fn key_picture(&self) -> Option<u64> {
        let after = self.next.unwrap_or(0);
        let mut keys = self.seen.range(after..).filter(|(_, piece)| piece.key).map(|(seq, _)| *seq);
        keys.find(|key| self.complete(*key).is_some())
    }
}

/// A client's receiving half.
pub struct Viewer {
    pub streams: Vec<Stream>,
    next_report: Instant,
    missing: Vec<SeqNo>,
}

impl Viewer {
    pub fn new(now: Instant, streams: Vec<Stream>) -> Self {
        Self { streams, next_report: now + REPORTS, missing: Vec::new() }
    }

    /// A packet came; a stream's retransmissions have the number after its own.
    pub fn packet(&mut self, now: Instant, header: &RtpHeader, payload: &[u8]) {
        let ssrc = header.ssrc.0;
        for stream in &mut self.streams {
            if stream.ssrc == ssrc {
                stream.packet(now, header, header.seq, payload, false);
            } else if stream.video
                && stream.ssrc + 1 == ssrc
                && let Some((osn, payload)) = payload.split_first_chunk::<2>()
            {
                stream.packet(now, header, SeqNo(u16::from_be_bytes(*osn)), payload, true);
            }
        }
    }

    pub fn sender_report(&mut self, now: Instant, report: &SenderReport) {
        let stream = self.streams.iter_mut().find(|stream| stream.ssrc == report.ssrc.0);
        if let Some(stream) = stream {
            stream.stats.on_sender_report(report.ntp, report.rtp, now);
        }
    }

    pub fn next_timeout(&self) -> Instant {
        let video = self.streams.iter().filter(|stream| stream.video);
        let due = video.flat_map(|stream| [stream.nacks.next_timeout(), stream.stuck.map(|since| since + STUCK)]);
        due.flatten().min().map_or(self.next_report, |due| due.min(self.next_report))
    }

    /// One compound of what it has to say now; nothing when there is nothing.
    pub fn say(&mut self, now: Instant, out: &mut Vec<u8>) {
        let mut blocks = Vec::new();
        if self.next_report <= now {
            self.next_report = now + REPORTS;
            blocks.extend(self.streams.iter_mut().filter_map(|it| it.stats.report_block(Ssrc(it.ssrc), now)));
        }
        let mut more = Vec::new();
        for stream in self.streams.iter_mut().filter(|stream| stream.video) {
            self.missing.clear();
            stream.nacks.poll(now, &mut self.missing);
            if !self.missing.is_empty() {
                build::nack(&mut more, Ssrc(1), Ssrc(stream.ssrc), &self.missing);
            }
            if stream.stuck.is_some_and(|since| since + STUCK <= now) {
                stream.stuck = Some(now);
                stream.asked += 1;
                build::pli(&mut more, Ssrc(1), Ssrc(stream.ssrc));
            }
        }
        if !blocks.is_empty() || !more.is_empty() {
            // A compound begins with a report.
            build::receiver_report(out, Ssrc(1), &blocks);
            out.extend(more);
        }
    }
}
