//! German.

use crate::notify::message::Message;
use crate::scheduler::NoShow;

use super::content::{Labels, Language, Said, Wording};

pub(super) const LANGUAGE: Language = Language {
    labels: Labels {
        what: "Termin",
        with: "Mit",
        when: "Wann",
        until_now: "Bisher",
        proposed: "Vorschlag",
        new_time: "Neue Zeit",
        before: "Vorher",
    },
    greeting,
    writes,
    you_wrote: "Sie schrieben:",
    wording,
};

fn greeting(name: &str) -> String {
    if name.is_empty() { "Guten Tag,".to_owned() } else { format!("Guten Tag {name},") }
}

fn writes(who: &str) -> String {
    format!("{who} schreibt:")
}

const ROOM_OPENS: &str = "Der Raum öffnet kurz vor Beginn. Für Ihren Kalender liegt der Termin bei.";
const NOT_ASKED: &str = "Falls Sie nicht darum gebeten haben, brauchen Sie nichts zu tun.";

fn wording(message: &Message, s: &Said) -> Wording {
    let Said { title, start, expert, customer, who, brand, .. } = s;
    let with = s.partner.as_ref().map_or_else(String::new, |partner| format!(" mit {partner}"));
    let works = format!("Der Link gilt einmal, für {}.", s.valid);
    let mut w = Wording {
        subject: String::new(),
        lead: String::new(),
        more: String::new(),
        action: "Termin ansehen",
        small: String::new(),
        short: String::new(),
    };
    match message {
        Message::Requested(_) => {
            w.subject = format!("Anfrage: {title}, {start}");
            w.lead = format!("{customer} bittet Sie um einen Termin.");
            w.action = "Anfrage beantworten";
            w.short = format!("{customer} fragt an: {title}, {start}");
        }
        Message::RequestReceived(_) => {
            w.subject = format!("Ihre Anfrage: {title}, {start}");
            w.lead = format!("Ihre Anfrage liegt {expert} vor. Bis zur Antwort ist die Zeit für Sie reserviert.");
            w.action = "Anfrage ansehen";
            w.short = format!("Ihre Anfrage für {start} liegt {expert} vor");
        }
        Message::Approved(_) => {
            w.subject = format!("Bestätigt: {title}, {start}");
            w.lead = format!("Ihr Termin{with} ist bestätigt.");
            w.action = "Am Gespräch teilnehmen";
            ROOM_OPENS.clone_into(&mut w.small);
            w.short = format!("Bestätigt: {start}{with}");
        }
        Message::Rejected(_) => {
            w.subject = format!("Abgelehnt: {title}, {start}");
            w.lead = format!("{expert} kann Ihnen diesen Termin nicht geben.");
            w.action = "Andere Zeit wählen";
            w.short = format!("{expert} kann Ihnen den Termin am {start} nicht geben");
        }
        Message::Proposed(_) => {
            w.subject = format!("Andere Zeit? {title}, {start}");
            w.lead = format!("{who} schlägt eine andere Zeit vor.");
            w.action = "Vorschlag beantworten";
            w.short = if s.proposed.is_empty() {
                format!("{who} schlägt eine andere Zeit vor statt {start}")
            } else {
                format!("{who} schlägt {} vor statt {start}", s.proposed)
            };
        }
        Message::ProposalDeclined(_) => {
            w.subject = format!("Es bleibt dabei: {title}, {start}");
            w.lead = "Aus der vorgeschlagenen Zeit wird nichts; der Termin bleibt, wie er ist.".to_owned();
            w.short = format!("Keine andere Zeit: {title} bleibt am {start}");
        }
        Message::Rescheduled(_) => {
            w.subject = format!("Neue Zeit: {title}, {start}");
            w.lead = if s.by_reader {
                "Sie haben den Termin verlegt.".to_owned()
            } else {
                format!("{who} hat den Termin verlegt.")
            };
            w.short = format!("Neue Zeit{with}: {start}");
            if s.pending {
                w.more = if s.to_expert {
                    "Die neue Zeit wartet auf Ihre Bestätigung.".to_owned()
                } else {
                    format!("{expert} muss die neue Zeit noch bestätigen.")
                };
                w.short.push_str(" (noch zu bestätigen)");
            }
        }
        Message::Cancelled(_) => {
            w.subject = format!("Abgesagt: {title}, {start}");
            w.lead = if s.by_reader {
                "Sie haben den Termin abgesagt.".to_owned()
            } else {
                format!("{who} hat den Termin abgesagt.")
            };
            w.short = format!("Abgesagt: {start}{with}");
        }
        Message::Expired(_) => {
            w.subject = format!("Ohne Antwort: {title}, {start}");
            w.lead = format!(
                "{expert} hat Ihre Anfrage nicht rechtzeitig beantwortet; der Termin findet nicht statt. Das tut uns leid."
            );
            w.action = "Andere Zeit wählen";
            w.short = format!("Ihre Anfrage für {start} blieb ohne Antwort");
        }
        Message::Completed(_) => {
            w.subject = format!("Wie war es? {title}");
            w.lead = format!("Vielen Dank für Ihr Gespräch{with}. Eine Bewertung hilft anderen bei der Wahl.");
            w.action = "Gespräch bewerten";
            w.short = format!("Wie war Ihr Gespräch{with}?");
        }
        Message::NoShow(_) => {
            w.subject = format!("Verpasst: {title}, {start}");
            w.lead = missed(s);
            w.short.clone_from(&w.lead);
        }
        Message::Joined(_) => {
            w.subject = format!("Neu dabei: {title}, {start}");
            w.lead = format!("{who} nimmt an der Sitzung teil.");
            w.short = format!("{who} nimmt an {title} teil, {start}");
        }
        Message::Left(_) => {
            w.subject = format!("Nicht mehr dabei: {title}, {start}");
            w.lead = format!("{who} nimmt nicht mehr teil. Der Termin bleibt, wie er ist.");
            w.short = format!("{who} nimmt nicht mehr an {title} teil, {start}");
        }
        Message::SeatAdded(_) => {
            w.subject = format!("Einladung: {title}, {start}");
            w.lead = format!("{who} hat Sie zu einem Termin eingeladen.");
            w.short = format!("{who} hat Sie eingeladen: {title}, {start}");
        }
        Message::SeatRemoved(_) => {
            w.subject = format!("Ohne Sie: {title}, {start}");
            w.lead = "Sie nehmen an diesem Termin nicht mehr teil.".to_owned();
            w.short = format!("Sie nehmen nicht mehr teil: {title}, {start}");
        }
        Message::Waiting(change) => {
            let who = if change.name.is_empty() { "Jemand" } else { who };
            w.subject = format!("{who} wartet im Warteraum");
            w.lead = format!("{who} wartet im Warteraum.");
            w.action = "Zum Gespräch";
            w.short = format!("{who} wartet im Warteraum ({title})");
        }
        Message::Reminder(_) => {
            w.subject = format!("Erinnerung: {title} {}", s.soon);
            w.lead = format!("Ihr Termin{with} beginnt {}.", s.soon);
            w.action = "Am Gespräch teilnehmen";
            w.short = format!("Ihr Termin{with} beginnt {}", s.soon);
        }
        Message::GuestInvitation(_) => {
            w.subject = format!("Einladung: {title}, {start}");
            w.lead = format!("{expert} lädt Sie zu einem Videogespräch ein. Sie brauchen kein Konto.");
            w.action = "Am Gespräch teilnehmen";
            w.small = "Der Link ist nur für Sie. Der Raum öffnet kurz vor Beginn.".to_owned();
            w.short = format!("{expert} lädt Sie zum Videogespräch ein, {start}");
        }
        Message::MagicLink(_) => {
            w.subject = format!("Anmelden bei {brand}");
            w.lead = "Hier ist Ihr Link zum Anmelden.".to_owned();
            w.action = "Anmelden";
            w.small = format!("{works} {NOT_ASKED}");
            w.short = "Ihr Link zum Anmelden".to_owned();
        }
        Message::PasswordReset(_) => {
            w.subject = format!("Neues Passwort für {brand}");
            w.lead = "Mit diesem Link setzen Sie ein neues Passwort.".to_owned();
            w.action = "Passwort setzen";
            w.small = format!("{works} Falls Sie nicht darum gebeten haben, bleibt Ihr Passwort, wie es ist.");
            w.short = "Ihr Link für ein neues Passwort".to_owned();
        }
        Message::Invitation(_) => {
            w.subject = format!("Ihr Konto bei {brand}");
            w.lead = format!("{brand} hat ein Konto für Sie angelegt. Setzen Sie ein Passwort, und es gehört Ihnen.");
            w.action = "Passwort setzen";
            w.small = format!("{works} Danach bekommen Sie auf der Anmeldeseite einen neuen.");
            w.short = "Ihr Konto ist bereit; setzen Sie ein Passwort".to_owned();
        }
        Message::VerifyEmail(_) => {
            w.subject = format!("Ihre Adresse für {brand} bestätigen");
            w.lead = "Bitte bestätigen Sie, dass dies Ihre Mailadresse ist.".to_owned();
            w.action = "Adresse bestätigen";
            w.small = format!("{works} {NOT_ASKED}");
            w.short = "Bitte bestätigen Sie Ihre Mailadresse".to_owned();
        }
        Message::Test(_) => {
            w.subject = format!("Ein Test von {brand}");
            w.lead = "Diese Nachricht zeigt, dass die Einstellungen stimmen.".to_owned();
            w.action = "";
            w.short.clone_from(&w.lead);
        }
    }
    w
}

fn missed(s: &Said) -> String {
    match (s.no_show.unwrap_or(NoShow::Both), s.to_expert, &s.partner) {
        (NoShow::Both, ..) => "Zum Termin ist niemand gekommen.".to_owned(),
        (NoShow::Expert, false, _) => {
            format!(
                "{} ist nicht zu Ihrem Termin gekommen. Das tut uns leid; Ihnen wird es nicht angerechnet.",
                s.expert
            )
        }
        (NoShow::Customer, false, _) | (NoShow::Expert, true, _) => {
            "Sie sind nicht zu Ihrem Termin gekommen.".to_owned()
        }
        (NoShow::Customer, true, Some(partner)) => format!("{partner} ist nicht zum Termin gekommen."),
        (NoShow::Customer, true, None) => "Aus der Gruppe ist niemand zum Termin gekommen.".to_owned(),
    }
}
