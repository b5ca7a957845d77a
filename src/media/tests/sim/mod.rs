//! A room of real state machines over lines that are not ideal, in virtual time; also under `benches/adapt.rs`.
//!
//! What one seed decides: the lines, the shard's own randomness, and so everything that is sent and seen. Certificates
//! and SCTP draw their own; their datagrams pass beside the lines (see `World::put`), and nothing here looks into them.

pub mod link;
pub mod replay;
pub mod room;
pub mod viewer;
pub mod voice;
