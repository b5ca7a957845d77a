//! Sessions that several customers share: each has a seat, nobody but the expert moves or ends it for the others.

use rusqlite::OptionalExtension;
use serde_json::json;

use super::{clients, touch};
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, Permissions, Seat, SeatRole};
use crate::scheduler::services::Service;
use crate::scheduler::{Conflict, Error, Status};
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// Gives a customer a seat in the session of a service that starts then. Where the expert decides, the session waits
/// for the expert or has been approved; the customer is in it either way, and the expert may take the seat away. The
/// note is what the customer writes, the words are what the customer is told.
pub(super) fn join(
    tx: &mut Tx<'_>,
    actor: Actor,
    customer: UserId,
    service: &Service,
    starts_at: UnixTime,
    (note, words): (&str, &str),
    now: UnixTime,
) -> Result<Appointment, Error> {
    let sql = "SELECT id FROM public_sessions WHERE expert_id = ?1 AND service_id = ?2 AND starts_at = ?3
        ORDER BY seats_left DESC LIMIT 1";
    let found = tx.prepare_cached(sql)?.query_row((service.expert_id, service.id, starts_at.0), |row| row.get(0));
    let id: AppointmentId = found.optional()?.ok_or(Conflict::SlotTaken)?;
    let seat = seat_for(tx, id, customer, note, actor, now)?;
    let after = touch(tx, id, now)?;
    let seat = Seat::load(tx, seat)?;
    let detail = json!({ "seatId": seat.id, "userId": customer, "name": seat.name, "role": seat.role });
    Change::new(Kind::Joined, &after, actor).detail(detail).message(words).record(tx, now)?;
    Ok(after)
}

/// A seat that is new, or given up before and taken again.
fn seat_for(
    tx: &mut Tx<'_>,
    id: AppointmentId,
    customer: UserId,
    note: &str,
    actor: Actor,
    now: UnixTime,
) -> Result<SeatId, Error> {
    let known = match Seat::of_user(tx, id, customer) {
        Ok(seat) => Some(seat),
        Err(Error::NotFound) => None,
        Err(error) => return Err(error),
    };
    let may = Permissions::of(SeatRole::Client);
    match known {
        // Whoever is in it in whatever role is not free for it.
        Some(seat) if seat.removed_at.is_none() => Err(Conflict::CustomerOverlap.into()),
        Some(seat) => {
            tx.prepare_cached(
                "UPDATE seats SET removed_at = NULL, role = 'client', admitted_at = NULL, note = ?2, publish_audio = ?3,
                   publish_video = ?4, publish_screen = ?5, publish_data = ?6 WHERE id = ?1",
            )?
            .execute((seat.id, note, may.audio, may.video, may.screen, may.data))?;
            Ok(seat.id)
        }
        None => {
            let seat = SeatId::new(now, tx.rng());
            tx.prepare_cached(
                "INSERT INTO seats (id, appointment_id, user_id, role, note, invited_by, created_at)
                 VALUES (?1, ?2, ?3, 'client', ?4, ?5, ?6)",
            )?
            .execute((seat, id, customer, note, actor.user().filter(|user| *user != customer), now.0))?;
            Ok(seat)
        }
    }
}

/// Whether a customer's leaving leaves others behind.
pub(super) fn others_stay(tx: &Tx<'_>, appointment: &Appointment, seat: &Seat) -> Result<bool, Error> {
    Ok(clients(tx, appointment.id)?.iter().any(|other| other.id != seat.id))
}

/// A seat is nobody's any more: what opens the room for it stops to, it waits no longer, and what its holder has
/// proposed is proposed by nobody.
pub(super) fn vacate(tx: &Tx<'_>, seat: &Seat, now: UnixTime) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE seats SET removed_at = ?2, admitted_at = NULL, waiting_since = NULL, waiting_seen_at = NULL WHERE id = ?1",
    )?
    .execute((seat.id, now.0))?;
    tx.prepare_cached("UPDATE room_tokens SET revoked_at = ?2 WHERE seat_id = ?1 AND revoked_at IS NULL")?
        .execute((seat.id, now.0))?;
    tx.prepare_cached(
        "UPDATE appointments SET proposed_starts_at = NULL, proposed_ends_at = NULL, proposed_by = NULL,
           proposed_message = NULL WHERE id = ?1 AND proposed_by = ?2",
    )?
    .execute((seat.appointment_id, seat.user_id))?;
    Ok(())
}

/// Seats change while there is something to have a seat in.
pub(super) fn check_open(appointment: &Appointment) -> Result<(), Error> {
    match appointment.status {
        Status::Hold | Status::Pending | Status::Approved | Status::InProgress => Ok(()),
        over => Err(Conflict::NotJoinable(over).into()),
    }
}
