//! How errors read: every module has its own type, this writes one with all its causes.

use std::error::Error;

/// An error and its causes in one line, `what failed: because: because`. A cause that its parent has spelt out
/// already is not repeated.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Told(&'static str, #[source] Option<Box<Told>>);

    #[test]
    fn causes_follow_what_they_caused_and_are_said_once() {
        let error =
            Told("no server: port taken", Some(Box::new(Told("port taken", Some(Box::new(Told("by whom", None)))))));
        assert_eq!(chain(&error), "no server: port taken: by whom");
    }
}
