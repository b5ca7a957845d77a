//! What a request says of the answer that it wants: its coding, its language, and what of it is known already.

use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue};

use crate::notify::templates::Locale;

/// Entries of a list that are looked at; more than any browser sends.
const MAX_ENTRIES: usize = 32;

/// In which form a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Gzip,
    Identity,
}

impl Coding {
    /// The word of `Content-Encoding`; none for what is not encoded.
    pub(super) const fn word(self) -> Option<&'static str> {
        match self {
            Coding::Brotli => Some("br"),
            Coding::Gzip => Some("gzip"),
            Coding::Identity => None,
        }
    }
}

/// How much each coding is wanted, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Preference {
    brotli: u16,
    gzip: u16,
    identity: u16,
}

impl Preference {
    /// What `Accept-Encoding` says (RFC 9110 §12.5.3).
    pub(super) fn of(request: &HeaderMap) -> Self {
        let said = entries(request, header::ACCEPT_ENCODING);
        let weight = |names: &[&str]| said.iter().find(|(name, _)| names.contains(&&**name)).map(|(_, weight)| *weight);
        let rest = weight(&["*"]);
        Self {
            brotli: weight(&["br"]).or(rest).unwrap_or(0),
            gzip: weight(&["gzip", "x-gzip"]).or(rest).unwrap_or(0),
            // What nothing is said of is as good as anything, and chosen last.
            identity: weight(&["identity"]).or(rest).unwrap_or(1),
        }
    }

    /// The most wanted of those that there are; nobody gets nothing for refusing all of them.
    pub(super) fn choose(self, brotli: bool, gzip: bool) -> Coding {
        let offers = [
            (Coding::Brotli, self.brotli, brotli),
            (Coding::Gzip, self.gzip, gzip),
            (Coding::Identity, self.identity, true),
        ];
        let mut best = (Coding::Identity, 0);
        for (coding, weight, is_there) in offers {
            if is_there && weight > best.1 {
                best = (coding, weight);
            }
        }
        best.0
    }
}

/// The language of ours that a browser likes best (`Accept-Language`).
pub(super) fn language(request: &HeaderMap) -> Locale {
    let said = entries(request, header::ACCEPT_LANGUAGE);
    let ours = said.iter().filter_map(|(tag, weight)| {
        let locale = Locale::of(tag);
        let known = locale == Locale::De || tag.split('-').next() == Some("en");
        (known && *weight > 0).then_some((locale, *weight))
    });
    let mut best = (Locale::En, 0);
    for (locale, weight) in ours {
        if weight > best.1 {
            best = (locale, weight);
        }
    }
    best.0
}

/// Whether the browser wants a document to show rather than data (`Accept`).
pub(in crate::api) fn wants_html(request: &HeaderMap) -> bool {
    let said = entries(request, header::ACCEPT);
    let weight = |name: &str| said.iter().find(|(known, _)| known == name).map_or(0, |(_, weight)| *weight);
    weight("text/html") > weight("application/json")
}

/// Whether the client has what bears this tag (`If-None-Match`). Tags are compared weakly: a proxy on the way may have
/// compressed what it kept.
pub(super) fn is_known(request: &HeaderMap, tag: &str) -> bool {
    let lines = request.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| line.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// The entries of a list with weights, in lower case, each with its weight in thousandths.
fn entries(request: &HeaderMap, name: HeaderName) -> Vec<(String, u16)> {
    let lines = request.get_all(name).iter().filter_map(|line: &HeaderValue| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).take(MAX_ENTRIES).map(entry).collect()
}

fn entry(text: &str) -> (String, u16) {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    // A weight that is none is as good as the default, so that nobody is punished for it.
    let weight = weight.map_or(Ok(1.0), str::parse::<f32>).unwrap_or(1.0);
    (name, (weight.clamp(0.0, 1.0) * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn request(name: HeaderName, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if !value.is_empty() {
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_smallest_form_that_is_wanted_as_much_is_sent() {
        let chosen = |said: &str, brotli, gzip| {
            Preference::of(&request(header::ACCEPT_ENCODING, said)).choose(brotli, gzip).word().unwrap_or("whole")
        };
        for (said, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip, deflate", "gzip"),
            ("GZIP", "gzip"),
            ("br;q=0.5, gzip;q=0.8", "gzip"),
            ("br;q=0, gzip", "gzip"),
            ("br;q=0, gzip;q=0", "whole"),
            ("*", "br"),
            ("*;q=0", "whole"),
            ("identity;q=1, br;q=0.5", "whole"),
            ("identity;q=0, br;q=0.001", "br"),
            ("", "whole"),
            ("zstd", "whole"),
            ("br;q=rubbish", "br"),
            ("br;q=NaN", "whole"),
        ] {
            assert_eq!(chosen(said, true, true), expected, "{said}");
        }
        assert_eq!(chosen("br, gzip", false, true), "gzip");
        assert_eq!(chosen("br, gzip", false, false), "whole");
    }

    #[test]
    fn the_language_is_the_one_of_ours_that_is_liked_best() {
        for (said, expected) in [
            ("de-AT,de;q=0.9,en;q=0.8", Locale::De),
            ("en-GB,en;q=0.9,de;q=0.8", Locale::En),
            ("fr, de;q=0.3, en;q=0.2", Locale::De),
            ("it", Locale::En),
            ("de;q=0", Locale::En),
            ("", Locale::En),
        ] {
            assert_eq!(language(&request(header::ACCEPT_LANGUAGE, said)), expected, "{said}");
        }
    }

    #[test]
    fn who_wants_to_see_something_is_told_from_who_wants_data() {
        for (said, expected) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", true),
            ("*/*", false),
            ("application/json, text/html;q=0.5", false),
            ("", false),
        ] {
            assert_eq!(wants_html(&request(header::ACCEPT, said)), expected, "{said}");
        }
    }

    #[test]
    fn what_the_client_has_is_known_by_its_tag() {
        for (said, expected) in
            [("\"a\"", true), ("W/\"a\"", true), ("\"b\", \"a\"", true), ("*", true), ("\"b\"", false), ("a", false)]
        {
            assert_eq!(is_known(&request(header::IF_NONE_MATCH, said), "\"a\""), expected, "{said}");
        }
    }
}
