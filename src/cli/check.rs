//! `moonlapse check`: is the configuration right?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::paths::DataPath;
use crate::config::{Layer, merge, read_moonraker_conf};
use crate::render::FilmSettings;

/// Check the [timelapse] section of moonraker.conf and say what is wrong with it.
///
/// Exits with 0 when all is well, with 1 when an option cannot be used, with 2 when the file cannot be read.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    data: DataPath,
    /// The file to check, when it is not config/moonraker.conf in Moonraker's data folder.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print the settings in force as JSON.
    #[arg(long)]
    json: bool,
}

impl Check {
    /// Reads, merges, reports.
    pub(super) fn run(self) -> ExitCode {
        let path = self.config.unwrap_or_else(|| self.data.moonraker_conf());
        let merged =
            read_moonraker_conf(&path).and_then(|layer| merge([&layer, &Layer::environment(std::env::vars())]));
        let merged = match merged {
            Ok(merged) => merged,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::from(2);
            }
        };
        let mut faults: Vec<String> = merged.faults.iter().map(ToString::to_string).collect();
        match FilmSettings::from(&merged.settings).profiles() {
            Ok((_, wrong)) => faults.extend(wrong.iter().map(ToString::to_string)),
            Err(wrong) => faults.push(wrong.to_string()),
        }
        for fault in &faults {
            eprintln!("{fault}");
        }
        if self.json {
            println!("{:#}", serde_json::json!(merged.settings));
        } else if faults.is_empty() {
            println!("{}: all options of [timelapse] are right", path.display());
        }
        if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}
