//! What pages say that the server writes itself, in English and German.

use axum::http::StatusCode;

use super::shell::Words;
use crate::api::problem::Code;
use crate::ids::AppointmentId;
use crate::notify::templates::Locale;
use crate::scheduler::Status;

/// Why there is no such page, or no call behind it, for this visitor now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// Nobody is signed in.
    SignedOut,
    /// The token in the address is broken, or was good once.
    InvalidToken,
    /// The token in the address is another room's, or was not made for this one.
    ForeignToken,
    /// A guest's token has served.
    UsedToken,
    /// There is nothing, or nothing for this visitor.
    NotFound,
    /// The expert has not answered.
    Unanswered,
    /// The room opens later: when, in the visitor's words.
    NotOpen(String),
    /// The expert has to let this visitor in.
    Lobby,
    /// The room has closed.
    Closed,
    /// The appointment takes no call any more.
    Over(Status),
    /// The expert has removed this visitor.
    Removed,
    /// Anything else.
    Other(Code),
}

impl Cause {
    /// The status of a page that says so.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Cause::SignedOut | Cause::InvalidToken => StatusCode::UNAUTHORIZED,
            Cause::NotFound => StatusCode::NOT_FOUND,
            Cause::Closed | Cause::Over(_) => StatusCode::GONE,
            Cause::ForeignToken
            | Cause::UsedToken
            | Cause::Unanswered
            | Cause::NotOpen(_)
            | Cause::Lobby
            | Cause::Removed => StatusCode::FORBIDDEN,
            Cause::Other(code) => code.status(),
        }
    }

    /// The words, for a visitor who wanted to see `path`; of which appointment, where it is the visitor's own.
    pub(super) fn words(&self, locale: Locale, path: &str, appointment: Option<AppointmentId>) -> Words {
        let [title, cause, next_step, link] = match locale {
            Locale::En => self.english(),
            Locale::De => self.german(),
        };
        let href = match (self, appointment) {
            (Cause::SignedOut | Cause::InvalidToken, _) => format!("/sign-in?next={}", encoded(path)),
            (Cause::Unanswered | Cause::NotOpen(_) | Cause::Lobby, Some(id)) => format!("/appointments/{id}"),
            (Cause::Closed | Cause::Over(_), _) => "/experts".to_owned(),
            _ => "/".to_owned(),
        };
        let when = match self {
            Cause::NotOpen(when) => when,
            _ => "",
        };
        let cause = cause.replace("{when}", when);
        Words { title: title.into(), cause: cause.into(), next_step: next_step.into(), link: link.into(), href }
    }

    /// Title, cause, next step, link.
    fn english(&self) -> [&'static str; 4] {
        match self {
            Cause::SignedOut => [
                "Please sign in",
                "This call is for its participants, and nobody is signed in here.",
                "Sign in with the account that the appointment was booked with. Guests open the link of their invitation again.",
                "Sign in",
            ],
            Cause::InvalidToken => [
                "This way in does not work any more",
                "The access token in the address is not valid, or not any more.",
                "Sign in, or open the link of your invitation again.",
                "Sign in",
            ],
            Cause::ForeignToken => [
                "This way in belongs to another call",
                "The access token in the address was not made for this room.",
                "Join from your appointment's page, which knows the right way in.",
                "To the first page",
            ],
            Cause::UsedToken => [
                "This way in has been used",
                "A guest's access token is good for one visit.",
                "Open the link of your invitation again.",
                "To the first page",
            ],
            Cause::NotFound => [
                "There is nothing here for you",
                "The address is not complete, or it belongs to somebody else.",
                "Check the address, or sign in with the account that it belongs to.",
                "To the first page",
            ],
            Cause::Unanswered => [
                "The appointment is not confirmed yet",
                "The expert has not answered the request.",
                "You get a message as soon as there is an answer.",
                "To the appointment",
            ],
            Cause::NotOpen(_) => [
                "The room is not open yet",
                "It opens {when}.",
                "Come back then; meanwhile you can look at the appointment and try your camera and microphone.",
                "To the appointment",
            ],
            Cause::Lobby => [
                "The expert lets you in",
                "The room is open, and whoever comes is let in by the expert.",
                "Wait on this page, with JavaScript switched on: then the expert sees you.",
                "To the appointment",
            ],
            Cause::Closed => [
                "The room has closed",
                "The time of this call is over.",
                "Book another appointment, or ask the expert for one.",
                "To the experts",
            ],
            Cause::Over(Status::Cancelled) => [
                "The appointment was cancelled",
                "It was called off, so there is no call.",
                "Book another appointment.",
                "To the experts",
            ],
            Cause::Over(Status::Rejected) => [
                "The request was declined",
                "The expert has not accepted this appointment, so there is no call.",
                "Book another time, or another expert.",
                "To the experts",
            ],
            Cause::Over(Status::Expired) => [
                "The request has lapsed",
                "Nobody answered it in time, so there is no call.",
                "Book another appointment.",
                "To the experts",
            ],
            Cause::Over(_) => [
                "The call is over",
                "This appointment has come to its end.",
                "Book another appointment, or ask the expert for one.",
                "To the experts",
            ],
            Cause::Removed => [
                "You were removed from this appointment",
                "The expert has ended your part in it.",
                "Speak to the expert directly.",
                "To the first page",
            ],
            Cause::Other(code) => [code.title(), "The page could not be shown.", code.next_step(), "To the first page"],
        }
    }

    fn german(&self) -> [&'static str; 4] {
        match self {
            Cause::SignedOut => [
                "Bitte melden Sie sich an",
                "Dieses Gespräch ist für seine Teilnehmer, und hier ist niemand angemeldet.",
                "Melden Sie sich mit dem Konto an, mit dem der Termin gebucht wurde. Gäste öffnen den Link ihrer Einladung noch einmal.",
                "Anmelden",
            ],
            Cause::InvalidToken => [
                "Dieser Zugang gilt nicht mehr",
                "Die Zugangsmarke in der Adresse ist ungültig oder abgelaufen.",
                "Melden Sie sich an, oder öffnen Sie den Link Ihrer Einladung noch einmal.",
                "Anmelden",
            ],
            Cause::ForeignToken => [
                "Dieser Zugang gehört zu einem anderen Gespräch",
                "Die Zugangsmarke in der Adresse wurde nicht für diesen Raum ausgestellt.",
                "Treten Sie von der Seite Ihres Termins aus bei; sie kennt den richtigen Zugang.",
                "Zur Startseite",
            ],
            Cause::UsedToken => [
                "Dieser Zugang wurde schon verwendet",
                "Die Zugangsmarke eines Gastes gilt für einen Besuch.",
                "Öffnen Sie den Link Ihrer Einladung noch einmal.",
                "Zur Startseite",
            ],
            Cause::NotFound => [
                "Hier ist nichts für Sie",
                "Die Adresse ist unvollständig, oder sie gehört jemand anderem.",
                "Prüfen Sie die Adresse, oder melden Sie sich mit dem Konto an, zu dem sie gehört.",
                "Zur Startseite",
            ],
            Cause::Unanswered => [
                "Der Termin ist noch nicht bestätigt",
                "Die Anfrage wurde noch nicht beantwortet.",
                "Sie bekommen eine Nachricht, sobald eine Antwort da ist.",
                "Zum Termin",
            ],
            Cause::NotOpen(_) => [
                "Der Raum ist noch nicht offen",
                "Er öffnet {when}.",
                "Kommen Sie dann wieder; bis dahin können Sie den Termin ansehen und Kamera und Mikrofon ausprobieren.",
                "Zum Termin",
            ],
            Cause::Lobby => [
                "Sie werden eingelassen",
                "Der Raum ist offen; wer kommt, wird von der Fachperson eingelassen.",
                "Warten Sie auf dieser Seite, mit eingeschaltetem JavaScript: dann sieht man Sie.",
                "Zum Termin",
            ],
            Cause::Closed => [
                "Der Raum ist geschlossen",
                "Die Zeit dieses Gesprächs ist vorbei.",
                "Buchen Sie einen neuen Termin, oder fragen Sie die Fachperson danach.",
                "Zu den Fachpersonen",
            ],
            Cause::Over(Status::Cancelled) => [
                "Der Termin wurde abgesagt",
                "Darum gibt es kein Gespräch.",
                "Buchen Sie einen neuen Termin.",
                "Zu den Fachpersonen",
            ],
            Cause::Over(Status::Rejected) => [
                "Die Anfrage wurde abgelehnt",
                "Dieser Termin wurde nicht angenommen, darum gibt es kein Gespräch.",
                "Buchen Sie eine andere Zeit oder eine andere Fachperson.",
                "Zu den Fachpersonen",
            ],
            Cause::Over(Status::Expired) => [
                "Die Anfrage ist verfallen",
                "Sie wurde nicht rechtzeitig beantwortet, darum gibt es kein Gespräch.",
                "Buchen Sie einen neuen Termin.",
                "Zu den Fachpersonen",
            ],
            Cause::Over(_) => [
                "Das Gespräch ist vorbei",
                "Dieser Termin ist abgeschlossen.",
                "Buchen Sie einen neuen Termin, oder fragen Sie die Fachperson danach.",
                "Zu den Fachpersonen",
            ],
            Cause::Removed => [
                "Sie nehmen an diesem Termin nicht mehr teil",
                "Die Fachperson hat Ihre Teilnahme beendet.",
                "Wenden Sie sich direkt an die Fachperson.",
                "Zur Startseite",
            ],
            Cause::Other(code) => other_in_german(*code),
        }
    }
}

/// Whatever may happen before a page's own handler is asked, or in it.
fn other_in_german(code: Code) -> [&'static str; 4] {
    const HOME: &str = "Zur Startseite";
    match code {
        Code::TooManyRequests => [
            "Zu viele Anfragen",
            "Von hier kam in kurzer Zeit zu viel.",
            "Warten Sie einen Augenblick, und laden Sie die Seite dann neu.",
            HOME,
        ],
        Code::InvalidPath | Code::InvalidQuery | Code::InvalidHeader => [
            "Diese Adresse ist nicht möglich",
            "Etwas darin hat eine Form, die es hier nicht gibt.",
            "Öffnen Sie den Link noch einmal, statt ihn von Hand zu schreiben.",
            HOME,
        ],
        Code::Busy | Code::Unavailable | Code::TimedOut => [
            "Das geht im Augenblick nicht",
            "Der Server hat gerade zu viel zu tun oder kommt an seine Daten nicht heran.",
            "Versuchen Sie es in einer Minute noch einmal.",
            HOME,
        ],
        _ => [
            "Hier ist etwas schiefgegangen",
            "Die Seite konnte nicht gezeigt werden.",
            "Versuchen Sie es noch einmal; wenn es so bleibt, sagen Sie es der Verwaltung.",
            HOME,
        ],
    }
}

/// A path as a parameter of a query.
fn encoded(path: &str) -> String {
    path.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_cause() -> Vec<Cause> {
        let over = [Status::Completed, Status::NoShow, Status::Cancelled, Status::Rejected, Status::Expired];
        let mut all = vec![
            Cause::SignedOut,
            Cause::InvalidToken,
            Cause::ForeignToken,
            Cause::UsedToken,
            Cause::NotFound,
            Cause::Unanswered,
            Cause::NotOpen("today at 14:00".into()),
            Cause::Lobby,
            Cause::Closed,
            Cause::Removed,
        ];
        all.extend(over.map(Cause::Over));
        all.extend(Code::ALL.iter().map(|code| Cause::Other(*code)));
        all
    }

    #[test]
    fn every_cause_has_a_title_a_reason_a_next_step_and_a_link_in_each_language() {
        for cause in every_cause() {
            let [english, german] = [Locale::En, Locale::De].map(|locale| cause.words(locale, "/call/x", None));
            assert_ne!(english.title, german.title, "{cause:?}");
            for words in [english, german] {
                let all = [&words.title, &words.cause, &words.next_step, &words.link];
                assert!(all.iter().all(|text| !text.is_empty() && !text.contains('{')), "{cause:?}");
                assert!(words.cause.ends_with('.') && words.next_step.ends_with('.'), "{cause:?}");
                assert!(words.href.starts_with('/') && !words.href.starts_with("//"), "{cause:?}");
            }
            assert!(cause.status().is_client_error() || cause.status().is_server_error());
        }
    }

    #[test]
    fn signing_in_leads_back_and_nowhere_else() {
        let words = Cause::SignedOut.words(Locale::En, "/call/ä?appointmentId=1&x=\"", None);
        assert_eq!(words.href, "/sign-in?next=/call/%C3%A4%3FappointmentId%3D1%26x%3D%22");
    }
}
