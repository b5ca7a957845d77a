//! A letter as MIME: text, HTML and calendar object as alternatives, and the calendar object once more as a file for
//! programs that only know files (RFC 6047 §4).

use std::time::{Duration, UNIX_EPOCH};

use lettre::Address;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};

use crate::notify::ical::Person;

use super::{Invite, Letter, MailError};

/// Longest name and subject; what is longer is cut.
const MAX_NAME: usize = 100;
const MAX_SUBJECT: usize = 200;
/// Name of the calendar file.
const FILE: &str = "invite.ics";

/// A letter ready to go.
pub(super) fn compose(letter: &Letter) -> Result<lettre::Message, MailError> {
    let (from, to) = (mailbox(&letter.from)?, mailbox(&letter.to)?);
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.email.clone()])
        .map_err(|error| MailError::Compose(error.to_string()))?;
    let mut builder = MessageBuilder::new()
        // Given by us, or lettre would read the addresses back out of the headers.
        .envelope(envelope)
        .message_id(Some(message_id(&letter.id, &from.email)))
        .date(UNIX_EPOCH + Duration::from_millis(date(letter)))
        .from(from)
        .to(to)
        .subject(one_line(&letter.subject, MAX_SUBJECT))
        // No out-of-office note and no bounce loop answers this (RFC 3834 §5).
        .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()));
    if let Some(person) = &letter.reply_to {
        builder = builder.reply_to(mailbox(person)?);
    }
    let mut alternatives = MultiPart::alternative_plain_html(letter.text.clone(), letter.html.clone());
    let Some(invite) = &letter.invite else {
        return builder.multipart(alternatives).map_err(|error| MailError::Compose(error.to_string()));
    };
    alternatives = alternatives.singlepart(calendar(invite)?);
    let file = Attachment::new(FILE.to_owned())
        .body(invite.ics.clone(), content_type(&format!("application/ics; name=\"{FILE}\""))?);
    builder
        .multipart(MultiPart::mixed().multipart(alternatives).singlepart(file))
        .map_err(|error| MailError::Compose(error.to_string()))
}

fn calendar(invite: &Invite) -> Result<SinglePart, MailError> {
    // RFC 6047 §2.4 wants both parameters.
    let kind = content_type(&format!("text/calendar; method={}; charset=utf-8", invite.method.as_str()))?;
    Ok(SinglePart::builder().content_type(kind).body(invite.ics.clone()))
}

fn content_type(text: &str) -> Result<ContentType, MailError> {
    ContentType::parse(text).map_err(|error| MailError::Compose(error.to_string()))
}

/// `outbox id @ our domain`, with nothing in it that the header could not hold.
fn message_id(id: &str, from: &Address) -> String {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_')).take(120).collect()
    };
    format!("<{}@{}>", plain(id), plain(from.domain()))
}

/// Milliseconds since 1970, within what the `Date` header can say (years of four digits).
fn date(letter: &Letter) -> u64 {
    const LAST: i64 = 253_402_300_799_000;
    letter.at.0.clamp(0, LAST).unsigned_abs()
}

fn mailbox(person: &Person) -> Result<Mailbox, MailError> {
    let name = one_line(&person.name, MAX_NAME);
    Ok(Mailbox::new((!name.is_empty()).then_some(name), address(&person.email)?))
}

/// Whether mail can be sent to this address.
///
/// # Errors
///
/// When it cannot.
pub fn check_address(email: &str) -> Result<(), MailError> {
    address(email).map(|_| ())
}

fn address(email: &str) -> Result<Address, MailError> {
    let wrong = || MailError::Address(email.chars().take(MAX_NAME).collect());
    // RFC 5321 allows quoted local parts with nearly anything in them; nobody has one, but attackers do.
    let odd =
        |c: char| c.is_control() || c.is_whitespace() || matches!(c, '"' | '<' | '>' | '(' | ')' | ',' | ';' | ':');
    if email.len() > 254 || email.chars().any(odd) {
        return Err(wrong());
    }
    email.parse().map_err(|_| wrong())
}

/// A text for a header: one line, with single spaces, of limited length, and without the beginning of an encoded word,
/// which receivers would decode into something else (RFC 2047).
fn one_line(text: &str, longest: usize) -> String {
    let separators = |c: char| c.is_control() || c.is_whitespace();
    let words: Vec<&str> = text.split(separators).filter(|word| !word.is_empty()).collect();
    words.join(" ").replace("=?", "= ?").chars().take(longest).collect()
}
