//! Content lines (RFC 5545 §3.1): folding, escaping, quoting. Whatever text comes in stays text: none of it can
//! start a line, a property or a parameter of its own.

use jiff::Timestamp;

use crate::units::UnixTime;

/// Longest line in octets, its end not counted.
const LINE: usize = 75;

/// Writes content lines.
#[derive(Debug, Default)]
pub(super) struct Lines {
    out: String,
}

impl Lines {
    /// `name:value` where both are ours: names, dates, numbers.
    pub(super) fn raw(&mut self, name: &str, value: &str) {
        debug_assert!(!value.contains(breaks_line), "`{value}` is not ours");
        self.fold(&format!("{name}:{value}"));
    }

    /// A property whose value is TEXT.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.fold(&format!("{name}:{}", escape(value)));
    }

    /// A property whose value is a URI.
    pub(super) fn uri(&mut self, name: &str, value: &str) {
        self.fold(&format!("{name}:{}", uri(value)));
    }

    /// What was written.
    pub(super) fn finish(self) -> String {
        self.out
    }

    /// Breaks a line after at most [`LINE`] octets, never inside a character; what goes on begins with a space.
    fn fold(&mut self, line: &str) {
        let mut room = LINE;
        for c in line.chars() {
            if c.len_utf8() > room {
                self.out.push_str("\r\n ");
                room = LINE - 1;
            }
            self.out.push(c);
            room -= c.len_utf8();
        }
        self.out.push_str("\r\n");
    }
}

/// Characters that end a line, for RFC 5545 or for a reader that thinks of Unicode's line ends as well.
fn breaks_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A TEXT value (RFC 5545 §3.3.11). Line ends of every kind become `\n`, other control characters vanish.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\r' if chars.peek() == Some(&'\n') => {}
            '\\' | ';' | ',' => out.extend(['\\', c]),
            c if breaks_line(c) => out.push_str("\\n"),
            '\t' => out.push(c),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// A parameter's value, always quoted. RFC 5545 §3.2 has no way to write a quote inside (RFC 6868 has, but few
/// calendars read it), so it becomes an apostrophe; line ends and control characters become spaces.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.trim().chars() {
        out.push(match c {
            '"' => '\'',
            c if c.is_control() || breaks_line(c) => ' ',
            c => c,
        });
    }
    out.push('"');
    out
}

/// A URI as it is, but for the octets that no URI may hold (RFC 3986 §2): those are percent-encoded.
pub(super) fn uri(text: &str) -> String {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`');
    encode(text, allowed)
}

/// The `mailto:` URI of an address (RFC 6068 §2).
pub(super) fn mailto(email: &str) -> String {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$'*+@".contains(&byte);
    format!("mailto:{}", encode(email, allowed))
}

fn encode(text: &str, allowed: impl Fn(u8) -> bool) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if allowed(byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String does not fail
        }
    }
    out
}

/// A DATE-TIME in UTC (RFC 5545 §3.3.5, form 2). Times that four digits of a year cannot say are moved to the nearest
/// that they can.
pub(super) fn utc(time: UnixTime) -> String {
    const FIRST: i64 = 0;
    const LAST: i64 = 253_402_207_200_000; // the end of 9999 less a day, which jiff holds in every zone
    let stamp = Timestamp::from_millisecond(time.0.clamp(FIRST, LAST)).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(write: impl FnOnce(&mut Lines)) -> String {
        let mut lines = Lines::default();
        write(&mut lines);
        lines.finish()
    }

    #[test]
    fn lines_are_folded_at_75_octets_and_never_inside_a_character() {
        let text = "ä€𐍈".repeat(40);
        let written = lines(|lines| lines.text("SUMMARY", &text));
        assert!(written.ends_with("\r\n"));
        for line in written.split_terminator("\r\n") {
            assert!(line.len() <= LINE, "{} octets", line.len());
        }
        assert_eq!(written.replace("\r\n ", "").trim_end(), format!("SUMMARY:{text}"));
    }

    #[test]
    fn a_line_of_exactly_75_octets_stays_whole() {
        let written = lines(|lines| lines.text("X", &"a".repeat(LINE - 2)));
        assert_eq!(written.matches("\r\n").count(), 1);
        let written = lines(|lines| lines.text("X", &"a".repeat(LINE - 1)));
        assert!(written.ends_with("\r\n a\r\n"), "{written:?}");
    }

    #[test]
    fn text_cannot_leave_its_property() {
        assert_eq!(escape("a;b,c\\d\"e:f"), "a\\;b\\,c\\\\d\"e:f");
        assert_eq!(escape("one\r\nEND:VEVENT\rtwo\nthree"), "one\\nEND:VEVENT\\ntwo\\nthree");
        assert_eq!(escape("a\u{2028}b\u{85}c\u{b}d\u{0}e\u{7f}"), "a\\nb\\nc\\nde");
        assert_eq!(escape("tab\tstays"), "tab\tstays");
    }

    #[test]
    fn a_parameter_cannot_leave_its_quotes() {
        assert_eq!(quoted("Dr. \"Bob\";ROLE=CHAIR:x\r\nATTENDEE:y"), "\"Dr. 'Bob';ROLE=CHAIR:x  ATTENDEE:y\"");
    }

    #[test]
    fn addresses_and_links_hold_nothing_that_a_uri_must_not() {
        assert_eq!(mailto("a+b@example.org"), "mailto:a+b@example.org");
        assert_eq!(mailto("a?bcc=c@d\r\nX:y"), "mailto:a%3Fbcc%3Dc@d%0D%0AX%3Ay");
        assert_eq!(uri("https://x.example/ü?a=b&c\r\nX:y"), "https://x.example/%C3%BC?a=b&c%0D%0AX:y");
    }

    #[test]
    fn times_are_written_in_utc_and_kept_to_four_digits_of_a_year() {
        assert_eq!(utc(UnixTime(1_772_547_300_999)), "20260303T141500Z");
        assert_eq!(utc(UnixTime(i64::MIN)), "19700101T000000Z");
        assert_eq!(utc(UnixTime(i64::MAX)), "99991230T220000Z");
    }
}
