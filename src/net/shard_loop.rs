//! One shard's thread: mail, sockets, timers, events and trains out, round after round.
//!
//! Each round has budgets, so that no source starves another, and ends with a flush: the busier the shard, the
//! more each round receives and the longer the trains that leave it.
//!
//! Between the first datagram of a round and the round itself lies the gathering time, in which the thread sleeps and
//! the kernel's buffers fill: a frame's packets leave as one train, and a thousand wake-ups a second serve any number
//! of packets. It counts from the last round's beginning while there is no pause, so that a busy shard waits less,
//! and one whose rounds take longer does not wait at all; after a long pause half of it must do.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};

use crate::clock::SharedClock;
use crate::media::{Command, DatagramSink, Segment};
use crate::transport::{Path, SocketId};

use super::core::ShardCore;
use super::counters::{NetCounters, ShardCounters};
use super::mailbox::{Mail, Mailbox, ShardHandle};
use super::ring::Ways;
use super::sys::WakeTimer;
use super::tcp::{Inward, TcpTable};
use super::udp::{ReceiveBuffers, UdpPort};
use super::{EventHook, ShardIndex};

/// Messages obeyed in one round.
const MAIL_BUDGET: usize = 256;
/// And no more after this time: a burst of joins is not to delay everybody's media.
const MAIL_TIME: Duration = Duration::from_micros(500);
/// Receive calls on one socket in one round; each may fill sixteen buffers.
const RECEIVE_BUDGET: usize = 8;
/// How often counters are published.
const PUBLISH: Duration = Duration::from_millis(500);
/// Shorter waits use the precise timer; longer ones may end a millisecond late.
const PRECISE: Duration = Duration::from_millis(8);
/// How much later than the precise timer the poll itself gives up.
const TIMER_GRACE: Duration = Duration::from_millis(2);
/// A poll that returns sooner than this did not pause.
const PAUSE: Duration = Duration::from_micros(50);
/// After a pause of so many gathering times a round gathers for half as long.
const LONG_PAUSE: u32 = 4;
/// Readiness reports fetched at once.
const POLL_EVENTS: usize = 256;

/// The poll's token of the mailbox.
pub(super) const WAKE: Token = Token(0);
const TIMER: Token = Token(1);
const FIRST_UDP: usize = 16;
const FIRST_LISTENER: usize = 4096;

/// UDP sockets or listeners that one shard can have.
pub(super) const MAX_SOCKETS: usize = 1024;

/// What a shard's thread is made of, apart from the core.
pub(super) struct Parts {
    pub(super) poll: Poll,
    pub(super) udp: Vec<UdpPort>,
    pub(super) tcp: TcpTable,
    pub(super) mailbox: Mailbox,
    /// All shards of the process, this one included, by index.
    pub(super) peers: Vec<ShardHandle>,
    pub(super) clock: SharedClock,
    pub(super) gather: Duration,
    pub(super) busy_poll: bool,
    pub(super) on_event: Arc<EventHook>,
}

/// The loop and everything that it owns.
pub(super) struct ShardLoop<C> {
    core: C,
    parts: Parts,
    buffers: ReceiveBuffers,
    ways: Ways,
    timer: Option<WakeTimer>,
    /// What the precise timer is set to.
    armed: Option<Instant>,
    /// The mailbox held more than one round's budget.
    more_mail: bool,
    /// When the last round began and ended.
    last_turn: (Instant, Instant),
    counters: NetCounters,
    /// Time spent in rounds since the last publication.
    busy: Duration,
    published: Instant,
}

impl<C: ShardCore> ShardLoop<C> {
    /// A loop ready to run on the current thread.
    pub(super) fn new(core: C, parts: Parts) -> io::Result<Self> {
        let registry = parts.poll.registry();
        for (index, port) in parts.udp.iter().enumerate() {
            let source = port.socket().as_raw_fd();
            registry.register(&mut SourceFd(&source), Token(FIRST_UDP + index), Interest::READABLE)?;
        }
        for (index, listener) in parts.tcp.listeners().iter().enumerate() {
            let source = listener.as_raw_fd();
            registry.register(&mut SourceFd(&source), Token(FIRST_LISTENER + index), Interest::READABLE)?;
        }
        // Without the timer waits are a millisecond coarse, which is no reason not to serve.
        let timer = WakeTimer::new()
            .ok()
            .filter(|timer| registry.register(&mut SourceFd(&timer.descriptor()), TIMER, Interest::READABLE).is_ok());
        let published = parts.clock.now();
        Ok(Self {
            core,
            parts,
            buffers: ReceiveBuffers::new(),
            ways: Ways::default(),
            timer,
            armed: None,
            more_mail: true,
            last_turn: (published, published),
            counters: NetCounters::default(),
            busy: Duration::ZERO,
            published,
        })
    }

    /// Runs until it is told to stop. An error is one of the system's poll, after which nothing works any more.
    pub(super) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(POLL_EVENTS);
        let mut running = true;
        while running {
            let wait = self.wait();
            match self.parts.poll.poll(&mut events, wait) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
                // Interrupted: what the events say would be old.
                Err(_) => events.clear(),
                Ok(()) => {}
            }
            let woken = self.parts.clock.now();
            let begin = if self.note(&events) { self.gather(woken) } else { woken };
            running = self.turn();
            let end = self.parts.clock.now();
            self.last_turn = (begin, end);
            let took = end.saturating_duration_since(begin);
            self.busy += took;
            self.counters.turns += 1;
            self.counters.turn_times.record(took);
            if !running || end.saturating_duration_since(self.published) >= PUBLISH {
                self.publish(end);
            }
        }
        Ok(())
    }

    /// How long the poll may sleep; `None` is not used, because counters are published even when nothing happens.
    fn wait(&mut self) -> Option<Duration> {
        let parts = &self.parts;
        if parts.busy_poll
            || self.more_mail
            || self.core.is_behind()
            || parts.tcp.has_work()
            || parts.udp.iter().any(|port| port.ready)
        {
            return Some(Duration::ZERO);
        }
        let due = [self.core.next_timeout(), parts.tcp.next_timeout()];
        let deadline = due.into_iter().flatten().fold(self.published + PUBLISH, Instant::min);
        // Timers of many transports share a round, as their datagrams do.
        let deadline = deadline.max(self.last_turn.0 + parts.gather);
        let wait = deadline.saturating_duration_since(parts.clock.now());
        match &self.timer {
            Some(timer) if !wait.is_zero() && wait < PRECISE => {
                if self.armed != Some(deadline) && timer.arm(wait).is_ok() {
                    self.armed = Some(deadline);
                }
                Some(wait + TIMER_GRACE)
            }
            _ => Some(wait),
        }
    }

    /// Lets the kernel's buffers fill for the gathering time, and returns the time then.
    fn gather(&self, woken: Instant) -> Instant {
        let (begun, ended) = self.last_turn;
        let gather = self.parts.gather;
        let until = match woken.saturating_duration_since(ended) {
            // Nobody gains by a longer wait: what follows the first one at once is the rest of its frame.
            pause if pause >= gather * LONG_PAUSE => woken + gather / 2,
            pause if pause >= PAUSE => woken + gather,
            _ => begun + gather,
        };
        let wait = until.saturating_duration_since(woken);
        if wait.is_zero() {
            return woken;
        }
        if !self.parts.busy_poll {
            std::thread::sleep(wait);
            return self.parts.clock.now();
        }
        loop {
            std::hint::spin_loop();
            let now = self.parts.clock.now();
            if now >= until {
                return now;
            }
        }
    }

    /// Takes down which sources have something; true when datagrams have come where none were before, and more may
    /// follow.
    fn note(&mut self, events: &Events) -> bool {
        let parts = &mut self.parts;
        // What the last round's budget left over has waited long enough.
        let backlog =
            self.more_mail || self.core.is_behind() || parts.tcp.has_work() || parts.udp.iter().any(|port| port.ready);
        let mut arrived = false;
        for event in events {
            match event.token() {
                WAKE => self.more_mail = true,
                // The round itself is what it was for.
                TIMER => self.armed = None,
                Token(token) if token >= SocketId::FIRST_TCP as usize => {
                    let id = SocketId(token as u32);
                    let readable = event.is_readable() || event.is_read_closed() || event.is_error();
                    parts.tcp.ready(id, readable, event.is_writable(), &mut self.counters.tcp);
                    arrived |= readable;
                }
                Token(token) if token >= FIRST_LISTENER => parts.tcp.acceptable(),
                Token(token) => {
                    if let Some(port) = token.checked_sub(FIRST_UDP).and_then(|index| parts.udp.get_mut(index)) {
                        port.ready = true;
                        arrived = true;
                    }
                }
            }
        }
        arrived && !backlog
    }

    /// One round; false when the loop must end.
    fn turn(&mut self) -> bool {
        let running = self.read_mail();
        self.read_ways();
        self.receive();
        let now = self.parts.clock.now();
        self.parts.tcp.turn(Inward {
            now,
            registry: self.parts.poll.registry(),
            counters: &mut self.counters.tcp,
            datagram: &mut |path, datagram| self.core.datagram(now, path, datagram),
            hand_over: &mut |shard, connection| {
                self.parts.peers.get(shard.0 as usize).is_some_and(|peer| peer.hand_over(connection))
            },
        });
        self.tell_closed(now);
        if self.core.is_behind() && self.core.queued_since().is_some() {
            self.flush(now);
        }
        if self.core.next_timeout().is_some_and(|at| at <= now) {
            self.core.timeout(now);
        }
        self.relay();
        if self.core.queued_since().is_some() {
            self.flush(now);
            self.tell_closed(now);
        }
        // Events last: those of the flush and of closed connections belong to this round.
        let on_event = &*self.parts.on_event;
        let (index, count) = (self.parts.mailbox.shared.index, &mut self.counters.events);
        self.core.drain_events(&mut |event| {
            *count += 1;
            on_event(index, event);
        });
        running
    }

    /// Obeys commands and adopts connections; false when one says that the loop must end.
    fn read_mail(&mut self) -> bool {
        let must_stop = self.parts.mailbox.must_stop();
        if self.more_mail || must_stop {
            self.parts.mailbox.awake();
            self.more_mail = false;
            let (now, unix) = (self.parts.clock.now(), self.parts.clock.unix());
            for budget in (0..MAIL_BUDGET).rev() {
                if budget % 8 == 0 && self.parts.clock.now().saturating_duration_since(now) >= MAIL_TIME {
                    self.more_mail = true;
                    break;
                }
                match self.parts.mailbox.next() {
                    None => break,
                    Some(Mail::Command(command)) => {
                        self.counters.commands += 1;
                        let last = matches!(*command, Command::Shutdown);
                        self.core.command(now, unix, *command);
                        if last {
                            return false;
                        }
                    }
                    Some(Mail::WayTo(shard, writer)) => self.ways.add_writer(shard, writer),
                    Some(Mail::WayFrom(reader)) => self.ways.add_reader(reader),
                    Some(Mail::Connection(connection)) => {
                        let registry = self.parts.poll.registry();
                        self.parts.tcp.adopt(*connection, now, registry, &mut self.counters.tcp);
                    }
                }
                self.more_mail = budget == 0;
            }
            if must_stop {
                self.core.command(now, unix, Command::Shutdown);
            }
        }
        !must_stop
    }

    /// Takes what other shards have handed over. They go on writing meanwhile, and wake this one for it.
    fn read_ways(&mut self) {
        for way in 0..self.ways.incoming() {
            let mut left = self.ways.waiting(way);
            if left == 0 {
                continue;
            }
            let now = self.parts.clock.now();
            while left > 0 {
                let core = &mut self.core;
                match self.ways.read(way, |message| core.relayed(now, message)) {
                    0 => break,
                    took => left = left.saturating_sub(took),
                }
                if self.core.should_flush() {
                    self.flush(now);
                }
            }
        }
    }

    /// Hands other shards what is theirs, and wakes them once for all of it.
    fn relay(&mut self) {
        self.core.relay(&mut self.ways);
        self.ways.wake(&self.parts.peers);
    }

    fn receive(&mut self) {
        for index in 0..self.parts.udp.len() {
            for _ in 0..RECEIVE_BUDGET {
                let port = &mut self.parts.udp[index];
                if !port.ready {
                    break;
                }
                let filled = port.receive(&mut self.buffers, &mut self.counters.udp);
                let now = self.parts.clock.now();
                for buffer in 0..filled {
                    let buffer = self.buffers.filled(buffer);
                    let path = self.parts.udp[index].path(&buffer);
                    for datagram in buffer.datagrams(&mut self.counters.udp) {
                        self.core.datagram(now, path, datagram);
                    }
                    if self.core.should_flush() {
                        self.flush(now);
                    }
                }
            }
        }
    }

    fn flush(&mut self, now: Instant) {
        self.relay();
        let parts = &mut self.parts;
        let mut sink = Sink { now, udp: &mut parts.udp, tcp: &mut parts.tcp, counters: &mut self.counters };
        self.core.flush(now, &mut sink);
        sink.finish();
    }

    fn tell_closed(&mut self, now: Instant) {
        while let Some(socket) = self.parts.tcp.take_closed() {
            self.core.path_closed(now, socket);
        }
    }

    fn publish(&mut self, now: Instant) {
        let interval = now.saturating_duration_since(self.published).as_micros().max(1);
        self.counters.busy_permille = (self.busy.as_micros() * 1000 / interval).min(1000) as u32;
        self.busy = Duration::ZERO;
        self.published = now;
        let mailbox = &self.parts.mailbox;
        let (shard, media) = (mailbox.shared.index, self.core.counters().clone());
        mailbox.publish(ShardCounters { shard, media, net: self.counters.clone() });
    }
}

/// All ways out of a shard.
struct Sink<'a> {
    now: Instant,
    udp: &'a mut [UdpPort],
    tcp: &'a mut TcpTable,
    counters: &'a mut NetCounters,
}

impl Sink<'_> {
    fn finish(&mut self) {
        for port in self.udp.iter_mut() {
            port.finish(self.now, &mut self.counters.udp);
        }
    }
}

impl DatagramSink for Sink<'_> {
    fn send(&mut self, path: Path, arena: &[u8], segments: &[Segment]) {
        if path.socket.is_tcp() {
            self.tcp.send(path.socket, arena, segments, &mut self.counters.tcp);
        } else if let Some(port) = self.udp.get_mut(path.socket.0 as usize) {
            port.send(self.now, &mut self.counters.udp, (path.remote, path.local_ip), arena, segments);
        }
    }
}

/// The number of a shard's UDP socket.
pub(super) fn udp_socket(index: usize) -> SocketId {
    SocketId(index as u32)
}

/// How a thread of this shard is called; the kernel shows fifteen letters.
pub(super) fn thread_name(index: ShardIndex) -> String {
    format!("shard-{}", index.0)
}
