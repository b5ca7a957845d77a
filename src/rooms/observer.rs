//! What happened in rooms, for whoever keeps records: the seam between the rooms and the office wing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use visavis_signaling::data::ChatOperation;
use visavis_signaling::proto::participant_info;
use visavis_signaling::session::CloseReason;

use crate::ids::{ParticipantSid, RoomSid};
use crate::media::Quality;
use crate::rooms::score::Cause;
use crate::units::{Bitrate, UnixTime};

/// Is told facts.
///
/// A room calls this on its own task and waits for it: [`Self::observe`] must return at once. Whoever writes to a
/// disk or asks a lock that others hold for long puts the fact into a queue and says in its own words what happens
/// when that is full. The facts of one room come in the order in which they happened, the first is
/// [`FactKind::RoomOpened`], the last [`FactKind::RoomClosed`]; between rooms there is no order.
pub trait Observer: Send + Sync + 'static {
    /// Something happened.
    fn observe(&self, fact: Fact);

    /// Is [`FactKind::Quality`] wanted of this room? Measuring costs a message each for every connection every ten
    /// seconds. Asked when a participant becomes active.
    fn wants_quality(&self, _room: &str) -> bool {
        true
    }
}

/// Nobody keeps records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn observe(&self, _: Fact) {}

    fn wants_quality(&self, _: &str) -> bool {
        false
    }
}

/// Something that happened in a room.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Name of the room.
    pub room: Arc<str>,
    /// This opening of it.
    pub room_sid: RoomSid,
    /// When, by the server's clock.
    pub at: UnixTime,
    /// What.
    pub kind: FactKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum FactKind {
    /// The room exists, with nobody in it yet.
    RoomOpened,
    /// A participant's media is connected for the first time in its session.
    Active(Arrival),
    /// A participant's session is over, whether it ever was active or not.
    Left(Departure),
    /// How a participant's connection did in one minute.
    Quality {
        /// Whose.
        participant: Who,
        /// The figures.
        figures: MinuteOfQuality,
    },
    /// Somebody said something to everybody.
    Chat(ChatLine),
    /// The room is gone.
    RoomClosed {
        /// Why.
        reason: CloseReason,
    },
}

/// Whom a fact is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The session.
    pub sid: ParticipantSid,
    /// The participant, unique in its room.
    pub identity: Arc<str>,
}

/// Who became active.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrival {
    /// Whose session.
    pub who: Who,
    /// Display name.
    pub name: String,
    /// Attributes.
    pub attributes: HashMap<String, String>,
    /// Id of the token that it joined with.
    pub jti: Option<String>,
    /// Person, agent, recorder.
    pub kind: participant_info::Kind,
    /// An agent or a recorder, which keeps no room open.
    pub dependent: bool,
}

/// Who left and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    /// Whose session.
    pub who: Who,
    /// Why.
    pub reason: CloseReason,
    /// [`FactKind::Active`] was told of it.
    pub was_active: bool,
}

/// One minute of a participant's connection; figures that were not measured are absent. The first minute begins and
/// the last one ends in between. After the clock was set back a minute may come a second time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MinuteOfQuality {
    /// Start of the minute.
    pub minute: UnixTime,
    /// Mean round trip.
    pub rtt: Option<Duration>,
    /// Worst interarrival jitter of what it publishes.
    pub jitter: Option<Duration>,
    /// Share of its packets lost on the way to the server, 0 to 1.
    pub loss_up: Option<f64>,
    /// Share of the packets to it that were lost, 0 to 1.
    pub loss_down: Option<f64>,
    /// Mean rate of what it publishes.
    pub bitrate_up: Option<Bitrate>,
    /// Mean rate of what it is sent.
    pub bitrate_down: Option<Bitrate>,
    /// The lowest layer of video that it was sent.
    pub layer: Option<Quality>,
    /// Mean opinion score, 1 to 4.5.
    pub mos: Option<f64>,
    /// What kept its worst moment from being excellent.
    pub cause: Option<Cause>,
}

/// A chat message, complete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatLine {
    /// Who said it. Where an agent speaks for somebody else, the session is the agent's and the identity the other's.
    pub who: Who,
    /// Display name of the sender.
    pub name: String,
    /// Id of the message, the text stream's; edits and deletions name the message that they concern. Unique for one
    /// sender only.
    pub stream_id: String,
    /// The text.
    pub text: String,
    /// The message that it answers.
    pub reply_to: Option<String>,
    /// New, changed or taken back.
    pub operation: ChatOperation,
}
