//! Texts that people send, bounded where they come in: whoever holds one need not ask how long it is.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// One line of 1 to `MAX` characters: a name, a title. Spaces at its ends are dropped. It has no control characters,
/// so it cannot break out of a header or a calendar's line, and none that turn the direction of writing, so it cannot
/// pose as another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Line<const MAX: usize>(String);

/// A text of up to `MAX` characters, with line breaks and tabs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct Prose<const MAX: usize>(String);

impl<const MAX: usize> Line<MAX> {
    /// Takes a text that is such a line.
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        bounded(text, MAX)?;
        if text.contains(|c: char| c.is_control() || turns(c)) {
            return Err("has characters that are not for reading in it".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl<const MAX: usize> Prose<MAX> {
    /// Takes a text that is not too long. Line breaks become `\n`.
    ///
    /// # Errors
    ///
    /// What it is instead.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        bounded(&text, MAX)?;
        if text.contains(|c: char| c.is_control() && c != '\n' && c != '\t') {
            return Err("has characters that are not for reading in it".to_owned());
        }
        Ok(Self(text))
    }

    /// The text.
    pub fn into_string(self) -> String {
        self.0
    }
}

fn bounded(text: &str, max: usize) -> Result<(), String> {
    // Characters are what people count; bytes are looked at first because that is quick.
    if text.len() > max && text.chars().nth(max).is_some() {
        return Err(format!("is longer than {max} characters"));
    }
    Ok(())
}

/// Embeddings, overrides and isolates of bidirectional text (UAX #9 §2).
fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

macro_rules! text {
    ($name:ident, $least:literal) => {
        impl<const MAX: usize> Deref for $name<MAX> {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl<const MAX: usize> fmt::Display for $name<MAX> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl<'de, const MAX: usize> Deserialize<'de> for $name<MAX> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                Self::new(&text).map_err(D::Error::custom)
            }
        }

        impl<const MAX: usize> PartialSchema for $name<MAX> {
            fn schema() -> RefOr<Schema> {
                let text = ObjectBuilder::new().schema_type(Type::String);
                text.min_length(Some($least)).max_length(Some(MAX)).into()
            }
        }

        impl<const MAX: usize> ToSchema for $name<MAX> {
            fn name() -> Cow<'static, str> {
                format!("{}{MAX}", stringify!($name)).into()
            }
        }
    };
}

text!(Line, 1);
text!(Prose, 0);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_line_is_one_and_no_longer_than_it_may_be() {
        assert_eq!(&*Line::<5>::new("  Günter ").unwrap_err(), "is longer than 5 characters");
        assert_eq!(&*Line::<6>::new("  Günter ").unwrap(), "Günter");
        for wrong in ["", " \t", "a\nb", "a\r\nBcc: x@y.z", "a\0", "\u{202e}nimda", "\u{7f}"] {
            assert!(Line::<100>::new(wrong).is_err(), "{wrong:?}");
        }
        assert!(Line::<10>::new("שלום").is_ok());
    }

    #[test]
    fn prose_has_lines_of_one_kind() {
        assert_eq!(&*Prose::<10>::new("a\r\nb\rc\td").unwrap(), "a\nb\nc\td");
        assert!(Prose::<10>::new("").is_ok());
        assert!(Prose::<3>::new("abcd").is_err() && Prose::<3>::new("a\0").is_err());
    }

    #[test]
    fn a_text_that_is_none_is_refused_as_it_comes_in() {
        let error = serde_json::from_str::<Line<3>>(r#""abcd""#).unwrap_err().to_string();
        assert!(error.contains("longer than 3"), "{error}");
        assert!(serde_json::from_str::<Line<3>>("7").is_err());
        assert_eq!(serde_json::to_string(&Line::<3>::new("abc").unwrap()).unwrap(), r#""abc""#);
        assert_eq!((Line::<3>::name(), Prose::<9>::name()), ("Line3".into(), "Prose9".into()));
    }
}
