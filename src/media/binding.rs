//! Which section and layer a new SSRC belongs to (RFC 8843 §9.2, RFC 8852).
//!
//! Senders name mid and rid only until they know that we have read them, so what was bound stays bound
//! over renegotiations for as long as its section lives.

use std::time::{Duration, Instant};

use crate::rtp::{ExtensionValues, RtpHeader};
use crate::units::{PayloadType, Rid, Ssrc};

use super::counters::Drop;
use super::mirror::Origin;
use super::select::LayerIndex;
use super::shard::Shard;
use super::stream::{Stream, StreamKey};
use super::track::TrackKey;
use super::transports::{MAX_SOURCES, Receiving, Source, SourceEntry, TransportKey};

/// A source that was silent for this long may give way to a new one.
const IDLE_AFTER: Duration = Duration::from_secs(10);
/// A stream whose last packet is no older than this is flowing.
const FLOWS_WITHIN: Duration = Duration::from_millis(500);

/// What a new SSRC turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    section: usize,
    rid: Option<Rid>,
    /// Place among the declared streams.
    position: usize,
    repair: bool,
    /// The media stream's SSRC, where a declaration ties the two together.
    repairs: Option<Ssrc>,
}

/// Finds what a packet of an unknown SSRC is, by what it says itself and by the description.
fn identify(receiving: &Receiving, header: &RtpHeader, values: &ExtensionValues<'_>) -> Option<Found> {
    let rid = |text: Option<&str>| text.and_then(|text| Rid::from(text).ok());
    let own = rid(values.rid);
    let repaired = rid(values.repaired_rid);
    if let Some(mid) = values.mid {
        let section = receiving.sections.iter().position(|section| section.mid.as_str() == mid)?;
        let (_, by_type) = receiving.codec_of(section, header.payload_type)?;
        let declared = declaration(receiving, header.ssrc).filter(|found| found.section == section);
        let repair = repaired.is_some() || by_type;
        let mut rid = if repair { repaired } else { own };
        let listed = &receiving.sections[section].rids;
        // Some senders leave the rid out where the declarations stand in the order of the rids.
        rid = rid.or_else(|| declared.and_then(|found| found.rid)).or_else(|| (listed.len() == 1).then(|| listed[0]));
        if rid.is_none() && listed.len() > 1 {
            return None;
        }
        if rid.is_some_and(|rid| !listed.is_empty() && !listed.contains(&rid)) {
            return None;
        }
        return Some(Found {
            section,
            rid,
            position: declared.map_or(0, |found| found.position),
            repair,
            repairs: declared.and_then(|found| found.repairs),
        });
    }
    if let Some(found) = declaration(receiving, header.ssrc) {
        // A rid in the packet itself is better than one concluded from the order.
        let named = if found.repair { repaired } else { own };
        return Some(Found { rid: named.or(found.rid), ..found });
    }
    by_payload_type(receiving, header.payload_type, own.or(repaired), repaired.is_some())
}

/// The SSRC is declared by `a=ssrc`.
fn declaration(receiving: &Receiving, ssrc: Ssrc) -> Option<Found> {
    receiving.sections.iter().enumerate().find_map(|(section, description)| {
        description.ssrcs.iter().enumerate().find_map(|(position, pair)| {
            let repair = pair.rtx == Some(ssrc);
            (repair || pair.primary == ssrc).then(|| Found {
                section,
                rid: description.rids.get(position).copied(),
                position,
                repair,
                repairs: repair.then_some(pair.primary),
            })
        })
    })
}

/// Nothing names the stream, but only one section can mean this payload type.
fn by_payload_type(
    receiving: &Receiving,
    payload_type: PayloadType,
    rid: Option<Rid>,
    repaired: bool,
) -> Option<Found> {
    let mut fitting = (0..receiving.sections.len()).filter_map(|section| {
        let (_, repair) = receiving.codec_of(section, payload_type)?;
        let rids = &receiving.sections[section].rids;
        let fits = match rid {
            Some(rid) => rids.contains(&rid),
            None => rids.len() <= 1,
        };
        fits.then_some((section, repair))
    });
    let (section, repair) = fitting.next()?;
    if fitting.next().is_some() {
        return None;
    }
    let rid = rid.or_else(|| receiving.sections[section].rids.first().copied());
    Some(Found { section, rid, position: 0, repair: repair || repaired, repairs: None })
}

impl Shard {
    /// Takes in a new SSRC. None when it belongs to nothing that was negotiated.
    pub(super) fn bind_source(
        &mut self,
        now: Instant,
        key: TransportKey,
        header: &RtpHeader,
        values: &ExtensionValues<'_>,
    ) -> Option<Source> {
        let state = self.transports.get_mut(key)?;
        let Some(found) = identify(&state.receiving, header, values) else {
            self.counters.drop(Drop::UnknownStream);
            return None;
        };
        if state.receiving.sources.len() >= MAX_SOURCES && !self.evict_source(now, key) {
            self.counters.drop(Drop::TooManyStreams);
            return None;
        }
        let source = if found.repair {
            let media = self.find_media(key, &found);
            Source::Repair { section: found.section, rid: found.rid, media }
        } else {
            Source::Media(self.add_stream(now, key, header.ssrc, &found)?)
        };
        let state = self.transports.get_mut(key)?;
        state.receiving.sources.insert(header.ssrc, SourceEntry { source, last_heard: now });
        Some(source)
    }

    /// The stream that a retransmission of this section and rid repairs, once it is known.
    pub(super) fn media_of(&self, key: TransportKey, section: usize, rid: Option<Rid>) -> Option<StreamKey> {
        self.find_media(key, &Found { section, rid, position: 0, repair: true, repairs: None })
    }

    fn find_media(&self, key: TransportKey, found: &Found) -> Option<StreamKey> {
        let streams = &self.transports.get(key)?.receiving.streams;
        let mut fitting = streams.iter().copied().filter(|stream| {
            self.streams.get(*stream).is_some_and(|stream| match found.repairs {
                Some(ssrc) => stream.ssrc == ssrc,
                None => stream.section == found.section && stream.rid == found.rid,
            })
        });
        let media = fitting.next();
        // Without rid and declaration only a lone stream can be meant.
        if fitting.next().is_some() { None } else { media }
    }

    fn add_stream(&mut self, now: Instant, key: TransportKey, ssrc: Ssrc, found: &Found) -> Option<StreamKey> {
        let state = self.transports.get(key)?;
        let section = state.receiving.sections.get(found.section)?;
        let mut stream = Stream::new(
            now,
            Origin::Here(key),
            ssrc,
            found.section,
            section.kind,
            self.config.tuning.packets(section.kind),
        );
        stream.extensions = state.receiving.extensions;
        stream.rid = found.rid;
        stream.position = found.position;
        let mid = section.mid;
        let track =
            state.tracks.iter().copied().find(|track| self.tracks.get(*track).is_some_and(|track| track.mid == mid));
        // Another SSRC for the same rid: the sender has replaced its stream.
        let old = state.receiving.streams.iter().copied().find(|old| {
            self.streams
                .get(*old)
                .is_some_and(|old| old.section == found.section && found.rid.is_some() && old.rid == found.rid)
        });
        if let Some(old) = old {
            if let Some(track) = track {
                self.stop_forwarders(track, old);
            }
            self.remove_stream(old);
        }
        let stream = self.streams.insert(stream);
        self.transports.get_mut(key)?.receiving.streams.push(stream);
        if let Some(track) = track {
            self.attach_stream(now, track, stream);
        }
        Some(stream)
    }

    /// Makes a stream one of a track's layers; a stream that had this place is gone.
    pub(super) fn attach_stream(&mut self, now: Instant, track_key: TrackKey, stream_key: StreamKey) {
        let (Some(track), Some(stream)) = (self.tracks.get(track_key), self.streams.get(stream_key)) else {
            return;
        };
        let Some(state) = stream.origin.here().and_then(|key| self.transports.get(key)) else { return };
        let Some(section) = state.receiving.sections.get(stream.section) else { return };
        let layer = track.layer_of(stream.rid.as_ref(), stream.position, section.ssrcs.len(), &section.rids);
        self.attach_as(now, track_key, stream_key, layer);
    }

    /// Makes a stream this layer of a track.
    pub(super) fn attach_as(&mut self, now: Instant, track_key: TrackKey, stream_key: StreamKey, layer: LayerIndex) {
        let (Some(track), Some(stream)) = (self.tracks.get_mut(track_key), self.streams.get_mut(stream_key)) else {
            return;
        };
        stream.track = Some(track_key);
        stream.layer = layer;
        // A stream that lies silent may be one that the section's former track left behind.
        let silent = now.saturating_duration_since(stream.last_packet);
        let flows = stream.stats.highest().is_some() && silent < FLOWS_WITHIN;
        if flows {
            stream.key_frames.request();
        }
        let old = track.attach(layer, stream_key);
        if flows {
            track.active.insert(layer);
        }
        if let Some(old) = old {
            self.stop_forwarders(track_key, old);
            self.remove_stream(old);
        }
        if flows {
            self.track_has_packets(track_key);
            self.refresh_forwarders(now, track_key);
        }
    }

    /// A stream ends: its SSRC, its retransmissions, its place in a track.
    pub(super) fn remove_stream(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.remove(key) else { return };
        if let Some(state) = stream.origin.here().and_then(|key| self.transports.get_mut(key)) {
            state.receiving.streams.retain(|other| *other != key);
            state.receiving.sources.retain(|_, entry| match &mut entry.source {
                Source::Media(media) => *media != key,
                Source::Repair { media, .. } => {
                    // Its repairs may go on for the stream that takes its place.
                    media.take_if(|media| *media == key);
                    true
                }
            });
        }
        if let Some(track) = stream.track.and_then(|track| self.tracks.get_mut(track)) {
            track.detach(key);
        }
    }

    /// Makes room for a new source at the cost of the one silent longest. False when all are in use.
    fn evict_source(&mut self, now: Instant, key: TransportKey) -> bool {
        let Some(state) = self.transports.get_mut(key) else { return false };
        let idle = state.receiving.sources.iter().min_by_key(|(_, entry)| entry.last_heard);
        let Some((ssrc, entry)) = idle.map(|(ssrc, entry)| (*ssrc, *entry)) else { return false };
        if now.saturating_duration_since(entry.last_heard) < IDLE_AFTER {
            return false;
        }
        state.receiving.sources.remove(&ssrc);
        if let Source::Media(stream) = entry.source {
            self.remove_stream(stream);
        }
        true
    }
}
