//! How one participant's connection fares: samples of the media wing's figures, gathered to a row for each minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ids::{MediaTrackId, TransportId};
use crate::media::{Quality, TransportStats};
use crate::rooms::observer::MinuteOfQuality;
use crate::units::{Bitrate, ClockRate, MediaKind, UnixTime};

/// How often the media wing is asked.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

const MINUTE_MS: i64 = 60_000;

/// Clocks of what browsers send.
const AUDIO_CLOCK: ClockRate = ClockRate(48_000);
const VIDEO_CLOCK: ClockRate = ClockRate(90_000);

/// Gathers one participant's figures.
#[derive(Debug)]
pub struct QualityMeter {
    minute: UnixTime,
    sums: Sums,
    /// The last sample of each of its connections.
    last: HashMap<TransportId, Sample>,
    began: Instant,
    ask_at: Instant,
}

/// What the running minute has brought.
#[derive(Debug, Default)]
struct Sums {
    rtt: Duration,
    rtts: u32,
    jitter: Option<Duration>,
    up: Direction,
    down: Direction,
    layer: Option<Quality>,
}

#[derive(Debug, Default)]
struct Direction {
    packets: u64,
    lost: f64,
    bytes: u64,
    time: Duration,
}

#[derive(Debug)]
struct Sample {
    at: Instant,
    received: HashMap<(Option<MediaTrackId>, MediaKind, Quality), Received>,
    sent: HashMap<MediaTrackId, Sent>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Received {
    packets: u64,
    lost: i64,
    bytes: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    packets: u32,
    bytes: u32,
}

impl QualityMeter {
    /// Nothing has been measured yet.
    pub fn new(unix: UnixTime, now: Instant) -> Self {
        Self { minute: minute_of(unix), sums: Sums::default(), last: HashMap::new(), began: now, ask_at: now }
    }

    /// True once for each interval: the media wing is to be asked.
    pub fn is_due(&mut self, now: Instant) -> bool {
        let due = now >= self.ask_at;
        if due {
            self.ask_at = now + SAMPLE_INTERVAL;
        }
        due
    }

    /// The row of a minute that is over. Every minute that began has one, also without a single sample.
    pub fn turn(&mut self, unix: UnixTime) -> Option<MinuteOfQuality> {
        let minute = minute_of(unix);
        if minute == self.minute {
            return None;
        }
        let row = std::mem::take(&mut self.sums).row(self.minute);
        self.minute = minute;
        Some(row)
    }

    /// The row of the minute that was running at the end.
    pub fn finish(self) -> MinuteOfQuality {
        self.sums.row(self.minute)
    }

    /// Takes the figures of one connection. On a publisher's the participant sends to us, on a subscriber's we send,
    /// on the only one both do.
    pub fn sample(&mut self, id: TransportId, stats: &TransportStats, publishes: bool, subscribes: bool, now: Instant) {
        let mut sample = Sample { at: now, received: HashMap::new(), sent: HashMap::new() };
        let last = self.last.remove(&id);
        // Figures count from the beginning, of a stream or of the meter.
        let time = now.saturating_duration_since(last.as_ref().map_or(self.began, |last| last.at));
        let (up, down) = (&mut self.sums.up, &mut self.sums.down);
        if let Some(rtt) = stats.rtt {
            self.sums.rtt += rtt;
            self.sums.rtts += 1;
        }
        for stream in &stats.received {
            let entry = sample.received.entry((stream.track, stream.kind, stream.quality)).or_default();
            entry.packets += stream.packets;
            entry.lost += stream.lost;
            entry.bytes += stream.bytes;
            let clock = if stream.kind == MediaKind::Audio { AUDIO_CLOCK } else { VIDEO_CLOCK };
            self.sums.jitter = self.sums.jitter.max(Some(clock.duration(stream.jitter)));
        }
        for (key, now) in &sample.received {
            let before = last.as_ref().and_then(|last| last.received.get(key)).copied().unwrap_or_default();
            // A stream that began anew counts from zero again.
            let before = if before.packets > now.packets { Received::default() } else { before };
            up.packets += now.packets - before.packets;
            // Packets that came late take losses back.
            up.lost += (now.lost - before.lost) as f64;
            up.bytes += now.bytes.saturating_sub(before.bytes);
        }
        for stream in &stats.sent {
            let before = last.as_ref().and_then(|last| last.sent.get(&stream.track)).copied().unwrap_or_default();
            // Half the number space in a sample: not a wrap but another subscription to the same track.
            let anew = stream.packets.wrapping_sub(before.packets) > u32::MAX / 2;
            let before = if anew { Sent::default() } else { before };
            let packets = u64::from(stream.packets.wrapping_sub(before.packets));
            down.packets += packets;
            down.lost += packets as f64 * f64::from(stream.fraction_lost) / 256.0;
            down.bytes += u64::from(stream.bytes.wrapping_sub(before.bytes));
            if stream.kind == MediaKind::Video
                && packets > 0
                && let Some(layer) = stream.quality
            {
                self.sums.layer = Some(self.sums.layer.map_or(layer, |lowest| lowest.min(layer)));
            }
            sample.sent.insert(stream.track, Sent { packets: stream.packets, bytes: stream.bytes });
        }
        up.time += if publishes { time } else { Duration::ZERO };
        down.time += if subscribes { time } else { Duration::ZERO };
        self.last.insert(id, sample);
    }
}

impl Sums {
    fn row(self, minute: UnixTime) -> MinuteOfQuality {
        let received = self.up.packets as f64;
        let lost = self.up.lost.max(0.0);
        MinuteOfQuality {
            minute,
            rtt: self.rtt.checked_div(self.rtts),
            jitter: self.jitter,
            // Here the lost are beside those that were counted, there among them.
            loss_up: share(lost, received + lost),
            loss_down: share(self.down.lost, self.down.packets as f64),
            bitrate_up: self.up.rate(),
            bitrate_down: self.down.rate(),
            layer: self.layer,
        }
    }
}

impl Direction {
    fn rate(&self) -> Option<Bitrate> {
        (!self.time.is_zero()).then(|| Bitrate::of(self.bytes, self.time))
    }
}

fn share(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| (part / whole).clamp(0.0, 1.0))
}

fn minute_of(unix: UnixTime) -> UnixTime {
    UnixTime(unix.as_millis().div_euclid(MINUTE_MS) * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::{ReceivedStats, SentStats};

    const UNIX: UnixTime = UnixTime::from_secs(1_800_000_000);
    const PC: TransportId = TransportId(1);

    fn received(packets: u64, lost: i64) -> ReceivedStats {
        ReceivedStats {
            track: Some(MediaTrackId(1)),
            kind: MediaKind::Audio,
            quality: Quality::High,
            bitrate: Bitrate(0),
            packets,
            lost,
            jitter: 480,
            bytes: packets * 100,
        }
    }

    fn sent(packets: u32, fraction_lost: u8, quality: Quality) -> SentStats {
        SentStats {
            track: MediaTrackId(2),
            kind: MediaKind::Video,
            quality: Some(quality),
            packets,
            bytes: packets.wrapping_mul(1000),
            fraction_lost,
        }
    }

    fn stats(received: Option<ReceivedStats>, sent: Option<SentStats>) -> TransportStats {
        TransportStats {
            rtt: Some(Duration::from_millis(40)),
            received: received.into_iter().collect(),
            sent: sent.into_iter().collect(),
            ..TransportStats::default()
        }
    }

    #[test]
    fn a_minute_counts_what_it_brought_and_not_what_was_before() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut meter = QualityMeter::new(UNIX, start);
        meter.sample(PC, &stats(Some(received(500, 0)), Some(sent(1000, 0, Quality::High))), true, true, at(10));
        assert_eq!(meter.turn(UNIX.plus(Duration::from_millis(59_999))), None);
        let first = meter.turn(UNIX.plus(Duration::from_secs(60))).expect("a minute has passed");
        assert_eq!((first.minute, first.loss_up, first.loss_down), (UNIX, Some(0.0), Some(0.0)));
        assert_eq!(first.bitrate_up, Some(Bitrate(500 * 100 * 8 / 10)));

        let mut worse = stats(Some(received(1490, 10)), Some(sent(2000, 64, Quality::Low)));
        worse.rtt = Some(Duration::from_millis(60));
        meter.sample(PC, &worse, true, true, at(20));
        meter.sample(PC, &stats(Some(received(1490, 10)), None), true, true, at(30));
        let row = meter.finish();
        assert_eq!(row.minute, UNIX.plus(Duration::from_secs(60)));
        assert_eq!((row.rtt, row.jitter), (Some(Duration::from_millis(50)), Some(Duration::from_millis(10))));
        assert_eq!((row.loss_up, row.loss_down), (Some(0.01), Some(0.25)));
        assert_eq!(row.bitrate_down, Some(Bitrate(1000 * 1000 * 8 / 20)));
        assert_eq!(row.layer, Some(Quality::Low));
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let now = Instant::now();
        let row = QualityMeter::new(UNIX, now).finish();
        assert_eq!(row, MinuteOfQuality { minute: UNIX, ..MinuteOfQuality::default() });
        let mut meter = QualityMeter::new(UNIX, now);
        // A listener publishes nothing, and that is known.
        meter.sample(PC, &TransportStats::default(), true, false, now + SAMPLE_INTERVAL);
        let row = meter.finish();
        assert_eq!((row.bitrate_up, row.bitrate_down, row.loss_up), (Some(Bitrate(0)), None, None));
    }

    #[test]
    fn a_stream_that_begins_anew_and_a_counter_that_wraps_are_no_mistakes() {
        let start = Instant::now();
        let mut meter = QualityMeter::new(UNIX, start);
        let before = stats(Some(received(1000, 50)), Some(sent(u32::MAX - 99, 0, Quality::High)));
        meter.sample(PC, &before, true, true, start);
        meter.turn(UNIX.plus(Duration::from_secs(60)));
        let after = stats(Some(received(90, 10)), Some(sent(100, 128, Quality::High)));
        meter.sample(PC, &after, true, true, start + SAMPLE_INTERVAL);
        assert_eq!(meter.sums.down.packets, 200);
        let again = stats(None, Some(sent(50, 128, Quality::High)));
        meter.sample(PC, &again, true, true, start + 2 * SAMPLE_INTERVAL);
        assert_eq!(meter.sums.down.packets, 250);
        let row = meter.finish();
        assert_eq!((row.loss_up, row.loss_down), (Some(0.1), Some(0.5)));
    }

    #[test]
    fn losses_taken_back_do_not_become_a_gain() {
        let start = Instant::now();
        let mut meter = QualityMeter::new(UNIX, start);
        meter.sample(PC, &stats(Some(received(100, 20)), None), true, true, start);
        meter.turn(UNIX.plus(Duration::from_secs(60)));
        meter.sample(PC, &stats(Some(received(220, 0)), None), true, true, start + SAMPLE_INTERVAL);
        assert_eq!(meter.finish().loss_up, Some(0.0));
    }

    #[test]
    fn a_clock_that_is_set_turns_the_minute_too() {
        let mut meter = QualityMeter::new(UNIX, Instant::now());
        let back = UNIX.minus(Duration::from_secs(3600));
        assert_eq!(meter.turn(back).map(|row| row.minute), Some(UNIX));
        assert_eq!(meter.finish().minute, back);
    }
}
