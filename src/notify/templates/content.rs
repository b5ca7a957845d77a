//! What each message consists of, whatever the language: its words, the facts of the appointment, what one side says
//! to the other, what the reader can do.

use crate::notify::message::Message;
use crate::scheduler::{Appointment, NoShow, Status};
use crate::units::UnixTime;

use super::layout::{Block, Content, line};
use super::{Context, Side, links};

/// What languages write from: everything in one line each, empty where a message has none of it.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// The organisation.
    pub(super) brand: String,
    /// The appointment.
    pub(super) title: String,
    /// Its start, short.
    pub(super) start: String,
    pub(super) expert: String,
    pub(super) customer: String,
    /// Whom the reader meets; none in a group.
    pub(super) partner: Option<String>,
    /// Who did it, other than the reader: a name or the organisation.
    pub(super) who: String,
    /// The reader did it.
    pub(super) by_reader: bool,
    /// The reader gives the consultation.
    pub(super) to_expert: bool,
    /// The appointment is yet to be confirmed.
    pub(super) pending: bool,
    /// Who did not come.
    pub(super) no_show: Option<NoShow>,
    /// The start that is proposed, short.
    pub(super) proposed: String,
    /// How soon it begins: `in 15 minutes`.
    pub(super) soon: String,
    /// How long a link works.
    pub(super) valid: String,
}

/// A message in the words of one language.
#[derive(Debug)]
pub(super) struct Wording {
    pub(super) subject: String,
    /// The first paragraph.
    pub(super) lead: String,
    /// One more, behind the facts; empty for none.
    pub(super) more: String,
    /// What the link does; empty for none.
    pub(super) action: &'static str,
    /// What is less important; empty for none.
    pub(super) small: String,
    /// All of it in one line.
    pub(super) short: String,
}

/// Names of facts.
#[derive(Debug)]
pub(super) struct Labels {
    pub(super) what: &'static str,
    pub(super) with: &'static str,
    pub(super) when: &'static str,
    pub(super) until_now: &'static str,
    pub(super) proposed: &'static str,
    pub(super) new_time: &'static str,
    pub(super) before: &'static str,
}

/// One language.
pub(super) struct Language {
    pub(super) labels: Labels,
    pub(super) greeting: fn(&str) -> String,
    /// What stands before somebody's own words.
    pub(super) writes: fn(&str) -> String,
    pub(super) you_wrote: &'static str,
    pub(super) wording: fn(&Message, &Said) -> Wording,
}

/// What the message says; `None` where it is about an appointment that is not there.
pub(super) fn content(language: &Language, message: &Message, c: &Context<'_>) -> Option<Content> {
    let it = match c.appointment {
        None if message.needs_appointment() => return None,
        it => it,
    };
    let said = said(message, it, c);
    let wording = (language.wording)(message, &said);
    let mut blocks = vec![Block::Text(wording.lead)];
    if let Some(it) = it.filter(|_| message.needs_appointment()) {
        blocks.push(Block::Facts(facts(language, message, it, &said, c)));
    }
    if !wording.more.is_empty() {
        blocks.push(Block::Text(wording.more));
    }
    if let Some((who, words)) = words(language, message, it, &said).filter(|(_, words)| !words.trim().is_empty()) {
        blocks.push(Block::Quote(who, words));
    }
    let link = link(message, it, c);
    if !wording.action.is_empty() && link.is_some() {
        blocks.push(Block::Action(wording.action));
    }
    if !wording.small.is_empty() {
        blocks.push(Block::Small(wording.small));
    }
    Some(Content { subject: wording.subject, blocks, short: wording.short, link })
}

fn said(message: &Message, it: Option<&Appointment>, c: &Context<'_>) -> Said {
    let mut said = Said { brand: c.brand.to_owned(), who: c.brand.to_owned(), ..Said::default() };
    said.to_expert = c.reader.side == Side::Expert;
    if let Message::MagicLink(link)
    | Message::PasswordReset(link)
    | Message::Invitation(link)
    | Message::VerifyEmail(link) = message
    {
        said.valid = c.dates().duration(link.expiry().since(c.now));
    }
    let Some(it) = it else { return said };
    said.title = line(&it.title);
    said.start = c.dates().short(it.starts_at);
    said.expert = line(&it.expert_name);
    said.customer = line(&it.customer_name);
    said.pending = it.status == Status::Pending;
    said.no_show = it.no_show;
    said.soon = c.dates().relative(c.now, it.starts_at);
    // In a group, customers do not learn each other's names.
    said.partner = match (c.reader.side, it.capacity) {
        (Side::Client, _) => Some(said.expert.clone()),
        (Side::Expert, 1) => Some(said.customer.clone()),
        (Side::Expert, _) => None,
    };
    if let Some(proposal) = &it.proposal {
        said.proposed = c.dates().short(proposal.starts_at);
    }
    if let Some(change) = message.change() {
        said.by_reader = change.by.is_some() && change.by == c.reader.user;
        if change.by == Some(it.expert_id) {
            said.who = said.expert.clone();
        } else if change.by == Some(it.customer_id) && said.to_expert {
            said.who = said.customer.clone();
        } else if !change.name.is_empty() {
            said.who = line(&change.name);
        }
    }
    said
}

fn facts(
    language: &Language,
    message: &Message,
    it: &Appointment,
    said: &Said,
    c: &Context<'_>,
) -> Vec<(&'static str, String)> {
    let labels = &language.labels;
    let span = c.dates().span(it.starts_at, it.ends_at);
    let mut facts = vec![(labels.what, said.title.clone())];
    facts.extend(said.partner.clone().map(|partner| (labels.with, partner)));
    match (message, &it.proposal) {
        (Message::Proposed(_), Some(proposal)) => {
            facts.push((labels.until_now, span));
            facts.push((labels.proposed, c.dates().span(proposal.starts_at, proposal.ends_at)));
        }
        (Message::Rescheduled(change), _) => {
            facts.push((labels.new_time, span));
            let before = change.previous_starts_at.map(|time| c.dates().short(UnixTime(time)));
            facts.extend(before.map(|before| (labels.before, before)));
        }
        _ => facts.push((labels.when, span)),
    }
    facts
}

/// What one side says to the other, behind who it is.
fn words(language: &Language, message: &Message, it: Option<&Appointment>, said: &Said) -> Option<(String, String)> {
    let it = it?;
    let by = |said: &Said| if said.by_reader { language.you_wrote.to_owned() } else { (language.writes)(&said.who) };
    match message {
        Message::Requested(_) => Some(((language.writes)(&said.customer), it.customer_note.clone())),
        Message::Proposed(change) if change.message.is_empty() => {
            it.proposal.as_ref().map(|proposal| (by(said), proposal.message.clone()))
        }
        Message::GuestInvitation(link) => Some(((language.writes)(&said.expert), link.message.clone())),
        message => message.change().map(|change| (by(said), change.message.clone())),
    }
}

fn link(message: &Message, it: Option<&Appointment>, c: &Context<'_>) -> Option<String> {
    let page = || it.map(|it| links::appointment(c.base, it.id));
    let call = || it.and_then(|it| Some(links::call(c.base, it.meeting_url.as_ref()?)));
    match message {
        Message::MagicLink(link) => Some(links::account(c.base, "magic", &link.token)),
        Message::PasswordReset(link) => Some(links::account(c.base, "reset", &link.token)),
        Message::Invitation(link) => Some(links::account(c.base, "invitation", &link.token)),
        Message::VerifyEmail(link) => Some(links::account(c.base, "verify", &link.token)),
        Message::GuestInvitation(link) => Some(links::guest(c.base, &link.token)),
        Message::Approved(_) | Message::Reminder(_) | Message::Waiting(_) => call().or_else(page),
        Message::Completed(_) => it.map(|it| links::rating(c.base, it.id)),
        // The page is closed to them.
        Message::SeatRemoved(_) | Message::Test(_) => None,
        _ => page(),
    }
}
