//! Addresses on the web that settings name: this server's own, and the LiveKit server that clients connect to.

use std::fmt;
use std::str::FromStr;

// The `url` crate, under the name of the one of its users that we depend on.
use reqwest::Url;
use serde::{Serialize, Serializer};

/// Where browsers reach this server: scheme, host and port, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// `http://localhost:PORT`, which browsers take for a secure context.
    pub fn localhost(port: u16) -> Self {
        let mut url = Url::parse("http://localhost").expect("a constant that is a URL");
        // `http` URLs can have a port.
        let _ = url.set_port(Some(port));
        Self(url)
    }

    /// The origin as browsers write it: no slash at the end, no default port.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether browsers come by TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The host's name or address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// A link to a path of this server, `path` starting with a slash.
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// Where LiveKit's clients connect to when this server is the one they mean.
    pub fn websocket(&self) -> String {
        self.origin().replacen("http", "ws", 1)
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = bare(text, &["https", "http"], "https://meet.example.org")?;
        if url.path() == "/" {
            Ok(Self(url))
        } else {
            Err(format!("`{text}` has a path; the server needs the whole host to itself"))
        }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A site that may show our pages in a frame, as the header `frame-ancestors` takes it: an origin, whose host may begin
/// with `*.` for every name below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedOrigin(String);

impl EmbedOrigin {
    /// The origin, `https://www.example.org`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmbedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const EXAMPLE: &str = "https://www.example.org";
        let url = bare(text, &["https", "http"], EXAMPLE)?;
        let host = url.host_str().unwrap_or_default();
        let name = host.strip_prefix("*.").unwrap_or(host);
        // Hosts may contain what would end the header's list.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
        if url.path() != "/" || name.is_empty() || !name.bytes().all(plain) {
            return Err(format!("`{text}` is no origin; expected one such as {EXAMPLE} or https://*.example.org"));
        }
        Ok(Self(url.origin().ascii_serialization()))
    }
}

impl Serialize for EmbedOrigin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A LiveKit server as its clients are told of it, `wss://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivekitUrl(String);

impl LivekitUrl {
    /// The URL, `ws` or `wss`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LivekitUrl {
    type Err = String;

    /// LiveKit's tools write `http` and `ws` for the same thing.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = bare(text, &["wss", "ws", "https", "http"], "wss://livekit.example.org")?;
        let text = url.as_str().trim_end_matches('/');
        Ok(Self(if text.starts_with("http") { text.replacen("http", "ws", 1) } else { text.to_owned() }))
    }
}

impl Serialize for LivekitUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// A URL that something is sent to or asked of: any path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// The URL.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for ServiceUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, &["https", "http"], "https://sms.example.org/send").map(Self)
    }
}

impl Serialize for ServiceUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.as_str())
    }
}

fn bare(text: &str, schemes: &[&str], example: &str) -> Result<Url, String> {
    let url = parse(text, schemes, example)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("`{text}` has a query or a fragment; expected a URL such as {example}"));
    }
    Ok(url)
}

/// Whoever writes a password into a URL finds it in a log: none is taken, and none is repeated here.
fn parse(text: &str, schemes: &[&str], example: &str) -> Result<Url, String> {
    let wrong = || format!("expected a URL such as {example}");
    let url = Url::parse(text.trim()).map_err(|error| format!("{}: {error}", wrong()))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{}, without user name and password", wrong()));
    }
    if !schemes.contains(&url.scheme()) || url.host_str().is_none_or(str::is_empty) {
        return Err(format!("`{text}` has another form; {}", wrong()));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_base_of_links_is_an_origin_as_browsers_write_it() {
        let base: BaseUrl = "HTTPS://Meet.Example.org:443/".parse().unwrap();
        assert_eq!(base.origin(), "https://meet.example.org");
        assert_eq!(base.link("/call/x"), "https://meet.example.org/call/x");
        assert_eq!(base.websocket(), "wss://meet.example.org");
        assert!(base.is_https());
        assert_eq!(BaseUrl::localhost(7880).to_string(), "http://localhost:7880");
        assert_eq!(BaseUrl::localhost(80).websocket(), "ws://localhost");
        let wrong =
            ["", "meet.example.org", "ftp://a.b", "https://a.b/c", "https://a.b?c", "https://u:hush@a.b", "https://"];
        for wrong in wrong {
            let error = wrong.parse::<BaseUrl>().unwrap_err();
            assert!(error.contains("https://meet.example.org") || error.contains("path"), "{wrong}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }

    #[test]
    fn what_may_frame_our_pages_is_an_origin_and_nothing_that_a_header_would_take_for_more() {
        for (text, expected) in [
            ("https://WWW.example.org/", "https://www.example.org"),
            ("https://*.example.org", "https://*.example.org"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("https://[2001:db8::1]:444", "https://[2001:db8::1]:444"),
        ] {
            assert_eq!(text.parse::<EmbedOrigin>().unwrap().as_str(), expected);
        }
        let wrong = [
            "*",
            "https://*",
            "https://*.",
            "https://a.*.org",
            "example.org",
            "https://a.org/page",
            "https://a.org;script-src",
            "https://a.org,b.org",
            "https://a.org 'self'",
            "data:x",
            "https://u:p@a.org",
        ];
        for wrong in wrong {
            assert!(wrong.parse::<EmbedOrigin>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn livekits_url_is_a_websockets_however_it_is_written() {
        for (text, expected) in [
            ("wss://x.livekit.cloud", "wss://x.livekit.cloud"),
            ("https://x.livekit.cloud/", "wss://x.livekit.cloud"),
            ("http://localhost:7880", "ws://localhost:7880"),
            ("ws://a.b/livekit/", "ws://a.b/livekit"),
        ] {
            assert_eq!(text.parse::<LivekitUrl>().unwrap().as_str(), expected);
        }
        assert!("tcp://a.b".parse::<LivekitUrl>().is_err());
    }
}
