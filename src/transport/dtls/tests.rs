//! Our passive side against clients of several kinds.
#![allow(clippy::unwrap_used)]

use dimpl::crypto::Dtls12CipherSuite as Suite;

use super::*;

/// What a handshake came to.
struct Outcome {
    server: DtlsEndpoint,
    client: Dtls,
    /// Version and suite of the ServerHello.
    version: Option<dimpl::ProtocolVersion>,
    suite: u16,
    connected: (bool, bool),
    keys: Option<Box<SrtpSession>>,
    certificate: Option<Fingerprint>,
    data: Vec<Vec<u8>>,
}

impl Outcome {
    fn client_output(&mut self, now: Instant) {
        let mut buffer = vec![0; 2048];
        loop {
            match self.client.poll_output(&mut buffer) {
                Output::Packet(datagram) => {
                    let datagram = datagram.to_vec();
                    self.server_input(now, &datagram);
                }
                Output::Connected => self.connected.1 = true,
                Output::ApplicationData(data) => self.data.push(data.to_vec()),
                Output::Timeout(_) => return,
                _ => {}
            }
        }
    }

    fn server_input(&mut self, now: Instant, datagram: &[u8]) {
        let mut to_client = Vec::new();
        let (connected, keys) = (&mut self.connected.0, &mut self.keys);
        let (data, certificate) = (&mut self.data, &mut self.certificate);
        let mut sink = |output: DtlsOutput<'_>| match output {
            DtlsOutput::Datagram(datagram) => to_client.push(datagram.to_vec()),
            DtlsOutput::Connected => *connected = true,
            DtlsOutput::Keys(session) => *keys = Some(session),
            DtlsOutput::PeerCertificate(shown) => *certificate = Some(shown),
            DtlsOutput::Data(bytes) => data.push(bytes.to_vec()),
            DtlsOutput::Closed => {}
        };
        let _ = self.server.handle(now, datagram, &mut sink);
        for datagram in to_client {
            if datagram.get(13) == Some(&2) && self.suite == 0 {
                let session_id = usize::from(datagram[25 + 34]);
                let at = 25 + 35 + session_id;
                self.suite = u16::from_be_bytes([datagram[at], datagram[at + 1]]);
            }
            let _ = self.client.handle_packet(&datagram);
        }
    }
}

fn shake_hands(client: impl FnOnce(dimpl::DtlsCertificate, Instant) -> Dtls) -> Outcome {
    let now = Instant::now();
    let server = DtlsEndpoint::new(Arc::new(Certificate::generate().unwrap()), 1);
    let certificate = Certificate::generate().unwrap();
    let mut client = client(certificate.dtls(), now);
    client.set_active(true);
    client.handle_timeout(now).unwrap();
    let mut outcome = Outcome {
        server,
        client,
        version: None,
        suite: 0,
        connected: (false, false),
        keys: None,
        certificate: None,
        data: Vec::new(),
    };
    for _ in 0..10 {
        outcome.client_output(now);
    }
    outcome.version = outcome.client.protocol_version();
    if outcome.connected.0 {
        assert_eq!(outcome.certificate, Some(certificate.fingerprint()));
    }
    outcome
}

fn config(suites: Option<&[Suite]>) -> Arc<Config> {
    let mut builder = Config::builder();
    if let Some(suites) = suites {
        builder = builder.dtls12_cipher_suites(suites);
    }
    Arc::new(builder.build().unwrap())
}

fn records_left(endpoint: &DtlsEndpoint) -> u64 {
    match &endpoint.state {
        State::Running(running) => running.records_left,
        _ => panic!("no machine runs"),
    }
}

#[test]
fn a_peer_that_offers_both_versions_gets_1_2_with_chacha20_and_gcm_for_its_media() {
    let outcome = shake_hands(|certificate, now| Dtls::new_auto(config(None), certificate, now));
    assert_eq!(outcome.connected, (true, true));
    assert_eq!(outcome.version, Some(dimpl::ProtocolVersion::DTLS1_2));
    assert_eq!(outcome.suite, 0xCCA9);
    assert_eq!(records_left(&outcome.server), u64::MAX);
    assert_eq!(outcome.keys.unwrap().profile(), Profile::AeadAes256Gcm);
}

#[test]
fn a_peer_without_chacha20_gets_aes_gcm_and_a_bound_on_records() {
    let suites = [Suite::ECDHE_ECDSA_AES128_GCM_SHA256];
    let mut outcome = shake_hands(|certificate, now| Dtls::new_12(config(Some(&suites)), certificate, now));
    assert_eq!(outcome.connected, (true, true));
    assert_eq!(outcome.suite, 0xC02B);
    assert_eq!(records_left(&outcome.server), GCM_RECORDS);
    let State::Running(running) = &mut outcome.server.state else { panic!() };
    running.records_left = 2;
    assert_eq!(outcome.server.send(b"the last one", &mut |_| {}), Ok(()));
    assert_eq!(outcome.server.send(b"one too many", &mut |_| panic!("sealed")), Err(DtlsFailed));
}

#[test]
fn a_peer_that_offers_1_3_only_gets_it() {
    let mut outcome = shake_hands(|certificate, now| Dtls::new_13(config(None), certificate, now));
    assert_eq!(outcome.connected, (true, true));
    assert_eq!(outcome.version, Some(dimpl::ProtocolVersion::DTLS1_3));
    assert!(outcome.keys.is_some());
    outcome.client.send_application_data(b"hello").unwrap();
    outcome.client_output(Instant::now());
    assert_eq!(outcome.data, [b"hello"]);
}

#[test]
fn more_messages_than_the_machine_queues_pass_when_each_is_polled() {
    let mut outcome = shake_hands(|certificate, now| Dtls::new_auto(config(None), certificate, now));
    let now = Instant::now();
    for n in 0..500u16 {
        let mut to_client = Vec::new();
        let mut sink = |output: DtlsOutput<'_>| {
            if let DtlsOutput::Datagram(datagram) = output {
                to_client.push(datagram.to_vec());
            }
        };
        outcome.server.send(&n.to_be_bytes(), &mut sink).unwrap();
        assert_eq!(to_client.len(), 1);
        outcome.client.handle_packet(&to_client[0]).unwrap();
        outcome.client_output(now);
    }
    assert!(outcome.data.iter().map(|data| u16::from_be_bytes([data[0], data[1]])).eq(0..500));
}
