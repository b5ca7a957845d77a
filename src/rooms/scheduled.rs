//! Where the scheduler and the rooms meet: it admits to rooms and hears what happens in them, and they end calls when
//! it says so. The only file of the rooms that knows there are appointments; when a close is to be spoken of is one
//! rule for both.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::sync::oneshot;
use visavis_signaling::data;
use visavis_signaling::proto::{ParticipantPermission, TrackSource};
use visavis_signaling::session::CloseReason;

use super::admin::{AdminRequest, ParticipantChange};
use super::admission::{Admission, Applicant, Decision, Refusal};
use super::observer::{ChatLine, Fact, FactKind, MinuteOfQuality, Observer};
use super::registry::Rooms;
use super::score;
use crate::media::Quality;
use crate::metrics::Metrics;
use crate::scheduler::{
    self, Assessment, CallFact, CallFactKind, Cause, ChatFact, ChatOperation, EndReason, Error, Figures, LeaveReason,
    Permissions, RoomControl, Scheduler,
};
use crate::units::UnixTime;

/// Facts that may wait for the database.
const QUEUE: usize = 65_536;

/// The scheduler as rooms see it.
pub struct Scheduled {
    scheduler: Scheduler,
    told: mpsc::Sender<Told>,
    metrics: Arc<Metrics>,
}

/// What waits to be written down.
enum Told {
    Fact(CallFact),
    /// Whoever sent this wants to know when everything before it is written.
    Mark(oneshot::Sender<()>),
}

impl Scheduled {
    /// Starts the task that writes down what rooms tell. It ends with the last holder of the result.
    pub fn start(scheduler: Scheduler, metrics: Arc<Metrics>) -> Arc<Self> {
        let (told, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(write_down(scheduler.clone(), waiting, Arc::clone(&metrics)));
        Arc::new(Self { scheduler, told, metrics })
    }

    /// Waits until everything that rooms have told so far is written down.
    pub async fn settle(&self) {
        let (mark, reached) = oneshot::channel();
        if self.told.send(Told::Mark(mark)).await.is_ok() {
            // A task that has ended writes nothing any more.
            let _ = reached.await;
        }
    }

    fn ask<'a>(&'a self, applicant: Applicant<'a>, enters: bool) -> Decision<'a> {
        let asked = scheduler::Applicant {
            room: applicant.room.to_owned(),
            identity: applicant.claims.identity.clone(),
            jti: applicant.claims.jti.clone(),
        };
        Box::pin(async move { self.scheduler.may_enter(asked, enters).await.map_err(|error| refusal(&error)) })
    }
}

impl Admission for Scheduled {
    fn admit<'a>(&'a self, applicant: Applicant<'a>, _: UnixTime) -> Decision<'a> {
        self.ask(applicant, true)
    }

    fn may_resume<'a>(&'a self, applicant: Applicant<'a>, _: UnixTime) -> Decision<'a> {
        self.ask(applicant, false)
    }

    fn validate<'a>(&'a self, applicant: Applicant<'a>, _: UnixTime) -> Decision<'a> {
        self.ask(applicant, false)
    }

    fn may_create(&self, room: &str) -> bool {
        self.scheduler.may_create(room)
    }

    fn token_expiry_limit(&self, room: &str, _: &str) -> Option<UnixTime> {
        self.scheduler.closes_at(room)
    }

    fn closes_at(&self, room: &str) -> Option<UnixTime> {
        self.scheduler.closes_at(room)
    }

    fn ends_at(&self, room: &str) -> Option<UnixTime> {
        self.scheduler.ends_at(room)
    }

    fn keeps_chat(&self, room: &str) -> bool {
        self.scheduler.keeps_chat(room)
    }
}

impl Observer for Scheduled {
    fn observe(&self, fact: Fact) {
        if !self.scheduler.records(&fact.room) {
            return;
        }
        let Some(kind) = translate(fact.kind) else { return };
        let fact = CallFact { room: fact.room.to_string(), at: fact.at, kind };
        match self.told.try_send(Told::Fact(fact)) {
            Ok(()) => {}
            // The end of the room closes what this leaves open.
            Err(TrySendError::Full(_)) => self.metrics.signal_errors.count("facts_overflow"),
            Err(TrySendError::Closed(_)) => self.metrics.signal_errors.count("fact_not_recorded"),
        }
    }

    fn wants_quality(&self, room: &str) -> bool {
        self.scheduler.records(room)
    }
}

async fn write_down(scheduler: Scheduler, mut waiting: mpsc::Receiver<Told>, metrics: Arc<Metrics>) {
    while let Some(told) = waiting.recv().await {
        let fact = match told {
            Told::Fact(fact) => fact,
            Told::Mark(reached) => {
                // Whoever asked may have gone away.
                let _ = reached.send(());
                continue;
            }
        };
        let room = fact.room.clone();
        if let Err(error) = scheduler.witness(fact).await {
            metrics.signal_errors.count("fact_not_recorded");
            tracing::error!(%room, %error, "what happened in a call could not be written down");
        }
    }
}

/// How a participant is refused. The text begins with the scheduler's word, so that clients can tell cases apart.
fn refusal(error: &Error) -> Refusal {
    match error {
        Error::NotFound => Refusal::no_such_room(),
        Error::Store(error) => {
            tracing::error!(%error, "admission could not be decided");
            Refusal { status: 503, message: "admission cannot be decided now, try again".into() }
        }
        error => Refusal::forbidden(format!("{}: {error}", error.code())),
    }
}

fn translate(kind: FactKind) -> Option<CallFactKind> {
    Some(match kind {
        FactKind::RoomOpened => return None,
        // Agents and recorders are not who was there.
        FactKind::Active(arrival) if arrival.dependent => return None,
        FactKind::Active(arrival) => CallFactKind::Joined {
            sid: arrival.who.sid.to_string(),
            identity: arrival.who.identity.to_string(),
            name: arrival.name,
        },
        FactKind::Left(departure) if !departure.was_active => return None,
        FactKind::Left(departure) => {
            CallFactKind::Left { sid: departure.who.sid.to_string(), reason: leave_reason(departure.reason) }
        }
        FactKind::Quality { participant, figures } => CallFactKind::Quality {
            sid: participant.sid.to_string(),
            minute: figures.minute,
            figures: measured(&figures),
        },
        FactKind::Chat(line) => CallFactKind::Chat(said(line)?),
        FactKind::RoomClosed { .. } => CallFactKind::Ended,
    })
}

fn leave_reason(reason: CloseReason) -> LeaveReason {
    match reason {
        CloseReason::ClientRequestLeave | CloseReason::UserUnavailable | CloseReason::UserRejected => {
            LeaveReason::ClientLeft
        }
        CloseReason::ServerShutdown => LeaveReason::ServerShutdown,
        CloseReason::DuplicateIdentity | CloseReason::Stale => LeaveReason::Replaced,
        CloseReason::ParticipantRemoved => LeaveReason::Removed,
        CloseReason::WindowClosed => LeaveReason::WindowClosed,
        CloseReason::RoomDeleted | CloseReason::Cancelled | CloseReason::RoomClosed => LeaveReason::RoomEnded,
        _ => LeaveReason::ConnectionLost,
    }
}

fn measured(minute: &MinuteOfQuality) -> Figures {
    Figures {
        rtt: minute.rtt,
        jitter: minute.jitter,
        loss_up: minute.loss_up,
        loss_down: minute.loss_down,
        bitrate_up: minute.bitrate_up,
        bitrate_down: minute.bitrate_down,
        layer: minute.layer.map(|layer| match layer {
            Quality::Low => "low",
            Quality::Medium => "medium",
            Quality::High => "high",
        }),
        judged: minute.mos.map(|mos| Assessment { mos, cause: minute.cause.map(cause) }),
    }
}

/// The office's word.
const fn cause(cause: score::Cause) -> Cause {
    match cause {
        score::Cause::LossUp => Cause::LossUp,
        score::Cause::LossDown => Cause::LossDown,
        score::Cause::Delay => Cause::Delay,
        score::Cause::Jitter => Cause::Jitter,
        score::Cause::Layer => Cause::Layer,
    }
}

/// Reactions are not kept: they belong to the moment.
fn said(line: ChatLine) -> Option<ChatFact> {
    let operation = match line.operation {
        data::ChatOperation::Create => ChatOperation::Create,
        data::ChatOperation::Update => ChatOperation::Update,
        data::ChatOperation::Delete => ChatOperation::Delete,
        data::ChatOperation::Reaction => return None,
    };
    Some(ChatFact {
        identity: line.who.identity.to_string(),
        name: line.name,
        stream_id: line.stream_id,
        text: line.text,
        reply_to: line.reply_to,
        operation,
    })
}

impl RoomControl for Rooms {
    fn close(&self, room: &str, reason: EndReason) {
        self.notice(room, json!({ "type": "ended", "reason": reason.as_str() }));
        let reason = match reason {
            EndReason::Cancelled | EndReason::Rescheduled => CloseReason::Cancelled,
            EndReason::Completed | EndReason::EndedByAdmin => CloseReason::RoomDeleted,
        };
        Rooms::close(self, room, reason);
    }

    fn remove(&self, room: &str, identity: &str) {
        Rooms::remove(self, room, identity);
    }

    fn permit(&self, room: &str, identity: &str, permissions: Permissions) {
        let (rooms, room, identity) = (self.clone(), room.to_owned(), identity.to_owned());
        let change = ParticipantChange { permission: Some(permission(permissions)), ..ParticipantChange::default() };
        self.runtime().spawn(async move {
            // Whoever is not there gets a token that says the same.
            let update = |reply| AdminRequest::Update { identity, change: Box::new(change), reply };
            let _ = rooms.ask(&room, update).await;
        });
    }

    fn notice(&self, room: &str, notice: Value) {
        Rooms::notice(self, room, notice);
    }
}

fn permission(permissions: Permissions) -> ParticipantPermission {
    let Permissions { audio, video, screen, data } = permissions;
    let all = [
        (TrackSource::Microphone, audio),
        (TrackSource::Camera, video),
        (TrackSource::ScreenShare, screen),
        (TrackSource::ScreenShareAudio, screen),
    ];
    let sources: Vec<i32> = all.iter().filter(|(_, may)| *may).map(|(source, _)| *source as i32).collect();
    ParticipantPermission {
        can_subscribe: true,
        can_publish: !sources.is_empty(),
        can_publish_data: data,
        can_publish_sources: sources,
        can_update_metadata: true,
        ..Default::default()
    }
}
