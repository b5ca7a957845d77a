//! Query strings as forms write them.

/// The decoded pairs of a query string (`application/x-www-form-urlencoded`).
/// As in Go, the first of several equal names counts, a pair with a broken
/// escape or a semicolon is skipped, and nothing else is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Parses the part of a request target behind the `?`. Bytes that are not
    /// UTF-8 after decoding are replaced.
    pub fn parse(query: &str) -> Self {
        let pairs = query
            .split('&')
            .filter(|pair| !pair.is_empty() && !pair.contains(';'))
            .filter_map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                Some((decode(name)?, decode(value)?))
            })
            .collect();
        Self { pairs }
    }

    /// The first value of `name`, or the empty string.
    pub fn get(&self, name: &str) -> &str {
        self.pairs.iter().find(|(held, _)| held == name).map_or("", |(_, value)| value)
    }

    /// The value of `name` unless absent or empty.
    pub fn non_empty(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }

    /// Whether `name` is `1` or `true`.
    pub fn flag(&self, name: &str) -> bool {
        is_true(self.get(name))
    }

    /// As [`Self::flag`], but `None` where the name is absent or empty.
    pub fn optional_flag(&self, name: &str) -> Option<bool> {
        self.non_empty(name).map(is_true)
    }

    /// The value of `name` as a number; zero when absent or not a number.
    pub fn number(&self, name: &str) -> i32 {
        self.get(name).parse().unwrap_or(0)
    }
}

fn is_true(value: &str) -> bool {
    value == "1" || value == "true"
}

/// Undoes percent encoding and `+` for space; `None` for a broken escape.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            other => other,
        });
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_and_plus_signs_are_undone() {
        let query = Query::parse("name=Zo%C3%AB+K&x=%3d");
        assert_eq!(query.get("name"), "Zoë K");
        assert_eq!(query.get("x"), "=");
    }

    #[test]
    fn the_first_of_equal_names_counts() {
        assert_eq!(Query::parse("a=1&a=2").get("a"), "1");
    }

    #[test]
    fn a_broken_pair_is_skipped_and_the_rest_kept() {
        let query = Query::parse("a=%zz&b=%4&c=1;d=2&e=5&&f");
        assert_eq!(query.get("a"), "");
        assert_eq!(query.get("b"), "");
        assert_eq!(query.get("c"), "");
        assert_eq!(query.number("e"), 5);
        assert_eq!(query.get("f"), "");
    }

    #[test]
    fn only_one_and_true_are_true() {
        let query = Query::parse("a=1&b=true&c=TRUE&d=yes&e=");
        assert!(query.flag("a") && query.flag("b"));
        assert!(!query.flag("c") && !query.flag("d"));
        assert_eq!(query.optional_flag("d"), Some(false));
        assert_eq!(query.optional_flag("e"), None);
    }
}
