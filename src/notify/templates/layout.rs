//! One content, three forms: plain text, HTML, and the line of an SMS.

use std::fmt::Write as _;

use super::Locale;

/// Longest words of one side to the other that a mail repeats.
const MAX_WORDS: usize = 4000;
/// Longest name or title.
const MAX_LINE: usize = 120;

/// What a message says.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) subject: String,
    pub(super) blocks: Vec<Block>,
    /// The same in one line, for SMS and notifications.
    pub(super) short: String,
    pub(super) link: Option<String>,
}

/// A part of a message.
#[derive(Debug)]
pub(super) enum Block {
    /// A paragraph.
    Text(String),
    /// Names and values.
    Facts(Vec<(&'static str, String)>),
    /// Somebody's own words, behind who says them.
    Quote(String, String),
    /// What the reader can do: the link's text. The link is [`Content::link`].
    Action(&'static str),
    /// Less important than the rest.
    Small(String),
}

/// A name or a title in one line, whatever it holds.
pub(super) fn line(text: &str) -> String {
    let words: Vec<&str> = text.split(breaks).filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= MAX_LINE {
        return line;
    }
    let mut cut: String = line.chars().take(MAX_LINE - 1).collect();
    cut.push('…');
    cut
}

fn breaks(c: char) -> bool {
    // Writing direction marks could turn the rest of the line around.
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || c.is_whitespace() || turns
}

/// Somebody's words line by line: any line end counts, control characters do not, and there is an end.
fn lines(text: &str) -> Vec<String> {
    let text: String = text.replace("\r\n", "\n").chars().take(MAX_WORDS).collect();
    text.trim()
        .split(['\n', '\r', '\u{b}', '\u{c}', '\u{85}', '\u{2028}', '\u{2029}'])
        .map(|line| {
            line.chars().filter(|c| *c == '\t' || !(c.is_control() || (breaks(*c) && !c.is_whitespace()))).collect()
        })
        .collect()
}

/// As plain text.
pub(super) fn text(content: &Content, greeting: &str, brand: &str) -> String {
    let mut out = format!("{greeting}\n");
    for block in &content.blocks {
        out.push('\n');
        match block {
            Block::Text(text) | Block::Small(text) => out.push_str(text),
            Block::Facts(facts) => {
                let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
                let rows: Vec<String> = facts
                    .iter()
                    .map(|(name, value)| format!("  {:1$}  {value}", format!("{name}:"), width + 1))
                    .collect();
                out.push_str(&rows.join("\n"));
            }
            Block::Quote(who, words) => {
                out.push_str(who);
                for line in lines(words) {
                    // What somebody writes cannot look like what we write.
                    let _ = write!(out, "\n> {line}");
                }
            }
            Block::Action(label) => {
                let _ = write!(out, "{label}:\n{}", content.link.as_deref().unwrap_or_default());
            }
        }
        out.push('\n');
    }
    let _ = write!(out, "\n-- \n{brand}\n");
    out
}

/// As HTML, with styles in place because mail programs drop all others.
pub(super) fn html(content: &Content, greeting: &str, brand: &str, locale: Locale) -> String {
    const BODY: &str = "margin:0;padding:24px;background:#f4f5f7;color:#1c1e21;\
        font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
    const CARD: &str = "max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px";
    const BUTTON: &str = "display:inline-block;padding:12px 20px;background:#0b57d0;color:#ffffff;\
        border-radius:6px;text-decoration:none;font-weight:600";
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{}</title></head>\n<body style=\"{BODY}\">\n<div style=\"{CARD}\">\n<p>{}</p>\n",
        locale.tag(),
        escape(&content.subject),
        escape(greeting)
    );
    for block in &content.blocks {
        let _ = match block {
            Block::Text(text) => writeln!(out, "<p>{}</p>", escape(text)),
            Block::Small(text) => {
                writeln!(out, "<p style=\"color:#5f6368;font-size:14px\">{}</p>", escape(text))
            }
            Block::Facts(facts) => {
                let row = |(name, value): &(&str, String)| {
                    format!(
                        "<tr><th scope=\"row\" style=\"text-align:left;vertical-align:top;padding:2px 16px 2px 0;\
                         font-weight:600\">{}</th><td style=\"padding:2px 0\">{}</td></tr>\n",
                        escape(name),
                        escape(value)
                    )
                };
                let rows: String = facts.iter().map(row).collect();
                writeln!(out, "<table style=\"border-collapse:collapse\">\n{rows}</table>")
            }
            Block::Quote(who, words) => {
                let words: Vec<String> = lines(words).iter().map(|line| escape(line)).collect();
                writeln!(
                    out,
                    "<p>{}</p>\n<blockquote style=\"margin:0 0 16px;padding:0 0 0 12px;border-left:3px solid #c4c7cc\">\
                     {}</blockquote>",
                    escape(who),
                    words.join("<br>\n")
                )
            }
            Block::Action(label) => {
                let link = escape(content.link.as_deref().unwrap_or_default());
                writeln!(
                    out,
                    "<p><a href=\"{link}\" style=\"{BUTTON}\">{}</a></p>\n<p style=\"font-size:14px;\
                     word-break:break-all\"><a href=\"{link}\">{link}</a></p>",
                    escape(label)
                )
            }
        };
    }
    let _ = write!(
        out,
        "<hr style=\"border:0;border-top:1px solid #e0e2e6\">\n<p style=\"color:#5f6368;font-size:14px\">{}</p>\n\
         </div>\n</body>\n</html>\n",
        escape(brand)
    );
    out
}

/// Text for HTML, attributes in quotes included.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content() -> Content {
        Content {
            subject: "A & B <c>".into(),
            blocks: vec![
                Block::Text("Hello <b>".into()),
                Block::Facts(vec![("What", "x".into()), ("Whenever", "y\"".into())]),
                Block::Quote("Ana writes:".into(), "one\r\n> two\n-- \nthree<script>".into()),
                Block::Action("Join"),
                Block::Small("fine print".into()),
            ],
            short: String::new(),
            link: Some("https://x.example/a?b=c&d=e".into()),
        }
    }

    #[test]
    fn plain_text_lines_up_and_marks_what_others_say() {
        let expected = "Dear Ana,\n\nHello <b>\n\n  What:      x\n  Whenever:  y\"\n\nAna writes:\n> one\n> > two\n> -- \n\
            > three<script>\n\nJoin:\nhttps://x.example/a?b=c&d=e\n\nfine print\n\n-- \nPraxis\n";
        assert_eq!(text(&content(), "Dear Ana,", "Praxis"), expected);
    }

    #[test]
    fn html_holds_no_markup_but_ours() {
        let html = html(&content(), "Dear <i>Ana</i>,", "A&B", Locale::De);
        assert!(html.contains("<html lang=\"de\">") && html.contains("<title>A &amp; B &lt;c&gt;</title>"));
        assert!(html.contains("href=\"https://x.example/a?b=c&amp;d=e\""));
        assert!(html.contains("one<br>\n&gt; two"));
        for markup in ["<script", "<i>", "<b>", "y\"<"] {
            assert!(!html.contains(markup), "{markup}");
        }
    }

    #[test]
    fn a_name_is_one_line_whatever_it_holds() {
        assert_eq!(line(" Ana\r\nBcc: x\u{2028}\u{202e}y\u{0} z "), "Ana Bcc: x y z");
        let long = line(&"a".repeat(500));
        assert_eq!((long.chars().count(), long.ends_with('…')), (MAX_LINE, true));
    }
}
