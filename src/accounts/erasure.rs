//! Forgetting a person. The row stays, for consultations and call logs refer to it, and says nothing of who it was.

use rusqlite::OptionalExtension;
use serde_json::json;

use super::{Accounts, AccountsError, admin, require_self_or_admin, sessions, subject};
use crate::ids::UserId;
use crate::store::{Actor, Tx};
use crate::units::UnixTime;

/// What stands in place of a name. The database lets a closed call log take it.
pub const ERASED_NAME: &str = "Erased person";

/// Everything that is the person's alone, and that nothing refers to.
const DELETED: &[&str] = &[
    "DELETE FROM sessions WHERE user_id = ?1",
    "DELETE FROM login_tokens WHERE user_id = ?1",
    "DELETE FROM push_subscriptions WHERE user_id = ?1",
    "DELETE FROM events WHERE user_id = ?1",
    "DELETE FROM availability_rules WHERE expert_id = ?1",
    "DELETE FROM availability_exceptions WHERE expert_id = ?1",
    // Nobody else could ever read them.
    "DELETE FROM notes WHERE author_id = ?1 AND visibility = 'private'",
];

/// Names and the person's own words in what stays.
const EMPTIED: &[&str] = &[
    "UPDATE call_logs SET participant_name = ?2 WHERE user_id = ?1",
    "UPDATE messages SET name = ?2 WHERE seat_id IN (SELECT id FROM seats WHERE user_id = ?1)",
    "UPDATE appointments SET customer_note = '' WHERE customer_id = ?1 AND customer_note <> ''",
    "UPDATE seats SET note = '' WHERE user_id = ?1 AND note <> ''",
    "UPDATE consents SET text = '' WHERE seat_id IN (SELECT id FROM seats WHERE user_id = ?1)",
    "UPDATE appointments SET decision_message = '' WHERE expert_id = ?1 AND decision_message <> ''",
    "UPDATE appointments SET proposed_message = NULL WHERE proposed_by = ?1 AND proposed_message IS NOT NULL",
    "UPDATE ratings SET comment = '' WHERE user_id = ?1 AND comment <> ''",
    "UPDATE expert_profiles SET slug = 'erased-' || user_id, headline = '', bio = '', specialities = '[]',
       languages = '[]', published = 0 WHERE user_id = ?1",
    "UPDATE services SET active = 0 WHERE expert_id = ?1 AND active = 1",
    "UPDATE outbox SET payload = json_object('kind', json_extract(payload, '$.kind')), last_error = NULL,
       done_at = CASE state WHEN 'due' THEN due_at ELSE done_at END,
       state = CASE state WHEN 'due' THEN 'dropped' ELSE state END
     WHERE user_id = ?1",
];

/// Files that the person has put into consultations. Nobody gets them any more; their bytes go with the rows.
const FILES: &str = "UPDATE files SET name = 'erased', deleted_at = coalesce(deleted_at, ?3)
     WHERE seat_id IN (SELECT id FROM seats WHERE user_id = ?1 OR guest_email = ?2 COLLATE NOCASE)";

/// The same for seats that the person had as a guest, before there was an account.
const EMPTIED_AS_GUEST: &[&str] = &[
    "UPDATE seats SET guest_name = ?2 WHERE guest_email = ?1 COLLATE NOCASE",
    "UPDATE call_logs SET participant_name = ?2
     WHERE user_id IS NULL AND seat_id IN (SELECT id FROM seats WHERE guest_email = ?1 COLLATE NOCASE)",
    "UPDATE messages SET name = ?2 WHERE seat_id IN (SELECT id FROM seats WHERE guest_email = ?1 COLLATE NOCASE)",
    "UPDATE outbox SET payload = json_object('kind', json_extract(payload, '$.kind'), 'name', ?2), last_error = NULL,
       done_at = CASE state WHEN 'due' THEN due_at ELSE done_at END,
       state = CASE state WHEN 'due' THEN 'dropped' ELSE state END
     WHERE json_extract(payload, '$.email') = ?1 COLLATE NOCASE",
];

impl Accounts {
    /// Forgets a person. Consultations that lie ahead must have been cancelled.
    ///
    /// # Errors
    ///
    /// [`AccountsError::WrongRole`], [`AccountsError::NotFound`], [`AccountsError::LastAdmin`],
    /// [`AccountsError::HasAppointments`].
    pub async fn erase(&self, actor: Actor, user: UserId) -> Result<(), AccountsError> {
        require_self_or_admin(actor, user)?;
        let now = self.now();
        self.store().write(move |tx| erase(tx, now, actor, user)).await
    }
}

fn erase(tx: &mut Tx<'_>, now: UnixTime, actor: Actor, user: UserId) -> Result<(), AccountsError> {
    let (role, _) = admin::standing(tx, user)?;
    admin::keep_an_admin(tx, user, role)?;
    if has_appointments(tx, user)? {
        return Err(AccountsError::HasAppointments);
    }
    let sql = "SELECT email FROM users WHERE id = ?1";
    let email: String = tx.prepare_cached(sql)?.query_row([user], |row| row.get(0))?;
    let sql = "UPDATE users SET email = 'erased-' || id || '@invalid', name = ?2, status = 'erased', tz = 'UTC',
           locale = 'en', phone = NULL, password_hash = NULL, email_verified_at = NULL, oidc_subject = NULL,
           reminders_by_mail = 0, reminders_by_sms = 0, quiet_from_min = NULL, quiet_to_min = NULL,
           feed_token_hash = NULL, version = version + 1, updated_at = ?3
         WHERE id = ?1";
    tx.prepare_cached(sql)?.execute((user, ERASED_NAME, now.0))?;
    sessions::revoke_room_tokens(tx, now, user)?;
    for sql in DELETED {
        tx.prepare_cached(sql)?.execute([user])?;
    }
    for sql in EMPTIED {
        let mut statement = tx.prepare_cached(sql)?;
        // Half of them name somebody and half do not.
        match statement.parameter_count() {
            1 => statement.execute([user])?,
            _ => statement.execute((user, ERASED_NAME))?,
        };
    }
    tx.prepare_cached(FILES)?.execute((user, &email, now.0))?;
    for sql in EMPTIED_AS_GUEST {
        tx.prepare_cached(sql)?.execute((&email, ERASED_NAME))?;
    }
    let sql = "UPDATE seats SET guest_email = NULL WHERE guest_email = ?1 COLLATE NOCASE";
    tx.prepare_cached(sql)?.execute([&email])?;
    let sql = "UPDATE guest_links SET revoked_at = ?2 WHERE created_by = ?1 AND revoked_at IS NULL";
    tx.prepare_cached(sql)?.execute((user, now.0))?;
    tx.audit(now, actor, "user.erased", &subject(user), &json!({}))?;
    Ok(())
}

/// Whether somebody counts on the person's being there.
fn has_appointments(tx: &Tx<'_>, user: UserId) -> Result<bool, AccountsError> {
    let sql = "SELECT 1 FROM appointments a
         WHERE a.status IN ('hold', 'pending', 'approved', 'in_progress')
           AND (a.customer_id = ?1 OR a.expert_id = ?1
             OR EXISTS (SELECT 1 FROM seats s WHERE s.appointment_id = a.id AND s.user_id = ?1 AND s.removed_at IS NULL))
         LIMIT 1";
    Ok(tx.prepare_cached(sql)?.query_row([user], |_| Ok(())).optional()?.is_some())
}
