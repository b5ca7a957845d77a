//! Addresses of those who take part, for whoever runs an appointment.

use super::booking::Standing;
use super::{Error, Scheduler};
use crate::ids::{AppointmentId, SeatId};
use crate::store::Actor;

impl Scheduler {
    /// The address of each seat's holder, where one is known: for the expert and administrators, and nobody else.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn contacts(&self, actor: Actor, id: AppointmentId) -> Result<Vec<(SeatId, String)>, Error> {
        let runs = self.read(actor, move |reader| Ok(Standing::of(reader, actor, id)?.runs())).await?;
        if !runs {
            return Ok(Vec::new());
        }
        self.read(Actor::System, move |reader| {
            let sql = "SELECT s.id, coalesce(u.email, s.guest_email) AS email
                FROM system_seats s LEFT JOIN system_users u ON u.id = s.user_id
                WHERE s.appointment_id = ?1 AND coalesce(u.email, s.guest_email) IS NOT NULL";
            let mut statement = reader.prepare_cached(sql)?;
            Ok(statement.query_map([id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
        })
        .await
    }
}
