//! What goes outward: mail with invitations, SMS, web push, webhooks. Senders take what to send and when it is;
//! whether something is sent, `dispatch` decides.

pub mod dispatch;
pub mod http;
pub mod ical;
pub mod mail;
pub mod message;
pub mod push;
pub mod retry;
pub mod sms;
pub mod templates;
pub mod webhook;

pub use message::Message;

#[cfg(test)]
mod testing;
