//! Floor 6: `visavis bench`, a load client for any server that speaks LiveKit's protocol. It knows nothing of how ours
//! works inside; LiveKit's own server is joined in the same way.
//!
//! | file | holds |
//! |---|---|
//! | `scenario` | what is played, and everybody's part in it |
//! | `traffic` | sizes and times of frames, as encoders have them |
//! | `signal`, `offer`, `member` | one participant's talk with the server: WebSocket, SDP, the task |
//! | `publish`, `messages` | what one participant sends |
//! | `receive` | what one participant receives: authenticated, counted, not decoded |
//! | `stamp`, `account`, `tally`, `numbers`, `histogram` | who sent what when; what was due and what came of it |
//! | `peer`, `socket`, `lane` | media of many participants on one thread |
//! | `fleet` | all participants: joining, flowing, measuring, leaving |
//! | `process` | processor time and memory from `/proc` |
//! | `figures`, `report` | what was found out, and how it is shown |

pub mod account;
pub mod error;
pub mod figures;
pub mod fleet;
pub mod histogram;
pub mod report;
pub mod scenario;
pub mod stamp;
pub mod traffic;

mod lane;
mod member;
mod messages;
mod numbers;
mod offer;
mod peer;
mod process;
mod publish;
mod receive;
mod signal;
mod socket;
mod tally;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod media_tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rand::Rng as _;
use visavis_signaling::token::ApiKey;

use self::error::BenchError;
use self::figures::{Figures, Step};
use self::fleet::{Fleet, FleetOptions, Tell};
use self::member::Setting;
use self::scenario::Plan;
use self::signal::Target;
use self::stamp::{MAX_ROOMS, MAX_TRACKS};
use self::traffic::TraceFrame;
use crate::config::LivekitUrl;
use crate::net;
use crate::transport::Certificate;

/// Files open beside those of participants.
const OTHER_FILES: u64 = 64;
/// A capacity is borne with less loss than this.
const MAX_LOSS: f64 = 0.001;
/// A capacity is borne with a smaller delay p99 than this.
const MAX_DELAY: Duration = Duration::from_millis(20);
/// The first step of a ramp is this part of the last.
const FIRST_STEP: u32 = 16;
/// A ramp ends when it knows the capacity to one part in this many.
const PRECISION: u32 = 20;

/// What a run needs to know.
pub struct Options {
    /// The server.
    pub url: LivekitUrl,
    /// Signs the participants' tokens.
    pub key: ApiKey,
    /// What is played.
    pub plan: Plan,
    /// The server's process, to be watched.
    pub pid: Option<u32>,
    /// Threads that carry media.
    pub threads: usize,
    /// Receivers have GRO.
    pub gro: bool,
    /// Frames to replay instead of the model's.
    pub trace: Option<Arc<[TraceFrame]>>,
    /// Look for the largest number of participants that is borne.
    pub ramp_until_loss: bool,
    /// Becomes true when the run is to end before its time.
    pub stop: Arc<AtomicBool>,
}

/// Plays the scenario and gives the figures; what went wrong is in them.
pub async fn run(options: Options, tell: Tell<'_>) -> Figures {
    let mut figures = Figures {
        scenario: options.plan.scenario.word().to_owned(),
        url: options.url.as_str().to_owned(),
        participants: options.plan.participants,
        ..Figures::default()
    };
    match start(&options) {
        Err(error) => figures.error = Some(error.to_string()),
        Ok(mut fleet) => {
            let result = if options.ramp_until_loss {
                ramp(&mut fleet, &options.plan, &mut figures, tell).await
            } else {
                fixed(&mut fleet, &options.plan, &mut figures, tell).await
            };
            if let Err(error) = result {
                figures.error = Some(error.to_string());
            }
            fleet.disband().await;
        }
    }
    figures
}

fn start(options: &Options) -> Result<Fleet, BenchError> {
    let plan = &options.plan;
    let impossible = |what: &str| Err(BenchError::Impossible(what.to_owned()));
    let members = plan.members(plan.participants);
    let senders = (0..members).filter_map(|member| plan.part(member).sender).max().unwrap_or_default();
    if plan.room_count() > MAX_ROOMS || senders >= MAX_TRACKS / 2 {
        return impossible("so many senders or rooms cannot be told apart; take fewer");
    }
    // A WebSocket and a UDP socket each.
    let wanted = u64::from(members) * 2 + OTHER_FILES;
    if net::allow_open_files(wanted + 10_000).unwrap_or(0) < wanted {
        return Err(BenchError::NoSocket(format!("{wanted} files are needed for {members} participants")));
    }
    let certificate = Certificate::generate().map_err(|error| BenchError::Impossible(error.to_string()))?;
    let run = rand::rng().next_u32();
    let setting = Setting {
        target: Target::new(&options.url)?,
        key: options.key.clone(),
        certificate: Arc::new(certificate),
        prefix: format!("bench-{run:08x}"),
        layers: plan.resolution.layers(plan.simulcast),
        trace: options.trace.clone(),
    };
    let fleet = FleetOptions {
        plan: plan.clone(),
        run,
        lanes: options.threads,
        gro: options.gro,
        pid: options.pid,
        stop: Arc::clone(&options.stop),
    };
    Fleet::new(fleet, setting)
}

async fn fixed(fleet: &mut Fleet, plan: &Plan, figures: &mut Figures, tell: Tell<'_>) -> Result<(), BenchError> {
    if let Err(error) = fleet.grow(plan.members(plan.participants), tell).await {
        // What is there is measured all the same, a moment long.
        *figures = fleet.measure(Duration::from_millis(500), tell).await;
        return Err(error);
    }
    *figures = fleet.measure(plan.duration, tell).await;
    fleet.check().map(drop)
}

/// Doubles the participants until it is too much, then halves the distance between what was borne and what was not.
async fn ramp(fleet: &mut Fleet, plan: &Plan, figures: &mut Figures, tell: Tell<'_>) -> Result<(), BenchError> {
    let (mut good, mut bad) = (0, None);
    let mut steps = Vec::new();
    let mut next = (plan.participants / FIRST_STEP).max(plan.scenario.fewest());
    loop {
        fleet.shrink(plan.members(next)).await;
        let grown = fleet.grow(plan.members(next), tell).await;
        let taken = fleet.measure(plan.duration, tell).await;
        let step = step(next, &taken);
        tell(&format!(
            "{next} participants: {:.3} % lost, {:.1} % withheld, delay p99 {:.2} ms: {}",
            step.loss * 100.0,
            step.withheld * 100.0,
            step.delay_p99_us / 1000.0,
            if step.good { "borne" } else { "too much" },
        ));
        steps.push(step);
        if step.good || figures.delivered_packets == 0 {
            *figures = taken;
        }
        figures.ramp.clone_from(&steps);
        figures.capacity = (good > 0 || step.good).then_some(good.max(if step.good { next } else { 0 }));
        grown?;
        fleet.check()?;
        if step.good {
            good = next;
        } else {
            bad = Some(next);
        }
        next = match bad {
            None if next >= plan.participants => return Ok(()),
            None => (next * 2).min(plan.participants),
            Some(bad) if bad - good <= (good / PRECISION).max(1) => return Ok(()),
            Some(bad) => good + (bad - good) / 2,
        };
    }
}

fn step(participants: u32, taken: &Figures) -> Step {
    let missing = taken.subscriptions < taken.expected_subscriptions;
    let slow = taken.delay_us.p99 >= MAX_DELAY.as_micros() as f64;
    Step {
        participants,
        packets_per_second: taken.packets_per_second,
        loss: taken.loss,
        withheld: taken.withheld(),
        delay_p99_us: taken.delay_us.p99,
        server_cores: taken.server.as_ref().map(|server| server.cpu_seconds / taken.seconds.max(1e-9)),
        good: taken.loss < MAX_LOSS && !slow && !missing && taken.delivered_packets > 0,
    }
}
