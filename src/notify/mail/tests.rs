//! Letters read back, and mail servers on loopback that take them or do not.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::slice::from_ref;
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;

use super::compose::compose;
use super::reader::{Part, words};
use super::*;
use crate::config::{Secret, SmtpSecurity, SmtpSettings};
use crate::notify::testing::Secure;

pub(super) fn letter() -> Letter {
    Letter {
        id: "0199aabb-1".into(),
        from: Person { name: "Praxis Süd".into(), email: "no-reply@visavis.example".into() },
        reply_to: Some(Person { name: "Dr. Rossi".into(), email: "rossi@example.org".into() }),
        to: Person { name: "Ana Čustomer".into(), email: "ana@example.net".into() },
        subject: "Your appointment on 3 March is confirmed – see you".into(),
        text: "Good day Ana,\n\n.\nyour appointment is confirmed.\n".into(),
        html: "<p>Good day Ana, ü</p>".into(),
        invite: Some(Invite {
            method: Method::Request,
            ics: "BEGIN:VCALENDAR\r\nSUMMARY:ü\r\nEND:VCALENDAR\r\n".into(),
        }),
        at: UnixTime(1_772_547_300_000),
    }
}

fn read(letter: &Letter) -> Part {
    Part::read(&String::from_utf8(compose(letter).unwrap().formatted()).unwrap())
}

#[test]
fn a_letter_has_its_alternatives_and_the_calendar_as_a_file() {
    let mail = read(&letter());
    assert_eq!(mail.kind(), "multipart/mixed");
    let kinds: Vec<_> = mail.parts.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["multipart/alternative", "application/ics"]);
    let alternatives = &mail.parts[0].parts;
    let kinds: Vec<_> = alternatives.iter().map(Part::kind).collect();
    assert_eq!(kinds, ["text/plain", "text/html", "text/calendar"]);
    assert_eq!(alternatives[0].text, letter().text.replace('\n', "\r\n"));
    assert_eq!(alternatives[1].text, letter().html);
    assert_eq!(alternatives[2].text, letter().invite.unwrap().ics);
    assert_eq!(alternatives[2].header("content-type"), Some("text/calendar; method=REQUEST; charset=utf-8"));
    assert_eq!(mail.parts[1].header("content-disposition"), Some("attachment; filename=\"invite.ics\""));
    assert_eq!(mail.parts[1].text, letter().invite.unwrap().ics);
}

#[test]
fn the_headers_say_who_when_and_that_nobody_typed_it() {
    let mail = read(&letter());
    assert_eq!(words(mail.header("from").unwrap()), "Praxis Süd <no-reply@visavis.example>");
    assert_eq!(words(mail.header("to").unwrap()), "Ana Čustomer <ana@example.net>");
    assert_eq!(mail.header("reply-to"), Some("\"Dr. Rossi\" <rossi@example.org>"));
    assert_eq!(words(mail.header("subject").unwrap()), letter().subject);
    assert_eq!(mail.header("date"), Some("Tue, 03 Mar 2026 14:15:00 +0000"));
    assert_eq!(mail.header("auto-submitted"), Some("auto-generated"));
    assert_eq!(mail.header("message-id"), Some("<0199aabb-1@visavis.example>"));
    assert_eq!(mail.header("message-id"), read(&letter()).header("message-id"));
}

#[test]
fn a_letter_without_a_calendar_is_alternatives_only() {
    let mail = read(&Letter { invite: None, reply_to: None, ..letter() });
    assert_eq!(mail.kind(), "multipart/alternative");
    assert_eq!((mail.parts.len(), mail.header("reply-to")), (2, None));
}

#[test]
fn addresses_that_could_be_headers_or_lists_are_refused() {
    for wrong in [
        "",
        "ana",
        "ana@",
        "@example.net",
        "ana@example.net\r\nBcc: all@example.net",
        "ana@example.net, bob@example.net",
        "\"a b\"@example.net",
        "<ana@example.net>",
        "ana@example.net>\r\nRCPT TO:<bob@example.net",
        "ana@exa mple.net",
    ] {
        assert!(check_address(wrong).is_err(), "{wrong:?}");
        let letter = Letter { to: Person { name: String::new(), email: wrong.into() }, ..letter() };
        assert_eq!(compose(&letter).unwrap_err().retry(), Retry::Never);
    }
    for right in ["ana@example.net", "ana+x@sub.example.net", "o'brien@example.ie"] {
        assert!(check_address(right).is_ok(), "{right}");
    }
}

#[test]
fn dates_out_of_range_are_moved_into_it() {
    for (at, year) in [(i64::MIN, "1970"), (i64::MAX, "9999")] {
        assert!(read(&Letter { at: UnixTime(at), ..letter() }).header("date").unwrap().contains(year));
    }
}

fn hostile() -> impl Strategy<Value = String> {
    let nasty = prop::sample::select(vec![
        "\r\nBcc: evil@example.org\r\n",
        "\n\nbody",
        "\r",
        "\" <evil@example.org>, \"",
        "=?utf-8?q?=0D=0ABcc:_evil?=",
        ">",
        "ä€𐍈",
        "\u{0}",
        "\u{2028}",
    ]);
    let part = prop_oneof![any::<String>(), nasty.prop_map(str::to_owned)];
    prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn no_text_becomes_a_header_or_a_receiver(subject in hostile(), name in hostile(), id in hostile(), text in hostile()) {
        let mut letter = Letter { subject, id, text, ..letter() };
        letter.to.name = name.clone();
        letter.from.name = name.clone();
        if let Some(person) = &mut letter.reply_to {
            person.name = name;
        }
        let message = compose(&letter).unwrap();
        let receivers: Vec<String> = message.envelope().to().iter().map(ToString::to_string).collect();
        prop_assert_eq!(receivers, ["ana@example.net"]);
        let mail = Part::read(&String::from_utf8(message.formatted()).unwrap());
        let expected = read(&self::letter());
        prop_assert_eq!(mail.names(), expected.names());
        let to = mail.header("to").unwrap();
        prop_assert!(to.ends_with("ana@example.net") || to.ends_with("<ana@example.net>"), "{}", to);
        prop_assert_eq!(to.matches('<').count(), usize::from(to.contains('<')), "{}", to);
        prop_assert_eq!(mail.parts[0].parts.len(), 3);
    }
}

/// What a server says to commands that begin so.
type Replies = &'static [(&'static str, &'static str)];

/// A mail server of few words: takes `replies` in turn for its commands, 250 after that, and hands on what it heard.
fn converse(stream: &mut (impl Read + Write), replies: &[(&str, &str)], heard: &mpsc::Sender<String>) -> Option<()> {
    stream.write_all(b"220 test\r\n").ok()?;
    stream.flush().ok()?;
    let mut reader = BufReader::new(stream);
    let mut data = false;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        let _ = heard.send(line.clone());
        let reply = if data {
            data = line != ".";
            if data { continue } else { "250 taken" }
        } else if let Some((_, reply)) = replies.iter().find(|(command, _)| line.starts_with(command)) {
            reply
        } else if line.starts_with("EHLO") {
            "250-test\r\n250 AUTH PLAIN"
        } else if line == "DATA" {
            data = true;
            "354 go on"
        } else if line.starts_with("AUTH") {
            "235 welcome"
        } else {
            "250 fine"
        };
        let stream = reader.get_mut();
        stream.write_all(format!("{reply}\r\n").as_bytes()).ok()?;
        stream.flush().ok()?;
    }
}

/// A plain server; every connection is announced.
fn server(replies: Replies) -> (SmtpSettings, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = heard.send("(connected)".to_owned());
            let heard = heard.clone();
            std::thread::spawn(move || converse(&mut stream.unwrap(), replies, &heard));
        }
    });
    (settings(port, SmtpSecurity::None), receiver)
}

fn settings(port: u16, security: SmtpSecurity) -> SmtpSettings {
    SmtpSettings {
        host: "localhost".into(),
        port,
        security,
        username: "mailer".into(),
        password: Secret::new("hunter2"),
    }
}

#[tokio::test]
async fn letters_arrive_whole_over_one_connection() {
    let (mut settings, heard) = server(&[]);
    settings.host = "127.0.0.1".into();
    let smtp = Smtp::new(&settings, &[]).unwrap();
    for _ in 0..3 {
        smtp.send(&letter()).await.unwrap();
        // The connection goes back to its pool in a task of its own.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let heard: Vec<String> = heard.try_iter().collect();
    assert_eq!(heard.iter().filter(|line| *line == "(connected)").count(), 1);
    assert_eq!(heard.iter().filter(|line| *line == "RCPT TO:<ana@example.net>").count(), 3);
    // A line of one dot in the text is doubled on the wire, and ends nothing.
    assert!(heard.contains(&"..".to_owned()));
}

#[tokio::test]
async fn the_servers_answer_says_whether_to_try_again() {
    let cases: [(Replies, &str, Retry); 4] = [
        (&[("RCPT", "550 5.1.1 no such user")], "Refused { code: 550", Retry::Never),
        (&[("RCPT", "451 4.7.1 greylisted")], "Deferred { code: 451", Retry::Later(None)),
        (&[("AUTH", "535 5.7.8 wrong")], "Credentials { code: 535", Retry::Later(None)),
        (&[("MAIL", "530 5.7.0 login first")], "Credentials { code: 530", Retry::Later(None)),
    ];
    for (replies, expected, retry) in cases {
        let (settings, _heard) = server(replies);
        let error = Smtp::new(&settings, &[]).unwrap().send(&letter()).await.unwrap_err();
        assert!(format!("{error:?}").starts_with(expected), "{error:?}");
        assert_eq!(error.retry(), retry, "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_says_nothing_is_tried_again() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [closed, silent.local_addr().unwrap().port()] {
        let smtp = Smtp::with_limit(&settings(port, SmtpSecurity::None), &[], Duration::from_millis(200));
        let error = smtp.unwrap().send(&letter()).await.unwrap_err();
        assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
        assert_eq!(error.retry(), Retry::Later(None));
    }
}

#[tokio::test]
async fn tls_from_the_first_byte_with_a_root_of_the_settings() {
    let (heard, receiver) = mpsc::channel();
    let server = Secure::start("localhost", move |stream| {
        let _ = converse(stream, &[], &heard);
    });
    let settings = settings(server.port, SmtpSecurity::Tls);
    Smtp::new(&settings, from_ref(&server.root)).unwrap().send(&letter()).await.unwrap();
    assert!(receiver.try_iter().any(|line| line.starts_with("AUTH PLAIN")));
    let error = Smtp::new(&settings, &[]).unwrap().send(&letter()).await.unwrap_err();
    assert!(matches!(error, MailError::Unreachable(_)), "{error:?}");
    assert!(!receiver.try_iter().any(|line| line.starts_with("EHLO")), "nothing is said to one that cannot be trusted");
}

#[tokio::test]
async fn without_starttls_neither_password_nor_letter_is_sent() {
    let (settings, heard) = server(&[]);
    let settings = SmtpSettings { security: SmtpSecurity::Starttls, ..settings };
    assert!(Smtp::new(&settings, &[]).unwrap().send(&letter()).await.is_err());
    assert!(!heard.try_iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL")));
}

#[tokio::test]
async fn only_a_server_on_this_machine_is_spoken_to_in_the_clear() {
    for (host, fine) in
        [("127.0.0.1", true), ("::1", true), ("localhost", true), ("mail.example.org", false), ("10.0.0.1", false)]
    {
        let settings = SmtpSettings { host: host.into(), ..settings(25, SmtpSecurity::None) };
        let smtp = Smtp::new(&settings, &[]);
        assert_eq!(smtp.is_ok(), fine, "{host}");
        assert!(!format!("{smtp:?}").contains("hunter2"));
    }
    assert!(!format!("{:?}", settings(25, SmtpSecurity::None)).contains("hunter2"));
}
