//! All participants of a run: who joins when, until everything flows; and what is measured then.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until, timeout};

use super::account::{Sent, Settled, TrackHeard, Window};
use super::error::BenchError;
use super::figures::{Figures, Generator, Quantiles, Second, Server};
use super::lane::{Lane, LaneCommand, LaneReport, Slot};
use super::member::{Attendance, Member, Setting};
use super::process::{self, Usage};
use super::receive::Counts;
use super::scenario::{Part, Plan};
use super::stamp::TrackId;
use crate::clock::{Clock, SystemClock, wall_nanos};
use crate::transport::DropCause;

/// Joins under way at once.
const MAX_JOINING: u32 = 64;
/// How often the state of things is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// All streams are waited for so long after the last join.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(15);
/// From the announcement of a window to its beginning.
const LEAD: Duration = Duration::from_millis(250);
/// What is under way when a window ends arrives within this.
const DRAIN: Duration = Duration::from_millis(1200);
/// Visitors who are there at once.
const MAX_VISITORS: usize = 5_000;
/// How long a visitor stays once it hears something.
const VISIT: Duration = Duration::from_secs(2);
/// Time to leave.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(10);

/// What a fleet is made of, beside its [`Setting`].
#[derive(Clone, Debug)]
pub struct FleetOptions {
    /// What is played.
    pub plan: Plan,
    /// Marks this run's packets.
    pub run: u32,
    /// Threads.
    pub lanes: usize,
    /// Receivers have GRO.
    pub gro: bool,
    /// The server's process.
    pub pid: Option<u32>,
    /// Becomes true when the run is to end before its time.
    pub stop: Arc<AtomicBool>,
}

/// Takes a line that says how it goes.
pub type Tell<'a> = &'a mut dyn FnMut(&str);

struct Present {
    leave: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// The participants.
pub struct Fleet {
    options: FleetOptions,
    setting: Arc<Setting>,
    attendance: Arc<Attendance>,
    lanes: Vec<Lane>,
    /// By member number: the first members of the plan.
    members: Vec<Present>,
    visitors: Vec<Present>,
    next_number: u32,
    next_slots: Vec<u32>,
    before: Option<Usage>,
    peak_rss: u64,
    joining: Duration,
}

impl Fleet {
    /// Nobody yet.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(options: FleetOptions, setting: Setting) -> Result<Self, BenchError> {
        let lanes = (0..options.lanes.max(1)).map(|number| Lane::start(number, options.run, options.gro));
        let lanes: Vec<Lane> =
            lanes.collect::<Result<_, _>>().map_err(|error| BenchError::NoSocket(error.to_string()))?;
        let before = options.pid.map(process::usage).transpose();
        let before = before.map_err(|error| {
            BenchError::Impossible(format!("there is no process {} to watch: {error}", options.pid.unwrap_or_default()))
        })?;
        Ok(Self {
            setting: Arc::new(setting),
            attendance: Arc::default(),
            members: Vec::new(),
            visitors: Vec::new(),
            next_number: 0,
            next_slots: vec![0; lanes.len()],
            lanes,
            before,
            peak_rss: before.map_or(0, |usage| usage.rss_bytes),
            joining: Duration::ZERO,
            options,
        })
    }

    /// What has become of the participants.
    pub fn attendance(&self) -> &Attendance {
        &self.attendance
    }

    /// Lets members in until there are so many, and waits until everything flows.
    ///
    /// # Errors
    /// The first failure of a join.
    pub async fn grow(&mut self, to: u32, tell: Tell<'_>) -> Result<(), BenchError> {
        let began = SystemClock.now();
        let mut told = began;
        let already = self.members.len() as u32;
        let settled = self.attendance.joined.load(Ordering::Relaxed) + self.attendance.failed.load(Ordering::Relaxed);
        while self.check()? < settled + to.saturating_sub(already) {
            let done = self.attendance.joined.load(Ordering::Relaxed) - settled;
            let entered = self.members.len() as u32 - already;
            let elapsed = SystemClock.now().saturating_duration_since(began);
            let allowed =
                self.options.plan.fill_rate().map_or(u32::MAX, |rate| (elapsed.as_secs_f64() * rate) as u32 + 1);
            let room = MAX_JOINING.saturating_sub(entered.saturating_sub(done));
            let more = room.min(to - already - entered).min(allowed.saturating_sub(entered));
            for _ in 0..more {
                let number = self.members.len() as u32;
                let part = self.options.plan.part(number);
                let present = self.enter(part, None);
                self.members.push(present);
            }
            if SystemClock.now().saturating_duration_since(told) >= Duration::from_secs(1) {
                told = SystemClock.now();
                tell(&format!("{} of {to} joined", already + done));
            }
            sleep(LOOK).await;
        }
        self.joining += SystemClock.now().saturating_duration_since(began);
        self.wait_for_streams(tell).await
    }

    /// Has the newest members leave until there are so many.
    pub async fn shrink(&mut self, to: u32) {
        let gone: Vec<Present> = self.members.drain((to as usize).min(self.members.len())..).collect();
        leave(gone).await;
    }

    /// Waits until every stream that should flow does; what does not within some time is a matter for the report.
    async fn wait_for_streams(&self, tell: Tell<'_>) -> Result<(), BenchError> {
        let expected = self.expected_subscriptions();
        let end = SystemClock.now() + SETTLE_TIMEOUT;
        let mut told = SystemClock.now();
        loop {
            self.check()?;
            let flowing = self.flowing().await;
            let now = SystemClock.now();
            if flowing >= expected || now >= end {
                return Ok(());
            }
            if now.saturating_duration_since(told) >= Duration::from_secs(1) {
                told = now;
                tell(&format!("{flowing} of {expected} streams flow"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// The number of joins so far.
    ///
    /// # Errors
    /// When the run is to end, or somebody could not join or is lost.
    pub fn check(&self) -> Result<u32, BenchError> {
        if self.options.stop.load(Ordering::Relaxed) {
            return Err(BenchError::Interrupted);
        }
        let attendance = &self.attendance;
        let failed = attendance.failed.load(Ordering::Relaxed) + attendance.lost.load(Ordering::Relaxed);
        match attendance.first_error() {
            Some(error) if failed > 0 => Err(error),
            _ => Ok(attendance.joined.load(Ordering::Relaxed)),
        }
    }

    fn expected_subscriptions(&self) -> u64 {
        self.options.plan.subscriptions(self.members.len() as u32)
    }

    async fn flowing(&self) -> u64 {
        let mut sum = 0;
        for lane in &self.lanes {
            let (reply, streams) = oneshot::channel();
            lane.handle().send(LaneCommand::Flowing(reply));
            sum += timeout(LEAVE_TIMEOUT, streams).await.ok().and_then(Result::ok).unwrap_or_default();
        }
        sum
    }

    fn enter(&mut self, part: Part, stay: Option<Duration>) -> Present {
        let number = self.next_number;
        self.next_number += 1;
        let lane = number as usize % self.lanes.len();
        let slot = Slot(self.next_slots[lane]);
        self.next_slots[lane] += 1;
        let (leave, told) = watch::channel(false);
        let member = Member {
            setting: Arc::clone(&self.setting),
            attendance: Arc::clone(&self.attendance),
            number,
            part,
            lane: self.lanes[lane].handle().clone(),
            slot,
            seed: self.options.plan.seed.wrapping_mul(0x2545_F491_4F6C_DD1D).wrapping_add(u64::from(number)),
            leave: told,
            stay,
        };
        Present { leave, task: tokio::spawn(member.run()) }
    }

    /// Takes figures for so long.
    pub async fn measure(&mut self, duration: Duration, tell: Tell<'_>) -> Figures {
        let start = wall_nanos() + LEAD.as_nanos() as u64;
        let window = Window { start, end: start + duration.as_nanos() as u64 };
        for lane in &self.lanes {
            lane.handle().send(LaneCommand::Open(window));
        }
        sleep(LEAD).await;
        let begin = Mark::now(self.options.pid);
        let joined_before = self.attendance.joined.load(Ordering::Relaxed);
        let curve = self.watch(&begin, duration, tell).await;
        let end = Mark::now(self.options.pid);
        let joined = self.attendance.joined.load(Ordering::Relaxed) - joined_before;
        // Before anybody leaves: what is still under way is due to those who are there.
        if self.attendance.present.load(Ordering::Relaxed) > 0 {
            sleep(DRAIN).await;
        }
        let reports = self.collect().await;
        leave(std::mem::take(&mut self.visitors)).await;
        self.figures(&reports, &begin, &end, curve, joined)
    }

    /// Looks on, second by second, and lets visitors in where the scenario wants it. Ends early when nobody is left.
    async fn watch(&mut self, begin: &Mark, duration: Duration, tell: Tell<'_>) -> Vec<Second> {
        let mut curve = Vec::new();
        let mut last = Look { at: begin.at, usage: begin.server, counts: self.counts() };
        let (mut invited, mut members) = (0u32, self.members.len() as u32);
        while SystemClock.now() < begin.at + duration {
            let now = SystemClock.now();
            let present = self.attendance.present.load(Ordering::Relaxed);
            if let Some(rate) = self.options.plan.churn_rate() {
                let due = (now.saturating_duration_since(begin.at).as_secs_f64() * rate) as u32;
                self.visitors.retain(|visitor| !visitor.task.is_finished());
                while invited < due && self.visitors.len() < MAX_VISITORS {
                    let visitor = self.enter(self.options.plan.visitor(invited), Some(VISIT));
                    self.visitors.push(visitor);
                    invited += 1;
                }
            }
            if now.saturating_duration_since(last.at) >= Duration::from_secs(1) {
                let look = Look { at: now, usage: self.usage(), counts: self.counts() };
                let second = look.second(&last, begin.at, present);
                tell(&line(&second, &self.attendance));
                curve.push(second);
                last = look;
            }
            members = members.max(present);
            if (present == 0 && members > 0) || self.options.stop.load(Ordering::Relaxed) {
                break;
            }
            let next = (last.at + Duration::from_secs(1)).min(begin.at + duration);
            let step = if self.options.plan.churn_rate().is_some() { LOOK } else { Duration::from_millis(100) };
            sleep_until(next.min(now + step).into()).await;
        }
        curve
    }

    fn usage(&mut self) -> Option<Usage> {
        let usage = self.options.pid.and_then(|pid| process::usage(pid).ok());
        self.peak_rss = self.peak_rss.max(usage.map_or(0, |usage| usage.rss_bytes));
        usage
    }

    fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        self.lanes.iter().for_each(|lane| sum.add(&lane.handle().counts()));
        sum
    }

    async fn collect(&self) -> Vec<LaneReport> {
        let mut reports = Vec::new();
        for lane in &self.lanes {
            let (reply, report) = oneshot::channel();
            lane.handle().send(LaneCommand::Collect(reply));
            // A lane that has ended has nothing to say.
            reports.extend(timeout(LEAVE_TIMEOUT, report).await.ok().and_then(Result::ok));
        }
        reports
    }

    fn figures(
        &mut self,
        reports: &[LaneReport],
        begin: &Mark,
        end: &Mark,
        curve: Vec<Second>,
        joined: u32,
    ) -> Figures {
        let mut counts = Counts::default();
        reports.iter().for_each(|report| counts.add(&report.counts));
        let seconds = end.at.saturating_duration_since(begin.at).as_secs_f64();
        let attendance = Arc::clone(&self.attendance);
        let load = |count: &std::sync::atomic::AtomicU32| count.load(Ordering::Relaxed);
        let (settled, sent) = settle(reports);
        let ports: Vec<u16> = reports.iter().flat_map(|report| report.ports.iter().copied()).collect();
        let streams = reports.iter().flat_map(|report| &report.heard).filter(|heard| !heard.left).count() as u64;
        let mut figures = Figures {
            scenario: self.options.plan.scenario.word().to_owned(),
            url: self.setting.target.url().to_owned(),
            participants: self.options.plan.participants,
            members: self.members.len() as u32,
            rooms: self.options.plan.room_count(),
            subscriptions: streams,
            expected_subscriptions: self.expected_subscriptions(),
            seconds,
            sent_packets: sent,
            delivered_bits: counts.delivered_bytes * 8,
            repaired_packets: counts.repaired,
            asked_packets: counts.asked,
            pretended_lost_packets: counts.pretended_lost,
            padding_packets: counts.padding,
            foreign_packets: counts.foreign,
            refused_datagrams: refused(&counts),
            delay_us: Quantiles::of(&counts.delay),
            joins: load(&attendance.joined),
            failed_joins: load(&attendance.failed),
            lost_connections: load(&attendance.lost),
            delay_histogram: counts.delay.filled().map(|(nanos, count)| (nanos as f64 / 1000.0, count)).collect(),
            curve,
            ..Figures::default()
        };
        figures.set_accounts(&settled);
        figures.set_times(&attendance.times());
        figures.joins_per_second = match self.options.plan.churn_rate() {
            Some(_) => f64::from(joined) / seconds.max(1e-9),
            None => f64::from(figures.joins) / self.joining.as_secs_f64().max(1e-9),
        };
        figures.generator = Generator {
            threads: self.lanes.len(),
            cpu_seconds: end.own_cpu.saturating_sub(begin.own_cpu).as_secs_f64(),
            lateness_us: Quantiles::of(&counts.lateness),
            dropped_datagrams: process::dropped(&ports),
            unsent_packets: counts.unsent,
            gro: self.options.gro,
        };
        let there = figures.curve.iter().map(|second| second.members).max().unwrap_or_default().max(figures.members);
        figures.server = self.server(begin, end, settled.delivered, there);
        if figures.failed_joins + figures.lost_connections > 0 {
            figures.error = attendance.first_error().map(|error| error.to_string());
        }
        figures
    }

    fn server(&mut self, begin: &Mark, end: &Mark, delivered: u64, there: u32) -> Option<Server> {
        let (before, begin, end) = (self.before?, begin.server?, end.server.or_else(|| self.usage())?);
        let cpu = end.cpu.saturating_sub(begin.cpu).as_secs_f64();
        self.peak_rss = self.peak_rss.max(end.rss_bytes);
        Some(Server {
            pid: self.options.pid?,
            cpu_seconds: cpu,
            cpu_us_per_packet: cpu * 1e6 / delivered.max(1) as f64,
            rss_bytes_before: before.rss_bytes,
            peak_rss_bytes: self.peak_rss,
            rss_bytes_per_participant: end.rss_bytes.saturating_sub(before.rss_bytes) / u64::from(there.max(1)),
        })
    }

    /// Has everybody leave.
    pub async fn disband(mut self) {
        leave(std::mem::take(&mut self.visitors)).await;
        leave(std::mem::take(&mut self.members)).await;
    }
}

async fn leave(gone: Vec<Present>) {
    for present in &gone {
        // Who has left already does not listen.
        let _ = present.leave.send(true);
    }
    let everybody = async {
        for present in gone {
            // A panic of a task has been printed.
            let _ = present.task.await;
        }
    };
    let _ = timeout(LEAVE_TIMEOUT, everybody).await;
}

/// Every account of the run settled, and the packets that were sent.
fn settle(reports: &[LaneReport]) -> (Settled, u64) {
    let mut sent: HashMap<TrackId, &[Sent]> = HashMap::new();
    for track in reports.iter().flat_map(|report| &report.sent) {
        sent.insert(track.track, &track.layers);
    }
    let mut sum = Settled::default();
    for TrackHeard { track, tally, left } in reports.iter().flat_map(|report| &report.heard) {
        if let Some(layers) = sent.get(track) {
            sum.add(&tally.settle(layers, *left));
        }
    }
    (sum, sent.into_values().flatten().map(Sent::packets).sum())
}

fn refused(counts: &Counts) -> BTreeMap<&'static str, u64> {
    let causes = DropCause::ALL.into_iter().map(|(cause, name)| (name, counts.refused[cause as usize]));
    causes.filter(|(_, count)| *count > 0).collect()
}

/// A moment between which and another figures are taken.
struct Mark {
    at: Instant,
    server: Option<Usage>,
    own_cpu: Duration,
}

impl Mark {
    fn now(pid: Option<u32>) -> Self {
        let own_cpu = process::usage(std::process::id()).map_or(Duration::ZERO, |usage| usage.cpu);
        Self { at: SystemClock.now(), server: pid.and_then(|pid| process::usage(pid).ok()), own_cpu }
    }
}

/// What is known at one look.
struct Look {
    at: Instant,
    usage: Option<Usage>,
    counts: Counts,
}

impl Look {
    fn second(&self, last: &Self, begin: Instant, members: u32) -> Second {
        let time = self.at.saturating_duration_since(last.at).as_secs_f64().max(1e-9);
        let delay = self.counts.delay.since(&last.counts.delay);
        let rate = |now: u64, then: u64| now.saturating_sub(then) as f64 / time;
        let cores = |now: Usage, then: Usage| now.cpu.saturating_sub(then.cpu).as_secs_f64() / time;
        Second {
            at: self.at.saturating_duration_since(begin).as_secs_f64(),
            members,
            packets_per_second: rate(self.counts.delivered, last.counts.delivered),
            bits_per_second: rate(self.counts.delivered_bytes, last.counts.delivered_bytes) * 8.0,
            delay_p50_us: delay.quantile(0.5) as f64 / 1000.0,
            delay_p99_us: delay.quantile(0.99) as f64 / 1000.0,
            server_cores: self.usage.zip(last.usage).map(|(now, then)| cores(now, then)),
            server_rss_bytes: self.usage.map(|usage| usage.rss_bytes),
        }
    }
}

fn line(second: &Second, attendance: &Attendance) -> String {
    let server = second.server_cores.map_or(String::new(), |cores| format!("  server {cores:.2} cores"));
    format!(
        "{:4.0} s  {} there, {} joins  {:.0} packets/s  {:.1} Mbit/s  delay p50 {:.2} p99 {:.2} ms{server}",
        second.at,
        second.members,
        attendance.joined.load(Ordering::Relaxed),
        second.packets_per_second,
        second.bits_per_second / 1e6,
        second.delay_p50_us / 1000.0,
        second.delay_p99_us / 1000.0,
    )
}
