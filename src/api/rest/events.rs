//! `GET /api/events`: live status over server-sent events. They are rows of the database, written with the change that
//! they tell of, so whoever comes back misses nothing.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::events::stream as answer;
use crate::api::office::{Access, Caller, Class, Event, LastEventId, OfficeRoutes};
use crate::api::problem::Problem;
use crate::store::{Actor, Store, StoreError};

/// Events read at a time.
const PIECE: usize = 200;
/// A stream ends after this long, and its client comes back: whose session has ended meanwhile does not.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

pub(super) fn routes(routes: OfficeRoutes<Rest>) -> OfficeRoutes<Rest> {
    routes.add_as(Class::Stream, Access::Guest, routes!(events))
}

/// Live status
///
/// Each event's `data` is JSON; its kind is the event's name, such as `appointment.approved`. After a broken
/// connection `Last-Event-ID` says what has been seen: everything since is told.
///
/// Everybody with a seat hears what becomes of the appointment, by its `appointmentId`, `status`, `startsAt`, `endsAt`
/// and `version` and what else there is to say of it: `appointment.held`, `released`, `requested`, `approved`,
/// `rejected`, `proposed`, `proposal_declined`, `rescheduled`, `cancelled`, `expired`, `started`, `completed`,
/// `no_show`, `corrected`, `opened_early`, `extended`, `window_changed`, `closing`, `joined`, `left`, `seat_added`,
/// `seat_changed`, `seat_removed`, `lobby_waiting`, `lobby_left`, `lobby_admitted` and `content`.
///
/// `appointment.closing` comes ten, five and one minute before the room closes, whether one is in it or not, and says
/// in `closesAt` when and in `minutesLeft` how soon. A close that is moved is told at once, by `closesAt` in
/// `appointment.extended` and `appointment.window_changed`, and has warnings of its own.
#[utoipa::path(get, path = "/api/events", tag = "service",
    params(("last-event-id" = Option<u64>, Header, description = "The last event that was seen.")),
    responses((status = 200, content_type = "text/event-stream", body = String)))]
async fn events(State(rest): State<Rest>, caller: Caller, last: LastEventId) -> Result<Response, Problem> {
    let store = rest.scheduler.store().clone();
    let seen = match last.0 {
        Some(seen) => i64::try_from(seen).unwrap_or(i64::MAX),
        None => newest(&store, caller.actor).await?,
    };
    let lifetime = tokio::time::sleep(LIFETIME);
    Ok(answer(&rest.gate, tell(store, caller.actor, seen).take_until(lifetime)))
}

/// Events after `seen`, those that exist and those that come.
fn tell(store: Store, actor: Actor, seen: i64) -> impl Stream<Item = Event> + Send {
    let stirred = store.stirred();
    let start = (store, stirred, Vec::<Event>::new().into_iter(), seen);
    stream::unfold(start, move |(store, mut stirred, mut ready, mut seen)| async move {
        loop {
            if let Some(event) = ready.next() {
                return Some((event, (store, stirred, ready, seen)));
            }
            // Looked at before reading, so that what comes while reading is read next.
            stirred.mark_unchanged();
            match after(&store, actor, seen).await {
                Ok(events) if events.is_empty() => stirred.changed().await.ok()?,
                Ok(events) => {
                    seen = events.last().map_or(seen, |event| event.id as i64);
                    ready = events.into_iter();
                }
                Err(error) => {
                    // The client comes back and says what it has seen.
                    tracing::warn!(%error, "a stream of events was broken off");
                    return None;
                }
            }
        }
    })
}

async fn after(store: &Store, actor: Actor, seen: i64) -> Result<Vec<Event>, StoreError> {
    store
        .read(actor, move |reader| {
            let sql = "SELECT seq, kind, data FROM my_events WHERE seq > ?1 ORDER BY seq LIMIT ?2";
            let mut query = reader.prepare_cached(sql)?;
            let rows = query.query_map((seen, PIECE as i64), |row| {
                Ok(Event { id: row.get::<_, i64>(0)? as u64, name: row.get(1)?, data: row.get(2)? })
            })?;
            rows.collect::<Result<_, _>>().map_err(StoreError::from)
        })
        .await
}

/// A client that comes for the first time is told of what happens from now on.
async fn newest(store: &Store, actor: Actor) -> Result<i64, StoreError> {
    store
        .read(actor, |reader| {
            let sql = "SELECT coalesce(max(seq), 0) FROM my_events";
            reader.prepare_cached(sql)?.query_row([], |row| row.get(0)).map_err(StoreError::from)
        })
        .await
}
