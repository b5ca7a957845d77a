//! The writer: one thread, one connection, many pieces of work in each transaction. A commit waits for the disk, so
//! what has queued meanwhile is committed together; each piece has a savepoint of its own, and its caller hears of it
//! when the whole group is on the disk.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rand::rngs::StdRng;
use rusqlite::Connection;
use tokio::sync::{oneshot, watch};

use super::error::StoreError;
use super::tx::Tx;

/// Pieces of work that may wait; more are refused as busy.
const QUEUE: usize = 4096;
/// Most pieces in one transaction.
const GROUP: usize = 256;

/// Called after the commit, with its outcome.
type Finish = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// One piece of work with the way back to its caller.
trait Piece: Send {
    /// Does the work. False means that it is to be undone; whoever asked hears of it from the [`Finish`].
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> (bool, Finish);
    /// The work cannot even be begun.
    fn refuse(self: Box<Self>, error: StoreError);
}

struct Job<F, T, E> {
    work: F,
    reply: oneshot::Sender<Result<T, E>>,
}

impl<F, T, E> Piece for Job<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    fn run(self: Box<Self>, tx: &mut Tx<'_>) -> (bool, Finish) {
        let Self { work, reply } = *self;
        let result = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|panic| {
            let text = panic_text(panic.as_ref());
            tracing::error!(panic = %text, "work on the database panicked; it is undone");
            Err(StoreError::Internal(format!("panic: {text}")).into())
        });
        let keep = result.is_ok();
        let finish: Finish = Box::new(move |committed| {
            let result = match committed {
                Ok(()) => result,
                Err(error) => result.and(Err(error.into())),
            };
            // Whoever asked may have gone away.
            let _ = reply.send(result);
        });
        (keep, finish)
    }

    fn refuse(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error.into()));
    }
}

/// Hands work to the writer's thread.
#[derive(Clone)]
pub(super) struct Writer {
    queue: Sender<Box<dyn Piece>>,
}

/// How the writer fares.
#[derive(Debug, Default)]
pub struct WriteCounters {
    /// Transactions committed.
    pub commits: AtomicU64,
    /// Pieces of work stored.
    pub pieces: AtomicU64,
    /// Pieces refused because too many waited.
    pub busy: AtomicU64,
    /// Commits that failed.
    pub failures: AtomicU64,
}

impl Writer {
    /// Starts the thread; it ends when the last writer is dropped and the queue is empty, and folds the log into the
    /// file where it `folds`.
    pub(super) fn start(
        connection: Connection,
        folds: bool,
        rng: StdRng,
        stirred: watch::Sender<u64>,
        counters: Arc<WriteCounters>,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (queue, work) = bounded(QUEUE);
        let run = move || Thread { connection, folds, rng, stirred, counters }.run(&work);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(run)?;
        Ok((Self { queue }, thread))
    }

    /// Queues work; the answer comes when it is on the disk.
    pub(super) fn submit<T, E>(
        &self,
        counters: &WriteCounters,
        work: impl FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, E>>, StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let piece = Box::new(Job { work, reply });
        match self.queue.try_send(piece) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => {
                counters.busy.fetch_add(1, Ordering::Relaxed);
                Err(StoreError::Busy)
            }
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }
}

struct Thread {
    connection: Connection,
    folds: bool,
    rng: StdRng,
    stirred: watch::Sender<u64>,
    counters: Arc<WriteCounters>,
}

impl Thread {
    fn run(mut self, work: &Receiver<Box<dyn Piece>>) {
        while let Ok(first) = work.recv() {
            self.group(first, work);
        }
        if !self.folds {
            return;
        }
        // What is in the log moves into the file: a folder copied after the end is whole without it.
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);") {
            tracing::warn!(%error, "the database's log could not be folded in at the end; the next start does it");
        }
    }

    fn group(&mut self, first: Box<dyn Piece>, work: &Receiver<Box<dyn Piece>>) {
        let mut finishes: Vec<Finish> = Vec::new();
        let mut stirred = false;
        if let Err(error) = self.connection.execute_batch("BEGIN IMMEDIATE") {
            let error: StoreError = error.into();
            tracing::error!(%error, "no transaction can be begun");
            self.counters.failures.fetch_add(1, Ordering::Relaxed);
            return first.refuse(error);
        }
        let mut next = Some(first);
        while let Some(piece) = next {
            if let Err(error) = self.piece(piece, &mut finishes, &mut stirred) {
                // SQLite has given up the whole transaction (full disk, broken file): nothing of the group is stored.
                tracing::error!(%error, "a transaction was rolled back");
                return self.fail(finishes, &error);
            }
            next = if finishes.len() < GROUP { work.try_recv().ok() } else { None };
        }
        match self.connection.execute_batch("COMMIT") {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.pieces.fetch_add(finishes.len() as u64, Ordering::Relaxed);
                finishes.into_iter().for_each(|finish| finish(Ok(())));
                if stirred {
                    self.stirred.send_modify(|count| *count += 1);
                }
            }
            Err(error) => {
                let error: StoreError = error.into();
                tracing::error!(%error, "a transaction could not be committed");
                if !self.connection.is_autocommit() {
                    let _ = self.connection.execute_batch("ROLLBACK");
                }
                self.fail(finishes, &error);
            }
        }
    }

    /// Does one piece in its savepoint. An error means that the transaction is gone.
    fn piece(
        &mut self,
        piece: Box<dyn Piece>,
        finishes: &mut Vec<Finish>,
        stirred: &mut bool,
    ) -> Result<(), StoreError> {
        let Self { connection, rng, .. } = self;
        connection.prepare_cached("SAVEPOINT piece")?.execute([])?;
        let mut stirs = false;
        let (keep, finish) = piece.run(&mut Tx::new(connection, rng, &mut stirs));
        finishes.push(finish);
        if connection.is_autocommit() {
            return Err(StoreError::Io("the transaction was rolled back".into()));
        }
        if keep {
            *stirred |= stirs;
        } else {
            connection.prepare_cached("ROLLBACK TO piece")?.execute([])?;
        }
        connection.prepare_cached("RELEASE piece")?.execute([])?;
        Ok(())
    }

    fn fail(&self, finishes: Vec<Finish>, error: &StoreError) {
        self.counters.failures.fetch_add(1, Ordering::Relaxed);
        finishes.into_iter().for_each(|finish| finish(Err(again(error))));
    }
}

/// The same error for each one of a group.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::Full => StoreError::Full,
        StoreError::Busy => StoreError::Busy,
        StoreError::Io(text) => StoreError::Io(text.clone()),
        StoreError::Corrupt(text) => StoreError::Corrupt(text.clone()),
        StoreError::Closed => StoreError::Closed,
        other => StoreError::Internal(other.to_string()),
    }
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no text".to_owned())
}
