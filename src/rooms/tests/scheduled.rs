//! Rooms with the scheduler behind them: what is decided of an appointment happens in its call.

use super::*;
use crate::accounts::{Accounts, Hasher};
use crate::config::AccountSettings;
use crate::rooms::Scheduled;
use crate::scheduler::testing::{Desk, MINUTE, START as MEETING, admin, appointment_id, customer, expert, person};
use crate::scheduler::{Lobby, SchedulerSettings, Whose, WindowChange};
use crate::store::Actor;

/// Appointment 1, of customer 1 with expert 8, in the server's rooms.
struct Meeting {
    desk: Desk,
    server: Server,
    scheduled: Arc<Scheduled>,
}

impl Meeting {
    fn begin() -> Self {
        let desk = Desk::without_rooms(SchedulerSettings::default());
        desk.approved(Lobby::Off);
        let scheduled = Scheduled::start(desk.scheduler.clone(), Arc::new(Metrics::default()));
        let manual = Arc::clone(&desk.clock);
        let server = Server::between(manual, scheduled.clone(), scheduled.clone(), |it| it.auto_create = false);
        desk.scheduler.attach(Arc::new(server.rooms.clone()));
        desk.at(0);
        Self { desk, server, scheduled }
    }

    /// Comes in by a token of the scheduler's, with media. The client, and the token.
    async fn comes(&self, who: Actor, number: u32) -> (Client, TransportId, String) {
        let token = self.desk.token(who, 1).await.unwrap().token;
        let mut request = self.server.request_with(&token, QUERY);
        request.request.mode = visavis_signaling::connect::Mode::SinglePc;
        let link = self.server.rooms.connect(request).await.unwrap();
        let identity = self.desk.seat(1, number).to_string();
        let (client, id) = self.server.activate(Client { link }, &identity).await;
        (client, id, token)
    }

    fn time(&self, minutes: i64) -> String {
        crate::units::rfc3339::format(UnixTime(MEETING.0 + minutes * MINUTE))
    }
}

#[tokio::test]
async fn a_running_call_follows_when_its_window_is_changed() {
    let meeting = Meeting::begin();
    let (mut customer, id, _) = meeting.comes(customer(1), 1).await;
    let change = async |close_after_min| {
        let change = WindowChange { close_after_min, ..WindowChange::default() };
        meeting.desk.scheduler.change_window(expert(8), appointment_id(1), change, None).await.unwrap();
    };
    change(Some(Some(60))).await;
    until("it is told of the later close", || meeting.server.notices(id).len() == 1).await;
    assert_eq!(meeting.server.notices(id)[0], json!({ "type": "extended", "closesAt": meeting.time(120) }));
    meeting.desk.at(95 * MINUTE);
    until("the scheduled end has passed", || meeting.server.notices(id).len() == 2).await;
    assert_eq!(meeting.server.rooms.names().len(), 1, "the service would have closed it at ninety");

    // Back to what the service has is too late by now; forty minutes after the end is not.
    change(Some(Some(40))).await;
    until("it is told of the earlier close and warned", || meeting.server.notices(id).len() == 4).await;
    assert_eq!(meeting.server.notices(id)[2], json!({ "type": "extended", "closesAt": meeting.time(100) }));
    assert_eq!(meeting.server.notices(id)[3]["minutesLeft"], 5);
    meeting.desk.at(100 * MINUTE);
    assert_eq!(customer.left().await.reason, proto::DisconnectReason::RoomDeleted as i32);
    until("the room has ended", || meeting.server.rooms.names().is_empty()).await;
}

#[tokio::test]
async fn whose_account_is_closed_is_out_of_the_running_call_and_stays_out() {
    let meeting = Meeting::begin();
    let (mut customer, _, token) = meeting.comes(customer(1), 1).await;
    let (mut expert, _, _) = meeting.comes(expert(8), 8).await;
    meeting.scheduled.settle().await;
    assert_eq!(meeting.desk.status(1), "in_progress");

    let hasher = Hasher::new(argon2::Params::new(64, 1, 1, None).unwrap(), 1);
    let (store, clock) = (meeting.desk.scheduler.store().clone(), Arc::clone(&meeting.desk.clock) as SharedClock);
    let accounts = Accounts::with_hasher(store, clock, AccountSettings::default(), hasher);
    accounts.disable(admin(), person(1)).await.unwrap();
    meeting.desk.scheduler.put_out(Whose::User(person(1))).await.unwrap();

    assert_eq!(customer.left().await.reason, proto::DisconnectReason::ParticipantRemoved as i32);
    let seat = meeting.desk.seat(1, 1).to_string();
    expert.update_of(&seat, |info| info.state == State::Disconnected as i32).await;
    // The token that was good a moment ago opens the room no more.
    let refused = meeting.server.rooms.connect(meeting.server.request_with(&token, QUERY)).await.unwrap_err();
    assert_eq!(refused.status, 403);
    meeting.scheduled.settle().await;
    let log = "SELECT end_reason FROM call_logs WHERE seat_role = 'client' AND ended_at IS NOT NULL";
    assert_eq!(meeting.desk.value::<String>(log), "removed");
    assert_eq!(meeting.desk.value::<i64>("SELECT count(*) FROM call_logs WHERE ended_at IS NULL"), 1, "the expert's");
}
