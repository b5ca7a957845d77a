//! Which codecs of an offer we keep, and which our own offers contain.

use smallvec::SmallVec;

use super::codecs::{clock_rate, fmtp_pairs, fmtp_value, fmtp_without};
use super::settings::{CodecRule, EnabledCodec, EnabledCodecs, PublishEdits, TrackCodec};
use crate::rtp::{Codec, CodecParams};
use crate::units::{MediaKind, PayloadType};

/// What `stereo` allows an Opus sender, in bits per second: the codec's maximum.
const STEREO_FMTP: &str = "stereo=1;maxaveragebitrate=510000";

/// Opus parameters that are one side's wishes, or describe what it sends: never repeated to it (RFC 7587 §7.1).
const OPUS_WISHES: &[&str] = &["stereo", "sprop-stereo", "usedtx", "maxaveragebitrate"];

fn enabled(list: &[EnabledCodec], params: &CodecParams) -> bool {
    let same = |fmtp: &str| {
        fmtp_pairs(fmtp).count() == fmtp_pairs(&params.fmtp).count()
            && fmtp_pairs(fmtp)
                .all(|(key, value)| params.fmtp_value(key).is_some_and(|v| v.eq_ignore_ascii_case(value)))
    };
    list.iter().any(|entry| entry.codec == params.codec && entry.fmtp.as_deref().is_none_or(same))
}

/// Of the offered codecs those that the peer may send us.
pub(super) fn receivable(offered: &[CodecParams], codecs: &EnabledCodecs) -> Vec<CodecParams> {
    let mut kept: Vec<_> = offered.iter().filter(|params| enabled(&codecs.publish, params)).cloned().collect();
    drop_orphaned_red(&mut kept);
    for params in &mut kept {
        restrict(params, codecs.rtx);
        // `max-fs` and `max-fr` are what the *offerer* can decode; repeated, they would bound what it sends.
        params.fmtp = fmtp_without(&params.fmtp, &["max-fs", "max-fr"]).into();
    }
    kept
}

/// Applies the control plane's wishes to what [`receivable`] left.
pub(super) fn edit(mut codecs: Vec<CodecParams>, edits: &PublishEdits) -> Vec<CodecParams> {
    codecs.retain(|params| !edits.disabled.contains(&params.codec) && (edits.red || params.codec != Codec::Red));
    drop_orphaned_red(&mut codecs);
    match edits.codecs {
        CodecRule::Only(only) if codecs.iter().any(|params| params.codec == only) => {
            codecs.retain(|params| params.codec == only || needed_by_red(params.codec, only));
        }
        CodecRule::Only(_) | CodecRule::Any => {}
        CodecRule::Prefer(first) => codecs.sort_by_key(|params| params.codec != first),
    }
    let preferred = match edits.codecs {
        CodecRule::Any => None,
        CodecRule::Prefer(codec) | CodecRule::Only(codec) => Some(codec),
    };
    if edits.red && matches!(preferred, None | Some(Codec::Opus | Codec::Red)) {
        codecs.sort_by_key(|params| params.codec != Codec::Red);
    }
    let red = codecs.iter().any(|params| params.codec == Codec::Red);
    for params in codecs.iter_mut().filter(|params| params.codec == Codec::Opus) {
        // A redundant stream repairs itself.
        params.nack = !red;
        let mut fmtp = fmtp_without(&params.fmtp, OPUS_WISHES);
        for addition in [edits.dtx.then_some("usedtx=1"), edits.stereo.then_some(STEREO_FMTP)].into_iter().flatten() {
            append(&mut fmtp, addition);
        }
        params.fmtp = fmtp.into();
    }
    codecs
}

/// The codecs of a section on which nothing flows: all that either direction could use later.
pub(super) fn idle(offered: &[CodecParams], codecs: &EnabledCodecs) -> Vec<CodecParams> {
    let wanted = |params: &&CodecParams| enabled(&codecs.publish, params) || enabled(&codecs.subscribe, params);
    let mut kept: Vec<_> = offered.iter().filter(wanted).cloned().collect();
    drop_orphaned_red(&mut kept);
    for params in &mut kept {
        restrict(params, codecs.rtx);
    }
    kept
}

/// RED is no codec by itself: Opus must stay beside it.
fn needed_by_red(codec: Codec, kept: Codec) -> bool {
    kept == Codec::Red && codec == Codec::Opus
}

fn append(fmtp: &mut String, addition: &str) {
    if !fmtp.is_empty() {
        fmtp.push(';');
    }
    fmtp.push_str(addition);
}

/// RED stays only where the Opus that it carries stays (RFC 2198: its fmtp names the payload types).
fn drop_orphaned_red(codecs: &mut Vec<CodecParams>) {
    let opus: SmallVec<[u8; 4]> =
        codecs.iter().filter(|params| params.codec == Codec::Opus).map(|params| params.payload_type.0).collect();
    codecs.retain(|params| {
        params.codec != Codec::Red
            || params.fmtp.split('/').all(|word| word.trim().parse().is_ok_and(|pt: u8| opus.contains(&pt)))
    });
}

/// Keeps of the feedback what we speak, and repairs what browsers leave out.
fn restrict(params: &mut CodecParams, rtx: bool) {
    params.remb = false;
    match params.codec.kind() {
        MediaKind::Video => {
            if !rtx {
                params.rtx = None;
            }
        }
        MediaKind::Audio => {
            params.rtx = None;
            params.pli = false;
            params.fir = false;
            // Browsers repair audio when the answer says so, though they never offer it.
            params.nack = params.codec != Codec::Red;
        }
    }
}

/// Of the peer's codecs those in which a track with `track` codecs can be sent to it, best match first.
fn select(offered: &[CodecParams], track: &[TrackCodec], codecs: &EnabledCodecs) -> Vec<CodecParams> {
    let mut kept: Vec<CodecParams> = Vec::new();
    for wanted in track_codecs(track) {
        let mut matching: Vec<(u8, &CodecParams)> = offered
            .iter()
            .filter(|params| params.codec == wanted.codec && enabled(&codecs.subscribe, params))
            .filter_map(|params| match_rank(params.codec, &wanted.fmtp, &params.fmtp).map(|rank| (rank, params)))
            .collect();
        matching.sort_by_key(|(rank, _)| *rank);
        for (_, params) in matching {
            if kept.iter().all(|other| other.payload_type != params.payload_type) {
                kept.push(params.clone());
            }
        }
    }
    drop_orphaned_red(&mut kept);
    kept
}

/// The codecs of a section on which we send the track: what the peer's offer and the track have in common, as our
/// answer says it.
pub(super) fn sendable(
    offered: &[CodecParams],
    track: &[TrackCodec],
    codecs: &EnabledCodecs,
    stereo: bool,
) -> Vec<CodecParams> {
    let mut kept = select(offered, track, codecs);
    let red = kept.iter().any(|params| params.codec == Codec::Red);
    for params in &mut kept {
        restrict(params, codecs.rtx);
        if params.codec == Codec::Opus {
            // A redundant stream repairs itself.
            params.nack = !red;
            let mut fmtp = fmtp_without(&params.fmtp, OPUS_WISHES);
            if stereo {
                append(&mut fmtp, "sprop-stereo=1");
            }
            params.fmtp = fmtp.into();
        }
    }
    kept
}

/// What the peer's answer leaves of our offer for the track.
pub(super) fn answered(answer: &[CodecParams], track: &[TrackCodec], codecs: &EnabledCodecs) -> Vec<CodecParams> {
    let mut kept = select(answer, track, codecs);
    for params in &mut kept {
        let nack = params.nack;
        restrict(params, codecs.rtx);
        params.nack = nack;
    }
    kept
}

/// The track's codecs, and Opus behind RED: it is what a stripped packet holds.
fn track_codecs(track: &[TrackCodec]) -> SmallVec<[TrackCodec; 4]> {
    let mut list: SmallVec<[TrackCodec; 4]> = track.iter().cloned().collect();
    let has = |codec| track.iter().any(|entry| entry.codec == codec);
    if has(Codec::Red) && !has(Codec::Opus) {
        list.push(Codec::Opus.into());
    }
    list
}

/// How well a stream with the fmtp `ours` fits a receiver's payload type with `theirs`; 0 is best, `None` not at all.
fn match_rank(codec: Codec, ours: &str, theirs: &str) -> Option<u8> {
    let same = |key: &str, default: &str| {
        fmtp_value(ours, key).unwrap_or(default) == fmtp_value(theirs, key).unwrap_or(default)
    };
    match codec {
        // Without parameters nothing is known of the track; what browsers send is fragmented.
        Codec::H264 => {
            H264::read(if ours.is_empty() { "packetization-mode=1" } else { ours }).rank_in(H264::read(theirs))
        }
        Codec::Vp9 => same("profile-id", "0").then_some(0),
        Codec::Av1 => same("profile", "0").then_some(0),
        Codec::H265 => same("profile-id", "1").then_some(0),
        Codec::Opus | Codec::Red | Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Vp8 => Some(0),
    }
}

/// Profiles in the order of what decodes what: a decoder of a later one understands the earlier ones,
/// plain baseline aside, whose extra tools nobody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum H264Profile {
    ConstrainedBaseline,
    Baseline,
    Main,
    High,
}

/// What of an H.264 fmtp decides who can decode it (RFC 6184 §8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct H264 {
    profile: H264Profile,
    /// `packetization-mode=1`: fragmented and aggregated packets.
    fragments: bool,
}

impl H264 {
    fn read(fmtp: &str) -> Self {
        let bytes = fmtp_value(fmtp, "profile-level-id").and_then(|text| u32::from_str_radix(text, 16).ok());
        let [_, idc, constraints, _] = bytes.unwrap_or(0x42_e0_1f).to_be_bytes();
        let profile = match idc {
            0x42 if constraints & 0x40 != 0 => H264Profile::ConstrainedBaseline,
            0x4d if constraints & 0x80 != 0 => H264Profile::ConstrainedBaseline,
            0x42 => H264Profile::Baseline,
            0x4d => H264Profile::Main,
            _ => H264Profile::High,
        };
        let fragments = fmtp_value(fmtp, "packetization-mode").is_some_and(|mode| mode != "0");
        Self { profile, fragments }
    }

    fn rank_in(self, receiver: Self) -> Option<u8> {
        let high = receiver.profile == H264Profile::High && self.profile != H264Profile::High;
        if high || (self.fragments && !receiver.fragments) {
            return None;
        }
        let profile = if self.profile == receiver.profile {
            0
        } else if receiver.profile > self.profile {
            2
        } else {
            4
        };
        Some(profile + u8::from(self.fragments != receiver.fragments))
    }
}

/// Our payload types, LiveKit's and Chromium's usual ones. RTX is one above the codec.
const OUR_TYPES: &[(Codec, u8, &str)] = &[
    (Codec::Opus, 111, "minptime=10;useinbandfec=1"),
    (Codec::Red, 63, "111/111"),
    (Codec::Pcmu, 0, ""),
    (Codec::Pcma, 8, ""),
    (Codec::G722, 9, ""),
    (Codec::Vp8, 96, ""),
    (Codec::Vp9, 98, "profile-id=0"),
    (Codec::Vp9, 100, "profile-id=1"),
    (Codec::Vp9, 112, "profile-id=2"),
    (Codec::Vp9, 114, "profile-id=3"),
    (Codec::H264, 108, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    (Codec::H264, 125, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f"),
    (Codec::H264, 102, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f"),
    (Codec::H264, 104, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42001f"),
    (Codec::H264, 106, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f"),
    (Codec::H264, 39, "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=4d001f"),
    (Codec::Av1, 35, ""),
    (Codec::Av1, 45, "profile=1"),
    (Codec::H265, 116, ""),
];

/// The codecs that our offer lists for a track: its own, in every variant that a receiver may know them by.
/// High profile is not among them; such a track goes out under a lower profile's number, as LiveKit does it.
pub(super) fn offered(track: &[TrackCodec], codecs: &EnabledCodecs, stereo: bool) -> Vec<CodecParams> {
    let all: Vec<CodecParams> = OUR_TYPES
        .iter()
        .map(|&(codec, payload_type, fmtp)| {
            let video = codec.kind() == MediaKind::Video;
            CodecParams {
                codec,
                payload_type: PayloadType(payload_type),
                clock_rate: clock_rate(codec),
                channels: if matches!(codec, Codec::Opus | Codec::Red) { 2 } else { 0 },
                fmtp: fmtp.into(),
                rtx: video.then_some(PayloadType(payload_type + 1)),
                nack: true,
                pli: video,
                fir: video,
                transport_cc: codec != Codec::Red,
                remb: false,
            }
        })
        .collect();
    sendable(&all, track, codecs, stereo)
}

/// What an inactive section of our offer lists: an m-line cannot be empty.
pub(super) fn offered_idle(kind: MediaKind, codecs: &EnabledCodecs) -> Vec<CodecParams> {
    let usual = match kind {
        MediaKind::Audio => Codec::Opus,
        MediaKind::Video => Codec::Vp8,
    };
    let first =
        codecs.subscribe.iter().map(|entry| entry.codec).find(|codec| codec.kind() == kind && *codec != Codec::Red);
    let list = offered(&[first.unwrap_or(usual).into()], codecs, false);
    if list.is_empty() { offered(&[usual.into()], &EnabledCodecs::default(), false) } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(codec: Codec, fmtp: &str) -> TrackCodec {
        TrackCodec { codec, fmtp: fmtp.into() }
    }

    fn types(codecs: &[CodecParams]) -> Vec<u8> {
        codecs.iter().map(|params| params.payload_type.0).collect()
    }

    #[test]
    fn a_fragmented_h264_stream_never_goes_to_a_receiver_of_single_units() {
        let wanted = [track(Codec::H264, "packetization-mode=1;profile-level-id=42e01f")];
        let list = offered(&wanted, &EnabledCodecs::default(), false);
        assert_eq!(types(&list), [108, 102, 106]);
        let wanted = [track(Codec::H264, "packetization-mode=0;profile-level-id=42e01f")];
        let list = offered(&wanted, &EnabledCodecs::default(), false);
        assert_eq!(types(&list)[..2], [125, 108]);
    }

    #[test]
    fn high_profile_is_not_offered_but_its_tracks_are() {
        let wanted = [track(Codec::H264, "packetization-mode=1;profile-level-id=640032")];
        let list = offered(&wanted, &EnabledCodecs::default(), false);
        assert!(!list.is_empty());
        assert!(list.iter().all(|params| !params.fmtp.contains("profile-level-id=64")));
    }

    #[test]
    fn profiles_of_vp9_and_av1_must_be_equal() {
        let list = offered(&[track(Codec::Vp9, "profile-id=2")], &EnabledCodecs::default(), false);
        assert_eq!(types(&list), [112]);
        let list = offered(&[track(Codec::Av1, "level-idx=5;profile=0;tier=0")], &EnabledCodecs::default(), false);
        assert_eq!(types(&list), [35]);
    }

    #[test]
    fn red_brings_opus_with_it_and_takes_its_nack() {
        let list = offered(&[track(Codec::Red, "")], &EnabledCodecs::default(), false);
        assert_eq!(types(&list), [63, 111]);
        assert!(list.iter().all(|params| !params.nack));
        let list = offered(&[track(Codec::Opus, "")], &EnabledCodecs::default(), true);
        assert!(list[0].nack && &*list[0].fmtp == "minptime=10;useinbandfec=1;sprop-stereo=1");
    }

    #[test]
    fn an_enabled_codec_with_parameters_admits_no_others() {
        let subscribe = vec![EnabledCodec { codec: Codec::Vp9, fmtp: Some("profile-id=0".into()) }];
        let codecs = EnabledCodecs { subscribe, ..EnabledCodecs::default() };
        assert_eq!(types(&offered(&[track(Codec::Vp9, "")], &codecs, false)), [98]);
        assert!(offered(&[track(Codec::Vp9, "profile-id=2")], &codecs, false).is_empty());
        assert!(offered(&[track(Codec::Vp8, "")], &codecs, false).is_empty());
    }

    #[test]
    fn no_two_of_our_payload_types_clash() {
        let mut seen = std::collections::HashSet::new();
        for (codec, payload_type, _) in OUR_TYPES {
            assert!(seen.insert(*payload_type), "{payload_type}");
            assert!(codec.kind() == MediaKind::Audio || seen.insert(payload_type + 1), "{payload_type} rtx");
        }
    }
}
