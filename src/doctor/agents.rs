//! The agent: does it run, once, and is it of this version?

use std::path::{Path, PathBuf};

use serde_json::Value as Json;

use super::chart::Chart;
use super::{Check, Subject};
use crate::moonraker::AGENT_NAME;
use crate::session::is_owned;

pub(super) fn examine(chart: &Chart, store: &Path, inside: bool) -> Vec<Check> {
    let mut checks = Vec::new();
    if !inside {
        let agent = chart.agents.iter().find(|agent| agent.get("name").and_then(Json::as_str) == Some(AGENT_NAME));
        let version = agent.map(|agent| agent.get("version").and_then(Json::as_str).unwrap_or_default());
        checks.push(judge(version, is_owned(store), store));
    }
    let running = running(Path::new("/proc"), store);
    if running.len() > 1 {
        let list = running.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        checks.push(Check::fault(
            Subject::Agent,
            format!("{} agents run for this printer (processes {list}): stop all but one of them", running.len()),
        ));
    }
    checks
}

/// `version`: of the one that is connected to Moonraker. `owned`: whether somebody holds the frame store.
fn judge(version: Option<&str>, owned: bool, store: &Path) -> Check {
    match version {
        Some(version) if version == env!("CARGO_PKG_VERSION") => {
            Check::ok(Subject::Agent, format!("the agent runs, version {version}"))
        }
        Some(version) => Check::warning(
            Subject::Agent,
            format!(
                "the agent that runs is version {version}, and this program is {}: restart it (`sudo systemctl restart moonlapse`)",
                env!("CARGO_PKG_VERSION")
            ),
        ),
        None if owned => Check::fault(
            Subject::Agent,
            format!(
                "an agent holds the frame store {}, but is not connected to this Moonraker: see `journalctl -u moonlapse`, and \
                 restart it",
                store.display()
            ),
        ),
        None => Check::fault(
            Subject::Agent,
            "the agent does not run, so nothing is filmed: start it (`sudo systemctl start moonlapse`)",
        ),
    }
}

/// The processes that are agents with this store, by what Linux tells.
fn running(proc: &Path, store: &Path) -> Vec<u32> {
    let Ok(entries) = std::fs::read_dir(proc) else { return Vec::new() };
    let mut found: Vec<u32> = entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let folder = proc.join(pid.to_string());
            store_of(&folder).is_some_and(|theirs| same(&theirs, store))
        })
        .collect();
    found.sort_unstable();
    found
}

/// The frame store of a process, if it is an agent. A `session_path` of its settings is not seen.
fn store_of(process: &Path) -> Option<PathBuf> {
    let words = |file: &str| -> Option<Vec<String>> {
        let text = std::fs::read(process.join(file)).ok()?;
        Some(text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect())
    };
    let args = words("cmdline")?;
    let program = Path::new(args.first()?).file_name()?.to_str()?;
    if program != "moonlapse" || !args.iter().skip(1).any(|arg| arg == "run") {
        return None;
    }
    let environment = words("environ").unwrap_or_default();
    let variable = |name: &str| environment.iter().find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let after = args.iter().position(|arg| arg == "--data-path").and_then(|at| args.get(at + 1)).map(String::as_str);
    let joined = args.iter().find_map(|arg| arg.strip_prefix("--data-path="));
    let data = after.or(joined).or_else(|| variable("MOONLAPSE_DATA_PATH")).unwrap_or("~/printer_data");
    let data = match (data.strip_prefix("~/"), variable("HOME")) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => PathBuf::from(data),
    };
    Some(data.join("moonlapse"))
}

fn same(one: &Path, other: &Path) -> bool {
    one == other || one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn process(proc: &Path, pid: u32, cmdline: &str, environ: &str) {
        let folder = proc.join(pid.to_string());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("cmdline"), cmdline.replace(' ', "\0")).unwrap();
        std::fs::write(folder.join("environ"), environ.replace(' ', "\0")).unwrap();
    }

    #[test]
    fn agents_of_one_printer_are_counted_and_those_of_others_are_not() {
        let proc = tempfile::tempdir().unwrap();
        let proc = proc.path();
        process(proc, 10, "/home/pi/moonlapse/bin/moonlapse run", "HOME=/home/pi");
        process(proc, 11, "moonlapse run --data-path /home/pi/printer_data", "");
        process(proc, 12, "moonlapse run --data-path=/home/pi/printer_2_data", "HOME=/home/pi");
        process(proc, 13, "moonlapse doctor", "HOME=/home/pi");
        process(proc, 14, "vi moonlapse run", "HOME=/home/pi");
        process(proc, 15, "moonlapse --data-path x run", "MOONLAPSE_DATA_PATH=/elsewhere");
        std::fs::create_dir(proc.join("self")).unwrap();
        assert_eq!(running(proc, Path::new("/home/pi/printer_data/moonlapse")), [10, 11]);
        assert_eq!(running(proc, Path::new("/home/pi/printer_2_data/moonlapse")), [12]);
    }

    #[test]
    fn each_state_of_the_agent_has_its_sentence() {
        let store = Path::new("/s");
        assert_eq!(judge(Some(env!("CARGO_PKG_VERSION")), true, store).verdict, Verdict::Ok);
        let says = |version, owned| judge(version, owned, store).message;
        assert!(says(Some("0.0.1"), true).contains("is version 0.0.1"));
        assert!(says(None, true).contains("holds the frame store /s"));
        assert!(says(None, false).contains("does not run"));
    }
}
