//! DTLS, on dimpl: the handshake, the peer's certificate, the SRTP keys, and the records that carry SCTP.
//!
//! As the passive side we put the ClientHello together first and then choose the machine: DTLS 1.2 wherever the peer
//! offers it, since there our order of SRTP profiles decides and GCM comes first; DTLS 1.3 where it must be. In 1.2
//! the record cipher is ChaCha20-Poly1305 where offered: its nonces are counters, while those of AES-GCM are random
//! there and their number per key is therefore bounded.

mod hello;

use std::sync::Arc;
use std::time::{Duration, Instant};

use dimpl::crypto::Dtls12CipherSuite;
use dimpl::{Config, Dtls, Output, SrtpProfile};

use super::certificate::{Certificate, fingerprint_of};
use super::section::Fingerprint;
use super::srtp::{Profile, SrtpSession};
use hello::{HelloBuffer, Offer};

#[cfg(test)]
pub(super) use hello::test_hello;
#[cfg(test)]
mod tests;

/// Largest datagram of ours: fits IPv6's minimum MTU with room for tunnels.
const MTU: usize = 1200;
/// First retransmission; it doubles from flight to flight. ICE has just proved that the peer is near.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(150);
const RETRANSMISSIONS: usize = 8;
/// The machine gives up after this time; [`super::event::TransportLimits::handshake_timeout`] ends it much earlier.
const LONGEST_HANDSHAKE: Duration = Duration::from_secs(120);
/// Records that may be sealed with one AES-GCM key of DTLS 1.2. Its nonces are 64 random bits: after 2^23 records two
/// have met with a probability of 2^-19. ChaCha20-Poly1305 and DTLS 1.3 count and need no such bound.
const GCM_RECORDS: u64 = 1 << 23;

/// What comes out of the machine.
pub(super) enum DtlsOutput<'a> {
    /// A datagram for the peer.
    Datagram(&'a [u8]),
    /// The certificate that the peer proved to own the key of.
    PeerCertificate(Fingerprint),
    /// The keys of the media.
    Keys(Box<SrtpSession>),
    /// The handshake is complete.
    Connected,
    /// What the peer sent in one record.
    Data(&'a [u8]),
    /// The peer said goodbye.
    Closed,
}

/// The machine has failed for good.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DtlsFailed;

/// What became of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Accepted {
    /// The machine took it.
    Taken,
    /// It is no part of a handshake that could begin here.
    Ignored,
}

enum State {
    /// Passive, and no complete ClientHello yet.
    Listening(HelloBuffer),
    /// Active, and not started yet.
    Waiting,
    Running(Box<Running>),
    Dead,
}

struct Running {
    dtls: Dtls,
    records_left: u64,
}

/// One connection's DTLS.
pub(super) struct DtlsEndpoint {
    certificate: Arc<Certificate>,
    active: bool,
    state: State,
    timeout: Option<Instant>,
    buffer: Vec<u8>,
    #[cfg(test)]
    seed: u64,
}

impl DtlsEndpoint {
    pub(super) fn new(certificate: Arc<Certificate>, _seed: u64) -> Self {
        Self {
            certificate,
            active: false,
            state: State::Listening(HelloBuffer::default()),
            timeout: None,
            buffer: Vec::new(),
            #[cfg(test)]
            seed: _seed,
        }
    }

    /// Whether we are the client of the handshake.
    pub(super) fn is_active(&self) -> bool {
        self.active
    }

    /// Chooses the role. False when a handshake has begun in the other one.
    pub(super) fn set_active(&mut self, active: bool) -> bool {
        match (&self.state, active) {
            _ if self.active == active => {}
            (State::Listening(_), true) => self.state = State::Waiting,
            (State::Waiting, false) => self.state = State::Listening(HelloBuffer::default()),
            _ => return false,
        }
        self.active = active;
        true
    }

    /// Begins the handshake if we are active and have not yet.
    pub(super) fn start(&mut self, now: Instant, sink: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<(), DtlsFailed> {
        if !matches!(self.state, State::Waiting) {
            return Ok(());
        }
        let mut dtls = Dtls::new_auto(self.config(None)?, self.certificate.dtls(), now);
        dtls.set_active(true);
        dtls.handle_timeout(now).map_err(|_| DtlsFailed)?;
        self.state = State::Running(Box::new(Running { dtls, records_left: GCM_RECORDS }));
        self.drain(sink);
        Ok(())
    }

    /// Deals with one datagram from a valid path.
    pub(super) fn handle(
        &mut self,
        now: Instant,
        datagram: &[u8],
        sink: &mut dyn FnMut(DtlsOutput<'_>),
    ) -> Result<Accepted, DtlsFailed> {
        match &mut self.state {
            State::Listening(buffer) => match buffer.push(datagram) {
                Ok(None) => Ok(Accepted::Taken),
                Ok(Some(offer)) => {
                    let buffer = std::mem::take(buffer);
                    self.answer(now, offer, buffer, sink)?;
                    Ok(Accepted::Taken)
                }
                Err(hello::NotAHello) => Ok(Accepted::Ignored),
            },
            State::Running(running) => {
                let result = running.dtls.handle_timeout(now).and_then(|()| running.dtls.handle_packet(datagram));
                // Polled even after an error: an alert may be waiting.
                self.drain(sink);
                match result {
                    Ok(()) => Ok(Accepted::Taken),
                    Err(_) => Err(self.die()),
                }
            }
            State::Waiting | State::Dead => Ok(Accepted::Ignored),
        }
    }

    /// Seals `data` into a record. Nothing may be sent before [`DtlsOutput::Connected`].
    pub(super) fn send(&mut self, data: &[u8], sink: &mut dyn FnMut(DtlsOutput<'_>)) -> Result<(), DtlsFailed> {
        let State::Running(running) = &mut self.state else { return Ok(()) };
        running.records_left = running.records_left.saturating_sub(1);
        if running.records_left == 0 {
            return Err(self.die());
        }
        // The machine's queue holds a few datagrams only, so it is emptied after every one.
        let result = running.dtls.send_application_data(data);
        self.drain(sink);
        result.map(drop).map_err(|_| self.die())
    }

    /// Says goodbye, where there is a connection to end.
    pub(super) fn close(&mut self, sink: &mut dyn FnMut(DtlsOutput<'_>)) {
        if let State::Running(running) = &mut self.state {
            let _ = running.dtls.close(); // nothing follows from a failure
            self.drain(sink);
            self.die();
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    pub(super) fn handle_timeout(
        &mut self,
        now: Instant,
        sink: &mut dyn FnMut(DtlsOutput<'_>),
    ) -> Result<(), DtlsFailed> {
        let State::Running(running) = &mut self.state else { return Ok(()) };
        if self.timeout.is_none_or(|due| due > now) {
            return Ok(());
        }
        let result = running.dtls.handle_timeout(now);
        self.drain(sink);
        result.map_err(|_| self.die())
    }

    fn die(&mut self) -> DtlsFailed {
        self.state = State::Dead;
        self.timeout = None;
        DtlsFailed
    }

    fn answer(
        &mut self,
        now: Instant,
        offer: Offer,
        hello: HelloBuffer,
        sink: &mut dyn FnMut(DtlsOutput<'_>),
    ) -> Result<(), DtlsFailed> {
        let use_12 = offer.dtls12 && (offer.chacha20 || offer.aes_gcm || !offer.dtls13);
        let config = self.config(Some(offer))?;
        let certificate = self.certificate.dtls();
        let dtls = if use_12 { Dtls::new_12(config, certificate, now) } else { Dtls::new_13(config, certificate, now) };
        let counted = use_12 && !offer.chacha20;
        let records_left = if counted { GCM_RECORDS } else { u64::MAX };
        self.state = State::Running(Box::new(Running { dtls, records_left }));
        self.handle(now, &hello.whole(), sink).map(drop)
    }

    /// The configuration for a peer that made `offer`, or for a handshake that we begin.
    fn config(&self, offer: Option<Offer>) -> Result<Arc<Config>, DtlsFailed> {
        let chacha20 = offer.is_some_and(|offer| offer.chacha20);
        #[cfg(test)]
        let config = build_config(chacha20, Some(self.seed));
        #[cfg(not(test))]
        let config = Ok(self.certificate.configs().get(chacha20));
        config
    }

    /// Empties the machine up to its next timer.
    fn drain(&mut self, sink: &mut dyn FnMut(DtlsOutput<'_>)) {
        let State::Running(running) = &mut self.state else { return };
        let we_are_client = running.dtls.is_active();
        if self.buffer.len() < 2048 {
            self.buffer.resize(2048, 0);
        }
        loop {
            match running.dtls.poll_output(&mut self.buffer) {
                Output::Packet(datagram) => sink(DtlsOutput::Datagram(datagram)),
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(due) => {
                    self.timeout = Some(due);
                    return;
                }
                Output::PeerCert(der) => sink(DtlsOutput::PeerCertificate(fingerprint_of(der))),
                Output::KeyingMaterial(material, profile) => {
                    let session =
                        media_profile(profile).and_then(|it| SrtpSession::from_dtls(it, &material, we_are_client).ok());
                    if let Some(session) = session {
                        sink(DtlsOutput::Keys(Box::new(session)));
                    }
                }
                Output::Connected => sink(DtlsOutput::Connected),
                Output::ApplicationData(data) => sink(DtlsOutput::Data(data)),
                Output::CloseNotify => sink(DtlsOutput::Closed),
                _ => {}
            }
        }
    }
}

/// The configurations that handshakes share. To build one is dear: the library tries every key exchange and signature
/// that it has, which takes longer than a handshake.
#[derive(Clone)]
pub(super) struct Configs {
    usual: Arc<Config>,
    chacha20: Arc<Config>,
}

impl Configs {
    pub(super) fn new() -> Result<Self, DtlsFailed> {
        Ok(Self { usual: build_config(false, None)?, chacha20: build_config(true, None)? })
    }

    #[cfg_attr(test, expect(dead_code, reason = "tests have a configuration with a seed for each connection"))]
    fn get(&self, chacha20: bool) -> Arc<Config> {
        if chacha20 { self.chacha20.clone() } else { self.usual.clone() }
    }
}

fn build_config(chacha20: bool, _seed: Option<u64>) -> Result<Arc<Config>, DtlsFailed> {
    let mut builder = Config::builder()
        .mtu(MTU)
        .use_server_cookie(false) // ICE has proved the address, and a cookie costs a round trip
        .flight_start_rto(FIRST_RETRANSMISSION)
        .flight_retries(RETRANSMISSIONS)
        .handshake_timeout(LONGEST_HANDSHAKE);
    if chacha20 {
        // dimpl would prefer AES-GCM by its own order, so ChaCha20 stands alone.
        builder = builder.dtls12_cipher_suites(&[Dtls12CipherSuite::ECDHE_ECDSA_CHACHA20_POLY1305_SHA256]);
    }
    #[cfg(test)]
    if let Some(seed) = _seed {
        builder = builder.dangerously_set_rng_seed(seed);
    }
    builder.build().map(Arc::new).map_err(|_| DtlsFailed)
}

fn media_profile(profile: SrtpProfile) -> Option<Profile> {
    match profile {
        SrtpProfile::AEAD_AES_256_GCM => Some(Profile::AeadAes256Gcm),
        SrtpProfile::AEAD_AES_128_GCM => Some(Profile::AeadAes128Gcm),
        SrtpProfile::AES128_CM_SHA1_80 => Some(Profile::AesCm128HmacSha1_80),
        _ => None,
    }
}
