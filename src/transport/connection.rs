//! The transport itself: ICE, DTLS, SRTP and data channels of one peer connection put together.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::demux::{self, Kind};
use super::dtls::{Accepted, DtlsEndpoint, DtlsFailed, DtlsOutput};
use super::event::{
    ChannelId, DataChannelParams, DropCause, FailureCause, Inbound, SendDataError, TransportCounters, TransportError,
    TransportEvent, TransportLimits, TransportParams,
};
use super::ice::{Checker, Consent, Ice, IceAgent, IceEvent};
use super::outbox::Outbox;
use super::path::{Path, SocketId};
use super::sctp::DataChannels;
use super::section::{DtlsRole, Fingerprint, IceCredentials, RemoteTransport};
use super::srtp::SrtpSession;

/// SCTP packets kept while the fingerprint is not known yet.
const MAX_EARLY_DATA: usize = 16;
/// Data channels asked for before there is an association.
const MAX_WANTED_CHANNELS: usize = 16;

/// How far the connection has come. Only [`Transport::advance`] and [`Transport::fail`] change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No media and no data either way.
    Connecting,
    /// DTLS is done, the certificate is the announced one.
    Connected,
    /// Nothing revives it.
    Failed,
}

/// One participant's connection, without sockets or clocks.
///
/// Feed it datagrams and time; take from it events, and datagrams to send. After every call that takes `now`, poll
/// events and datagrams until there are none, then [`Transport::poll_timeout`].
pub struct Transport {
    limits: TransportLimits,
    now: Instant,
    phase: Phase,
    ice: Ice,
    dtls: DtlsEndpoint,
    gained: Gained,
    /// Over which valid path DTLS last came, for answers before the peer has nominated one.
    dtls_path: Option<Path>,
    handshake_due: Option<Instant>,
    remote: Option<RemoteTransport>,
    channels: Option<DataChannels>,
    wanted_channels: Vec<DataChannelParams>,
    /// The path that the owner was last told.
    announced: Option<Path>,
    /// The owner was told that consent is lost.
    consent_lost: bool,
    outbox: Outbox,
    events: VecDeque<TransportEvent>,
    counters: TransportCounters,
}

/// What the DTLS machine has yielded so far.
#[derive(Default)]
struct Gained {
    certificate: Option<Fingerprint>,
    srtp: Option<Box<SrtpSession>>,
    connected: bool,
    closed: bool,
    data: VecDeque<Bytes>,
}

impl Gained {
    fn take(
        &mut self,
        output: DtlsOutput<'_>,
        to: Option<Path>,
        outbox: &mut Outbox,
        counters: &mut TransportCounters,
    ) {
        match output {
            DtlsOutput::Datagram(datagram) => {
                if !to.is_some_and(|path| outbox.push(path, datagram)) {
                    counters.drop(DropCause::SendQueueFull);
                }
            }
            DtlsOutput::PeerCertificate(fingerprint) => self.certificate = Some(fingerprint),
            DtlsOutput::Keys(session) => self.srtp = Some(session),
            DtlsOutput::Connected => self.connected = true,
            DtlsOutput::Data(data) if self.data.len() < MAX_EARLY_DATA => {
                self.data.push_back(Bytes::copy_from_slice(data));
            }
            DtlsOutput::Data(_) => counters.drop(DropCause::EarlyData),
            DtlsOutput::Closed => self.closed = true,
        }
    }
}

impl Transport {
    /// A server's transport: it waits for the peer's first check.
    pub fn new(now: Instant, params: TransportParams) -> Self {
        let ice = Ice::Lite(IceAgent::new(now, params.ice.clone(), params.limits));
        Self::with_ice(now, params, ice)
    }

    /// A client's transport: once it is told the peer's description and addresses, it checks them and nominates one.
    pub fn client(now: Instant, params: TransportParams) -> Self {
        let checker = Checker::new(now, params.ice.clone(), params.limits, params.seed);
        Self::with_ice(now, params, Ice::Checking(Box::new(checker)))
    }

    fn with_ice(now: Instant, params: TransportParams, ice: Ice) -> Self {
        let limits = params.limits;
        Self {
            limits,
            now,
            phase: Phase::Connecting,
            ice,
            dtls: DtlsEndpoint::new(params.certificate, params.seed),
            gained: Gained::default(),
            dtls_path: None,
            handshake_due: None,
            remote: None,
            channels: None,
            wanted_channels: Vec::new(),
            announced: None,
            consent_lost: false,
            outbox: Outbox::default(),
            events: VecDeque::new(),
            counters: TransportCounters::default(),
        }
    }

    /// What the peer's description says. The same one again changes nothing; other ICE credentials mean that the
    /// peer restarts ICE, which needs nothing here, since its checks are protected with our own password.
    ///
    /// # Errors
    /// When fingerprint or DTLS role change after they were used, or the handshake has shown another certificate.
    pub fn set_remote(&mut self, now: Instant, remote: &RemoteTransport) -> Result<(), TransportError> {
        self.now = now;
        let known = self.remote.as_ref().map(|known| known.fingerprint);
        if self.phase == Phase::Connected && known.is_some_and(|known| known != remote.fingerprint) {
            return Err(TransportError::FingerprintChanged);
        }
        if !self.dtls.set_active(remote.role == DtlsRole::Active) {
            return Err(TransportError::RoleChanged);
        }
        self.ice.introduced(now, &remote.ice);
        self.remote = Some(remote.clone());
        self.after_dtls(now, Ok(()));
        if self.gained.certificate.is_some_and(|shown| shown != remote.fingerprint) {
            return Err(TransportError::FingerprintMismatch);
        }
        if self.phase == Phase::Failed { Err(TransportError::Dtls) } else { Ok(()) }
    }

    /// An address of the peer's, as its description or signaling names it: a client checks it.
    pub fn add_candidate(&mut self, now: Instant, path: Path) {
        self.now = now;
        self.ice.add_candidate(now, path);
    }

    /// New ICE credentials of ours. The old ones stay valid, and media stays where it is, until the peer has
    /// nominated a pair with the new ones.
    pub fn restart_ice(&mut self, now: Instant, credentials: IceCredentials) {
        self.now = now;
        self.ice.restart(credentials);
    }

    /// Deals with one received datagram. RTP and RTCP are opened in place.
    pub fn handle_datagram<'a>(&mut self, now: Instant, path: Path, datagram: &'a mut [u8]) -> Inbound<'a> {
        self.now = now;
        let kind = demux::classify(datagram);
        let result = match kind {
            _ if self.phase == Phase::Failed => Err(DropCause::Failed),
            Kind::Rtp | Kind::Rtcp => self.open_media(now, path, kind, datagram),
            Kind::Stun => self.handle_stun(now, path, datagram).map(|()| 0),
            Kind::Dtls => self.handle_dtls(now, path, datagram).map(|()| 0),
            Kind::Other => Err(DropCause::UnknownKind),
        };
        match (result, kind) {
            (Ok(len), Kind::Rtp) => Inbound::Rtp(&mut datagram[..len]),
            (Ok(len), Kind::Rtcp) => Inbound::Rtcp(&mut datagram[..len]),
            (Ok(_), _) => Inbound::Consumed,
            (Err(cause), _) => {
                self.counters.drop(cause);
                Inbound::Dropped(cause)
            }
        }
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        if self.phase == Phase::Failed {
            return;
        }
        self.ice.handle_timeout(now, &mut self.outbox);
        self.ice_events(now);
        if self.handshake_due.is_some_and(|due| due <= now) {
            return self.fail(FailureCause::Dtls);
        }
        let route = self.route();
        let (gained, outbox, counters) = (&mut self.gained, &mut self.outbox, &mut self.counters);
        let result = self.dtls.handle_timeout(now, &mut |output| gained.take(output, route, outbox, counters));
        if let Some(channels) = &mut self.channels {
            channels.handle_timeout(now);
        }
        self.after_dtls(now, result);
    }

    /// When [`Transport::handle_timeout`] is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.phase == Phase::Failed {
            return None;
        }
        let channels = self.channels.as_ref().and_then(DataChannels::poll_timeout);
        [self.ice.poll_timeout(), self.dtls.poll_timeout(), self.handshake_due, channels].into_iter().flatten().min()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        if self.events.is_empty() && self.channels.as_ref().is_some_and(DataChannels::has_unread) {
            self.pump(self.now);
        }
        self.events.pop_front()
    }

    /// Appends the next datagram to be sent (a STUN answer or DTLS records) to `out` and says where it goes.
    pub fn poll_datagram(&mut self, out: &mut Vec<u8>) -> Option<Path> {
        self.outbox.pop(out)
    }

    /// Where media goes: the nominated path. `None` until DTLS is done and the fingerprint verified, and while the
    /// peer has not been heard for too long.
    pub fn send_path(&self) -> Option<Path> {
        let wanted = matches!(self.ice.consent(), Consent::Given | Consent::Doubtful);
        if self.phase == Phase::Connected && wanted { self.route() } else { None }
    }

    /// Every address of the peer that an authenticated check came from, at most eight.
    pub fn paths(&self) -> impl Iterator<Item = Path> + '_ {
        self.ice.paths().into_iter()
    }

    /// A TCP connection has gone, and its paths with it.
    pub fn path_closed(&mut self, now: Instant, socket: SocketId) {
        self.now = now;
        for path in self.ice.paths().into_iter().filter(|path| path.socket == socket) {
            self.ice.remove_path(path, &mut self.outbox);
        }
        self.ice_events(now);
    }

    /// Bytes that sealing adds to an RTP packet: 16 with GCM, 10 with AES-CM. Until the profile is known, the most.
    pub fn rtp_overhead(&self) -> usize {
        self.gained.srtp.as_ref().map_or(16, |srtp| srtp.profile().rtp_overhead())
    }

    /// Seals the plaintext packet in `packet[..len]` in place; [`Transport::rtp_overhead`] bytes of room must follow.
    /// Returns the sealed length.
    ///
    /// `None` while media may not flow, on a malformed header or lack of room, and for a sequence number that this
    /// source has used already or that lies 512 or more behind its newest: two packets under one number would
    /// betray the key. A retransmission under its original number goes through [`Transport::seal_rtp_again`].
    pub fn seal_rtp(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        self.media()?.seal_rtp(packet, len)
    }

    /// Seals once more a packet that was sealed before: the same bytes, all of them, header extensions included.
    /// For retransmission without RTX.
    pub fn seal_rtp_again(&mut self, packet: &mut [u8], len: usize) -> Option<usize> {
        self.media()?.seal_rtp_again(packet, len)
    }

    /// Appends the sealed form of one RTCP compound to `out`. `None` while media may not flow.
    pub fn seal_rtcp(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Option<()> {
        self.media()?.seal_rtcp(plain, out)
    }

    /// Opens a data channel from our side, as soon as there is an association. [`TransportEvent::DataChannelOpened`]
    /// follows when the peer has agreed.
    pub fn open_data_channel(&mut self, now: Instant, params: &DataChannelParams) {
        self.now = now;
        match &mut self.channels {
            Some(channels) => channels.open(params.clone()),
            None if self.wanted_channels.len() < MAX_WANTED_CHANNELS => self.wanted_channels.push(params.clone()),
            None => {}
        }
        self.pump(now);
    }

    /// Queues a message. On a lossy channel the stalest waiting messages give way to it.
    ///
    /// # Errors
    /// [`SendDataError`]: not open, full, or too large.
    pub fn send_data(
        &mut self,
        now: Instant,
        channel: ChannelId,
        payload: &[u8],
        binary: bool,
    ) -> Result<(), SendDataError> {
        self.now = now;
        let channels = self.channels.as_mut().ok_or(SendDataError::NotOpen)?;
        channels.send(now, channel, payload, binary, &mut self.counters)?;
        self.pump(now);
        Ok(())
    }

    /// Bytes of a channel that the peer has not acknowledged, with some overhead for each message.
    pub fn buffered_amount(&self, channel: ChannelId) -> usize {
        self.channels.as_ref().map_or(0, |channels| channels.buffered(channel))
    }

    /// Says goodbye to the peer; the datagram that does so waits in [`Transport::poll_datagram`]. Nothing works
    /// afterwards, and no event tells of it.
    pub fn close(&mut self, now: Instant) {
        self.now = now;
        let route = self.route();
        let (gained, outbox, counters) = (&mut self.gained, &mut self.outbox, &mut self.counters);
        self.dtls.close(&mut |output| gained.take(output, route, outbox, counters));
        self.end();
    }

    /// When an authenticated packet of any kind last came from the peer.
    pub fn last_heard(&self) -> Instant {
        self.ice.last_heard()
    }

    /// What was counted so far.
    pub fn counters(&self) -> &TransportCounters {
        &self.counters
    }

    fn media(&mut self) -> Option<&mut SrtpSession> {
        if self.phase == Phase::Connected { self.gained.srtp.as_deref_mut() } else { None }
    }

    fn open_media(&mut self, now: Instant, path: Path, kind: Kind, datagram: &mut [u8]) -> Result<usize, DropCause> {
        if !self.ice.is_valid(path) {
            return Err(DropCause::UnvalidatedPath);
        }
        let srtp = self.media().ok_or(DropCause::NotReady)?;
        let len = if kind == Kind::Rtp { srtp.open_rtp(datagram) } else { srtp.open_rtcp(datagram) }?;
        self.ice.heard(now);
        if self.consent_lost {
            self.ice_events(now);
        }
        Ok(len)
    }

    fn handle_stun(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), DropCause> {
        self.ice.handle_stun(now, path, datagram, &mut self.outbox, &mut self.counters)?;
        self.ice_events(now);
        self.after_dtls(now, Ok(()));
        Ok(())
    }

    fn handle_dtls(&mut self, now: Instant, path: Path, datagram: &[u8]) -> Result<(), DropCause> {
        if !self.ice.is_valid(path) {
            return Err(DropCause::UnvalidatedPath);
        }
        self.dtls_path = Some(path);
        let route = self.route();
        let (gained, outbox, counters) = (&mut self.gained, &mut self.outbox, &mut self.counters);
        let result = self.dtls.handle(now, datagram, &mut |output| gained.take(output, route, outbox, counters));
        let ignored = result == Ok(Accepted::Ignored);
        self.after_dtls(now, result.map(drop));
        if ignored { Err(DropCause::DtlsMalformed) } else { Ok(()) }
    }

    /// The nominated path, or before there is one that over which the peer speaks DTLS.
    fn route(&self) -> Option<Path> {
        self.ice.selected().or_else(|| self.dtls_path.filter(|path| self.ice.is_valid(*path)))
    }

    fn ice_events(&mut self, now: Instant) {
        while let Some(event) = self.ice.poll_event() {
            match event {
                IceEvent::PathAdded(path) => {
                    if self.phase == Phase::Connecting {
                        self.handshake_due.get_or_insert(now + self.limits.handshake_timeout);
                    }
                    self.events.push_back(TransportEvent::PathAdded(path));
                }
                IceEvent::PathRemoved(path) => self.events.push_back(TransportEvent::PathRemoved(path)),
                IceEvent::Selected(path) => {
                    if self.phase == Phase::Connected && self.announced != Some(path) {
                        self.announced = Some(path);
                        self.events.push_back(TransportEvent::PathChanged(path));
                    }
                }
                IceEvent::Consent(consent) => self.consent_changed(consent),
            }
        }
    }

    fn consent_changed(&mut self, consent: Consent) {
        let event = match consent {
            Consent::Awaited => None,
            Consent::NeverCame => Some(TransportEvent::Failed(FailureCause::IceTimeout)),
            Consent::Given => self.consent_lost.then_some(TransportEvent::ConsentRegained),
            Consent::Doubtful => Some(TransportEvent::ConsentLost),
            Consent::Expired => Some(TransportEvent::Failed(FailureCause::ConsentExpired)),
        };
        self.consent_lost = matches!(consent, Consent::Doubtful | Consent::Expired);
        self.events.extend(event);
    }

    /// Draws the conclusions after anything that may have moved the handshake.
    fn after_dtls(&mut self, now: Instant, result: Result<(), DtlsFailed>) {
        let announced = self.remote.as_ref().map(|remote| remote.fingerprint);
        let mismatch = match (self.gained.certificate, announced) {
            (Some(shown), Some(announced)) => shown != announced,
            _ => false,
        };
        if mismatch {
            self.fail(FailureCause::FingerprintMismatch);
        } else if self.gained.closed {
            self.fail(FailureCause::Closed);
        } else if result.is_err() {
            self.fail(FailureCause::Dtls);
        } else {
            self.advance(now);
        }
    }

    /// Takes every step that has become possible.
    fn advance(&mut self, now: Instant) {
        if self.phase == Phase::Failed {
            return;
        }
        let Some(route) = self.route() else { return };
        if self.dtls.is_active() && self.phase == Phase::Connecting && !self.gained.connected {
            let (gained, outbox, counters) = (&mut self.gained, &mut self.outbox, &mut self.counters);
            let result = self.dtls.start(now, &mut |output| gained.take(output, Some(route), outbox, counters));
            if result.is_err() {
                return self.fail(FailureCause::Dtls);
            }
        }
        let verified = match (&self.remote, self.gained.certificate) {
            (Some(remote), Some(shown)) => remote.fingerprint == shown,
            _ => false,
        };
        if self.phase == Phase::Connecting && self.gained.connected && verified {
            self.phase = Phase::Connected;
            self.handshake_due = None;
            self.announced = Some(route);
            self.events.push_back(TransportEvent::Connected(route));
        }
        self.pump(now);
    }

    /// Moves data: records to the association, messages to events, queued messages to records.
    fn pump(&mut self, now: Instant) {
        if self.phase != Phase::Connected {
            return;
        }
        if self.channels.is_none()
            && let Some(params) = self.remote.as_ref().and_then(|remote| remote.sctp)
        {
            let mut channels = DataChannels::new(self.limits, params, self.dtls.is_active());
            self.wanted_channels.drain(..).for_each(|wanted| channels.open(wanted));
            self.channels = Some(channels);
        }
        let route = self.route();
        // Without an application section the records wait (and are bounded): it may be negotiated any moment.
        let Some(channels) = &mut self.channels else { return };
        for packet in self.gained.data.drain(..) {
            channels.handle(now, packet);
        }
        let (dtls, gained, outbox) = (&mut self.dtls, &mut self.gained, &mut self.outbox);
        let mut sent = Ok(());
        let mut counters = std::mem::take(&mut self.counters);
        let mut dtls_counters = TransportCounters::default();
        channels.pump(now, &mut self.events, &mut counters, |packet| {
            if sent.is_ok() {
                sent = dtls.send(packet, &mut |output| gained.take(output, route, outbox, &mut dtls_counters));
            }
        });
        counters.add(&dtls_counters);
        self.counters = counters;
        if sent.is_err() {
            self.fail(FailureCause::Dtls);
        }
    }

    fn fail(&mut self, cause: FailureCause) {
        if self.phase != Phase::Failed {
            self.end();
            self.events.push_back(TransportEvent::Failed(cause));
        }
    }

    fn end(&mut self) {
        self.phase = Phase::Failed;
        self.gained.srtp = None;
        self.gained.data.clear();
        self.channels = None;
        self.handshake_due = None;
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
