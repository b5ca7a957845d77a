//! Data tracks: their packets on the wire and the registry of published ones.

mod header;
mod registry;

pub use header::{DataTrackHeader, HEADER_LENGTH, HeaderError, set_handle};
pub use registry::{DataTrackRefusal, DataTrackRegistry, HandleAllocator, MAX_DATA_TRACKS, MAX_NAME_LENGTH};
