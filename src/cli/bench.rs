//! `visavis bench`: plays a load against a LiveKit-compatible server, and says what came of it.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use rand::Rng as _;
use visavis_signaling::token::ApiKey;

use super::{Failure, logging};
use crate::bench::scenario::{Plan, Resolution, Scenario};
use crate::bench::{self, Options, figures::Figures, report, traffic};
use crate::config::{LivekitUrl, LoggingSettings};

/// Most participants of a run: an IPv4 address has no more ports.
const MAX_PARTICIPANTS: i64 = 30_000;

/// Plays a load against a server.
#[derive(Debug, Args)]
pub(super) struct Bench {
    /// What is played: audio-room (10 speakers, N listen), livestream (one camera, N watch), meeting (N see each other),
    /// consultations (N people in rooms of two), churn (N listen, others come and go), lossy (a livestream whose viewers
    /// ask again for 5 % of all packets), data (5 send messages to N).
    scenario: Scenario,
    /// The server, `ws://` or `wss://`.
    #[arg(long, value_name = "URL", env = "LIVEKIT_URL", default_value = "ws://localhost:7880")]
    url: LivekitUrl,
    /// Its API key.
    #[arg(long, value_name = "KEY", env = "LIVEKIT_API_KEY")]
    api_key: String,
    /// The key's secret.
    #[arg(long, value_name = "SECRET", env = "LIVEKIT_API_SECRET", hide_env_values = true)]
    api_secret: String,
    /// How many listen in each room, or sit in each (meeting), or are there in all (consultations).
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=MAX_PARTICIPANTS))]
    participants: u32,
    /// How long figures are taken, once everybody is there, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// Rooms; consultations have one for two people.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: Option<u32>,
    /// Joins a second: at most while the rooms fill, or all the time with churn (20 unless given).
    #[arg(long, value_name = "RATE", value_parser = rate)]
    ramp: Option<f64>,
    /// Height of the best picture of cameras: 180, 360, 720 or 1080.
    #[arg(long, value_name = "HEIGHT", default_value = "720")]
    resolution: Resolution,
    /// Cameras send one layer instead of three.
    #[arg(long)]
    no_simulcast: bool,
    /// Frame sizes to replay on the best layer, `MILLISECONDS BYTES [key]` a line, instead of the model's.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// The server's process on this machine: its processor time and memory are measured.
    #[arg(long)]
    pid: Option<u32>,
    /// Find the largest number up to --participants with less than 0.1 % loss and a delay p99 under 20 ms, in steps
    /// of --duration.
    #[arg(long)]
    ramp_until_loss: bool,
    /// Receivers take whole trains from the kernel (UDP_GRO): cheaper, and flattering to a server on this machine.
    #[arg(long)]
    gro: bool,
    /// Threads that carry media; half of the processors unless given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Seed of all that is random in the traffic; the same one gives the same frames.
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// File for the figures as JSON, `-` for standard output in place of the table.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// File for a page with the curves, HTML.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

impl Bench {
    pub(super) fn run(self) -> Result<(), Failure> {
        let (json, page) = (self.json.clone(), self.report.clone());
        let options = self.options()?;
        logging::start(&LoggingSettings::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::runtime(format!("cannot start: {error}")))?;
        let mut progress = Progress { live: stderr().is_terminal(), width: 0 };
        let stop = Arc::clone(&options.stop);
        runtime.spawn(async move {
            // Where it cannot be caught, it ends the process as everywhere.
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.store(true, Ordering::Relaxed);
            }
        });
        let figures = runtime.block_on(bench::run(options, &mut |line| progress.show(line)));
        progress.end();
        let shown = show(&figures, json.as_deref(), page.as_deref());
        match figures.error {
            Some(error) => Err(Failure::runtime(error)),
            None => shown,
        }
    }

    fn options(self) -> Result<Options, Failure> {
        let trace = self.trace.map(|path| {
            let text = fs::read_to_string(&path).map_err(|error| error.to_string());
            let frames = text.and_then(|text| traffic::read_trace(&text));
            frames.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        });
        if self.scenario == Scenario::Consultations && self.rooms.is_some() {
            return Err(Failure::usage("consultations have a room for two people each; leave --rooms out"));
        }
        if self.ramp_until_loss && self.scenario == Scenario::Churn {
            return Err(Failure::usage("--ramp-until-loss needs a scenario in which people stay"));
        }
        let plan = Plan {
            scenario: self.scenario,
            participants: self.participants,
            rooms: self.rooms,
            ramp: self.ramp,
            resolution: self.resolution,
            simulcast: !self.no_simulcast,
            duration: Duration::from_secs(self.duration),
            seed: self.seed.unwrap_or_else(|| rand::rng().next_u64()),
        };
        let half = available_parallelism().map_or(1, usize::from).div_ceil(2);
        Ok(Options {
            url: self.url,
            key: ApiKey::new(self.api_key, self.api_secret),
            plan,
            pid: self.pid,
            threads: self.threads.map_or(half, usize::from),
            gro: self.gro,
            trace: trace.transpose()?.map(Into::into),
            ramp_until_loss: self.ramp_until_loss,
            stop: Arc::default(),
        })
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| (0.01..=100_000.0).contains(rate));
    rate.ok_or_else(|| "expected a number of joins a second".to_owned())
}

/// Prints and writes what there is, whatever went wrong before.
fn show(figures: &Figures, json: Option<&Path>, page: Option<&Path>) -> Result<(), Failure> {
    let to_stdout = json == Some(Path::new("-"));
    if to_stdout {
        print!("{}", report::json(figures));
    } else if figures.joins > 0 {
        print!("{}", report::table(figures));
    }
    let json = json.filter(|_| !to_stdout).map(|path| (path, report::json(figures)));
    let page = page.map(|path| (path, report::page(figures)));
    for (path, text) in [json, page].into_iter().flatten() {
        fs::write(path, text).map_err(|error| Failure::runtime(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(())
}

/// The line that says how it goes: written over on a terminal, one after the other elsewhere.
struct Progress {
    live: bool,
    width: usize,
}

impl Progress {
    fn show(&mut self, line: &str) {
        let width = line.chars().count();
        let end = if self.live { "" } else { "\n" };
        let start = if self.live { "\r" } else { "" };
        let rest = if self.live { self.width.saturating_sub(width) } else { 0 };
        // Nobody misses a line that standard error does not take.
        let _ = write!(stderr(), "{start}{line}{:rest$}{end}", "");
        self.width = width;
    }

    fn end(&self) {
        if self.live && self.width > 0 {
            let _ = writeln!(stderr());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Only {
        #[command(flatten)]
        bench: Bench,
    }

    fn parse(flags: &str) -> Result<Bench, clap::Error> {
        let flags = format!("x {flags} --api-key k --api-secret s");
        Only::try_parse_from(flags.split_whitespace()).map(|only| only.bench)
    }

    #[test]
    fn every_scenario_is_one_word() {
        for scenario in Scenario::ALL {
            assert_eq!(parse(scenario.word()).unwrap().scenario, scenario);
        }
        for wrong in ["party", "meeting --participants 0", "meeting --duration 0", "meeting --ramp never"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_become_the_plan() {
        let flags =
            "livestream --participants 7 --rooms 2 --ramp 5 --resolution 360p --no-simulcast --seed 9 --threads 3";
        let options = parse(flags).unwrap().options().map_err(|failure| failure.message).unwrap();
        let plan = &options.plan;
        assert_eq!((plan.participants, plan.rooms, plan.ramp, plan.seed), (7, Some(2), Some(5.0), 9));
        assert!(!plan.simulcast && plan.resolution == Resolution::P360 && options.threads == 3);
    }

    #[test]
    fn what_does_not_fit_together_is_said() {
        let wrong = |flags: &str| parse(flags).unwrap().options().map(drop).unwrap_err();
        assert!(wrong("consultations --rooms 3").message.contains("leave --rooms out"));
        assert!(wrong("churn --ramp-until-loss").message.contains("stay"));
        assert!(wrong("livestream --trace /nowhere/at/all").message.contains("/nowhere/at/all"));
    }
}
