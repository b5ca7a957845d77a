//! A peer: our own transport in the active role, whose connectivity checks the test writes itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use arrayvec::ArrayString;
use aws_lc_rs::hmac;

use super::sim::viewer::Viewer;
use super::video::extensions;
use crate::ids::TransportId;
use crate::rtp::rtcp::{self, Rtcp, build};
use crate::rtp::twcc::TwccRecorder;
use crate::rtp::{ExtensionMap, ExtensionTable, RtpHeader, RtpPacket};
use crate::transport::{
    Certificate, DtlsRole, IceCredentials, Inbound, Path, RemoteTransport, SctpParams, SocketId, Transport,
    TransportEvent, TransportLimits, TransportParams,
};
use crate::units::{SeqNo, Ssrc};

/// An RTP packet that a client received.
#[derive(Clone, Debug)]
pub struct Got {
    pub at: Instant,
    pub header: RtpHeader,
    pub bytes: Vec<u8>,
}

impl Got {
    pub fn payload(&self) -> &[u8] {
        self.header.payload(&self.bytes)
    }

    pub fn transport_seq(&self, map: &ExtensionMap) -> Option<u16> {
        RtpPacket::parse(&self.bytes).unwrap().values(&ExtensionTable::new(map)).transport_seq
    }
}

/// What RTCP told a client.
#[derive(Default)]
pub struct Told {
    pub plis: Vec<(Instant, Ssrc)>,
    pub nacks: Vec<(Ssrc, SeqNo)>,
    pub sender_reports: Vec<(Instant, crate::rtp::stats::SenderReport)>,
    pub blocks: Vec<crate::rtp::stats::ReportBlock>,
    pub feedback: usize,
    pub arrivals: usize,
}

pub struct Client {
    pub id: TransportId,
    pub transport: Transport,
    pub ice: IceCredentials,
    pub server_ice: IceCredentials,
    pub certificate: Arc<Certificate>,
    /// Its address, as the shard sees it.
    pub path: Path,
    pub connected: bool,
    pub gone: bool,
    /// Others' datagrams may reach it.
    pub tolerant: bool,
    pub rtp: Vec<Got>,
    pub told: Told,
    /// Takes part in nothing but checks and RTP: its RTCP is not read.
    pub events: Vec<TransportEvent>,
    pub sent: HashMap<(u32, u16), Vec<u8>>,
    /// Arrivals, where the client tells of them (transport-wide feedback).
    pub arrivals: Option<TwccRecorder>,
    /// Watches and repairs what comes, where somebody does.
    pub viewer: Option<Viewer>,
    transaction: u64,
}

/// Where the clients see the shard.
pub fn server_path() -> Path {
    Path { socket: SocketId(0), remote: "203.0.113.1:7882".parse().unwrap(), local_ip: None }
}

pub fn credentials(name: &str) -> IceCredentials {
    let pwd = format!("{name}-password-of-32-characters-or-so");
    IceCredentials { ufrag: ArrayString::from(name).unwrap(), pwd: ArrayString::from(&pwd).unwrap() }
}

impl Client {
    pub fn new(now: Instant, number: u64, certificate: Arc<Certificate>, server: &Certificate) -> Self {
        let ice = credentials(&format!("client{number}"));
        let server_ice = credentials(&format!("server{number}"));
        let params = TransportParams {
            ice: ice.clone(),
            certificate: certificate.clone(),
            seed: number,
            limits: TransportLimits::default(),
        };
        let mut transport = Transport::new(now, params);
        let remote = RemoteTransport {
            ice: server_ice.clone(),
            fingerprint: server.fingerprint(),
            role: DtlsRole::Active,
            sctp: Some(SctpParams { port: 5000, max_message_size: 262_144 }),
        };
        transport.set_remote(now, &remote).unwrap();
        let remote = format!("192.0.2.{}:{}", number % 250 + 1, 1000 + number / 250 % 60_000).parse().unwrap();
        Self {
            id: TransportId(number),
            transport,
            ice,
            server_ice,
            certificate,
            path: Path { socket: SocketId(0), remote, local_ip: None },
            connected: false,
            gone: false,
            tolerant: false,
            rtp: Vec::new(),
            told: Told::default(),
            events: Vec::new(),
            sent: HashMap::new(),
            arrivals: None,
            viewer: None,
            transaction: number << 32,
        }
    }

    /// What its description tells the shard.
    pub fn remote(&self) -> RemoteTransport {
        RemoteTransport {
            ice: self.ice.clone(),
            fingerprint: self.certificate.fingerprint(),
            role: DtlsRole::Passive,
            sctp: Some(SctpParams { port: 5000, max_message_size: 262_144 }),
        }
    }

    /// A check towards the shard.
    pub fn check(&mut self) -> Vec<u8> {
        self.transaction += 1;
        let name = format!("{}:{}", self.server_ice.ufrag, self.ice.ufrag);
        binding_request(&name, &self.server_ice.pwd, self.transaction)
    }

    /// Has the client's own transport, which sends no checks either, accept the shard's address.
    pub fn accept_server(&mut self, now: Instant) {
        self.transaction += 1;
        let name = format!("{}:{}", self.ice.ufrag, self.server_ice.ufrag);
        let mut check = binding_request(&name, &self.ice.pwd, self.transaction);
        assert_eq!(self.transport.handle_datagram(now, server_path(), &mut check), Inbound::Consumed);
    }

    pub fn handle(&mut self, now: Instant, datagram: &mut [u8]) {
        // STUN answers are nobody's business here.
        if datagram[0] < 4 {
            return;
        }
        match self.transport.handle_datagram(now, server_path(), datagram) {
            Inbound::Rtp(packet) => {
                let header = RtpHeader::parse(packet).unwrap();
                let values = RtpPacket::parse(packet).unwrap().values(&ExtensionTable::new(&extensions()));
                if let (Some(recorder), Some(seq)) = (&mut self.arrivals, values.transport_seq) {
                    recorder.record(seq, now);
                }
                if let Some(viewer) = &mut self.viewer {
                    viewer.packet(now, &header, header.payload(packet));
                }
                self.rtp.push(Got { at: now, header, bytes: packet.to_vec() });
            }
            Inbound::Rtcp(compound) => {
                for packet in rtcp::parse(compound) {
                    let packet = packet.unwrap();
                    if let (Some(viewer), Rtcp::SenderReport { report, .. }) = (&mut self.viewer, &packet) {
                        viewer.sender_report(now, report);
                    }
                    self.told.note(now, packet);
                }
            }
            Inbound::Consumed => {}
            Inbound::Dropped(_) if self.tolerant => {}
            Inbound::Dropped(cause) => panic!("client {:?} dropped: {cause:?}", self.id),
        }
    }

    /// One sealed RTP packet; also kept, for retransmissions.
    pub fn seal(&mut self, mut packet: Vec<u8>) -> Option<Vec<u8>> {
        let header = RtpHeader::parse(&packet).unwrap();
        self.sent.insert((header.ssrc.0, header.seq.0), packet.clone());
        let len = packet.len();
        packet.resize(len + 16, 0);
        let len = self.transport.seal_rtp(&mut packet, len)?;
        packet.truncate(len);
        Some(packet)
    }

    pub fn seal_rtcp(&mut self, build: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut plain = Vec::new();
        build(&mut plain);
        let mut sealed = Vec::new();
        self.transport.seal_rtcp(&plain, &mut sealed).unwrap();
        sealed
    }

    /// When it has something to do.
    pub fn next_timeout(&self) -> Option<Instant> {
        let feedback = self.arrivals.as_ref().and_then(TwccRecorder::next_timeout);
        let viewer = self.viewer.as_ref().map(Viewer::next_timeout);
        [self.transport.poll_timeout(), feedback, viewer].into_iter().flatten().min()
    }

    /// What it has to say of what came.
    pub fn feedback(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let mut compounds = Vec::new();
        if let Some(mut viewer) = self.viewer.take_if(|viewer| viewer.next_timeout() <= now) {
            let mut plain = Vec::new();
            viewer.say(now, &mut plain);
            if !plain.is_empty() && self.connected {
                compounds.push(self.seal_rtcp(|out| out.extend(&plain)));
            }
            self.viewer = Some(viewer);
        }
        let due = |recorder: &mut TwccRecorder| recorder.next_timeout().is_some_and(|due| due <= now);
        let Some(mut recorder) = self.arrivals.take_if(due) else { return compounds };
        loop {
            let mut plain = Vec::new();
            // A compound begins with a report.
            build::receiver_report(&mut plain, Ssrc(1), &[]);
            if !recorder.build(Ssrc(1), Ssrc(2), &mut plain) {
                break;
            }
            compounds.push(self.seal_rtcp(|out| out.extend(&plain)));
        }
        self.arrivals = Some(recorder);
        compounds
    }

    pub fn pli(&mut self, media: u32) -> Vec<u8> {
        self.seal_rtcp(|out| build::pli(out, Ssrc(1), Ssrc(media)))
    }

    pub fn nack(&mut self, media: u32, seqs: &[SeqNo]) -> Vec<u8> {
        self.seal_rtcp(|out| build::nack(out, Ssrc(1), Ssrc(media), seqs))
    }

    /// Packets of one stream.
    pub fn of(&self, ssrc: u32) -> impl Iterator<Item = &Got> {
        self.rtp.iter().filter(move |got| got.header.ssrc.0 == ssrc)
    }
}

impl Told {
    fn note(&mut self, now: Instant, packet: Rtcp<'_>) {
        match packet {
            Rtcp::Pli { media, .. } => self.plis.push((now, media)),
            Rtcp::Nack { media, seqs, .. } => self.nacks.extend(seqs.iter().map(|seq| (media, seq))),
            Rtcp::SenderReport { report, blocks } => {
                self.sender_reports.push((now, report));
                self.blocks.extend(blocks.iter());
            }
            Rtcp::ReceiverReport { blocks, .. } => self.blocks.extend(blocks.iter()),
            Rtcp::Twcc(feedback) => {
                self.feedback += 1;
                self.arrivals += feedback.statuses().filter(|(_, arrived)| arrived.is_some()).count();
            }
            _ => {}
        }
    }
}

/// A Binding request with USE-CANDIDATE (RFC 8489 §5, RFC 8445 §7.1).
fn binding_request(username: &str, password: &str, transaction: u64) -> Vec<u8> {
    let mut message = vec![0x00, 0x01, 0, 0, 0x21, 0x12, 0xA4, 0x42, 0, 0, 0, 0];
    message.extend(transaction.to_be_bytes());
    let attribute = |message: &mut Vec<u8>, kind: u16, value: &[u8]| {
        message.extend(kind.to_be_bytes());
        message.extend((value.len() as u16).to_be_bytes());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    };
    attribute(&mut message, 0x0006, username.as_bytes());
    attribute(&mut message, 0x0024, &[0x6E, 0, 1, 0xFF]);
    attribute(&mut message, 0x802A, &[7; 8]);
    attribute(&mut message, 0x0025, &[]);
    let set_len = |message: &mut Vec<u8>, more: usize| {
        let len = (message.len() - 20 + more) as u16;
        message[2..4].copy_from_slice(&len.to_be_bytes());
    };
    set_len(&mut message, 24);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
    let tag = hmac::sign(&key, &message);
    attribute(&mut message, 0x0008, tag.as_ref());
    set_len(&mut message, 8);
    let crc = crc32(&message) ^ 0x5354_554E;
    attribute(&mut message, 0x8028, &crc.to_be_bytes());
    message
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}
