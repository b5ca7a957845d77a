//! The real media core behind real sockets: a peer's first check is answered on the way it came.
#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};

use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_USERNAME};
use rtc_stun::crypto::providers::AwsLcRsCrypto;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;

use super::tcp::tests::framed;
use super::*;
use crate::clock::SystemClock;
use crate::ids::{MediaRoomId, TransportId};
use crate::transport::IceCredentials;

fn check(ice: &IceCredentials, password: &str) -> Vec<u8> {
    let mut message = Message::new();
    message.typ = BINDING_REQUEST;
    message.transaction_id = TransactionId([5; 12]);
    message.write_header();
    message.add(ATTR_USERNAME, format!("{}:peer", ice.ufrag).as_bytes());
    message.add(ATTR_ICE_CONTROLLING, &7u64.to_be_bytes());
    MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), &AwsLcRsCrypto)
        .add_to(&mut message)
        .unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    message.raw
}

fn mapped(answer: &[u8]) -> SocketAddr {
    let mut message = Message::new();
    message.unmarshal_binary(answer).unwrap();
    assert_eq!((message.typ, message.transaction_id.0), (BINDING_SUCCESS, [5; 12]));
    let mut address = XorMappedAddress::default();
    address.get_from(&message).unwrap();
    SocketAddr::new(address.ip, address.port)
}

struct Rig {
    media: Media,
    ice: Vec<IceCredentials>,
}

impl Rig {
    /// Two shards, a transport on each.
    fn start() -> Self {
        let at = |text: &str| text.parse().unwrap();
        let config = MediaConfig {
            shards: vec![ShardBind { udp: vec![at("0.0.0.0:0"), at("[::1]:0")] }; 2],
            tcp: vec![at("127.0.0.1:0")],
            node_ips: vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()],
            ..MediaConfig::default()
        };
        let certificate = Arc::new(Certificate::generate().unwrap());
        let on_fatal = Box::new(|_, text: &str| panic!("{text}"));
        let media = Media::start(&config, certificate, Arc::new(SystemClock), Box::new(|_, _| {}), on_fatal).unwrap();
        let ice: Vec<_> = (0..2).map(|n| ufrag::credentials(ShardIndex(n), &mut rand::rng())).collect();
        for (number, ice) in (0u16..).zip(&ice) {
            let id = TransportId(u64::from(number));
            let command = Command::AddTransport { id, room: MediaRoomId(1), ice: ice.clone() };
            media.handle(ShardIndex(number)).send(command).unwrap();
        }
        Self { media, ice }
    }

    fn addresses(&self, shard: u16, protocol: Protocol) -> Vec<SocketAddr> {
        let mine = self.media.advertised().iter().filter(|a| a.shard == ShardIndex(shard) && a.protocol == protocol);
        mine.map(|a| SocketAddr::new(a.ip, a.port)).collect()
    }
}

#[test]
fn checks_over_udp_are_answered_on_every_advertised_address() {
    let rig = Rig::start();
    for shard in 0..2u16 {
        let addresses = rig.addresses(shard, Protocol::Udp);
        assert_eq!(addresses.len(), 2);
        for to in addresses {
            let peer = UdpSocket::bind(if to.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" }).unwrap();
            peer.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let ice = &rig.ice[usize::from(shard)];
            peer.send_to(&check(ice, "a wrong password, to be ignored"), to).unwrap();
            peer.send_to(&check(ice, &ice.pwd), to).unwrap();
            let mut answer = [0; 1500];
            let (length, from) = peer.recv_from(&mut answer).unwrap();
            assert_eq!(from, to);
            assert_eq!(mapped(&answer[..length]), peer.local_addr().unwrap());
        }
    }
    rig.media.shutdown();
}

#[test]
fn checks_over_tcp_reach_the_transport_on_any_shard() {
    let rig = Rig::start();
    for shard in 0..2u16 {
        let ice = &rig.ice[usize::from(shard)];
        let mut peer = TcpStream::connect(rig.addresses(shard, Protocol::Tcp)[0]).unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        peer.write_all(&framed(&check(ice, &ice.pwd))).unwrap();
        let mut length = [0; 2];
        peer.read_exact(&mut length).unwrap();
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(mapped(&answer), peer.local_addr().unwrap());
    }
    rig.media.shutdown();
}
