//! Moonraker: is it there, does it know us, and does it have our component?

use serde_json::Value as Json;

use super::chart::Chart;
use super::{Check, Subject};
use crate::config::SECTION;
use crate::config::schema::{Scope, specs};
use crate::moonraker::LinkError;

/// The component needs what this version brought.
const OLDEST: (u32, u32) = (0, 9);

/// Where it cannot be reached.
pub(super) fn unreachable(problem: &LinkError) -> Check {
    Check::fault(Subject::Moonraker, problem.to_string())
}

/// Where it answers, and gives no answer.
pub(super) fn refused(problem: &LinkError) -> Check {
    let message = match problem {
        LinkError::Refused { code: 401 | 403, .. } => not_let_in(),
        LinkError::Refused { message, .. } if message.to_lowercase().contains("unauthorized") => not_let_in(),
        other => format!("{other}; see moonraker.log"),
    };
    Check::fault(Subject::Moonraker, message)
}

fn not_let_in() -> String {
    "Moonraker does not let us in: give its API key with --api-key, or add this host to trusted_clients in \
     [authorization] of moonraker.conf"
        .to_owned()
}

/// Where it answers.
pub(super) fn examine(chart: &Chart) -> Vec<Check> {
    let mut checks = vec![version(chart), component(chart)];
    checks.extend(roots(chart));
    checks.extend(warnings(chart));
    checks.extend(sections(chart));
    checks.extend(updates(chart));
    checks
}

fn version(chart: &Chart) -> Check {
    let version = chart.server["moonraker_version"].as_str().unwrap_or("of unknown version");
    let mut numbers = version.trim_start_matches('v').split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let known = numbers.next().zip(numbers.next());
    if known.is_some_and(|version| version < OLDEST) {
        let message = format!("Moonraker {version} is too old: update it, 0.9 is the oldest that can be used");
        return Check::fault(Subject::Moonraker, message);
    }
    Check::ok(Subject::Moonraker, format!("Moonraker {version} answers within {} ms", chart.round_trip.as_millis()))
}

fn component(chart: &Chart) -> Check {
    let fault = |message: &str| Check::fault(Subject::Moonraker, message);
    if chart.components("failed_components").any(|name| name == SECTION) {
        return fault(
            "Moonraker could not load the component `timelapse`: moonraker.log says why; run install.sh again and restart \
             Moonraker",
        );
    }
    if !chart.components("components").any(|name| name == SECTION) {
        return fault(match chart.section(SECTION) {
            None => {
                "moonraker.conf has no section [timelapse], so Mainsail and Fluidd show no timelapse page: add it and \
                 restart Moonraker"
            }
            Some(_) => "Moonraker has not loaded the component `timelapse`: run install.sh again and restart Moonraker",
        });
    }
    let Some(told) = &chart.timelapse else {
        return fault(
            "the component `timelapse` does not tell its settings: moonraker.log says why; restart Moonraker",
        );
    };
    let shown: Vec<&str> =
        specs().iter().filter(|spec| spec.scope != Scope::Conf).map(|spec| spec.name.as_str()).collect();
    let missing: Vec<&str> = shown.iter().filter(|name| !told.contains_key(**name)).copied().collect();
    if missing.is_empty() {
        return Check::ok(Subject::Moonraker, "the component `timelapse` is loaded and of this version");
    }
    // What moonraker-timelapse never had.
    if ["placement", "annotate_files"].iter().all(|name| missing.contains(name)) {
        return fault(
            "Moonraker has loaded the component of moonraker-timelapse instead of ours: run install.sh again, which sets it \
             aside, and restart Moonraker",
        );
    }
    Check::warning(
        Subject::Moonraker,
        format!(
            "the component `timelapse` in Moonraker is of another version than this program (it lacks {}): restart \
             Moonraker, and run install.sh again if that does not help",
            missing.join(", ")
        ),
    )
}

fn roots(chart: &Chart) -> Vec<Check> {
    if chart.timelapse.is_none() {
        return Vec::new();
    }
    let root = |(name, option, what): (&str, &str, &str)| match chart.root(name) {
        None => Check::fault(
            Subject::Moonraker,
            format!(
                "Moonraker does not serve the folder of the {what} (root `{name}`): set {option} in [timelapse] to a folder \
                 that it can write and that is not within another root, and restart Moonraker"
            ),
        ),
        Some(path) => Check::ok(Subject::Moonraker, format!("the {what} are served from {path}")),
    };
    [("timelapse", "output_path", "films"), ("timelapse_frames", "frame_path", "frames")].map(root).into()
}

/// Moonraker's own warnings about us.
fn warnings(chart: &Chart) -> Vec<Check> {
    let warnings = chart.server.get("warnings").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let ours = warnings.filter(|warning| warning.to_lowercase().contains(SECTION));
    ours.map(|warning| {
        let flat = warning.replace("<br>", " ").replace("<br/>", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        Check::warning(Subject::Moonraker, format!("Moonraker warns: {flat}"))
    })
    .collect()
}

/// Sections that stand twice, or that are of the plugin that we replace.
fn sections(chart: &Chart) -> Vec<Check> {
    let mut checks = Vec::new();
    let files = chart.config.get("files").and_then(Json::as_array).into_iter().flatten();
    let holding: Vec<&str> = files
        .filter(|file| file["sections"].as_array().is_some_and(|names| names.iter().any(|name| name == SECTION)))
        .filter_map(|file| file["filename"].as_str())
        .collect();
    if let [.., last] = holding[..]
        && holding.len() > 1
    {
        checks.push(Check::warning(
            Subject::Conflicts,
            format!(
                "[timelapse] stands in {}, and where they differ {last} counts: keep one of them",
                holding.join(" and in ")
            ),
        ));
    }
    if chart.section("update_manager timelapse").is_some() {
        checks.push(Check::warning(
            Subject::Conflicts,
            "[update_manager timelapse] in moonraker.conf still updates moonraker-timelapse, and may bring it back: remove \
             the section",
        ));
    }
    checks
}

/// Whether updates come, where a release is installed.
fn updates(chart: &Chart) -> Option<Check> {
    let release = std::env::current_exe().ok()?.ancestors().take(4).find_map(|folder| {
        let folder = folder.to_owned();
        folder.join("release_info.json").is_file().then_some(folder)
    })?;
    // Named like the service: moonlapse, or moonlapse-NAME where there are several printers.
    let mut sections = chart.config.get("config").and_then(Json::as_object).into_iter().flatten();
    let named = |name: &str| {
        let rest = name.strip_prefix("update_manager moonlapse");
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let Some((name, section)) = sections.find(|(name, _)| named(name)) else {
        return Some(Check::warning(
            Subject::Moonraker,
            "updates of Moonlapse are not offered: add [update_manager moonlapse] as in moonraker.conf.example",
        ));
    };
    let path = crate::config::expand_home(section.get("path").and_then(Json::as_str).unwrap_or_default());
    if path.canonicalize().ok() != release.canonicalize().ok() {
        let message = format!(
            "[{name}] updates {}, but this program is installed in {}: correct its `path`",
            path.display(),
            release.display()
        );
        return Some(Check::fault(Subject::Moonraker, message));
    }
    Some(Check::ok(Subject::Moonraker, "updates of Moonlapse are offered"))
}
