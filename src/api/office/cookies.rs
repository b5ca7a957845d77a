//! The session's cookie: an opaque token and nothing else.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::BaseUrl;

/// Its name behind TLS. Browsers keep a cookie of this prefix only from the host itself, for all of its paths and for
/// TLS alone, so that no neighbouring host can plant one.
const SECURE: &str = "__Host-visavis";
/// Its name without TLS, where browsers would not keep the other.
const PLAIN: &str = "visavis";
/// The same two for a sign-in elsewhere.
const SECURE_BINDING: &str = "__Host-visavis-sign-in";
const PLAIN_BINDING: &str = "visavis-sign-in";
/// What a token may be long; anything else is none of ours and is not looked up.
const TOKEN_LENGTH: std::ops::RangeInclusive<usize> = 16..=128;

/// How the session's cookie is written and found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    name: &'static str,
    secure: bool,
}

impl SessionCookie {
    /// The cookie of a server that browsers reach at `base`.
    pub fn new(base: &BaseUrl) -> Self {
        let secure = base.is_https();
        Self { name: if secure { SECURE } else { PLAIN }, secure }
    }

    /// The cookie by which a sign-in at another server ends in the browser that it began in.
    pub fn of_sign_in(base: &BaseUrl) -> Self {
        let secure = base.is_https();
        Self { name: if secure { SECURE_BINDING } else { PLAIN_BINDING }, secure }
    }

    /// The cookie's name.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// `Set-Cookie` with a token that lasts `ttl`; `None` for what cannot be a token.
    pub fn set(self, token: &str, ttl: Duration) -> Option<HeaderValue> {
        if !is_token(token) {
            return None;
        }
        HeaderValue::from_str(&self.line(token, ttl.as_secs())).ok()
    }

    /// `Set-Cookie` that makes the browser forget it.
    pub fn clear(self) -> HeaderValue {
        HeaderValue::from_str(&self.line("", 0)).unwrap_or(HeaderValue::from_static(""))
    }

    /// The token that a request carries.
    pub fn find(self, headers: &HeaderMap) -> Option<&str> {
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        lines
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(name, value)| *name == self.name() && is_token(value))
            .map(|(_, value)| value)
    }

    /// Lax, not strict: whoever follows a link from a mail is still signed in. What changes anything is not reached
    /// by following links, and `guard` looks at where the request came from.
    fn line(self, value: &str, seconds: u64) -> String {
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}", self.name())
    }
}

fn is_token(text: &str) -> bool {
    TOKEN_LENGTH.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyz012345";

    fn cookie(base: &str) -> SessionCookie {
        SessionCookie::new(&base.parse().unwrap())
    }

    #[test]
    fn the_cookie_is_bound_to_the_host_wherever_there_is_tls() {
        let set = cookie("https://a.b").set(TOKEN, Duration::from_secs(60)).unwrap();
        let expected = format!("__Host-visavis={TOKEN}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure");
        assert_eq!(set, expected);
        let set = cookie("http://localhost:7880").set(TOKEN, Duration::from_secs(60)).unwrap();
        assert_eq!(set, format!("visavis={TOKEN}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"));
        assert!(cookie("https://a.b").clear().to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(cookie("https://a.b").set("a\r\nb; c", Duration::ZERO), None);
    }

    #[test]
    fn the_token_is_found_among_others_and_nothing_else_is_taken_for_it() {
        let found = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::COOKIE, line.parse().unwrap());
            }
            cookie("https://a.b").find(&headers).map(str::to_owned)
        };
        assert_eq!(found(&[&format!("a=b; __Host-visavis={TOKEN}; c=d")]).as_deref(), Some(TOKEN));
        assert_eq!(found(&["a=b", &format!("__Host-visavis={TOKEN}")]).as_deref(), Some(TOKEN));
        for none in ["", "a=b", "__Host-visavis", "__Host-visavis=", "__Host-visavis=short", "x__Host-visavis=abc"] {
            assert_eq!(found(&[none]), None, "{none}");
        }
        assert_eq!(found(&[&format!("visavis={TOKEN}")]), None);
        assert_eq!(found(&[&format!("__Host-visavis={}", "x".repeat(5_000))]), None);
        assert_eq!(found(&[&format!("__Host-visavis={TOKEN}'--")]), None);
    }
}
