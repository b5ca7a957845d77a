//! The templates of a gateway's request: `{to}`, `{text}`, `{from}` and `{id}` stand for values, which are escaped for the place
//! they come to. What values contain is never looked at for further placeholders.

use std::fmt::Write as _;

/// A value's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// A URL's path or query, or a form (`application/x-www-form-urlencoded`).
    Percent,
    /// The inside of a JSON string.
    Json,
}

/// What placeholders stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Values<'a> {
    pub(super) to: &'a str,
    pub(super) text: &'a str,
    pub(super) from: &'a str,
    pub(super) id: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    To,
    Text,
    From,
    Id,
}

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Vec<Piece>);

const NAMES: [(&str, Piece); 4] =
    [("{to}", Piece::To), ("{text}", Piece::Text), ("{from}", Piece::From), ("{id}", Piece::Id)];

impl Template {
    /// Braces that are no placeholder stay as they are: JSON is full of them.
    pub(super) fn read(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        loop {
            let next =
                NAMES.iter().filter_map(|(name, piece)| Some((rest.find(name)?, *name, piece))).min_by_key(|at| at.0);
            let Some((at, name, piece)) = next else { break };
            pieces.push(Piece::Literal(rest[..at].to_owned()));
            pieces.push(piece.clone());
            rest = &rest[at + name.len()..];
        }
        pieces.push(Piece::Literal(rest.to_owned()));
        Self(pieces)
    }

    pub(super) fn has_to(&self) -> bool {
        self.0.contains(&Piece::To)
    }

    pub(super) fn has_text(&self) -> bool {
        self.0.contains(&Piece::Text)
    }

    /// What stands before the first placeholder.
    pub(super) fn head(&self) -> &str {
        match self.0.first() {
            Some(Piece::Literal(text)) => text,
            _ => "",
        }
    }

    pub(super) fn fill(&self, values: Values<'_>, escape: Escape) -> String {
        let mut out = String::new();
        for piece in &self.0 {
            let value = match piece {
                Piece::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                Piece::To => values.to,
                Piece::Text => values.text,
                Piece::From => values.from,
                Piece::Id => values.id,
            };
            match escape {
                Escape::Percent => out.push_str(&percent(value)),
                Escape::Json => out.push_str(&json(value)),
            }
        }
        out
    }
}

/// Percent-encoding of everything that is not unreserved (RFC 3986 §2.3), spaces included: read the same in URLs and in
/// forms.
pub(super) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}"); // writing to a String does not fail
        }
    }
    out
}

/// The inside of a JSON string.
fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn values<'a>(text: &'a str) -> Values<'a> {
        Values { to: "+391234567890", text, from: "visavis", id: "7" }
    }

    #[test]
    fn values_are_escaped_for_their_place_and_not_read_again() {
        let template = Template::read("to={to}&text={text}&from={from}&ref={id}");
        assert_eq!(
            template.fill(values("a&to=+1 {to}%\r\n"), Escape::Percent),
            "to=%2B391234567890&text=a%26to%3D%2B1%20%7Bto%7D%25%0D%0A&from=visavis&ref=7"
        );
        let template = Template::read(r#"{"m":[{"to":"{to}","body":"{text}"}]}"#);
        let filled = template.fill(values("\",\"admin\":\"{to}"), Escape::Json);
        let read: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(read["m"][0]["body"], "\",\"admin\":\"{to}");
        assert_eq!(read["m"][0].as_object().unwrap().len(), 2);
    }

    #[test]
    fn a_template_without_placeholders_is_itself() {
        let template = Template::read("{\"a\":{}}");
        assert_eq!(template.fill(values("x"), Escape::Json), "{\"a\":{}}");
        assert!(!template.has_to() && !template.has_text());
    }

    proptest! {
        #[test]
        fn any_text_comes_back_out_of_json_and_out_of_a_form(text in any::<String>()) {
            let filled = Template::read(r#"{"t":"{text}"}"#).fill(values(&text), Escape::Json);
            let read: serde_json::Value = serde_json::from_str(&filled).unwrap();
            prop_assert_eq!(read["t"].as_str(), Some(text.as_str()));
            let query = Template::read("http://x/?t={text}&end=1").fill(values(&text), Escape::Percent);
            let pairs: Vec<_> = reqwest::Url::parse(&query).unwrap().query_pairs().into_owned().collect();
            prop_assert_eq!(pairs, [("t".to_owned(), text), ("end".to_owned(), "1".to_owned())]);
        }
    }
}
