//! `/metrics` in Prometheus's text format. Where a number means what one of LiveKit's means it has LiveKit's name
//! and labels (`pkg/telemetry/prometheus`), the rest begins with `visavis_`.
//!
//! The text is written here and not by a library: those for OpenMetrics end every counter in `_total`, and LiveKit's
//! `livekit_packet_bytes` does not.

use std::fmt::{Display, Write};
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::access::{Access, Routes};
use crate::config::PrometheusSettings;
use crate::metrics::{ByKind, Metrics, Outward};

/// Packets and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

/// How often values fell between bounds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Upper bounds, ascending.
    pub bounds: Vec<f64>,
    /// How many values fell at or below each bound and above the one before; one more than bounds, the last being
    /// those above all.
    pub counts: Vec<u64>,
    /// Sum of all values.
    pub sum: f64,
}

/// What one shard of the media wing does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ShardTotals {
    /// Its number.
    pub shard: u16,
    /// Datagrams received, of any kind.
    pub received: Traffic,
    /// Datagrams sent.
    pub sent: Traffic,
    /// Packets that other shards sent it, for subscribers of rooms that span both.
    pub relayed_in: Traffic,
    /// Packets that it sent other shards.
    pub relayed_out: Traffic,
    /// What it holds just now, by name.
    pub holds: [(&'static str, u64); 4],
    /// Trains in which UDP datagrams were sent.
    pub trains: u64,
    /// Bytes of padding that made packets of trains equally long.
    pub padding: u64,
    /// Probes of what the way to a subscriber carries.
    pub probes: u64,
    /// Packets that waited for their turn where the way to a subscriber is near its limit.
    pub paced: u64,
    /// Turns of its loop.
    pub turns: u64,
    /// Seconds that these took.
    pub turn_seconds: f64,
    /// Share of the last half second that its thread worked.
    pub busy: f64,
    /// What it dropped, by cause; causes without any are left out.
    pub drops: Vec<(&'static str, u64)>,
}

/// The media wing's counters, summed over its shards.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaTotals {
    /// First transmissions received.
    pub rtp_in: Traffic,
    /// First transmissions sent.
    pub rtp_out: Traffic,
    /// Retransmissions received.
    pub rtx_in: Traffic,
    /// Retransmissions sent.
    pub rtx_out: Traffic,
    /// Packets that subscribers asked for again.
    pub nacks_in: u64,
    /// Packets that publishers were asked for again.
    pub nacks_out: u64,
    /// Key-frame requests by subscribers.
    pub plis_in: u64,
    /// Key-frame requests to publishers.
    pub plis_out: u64,
    /// What was dropped, by cause.
    pub drops: Vec<(&'static str, u64)>,
    /// Packets in a train handed to the kernel.
    pub train_length: Histogram,
    /// Seconds that a turn of a shard's loop took.
    pub turn_seconds: Histogram,
    /// Each shard by itself.
    pub shards: Vec<ShardTotals>,
}

/// What `/metrics` is made of.
pub struct MetricsEndpoint {
    metrics: Arc<Metrics>,
    media: Box<dyn Fn() -> MediaTotals + Send + Sync>,
    /// The `Authorization` header that is asked for, if any.
    expected: Option<String>,
}

impl MetricsEndpoint {
    /// An endpoint with the password of the settings; `media` gives the media wing's counters at the time it is
    /// asked.
    pub fn new(
        settings: &PrometheusSettings,
        metrics: Arc<Metrics>,
        media: impl Fn() -> MediaTotals + Send + Sync + 'static,
    ) -> Self {
        let locked = !settings.username.is_empty() || !settings.password.is_empty();
        let expected = locked.then(|| basic_authorization(&settings.username, settings.password.reveal()));
        Self { metrics, media: Box::new(media), expected }
    }

    /// The service of the metrics port.
    pub fn router(self) -> Router {
        metrics_routes().into_router().with_state(Arc::new(self))
    }

    /// The text that a scraper gets.
    pub fn render(&self) -> String {
        let mut text = Text::default();
        rooms(&mut text, &self.metrics);
        signaling(&mut text, &self.metrics);
        office(&mut text, &self.metrics);
        media(&mut text, &(self.media)());
        text.0
    }
}

pub(super) fn metrics_routes() -> Routes<Arc<MetricsEndpoint>> {
    Routes::new(false).add(Access::MetricsPassword, "/metrics", get(scrape))
}

async fn scrape(State(endpoint): State<Arc<MetricsEndpoint>>, headers: HeaderMap) -> Response {
    if let Some(expected) = &endpoint.expected {
        let given = headers.get(header::AUTHORIZATION).map(|value| value.as_bytes()).unwrap_or_default();
        if verify_slices_are_equal(given, expected.as_bytes()).is_err() {
            let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"metrics\"")];
            return (StatusCode::UNAUTHORIZED, challenge, "the metrics need a user name and password").into_response();
        }
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], endpoint.render()).into_response()
}

fn basic_authorization(username: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{username}:{password}")))
}

fn rooms(text: &mut Text, metrics: &Metrics) {
    text.head("livekit_room_total", "gauge", "Rooms that are open");
    text.line("livekit_room_total", &[], metrics.rooms.get());
    text.head("livekit_participant_total", "gauge", "Participants in rooms");
    text.line("livekit_participant_total", &[], metrics.participants.get());
    text.head("livekit_track_published_total", "gauge", "Tracks that are published");
    text.kinds("livekit_track_published_total", &metrics.tracks_published, |gauge| gauge.get());
    text.head("livekit_track_subscribed_total", "gauge", "Track subscriptions");
    text.kinds("livekit_track_subscribed_total", &metrics.tracks_subscribed, |gauge| gauge.get());
    text.head("livekit_track_publish_counter", "counter", "Attempts to publish and what became of them");
    for (state, counters) in [("attempt", &metrics.publish_attempts), ("success", &metrics.publish_successes)] {
        for (kind, counter) in [("AUDIO", &counters.audio), ("VIDEO", &counters.video)] {
            text.line("livekit_track_publish_counter", &[("kind", kind), ("state", state)], counter.get());
        }
    }
    text.causes("livekit_participant_join_total", "Steps of joining", "state", &metrics.joins.get());
}

fn signaling(text: &mut Text, metrics: &Metrics) {
    const MESSAGES: &str = "livekit_node_messages";
    text.head(MESSAGES, "counter", "Signaling messages");
    for (direction, count) in [("request", metrics.signal_requests.get()), ("response", metrics.signal_responses.get())]
    {
        text.line(MESSAGES, &[("type", "signal"), ("status", "success"), ("direction", direction)], count);
    }
    text.head("visavis_signal_connections", "gauge", "Signaling connections that are open");
    text.line("visavis_signal_connections", &[], metrics.signal_connections.get());
    let causes: [(&str, &str, _); 3] = [
        ("visavis_connect_refused_total", "Connections refused before the upgrade", metrics.connect_refused.get()),
        ("visavis_token_refused_total", "Tokens refused", metrics.token_refused.get()),
        ("visavis_signal_errors_total", "Faults of signaling connections and requests", metrics.signal_errors.get()),
    ];
    for (name, help, counts) in causes {
        text.causes(name, help, "cause", &counts);
    }
}

fn office(text: &mut Text, metrics: &Metrics) {
    text.causes("visavis_problems_total", "Requests answered with a problem", "code", &metrics.problems.get());
    text.head("visavis_handler_panics_total", "counter", "Handlers that panicked");
    text.line("visavis_handler_panics_total", &[], metrics.handler_panics.get());
    let outward = &metrics.outward;
    let causes: [(&str, &str, &str, _); 5] = [
        ("visavis_messages_sent_total", "Messages that went out", "channel", outward.sent.get()),
        (
            "visavis_messages_dropped_total",
            "Messages out of date before they were sent",
            "channel",
            outward.dropped.get(),
        ),
        ("visavis_messages_failed_total", "Messages that could not be sent", "channel", outward.failed.get()),
        ("visavis_messages_retried_total", "Attempts that will be repeated", "channel", outward.retried.get()),
        ("visavis_webhook_deliveries_total", "Attempts to deliver a webhook", "outcome", outward.deliveries.get()),
    ];
    for (name, help, label, counts) in causes {
        text.causes(name, help, label, &counts);
    }
    text.head("visavis_outward_queue", "gauge", "Messages and webhooks that are due");
    for name in Outward::QUEUES {
        text.line("visavis_outward_queue", &[("queue", name)], outward.queue(name).get());
    }
}

fn media(text: &mut Text, totals: &MediaTotals) {
    let traffic = [
        ("incoming", "initial", totals.rtp_in),
        ("incoming", "retransmit", totals.rtx_in),
        ("outgoing", "initial", totals.rtp_out),
        ("outgoing", "retransmit", totals.rtx_out),
    ];
    text.head("livekit_packet_total", "counter", "RTP packets");
    for (direction, transmission, traffic) in traffic {
        let labels = [("direction", direction), ("transmission", transmission)];
        text.line("livekit_packet_total", &labels, traffic.packets);
    }
    text.head("livekit_packet_bytes", "counter", "Bytes of RTP packets");
    for (direction, transmission, traffic) in traffic {
        let labels = [("direction", direction), ("transmission", transmission)];
        text.line("livekit_packet_bytes", &labels, traffic.bytes);
    }
    // LiveKit counts these by the direction of the media they are about: publishers' is incoming.
    text.head("livekit_nack_total", "counter", "Packets asked for again");
    text.line("livekit_nack_total", &[("direction", "incoming")], totals.nacks_out);
    text.line("livekit_nack_total", &[("direction", "outgoing")], totals.nacks_in);
    text.head("livekit_pli_total", "counter", "Key-frame requests");
    text.line("livekit_pli_total", &[("direction", "incoming")], totals.plis_out);
    text.line("livekit_pli_total", &[("direction", "outgoing")], totals.plis_in);
    text.causes("visavis_media_dropped_total", "Datagrams and packets dropped", "cause", &totals.drops);
    text.histogram("visavis_train_packets", "Packets in a train handed to the kernel", &totals.train_length);
    text.histogram("visavis_shard_turn_seconds", "Time that a turn of a shard's loop took", &totals.turn_seconds);
    shards(text, &totals.shards);
}

/// Sums that show how the load is spread: their differences over time give rates, mean trains and mean turns.
fn shards(text: &mut Text, shards: &[ShardTotals]) {
    type Part = fn(Traffic) -> u64;
    type Read = fn(&ShardTotals) -> f64;
    let traffic: [(&str, &str, Part); 2] = [
        ("visavis_shard_packets_total", "Datagrams of a shard", |it| it.packets),
        ("visavis_shard_bytes_total", "Bytes of a shard's datagrams", |it| it.bytes),
    ];
    for (name, help, read) in traffic {
        text.head(name, "counter", help);
        for shard in shards {
            for (direction, traffic) in [("incoming", shard.received), ("outgoing", shard.sent)] {
                text.line(name, &[("shard", &shard.shard.to_string()), ("direction", direction)], read(traffic));
            }
        }
    }
    let relayed: [(&str, &str, Part); 2] = [
        ("visavis_shard_relayed_packets_total", "Packets between shards, of rooms that span several", |it| it.packets),
        ("visavis_shard_relayed_bytes_total", "Bytes of packets between shards", |it| it.bytes),
    ];
    for (name, help, read) in relayed {
        text.head(name, "counter", help);
        for shard in shards {
            for (direction, traffic) in [("incoming", shard.relayed_in), ("outgoing", shard.relayed_out)] {
                text.line(name, &[("shard", &shard.shard.to_string()), ("direction", direction)], read(traffic));
            }
        }
    }
    let single: [(&str, &str, &str, Read); 7] = [
        ("visavis_shard_trains_total", "counter", "Trains that a shard sent over UDP", |it| it.trains as f64),
        ("visavis_shard_padding_bytes_total", "counter", "Bytes that made packets of a train equally long", |it| {
            it.padding as f64
        }),
        ("visavis_shard_probes_total", "counter", "Probes of what ways to subscribers carry", |it| it.probes as f64),
        ("visavis_shard_paced_packets_total", "counter", "Packets held back for a way near its limit", |it| {
            it.paced as f64
        }),
        ("visavis_shard_turns_total", "counter", "Turns of a shard's loop", |it| it.turns as f64),
        ("visavis_shard_busy_seconds_total", "counter", "Time that a shard spent in its turns", |it| it.turn_seconds),
        ("visavis_shard_busy_ratio", "gauge", "Share of the last half second that a shard worked", |it| it.busy),
    ];
    for (name, kind, help, read) in single {
        text.head(name, kind, help);
        for shard in shards {
            text.line(name, &[("shard", &shard.shard.to_string())], read(shard));
        }
    }
    text.head("visavis_shard_holds", "gauge", "What a shard holds; a room that spans several has its tracks on each");
    for shard in shards {
        for (what, count) in shard.holds {
            text.line("visavis_shard_holds", &[("shard", &shard.shard.to_string()), ("what", what)], count);
        }
    }
    text.head("visavis_shard_dropped_total", "counter", "Datagrams and packets that a shard dropped");
    for shard in shards {
        for (cause, count) in &shard.drops {
            text.line("visavis_shard_dropped_total", &[("shard", &shard.shard.to_string()), ("cause", cause)], count);
        }
    }
}

/// The exposition format, line by line.
#[derive(Default)]
struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.0.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.0, "{close} {value}");
    }

    fn kinds<T>(&mut self, name: &str, values: &ByKind<T>, read: impl Fn(&T) -> i64) {
        self.line(name, &[("kind", "AUDIO")], read(&values.audio));
        self.line(name, &[("kind", "VIDEO")], read(&values.video));
    }

    fn causes(&mut self, name: &str, help: &str, label: &str, counts: &[(&'static str, u64)]) {
        self.head(name, "counter", help);
        for (cause, count) in counts {
            self.line(name, &[(label, cause)], count);
        }
    }

    fn histogram(&mut self, name: &str, help: &str, histogram: &Histogram) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut total = 0;
        for (bound, count) in histogram.bounds.iter().zip(&histogram.counts) {
            total += count;
            self.line(&bucket, &[("le", &bound.to_string())], total);
        }
        let total: u64 = histogram.counts.iter().sum();
        self.line(&bucket, &[("le", "+Inf")], total);
        self.line(&format!("{name}_sum"), &[], histogram.sum);
        self.line(&format!("{name}_count"), &[], total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    fn endpoint(settings: &PrometheusSettings) -> MetricsEndpoint {
        let metrics = Arc::new(Metrics::default());
        metrics.rooms.inc();
        metrics.token_refused.count("expired");
        MetricsEndpoint::new(settings, metrics, || MediaTotals {
            rtx_out: Traffic { packets: 7, bytes: 7000 },
            train_length: Histogram { bounds: vec![1.0, 4.0], counts: vec![2, 3, 1], sum: 30.0 },
            shards: vec![ShardTotals {
                shard: 3,
                sent: Traffic { packets: 9, bytes: 900 },
                relayed_in: Traffic { packets: 5, bytes: 500 },
                holds: [("connections", 2), ("tracks", 4), ("streams", 8), ("subscriptions", 6)],
                busy: 0.25,
                padding: 17,
                probes: 2,
                paced: 11,
                drops: vec![("replay", 4)],
                ..ShardTotals::default()
            }],
            ..MediaTotals::default()
        })
    }

    #[test]
    fn numbers_that_mean_what_livekits_mean_have_its_names_and_labels() {
        let text = endpoint(&PrometheusSettings::default()).render();
        for line in [
            "livekit_room_total 1",
            "livekit_packet_total{direction=\"outgoing\",transmission=\"retransmit\"} 7",
            "livekit_packet_bytes{direction=\"outgoing\",transmission=\"retransmit\"} 7000",
            "visavis_token_refused_total{cause=\"expired\"} 1",
            "visavis_train_packets_bucket{le=\"4\"} 5",
            "visavis_train_packets_bucket{le=\"+Inf\"} 6",
            "visavis_train_packets_sum 30",
            "visavis_shard_packets_total{shard=\"3\",direction=\"outgoing\"} 9",
            "visavis_shard_relayed_packets_total{shard=\"3\",direction=\"incoming\"} 5",
            "visavis_shard_busy_ratio{shard=\"3\"} 0.25",
            "visavis_shard_holds{shard=\"3\",what=\"streams\"} 8",
            "visavis_shard_padding_bytes_total{shard=\"3\"} 17",
            "visavis_shard_probes_total{shard=\"3\"} 2",
            "visavis_shard_paced_packets_total{shard=\"3\"} 11",
            "visavis_shard_dropped_total{shard=\"3\",cause=\"replay\"} 4",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn every_line_is_a_comment_or_a_sample_with_a_described_name() {
        let text = endpoint(&PrometheusSettings::default()).render();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap_or_default();
            assert!(value.parse::<f64>().is_ok(), "{line}");
            let name = name.split('{').next().unwrap_or_default();
            let base = name.trim_end_matches("_bucket").trim_end_matches("_sum").trim_end_matches("_count");
            let described = |name: &str| text.contains(&format!("# TYPE {name} "));
            assert!(described(name) || described(base), "{line}");
        }
    }

    #[test]
    fn a_password_asks_for_basic_authorization() {
        let settings = PrometheusSettings { port: 1, username: "Aladdin".into(), password: Secret::new("open sesame") };
        // The example of RFC 7617.
        assert_eq!(endpoint(&settings).expected.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert_eq!(endpoint(&PrometheusSettings::default()).expected, None);
    }
}
