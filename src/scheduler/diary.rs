//! An expert's day.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};

use super::hours::schedule;
use super::offers::zone;
use super::records::Appointment;
use super::services::manages;
use super::{Error, Instants, Interval, Scheduler, Zone};
use crate::ids::UserId;
use crate::store::Actor;
use crate::units::UnixTime;

/// The longest consultation with its buffers.
const LONGEST_BLOCK: Duration = Duration::from_secs(24 * 3600);

/// One day of an expert, in a zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Day {
    /// The date.
    pub date: Date,
    /// The zone, as the database of zones writes it.
    pub tz: String,
    /// From its first moment to that of the next day: not always 24 hours.
    pub span: Interval,
    /// When the expert can be booked.
    pub open: Vec<Interval>,
    /// What takes up time in it, and what took place or should have: holds too, whose customers are not known yet.
    pub appointments: Vec<Appointment>,
}

impl Scheduler {
    /// The day of an expert as the clocks of a zone have it.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`] for all but the expert and administrators, [`Error::Invalid`] for the zone or the date.
    pub async fn day(&self, actor: Actor, expert: UserId, date: Date, tz: &str) -> Result<Day, Error> {
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        let zone = zone("tz", tz)?;
        let span = span_of(date, &zone).ok_or_else(|| Error::invalid("date", "no calendar goes that far"))?;
        self.read(actor, move |reader| {
            let sql = "SELECT * FROM my_appointments WHERE expert_id = ?1 AND starts_at > ?2 AND starts_at < ?3
                AND busy_to > ?4 AND busy_from < ?5 AND status NOT IN ('rejected', 'cancelled', 'expired')
                ORDER BY starts_at, id";
            let mut statement = reader.prepare_cached(sql)?;
            // No block is longer than a day: what reaches into this one starts not much further away.
            let (first, last) = (span.from.minus(LONGEST_BLOCK), span.to.plus(LONGEST_BLOCK));
            let params = (expert, first.0, last.0, span.from.0, span.to.0);
            let appointments = statement.query_map(params, Appointment::from_row)?.collect::<Result<_, _>>()?;
            let open = schedule(reader, expert, span)?.open(span).as_slice().to_vec();
            Ok(Day { date, tz: zone.name().to_owned(), span, open, appointments })
        })
        .await
    }
}

/// A date in a zone; empty where the zone has skipped it.
fn span_of(date: Date, zone: &Zone) -> Option<Interval> {
    let next = date.tomorrow().ok()?;
    Some(Interval::new(first_moment(date, zone)?, first_moment(next, zone)?))
}

fn first_moment(date: Date, zone: &Zone) -> Option<UnixTime> {
    match zone.instants(DateTime::from_parts(date, Time::midnight())) {
        // Where midnight is shown twice, the day begins with the first.
        Instants::Once(at) | Instants::Twice(at, _) | Instants::Never { at, .. } => Some(at),
        Instants::Beyond => None,
    }
}
