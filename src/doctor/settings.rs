//! The settings: what of them cannot be used, and what they name that is not there.

use std::path::Path;

use serde_json::Value as Json;

use super::chart::{Chart, Klipper};
use super::{Check, Report, Subject};
use crate::config::{Layer, Mode, Settings, expand_home, merge};
use crate::render::{FilmSettings, find_program};

/// The settings in force.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) settings: Settings,
    /// `snapshoturl` stands in moonraker.conf and is the main camera.
    pub(super) snapshot_fixed: bool,
}

impl InForce {
    /// As the agent reads them; what is wrong with them goes into the report.
    pub(super) fn read(
        conf: Option<Result<Layer, String>>,
        chart: Option<&Chart>,
        overrides: &[Layer],
        report: &mut Report,
    ) -> Self {
        let mut faults = Vec::new();
        let mut layers = Vec::new();
        match conf {
            Some(Ok(layer)) => layers.push(layer),
            Some(Err(problem)) => faults.push(problem),
            None => {}
        }
        let told = chart.and_then(|chart| chart.timelapse.as_ref());
        layers.extend(told.map(Layer::component));
        layers.extend(overrides.iter().cloned());
        let mut settings = match merge(&layers) {
            Ok(merged) => {
                faults.extend(merged.faults.iter().map(ToString::to_string));
                merged.settings
            }
            Err(problem) => {
                faults.push(problem.to_string());
                Settings::default()
            }
        };
        for path in [&mut settings.output_path, &mut settings.frame_path, &mut settings.ffmpeg_binary_path] {
            *path = expand_home(path).to_string_lossy().into_owned();
        }
        match FilmSettings::from(&settings).profiles() {
            Ok((_, wrong)) => faults.extend(wrong.iter().map(ToString::to_string)),
            Err(wrong) => faults.push(wrong.to_string()),
        }
        if faults.is_empty() {
            report.add(Check::ok(Subject::Settings, "all options of [timelapse] can be used"));
        }
        report.extend(faults.into_iter().map(|fault| Check::fault(Subject::Settings, fault)));
        if !settings.enabled {
            report.add(Check::warning(
                Subject::Settings,
                "filming is switched off: set enabled: True, on the timelapse page or in [timelapse]",
            ));
        }
        report.extend(programs(&settings));
        let blocked = told.and_then(|told| told.get("blockedsettings")).and_then(Json::as_array);
        let snapshot_fixed = blocked.is_some_and(|list| list.iter().any(|name| name == "snapshoturl"));
        Self { settings, snapshot_fixed }
    }
}

/// Programs that settings name.
fn programs(settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    let command = shlex::split(&settings.camera_command).unwrap_or_default();
    if let Some(program) = command.first()
        && find_program(Path::new(program)).is_none()
    {
        let message =
            format!("the program `{program}` of camera_command was not found: install it, or correct its path");
        checks.push(Check::fault(Subject::Settings, message));
    }
    if !settings.camera_lock.trim().is_empty() && find_program(Path::new(&settings.v4l2_ctl_binary_path)).is_none() {
        checks.push(Check::warning(
            Subject::Settings,
            "camera_lock needs the program v4l2-ctl, which was not found: install v4l-utils, or the camera adjusts itself \
             during prints",
        ));
    }
    checks
}

/// Macros, pins and devices that settings name.
pub(super) fn against_klipper(settings: &Settings, klipper: &Klipper, chart: &Chart) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut lacking = |missing: bool, message: String| {
        if missing {
            checks.push(Check::warning(Subject::Settings, message));
        }
    };
    for (option, name) in [
        ("camera_macro", &settings.camera_macro),
        ("gcode_before_frame", &settings.gcode_before_frame),
        ("gcode_after_frame", &settings.gcode_after_frame),
    ] {
        if let Some(name) = name.split_whitespace().next() {
            let message =
                format!("{option} names {name}, but printer.cfg has no such macro, and nothing is run: add it");
            lacking(!klipper.has(&format!("gcode_macro {name}")), message);
        }
    }
    let pin = settings.light_pin.trim();
    let lights = ["output_pin", "led", "neopixel", "dotstar"];
    lacking(
        !pin.is_empty() && !lights.iter().any(|kind| klipper.has(&format!("{kind} {pin}"))),
        format!(
            "light_pin names {pin}, but printer.cfg has no [output_pin], [led], [neopixel] or [dotstar] of this name: correct it"
        ),
    );
    let device = settings.light_power.trim();
    lacking(
        !device.is_empty() && chart.section(&format!("power {device}")).is_none(),
        format!("light_power names {device}, but moonraker.conf has no [power {device}]: correct it"),
    );
    lacking(
        settings.mode == Mode::LayerMacro && !settings.parkhead,
        "with mode: layermacro and parkhead: False each call holds the print where it is: set parkhead: True, or mode: auto"
            .to_owned(),
    );
    checks
}
