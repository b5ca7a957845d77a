//! What forwarding costs through the `webrtc` crate's PeerConnection: one camera to so many viewers, nothing else.
//!
//!     cargo run --release -p visavis-peer-tests --example forward -- [--viewers 20] [--seconds 8]
//!
//! The forwarder is a process of its own on processor 0, camera and viewers are on processor 1. It prints the processor
//! time that the forwarder needs for a delivered packet. Descriptions go over pipes, media over the loopback.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use rtc::rtp::{Header, Packet};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};
use visavis_peer_tests::{Outcome, eventually};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCPeerConnectionState, RTCSessionDescription, Registry, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver};

const FORWARDER_CORE: &str = "0";
const VIEWERS_CORE: &str = "1";
/// A picture of 1.8 Mbit/s: 30 frames a second of seven packets.
const FRAME: Duration = Duration::from_micros(33_333);
const PACKETS: u16 = 7;
const PAYLOAD: usize = 1100;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let value = |name: &str, default: usize| {
        let at = args.iter().position(|arg| arg == name);
        at.and_then(|at| args.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if let Some(viewers) = args.strip_prefix(&["--forwarder".to_owned()]) {
        return runtime.block_on(forward(viewers[0].parse()?));
    }
    let pid = std::process::id().to_string();
    let _ = Command::new("taskset").args(["-a", "-c", "-p", VIEWERS_CORE, &pid]).stdout(Stdio::null()).status();
    runtime.block_on(watch(value("--viewers", 20), value("--seconds", 8) as u64))
}

/// The forwarder: what comes in leaves once for each viewer.
async fn forward(viewers: usize) -> Outcome {
    let (packets, mut incoming) = mpsc::channel(1024);
    let (publisher, _) = connection(Some(packets), None).await?;
    publisher.set_remote_description(RTCSessionDescription::offer(read()?)?).await?;
    let answer = publisher.create_answer(None).await?;
    say(&described(&publisher, answer).await?);
    let mut ways = Vec::new();
    for _ in 0..viewers {
        let (pc, state) = connection(None, None).await?;
        let ssrc = rand::random::<u32>() | 1;
        let track = camera(ssrc);
        let sender = pc.add_transceiver_from_track(Arc::clone(&track) as _, Some(sending())).await?;
        let offer = pc.create_offer(None).await?;
        say(&described(&pc, offer).await?);
        pc.set_remote_description(RTCSessionDescription::answer(read()?)?).await?;
        ways.push((track, ssrc, payload_type(sender.as_ref()).await?, state, pc));
    }
    for way in &ways {
        eventually("a viewer connects", || *way.3.lock().unwrap() == Some(RTCPeerConnectionState::Connected)).await?;
    }
    say("ready");
    while let Some(packet) = incoming.recv().await {
        let packet: Packet = packet;
        for (track, ssrc, payload_type, ..) in &ways {
            let mut packet = packet.clone();
            packet.header.ssrc = *ssrc;
            packet.header.payload_type = *payload_type;
            packet.header.extension = false;
            packet.header.extensions.clear();
            track.write_rtp(packet).await?;
        }
    }
    Ok(())
}

/// Camera and viewers: starts the forwarder, and counts.
async fn watch(viewers: usize, seconds: u64) -> Outcome {
    let mut forwarder = Command::new("taskset");
    forwarder.args(["-c", FORWARDER_CORE]).arg(std::env::current_exe()?).args(["--forwarder", &viewers.to_string()]);
    let mut forwarder = forwarder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let (mut to, from) = (forwarder.stdin.take().unwrap(), forwarder.stdout.take().unwrap());
    let (lines, mut said) = mpsc::channel(4);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            let _ = lines.blocking_send(line);
        }
    });
    let (publisher, _) = connection(None, None).await?;
    let ssrc = rand::random::<u32>() | 1;
    let track = camera(ssrc);
    let sender = publisher.add_transceiver_from_track(Arc::clone(&track) as _, Some(sending())).await?;
    let offer = publisher.create_offer(None).await?;
    write(&mut to, &described(&publisher, offer).await?)?;
    publisher.set_remote_description(RTCSessionDescription::answer(heard(&mut said).await?)?).await?;
    let payload_type = payload_type(sender.as_ref()).await?;
    let count = Arc::new(AtomicU64::new(0));
    let mut connections = Vec::new();
    for _ in 0..viewers {
        let (pc, _) = connection(None, Some(Arc::clone(&count))).await?;
        pc.set_remote_description(RTCSessionDescription::offer(heard(&mut said).await?)?).await?;
        let answer = pc.create_answer(None).await?;
        write(&mut to, &described(&pc, answer).await?)?;
        connections.push(pc);
    }
    while said.recv().await.ok_or("the forwarder ended")? != "ready" {}
    let sent = Arc::new(AtomicU64::new(0));
    tokio::spawn(film(track, ssrc, payload_type, Arc::clone(&sent)));
    sleep(Duration::from_secs(2)).await;
    let figures = || (processor_time(forwarder.id()), count.load(Ordering::Relaxed), sent.load(Ordering::Relaxed));
    let before = figures();
    sleep(Duration::from_secs(seconds)).await;
    let after = figures();
    let (delivered, sent) = (after.1 - before.1, after.2 - before.2);
    let micros = (after.0 - before.0).as_secs_f64() * 1e6 / delivered.max(1) as f64;
    let due = sent * viewers as u64;
    println!(
        "PeerConnection, 1 to {viewers}: {micros:.1} µs a delivered packet, {} packets/s, {:.2} % lost, {:.2} cores",
        delivered / seconds,
        due.saturating_sub(delivered) as f64 * 100.0 / due.max(1) as f64,
        (after.0 - before.0).as_secs_f64() / seconds as f64
    );
    forwarder.kill()?;
    forwarder.wait()?;
    Ok(())
}

/// Sends a picture.
async fn film(track: Arc<TrackLocalStaticRTP>, ssrc: u32, payload_type: u8, sent: Arc<AtomicU64>) {
    let mut ticks = interval(FRAME);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seq, mut frame) = (0u16, 0u16);
    let payload = Bytes::from([&[0x80, 0xE0, 0x80, 1, 1, 0, 1][..], &[7; PAYLOAD]].concat());
    loop {
        ticks.tick().await;
        frame = frame.wrapping_add(1);
        for part in 0..PACKETS {
            seq = seq.wrapping_add(1);
            let timestamp = u32::from(frame).wrapping_mul(3000);
            let header =
                Header { version: 2, payload_type, sequence_number: seq, timestamp, ssrc, ..Header::default() };
            let header = Header { marker: part + 1 == PACKETS, ..header };
            if track.write_rtp(Packet { header, payload: payload.clone() }).await.is_ok() {
                sent.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

type State = Arc<Mutex<Option<RTCPeerConnectionState>>>;

struct Events {
    state: State,
    packets: Option<mpsc::Sender<Packet>>,
    count: Option<Arc<AtomicU64>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        *self.state.lock().unwrap() = Some(state);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let (packets, count) = (self.packets.clone(), self.count.clone());
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                if let Some(count) = &count {
                    count.fetch_add(1, Ordering::Relaxed);
                }
                if let Some(packets) = &packets {
                    let _ = packets.send(packet).await;
                }
            }
        });
    }
}

async fn connection(
    packets: Option<mpsc::Sender<Packet>>,
    count: Option<Arc<AtomicU64>>,
) -> Outcome<(Arc<dyn PeerConnection>, State)> {
    let mut media = MediaEngine::default();
    media.register_default_codecs()?;
    let registry = register_default_interceptors(Registry::new(), &mut media)?;
    let state = State::default();
    let events = Events { state: Arc::clone(&state), packets, count };
    let pc = PeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::default().build())
        .with_media_engine(media)
        .with_interceptor_registry(registry)
        .with_handler(Arc::new(events) as Arc<dyn PeerConnectionEventHandler>)
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await?;
    Ok((Arc::new(pc), state))
}

fn camera(ssrc: u32) -> Arc<TrackLocalStaticRTP> {
    let coding = RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
        active: true,
        codec: RTCRtpCodec { mime_type: "video/VP8".into(), clock_rate: 90_000, ..Default::default() },
        ..Default::default()
    };
    let name = |what: &str| format!("{what}-{ssrc}");
    let track =
        MediaStreamTrack::new(name("stream"), name("camera"), name("camera"), RtpCodecKind::Video, vec![coding]);
    Arc::new(TrackLocalStaticRTP::new(track))
}

fn sending() -> RTCRtpTransceiverInit {
    let direction = RTCRtpTransceiverDirection::Sendonly;
    RTCRtpTransceiverInit { direction, streams: vec![], send_encodings: vec![] }
}

async fn payload_type(transceiver: &dyn RtpTransceiver) -> Outcome<u8> {
    let sender = transceiver.sender().await?.ok_or("no sender")?;
    let codecs = sender.get_parameters().await?.rtp_parameters.codecs;
    let vp8 = codecs.iter().find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case("video/VP8"));
    Ok(vp8.ok_or("VP8 was not agreed on")?.payload_type)
}

/// A description with its candidates, on one line.
async fn described(pc: &Arc<dyn PeerConnection>, description: RTCSessionDescription) -> Outcome<String> {
    pc.set_local_description(description).await?;
    let mut sdp = String::new();
    // On the loopback candidates are there at once.
    for _ in 0..100 {
        sdp = pc.local_description().await.ok_or("no local description")?.sdp;
        if sdp.contains("a=candidate:") {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    Ok(serde_json::to_string(&sdp)?)
}

fn say(line: &str) {
    println!("{line}");
}

fn write(to: &mut impl Write, line: &str) -> Outcome {
    writeln!(to, "{line}")?;
    Ok(to.flush()?)
}

/// The next description on standard input.
fn read() -> Outcome<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

async fn heard(said: &mut mpsc::Receiver<String>) -> Outcome<String> {
    Ok(serde_json::from_str(&said.recv().await.ok_or("the forwarder ended")?)?)
}

/// What all threads of a process have used.
fn processor_time(pid: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let text = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("schedstat")).ok());
    Duration::from_nanos(text.filter_map(|text| text.split(' ').next()?.parse::<u64>().ok()).sum())
}
