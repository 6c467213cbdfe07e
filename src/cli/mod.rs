//! The `moonlapse` command: one file per subcommand, each with its arguments and a `run`.

mod annotate;
mod calibrate;
mod check;
mod doctor;
mod dry_run;
mod failure;
mod meter;
mod moonraker_args;
pub mod paths;
mod plan;
mod plan_args;
mod queue;
mod render;
mod run;
pub mod schema;
mod sessions;
mod status;
mod strip;
mod trace;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Stabilised timelapses for 3D printers that run Klipper.
#[derive(Debug, Parser)]
// In a release the program's file is called by its architecture.
#[command(name = "moonlapse", bin_name = "moonlapse", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
enum Command {
    Annotate(Box<annotate::Annotate>),
    Calibrate(calibrate::Calibrate),
    Check(check::Check),
    Doctor(doctor::Doctor),
    DryRun(Box<dry_run::DryRun>),
    Plan(Box<plan::Plan>),
    Queue(queue::Queue),
    Render(Box<render::Render>),
    Run(run::Run),
    Schema(schema::Schema),
    Sessions(sessions::Sessions),
    Status(status::Status),
    Strip(strip::Strip),
    Trace(trace::Trace),
}

impl Cli {
    /// Runs the subcommand and says how it went.
    #[must_use]
    pub fn run(self) -> ExitCode {
        match self.command {
            Command::Annotate(annotate) => annotate.run(),
            Command::Calibrate(calibrate) => calibrate.run(),
            Command::Check(check) => check.run(),
            Command::Doctor(doctor) => doctor.run(),
            Command::DryRun(dry_run) => dry_run.run(),
            Command::Plan(plan) => plan.run(),
            Command::Queue(queue) => queue.run(),
            Command::Render(command) => command.run(),
            Command::Run(run) => run.run(),
            Command::Schema(schema) => schema.run(),
            Command::Sessions(command) => command.run(),
            Command::Status(status) => status.run(),
            Command::Strip(strip) => strip.run(),
            Command::Trace(trace) => trace.run(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_calls_the_command_by_its_name() {
        let help = Cli::try_parse_from(["/home/pi/moonlapse/bin/moonlapse-x86_64", "sessions", "--help"]).unwrap_err();
        assert!(help.to_string().contains("Usage: moonlapse sessions"), "{help}");
    }
}
