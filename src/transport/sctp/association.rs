//! One SCTP association over DTLS (RFC 8261). The only file that knows sctp-proto.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use sctp_proto::{
    AssociationHandle, ClientConfig, DatagramEvent, Endpoint, EndpointConfig, Event, Payload,
    PayloadProtocolIdentifier, ReliabilityType, ServerConfig, StreamEvent, TransportConfig,
};

use super::dcep::Reliability;
use crate::transport::section::SctpParams;

/// Bytes of one SCTP packet's single chunk, so that the packet in its DTLS record stays within 1200.
const MAX_CHUNK: u32 = 1120;
/// Received bytes that wait for the other pieces of their messages.
const RECEIVE_WINDOW: u32 = 1024 * 1024;
/// Streams per direction; browsers use the first few.
const MAX_STREAMS: u16 = 1024;
/// Measured: at 2 % loss the p99 of a small reliable message is 60 ms with this, 880 ms with RFC 9260's second.
const MIN_RTO_MS: u64 = 120;
const INITIAL_RTO_MS: u64 = 500;
const MAX_RTO_MS: u64 = 10_000;
/// A peer that keeps aborting and starting anew gets this many associations per connection.
const MAX_LIVES: u32 = 16;

/// What a message is (RFC 8831 §8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ppid {
    Dcep,
    Text,
    Binary,
    TextEmpty,
    BinaryEmpty,
}

/// Something that happened to the association.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AssociationEvent {
    Connected,
    /// It is gone, with all its streams.
    Lost,
    /// The stream has complete messages.
    Readable(u16),
    /// The peer has closed the stream.
    Closed(u16),
}

/// The association, if there is one.
pub(super) struct Association {
    endpoint: Endpoint,
    current: Option<(AssociationHandle, sctp_proto::Association)>,
    max_message: u32,
    params: SctpParams,
    lives: u32,
}

impl Association {
    pub(super) fn new(max_message: usize, params: SctpParams) -> Self {
        let max_message = u32::try_from(max_message).unwrap_or(u32::MAX);
        let endpoint = new_endpoint(max_message, params);
        Self { endpoint, current: None, max_message, params, lives: 0 }
    }

    /// Begins the association. Peers that begin it too are answered either way.
    pub(super) fn connect(&mut self) {
        if self.current.is_some() {
            return;
        }
        let mut config = ClientConfig::new();
        config.transport = Arc::new(transport_config(self.max_message, self.params));
        self.current = self.endpoint.connect(config, dummy_address()).ok();
        self.endpoint.reject_new_associations();
    }

    /// Takes one SCTP packet.
    pub(super) fn handle(&mut self, now: Instant, packet: Bytes) {
        match self.endpoint.handle(now, dummy_address(), None, None, packet) {
            Some((handle, DatagramEvent::NewAssociation(association))) => {
                self.lives += 1;
                self.current = Some((handle, association));
                // One at a time: a flood of INITs makes nothing more.
                self.endpoint.reject_new_associations();
            }
            Some((handle, DatagramEvent::AssociationEvent(event))) => {
                if let Some((current, association)) = &mut self.current
                    && *current == handle
                {
                    association.handle_event(event);
                }
            }
            None => {}
        }
    }

    pub(super) fn poll_event(&mut self) -> Option<AssociationEvent> {
        loop {
            let (handle, association) = self.current.as_mut()?;
            while let Some(event) = association.poll_endpoint_event() {
                let _ = self.endpoint.handle_event(*handle, event);
            }
            match association.poll()? {
                Event::Connected => return Some(AssociationEvent::Connected),
                Event::AssociationLost { .. } | Event::HandshakeFailed { .. } => {
                    self.end();
                    return Some(AssociationEvent::Lost);
                }
                Event::Stream(StreamEvent::Opened { id }) => {
                    // The queue of streams to be accepted must not grow; the stream itself is found by its number.
                    while association.accept_stream().is_some() {}
                    return Some(AssociationEvent::Readable(id));
                }
                Event::Stream(StreamEvent::Readable { id }) => return Some(AssociationEvent::Readable(id)),
                Event::Stream(StreamEvent::Finished { id }) => return Some(AssociationEvent::Closed(id)),
                _ => {}
            }
        }
    }

    /// Hands over every packet that may be sent now.
    pub(super) fn poll_transmit(&mut self, now: Instant, mut send: impl FnMut(&[u8])) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            packets(transmit.payload, &mut send);
        }
        let Some((_, association)) = &mut self.current else { return };
        while let Some(transmit) = association.poll_transmit(now) {
            packets(transmit.payload, &mut send);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.current.as_ref().and_then(|(_, association)| association.poll_timeout())
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some((_, association)) = &mut self.current {
            association.handle_timeout(now);
        }
    }

    /// Opens a stream of ours; false when that is not possible (now).
    pub(super) fn open(&mut self, id: u16) -> bool {
        let Some((_, association)) = &mut self.current else { return false };
        association.open_stream(id, PayloadProtocolIdentifier::Binary).is_ok()
    }

    /// From the next message on.
    pub(super) fn set_reliability(&mut self, id: u16, ordered: bool, reliability: Reliability) {
        let Some(mut stream) = self.stream(id) else { return };
        let (kind, value) = match reliability {
            Reliability::Reliable => (ReliabilityType::Reliable, 0),
            Reliability::Retransmits(times) => (ReliabilityType::Rexmit, times),
            Reliability::Lifetime(millis) => (ReliabilityType::Timed, millis),
        };
        let _ = stream.set_reliability_params(!ordered, kind, value); // only a closed stream refuses
    }

    /// Queues one message; false when the stream cannot take it.
    pub(super) fn write(&mut self, id: u16, payload: &[u8], ppid: Ppid) -> bool {
        let ppid = match ppid {
            Ppid::Dcep => PayloadProtocolIdentifier::Dcep,
            Ppid::Text => PayloadProtocolIdentifier::String,
            Ppid::Binary => PayloadProtocolIdentifier::Binary,
            Ppid::TextEmpty => PayloadProtocolIdentifier::StringEmpty,
            Ppid::BinaryEmpty => PayloadProtocolIdentifier::BinaryEmpty,
        };
        // SCTP knows no empty message; the identifier says that the byte does not count (RFC 8831 §6.6).
        let payload = if payload.is_empty() { &[0][..] } else { payload };
        self.stream(id).is_some_and(|mut stream| stream.write_with_ppi(payload, ppid).is_ok())
    }

    /// The next complete message of a stream, with what it is; unknown kinds are skipped.
    pub(super) fn read(&mut self, id: u16) -> Option<(Ppid, Vec<u8>)> {
        loop {
            let chunks = self.stream(id)?.read().ok()??;
            let ppid = match chunks.ppi {
                PayloadProtocolIdentifier::Dcep => Ppid::Dcep,
                PayloadProtocolIdentifier::String => Ppid::Text,
                PayloadProtocolIdentifier::Binary => Ppid::Binary,
                PayloadProtocolIdentifier::StringEmpty => return Some((Ppid::Text, Vec::new())),
                PayloadProtocolIdentifier::BinaryEmpty => return Some((Ppid::Binary, Vec::new())),
                PayloadProtocolIdentifier::Unknown => continue,
            };
            let mut payload = vec![0; chunks.len()];
            let read = chunks.read(&mut payload).unwrap_or(0);
            payload.truncate(read);
            return Some((ppid, payload));
        }
    }

    /// Bytes written to a stream and not yet acknowledged.
    pub(super) fn buffered(&mut self, id: u16) -> usize {
        self.stream(id).and_then(|stream| stream.buffered_amount().ok()).unwrap_or(0)
    }

    /// Ends a stream in both directions.
    pub(super) fn close(&mut self, id: u16) {
        if let Some(mut stream) = self.stream(id) {
            let _ = stream.close(); // a stream that is closed already needs nothing
        }
    }

    fn stream(&mut self, id: u16) -> Option<sctp_proto::Stream<'_>> {
        self.current.as_mut().and_then(|(_, association)| association.stream(id).ok())
    }

    fn end(&mut self) {
        self.current = None;
        self.endpoint = new_endpoint(self.max_message, self.params);
        if self.lives >= MAX_LIVES {
            self.endpoint.reject_new_associations();
        }
    }
}

fn packets(payload: Payload, send: &mut impl FnMut(&[u8])) {
    if let Payload::RawEncode(packets) = payload {
        packets.iter().for_each(|packet| send(packet));
    }
}

/// The crate wants addresses; under DTLS there are none, and none are looked at.
fn dummy_address() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 5000))
}

fn transport_config(max_message: u32, params: SctpParams) -> TransportConfig {
    let peer_accepts = if params.max_message_size == 0 { u32::MAX } else { params.max_message_size };
    TransportConfig::default()
        .with_max_send_message_size(max_message.min(peer_accepts))
        .with_max_receive_message_size(max_message)
        .with_max_receive_buffer_size(RECEIVE_WINDOW)
        .with_max_num_inbound_streams(MAX_STREAMS)
        .with_max_num_outbound_streams(MAX_STREAMS)
        .with_max_init_retransmits(None)
        .with_max_data_retransmits(None)
        .with_rto_initial_ms(INITIAL_RTO_MS)
        .with_rto_min_ms(MIN_RTO_MS)
        .with_rto_max_ms(MAX_RTO_MS)
        .with_remote_port(params.port.max(1))
}

fn new_endpoint(max_message: u32, params: SctpParams) -> Endpoint {
    let mut config = EndpointConfig::new();
    config.max_payload_size(MAX_CHUNK);
    let mut server = ServerConfig::new();
    server.transport = Arc::new(transport_config(max_message, params));
    Endpoint::new(Arc::new(config), Some(Arc::new(server)))
}
