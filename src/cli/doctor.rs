//! `moonlapse doctor`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use clap::Args;

use super::moonraker_args::MoonrakerArgs;
use super::sessions::print;
use super::wait::wait_for;
use crate::clock::Clock;
use crate::config::{Layer, read_moonraker_conf};
use crate::doctor::{Patient, Verdict, examine};
use crate::moonraker::Endpoint;

/// Look for what is wrong with this set-up: Klipper, Moonraker, macros, cameras, ffmpeg, disk, settings.
///
/// Changes nothing and moves nothing; also works while a print is under way. Each finding says what to do. Exits with 0
/// when films can be made, be it with warnings, and with 1 when something is at fault.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    moonraker: MoonrakerArgs,
    /// Exit with 1 for warnings, too.
    #[arg(long)]
    strict: bool,
    /// Print JSON instead of lines.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) fn run(self) -> ExitCode {
        let report = match wait_for(examine(self.patient())) {
            Ok(report) => report,
            Err(failure) => return failure.report(),
        };
        let text = if self.json {
            match serde_json::to_string_pretty(&report) {
                Ok(json) => json,
                Err(error) => {
                    eprintln!("{error}");
                    return ExitCode::FAILURE;
                }
            }
        } else {
            let coloured = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            report.for_terminal(coloured).trim_end().to_owned()
        };
        if let Err(failure) = print(&text) {
            return failure.report();
        }
        let bad = report.count(Verdict::Fault) > 0 || self.strict && report.count(Verdict::Warning) > 0;
        if bad { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn patient(&self) -> Patient {
        let MoonrakerArgs { data, .. } = &self.moonraker;
        let endpoint = self.moonraker.endpoint();
        let conf = data.moonraker_conf();
        // Of a printer elsewhere, Moonraker tells what counts.
        let here = matches!(endpoint, Endpoint::Unix(_)) || endpoint.is_local() && conf.exists();
        Patient {
            endpoint,
            link: None,
            conf: here.then(|| read_moonraker_conf(&conf).map_err(|problem| problem.to_string())),
            overrides: vec![Layer::environment(std::env::vars())],
            store: data.store(),
            inside: false,
            clock: Clock::real(),
        }
    }
}
