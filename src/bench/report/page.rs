//! The page: figures and curves in one HTML file that needs nothing else.

use super::chart::{Chart, Line, escape};
use super::table;
use crate::bench::figures::{Figures, Second, Step};

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:660px;color:#1a202c;background:#fff}\
pre{background:#f7fafc;padding:1em;overflow-x:auto;font-size:13px}svg{width:100%;height:auto;margin:1em 0}\
svg text{font-size:11px;fill:#4a5568}svg .t{font-size:13px;fill:#1a202c}.g{stroke:#e2e8f0;fill:none}\
.y{text-anchor:end}.x{text-anchor:middle}.e{color:#c53030}";

/// The page.
pub fn page(figures: &Figures) -> String {
    let title = format!("{} against {}", figures.scenario, figures.url);
    let title = escape(&title);
    let error = figures.error.as_ref().map_or(String::new(), |error| format!("<p class=\"e\">{}</p>", escape(error)));
    let charts: String = charts(figures).iter().map(Chart::svg).collect();
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title><style>{STYLE}</style></head>\n\
         <body><h1>{title}</h1>{error}<pre>{}</pre>\n{charts}</body></html>\n",
        escape(&table(figures))
    )
}

fn charts(figures: &Figures) -> Vec<Chart<'_>> {
    let curve = |name, value: fn(&Second) -> Option<f64>| Line {
        name,
        points: figures.curve.iter().filter_map(|second| Some((second.at, value(second)?))).collect(),
    };
    let time = |title, lines| Chart { title, x: "seconds", log_x: false, lines };
    let steps = |name, value: fn(&Step) -> f64| {
        let mut points: Vec<_> = figures.ramp.iter().map(|step| (f64::from(step.participants), value(step))).collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        Line { name, points }
    };
    let people = |title, lines| Chart { title, x: "participants", log_x: false, lines };
    let total = figures.delay_histogram.iter().map(|(_, count)| *count).sum::<u64>().max(1) as f64;
    let mut below = 0;
    let share = |(micros, count): &(f64, u64)| {
        below += count;
        (*micros / 1000.0, below as f64 / total * 100.0)
    };
    let shares = Line { name: "", points: figures.delay_histogram.iter().map(share).collect() };
    vec![
        people(
            "Lost and withheld by participants, per cent",
            vec![steps("lost", |step| step.loss * 100.0), steps("withheld", |step| step.withheld * 100.0)],
        ),
        people("Delay p99 by participants, ms", vec![steps("", |step| step.delay_p99_us / 1000.0)]),
        time("Packets delivered a second", vec![curve("", |second| Some(second.packets_per_second))]),
        time("Mbit/s delivered", vec![curve("", |second| Some(second.bits_per_second / 1e6))]),
        time(
            "One-way delay, ms",
            vec![
                curve("p50", |second| Some(second.delay_p50_us / 1000.0)),
                curve("p99", |second| Some(second.delay_p99_us / 1000.0)),
            ],
        ),
        Chart { title: "Packets within a delay, per cent", x: "ms", log_x: true, lines: vec![shares] },
        time("Server, cores", vec![curve("", |second| second.server_cores)]),
        time("Server, MB resident", vec![curve("", |second| second.server_rss_bytes.map(|it| it as f64 / 1e6))]),
        time("Participants there", vec![curve("", |second| Some(f64::from(second.members)))]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else_and_shows_the_curves() {
        let second = |at: f64| Second { at, packets_per_second: 100.0, server_cores: Some(0.5), ..Second::default() };
        let figures = Figures {
            scenario: "meeting".into(),
            url: "ws://<evil>".into(),
            curve: vec![second(1.0), second(2.0)],
            delay_histogram: vec![(100.0, 5), (2000.0, 5)],
            ramp: vec![Step { participants: 20, ..Step::default() }, Step { participants: 10, ..Step::default() }],
            error: Some("a & b".into()),
            ..Figures::default()
        };
        let page = page(&figures);
        assert!(page.contains("Server, cores") && !page.contains("Server, MB"), "only what was measured");
        assert!(page.contains("ws://&lt;evil&gt;") && page.contains("a &amp; b"));
        assert!(!page.contains("http") && !page.contains("<script"));
    }
}
