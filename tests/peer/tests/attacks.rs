//! Attacks on the media ports and on signaling, each while a call goes on that must not be disturbed.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use livekit_protocol::UpdateParticipantMetadata;
use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::signal_response::Message as Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use visavis_peer_tests::attack::{self, IceSecrets, Stranger};
use visavis_peer_tests::client::{Client, Join};
use visavis_peer_tests::publish::{Media, Published};
use visavis_peer_tests::server::{Server, Shared};
use visavis_peer_tests::signal::Mode::{V0, V1};
use visavis_peer_tests::{Outcome, eventually, token};
use visavis_signaling::token::{Claims, VideoGrant};

static SERVER: Shared = Shared::new();

/// How long silence is waited for.
const SILENCE: Duration = Duration::from_millis(700);

/// Two who are in a call with audio and video that must not be disturbed.
struct Witnesses {
    server: Arc<Server>,
    speaker: Client,
    listener: Client,
    voice: Published,
    face: Published,
}

impl Witnesses {
    async fn new(room: &str) -> Outcome<Self> {
        Self::on(SERVER.get().await?, room).await
    }

    async fn on(server: Arc<Server>, room: &str) -> Outcome<Self> {
        let speaker = Client::connect(&server, Join::new("speaker", room, V1)).await?;
        let listener = Client::connect(&server, Join::new("listener", room, V0)).await?;
        let voice = speaker.publish(Media::Audio).await?;
        let face = speaker.publish(Media::Video).await?;
        listener.hears(voice.sid(), 10).await?;
        listener.hears(face.sid(), 10).await?;
        Ok(Self { server, speaker, listener, voice, face })
    }

    /// The call has gone on: new packets arrive and signaling is up. `losses` packets may have been lost on the way
    /// to a socket whose queue an attack has filled; what is asked for again does not count.
    async fn are_undisturbed(&self, losses: usize) -> Outcome {
        for track in [&self.voice, &self.face] {
            let at = self.listener.received().count(track.sid());
            self.listener.hears(track.sid(), at + 20).await?;
            eventually("a sequence without gaps", || {
                self.listener.received().with(track.sid(), |track| track.missing()) <= losses
            })
            .await?;
        }
        self.speaker.send_data("_reliable", b"alive", &[]).await?;
        eventually("data", || self.listener.received().payloads("_reliable").contains(&b"alive".to_vec())).await?;
        for client in [&self.speaker, &self.listener] {
            assert!(!client.is_closed() && client.left().is_none());
            client.healthy()?;
        }
        assert!(self.server.is_alive());
        Ok(())
    }

    /// How many datagrams the server says it dropped by these causes.
    async fn dropped(&self, causes: &[&str]) -> Outcome<f64> {
        let metrics = self.server.metrics().await?;
        let of = |cause: &&str| metrics.sum("visavis_media_dropped_total", &[&format!("cause=\"{cause}\"")]);
        Ok(causes.iter().map(of).sum())
    }

    /// Waits until `count` more datagrams than `before` were dropped by these causes.
    async fn count(&self, causes: &[&str], before: f64, count: usize) -> Outcome {
        if Server::is_reference() {
            return Ok(());
        }
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            let dropped = self.dropped(causes).await? - before;
            if dropped >= count as f64 {
                return Ok(());
            }
            if Instant::now() > end {
                let all = self.server.metrics().await?.0;
                let all: Vec<&str> = all.lines().filter(|line| line.starts_with("visavis_media_dropped")).collect();
                return Err(format!("{dropped} of {count} counted as {causes:?}: {all:#?}").into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

#[tokio::test]
async fn stun_with_a_wrong_password_or_for_nobody_is_not_answered() -> Outcome {
    let witnesses = Witnesses::new("stun").await?;
    let good = witnesses.speaker.ice_secrets().await;
    let stranger = Stranger::new(witnesses.server.media_address()).await?;
    let nobody = ["stun_unknown_ufrag"];
    let before = (witnesses.dropped(&["stun_integrity"]).await?, witnesses.dropped(&nobody).await?);
    for _ in 0..50 {
        let wrong = IceSecrets { server_password: "guessed".into(), ..good.clone() };
        stranger.send(&attack::binding_request(&wrong)).await?;
        let other = IceSecrets { server_ufrag: "nobody".into(), ..good.clone() };
        stranger.send(&attack::binding_request(&other)).await?;
    }
    assert_eq!(stranger.answers(SILENCE).await?.len(), 0);
    witnesses.count(&["stun_integrity"], before.0, 50).await?;
    witnesses.count(&nobody, before.1, 50).await?;

    // The same with the right password is answered: what was silent was not just out of order.
    stranger.send(&attack::binding_request(&good)).await?;
    let answers = stranger.answers(SILENCE).await?;
    assert!(answers.iter().any(|answer| answer.starts_with(&[0x01, 0x01])), "{answers:02x?}");
    witnesses.are_undisturbed(0).await
}

#[tokio::test]
async fn garbage_and_dtls_from_an_unknown_address_are_not_answered() -> Outcome {
    let witnesses = Witnesses::new("garbage").await?;
    let stranger = Stranger::new(witnesses.server.media_address()).await?;
    let before = witnesses.dropped(&["unknown_kind", "unvalidated_path", "unknown_address"]).await?;
    for index in 0..=255_u8 {
        stranger.send(&vec![index; 1 + usize::from(index) * 4]).await?;
    }
    for _ in 0..50 {
        stranger.send(&attack::client_hello()).await?;
    }
    stranger.send(&[]).await?;
    stranger.send(&vec![0x80; 9000]).await?;
    stranger.send(&vec![22; 60_000]).await?;
    assert_eq!(stranger.answers(SILENCE).await?.len(), 0);
    witnesses.count(&["unknown_kind", "unvalidated_path", "unknown_address"], before, 200).await?;
    witnesses.are_undisturbed(0).await
}

#[tokio::test]
async fn lengths_that_lie_harm_nobody() -> Outcome {
    let witnesses = Witnesses::new("lengths").await?;
    let stranger = Stranger::new(witnesses.server.media_address()).await?;
    stranger.flood(4000, attack::lying_lengths).await?;
    assert_eq!(stranger.answers(SILENCE).await?.len(), 0);

    // And from an address that belongs to a participant, which gets further in.
    let insider = insider(&witnesses).await?;
    insider.flood(4000, attack::lying_lengths).await?;
    witnesses.are_undisturbed(20).await
}

#[tokio::test]
async fn a_hundred_thousand_datagrams_of_junk_leave_the_call_standing() -> Outcome {
    // A server of its own, so that its memory is its own too.
    let witnesses = Witnesses::on(Arc::new(Server::start().await?), "flood").await?;
    let stranger = Stranger::new(witnesses.server.media_address()).await?;
    let before = witnesses.dropped(&["unvalidated_path", "unknown_address"]).await?;
    let memory = witnesses.server.resident_bytes();
    let junk: Vec<Vec<u8>> = (0..64).map(|n| attack::junk_media(40 + n * 16)).collect();
    stranger.flood(100_000, |index| junk[index % junk.len()].clone()).await?;
    assert_eq!(stranger.answers(SILENCE).await?.len(), 0);
    // The kernel may have thrown some away.
    witnesses.count(&["unvalidated_path", "unknown_address"], before, 10_000).await?;
    let grown = witnesses.server.resident_bytes().zip(memory).map(|(after, before)| after.saturating_sub(before));
    assert!(grown.unwrap_or_default() < 32 << 20, "{grown:?} bytes more memory");
    witnesses.are_undisturbed(200).await
}

#[tokio::test]
async fn a_hundred_thousand_packets_with_wrong_tags_from_a_known_address_leave_the_call_standing() -> Outcome {
    let witnesses = Witnesses::new("tags").await?;
    let insider = insider(&witnesses).await?;
    let causes = ["media_integrity", "media_malformed", "too_old", "replay"];
    let before = witnesses.dropped(&causes).await?;
    let ssrc = witnesses.face.layers[0].ssrc.to_be_bytes();
    // Well-formed RTP of the stream that is being sent, and of one that is not; only the tags are wrong.
    let forged = |index: usize| {
        let mut packet = attack::junk_media(200);
        packet[..2].copy_from_slice(&[0x80, 96]);
        if index.is_multiple_of(2) {
            packet[8..12].copy_from_slice(&ssrc);
        }
        packet
    };
    insider.flood(100_000, forged).await?;
    witnesses.count(&causes, before, 10_000).await?;
    witnesses.are_undisturbed(200).await
}

#[tokio::test]
async fn a_client_that_stops_reading_is_closed_and_nobody_waits_for_it() -> Outcome {
    let witnesses = Witnesses::new("stalled").await?;
    let server = &witnesses.server;
    let mut stalled = silent_reader(server, "stalled").await?;
    let video = VideoGrant { can_update_own_metadata: Some(true), ..VideoGrant::join("stalled") };
    let token = token::signed(&Claims { video: Some(video), ..Claims::join("busy", "stalled") })?;
    let busy = Client::connect(server, Join { token: Some(token), ..Join::new("busy", "stalled", V1) }).await?;
    // First what fills the kernel's buffers, then more messages than a bounded queue holds; never so many at a time
    // that those who do read come near that bound, however slow the machine is: it counts in bytes too.
    for round in 0..1700_usize {
        let (size, ahead) = if round < 150 { (60_000, 10) } else { (10, 50) };
        let metadata = format!("{round}{}", "m".repeat(size));
        let request = UpdateParticipantMetadata { metadata, ..Default::default() };
        busy.request(Request::UpdateMetadata(request)).await?;
        let updates = |client: &Client| client.all(|said| matches!(said, Response::Update(_)).then_some(())).len();
        if round % ahead == ahead - 1 {
            // The busy one is told most, new tokens too; what it was told is kept for the large ones alone.
            let busy = (round < 150).then_some(&busy);
            for reader in [&witnesses.speaker, &witnesses.listener].into_iter().chain(busy) {
                let heard = || reader.is_closed() || updates(reader) + ahead >= round;
                let waited = eventually("the updates at those who read", heard).await;
                waited.map_err(|error| format!("{error}: {} in round {round}", updates(reader)))?;
                assert!(!reader.is_closed(), "closed in round {round}, although it reads");
            }
        }
    }
    let gone = || {
        let info = witnesses.speaker.participant("stalled");
        info.is_some_and(|info| info.state() == livekit_protocol::participant_info::State::Disconnected)
    };
    eventually("the end of the client that does not read", gone).await?;
    if !Server::is_reference() {
        let metrics = server.metrics().await?;
        let counted = ["not_reading", "stalled_reader"].map(|cause| format!("cause=\"{cause}\""));
        let counted = counted.map(|cause| metrics.sum("visavis_signal_errors_total", &[&cause]));
        assert!(counted.iter().sum::<f64>() >= 1.0, "{}", metrics.0);
        assert!(server.log().iter().any(|line| line.contains("does not read") || line.contains("Stalled")));
    }
    // What is left in the kernel's buffers, then the end.
    let mut buffer = vec![0; 1 << 16];
    let drained = async { while stalled.read(&mut buffer).await.is_ok_and(|count| count > 0) {} };
    timeout(Duration::from_secs(20), drained).await?;
    witnesses.are_undisturbed(0).await
}

#[tokio::test]
async fn tcp_connections_to_the_media_port_that_prove_nothing_are_closed() -> Outcome {
    let witnesses = Witnesses::new("tcp").await?;
    let connect = async || TcpStream::connect(("127.0.0.1", witnesses.server.tcp_port)).await;
    // A frame larger than any that ICE needs, and one that is no STUN.
    for bytes in [vec![0xff; 70_000], [&[0, 20][..], &[7; 20]].concat(), b"GET / HTTP/1.1\r\n\r\n".to_vec()] {
        let mut stream = connect().await?;
        let _ = stream.write_all(&bytes).await;
        closed(&mut stream, Duration::from_secs(15)).await?;
    }
    // One byte a second, and nothing at all.
    let mut slow = connect().await?;
    let mut silent = connect().await?;
    let end = Instant::now() + Duration::from_secs(20);
    slow.write_all(&[0]).await?;
    loop {
        if slow.write_all(&[1]).await.is_err() || closed(&mut slow, Duration::from_secs(1)).await.is_ok() {
            break;
        }
        assert!(Instant::now() < end, "a connection that trickles bytes stays open");
    }
    closed(&mut silent, Duration::from_secs(15)).await?;
    witnesses.are_undisturbed(0).await
}

/// A socket that the server takes for another address of the speaker's: it has the right password.
async fn insider(witnesses: &Witnesses) -> Outcome<Stranger> {
    let insider = Stranger::new(witnesses.server.media_address()).await?;
    insider.send(&attack::binding_request(&witnesses.speaker.ice_secrets().await)).await?;
    let answers = insider.answers(SILENCE).await?;
    if answers.is_empty() { Err("a good check was not answered".into()) } else { Ok(insider) }
}

/// A participant whose WebSocket is never read, with as little room in the kernel as it gives.
async fn silent_reader(server: &Server, room: &str) -> Outcome<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut stream = socket.connect(([127, 0, 0, 1], server.port).into()).await?;
    let token = token::join("stalled", room)?;
    let request = format!(
        "GET /rtc?protocol=17 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    assert_eq!(&head, b"HTTP/1.1 101");
    Ok(stream)
}

/// Waits until the server has closed `stream`.
async fn closed(stream: &mut TcpStream, within: Duration) -> Outcome {
    let mut buffer = [0; 256];
    let end = async {
        while let Ok(count) = stream.read(&mut buffer).await {
            if count == 0 {
                break;
            }
        }
    };
    timeout(within, end).await.map_err(|_| "the connection stays open".into())
}
