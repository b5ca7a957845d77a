//! Guest links: whoever holds one has a seat in one appointment, without an account.

use std::time::Duration;

use rusqlite::{OptionalExtension, Row};
use serde_json::json;

use super::secrets::{hash_of, new_secret, presented};
use super::sessions::{self, NewSession, Owner};
use super::{Accounts, AccountsError, Device, Email, links};
use crate::config::Secret;
use crate::ids::{AppointmentId, RecordId, SeatId, UserId};
use crate::store::{Actor, Channel, Outgoing, Reader, Role, RowExt, Tx};
use crate::units::UnixTime;

/// Most uses of a link, as the database has it.
const MAX_USES: u16 = 1000;
/// Most links of a seat that work at a time.
const MAX_LINKS: i64 = 10;
/// By how much an appointment can outlast the close that its links were made for: as far as it can be extended.
const LONGEST_EXTENSION: Duration = Duration::from_secs(480 * 60);

/// How a guest link is to be.
#[derive(Clone, Debug)]
pub struct GuestLinkRequest {
    /// When it stops to work; the caller keeps it within the appointment's window.
    pub expires_at: UnixTime,
    /// How often it works.
    pub max_uses: u16,
    /// The mail that is to carry it to the seat's address, where there is one.
    pub invitation: Option<GuestInvitation>,
}

/// What the mail with a guest link is to be like.
#[derive(Clone, Debug, Default)]
pub struct GuestInvitation {
    /// The guest's language.
    pub locale: String,
    /// The guest's time zone.
    pub tz: String,
    /// Words of whoever invites.
    pub message: String,
}

/// A guest link that has just been made. The token is shown once.
#[derive(Clone, Debug)]
pub struct NewGuestLink {
    /// Id, by which it is revoked.
    pub id: RecordId,
    /// What the link's address ends with.
    pub token: Secret,
    /// When it stops to work.
    pub expires_at: UnixTime,
}

/// A guest link as hosts and administrators see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuestLink {
    /// Id.
    pub id: RecordId,
    /// The seat that it leads to.
    pub seat: SeatId,
    /// The appointment of that seat.
    pub appointment: AppointmentId,
    /// Who made it.
    pub created_by: UserId,
    /// When.
    pub created_at: UnixTime,
    /// When it stops to work.
    pub expires_at: UnixTime,
    /// How often it works.
    pub max_uses: u16,
    /// How often it was used.
    pub uses: u16,
    /// When it was revoked.
    pub revoked_at: Option<UnixTime>,
}

/// What a guest has after opening a link.
#[derive(Clone, Debug)]
pub struct GuestOpened {
    /// The session of the seat.
    pub session: NewSession,
    /// The seat.
    pub seat: SeatId,
    /// Its appointment.
    pub appointment: AppointmentId,
}

impl Accounts {
    /// Makes a link to a guest's seat.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`] where the actor neither hosts the appointment nor administers;
    /// [`AccountsError::NotAGuestSeat`], [`AccountsError::InvalidExpiry`], [`AccountsError::InvalidUses`],
    /// [`AccountsError::TooManyLinks`]; [`AccountsError::InvalidEmail`] where a mail is to go to no address.
    pub async fn create_guest_link(
        &self,
        actor: Actor,
        seat: SeatId,
        request: GuestLinkRequest,
    ) -> Result<NewGuestLink, AccountsError> {
        let Actor::User(creator, _) = actor else { return Err(AccountsError::WrongRole) };
        let now = self.now();
        if request.expires_at <= now {
            return Err(AccountsError::InvalidExpiry);
        }
        if !(1..=MAX_USES).contains(&request.max_uses) {
            return Err(AccountsError::InvalidUses);
        }
        let create = move |tx: &mut Tx<'_>| {
            let found = seat_of(tx, seat)?.filter(|found| found.is_run_by(actor)).ok_or(AccountsError::NotFound)?;
            if !found.is_open_to_guests() {
                return Err(AccountsError::NotAGuestSeat);
            }
            let sql = "SELECT count(*) FROM guest_links
                 WHERE seat_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 AND uses < max_uses";
            let open: i64 = tx.prepare_cached(sql)?.query_row((seat, now.0), |row| row.get(0))?;
            if open >= MAX_LINKS {
                return Err(AccountsError::TooManyLinks);
            }
            let (expires_at, max_uses) = (request.expires_at, request.max_uses);
            let (id, token) = (RecordId::new(now, tx.rng()), new_secret(tx.rng()));
            tx.prepare_cached(
                "INSERT INTO guest_links (id, token_hash, seat_id, created_by, created_at, expires_at, max_uses)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute((id, hash_of(token.reveal()), seat, creator, now.0, expires_at.0, max_uses))?;
            if let Some(invitation) = &request.invitation {
                invite(tx, now, &found, (id, &token), invitation)?;
            }
            let detail = json!({ "seat": seat, "link": id });
            tx.audit(now, actor, "guest_link.created", &found.subject(), &detail)?;
            Ok(NewGuestLink { id, token, expires_at })
        };
        self.store().write(create).await
    }

    /// Takes a link for a session of its seat. Like every link it is opened by POST, and each opening counts.
    ///
    /// # Errors
    ///
    /// [`AccountsError::LinkInvalid`] where it is unknown, expired, revoked, or its seat or appointment gone;
    /// [`AccountsError::LinkUsed`] where it was used as often as it may be.
    pub async fn open_guest_link(&self, token: &str, device: Device) -> Result<GuestOpened, AccountsError> {
        let hash = presented(token).ok_or(AccountsError::LinkInvalid)?;
        let now = self.now();
        let open = move |tx: &mut Tx<'_>| {
            let sql = "SELECT id, seat_id, expires_at, uses >= max_uses FROM guest_links
                 WHERE token_hash = ?1 AND revoked_at IS NULL AND expires_at > ?2";
            let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.time(2)?, row.get(3)?));
            let found = tx.prepare_cached(sql)?.query_row((hash, now.0), row).optional()?;
            let (link, seat, expires_at, used_up): (RecordId, SeatId, UnixTime, bool) =
                found.ok_or(AccountsError::LinkInvalid)?;
            let found = seat_of(tx, seat)?.filter(Seat::is_open_to_guests).ok_or(AccountsError::LinkInvalid)?;
            if used_up {
                return Err(AccountsError::LinkUsed);
            }
            tx.prepare_cached("UPDATE guest_links SET uses = uses + 1 WHERE id = ?1")?.execute([link])?;
            tx.audit(now, Actor::Guest(seat), "guest_link.opened", &found.subject(), &json!({ "link": link }))?;
            // The end of the appointment ends the session before this does.
            let expires_at = expires_at.plus(LONGEST_EXTENSION);
            let session = sessions::open(tx, now, Owner::Seat(seat), expires_at, &device)?;
            Ok(GuestOpened { session, seat, appointment: found.appointment })
        };
        self.store().write(open).await
    }

    /// Revokes a link, and signs out whoever came to its seat.
    ///
    /// # Errors
    ///
    /// [`AccountsError::NotFound`] where the actor neither hosts the appointment nor administers.
    pub async fn revoke_guest_link(&self, actor: Actor, link: RecordId) -> Result<(), AccountsError> {
        let now = self.now();
        let revoke = move |tx: &mut Tx<'_>| {
            let sql = "SELECT seat_id FROM guest_links WHERE id = ?1";
            let seat: SeatId = tx
                .prepare_cached(sql)?
                .query_row([link], |row| row.get(0))
                .optional()?
                .ok_or(AccountsError::NotFound)?;
            let found = seat_of(tx, seat)?.filter(|found| found.is_run_by(actor)).ok_or(AccountsError::NotFound)?;
            let sql = "UPDATE guest_links SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL";
            if tx.prepare_cached(sql)?.execute((link, now.0))? == 0 {
                return Ok(());
            }
            for sql in [
                "UPDATE sessions SET revoked_at = ?2 WHERE seat_id = ?1 AND revoked_at IS NULL",
                "UPDATE room_tokens SET revoked_at = ?2 WHERE seat_id = ?1 AND revoked_at IS NULL",
            ] {
                tx.prepare_cached(sql)?.execute((seat, now.0))?;
            }
            links::forget_mail(tx, link)?;
            let detail = json!({ "seat": seat, "link": link });
            tx.audit(now, actor, "guest_link.revoked", &found.subject(), &detail)?;
            Ok(())
        };
        self.store().write(revoke).await
    }

    /// The links of an appointment, as far as the actor may see them, the latest first.
    ///
    /// # Errors
    ///
    /// [`AccountsError::Store`].
    pub async fn guest_links(&self, actor: Actor, of: AppointmentId) -> Result<Vec<GuestLink>, AccountsError> {
        let query = move |reader: &Reader<'_>| {
            let sql =
                "SELECT id, seat_id, appointment_id, created_by, created_at, expires_at, max_uses, uses, revoked_at
                 FROM my_guest_links WHERE appointment_id = ?1 ORDER BY id DESC LIMIT 500";
            let mut statement = reader.prepare_cached(sql)?;
            let rows = statement.query_map([of], |row| {
                Ok(GuestLink {
                    id: row.get(0)?,
                    seat: row.get(1)?,
                    appointment: row.get(2)?,
                    created_by: row.get(3)?,
                    created_at: row.time(4)?,
                    expires_at: row.time(5)?,
                    max_uses: row.get(6)?,
                    uses: row.get(7)?,
                    revoked_at: row.maybe_time(8)?,
                })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        };
        self.store().read(actor, query).await
    }
}

struct Seat {
    appointment: AppointmentId,
    expert: UserId,
    is_guest: bool,
    name: Option<String>,
    email: Option<String>,
    removed: bool,
    status: String,
}

impl Seat {
    /// Whether the actor may decide who sits there.
    fn is_run_by(&self, actor: Actor) -> bool {
        actor.is_admin() || actor == Actor::User(self.expert, Role::Expert)
    }

    /// Whether it is a guest's, and there is something to come to.
    fn is_open_to_guests(&self) -> bool {
        self.is_guest
            && !self.removed
            && matches!(self.status.as_str(), "hold" | "pending" | "approved" | "in_progress")
    }

    fn subject(&self) -> String {
        format!("appointment:{}", self.appointment)
    }
}

fn seat_of(tx: &Tx<'_>, seat: SeatId) -> Result<Option<Seat>, AccountsError> {
    let sql =
        "SELECT a.id, a.expert_id, s.user_id IS NULL, s.removed_at IS NOT NULL, a.status, s.guest_name, s.guest_email
         FROM seats s JOIN appointments a ON a.id = s.appointment_id WHERE s.id = ?1";
    let row = |row: &Row<'_>| {
        Ok(Seat {
            appointment: row.get(0)?,
            expert: row.get(1)?,
            is_guest: row.get(2)?,
            removed: row.get(3)?,
            status: row.get(4)?,
            name: row.get(5)?,
            email: row.get(6)?,
        })
    };
    Ok(tx.prepare_cached(sql)?.query_row([seat], row).optional()?)
}

/// Puts the mail with a link into the outbox.
fn invite(
    tx: &mut Tx<'_>,
    now: UnixTime,
    seat: &Seat,
    (link, token): (RecordId, &Secret),
    invitation: &GuestInvitation,
) -> Result<(), AccountsError> {
    // The seat's address was written by whoever gave the seat away.
    let email: Email = seat.email.as_deref().unwrap_or_default().parse()?;
    let payload = json!({
        "kind": "guest_invitation", "token": token.reveal(), "email": email.as_str(), "name": seat.name,
        "locale": invitation.locale, "tz": invitation.tz, "message": invitation.message,
    });
    let dedupe_key = links::outbox_key(link);
    let appointment = Some(seat.appointment);
    let channel = Channel::Mail;
    tx.send(
        now,
        &Outgoing { channel, dedupe_key: &dedupe_key, user: None, appointment, payload: &payload, due_at: now },
    )?;
    Ok(())
}
