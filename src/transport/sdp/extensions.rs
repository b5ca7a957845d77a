//! Which header extensions are negotiated, and under which ids (RFC 8285, LiveKit `pkg/rtc/config.go`).

use super::remote::Direction;
use crate::rtp::{ExtensionKind, ExtensionMap};
use crate::units::MediaKind;

use ExtensionKind::{
    AbsCaptureTime, AudioLevel, DependencyDescriptor, Mid, PlayoutDelay, RepairedRid, Rid, TransportCc,
};

/// One `a=extmap` of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RemoteExtension {
    pub kind: ExtensionKind,
    pub id: u8,
    /// The suffix of the id, seen from the peer.
    pub direction: Option<Direction>,
}

/// What we use of a peer's stream. Video orientation is left out on purpose: then the sender turns its pictures
/// itself, and a subscriber whose browser lacks the extension (Firefox) sees them upright too.
const UPSTREAM_AUDIO: &[ExtensionKind] = &[Mid, Rid, TransportCc, AudioLevel, AbsCaptureTime];
const UPSTREAM_VIDEO: &[ExtensionKind] = &[Mid, Rid, RepairedRid, TransportCc, DependencyDescriptor, AbsCaptureTime];

/// What we write to a subscriber. Feedback is always transport-wide, so `abs-send-time` has no use.
const DOWNSTREAM_AUDIO: &[ExtensionKind] = &[Mid, TransportCc, AbsCaptureTime];
const DOWNSTREAM_VIDEO: &[ExtensionKind] = &[Mid, TransportCc, AbsCaptureTime, DependencyDescriptor, PlayoutDelay];

/// The kinds that a section of this sort may use.
fn allowed(kind: MediaKind, upstream: bool) -> &'static [ExtensionKind] {
    match (kind, upstream) {
        (MediaKind::Audio, true) => UPSTREAM_AUDIO,
        (MediaKind::Video, true) => UPSTREAM_VIDEO,
        (MediaKind::Audio, false) => DOWNSTREAM_AUDIO,
        (MediaKind::Video, false) => DOWNSTREAM_VIDEO,
    }
}

impl RemoteExtension {
    fn serves(&self, kind: MediaKind, upstream: bool) -> bool {
        let open = match self.direction {
            None => true,
            Some(direction) if upstream => direction.sends(),
            Some(direction) => direction.receives(),
        };
        open && allowed(kind, upstream).contains(&self.kind)
    }
}

/// Those of the offered extensions that we use for media coming from the peer (`upstream`) or going to it.
pub(super) fn accept(offered: &[RemoteExtension], kind: MediaKind, upstream: bool) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for extension in offered.iter().filter(|extension| extension.serves(kind, upstream)) {
        map.set(extension.kind, extension.id);
    }
    map
}

/// Those of the offered extensions that an answer repeats, whichever way the section's media flows. Chromium offers
/// in later sections only what earlier answers took: were the receiving sections of its first offer answered with
/// what *we* write alone, its camera could not say `rid`, nor its microphone its level.
pub(super) fn answered(offered: &[RemoteExtension], kind: MediaKind) -> ExtensionMap {
    let mut map = accept(offered, kind, true);
    accept(offered, kind, false).iter().for_each(|(extension, id)| map.set(extension, id));
    map
}

/// Ids of our own offers: the same in every section, as BUNDLE demands (RFC 8843 §9.2), and fit for the one-byte form.
const OUR_IDS: &[(ExtensionKind, u8)] =
    &[(Mid, 1), (TransportCc, 2), (AbsCaptureTime, 3), (DependencyDescriptor, 4), (PlayoutDelay, 5)];

/// The extensions of a section that we offer.
pub(super) fn offered(kind: MediaKind, playout_delay: bool) -> ExtensionMap {
    let mut map = ExtensionMap::default();
    for (extension, id) in OUR_IDS {
        let wanted = *extension != PlayoutDelay || playout_delay;
        if wanted && allowed(kind, false).contains(extension) {
            map.set(*extension, *id);
        }
    }
    map
}
