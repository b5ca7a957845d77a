//! The readers: threads with connections that only read, and only what the actor may see. Base tables are closed to
//! them by SQLite's authorizer; the views of `schema/views.sql` show each actor its own rows, whatever a query asks.

use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use tokio::sync::oneshot;

use super::error::StoreError;
use super::write::panic_text;
use super::{Actor, open, schema};

/// Queries that may wait; more are refused as busy.
const QUEUE: usize = 4096;

type Work = Box<dyn FnOnce(&mut ScopedConnection) + Send>;

/// Hands queries to the reading threads.
#[derive(Clone)]
pub(super) struct Readers {
    queue: Sender<Work>,
}

/// A database as one actor sees it.
pub struct Reader<'a> {
    connection: &'a Connection,
    actor: Actor,
}

impl Reader<'_> {
    /// Whose view this is.
    pub fn actor(&self) -> Actor {
        self.actor
    }
}

impl Deref for Reader<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Readers {
    /// Starts the threads; they end when the last handle is dropped.
    pub(super) fn start(path: &Path, count: usize) -> Result<Self, StoreError> {
        let (queue, work) = bounded::<Work>(QUEUE);
        for number in 0..count.max(1) {
            let mut connection = ScopedConnection::open(path)?;
            let work: Receiver<Work> = work.clone();
            let run = move || {
                while let Ok(work) = work.recv() {
                    work(&mut connection);
                }
            };
            let name = format!("store-reader-{number}");
            std::thread::Builder::new()
                .name(name)
                .spawn(run)
                .map_err(|error| StoreError::Internal(format!("no thread: {error}")))?;
        }
        Ok(Self { queue })
    }

    /// Queues a query on behalf of an actor.
    pub(super) fn submit<T, E>(
        &self,
        actor: Actor,
        query: impl FnOnce(&Reader<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<oneshot::Receiver<Result<T, E>>, StoreError>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let result = catch_unwind(AssertUnwindSafe(|| connection.read(actor, query))).unwrap_or_else(|panic| {
                let text = panic_text(panic.as_ref());
                tracing::error!(panic = %text, "a query panicked");
                Err(StoreError::Internal(format!("panic: {text}")).into())
            });
            // Whoever asked may have gone away.
            let _ = reply.send(result);
        });
        match self.queue.try_send(work) {
            Ok(()) => Ok(answer),
            Err(TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(StoreError::Closed),
        }
    }
}

/// A reading connection with its views, its actor and its authorizer.
pub(super) struct ScopedConnection {
    connection: Connection,
    actor: Arc<Mutex<Actor>>,
}

impl ScopedConnection {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = open::reader(path)?;
        let actor = Arc::new(Mutex::new(Actor::Anonymous));
        // The same within one statement, which is what SQLite calls deterministic.
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC | FunctionFlags::SQLITE_INNOCUOUS;
        let current = Arc::clone(&actor);
        connection.create_scalar_function("actor_kind", 0, flags, move |_| Ok(get(&current).kind()))?;
        let current = Arc::clone(&actor);
        connection.create_scalar_function("actor_id", 0, flags, move |_| Ok(get(&current).id()))?;
        let views = schema::make_views(&connection)?;
        connection.authorizer(Some(move |context: AuthContext<'_>| authorize(&views, &context)))?;
        Ok(Self { connection, actor })
    }

    /// Runs a query in one snapshot of the database.
    pub(super) fn read<T, E: From<StoreError>>(
        &mut self,
        actor: Actor,
        query: impl FnOnce(&Reader<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        *self.actor.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = actor;
        let begin = || self.connection.prepare_cached("BEGIN")?.execute([]);
        begin().map_err(StoreError::from)?;
        let result = catch_unwind(AssertUnwindSafe(|| query(&Reader { connection: &self.connection, actor })));
        *self.actor.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Actor::Anonymous;
        let end = || self.connection.prepare_cached("COMMIT")?.execute([]);
        end().map_err(StoreError::from)?;
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

fn get(actor: &Mutex<Actor>) -> Actor {
    *actor.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Views may be read, and the tables behind them through them; nothing else may be read, and nothing written.
fn authorize(views: &[String], context: &AuthContext<'_>) -> Authorization {
    let known = |name: &str| views.iter().any(|view| view == name);
    let allowed = match context.action {
        AuthAction::Select | AuthAction::Recursive | AuthAction::Transaction { .. } => true,
        AuthAction::Function { function_name } => !function_name.eq_ignore_ascii_case("load_extension"),
        AuthAction::Read { table_name, .. } => known(table_name) || context.accessor.is_some_and(known),
        _ => false,
    };
    if allowed { Authorization::Allow } else { Authorization::Deny }
}
