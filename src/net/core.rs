//! What the shard loop drives: the media state machine, or a stand-in for it in tests of sockets and threads.

use std::time::Instant;

use crate::media::{Command, Counters, DatagramSink, Event};
use crate::transport::{Path, SocketId};
use crate::units::UnixTime;

/// A state machine without sockets or clock. All methods are called by one thread.
pub trait ShardCore {
    /// Obeys one command.
    fn command(&mut self, now: Instant, unix: UnixTime, command: Command);
    /// Takes a datagram; it may be decrypted in place.
    fn datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]);
    /// An ICE-TCP connection has gone; its number may come back for another one much later.
    fn path_closed(&mut self, now: Instant, socket: SocketId);
    /// Does what is due.
    fn timeout(&mut self, now: Instant);
    /// When [`ShardCore::timeout`] must be called at the latest.
    fn next_timeout(&self) -> Option<Instant>;
    /// Hands out the events since the last call.
    fn drain_events(&mut self, each: &mut dyn FnMut(Event));
    /// Seals and hands over everything queued.
    fn flush(&mut self, now: Instant, sink: &mut dyn DatagramSink);
    /// Since when the oldest queued packet waits.
    fn queued_since(&self) -> Option<Instant>;
    /// What it counts.
    fn counters(&self) -> &Counters;
}
