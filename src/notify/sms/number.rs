//! Telephone numbers.

use std::fmt;
use std::str::FromStr;

/// A number in E.164 form: `+`, country code, at most fifteen digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PhoneNumber(String);

/// The text is no telephone number that can be reached from everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a telephone number has the form +391234567890: plus sign, country code, 7 to 15 digits in all")]
pub struct NotANumber;

impl PhoneNumber {
    /// The number, `+391234567890`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PhoneNumber {
    type Err = NotANumber;

    /// Reads a number as people write it: spaces, dots, dashes, slashes and parentheses between digits do not count.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > 40 {
            return Err(NotANumber);
        }
        let separator = |c: &char| !matches!(c, ' ' | '\u{a0}' | '.' | '-' | '/' | '(' | ')');
        let number: String = text.trim().chars().filter(separator).collect();
        let digits = number.strip_prefix('+').ok_or(NotANumber)?;
        let valid = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if valid { Ok(Self(number)) } else { Err(NotANumber) }
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Logs need to tell numbers apart, not to know them.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+…{}", &self.0[self.0.len() - 3..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_people_write_them() {
        for text in ["+391234567890", " +39 123 456-7890 ", "+39 (123) 456.78.90"] {
            assert_eq!(text.parse::<PhoneNumber>().map(|number| number.to_string()), Ok("+391234567890".into()));
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let long = format!("+{}", "1".repeat(50));
        let wrong =
            ["", "+", "391234567890", "00391234567890", "+0391234567", "+123456", "+1234567890123456", "+39abc4567"];
        for text in wrong.into_iter().chain(["+1234567\r\nX", "+３９１２３４５６７", long.as_str()]) {
            assert_eq!(text.parse::<PhoneNumber>(), Err(NotANumber), "{text:?}");
        }
    }

    #[test]
    fn debug_output_does_not_tell_the_number() {
        let number = "+391234567890".parse::<PhoneNumber>();
        assert_eq!(format!("{number:?}"), "Ok(+…890)");
    }
}
