//! What becomes known of a print while it is under way: its job in Moonraker's history, and how many layers it has.

use serde_json::Value as Json;
use tracing::debug;

use super::Conductor;
use super::watch::Watch;
use crate::printer::PrintStats;

/// What is known of the print under way, and has been told to its session.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// Of its file, by our plan.
    planned_layers: Option<u32>,
    layers: Option<u32>,
    job: Option<String>,
}

impl About {
    /// The file was read.
    pub(super) fn planned(&mut self, layers: u32) {
        self.planned_layers = Some(layers).filter(|layers| *layers > 0);
    }
}

/// A print in Moonraker's history that is under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HistoryJob {
    file: String,
    id: String,
}

impl Conductor {
    /// Moonraker's history has a new entry, or one has changed (`notify_history_changed`).
    pub fn history_changed(&mut self, news: &Json) {
        let Some(job) = news.get("job") else { return };
        let text = |key: &str| job.get(key).and_then(Json::as_str).map(str::to_owned);
        let (Some(id), Some(file)) = (text("job_id"), text("filename")) else { return };
        self.history = Some(HistoryJob { file, id });
        self.know_job();
        // One that has ended is not that of a later print of the same file.
        if news.get("action").and_then(Json::as_str) != Some("added") {
            self.history = None;
        }
    }

    /// The history may hear of a print before us or after us.
    pub(super) fn know_job(&mut self) {
        let (Some(current), Some(job)) = (&mut self.current, &self.history) else { return };
        if current.print_file == job.file && current.about.job.is_none() {
            debug!(job = job.id, "the print's entry in the history is known");
            current.about.job = Some(job.id.clone());
            current.filming.know(Some(job.id.clone()), None);
        }
    }

    /// Frames of a plan are counted by it, others by the slicer.
    pub(super) fn know_layers(&mut self, stats: &PrintStats) {
        let Some(current) = &mut self.current else { return };
        let planned = current.about.planned_layers;
        let layers = match current.watch {
            Watch::Live(_) | Watch::InPassing(_) => planned.or(stats.total_layer),
            _ => stats.total_layer.or(planned),
        };
        if layers.is_some() && layers != current.about.layers {
            current.about.layers = layers;
            current.filming.know(None, layers);
        }
    }
}
