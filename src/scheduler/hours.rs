//! When experts can be booked, as it is stored.

use jiff::civil::Date;
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::services::{check_expert, manages};
use super::zone::{DAY, Zone};
use super::{DAY_END, DateException, Error, ExceptionKind, Interval, Schedule, Scheduler, WeeklyRule};
use crate::ids::UserId;
use crate::store::{Actor, StoreError, Tx, hex};
use crate::units::UnixTime;

/// A number for what is written as this JSON, and another for what is written otherwise.
pub(super) fn version_of(what: &impl Serialize) -> i64 {
    let text = serde_json::to_string(what).unwrap_or_default();
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    // 52 bits: a number in JavaScript too.
    i64::from_str_radix(&hex(digest.as_ref())[..13], 16).unwrap_or_default()
}

/// All that an expert has said of when to be booked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hours {
    /// Hours of the week.
    pub weekly: Vec<WeeklyRule>,
    /// Dates that differ from it.
    #[serde(default)]
    pub exceptions: Vec<DateException>,
}

impl Hours {
    /// Names what these hours are: other hours have another one. For `If-Match`, as there is no row to count by.
    pub fn version(&self) -> i64 {
        version_of(self)
    }

    /// Checks them, and writes zones as the database of zones does.
    fn settle(mut self) -> Result<(Self, Schedule), Error> {
        let schedule = Schedule::new(&self.weekly, &self.exceptions)?;
        if self.exceptions.iter().any(|exception| exception.date.year() < 0) {
            return Err(Error::invalid("exceptions", "there are no appointments before the year 0"));
        }
        let named = |tz: &mut String| {
            if let Ok(zone) = Zone::named(tz) {
                zone.name().clone_into(tz);
            }
        };
        self.weekly.iter_mut().for_each(|rule| named(&mut rule.tz));
        self.exceptions.iter_mut().for_each(|exception| named(&mut exception.tz));
        self.weekly.sort_by_key(|rule| (rule.weekday, rule.from_min, rule.to_min));
        self.exceptions.sort_by_key(|exception| (exception.date, exception.from_min, exception.to_min));
        Ok((self, schedule))
    }

    /// Reads them as whoever asks may see them.
    fn load(connection: &Connection, expert: UserId, dates: &DateRange) -> Result<Self, Error> {
        let sql = "SELECT weekday, from_min, to_min, tz, valid_from, valid_to FROM public_rules WHERE expert_id = ?1
            ORDER BY weekday, from_min, to_min, id";
        let weekly = connection.prepare_cached(sql)?.query_map([expert], rule)?.collect::<Result<_, _>>()?;
        let sql = "SELECT date, kind, from_min, to_min, tz, note FROM public_exceptions
            WHERE expert_id = ?1 AND date BETWEEN ?2 AND ?3 ORDER BY date, from_min, to_min, id";
        let mut statement = connection.prepare_cached(sql)?;
        let exceptions =
            statement.query_map((expert, &dates.first, &dates.last), exception)?.collect::<Result<_, _>>()?;
        Ok(Self { weekly, exceptions })
    }
}

/// Dates as the database writes them.
struct DateRange {
    first: String,
    last: String,
}

impl DateRange {
    fn all() -> Self {
        Self { first: "0000".into(), last: "9999-12-31".into() }
    }

    /// Every date that some zone has in a stretch of time.
    fn around(range: Interval) -> Self {
        let date = |time: i64| Zone::UTC.civil(UnixTime(time)).date().to_string();
        Self { first: date(range.from.0.saturating_sub(2 * DAY)), last: date(range.to.0.saturating_add(2 * DAY)) }
    }
}

fn rule(row: &Row<'_>) -> rusqlite::Result<WeeklyRule> {
    Ok(WeeklyRule {
        weekday: row.get(0)?,
        from_min: row.get(1)?,
        to_min: row.get(2)?,
        tz: row.get(3)?,
        valid_from: row.get::<_, Option<String>>(4)?.and_then(|text| text.parse().ok()),
        valid_to: row.get::<_, Option<String>>(5)?.and_then(|text| text.parse().ok()),
    })
}

fn exception(row: &Row<'_>) -> rusqlite::Result<DateException> {
    use crate::store::RowExt;
    let kind: String = row.get(1)?;
    Ok(DateException {
        date: row.word::<Date>(0)?,
        kind: if kind == "open" { ExceptionKind::Open } else { ExceptionKind::Closed },
        from_min: row.get::<_, Option<u16>>(2)?.unwrap_or(0),
        to_min: row.get::<_, Option<u16>>(3)?.unwrap_or(DAY_END),
        tz: row.get(4)?,
        note: row.get::<_, Option<String>>(5)?.filter(|note| !note.is_empty()),
    })
}

/// The hours that matter for what starts in a range of time, ready to be expanded. Anybody may know them, notes aside.
pub(super) fn schedule(connection: &Connection, expert: UserId, range: Interval) -> Result<Schedule, Error> {
    let hours = Hours::load(connection, expert, &DateRange::around(range))?;
    // They were checked when they were stored.
    Schedule::new(&hours.weekly, &hours.exceptions)
        .map_err(|error| Error::Store(StoreError::Internal(format!("stored hours of {expert}: {error}"))))
}

impl Scheduler {
    /// All hours of an expert, for that expert and for administrators.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`].
    pub async fn hours(&self, actor: Actor, expert: UserId) -> Result<Hours, Error> {
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        self.read(actor, move |reader| Hours::load(reader, expert, &DateRange::all())).await
    }

    /// Puts other hours in the place of all that an expert had. Appointments stay where they are.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`], [`Error::Invalid`], [`Error::NotFound`] where there is no such expert, [`Error::Stale`]
    /// where the present ones are not of the [`Hours::version`] that is expected.
    pub async fn replace_hours(
        &self,
        actor: Actor,
        expert: UserId,
        hours: Hours,
        expected: Option<i64>,
    ) -> Result<Hours, Error> {
        if !manages(actor, expert) {
            return Err(Error::NotYours);
        }
        let now = self.now();
        let (hours, _) = hours.settle()?;
        self.write(move |tx| {
            check_expert(tx, expert)?;
            let before = Hours::load(tx, expert, &DateRange::all())?;
            if expected.is_some_and(|expected| expected != before.version()) {
                return Err(Error::Stale);
            }
            store(tx, expert, &hours)?;
            let detail = json!({
                "rules": [before.weekly.len(), hours.weekly.len()],
                "exceptions": [before.exceptions.len(), hours.exceptions.len()],
                "version": hours.version(),
            });
            tx.audit(now, actor, "hours.replaced", &format!("expert:{expert}"), &detail)?;
            Hours::load(tx, expert, &DateRange::all())
        })
        .await
    }
}

/// A schedule of hours that are not stored, for whoever wants to see what they would mean.
pub(super) fn tried(hours: Hours) -> Result<Schedule, Error> {
    Ok(hours.settle()?.1)
}

fn store(tx: &Tx<'_>, expert: UserId, hours: &Hours) -> Result<(), Error> {
    tx.prepare_cached("DELETE FROM availability_rules WHERE expert_id = ?1")?.execute([expert])?;
    tx.prepare_cached("DELETE FROM availability_exceptions WHERE expert_id = ?1")?.execute([expert])?;
    let mut insert = tx.prepare_cached(
        "INSERT INTO availability_rules (expert_id, weekday, from_min, to_min, tz, valid_from, valid_to)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    let text = |date: Option<Date>| date.map(|date| date.to_string());
    for rule in &hours.weekly {
        let (from, to) = (text(rule.valid_from), text(rule.valid_to));
        insert.execute((expert, rule.weekday, rule.from_min, rule.to_min, &rule.tz, from, to))?;
    }
    let mut insert = tx.prepare_cached(
        "INSERT INTO availability_exceptions (expert_id, date, kind, from_min, to_min, tz, note)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    for exception in &hours.exceptions {
        let kind = match exception.kind {
            ExceptionKind::Open => "open",
            ExceptionKind::Closed => "closed",
        };
        let (date, note) = (exception.date.to_string(), exception.note.as_deref().unwrap_or_default());
        insert.execute((expert, date, kind, exception.from_min, exception.to_min, &exception.tz, note))?;
    }
    Ok(())
}
