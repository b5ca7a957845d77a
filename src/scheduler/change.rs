//! What every change of an appointment brings with it, in the transaction of the change itself: the audit row, live
//! events for everybody who has a seat, messages in the outbox, deliveries to webhooks. So nothing is told of what was
//! not stored, and nothing that was stored goes untold.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Error;
use super::records::{Appointment, Seat, SeatRole};
use super::webhooks::webhook;
use crate::ids::{AppointmentId, SeatId, UserId};
use crate::store::{Actor, Audience, Channel, Outgoing, Tx};
use crate::units::UnixTime;
use crate::units::rfc3339::format as rfc3339;

/// When reminders go out before the start, and what they are called in their keys.
pub const REMINDERS: [(&str, Duration); 3] = [
    ("24h", Duration::from_secs(24 * 3600)),
    ("1h", Duration::from_secs(3600)),
    ("15min", Duration::from_secs(15 * 60)),
];

/// What has happened to an appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A time is held while somebody fills in the rest.
    Held,
    /// It is held no more: its customer has given it back.
    Released,
    /// The expert is to answer.
    Requested,
    /// It will take place.
    Approved,
    /// It will not.
    Rejected,
    /// One side proposes another time.
    Proposed,
    /// Nothing comes of that: the other side does not want it, or the one side no more.
    ProposalDeclined,
    /// It has another time.
    Rescheduled,
    /// It was called off.
    Cancelled,
    /// Nobody answered in time, or the hold lapsed.
    Expired,
    /// The expert and a customer are in the call.
    Started,
    /// It took place.
    Completed,
    /// Somebody did not come.
    NoShow,
    /// What it was put down as was not so.
    Corrected,
    /// The room opens earlier than planned.
    OpenedEarly,
    /// The room stays open longer.
    Extended,
    /// The room opens or closes at another time, or lets nobody new in from another time on.
    WindowChanged,
    /// The room closes soon.
    Closing,
    /// A customer has joined a session.
    Joined,
    /// Somebody has given up the own seat.
    Left,
    /// Somebody has been given a seat.
    SeatAdded,
    /// Somebody's seat has changed.
    SeatChanged,
    /// Somebody has lost it.
    SeatRemoved,
    /// Somebody waits in the lobby.
    Waiting,
    /// Somebody waits no more.
    WaitingEnded,
    /// Somebody is let in.
    Admitted,
    /// A message, a file or a note has come.
    Content,
}

impl Kind {
    /// The word in events, in the audit log and in types of webhooks.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Held => "held",
            Kind::Released => "released",
            Kind::Requested => "requested",
            Kind::Approved => "approved",
            Kind::Rejected => "rejected",
            Kind::Proposed => "proposed",
            Kind::ProposalDeclined => "proposal_declined",
            Kind::Rescheduled => "rescheduled",
            Kind::Cancelled => "cancelled",
            Kind::Expired => "expired",
            Kind::Started => "started",
            Kind::Completed => "completed",
            Kind::NoShow => "no_show",
            Kind::Corrected => "corrected",
            Kind::OpenedEarly => "opened_early",
            Kind::Extended => "extended",
            Kind::WindowChanged => "window_changed",
            Kind::Closing => "closing",
            Kind::Joined => "joined",
            Kind::Left => "left",
            Kind::SeatAdded => "seat_added",
            Kind::SeatChanged => "seat_changed",
            Kind::SeatRemoved => "seat_removed",
            Kind::Waiting => "lobby_waiting",
            Kind::WaitingEnded => "lobby_left",
            Kind::Admitted => "lobby_admitted",
            Kind::Content => "content",
        }
    }

    /// Subscribers of webhooks hear of it.
    const fn is_public(self) -> bool {
        !matches!(
            self,
            Kind::Held | Kind::Released | Kind::Closing | Kind::Content | Kind::SeatChanged | Kind::WaitingEnded
        )
    }

    /// It is worth a row in the audit log: waiting is heard of every few seconds, and that a close is near is nobody's
    /// doing.
    const fn is_audited(self) -> bool {
        !matches!(self, Kind::Waiting | Kind::WaitingEnded | Kind::Closing | Kind::Content)
    }
}

/// One change, as it is told.
pub struct Change<'a> {
    /// What.
    pub kind: Kind,
    /// The appointment after it.
    pub appointment: &'a Appointment,
    /// Who did it.
    pub actor: Actor,
    /// What else there is to say, for the audit log and for live events. No secrets, nothing long.
    pub detail: Value,
    /// Words from one side to the other.
    pub message: &'a str,
    reach: RefCell<Reach>,
}

impl<'a> Change<'a> {
    /// A change without further words.
    pub fn new(kind: Kind, appointment: &'a Appointment, actor: Actor) -> Self {
        Self { kind, appointment, actor, detail: json!({}), message: "", reach: RefCell::default() }
    }

    /// With further facts.
    #[must_use]
    pub fn detail(mut self, detail: Value) -> Self {
        self.detail = detail;
        self
    }

    /// With words to the other side.
    #[must_use]
    pub fn message(mut self, message: &'a str) -> Self {
        self.message = message;
        self
    }

    /// Writes everything that this change brings with it.
    ///
    /// # Errors
    ///
    /// [`Error::Store`].
    pub fn record(&self, tx: &mut Tx<'_>, now: UnixTime) -> Result<(), Error> {
        let (appointment, kind) = (self.appointment, self.kind);
        if kind.is_audited() {
            let subject = format!("appointment:{}", appointment.id);
            tx.audit(now, self.actor, &format!("appointment.{}", kind.as_str()), &subject, &self.detail)?;
        }
        let seats = Seat::of_appointment(tx, appointment.id)?;
        let data = self.event();
        let for_others = self.without_person(&data);
        for seat in &seats {
            let Some(audience) = self.audience(seat) else { continue };
            let data = if self.may_know_of_whom(seat) { &data } else { &for_others };
            tx.emit(now, audience, &format!("appointment.{}", kind.as_str()), data)?;
        }
        if kind.is_public() {
            let namespace = if matches!(kind, Kind::Waiting | Kind::Admitted) { "lobby" } else { "appointment" };
            let word = kind.as_str().trim_start_matches("lobby_");
            webhook(tx, now, &format!("{namespace}.{word}"), &data)?;
        }
        self.write_letters(tx, now, &seats)?;
        self.write_letters_to_guests(tx, now)
    }

    /// Whether it is about this seat.
    fn concerns(&self, seat: &Seat) -> bool {
        self.detail.get("seatId").and_then(Value::as_str) == Some(&seat.id.to_string())
    }

    /// In a group, customers do not learn each other's names.
    fn may_know_of_whom(&self, seat: &Seat) -> bool {
        self.appointment.capacity == 1 || seat.role == SeatRole::Host || self.concerns(seat)
    }

    fn without_person(&self, data: &Value) -> Value {
        let mut data = data.clone();
        if let Value::Object(fields) = &mut data {
            fields.retain(|field, _| !matches!(field.as_str(), "seatId" | "userId" | "name"));
        }
        data
    }

    /// Whom live events of a seat go to. Somebody who loses a seat still hears of that.
    fn audience(&self, seat: &Seat) -> Option<Audience> {
        let concerned = self.concerns(seat);
        let hears = seat.removed_at.is_none() || (matches!(self.kind, Kind::SeatRemoved | Kind::Left) && concerned);
        hears.then(|| audience_of(seat.id, seat.user_id))
    }

    /// What live events and webhooks hold.
    fn event(&self) -> Value {
        let it = self.appointment;
        let mut data = Map::new();
        data.insert("appointmentId".into(), json!(it.id));
        data.insert("status".into(), json!(it.status));
        data.insert("startsAt".into(), json!(rfc3339(it.starts_at)));
        data.insert("endsAt".into(), json!(rfc3339(it.ends_at)));
        data.insert("version".into(), json!(it.version));
        if let Value::Object(detail) = &self.detail {
            data.extend(detail.clone());
        }
        Value::Object(data)
    }

    fn write_letters(&self, tx: &mut Tx<'_>, now: UnixTime, seats: &[Seat]) -> Result<(), Error> {
        let it = self.appointment;
        let by = self.actor.user();
        let accounts: Vec<(UserId, SeatRole)> = seats
            .iter()
            .filter(|seat| seat.removed_at.is_none())
            .filter_map(|seat| Some((seat.user_id?, seat.role)))
            .collect();
        let everybody = || accounts.iter().map(|(user, _)| *user).collect::<Vec<_>>();
        let clients = || -> Vec<UserId> {
            accounts.iter().filter(|(_, role)| *role != SeatRole::Host).map(|(user, _)| *user).collect()
        };
        let others =
            || -> Vec<UserId> { accounts.iter().map(|(user, _)| *user).filter(|user| Some(*user) != by).collect() };
        match self.kind {
            Kind::Requested => {
                self.letter(tx, now, "requested", &[it.expert_id], &[Channel::Mail, Channel::Push])?;
                self.letter(tx, now, "request_received", &[it.customer_id], &[Channel::Mail])
            }
            Kind::Approved => {
                self.letter(tx, now, "approved", &everybody(), &[Channel::Mail, Channel::Sms, Channel::Push])?;
                self.remind(tx, now, &everybody())
            }
            Kind::Rejected => self.letter(tx, now, "rejected", &clients(), &[Channel::Mail, Channel::Push]),
            Kind::Proposed => self.letter(tx, now, "proposed", &others(), &[Channel::Mail, Channel::Push]),
            Kind::Rescheduled => {
                self.letter(tx, now, "rescheduled", &everybody(), &[Channel::Mail, Channel::Sms, Channel::Push])?;
                drop_reminders(tx, now, it.id, None)?;
                if it.status == super::Status::Approved { self.remind(tx, now, &everybody()) } else { Ok(()) }
            }
            Kind::Cancelled => {
                drop_reminders(tx, now, it.id, None)?;
                self.letter(tx, now, "cancelled", &everybody(), &[Channel::Mail, Channel::Sms, Channel::Push])
            }
            Kind::Expired if self.detail.get("from") == Some(&json!("pending")) => {
                self.letter(tx, now, "expired", &clients(), &[Channel::Mail])
            }
            Kind::Completed => self.letter(tx, now, "completed", &clients(), &[Channel::Mail]),
            Kind::NoShow => self.letter(tx, now, "no_show", &everybody(), &[Channel::Mail]),
            Kind::ProposalDeclined => {
                self.letter(tx, now, "proposal_declined", &others(), &[Channel::Mail, Channel::Push])
            }
            Kind::Joined => {
                let Some(user) = self.person() else { return Ok(()) };
                self.letter(tx, now, "joined", &[it.expert_id], &[Channel::Mail, Channel::Push])?;
                if it.status != super::Status::Approved {
                    return self.letter(tx, now, "request_received", &[user], &[Channel::Mail]);
                }
                self.letter(tx, now, "approved", &[user], &[Channel::Mail, Channel::Sms, Channel::Push])?;
                self.remind(tx, now, &[user])
            }
            Kind::Left => {
                self.letter(tx, now, "left", &[it.expert_id], &[Channel::Mail, Channel::Push])?;
                let Some(user) = self.person() else { return Ok(()) };
                drop_reminders(tx, now, it.id, Some(user))?;
                self.letter(tx, now, "seat_removed", &[user], &[Channel::Mail])
            }
            Kind::SeatAdded => {
                self.seat_letter(tx, now, "seat_added")?;
                match self.person() {
                    Some(user) if it.status == super::Status::Approved => self.remind(tx, now, &[user]),
                    _ => Ok(()),
                }
            }
            Kind::SeatRemoved => {
                if let Some(user) = self.person() {
                    drop_reminders(tx, now, it.id, Some(user))?;
                }
                self.seat_letter(tx, now, "seat_removed")
            }
            Kind::Waiting => self.letter(tx, now, "waiting", &[it.expert_id], &[Channel::Push]),
            _ => Ok(()),
        }
    }

    /// Guests have no account; those whose address is known hear of what their calendars must know.
    fn write_letters_to_guests(&self, tx: &mut Tx<'_>, now: UnixTime) -> Result<(), Error> {
        let kind = match self.kind {
            Kind::Approved => "approved",
            Kind::Rescheduled => "rescheduled",
            Kind::Cancelled => "cancelled",
            _ => return Ok(()),
        };
        let it = self.appointment;
        let guests: Vec<SeatId> = tx
            .prepare_cached(
                "SELECT id FROM seats WHERE appointment_id = ?1 AND user_id IS NULL AND guest_email IS NOT NULL
                   AND removed_at IS NULL",
            )?
            .query_map([it.id], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        for seat in guests {
            let payload = json!({
                "kind": kind,
                "message": self.message,
                "by": self.actor.user(),
                "version": it.version,
                "sequence": it.ical_sequence,
                "seat": seat,
            });
            let key = format!("{kind}:{}:{}:{seat}:mail", it.id, it.version);
            let outgoing = Outgoing {
                channel: Channel::Mail,
                dedupe_key: &key,
                user: None,
                appointment: Some(it.id),
                payload: &payload,
                due_at: now,
            };
            tx.send(now, &outgoing)?;
        }
        Ok(())
    }

    /// Whose seat it is about, where that is an account's.
    fn person(&self) -> Option<UserId> {
        self.detail.get("userId").and_then(Value::as_str).and_then(|text| text.parse().ok())
    }

    /// A letter to whom the seat belongs.
    fn seat_letter(&self, tx: &mut Tx<'_>, now: UnixTime, kind: &str) -> Result<(), Error> {
        match self.person() {
            Some(user) if Some(user) != self.actor.user() => self.letter(tx, now, kind, &[user], &[Channel::Mail]),
            _ => Ok(()),
        }
    }

    /// Puts one letter for each receiver and channel into the outbox. What it says is put together when it is sent,
    /// from the appointment as it is then.
    fn letter(
        &self,
        tx: &mut Tx<'_>,
        now: UnixTime,
        kind: &str,
        to: &[UserId],
        channels: &[Channel],
    ) -> Result<(), Error> {
        let it = self.appointment;
        let said = |field: &str| self.detail.get(field).and_then(Value::as_str);
        let payload = json!({
            "kind": kind,
            "message": self.message,
            "by": self.actor.user(),
            "version": it.version,
            "sequence": it.ical_sequence,
            "name": said("name").unwrap_or_default(),
            "previous_starts_at": said("previousStartsAt").and_then(crate::units::rfc3339::parse).map(|time| time.0),
        });
        for &user in to {
            for &channel in channels {
                if !self.reach.borrow_mut().has(tx, user, channel) {
                    continue;
                }
                // The same message about the same state of things is one message, however often it is asked for.
                let key = format!("{kind}:{}:{}:{user}:{}", it.id, it.version, channel.as_str());
                let outgoing = Outgoing {
                    channel,
                    dedupe_key: &key,
                    user: Some(user),
                    appointment: Some(it.id),
                    payload: &payload,
                    due_at: now,
                };
                tx.send(now, &outgoing)?;
            }
        }
        Ok(())
    }

    /// The reminders of an approved appointment, one for each time that is still to come.
    fn remind(&self, tx: &mut Tx<'_>, now: UnixTime, to: &[UserId]) -> Result<(), Error> {
        let it = self.appointment;
        for (name, before) in REMINDERS {
            let due_at = it.starts_at.minus(before);
            if due_at <= now {
                continue;
            }
            let payload = json!({ "kind": "reminder", "before": name, "startsAt": it.starts_at.0 });
            for &user in to {
                for channel in [Channel::Mail, Channel::Sms, Channel::Push] {
                    if !self.reach.borrow_mut().has(tx, user, channel) {
                        continue;
                    }
                    let key = format!("reminder:{}:{}:{name}:{user}:{}", it.id, it.starts_at.0, channel.as_str());
                    let outgoing = Outgoing {
                        channel,
                        dedupe_key: &key,
                        user: Some(user),
                        appointment: Some(it.id),
                        payload: &payload,
                        due_at,
                    };
                    tx.send(now, &outgoing)?;
                }
            }
        }
        Ok(())
    }
}

/// How people can be reached and want to be, other than by mail: each is asked about once for all letters of a change.
#[derive(Default)]
struct Reach(Vec<(UserId, Vec<Channel>)>);

impl Reach {
    fn has(&mut self, tx: &Tx<'_>, user: UserId, channel: Channel) -> bool {
        if channel == Channel::Mail {
            return true;
        }
        if let Some((_, channels)) = self.0.iter().find(|(known, _)| *known == user) {
            return channels.contains(&channel);
        }
        // Whoever cannot be asked about gets mail, which goes out in any case.
        let channels = Self::of(tx, user).unwrap_or_default();
        let has = channels.contains(&channel);
        self.0.push((user, channels));
        has
    }

    fn of(tx: &Tx<'_>, user: UserId) -> rusqlite::Result<Vec<Channel>> {
        let sql = "SELECT reminders_by_sms = 1 AND phone IS NOT NULL,
            EXISTS (SELECT 1 FROM push_subscriptions WHERE user_id = ?1) FROM users WHERE id = ?1";
        let (sms, push): (bool, bool) =
            tx.prepare_cached(sql)?.query_row([user], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let channels = [(Channel::Sms, sms), (Channel::Push, push)];
        Ok(channels.into_iter().filter(|(_, wanted)| *wanted).map(|(channel, _)| channel).collect())
    }
}

/// What was to be sent of an appointment that has another time, or none, is not sent; of one that goes on without
/// somebody, not to that one. Its keys are free again: an appointment may come back to a time that it had before.
fn drop_reminders(tx: &Tx<'_>, now: UnixTime, id: AppointmentId, of: Option<UserId>) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE outbox SET state = 'dropped', done_at = ?2, dedupe_key = dedupe_key || ':dropped:' || id
         WHERE appointment_id = ?1 AND state = 'due' AND (?3 IS NULL OR user_id = ?3)
           AND json_extract(payload, '$.kind') = 'reminder'",
    )?
    .execute((id, now.0, of))?;
    Ok(())
}

/// Whom live events go to: the account, or the guest's seat.
pub fn audience_of(seat: SeatId, user: Option<UserId>) -> Audience {
    user.map_or(Audience::Guest(seat), Audience::User)
}
