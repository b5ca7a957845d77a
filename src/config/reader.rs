//! Reads a YAML mapping key by key; what no setting has read is looked up among LiveKit's keys, and is a warning
//! or an error.

use super::livekit;
use super::problem::{Problem, Problems};
use super::secret::Secret;
use super::values::parse_duration;
use super::yaml::{Entry, Node, Place, Value};

/// One mapping of the document that is being read.
pub(super) struct Section<'a> {
    file: &'a str,
    path: String,
    /// Where the mapping starts.
    start: Place,
    entries: Vec<&'a Entry>,
    /// The keys that settings asked for, to suggest one for a key that is misspelt.
    asked: Vec<&'static str>,
    problems: &'a mut Problems,
}

impl<'a> Section<'a> {
    /// The document's root.
    pub(super) fn root(file: &'a str, node: &'a Node, problems: &'a mut Problems) -> Self {
        let mut section =
            Self { file, path: String::new(), start: node.place, entries: Vec::new(), asked: Vec::new(), problems };
        section.open(node);
        section
    }

    /// Where a key stands, if it is there.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| entry.place)
    }

    /// Reads `key` into `target` by `parse`; absent and null leave it alone.
    pub(super) fn set<T>(&mut self, key: &'static str, target: &mut T, parse: impl Fn(&Node) -> Result<T, String>) {
        if let Some(value) = self.get(key, parse) {
            *target = value;
        }
    }

    /// As [`Self::set`], for a key whose default is not known here.
    pub(super) fn get<T>(&mut self, key: &'static str, parse: impl Fn(&Node) -> Result<T, String>) -> Option<T> {
        let entry = self.take(key)?;
        if matches!(entry.node.value, Value::Null) {
            return None;
        }
        match parse(&entry.node) {
            Ok(value) => Some(value),
            Err(message) => {
                self.error(key, entry.node.place, message);
                None
            }
        }
    }

    /// As [`Self::get`], for a key that the mapping cannot do without.
    pub(super) fn required<T>(&mut self, key: &'static str, parse: impl Fn(&Node) -> Result<T, String>) -> Option<T> {
        if self.place(key).is_none() {
            self.needs(key);
        }
        self.get(key, parse)
    }

    /// Complains that a key is missing, at the place where the mapping starts.
    pub(super) fn needs(&mut self, key: &str) {
        self.error(key, self.start, "is needed");
    }

    /// Reads the mapping under `key`, if it is there, and complains of what it holds besides.
    pub(super) fn section(&mut self, key: &'static str, read: impl FnOnce(&mut Section<'_>)) {
        if let Some(entry) = self.take(key) {
            self.nested(key.to_owned(), &entry.node, read);
        }
    }

    /// Reads a sequence of mappings.
    pub(super) fn sections(&mut self, key: &'static str, mut read: impl FnMut(&mut Section<'_>)) {
        let Some(entry) = self.take(key) else { return };
        match &entry.node.value {
            Value::Null => {}
            Value::List(list) => {
                for (i, node) in list.iter().enumerate() {
                    self.nested(format!("{key}[{i}]"), node, &mut read);
                }
            }
            other => self.error(key, entry.node.place, expected("a list", other)),
        }
    }

    /// A key of LiveKit's whose meaning here is always `fixed`: any other value is a warning that says `why`.
    pub(super) fn fixed(&mut self, key: &'static str, fixed: bool, why: &str) {
        let place = self.place(key);
        if self.get(key, boolean).is_some_and(|given| given != fixed) {
            self.warning(key, place, format!("{} has no effect here: {why}", !fixed));
        }
    }

    /// Reports an error at a key.
    pub(super) fn error(&mut self, key: &str, place: Place, message: impl Into<String>) {
        let problem = self.problem(key, Some(place), message.into());
        self.problems.errors.push(problem);
    }

    /// Reports a warning at a key.
    pub(super) fn warning(&mut self, key: &str, place: Option<Place>, message: impl Into<String>) {
        let problem = self.problem(key, place, message.into());
        self.problems.warnings.push(problem);
    }

    /// Complains of the keys that nobody has read.
    pub(super) fn finish(mut self) {
        for entry in std::mem::take(&mut self.entries) {
            self.leftover(entry);
        }
    }

    fn open(&mut self, node: &'a Node) {
        match &node.value {
            Value::Null => {}
            Value::Map(entries) => self.entries = entries.iter().collect(),
            other => {
                let problem = self.problem("", Some(node.place), expected("a mapping of keys to values", other));
                self.problems.errors.push(problem);
            }
        }
    }

    fn nested(&mut self, key: String, node: &Node, read: impl FnOnce(&mut Section<'_>)) {
        let path = self.key(&key);
        let problems = &mut *self.problems;
        let mut section =
            Section { file: self.file, path, start: node.place, entries: Vec::new(), asked: Vec::new(), problems };
        section.open(node);
        read(&mut section);
        section.finish();
    }

    fn take(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.asked.push(key);
        let index = self.entries.iter().position(|entry| entry.key == key)?;
        Some(self.entries.remove(index))
    }

    fn leftover(&mut self, entry: &Entry) {
        let key = self.key(&entry.key);
        let Some(lacking) = livekit::lacking(&key) else {
            let guess = nearest(&entry.key, self.asked.iter().copied());
            let message = guess.map_or("unknown key".to_owned(), |near| format!("unknown key; did you mean `{near}`?"));
            return self.error(&entry.key, entry.place, message);
        };
        let message = format!("LiveKit's setting, not used here: {}", lacking.why);
        self.warning(&entry.key, Some(entry.place), message);
        self.check_words(&key, &entry.node, lacking);
    }

    /// Below a key that we lack, only LiveKit's words may stand.
    fn check_words(&mut self, path: &str, node: &Node, lacking: &livekit::Lacking) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let key = format!("{path}.{}", entry.key);
                    if !lacking.knows(&entry.key) {
                        let guess = nearest(&entry.key, lacking.words.split_whitespace());
                        let hint = guess.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
                        self.problems.errors.push(Problem {
                            file: self.file.to_owned(),
                            place: Some(entry.place),
                            key,
                            message: format!("unknown key{hint}"),
                        });
                    } else {
                        self.check_words(&key, &entry.node, lacking);
                    }
                }
            }
            Value::List(list) => list.iter().for_each(|node| self.check_words(path, node, lacking)),
            _ => {}
        }
    }

    fn key(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (_, true) => self.path.clone(),
            _ => format!("{}.{key}", self.path),
        }
    }

    fn problem(&self, key: &str, place: Option<Place>, message: String) -> Problem {
        Problem { file: self.file.to_owned(), place, key: self.key(key), message }
    }
}

fn expected(what: &str, found: &Value) -> String {
    let found = match found {
        Value::Null => "nothing".to_owned(),
        Value::Plain(text) | Value::Quoted(text) if text.len() <= 60 => format!("`{text}`"),
        Value::Plain(_) | Value::Quoted(_) => "a long text".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    };
    format!("expected {what}, found {found}")
}

/// `true` or `false`, or one of the other words that YAML 1.1 and so LiveKit takes for these.
pub(super) fn boolean(node: &Node) -> Result<bool, String> {
    match &node.value {
        Value::Plain(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Ok(true),
            "false" | "no" | "off" => Ok(false),
            _ => Err(expected("true or false", &node.value)),
        },
        other => Err(expected("true or false", other)),
    }
}

/// A whole number that fits `T`; digits may be grouped by underscores.
pub(super) fn number<T: TryFrom<i64>>(node: &Node) -> Result<T, String> {
    let wrong = || expected("a whole number", &node.value);
    let Value::Plain(text) = &node.value else { return Err(wrong()) };
    let digits = text.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16),
        None => digits.parse::<i64>(),
    };
    let number = number.map_err(|_| wrong())?;
    T::try_from(number).map_err(|_| format!("{number} is out of range"))
}

/// A port.
pub(super) fn port(node: &Node) -> Result<u16, String> {
    number(node).map_err(|_| expected("a port (0 to 65535)", &node.value))
}

/// Any scalar's text.
pub(super) fn text(node: &Node) -> Result<String, String> {
    match &node.value {
        Value::Plain(text) | Value::Quoted(text) => Ok(text.clone()),
        other => Err(expected("a text", other)),
    }
}

/// A secret; a complaint about one does not repeat it.
pub(super) fn secret(node: &Node) -> Result<Secret, String> {
    text(node).map(Secret::new).map_err(|_| "expected a text".to_owned())
}

/// A text that [`std::str::FromStr`] reads.
pub(super) fn parsed<T: std::str::FromStr<Err = String>>(node: &Node) -> Result<T, String> {
    text(node)?.parse()
}

/// A duration with its unit.
pub(super) fn duration(node: &Node) -> Result<std::time::Duration, String> {
    parse_duration(&text(node)?)
}

/// A sequence, each element read by `parse`.
pub(super) fn list<T>(parse: impl Fn(&Node) -> Result<T, String>) -> impl Fn(&Node) -> Result<Vec<T>, String> {
    move |node| match &node.value {
        Value::List(nodes) => nodes.iter().map(&parse).collect(),
        other => Err(expected("a list", other)),
    }
}

/// The word at most two edits away from a misspelt one.
fn nearest<'w>(word: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if word.len() > 64 {
        return None;
    }
    words.map(|known| (distance(word, known), known)).filter(|(edits, _)| *edits <= 2).min().map(|(_, known)| known)
}

/// Levenshtein distance in bytes; keys are ASCII.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour() {
        assert_eq!(nearest("udp_prt", ["tcp_port", "udp_port"].into_iter()), Some("udp_port"));
        assert_eq!(nearest("nonsense", ["tcp_port", "udp_port"].into_iter()), None);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
