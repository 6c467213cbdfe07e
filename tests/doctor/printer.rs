//! A Moonraker of the test's own, with a Klipper behind it: it answers what a table says.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use moonlapse::clock::Clock;
use moonlapse::config::{Layer, Settings, read_moonraker_conf};
use moonlapse::doctor::{Check, Patient, Subject, Verdict, examine};
use moonlapse::moonraker::Endpoint;
use serde_json::{Map, Value as Json, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

/// A set-up in which all is well, until a test breaks it.
pub(crate) struct Printer {
    folder: TempDir,
    /// By method.
    pub(crate) answers: BTreeMap<&'static str, Json>,
    /// How fast Klipper's clock runs.
    pub(crate) clock_rate: f64,
    /// moonraker.conf.
    pub(crate) conf: String,
    /// No Moonraker at all.
    pub(crate) off: bool,
    /// Agents that claim to run are not asked for.
    pub(crate) inside: bool,
}

impl Printer {
    /// `stream` and `snapshot`: of its webcam.
    pub(crate) fn new(stream: &str, snapshot: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(&path).unwrap();
            path.display().to_string()
        };
        let (films, frames) = (path("films"), path("frames"));
        let [_, socket] = ["data/config", "data/comms"].map(path);
        // Klipper's socket: somebody listens.
        let klippy = folder.path().join("data/comms/klippy.sock");
        std::mem::forget(std::os::unix::net::UnixListener::bind(&klippy).unwrap());
        drop(socket);
        let settings = serde_json::to_value(Settings {
            output_path: films.clone(),
            frame_path: frames.clone(),
            ..Settings::default()
        });
        let answers = BTreeMap::from([
            (
                "server.info",
                json!({"klippy_connected": true, "klippy_state": "ready", "components": ["webcam", "timelapse"],
                       "failed_components": [], "warnings": [], "moonraker_version": "v0.9.3-1-gabc"}),
            ),
            (
                "server.config",
                json!({"config": {"server": {"klippy_uds_address": klippy}, "timelapse": {}},
                       "files": [{"filename": "moonraker.conf", "sections": ["server", "timelapse"]}]}),
            ),
            (
                "server.webcams.list",
                json!({"webcams": [{"name": "front", "uid": "7", "enabled": true, "stream_url": stream,
                                    "snapshot_url": snapshot}]}),
            ),
            (
                "server.files.roots",
                json!([{"name": "timelapse", "path": films}, {"name": "timelapse_frames", "path": frames}]),
            ),
            (
                "server.extensions.list",
                json!({"agents": [{"name": "moonlapse", "version": env!("CARGO_PKG_VERSION"), "type": "agent"}]}),
            ),
            ("machine.timelapse.get_settings", settings.unwrap()),
            (
                "printer.info",
                json!({"software_version": "v0.12.0-1", "state": "ready", "state_message": "Printer is ready"}),
            ),
            ("printer.objects.list", json!({"objects": []})),
            ("printer.objects.query", json!({"status": klipper()})),
        ]);
        let (clock_rate, conf) = (1.0, "[timelapse]\n".to_owned());
        Self { folder, answers, clock_rate, conf, off: false, inside: false }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Part of an answer.
    pub(crate) fn part(&mut self, method: &str, pointer: &str) -> &mut Json {
        let answer = self.answers.get_mut(method).unwrap();
        answer.pointer_mut(pointer).unwrap_or_else(|| panic!("{method} has no {pointer}"))
    }

    /// A setting of the timelapse page.
    pub(crate) fn set(&mut self, name: &str, value: Json) {
        self.part("machine.timelapse.get_settings", "")[name] = value;
    }

    /// printer.cfg as Klipper tells it; `section` is added, or replaced.
    pub(crate) fn configure(&mut self, section: &str, options: Json) {
        let file = self.part("printer.objects.query", "/status/configfile");
        for kind in ["config", "settings"] {
            file[kind][section] = options.clone();
        }
    }

    /// Takes a section out of printer.cfg.
    pub(crate) fn remove(&mut self, section: &str) {
        for kind in ["config", "settings"] {
            let part = self.part("printer.objects.query", &format!("/status/configfile/{kind}"));
            part.as_object_mut().unwrap().shift_remove(section).unwrap_or_else(|| panic!("no [{section}]"));
        }
    }

    /// What the doctor finds.
    pub(crate) async fn examine(mut self) -> Vec<Check> {
        let (conf, socket) = (self.path("data/config/moonraker.conf"), self.path("data/comms/moonraker.sock"));
        std::fs::write(&conf, &self.conf).unwrap();
        let status = self.part("printer.objects.query", "/status").as_object().unwrap();
        let objects: Vec<String> = status.keys().cloned().collect();
        self.answers.insert("printer.objects.list", json!({"objects": objects}));
        let patient = Patient {
            endpoint: Endpoint::Unix(socket.clone()),
            link: None,
            conf: Some(read_moonraker_conf(&conf).map_err(|problem| problem.to_string())),
            overrides: Vec::<Layer>::new(),
            store: self.path("data/moonlapse"),
            inside: self.inside,
            clock: Clock::real(),
        };
        let folder = self.folder.path().to_owned();
        let listener = UnixListener::bind(&socket).unwrap();
        let report = if self.off {
            drop(listener);
            examine(patient).await
        } else {
            tokio::select! {
                report = examine(patient) => report,
                () = self.serve(listener) => unreachable!(),
            }
        };
        report.checks.into_iter().map(|check| fixed(check, &folder)).collect()
    }

    async fn serve(&self, listener: UnixListener) {
        let begun = Instant::now();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A doctor who has seen enough hangs up.
            let _hung_up = self.talk(stream, begun).await;
        }
    }

    async fn talk(&self, stream: UnixStream, begun: Instant) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut bytes = Vec::new();
            stream.read_until(3, &mut bytes).await?;
            if bytes.pop() != Some(3) {
                return Ok(());
            }
            let asked: Json = serde_json::from_slice(&bytes).unwrap();
            let method = asked["method"].as_str().unwrap();
            let mut answer = match self.answers.get(method) {
                Some(refusal) if refusal.get("code").is_some() => json!({"error": refusal}),
                Some(answer) => json!({"result": answer}),
                None => json!({"error": {"code": -32601, "message": "Method not found"}}),
            };
            if let Some(toolhead) = answer.pointer_mut("/result/status/toolhead") {
                toolhead["estimated_print_time"] = (begun.elapsed().as_secs_f64() * self.clock_rate).into();
            }
            answer["jsonrpc"] = "2.0".into();
            answer["id"] = asked["id"].clone();
            stream.get_mut().write_all(format!("{answer}\u{3}").as_bytes()).await?;
        }
    }
}

/// Klipper's status objects with all that frames need.
fn klipper() -> Json {
    let mut config = our_macros();
    for (section, options) in [
        ("printer", json!({"kinematics": "cartesian", "max_velocity": 300.0, "max_accel": 3000.0})),
        ("extruder", json!({"max_extrude_only_distance": 50.0})),
        ("virtual_sdcard", json!({"path": "/home/pi/printer_data/gcodes"})),
        ("pause_resume", json!({})),
        ("gcode_macro PAUSE", json!({"rename_existing": "PAUSE_BASE", "gcode": "PAUSE_BASE\nG1 X0"})),
    ] {
        config.insert(section.to_owned(), options);
    }
    json!({
        "toolhead": {"axis_minimum": [0.0, 0.0, 0.0, 0.0], "axis_maximum": [235.0, 235.0, 250.0, 0.0],
                     "position": [0.0, 0.0, 0.0, 0.0], "homed_axes": "xyz", "max_velocity": 300.0, "max_accel": 3000.0},
        "configfile": {"settings": config, "config": config},
        "print_stats": {"state": "standby"},
        "gcode_macro TIMELAPSE_TAKE_FRAME": {"hold": 0.1, "enable": true},
    })
}

/// Our macros as Klipper's reader takes them in: without comments and indentation.
fn our_macros() -> Map<String, Json> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("klipper-macros/timelapse.cfg");
    let mut sections = Map::new();
    let mut gcode = None;
    for line in std::fs::read_to_string(file).unwrap().lines() {
        let line = line.split('#').next().unwrap().trim_end();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            sections.insert(name.to_owned(), json!({"gcode": ""}));
            gcode = None;
        } else if line == "gcode:" {
            gcode = sections.keys().next_back().cloned();
        } else if let (Some(section), false) = (&gcode, line.is_empty()) {
            let Some(Json::String(text)) = sections[section].get_mut("gcode") else { unreachable!() };
            text.push('\n');
            text.push_str(line.trim());
        }
    }
    sections
}

/// Without what differs from run to run.
fn fixed(check: Check, folder: &Path) -> Check {
    let message = check.message.replace(&folder.display().to_string(), "/home/pi");
    let word = |word: &str| match word.split_once("127.0.0.1:") {
        Some((before, rest)) => format!("{before}HOST{}", rest.trim_start_matches(|c: char| c.is_ascii_digit())),
        None => word.to_owned(),
    };
    let message = message.split(' ').map(word).collect::<Vec<_>>().join(" ");
    let free = message.split(' ').collect::<Vec<_>>();
    let follows =
        |at: usize, words: [&str; 2]| free.get(at + 1) == Some(&words[0]) && free.get(at + 2) == Some(&words[1]);
    let measured = |at: usize| follows(at, ["MB", "are"]) || follows(at, ["s", "passed"]);
    let words = free.iter().enumerate().map(|(at, word)| if measured(at) { "N" } else { word });
    Check { message: words.collect::<Vec<_>>().join(" "), ..check }
}

/// What is wrong, a line each; but for how busy the machine of the tests is, which is no fault of a set-up.
pub(crate) fn findings(checks: &[Check]) -> Vec<String> {
    let busy = |check: &Check| check.subject == Subject::Clock && check.message.contains("so the host is busy");
    let wrong = checks.iter().filter(|check| check.verdict != Verdict::Ok && !busy(check));
    wrong.map(|check| format!("{:?}, {:?}: {}", check.verdict, check.subject, check.message)).collect()
}
