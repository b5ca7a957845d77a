//! Notes of an appointment: an expert's own for later, or words that both sides are to see.

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Party;
use crate::ids::{AppointmentId, NoteId, UserId};
use crate::scheduler::change::{Change, Kind};
use crate::scheduler::records::{Appointment, UnknownWord};
use crate::scheduler::texts::words;
use crate::scheduler::{Conflict, Error, Scheduler};
use crate::store::{Actor, Audience, RowExt, Tx};
use crate::units::{UnixTime, rfc3339};

/// Most characters of a note.
pub const MAX_NOTE_BODY: usize = 65_536;
/// Most notes of one person with one appointment.
pub const MAX_NOTES: u64 = 200;

/// Who sees a note.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Visibility {
    /// Its author alone.
    #[default]
    Private,
    /// Everybody who has a part in the appointment.
    Shared,
}

impl Visibility {
    /// The word in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Visibility::Private => "private",
            Visibility::Shared => "shared",
        }
    }
}

impl std::str::FromStr for Visibility {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let all = [Visibility::Private, Visibility::Shared];
        all.into_iter().find(|it| it.as_str() == word).ok_or_else(|| UnknownWord::new(word))
    }
}

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Note {
    /// Id.
    pub id: NoteId,
    /// Of which appointment.
    pub appointment_id: AppointmentId,
    /// Who wrote it.
    pub author_id: UserId,
    /// The author's name.
    pub author_name: String,
    /// The text.
    pub body: String,
    /// Who sees it.
    pub visibility: Visibility,
    /// Rises with each change; the ETag.
    pub version: i64,
    /// When it was written.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
    /// When it was last changed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: UnixTime,
}

impl Note {
    /// Reads a row of `my_notes`.
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            appointment_id: row.get("appointment_id")?,
            author_id: row.get("author_id")?,
            author_name: row.get("author_name")?,
            body: row.get("body")?,
            visibility: row.word("visibility")?,
            version: row.get("version")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}

/// A note to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewNote {
    /// The text.
    #[schema(min_length = 1, max_length = 65536)]
    pub body: String,
    /// Who sees it; its author alone unless something is said.
    #[serde(default)]
    pub visibility: Visibility,
}

/// What is to be otherwise; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoteChanges {
    /// The text.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 65536)]
    pub body: Option<String>,
    /// Who sees it.
    #[serde(default)]
    pub visibility: Option<Visibility>,
}

impl Scheduler {
    /// The notes of an appointment that the actor may see, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn notes(&self, actor: Actor, id: AppointmentId) -> Result<Vec<Note>, Error> {
        self.read(actor, move |reader| {
            Appointment::load(reader, id)?;
            let sql = "SELECT * FROM my_notes WHERE appointment_id = ?1 ORDER BY created_at, id LIMIT 2000";
            let mut query = reader.prepare_cached(sql)?;
            Ok(query.query_map([id], Note::from_row)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// One note.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`].
    pub async fn note(&self, actor: Actor, id: AppointmentId, note: NoteId) -> Result<Note, Error> {
        self.read(actor, move |reader| {
            let sql = "SELECT * FROM my_notes WHERE id = ?1 AND appointment_id = ?2";
            let mut query = reader.prepare_cached(sql)?;
            query.query_row((note, id), Note::from_row).optional()?.ok_or(Error::NotFound)
        })
        .await
    }

    /// Writes a note.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for guests and administrators, [`Conflict::WrongStatus`],
    /// [`Conflict::TooMany`], [`Error::Invalid`].
    pub async fn add_note(&self, actor: Actor, id: AppointmentId, new: NewNote) -> Result<Note, Error> {
        let now = self.now();
        let body = words("body", &new.body, MAX_NOTE_BODY)?;
        self.write(move |tx| {
            let party = Party::load(tx, actor, id)?;
            let author = actor.user().ok_or(Error::NotYours)?;
            party.must_take_content()?;
            let sql = "SELECT count(*) FROM notes WHERE appointment_id = ?1 AND author_id = ?2";
            let count: u64 = tx.prepare_cached(sql)?.query_row((id, author), |row| row.count(0))?;
            if count >= MAX_NOTES {
                return Err(Conflict::TooMany { limit: MAX_NOTES }.into());
            }
            let note = NoteId::new(now, tx.rng());
            tx.prepare_cached(
                "INSERT INTO notes (id, appointment_id, author_id, body, visibility, created_at, updated_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
            )?
            .execute((note, id, author, body, new.visibility.as_str(), now.0))?;
            let stored = own(tx, actor, id, note)?;
            tell(tx, actor, &stored, new.visibility == Visibility::Shared, "added", now)?;
            Ok(stored)
        })
        .await
    }

    /// Changes a note of one's own, of the version that the caller has seen.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for another's, [`crate::scheduler::Denied::Removed`], [`Error::Stale`],
    /// [`Error::Invalid`].
    pub async fn update_note(
        &self,
        actor: Actor,
        id: AppointmentId,
        note: NoteId,
        version: i64,
        changes: NoteChanges,
    ) -> Result<Note, Error> {
        let now = self.now();
        let body = changes.body.map(|body| words("body", &body, MAX_NOTE_BODY)).transpose()?;
        self.write(move |tx| {
            let before = own(tx, actor, id, note)?;
            Party::load(tx, actor, id)?;
            if before.version != version {
                return Err(Error::Stale);
            }
            let body = body.unwrap_or_else(|| before.body.clone());
            let visibility = changes.visibility.unwrap_or(before.visibility);
            if body == before.body && visibility == before.visibility {
                return Ok(before);
            }
            tx.prepare_cached("UPDATE notes SET body = ?2, visibility = ?3, updated_at = ?4 WHERE id = ?1")?
                .execute((note, body, visibility.as_str(), now.0))?;
            let after = own(tx, actor, id, note)?;
            let shared = [before.visibility, after.visibility].contains(&Visibility::Shared);
            tell(tx, actor, &after, shared, "changed", now)?;
            Ok(after)
        })
        .await
    }

    /// Deletes a note of one's own.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for another's.
    pub async fn delete_note(&self, actor: Actor, id: AppointmentId, note: NoteId) -> Result<(), Error> {
        let now = self.now();
        self.write(move |tx| {
            let before = own(tx, actor, id, note)?;
            tx.prepare_cached("DELETE FROM notes WHERE id = ?1")?.execute([note])?;
            tell(tx, actor, &before, before.visibility == Visibility::Shared, "removed", now)
        })
        .await
    }
}

/// A note that the actor has written. Another's shared one is known to be there, a private one is not.
fn own(tx: &Tx<'_>, actor: Actor, id: AppointmentId, note: NoteId) -> Result<Note, Error> {
    let sql = "SELECT * FROM my_notes WHERE id = ?1 AND appointment_id = ?2";
    let found = tx.prepare_cached(sql)?.query_row((note, id), Note::from_row).optional()?;
    let found = found.ok_or(Error::NotFound)?;
    if Some(found.author_id) == actor.user() {
        return Ok(found);
    }
    if found.visibility == Visibility::Private {
        return Err(Error::NotFound);
    }
    match Party::load(tx, actor, id) {
        Ok(_) => Err(Error::NotYours),
        Err(error) => Err(error),
    }
}

/// Whoever may see the note hears of it.
fn tell(tx: &mut Tx<'_>, actor: Actor, note: &Note, shared: bool, action: &str, now: UnixTime) -> Result<(), Error> {
    let detail = json!({ "content": "note", "action": action, "noteId": note.id });
    if shared {
        let appointment = Appointment::load(tx, note.appointment_id)?;
        return Change::new(Kind::Content, &appointment, actor).detail(detail).record(tx, now);
    }
    let mut data = detail;
    data["appointmentId"] = json!(note.appointment_id);
    tx.emit(now, Audience::User(note.author_id), "appointment.content", &data)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Lobby;
    use crate::scheduler::testing::*;

    fn note(body: &str, visibility: Visibility) -> NewNote {
        NewNote { body: body.into(), visibility }
    }

    #[tokio::test]
    async fn a_private_note_is_its_authors_alone_and_a_shared_one_is_everybodys() {
        let desk = Desk::new();
        let id = desk.approved(Lobby::Off);
        let scheduler = &desk.scheduler;
        let private = scheduler.add_note(expert(8), id, note("limps", Visibility::Private)).await.unwrap();
        desk.at(0);
        let shared = scheduler.add_note(expert(8), id, note("rest", Visibility::Shared)).await.unwrap();
        assert_eq!(shared.author_name, "Person 8");
        assert_eq!(scheduler.notes(expert(8), id).await.unwrap(), [private.clone(), shared.clone()]);
        for other in [customer(1), admin()] {
            assert_eq!(scheduler.notes(other, id).await.unwrap(), std::slice::from_ref(&shared));
            assert!(matches!(scheduler.note(other, id, private.id).await, Err(Error::NotFound)));
            assert!(matches!(scheduler.delete_note(other, id, private.id).await, Err(Error::NotFound)));
            assert!(matches!(scheduler.delete_note(other, id, shared.id).await, Err(Error::NotYours)));
        }
        for stranger in [customer(2), expert(9), Actor::Anonymous] {
            assert!(matches!(scheduler.notes(stranger, id).await, Err(Error::NotFound)));
            assert!(matches!(scheduler.delete_note(stranger, id, shared.id).await, Err(Error::NotFound)));
            let refused = scheduler.add_note(stranger, id, note("x", Visibility::Shared)).await;
            assert!(matches!(refused, Err(Error::NotFound)));
        }
        let heard: i64 = desk.value(&format!("SELECT count(*) FROM events WHERE user_id = '{}'", person(1)));
        assert_eq!(heard, 1, "the customer hears of the shared one");
    }

    #[tokio::test]
    async fn a_change_names_the_version_that_it_is_based_on() {
        let desk = Desk::new();
        let id = desk.approved(Lobby::Off);
        let scheduler = &desk.scheduler;
        let first = scheduler.add_note(customer(1), id, note("ask about x", Visibility::Private)).await.unwrap();
        desk.at(0);
        let share = NoteChanges { visibility: Some(Visibility::Shared), body: None };
        let second = scheduler.update_note(customer(1), id, first.id, first.version, share.clone()).await.unwrap();
        assert!(second.version > first.version);
        assert_eq!((second.body.as_str(), second.updated_at), ("ask about x", START));
        let stale = scheduler.update_note(customer(1), id, first.id, first.version, share.clone()).await;
        assert!(matches!(stale, Err(Error::Stale)));
        // Nothing to change is no change.
        let same = scheduler.update_note(customer(1), id, first.id, second.version, share).await.unwrap();
        assert_eq!(same, second);
        scheduler.delete_note(customer(1), id, first.id).await.unwrap();
        assert!(matches!(scheduler.delete_note(customer(1), id, first.id).await, Err(Error::NotFound)));
    }

    #[tokio::test]
    async fn guests_and_administrators_write_no_notes_and_nobody_writes_endlessly() {
        let desk = Desk::new();
        let id = desk.approved(Lobby::Off);
        let guest = desk.guest(1, "observer");
        for actor in [guest, admin()] {
            let refused = desk.scheduler.add_note(actor, id, note("x", Visibility::Shared)).await;
            assert!(matches!(refused, Err(Error::NotYours)), "{actor:?}: {refused:?}");
        }
        for body in ["", &"x".repeat(MAX_NOTE_BODY + 1)] {
            let refused = desk.scheduler.add_note(expert(8), id, note(body, Visibility::Shared)).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "body", .. })));
        }
        for _ in 0..MAX_NOTES {
            desk.scheduler.add_note(expert(8), id, note("x", Visibility::Private)).await.unwrap();
        }
        let refused = desk.scheduler.add_note(expert(8), id, note("x", Visibility::Private)).await;
        assert!(matches!(refused, Err(Error::Conflict(Conflict::TooMany { .. }))));
        desk.scheduler.add_note(customer(1), id, note("x", Visibility::Private)).await.unwrap();
    }
}
