//! How long an SMS is: 160 characters of the GSM alphabet (3GPP TS 23.038), or 70 of any other. One accent that the
//! alphabet lacks more than halves what fits, so such letters lose it.

/// The alphabet's characters of one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
    ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Those of two.
const EXTENDED: &str = "^{}\\[~]|€";
/// Letters without the alphabet and what stands for them, letter by letter.
const PLAIN_FROM: &str = "áÁâÂãÃāĀăĂąĄÀćĆčČçďĎđĐÈêÊëËēĒěĚęĘėĖğĞíÍîÎïÏīĪįĮıİÌłŁļĻńŃňŇņŅóÓôÔõÕÒőŐřŘŕŔśŚšŠşŞșȘťŤţŢțȚúÚûÛūŪůŮųŲÙűŰýÝÿźŹžŽżŻ\
    ‘’‚‹›“”„«»–—‑−•\u{a0}\u{2009}\u{202f}";
const PLAIN_TO: &str = "aAaAaAaAaAaAAcCcCcdDdDEeEeEeEeEeEeEgGiIiIiIiIiIiIIlLlLnNnNnNoOoOoOOöÖrRrRsSsSsSsStTtTtTuUuUuUuUuUUüÜyYyzZzZzZ\
    '''''\"\"\"\"\"----*   ";
/// Septets of a message in one part, and of each part of a longer one.
const ONE: usize = 160;
const PART: usize = 153;
/// The same in UTF-16 units, once a character is outside the alphabet.
const ONE_WIDE: usize = 70;
const PART_WIDE: usize = 67;
/// A text is not cut shorter than this to save a part.
const WORTH: usize = 40;
/// Most parts.
const PARTS: usize = 3;

/// Length in septets; none when a character is outside the alphabet.
fn septets(text: &str) -> Option<usize> {
    text.chars().map(|c| if BASIC.contains(c) { Some(1) } else { EXTENDED.contains(c).then_some(2) }).sum()
}

/// Length in the unit that counts, whether that is septets, and the parts it takes.
fn measure(text: &str) -> (usize, bool, usize) {
    let (length, narrow) = match septets(text) {
        Some(length) => (length, true),
        None => (text.encode_utf16().count(), false),
    };
    let (one, part) = if narrow { (ONE, PART) } else { (ONE_WIDE, PART_WIDE) };
    (length, narrow, if length <= one { 1 } else { length.div_ceil(part) })
}

/// How many messages a text is, as networks charge them.
pub fn parts(text: &str) -> usize {
    measure(text).2
}

/// The text in the alphabet, where it has letters for it. Control characters become spaces.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match PLAIN_FROM.chars().position(|from| from == c) {
            Some(at) => out.extend(PLAIN_TO.chars().nth(at)),
            None if c == '…' => out.push_str("..."),
            None if c == 'œ' => out.push_str("oe"),
            None if c == 'Œ' => out.push_str("OE"),
            None if c.is_control() => out.push(' '),
            None => out.push(c),
        }
    }
    out
}

/// A message of `text` and, at its end, `link`: in one part when the text can be cut for that and still says something,
/// else in as few as it takes, three at most. The link stays whole.
pub fn fit(text: &str, link: Option<&str>) -> String {
    let text = plain(text.trim());
    let join = |text: &str| link.map_or_else(|| text.to_owned(), |link| format!("{text} {link}"));
    let whole = join(&text);
    let (_, narrow, parts) = measure(&whole);
    if parts == 1 {
        return whole;
    }
    let length = |text: &str| if narrow { septets(text).unwrap_or(0) } else { text.encode_utf16().count() };
    let link_length = link.map_or(0, |link| length(link) + 1);
    let (one, part) = if narrow { (ONE, PART) } else { (ONE_WIDE, PART_WIDE) };
    let room = one.saturating_sub(link_length);
    let room = if room >= WORTH { room } else { (part * PARTS).saturating_sub(link_length).max(WORTH) };
    if length(&text) <= room {
        return whole;
    }
    let mut cut = String::new();
    let mut left = room.saturating_sub(3);
    for c in text.chars() {
        let width = length(c.encode_utf8(&mut [0; 4]));
        if width > left {
            break;
        }
        left -= width;
        cut.push(c);
    }
    // Not in the middle of a word, unless the word is most of it.
    if let Some(space) = cut.rfind(' ').filter(|space| *space > cut.len() / 2) {
        cut.truncate(space);
    }
    join(&format!("{}...", cut.trim_end()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINK: &str = "https://visavis.example/a/0199aabbccdd";

    #[test]
    fn the_tables_fit_together() {
        assert_eq!(PLAIN_FROM.chars().count(), PLAIN_TO.chars().count());
        for (from, to) in PLAIN_FROM.chars().zip(PLAIN_TO.chars()) {
            assert_eq!(septets(&from.to_string()), None, "{from} needs no replacement");
            assert_eq!(septets(&to.to_string()), Some(1), "{from} becomes {to}");
        }
        assert_eq!(BASIC.chars().count(), 127, "the alphabet has 128 places, one of which is the escape");
    }

    #[test]
    fn accents_and_typography_do_not_cost_half_the_message() {
        assert_eq!(fit("Łukasz Žižka – „Gespräch“ um 14:00…", None), "Lukasz Zizka - \"Gespräch\" um 14:00...");
        assert_eq!(parts(&fit(&"š".repeat(160), None)), 1);
        assert_eq!(fit("a\r\nb\tc", None), "a  b c");
    }

    #[test]
    fn other_scripts_stay_as_they_are() {
        assert_eq!(fit("Встреча в 14:00", None), "Встреча в 14:00");
        assert_eq!(measure("Встреча"), (7, false, 1));
    }

    #[test]
    fn a_long_text_is_cut_at_a_word_and_keeps_its_link() {
        let message = fit(&"an appointment and ".repeat(20), Some(LINK));
        assert!(message.ends_with(&format!("... {LINK}")), "{message}");
        assert_eq!(parts(&message), 1);
        assert!(!message.contains("appoi..."), "{message}");
        assert!(message.len() > 140, "{message}");
    }

    #[test]
    fn a_long_link_takes_more_parts_rather_than_the_text() {
        let link = format!("https://visavis.example/{}", "a".repeat(130));
        let message = fit("Reminder: 14:00 with Dr. Rossi", Some(&link));
        assert_eq!(message, format!("Reminder: 14:00 with Dr. Rossi {link}"));
        assert_eq!(parts(&message), 2);
    }

    #[test]
    fn lengths_are_counted_as_networks_do() {
        assert_eq!(septets("€[]"), Some(6));
        assert_eq!((parts(&"a".repeat(160)), parts(&"a".repeat(161)), parts(&"a".repeat(307))), (1, 2, 3));
        assert_eq!((parts(&"я".repeat(70)), parts(&"я".repeat(71))), (1, 2));
        assert_eq!(measure("😀").0, 2);
    }

    proptest! {
        #[test]
        fn any_text_ends_with_its_link_in_at_most_three_parts(text in ".{0,600}") {
            let message = fit(&text, Some(LINK));
            prop_assert!(message.ends_with(LINK));
            prop_assert!(parts(&message) <= PARTS, "{}", message);
        }
    }
}
