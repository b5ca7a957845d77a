//! Names of files as they are shown. A name from a client is never part of a path: it says what a file is called, and
//! nothing else.

/// Longest name in bytes: what file systems take.
const MAX_NAME: usize = 255;
/// Longest ending that is kept when a name is cut.
const MAX_ENDING: usize = 16;
/// Of a name in which nothing is left.
const NAMELESS: &str = "file";

/// Endings that files of a type have; the first is given to one whose name has another, or none.
const ENDINGS: &[(&str, &[&str])] = &[
    ("application/pdf", &["pdf"]),
    ("image/jpeg", &["jpg", "jpeg", "jpe", "jfif"]),
    ("image/png", &["png"]),
    ("image/gif", &["gif"]),
    ("image/webp", &["webp"]),
    ("image/heif", &["heic", "heif", "hif"]),
    ("image/tiff", &["tif", "tiff"]),
    ("text/plain", &["txt", "text", "log", "md", "csv", "tsv", "ics", "vcf"]),
    ("text/csv", &["csv"]),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", &["docx"]),
    ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", &["xlsx"]),
    ("application/vnd.openxmlformats-officedocument.presentationml.presentation", &["pptx"]),
    ("application/vnd.oasis.opendocument.text", &["odt"]),
    ("application/vnd.oasis.opendocument.spreadsheet", &["ods"]),
    ("application/vnd.oasis.opendocument.presentation", &["odp"]),
    ("application/zip", &["zip"]),
    ("audio/mpeg", &["mp3"]),
    ("audio/x-wav", &["wav"]),
    ("audio/m4a", &["m4a"]),
    ("audio/ogg", &["ogg", "oga"]),
    ("audio/opus", &["opus"]),
    ("video/mp4", &["mp4", "m4v"]),
    ("video/webm", &["webm"]),
    ("video/quicktime", &["mov"]),
];

/// A client's name for a file as it is shown: its last part, without characters that nobody sees or that turn the rest
/// around, no longer than file systems take.
pub fn display_name(raw: &str) -> String {
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let seen: String =
        last.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !is_hidden(*c)).collect();
    // Neither `.` nor `..`, and nothing that a file system hides or cuts.
    let name = seen.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    let name = name.trim_matches(|c| c == '.' || c == ' ');
    if name.is_empty() { NAMELESS.to_owned() } else { shorten(name, MAX_NAME) }
}

/// The name with an ending that goes with what the file is: `letter.exe` with a text in it is shown, and saved, as
/// `letter.exe.txt`.
pub(super) fn with_ending(name: &str, content_type: &str) -> String {
    let Some((_, endings)) = ENDINGS.iter().find(|(known, _)| *known == content_type) else { return name.to_owned() };
    let has = name.rsplit_once('.').map(|(_, ending)| ending);
    if has.is_some_and(|has| endings.iter().any(|ending| ending.eq_ignore_ascii_case(has))) {
        return name.to_owned();
    }
    let ending = endings[0];
    format!("{}.{ending}", cut(name, MAX_NAME - ending.len() - 1).trim_end_matches(['.', ' ']))
}

/// Control characters, marks that change the direction of what follows, and characters without width. Joiners stay:
/// several scripts are not written without them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
        )
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `max` bytes, with the ending that it had.
fn shorten(name: &str, max: usize) -> String {
    if name.len() <= max {
        return name.to_owned();
    }
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && (1..=MAX_ENDING).contains(&ending.len()) => {
            format!("{}.{ending}", cut(stem, max - ending.len() - 1).trim_end_matches(['.', ' ']))
        }
        _ => cut(name, max).trim_end_matches(['.', ' ']).to_owned(),
    }
}

/// At most `max` bytes, whole characters.
fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_its_last_part_and_no_path() {
        for (raw, shown) in [
            ("report.pdf", "report.pdf"),
            ("../../etc/passwd", "passwd"),
            ("..\\..\\windows\\win.ini", "win.ini"),
            ("C:\\fakepath\\scan 1.png", "scan 1.png"),
            ("/", "file"),
            ("..", "file"),
            (".bashrc", "bashrc"),
            ("a/", "file"),
            ("", "file"),
            ("  a \t b .txt. ", "a b .txt"),
            ("a\0b\r\nc.txt", "ab c.txt"),
            ("Befund Müller 病歴.pdf", "Befund Müller 病歴.pdf"),
        ] {
            assert_eq!(display_name(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn a_name_cannot_be_turned_around() {
        assert_eq!(display_name("invoice\u{202e}fdp.exe"), "invoicefdp.exe");
        assert_eq!(display_name("a\u{2066}b\u{2069}\u{200f}\u{feff}.txt"), "ab.txt");
        // Persian needs its joiners.
        assert_eq!(display_name("می\u{200c}خواهم.txt"), "می\u{200c}خواهم.txt");
    }

    #[test]
    fn a_long_name_is_cut_before_its_ending() {
        let long = format!("{}.pdf", "é".repeat(300));
        let shown = display_name(&long);
        assert!(shown.len() <= 255 && shown.len() >= 253 && shown.ends_with("é.pdf"), "{shown}");
        assert!(display_name(&"x".repeat(1000)).len() == 255);
    }

    #[test]
    fn an_ending_goes_with_the_content() {
        assert_eq!(with_ending("a.PDF", "application/pdf"), "a.PDF");
        assert_eq!(with_ending("run.bat", "text/plain"), "run.bat.txt");
        assert_eq!(with_ending("page.html", "text/plain"), "page.html.txt");
        assert_eq!(with_ending("scan", "image/jpeg"), "scan.jpg");
        assert_eq!(with_ending("model.stl", "model/stl"), "model.stl");
        assert!(with_ending(&"x".repeat(255), "image/png").len() <= 255);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_client_sends_a_name_is_short_visible_and_no_path(
            raw in proptest::collection::vec(
                prop_oneof![
                    any::<char>(),
                    proptest::sample::select(vec!['/', '\\', '.', ' ', '\0', '\u{202e}', '\u{2067}', '\n', '\u{200b}', 'é']),
                ],
                0..400,
            ),
        ) {
            let raw: String = raw.into_iter().collect();
            for name in [display_name(&raw), with_ending(&display_name(&raw), "text/plain")] {
                prop_assert!(!name.is_empty() && name.len() <= 255, "{}", name.len());
                prop_assert!(!name.contains(['/', '\\']) && !name.contains(is_hidden), "{name:?}");
                prop_assert!(name != "." && name != ".." && !name.starts_with(['.', ' ']) && !name.ends_with(['.', ' ']));
                prop_assert_eq!(&display_name(&name), &name, "a shown name stays as it is");
            }
        }
    }
}
