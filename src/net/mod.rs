//! Floor 4 of the media wing: sockets, threads and the clock. Everything below is pure; here it meets the network.
//!
//! [`Media::start`] binds what the configuration names and starts one thread per shard, each with a poll, its UDP
//! sockets, its ICE-TCP connections and one media core. Commands go in through a [`ShardHandle`], events come out
//! through a callback; between threads only owned values travel.
//!
//! | file | holds |
//! |---|---|
//! | `core` | the interface of the media state machine as the loop sees it |
//! | `shard_loop` | the rounds of a shard's thread |
//! | `mailbox` | the bounded way into a shard |
//! | `udp`, `batch` | sockets, batches in, trains out |
//! | `tcp`, `frame`, `quota` | ICE-TCP connections, their framing, their limits |
//! | `ring` | the ways between shards |
//! | `ufrag` | ICE credentials that name their shard |
//! | `advertise` | addresses for candidates |
//! | `counters` | what is counted |
//! | `sys` | system calls: the only `unsafe` |

pub mod ufrag;

mod advertise;
mod batch;
mod core;
mod counters;
mod frame;
mod mailbox;
mod quota;
mod ring;
mod shard_loop;
mod sys;
mod tcp;
mod udp;

#[cfg(test)]
mod ring_tests;
#[cfg(test)]
mod shard_tests;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use rand::Rng;

use crate::clock::SharedClock;
use crate::media::{Command, Event, Shard, ShardConfig, Tuning};
use crate::transport::{Certificate, TransportLimits};

pub use crate::ids::ShardIndex;

pub use self::advertise::{Advertised, Protocol};
pub use self::core::ShardCore;
pub use self::counters::{MAX_TRAIN, NetCounters, ShardCounters, TcpCounters, TurnTimes, UdpCounters};
pub use self::mailbox::{MailboxFull, ShardHandle};
pub use self::sys::{allow_open_files, keep_memory_together, separate_datagrams};

use self::mailbox::{Mail, Mailbox};
use self::quota::Quota;
use self::shard_loop::{Parts, ShardLoop};
use self::tcp::TcpTable;
use self::udp::UdpPort;

/// Called on a shard's thread for each event, in order. It must neither block nor call back into [`Media`] for long:
/// the shard's media waits meanwhile.
pub type EventHook = Box<dyn Fn(ShardIndex, Event) + Send + Sync>;

/// Called once, on the shard's thread, when that shard has failed for good: a bug of ours, or the system refuses to
/// poll. The text says why. All its transports are dead; whether the process goes on is the caller's decision.
pub type FatalHook = Box<dyn Fn(ShardIndex, &str) + Send + Sync>;

/// The sockets of one shard.
#[derive(Clone, Debug, Default)]
pub struct ShardBind {
    /// UDP addresses, usually one port on every bind address, IPv4 and IPv6. Port 0 lets the system choose.
    pub udp: Vec<SocketAddr>,
}

/// What [`Media::start`] needs to know.
#[derive(Clone, Debug, Default)]
pub struct MediaConfig {
    /// One entry per shard.
    pub shards: Vec<ShardBind>,
    /// Where ICE-TCP is accepted, for all shards; empty for not at all.
    pub tcp: Vec<SocketAddr>,
    /// Addresses that clients are told. Empty: the bound ones, which then must not be wildcards.
    pub node_ips: Vec<IpAddr>,
    /// How long a packet may wait for others to the same destination: zero receives and sends at once,
    /// [`MediaConfig::MAX_GATHER`] is the most.
    pub gather: Duration,
    /// Each shard's thread stays on a processor of its own, as far as there are enough.
    pub pin: bool,
    /// Shards never sleep.
    pub busy_poll: bool,
    /// Limits of ICE-TCP.
    pub tcp_limits: TcpLimits,
    /// Settings of every track.
    pub tuning: Tuning,
    /// Clients are told of TCP addresses alone, where there are any (`rtc.force_tcp`).
    pub tcp_only: bool,
}

impl MediaConfig {
    /// Longest gathering time: it is added to every packet's delay.
    pub const MAX_GATHER: Duration = Duration::from_millis(1);
}

/// Limits of ICE-TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections of one shard. When all are taken, the oldest one without a participant makes room.
    pub connections: usize,
    /// Connections from one address (IPv6: from one /64) in all shards: an office behind one address,
    /// two for each participant.
    pub per_address: u32,
    /// Those among them on which no participant has been recognised yet.
    pub unproven_per_address: u32,
}

impl TcpLimits {
    /// Upper bound of [`TcpLimits::connections`].
    pub const MOST_CONNECTIONS: usize = 65_536;
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self { connections: 1024, per_address: 256, unproven_per_address: 32 }
    }
}

/// Why the media wing could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A socket could not be bound.
    #[error("cannot bind {protocol} {address}: {error}{remedy}")]
    Bind {
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
        /// What the operator can do, with a separator in front; empty where we know nothing.
        remedy: &'static str,
    },
    /// No shard, more than a ufrag can name, or a shard without or with too many sockets.
    #[error("{0}")]
    Config(&'static str),
    /// Only wildcards are bound and no address is given, or none of a family that is bound.
    #[error(
        "no address to tell clients: give the address that they reach with --node-ip or rtc.node_ip, \
         of a family (IPv4 or IPv6) that is bound"
    )]
    NothingToAdvertise,
    /// The system refuses a poll or a thread.
    #[error("cannot start a media shard: {0}; check the limits of open files (ulimit -n) and threads")]
    System(io::Error),
}

impl NetError {
    fn bind(protocol: &'static str, address: SocketAddr, error: io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "; another process has this port: stop it, or choose another in rtc.udp_port or rtc.tcp_port"
            }
            io::ErrorKind::AddrNotAvailable => "; no interface of this machine has that address: check bind_addresses",
            io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE: choose a higher one",
            _ => "",
        };
        Self::Bind { protocol, address, error, remedy }
    }
}

/// What a core may know when it is made.
#[derive(Clone, Copy, Debug)]
pub struct CoreStart {
    /// Which shard it is for.
    pub shard: ShardIndex,
    /// Seed of all its randomness that needs no secrecy.
    pub seed: u64,
    /// The monotonic time that belongs to `start_unix`.
    pub start: std::time::Instant,
    /// The calendar time at its start.
    pub start_unix: crate::units::UnixTime,
}

/// All shards of the process. Dropping it stops them.
pub struct Media {
    handles: Vec<ShardHandle>,
    threads: Vec<JoinHandle<()>>,
    advertised: Vec<Advertised>,
    /// Where the next search for the least loaded shard begins, so that equals take turns.
    turn: AtomicUsize,
    /// Between which shards there are ways.
    ways: Mutex<HashSet<(ShardIndex, ShardIndex)>>,
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media").field("advertised", &self.advertised).finish_non_exhaustive()
    }
}

impl Media {
    /// Binds all sockets and starts one thread per shard, each with a media core. All transports present
    /// `certificate`.
    ///
    /// # Errors
    /// [`NetError`]; nothing stays bound or running then.
    pub fn start(
        config: &MediaConfig,
        certificate: Arc<Certificate>,
        clock: SharedClock,
        on_event: EventHook,
        on_fatal: FatalHook,
    ) -> Result<Self, NetError> {
        let tuning = config.tuning;
        let make = move |given: CoreStart| {
            let certificate = certificate.clone();
            let CoreStart { start, start_unix, seed, .. } = given;
            let limits = TransportLimits::default();
            Shard::new(ShardConfig { certificate, limits, tuning, start, start_unix }, seed)
        };
        Self::start_with(config, clock, make, on_event, on_fatal)
    }

    /// As [`Media::start`], with cores of the caller's making; `make` is called on each shard's thread.
    ///
    /// # Errors
    /// [`NetError`]; nothing stays bound or running then.
    pub fn start_with<C, F>(
        config: &MediaConfig,
        clock: SharedClock,
        make: F,
        on_event: EventHook,
        on_fatal: FatalHook,
    ) -> Result<Self, NetError>
    where
        C: ShardCore,
        F: Fn(CoreStart) -> C + Send + Sync + 'static,
    {
        check(config)?;
        let listeners = config.tcp.iter().map(|&at| tcp::listen(at)).collect::<Result<Vec<_>, _>>()?;
        let tcp_bound = listeners.iter().map(tcp::local).collect::<Result<Vec<_>, _>>()?;
        let mut udp = Vec::new();
        for shard in &config.shards {
            let ports = shard.udp.iter().enumerate();
            let ports = ports.map(|(index, &at)| UdpPort::bind(shard_loop::udp_socket(index), at));
            udp.push(ports.collect::<Result<Vec<_>, _>>()?);
        }
        let bound: Vec<Vec<_>> = udp.iter().map(|ports| ports.iter().map(UdpPort::local).collect()).collect();
        let mut advertised = advertise::advertise(&config.node_ips, &bound, &tcp_bound)?;
        if config.tcp_only && advertised.iter().any(|it| it.protocol == Protocol::Tcp) {
            advertised.retain(|it| it.protocol == Protocol::Tcp);
        }

        let mut handles = Vec::new();
        let mut inner = Vec::new();
        for index in 0..config.shards.len() {
            let poll = mio::Poll::new().map_err(NetError::System)?;
            let waker = mio::Waker::new(poll.registry(), shard_loop::WAKE).map_err(NetError::System)?;
            let (handle, mailbox) = Mailbox::new(ShardIndex(index as u16), waker);
            handles.push(handle);
            inner.push((poll, mailbox));
        }

        let mut media =
            Self { handles, threads: Vec::new(), advertised, turn: AtomicUsize::new(0), ways: Mutex::default() };
        let quota = Quota::new(config.tcp_limits);
        let (make, on_event, on_fatal) = (Arc::new(make), Arc::new(on_event), Arc::new(on_fatal));
        let mut listeners = Some(listeners);
        for (udp, (poll, mailbox)) in udp.into_iter().zip(inner) {
            let index = mailbox.shared.index;
            let tcp = TcpTable::new(index, config.tcp_limits, quota.clone(), listeners.take().unwrap_or_default());
            let parts = Parts {
                poll,
                udp,
                tcp,
                mailbox,
                peers: media.handles.clone(),
                clock: clock.clone(),
                gather: config.gather.min(MediaConfig::MAX_GATHER),
                busy_poll: config.busy_poll,
                on_event: on_event.clone(),
            };
            let (clock, make, on_fatal) = (clock.clone(), make.clone(), on_fatal.clone());
            let start =
                CoreStart { shard: index, seed: rand::rng().next_u64(), start: clock.now(), start_unix: clock.unix() };
            let pin = config.pin;
            let body = move || {
                sys::be_punctual();
                if pin && let Err(error) = sys::stay_on_processor(usize::from(index.0)) {
                    tracing::warn!(shard = index.0, %error, "the shard's thread stays on no processor of its own");
                }
                let run = move || ShardLoop::new(make(start), parts)?.run();
                let failure = match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(Ok(())) => return,
                    Ok(Err(error)) => format!("the system's poll failed: {error}"),
                    Err(panic) => format!("panic: {}", panic_text(&*panic)),
                };
                tracing::error!(shard = index.0, %failure, "media shard has stopped");
                on_fatal(index, &failure);
            };
            let thread = std::thread::Builder::new().name(shard_loop::thread_name(index)).spawn(body);
            // On failure `media` is dropped, which ends those already started.
            media.threads.push(thread.map_err(NetError::System)?);
        }
        Ok(media)
    }

    /// The way to send commands to a shard.
    ///
    /// # Panics
    /// When there is no such shard: numbers come from [`Media::pick_shard`] or an event.
    pub fn handle(&self, shard: ShardIndex) -> ShardHandle {
        self.handles[usize::from(shard.0)].clone()
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.handles.len()
    }

    /// The shard with the least to do, for a new room.
    pub fn pick_shard(&self) -> ShardIndex {
        let count = self.handles.len();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let candidates = (0..count).map(|step| &self.handles[first.wrapping_add(step) % count]);
        candidates.min_by_key(|handle| handle.load()).map_or(ShardIndex(0), ShardHandle::shard)
    }

    /// The shard with the least to do that is none of `taken`, for a room that grows.
    pub fn pick_shard_beside(&self, taken: &[ShardIndex]) -> Option<ShardIndex> {
        let free = self.handles.iter().filter(|handle| !taken.contains(&handle.shard()));
        free.min_by_key(|handle| handle.load()).map(ShardHandle::shard)
    }

    /// Makes the ways between two shards, in both directions, unless they are there. Commands that follow find them.
    pub fn join_shards(&self, one: ShardIndex, other: ShardIndex) {
        // The set is consistent between statements: a panic elsewhere does not spoil it.
        let mut ways = self.ways.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        for (from, to) in [(one, other), (other, one)] {
            if ways.contains(&(from, to)) {
                continue;
            }
            let (writer, reader) = ring::way();
            // With a full mailbox there is none, and what is relayed is dropped until the next room tries.
            if self.handle(to).post(Mail::WayFrom(reader)) && self.handle(from).post(Mail::WayTo(to, writer)) {
                ways.insert((from, to));
            }
        }
    }

    /// Addresses of all shards, those of each in the order of `node_ips`, UDP before TCP.
    pub fn advertised(&self) -> &[Advertised] {
        &self.advertised
    }

    /// Counters of every shard that has published some: each does within its first half second.
    pub fn counters(&self) -> Vec<ShardCounters> {
        self.handles.iter().filter_map(ShardHandle::counters).collect()
    }

    /// Lets every shard finish (close its transports, send what is queued) and waits for the threads.
    pub fn shutdown(self) {
        drop(self);
    }
}

impl Drop for Media {
    fn drop(&mut self) {
        for handle in &self.handles {
            // A full mailbox does not matter: the flag alone is enough.
            let _ = handle.send(Command::Shutdown);
            handle.stop();
        }
        for thread in self.threads.drain(..) {
            // Its panics were caught and reported inside.
            let _ = thread.join();
        }
    }
}

fn check(config: &MediaConfig) -> Result<(), NetError> {
    if config.shards.is_empty() || config.shards.len() > ufrag::MAX_SHARDS {
        return Err(NetError::Config("the number of media shards must be between 1 and 1296: check rtc.udp_port"));
    }
    let sockets = config.shards.iter().map(|shard| shard.udp.len()).chain([config.tcp.len()]).max().unwrap_or(0);
    if sockets > shard_loop::MAX_SOCKETS {
        return Err(NetError::Config("too many bind addresses: check bind_addresses"));
    }
    Ok(())
}

fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}
