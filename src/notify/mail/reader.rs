//! A small reader of MIME for the tests, which shares nothing with what composes.

#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A part of a message, or all of it.
#[derive(Debug)]
pub(in crate::notify) struct Part {
    headers: Vec<(String, String)>,
    pub(in crate::notify) parts: Vec<Part>,
    /// Decoded, for parts that have no parts.
    pub(in crate::notify) text: String,
}

impl Part {
    pub(in crate::notify) fn read(raw: &str) -> Self {
        let (head, body) = raw.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no body in {raw:?}"));
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "a bare line end in {head:?}");
        let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
        let headers: Vec<(String, String)> = unfolded
            .split("\r\n")
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut part = Self { headers, parts: Vec::new(), text: String::new() };
        let kind = part.header("content-type").unwrap_or_default().to_owned();
        if let Some((_, rest)) = kind.split_once("boundary=\"") {
            let boundary = format!("--{}", rest.split('"').next().unwrap());
            let inside = body.split(&format!("{boundary}--")).next().unwrap();
            part.parts = inside
                .split(&format!("{boundary}\r\n"))
                .skip(1)
                .map(|text| Self::read(text.strip_suffix("\r\n").unwrap()))
                .collect();
        } else {
            part.text = decode(body, part.header("content-transfer-encoding").unwrap_or("7bit"));
        }
        part
    }

    pub(in crate::notify) fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let first = found.next();
        assert!(found.next().is_none(), "{name} twice");
        first
    }

    pub(in crate::notify) fn names(&self) -> Vec<&str> {
        self.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    pub(in crate::notify) fn kind(&self) -> &str {
        self.header("content-type").unwrap().split(';').next().unwrap()
    }
}

fn decode(body: &str, encoding: &str) -> String {
    let bytes = match encoding {
        "7bit" => body.as_bytes().to_vec(),
        "base64" => STANDARD.decode(body.replace("\r\n", "")).unwrap(),
        "quoted-printable" => quoted_printable(&body.replace("=\r\n", ""), '='),
        other => panic!("{other}"),
    };
    String::from_utf8(bytes).unwrap()
}

fn quoted_printable(text: &str, escape: char) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(escape) {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        out.push(u8::from_str_radix(&rest[at + 1..at + 3], 16).unwrap());
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}

/// A header's value with its encoded words decoded (RFC 2047), and quoted strings without their quotes.
pub(in crate::notify) fn words(value: &str) -> String {
    let mut out = String::new();
    let mut rest = value;
    while let Some(at) = rest.find("=?") {
        let between = &rest[..at];
        // White space between two encoded words is not part of the text.
        if out.is_empty() || !between.trim().is_empty() || !rest.is_empty() && at == 0 {
            out.push_str(between);
        }
        let mut fields = rest[at + 2..].splitn(4, '?');
        let (charset, kind, text) = (fields.next().unwrap(), fields.next().unwrap(), fields.next().unwrap());
        assert!(charset.eq_ignore_ascii_case("utf-8"));
        let bytes = match kind {
            "b" | "B" => STANDARD.decode(text).unwrap(),
            _ => quoted_printable(&text.replace('_', " "), '='),
        };
        out.push_str(&String::from_utf8(bytes).unwrap());
        rest = fields.next().unwrap().strip_prefix('=').unwrap();
    }
    out.push_str(rest);
    out
}
