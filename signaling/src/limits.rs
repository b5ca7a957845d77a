//! Limits on names, metadata, attributes and identities.

use std::collections::HashMap;

use livekit_protocol::{
    DataTrackFrameEncoding, DataTrackSchemaId, data_track_frame_encoding, data_track_schema_encoding,
};
use thiserror::Error;

/// Configurable limits, all in bytes; zero switches a limit off. The defaults
/// and the meaning of each are LiveKit's (`config.go`, `LimitConfig`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest participant identity.
    pub max_identity_length: usize,
    /// Longest participant name.
    pub max_name_length: usize,
    /// Longest room name.
    pub max_room_name_length: usize,
    /// Largest metadata.
    pub max_metadata_size: usize,
    /// Largest sum of all keys and values of a participant's attributes.
    pub max_attributes_size: usize,
    /// Longest custom encoding name of a data track.
    pub max_data_track_custom_encoding_length: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_identity_length: 256,
            max_name_length: 256,
            max_room_name_length: 256,
            max_metadata_size: 512 * 1024,
            max_attributes_size: 64 * 1024,
            max_data_track_custom_encoding_length: 32,
        }
    }
}

/// Which limit was exceeded. The texts are those of LiveKit's
/// `RequestResponse` to a metadata update.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LimitExceeded {
    /// The identity is too long.
    #[error("exceeds identity length limit")]
    Identity,
    /// The name is too long.
    #[error("exceeds name length limit")]
    Name,
    /// The room's name is too long.
    #[error("exceeds room name length limit")]
    RoomName,
    /// The metadata is too large.
    #[error("exceeds metadata size limit")]
    Metadata,
    /// The attributes are too large together.
    #[error("exceeds attributes size limit")]
    Attributes,
}

impl Limits {
    /// Checks an identity's length.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded::Identity`].
    pub fn check_identity(&self, identity: &str) -> Result<(), LimitExceeded> {
        within(identity.len(), self.max_identity_length, LimitExceeded::Identity)
    }

    /// Checks a participant name's length.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded::Name`].
    pub fn check_name(&self, name: &str) -> Result<(), LimitExceeded> {
        within(name.len(), self.max_name_length, LimitExceeded::Name)
    }

    /// Checks a room name's length.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded::RoomName`].
    pub fn check_room_name(&self, name: &str) -> Result<(), LimitExceeded> {
        within(name.len(), self.max_room_name_length, LimitExceeded::RoomName)
    }

    /// Checks the size of metadata.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded::Metadata`].
    pub fn check_metadata(&self, metadata: &str) -> Result<(), LimitExceeded> {
        within(metadata.len(), self.max_metadata_size, LimitExceeded::Metadata)
    }

    /// Checks the size of all attributes together.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded::Attributes`].
    pub fn check_attributes(&self, attributes: &HashMap<String, String>) -> Result<(), LimitExceeded> {
        let size = attributes.iter().map(|(key, value)| key.len() + value.len()).sum();
        within(size, self.max_attributes_size, LimitExceeded::Attributes)
    }

    /// Whether a data track's frame encoding is acceptable: a custom one must
    /// have a name within the limit.
    pub fn allows_frame_encoding(&self, encoding: Option<&DataTrackFrameEncoding>) -> bool {
        match encoding.and_then(|encoding| encoding.value.as_ref()) {
            Some(data_track_frame_encoding::Value::Custom(name)) => self.allows_custom(name),
            _ => true,
        }
    }

    /// Whether a data track's schema is acceptable: a custom encoding of it must
    /// have a name within the limit.
    pub fn allows_schema(&self, schema: Option<&DataTrackSchemaId>) -> bool {
        match schema.and_then(|schema| schema.encoding.as_ref()).and_then(|encoding| encoding.value.as_ref()) {
            Some(data_track_schema_encoding::Value::Custom(name)) => self.allows_custom(name),
            _ => true,
        }
    }

    fn allows_custom(&self, name: &str) -> bool {
        let max = self.max_data_track_custom_encoding_length;
        !name.is_empty() && (max == 0 || name.len() <= max)
    }
}

fn within(size: usize, max: usize, error: LimitExceeded) -> Result<(), LimitExceeded> {
    if max == 0 || size <= max { Ok(()) } else { Err(error) }
}

/// Applies an update to attributes: an empty value deletes its key. Returns
/// whether anything changed.
pub fn merge_attributes(current: &mut HashMap<String, String>, update: &HashMap<String, String>) -> bool {
    let mut changed = false;
    for (key, value) in update {
        if value.is_empty() {
            changed |= current.remove(key).is_some();
        } else if current.get(key) != Some(value) {
            current.insert(key.clone(), value.clone());
            changed = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_at_the_limit_pass_and_one_more_does_not() {
        let limits = Limits::default();
        assert_eq!(limits.check_name(&"n".repeat(256)), Ok(()));
        assert_eq!(limits.check_name(&"n".repeat(257)), Err(LimitExceeded::Name));
        assert_eq!(limits.check_metadata(&"m".repeat(512 * 1024 + 1)), Err(LimitExceeded::Metadata));
    }

    #[test]
    fn zero_switches_a_limit_off() {
        let limits = Limits { max_identity_length: 0, ..Limits::default() };
        assert_eq!(limits.check_identity(&"i".repeat(100_000)), Ok(()));
    }

    #[test]
    fn attributes_count_keys_and_values_together() {
        let limits = Limits { max_attributes_size: 4, ..Limits::default() };
        let attributes = |value: &str| HashMap::from([("ab".to_owned(), value.to_owned())]);
        assert_eq!(limits.check_attributes(&attributes("cd")), Ok(()));
        assert_eq!(limits.check_attributes(&attributes("cde")), Err(LimitExceeded::Attributes));
    }

    #[test]
    fn an_empty_attribute_deletes_its_key() {
        let mut current = HashMap::from([("a".to_owned(), "1".to_owned())]);
        let delete = HashMap::from([("a".to_owned(), String::new())]);
        assert!(merge_attributes(&mut current, &delete));
        assert!(current.is_empty());
        assert!(!merge_attributes(&mut current, &delete));
    }
}
