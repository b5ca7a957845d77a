//! The table for the terminal.

use std::fmt::Write as _;

use crate::bench::figures::{Figures, Quantiles};

/// The figures in aligned lines.
pub fn table(figures: &Figures) -> String {
    let mut rows: Vec<(&str, String)> = Vec::new();
    let people =
        format!("{} in {} {}", figures.members, figures.rooms, if figures.rooms == 1 { "room" } else { "rooms" });
    rows.push(("scenario", format!("{}, {people}", figures.scenario)));
    let version = &figures.server_version;
    rows.push((
        "server",
        if version.is_empty() { figures.url.clone() } else { format!("{} (version {version})", figures.url) },
    ));
    let (streams, expected) = (figures.subscriptions, figures.expected_subscriptions);
    rows.push(("streams", if streams > expected { streams.to_string() } else { format!("{streams} of {expected}") }));
    rows.push(("measured", format!("{:.1} s", figures.seconds)));
    rows.push(("sent", format!("{} packets", grouped(figures.sent_packets))));
    let rate = figures.packets_per_second as u64;
    rows.push(("delivered", format!("{} packets, {} a second", grouped(figures.delivered_packets), grouped(rate))));
    rows.push(("", format!("{:.1} Mbit/s", figures.bits_per_second / 1e6)));
    let due = grouped(figures.due_packets);
    rows.push(("lost", format!("{} of {due} ({:.3} %)", grouped(figures.lost_packets), figures.loss * 100.0)));
    let withheld = figures.withheld() * 100.0;
    rows.push(("withheld", format!("{} of {due} ({withheld:.3} %)", grouped(figures.withheld_packets))));
    if figures.asked_packets + figures.repaired_packets > 0 {
        rows.push((
            "repaired",
            format!("{}, asked for {}", grouped(figures.repaired_packets), grouped(figures.asked_packets)),
        ));
    }
    rows.push(("delay", quantiles(&figures.delay_us)));
    rows.push(("joins", format!("{} at {:.1} a second", figures.joins, figures.joins_per_second)));
    if figures.failed_joins + figures.lost_connections > 0 {
        rows.push(("", format!("{} failed, {} lost later", figures.failed_joins, figures.lost_connections)));
    }
    rows.push(("to media", quantiles(&figures.join_us)));
    rows.push(("to 1st packet", quantiles(&figures.first_packet_us)));
    if let Some(server) = &figures.server {
        rows.push((
            "server CPU",
            format!("{:.2} s, {:.2} µs a delivered packet", server.cpu_seconds, server.cpu_us_per_packet),
        ));
        let (peak, each) = (server.peak_rss_bytes as f64 / 1e6, server.rss_bytes_per_participant as f64 / 1e3);
        rows.push(("server memory", format!("{peak:.1} MB at most, {each:.1} KB a participant")));
    }
    let generator = &figures.generator;
    let late = generator.lateness_us.p99 / 1000.0;
    rows.push(("generator", format!("{:.2} s CPU, late by {late:.2} ms (p99)", generator.cpu_seconds)));
    if let Some(capacity) = figures.capacity {
        rows.push(("capacity", format!("{capacity} participants")));
    }
    let mut out = String::new();
    for (name, value) in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name:<14}{value}");
    }
    for step in &figures.ramp {
        let _ = writeln!(
            out,
            "  {:>6} participants  {:>9} packets/s  {:>7.3} % lost  {:>5.1} % withheld  p99 {:>8.2} ms  {}",
            step.participants,
            grouped(step.packets_per_second as u64),
            step.loss * 100.0,
            step.withheld * 100.0,
            step.delay_p99_us / 1000.0,
            if step.good { "borne" } else { "too much" },
        );
    }
    for warning in figures.warnings() {
        let _ = writeln!(out, "note: {warning}");
    }
    out
}

fn quantiles(of: &Quantiles) -> String {
    let millis = |micros: f64| format!("{:.2}", micros / 1000.0);
    format!("p50 {}  p95 {}  p99 {}  max {} ms", millis(of.p50), millis(of.p95), millis(of.p99), millis(of.max))
}

/// Thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figures::Server;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped), ["0", "12", "999", "1 000", "1 234 567"]);
    }

    #[test]
    fn the_table_says_what_matters_and_what_is_doubtful() {
        let mut figures = Figures { scenario: "livestream".into(), seconds: 2.0, ..Figures::default() };
        let settled =
            crate::bench::account::Settled { due: 2000, delivered: 1899, lost: 1, withheld: 100, duplicates: 0 };
        figures.set_accounts(&settled);
        figures.server = Some(Server { cpu_us_per_packet: 1.25, ..Server::default() });
        figures.generator.dropped_datagrams = 4;
        figures.expected_subscriptions = 2;
        figures.subscriptions = 1;
        let table = table(&figures);
        for part in [
            "1 899 packets, 949 a second",
            "1 of 2 000 (0.050 %)",
            "100 of 2 000 (5.000 %)",
            "1.25 µs",
            "did not read 4",
            "1 of 2 streams never",
        ] {
            assert!(table.contains(part), "{part} in\n{table}");
        }
    }
}
