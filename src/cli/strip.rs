//! `moonlapse strip`: the file as the slicer wrote it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use crate::annotate::{Original, Restored};

/// Take out of a G-code file what `moonlapse annotate` has put in: it is again what the slicer wrote, byte for byte.
#[derive(Debug, Args)]
pub(super) struct Strip {
    /// The G-code file.
    file: PathBuf,
    /// Write the restored file here and leave FILE as it is.
    #[arg(long, value_name = "OUT")]
    out: Option<PathBuf>,
}

impl Strip {
    pub(super) fn run(&self) -> ExitCode {
        let file = self.file.display();
        let restored = Original::open(&self.file, None).and_then(|mut file| file.restore(self.out.as_deref()));
        match restored {
            Ok(Restored { lines: 0, .. }) => println!("{file}: not annotated, nothing to take out"),
            Ok(Restored { lines, exact: true }) => println!("{file}: as the slicer wrote it, without {lines} lines"),
            Ok(Restored { lines, exact: false }) => println!(
                "{file}: without {lines} lines of ours; it is not what the slicer wrote, as it was changed after it was \
                 annotated"
            ),
            Err(problem) => {
                eprintln!("moonlapse: {problem}");
                return ExitCode::FAILURE;
            }
        }
        ExitCode::SUCCESS
    }
}
