//! In front of a room: what the token route would answer, with nothing coming of it.

use super::Entrance;
use super::token::find;
use crate::ids::AppointmentId;
use crate::scheduler::{Error, Scheduler, Window};
use crate::store::Actor;

/// A room of the caller's own, as it stands now.
#[derive(Debug)]
pub struct Door {
    /// Whose room it is.
    pub appointment: AppointmentId,
    /// When it is open.
    pub window: Window,
    /// What keeps the caller out, if anything does. The place in the lobby is not told: nobody waits by looking.
    pub refusal: Option<Error>,
}

impl Scheduler {
    /// What [`Scheduler::token`] would answer the caller now. No token is made, and nobody is put into the lobby.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a room that is not the caller's, whether there is one or not.
    pub async fn door(&self, actor: Actor, room: String) -> Result<Door, Error> {
        let (now, rules) = (self.now(), self.inner.settings.window);
        self.read(Actor::System, move |reader| {
            let (appointment, seat) = find(reader, actor, &room)?;
            let entrance = Entrance::new(reader, &rules, &appointment, &seat)?;
            let refusal = entrance.judge(now).err();
            Ok(Door { appointment: appointment.id, window: entrance.window, refusal })
        })
        .await
    }
}
