//! The rig itself: the real Klipper host and Moonraker drive the virtual machine where they say.

use std::path::Path;
use std::time::Duration;

use moonlapse_rig::host::gcode::{first_layers, net_filament};
use moonlapse_rig::host::{Dynamics, Part, Rig, repository, usage_of};
use moonlapse_rig::mcu::spec::MachineSpec;
use serde_json::json;

const LIMIT: Duration = Duration::from_secs(120);

fn assert_at(rig: &Rig, expected: [f64; 3]) {
    let position = rig.position();
    let steps = MachineSpec::default().axes.map(|axis| axis.step);
    let actual = [position.x, position.y, position.z];
    for axis in 0..3 {
        let off = (actual[axis] - expected[axis]).abs();
        assert!(
            off < steps[axis] / 2.0,
            "axis {axis} is at {}, not at {}; steps came late: {:?}",
            actual[axis],
            expected[axis],
            rig.mcu().lateness()
        );
    }
}

fn commanded(rig: &Rig) -> [f64; 3] {
    rig.with_status(|status| {
        let position = status.get("toolhead", "position");
        [0, 1, 2].map(|axis| position[axis].as_f64().unwrap_or(f64::NAN))
    })
}

#[tokio::test]
async fn homing_reaches_the_endstops_and_moves_end_where_they_should() {
    let rig = Rig::builder().start().await.unwrap();
    rig.gcode("G28").await.unwrap();
    let homed = "xyz";
    rig.wait_for("all axes to be homed", LIMIT, |s| s.get("toolhead", "homed_axes") == homed).await.unwrap();
    assert_at(&rig, [0.0, 0.0, 0.0]);
    let homed_points = rig.machine().path(0).len();
    rig.gcode("G90\nG1 X100 Y50 Z10 F12000\nG1 X150\nG1 Y100\nG1 X100\nG1 Y50.5\nG1 Z2.5 F1200\nM400").await.unwrap();
    assert_at(&rig, [100.0, 50.5, 2.5]);
    let square = rig.machine().path(homed_points);
    for corner in [(150.0, 50.0), (150.0, 100.0), (100.0, 100.0)] {
        let nearest = square.iter().map(|p| (p.x - corner.0).hypot(p.y - corner.1)).fold(f64::MAX, f64::min);
        assert!(nearest < 0.2, "the path stays {nearest} mm away from the corner {corner:?}");
    }

    // A second homing starts elsewhere and must end at the same place.
    rig.gcode("G28 X Y\nG1 X7 Y8 F6000\nM400").await.unwrap();
    assert_at(&rig, [7.0, 8.0, 2.5]);
}

#[tokio::test]
async fn heaters_reach_their_targets_and_cold_extrusion_is_refused() {
    let rig = Rig::builder().start().await.unwrap();
    let refused = rig.gcode("M83\nG1 E5 F300").await.unwrap_err();
    assert!(format!("{refused:#}").contains("below minimum temp"), "{refused:#}");
    rig.preheat(210.0, 60.0).await.unwrap();
    let [hotend, bed] = ["hotend_sensor", "bed_sensor"].map(|sensor| rig.mcu().temperature(sensor).unwrap());
    assert!((hotend - 210.0).abs() < 15.0 && (bed - 60.0).abs() < 5.0, "{hotend} and {bed} °C");
    rig.gcode("M83\nG1 E5 F300\nM400").await.unwrap();
    assert!((rig.position().e - 5.0).abs() <= 0.0025, "{:?}", rig.position());
}

#[tokio::test]
async fn a_sliced_file_is_printed_to_its_end_with_all_of_its_filament() {
    let rig = Rig::builder().warm(205.0, 23.0).dynamics(Dynamics::FAST).start().await.unwrap();
    let file = std::fs::read_to_string(repository().join("tests/data/gcode/towers_relative_zhop.gcode")).unwrap();
    let file = first_layers(&file, 2);
    rig.preheat(200.0, 0.0).await.unwrap();
    rig.speed(1_000.0).await.unwrap();
    let since = rig.record();
    let (started, cpu) = (std::time::Instant::now(), usage_of(std::process::id()).unwrap().cpu_seconds);
    rig.print("towers.gcode", file).await.unwrap();
    assert_eq!(rig.wait_print_end(LIMIT).await.unwrap(), "complete");
    let cpu = usage_of(std::process::id()).unwrap().cpu_seconds - cpu;
    println!("printed in {:?}, with {cpu:.2} s of CPU for the MCU and the driver", started.elapsed());
    rig.settle().await.unwrap();
    assert_eq!(rig.print_states(&since), ["printing", "complete"]);
    assert_eq!(rig.print_starts(&since), 1);
    let off = (rig.position().e - net_filament(file)).abs();
    assert!(off <= 0.0025, "the true E is {off} mm off");
    assert_at(&rig, commanded(&rig));
}

#[tokio::test]
async fn a_print_is_paused_resumed_and_cancelled_as_the_client_macros_say() {
    let rig = Rig::builder().warm(205.0, 23.0).start().await.unwrap();
    rig.preheat(200.0, 0.0).await.unwrap();
    let back_and_forth = "G1 X100 Y100 F6000\nG1 X120 E.1 F1200\n".repeat(500);
    let since = rig.record();
    rig.print("endless.gcode", format!("G28\nG90\nM83\n{back_and_forth}")).await.unwrap();
    rig.wait_for("the print to move", LIMIT, |status| status.get("toolhead", "position")[0].as_f64() > Some(90.0))
        .await
        .unwrap();
    rig.gcode("PAUSE\nM400").await.unwrap();
    rig.wait_for("the pause", LIMIT, |status| status.print_state() == "paused").await.unwrap();
    let parked = rig.position();
    assert_eq!((parked.x, parked.y, parked.z), (5.0, 230.0, 5.0));
    rig.gcode("RESUME").await.unwrap();
    rig.wait_for("the print to go on", LIMIT, |status| status.print_state() == "printing").await.unwrap();
    rig.gcode("CANCEL_PRINT").await.unwrap();
    assert_eq!(rig.wait_print_end(LIMIT).await.unwrap(), "cancelled");
    assert_eq!(rig.print_states(&since), ["printing", "paused", "printing", "cancelled"]);
    assert_eq!(rig.print_starts(&since), 2);
    assert!(rig.console(&since).iter().any(|line| line == "File selected"), "{:?}", rig.console(&since));
}

#[tokio::test]
async fn an_emergency_stop_halts_the_machine_and_a_firmware_restart_brings_it_back() {
    let rig = Rig::builder().start().await.unwrap();
    rig.gcode("G28\nG90\nG1 X10 Y10 F6000\nM400").await.unwrap();
    rig.gcode("G1 X220 F600").await.unwrap();
    rig.call("printer.emergency_stop", json!({}), LIMIT).await.unwrap();
    rig.wait_for("the shutdown", LIMIT, |status| status.klippy == "shutdown").await.unwrap();
    let stopped = rig.position();
    assert!(stopped.x < 200.0, "it went on to {stopped:?}");
    rig.call("printer.firmware_restart", json!({}), LIMIT).await.unwrap();
    rig.wait_for("Klipper to go", LIMIT, |status| status.klippy != "shutdown").await.unwrap();
    rig.wait_ready().await.unwrap();
    assert_eq!(rig.position().x, stopped.x);
    rig.gcode("G28\nG90\nG1 X33 Y44 F6000\nM400").await.unwrap();
    assert_at(&rig, [33.0, 44.0, 0.0]);
}

#[tokio::test]
async fn servers_that_are_killed_or_restarted_come_back() {
    let mut rig = Rig::builder().start().await.unwrap();
    rig.gcode("G28").await.unwrap();
    rig.restart_part(Part::Moonraker).await.unwrap();
    assert_eq!(rig.with_status(|status| status.get("toolhead", "homed_axes").clone()), "xyz");
    rig.kill_part(Part::Klippy).await.unwrap();
    rig.start_part(Part::Klippy).unwrap();
    rig.wait_ready().await.unwrap();
    rig.gcode("G28\nG90\nG1 X20 Y30 F6000\nM400").await.unwrap();
    assert_at(&rig, [20.0, 30.0, 0.0]);
    rig.call("printer.restart", json!({}), LIMIT).await.unwrap();
    rig.wait_for("Klipper's absence", LIMIT, |status| status.klippy != "ready").await.unwrap();
    rig.wait_ready().await.unwrap();
    rig.gcode("G28 X").await.unwrap();

    // A program of ours that is started again goes on with its log.
    let shell = Path::new("/bin/sh");
    for (script, name) in [("echo $NAME", "first"), ("echo $NAME; exit 5", "second")] {
        let mut agent = rig.spawn_agent(shell, &["-c", script], &[("NAME", name)]).unwrap();
        agent.wait(LIMIT).await.unwrap();
    }
    let mut agent = rig.spawn_agent(shell, &["-c", "exec sleep 60"], &[]).unwrap();
    assert_eq!(agent.output(), "first\nsecond\n");
    assert!(agent.is_running());
    agent.kill().unwrap();
    assert!(!agent.is_running());
}

#[tokio::test]
async fn two_rigs_run_side_by_side_and_a_component_is_in_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let component = folder.path().join("probe.py");
    std::fs::write(&component, "def load_component(config):\n    return object()\n").unwrap();
    let (with, without) = tokio::join!(
        Rig::builder().component("rig_probe", &component).moonraker_section("[rig_probe]").start(),
        Rig::builder().start(),
    );
    let (with, without) = (with.unwrap(), without.unwrap());
    let (a, b) = tokio::join!(with.gcode("G28\nG1 X40 F6000\nM400"), without.gcode("G28\nG1 X80 F6000\nM400"));
    a.unwrap();
    b.unwrap();
    assert_at(&with, [40.0, 0.0, 0.0]);
    assert_at(&without, [80.0, 0.0, 0.0]);
    for (rig, expected) in [(&with, true), (&without, false)] {
        let info = rig.call("server.info", json!({}), LIMIT).await.unwrap();
        let loaded = info["components"].as_array().unwrap().iter().any(|name| name == "rig_probe");
        assert_eq!(loaded, expected, "{info}");
        assert_eq!(info["failed_components"], json!([]), "{info}");
    }
}
