//! Where messages lead: the pages of the web app, each named once. Secrets stand in the fragment, which neither servers
//! nor `Referer` headers see.

use crate::config::BaseUrl;
use crate::ids::AppointmentId;
use crate::notify::message::Token;

/// An appointment's page.
pub fn appointment(base: &BaseUrl, id: AppointmentId) -> String {
    base.link(&format!("/appointments/{id}"))
}

/// An appointment's page, where it is rated.
pub(super) fn rating(base: &BaseUrl, id: AppointmentId) -> String {
    base.link(&format!("/appointments/{id}#rate"))
}

/// The page of the call; `path` is `appointments.meeting_url`.
pub(super) fn call(base: &BaseUrl, path: &str) -> String {
    base.link(path)
}

/// The page that uses up an account's link.
pub(super) fn account(base: &BaseUrl, purpose: &str, token: &Token) -> String {
    base.link(&format!("/link#{purpose}={}", token.for_link()))
}

/// The page that lets a guest in.
pub(super) fn guest(base: &BaseUrl, token: &Token) -> String {
    base.link(&format!("/guest#{}", token.for_link()))
}
