//! Nothing of a rig outlives the process that made it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use moonlapse_rig::host::usage_of;
use serde_json::Value;

/// Waits for a process of which we are not the parent, so nothing but looking tells.
fn assert_ends(pid: u32) {
    let limit = Instant::now() + Duration::from_secs(30);
    while usage_of(pid).is_ok_and(|usage| usage.rss_kib > 0) {
        assert!(Instant::now() < limit, "process {pid} lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_servers_end_when_the_test_is_killed() {
    let mut rig = Command::new(env!("CARGO_BIN_EXE_moonlapse-rig")).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(rig.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let place: Value = serde_json::from_str(&line).unwrap();
    let pids = ["klippy", "moonraker"].map(|part| u32::try_from(place[part].as_u64().unwrap()).unwrap());
    for pid in pids {
        assert!(usage_of(pid).unwrap().rss_kib > 0);
    }
    rig.kill().unwrap();
    rig.wait().unwrap();
    for pid in pids {
        assert_ends(pid);
    }
    // Its folder is left to whoever cleans the temporary folder; a killed process cannot.
    let data = PathBuf::from(place["data"].as_str().unwrap());
    std::fs::remove_dir_all(data.parent().unwrap()).unwrap();
}
