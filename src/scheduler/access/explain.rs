//! Why somebody may not join: every reason, not only the first.

use serde::Serialize;
use utoipa::ToSchema;

use super::Entrance;
use crate::ids::{AppointmentId, SeatId};
use crate::scheduler::records::{Appointment, Seat};
use crate::scheduler::{Error, Scheduler, Status};
use crate::store::Actor;
use crate::units::{UnixTime, rfc3339};

/// One thing that keeps somebody out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "code", rename_all = "snake_case", rename_all_fields = "camelCase")]
pub enum JoinReason {
    /// Nobody is signed in.
    SignInRequired,
    /// The caller may see the appointment and takes no part in it.
    NoSeat,
    /// The seat was taken away or given up.
    Removed,
    /// The appointment takes no calls.
    NotJoinable {
        /// What it is.
        appointment_status: Status,
    },
    /// It is too early.
    WindowNotOpen {
        /// When the room opens.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        opens_at: UnixTime,
    },
    /// It is too late.
    WindowClosed {
        /// Since when nobody, or nobody new, is let in.
        #[serde(with = "rfc3339")]
        #[schema(value_type = String, format = DateTime)]
        closed_at: UnixTime,
    },
    /// The expert has to let this one in.
    LobbyWaiting {
        /// Place in the queue, from 1; none before the lobby is entered.
        position: Option<u32>,
        /// How many wait for the expert.
        waiting: u32,
        /// Since when.
        #[serde(with = "rfc3339::option")]
        #[schema(value_type = Option<String>, format = DateTime)]
        since: Option<UnixTime>,
    },
}

/// Whether somebody may join an appointment's call now, and what stands against it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinExplanation {
    /// Nothing does.
    pub may_join: bool,
    /// All that does.
    pub reasons: Vec<JoinReason>,
    /// When the room opens, or did; none for whoever may not know.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub opens_at: Option<UnixTime>,
    /// When it closes, or did.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub closes_at: Option<UnixTime>,
}

impl Scheduler {
    /// Why the caller may not join an appointment's call; of another's seat the expert and administrators may ask.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an appointment or a seat that is not the caller's to see, [`Error::NotYours`] for
    /// another's seat.
    pub async fn explain_join(
        &self,
        actor: Actor,
        id: AppointmentId,
        seat: Option<SeatId>,
    ) -> Result<JoinExplanation, Error> {
        if actor == Actor::Anonymous {
            let reasons = vec![JoinReason::SignInRequired];
            return Ok(JoinExplanation { may_join: false, reasons, opens_at: None, closes_at: None });
        }
        let (now, rules) = (self.now(), self.inner.settings.window);
        let (appointment, seat) = self
            .read(actor, move |reader| {
                let seats = Seat::of_appointment(reader, id)?;
                let own = seats.iter().find(|seat| is_own(seat, actor));
                // Whoever was removed does not see the appointment any more, and yet may know why.
                let appointment = match Appointment::load(reader, id) {
                    Ok(appointment) => Some(appointment),
                    Err(Error::NotFound) if own.is_some() => None,
                    Err(error) => return Err(error),
                };
                let seat = match seat {
                    Some(asked) => {
                        let found = seats.iter().find(|seat| seat.id == asked).ok_or(Error::NotFound)?;
                        let runs = actor.is_admin() || actor.user() == appointment.as_ref().map(|it| it.expert_id);
                        if !runs && !is_own(found, actor) {
                            return Err(Error::NotYours);
                        }
                        Some(found)
                    }
                    None => own,
                };
                Ok((appointment, seat.cloned()))
            })
            .await?;
        let Some(appointment) = appointment else {
            let reasons = vec![JoinReason::Removed];
            return Ok(JoinExplanation { may_join: false, reasons, opens_at: None, closes_at: None });
        };
        self.read(Actor::System, move |reader| {
            let window = appointment.window(&rules);
            let mut reasons = Vec::new();
            match &seat {
                None => reasons.push(JoinReason::NoSeat),
                Some(seat) => {
                    Entrance::new(reader, &rules, &appointment, seat)?.explain(now, &mut reasons);
                    let lobby = super::lobby::queue(reader, appointment.expert_id, now)?;
                    for reason in &mut reasons {
                        if let JoinReason::LobbyWaiting { position, waiting, since } = reason {
                            let place = lobby.iter().position(|entry| entry.seat == seat.id);
                            *position = place.map(|place| place as u32 + 1);
                            *since = place.map(|place| lobby[place].since);
                            *waiting = lobby.len() as u32;
                        }
                    }
                }
            }
            Ok(JoinExplanation {
                may_join: reasons.is_empty(),
                reasons,
                opens_at: Some(window.opens),
                closes_at: Some(window.closes),
            })
        })
        .await
    }
}

fn is_own(seat: &Seat, actor: Actor) -> bool {
    match actor {
        Actor::User(user, _) => seat.user_id == Some(user),
        Actor::Guest(id) => seat.id == id,
        Actor::Anonymous | Actor::System => false,
    }
}

impl Entrance<'_> {
    /// Everything that [`Entrance::judge`] could say; nothing exactly if it lets this seat in.
    fn explain(&self, now: UnixTime, reasons: &mut Vec<JoinReason>) {
        if self.seat.removed_at.is_some() {
            reasons.push(JoinReason::Removed);
        }
        if !matches!(self.appointment.status, Status::Approved | Status::InProgress) {
            reasons.push(JoinReason::NotJoinable { appointment_status: self.appointment.status });
        }
        let closes = self.closes();
        if now < self.window.opens {
            reasons.push(JoinReason::WindowNotOpen { opens_at: self.window.opens });
        } else if now >= closes {
            reasons.push(JoinReason::WindowClosed { closed_at: closes });
        }
        if self.must_wait(now) {
            reasons.push(JoinReason::LobbyWaiting { position: None, waiting: 0, since: None });
        }
    }
}
