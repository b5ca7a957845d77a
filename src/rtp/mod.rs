//! Floor 1 of the media wing: packets and what they mean, as pure functions and small machines.

pub mod audio_level;
pub mod cache;
pub mod codec;
pub mod ext;
pub mod history;
pub mod munger;
pub mod nack;
pub mod packet;
pub mod rtcp;
pub mod rtx;
pub mod stats;
pub mod twcc;
pub mod values;
pub mod vp8;
pub mod write;

pub use codec::{Codec, CodecParams};
pub use ext::{ExtensionKind, ExtensionMap};
pub use packet::{Extensions, RtpError, RtpHeader, RtpPacket};
pub use values::{AudioLevel, ExtensionTable, ExtensionValues};
