//! Publishing: a section of the peer connection, a name in signaling, and a task that sends.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use livekit_protocol::signal_request::Message as Request;
use livekit_protocol::{AddTrackRequest, SimulcastCodec, TrackInfo, TrackSource, TrackType, VideoLayer, VideoQuality};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind};
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit, RtpTransceiver};

use crate::client::Client;
use crate::feedback::Feedback;
use crate::media::{self, Layer, Negotiated, Sent};
use crate::received::lock;
use crate::{Outcome, eventually_some};

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// What to publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Media {
    /// Opus from a microphone.
    Audio,
    /// VP8 from a camera, one stream.
    Video,
    /// VP8 from a camera, three streams by rid: `q`, `h` and `f`.
    Simulcast,
}

/// A published track that is being sent.
pub struct Published {
    /// The server's description of it.
    pub info: TrackInfo,
    /// What was sent of it, and what was asked.
    pub sent: Arc<Sent>,
    /// Its streams.
    pub layers: Vec<Layer>,
    /// What the server says about them.
    pub feedback: Arc<Feedback>,
}

impl Published {
    /// Its SID.
    pub fn sid(&self) -> &str {
        &self.info.sid
    }

    /// How often a wish for a key frame of any of its streams has come back.
    pub fn asked(&self) -> u64 {
        self.layers.iter().map(|layer| self.feedback.on(layer.ssrc).key_frames).sum()
    }

    /// Stops sending for a while, or goes on.
    pub fn pause(&self, paused: bool) {
        self.sent.paused.store(paused, Ordering::Relaxed);
    }
}

impl Client {
    /// Publishes a track and starts sending it.
    ///
    /// # Errors
    ///
    /// When the server does not agree to it.
    pub async fn publish(&self, media: Media) -> Outcome<Published> {
        let layers = layers(media);
        let cid = format!("cid-{:08x}", rand::random::<u32>());
        let track = Arc::new(TrackLocalStaticRTP::new(local_track(media, &cid, &layers)));
        let direction = RTCRtpTransceiverDirection::Sendonly;
        let init = RTCRtpTransceiverInit { direction, streams: vec![], send_encodings: vec![] };
        let pc = &self.shared.publisher.pc;
        let transceiver = pc.add_transceiver_from_track(Arc::clone(&track) as _, Some(init)).await?;
        self.request(Request::AddTrack(add_track(media, &cid, &layers))).await?;
        let info = eventually_some("the server's word on the track", || {
            let published = lock(&self.shared.published);
            published.iter().find(|published| published.cid == cid).and_then(|published| published.track.clone())
        })
        .await?;
        self.negotiate(false).await?;
        let negotiated = negotiated(transceiver.as_ref(), media).await?;
        let sent = Arc::new(Sent::default());
        let feedback = Arc::clone(&self.shared.publisher.feedback);
        self.own(match media {
            Media::Audio => media::send_opus(track, layers[0].ssrc, negotiated, Arc::clone(&sent)),
            _ => media::send_vp8(track, layers.clone(), negotiated, Arc::clone(&sent), Arc::clone(&feedback)),
        });
        Ok(Published { info, sent, layers, feedback })
    }
}

fn layers(media: Media) -> Vec<Layer> {
    let layer = |rid, width, height, size| Layer { rid, ssrc: rand::random::<u32>() | 1, width, height, size };
    match media {
        Media::Audio => vec![layer("", 0, 0, 80)],
        Media::Video => vec![layer("", 1280, 720, 900)],
        Media::Simulcast => vec![layer("q", 320, 180, 250), layer("h", 640, 360, 500), layer("f", 1280, 720, 900)],
    }
}

fn local_track(media: Media, cid: &str, layers: &[Layer]) -> MediaStreamTrack {
    let (kind, codec) = match media {
        Media::Audio => (RtpCodecKind::Audio, codec("audio/opus", 48_000, 2, "minptime=10;useinbandfec=1")),
        _ => (RtpCodecKind::Video, codec("video/VP8", 90_000, 0, "")),
    };
    let coding = |layer: &Layer| RTCRtpEncodingParameters {
        rtp_coding_parameters: RTCRtpCodingParameters {
            rid: layer.rid.to_owned(),
            ssrc: Some(layer.ssrc),
            ..Default::default()
        },
        active: true,
        codec: codec.clone(),
        ..Default::default()
    };
    let codings = layers.iter().map(coding).collect();
    MediaStreamTrack::new(format!("stream-{cid}"), cid.to_owned(), cid.to_owned(), kind, codings)
}

fn codec(mime: &str, clock_rate: u32, channels: u16, fmtp: &str) -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: mime.to_owned(),
        clock_rate,
        channels,
        sdp_fmtp_line: fmtp.to_owned(),
        rtcp_feedback: vec![],
    }
}

fn add_track(media: Media, cid: &str, layers: &[Layer]) -> AddTrackRequest {
    if media == Media::Audio {
        let (kind, source) = (TrackType::Audio.into(), TrackSource::Microphone.into());
        return AddTrackRequest { cid: cid.into(), name: "voice".into(), r#type: kind, source, ..Default::default() };
    }
    let qualities: &[VideoQuality] = match media {
        Media::Simulcast => &[VideoQuality::Low, VideoQuality::Medium, VideoQuality::High],
        _ => &[VideoQuality::High],
    };
    let layer = |(layer, quality): (&Layer, &VideoQuality)| VideoLayer {
        quality: (*quality).into(),
        width: layer.width.into(),
        height: layer.height.into(),
        bitrate: u32::try_from(layer.size).unwrap_or_default() * 8 * 15,
        ..Default::default()
    };
    let layers: Vec<VideoLayer> = layers.iter().zip(qualities).map(layer).collect();
    let codec = SimulcastCodec { codec: "vp8".into(), cid: cid.into(), layers: layers.clone(), ..Default::default() };
    AddTrackRequest {
        cid: cid.into(),
        name: "face".into(),
        r#type: TrackType::Video.into(),
        source: TrackSource::Camera.into(),
        width: 1280,
        height: 720,
        layers,
        simulcast_codecs: vec![codec],
        ..Default::default()
    }
}

async fn negotiated(transceiver: &dyn RtpTransceiver, media: Media) -> Outcome<Negotiated> {
    let sender = transceiver.sender().await?.ok_or("no sender")?;
    let parameters = sender.get_parameters().await?.rtp_parameters;
    let mime = if media == Media::Audio { "audio/opus" } else { "video/VP8" };
    let mut codecs = parameters.codecs.iter();
    let codec = codecs.find(|codec| codec.rtp_codec.mime_type.eq_ignore_ascii_case(mime));
    let id = |uri: &str| {
        let extension = parameters.header_extensions.iter().find(|extension| extension.uri == uri);
        extension.and_then(|extension| u8::try_from(extension.id).ok())
    };
    let mid = transceiver.mid().await?;
    Ok(Negotiated {
        payload_type: codec.ok_or_else(|| format!("{mime} was not agreed on"))?.payload_type,
        mid: id(MID).zip(mid),
        rid: id(RID),
        level: id(LEVEL),
    })
}
