//! How figures are shown: a table for the terminal, JSON, and a page with the curves.

mod chart;
mod page;
mod table;

pub use page::page;
pub use table::table;

use super::figures::Figures;

/// The figures as JSON, one object.
pub fn json(figures: &Figures) -> String {
    // Numbers and text only: nothing in it can fail to be written.
    serde_json::to_string_pretty(figures).unwrap_or_default() + "\n"
}
