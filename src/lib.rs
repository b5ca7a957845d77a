//! visavis: a LiveKit-compatible SFU, a scheduler and a web app in one binary.
//!
//! Lower floors never import higher ones; `media`'s wing and the office wing know nothing of each other.

pub mod clock;
pub mod ids;
pub mod units;

pub mod rtp;

pub mod transport;

pub mod media;
