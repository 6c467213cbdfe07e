//! `TIMELAPSE_STATUS`: what is going on, in lines for the console.

use super::watch::Watch;
use super::{Conductor, Current, events};

impl Conductor {
    /// What is going on.
    pub(super) fn status(&self) -> Vec<String> {
        let Self { settings, .. } = self;
        let first = match &self.current {
            _ if !settings.enabled => "switched off".to_owned(),
            None => "waiting for a print".to_owned(),
            Some(current) => self.of_print(current),
        };
        let names: Vec<&str> = self.cameras.iter().map(|camera| camera.spec.name.as_str()).collect();
        let cameras = match names[..] {
            [] => "no camera".to_owned(),
            [one] => format!("camera {one}"),
            [main, ref more @ ..] => format!("cameras {main} (the main one), {}", more.join(", ")),
        };
        let mode = serde_json::to_value(settings.mode).unwrap_or_default();
        let stops = if settings.parkhead {
            let hold = settings.park_time.max(self.camera_hold) * 1e3;
            format!("the head stands still for {hold:.0} ms a frame")
        } else {
            "the head is not parked".to_owned()
        };
        let second = format!("mode {}, {cameras}, {stops}", mode.as_str().unwrap_or_default());
        [first, second].map(|line| format!("Timelapse: {line}")).into()
    }

    fn of_print(&self, current: &Current) -> String {
        let file = if current.streamed { "a streamed print" } else { current.print_file.as_str() };
        let so_far = events::summary(self.last_frame.count, self.misses, &current.survey.report());
        if self.stopped {
            return format!("stopped for {file} by TIMELAPSE_STOP; {so_far}");
        }
        format!("filming {file}; {so_far}; {}", next(&current.watch))
    }
}

/// What comes next.
fn next(watch: &Watch) -> String {
    match watch {
        Watch::Off => "no more frames are due".to_owned(),
        Watch::Calls => "the next frame comes when the file calls for it".to_owned(),
        Watch::Planning(_) | Watch::Planned(_) => "the file is being read".to_owned(),
        Watch::Live(live) => planned(live.next_layer(), live.report().planned),
        Watch::InPassing(passing) => planned(passing.next_layer(), passing.report().planned),
        Watch::Observed(_) => "the next frame comes when the head begins a layer".to_owned(),
    }
}

fn planned(next: Option<u32>, planned: usize) -> String {
    match next {
        Some(layer) => format!("next in layer {layer}, {planned} planned"),
        None => format!("all of {planned} planned ones were due"),
    }
}
