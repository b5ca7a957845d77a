//! What the pieces of the packet path cost by themselves: `cargo bench --bench engine [-- NAME]`.
//!
//! Nothing here touches a socket; datagrams are counted and thrown away. So the difference to the rig's figures is the
//! kernel, and caches that other work has emptied.

#![allow(clippy::unwrap_used, missing_docs)]

mod fan_out;
mod packet;
mod pieces;
mod world;

use criterion::{criterion_group, criterion_main};

criterion_group!(engine, pieces::srtp, pieces::headers, pieces::numbering, fan_out::forward, fan_out::idle);
criterion_main!(engine);
