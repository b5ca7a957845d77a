//! What can be said about a configuration: file, line, key and what is the matter.

use std::fmt;

use super::yaml::Place;

/// One complaint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, or a name for what stands in its stead (an environment variable, a flag).
    pub file: String,
    /// Where in it, if it has lines.
    pub place: Option<Place>,
    /// The key, dotted from the root; empty where the whole text is meant.
    pub key: String,
    /// What is the matter.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(place) = self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A configuration that cannot be used. Holds at least one problem, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Problem>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Problems as they are found.
#[derive(Debug, Default)]
pub(super) struct Problems {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
}

impl Problems {
    /// An error that has no line: of a flag, an environment variable or the whole.
    pub(super) fn error(&mut self, source: &str, key: &str, message: impl Into<String>) {
        self.errors.push(Problem { file: source.into(), place: None, key: key.into(), message: message.into() });
    }

    /// Whether there is an error at this key.
    pub(super) fn mentions(&self, key: &str) -> bool {
        self.errors.iter().any(|problem| problem.key == key)
    }

    /// A warning that has no line.
    pub(super) fn warning(&mut self, source: &str, key: &str, message: impl Into<String>) {
        self.warnings.push(Problem { file: source.into(), place: None, key: key.into(), message: message.into() });
    }
}
