//! How one participant's connection fares: samples of the media wing's figures, scored track by track and gathered to
//! a row for each minute.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::ids::{MediaTrackId, TransportId};
use crate::media::{Quality, TransportStats};
use crate::rooms::observer::MinuteOfQuality;
use crate::rooms::score::{Scorer, Verdict, Way, Window};
use crate::units::{Bitrate, ClockRate, MediaKind, UnixTime};

/// How often the media wing is asked.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

const MINUTE_MS: i64 = 60_000;

/// A connection from which nothing authentic has come for this long, neither media nor one of the consent checks that
/// are due every five seconds, is lost. Clients start over when they are told so: nothing less will do.
const LOST_AFTER: Duration = Duration::from_secs(12);

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
    /// The last known round trip, of whichever connection tells it.
    rtt: Option<Duration>,
    /// Its minutes are recorded.
    recorded: bool,
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
    /// Opinion scores of the samples, and the worst of them.
    mos: f64,
    verdicts: u32,
    worst: Option<Verdict>,
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
    scorers: HashMap<(Way, MediaTrackId), Scorer>,
    silent_for: Duration,
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
    pub fn new(unix: UnixTime, now: Instant, recorded: bool) -> Self {
        let (minute, sums) = (minute_of(unix), Sums::default());
        Self { minute, sums, last: HashMap::new(), began: now, ask_at: now, rtt: None, recorded }
    }

    /// The worst of its tracks.
    pub fn verdict(&self) -> Verdict {
        let scorers = self.last.values().flat_map(|sample| sample.scorers.values());
        scorers.fold(Verdict::best(), |worst, scorer| worst.worse(scorer.verdict()))
    }

    /// Nothing comes over this connection any more.
    pub fn is_lost(&self, primary: TransportId) -> bool {
        self.last.get(&primary).is_some_and(|sample| sample.silent_for >= LOST_AFTER)
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
        self.recorded.then_some(row)
    }

    /// The row of the minute that was running at the end.
    pub fn finish(self) -> Option<MinuteOfQuality> {
        self.recorded.then(|| self.sums.row(self.minute))
    }

    /// Takes the figures of one connection. On a publisher's the participant sends to us, on a subscriber's we send,
    /// on the only one both do. `wanted` tells of a track the best layer that could be had of what was asked for.
    pub fn sample(
        &mut self,
        id: TransportId,
        stats: &TransportStats,
        publishes: bool,
        subscribes: bool,
        now: Instant,
        wanted: impl Fn(MediaTrackId) -> Option<Quality>,
    ) {
        let mut sample = Sample {
            at: now,
            received: HashMap::new(),
            sent: HashMap::new(),
            scorers: HashMap::new(),
            silent_for: stats.silent_for,
        };
        let mut windows: HashMap<(Way, MediaTrackId), Window> = HashMap::new();
        self.rtt = stats.rtt.or(self.rtt);
        let rtt = self.rtt;
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
            let jitter = Some(clock.duration(stream.jitter));
            self.sums.jitter = self.sums.jitter.max(jitter);
            if let Some(track) = stream.track {
                let window = windows.entry((Way::Up, track)).or_insert(Window::new(Way::Up, stream.kind, rtt));
                window.jitter = window.jitter.max(jitter);
            }
        }
        for (key, now) in &sample.received {
            let before = last.as_ref().and_then(|last| last.received.get(key)).copied().unwrap_or_default();
            // A stream that began anew counts from zero again.
            let before = if before.packets > now.packets { Received::default() } else { before };
            up.packets += now.packets - before.packets;
            // Packets that came late take losses back.
            let lost = (now.lost - before.lost) as f64;
            up.lost += lost;
            up.bytes += now.bytes.saturating_sub(before.bytes);
            if let Some(window) = key.0.and_then(|track| windows.get_mut(&(Way::Up, track))) {
                window.packets += (now.packets - before.packets) as f64 + lost.max(0.0);
                window.lost += lost;
            }
        }
        for stream in &stats.sent {
            let before = last.as_ref().and_then(|last| last.sent.get(&stream.track)).copied().unwrap_or_default();
            // Half the number space in a sample: not a wrap but another subscription to the same track.
            let anew = stream.packets.wrapping_sub(before.packets) > u32::MAX / 2;
            let before = if anew { Sent::default() } else { before };
            let packets = u64::from(stream.packets.wrapping_sub(before.packets));
            down.packets += packets;
            let lost = packets as f64 * f64::from(stream.fraction_lost) / 256.0;
            down.lost += lost;
            let missing = wanted(stream.track).zip(stream.quality).filter(|_| stream.kind == MediaKind::Video);
            windows.insert(
                (Way::Down, stream.track),
                Window {
                    packets: packets as f64,
                    lost,
                    missing_layers: missing.map_or(0, |(wanted, got)| (wanted as u8).saturating_sub(got as u8)),
                    ..Window::new(Way::Down, stream.kind, rtt)
                },
            );
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
        for (key, window) in windows {
            let mut scorer = last.as_ref().and_then(|last| last.scorers.get(&key)).copied().unwrap_or_else(Scorer::new);
            scorer.update(&window);
            sample.scorers.insert(key, scorer);
        }
        self.last.insert(id, sample);
        let verdict = self.verdict();
        self.sums.mos += verdict.mos();
        self.sums.verdicts += 1;
        self.sums.worst = Some(self.sums.worst.map_or(verdict, |worst| worst.worse(verdict)));
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
            mos: (self.verdicts > 0).then(|| self.mos / f64::from(self.verdicts)),
            cause: self.worst.and_then(|worst| worst.fault()),
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
    #![allow(clippy::unwrap_used)]
    use super::*;
    use visavis_signaling::proto::ConnectionQuality;

    use crate::media::{ReceivedStats, SentStats};
    use crate::rooms::score::Cause;

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
        let mut meter = QualityMeter::new(UNIX, start, true);
        meter.sample(
            PC,
            &stats(Some(received(500, 0)), Some(sent(1000, 0, Quality::High))),
            true,
            true,
            at(10),
            |_| None,
        );
        assert_eq!(meter.turn(UNIX.plus(Duration::from_millis(59_999))), None);
        let first = meter.turn(UNIX.plus(Duration::from_secs(60))).expect("a minute has passed");
        assert_eq!((first.minute, first.loss_up, first.loss_down), (UNIX, Some(0.0), Some(0.0)));
        assert_eq!(first.bitrate_up, Some(Bitrate(500 * 100 * 8 / 10)));

        let mut worse = stats(Some(received(1490, 10)), Some(sent(2000, 64, Quality::Low)));
        worse.rtt = Some(Duration::from_millis(60));
        meter.sample(PC, &worse, true, true, at(20), |_| None);
        meter.sample(PC, &stats(Some(received(1490, 10)), None), true, true, at(30), |_| None);
        let row = meter.finish().unwrap();
        assert_eq!(row.minute, UNIX.plus(Duration::from_secs(60)));
        assert_eq!((row.rtt, row.jitter), (Some(Duration::from_millis(50)), Some(Duration::from_millis(10))));
        assert_eq!((row.loss_up, row.loss_down), (Some(0.01), Some(0.25)));
        assert_eq!(row.bitrate_down, Some(Bitrate(1000 * 1000 * 8 / 20)));
        assert_eq!(row.layer, Some(Quality::Low));
    }

    #[test]
    fn what_was_not_measured_is_absent() {
        let now = Instant::now();
        let row = QualityMeter::new(UNIX, now, true).finish().unwrap();
        assert_eq!(row, MinuteOfQuality { minute: UNIX, ..MinuteOfQuality::default() });
        let mut meter = QualityMeter::new(UNIX, now, true);
        // A listener publishes nothing, and that is known.
        meter.sample(PC, &TransportStats::default(), true, false, now + SAMPLE_INTERVAL, |_| None);
        let row = meter.finish().unwrap();
        assert_eq!((row.bitrate_up, row.bitrate_down, row.loss_up), (Some(Bitrate(0)), None, None));
    }

    #[test]
    fn a_stream_that_begins_anew_and_a_counter_that_wraps_are_no_mistakes() {
        let start = Instant::now();
        let mut meter = QualityMeter::new(UNIX, start, true);
        let before = stats(Some(received(1000, 50)), Some(sent(u32::MAX - 99, 0, Quality::High)));
        meter.sample(PC, &before, true, true, start, |_| None);
        meter.turn(UNIX.plus(Duration::from_secs(60)));
        let after = stats(Some(received(90, 10)), Some(sent(100, 128, Quality::High)));
        meter.sample(PC, &after, true, true, start + SAMPLE_INTERVAL, |_| None);
        assert_eq!(meter.sums.down.packets, 200);
        let again = stats(None, Some(sent(50, 128, Quality::High)));
        meter.sample(PC, &again, true, true, start + 2 * SAMPLE_INTERVAL, |_| None);
        assert_eq!(meter.sums.down.packets, 250);
        let row = meter.finish().unwrap();
        assert_eq!((row.loss_up, row.loss_down), (Some(0.1), Some(0.5)));
    }

    #[test]
    fn losses_taken_back_do_not_become_a_gain() {
        let start = Instant::now();
        let mut meter = QualityMeter::new(UNIX, start, true);
        meter.sample(PC, &stats(Some(received(100, 20)), None), true, true, start, |_| None);
        meter.turn(UNIX.plus(Duration::from_secs(60)));
        meter.sample(PC, &stats(Some(received(220, 0)), None), true, true, start + SAMPLE_INTERVAL, |_| None);
        assert_eq!(meter.finish().unwrap().loss_up, Some(0.0));
    }

    #[test]
    fn a_clock_that_is_set_turns_the_minute_too() {
        let mut meter = QualityMeter::new(UNIX, Instant::now(), true);
        let back = UNIX.minus(Duration::from_secs(3600));
        assert_eq!(meter.turn(back).map(|row| row.minute), Some(UNIX));
        assert_eq!(meter.finish().unwrap().minute, back);
    }

    #[test]
    fn the_worst_track_counts_and_is_explained() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut meter = QualityMeter::new(UNIX, start, true);
        assert_eq!(meter.verdict(), Verdict::best());
        for n in 1..=6u32 {
            let figures = stats(Some(received(500 * u64::from(n), 0)), Some(sent(1000 * n, 26, Quality::High)));
            meter.sample(PC, &figures, true, true, at(5 * u64::from(n)), |_| Some(Quality::High));
        }
        assert_eq!(meter.verdict().quality(), ConnectionQuality::Poor);
        let row = meter.turn(UNIX.plus(Duration::from_secs(60))).unwrap();
        assert_eq!(row.cause, Some(Cause::LossDown));
        assert!(row.mos.unwrap() < 2.5, "{row:?}");
    }

    #[test]
    fn a_smaller_picture_than_asked_for_counts_where_a_larger_one_is_to_be_had() {
        for (wanted, quality) in
            [(Quality::Low, ConnectionQuality::Excellent), (Quality::High, ConnectionQuality::Poor)]
        {
            let mut meter = QualityMeter::new(UNIX, Instant::now(), true);
            for n in 1..=6 {
                let figures = stats(None, Some(sent(1000 * n, 0, Quality::Low)));
                meter.sample(PC, &figures, true, true, Instant::now(), |_| Some(wanted));
            }
            assert_eq!(meter.verdict().quality(), quality);
        }
    }

    #[test]
    fn only_a_silence_longer_than_any_between_checks_is_a_loss() {
        let now = Instant::now();
        let mut meter = QualityMeter::new(UNIX, now, false);
        assert!(!meter.is_lost(PC), "before anything is known");
        for (silent, lost) in [(6, false), (11, false), (12, true), (0, false)] {
            let figures = TransportStats { silent_for: Duration::from_secs(silent), ..stats(None, None) };
            meter.sample(PC, &figures, true, true, now, |_| None);
            assert_eq!(meter.is_lost(PC), lost, "{silent}");
        }
        assert!(!meter.is_lost(TransportId(9)));
        assert_eq!(meter.finish(), None, "not recorded");
    }
}
