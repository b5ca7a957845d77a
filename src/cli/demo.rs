//! `visavis demo`: a server in development mode with people, services and appointments to try it on.
//!
//! Everything comes about by the commands that people use, at the times at which it is said to have happened: a
//! scheduler of its own lives through the week before.

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::args::SettingsArgs;
use super::office::Office;
use super::{Failure, serve};
use crate::accounts::{Accounts, NewPerson};
use crate::clock::{ManualClock, SharedClock};
use crate::config::{AccountSettings, BaseUrl};
use crate::error::chain;
use crate::ids::{AppointmentId, ServiceId, UserId};
use crate::scheduler::{
    Appointment, BookingRequest, CallFact, CallFactKind, LeaveReason, NewConsent, Scheduler, Seat, Wanted,
};
use crate::store::{Actor, Role};
use crate::units::UnixTime;

/// Zone of the experts.
const ZONE: &str = "Europe/Rome";
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Starts a server with people and appointments in it, one of them open right now.
#[derive(Debug, Args)]
pub(super) struct Demo {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Demo {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut settings = self.settings;
        settings.dev = true;
        serve::run(settings, true)
    }
}

/// What is printed once everything is there.
pub(super) struct Story(String);

impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who is in it.
struct Cast {
    ada: UserId,
    ben: UserId,
    elena: UserId,
    marco: UserId,
}

/// Fills an empty installation. One that has people already is left as it is: its links are printed anew.
pub(super) async fn seed(
    office: &Office,
    settings: &AccountSettings,
    clock: &SharedClock,
    base: &BaseUrl,
) -> Result<Story, Failure> {
    let failed = |error: &(dyn std::error::Error + 'static)| {
        Failure::runtime(format!("the demo could not be made: {}", chain(error)))
    };
    let now = clock.unix();
    let empty = office.accounts.is_empty().await.map_err(|error| failed(&error))?;
    if empty {
        let past = Arc::new(ManualClock::new(now.minus(9 * DAY)));
        let shared: SharedClock = Arc::clone(&past) as SharedClock;
        let then = Past {
            accounts: Accounts::new(office.scheduler.store().clone(), Arc::clone(&shared), settings.clone()),
            scheduler: Scheduler::new(office.scheduler.store().clone(), shared, office.scheduler.settings().clone()),
            clock: past,
            present: now,
        };
        then.live(now).await.map_err(|error| failed(&*error))?;
    }
    tell(office, base).await.map_err(|error| failed(&*error))
}

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The week before, and who lives through it.
struct Past {
    accounts: Accounts,
    scheduler: Scheduler,
    clock: Arc<ManualClock>,
    /// When the week before ends.
    present: UnixTime,
}

impl Past {
    async fn live(&self, now: UnixTime) -> Outcome<()> {
        let cast = self.people().await?;
        let quick = self
            .service(cast.elena, json!({
                "title": "Quick advice", "description": "Half an hour for one question.", "durationMin": 30, "stepMin": 5,
                "minNoticeMin": 0, "approval": "auto", "lobby": "on",
            }))
            .await?;
        let thorough = self
            .service(cast.marco, json!({
                "title": "Thorough consultation", "description": "An hour, with time to prepare.", "durationMin": 60,
                "stepMin": 30, "bufferAfterMin": 15, "minNoticeMin": 60, "cancelNoticeMin": 120, "approval": "manual",
            }))
            .await?;
        self.service(
            cast.marco,
            json!({
                "title": "Group question time", "description": "Up to eight people, one expert.", "durationMin": 60,
                "capacity": 8, "approval": "auto", "lobby": "off",
            }),
        )
        .await?;

        // A call that took place, five days ago.
        let done = self.book(cast.ada, quick, ZONE, now.minus(5 * DAY), "My first question.").await?;
        self.call(&done, true).await?;
        // One to which the customer did not come.
        let missed = self.book(cast.ben, quick, "Europe/Berlin", now.minus(3 * DAY), "").await?;
        self.call(&missed, false).await?;
        // One that was called off.
        let off = self.book(cast.ben, quick, "Europe/Berlin", now.plus(2 * DAY), "Never mind.").await?;
        self.scheduler.cancel(customer(cast.ben), off.id, "Something has come up.", None).await?;
        // One that waits for an answer, and one that has got it.
        self.book(cast.ben, thorough, "Europe/Berlin", now.plus(2 * DAY), "About the contract.").await?;
        let agreed = self.book(cast.ada, thorough, ZONE, now.plus(DAY), "As discussed.").await?;
        self.scheduler.approve(expert(cast.marco), agreed.id, "See you tomorrow.", None).await?;
        // And one that is open right now.
        self.until(now.minus(10 * MINUTE));
        self.book(cast.ada, quick, ZONE, now, "Can we look at it together?").await?;
        self.until(now);
        Ok(())
    }

    async fn people(&self) -> Outcome<Cast> {
        let person = async |name: &str, email: &str, role: Role, tz: &str| -> Outcome<UserId> {
            let new = NewPerson {
                email: email.into(),
                name: name.into(),
                password: None,
                role,
                tz: Some(tz.into()),
                locale: Some("en".into()),
                phone: None,
            };
            Ok(self.accounts.create(Actor::System, new).await?.id)
        };
        let cast = Cast {
            ada: person("Ada Amato", "ada@example.org", Role::Customer, ZONE).await?,
            ben: person("Ben Bauer", "ben@example.org", Role::Customer, "Europe/Berlin").await?,
            elena: person("Elena Esposito", "elena@example.org", Role::Expert, ZONE).await?,
            marco: person("Marco Moretti", "marco@example.org", Role::Expert, ZONE).await?,
        };
        person("Anna Admin", "admin@example.org", Role::Admin, ZONE).await?;
        // Whoever has Elena's hours is there at any time: the demo is tried at any time.
        let always =
            hours(&[(1, 0, 1440), (2, 0, 1440), (3, 0, 1440), (4, 0, 1440), (5, 0, 1440), (6, 0, 1440), (7, 0, 1440)]);
        self.scheduler.replace_hours(expert(cast.elena), cast.elena, serde_json::from_value(always)?, None).await?;
        self.scheduler
            .replace_hours(
                expert(cast.marco),
                cast.marco,
                serde_json::from_value(hours(&[
                    (1, 0, 1440),
                    (2, 0, 1440),
                    (3, 0, 1440),
                    (4, 0, 1440),
                    (5, 0, 1440),
                    (6, 540, 1020),
                    (7, 540, 1020),
                ]))?,
                None,
            )
            .await?;
        let profile = |slug: &str, headline: &str, specialities: &[&str]| {
            json!({
                "slug": slug, "headline": headline, "bio": "Answers on video, in words that one understands.",
                "specialities": specialities, "languages": ["it", "en", "de"], "published": true,
            })
        };
        let elena = serde_json::from_value(profile("elena-esposito", "Tenancy law", &["law", "housing"]))?;
        self.scheduler.set_profile(expert(cast.elena), cast.elena, elena, None).await?;
        let marco = serde_json::from_value(profile("marco-moretti", "Taxes and business", &["taxes", "companies"]))?;
        self.scheduler.set_profile(expert(cast.marco), cast.marco, marco, None).await?;
        Ok(cast)
    }

    async fn service(&self, whose: UserId, draft: Value) -> Outcome<ServiceId> {
        Ok(self.scheduler.create_service(expert(whose), whose, serde_json::from_value(draft)?).await?.id)
    }

    /// Books the first start that is offered from a moment on. What took place was booked an hour before.
    async fn book(
        &self,
        who: UserId,
        service: ServiceId,
        tz: &str,
        from: UnixTime,
        note: &str,
    ) -> Outcome<Appointment> {
        if from < self.present {
            self.until(from.minus(HOUR));
        }
        let range = crate::scheduler::Interval { from, to: from.plus(3 * DAY) };
        let search = crate::scheduler::SlotSearch { service, range, tz: tz.into(), moving: None };
        let found = self.scheduler.slots(customer(who), search).await?;
        let slot = found.slots.first().ok_or("no slot is offered")?;
        let wanted = Wanted::Start { service, starts_at: slot.slot.starts_at, tz: tz.into() };
        let request = BookingRequest { wanted, note: note.into(), companions: Vec::new(), consent: Some(consent()) };
        Ok(self.scheduler.request(customer(who), request).await?)
    }

    /// Lets a call take place, to which the customer comes or not, and time pass until it is over.
    async fn call(&self, it: &Appointment, both: bool) -> Outcome<()> {
        let room = it.meeting_room_name.clone().ok_or("it has no room")?;
        self.until(it.starts_at);
        let seats = self.seats(it.id).await?;
        for seat in seats.iter().filter(|seat| both || seat.role == crate::scheduler::SeatRole::Host) {
            let (sid, identity) = (format!("PA_{}", seat.id), seat.id.to_string());
            let joined = CallFactKind::Joined { sid: sid.clone(), identity, name: seat.name.clone() };
            self.fact(&room, joined).await?;
        }
        self.until(it.ends_at.minus(2 * MINUTE));
        for seat in &seats {
            let left = CallFactKind::Left { sid: format!("PA_{}", seat.id), reason: LeaveReason::ClientLeft };
            self.fact(&room, left).await?;
        }
        self.until(it.ends_at.plus(HOUR));
        self.scheduler.sweep().await?;
        Ok(())
    }

    async fn seats(&self, id: AppointmentId) -> Outcome<Vec<Seat>> {
        let query = move |reader: &crate::store::Reader<'_>| Seat::of_appointment(reader, id);
        Ok(self.scheduler.store().read(Actor::System, query).await?)
    }

    async fn fact(&self, room: &str, kind: CallFactKind) -> Outcome<()> {
        Ok(self.scheduler.witness(CallFact { room: room.into(), at: self.scheduler.now(), kind }).await?)
    }

    /// Lets time pass; it does not go back.
    fn until(&self, moment: UnixTime) {
        self.clock.advance(moment.since(self.scheduler.now()));
    }
}

async fn tell(office: &Office, base: &BaseUrl) -> Outcome<Story> {
    let mut text = String::from("\n  Sign in, each link once:\n");
    for (who, email) in [
        ("customer", "ada@example.org"),
        ("customer", "ben@example.org"),
        ("expert", "elena@example.org"),
        ("expert", "marco@example.org"),
        ("administrator", "admin@example.org"),
    ] {
        let person = office.accounts.person_by_email(Actor::System, email).await?;
        let token = office.accounts.sign_in_link(person.id).await?;
        let link = base.link(&format!("/link#magic={}", token.reveal()));
        text += &format!("    {:<14} {:<15} {link}\n", who, person.name);
    }
    text += "\n  Ada has an appointment with Elena whose room is open now. Mail that the server sends: ";
    text += &base.link(if cfg!(feature = "page") { "/dev/mail" } else { "/dev/mail.html" });
    text += "\n";
    Ok(Story(text))
}

fn hours(days: &[(u8, u16, u16)]) -> Value {
    let weekly: Vec<Value> = days
        .iter()
        .map(|(weekday, from, to)| json!({ "weekday": weekday, "fromMin": from, "toMin": to, "tz": ZONE }))
        .collect();
    json!({ "weekly": weekly, "exceptions": [] })
}

fn customer(user: UserId) -> Actor {
    Actor::User(user, Role::Customer)
}

fn expert(user: UserId) -> Actor {
    Actor::User(user, Role::Expert)
}

/// What the people of the demo have agreed to, as the app asks.
fn consent() -> NewConsent {
    let text =
        "I agree that my name, my address and this note are passed on to the expert and kept for this consultation.";
    NewConsent::new("booking-1", text)
}
