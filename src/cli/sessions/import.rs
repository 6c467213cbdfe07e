//! `moonlapse sessions import`.

use clap::Args;

use super::{StoreArgs, size};
use crate::cli::failure::Failure;
use crate::cli::meter::Meter;
use crate::cli::render::cancelled_by_ctrl_c;
use crate::config::expand_home;
use crate::render::{ImportRequest, import};
use crate::session::SessionSummary;

/// Make a session of pictures from elsewhere, so that films can be made of them.
///
/// Takes a zip that Moonlapse or moonraker-timelapse made of a print's frames, any other zip of JPEGs, or a folder of
/// JPEGs. They are copied, in the order of their names; what is not a whole JPEG is left out and named. The films get the
/// settings of the archive, else those of moonraker.conf.
#[derive(Debug, Args)]
pub(super) struct Import {
    /// The zip or the folder.
    source: String,
    /// The printed file, for the names of its films, when the source does not tell it.
    #[arg(long, value_name = "NAME")]
    print_file: Option<String>,
}

impl Import {
    pub(super) fn run(self, args: &StoreArgs) -> Result<(), Failure> {
        let settings = args.settings()?;
        let mut store = args.open(&settings)?;
        store.set_reserve(u64::from(settings.disk_reserve) * 1_000_000);
        let settings = serde_json::to_value(&settings).unwrap_or_default();
        let request = ImportRequest { source: expand_home(&self.source), print_file: self.print_file, settings };
        // A worker thread, so that Ctrl-C is seen while this one copies.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let cancel = runtime.block_on(cancelled_by_ctrl_c());
        let mut meter = Meter::new(None);
        let imported = import(&mut store, &request, |progress| meter.show(progress), &cancel);
        meter.end();
        let imported = imported?;
        for skipped in &imported.skipped {
            eprintln!("Left out: {} ({})", skipped.path.display(), skipped.reason);
        }
        let SessionSummary { session, frames, bytes, .. } = &imported.session;
        eprintln!("{frames} frames, {}; `moonlapse render {}` makes a film of them", size(*bytes), session.id);
        println!("{}", session.id);
        Ok(())
    }
}
