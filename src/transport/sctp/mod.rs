//! Data channels (RFC 8831): DCEP, queues with bounds, and the association underneath.
//!
//! What waits to be sent waits here, not in the association: there every byte in the queue makes every packet dearer,
//! and what it has accepted can no longer be dropped. A lossy channel drops its stalest messages instead of growing
//! old: under congestion control "no retransmission" alone does not keep it fresh.

mod association;
mod dcep;

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use bytes::Bytes;

use super::event::{
    ChannelId, DataChannelParams, DropCause, SendDataError, TransportCounters, TransportEvent, TransportLimits,
};
use super::section::SctpParams;
use association::{Association, AssociationEvent, Ppid};
use dcep::{Dcep, Reliability, bounded_label};

/// Channels per connection; LiveKit's clients use three or four in each direction.
const MAX_CHANNELS: usize = 64;
/// Bytes handed to the association ahead of acknowledgement, per channel. It bounds the throughput to this much per
/// round trip.
const RELIABLE_IN_FLIGHT: usize = 256 * 1024;
const LOSSY_IN_FLIGHT: usize = 64 * 1024;
/// Events, and bytes of messages in them, that wait for the owner; beyond, the peer is held back.
const MAX_EVENTS: usize = 256;
const MAX_EVENT_BYTES: usize = 1024 * 1024;
/// What one queued message costs besides its bytes, so that a flood of empty ones is bounded too.
const MESSAGE_OVERHEAD: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// We have asked, the peer has not acknowledged.
    Opening,
    Open,
}

struct Queued {
    payload: Box<[u8]>,
    ppid: Ppid,
    at: Instant,
}

struct Channel {
    params: DataChannelParams,
    reliability: Reliability,
    state: State,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    /// Bytes that the association holds for it, as of the last [`DataChannels::pump`].
    in_flight: usize,
}

impl Channel {
    fn new(params: DataChannelParams, reliability: Reliability, state: State) -> Self {
        Self { params, reliability, state, queue: VecDeque::new(), queued_bytes: 0, in_flight: 0 }
    }

    fn is_lossy(&self) -> bool {
        self.reliability != Reliability::Reliable
    }

    fn push(&mut self, queued: Queued) {
        self.queued_bytes += queued.payload.len() + MESSAGE_OVERHEAD;
        self.queue.push_back(queued);
    }

    fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.queued_bytes -= queued.payload.len() + MESSAGE_OVERHEAD;
        Some(queued)
    }

    fn opened(&self, channel: ChannelId) -> TransportEvent {
        TransportEvent::DataChannelOpened {
            channel,
            label: self.params.label.clone(),
            ordered: self.params.ordered,
            max_retransmits: self.params.max_retransmits,
        }
    }
}

/// All data channels of one connection.
pub(super) struct DataChannels {
    limits: TransportLimits,
    association: Association,
    connected: bool,
    /// Numbers of channels that we open: even for the DTLS client, odd for the server (RFC 8832 §6).
    first_id: u16,
    wanted: VecDeque<DataChannelParams>,
    channels: BTreeMap<u16, Channel>,
    /// Streams with messages that are not read because events are waiting.
    unread: Vec<u16>,
    max_message: usize,
}

impl DataChannels {
    pub(super) fn new(limits: TransportLimits, params: SctpParams, we_are_dtls_client: bool) -> Self {
        let peer_accepts = if params.max_message_size == 0 { usize::MAX } else { params.max_message_size as usize };
        let mut association = Association::new(limits.max_message, params);
        if we_are_dtls_client {
            association.connect();
        }
        Self {
            limits,
            association,
            connected: false,
            first_id: if we_are_dtls_client { 0 } else { 1 },
            wanted: VecDeque::new(),
            channels: BTreeMap::new(),
            unread: Vec::new(),
            max_message: limits.max_message.min(peer_accepts),
        }
    }

    /// Opens a channel as soon as the association is up.
    pub(super) fn open(&mut self, params: DataChannelParams) {
        if self.wanted.len() + self.channels.len() < MAX_CHANNELS {
            self.wanted.push_back(params);
        }
    }

    /// Queues a message.
    pub(super) fn send(
        &mut self,
        now: Instant,
        id: ChannelId,
        payload: &[u8],
        binary: bool,
        counters: &mut TransportCounters,
    ) -> Result<(), SendDataError> {
        let channel = self.channels.get_mut(&id.0).filter(|channel| channel.state == State::Open);
        let channel = channel.ok_or(SendDataError::NotOpen)?;
        if payload.len() > self.max_message {
            return Err(SendDataError::TooLarge);
        }
        let size = payload.len() + MESSAGE_OVERHEAD;
        if channel.is_lossy() {
            while channel.queued_bytes + size > self.limits.lossy_buffer && channel.pop().is_some() {
                counters.drop(DropCause::StaleMessage);
            }
        } else if channel.queued_bytes + size > self.limits.reliable_buffer {
            return Err(SendDataError::Full);
        }
        let ppid = match (binary, payload.is_empty()) {
            (true, false) => Ppid::Binary,
            (true, true) => Ppid::BinaryEmpty,
            (false, false) => Ppid::Text,
            (false, true) => Ppid::TextEmpty,
        };
        channel.push(Queued { payload: payload.into(), ppid, at: now });
        Ok(())
    }

    /// Bytes of a channel not yet acknowledged by the peer, with what a queue costs.
    pub(super) fn buffered(&self, id: ChannelId) -> usize {
        self.channels.get(&id.0).map_or(0, |channel| channel.queued_bytes + channel.in_flight)
    }

    /// Takes one SCTP packet.
    pub(super) fn handle(&mut self, now: Instant, packet: Bytes) {
        self.association.handle(now, packet);
    }

    /// Whether messages wait because the owner has not taken the events before them.
    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.association.poll_timeout()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            self.association.handle_timeout(now);
        }
    }

    /// Does all that can be done now: events out, queued messages down, packets to `send`.
    pub(super) fn pump(
        &mut self,
        now: Instant,
        events: &mut VecDeque<TransportEvent>,
        counters: &mut TransportCounters,
        mut send: impl FnMut(&[u8]),
    ) {
        while let Some(event) = self.association.poll_event() {
            match event {
                AssociationEvent::Connected => self.connected = true,
                AssociationEvent::Lost => self.lost(events),
                AssociationEvent::Readable(id) => {
                    if !self.unread.contains(&id) {
                        self.unread.push(id);
                    }
                    self.read_all(events);
                }
                AssociationEvent::Closed(id) => {
                    self.association.close(id);
                    if self.channels.remove(&id).is_some() {
                        events.push_back(TransportEvent::DataChannelClosed(ChannelId(id)));
                    }
                }
            }
        }
        self.read_all(events);
        if self.connected {
            self.open_wanted();
            self.write_queued(now, counters);
        }
        self.association.poll_transmit(now, &mut send);
    }

    fn lost(&mut self, events: &mut VecDeque<TransportEvent>) {
        self.connected = false;
        self.unread.clear();
        for (id, _) in std::mem::take(&mut self.channels) {
            events.push_back(TransportEvent::DataChannelClosed(ChannelId(id)));
        }
    }

    fn read_all(&mut self, events: &mut VecDeque<TransportEvent>) {
        let mut waiting = 0;
        for event in events.iter() {
            if let TransportEvent::Data { payload, .. } = event {
                waiting += payload.len();
            }
        }
        while let Some(&id) = self.unread.last() {
            loop {
                if events.len() >= MAX_EVENTS || waiting >= MAX_EVENT_BYTES {
                    return;
                }
                let Some((ppid, payload)) = self.association.read(id) else { break };
                waiting += payload.len();
                self.received(id, ppid, payload, events);
            }
            self.unread.pop();
        }
    }

    fn received(&mut self, id: u16, ppid: Ppid, payload: Vec<u8>, events: &mut VecDeque<TransportEvent>) {
        let channel = ChannelId(id);
        match ppid {
            Ppid::Dcep => match Dcep::parse(&payload) {
                Some(Dcep::Open { label, ordered, reliability }) => {
                    self.peer_opened(id, label, ordered, reliability, events);
                }
                Some(Dcep::Ack) => self.acknowledged(id, events),
                None => self.association.close(id),
            },
            Ppid::Text | Ppid::Binary | Ppid::TextEmpty | Ppid::BinaryEmpty => {
                if !self.channels.contains_key(&id) {
                    // No OPEN came before it, and negotiated channels are not offered.
                    return self.association.close(id);
                }
                // The peer may send before its acknowledgement arrives on an unordered channel.
                self.acknowledged(id, events);
                let binary = matches!(ppid, Ppid::Binary | Ppid::BinaryEmpty);
                events.push_back(TransportEvent::Data { channel, payload, binary });
            }
        }
    }

    fn peer_opened(
        &mut self,
        id: u16,
        label: String,
        ordered: bool,
        reliability: Reliability,
        events: &mut VecDeque<TransportEvent>,
    ) {
        if self.channels.contains_key(&id) {
            return;
        }
        if self.channels.len() >= MAX_CHANNELS {
            return self.association.close(id);
        }
        let max_retransmits = match reliability {
            Reliability::Reliable | Reliability::Lifetime(_) => None,
            Reliability::Retransmits(times) => Some(u16::try_from(times).unwrap_or(u16::MAX)),
        };
        // The acknowledgement itself is reliable and ordered; what follows obeys the channel's parameters.
        self.association.write(id, &Dcep::Ack.build(), Ppid::Dcep);
        self.association.set_reliability(id, ordered, reliability);
        let channel = Channel::new(DataChannelParams { label, ordered, max_retransmits }, reliability, State::Open);
        events.push_back(channel.opened(ChannelId(id)));
        self.channels.insert(id, channel);
    }

    fn acknowledged(&mut self, id: u16, events: &mut VecDeque<TransportEvent>) {
        if let Some(channel) = self.channels.get_mut(&id)
            && channel.state == State::Opening
        {
            channel.state = State::Open;
            events.push_back(channel.opened(ChannelId(id)));
        }
    }

    fn open_wanted(&mut self) {
        while let Some(mut params) = self.wanted.pop_front() {
            let ids = (self.first_id..u16::MAX).step_by(2).take(2 * MAX_CHANNELS);
            let Some(id) = ids.into_iter().find(|id| !self.channels.contains_key(id) && self.association.open(*id))
            else {
                return self.wanted.push_front(params);
            };
            params.label = bounded_label(&params.label);
            let reliability =
                params.max_retransmits.map_or(Reliability::Reliable, |times| Reliability::Retransmits(times.into()));
            let open = Dcep::Open { label: params.label.clone(), ordered: params.ordered, reliability };
            self.association.write(id, &open.build(), Ppid::Dcep);
            self.association.set_reliability(id, params.ordered, reliability);
            self.channels.insert(id, Channel::new(params, reliability, State::Opening));
        }
    }

    fn write_queued(&mut self, now: Instant, counters: &mut TransportCounters) {
        for (id, channel) in &mut self.channels {
            let lossy = channel.is_lossy();
            let in_flight = if lossy { LOSSY_IN_FLIGHT } else { RELIABLE_IN_FLIGHT };
            while let Some(front) = channel.queue.front() {
                if lossy && now.saturating_duration_since(front.at) > self.limits.lossy_age {
                    channel.pop();
                    counters.drop(DropCause::StaleMessage);
                } else if self.association.buffered(*id) < in_flight
                    && self.association.write(*id, &front.payload, front.ppid)
                {
                    channel.pop();
                } else {
                    break;
                }
            }
            channel.in_flight = self.association.buffered(*id);
        }
    }
}
