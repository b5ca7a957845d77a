//! `visavis backup` and `visavis restore`: copies of the data folder, and the way back.

use std::io::{IsTerminal, Write, stderr};
use std::path::PathBuf;

use clap::Args;

use super::Failure;
use super::args::SettingsArgs;
use crate::clock::{Clock, SystemClock};
use crate::error::chain;
use crate::store::{self, DataFolder};

/// Copies database and files while the server goes on.
#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The folder to make, which must not exist.
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

/// Puts a copy in the place of the data, which is kept beside. The server must not run.
#[derive(Debug, Args)]
pub(super) struct Restore {
    #[command(flatten)]
    settings: SettingsArgs,
    /// The copy.
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
}

impl Backup {
    pub(super) fn run(self) -> Result<(), Failure> {
        let folder = data_folder(self.settings)?;
        let terminal = stderr().is_terminal();
        let progress = |done: u32, all: u32| {
            if terminal && all > 0 {
                eprint!("\r{} %", u64::from(done) * 100 / u64::from(all));
                // Progress that is not seen does no harm.
                let _ = stderr().flush();
            }
        };
        let result = store::backup(&folder, &self.target, progress);
        if terminal {
            eprint!("\r     \r");
        }
        result.map_err(|error| Failure::runtime(chain(&error)))?;
        if let Err(error) = store::note_backup(&folder, SystemClock.unix()) {
            eprintln!("the copy is made, and the server will not know of it: {}", chain(&error));
        }
        println!("{}", self.target.display());
        Ok(())
    }
}

impl Restore {
    pub(super) fn run(self) -> Result<(), Failure> {
        let folder = data_folder(self.settings)?;
        let stamp = SystemClock.unix().as_secs().to_string();
        let kept = store::restore(&self.source, &folder, &stamp).map_err(|error| Failure::runtime(chain(&error)))?;
        match kept {
            Some(kept) => println!("restored; what was there before is in {}", kept.display()),
            None => println!("restored"),
        }
        Ok(())
    }
}

/// The data folder that flags, environment and file name.
pub(super) fn data_folder(settings: SettingsArgs) -> Result<DataFolder, Failure> {
    // A folder that is named needs no configuration beside it.
    if let Some(folder) = settings.data_dir {
        return Ok(DataFolder::new(folder));
    }
    let loaded = settings.load()?;
    let named = loaded.settings.office.data_dir;
    named.map(DataFolder::new).ok_or_else(|| {
        Failure::usage("no data folder is named: give --data-dir, or --config with a file that has data_dir")
    })
}
