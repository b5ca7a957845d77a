//! Texts that people write: trimmed, of bounded length, and without what is not seen.

use super::Error;

/// One line of 1 to `most` characters.
pub(super) fn line(field: &'static str, text: &str, most: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Error::invalid(field, "it is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid(field, "it has characters that are no text"));
    }
    bounded(field, text, most)
}

/// Any number of lines with at most `most` characters, or nothing.
pub(super) fn prose(field: &'static str, text: &str, most: usize) -> Result<String, Error> {
    let text = text.trim();
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Error::invalid(field, "it has characters that are no text"));
    }
    bounded(field, text, most)
}

/// As [`prose`], but something.
pub(super) fn words(field: &'static str, text: &str, most: usize) -> Result<String, Error> {
    let text = prose(field, text, most)?;
    if text.is_empty() { Err(Error::invalid(field, "it is empty")) } else { Ok(text) }
}

fn bounded(field: &'static str, text: &str, most: usize) -> Result<String, Error> {
    if text.chars().count() > most {
        return Err(Error::invalid(field, format!("it has more than {most} characters")));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_trimmed_and_bounded_by_characters() {
        assert_eq!(line("title", "  Ärztliche Beratung \n", 18).unwrap(), "Ärztliche Beratung");
        assert_eq!(prose("note", "one\n\ttwo\r\n", 20).unwrap(), "one\n\ttwo");
        assert_eq!(prose("note", " ", 20).unwrap(), "");
        for bad in ["", " \t", "a\nb", "a\u{0}b", "Ärztliche Beratungen"] {
            assert!(matches!(line("title", bad, 18), Err(Error::Invalid { field: "title", .. })), "{bad:?}");
        }
        assert!(words("note", " \n", 20).is_err() && words("note", " a\nb ", 3).is_ok());
        assert!(prose("note", "\u{7}", 20).is_err() && prose("note", &"x".repeat(21), 20).is_err());
    }
}
