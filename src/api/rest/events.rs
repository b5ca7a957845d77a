//! `GET /api/events`: live status over server-sent events. They are rows of the database, written with the change that
//! they tell of, so whoever comes back misses nothing.

use std::future::pending;
use std::time::Duration;
use std::vec::IntoIter;

use axum::extract::State;
use axum::response::Response;
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::sync::watch;
use utoipa_axum::routes;

use super::Rest;
use crate::api::office::events::stream as answer;
use crate::api::office::{Access, Caller, Class, Event, Gate, LastEventId, OfficeRoutes};
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
///
/// `server.clock` says in `unixMs` what time it is where development mode has shifted the server's clock. It is no
/// event to come back to: its id is that of the one before it.
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
    let shifts = rest.gate.shift.as_ref().map(|clock| clock.shifts());
    let told =
        Told { gate: rest.gate.clone(), actor: caller.actor, store, shifts, ready: Vec::new().into_iter(), seen };
    Ok(answer(&rest.gate, tell(told).take_until(lifetime)))
}

/// How far one stream has come.
struct Told {
    gate: Gate,
    actor: Actor,
    store: Store,
    /// Turns when the server's clock is shifted.
    shifts: Option<watch::Receiver<i64>>,
    /// Read and not told yet.
    ready: IntoIter<Event>,
    /// The last that was read.
    seen: i64,
}

/// Events after those that were seen, those that exist and those that come.
fn tell(told: Told) -> impl Stream<Item = Event> + Send {
    let stirred = told.store.stirred();
    stream::unfold((told, stirred), |(mut told, mut stirred)| async move {
        loop {
            if let Some(event) = told.ready.next() {
                return Some((event, (told, stirred)));
            }
            // Looked at before reading, so that what comes while reading is read next.
            stirred.mark_unchanged();
            match after(&told.store, told.actor, told.seen).await {
                Ok(events) if events.is_empty() => {
                    tokio::select! {
                        changed = stirred.changed() => changed.ok()?,
                        () = shifted(&mut told.shifts) => {
                            let time = json!({ "unixMs": told.gate.now().as_millis() });
                            let event = Event::new(told.seen.unsigned_abs(), "server.clock", &time);
                            return Some((event, (told, stirred)));
                        }
                    }
                }
                Ok(events) => {
                    told.seen = events.last().map_or(told.seen, |event| event.id as i64);
                    told.ready = events.into_iter();
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

/// Until the clock is shifted, which one that cannot be shifted never is.
async fn shifted(shifts: &mut Option<watch::Receiver<i64>>) {
    if let Some(shifts) = shifts
        && shifts.changed().await.is_ok()
    {
        return;
    }
    pending().await
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::api::office::GateParts;
    use crate::clock::{SharedClock, ShiftedClock};
    use crate::config::OfficeSettings;
    use crate::metrics::Metrics;
    use crate::scheduler::testing::{Desk, START, customer};

    #[tokio::test]
    async fn whoever_listens_hears_what_time_it_is_when_the_clock_is_shifted() {
        let desk = Desk::new();
        desk.at(0);
        let clock = Arc::new(ShiftedClock::new(Arc::clone(&desk.clock) as SharedClock));
        let base = "https://meet.example.org".parse().unwrap();
        let metrics = Arc::new(Metrics::default());
        let shared = Arc::clone(&clock) as SharedClock;
        let parts = GateParts::new(&OfficeSettings::default(), base, shared, metrics, watch::channel(false).1);
        let told = Told {
            gate: Gate::new(parts.in_development(Arc::clone(&clock))),
            actor: customer(1),
            store: desk.scheduler.store().clone(),
            shifts: Some(clock.shifts()),
            ready: Vec::new().into_iter(),
            seen: 7,
        };
        let mut stream = std::pin::pin!(tell(told));
        let waits = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
        assert!(waits.is_err(), "nothing has happened");
        clock.shift(60_000);
        let event = stream.next().await.unwrap();
        let data: Value = serde_json::from_str(&event.data).unwrap();
        assert_eq!((event.id, event.name.as_str()), (7, "server.clock"));
        assert_eq!(data["unixMs"], START.as_millis() + 60_000);
    }
}
