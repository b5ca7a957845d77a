//! Rooms in which somebody tries camera, microphone and line (`/test-call`): one for each user, five minutes long.

use std::time::Duration;

use visavis_signaling::token::{ApiKey, Claims, mint};

use super::token::{grant, record};
use crate::ids::RecordId;
use crate::scheduler::board::Entry;
use crate::scheduler::records::{Permissions, SeatRole};
use crate::scheduler::{Error, Scheduler, Window};
use crate::store::{Actor, StoreError};
use crate::units::UnixTime;

/// How the names of these rooms begin.
pub const TRIAL_PREFIX: &str = "trial-";
/// How long one is open.
pub const TRIAL_TIME: Duration = Duration::from_secs(5 * 60);

impl Scheduler {
    /// Two tokens for a new room that only the caller enters, with itself on both ends, and the room's name and end.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for somebody without a session.
    pub async fn trial(&self, actor: Actor, key: ApiKey) -> Result<(String, [String; 2], UnixTime), Error> {
        if matches!(actor, Actor::Anonymous | Actor::System) {
            return Err(Error::NotYours);
        }
        let now = self.now();
        let closes = now.plus(TRIAL_TIME);
        let (room, tokens) = self
            .write(move |tx| {
                let room = format!("{TRIAL_PREFIX}{}", tx.random_hex::<10>());
                let mut tokens = [String::new(), String::new()];
                for (token, end) in tokens.iter_mut().zip(["near", "far"]) {
                    let jti = RecordId::new(now, tx.rng()).to_string();
                    record(tx, &jti, None, None, &room, end, now)?;
                    let mut claims = Claims::join(end, room.as_str());
                    claims.jti = Some(jti);
                    claims.video = Some(grant(&room, SeatRole::Client, Permissions::of(SeatRole::Client)));
                    *token = mint(&claims, &key, TRIAL_TIME, now)
                        .map_err(|error| Error::Store(StoreError::Internal(error.to_string())))?;
                }
                Ok((room, tokens))
            })
            .await?;
        let window = Window { opens: now, last_join: closes, closes };
        self.inner.board.put(&room, Entry { appointment: None, window, ends_at: closes, keep_chat: false }, now);
        Ok((room, tokens, closes))
    }
}
