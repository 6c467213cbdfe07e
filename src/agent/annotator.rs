//! Has Moonraker run `moonlapse annotate` on uploads, where the settings want it.
//!
//! The orders are written first, then the Moonraker component is told that they are there. It forgets about them with our
//! connection, so an upload waits for no program of an agent that is gone.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value as Json, json};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::conductor::standing_orders::{FILE_NAME, StandingOrders};
use crate::config::Settings;
use crate::moonraker::{Link, LinkError, REQUEST_TIMEOUT};

/// What is known when the agent has learned something new.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) settings: Settings,
    /// The printer's outline; `None` while Klipper is away.
    pub(super) printer: Option<Map<String, Json>>,
}

/// Carries the newest wish to Moonraker until the connection ends. `folder`: the agent's, in Moonraker's data folder.
pub(super) async fn carry_wishes(link: Link, folder: PathBuf, mut wishes: watch::Receiver<Option<Wish>>) {
    let mut running = false;
    while wishes.changed().await.is_ok() {
        let Some(wish) = wishes.borrow_and_update().clone() else { continue };
        let file = folder.join(FILE_NAME);
        let ready = match tokio::task::spawn_blocking(move || prepare(&file, wish)).await {
            Ok(ready) => ready,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        };
        if ready == running {
            continue;
        }
        match link.request("machine.timelapse.agent.annotator", json!({"enabled": ready}), REQUEST_TIMEOUT).await {
            Ok(_) => {
                running = ready;
                if ready {
                    info!("uploads are annotated");
                } else {
                    info!("uploads are annotated no more");
                }
            }
            Err(LinkError::Closed(_)) => return,
            Err(problem) => warn!(error = %problem, "uploads are not annotated"),
        }
    }
}

/// Writes the orders. Whether uploads can be annotated by them.
fn prepare(file: &Path, Wish { settings, printer }: Wish) -> bool {
    if !StandingOrders::wanted(&settings) {
        return false;
    }
    // Printers are off most of the time: what Klipper said last holds.
    let printer = printer.or_else(|| StandingOrders::read(file).ok().map(|orders| orders.printer));
    let (Some(printer), Some(program)) = (printer, program()) else {
        debug!("the printer's limits are not known yet, so uploads are not annotated");
        return false;
    };
    let orders = StandingOrders { program, settings, printer };
    if let Err(problem) = orders.options() {
        warn!(error = %problem, "uploads are not annotated");
        return false;
    }
    match orders.write(file) {
        Ok(()) => true,
        Err(problem) => {
            warn!(file = %file.display(), error = %problem, "cannot write; uploads are not annotated");
            false
        }
    }
}

/// This program. An update has replaced it while it ran: the new one stands in its place.
fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.into_os_string().into_string().ok()?;
    Some(program.strip_suffix(" (deleted)").unwrap_or(&program).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(annotate_files: bool, printer: bool) -> Wish {
        let outline = json!({"toolhead": {"axis_minimum": [0.0, 0.0, 0.0], "axis_maximum": [200.0, 200.0, 180.0]}});
        let Json::Object(outline) = outline else { panic!("{outline}") };
        Wish { settings: Settings { annotate_files, ..Settings::default() }, printer: printer.then_some(outline) }
    }

    #[test]
    fn orders_are_written_when_the_settings_want_it_and_the_limits_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moonlapse").join(FILE_NAME);
        assert!(!prepare(&file, wish(false, true)) && !file.exists());
        assert!(!prepare(&file, wish(true, false)) && !file.exists());
        assert!(prepare(&file, wish(true, true)));
        let orders = StandingOrders::read(&file).unwrap();
        assert_eq!(orders.program, std::env::current_exe().unwrap());
        assert_eq!(orders.options().unwrap().1.limits.z_max(), 180.0);
    }

    #[test]
    fn a_printer_that_is_off_is_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        assert!(prepare(&file, wish(true, true)));
        let parked =
            Wish { settings: Settings { park: "orbit".to_owned(), ..wish(true, false).settings }, ..wish(true, false) };
        assert!(prepare(&file, parked));
        let orders = StandingOrders::read(&file).unwrap();
        assert_eq!((orders.settings.park.as_str(), Some(orders.printer)), ("orbit", wish(true, true).printer));
    }

    #[test]
    fn settings_that_cannot_be_understood_are_no_orders() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE_NAME);
        let odd =
            Wish { settings: Settings { park: "shelf".to_owned(), ..wish(true, true).settings }, ..wish(true, true) };
        assert!(!prepare(&file, odd) && !file.exists());
    }
}
