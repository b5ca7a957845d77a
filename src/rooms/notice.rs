//! What the server says to the people in a room, and when the end of the room is a matter to speak of.

use std::time::Duration;

use serde_json::{Value, json};
use visavis_signaling::data::Packet;
use visavis_signaling::proto::{DataPacket, UserPacket, data_packet};
use visavis_signaling::session::CloseReason;

use crate::scheduler::{CLOSE_WARNINGS, minutes_left};
use crate::units::UnixTime;

/// Topic of the user packets that are notices.
pub const NOTICE_TOPIC: &str = "visavis.notice";

/// Whoever joins this close to the end is told at once.
const LATE: Duration = CLOSE_WARNINGS[0];

/// A clock that goes back by less was corrected; one that goes back by more was set, and what it said of the time
/// in between does not hold.
const CORRECTION: Duration = Duration::from_secs(60);

/// Something that people in a room must know of its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The room closes soon.
    Closing {
        /// When.
        closes_at: UnixTime,
        /// Until then, begun minutes counted.
        minutes_left: i64,
    },
    /// The time planned has passed; the room stays open for a while.
    Overtime {
        /// The planned end.
        ends_at: UnixTime,
        /// When the room closes.
        closes_at: Option<UnixTime>,
    },
    /// The room closes at another time than was said before.
    Extended {
        /// When; none when it does not close by itself any more.
        closes_at: Option<UnixTime>,
    },
    /// This is the end.
    Closed {
        /// Why.
        reason: CloseReason,
    },
}

impl Notice {
    /// What clients are sent.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Closing { closes_at, minutes_left } => {
                json!({ "type": "closing", "closesAt": rfc3339(*closes_at), "minutesLeft": minutes_left })
            }
            Self::Overtime { ends_at, closes_at } => json!({
                "type": "overtime",
                "endsAt": rfc3339(*ends_at),
                "closesAt": closes_at.map(rfc3339),
            }),
            Self::Extended { closes_at } => json!({ "type": "extended", "closesAt": closes_at.map(rfc3339) }),
            Self::Closed { reason } => json!({ "type": "closed", "reason": word(*reason) }),
        }
    }
}

/// The packet that carries a notice.
pub fn packet(payload: &Value) -> Packet {
    let user = UserPacket {
        payload: payload.to_string().into_bytes(),
        topic: Some(NOTICE_TOPIC.into()),
        ..Default::default()
    };
    Packet::from_message(DataPacket { value: Some(data_packet::Value::User(user)), ..Default::default() })
}

fn rfc3339(at: UnixTime) -> Option<String> {
    jiff::Timestamp::from_millisecond(at.as_millis()).ok().map(|at| at.to_string())
}

fn word(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::WindowClosed => "window_closed",
        CloseReason::Cancelled => "cancelled",
        CloseReason::ServerShutdown => "server_shutdown",
        _ => "deleted",
    }
}

/// When a room ends, and what has been said of it.
///
/// It is asked with whatever time it is and does not count on being asked often, nor on time going forward.
#[derive(Clone, Debug)]
pub struct Timetable {
    closes_at: Option<UnixTime>,
    ends_at: Option<UnixTime>,
    /// Everything up to here has been said.
    said_until: UnixTime,
}

/// What is due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// The close is another than before.
    pub rescheduled: bool,
    /// What everybody is to be told, in this order.
    pub notices: Vec<Notice>,
    /// The room is to be closed.
    pub close: bool,
}

impl Timetable {
    /// Nothing has been said yet.
    pub fn new(closes_at: Option<UnixTime>, ends_at: Option<UnixTime>) -> Self {
        Self { closes_at, ends_at, said_until: UnixTime(i64::MIN) }
    }

    /// What is due now, by today's plan. Of several notices that became due together only the latest is given.
    pub fn poll(&mut self, closes_at: Option<UnixTime>, ends_at: Option<UnixTime>, now: UnixTime) -> Due {
        let mut due = Due::default();
        if closes_at.is_some_and(|close| close <= now) {
            due.close = true;
            return due;
        }
        due.rescheduled = closes_at != self.closes_at;
        (self.closes_at, self.ends_at) = (closes_at, ends_at);
        if now < self.said_until.minus(CORRECTION) {
            self.said_until = now;
        }
        if due.rescheduled {
            due.notices.push(Notice::Extended { closes_at });
        }
        // The warnings belong to the close: another one has its own.
        let warned_until = if due.rescheduled { UnixTime(i64::MIN) } else { self.said_until };
        let warning = closes_at.and_then(|close| {
            let times = CLOSE_WARNINGS.iter().map(|before| close.minus(*before));
            times.filter(|at| *at > warned_until && *at <= now).max()
        });
        let overtime = ends_at.filter(|at| *at > self.said_until && *at <= now);
        match (closes_at, warning) {
            (Some(close), Some(at)) if overtime.is_none_or(|end| end <= at) => due.notices.push(closing(close, now)),
            _ => due.notices.extend(overtime.map(|ends_at| Notice::Overtime { ends_at, closes_at })),
        }
        self.said_until = self.said_until.max(now);
        due
    }

    /// What somebody who joins now must know.
    pub fn for_newcomer(&self, now: UnixTime) -> Option<Notice> {
        if let Some(close) = self.closes_at.filter(|close| *close <= now.plus(LATE)) {
            return Some(closing(close, now));
        }
        let ends_at = self.ends_at.filter(|end| *end <= now)?;
        Some(Notice::Overtime { ends_at, closes_at: self.closes_at })
    }
}

fn closing(closes_at: UnixTime, now: UnixTime) -> Notice {
    Notice::Closing { closes_at, minutes_left: minutes_left(closes_at, now) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSE: UnixTime = UnixTime::from_secs(1_800_000_000);
    const END: UnixTime = UnixTime::from_secs(1_800_000_000 - 30 * 60);

    /// `seconds` before the close.
    fn before(seconds: u64) -> UnixTime {
        CLOSE.minus(Duration::from_secs(seconds))
    }

    fn minutes(notices: &[Notice]) -> Vec<i64> {
        let left = |notice: &Notice| match notice {
            Notice::Closing { minutes_left, .. } => Some(*minutes_left),
            _ => None,
        };
        notices.iter().filter_map(left).collect()
    }

    /// Looks twice a second from one time to another; gives all that was said.
    fn watch(table: &mut Timetable, from: u64, to: u64) -> Vec<Notice> {
        let mut said = Vec::new();
        let mut now = before(from);
        while now <= before(to) {
            said.extend(table.poll(Some(CLOSE), Some(END), now).notices);
            now = now.plus(Duration::from_millis(500));
        }
        said
    }

    #[test]
    fn each_notice_is_given_once_at_its_time() {
        let mut table = Timetable::new(Some(CLOSE), Some(END));
        let said = watch(&mut table, 3600, 1);
        assert_eq!(said[0], Notice::Overtime { ends_at: END, closes_at: Some(CLOSE) });
        assert_eq!(minutes(&said), [10, 5, 1]);
        assert_eq!(said.len(), 4);
        assert!(!table.poll(Some(CLOSE), Some(END), CLOSE.minus(Duration::from_millis(1))).close);
        assert!(table.poll(Some(CLOSE), Some(END), CLOSE).close, "half-open: the close is outside");
    }

    #[test]
    fn a_room_opened_late_says_only_the_latest() {
        for (seconds, expected) in [(601, 0), (600, 1), (420, 1), (300, 1), (200, 1), (60, 1), (30, 1)] {
            let mut table = Timetable::new(Some(CLOSE), None);
            let said = table.poll(Some(CLOSE), None, before(seconds)).notices;
            assert_eq!(minutes(&said).len(), expected, "{seconds} s before");
        }
        let mut table = Timetable::new(Some(CLOSE), Some(END));
        assert_eq!(minutes(&table.poll(Some(CLOSE), Some(END), before(170)).notices), [3], "what is left, in truth");
        let mut table = Timetable::new(Some(CLOSE), Some(END));
        let said = table.poll(Some(CLOSE), Some(END), before(1200)).notices;
        assert_eq!(said, [Notice::Overtime { ends_at: END, closes_at: Some(CLOSE) }]);
    }

    #[test]
    fn a_jump_over_several_notices_gives_the_latest_and_one_over_the_close_closes() {
        let mut table = Timetable::new(Some(CLOSE), Some(END));
        assert!(watch(&mut table, 3600, 2400).is_empty());
        assert_eq!(minutes(&table.poll(Some(CLOSE), Some(END), before(150)).notices), [3]);
        assert_eq!(minutes(&watch(&mut table, 150, 1)), [1]);
        let due = Timetable::new(Some(CLOSE), Some(END)).poll(Some(CLOSE), Some(END), CLOSE.plus(LATE));
        assert_eq!(due, Due { close: true, ..Due::default() });
    }

    #[test]
    fn a_clock_set_back_makes_the_notices_due_again_and_a_corrected_one_does_not() {
        let mut table = Timetable::new(Some(CLOSE), Some(END));
        watch(&mut table, 3600, 299);
        assert_eq!(watch(&mut table, 305, 280), [], "corrected by six seconds");
        assert_eq!(minutes(&watch(&mut table, 3880, 61)), [10, 5], "set back by an hour");
    }

    #[test]
    fn an_extension_is_told_and_has_warnings_of_its_own() {
        let mut table = Timetable::new(Some(CLOSE), Some(END));
        watch(&mut table, 3600, 240);
        let later = CLOSE.plus(Duration::from_secs(900));
        let due = table.poll(Some(later), Some(END), before(239));
        assert!(due.rescheduled);
        assert_eq!(due.notices, [Notice::Extended { closes_at: Some(later) }], "overtime is no news");
        assert!(!table.poll(Some(later), Some(END), before(238)).rescheduled);
        let said = table.poll(Some(later), Some(END), later.minus(Duration::from_secs(600))).notices;
        assert_eq!(minutes(&said), [10]);
        // Brought forward to where a warning is due already.
        let soon = later.minus(Duration::from_secs(420));
        let said = table.poll(Some(soon), Some(END), later.minus(Duration::from_secs(600))).notices;
        assert_eq!(said[0], Notice::Extended { closes_at: Some(soon) });
        assert_eq!(minutes(&said), [3]);
    }

    #[test]
    fn a_room_that_closes_no_more_says_so() {
        let mut table = Timetable::new(Some(CLOSE), None);
        let due = table.poll(None, None, before(30));
        assert_eq!(due.notices, [Notice::Extended { closes_at: None }]);
        assert_eq!(due.notices[0].to_json(), json!({ "type": "extended", "closesAt": null }));
        assert!(!table.poll(None, None, CLOSE).close);
    }

    #[test]
    fn newcomers_learn_what_is_near() {
        let table = Timetable::new(Some(CLOSE), Some(END));
        assert_eq!(table.for_newcomer(before(3600)), None);
        let overtime = Notice::Overtime { ends_at: END, closes_at: Some(CLOSE) };
        assert_eq!(table.for_newcomer(before(1200)), Some(overtime));
        let closing = Notice::Closing { closes_at: CLOSE, minutes_left: 10 };
        assert_eq!(table.for_newcomer(before(600)), Some(closing));
        assert_eq!(Timetable::new(None, None).for_newcomer(CLOSE), None);
    }

    #[test]
    fn notices_are_json_with_times_of_rfc_3339() {
        let closing = Notice::Closing { closes_at: CLOSE, minutes_left: 10 };
        let expected = json!({ "type": "closing", "closesAt": "2027-01-15T08:00:00Z", "minutesLeft": 10 });
        assert_eq!(closing.to_json(), expected);
        let closed = Notice::Closed { reason: CloseReason::WindowClosed };
        assert_eq!(closed.to_json(), json!({ "type": "closed", "reason": "window_closed" }));
    }
}
