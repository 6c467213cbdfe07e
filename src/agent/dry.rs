//! `TIMELAPSE_DRY_RUN FILE=...`: writes a file's dry copy beside it and starts that.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_json::{Value as Json, json};
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use super::Agent;
use crate::conductor::Event;
use crate::conductor::standing_orders::StandingOrders;
use crate::config::Mode;
use crate::dry_run::{DryCopy, Frames, write};
use crate::moonraker::Link;

/// The folder of dry copies, among the G-code files.
const FOLDER: &str = "dry-run";
/// How long Klipper may take to begin.
const START_PATIENCE: Duration = Duration::from_secs(60);

impl Agent {
    /// Takes a call of our macro.
    pub(super) fn dry_run(&mut self, params: &Json) {
        if let Err(reason) = self.begin_dry_run(params) {
            warn!(reason, "no dry run");
            self.conductor.handle(Event::Say(failed(&reason)), &self.printer);
        }
    }

    fn begin_dry_run(&mut self, params: &Json) -> Result<(), String> {
        if self.copying.as_ref().is_some_and(|running| !running.is_finished()) {
            return Err("one is being prepared".to_owned());
        }
        if self.printer.print_stats().state.is_active() {
            return Err("a print is under way: try again when it has ended".to_owned());
        }
        let name = params.get("file").and_then(Json::as_str).unwrap_or_default();
        let name = relative(name)
            .ok_or("name a file, TIMELAPSE_DRY_RUN FILE=model.gcode, as it is called in the list of files")?;
        let folder = self.printer.gcode_folder().ok_or("Klipper has not told where its files are")?;
        let source = folder.join(&name);
        if !source.is_file() {
            return Err(format!(
                "there is no file {} on this host; if Klipper runs on another one, make the copy with `moonlapse dry-run`",
                source.display()
            ));
        }
        let link = self.connection.as_ref().map(|c| c.link.clone()).ok_or("there is no connection to Moonraker")?;
        let frames = self.frames()?;
        let events = self.conductor.workshop().events.clone();
        self.copying = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let copy = Path::new(FOLDER).join(&name);
            let line = match prepare_and_start(&link, source, folder.join(&copy), frames, &copy).await {
                Ok(made) => said(&copy, &made),
                Err(reason) => {
                    warn!(reason, "no dry run");
                    failed(&reason)
                }
            };
            // The agent is on its way out when nobody listens.
            events.send(Event::Say(line)).await.ok();
        })));
        Ok(())
    }

    fn frames(&self) -> Result<Frames, String> {
        let settings = self.conductor.settings();
        if !settings.mode.plans() {
            return Ok(Frames::Unplanned);
        }
        let printer = self.printer.outline().ok_or("Klipper has not told the printer's limits")?;
        let own_calls = matches!(settings.mode, Mode::Auto);
        let orders = StandingOrders { program: PathBuf::new(), settings: settings.clone(), printer };
        let (engine, planner) = orders.scheme().map_err(|problem| problem.to_string())?;
        Ok(Frames::Planned { engine: Box::new(engine), planner: Box::new(planner), own_calls })
    }
}

async fn prepare_and_start(
    link: &Link,
    source: PathBuf,
    target: PathBuf,
    frames: Frames,
    name: &Path,
) -> Result<DryCopy, String> {
    let made = tokio::task::spawn_blocking(move || {
        if let Some(folder) = target.parent() {
            std::fs::create_dir_all(folder).map_err(|problem| format!("{}: {problem}", folder.display()))?;
        }
        write(&source, &target, frames).map_err(|problem| problem.to_string())
    });
    let made = match made.await {
        Ok(made) => made?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    let start = json!({"filename": name});
    link.request("printer.print.start", start, START_PATIENCE).await.map_err(|refused| refused.to_string())?;
    info!(file = %name.display(), moves = made.moves, frames = made.frames, "dry run started");
    Ok(made)
}

fn said(copy: &Path, made: &DryCopy) -> String {
    let homes = if made.homes_first { "; it homes first" } else { "" };
    format!(
        "Timelapse: dry run of {} begins, without heat and filament: {} moves, {} calls for frames{homes}",
        copy.display(),
        made.moves,
        made.frames
    )
}

fn failed(reason: &str) -> String {
    format!("Timelapse: no dry run: {reason}")
}

/// The name of a file within the folder of files, and not of a dry copy's own folder.
fn relative(name: &str) -> Option<PathBuf> {
    let path = Path::new(name.trim().trim_start_matches('/'));
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && path.components().next().is_some()).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_within_the_folder_are_named() {
        assert_eq!(relative("a b/model.gcode"), Some("a b/model.gcode".into()));
        assert_eq!(relative("/model.gcode"), Some("model.gcode".into()));
        for wrong in ["", " ", "../model.gcode", "a/../../b", "/"] {
            assert_eq!(relative(wrong), None, "{wrong}");
        }
    }
}
