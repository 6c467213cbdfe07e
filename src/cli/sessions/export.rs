//! `moonlapse sessions export`.

use clap::Args;

use super::StoreArgs;
use crate::cli::failure::Failure;
use crate::cli::render::{cancelled_by_ctrl_c, settings_of, zip};
use crate::config::expand_home;

/// Write the frames of a session, and what is known about them, into a zip.
#[derive(Debug, Args)]
pub(super) struct Export {
    /// A session's name, an unambiguous beginning of it, or `latest`.
    session: String,
    /// Folder of the zip; `output_path` of moonraker.conf unless given.
    #[arg(long, short, value_name = "FOLDER")]
    output: Option<String>,
}

impl Export {
    pub(super) fn run(self, args: &StoreArgs) -> Result<(), Failure> {
        let installed = args.settings()?;
        let store = args.open(&installed)?;
        let session = store.find(&self.session)?;
        let output_dir = expand_home(self.output.as_deref().unwrap_or(&installed.output_path));
        // A worker thread, so that Ctrl-C is seen while this one writes the zip.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let cancel = runtime.block_on(cancelled_by_ctrl_c());
        let time_format_code = settings_of(&session, &installed).time_format_code;
        zip(&store, session, output_dir, time_format_code, &cancel)
    }
}
