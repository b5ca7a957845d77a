//! The figures of a run, as they stand in its JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::account::Settled;
use super::histogram::Histogram;
use super::member::Times;

/// Everything that a run has found out.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Figures {
    /// The scenario's word.
    pub scenario: String,
    /// The target.
    pub url: String,
    /// What the server calls its version.
    pub server_version: String,
    /// `--participants`.
    pub participants: u32,
    /// People in all rooms, senders included.
    pub members: u32,
    /// Rooms.
    pub rooms: u32,
    /// Streams of which something has come.
    pub subscriptions: u64,
    /// Streams of which something should have come.
    pub expected_subscriptions: u64,
    /// Seconds that the figures are of.
    pub seconds: f64,
    /// Packets that publishers sent, every layer counted.
    pub sent_packets: u64,
    /// Packets that were due to receivers.
    pub due_packets: u64,
    /// Those that came, each once.
    pub delivered_packets: u64,
    /// Their bits, SRTP included, UDP and IP not.
    pub delivered_bits: u64,
    /// Those that should have come and did not.
    pub lost_packets: u64,
    /// Those of whole frames that the server left out on purpose, numbering the others as if there had been none.
    pub withheld_packets: u64,
    /// `lost_packets / due_packets`.
    pub loss: f64,
    /// Packets that came again.
    pub duplicate_packets: u64,
    /// Packets that came as repetitions, during the whole run.
    pub repaired_packets: u64,
    /// Packets that receivers asked for again, during the whole run.
    pub asked_packets: u64,
    /// Packets that receivers only pretended to have lost, during the whole run.
    pub pretended_lost_packets: u64,
    /// Packets of nothing but padding, during the whole run.
    pub padding_packets: u64,
    /// Packets that nobody of the room has sent, during the whole run: a fault of the server's.
    pub foreign_packets: u64,
    /// Datagrams that the transport did not take, by cause, during the whole run.
    pub refused_datagrams: BTreeMap<&'static str, u64>,
    /// Delivered packets a second.
    pub packets_per_second: f64,
    /// Delivered bits a second.
    pub bits_per_second: f64,
    /// One-way delay, from before the publisher's encryption to the receiver's kernel.
    pub delay_us: Quantiles,
    /// Participants whose media connected.
    pub joins: u32,
    /// Of them a second, while the rooms filled, or while people came and went.
    pub joins_per_second: f64,
    /// Participants who did not get in.
    pub failed_joins: u32,
    /// Participants whose connection ended unasked.
    pub lost_connections: u32,
    /// From the first byte of signaling until media connected.
    pub join_us: Quantiles,
    /// From the first byte of signaling to the first packet of media.
    pub first_packet_us: Quantiles,
    /// The server's process, with `--pid`.
    pub server: Option<Server>,
    /// This process: whether it was the limit.
    pub generator: Generator,
    /// The curves.
    pub curve: Vec<Second>,
    /// Delays: microseconds at most, packets.
    pub delay_histogram: Vec<(f64, u64)>,
    /// Steps of `--ramp-until-loss`.
    pub ramp: Vec<Step>,
    /// The largest number of participants with less than 0.1 % loss and a delay p99 below 20 ms.
    pub capacity: Option<u32>,
    /// Why the run ended early, or what went wrong in it.
    pub error: Option<String>,
}

/// A distribution, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// Half are below.
    pub p50: f64,
    /// 95 of 100 are below.
    pub p95: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// None is above.
    pub max: f64,
}

impl Quantiles {
    /// Of values in nanoseconds.
    pub fn of(histogram: &Histogram) -> Self {
        let micros = |share| histogram.quantile(share) as f64 / 1000.0;
        Self { p50: micros(0.5), p95: micros(0.95), p99: micros(0.99), max: histogram.max() as f64 / 1000.0 }
    }
}

/// What the server's process took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Server {
    /// Its number.
    pub pid: u32,
    /// Processor time, user and kernel.
    pub cpu_seconds: f64,
    /// The same by delivered packet.
    pub cpu_us_per_packet: f64,
    /// Resident memory before anybody joined.
    pub rss_bytes_before: u64,
    /// The most that was seen.
    pub peak_rss_bytes: u64,
    /// What it grew by, for each participant there.
    pub rss_bytes_per_participant: u64,
}

/// What this process took.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Generator {
    /// Threads that carry media.
    pub threads: usize,
    /// Processor time, user and kernel.
    pub cpu_seconds: f64,
    /// How late it sent.
    pub lateness_us: Quantiles,
    /// Datagrams that its kernel buffers could not hold: lost, and not by the server.
    pub dropped_datagrams: u64,
    /// Packets that could not be sent.
    pub unsent_packets: u64,
    /// Receivers had GRO.
    pub gro: bool,
}

/// One second of the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Second {
    /// Seconds since the figures began.
    pub at: f64,
    /// Participants there.
    pub members: u32,
    /// Packets delivered.
    pub packets_per_second: f64,
    /// Bits delivered.
    pub bits_per_second: f64,
    /// Delay in this second.
    pub delay_p50_us: f64,
    /// Delay in this second.
    pub delay_p99_us: f64,
    /// Of a processor core, with `--pid`.
    pub server_cores: Option<f64>,
    /// Resident memory, with `--pid`.
    pub server_rss_bytes: Option<u64>,
}

/// One step of `--ramp-until-loss`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Step {
    /// Participants, as `--participants` counts them.
    pub participants: u32,
    /// Packets delivered a second.
    pub packets_per_second: f64,
    /// Share of packets lost.
    pub loss: f64,
    /// Share of packets withheld.
    pub withheld: f64,
    /// Delay.
    pub delay_p99_us: f64,
    /// Of a processor core, with `--pid`.
    pub server_cores: Option<f64>,
    /// It was borne.
    pub good: bool,
}

impl Figures {
    /// Takes over what accounts say.
    pub fn set_accounts(&mut self, settled: &Settled) {
        self.due_packets = settled.due;
        self.delivered_packets = settled.delivered;
        self.lost_packets = settled.lost;
        self.withheld_packets = settled.withheld;
        self.duplicate_packets = settled.duplicates;
        self.loss = settled.lost as f64 / settled.due.max(1) as f64;
        self.packets_per_second = settled.delivered as f64 / self.seconds.max(1e-9);
        self.bits_per_second = self.delivered_bits as f64 / self.seconds.max(1e-9);
    }

    /// Share of packets withheld.
    pub fn withheld(&self) -> f64 {
        self.withheld_packets as f64 / self.due_packets.max(1) as f64
    }

    /// Takes over how the joins went.
    pub fn set_times(&mut self, times: &Times) {
        self.join_us = Quantiles::of(&times.connect);
        self.first_packet_us = Quantiles::of(&times.first_packet);
        self.server_version.clone_from(&times.server_version);
    }

    /// What makes figures doubtful, in words.
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        let missing = self.expected_subscriptions.saturating_sub(self.subscriptions);
        if missing > 0 && self.scenario != "churn" {
            out.push(format!(
                "{missing} of {} streams never came; they are in no other figure",
                self.expected_subscriptions
            ));
        }
        if self.generator.dropped_datagrams > 0 {
            let dropped = self.generator.dropped_datagrams;
            out.push(format!(
                "the generator did not read {dropped} datagrams in time; the loss is not the server's alone"
            ));
        }
        if self.generator.lateness_us.p99 > 20_000.0 {
            out.push("the generator sends late: it is the limit; give it more threads or another machine".to_owned());
        }
        if self.foreign_packets > 0 {
            out.push(format!("{} packets came to whom they were not meant for", self.foreign_packets));
        }
        out
    }
}
