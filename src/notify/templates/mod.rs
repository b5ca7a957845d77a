//! The texts of every message, in English and German. A language is a file of words; what a message
//! consists of, and how it is laid out, escaped and shortened, is decided once for all of them.

mod content;
mod dates;
mod de;
mod en;
mod layout;
pub mod links;

#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;

use crate::config::BaseUrl;
use crate::ids::UserId;
use crate::scheduler::Appointment;
use crate::units::UnixTime;

use super::message::Message;
use super::sms;
use dates::Dates;
pub use layout::escape;
use layout::line;

/// A language that messages are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locale {
    /// English, also for those whose language we do not have.
    En,
    /// German.
    De,
}

impl Locale {
    /// The language of a tag such as `de-AT`.
    pub fn of(tag: &str) -> Self {
        let language = tag.split(['-', '_']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("de") { Locale::De } else { Locale::En }
    }

    /// The tag, for HTML.
    pub const fn tag(self) -> &'static str {
        match self {
            Locale::En => "en",
            Locale::De => "de",
        }
    }
}

/// A moment for one reader: `on Tue 3 Mar, 14:00 (Europe/Rome)`.
pub fn moment(locale: Locale, zone: &TimeZone, now: UnixTime, time: UnixTime) -> String {
    let dates = Dates { locale, zone };
    format!("{} ({})", dates.relative(now, time), zone.iana_name().unwrap_or("UTC"))
}

/// On which side of an appointment somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Gives the consultation.
    Expert,
    /// Is advised, or takes part otherwise.
    Client,
}

/// Who reads the message.
#[derive(Clone, Debug)]
pub struct Reader {
    /// The account; none for a guest.
    pub user: Option<UserId>,
    /// Name.
    pub name: String,
    /// Language.
    pub locale: Locale,
    /// Zone.
    pub zone: TimeZone,
    /// Side.
    pub side: Side,
}

/// Who runs this server, and where it is.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The organisation's name.
    pub name: String,
    /// What links begin with.
    pub base: BaseUrl,
}

/// A message in all its forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// A mail's subject.
    pub subject: String,
    /// A mail's text.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// An SMS.
    pub sms: String,
    /// A notification's one line.
    pub short: String,
    /// Where the message leads.
    pub link: Option<String>,
}

/// A message about an appointment, without the appointment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message is about an appointment that is not there")]
pub struct NoAppointment;

/// Writes a message for its reader.
///
/// # Errors
///
/// [`NoAppointment`].
pub fn render(
    message: &Message,
    appointment: Option<&Appointment>,
    reader: &Reader,
    brand: &Brand,
    now: UnixTime,
) -> Result<Rendered, NoAppointment> {
    let name = line(&brand.name);
    let context = Context { appointment, reader, brand: &name, base: &brand.base, now };
    let language = match reader.locale {
        Locale::En => &en::LANGUAGE,
        Locale::De => &de::LANGUAGE,
    };
    let content = content::content(language, message, &context).ok_or(NoAppointment)?;
    let greeting = (language.greeting)(&line(&reader.name));
    Ok(Rendered {
        text: layout::text(&content, &greeting, &name),
        html: layout::html(&content, &greeting, &name, reader.locale),
        sms: sms::fit(&format!("{name}: {}", content.short), content.link.as_deref()),
        subject: content.subject,
        short: content.short,
        link: content.link,
    })
}

/// What languages write from.
struct Context<'a> {
    appointment: Option<&'a Appointment>,
    reader: &'a Reader,
    brand: &'a str,
    base: &'a BaseUrl,
    now: UnixTime,
}

impl Context<'_> {
    fn dates(&self) -> Dates<'_> {
        Dates { locale: self.reader.locale, zone: &self.reader.zone }
    }
}
