//! What people say of themselves, checked and brought into one form.

use std::fmt;
use std::str::FromStr;

use reqwest::Url;

use super::AccountsError;
use crate::config::QuietHours;

/// Longest address and longest part before the `@` (RFC 5321 §4.5.3.1).
const MAX_EMAIL: usize = 254;
const MAX_LOCAL_PART: usize = 64;
const MAX_NAME: usize = 200;
/// Longest language tag that RFC 5646 §4.4.1 wants every program to take.
const MAX_LOCALE: usize = 35;

/// An e-mail address. The part before the `@` is as it was written, and compared without regard to case; the domain
/// is in lower case and ASCII, so that there is one way to write it. Parts before the `@` that are not ASCII are not
/// taken: most mail servers refuse them, and letters that look alike would make accounts that look alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the `@`.
    pub fn local_part(&self) -> &str {
        self.0.rsplit_once('@').map_or(self.0.as_str(), |(local, _)| local)
    }
}

impl FromStr for Email {
    type Err = AccountsError;

    fn from_str(text: &str) -> Result<Self, AccountsError> {
        let text = text.trim();
        let address: lettre::Address =
            (text.len() <= MAX_EMAIL).then(|| text.parse().ok()).flatten().ok_or(AccountsError::InvalidEmail)?;
        let local = address.user();
        // Quoted local parts may hold anything, line breaks included.
        let plain = local.len() <= MAX_LOCAL_PART && local.bytes().all(|c| c.is_ascii_graphic() && c != b'"');
        let domain = domain(address.domain()).filter(|_| plain).ok_or(AccountsError::InvalidEmail)?;
        let email = format!("{local}@{domain}");
        if email.len() <= MAX_EMAIL { Ok(Self(email)) } else { Err(AccountsError::InvalidEmail) }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A domain as the name system writes it; `None` for addresses of machines.
fn domain(text: &str) -> Option<String> {
    if text.contains(['/', '?', '#', ':', '\\', '@', '%', '[']) {
        return None;
    }
    Url::parse(&format!("https://{text}/")).ok()?.domain().map(|domain| domain.trim_end_matches('.').to_owned())
}

/// A name as others see it.
///
/// # Errors
///
/// [`AccountsError::InvalidName`].
pub fn name(text: &str) -> Result<String, AccountsError> {
    let text = text.trim();
    let length = text.chars().count();
    let hidden = |c: char| {
        // Controls, line ends, and marks that turn the direction of what follows.
        c.is_control() || matches!(c, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{200B}')
    };
    if length == 0 || length > MAX_NAME || text.chars().any(hidden) {
        return Err(AccountsError::InvalidName);
    }
    Ok(text.to_owned())
}

/// A time zone of the IANA database, in its own spelling.
///
/// # Errors
///
/// [`AccountsError::InvalidTimeZone`].
pub fn time_zone(text: &str) -> Result<String, AccountsError> {
    let zone = jiff::tz::TimeZone::get(text.trim()).map_err(|_| AccountsError::InvalidTimeZone)?;
    zone.iana_name().map(str::to_owned).ok_or(AccountsError::InvalidTimeZone)
}

/// A language tag (RFC 5646): its form, not whether anybody speaks it.
///
/// # Errors
///
/// [`AccountsError::InvalidLocale`].
pub fn locale(text: &str) -> Result<String, AccountsError> {
    let text = text.trim();
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let sound = text.len() <= MAX_LOCALE
        && (2..=8).contains(&language.len())
        && language.bytes().all(|c| c.is_ascii_alphabetic())
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_alphanumeric()));
    if sound { Ok(text.to_owned()) } else { Err(AccountsError::InvalidLocale) }
}

/// A telephone number in the international form of E.164; what people put between the digits goes.
///
/// # Errors
///
/// [`AccountsError::InvalidPhone`].
pub fn phone(text: &str) -> Result<String, AccountsError> {
    let text = text.trim();
    let digits = text.strip_prefix('+').filter(|_| text.len() <= 40).ok_or(AccountsError::InvalidPhone)?;
    let digits: String =
        digits.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{A0}')).collect();
    let sound =
        (8..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|c| c.is_ascii_digit());
    if sound { Ok(format!("+{digits}")) } else { Err(AccountsError::InvalidPhone) }
}

/// Quiet hours from two minutes of the day.
///
/// # Errors
///
/// [`AccountsError::InvalidQuietHours`].
pub fn quiet_hours(from: u16, until: u16) -> Result<QuietHours, AccountsError> {
    if from < 1440 && until < 1440 && from != until {
        Ok(QuietHours { from, until })
    } else {
        Err(AccountsError::InvalidQuietHours)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_domain_has_one_spelling_and_a_local_part_its_own() {
        for (text, expected) in [
            (" Ada@Example.ORG ", "Ada@example.org"),
            ("o'hara+visits@mail.example.org", "o'hara+visits@mail.example.org"),
            ("a@MÜNCHEN.example", "a@xn--mnchen-3ya.example"),
            ("root@localhost", "root@localhost"),
        ] {
            assert_eq!(text.parse::<Email>().unwrap().as_str(), expected);
        }
        assert_eq!("a.b@example.org".parse::<Email>().unwrap().local_part(), "a.b");
    }

    #[test]
    fn what_would_break_a_letters_head_or_look_like_another_address_is_no_address() {
        let long = format!("{}@example.org", "a".repeat(65));
        let longer = format!("a@{}.org", "b.".repeat(130));
        for wrong in [
            "",
            "@",
            "a",
            "a@",
            "@example.org",
            "a b@example.org",
            "a@b@example.org",
            "a@exam ple.org",
            "a@example.org\r\nBcc: x@example.org",
            "a\n@example.org",
            "\"a b\"@example.org",
            "\"a\r\nb\"@example.org",
            "аda@example.org",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@1",
            "a@::1",
            "Ada <ada@example.org>",
            "a@example.org,b@example.org",
            "a@example.org/x",
            "a@x:25",
            "a\u{0}@example.org",
            &long,
            &longer,
        ] {
            assert!(matches!(wrong.parse::<Email>(), Err(AccountsError::InvalidEmail)), "{wrong:?}");
        }
    }

    #[test]
    fn names_are_in_any_language_and_hide_nothing() {
        assert_eq!(name("  Ada Lovelace ").unwrap(), "Ada Lovelace");
        assert_eq!(name("Зоя Ωmega 李").unwrap(), "Зоя Ωmega 李");
        assert_eq!(name(&"ü".repeat(200)).unwrap().chars().count(), 200);
        for wrong in ["", "  ", "a\nb", "a\u{202E}b", "a\u{0}", &"x".repeat(201)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn zones_are_those_of_the_database() {
        assert_eq!(time_zone("europe/rome").unwrap(), "Europe/Rome");
        assert_eq!(time_zone("UTC").unwrap(), "UTC");
        for wrong in ["", "Europe/Atlantis", "+02:00", "local", "../etc/passwd", "CEST-2"] {
            assert!(time_zone(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn languages_are_tags() {
        for right in ["en", "de-CH", "zh-Hant-TW", "sr-Latn"] {
            assert_eq!(locale(right).unwrap(), right);
        }
        for wrong in ["", "e", "en_US", "en-", "12", "en-waytoolong", "en\r\nx", "x-"] {
            assert!(locale(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn telephone_numbers_lose_what_stands_between_their_digits() {
        assert_eq!(phone("+39 (0471) 12-34.56").unwrap(), "+390471123456");
        for wrong in ["", "0471 123456", "+0471123456", "+39", "+1234567890123456", "+39 call me", "+39\n471123456"] {
            assert!(phone(wrong).is_err(), "{wrong:?}");
        }
        assert!(quiet_hours(0, 0).is_err() && quiet_hours(0, 1440).is_err() && quiet_hours(1260, 480).is_ok());
    }

    proptest! {
        #[test]
        fn an_address_that_is_taken_is_safe_in_a_header_and_stays_as_it_is(text in "\\PC{0,40}@?\\PC{0,40}|[a-zA-Z0-9.+-]{1,20}@[a-zA-Z0-9.-]{1,20}") {
            if let Ok(email) = text.parse::<Email>() {
                let address = email.as_str();
                prop_assert!(address.is_ascii() && address.bytes().all(|c| c.is_ascii_graphic()));
                prop_assert!(!address.contains(['"', '<', '>', ',', ';', '\\']), "{}", address);
                prop_assert_eq!(address.matches('@').count(), 1);
                prop_assert!(address.len() <= MAX_EMAIL);
                prop_assert_eq!(&address.parse::<Email>().unwrap(), &email);
                prop_assert!(address.parse::<lettre::Address>().is_ok());
            }
        }
    }
}
