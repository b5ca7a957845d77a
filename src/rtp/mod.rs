//! Floor 1 of the media wing: packets and what they mean, as pure functions and small machines.
//!
//! - A packet: [`packet`] reads it, [`values`] finds its header extensions ([`ext`]), [`mod@write`] writes its copies.
//! - A payload: [`codec`] names it, [`frame`] says what it means, by [`vp8`], [`vp9`], [`h26x`], [`av1`], [`red`];
//!   [`layers`] says where it stands among the layers of its stream, by those or by [`dd`].
//! - A received stream: [`stats`], [`nack`], [`cache`], [`audio_level`], and [`rtx`] for its repairs.
//! - A forwarded stream: [`munger`] and [`vp8::Vp8Munger`] keep its numbers continuous.
//! - A transport: [`twcc`], and [`rtcp`] for everything that is not media.
//!
//! Time is an argument throughout, nothing here allocates per packet, and no byte from a peer can cause a panic.

pub mod audio_level;
pub mod av1;
pub mod cache;
pub mod codec;
pub mod dd;
pub mod ext;
pub mod frame;
pub mod h26x;
pub mod layers;
pub mod munger;
pub mod nack;
pub mod packet;
pub mod red;
pub mod rtcp;
pub mod rtx;
pub mod stats;
pub mod twcc;
pub mod values;
pub mod vp8;
pub mod vp9;
pub mod write;

pub use codec::{Codec, CodecParams};
pub use ext::{ExtensionKind, ExtensionMap};
pub use packet::{Extensions, RtpError, RtpHeader, RtpPacket};
pub use values::{AudioLevel, ExtensionTable, ExtensionValues};
