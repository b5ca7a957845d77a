//! `visavis config check`.

use clap::Args;

use super::Failure;
use super::args::SettingsArgs;

/// Prints the effective settings as YAML, secrets masked; doubts go to standard error.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    settings: SettingsArgs,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let loaded = self.settings.load()?;
        for warning in &loaded.warnings {
            eprintln!("warning: {warning}");
        }
        let text = serde_saphyr::to_string(&loaded.settings).map_err(Failure::runtime)?;
        print!("{text}");
        Ok(())
    }
}
