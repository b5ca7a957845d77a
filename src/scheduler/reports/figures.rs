//! Minutes of calls and their sums.

use std::collections::BTreeMap;

use rusqlite::{Connection, Row};
use serde::Serialize;
use utoipa::ToSchema;

use crate::ids::CallLogId;
use crate::scheduler::quality::GOOD;
use crate::scheduler::{Cause, Error};
use crate::store::RowExt;
use crate::units::{UnixTime, rfc3339};

/// A minute of somebody's connection. What was not measured is absent.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualityMinute {
    /// Its beginning.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub minute: UnixTime,
    /// Mean round trip in milliseconds.
    pub rtt_ms: Option<u32>,
    /// Worst jitter in milliseconds.
    pub jitter_ms: Option<u32>,
    /// Share of packets lost on the way to the server, 0 to 1.
    pub loss_up: Option<f64>,
    /// Share of packets lost on the way from the server, 0 to 1.
    pub loss_down: Option<f64>,
    /// Bits per second to the server.
    pub bitrate_up: Option<u64>,
    /// Bits per second from the server.
    pub bitrate_down: Option<u64>,
    /// The lowest video layer received.
    pub layer: Option<String>,
    /// Mean opinion score, 1 to 4.5.
    pub mos: Option<f64>,
    /// What kept it from being better.
    pub cause: Option<Cause>,
}

impl QualityMinute {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let rate = |column| row.get::<_, Option<i64>>(column).map(|rate| rate.map(|rate| rate.max(0) as u64));
        let cause: Option<String> = row.get("cause")?;
        Ok(Self {
            minute: row.time("minute")?,
            rtt_ms: row.get("rtt_ms")?,
            jitter_ms: row.get("jitter_ms")?,
            loss_up: row.get("loss_up")?,
            loss_down: row.get("loss_down")?,
            bitrate_up: rate("bitrate_in")?,
            bitrate_down: rate("bitrate_out")?,
            layer: row.get("layer")?,
            mos: row.get("mos")?,
            cause: cause.as_deref().and_then(Cause::parse),
        })
    }
}

/// Minutes taken together: means of those in which something was measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QualitySummary {
    /// How many minutes.
    pub minutes: u64,
    /// Mean of the opinion scores.
    pub mos_mean: Option<f64>,
    /// The worst of them.
    pub mos_min: Option<f64>,
    /// Share of the minutes with a score whose score is good (4 and better), 0 to 1.
    pub good_share: Option<f64>,
    /// Round trip in milliseconds.
    pub rtt_ms_mean: Option<f64>,
    /// Jitter in milliseconds.
    pub jitter_ms_mean: Option<f64>,
    /// Share of packets lost on the way to the server.
    pub loss_up_mean: Option<f64>,
    /// Share of packets lost on the way from the server.
    pub loss_down_mean: Option<f64>,
    /// Bits per second to the server.
    pub bitrate_up_mean: Option<f64>,
    /// Bits per second from the server.
    pub bitrate_down_mean: Option<f64>,
    /// What spoilt minutes, the most frequent first.
    pub causes: Vec<CauseMinutes>,
}

/// How often something spoilt a minute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct CauseMinutes {
    /// What.
    pub cause: Cause,
    /// How many.
    pub minutes: u64,
}

/// A mean in the making.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn finish(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// A summary in the making.
#[derive(Clone, Debug, Default)]
pub(super) struct Sum {
    minutes: u64,
    mos: Mean,
    worst: Option<f64>,
    good: u64,
    rtt: Mean,
    jitter: Mean,
    loss_up: Mean,
    loss_down: Mean,
    bitrate_up: Mean,
    bitrate_down: Mean,
    causes: BTreeMap<&'static str, CauseMinutes>,
}

impl Sum {
    pub(super) fn add(&mut self, minute: &QualityMinute) {
        self.minutes += 1;
        self.mos.add(minute.mos);
        if let Some(mos) = minute.mos {
            self.worst = Some(self.worst.map_or(mos, |worst| worst.min(mos)));
            self.good += u64::from(mos >= GOOD);
        }
        self.rtt.add(minute.rtt_ms.map(f64::from));
        self.jitter.add(minute.jitter_ms.map(f64::from));
        self.loss_up.add(minute.loss_up);
        self.loss_down.add(minute.loss_down);
        self.bitrate_up.add(minute.bitrate_up.map(|rate| rate as f64));
        self.bitrate_down.add(minute.bitrate_down.map(|rate| rate as f64));
        if let Some(cause) = minute.cause {
            self.causes.entry(cause.as_str()).or_insert(CauseMinutes { cause, minutes: 0 }).minutes += 1;
        }
    }

    pub(super) fn finish(self) -> QualitySummary {
        let mut causes: Vec<CauseMinutes> = self.causes.into_values().collect();
        causes.sort_by_key(|it| std::cmp::Reverse(it.minutes));
        let scored = self.mos.count;
        QualitySummary {
            minutes: self.minutes,
            mos_mean: self.mos.finish(),
            mos_min: self.worst,
            good_share: (scored > 0).then(|| self.good as f64 / scored as f64),
            rtt_ms_mean: self.rtt.finish(),
            jitter_ms_mean: self.jitter.finish(),
            loss_up_mean: self.loss_up.finish(),
            loss_down_mean: self.loss_down.finish(),
            bitrate_up_mean: self.bitrate_up.finish(),
            bitrate_down_mean: self.bitrate_down.finish(),
            causes,
        }
    }
}

/// Every minute of a stay, in order.
pub(super) fn each_minute(
    connection: &Connection,
    log: CallLogId,
    mut with: impl FnMut(QualityMinute),
) -> Result<(), Error> {
    let sql = "SELECT * FROM my_call_quality WHERE call_log_id = ?1 ORDER BY minute";
    let mut query = connection.prepare_cached(sql)?;
    for minute in query.query_map([log], QualityMinute::from_row)? {
        with(minute?);
    }
    Ok(())
}
