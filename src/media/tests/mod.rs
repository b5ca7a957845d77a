//! The shard in virtual time, with real transports at both ends of a simulated link.
#![allow(clippy::unwrap_used)]

mod adapt;
mod audio;
mod churn;
mod client;
mod data;
mod demand;
mod hostile;
mod layers;
mod liars;
mod meeting;
mod pace;
mod repair;
mod replay;
mod sections;
mod sim;
mod span;
mod svc;
mod sync;
mod trains;
mod tuning;
mod video;
mod world;
