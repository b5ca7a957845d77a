//! Line charts as SVG, with axes that bear round numbers.

use std::fmt::Write as _;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 36.0;
const COLOURS: [&str; 4] = ["#2b6cb0", "#c05621", "#2f855a", "#6b46c1"];

/// One line of a chart.
pub struct Line<'a> {
    /// What it shows.
    pub name: &'a str,
    /// Its points, x rising.
    pub points: Vec<(f64, f64)>,
}

/// A chart.
pub struct Chart<'a> {
    /// Above it.
    pub title: &'a str,
    /// Below it.
    pub x: &'a str,
    /// The x axis is logarithmic.
    pub log_x: bool,
    /// What it shows.
    pub lines: Vec<Line<'a>>,
}

impl Chart<'_> {
    /// The SVG; nothing where there is nothing to draw.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| line.points.iter().copied());
        let place = |x: f64| if self.log_x { x.max(1e-3).log10() } else { x };
        if points().count() < 2 {
            return String::new();
        }
        let fold = |start: f64, pick: fn(f64, f64) -> f64| points().map(|(x, _)| place(x)).fold(start, pick);
        let (least, most) = (fold(f64::INFINITY, f64::min), fold(f64::NEG_INFINITY, f64::max));
        let span = if most > least { most - least } else { 1.0 };
        let top = ceiling(points().map(|(_, y)| y).fold(0.0, f64::max));
        let to_x = |x: f64| LEFT + (place(x) - least) / span * (WIDTH - LEFT - RIGHT);
        let to_y = |y: f64| HEIGHT - BOTTOM - y / top * (HEIGHT - TOP - BOTTOM);
        let mut out =
            format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">", escape(self.title));
        // Writing to a String cannot fail, here and below.
        let _ = write!(out, "<text x=\"{LEFT}\" y=\"16\" class=\"t\">{}</text>", escape(self.title));
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let y = to_y(value);
            let _ = write!(out, "<path d=\"M{LEFT} {y:.1}H{:.1}\" class=\"g\"/>", WIDTH - RIGHT);
            let _ =
                write!(out, "<text x=\"{:.1}\" y=\"{:.1}\" class=\"y\">{}</text>", LEFT - 6.0, y + 4.0, short(value));
        }
        for step in 0..=4 {
            let at = least + span * f64::from(step) / 4.0;
            let value = if self.log_x { 10f64.powf(at) } else { at };
            let (x, y) = (to_x(value), HEIGHT - BOTTOM + 16.0);
            let _ = write!(out, "<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"x\">{}</text>", short(value));
        }
        let _ = write!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" class=\"x\">{}</text>",
            WIDTH / 2.0,
            HEIGHT - 4.0,
            escape(self.x)
        );
        for (at, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let path: Vec<String> =
                line.points.iter().map(|(x, y)| format!("{:.1} {:.1}", to_x(*x), to_y(*y))).collect();
            let _ =
                write!(out, "<path d=\"M{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>", path.join("L"));
            let x = WIDTH - RIGHT - 110.0 * (self.lines.len() - at) as f64;
            let _ = write!(out, "<text x=\"{x:.1}\" y=\"16\" fill=\"{colour}\">{}</text>", escape(line.name));
        }
        out.push_str("</svg>\n");
        out
    }
}

/// The next 1, 2 or 5 times a power of ten.
fn ceiling(value: f64) -> f64 {
    if !value.is_finite() || value <= 0.0 {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| *step >= value).unwrap_or(power * 10.0)
}

/// A number as an axis bears it.
fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        large if large >= 1e9 => (value / 1e9, "G"),
        large if large >= 1e6 => (value / 1e6, "M"),
        large if large >= 1e4 => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let digits = if value == value.round() || value.abs() >= 100.0 {
        0
    } else if value.abs() >= 1.0 {
        1
    } else {
        2
    };
    format!("{value:.digits$}{unit}")
}

/// Text within markup.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_bear_round_numbers() {
        assert_eq!([0.0, 0.3, 1.0, 13.0, 51.0, 999.0].map(ceiling), [1.0, 0.5, 1.0, 20.0, 100.0, 1000.0]);
        assert_eq!([0.25, 3.0, 2500.0, 125_000.0, 2e6].map(short), ["0.25", "3", "2500", "125k", "2M"]);
    }

    #[test]
    fn a_chart_stays_within_its_frame_whatever_the_numbers() {
        let lines = vec![Line { name: "a<b", points: vec![(0.0, 0.0), (1.0, f64::from(u32::MAX)), (2.0, 3.0)] }];
        let svg = Chart { title: "t", x: "s", log_x: false, lines }.svg();
        assert!(svg.contains("a&lt;b") && !svg.contains("NaN") && !svg.contains("inf"));
        let flat = vec![Line { name: "", points: vec![(5.0, 0.0), (5.0, 0.0)] }];
        let svg = Chart { title: "", x: "", log_x: true, lines: flat }.svg();
        assert!(!svg.is_empty() && !svg.contains("NaN"), "{svg}");
        assert_eq!(Chart { title: "", x: "", log_x: false, lines: Vec::new() }.svg(), "");
    }
}
