//! Dry runs: the same way and the same frames, no heat and no filament, and nothing left for the next print.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use moonlapse::gcode::engine::{Engine, Options};
use moonlapse::gcode::scan::read_lines;
use moonlapse::gcode::state::Position;
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::studio::{Studio, StudioOptions, film_facts};
use serde_json::json;

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(240);

fn gcode(file: &str, layers: usize) -> String {
    sliced(file, layers).unwrap()
}

/// A start and an end as people have them, around what the slicer wrote.
fn with_macros(body: &str) -> String {
    format!("START_PRINT EXTRUDER=200 BED=60\nM109 S200\nM106 S255\n{body}END_PRINT\n")
}

/// Where the head is sent, one place after the other, and the filament that comes out in all.
fn way(text: &str) -> (Vec<[i64; 3]>, f64) {
    let mut engine = Engine::new(Options::default());
    let mut places: Vec<[i64; 3]> = Vec::new();
    read_lines(text.as_bytes(), |raw| {
        let at: &Position = &engine.line(raw).state.position;
        let micrometres = |mm: Option<f64>| (mm.unwrap_or(-1.0) * 1000.0).round() as i64;
        let place = [at.x(), at.y(), at.z()].map(micrometres);
        if places.last() != Some(&place) {
            places.push(place);
        }
    })
    .unwrap();
    let filament = engine.state().extruders().iter().map(moonlapse::gcode::extruder::Extruder::total).sum();
    (places, filament)
}

fn dry_copy(text: &str, args: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let (file, out) = (folder.path().join("model.gcode"), folder.path().join("copy.gcode"));
    std::fs::write(&file, text).unwrap();
    let done = Command::new(AGENT).arg("dry-run").arg(&file).arg("--out").arg(&out).args(args).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (std::fs::read_to_string(&out).unwrap(), String::from_utf8_lossy(&done.stdout).into_owned())
}

/// The copy without what it adds to the way: its own beginning and the calls, which return.
fn without_calls(copy: &str) -> String {
    let ours = |line: &&str| line.starts_with("TIMELAPSE") || ["G1 Z10 F1200"].contains(line);
    copy.lines().filter(|line| !ours(line)).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_copy_goes_the_same_way_without_any_filament() {
    for (file, frames) in [
        ("towers_relative_zhop.gcode", 20),
        ("towers_absolute.gcode", 20),
        ("towers_firmware_retraction.gcode", 20),
        ("towers_slicer_macro.gcode", 20),
        ("two_objects_sequential.gcode", 56),
        ("cylinder_vase.gcode", 24),
    ] {
        let text = gcode(file, 999);
        let (copy, said) = dry_copy(&text, &[]);
        let (wanted, _) = way(&text);
        let (places, filament) = way(&without_calls(&copy));
        assert_eq!(filament, 0.0, "{file}");
        // The copy may home where the file leaves that to others, and then begins elsewhere.
        let known = |places: Vec<[i64; 3]>| -> Vec<[i64; 3]> {
            places.into_iter().skip_while(|place| place.contains(&-1000) || place.contains(&0)).collect()
        };
        let (wanted, places) = (known(wanted), known(places));
        assert!(places.ends_with(&wanted[1..]), "{file}: {} and {} places", wanted.len(), places.len());
        // One of several calls for a frame is for when an object was excluded.
        let call = |line: &&str| line.starts_with("TIMELAPSE_TAKE_FRAME") && !line.contains("IF_EXCLUDED");
        let calls = copy.lines().filter(call).count();
        assert!(said.contains(&format!("{calls} frames")), "{said}");
        assert_eq!(calls, frames, "{file}");
        assert!(!copy.contains("RETRACT=1") && !copy.contains("ZERO=1"), "{file}");
    }
}

#[test]
fn macros_and_heaters_are_left_out_and_listed_and_homing_is_put_in() {
    let body: String = gcode("towers_relative_zhop.gcode", 2)
        .lines()
        .filter(|l| !l.starts_with("G28"))
        .map(|l| format!("{l}\n"))
        .collect();
    let (copy, said) = dry_copy(&with_macros(&body), &[]);
    assert!(said.contains("homes first") && said.contains("left out: "), "{said}");
    for name in ["START_PRINT (1)", "END_PRINT (1)", "M109 (1)", "M106 (1)"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    let begin: Vec<&str> = copy.lines().skip(1).take(5).collect();
    assert_eq!(begin, ["TURN_OFF_HEATERS", "M107", "G90", "G28", "G1 Z10 F1200"]);
}

#[test]
fn a_copy_of_a_copy_and_a_copy_over_its_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("model.gcode");
    std::fs::write(&file, gcode("towers_relative_zhop.gcode", 2)).unwrap();
    let refused = |file: &Path, out: &Path| {
        let done = Command::new(AGENT).arg("dry-run").arg(file).arg("--out").arg(out).output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        String::from_utf8_lossy(&done.stderr).into_owned()
    };
    assert!(refused(&file, &file).contains("replaced by its own dry copy"));
    let done = Command::new(AGENT).arg("dry-run").arg(&file).output().unwrap();
    assert!(done.status.success());
    let copy = folder.path().join("model.dry-run.gcode");
    assert!(refused(&copy, &folder.path().join("x.gcode")).contains("is a dry copy already"));
    let rest: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(rest.len(), 2, "{rest:?}");
}

/// Follows the heaters while `run` lasts; gives the greatest target.
async fn greatest_target(studio: &Studio, run: impl Future<Output = ()>) -> f64 {
    let mut greatest: f64 = 0.0;
    let mut look = tokio::time::interval(Duration::from_millis(250));
    tokio::pin!(run);
    loop {
        tokio::select! {
            () = &mut run => return greatest,
            _ = look.tick() => {
                let target = |heater: &str| studio.rig.with_status(|s| s.get(heater, "target").as_f64().unwrap_or(0.0));
                greatest = greatest.max(target("extruder")).max(target("heater_bed"));
            }
        }
    }
}

async fn dry_run(studio: &Studio, name: &str) {
    let before = studio.rig.position();
    let since = studio.rig.record();
    studio.rig.gcode(&format!("TIMELAPSE_DRY_RUN FILE={name}")).await.unwrap();
    studio.wait_for_console(&since, "dry run of dry-run/", LIMIT).await.unwrap();
    let from = studio.rig.machine().path(0).len();
    let target = greatest_target(studio, async { studio.wait_for_the_end(&since, LIMIT).await.unwrap() }).await;
    assert_eq!(target, 0.0, "something was heated");
    let path = studio.rig.machine().path(from);
    assert!(path.len() > 100 && path.iter().all(|at| (at.e - before.e).abs() < 1e-9), "filament was moved");
}

#[tokio::test]
async fn a_dry_run_is_filmed_cold_and_the_next_print_heats_and_extrudes_as_ever() {
    // A printer that would extrude cold, too.
    let mut options = StudioOptions::small(AGENT, "");
    let macros = "[gcode_macro START_PRINT]\ngcode:\n  M104 S{params.EXTRUDER}\n  G28\n  M109 S{params.EXTRUDER}\n  G1 E2 F300\n\n\
                  [gcode_macro END_PRINT]\ngcode:\n  M104 S0\n";
    options.rig = options.rig.warm(23.0, 23.0).printer_section(macros);
    let studio = options.start().await.unwrap();
    let file = with_macros(&gcode("towers_relative_zhop.gcode", 4));
    studio.rig.upload("model.gcode", file.clone()).await.unwrap();
    let since = studio.rig.record();
    studio.rig.gcode("TIMELAPSE_DRY_RUN FILE=nothing.gcode\nTIMELAPSE_DRY_RUN FILE=../moonraker.conf").await.unwrap();
    let said = studio.wait_for_console(&since, "name a file", LIMIT).await.unwrap().join("\n");
    assert!(said.contains("no dry run: there is no file"), "{said}");

    let variables = async || {
        let query = json!({"objects": {"gcode_macro TIMELAPSE_TAKE_FRAME": null}});
        let status = studio.rig.call("printer.objects.query", query, LIMIT).await.unwrap();
        let mut status = status["status"]["gcode_macro TIMELAPSE_TAKE_FRAME"].clone();
        // What each print leaves behind.
        status.as_object_mut().unwrap().retain(|name, _| name != "last_e" && name != "told" && name != "hold");
        status
    };
    let before = variables().await;
    dry_run(&studio, "model.gcode").await;
    let film = studio.wait_for_film(0, LIMIT).await.unwrap();
    assert_eq!(film_facts(&film).unwrap().frames, 4 + 5);
    let frames = studio.frames().unwrap();
    assert_eq!(frames.len(), 4, "{}", studio.agent_log());
    for frame in &frames {
        let off = frame.distance_from_park();
        assert!(off <= 0.05, "{}: the head is {off} mm off", frame.path.display());
    }
    assert_eq!(variables().await, before, "the dry run left something behind");

    // The next print is a print.
    let e = studio.rig.position().e;
    let since = studio.rig.record();
    let from = studio.events(0).len();
    studio.rig.start_print("model.gcode").await.unwrap();
    let target = greatest_target(&studio, async { studio.wait_for_the_end(&since, LIMIT).await.unwrap() }).await;
    assert_eq!(target, 200.0);
    assert!(studio.rig.position().e - e > 10.0, "nothing came out");
    studio.wait_for_film(from, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap();
    assert_eq!(frames.len(), 4, "{}", studio.agent_log());
    assert!(frames.iter().all(|frame| frame.distance_from_park() <= 0.05));
}

#[tokio::test]
async fn a_dry_run_by_time_and_one_that_is_cancelled_leave_nothing_behind_either() {
    let mut options = StudioOptions::small(AGENT, "mode: hyperlapse\nhyperlapse_cycle: 3");
    options.rig = options.rig.warm(23.0, 23.0);
    let studio = options.start().await.unwrap();
    studio.rig.upload("model.gcode", gcode("towers_slicer_macro.gcode", 4)).await.unwrap();
    dry_run(&studio, "model.gcode").await;
    studio.wait_for_film(0, LIMIT).await.unwrap();
    let frames = studio.frames().unwrap();
    assert!(frames.len() >= 4, "{} frames\n{}", frames.len(), studio.agent_log());
    assert!(frames.iter().all(|frame| frame.distance_from_park() <= 0.05));

    let since = studio.rig.record();
    studio.rig.gcode("TIMELAPSE_DRY_RUN FILE=model.gcode").await.unwrap();
    studio.wait_for_console(&since, "dry run of dry-run/", LIMIT).await.unwrap();
    studio.rig.gcode("CANCEL_PRINT").await.unwrap();
    assert_eq!(studio.rig.wait_print_end(LIMIT).await.unwrap(), "cancelled");
    // Heat and filament are there at once.
    let e = studio.rig.position().e;
    studio.rig.preheat(200.0, 0.0).await.unwrap();
    studio.rig.gcode("M83\nG1 E5 F300\nM400").await.unwrap();
    assert!((studio.rig.position().e - e - 5.0).abs() < 0.01);
}
