//! A published track: what the publisher announced, which SDP sections carry it and how others see it.

use std::sync::Arc;
use std::time::Instant;

use visavis_signaling::proto::{
    self, AddTrackRequest, BackupCodecPolicy, SimulcastCodecInfo, TrackInfo, TrackSource, TrackType, VideoLayer,
    encryption, video_layer::Mode as LayerMode,
};

use crate::ids::{MediaTrackId, TrackSid};
use crate::media::{LayerSpec, Quality, TrackSpec};
use crate::rooms::dynacast::Dynacast;
use crate::rtp::{Codec, CodecParams};
use crate::transport::ReceiverSection;
use crate::transport::sdp::TrackCodec;
use crate::units::{MediaKind, Mid, Rid};

/// LiveKit asks for a slightly smaller layer than the element's size before it takes the next one.
const LAYER_TOLERANCE: f32 = 0.9;

/// One published track.
#[derive(Debug)]
pub struct Publication {
    /// Its id.
    pub sid: TrackSid,
    /// What the publisher asked for and others are told.
    pub info: TrackInfo,
    /// The client ids under which its sections may come: the track's and each further codec's.
    pub cids: Vec<String>,
    /// The sections that carry it, the primary codec first.
    pub encodings: Vec<Encoding>,
    /// The publisher was told of its first subscriber.
    pub subscriber_announced: bool,
    /// Media has arrived for it.
    pub has_media: bool,
    /// What is wanted of it.
    pub dynacast: Dynacast,
    /// The backup codec, once everybody who can gets that one.
    regressed: Option<Codec>,
}

/// How a subscriber gets a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// In which codec.
    pub codec: Codec,
    /// From which track; none while the publisher does not send that codec.
    pub track: Option<MediaTrackId>,
}

/// One codec of a published track.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// Its name in the media wing.
    pub track: MediaTrackId,
    /// Its section.
    pub mid: Mid,
    /// The client's id of the track in that section.
    pub track_id: Arc<str>,
    /// The codec announced to subscribers.
    pub codec: Codec,
    /// Every codec that the section may carry.
    pub codecs: Vec<CodecParams>,
    /// The best layer that its publisher sends just now.
    pub flowing: Option<Quality>,
}

impl Publication {
    /// The publication that a request asks for, not yet carried by any section.
    pub fn new(sid: TrackSid, request: &AddTrackRequest, now: Instant) -> Self {
        let info = track_info(&sid, request);
        let kind = kind_of(&info);
        let mut cids = vec![request.cid.clone()];
        cids.extend(request.simulcast_codecs.iter().map(|codec| codec.cid.clone()));
        cids.retain(|cid| !cid.is_empty());
        cids.dedup();
        Self {
            sid,
            info,
            cids,
            encodings: Vec::new(),
            subscriber_announced: false,
            has_media: false,
            dynacast: Dynacast::new(now, kind),
            regressed: None,
        }
    }

    /// Its publisher is told what is wanted of it: of pictures, and of sound in several codecs.
    pub fn is_cast(&self) -> bool {
        self.kind() == MediaKind::Video || self.info.codecs.len() > 1
    }

    /// Audio or video.
    pub fn kind(&self) -> MediaKind {
        kind_of(&self.info)
    }

    /// Others may know of it: a section carries it.
    pub fn is_visible(&self) -> bool {
        !self.encodings.is_empty()
    }

    /// Takes a further codec of the same track (the backup codec).
    pub fn add_codec(&mut self, request: &AddTrackRequest) {
        for codec in &request.simulcast_codecs {
            if codec.cid.is_empty() {
                continue;
            }
            self.cids.push(codec.cid.clone());
            let mime = mime_type(self.kind(), &codec.codec);
            match self.info.codecs.iter_mut().find(|known| known.mime_type.eq_ignore_ascii_case(&mime)) {
                Some(known) => known.cid.clone_from(&codec.cid),
                None => self.info.codecs.push(codec_info(self.kind(), codec, &request.layers)),
            }
        }
    }

    /// The codec that the publisher wants for the section with this client id.
    pub fn wanted_codec(&self, cid: &str) -> Option<Codec> {
        let codecs = &self.info.codecs;
        codecs.iter().find(|codec| codec.cid == cid).or(codecs.first()).and_then(|codec| Codec::parse(&codec.mime_type))
    }

    /// Binds a section: the announced codec is the section's first after negotiation.
    pub fn bind(&mut self, track: MediaTrackId, section: &ReceiverSection) -> Option<TrackSpec> {
        let first = section.codecs.first()?;
        let mid = section.mid;
        self.encodings.push(Encoding {
            track,
            mid,
            track_id: Arc::clone(&section.track_id),
            codec: first.codec,
            codecs: section.codecs.clone(),
            flowing: None,
        });
        self.dynacast.add_codec(first.codec);

        let mime = first.codec.mime();
        let single = self.encodings.len() == 1;
        if single {
            self.info.mime_type = mime.into();
            self.info.mid = mid.to_string();
            #[allow(deprecated, reason = "older clients read it")]
            {
                self.info.simulcast |=
                    section.rids.len() > 1 || section.ssrcs.len() > 1 && self.kind() == MediaKind::Video;
            }
        }
        let by_cid = self.info.codecs.iter().position(|codec| codec.cid == *section.track_id);
        let entry = by_cid.or_else(|| self.info.codecs.iter().position(|codec| codec.mid.is_empty()));
        if let Some(entry) = entry.map(|at| &mut self.info.codecs[at]) {
            entry.mime_type = mime.into();
            entry.mid = mid.to_string();
            if entry.video_layer_mode == LayerMode::Unused as i32 {
                entry.video_layer_mode = default_layer_mode(first.codec, section) as i32;
            }
        }
        Some(self.spec(section))
    }

    /// What the media wing is told of the encoding that a section carries.
    pub fn spec(&self, section: &ReceiverSection) -> TrackSpec {
        TrackSpec {
            kind: self.kind(),
            layers: self.layer_specs(section),
            muted: self.info.muted,
            encrypted: self.info.encryption != encryption::Type::None as i32,
            codecs: section.codecs.clone(),
        }
    }

    /// In which codecs it is to be had, best first: those that flow, then those that its publisher can send as well.
    pub fn offered(&self) -> Vec<TrackCodec> {
        let mut offered: Vec<TrackCodec> = Vec::new();
        let sent = self.encodings.iter().flat_map(|it| it.codecs.first().map(TrackCodec::from));
        for codec in sent.chain(self.potential().map(TrackCodec::from)) {
            if offered.iter().all(|known| known.codec != codec.codec) {
                offered.push(codec);
            }
        }
        offered.sort_by_key(|it| self.regressed.is_some_and(|regressed| it.codec != regressed));
        offered
    }

    /// Codecs that the publisher announced and does not send yet.
    fn potential(&self) -> impl Iterator<Item = Codec> {
        let unbound = self.info.codecs.iter().filter(|it| it.mid.is_empty());
        let codecs = unbound.filter_map(|it| Codec::parse(&it.mime_type)).filter(|it| it.kind() == self.kind());
        codecs.filter(|codec| self.encodings.iter().all(|it| it.codec != *codec))
    }

    /// What a subscriber gets who accepts these codecs.
    pub fn choose(&self, accepts: impl Fn(Codec) -> bool) -> Option<Choice> {
        let mut sent: Vec<&Encoding> = self.encodings.iter().filter(|it| accepts(it.codec)).collect();
        sent.sort_by_key(|it| self.regressed.is_some_and(|regressed| it.codec != regressed));
        match sent.first() {
            Some(encoding) => Some(Choice { codec: encoding.codec, track: Some(encoding.track) }),
            None => self.potential().find(|codec| accepts(*codec)).map(|codec| Choice { codec, track: None }),
        }
    }

    /// The first packet of one of its codecs has come. True when that makes it the codec for everybody: the backup,
    /// in a `small` room or by the publisher's will.
    pub fn regress(&mut self, track: MediaTrackId, small: bool) -> bool {
        let Some(encoding) = self.encodings.iter().find(|it| it.track == track) else { return false };
        let backup = self.info.codecs.get(1).and_then(|it| Codec::parse(&it.mime_type));
        let wanted = match BackupCodecPolicy::try_from(self.info.backup_codec_policy) {
            Ok(BackupCodecPolicy::Regression) => true,
            Ok(BackupCodecPolicy::PreferRegression) => small && self.kind() == MediaKind::Video,
            Ok(BackupCodecPolicy::Simulcast) | Err(_) => false,
        };
        let regresses =
            wanted && self.regressed.is_none() && backup == Some(encoding.codec) && self.encodings.len() > 1;
        if regresses {
            self.regressed = backup;
        }
        regresses
    }

    /// The layer that LiveKit would choose for an element of this size.
    pub fn quality_for(&self, width: u32, height: u32) -> Quality {
        let mut sizes: Vec<u32> = self.layers().iter().map(|layer| layer.height).filter(|height| *height > 0).collect();
        let mut wanted = height;
        if sizes.is_empty() {
            let portrait = self.info.width < self.info.height;
            let (own, asked) = if portrait { (self.info.width, width) } else { (self.info.height, height) };
            if own == 0 {
                return Quality::High;
            }
            sizes = vec![180, 360, own];
            wanted = asked;
        } else {
            sizes.sort_unstable();
        }
        let wanted = (wanted as f32 * LAYER_TOLERANCE) as u32;
        let last = sizes.len() - 1;
        let at = (0..last).find(|at| sizes[*at] >= wanted && sizes[*at] != sizes[*at + 1]).unwrap_or(last);
        [Quality::Low, Quality::Medium, Quality::High][at.min(2)]
    }

    fn layers(&self) -> &[VideoLayer] {
        let first = self.info.codecs.first().map(|codec| codec.layers.as_slice()).unwrap_or_default();
        #[allow(deprecated, reason = "older clients state layers only there")]
        if first.is_empty() { &self.info.layers } else { first }
    }

    /// Layers in rising quality with the stream id of each, as far as simulcast is by rid.
    fn layer_specs(&self, section: &ReceiverSection) -> Vec<LayerSpec> {
        if self.kind() == MediaKind::Audio {
            return Vec::new();
        }
        let mut layers: Vec<&VideoLayer> = self.layers().iter().collect();
        layers.sort_by_key(|layer| layer.quality);
        let rids = rising_rids(section);
        let count = rids.len().max(section.ssrcs.len()).max(1);
        // One stream (no simulcast, or all spatial layers in it) is the best layer by itself.
        if count == 1 {
            let best = layers.last();
            let (width, height) = best.map_or((self.info.width, self.info.height), |layer| (layer.width, layer.height));
            return vec![LayerSpec { quality: Quality::High, rid: rids.first().copied(), width, height }];
        }
        (0..count.min(3))
            .map(|at| {
                let layer = layers.get(at);
                let quality = layer.map_or(quality_at(at), |layer| quality(layer.quality));
                LayerSpec {
                    quality,
                    rid: rids.get(at).copied(),
                    width: layer.map_or(0, |layer| layer.width),
                    height: layer.map_or(0, |layer| layer.height),
                }
            })
            .collect()
    }
}

const fn kind_of(info: &TrackInfo) -> MediaKind {
    if info.r#type == TrackType::Audio as i32 { MediaKind::Audio } else { MediaKind::Video }
}

/// LiveKit's quality as a layer index; `OFF` counts as low, it comes with `disabled`.
pub fn quality(value: i32) -> Quality {
    match proto::VideoQuality::try_from(value) {
        Ok(proto::VideoQuality::High) => Quality::High,
        Ok(proto::VideoQuality::Medium) => Quality::Medium,
        _ => Quality::Low,
    }
}

fn quality_at(index: usize) -> Quality {
    [Quality::Low, Quality::Medium, Quality::High][index.min(2)]
}

/// Simulcast ids from the smallest picture to the largest: `q h f`, or `2 1 0` of older clients.
fn rising_rids(section: &ReceiverSection) -> Vec<Rid> {
    let rank = |rid: &Rid| match rid.as_str() {
        "q" | "2" => 0,
        "h" | "1" => 1,
        "f" | "0" => 2,
        _ => 3,
    };
    let mut rids: Vec<Rid> = section.rids.to_vec();
    rids.sort_by_key(rank);
    rids
}

fn default_layer_mode(codec: Codec, section: &ReceiverSection) -> LayerMode {
    let svc = matches!(codec, Codec::Vp9 | Codec::Av1) && section.rids.len() < 2;
    if svc { LayerMode::MultipleSpatialLayersPerStream } else { LayerMode::OneSpatialLayerPerStream }
}

fn mime_type(kind: MediaKind, codec: &str) -> String {
    if codec.is_empty() || codec.contains('/') {
        return codec.into();
    }
    match (kind, Codec::parse(codec)) {
        (_, Some(known)) => known.mime().into(),
        (MediaKind::Audio, None) => format!("audio/{codec}"),
        (MediaKind::Video, None) => format!("video/{codec}"),
    }
}

fn codec_info(kind: MediaKind, codec: &proto::SimulcastCodec, fallback: &[VideoLayer]) -> SimulcastCodecInfo {
    let layers = if codec.layers.is_empty() { fallback.to_vec() } else { codec.layers.clone() };
    SimulcastCodecInfo {
        mime_type: mime_type(kind, &codec.codec),
        cid: codec.cid.clone(),
        layers,
        video_layer_mode: codec.video_layer_mode,
        ..Default::default()
    }
}

#[allow(deprecated, reason = "older clients read the deprecated fields")]
fn track_info(sid: &TrackSid, request: &AddTrackRequest) -> TrackInfo {
    let kind = if request.r#type == TrackType::Audio as i32 { MediaKind::Audio } else { MediaKind::Video };
    let mut codecs: Vec<_> =
        request.simulcast_codecs.iter().map(|codec| codec_info(kind, codec, &request.layers)).collect();
    if codecs.is_empty() {
        codecs.push(SimulcastCodecInfo {
            cid: request.cid.clone(),
            layers: request.layers.clone(),
            ..Default::default()
        });
    }
    let mut audio_features = request.audio_features.clone();
    for (asked, feature) in
        [(request.stereo, proto::AudioTrackFeature::TfStereo), (request.disable_dtx, proto::AudioTrackFeature::TfNoDtx)]
    {
        if asked && !audio_features.contains(&(feature as i32)) {
            audio_features.push(feature as i32);
        }
    }
    let has = |feature: proto::AudioTrackFeature| audio_features.contains(&(feature as i32));
    let (stereo, disable_dtx) = (has(proto::AudioTrackFeature::TfStereo), has(proto::AudioTrackFeature::TfNoDtx));
    let encrypted = request.encryption != encryption::Type::None as i32;
    TrackInfo {
        sid: sid.as_str().into(),
        r#type: request.r#type,
        name: request.name.clone(),
        muted: request.muted,
        width: request.width,
        height: request.height,
        simulcast: request.layers.len() > 1 && kind == MediaKind::Video,
        disable_dtx,
        source: request.source,
        layers: request.layers.clone(),
        codecs,
        stereo,
        disable_red: request.disable_red || encrypted,
        encryption: request.encryption,
        stream: stream_name(request),
        audio_features,
        backup_codec_policy: request.backup_codec_policy,
        packet_trailer_features: request.packet_trailer_features.clone(),
        ..Default::default()
    }
}

/// The name that groups a camera with its microphone and a screen with its sound.
fn stream_name(request: &AddTrackRequest) -> String {
    if !request.stream.is_empty() {
        return request.stream.clone();
    }
    match TrackSource::try_from(request.source) {
        Ok(TrackSource::Camera | TrackSource::Microphone) => "camera".into(),
        Ok(TrackSource::ScreenShare | TrackSource::ScreenShareAudio) => "screen".into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn camera(layers: &[(i32, u32, u32)]) -> Publication {
        let layers = layers
            .iter()
            .map(|(quality, width, height)| VideoLayer {
                quality: *quality,
                width: *width,
                height: *height,
                ..Default::default()
            })
            .collect();
        let request = AddTrackRequest {
            cid: "cam".into(),
            r#type: TrackType::Video as i32,
            source: TrackSource::Camera as i32,
            width: 1280,
            height: 720,
            layers,
            ..Default::default()
        };
        Publication::new(TrackSid::from_text("TR_VC1"), &request, Instant::now())
    }

    fn section(rids: &[&str]) -> ReceiverSection {
        ReceiverSection {
            mid: Mid::from("1").unwrap(),
            kind: MediaKind::Video,
            stream_id: "s".into(),
            track_id: "cam".into(),
            codecs: vec![CodecParams {
                codec: Codec::Vp8,
                payload_type: crate::units::PayloadType(96),
                clock_rate: crate::units::ClockRate(90_000),
                channels: 0,
                fmtp: "".into(),
                rtx: None,
                nack: true,
                pli: true,
                fir: true,
                transport_cc: true,
                remb: false,
            }],
            extensions: Default::default(),
            rids: rids.iter().map(|rid| Rid::from(rid).unwrap()).collect(),
            ssrcs: Default::default(),
        }
    }

    #[test]
    fn layers_meet_their_rids_whichever_way_the_offer_lists_them() {
        for rids in [["q", "h", "f"], ["f", "h", "q"]] {
            let mut camera = camera(&[(2, 1280, 720), (1, 640, 360), (0, 320, 180)]);
            let spec = camera.bind(MediaTrackId(1), &section(&rids)).unwrap();
            let seen: Vec<_> = spec.layers.iter().map(|layer| (layer.rid.unwrap().to_string(), layer.height)).collect();
            assert_eq!(seen, [("q".into(), 180), ("h".into(), 360), ("f".into(), 720)]);
        }
    }

    #[test]
    fn a_track_becomes_visible_with_its_section_and_names_its_codec() {
        let mut camera = camera(&[]);
        assert!(!camera.is_visible());
        camera.bind(MediaTrackId(1), &section(&[])).unwrap();
        assert!(camera.is_visible());
        assert_eq!((camera.info.mime_type.as_str(), camera.info.mid.as_str()), ("video/VP8", "1"));
        assert_eq!(camera.info.codecs[0].mime_type, "video/VP8");
    }

    #[test]
    fn an_element_gets_the_smallest_layer_that_fills_it() {
        let camera = camera(&[(0, 320, 180), (1, 640, 360), (2, 1280, 720)]);
        assert_eq!(camera.quality_for(320, 180), Quality::Low);
        assert_eq!(camera.quality_for(340, 195), Quality::Low);
        assert_eq!(camera.quality_for(480, 270), Quality::Medium);
        assert_eq!(camera.quality_for(1920, 1080), Quality::High);
    }
}
