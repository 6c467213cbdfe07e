//! The `moonlapse` command.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    moonlapse::cli::Cli::parse().run()
}
