//! A camera's automatic exposure, focus and white balance, switched off for a print and restored after it: in a film every
//! adjustment is a flicker.
//!
//! What was before is written to a file first, so that a kill of the agent loses nothing: the next print or the next start
//! restores it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracing::{debug, info, warn};

use super::program::{Failure, program};
use super::v4l2::{AUTOMATISMS, Control, controls};

/// `v4l2-ctl` answers in milliseconds; a camera that hangs does not hold up anybody.
const LIMIT: Duration = Duration::from_secs(5);

/// Controls with their values.
type Values = Vec<(String, i64)>;

/// What to put back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Before {
    devices: Vec<Device>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Device {
    path: String,
    /// In the order in which they are put back.
    values: Values,
}

/// Cameras whose controls are locked.
#[derive(Debug)]
pub struct Lock {
    tool: String,
    file: PathBuf,
    before: Before,
}

/// One line of the setting: the device, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wish {
    device: String,
    words: Vec<String>,
    fixed: Values,
}

fn wishes(setting: &str) -> Vec<Wish> {
    let mut wishes = Vec::new();
    for line in setting.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut parts = line.split_whitespace();
        let device = parts.next().unwrap_or_default().to_owned();
        let (mut words, mut fixed) = (Vec::new(), Vec::new());
        for word in parts {
            match word.split_once('=') {
                Some((name, value)) => match value.parse() {
                    Ok(value) => fixed.push((name.to_owned(), value)),
                    Err(_) => warn!(device, word, "camera_lock: not a whole number"),
                },
                None if AUTOMATISMS.iter().any(|automatism| automatism.word == word) => words.push(word.to_owned()),
                None => warn!(
                    device,
                    word, "camera_lock: not understood; allowed are exposure, focus, white_balance, CONTROL=NUMBER"
                ),
            }
        }
        if words.is_empty() && fixed.is_empty() {
            words.extend(["exposure", "focus", "white_balance"].map(str::to_owned));
        }
        wishes.push(Wish { device, words, fixed });
    }
    wishes
}

impl Lock {
    /// Locks what the setting `camera_lock` names; what cannot be locked is logged and left alone. `None` where there
    /// is nothing to put back.
    pub async fn take(tool: &str, setting: &str, file: PathBuf) -> Option<Self> {
        let wishes = wishes(setting);
        if wishes.is_empty() {
            return None;
        }
        // After a kill the cameras are still locked; what counts is how they were before.
        let mut before = read(&file).unwrap_or_default();
        let mut orders = Vec::new();
        for wish in wishes {
            let listed = match run(tool, &wish.device, &["--list-ctrls".to_owned()]).await {
                Ok(output) => controls(&output),
                Err(failure) => {
                    warn!(device = wish.device, "its controls were not locked: {failure}");
                    continue;
                }
            };
            let (sets, puts_back) = plan(&wish, &listed);
            if !before.devices.iter().any(|device| device.path == wish.device) {
                before.devices.push(Device { path: wish.device.clone(), values: puts_back });
            }
            orders.push((wish.device, sets));
        }
        if let Err(error) = write(&file, &before) {
            warn!(file = %file.display(), %error, "the cameras were not locked: what to restore cannot be kept");
            return None;
        }
        for (device, sets) in orders {
            set(tool, &device, &sets).await;
            info!(device, controls = ?sets, "camera locked for the print");
        }
        Some(Self { tool: tool.to_owned(), file, before })
    }

    /// Puts back what was before.
    pub async fn release(self) {
        restore(&self.tool, &self.before, &self.file).await;
    }
}

/// Puts back what a killed agent left locked.
pub async fn restore_leftover(tool: &str, file: &Path) {
    if let Some(before) = read(file) {
        info!("restoring the camera controls that an earlier run had locked");
        restore(tool, &before, file).await;
    }
}

async fn restore(tool: &str, before: &Before, file: &Path) {
    for device in &before.devices {
        set(tool, &device.path, &device.values).await;
        info!(device = device.path, controls = ?device.values, "camera controls restored");
    }
    if let Err(error) = std::fs::remove_file(file) {
        debug!(file = %file.display(), %error, "not removed");
    }
}

/// What to set, in order, and what to put back, in order: first each switch, then what it leaves to us; and back first
/// the values, then the switches, because a switched-on automatism refuses values.
fn plan(wish: &Wish, listed: &[Control]) -> (Values, Values) {
    let value = |name: &str| listed.iter().find(|control| control.name == name).map(|control| control.value);
    let (mut sets, mut values_back, mut switches_back) = (Vec::new(), Vec::new(), Vec::new());
    for automatism in AUTOMATISMS.iter().filter(|a| wish.words.iter().any(|word| word == a.word)) {
        let Some(now) = value(automatism.switch).filter(|now| *now != automatism.off) else { continue };
        sets.push((automatism.switch.to_owned(), automatism.off));
        switches_back.push((automatism.switch.to_owned(), now));
        if let Some((manual, now)) = automatism.manual.and_then(|manual| Some((manual, value(manual)?))) {
            // As the camera has just adjusted it: many report it while it is automatic.
            sets.push((manual.to_owned(), now));
        }
    }
    for (name, wanted) in &wish.fixed {
        if let Some(now) = value(name) {
            sets.retain(|(of, _)| of != name);
            sets.push((name.clone(), *wanted));
            if !switches_back.iter().any(|(of, _)| of == name) {
                values_back.push((name.clone(), now));
            }
        } else {
            warn!(device = wish.device, control = name, "camera_lock: the camera has no such control");
        }
    }
    values_back.extend(switches_back);
    (sets, values_back)
}

/// One after the other: in one call a refusal would leave the rest undone.
async fn set(tool: &str, device: &str, values: &[(String, i64)]) {
    for (name, value) in values {
        if let Err(failure) = run(tool, device, &[format!("--set-ctrl={name}={value}")]).await {
            warn!(device, control = name, value, "not set: {failure}");
        }
    }
}

async fn run(tool: &str, device: &str, args: &[String]) -> Result<String, Failure> {
    let mut words = vec!["-d".to_owned(), device.to_owned()];
    words.extend_from_slice(args);
    program(tool, &words, LIMIT).await.map(|ran| ran.output)
}

fn read(file: &Path) -> Option<Before> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn write(file: &Path, before: &Before) -> std::io::Result<()> {
    std::fs::write(file, serde_json::to_vec_pretty(before).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// A `v4l2-ctl` whose camera is a file of `name value` lines; it refuses values while their automatism is on, as the
    /// kernel's driver does.
    const FAKE: &str = r##"#!/bin/sh
state=$(dirname "$0")/state
[ "$2" = /dev/video0 ] || { echo "Cannot open device $2, exiting." >&2; exit 1; }
case "$3" in
--list-ctrls)
    while read -r name value; do echo "    $name 0x009a0901 (int)    : min=0 max=9999 step=1 default=0 value=$value"; done < "$state" ;;
--set-ctrl=*)
    set_to=${3#--set-ctrl=}; name=${set_to%%=*}; value=${set_to#*=}
    if [ "$name" = exposure_time_absolute ] && grep -q "^auto_exposure 3" "$state"; then
        echo "VIDIOC_S_EXT_CTRLS: failed: Input/output error" >&2; exit 1
    fi
    grep -q "^$name " "$state" || { echo "unknown control '$name'" >&2; exit 1; }
    sed -i "s/^$name .*/$name $value/" "$state" ;;
esac
"##;

    const STATE: &str = "brightness 10\nauto_exposure 3\nexposure_time_absolute 157\nwhite_balance_automatic 1\n\
                         white_balance_temperature 4600\nfocus_automatic_continuous 0\nfocus_absolute 30\n";

    struct Bench {
        dir: tempfile::TempDir,
        tool: String,
    }

    impl Bench {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let tool = dir.path().join("v4l2-ctl");
            std::fs::write(&tool, FAKE).unwrap();
            std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o755)).unwrap();
            std::fs::write(dir.path().join("state"), STATE).unwrap();
            Self { tool: tool.display().to_string(), dir }
        }

        fn state(&self) -> String {
            std::fs::read_to_string(self.dir.path().join("state")).unwrap()
        }

        fn file(&self) -> PathBuf {
            self.dir.path().join("camera-lock.json")
        }

        async fn lock(&self, setting: &str) -> Option<Lock> {
            Lock::take(&self.tool, setting, self.file()).await
        }
    }

    const LOCKED: &str = "brightness 10\nauto_exposure 1\nexposure_time_absolute 157\nwhite_balance_automatic 0\n\
                          white_balance_temperature 4600\nfocus_automatic_continuous 0\nfocus_absolute 30\n";

    #[tokio::test]
    async fn automatisms_are_switched_off_for_the_print_and_on_again_after_it() {
        let bench = Bench::new();
        let lock = bench.lock("/dev/video0").await.unwrap();
        assert_eq!(bench.state(), LOCKED);
        assert!(bench.file().exists());
        lock.release().await;
        assert_eq!(bench.state(), STATE);
        assert!(!bench.file().exists());
    }

    #[tokio::test]
    async fn only_what_is_named_is_locked_and_values_may_be_given() {
        let bench = Bench::new();
        let lock = bench.lock("/dev/video0 exposure exposure_time_absolute=80 brightness=5 zoom=1").await.unwrap();
        let expected = STATE
            .replace("auto_exposure 3", "auto_exposure 1")
            .replace("exposure_time_absolute 157", "exposure_time_absolute 80")
            .replace("brightness 10", "brightness 5");
        assert_eq!(bench.state(), expected);
        lock.release().await;
        assert_eq!(bench.state(), STATE);
    }

    #[tokio::test]
    async fn after_a_kill_the_values_from_before_it_are_restored() {
        let bench = Bench::new();
        drop(bench.lock("/dev/video0").await.unwrap());
        assert_eq!(bench.state(), LOCKED, "as a kill leaves it");
        let again = bench.lock("/dev/video0").await.unwrap();
        drop(again);
        restore_leftover(&bench.tool, &bench.file()).await;
        assert_eq!(bench.state(), STATE);
        restore_leftover(&bench.tool, &bench.file()).await;
        assert_eq!(bench.state(), STATE);
    }

    #[tokio::test]
    async fn a_missing_tool_or_device_locks_nothing_and_harms_nothing() {
        let bench = Bench::new();
        for (tool, setting) in [("/no/such/v4l2-ctl", "/dev/video0"), (bench.tool.as_str(), "/dev/video7"), ("x", "\n")]
        {
            let lock = Lock::take(tool, setting, bench.file()).await;
            if let Some(lock) = lock {
                lock.release().await;
            }
            assert_eq!(bench.state(), STATE);
        }
    }
}
