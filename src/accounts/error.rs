//! What accounts refuse, and by which word callers know it.

use super::password::Weakness;
use crate::store::StoreError;

/// Why something was not done. Nothing of it has been stored.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// Wrong password, or nobody has this address: which of both is not told.
    #[error("the e-mail address or the password is wrong")]
    InvalidCredentials,
    /// The session does not exist, has expired or was revoked.
    #[error("nobody is signed in here any more")]
    SessionExpired,
    /// An administrator has closed the account.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Only who was invited may have an account here.
    #[error("accounts are by invitation")]
    RegistrationClosed,
    /// Somebody has this address already.
    #[error("there is an account with this e-mail address")]
    EmailTaken,
    /// No e-mail address.
    #[error("this is no e-mail address that mail can be sent to")]
    InvalidEmail,
    /// Too short, too long, or with characters that nobody sees.
    #[error("a name has 1 to 200 characters that can be seen")]
    InvalidName,
    /// Not a zone of the IANA database.
    #[error("this is no time zone such as Europe/Rome")]
    InvalidTimeZone,
    /// Not a language tag.
    #[error("this is no language tag such as en or de-CH")]
    InvalidLocale,
    /// Not a telephone number in international form.
    #[error("this is no telephone number such as +390471123456")]
    InvalidPhone,
    /// Text messages are wanted, and there is no number to send them to.
    #[error("reminders by text message need a telephone number")]
    PhoneMissing,
    /// Quiet hours that begin when they end.
    #[error("quiet hours end at another minute of the day than they begin at")]
    InvalidQuietHours,
    /// A password that would be guessed.
    #[error("{0}")]
    WeakPassword(Weakness),
    /// The account has none; a link sets one.
    #[error("the account has no password; let a link be sent that sets one")]
    NoPassword,
    /// A session alone is not enough for this, and the account has no password to confirm it by.
    #[error("sign in again to do this")]
    SignInAgain,
    /// The link does not exist, has expired or was revoked.
    #[error("this link does not work, or not any more")]
    LinkInvalid,
    /// The link was used, as often as it may be.
    #[error("this link has been used")]
    LinkUsed,
    /// As many links as there may be are open.
    #[error("too many links are open; revoke one")]
    TooManyLinks,
    /// The seat is not a guest's, or not free to be taken.
    #[error("a guest link is for a guest's seat of an appointment that is not over")]
    NotAGuestSeat,
    /// A link may not begin or end then.
    #[error("the link would have expired already")]
    InvalidExpiry,
    /// More uses than a link may have, or none.
    #[error("a guest link is good for 1 to 1000 uses")]
    InvalidUses,
    /// There must be an administrator left.
    #[error("this is the last administrator; make another one first")]
    LastAdmin,
    /// Consultations lie ahead, and their other side counts on them.
    #[error("consultations lie ahead; cancel them first")]
    HasAppointments,
    /// Somebody has changed it since.
    #[error("it has changed in the meantime")]
    Stale,
    /// Not for this actor.
    #[error("this is not yours to do")]
    WrongRole,
    /// No such person, session or link, or not for this actor to see.
    #[error("there is no such thing")]
    NotFound,
    /// The place in a list that the caller named is none.
    #[error("this cursor is none that a list has given")]
    InvalidCursor,
    /// Too many passwords wait to be checked.
    #[error("too many people sign in at this moment; try again shortly")]
    Busy,
    /// The provider of identities, or what came from there, is not as it must be.
    #[cfg(feature = "oidc")]
    #[error(transparent)]
    Oidc(#[from] super::oidc::OidcError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AccountsError {
    /// The word by which callers know the error; it stays the same for ever.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::SessionExpired => "session_expired",
            Self::AccountDisabled => "account_disabled",
            Self::RegistrationClosed => "registration_closed",
            Self::EmailTaken => "email_taken",
            Self::InvalidEmail => "invalid_email",
            Self::InvalidName => "invalid_name",
            Self::InvalidTimeZone => "invalid_time_zone",
            Self::InvalidLocale => "invalid_locale",
            Self::InvalidPhone => "invalid_phone",
            Self::PhoneMissing => "phone_missing",
            Self::InvalidQuietHours => "invalid_quiet_hours",
            Self::WeakPassword(_) => "weak_password",
            Self::NoPassword => "no_password",
            Self::SignInAgain => "sign_in_again",
            Self::LinkInvalid => "link_invalid",
            Self::LinkUsed => "link_used",
            Self::TooManyLinks => "too_many_links",
            Self::NotAGuestSeat => "not_a_guest_seat",
            Self::InvalidExpiry => "invalid_expiry",
            Self::InvalidUses => "invalid_uses",
            Self::LastAdmin => "last_admin",
            Self::HasAppointments => "has_appointments",
            Self::Stale => "precondition_failed",
            Self::WrongRole => "wrong_role",
            Self::NotFound => "not_found",
            Self::InvalidCursor => "invalid_cursor",
            Self::Busy => "busy",
            #[cfg(feature = "oidc")]
            Self::Oidc(error) => error.code(),
            Self::Store(StoreError::Busy) => "busy",
            Self::Store(StoreError::NotFound) => "not_found",
            Self::Store(error) if error.is_passing() => "unavailable",
            Self::Store(_) => "internal",
        }
    }
}

/// So that work on the database can hand on what SQLite says.
impl From<rusqlite::Error> for AccountsError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}
