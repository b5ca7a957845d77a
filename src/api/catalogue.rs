//! Every problem that the API answers with: a stable code, its status, what it is called and what to do next.

use std::fmt;

use axum::http::StatusCode;
use serde::{Serialize, Serializer};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{Deprecated, RefOr};

macro_rules! catalogue {
    ($($name:ident $code:literal $status:ident $title:literal $next_step:literal;)*) => {
        /// A problem's code. Codes are stable: programs decide by them, while titles and details are for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// Every code, in the order of the catalogue.
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            /// The code that is written so.
            pub fn from_word(word: &str) -> Option<Code> {
                Code::ALL.iter().copied().find(|code| code.as_str() == word)
            }

            /// The code as it is written.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Code::$name => $code,)*
                }
            }

            /// The status of an answer with it.
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Code::$name => StatusCode::$status,)*
                }
            }

            /// What has happened, in a few words.
            pub const fn title(self) -> &'static str {
                match self {
                    $(Code::$name => $title,)*
                }
            }

            /// What whoever meets it can do.
            pub const fn next_step(self) -> &'static str {
                match self {
                    $(Code::$name => $next_step,)*
                }
            }
        }
    };
}

catalogue! {
    // The request itself.
    MalformedBody "malformed_body" BAD_REQUEST "The body is not JSON"
        "Send one JSON document in UTF-8; the detail says where reading it failed.";
    InvalidBody "invalid_body" UNPROCESSABLE_ENTITY "A value in the body is not possible"
        "Correct the field that the detail names and send the request again.";
    UnknownField "unknown_field" UNPROCESSABLE_ENTITY "The body has a field that is not known"
        "Leave the field out or correct its name; the API's description lists the fields.";
    WrongContentType "wrong_content_type" UNSUPPORTED_MEDIA_TYPE "The body is of another type than this request takes"
        "Say in Content-Type what the body is: application/json where nothing else is described.";
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is too large"
        "Send less; the API's description says how long its texts may be.";
    InvalidPath "invalid_path" BAD_REQUEST "The address names something in a form that no id has"
        "Take the id from an earlier answer instead of writing it by hand.";
    InvalidQuery "invalid_query" BAD_REQUEST "A parameter of the query is not possible"
        "Correct or leave out the parameter that the detail names.";
    InvalidCursor "invalid_cursor" BAD_REQUEST "The cursor is none of ours"
        "Start again without a cursor, and take each following one from the answer before.";
    InvalidHeader "invalid_header" BAD_REQUEST "A header of the request is not possible"
        "Correct or leave out the header that the detail names.";
    NotFound "not_found" NOT_FOUND "There is no such thing, or not for you"
        "Check the address; sign in with the account that it belongs to.";
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "This address does not take that method"
        "Use one of the methods that the header Allow lists.";
    // Who asks.
    SignInRequired "sign_in_required" UNAUTHORIZED "This takes signing in"
        "Sign in, or open the link of your invitation again.";
    SessionExpired "session_expired" UNAUTHORIZED "The session has ended"
        "Sign in again; nothing that was saved is lost.";
    AccountRequired "account_required" FORBIDDEN "Guests cannot do this"
        "Sign in with an account.";
    WrongRole "wrong_role" FORBIDDEN "Your role does not include this"
        "Sign in with an account of the right role, or ask an administrator.";
    CrossSite "cross_site" FORBIDDEN "The request came from another website"
        "Open this site itself and try again there. Programs leave out Origin and send application/json.";
    TooManyRequests "too_many_requests" TOO_MANY_REQUESTS "Too many requests"
        "Wait for as many seconds as the header Retry-After says, then try again.";
    // Versions.
    PreconditionFailed "precondition_failed" PRECONDITION_FAILED "It has changed in the meantime"
        "Load it again, look at what has changed, and repeat your change on that.";
    PreconditionRequired "precondition_required" PRECONDITION_REQUIRED "The request does not say which version it changes"
        "Send If-Match with the ETag of the answer that the change is based on.";
    // Appointments.
    NotYours "not_yours" FORBIDDEN "This is for another participant to do"
        "Ask the other side; the appointment lists what you can do yourself.";
    SlotTaken "slot_taken" CONFLICT "Somebody else has just taken this time"
        "Choose another time from the list of free ones.";
    CustomerOverlap "customer_overlap" CONFLICT "There is another appointment of the customer's at this time"
        "Choose another time, or move or cancel the other appointment first.";
    SessionFull "session_full" CONFLICT "The session has no seat left"
        "Choose another session.";
    NotOffered "not_offered" CONFLICT "This time is not offered"
        "Choose another time; the member reasons says what speaks against this one.";
    HoldExpired "hold_expired" CONFLICT "The time was held for you too long ago"
        "Choose the time again; it may still be free.";
    TooManyHolds "too_many_holds" CONFLICT "You are holding too many times"
        "Book one of them, or let them go; each is let go by itself after ten minutes.";
    TooLate "too_late" CONFLICT "It is too late for this"
        "Speak to the other side directly; it was possible until the time that the member until says.";
    NothingProposed "nothing_proposed" CONFLICT "No other time is proposed"
        "Load the appointment again and see whether the proposal was withdrawn.";
    ServiceInactive "service_inactive" CONFLICT "The service is not offered any more"
        "Choose another service.";
    ServiceInUse "service_in_use" CONFLICT "There are appointments of this service"
        "Take it off the list instead of deleting it.";
    RatedAlready "rated_already" CONFLICT "It has been rated"
        "Look at your rating; each appointment takes one.";
    IllegalTransition "illegal_transition" CONFLICT "The appointment's status does not allow this"
        "Load the appointment again and see what it allows.";
    WrongStatus "wrong_status" CONFLICT "An appointment in this status does not take it"
        "Look up what has become of the appointment; the member appointmentStatus says it.";
    ChatNotKept "chat_not_kept" CONFLICT "Chat is not kept with this appointment"
        "Write in the call itself; everybody in it reads it there.";
    TooMany "too_many" CONFLICT "There are as many as there may be"
        "Delete one that is no longer needed; the member limit says how many there may be.";
    // Their files.
    FileTooLarge "file_too_large" PAYLOAD_TOO_LARGE "The file is too large"
        "Make it smaller or split it; the member limit says how many bytes a file may have.";
    FileEmpty "file_empty" UNPROCESSABLE_ENTITY "The file is empty"
        "Choose the file again; one that is stored online may have to be downloaded first.";
    FileTypeNotAllowed "file_type_not_allowed" UNSUPPORTED_MEDIA_TYPE "Files of this type are not taken"
        "Convert it into a type that is taken, such as PDF.";
    FileTypeMismatch "file_type_mismatch" UNSUPPORTED_MEDIA_TYPE "The content is not what the file says it is"
        "Save it again in the program that it comes from, and send it with the type that it has.";
    FilesFull "files_full" CONFLICT "The appointment takes no more files"
        "Delete one that is no longer needed; the members maxFiles and maxBytes say how much there may be.";
    // Their rooms.
    NotRepeatable "not_repeatable" CONFLICT "The delivery cannot be repeated now"
        "Wait until it is done, or switch its webhook on first; the detail says which.";
    NotJoinable "not_joinable" CONFLICT "The appointment has no room now"
        "Wait for the approval, or look up what has become of the appointment.";
    NotExtended "not_extended" CONFLICT "The call cannot be extended"
        "Let it end in time and make another appointment.";
    WindowNotOpen "window_not_open" FORBIDDEN "The room is not open yet"
        "Come back at the time that opensAt says.";
    WindowClosed "window_closed" FORBIDDEN "The room has closed"
        "Book another appointment, or ask the expert for one.";
    LobbyWaiting "lobby_waiting" FORBIDDEN "You are in the lobby"
        "Wait here; the expert sees you and lets you in.";
    IdentityMismatch "identity_mismatch" FORBIDDEN "The identity is not that of who asks"
        "Leave the identity out, or give the e-mail address or id of the account that is signed in.";
    Removed "removed" FORBIDDEN "You were removed from this appointment"
        "Speak to the expert directly.";
    ForeignToken "foreign_token" FORBIDDEN "The token was not made for this appointment"
        "Join from the appointment's page, which gets a token of its own.";
    InvalidToken "invalid_token" UNAUTHORIZED "The access token is not valid, or not any more"
        "Sign in, or open the link of your invitation again.";
    TokenUsed "token_used" FORBIDDEN "The token has been used"
        "Open the link of your invitation again.";
    // Accounts.
    InvalidCredentials "invalid_credentials" UNAUTHORIZED "The e-mail address or the password is wrong"
        "Check both; a link by mail signs in without the password.";
    AccountDisabled "account_disabled" FORBIDDEN "The account is closed"
        "Ask an administrator to open it again.";
    RegistrationClosed "registration_closed" FORBIDDEN "Accounts are by invitation"
        "Ask an administrator for an invitation.";
    EmailTaken "email_taken" CONFLICT "There is an account with this e-mail address"
        "Sign in with it, or let a link be sent there.";
    InvalidEmail "invalid_email" UNPROCESSABLE_ENTITY "This is no e-mail address"
        "Write it as name@example.org.";
    InvalidName "invalid_name" UNPROCESSABLE_ENTITY "This name cannot be taken"
        "Write 1 to 200 characters that can be seen.";
    InvalidTimeZone "invalid_time_zone" UNPROCESSABLE_ENTITY "This is no time zone"
        "Choose one of the IANA database, such as Europe/Rome.";
    InvalidLocale "invalid_locale" UNPROCESSABLE_ENTITY "This is no language"
        "Write a language tag such as en or de-CH.";
    InvalidPhone "invalid_phone" UNPROCESSABLE_ENTITY "This is no telephone number"
        "Write it in international form, such as +390471123456.";
    PhoneMissing "phone_missing" UNPROCESSABLE_ENTITY "Text messages need a telephone number"
        "Give a telephone number first, or switch the messages off.";
    InvalidQuietHours "invalid_quiet_hours" UNPROCESSABLE_ENTITY "These are no quiet hours"
        "Choose a beginning and an end that differ.";
    WeakPassword "weak_password" UNPROCESSABLE_ENTITY "The password would be guessed"
        "Choose a longer one, such as four words that do not belong together.";
    NoPassword "no_password" CONFLICT "The account has no password"
        "Let a link be sent that sets one.";
    SignInAgain "sign_in_again" FORBIDDEN "This takes a fresh sign-in"
        "Sign in again, then repeat it within a few minutes.";
    LinkInvalid "link_invalid" GONE "This link does not work, or not any more"
        "Ask for a new one.";
    LinkUsed "link_used" GONE "This link has been used"
        "Ask for a new one.";
    TooManyLinks "too_many_links" CONFLICT "Too many links are open"
        "Revoke one first.";
    NotAGuestSeat "not_a_guest_seat" CONFLICT "This seat takes no guest link"
        "Choose a guest's seat of an appointment that is not over.";
    InvalidExpiry "invalid_expiry" UNPROCESSABLE_ENTITY "The link would have expired already"
        "Choose a later end.";
    InvalidUses "invalid_uses" UNPROCESSABLE_ENTITY "A link is not good for so many uses"
        "Choose a number from 1 to 1000.";
    LastAdmin "last_admin" CONFLICT "This is the last administrator"
        "Make another administrator first.";
    HasAppointments "has_appointments" CONFLICT "Consultations lie ahead"
        "Cancel them first, so that the other side knows.";
    OidcUnavailable "oidc_unavailable" SERVICE_UNAVAILABLE "The identity provider does not answer"
        "Try again in a minute, or sign in by a link that comes by mail.";
    OidcMisconfigured "oidc_misconfigured" BAD_GATEWAY "The identity provider and this server do not fit together"
        "Tell the administrator, who finds the reason in the log; sign in in another way meanwhile.";
    OidcDenied "oidc_denied" FORBIDDEN "The identity provider did not let you in"
        "Sign in there with an account that may, or here in another way.";
    OidcStateInvalid "oidc_state_invalid" GONE "This sign-in was not begun here, or too long ago"
        "Begin again from the sign-in page, in the same browser.";
    OidcTokenInvalid "oidc_token_invalid" BAD_GATEWAY "The identity provider's answer cannot be trusted"
        "Begin again; if it stays, tell the administrator.";
    OidcEmailUnverified "oidc_email_unverified" FORBIDDEN "The identity provider does not confirm your e-mail address"
        "Confirm the address there first, or sign in here in another way.";
    OidcConflict "oidc_conflict" CONFLICT "The account belongs to another identity"
        "Sign in with the identity that you used before, or ask an administrator.";
    Forbidden "forbidden" FORBIDDEN "This is not yours to do"
        "Ask an administrator.";
    Busy "busy" SERVICE_UNAVAILABLE "Too much is asked at this moment"
        "Try again in a few seconds.";
    // Ourselves.
    Internal "internal" INTERNAL_SERVER_ERROR "Something is wrong on our side"
        "Try again; if it stays, tell the administrator the time at which it happened.";
    Unavailable "unavailable" SERVICE_UNAVAILABLE "The server cannot do this at the moment"
        "Try again in a minute; if it stays, the administrator finds the reason in the log.";
    TimedOut "timed_out" SERVICE_UNAVAILABLE "The server took too long"
        "Look whether it has been done before trying again.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl utoipa::PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let mut list = String::from("Which problem it is:\n");
        for code in Code::ALL {
            let (status, title, next) = (code.status().as_u16(), code.title(), code.next_step());
            list.push_str(&format!("\n- `{code}` ({status}): {title}. {next}"));
        }
        ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(Code::ALL.iter().map(|code| code.as_str())))
            .description(Some(list))
            .deprecated(None::<Deprecated>)
            .into()
    }
}

impl utoipa::ToSchema for Code {
    fn name() -> std::borrow::Cow<'static, str> {
        "ProblemCode".into()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_code_is_there_once_and_says_what_to_do() {
        let codes: HashSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let titles: HashSet<&str> = Code::ALL.iter().map(|code| code.title()).collect();
        assert_eq!((codes.len(), titles.len()), (Code::ALL.len(), Code::ALL.len()));
        for code in Code::ALL {
            let word = code.as_str();
            assert!(!word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{word}");
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{word}");
            assert!(!code.title().is_empty() && !code.title().ends_with('.'), "{word}");
            assert!(code.next_step().len() > 15 && code.next_step().ends_with('.'), "{word}");
        }
    }
}
