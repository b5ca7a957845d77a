//! The way into a shard's thread: a bounded queue of owned values, and a wake-up that is paid once per batch.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::media::Command;

use super::ShardIndex;
use super::counters::ShardCounters;
use super::ring::{Reader, Writer};
use super::tcp::Handover;

/// Messages that wait for one shard at most. A shard obeys some hundred thousand a second, so a full mailbox
/// means that it is stuck or stopped.
const MAILBOX: usize = 4096;

/// What travels to a shard.
pub(super) enum Mail {
    /// From the control plane. Boxed, because credentials make some of them large and the queue has a fixed size.
    Command(Box<Command>),
    /// From the shard that accepts ICE-TCP connections.
    Connection(Box<Handover>),
    /// A way to another shard.
    WayTo(ShardIndex, Writer),
    /// A way from another shard.
    WayFrom(Reader),
}

/// The command did not reach the shard: its mailbox is full, or it has stopped. Nothing was done;
/// what belonged to the command should be closed.
#[derive(Debug, thiserror::Error)]
#[error("shard does not take commands: its mailbox is full, or it has stopped")]
pub struct MailboxFull(pub Box<Command>);

/// What both ends see.
pub(super) struct Shared {
    pub(super) index: ShardIndex,
    waker: mio::Waker,
    /// Somebody has woken the shard and it has not looked yet.
    woken: AtomicBool,
    /// The shard must return from its loop.
    stop: AtomicBool,
    refused: AtomicU64,
    /// Transports added since the counters were published.
    added: AtomicU32,
    published: Mutex<Option<ShardCounters>>,
}

impl Shared {
    fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // Fails only without a system resource to write to; the shard then sees its mail at its next turn.
            let _ = self.waker.wake();
        }
    }

    fn published(&self) -> MutexGuard<'_, Option<ShardCounters>> {
        // Replaced as a whole, so never half-written.
        self.published.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Sends commands to one shard. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct ShardHandle {
    shared: Arc<Shared>,
    sender: SyncSender<Mail>,
}

impl fmt::Debug for ShardHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShardHandle({})", self.shared.index.0)
    }
}

impl ShardHandle {
    /// Which shard it is.
    pub fn shard(&self) -> ShardIndex {
        self.shared.index
    }

    /// Queues a command; those of one thread arrive in order.
    ///
    /// # Errors
    /// [`MailboxFull`] returns the command when the shard cannot take it.
    pub fn send(&self, command: Command) -> Result<(), MailboxFull> {
        let adds = matches!(command, Command::AddTransport { .. });
        match self.sender.try_send(Mail::Command(Box::new(command))) {
            Ok(()) => {
                if adds {
                    self.shared.added.fetch_add(1, Ordering::Relaxed);
                }
                self.shared.wake();
                Ok(())
            }
            Err(mpsc::TrySendError::Full(mail) | mpsc::TrySendError::Disconnected(mail)) => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                match mail {
                    Mail::Command(command) => Err(MailboxFull(command)),
                    // What was put in comes back.
                    _ => Ok(()),
                }
            }
        }
    }

    /// Queues a connection; false when it had to be dropped.
    pub(super) fn hand_over(&self, connection: Handover) -> bool {
        self.post(Mail::Connection(Box::new(connection)))
    }

    /// Has the shard look at its mail and its ways.
    pub(super) fn wake(&self) {
        self.shared.wake();
    }

    /// Queues mail; false when it had to be dropped.
    pub(super) fn post(&self, mail: Mail) -> bool {
        let taken = self.sender.try_send(mail).is_ok();
        if taken {
            self.shared.wake();
        }
        taken
    }

    /// Makes the loop return, whatever is in its mailbox.
    pub(super) fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
        self.shared.wake();
    }

    /// The counters as the shard last published them.
    pub(super) fn counters(&self) -> Option<ShardCounters> {
        self.shared.published().clone()
    }

    /// How much the shard has to do: thousandths of its thread's time, plus one for each transport (an idle
    /// one costs less, a publishing one more), those of the last moment included.
    pub(super) fn load(&self) -> u64 {
        let added = u64::from(self.shared.added.load(Ordering::Relaxed));
        let published = self.shared.published();
        let (busy, transports) =
            published.as_ref().map_or((0, 0), |c| (u64::from(c.net.busy_permille), c.media.transports as u64));
        busy + transports + added
    }
}

/// The shard's end.
pub(super) struct Mailbox {
    pub(super) shared: Arc<Shared>,
    receiver: Receiver<Mail>,
}

impl Mailbox {
    /// A mailbox whose mail wakes `waker`'s poll.
    pub(super) fn new(index: ShardIndex, waker: mio::Waker) -> (ShardHandle, Self) {
        let (sender, receiver) = mpsc::sync_channel(MAILBOX);
        let shared = Arc::new(Shared {
            index,
            waker,
            woken: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            added: AtomicU32::new(0),
            published: Mutex::new(None),
        });
        (ShardHandle { shared: shared.clone(), sender }, Self { shared, receiver })
    }

    /// Must be called before the mail is read: mail that comes later wakes the shard again. A swap and not a store:
    /// it sees the mail of every sender that found the flag set.
    pub(super) fn awake(&self) {
        self.shared.woken.swap(false, Ordering::AcqRel);
    }

    /// The next message, if there is one. All senders gone counts as none: the shard is told to stop in other ways.
    pub(super) fn next(&self) -> Option<Mail> {
        self.receiver.try_recv().ok()
    }

    /// True once the shard must return from its loop.
    pub(super) fn must_stop(&self) -> bool {
        self.shared.stop.load(Ordering::Acquire)
    }

    /// Makes a copy of the counters visible to other threads.
    pub(super) fn publish(&self, mut counters: ShardCounters) {
        counters.net.commands_refused = self.shared.refused.load(Ordering::Relaxed);
        self.shared.added.store(0, Ordering::Relaxed);
        *self.shared.published() = Some(counters);
    }
}
