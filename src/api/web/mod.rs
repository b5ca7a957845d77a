//! The web app as the server gives it: the files of its build, its one HTML document for every page, and the pages that
//! the server writes itself because there is nothing else to show.
//!
//! A build without the feature `page` has no app. It answers the same addresses with the same statuses, by a document
//! that says so, and with a plain page at the end of links that come by mail.

mod assets;
mod call;
mod negotiate;
mod pages;
mod shell;
pub(super) mod tryout;
mod words;

use std::ops::Deref;
use std::sync::Arc;

use axum::body::Bytes;

pub use assets::Assets;
pub(super) use negotiate::wants_html;
pub(super) use pages::{app, routes};
use shell::Shell;

/// What stands in for the app where there is none.
const PLAIN: &str = include_str!("../../../web/plain/shell.html");
const PLAIN_LINK: &str = include_str!("../../../web/plain/link.html");
const PLAIN_FILES: [(&str, &str); 2] = [
    ("plain/link.js", include_str!("../../../web/plain/link.js")),
    ("plain/plain.css", include_str!("../../../web/plain/plain.css")),
];

/// The app; a handle.
#[derive(Clone)]
pub struct Web(Arc<Parts>);

/// What it consists of.
pub struct Parts {
    assets: Assets,
    shell: Shell,
    /// The page of links where the app has none.
    link: Option<&'static str>,
}

impl Web {
    /// The app that this binary was built with, if it was.
    pub fn embedded() -> Self {
        Self::of(Assets::embedded())
    }

    /// The app of these files, of which one is `index.html`; without that, what stands in for it.
    pub fn of(assets: Assets) -> Self {
        let shell = assets.text("index.html").map(Shell::new);
        Self(Arc::new(match shell {
            Some(shell) => Parts { assets, shell, link: None },
            None => {
                let file = |(name, text): (&str, &'static str)| (name.to_owned(), Bytes::from_static(text.as_bytes()));
                let assets = Assets::of(PLAIN_FILES.map(file));
                Parts { assets, shell: Shell::new(PLAIN), link: Some(PLAIN_LINK) }
            }
        }))
    }

    /// What is wrong with the app: its document has no place for something, or names a file that is not there.
    pub fn faults(&self) -> Vec<String> {
        let lacks = self.shell.lacks().map(|place| format!("index.html has no {place}"));
        let missing = self.shell.addresses().filter(|name| !self.assets.has(name));
        lacks.chain(missing.map(|name| format!("index.html names /{name}, which is not there"))).collect()
    }

    /// Whether there is an app, and not what stands in for it.
    pub fn is_app(&self) -> bool {
        self.link.is_none()
    }
}

impl Deref for Web {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_document_lacks_or_names_in_vain_is_found() {
        assert!(Web::of(Assets::default()).faults().is_empty() && !Web::of(Assets::default()).is_app());
        let shell = "<html lang=\"en\"><title>x</title><!--head--><script src=\"/assets/a.js\"></script>\
                     <script src=\"/assets/b.js\"></script>";
        let app =
            Web::of(Assets::of([("index.html", shell), ("assets/b.js", "")].map(|(n, t)| (n.to_owned(), t.into()))));
        assert!(app.is_app());
        assert_eq!(
            app.faults(),
            ["index.html has no <!--page-->", "index.html names /assets/a.js, which is not there"]
        );
    }
}
