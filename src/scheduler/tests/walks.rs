//! Random commands of random people, one after the other: whatever they do, nobody is in two places, nothing moves
//! against the table of states, nothing lands outside the hours that hold at that moment, and what is offered can be
//! booked.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::office::*;
use super::*;
use crate::ids::{AppointmentId, ServiceId};
use crate::store::{Actor, Role};

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Sweep,
    Shorten(bool),
    Hold { who: usize, service: usize, start: u64 },
    Request { who: usize, service: usize, start: u64 },
    TakeUp { who: usize, which: usize },
    BookFor { who: usize, customer: u32, service: usize, start: u64, outside: bool },
    Act { by: By, which: usize, action: Action, start: u64, outside: bool },
    Correct { by: By, which: usize, side: NoShow },
    Arrive { which: usize },
    AddSeat { by: By, which: usize, role: SeatRole, person: u32 },
    RemoveSeat { by: By, which: usize, seat: usize },
}

/// Who asks.
#[derive(Clone, Debug)]
enum By {
    ItsCustomer,
    ItsExpert,
    Anybody(usize),
}

impl By {
    fn of(&self, it: &Appointment) -> Actor {
        match self {
            By::ItsCustomer => Actor::User(it.customer_id, Role::Customer),
            By::ItsExpert => Actor::User(it.expert_id, Role::Expert),
            By::Anybody(number) => actor(*number),
        }
    }
}

/// Somebody by number.
fn actor(who: usize) -> Actor {
    match who {
        0..=2 => customer(who as u32 + 1),
        3 => expert(8),
        4 => expert(9),
        5 => admin(),
        _ => Actor::Anonymous,
    }
}

const ACTIONS: &[Action] = &[
    Action::Approve,
    Action::Approve,
    Action::Reject,
    Action::Propose,
    Action::Propose,
    Action::Propose,
    Action::AcceptProposal,
    Action::AcceptProposal,
    Action::AcceptProposal,
    Action::DeclineProposal,
    Action::Reschedule,
    Action::Reschedule,
    Action::Cancel,
    Action::Complete,
    Action::Complete,
];

fn step() -> impl Strategy<Value = Step> {
    let who = 0usize..7;
    let by = prop_oneof![3 => Just(By::ItsCustomer), 3 => Just(By::ItsExpert), 2 => who.clone().prop_map(By::Anybody)];
    let customers = 0usize..3;
    let which = 0usize..64;
    // Half hours from Monday eight o'clock on, over three days, mostly within reach.
    let start = prop_oneof![3 => 0u64..20, 1 => 0u64..144];
    let service = 0usize..3;
    prop_oneof![
        4 => (1u64..150).prop_map(Step::Wait),
        1 => Just(Step::Sweep),
        1 => any::<bool>().prop_map(Step::Shorten),
        3 => (who.clone(), service.clone(), start.clone()).prop_map(|(who, service, start)| Step::Hold { who, service, start }),
        4 => (customers.clone(), service.clone(), start.clone())
            .prop_map(|(who, service, start)| Step::Request { who, service, start }),
        3 => (customers, which.clone()).prop_map(|(who, which)| Step::TakeUp { who, which }),
        2 => (3usize..6, 1u32..4, service, start.clone(), prop::bool::weighted(0.2)).prop_map(
            |(who, customer, service, start, outside)| Step::BookFor { who, customer, service, start, outside }
        ),
        20 => (by.clone(), which.clone(), prop::sample::select(ACTIONS), start, prop::bool::weighted(0.2))
            .prop_map(|(by, which, action, start, outside)| Step::Act { by, which, action, start, outside }),
        1 => (by.clone(), which.clone(), prop::sample::select(&[NoShow::Customer, NoShow::Both]))
            .prop_map(|(by, which, side)| Step::Correct { by, which, side }),
        3 => which.clone().prop_map(|which| Step::Arrive { which }),
        1 => (by.clone(), which.clone(), prop::sample::select(&[SeatRole::Client, SeatRole::Observer]), 1u32..4)
            .prop_map(|(by, which, role, person)| Step::AddSeat { by, which, role, person }),
        1 => (by, which, 0usize..4).prop_map(|(by, which, seat)| Step::RemoveSeat { by, which, seat }),
    ]
}

struct Walk {
    desk: Desk,
    services: Vec<ServiceId>,
    known: HashMap<AppointmentId, Appointment>,
}

impl Walk {
    async fn begin() -> Self {
        let desk = Desk::open().await;
        let draft = |capacity, approval, buffer| ServiceDraft {
            step_min: Some(30),
            capacity,
            approval,
            buffer_after_min: buffer,
            min_notice_min: 30,
            cancel_notice_min: 60,
            reschedule_notice_min: 120,
            ..advice()
        };
        let services = vec![
            desk.service(draft(1, Approval::Manual, 15)).await,
            desk.service(draft(3, Approval::Auto, 0)).await,
            desk.scheduler.create_service(expert(9), person(9), draft(2, Approval::Manual, 30)).await.unwrap().id,
        ];
        // Monday, an hour before the first start.
        desk.go_to(Self::start(0).minus(minutes(60)));
        Self { desk, services, known: HashMap::new() }
    }

    fn start(number: u64) -> UnixTime {
        at("2027-01-11T08:00:00Z").plus(minutes(30 * number))
    }

    async fn all(&self) -> Vec<Appointment> {
        let all = self.desk.scheduler.read(Actor::System, |reader| {
            let mut query = reader.prepare("SELECT * FROM my_appointments ORDER BY id")?;
            Ok(query.query_map([], Appointment::from_row)?.collect::<Result<Vec<_>, _>>()?)
        });
        all.await.unwrap()
    }

    /// One of the appointments that there are.
    async fn one(&self, which: usize) -> Option<Appointment> {
        let all = self.all().await;
        (!all.is_empty()).then(|| all[which % all.len()].clone())
    }

    /// Does a step. Whether it may put something outside the hours.
    async fn go(&mut self, step: Step) -> bool {
        let scheduler = self.desk.scheduler.clone();
        let tz = || "Europe/Rome".to_owned();
        match step {
            Step::Wait(time) => self.desk.clock.advance(minutes(time)),
            Step::Sweep => drop(scheduler.sweep().await.unwrap()),
            Step::Shorten(short) => {
                let weekly = daily("9:00", if short { "13:00" } else { "17:00" }, "UTC");
                let hours = Hours { weekly, exceptions: Vec::new() };
                drop(scheduler.replace_hours(admin(), person(8), hours, None).await.unwrap());
            }
            Step::Hold { who, service, start } => {
                let (service, starts_at) = (self.services[service], Self::start(start));
                fine(scheduler.hold(actor(who), HoldRequest { service, starts_at, tz: tz(), replaces: None }).await);
            }
            Step::Request { who, service, start } => {
                let wanted = Wanted::Start { service: self.services[service], starts_at: Self::start(start), tz: tz() };
                let request = BookingRequest { wanted, note: String::new(), companions: Vec::new(), consent: None };
                fine(scheduler.request(actor(who), request).await);
            }
            Step::TakeUp { who, which } => {
                let holds: Vec<_> = self.all().await.into_iter().filter(|it| it.status == Status::Hold).collect();
                if let Some(hold) = holds.get(which % holds.len().max(1)) {
                    fine(scheduler.request(actor(who), holding(hold)).await);
                }
            }
            Step::BookFor { who, customer, service, start, outside } => {
                let booking = BookFor {
                    customer: person(customer),
                    service: self.services[service],
                    starts_at: Self::start(start),
                    outside_hours: outside,
                    message: String::new(),
                    companions: Vec::new(),
                };
                fine(scheduler.book_for(actor(who), booking).await);
                return outside;
            }
            Step::Act { by, which, action, start, outside } => {
                return self.act(&by, which, action, start, outside).await;
            }
            Step::Correct { by, which, side } => {
                let Some(it) = self.one(which).await else { return false };
                let who = by.of(&it);
                let may = self.can(who, it.id).await.contains(&Action::Correct);
                let done = fine(scheduler.correct(who, it.id, Correction::NoShow(side), None).await);
                assert_eq!(done, may, "{} of {it:?}", who.subject());
            }
            Step::Arrive { which } => self.arrive(which).await,
            Step::AddSeat { by, which, role, person } => {
                let Some(it) = self.one(which).await else { return false };
                let email = Some(format!("p{person}@example.org"));
                let new = NewSeat { email, name: None, role, permissions: None };
                fine(scheduler.add_seat(by.of(&it), it.id, new, None).await);
            }
            Step::RemoveSeat { by, which, seat } => {
                let Some(it) = self.one(which).await else { return false };
                let seats =
                    scheduler.read(Actor::System, move |reader| Seat::of_appointment(reader, it.id)).await.unwrap();
                fine(scheduler.remove_seat(by.of(&it), seats[seat % seats.len()].id, None).await);
            }
        }
        false
    }

    async fn can(&self, who: Actor, id: AppointmentId) -> Vec<Action> {
        match self.desk.scheduler.appointment(who, id).await {
            Ok(detail) => detail.actions,
            Err(Error::NotFound) => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    }

    async fn act(&mut self, by: &By, which: usize, action: Action, start: u64, outside: bool) -> bool {
        let Some(it) = self.one(which).await else { return false };
        let (scheduler, who, id) = (self.desk.scheduler.clone(), by.of(&it), it.id);
        let can = self.can(who, id).await;
        let to = Move { starts_at: Self::start(start), message: String::new(), outside_hours: outside };
        let expected = Some(it.version);
        let (done, settled) = match action {
            Action::Approve => (fine(scheduler.approve(who, id, "", expected).await), true),
            Action::Reject => (fine(scheduler.reject(who, id, "", expected).await), true),
            Action::Cancel => (fine(scheduler.cancel(who, id, "", expected).await), true),
            Action::Complete => (fine(scheduler.complete(who, id, expected).await), true),
            Action::DeclineProposal => (fine(scheduler.decline_proposal(who, id, "", expected).await), true),
            // These depend on the time as well.
            Action::AcceptProposal => (fine(scheduler.accept_proposal(who, id, expected).await), false),
            Action::Propose => (fine(scheduler.propose(who, id, to, expected).await), false),
            _ => (fine(scheduler.reschedule(who, id, to, expected).await), false),
        };
        let told = can.contains(&action);
        assert!(!done || told, "{action:?} was done and not offered to {}: {it:?}", who.subject());
        assert!(!settled || done == told, "{action:?} was offered to {} and refused: {it:?}", who.subject());
        // What was proposed was looked at when it was, by the hours of that time.
        outside || action == Action::AcceptProposal
    }

    /// Both sides come into the call.
    async fn arrive(&self, which: usize) {
        let Some(it) = self.one(which).await else { return };
        let (Some(room), true) = (it.meeting_room_name.clone(), it.status == Status::Approved) else { return };
        if !it.window(&WindowRules::default()).holds(self.desk.scheduler.now()) {
            return;
        }
        let seats =
            self.desk.scheduler.read(Actor::System, move |reader| Seat::of_appointment(reader, it.id)).await.unwrap();
        for seat in seats.iter().filter(|seat| seat.removed_at.is_none()) {
            let sid = format!("PA_{}_{}", seat.id, self.desk.scheduler.now().0);
            let kind = CallFactKind::Joined { sid, identity: seat.id.to_string(), name: seat.name.clone() };
            let fact = CallFact { room: room.clone(), at: self.desk.scheduler.now(), kind };
            self.desk.scheduler.witness(fact).await.unwrap();
        }
    }

    /// Looks at everything that must hold after each step.
    async fn look(&mut self, outside: bool) {
        let all = self.all().await;
        for (i, one) in all.iter().enumerate().filter(|(_, it)| it.status.is_active()) {
            for two in all[i + 1..].iter().filter(|it| it.status.is_active() && it.expert_id == one.expert_id) {
                let span = |it: &Appointment| Interval::new(it.busy_from, it.busy_to);
                assert!(!span(one).meets(span(two)), "the expert is in two places:\n{one:?}\n{two:?}");
            }
        }
        let doubles: i64 = self.desk.value(
            "SELECT count(*) FROM seats s JOIN appointments a ON a.id = s.appointment_id
               JOIN seats t ON t.user_id = s.user_id AND t.appointment_id > s.appointment_id
               JOIN appointments b ON b.id = t.appointment_id
             WHERE s.role = 'client' AND t.role = 'client' AND s.removed_at IS NULL AND t.removed_at IS NULL
               AND a.status IN ('hold', 'pending', 'approved', 'in_progress')
               AND b.status IN ('hold', 'pending', 'approved', 'in_progress')
               AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at",
        );
        assert_eq!(doubles, 0, "a customer is in two places");
        let crowded: i64 = self.desk.value(
            "SELECT count(*) FROM appointments a WHERE a.capacity < (SELECT count(*) FROM seats s
               WHERE s.appointment_id = a.id AND s.role = 'client' AND s.removed_at IS NULL)",
        );
        assert_eq!(crowded, 0, "more customers than seats");
        for it in all {
            self.compare(&it, outside).await;
            self.known.insert(it.id, it);
        }
    }

    /// How one appointment has gone on.
    async fn compare(&self, it: &Appointment, outside: bool) {
        let before = self.known.get(&it.id);
        match before {
            None => assert!(INITIAL.contains(&it.status), "{it:?} came into being in the middle"),
            Some(before) => {
                let legal = before.status == it.status || before.status.to(it.status).is_ok();
                assert!(legal, "{} became {}", before.status, it.status);
                assert_eq!((&before.ical_uid, before.customer_id), (&it.ical_uid, it.customer_id));
                assert!(before.version <= it.version && before.ical_sequence <= it.ical_sequence);
                assert!(before.meeting_room_name.is_none() || before.meeting_room_name == it.meeting_room_name);
            }
        }
        let moved = before.is_none_or(|before| before.starts_at != it.starts_at);
        if moved && !outside {
            let (expert, span) = (it.expert_id, Interval::new(it.starts_at, it.ends_at));
            let open = self
                .desk
                .scheduler
                .read(Actor::System, move |reader| Ok(super::super::hours::schedule(reader, expert, span)?.open(span)));
            assert!(open.await.unwrap().contain(span), "outside the hours: {it:?}");
        }
    }

    /// Exactly what is offered can be had by somebody who has nothing yet.
    async fn offered_is_bookable(&self) {
        let range = Interval::new(Self::start(0), Self::start(60));
        for &service in &self.services {
            let search = SlotSearch { service, range, tz: "UTC".into(), moving: None };
            let offered = self.desk.scheduler.slots(customer(4), search).await.unwrap().slots;
            for number in 0..60 {
                let starts_at = Self::start(number);
                let is_offered = offered.iter().any(|offered| offered.slot.starts_at == starts_at);
                let reasons =
                    self.desk.scheduler.explain(customer(4), service, starts_at).await.unwrap().explanation.reasons;
                assert_eq!(is_offered, reasons.is_empty(), "{starts_at:?}: {reasons:?}");
                // Booking is slow; what lies in a long stretch of the same is tried now and then.
                if !is_offered && number % 4 != 0 {
                    continue;
                }
                let wish = HoldRequest { service, starts_at, tz: "UTC".into(), replaces: None };
                match self.desk.scheduler.hold(customer(4), wish).await {
                    Ok(held) => {
                        assert!(is_offered, "booked and not offered: {starts_at:?}");
                        if let Held::Slot(hold) = held {
                            self.desk.scheduler.cancel(customer(4), hold.id, "", None).await.unwrap();
                        }
                    }
                    Err(error) => assert!(!is_offered, "offered and refused: {starts_at:?} {error}"),
                }
            }
        }
    }
}

/// Whether something was done; what was refused must have been so for a reason of the scheduler's own.
fn fine<T: std::fmt::Debug>(result: Result<T, Error>) -> bool {
    match result {
        Ok(_) => true,
        Err(Error::Store(error)) => panic!("{error}"),
        Err(_) => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_people_do_the_book_stays_in_order(steps in vec(step(), 1..90)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut walk = Walk::begin().await;
            walk.desk.sql(&format!(
                "INSERT INTO users (id, email, name, role, created_at, updated_at)
                 VALUES ('{}', 'p4@example.org', 'Person 4', 'customer', 0, 0)",
                person(4)
            ));
            for step in steps {
                let outside = walk.go(step).await;
                walk.look(outside).await;
            }
            walk.offered_is_bookable().await;
        });
    }
}
