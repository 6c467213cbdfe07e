//! Faults at every moment of a frame: a print ends as it would without timelapse, and filming goes on or ends cleanly.
//! `scripts/faults` prints the same as a matrix, in both ways of taking frames.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::Path;

use futures_util::future::join_all;
use moonlapse_rig::faults::job::Job;
use moonlapse_rig::faults::outcome::printer;
use moonlapse_rig::faults::stage::Stage;
use moonlapse_rig::faults::{Fault, Phase, Row, Way, run_row, table};
use moonlapse_rig::host::gcode::{first_layers, first_layers_of_each_object};
use moonlapse_rig::host::repository;

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");

/// Faults side by side, each at all moments of a live frame.
async fn survives(faults: &[Fault]) {
    let row = |&fault| run_row(Path::new(AGENT), Way::Live, fault, &Phase::ALL);
    let rows = join_all(faults.iter().map(row)).await;
    assert!(rows.iter().all(Row::is_ok), "\n{}", table(&rows));
}

#[tokio::test]
async fn a_pause_is_ended_by_the_user_alone_and_the_print_goes_on_where_it_was() {
    survives(&[Fault::Pause, Fault::FilamentChange]).await;
}

#[tokio::test]
async fn after_the_end_of_a_print_nothing_moves_and_the_next_one_is_filmed() {
    survives(&[Fault::Cancel, Fault::EmergencyStop, Fault::KlipperRestart]).await;
}

#[tokio::test]
async fn programs_that_go_away_and_come_back_cost_frames_and_nothing_else() {
    survives(&[Fault::MoonrakerRestart, Fault::AgentKill]).await;
}

#[tokio::test]
async fn without_a_camera_or_an_object_the_print_goes_on() {
    survives(&[Fault::CameraLoss, Fault::ExcludeObject]).await;
}

/// Prints a sliced file with and without timelapse.
async fn ends_the_same(way: Way, file: &str, cut: impl Fn(&str) -> String) {
    let file = std::fs::read_to_string(repository().join("tests/data/gcode").join(file)).unwrap();
    let job = Job::with_calls(way, &cut(&file));
    let mut stage = Stage::start(Path::new(AGENT), way, job, printer().firmware_retraction()).await.unwrap();
    stage.whole_print().await.unwrap();
}

fn four_layers(file: &str) -> String {
    first_layers(file, 4).to_owned()
}

#[tokio::test]
async fn files_with_relative_e_and_z_hop_end_as_without_timelapse() {
    ends_the_same(Way::Live, "towers_relative_zhop.gcode", four_layers).await;
}

#[tokio::test]
async fn files_with_absolute_e_end_as_without_timelapse() {
    let (live, calls) = (Way::Live, Way::SlicerCalls);
    let file = "towers_absolute.gcode";
    tokio::join!(ends_the_same(live, file, four_layers), ends_the_same(calls, file, four_layers));
}

#[tokio::test]
async fn files_with_firmware_retraction_end_as_without_timelapse() {
    let (live, calls) = (Way::Live, Way::SlicerCalls);
    let file = "towers_firmware_retraction.gcode";
    tokio::join!(ends_the_same(live, file, four_layers), ends_the_same(calls, file, four_layers));
}

#[tokio::test]
async fn sequential_files_end_as_without_timelapse() {
    ends_the_same(Way::Live, "two_objects_sequential.gcode", |file| first_layers_of_each_object(file, 2)).await;
}
