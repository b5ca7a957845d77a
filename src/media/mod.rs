//! Floor 3 of the media wing: the shard's state machine, without sockets or clocks.
//!
//! A packet's way: [`Shard::datagram`] finds the transport ([`demux`]), which opens it in place; the header is
//! read once (`receive`), the stream and layer are known or found (`binding`, `stream`, `track`), each forwarder
//! decides by numbers alone (`forwarder`, [`select`]) and queues; [`Shard::flush`] writes, seals and hands over
//! (`send`, `padding`), near the way's limit not all at once (`pace`). RTCP comes in through `feedback` and leaves
//! through `reports`. What the way to a subscriber carries is estimated (`estimate`) and shared out among its
//! subscriptions (`allocate`, `levels`, `share`). What a way was like and what was made of it is remembered for a while
//! ([`flight`]). A room may span shards: what one has opened it hands to others (`relay`), where a mirror of the track
//! stands (`mirror`).

pub mod command;
pub mod counters;
pub mod event;
pub mod flight;
pub mod select;
pub mod stats;

mod again;
mod allocate;
mod binding;
mod commands;
mod compose;
mod data;
mod demand;
mod demux;
mod depth;
mod estimate;
mod feedback;
mod forwarder;
mod keyframe;
mod levels;
mod mirror;
mod outgoing;
mod pace;
mod packet;
mod padding;
mod pause;
mod rates;
mod receive;
mod relay;
mod reports;
mod route;
mod send;
mod sent;
mod shard;
mod share;
mod speakers;
mod stream;
mod table;
mod timers;
mod track;
mod transports;
mod tuning;

pub use command::{
    Command, DataChannelLabel, DataChannelSpec, LayerSpec, LayerTarget, MirroredTrack, Quality, TrackSpec,
};
pub use counters::{Counters, Drop, Traffic};
pub use event::{Event, TransportFailure};
pub use relay::{RelaySink, Relayed};
pub use send::{DatagramSink, Segment};
pub use shard::{Shard, ShardConfig};
pub use stats::{ReceivedStats, SentStats, TransportStats};
pub use tuning::Tuning;

#[cfg(test)]
mod tests;
