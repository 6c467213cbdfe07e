//! ffmpeg: is it there, and can it make the films that are wanted?

use std::collections::HashMap;

use tokio_util::sync::CancellationToken;

use super::{Check, Subject};
use crate::config::Settings;
use crate::render::{FilmSettings, Tools, try_encoder};

pub(super) async fn examine(settings: &Settings) -> Vec<Check> {
    let tools = Tools::with_ffmpeg(&settings.ffmpeg_binary_path);
    let version = match tools.version().await {
        Ok(version) => version,
        Err(problem) => return vec![Check::fault(Subject::Films, problem.to_string())],
    };
    let mut checks = vec![Check::ok(Subject::Films, version)];
    // What is wrong with profiles is told with the settings.
    let Ok((profiles, _)) = FilmSettings::from(settings).profiles() else { return checks };
    let cancel = CancellationToken::new();
    let mut tried = HashMap::new();
    for profile in &profiles {
        let encoder = format!("{:?}", profile.encoder);
        if !tried.contains_key(&encoder) {
            tried.insert(encoder.clone(), try_encoder(&profile.encoder, &tools, &cancel).await);
        }
        let name = &profile.name;
        match &tried[&encoder] {
            Ok(trial) => {
                checks.push(Check::ok(Subject::Films, format!("film `{name}` is encoded by {}", trial.encoder)));
                let warnings = trial.warnings.iter().map(|warning| format!("film `{name}`: {warning}"));
                checks.extend(warnings.map(|warning| Check::warning(Subject::Films, warning)));
            }
            Err(reason) => checks.push(Check::fault(
                Subject::Films,
                format!(
                    "ffmpeg cannot encode film `{name}` ({reason}): install an ffmpeg with its encoder, or choose another codec \
                     in `profiles`"
                ),
            )),
        }
    }
    checks
}
