//! Whole connections in virtual time, against a test client over a simulated link.
#![allow(clippy::unwrap_used)]

mod client;
mod connecting;
mod data;
mod hostile;
mod moving;
mod peer;
mod world;

use super::*;
