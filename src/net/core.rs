//! What the shard loop drives: the media state machine, or a stand-in for it in tests of sockets and threads.

use std::time::Instant;

use crate::media::{Command, Counters, DatagramSink, Event, RelaySink, Relayed, Shard};
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
    /// So much is queued that it must be flushed before more is received.
    fn should_flush(&self) -> bool;
    /// More work waits for [`ShardCore::timeout`] than one round may do: what is queued is to be flushed before.
    fn is_behind(&self) -> bool {
        false
    }
    /// Takes what another shard has handed over.
    fn relayed(&mut self, _now: Instant, _message: Relayed<'_>) {}
    /// Hands over what waits for other shards.
    fn relay(&mut self, _sink: &mut dyn RelaySink) {}
    /// What it counts.
    fn counters(&self) -> &Counters;
}

impl ShardCore for Shard {
    fn command(&mut self, now: Instant, unix: UnixTime, command: Command) {
        Shard::command(self, now, unix, command);
    }

    fn datagram(&mut self, now: Instant, path: Path, datagram: &mut [u8]) {
        Shard::datagram(self, now, path, datagram);
    }

    fn path_closed(&mut self, now: Instant, socket: SocketId) {
        Shard::path_closed(self, now, socket);
    }

    fn timeout(&mut self, now: Instant) {
        Shard::timeout(self, now);
    }

    fn next_timeout(&self) -> Option<Instant> {
        Shard::next_timeout(self)
    }

    fn drain_events(&mut self, each: &mut dyn FnMut(Event)) {
        Shard::drain_events(self).for_each(each);
    }

    fn flush(&mut self, now: Instant, sink: &mut dyn DatagramSink) {
        Shard::flush(self, now, sink);
    }

    fn queued_since(&self) -> Option<Instant> {
        Shard::queued_since(self)
    }

    fn should_flush(&self) -> bool {
        Shard::should_flush(self)
    }

    fn is_behind(&self) -> bool {
        Shard::is_behind(self)
    }

    fn relayed(&mut self, now: Instant, message: Relayed<'_>) {
        Shard::relayed(self, now, message);
    }

    fn relay(&mut self, sink: &mut dyn RelaySink) {
        Shard::relay(self, sink);
    }

    fn counters(&self) -> &Counters {
        Shard::counters(self)
    }
}
