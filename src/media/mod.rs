//! Floor 3 of the media wing: the shard's state machine, without sockets or clocks.

pub mod command;
pub mod event;

pub use command::{
    Command, DataChannelLabel, DataChannelSpec, LayerSpec, LayerTarget, Quality, TrackSpec,
};
pub use event::{Event, TransportFailure};
