//! `visavis openapi`: the API's description on standard output.

use std::io::{ErrorKind, Write};

use clap::Args;

use super::Failure;
use crate::api::rest;

/// Prints the API's description, as the server gives it at /api/openapi.json.
#[derive(Debug, Args)]
pub(super) struct Openapi {
    /// With what there is in development mode alone.
    #[arg(long)]
    dev: bool,
}

impl Openapi {
    pub(super) fn run(self) -> Result<(), Failure> {
        let text = description(self.dev)?;
        match std::io::stdout().write_all(text.as_bytes()) {
            // Whoever reads it has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(Failure::runtime),
        }
    }
}

/// The description for people and tools to read: indented, and in an order that stays.
fn description(development: bool) -> Result<String, Failure> {
    // By way of a value, whose maps are sorted; extensions come from hash maps.
    let document = serde_json::to_value(rest::routes(development).document()).map_err(Failure::runtime)?;
    Ok(serde_json::to_string_pretty(&document).map_err(Failure::runtime)? + "\n")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::fs;

    use super::*;

    /// The web app's types are made from it.
    #[test]
    fn the_description_in_the_web_apps_folder_is_the_servers() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/web/openapi.json");
        let committed = fs::read_to_string(path).unwrap_or_default();
        assert!(committed == description(true).unwrap(), "web/openapi.json is stale: `make openapi` renews it");
    }

    #[test]
    fn what_exists_in_development_alone_is_left_out_unless_asked_for() {
        let described = |development| description(development).unwrap().contains("\"/dev/clock\"");
        assert_eq!([false, true].map(described), [false, true]);
    }
}
