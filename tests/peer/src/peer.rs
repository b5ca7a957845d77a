//! One peer connection of the `webrtc` crate, reduced to what a client of LiveKit's does with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::BytesMut;
use livekit_protocol::DataPacket;
use prost::Message as _;
use rtc::rtp_transceiver::rtp_sender::{RTCRtpHeaderExtensionCapability, RtpCodecKind};
use tokio::sync::Notify;
use tokio::time::timeout;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateInit, RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry,
    configure_simulcast_extension_headers, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use crate::Outcome;
use crate::feedback::{Feedback, FeedbackCounter};
use crate::received::{Message, Received, lock};

/// The channels that both sides of LiveKit's protocol open.
pub const CHANNELS: [&str; 3] = ["_reliable", "_lossy", "_data_track"];

/// Behind all interceptors of the crate's own, which keep below this.
const LAST_SLOT: usize = 14_000;

const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// A peer connection, and what it has been told so far.
pub struct Peer {
    /// The connection itself.
    pub pc: Arc<dyn PeerConnection>,
    /// What the server says about the streams that it gets from us.
    pub feedback: Arc<Feedback>,
    events: Arc<Events>,
    /// Candidates that came before the description they belong to.
    early: Mutex<Option<Vec<RTCIceCandidateInit>>>,
}

impl Peer {
    /// A connection on the loopback, over UDP or over TCP, that puts whatever arrives into `received`.
    ///
    /// # Errors
    ///
    /// When the crate cannot make it.
    pub async fn new(received: Arc<Received>, over_tcp: bool) -> Outcome<Self> {
        let mut media = MediaEngine::default();
        media.register_default_codecs()?;
        let level = RTCRtpHeaderExtensionCapability { uri: AUDIO_LEVEL.to_owned() };
        media.register_header_extension(level, RtpCodecKind::Audio, None)?;
        configure_simulcast_extension_headers(&mut media)?;
        let feedback = Arc::new(Feedback::default());
        let registry = register_default_interceptors(Registry::new(), &mut media)?
            .with(LAST_SLOT.into(), FeedbackCounter::new(Arc::clone(&feedback)));
        let events = Arc::new(Events { received, ..Events::default() });
        let pc = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::default().build())
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_handler(Arc::clone(&events) as Arc<dyn PeerConnectionEventHandler>)
            .with_udp_addrs(if over_tcp { vec![] } else { vec!["127.0.0.1:0"] })
            .with_tcp_addrs(if over_tcp { vec!["127.0.0.1:0"] } else { vec![] })
            .build()
            .await?;
        Ok(Self { pc: Arc::new(pc), feedback, events, early: Mutex::new(Some(Vec::new())) })
    }

    /// Opens the three channels of LiveKit's protocol from this side.
    ///
    /// # Errors
    ///
    /// When the crate cannot make them.
    pub async fn open_channels(&self) -> Outcome {
        for label in CHANNELS {
            self.open_channel(label, label == "_reliable").await?;
        }
        Ok(())
    }

    /// Opens a channel, ordered and reliable or neither.
    ///
    /// # Errors
    ///
    /// When the crate cannot make it.
    pub async fn open_channel(&self, label: &str, reliable: bool) -> Outcome {
        let max_retransmits = (!reliable).then_some(0);
        let init = RTCDataChannelInit { ordered: reliable, max_retransmits, ..RTCDataChannelInit::default() };
        let channel = self.pc.create_data_channel(label, Some(init)).await?;
        let (channels, received) = (Arc::clone(&self.events.channels), Arc::clone(&self.events.received));
        lock(&channels).insert(label.to_owned(), (Arc::clone(&channel), false));
        watch(label.to_owned(), channel, received, Some(channels));
        Ok(())
    }

    /// Adds sections that wait for tracks of the server's.
    ///
    /// # Errors
    ///
    /// When the crate cannot make them.
    pub async fn add_receiving(&self, audios: u32, videos: u32) -> Outcome {
        for (kind, count) in [(RtpCodecKind::Audio, audios), (RtpCodecKind::Video, videos)] {
            for _ in 0..count {
                let direction = RTCRtpTransceiverDirection::Recvonly;
                let init = RTCRtpTransceiverInit { direction, streams: vec![], send_encodings: vec![] };
                self.pc.add_transceiver_from_kind(kind, Some(init)).await?;
            }
        }
        Ok(())
    }

    /// An offer with all candidates, already applied as the local description.
    ///
    /// # Errors
    ///
    /// When the crate cannot make it.
    pub async fn offer(&self, restart_ice: bool) -> Outcome<String> {
        if restart_ice {
            self.pc.restart_ice().await?;
        }
        let offer = self.pc.create_offer(None).await?;
        self.describe(offer).await
    }

    /// Accepts an offer of the server's; gives the answer, already applied.
    ///
    /// # Errors
    ///
    /// When the crate takes offence at the offer.
    pub async fn answer(&self, offer: &str) -> Outcome<String> {
        self.remote(RTCSessionDescription::offer(offer.to_owned())?).await?;
        let answer = self.pc.create_answer(None).await?;
        self.describe(answer).await
    }

    /// Accepts the answer to our offer.
    ///
    /// # Errors
    ///
    /// When the crate takes offence at it.
    pub async fn accept(&self, answer: &str) -> Outcome {
        self.remote(RTCSessionDescription::answer(answer.to_owned())?).await
    }

    /// Takes a candidate of the server's, in JSON as signaling carries it.
    ///
    /// # Errors
    ///
    /// When it is not a candidate.
    pub async fn candidate(&self, json: &str) -> Outcome {
        let candidate: RTCIceCandidateInit = serde_json::from_str(json)?;
        if let Some(early) = lock(&self.early).as_mut() {
            early.push(candidate);
            return Ok(());
        }
        Ok(self.pc.add_ice_candidate(candidate).await?)
    }

    /// Whether ICE and DTLS are up.
    pub fn is_connected(&self) -> bool {
        *lock(&self.events.state) == Some(RTCPeerConnectionState::Connected)
    }

    /// How often the connection came up: again after each loss.
    pub fn times_connected(&self) -> usize {
        *lock(&self.events.times_connected)
    }

    /// Whether our own channel `label` is open.
    pub fn is_open(&self, label: &str) -> bool {
        lock(&self.events.channels).get(label).is_some_and(|(_, open)| *open)
    }

    /// Whether the server has opened channel `label` to us.
    pub fn was_opened(&self, label: &str) -> bool {
        lock(&self.events.opened_by_server).iter().any(|opened| opened == label)
    }

    /// Sends on our own channel `label`.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not open.
    pub async fn send(&self, label: &str, bytes: &[u8]) -> Outcome {
        let channel = lock(&self.events.channels).get(label).map(|(channel, _)| Arc::clone(channel));
        let channel = channel.ok_or_else(|| format!("no channel {label}"))?;
        Ok(channel.send(BytesMut::from(bytes)).await?)
    }

    async fn describe(&self, description: RTCSessionDescription) -> Outcome<String> {
        self.pc.set_local_description(description).await?;
        // Loopback candidates are there at once; if the crate never says so, those it has must do.
        let gathered = async {
            while !*lock(&self.events.gathered) {
                self.events.gathering.notified().await;
            }
        };
        let _ = timeout(Duration::from_secs(2), gathered).await;
        Ok(self.pc.local_description().await.ok_or("no local description")?.sdp)
    }

    async fn remote(&self, description: RTCSessionDescription) -> Outcome {
        let overlooked = overlooked_candidates(&description.sdp);
        self.pc.set_remote_description(description).await?;
        let early = lock(&self.early).take();
        for candidate in early.unwrap_or_default().into_iter().chain(overlooked) {
            self.pc.add_ice_candidate(candidate).await?;
        }
        Ok(())
    }
}

/// Channels that we opened, and whether they are open.
type Channels = Arc<Mutex<HashMap<String, (Arc<dyn DataChannel>, bool)>>>;

/// The candidates for TCP, which the crate only dials when they are trickled.
fn overlooked_candidates(sdp: &str) -> Vec<RTCIceCandidateInit> {
    let lines = sdp.lines().filter(|line| line.contains(" tcptype passive"));
    let lines = lines.filter_map(|line| line.strip_prefix("a=candidate:"));
    let candidate = |line: &str| format!("candidate:{}", line.trim_end());
    lines
        .map(|line| RTCIceCandidateInit {
            candidate: candidate(line),
            sdp_mline_index: Some(0),
            ..RTCIceCandidateInit::default()
        })
        .collect()
}

#[derive(Default)]
struct Events {
    received: Arc<Received>,
    state: Mutex<Option<RTCPeerConnectionState>>,
    times_connected: Mutex<usize>,
    gathered: Mutex<bool>,
    gathering: Notify,
    channels: Channels,
    opened_by_server: Mutex<Vec<String>>,
}

fn watch(label: String, channel: Arc<dyn DataChannel>, received: Arc<Received>, channels: Option<Channels>) {
    tokio::spawn(async move {
        while let Some(event) = channel.poll().await {
            match event {
                DataChannelEvent::OnOpen => {
                    let mut ours = channels.as_ref().map(|channels| lock(channels));
                    if let Some((_, open)) = ours.as_mut().and_then(|ours| ours.get_mut(&label)) {
                        *open = true;
                    }
                }
                DataChannelEvent::OnMessage(message) => {
                    let packet = DataPacket::decode(message.data.freeze()).ok();
                    received.message(Message { label: label.clone(), packet });
                }
                _ => {}
            }
        }
    });
}

// The crate awaits these on the task that drives the connection, so none of them may wait for anything.
#[async_trait::async_trait]
impl PeerConnectionEventHandler for Events {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        *lock(&self.gathered) = state == RTCIceGatheringState::Complete;
        self.gathering.notify_one();
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        *lock(&self.state) = Some(state);
        if state == RTCPeerConnectionState::Connected {
            *lock(&self.times_connected) += 1;
        }
    }

    async fn on_data_channel(&self, channel: Arc<dyn DataChannel>) {
        let label = channel.label().await.unwrap_or_default();
        lock(&self.opened_by_server).push(label.clone());
        watch(label, channel, Arc::clone(&self.received), None);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let received = Arc::clone(&self.received);
        tokio::spawn(async move {
            let (sid, video) = (track.track_id().await, track.kind().await == RtpCodecKind::Video);
            received.open(&sid, video, Arc::clone(&track));
            while let Some(event) = track.poll().await {
                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                    received.packet(&sid, &packet);
                }
            }
        });
    }
}
