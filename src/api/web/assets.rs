//! The files of the web app as its build has left them: whole, and beside that compressed, so that nothing is compressed
//! while somebody waits.

use std::collections::HashMap;
use std::fmt::Write;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Bytes;
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::negotiate::{Coding, Preference, is_known};

/// What may be kept for good: another content has another name.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// What keeps its name when it changes, and is of no consequence.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");
/// What keeps its name when it changes: asked about each time.
const ASKED_ABOUT: HeaderValue = HeaderValue::from_static("no-cache");

/// One file.
struct File {
    content_type: &'static str,
    lifetime: HeaderValue,
    whole: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    /// Of the whole; each form has a tag of its own made from it.
    hash: String,
}

/// Files by their names.
#[derive(Default)]
pub struct Assets(HashMap<String, File>);

#[cfg(feature = "page")]
#[derive(rust_embed::RustEmbed)]
#[folder = "web/dist/"]
struct Dist;

impl Assets {
    /// The files that this binary was built with; none without the feature `page`.
    pub fn embedded() -> Self {
        #[cfg(feature = "page")]
        let files = Dist::iter().filter_map(|name| {
            let bytes = match Dist::get(&name)?.data {
                std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                std::borrow::Cow::Owned(bytes) => bytes.into(),
            };
            Some((name.into_owned(), bytes))
        });
        #[cfg(not(feature = "page"))]
        let files = std::iter::empty();
        Self::of(files)
    }

    /// These files, by name and content. What ends in `.br` or `.gz` is another form of the file without that ending.
    pub fn of(files: impl IntoIterator<Item = (String, Bytes)>) -> Self {
        let mut files: HashMap<String, Bytes> = files.into_iter().collect();
        let whole: Vec<String> =
            files.keys().filter(|name| !name.ends_with(".br") && !name.ends_with(".gz")).cloned().collect();
        let file = |name: String| {
            let whole = files.remove(&name)?;
            let (brotli, gzip) = (files.remove(&format!("{name}.br")), files.remove(&format!("{name}.gz")));
            let (content_type, lifetime) = (content_type(&name), lifetime(&name));
            let hash = tag(&whole);
            Some((name, File { content_type, lifetime, whole, brotli, gzip, hash }))
        };
        Self(whole.into_iter().filter_map(file).collect())
    }

    /// Whether there is such a file.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A file's text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(&self.0.get(name)?.whole).ok()
    }

    /// A file, in the form that the request prefers, or the word that the client has it already.
    pub(super) fn answer(&self, name: &str, request: &HeaderMap) -> Option<Response> {
        let file = self.0.get(name)?;
        let forms = file.brotli.is_some() || file.gzip.is_some();
        let coding = Preference::of(request).choose(file.brotli.is_some(), file.gzip.is_some());
        let (body, suffix) = match coding {
            Coding::Brotli => (file.brotli.as_ref()?, "-br"),
            Coding::Gzip => (file.gzip.as_ref()?, "-gz"),
            Coding::Identity => (&file.whole, ""),
        };
        let tag = format!("\"{}{suffix}\"", file.hash);
        let mut response = if is_known(request, &tag) {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = body.clone().into_response();
            if let Some(word) = coding.word() {
                response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(word));
            }
            response
        };
        let headers = response.headers_mut();
        // Also of what the client has already: its policy hangs on its type, and the client takes the newest.
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        headers.insert(header::CACHE_CONTROL, file.lifetime.clone());
        // A tag is hexadecimal.
        headers.extend(HeaderValue::from_str(&tag).ok().map(|tag| (header::ETAG, tag)));
        if forms {
            headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        special(name, headers);
        Some(response)
    }
}

/// What single files need.
fn special(name: &str, headers: &mut HeaderMap) {
    match name {
        "sw.js" => {
            // It looks after every page, also if it should move into a folder.
            headers.insert(HeaderName::from_static("service-worker-allowed"), HeaderValue::from_static("/"));
        }
        "embed.js" => {
            // Other sites load it, as a script or as a module.
            let any = HeaderValue::from_static("*");
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
            let cross = HeaderValue::from_static("cross-origin");
            headers.insert(HeaderName::from_static("cross-origin-resource-policy"), cross);
        }
        _ => {}
    }
}

/// A content's tag: half of its SHA-256.
pub(super) fn tag(content: &[u8]) -> String {
    digest(&SHA256, content).as_ref().iter().take(16).fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn lifetime(name: &str) -> HeaderValue {
    match name.split_once('/') {
        Some(("assets", _)) => FOREVER,
        Some((_, file)) if has_hash(file) => FOREVER,
        Some(("icons", _)) => A_DAY,
        _ => ASKED_ABOUT,
    }
}

/// Whether a name ends in the hash that the build gives: a dash and eight characters that are no word.
fn has_hash(file: &str) -> bool {
    let stem = file.split('.').next().unwrap_or_default();
    let Some((front, hash)) = stem.len().checked_sub(8).and_then(|at| stem.split_at_checked(at)) else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    front.len() > 1
        && front.ends_with('-')
        && hash.bytes().all(plain)
        && hash.bytes().any(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "wasm" => "application/wasm",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "wav" => "audio/wav",
        "mp4" => "video/mp4",
        "webm" => "video/webm",
        // A model (`.tflite`) is bytes to everybody but its own code.
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_its_hash_in_the_name_is_kept_for_good() {
        for name in ["assets/index-C_t8CAJy.js", "assets/any.wasm", "icons/icon-x0FWXtgJ.png"] {
            assert_eq!(lifetime(name), FOREVER, "{name}");
        }
        for name in ["icons/icon-192.png", "icons/icon-maskable.png", "icons/icon.svg", "icons/icon-é2345678.png"] {
            assert_eq!(lifetime(name), A_DAY, "{name}");
        }
        for name in ["sw.js", "embed.js", "manifest.webmanifest"] {
            assert_eq!(lifetime(name), ASKED_ABOUT, "{name}");
        }
    }

    #[test]
    fn types_follow_from_names() {
        for (name, kind) in [
            ("a.wasm", "application/wasm"),
            ("a.tflite", "application/octet-stream"),
            ("manifest.webmanifest", "application/manifest+json"),
            ("a.woff2", "font/woff2"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("noending", "application/octet-stream"),
        ] {
            assert_eq!(content_type(name), kind);
        }
    }
}
