//! What a file is: its content says so, and the request must not say otherwise.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::scheduler::{Error, UploadError};

/// Bytes from a file's beginning by which its type is known.
pub(super) const HEAD: usize = 64 * 1024;
/// Longest type that a request may name.
const MAX_TYPE: usize = 127;
/// A type that says nothing.
const ANY: &str = "application/octet-stream";
/// A type of which nothing else is known than that it is text.
const TEXT: &str = "text/plain";
const ZIP: &str = "application/zip";

/// Other names of types, and those by which they are known here.
const ALIASES: &[(&str, &str)] = &[
    ("image/jpg", "image/jpeg"),
    ("image/pjpeg", "image/jpeg"),
    ("image/heic", "image/heif"),
    ("application/x-pdf", "application/pdf"),
    ("application/x-zip-compressed", ZIP),
    ("audio/wav", "audio/x-wav"),
    ("audio/wave", "audio/x-wav"),
    ("audio/mp3", "audio/mpeg"),
    ("audio/mp4", "audio/m4a"),
    ("audio/x-m4a", "audio/m4a"),
    ("audio/flac", "audio/x-flac"),
    ("text/rtf", "application/rtf"),
];

/// Office documents, by the part that a package of theirs has.
const PACKAGES: &[(&str, &str)] = &[
    ("word/document.xml", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    ("xl/workbook.xml", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("ppt/presentation.xml", "application/vnd.openxmlformats-officedocument.presentationml.presentation"),
];

/// A type as it is known here: small letters, no parameters, one name. None where nothing is said.
pub(super) fn canonical(declared: &str) -> Result<Option<String>, Error> {
    let bare = declared.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if bare.is_empty() || bare == ANY {
        return Ok(None);
    }
    let token =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b));
    let is_type = bare.split_once('/').is_some_and(|(kind, sub)| token(kind) && token(sub));
    if !is_type || bare.len() > MAX_TYPE {
        return Err(Error::invalid("contentType", "it is not a type such as application/pdf"));
    }
    let known = ALIASES.iter().find(|(alias, _)| *alias == bare).map(|(_, name)| (*name).to_owned());
    Ok(Some(known.unwrap_or(bare)))
}

/// Whether a list of types, as the settings write it, names a type.
pub(super) fn is_among(types: &[String], kind: &str) -> bool {
    types.iter().any(|it| canonical(it).is_ok_and(|it| it.as_deref() == Some(kind)))
}

/// Whether what is of this type is text.
fn is_text(kind: &str) -> bool {
    kind.starts_with("text/")
        || matches!(kind, "application/json" | "application/xml")
        || kind.ends_with("+xml")
        || kind.ends_with("+json")
}

/// What passes by of a file, as far as its type follows from it.
#[derive(Default)]
pub(super) struct Glimpse {
    head: Vec<u8>,
    /// The beginning of a character whose end is still to come.
    pending: Vec<u8>,
    no_text: bool,
}

impl Glimpse {
    pub(super) fn see(&mut self, bytes: &[u8]) {
        let room = HEAD - self.head.len();
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if self.no_text {
            return;
        }
        let mut joined = std::mem::take(&mut self.pending);
        let text = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        let rest = match std::str::from_utf8(text) {
            Ok(_) => &[][..],
            // No error length: the text ends within a character.
            Err(error) if error.error_len().is_none() => &text[error.valid_up_to()..],
            Err(_) => {
                self.no_text = true;
                return;
            }
        };
        self.no_text = text.contains(&0);
        self.pending = rest.to_vec();
    }

    pub(super) fn is_full(&self) -> bool {
        self.head.len() == HEAD
    }

    fn is_text(&self) -> bool {
        !self.no_text && self.pending.is_empty()
    }

    /// What the beginning is, where that is known.
    fn kind(&self) -> Option<String> {
        infer::get(&self.head).and_then(|kind| canonical(kind.mime_type()).ok().flatten())
    }

    /// Refuses early what will be refused in the end.
    pub(super) fn check_beginning(&self, declared: Option<&str>) -> Result<(), UploadError> {
        let Some(declared) = declared else { return Ok(()) };
        let found = self.kind();
        let fits = match found.as_deref() {
            _ if is_text(declared) => !self.no_text,
            Some(ZIP) => declared == ZIP || is_package(declared),
            Some(found) => found == declared,
            // What has no mark to be known by is taken at its word.
            None => !infer::is_mime_supported(declared),
        };
        if fits { Ok(()) } else { Err(mismatch(declared, found.as_deref(), self.is_text())) }
    }

    /// What the whole file is.
    pub(super) fn decide(&self, declared: Option<&str>, file: &mut File) -> io::Result<Result<String, UploadError>> {
        if let Err(refusal) = self.check_beginning(declared) {
            return Ok(Err(refusal));
        }
        let found = self.kind();
        if declared.is_some_and(is_text) || (declared.is_none() && found.is_none()) {
            return Ok(match (self.is_text(), declared) {
                (true, declared) => Ok(declared.unwrap_or(TEXT).to_owned()),
                (false, Some(declared)) => Err(mismatch(declared, None, false)),
                (false, None) => Err(UploadError::TypeNotAllowed(ANY.to_owned())),
            });
        }
        // A package is what its parts make it, in whatever order they come.
        let packed = found.as_deref().is_some_and(|found| found == ZIP || is_package(found));
        let found = if packed { Some(package(file)?.unwrap_or(ZIP).to_owned()) } else { found };
        Ok(match (declared, found) {
            (None, Some(found)) => Ok(found),
            (Some(declared), Some(found)) if declared == found => Ok(found),
            (Some(declared), None) => Ok(declared.to_owned()),
            (Some(declared), Some(found)) => Err(mismatch(declared, Some(&found), false)),
            (None, None) => Err(UploadError::TypeNotAllowed(ANY.to_owned())),
        })
    }
}

fn mismatch(declared: &str, found: Option<&str>, text: bool) -> UploadError {
    let found = found.unwrap_or(if text { TEXT } else { ANY });
    UploadError::TypeMismatch { declared: declared.to_owned(), found: found.to_owned() }
}

fn is_package(kind: &str) -> bool {
    PACKAGES.iter().any(|(_, package)| *package == kind)
}

/// Longest list of a package's parts that is read.
const MAX_DIRECTORY: u32 = 1 << 20;
/// Length of what the list's own place is written in, without the comment behind it.
const MIN_END: usize = 22;
/// How far from the end the list's own place can be written (APPNOTE.TXT §4.3.16).
const MAX_TAIL: u64 = MIN_END as u64 + 65_535;

/// Which office document a zip file is. One with programs in it (macros) is none, and neither is one whose list of
/// parts cannot be read.
fn package(file: &mut File) -> io::Result<Option<&'static str>> {
    let length = file.seek(SeekFrom::End(0))?;
    let tail = read_at(file, length.saturating_sub(MAX_TAIL), length.min(MAX_TAIL) as usize)?;
    let Some(end) = tail.windows(4).rposition(|it| it == b"PK\x05\x06").map(|at| &tail[at..]) else { return Ok(None) };
    let (Some(size), Some(offset)) = (u32_at(end, 12), u32_at(end, 16)) else { return Ok(None) };
    if end.len() < MIN_END || size > MAX_DIRECTORY || u64::from(offset) + u64::from(size) > length {
        return Ok(None);
    }
    let directory = read_at(file, offset.into(), size as usize)?;
    let (mut rest, mut kind, mut described) = (directory.as_slice(), None, false);
    while let Some((name, behind)) = next_part(rest) {
        rest = behind;
        if name.ends_with(b"vbaProject.bin") {
            return Ok(None);
        }
        described |= name == b"[Content_Types].xml";
        let part = PACKAGES.iter().find(|(part, _)| part.as_bytes() == name);
        kind = kind.or(part.map(|(_, kind)| *kind));
    }
    Ok(kind.filter(|_| described))
}

/// The name of the first entry of a list of parts, and what comes after it (§4.3.12).
fn next_part(entry: &[u8]) -> Option<(&[u8], &[u8])> {
    if !entry.starts_with(b"PK\x01\x02") {
        return None;
    }
    let length = |at: usize| Some(usize::from(u16::from_le_bytes(entry.get(at..at + 2)?.try_into().ok()?)));
    let (name, more) = (length(28)?, length(30)? + length(32)?);
    Some((entry.get(46..46 + name)?, entry.get(46 + name + more..)?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn read_at(file: &mut File, from: u64, length: usize) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
