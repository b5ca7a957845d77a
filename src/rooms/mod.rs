//! Floor 5: the control plane. Rooms, participants, permissions, publications and subscriptions in LiveKit's
//! words; one actor per room. Joins signaling, the media wing and, through [`Admission`], whoever decides who
//! may be in a room.

pub mod admin;
pub mod admission;
pub mod link;
pub mod media_plane;
pub mod net_plane;
mod participant;
mod publication;
mod registry;
mod room;

pub use admission::{Admission, AllowAll};
pub use media_plane::{MediaPlane, RoomEvent, RoomNumber, ShardIndex};
pub use registry::{Rooms, RoomsSettings, default_codecs};
pub use room::RoomOptions;

#[cfg(test)]
mod tests;
