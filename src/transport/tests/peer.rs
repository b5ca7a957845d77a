//! A client for tests: a controlling ICE agent of the simplest kind, with DTLS, SRTP and data channels.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::transport::certificate::Certificate;
use crate::transport::dtls::test_hello;
use crate::transport::ice::test_messages::{self, CheckFlags};
use crate::transport::section::SctpParams;

/// How often the client checks.
pub const CHECK_INTERVAL: Duration = Duration::from_millis(500);

pub struct Peer {
    pub certificate: Arc<Certificate>,
    /// Where its datagrams come from, as the server sees it. It checks all, and nominates the first.
    pub paths: Vec<Path>,
    pub server_ice: IceCredentials,
    pub nominate: bool,
    pub answers: Vec<(Path, Result<std::net::SocketAddr, u16>)>,
    pub gained: Gained,
    pub dtls: DtlsEndpoint,
    pub channels: DataChannels,
    pub seen: Vec<TransportEvent>,
    pub counters: TransportCounters,
    /// When set, its ClientHello leaves in pieces of this many bytes, the last piece first.
    pub split_hello: Option<usize>,
    /// By how much the numbers of its further records are raised, because of the pieces.
    pub more_records: u8,
    outbox: Outbox,
    pub failed: bool,
    checking: bool,
    next_check: Instant,
    started: bool,
    transaction: u64,
}

impl Peer {
    pub fn new(now: Instant, path: Path, server_ice: IceCredentials, seed: u64) -> Self {
        let certificate = Arc::new(Certificate::generate().unwrap());
        let mut dtls = DtlsEndpoint::new(certificate.clone(), seed ^ 0xC11E);
        assert!(dtls.set_active(true));
        Self {
            certificate,
            paths: vec![path],
            server_ice,
            nominate: true,
            answers: Vec::new(),
            gained: Gained::default(),
            dtls,
            channels: DataChannels::new(
                TransportLimits::default(),
                SctpParams { port: 5000, max_message_size: 0 },
                true,
            ),
            seen: Vec::new(),
            counters: TransportCounters::default(),
            split_hello: None,
            more_records: 0,
            outbox: Outbox::default(),
            failed: false,
            checking: true,
            next_check: now,
            started: false,
            transaction: 0,
        }
    }

    pub fn stop_checking(&mut self) {
        self.checking = false;
    }

    pub fn resume_checking(&mut self, now: Instant) {
        self.checking = true;
        self.next_check = now;
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        let check = self.checking.then_some(self.next_check);
        [check, self.dtls.poll_timeout(), self.channels.poll_timeout()].into_iter().flatten().min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if self.checking && self.next_check <= now {
            self.next_check = now + CHECK_INTERVAL;
            for n in 0..self.paths.len() {
                let check = self.check(CheckFlags { nominate: self.nominate && n == 0, ..Default::default() });
                assert!(self.outbox.push(self.paths[n], &check));
            }
        }
        self.drive(|dtls, sink| dtls.handle_timeout(now, sink).is_ok());
        self.channels.handle_timeout(now);
        self.pump(now);
    }

    pub fn check(&mut self, flags: CheckFlags) -> Vec<u8> {
        self.transaction += 1;
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.transaction.to_be_bytes());
        let username = format!("{}:client", self.server_ice.ufrag);
        test_messages::check(&username, &self.server_ice.pwd, transaction, flags)
    }

    /// The next datagram to be sent.
    pub fn pop(&mut self, out: &mut Vec<u8>) -> Option<Path> {
        let path = self.outbox.pop(out)?;
        let is_piece = out.get(13) == Some(&1);
        if self.more_records > 0 && demux::classify(out) == Kind::Dtls && !is_piece {
            let mut at = 0;
            while at < out.len() {
                if out[at + 3..at + 5] == [0, 0] {
                    out[at + 10] += self.more_records;
                }
                at += 13 + usize::from(u16::from_be_bytes([out[at + 11], out[at + 12]]));
            }
        }
        Some(path)
    }

    /// Takes a datagram; RTP and RTCP are opened and returned.
    pub fn handle(&mut self, now: Instant, path: Path, datagram: &mut [u8]) -> Option<Vec<u8>> {
        match demux::classify(datagram) {
            Kind::Stun => {
                let read = test_messages::read_response(datagram, &self.server_ice.pwd);
                let (_, answer) = read?;
                self.answers.push((path, answer));
                if !self.started && answer.is_ok() {
                    self.started = true;
                    self.start(now);
                }
            }
            Kind::Dtls => self.drive(|dtls, sink| dtls.handle(now, datagram, sink).is_ok()),
            Kind::Rtp => {
                let len = self.gained.srtp.as_mut()?.open_rtp(datagram).ok()?;
                return Some(datagram[..len].to_vec());
            }
            Kind::Rtcp => {
                let len = self.gained.srtp.as_mut()?.open_rtcp(datagram).ok()?;
                return Some(datagram[..len].to_vec());
            }
            Kind::Other => panic!("the server sends no such thing"),
        }
        self.pump(now);
        None
    }

    pub fn pump(&mut self, now: Instant) {
        if !self.gained.connected || self.failed {
            return;
        }
        for packet in self.gained.data.drain(..) {
            self.channels.handle(now, packet);
        }
        let (dtls, gained, outbox) = (&mut self.dtls, &mut self.gained, &mut self.outbox);
        let path = self.paths[0];
        let mut inner = TransportCounters::default();
        let mut events = VecDeque::new();
        self.channels.pump(now, &mut events, &mut self.counters, |packet| {
            let mut sink = |output: DtlsOutput<'_>| gained.take(output, Some(path), outbox, &mut inner);
            dtls.send(packet, &mut sink).unwrap();
        });
        self.seen.extend(events);
        if self.channels.has_unread() {
            self.pump(now);
        }
    }

    pub fn send_record(&mut self, data: &[u8]) {
        self.drive(|dtls, sink| dtls.send(data, sink).is_ok());
    }

    pub fn send_data(&mut self, now: Instant, channel: ChannelId, payload: &[u8]) -> Result<(), SendDataError> {
        self.channels.send(now, channel, payload, true, &mut self.counters)?;
        self.pump(now);
        Ok(())
    }

    /// One sealed RTP packet.
    pub fn rtp(&mut self, ssrc: u32, seq: u16, payload: &[u8]) -> Vec<u8> {
        let mut packet = plain_rtp(ssrc, seq, payload);
        let len = packet.len();
        packet.resize(len + 16, 0);
        let len = self.gained.srtp.as_mut().unwrap().seal_rtp(&mut packet, len).unwrap();
        packet.truncate(len);
        packet
    }

    pub fn say_goodbye(&mut self) {
        self.drive(|dtls, sink| {
            dtls.close(sink);
            true
        });
    }

    fn start(&mut self, now: Instant) {
        self.drive(|dtls, sink| dtls.start(now, sink).is_ok());
        if let Some(size) = self.split_hello {
            let mut hello = Vec::new();
            let path = self.outbox.pop(&mut hello).unwrap();
            let parts = test_hello::split(&hello, size);
            parts.iter().rev().for_each(|part| assert!(self.outbox.push(path, part)));
            self.more_records = parts.len() as u8 - 1;
        }
    }

    fn drive(&mut self, act: impl FnOnce(&mut DtlsEndpoint, &mut dyn FnMut(DtlsOutput<'_>)) -> bool) {
        let (gained, outbox, counters) = (&mut self.gained, &mut self.outbox, &mut self.counters);
        let path = self.paths[0];
        let mut sink = |output: DtlsOutput<'_>| gained.take(output, Some(path), outbox, counters);
        if !act(&mut self.dtls, &mut sink) {
            self.failed = true;
        }
    }
}

pub fn plain_rtp(ssrc: u32, seq: u16, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(seq.to_be_bytes());
    packet.extend([0; 4]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}
