//! YAML as a tree that remembers where each node stands, so that every complaint can name file, line and key.
//!
//! Scalars stay text: what a value must be is said by the setting that reads it, and a secret made of digits
//! does not turn into a number on the way.

use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle};

/// Nodes in one document, aliases expanded; a configuration has some hundred.
const MAX_NODES: usize = 20_000;
/// Nesting of collections; LiveKit's deepest setting lies six levels down.
const MAX_DEPTH: usize = 32;

/// Where a node starts, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

/// A YAML node with its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands (for an alias: where it is used).
    pub place: Place,
    /// What it holds.
    pub value: Value,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// A plain scalar, as written.
    Plain(String),
    /// A scalar in quotes or a block scalar, as meant.
    Quoted(String),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order written.
    Map(Vec<Entry>),
}

/// One entry of a mapping.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub node: Node,
}

/// The text is no YAML document that a configuration may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
}

/// Reads one YAML document; an empty text is an empty mapping.
///
/// # Errors
///
/// [`YamlError`] for text that is not YAML, for more than one document, for keys given twice or that are no
/// scalars, for merge keys, and for documents deeper or larger than a configuration can be.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            YamlError { place: Place { line: marker.line(), column: marker.col() + 1 }, message: error.info() }
        })?;
        let place = Place { line: span.start.line(), column: span.start.col() + 1 };
        builder.event(event, place)?;
    }
    Ok(builder.root.unwrap_or(Node { place: Place { line: 1, column: 1 }, value: Value::Map(Vec::new()) }))
}

/// A collection that is not closed yet.
enum Open {
    List(Vec<Node>),
    /// The entries so far, and a key that waits for its value.
    Map(Vec<Entry>, Option<(String, Place)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<(Open, Place, usize)>,
    root: Option<Node>,
    anchors: Vec<(usize, Node)>,
    nodes: usize,
}

impl Builder {
    fn event(&mut self, event: Event<'_>, place: Place) -> Result<(), YamlError> {
        match event {
            Event::Scalar(text, style, anchor, _) => {
                let value = match style {
                    ScalarStyle::Plain if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
                    ScalarStyle::Plain => Value::Plain(text.into_owned()),
                    _ => Value::Quoted(text.into_owned()),
                };
                self.finish(Node { place, value }, anchor)
            }
            Event::SequenceStart(_, anchor, _) => self.start(Open::List(Vec::new()), place, anchor),
            Event::MappingStart(_, anchor, _) => self.start(Open::Map(Vec::new(), None), place, anchor),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some((Open::List(list), place, anchor)) => {
                    self.finish(Node { place, value: Value::List(list) }, anchor)
                }
                Some((Open::Map(map, _), place, anchor)) => self.finish(Node { place, value: Value::Map(map) }, anchor),
                None => Ok(()),
            },
            Event::Alias(id) => {
                let Some((_, node)) = self.anchors.iter().rev().find(|(anchor, _)| *anchor == id) else {
                    return Err(at(place, "an alias stands inside the node it names"));
                };
                let mut node = node.clone();
                node.place = place;
                self.nodes += size(&node);
                self.finish(node, 0)
            }
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(at(place, "a second YAML document starts here; a configuration is one"))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, open: Open, place: Place, anchor: usize) -> Result<(), YamlError> {
        if self.open.len() >= MAX_DEPTH {
            return Err(at(place, "nested too deeply"));
        }
        self.open.push((open, place, anchor));
        Ok(())
    }

    /// A node is complete: it is a key, a value, an element or the document.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), YamlError> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(at(node.place, "too large"));
        }
        if anchor != 0 {
            self.anchors.push((anchor, node.clone()));
        }
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some((Open::List(list), ..)) => list.push(node),
            Some((Open::Map(entries, waiting), ..)) => match waiting.take() {
                Some((key, place)) => entries.push(Entry { key, place, node }),
                None => {
                    let (Value::Plain(key) | Value::Quoted(key)) = node.value else {
                        return Err(at(node.place, "a key must be a word"));
                    };
                    if key == "<<" {
                        return Err(at(node.place, "merge keys (`<<`) are not supported; write the settings out"));
                    }
                    if let Some(first) = entries.iter().find(|entry| entry.key == key) {
                        let message = format!("`{key}` is given twice, first in line {}", first.place.line);
                        return Err(at(node.place, message));
                    }
                    *waiting = Some((key, node.place));
                }
            },
        }
        Ok(())
    }
}

fn size(node: &Node) -> usize {
    match &node.value {
        Value::List(list) => 1 + list.iter().map(size).sum::<usize>(),
        Value::Map(map) => 1 + map.iter().map(|entry| size(&entry.node)).sum::<usize>(),
        _ => 1,
    }
}

fn at(place: Place, message: impl Into<String>) -> YamlError {
    YamlError { place, message: message.into() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn map(text: &str) -> Vec<Entry> {
        match parse(text).unwrap().value {
            Value::Map(map) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn keys_and_values_remember_their_places() {
        let root = map("port: 1\nrtc:\n  udp_port: 7882\n");
        assert_eq!((root[1].place.line, root[1].place.column), (2, 1));
        let Value::Map(rtc) = &root[1].node.value else { panic!() };
        assert_eq!((rtc[0].place.line, rtc[0].place.column), (3, 3));
        assert_eq!((rtc[0].node.place.line, rtc[0].node.place.column), (3, 13));
    }

    #[test]
    fn scalars_stay_as_written() {
        let root = map("a: 00123\nb: \"yes\"\nc: ~\nd:\ne: 1_000\n");
        assert!(matches!(&root[0].node.value, Value::Plain(text) if text == "00123"));
        assert!(matches!(&root[1].node.value, Value::Quoted(text) if text == "yes"));
        assert!(matches!(root[2].node.value, Value::Null));
        assert!(matches!(root[3].node.value, Value::Null));
        assert!(matches!(&root[4].node.value, Value::Plain(text) if text == "1_000"));
    }

    #[test]
    fn an_empty_document_is_an_empty_mapping() {
        assert!(map("").is_empty());
        assert!(map("# nothing\n").is_empty());
    }

    #[test]
    fn broken_text_repeated_keys_and_second_documents_are_errors_with_a_line() {
        for (text, line) in
            [("a: [1\nb: 2\n", 2), ("a: 1\nb: 2\na: 3\n", 3), ("a: 1\n---\nb: 2\n", 2), ("x: 1\n<<: 2", 2)]
        {
            let error = parse(text).unwrap_err();
            assert!(error.place.line >= line, "{text:?}: {error:?}");
        }
    }

    #[test]
    fn aliases_expand_within_bounds() {
        let root = map("a: &x [1, 2]\nb: *x\n");
        assert!(matches!(&root[1].node.value, Value::List(list) if list.len() == 2));
        let mut bomb = String::from("a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n");
        for i in 1..12 {
            bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
        }
        assert!(parse(&bomb).is_err());
        assert!(parse(&"[".repeat(1000)).is_err());
    }
}
