//! The data tracks one participant publishes (LiveKit's
//! `participant_data_track.go`).

use std::collections::HashSet;

use livekit_protocol::{DataTrackInfo, PublishDataTrackRequest, request_response::Reason};
use thiserror::Error;

use crate::limits::Limits;

/// How many data tracks one participant may publish. LiveKit has no limit.
pub const MAX_DATA_TRACKS: usize = 256;

/// The longest name of a data track, in bytes.
pub const MAX_NAME_LENGTH: usize = 256;

/// Why a data track is not published. The texts are LiveKit's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DataTrackRefusal {
    /// The handle is not a 16-bit number above zero.
    #[error("handle should be > 0 AND < 65536")]
    InvalidHandle,
    /// The name is empty or too long.
    #[error("name should not be empty and should not exceed 256 characters")]
    InvalidName,
    /// A custom encoding's name is empty or too long.
    #[error("encoding identifier is empty or exceeds the maximum length")]
    InvalidEncoding,
    /// The participant publishes a track with this handle.
    #[error("a data track with same handle already exists")]
    DuplicateHandle,
    /// The participant publishes a track with this name.
    #[error("a data track with same name already exists")]
    DuplicateName,
    /// The participant publishes too many.
    #[error("too many data tracks")]
    TooMany,
}

impl DataTrackRefusal {
    /// The reason for the `RequestResponse`.
    pub fn reason(self) -> Reason {
        match self {
            Self::InvalidHandle => Reason::InvalidHandle,
            Self::InvalidName => Reason::InvalidName,
            Self::InvalidEncoding => Reason::InvalidRequest,
            Self::DuplicateHandle => Reason::DuplicateHandle,
            Self::DuplicateName => Reason::DuplicateName,
            Self::TooMany => Reason::LimitExceeded,
        }
    }
}

/// The published data tracks, in the order of their publication.
#[derive(Clone, Debug, Default)]
pub struct DataTrackRegistry {
    tracks: Vec<DataTrackInfo>,
}

impl DataTrackRegistry {
    /// Publishes a track as `sid` (`DTR_…`), if the request is sound.
    ///
    /// # Errors
    ///
    /// [`DataTrackRefusal`], to be sent with its reason and the request.
    pub fn publish(
        &mut self,
        request: &PublishDataTrackRequest,
        sid: impl Into<String>,
        limits: &Limits,
    ) -> Result<&DataTrackInfo, DataTrackRefusal> {
        if !(1..=u32::from(u16::MAX)).contains(&request.pub_handle) {
            return Err(DataTrackRefusal::InvalidHandle);
        }
        if request.name.is_empty() || request.name.len() > MAX_NAME_LENGTH {
            return Err(DataTrackRefusal::InvalidName);
        }
        if !limits.allows_frame_encoding(request.frame_encoding.as_ref())
            || !limits.allows_schema(request.schema.as_ref())
        {
            return Err(DataTrackRefusal::InvalidEncoding);
        }
        for track in &self.tracks {
            if track.pub_handle == request.pub_handle {
                return Err(DataTrackRefusal::DuplicateHandle);
            }
            if track.name == request.name {
                return Err(DataTrackRefusal::DuplicateName);
            }
        }
        if self.tracks.len() >= MAX_DATA_TRACKS {
            return Err(DataTrackRefusal::TooMany);
        }
        let index = self.tracks.len();
        self.tracks.push(DataTrackInfo {
            pub_handle: request.pub_handle,
            sid: sid.into(),
            name: request.name.clone(),
            encryption: request.encryption,
            frame_encoding: request.frame_encoding.clone(),
            schema: request.schema.clone(),
        });
        Ok(&self.tracks[index])
    }

    /// Takes a track out, by the publisher's handle.
    pub fn unpublish(&mut self, pub_handle: u32) -> Option<DataTrackInfo> {
        let index = self.tracks.iter().position(|track| track.pub_handle == pub_handle)?;
        Some(self.tracks.remove(index))
    }

    /// Takes all tracks out, as when the permission is revoked.
    pub fn clear(&mut self) -> Vec<DataTrackInfo> {
        std::mem::take(&mut self.tracks)
    }

    /// The track of a packet, by the publisher's handle.
    pub fn by_handle(&self, pub_handle: u16) -> Option<&DataTrackInfo> {
        self.tracks.iter().find(|track| track.pub_handle == u32::from(pub_handle))
    }

    /// The track with this sid.
    pub fn by_sid(&self, sid: &str) -> Option<&DataTrackInfo> {
        self.tracks.iter().find(|track| track.sid == sid)
    }

    /// All tracks, for `ParticipantInfo.data_tracks`.
    pub fn tracks(&self) -> &[DataTrackInfo] {
        &self.tracks
    }
}

/// Gives out the handles by which one subscriber knows data tracks: 1, 2, …,
/// around the end of the range, without those in use.
#[derive(Clone, Debug, Default)]
pub struct HandleAllocator {
    last: u16,
    used: HashSet<u16>,
}

impl HandleAllocator {
    /// The next free handle, never zero. `None` when all are in use.
    pub fn allocate(&mut self) -> Option<u16> {
        if self.used.len() >= usize::from(u16::MAX) {
            return None;
        }
        loop {
            self.last = self.last.wrapping_add(1).max(1);
            if self.used.insert(self.last) {
                return Some(self.last);
            }
        }
    }

    /// The handle is free again.
    pub fn release(&mut self, handle: u16) {
        self.used.remove(&handle);
    }
}

#[cfg(test)]
mod tests {
    use livekit_protocol::{DataTrackFrameEncoding, data_track_frame_encoding};

    use super::*;

    fn request(pub_handle: u32, name: &str) -> PublishDataTrackRequest {
        PublishDataTrackRequest { pub_handle, name: name.into(), ..Default::default() }
    }

    fn refusal(registry: &mut DataTrackRegistry, handle: u32, name: &str) -> Option<Reason> {
        registry.publish(&request(handle, name), "DTR_x", &Limits::default()).err().map(DataTrackRefusal::reason)
    }

    #[test]
    fn a_sound_track_is_published_and_found() {
        let mut registry = DataTrackRegistry::default();
        let info = registry.publish(&request(7, "geo"), "DTR_1", &Limits::default());
        assert_eq!(info.map(|info| info.sid.as_str()), Ok("DTR_1"));
        assert_eq!(registry.by_handle(7), registry.by_sid("DTR_1"));
        assert_eq!(registry.unpublish(7).map(|info| info.name), Some("geo".into()));
        assert_eq!(registry.unpublish(7), None);
    }

    #[test]
    fn each_fault_has_its_reason() {
        let mut registry = DataTrackRegistry::default();
        assert_eq!(refusal(&mut registry, 0, "a"), Some(Reason::InvalidHandle));
        assert_eq!(refusal(&mut registry, 65_536, "a"), Some(Reason::InvalidHandle));
        assert_eq!(refusal(&mut registry, 1, ""), Some(Reason::InvalidName));
        assert_eq!(refusal(&mut registry, 1, &"n".repeat(257)), Some(Reason::InvalidName));
        assert_eq!(refusal(&mut registry, 65_535, &"n".repeat(256)), None);
        assert_eq!(refusal(&mut registry, 65_535, "b"), Some(Reason::DuplicateHandle));
        assert_eq!(refusal(&mut registry, 2, &"n".repeat(256)), Some(Reason::DuplicateName));
    }

    #[test]
    fn a_custom_encoding_needs_a_name() {
        let mut registry = DataTrackRegistry::default();
        let mut unnamed = request(1, "a");
        unnamed.frame_encoding =
            Some(DataTrackFrameEncoding { value: Some(data_track_frame_encoding::Value::Custom(String::new())) });
        let refusal = registry.publish(&unnamed, "DTR_1", &Limits::default()).err();
        assert_eq!(refusal.map(DataTrackRefusal::reason), Some(Reason::InvalidRequest));
    }

    #[test]
    fn the_number_of_tracks_is_bounded() {
        let mut registry = DataTrackRegistry::default();
        for n in 1..=MAX_DATA_TRACKS as u32 {
            assert_eq!(refusal(&mut registry, n, &n.to_string()), None);
        }
        assert_eq!(refusal(&mut registry, 9_999, "more"), Some(Reason::LimitExceeded));
        assert_eq!(registry.clear().len(), MAX_DATA_TRACKS);
    }

    #[test]
    fn handles_are_given_once_and_again_after_their_release() {
        let mut handles = HandleAllocator::default();
        let all: HashSet<u16> = std::iter::from_fn(|| handles.allocate()).collect();
        assert_eq!(all.len(), usize::from(u16::MAX));
        assert!(!all.contains(&0));
        handles.release(300);
        assert_eq!(handles.allocate(), Some(300));
    }
}
