//! How consultations are rated: once, by whom they were for, after they have taken place.

use rusqlite::{OptionalExtension, Row};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{MOST, Mark, Party, before};
use crate::ids::{AppointmentId, UserId};
use crate::scheduler::records::{Appointment, SeatRole};
use crate::scheduler::texts::prose;
use crate::scheduler::{Conflict, Error, Scheduler, Status};
use crate::store::{Actor, RowExt};
use crate::units::{UnixTime, rfc3339};

/// Most characters of a comment.
pub const MAX_COMMENT: usize = 2_000;

/// What somebody thought of a consultation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rating {
    /// Which one.
    pub appointment_id: AppointmentId,
    /// What it was called.
    pub title: String,
    /// Who rates.
    pub user_id: UserId,
    /// From 1 to 5.
    pub stars: u8,
    /// A few words, or none.
    pub comment: String,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: UnixTime,
}

impl Rating {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            appointment_id: row.get("appointment_id")?,
            title: row.get("title")?,
            user_id: row.get("user_id")?,
            stars: row.get("stars")?,
            comment: row.get("comment")?,
            created_at: row.time("created_at")?,
        })
    }

    /// The place of this rating in a list.
    pub fn mark(&self) -> Mark<AppointmentId> {
        Mark { at: self.created_at.0, id: self.appointment_id }
    }
}

/// A rating to be given.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRating {
    /// From 1 to 5.
    #[schema(minimum = 1, maximum = 5)]
    pub stars: u8,
    /// A few words.
    #[serde(default)]
    #[schema(max_length = 2000)]
    pub comment: String,
}

/// An expert's ratings taken together.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RatingFigures {
    /// How many.
    pub count: u64,
    /// Their mean; none without any.
    pub mean: Option<f64>,
    /// How many of one star, of two, … of five.
    pub by_stars: [u64; 5],
}

impl Scheduler {
    /// Rates a consultation that has taken place.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotYours`] for all but those whom it was for, [`Conflict::WrongStatus`] before it
    /// is completed, [`Conflict::RatedAlready`], [`Error::Invalid`].
    pub async fn rate(&self, actor: Actor, id: AppointmentId, new: NewRating) -> Result<Rating, Error> {
        let now = self.now();
        if !(1..=5).contains(&new.stars) {
            return Err(Error::invalid("stars", "it is a number from 1 to 5"));
        }
        let comment = prose("comment", &new.comment, MAX_COMMENT)?;
        self.write(move |tx| {
            let party = Party::load(tx, actor, id)?;
            let user = actor.user().filter(|_| party.seat.role == SeatRole::Client).ok_or(Error::NotYours)?;
            if party.appointment.status != Status::Completed {
                return Err(Conflict::WrongStatus(party.appointment.status).into());
            }
            let sql = "SELECT 1 FROM ratings WHERE appointment_id = ?1 AND user_id = ?2";
            if tx.prepare_cached(sql)?.query_row((id, user), |_| Ok(())).optional()?.is_some() {
                return Err(Conflict::RatedAlready.into());
            }
            tx.prepare_cached(
                "INSERT INTO ratings (appointment_id, user_id, stars, comment, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute((id, user, new.stars, &comment, now.0))?;
            let title = party.appointment.title;
            Ok(Rating { appointment_id: id, title, user_id: user, stars: new.stars, comment, created_at: now })
        })
        .await
    }

    /// What the caller's rating of an appointment says, if there is one; for its expert, the first customer's.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for an appointment that the actor has no part in.
    pub async fn rating(&self, actor: Actor, id: AppointmentId) -> Result<Option<Rating>, Error> {
        self.read(actor, move |reader| {
            Appointment::load(reader, id)?;
            let sql = "SELECT r.*, a.title FROM my_ratings r JOIN my_appointments a ON a.id = r.appointment_id
                WHERE r.appointment_id = ?1 ORDER BY r.created_at, r.user_id LIMIT 1";
            Ok(reader.prepare_cached(sql)?.query_row([id], Rating::from_row).optional()?)
        })
        .await
    }

    /// An expert's ratings, the newest first: for the expert and for administrators.
    ///
    /// # Errors
    ///
    /// [`Error::NotYours`].
    pub async fn ratings(
        &self,
        actor: Actor,
        expert: UserId,
        after: Option<Mark<AppointmentId>>,
        limit: usize,
    ) -> Result<Vec<Rating>, Error> {
        if actor.user() != Some(expert) && !actor.is_admin() {
            return Err(Error::NotYours);
        }
        let limit = limit.min(MOST) as i64;
        let (at, id) = before(after);
        self.read(actor, move |reader| {
            let sql = "SELECT r.*, a.title FROM my_ratings r JOIN my_appointments a ON a.id = r.appointment_id
                WHERE a.expert_id = ?1 AND (r.created_at, r.appointment_id) < (?2, ?3)
                ORDER BY r.created_at DESC, r.appointment_id DESC LIMIT ?4";
            let mut query = reader.prepare_cached(sql)?;
            let rows = query.query_map((expert, at, id, limit), Rating::from_row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// An expert's ratings taken together; anybody may know them of an expert with a public page.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for somebody without one.
    pub async fn rating_figures(&self, actor: Actor, expert: UserId) -> Result<RatingFigures, Error> {
        let own = actor.user() == Some(expert) || actor.is_admin();
        self.read(Actor::System, move |reader| {
            let known = "SELECT 1 FROM public_experts WHERE id = ?1";
            if !own && reader.prepare_cached(known)?.query_row([expert], |_| Ok(())).optional()?.is_none() {
                return Err(Error::NotFound);
            }
            let sql = "SELECT r.stars, count(*) FROM system_ratings r
                JOIN system_appointments a ON a.id = r.appointment_id WHERE a.expert_id = ?1 GROUP BY r.stars";
            let mut query = reader.prepare_cached(sql)?;
            let mut figures = RatingFigures::default();
            let mut sum = 0;
            for row in query.query_map([expert], |row| Ok((row.count(0)?, row.count(1)?)))? {
                let (stars, count) = row?;
                figures.count += count;
                sum += stars * count;
                if let Some(of) = figures.by_stars.get_mut(stars.saturating_sub(1) as usize) {
                    *of += count;
                }
            }
            figures.mean = (figures.count > 0).then(|| sum as f64 / figures.count as f64);
            Ok(figures)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::Lobby;
    use crate::scheduler::testing::*;

    fn stars(stars: u8) -> NewRating {
        NewRating { stars, comment: String::new() }
    }

    #[tokio::test]
    async fn a_customer_rates_once_when_it_is_over() {
        let desk = Desk::new();
        let id = desk.approved(Lobby::Off);
        desk.at(0);
        let early = desk.scheduler.rate(customer(1), id, stars(5)).await;
        assert!(matches!(early, Err(Error::Conflict(Conflict::WrongStatus(Status::Approved)))), "{early:?}");
        desk.sql("UPDATE appointments SET status = 'completed'");
        let new = NewRating { stars: 4, comment: "helped\r\n".into() };
        let rating = desk.scheduler.rate(customer(1), id, new).await.unwrap();
        assert_eq!((rating.stars, rating.comment.as_str(), rating.created_at), (4, "helped", START));
        let again = desk.scheduler.rate(customer(1), id, stars(1)).await;
        assert!(matches!(again, Err(Error::Conflict(Conflict::RatedAlready))));
        assert_eq!(desk.scheduler.rating(customer(1), id).await.unwrap(), Some(rating.clone()));
        assert_eq!(desk.scheduler.ratings(expert(8), person(8), None, 10).await.unwrap(), [rating]);
    }

    #[tokio::test]
    async fn nobody_else_rates_and_no_other_number_of_stars_is_given() {
        let desk = Desk::new();
        let id = desk.approved(Lobby::Off);
        let guest = desk.guest(1, "client");
        desk.sql("UPDATE appointments SET status = 'completed'");
        for actor in [expert(8), admin(), guest] {
            let refused = desk.scheduler.rate(actor, id, stars(5)).await;
            assert!(matches!(refused, Err(Error::NotYours)), "{actor:?}: {refused:?}");
        }
        for actor in [customer(2), expert(9), Actor::Anonymous] {
            assert!(matches!(desk.scheduler.rate(actor, id, stars(5)).await, Err(Error::NotFound)));
            assert!(matches!(desk.scheduler.rating(actor, id).await, Err(Error::NotFound)));
        }
        for wrong in [0, 6, 255] {
            let refused = desk.scheduler.rate(customer(1), id, stars(wrong)).await;
            assert!(matches!(refused, Err(Error::Invalid { field: "stars", .. })));
        }
        assert!(matches!(desk.scheduler.ratings(customer(1), person(8), None, 9).await, Err(Error::NotYours)));
    }

    #[tokio::test]
    async fn an_experts_figures_are_the_sum_of_the_ratings() {
        let desk = Desk::new();
        let all = [(1, 5), (2, 2), (3, 5)];
        for (number, given) in all {
            let start = UnixTime(START.0 + i64::from(number) * 120 * MINUTE);
            let id = desk.approved_at(number, number, 8, start, Lobby::Off);
            desk.sql(&format!("UPDATE appointments SET status = 'completed' WHERE id = '{id}'"));
            desk.scheduler.rate(customer(number), id, stars(given)).await.unwrap();
        }
        let figures = desk.scheduler.rating_figures(Actor::Anonymous, person(8)).await.unwrap();
        assert_eq!((figures.count, figures.mean, figures.by_stars), (3, Some(4.0), [0, 1, 0, 0, 2]));
        assert_eq!(desk.value::<i64>("SELECT rating_sum FROM expert_profiles WHERE rating_count = 3"), 12);
        let none = desk.scheduler.rating_figures(Actor::Anonymous, person(9)).await.unwrap();
        assert_eq!(none, RatingFigures::default());
        assert!(matches!(desk.scheduler.rating_figures(customer(2), person(1)).await, Err(Error::NotFound)));
        let first = desk.scheduler.ratings(admin(), person(8), None, 2).await.unwrap();
        let rest = desk.scheduler.ratings(admin(), person(8), first.last().map(Rating::mark), 2).await.unwrap();
        assert_eq!((first.len(), rest.len()), (2, 1));
    }
}
