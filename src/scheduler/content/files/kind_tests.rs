//! Types against contents, documents of different makers among them.
#![allow(clippy::unwrap_used)]

use std::io::Write;

use super::*;

const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/// What becomes of a file that comes in pieces of a size.
fn decide(declared: &str, content: &[u8], piece: usize) -> Result<String, UploadError> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    let mut glimpse = Glimpse::default();
    content.chunks(piece).for_each(|piece| glimpse.see(piece));
    let declared = canonical(declared).unwrap();
    glimpse.decide(declared.as_deref(), &mut file).unwrap()
}

/// A zip file of parts, none of which is compressed.
fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in parts {
        let offset = file.len() as u32;
        let sizes = [(content.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes()].concat();
        let name_len = (name.len() as u16).to_le_bytes();
        file.extend(
            [b"PK\x03\x04".as_slice(), &[20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 4], &sizes, &name_len, &[0; 2]].concat(),
        );
        file.extend(name.as_bytes());
        file.extend(*content);
        directory.extend(
            [b"PK\x01\x02".as_slice(), &[20, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0; 4], &sizes, &name_len, &[0; 12]]
                .concat(),
        );
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (offset, count) = ((file.len() as u32).to_le_bytes(), (parts.len() as u16).to_le_bytes());
    let size = (directory.len() as u32).to_le_bytes();
    file.extend(directory);
    file.extend([b"PK\x05\x06".as_slice(), &[0; 4], &count, &count, &size, &offset, &[0, 0]].concat());
    file
}

fn document(main: &str) -> Vec<u8> {
    // The order in which one library writes them, which hides the main part behind five others.
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("_rels/.rels", b"<Relationships/>"),
        ("docProps/core.xml", b"<a/>"),
        ("docProps/app.xml", b"<a/>"),
        ("docProps/thumbnail.jpeg", b"x"),
        (main, b"<w/>"),
    ])
}

#[test]
fn the_content_must_be_what_the_request_says() {
    let pdf = b"%PDF-1.7\nrest".as_slice();
    let png = b"\x89PNG\r\n\x1a\n rest".as_slice();
    for piece in [1, 7, 4096] {
        assert_eq!(decide("application/pdf", pdf, piece), Ok("application/pdf".into()));
        assert_eq!(decide("image/png; q=1", png, piece), Ok("image/png".into()));
        for (declared, content) in
            [("application/pdf", png), ("image/png", pdf), ("image/jpeg", b"plain words".as_slice())]
        {
            assert!(matches!(decide(declared, content, piece), Err(UploadError::TypeMismatch { .. })), "{declared}");
        }
    }
    let refused = decide("image/png", b"MZ\x90\0 a program", 100).unwrap_err();
    let found = "application/vnd.microsoft.portable-executable".to_owned();
    assert_eq!(refused, UploadError::TypeMismatch { declared: "image/png".into(), found });
}

#[test]
fn text_is_utf8_without_zeroes_to_its_very_end_wherever_the_pieces_break() {
    let text = "Größe: 病歴 🙂\n".repeat(50);
    for piece in 1..12 {
        assert_eq!(decide("text/plain; charset=utf-8", text.as_bytes(), piece), Ok("text/plain".into()), "{piece}");
    }
    let mut late = vec![b'a'; 3 * HEAD];
    for wrong in [0, 0xff] {
        *late.last_mut().unwrap() = wrong;
        assert!(matches!(decide("text/plain", &late, 1000), Err(UploadError::TypeMismatch { .. })));
    }
    assert!(decide("text/plain", "é".as_bytes(), 1).is_ok());
    assert!(decide("text/plain", &"é".as_bytes()[..1], 1).is_err(), "half a character at the end");
    // Words that look like something else are words.
    for words in ["BMW and MZ", "ID3 is a tag", "%PDF is what it begins with", "<b>bold</b>"] {
        assert_eq!(decide("text/plain", words.as_bytes(), 5), Ok("text/plain".into()), "{words}");
    }
}

#[test]
fn where_the_request_says_nothing_the_content_decides() {
    for silent in ["", "application/octet-stream"] {
        assert_eq!(decide(silent, b"%PDF-1.7\n", 9), Ok("application/pdf".into()));
        assert_eq!(decide(silent, b"just words", 9), Ok("text/plain".into()));
        assert_eq!(decide(silent, &document("xl/workbook.xml"), 500), Ok(XLSX.into()));
        assert!(matches!(decide(silent, b"\x01\x02\x00\xff\xfe", 9), Err(UploadError::TypeNotAllowed(_))));
    }
}

#[test]
fn office_documents_are_known_by_their_parts_in_any_order_and_have_no_programs() {
    assert_eq!(decide(DOCX, &document("word/document.xml"), 700), Ok(DOCX.into()));
    assert_eq!(decide(XLSX, &document("xl/workbook.xml"), 700), Ok(XLSX.into()));
    let first = zip(&[("word/document.xml", b"<w/>"), ("[Content_Types].xml", b"<Types/>")]);
    assert_eq!(decide(DOCX, &first, 700), Ok(DOCX.into()));
    for (declared, wrong) in [
        (DOCX, document("xl/workbook.xml")),
        (DOCX, zip(&[("word/document.xml", b"<w/>")])),
        (DOCX, zip(&[("[Content_Types].xml", b"<Types/>"), ("evil.exe", b"MZ")])),
        (DOCX, zip(&[("word/document.xml", b"<w/>"), ("[Content_Types].xml", b"<T/>"), ("word/vbaProject.bin", b"x")])),
    ] {
        assert!(matches!(decide(declared, &wrong, 700), Err(UploadError::TypeMismatch { .. })));
    }
    let odt = zip(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<office/>")]);
    let kind = "application/vnd.oasis.opendocument.text";
    assert_eq!(decide(kind, &odt, 100), Ok(kind.into()));
}

#[test]
fn packages_that_lie_about_themselves_are_read_no_further_than_they_are_long() {
    let whole = document("word/document.xml");
    for end in 0..whole.len() {
        assert!(decide(DOCX, &whole[..end], 900).is_err(), "cut at {end}");
    }
    let at = whole.len() - 22;
    for offset in 8..22 {
        let mut spoilt = whole.clone();
        spoilt[at + offset] = 0xff;
        // Whatever comes of it, nothing panics and nothing is read that is not there.
        let _ = decide(DOCX, &spoilt, 900);
    }
}

#[test]
fn types_have_one_name_here() {
    assert_eq!(canonical("IMAGE/JPG ; a=b").unwrap().as_deref(), Some("image/jpeg"));
    assert_eq!(canonical("application/octet-stream").unwrap(), None);
    for wrong in
        ["pdf", "a/b/c", "text/", "/plain", "text/pl ain", "text/plain\u{0}", &format!("text/{}", "x".repeat(200))]
    {
        assert!(matches!(canonical(wrong), Err(Error::Invalid { field: "contentType", .. })), "{wrong:?}");
    }
    assert!(is_among(&["image/heic".into()], "image/heif") && !is_among(&["image/heic".into()], "image/png"));
    // What carries no mark is taken at its word, where the operator has allowed it.
    assert_eq!(decide("model/stl", b"\x01\x02\x00", 9), Ok("model/stl".into()));
}
