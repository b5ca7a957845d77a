//! What the server says about the streams that we send: an interceptor that counts it and takes nothing away.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;

use crate::received::lock;

/// How many streams are counted; there are never more in a test.
const MAX_STREAMS: usize = 256;

/// Feedback on one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests for a key frame, PLI and FIR.
    pub key_frames: u64,
    /// Packets asked for again.
    pub nacks: u64,
    /// Report blocks.
    pub reports: u64,
    /// Feedback packets of transport-wide congestion control; they name any one stream of the connection.
    pub transport: u64,
}

/// Feedback on all streams of a connection, by SSRC.
#[derive(Debug, Default)]
pub struct Feedback(Mutex<HashMap<u32, Counts>>);

impl Feedback {
    /// The feedback on stream `ssrc` so far.
    pub fn on(&self, ssrc: u32) -> Counts {
        lock(&self.0).get(&ssrc).copied().unwrap_or_default()
    }

    /// How many feedback packets of transport-wide congestion control came.
    pub fn transport(&self) -> u64 {
        lock(&self.0).values().map(|counts| counts.transport).sum()
    }

    fn count(&self, ssrc: u32, count: impl FnOnce(&mut Counts)) {
        let mut streams = lock(&self.0);
        if streams.len() < MAX_STREAMS || streams.contains_key(&ssrc) {
            count(streams.entry(ssrc).or_default());
        }
    }

    fn note(&self, packet: &dyn rtc::rtcp::Packet) {
        let any = packet.as_any();
        if let Some(pli) = any.downcast_ref::<PictureLossIndication>() {
            self.count(pli.media_ssrc, |counts| counts.key_frames += 1);
        } else if let Some(fir) = any.downcast_ref::<FullIntraRequest>() {
            for entry in &fir.fir {
                self.count(entry.ssrc, |counts| counts.key_frames += 1);
            }
        } else if let Some(nack) = any.downcast_ref::<TransportLayerNack>() {
            let packets = nack.nacks.iter().map(|pair| 1 + u64::from(pair.lost_packets.count_ones())).sum::<u64>();
            self.count(nack.media_ssrc, |counts| counts.nacks += packets);
        } else if let Some(report) = any.downcast_ref::<ReceiverReport>() {
            for block in &report.reports {
                self.count(block.ssrc, |counts| counts.reports += 1);
            }
        } else if let Some(feedback) = any.downcast_ref::<TransportLayerCc>() {
            self.count(feedback.media_ssrc, |counts| counts.transport += 1);
        }
    }
}

/// The interceptor. The crate ends inbound RTCP inside its chain, so this is where it can be seen.
pub struct FeedbackCounter {
    feedback: Arc<Feedback>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl FeedbackCounter {
    /// One that counts into `feedback`.
    pub fn new(feedback: Arc<Feedback>) -> Self {
        Self { feedback, reads: VecDeque::new(), writes: VecDeque::new() }
    }
}

// The crate drains both queues after each packet.
impl Protocol<TaggedPacket, TaggedPacket, ()> for FeedbackCounter {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, message: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &message.message.packet {
            for packet in packets {
                self.feedback.note(packet.as_ref());
            }
        }
        self.reads.push_back(message);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, message: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(message);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for FeedbackCounter {
    fn bind_local_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _info: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _info: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _info: &StreamInfo) {}
}
