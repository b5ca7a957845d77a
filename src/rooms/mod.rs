//! Floor 5: the control plane. Rooms, participants, permissions, publications and subscriptions in LiveKit's
//! words; one actor per room. Joins signaling, the media wing and, through [`Admission`], whoever decides who
//! may be in a room; through [`Observer`] whoever keeps records of what happens there.

pub mod admin;
pub mod admission;
mod dynacast;
mod flight;
pub mod link;
pub mod media_plane;
mod message;
pub mod net_plane;
mod news;
pub mod notice;
pub mod observer;
mod participant;
mod publication;
mod quality;
mod registry;
mod room;
mod scheduled;
mod score;
mod shared;
mod span;

pub use admission::{Admission, AllowAll, Applicant, Decision, Refusal};
pub use media_plane::{MediaPlane, Place, RoomEvent, RoomNumber, ShardIndex};
pub use message::RoomOptions;
pub use notice::NOTICE_TOPIC;
pub use observer::{Fact, FactKind, Observer, Unobserved};
pub use registry::{Rooms, default_codecs};
pub use scheduled::Scheduled;
pub use score::Cause;
pub use shared::{IceServers, RoomsSettings};

#[cfg(test)]
mod tests;
