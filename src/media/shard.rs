//! The shard: every transport, track and forwarder of one thread, as one state machine.
//!
//! It is fed datagrams, commands and time, and gives back events and, at [`Shard::flush`], datagrams. It
//! reads no clock and opens no socket, so the simulated network of the tests runs the very same code.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::ids::{ForwarderId, MediaDataTrackId, MediaRoomId, MediaTrackId, TransportId};
use crate::rtp::twcc::PacketResult;
use crate::transport::demux::{Kind, classify, stun_ufrag};
use crate::transport::{
    Certificate, DropCause, FailureCause, Inbound, Path, SocketId, TransportEvent, TransportLimits,
};
use crate::units::{SeqNo, UnixTime};

use super::counters::{Counters, Drop};
use super::data::{DataTrack, DataTrackKey};
use super::demux::Demux;
use super::event::{Event, TransportFailure};
use super::flight::What;
use super::forwarder::{Forwarder, ForwarderKey};
use super::mirror::{Mirror, MirrorKey, Origin};
use super::relay::RelayQueue;
use super::reports::REPORT_INTERVAL;
use super::send::SendBuffers;
use super::speakers::{Room, RoomKey};
use super::stream::Stream;
use super::table::Table;
use super::timers::{Owner, Timers};
use super::track::{Track, TrackKey};
use super::transports::{TransportKey, TransportState};
use super::tuning::Tuning;

/// Datagrams of handshakes dealt with in one round: each may cost a quarter of a millisecond of public-key arithmetic,
/// which is not to delay everybody's media.
pub(super) const HANDSHAKES_A_ROUND: usize = 2;
/// Datagrams of handshakes that wait for their round; what does not fit is repeated by its sender.
const MAX_HANDSHAKES: usize = 4096;
/// Events waiting for the control plane before data messages are dropped.
const MAX_EVENTS: usize = 64 * 1024;

/// What a shard is made with.
#[derive(Clone, Debug)]
pub struct ShardConfig {
    /// The certificate of every transport.
    pub certificate: Arc<Certificate>,
    /// Bounds and timeouts of every transport.
    pub limits: TransportLimits,
    /// Settings of every track.
    pub tuning: Tuning,
    /// An instant, and the calendar time then: sender reports need wall time.
    pub start: Instant,
    /// See `start`.
    pub start_unix: UnixTime,
}

/// One thread's share of the media plane.
pub struct Shard {
    pub(super) config: ShardConfig,
    pub(super) rng: SmallRng,
    pub(super) seed: u64,
    pub(super) demux: Demux,
    pub(super) transports: Table<TransportState>,
    pub(super) tracks: Table<Track>,
    pub(super) streams: Table<Stream>,
    pub(super) forwarders: Table<Forwarder>,
    pub(super) rooms: Table<Room>,
    pub(super) data_tracks: Table<DataTrack>,
    pub(super) mirrors: Table<Mirror>,
    pub(super) transport_ids: HashMap<TransportId, TransportKey>,
    pub(super) track_ids: HashMap<MediaTrackId, TrackKey>,
    pub(super) forwarder_ids: HashMap<ForwarderId, ForwarderKey>,
    pub(super) room_ids: HashMap<MediaRoomId, RoomKey>,
    pub(super) data_track_ids: HashMap<MediaDataTrackId, DataTrackKey>,
    pub(super) mirror_ids: HashMap<TransportId, MirrorKey>,
    pub(super) timers: Timers,
    pub(super) send: SendBuffers,
    pub(super) relays: RelayQueue,
    pub(super) events: VecDeque<Event>,
    pub(super) counters: Counters,
    /// Transports whose events and datagrams wait to be taken.
    touched: Vec<TransportKey>,
    /// Datagrams of handshakes, each for a later round.
    handshakes: VecDeque<(TransportKey, Path, Vec<u8>)>,
    /// Reused between calls.
    pub(super) compound: Vec<u8>,
    pub(super) missing: Vec<SeqNo>,
    pub(super) results: Vec<PacketResult>,
}

impl Shard {
    /// An empty shard. All randomness that is ours (first sequence numbers, hash keys) comes from `seed`.
    pub fn new(config: ShardConfig, seed: u64) -> Self {
        Self {
            config,
            rng: SmallRng::seed_from_u64(seed),
            seed,
            demux: Demux::new(seed),
            transports: Table::default(),
            tracks: Table::default(),
            streams: Table::default(),
            forwarders: Table::default(),
            rooms: Table::default(),
            data_tracks: Table::default(),
            mirrors: Table::default(),
            transport_ids: HashMap::new(),
            track_ids: HashMap::new(),
            forwarder_ids: HashMap::new(),
            room_ids: HashMap::new(),
            data_track_ids: HashMap::new(),
            mirror_ids: HashMap::new(),
            timers: Timers::default(),
            send: SendBuffers::default(),
            relays: RelayQueue::default(),
            events: VecDeque::new(),
            counters: Counters::default(),
            touched: Vec::new(),
            handshakes: VecDeque::new(),
            compound: Vec::new(),
            missing: Vec::new(),
            results: Vec::new(),
        }
    }

    /// One received datagram; it is decrypted in place.
    pub fn datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        self.counters.datagrams_in.count(datagram.len());
        let kind = classify(datagram);
        let stun = kind == Kind::Stun;
        let index = if stun {
            let owner = stun_ufrag(datagram).and_then(|ufrag| self.demux.by_ufrag(ufrag));
            owner.or_else(|| self.demux.owner(path))
        } else {
            self.demux.by_address(now, path)
        };
        let Some(key) = index.and_then(|index| self.transports.key_at(index as usize)) else {
            if stun && stun_ufrag(datagram).is_some() {
                self.counters.transport_drops[DropCause::StunUnknownUfrag as usize] += 1;
                return;
            }
            return self.counters.drop(Drop::UnknownAddress);
        };
        let Some(state) = self.transports.get_mut(key) else { return };
        if kind == Kind::Dtls && !state.connected {
            if self.handshakes.len() >= MAX_HANDSHAKES {
                return self.counters.drop(Drop::HandshakeQueueFull);
            }
            return self.handshakes.push_back((key, path, datagram.to_vec()));
        }
        match state.transport.handle_datagram(now, path, datagram) {
            Inbound::Rtp(packet) => return self.on_rtp(now, key, packet),
            Inbound::Rtcp(compound) => self.on_rtcp(now, key, compound),
            Inbound::Consumed if stun => {
                self.touched(key);
                self.settle(now);
                self.claim_path(now, key, path);
            }
            Inbound::Consumed => self.touched(key),
            Inbound::Dropped(cause) => self.counters.transport_drops[cause as usize] += 1,
        }
        self.settle(now);
    }

    /// A TCP connection has gone.
    pub fn path_closed(&mut self, now: Instant, socket: SocketId) {
        let concerned: Vec<TransportKey> = self
            .transports
            .iter()
            .filter(|(_, state)| state.paths.iter().any(|path| path.socket == socket))
            .map(|(key, _)| key)
            .collect();
        for key in concerned {
            if let Some(state) = self.transports.get_mut(key) {
                state.transport.path_closed(now, socket);
            }
            self.touched(key);
        }
        self.settle(now);
    }

    /// Handshakes wait for [`Shard::timeout`]: what is queued should be flushed before.
    pub fn is_behind(&self) -> bool {
        !self.handshakes.is_empty()
    }

    /// Deals with as many datagrams of handshakes as one round may.
    fn shake_hands(&mut self, now: Instant) {
        for _ in 0..HANDSHAKES_A_ROUND {
            let Some((key, path, mut datagram)) = self.handshakes.pop_front() else { return };
            let Some(state) = self.transports.get_mut(key) else { continue };
            match state.transport.handle_datagram(now, path, &mut datagram) {
                Inbound::Dropped(cause) => self.counters.transport_drops[cause as usize] += 1,
                _ => self.touched(key),
            }
        }
    }

    /// Does everything that is due.
    pub fn timeout(&mut self, now: Instant) {
        self.shake_hands(now);
        while let Some(owner) = self.timers.pop(now) {
            match owner {
                Owner::Transport(index) => {
                    if let Some(key) = self.transports.key_at(index as usize) {
                        self.transport_due(now, key);
                    }
                }
                Owner::Room(index) => {
                    if let Some(key) = self.rooms.key_at(index as usize) {
                        self.look_at_speakers(now, key);
                    }
                }
                Owner::Mirror(index) => {
                    if let Some(key) = self.mirrors.key_at(index as usize) {
                        self.mirror_due(now, key);
                    }
                }
            }
        }
        self.settle(now);
    }

    /// When [`Shard::timeout`] may next have something to do; early at worst.
    pub fn next_timeout(&self) -> Option<Instant> {
        // Whoever waits for a handshake has waited long enough.
        if self.is_behind() { Some(self.config.start) } else { self.timers.next() }
    }

    /// What the control plane must know, oldest first.
    pub fn drain_events(&mut self) -> impl Iterator<Item = Event> + '_ {
        self.events.drain(..)
    }

    /// What was counted since the shard began.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Names of things that still live, for tests of leaks: transports, tracks, streams, forwarders, rooms,
    /// data tracks, addresses, ufrags.
    #[cfg(test)]
    pub(super) fn census(&self) -> [usize; 8] {
        let (addresses, ufrags) = self.demux.len();
        [
            self.transports.len(),
            self.tracks.len(),
            self.streams.len(),
            self.forwarders.len(),
            self.rooms.len(),
            self.data_tracks.len(),
            addresses,
            ufrags,
        ]
    }

    pub(super) fn transport_key(&self, id: TransportId) -> Option<TransportKey> {
        self.transport_ids.get(&id).copied()
    }

    /// Queues an event. The control plane drains them every turn; should it not, data goes first.
    pub(super) fn emit(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS && matches!(event, Event::Data { .. }) {
            return self.counters.drop(Drop::EventQueueFull);
        }
        self.events.push_back(event);
    }

    /// A transport's events and datagrams wait to be taken.
    pub(super) fn touched(&mut self, key: TransportKey) {
        if let Some(state) = self.transports.get_mut(key)
            && !state.touched
        {
            state.touched = true;
            self.touched.push(key);
        }
    }

    /// Takes everything that transports have to tell and to send.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(key) = self.touched.pop() {
            if let Some(state) = self.transports.get_mut(key) {
                state.touched = false;
            }
            while let Some(event) = self.transports.get_mut(key).and_then(|state| state.transport.poll_event()) {
                self.on_transport_event(now, key, event);
            }
            self.take_datagrams(now, key);
            self.reschedule(key);
        }
    }

    /// Queues what a transport wants sent: STUN answers, DTLS records.
    pub(super) fn take_datagrams(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key) else { return };
        loop {
            let buffer = self.send.control_buffer();
            let start = buffer.len();
            let Some(path) = state.transport.poll_datagram(buffer) else { break };
            self.send.push_control(now, key, path, start);
        }
    }

    fn on_transport_event(&mut self, now: Instant, key: TransportKey, event: TransportEvent) {
        let Some(state) = self.transports.get_mut(key) else { return };
        let id = state.id;
        let index = key.index() as u32;
        match event {
            TransportEvent::PathAdded(path) => {
                if !state.paths.is_full() && !state.paths.contains(&path) {
                    state.paths.push(path);
                }
                self.demux.add_path(now, path, index);
            }
            TransportEvent::PathRemoved(path) => {
                state.paths.retain(|known| *known != path);
                self.demux.remove_path(path, index);
            }
            TransportEvent::Connected(path) => {
                state.connected = true;
                state.next_report = state.next_report.max(now);
                state.flight.note(now, What::Connected);
                self.emit(Event::TransportConnected { id, path });
                self.set_live(now, key, true);
            }
            TransportEvent::PathChanged(path) => self.emit(Event::PathChanged { id, path }),
            TransportEvent::ConsentLost => {}
            TransportEvent::ConsentRegained => {
                if state.connected {
                    self.set_live(now, key, true);
                }
            }
            TransportEvent::Failed(cause) => {
                state.flight.note(now, What::Failed);
                self.set_live(now, key, false);
                self.emit(Event::TransportFailed { id, cause: failure(cause) });
            }
            TransportEvent::DataChannelOpened { .. }
            | TransportEvent::DataChannelClosed(_)
            | TransportEvent::Data { .. } => self.on_channel_event(now, key, event),
        }
    }

    /// Media may, or may no longer, flow to a peer: its forwarders begin, each with a key frame, or stop.
    fn set_live(&mut self, now: Instant, key: TransportKey, live: bool) {
        let Some(state) = self.transports.get(key) else { return };
        for forwarder_key in state.sending.forwarders.clone() {
            let Some(forwarder) = self.forwarders.get_mut(forwarder_key) else { continue };
            if forwarder.live != live {
                forwarder.live = live;
                forwarder.stop();
                self.refresh_forwarder(now, forwarder_key);
            }
        }
    }

    /// A verified check came over a path that another transport holds: it is taken over once that one is silent.
    fn claim_path(&mut self, now: Instant, key: TransportKey, path: Path) {
        let index = key.index() as u32;
        let Some(state) = self.transports.get(key) else { return };
        if self.demux.owner(path) != Some(index) && state.paths.contains(&path) {
            self.demux.add_path(now, path, index);
        }
    }

    fn transport_due(&mut self, now: Instant, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key) else { return };
        if state.transport.poll_timeout().is_some_and(|due| due <= now) {
            state.transport.handle_timeout(now);
        }
        let connected = state.connected;
        if state.receiving.twcc.next_timeout().is_some_and(|due| due <= now) {
            self.send_transport_feedback(now, key);
        }
        if self.transports.get_mut(key).is_some_and(|state| state.sending.pacer.take_due(now)) {
            self.send.wake(now, key);
        }
        if let Some(state) = self.transports.get_mut(key)
            && state.next_look.is_some_and(|due| due <= now)
        {
            state.next_look = None;
            if let Some(next) = self.look_at_streams(now, key) {
                self.look_at(next, Origin::Here(key));
            }
        }
        if let Some(state) = self.transports.get_mut(key)
            && connected
            && state.next_report <= now
        {
            state.next_report = now + REPORT_INTERVAL;
            self.send_reports(now, key);
            self.look_at_silence(now, key);
            self.record_second(now, key);
            self.count_transport_drops(key);
        }
        self.touched(key);
    }

    /// What a transport drops by itself, without telling in an answer to a datagram.
    pub(super) fn count_transport_drops(&mut self, key: TransportKey) {
        let Some(state) = self.transports.get_mut(key) else { return };
        let counted = *state.transport.counters();
        for cause in [DropCause::SendQueueFull, DropCause::StaleMessage, DropCause::EarlyData] {
            let fresh = counted.dropped(cause) - state.counted.dropped(cause);
            self.counters.transport_drops[cause as usize] += fresh;
        }
        state.counted = counted;
    }

    pub(super) fn reschedule(&mut self, key: TransportKey) {
        let Some(state) = self.transports.get(key) else { return };
        let due = [
            state.transport.poll_timeout(),
            state.connected.then_some(state.next_report),
            state.next_look,
            state.receiving.twcc.next_timeout(),
            state.sending.pacer.due(),
        ];
        self.timers.set(Owner::Transport(key.index() as u32), due.into_iter().flatten().min());
    }
}

const fn failure(cause: FailureCause) -> TransportFailure {
    match cause {
        FailureCause::IceTimeout => TransportFailure::IceTimeout,
        FailureCause::ConsentExpired => TransportFailure::ConsentExpired,
        FailureCause::Dtls => TransportFailure::Dtls,
        FailureCause::FingerprintMismatch => TransportFailure::FingerprintMismatch,
        FailureCause::Closed => TransportFailure::Closed,
    }
}
