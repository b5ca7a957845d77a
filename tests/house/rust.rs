//! Just enough of Rust's lexis to look at code and not at comments, texts or tests.

/// The text with comments and literals blanked; every line keeps its number.
pub fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let end = match bytes[i] {
            b'/' if bytes[i..].starts_with(b"//") => line_end(bytes, i),
            b'/' if bytes[i..].starts_with(b"/*") => comment_end(bytes, i),
            b'"' => string_end(bytes, i),
            b'r' if !joined(bytes, i) => raw_end(bytes, i).unwrap_or(i),
            b'b' if !joined(bytes, i) && bytes.get(i + 1) == Some(&b'r') => raw_end(bytes, i + 1).unwrap_or(i),
            b'\'' => char_end(bytes, i),
            _ => i,
        };
        if end == i {
            out.push(bytes[i]);
            i += 1;
        } else {
            out.extend(bytes[i..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
            i = end;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Code (as [`code`] gives it) with every item under `#[cfg(test)]` blanked.
pub fn without_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(at) = out[from..].find("#[cfg(test)]").map(|at| at + from) {
        let end = item_end(&out, at + "#[cfg(test)]".len());
        let blank: String = out[at..end].chars().map(|c| if c == '\n' { '\n' } else { ' ' }).collect();
        out = format!("{}{blank}{}", &out[..at], &out[end..]);
        from = at + blank.len();
    }
    out
}

/// An item ends with its semicolon, or with its braces where these come first.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0usize;
    for (i, c) in code[start..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return start + i + 1,
            '}' => depth -= 1,
            ';' if depth == 0 => return start + i + 1,
            _ => {}
        }
    }
    code.len()
}

fn line_end(bytes: &[u8], start: usize) -> usize {
    bytes[start..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |length| start + length)
}

/// Block comments nest.
fn comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i < bytes.len() {
        if bytes[i..].starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if bytes[i..].starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut i = start + 1;
    while i < bytes.len() {
        match bytes[i] {
            b'\\' => i += 2,
            b'"' => return i + 1,
            _ => i += 1,
        }
    }
    bytes.len()
}

/// The end of a raw string whose `r` is at `start`, if one is there.
fn raw_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
    let length = bytes[open + 1..].windows(close.len()).position(|window| window == close)?;
    Some(open + 1 + length + close.len())
}

/// A character literal, or nothing where the quote begins a lifetime.
fn char_end(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start + 1) {
        Some(b'\\') => {
            // The escaped character itself may be a quote.
            bytes
                .get(start + 3..)
                .and_then(|rest| rest.iter().position(|byte| *byte == b'\''))
                .map_or(start, |at| start + 4 + at)
        }
        Some(_) => {
            let text = String::from_utf8_lossy(&bytes[start + 1..(start + 6).min(bytes.len())]).into_owned();
            let width = text.chars().next().map_or(1, char::len_utf8);
            if bytes.get(start + 1 + width) == Some(&b'\'') { start + 2 + width } else { start }
        }
        None => start,
    }
}

/// Whether the byte before belongs to the same word.
fn joined(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

#[test]
fn literals_and_comments_are_blanked_and_code_stays() {
    let text = "a /* x /* y */ z */ b // c\n\"d \\\" e\" f r#\"g \" h\"# 'i' '\\'' k: &'l str, b\"m\" br\"n\" var";
    let seen = code(text);
    let seen: Vec<&str> = seen.split_whitespace().collect();
    assert_eq!(seen, ["a", "b", "f", "k:", "&'l", "str,", "b", "var"]);
    assert_eq!(code("a\n/*\n*/b").lines().count(), 3);
}
