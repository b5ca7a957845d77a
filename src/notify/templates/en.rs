//! English.

use crate::notify::message::Message;
use crate::scheduler::NoShow;

use super::content::{Labels, Language, Said, Wording};

pub(super) const LANGUAGE: Language = Language {
    labels: Labels {
        what: "What",
        with: "With",
        when: "When",
        until_now: "Until now",
        proposed: "Proposed",
        new_time: "New time",
        before: "Before",
    },
    greeting,
    writes,
    you_wrote: "You wrote:",
    wording,
};

fn greeting(name: &str) -> String {
    if name.is_empty() { "Good day,".to_owned() } else { format!("Good day {name},") }
}

fn writes(who: &str) -> String {
    format!("{who} writes:")
}

const ROOM_OPENS: &str = "The room opens shortly before the start. The appointment is attached for your calendar.";
const NOT_ASKED: &str = "If you did not ask for it, you need not do anything.";

fn wording(message: &Message, s: &Said) -> Wording {
    let Said { title, start, expert, customer, who, brand, .. } = s;
    let with = s.partner.as_ref().map_or_else(String::new, |partner| format!(" with {partner}"));
    let works = format!("The link works once, for {}.", s.valid);
    let mut w = Wording {
        subject: String::new(),
        lead: String::new(),
        more: String::new(),
        action: "See the appointment",
        small: String::new(),
        short: String::new(),
    };
    match message {
        Message::Requested(_) => {
            w.subject = format!("Request: {title}, {start}");
            w.lead = format!("{customer} asks for an appointment with you.");
            w.action = "Answer the request";
            w.short = format!("{customer} asks for {title}, {start}");
        }
        Message::RequestReceived(_) => {
            w.subject = format!("Your request: {title}, {start}");
            w.lead = format!("Your request has reached {expert}. The time is kept for you until the answer comes.");
            w.action = "See your request";
            w.short = format!("{expert} has your request for {start}");
        }
        Message::Approved(_) => {
            w.subject = format!("Confirmed: {title}, {start}");
            w.lead = format!("Your appointment{with} is confirmed.");
            w.action = "Join the call";
            ROOM_OPENS.clone_into(&mut w.small);
            w.short = format!("Confirmed: {start}{with}");
        }
        Message::Rejected(_) => {
            w.subject = format!("Declined: {title}, {start}");
            w.lead = format!("{expert} cannot give you this appointment.");
            w.action = "Choose another time";
            w.short = format!("{expert} cannot give you the appointment on {start}");
        }
        Message::Proposed(_) => {
            w.subject = format!("Another time? {title}, {start}");
            w.lead = format!("{who} proposes another time.");
            w.action = "Answer the proposal";
            w.short = if s.proposed.is_empty() {
                format!("{who} proposes another time for {start}")
            } else {
                format!("{who} proposes {} instead of {start}", s.proposed)
            };
        }
        Message::ProposalDeclined(_) => {
            w.subject = format!("As before: {title}, {start}");
            w.lead = "Nothing comes of the time that was proposed; the appointment stays as it is.".to_owned();
            w.short = format!("No other time: {title} stays at {start}");
        }
        Message::Rescheduled(_) => {
            w.subject = format!("New time: {title}, {start}");
            w.lead = if s.by_reader {
                "You have moved the appointment.".to_owned()
            } else {
                format!("{who} has moved the appointment.")
            };
            w.short = format!("New time{with}: {start}");
            if s.pending {
                w.more = if s.to_expert {
                    "The new time awaits your confirmation.".to_owned()
                } else {
                    format!("{expert} is yet to confirm the new time.")
                };
                w.short.push_str(" (to be confirmed)");
            }
        }
        Message::Cancelled(_) => {
            w.subject = format!("Cancelled: {title}, {start}");
            w.lead = if s.by_reader {
                "You have cancelled the appointment.".to_owned()
            } else {
                format!("{who} has cancelled the appointment.")
            };
            w.short = format!("Cancelled: {start}{with}");
        }
        Message::Expired(_) => {
            w.subject = format!("Unanswered: {title}, {start}");
            w.lead = format!(
                "{expert} has not answered your request in time, so the appointment does not take place. We are sorry."
            );
            w.action = "Choose another time";
            w.short = format!("Your request for {start} was not answered in time");
        }
        Message::Completed(_) => {
            w.subject = format!("How was it? {title}");
            w.lead = format!("Thank you for your consultation{with}. A rating helps others to choose.");
            w.action = "Rate the consultation";
            w.short = format!("How was your consultation{with}?");
        }
        Message::NoShow(_) => {
            w.subject = format!("Missed: {title}, {start}");
            w.lead = missed(s);
            w.short.clone_from(&w.lead);
        }
        Message::Joined(_) => {
            w.subject = format!("One more: {title}, {start}");
            w.lead = format!("{who} has joined the session.");
            w.short = format!("{who} has joined {title}, {start}");
        }
        Message::Left(_) => {
            w.subject = format!("One less: {title}, {start}");
            w.lead = format!("{who} does not take part any more. The appointment stays as it is.");
            w.short = format!("{who} does not take part in {title}, {start}");
        }
        Message::SeatAdded(_) => {
            w.subject = format!("Invitation: {title}, {start}");
            w.lead = format!("{who} has invited you to an appointment.");
            w.short = format!("{who} has invited you: {title}, {start}");
        }
        Message::SeatRemoved(_) => {
            w.subject = format!("Without you: {title}, {start}");
            w.lead = "You no longer take part in this appointment.".to_owned();
            w.short = format!("You no longer take part in {title}, {start}");
        }
        Message::Waiting(change) => {
            let who = if change.name.is_empty() { "Somebody" } else { who };
            w.subject = format!("{who} waits in the lobby");
            w.lead = format!("{who} waits in the lobby.");
            w.action = "Go to the call";
            w.short = format!("{who} waits in the lobby ({title})");
        }
        Message::Reminder(_) => {
            w.subject = format!("Reminder: {title} {}", s.soon);
            w.lead = format!("Your appointment{with} begins {}.", s.soon);
            w.action = "Join the call";
            w.short = format!("Your appointment{with} begins {}", s.soon);
        }
        Message::GuestInvitation(_) => {
            w.subject = format!("Invitation: {title}, {start}");
            w.lead = format!("{expert} invites you to a video consultation. You need no account.");
            w.action = "Join the consultation";
            w.small = "The link is for you alone. The room opens shortly before the start.".to_owned();
            w.short = format!("{expert} invites you to a video consultation, {start}");
        }
        Message::MagicLink(_) => {
            w.subject = format!("Sign in to {brand}");
            w.lead = "Here is your link to sign in.".to_owned();
            w.action = "Sign in";
            w.small = format!("{works} {NOT_ASKED}");
            w.short = "Your link to sign in".to_owned();
        }
        Message::PasswordReset(_) => {
            w.subject = format!("A new password for {brand}");
            w.lead = "With this link you set a new password.".to_owned();
            w.action = "Set a new password";
            w.small = format!("{works} If you did not ask for it, your password stays as it is.");
            w.short = "Your link to set a new password".to_owned();
        }
        Message::Invitation(_) => {
            w.subject = format!("Your account at {brand}");
            w.lead = format!("{brand} has made an account for you. Set a password and it is yours.");
            w.action = "Set a password";
            w.small = format!("{works} After that, ask for a new one on the sign-in page.");
            w.short = "Your account is ready; set a password".to_owned();
        }
        Message::VerifyEmail(_) => {
            w.subject = format!("Confirm your address for {brand}");
            w.lead = "Please confirm that this is your mail address.".to_owned();
            w.action = "Confirm the address";
            w.small = format!("{works} {NOT_ASKED}");
            w.short = "Please confirm your mail address".to_owned();
        }
        Message::Test(_) => {
            w.subject = format!("A test from {brand}");
            w.lead = "This message shows that the settings work.".to_owned();
            w.action = "";
            w.short.clone_from(&w.lead);
        }
    }
    w
}

fn missed(s: &Said) -> String {
    match (s.no_show.unwrap_or(NoShow::Both), s.to_expert, &s.partner) {
        (NoShow::Both, ..) => "Nobody came to the appointment.".to_owned(),
        (NoShow::Expert, false, _) => {
            format!("{} did not come to your appointment. We are sorry; this is not held against you.", s.expert)
        }
        (NoShow::Customer, false, _) | (NoShow::Expert, true, _) => "You did not come to your appointment.".to_owned(),
        (NoShow::Customer, true, Some(partner)) => format!("{partner} did not come to the appointment."),
        (NoShow::Customer, true, None) => "Nobody of the group came to the appointment.".to_owned(),
    }
}
