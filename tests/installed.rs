//! Prints on simulated printers in a user's home, filmed by what `install.sh` put there from a release: installed, used,
//! removed without a trace. `scripts/install-check` runs all of it; `cargo test` a part.
//!
//! `MOONLAPSE_RELEASE` names a zip of `scripts/package` (else one is made of the program under test),
//! `MOONLAPSE_PLUGIN` a checkout of moonraker-timelapse (else a stand-in with its files' names),
//! `MOONLAPSE_ROUNDS` how often each home is installed into.

#![allow(clippy::unwrap_used, reason = "a failing helper fails its test")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use moonlapse_rig::camera::{Camera, CameraConfig, FrameTruth, Look};
use moonlapse_rig::home::{Home, differences, write};
use moonlapse_rig::host::gcode::sliced;
use moonlapse_rig::host::{Part, Process, Rig, ports, repository, tail};
use moonlapse_rig::studio::film_facts;
use serde_json::{Value, json};

const AGENT: &str = env!("CARGO_BIN_EXE_moonlapse");
const LIMIT: Duration = Duration::from_secs(180);
const MACRO: &str = "gcode_macro TIMELAPSE_TAKE_FRAME";
const LAYERS: usize = 4;
/// How often the last frame is shown again; moonraker-timelapse's default.
const REPEATED: u32 = 5;

/// The zip that is installed.
fn release() -> PathBuf {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(zip) = std::env::var_os("MOONLAPSE_RELEASE") {
        return zip.into();
    }
    let made = MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
        let architecture = if cfg!(target_arch = "arm") { "armv7" } else { std::env::consts::ARCH };
        let mut package = Command::new(repository().join("scripts/package"));
        package.args(["--repository", "moonlapse/moonlapse", "--binary", &format!("{architecture}={AGENT}"), "--out"]);
        let made = package.arg(&folder).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        folder.join("moonlapse.zip")
    });
    made.clone()
}

fn rounds() -> u32 {
    std::env::var("MOONLAPSE_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1)
}

/// What a removal may leave behind: what Klipper and Moonraker write while they run, and the user's films.
fn may_change(path: &str) -> bool {
    let mut parts = path.split('/');
    match (parts.next(), parts.next()) {
        (Some("timelapse"), _) => true,
        (Some(data), Some(inside)) if data.starts_with("printer") => {
            // `shown` is where a test has the frames of moonraker-timelapse, which are moved aside.
            ["logs", "comms", "database", "gcodes", "timelapse", "shown"].contains(&inside)
        }
        _ => false,
    }
}

/// A printer in a home. Its agent is started as its service says.
struct Printer {
    data: String,
    unit: String,
    rig: Rig,
    _camera: Camera,
    agent: Option<Process>,
    /// Warnings of Moonraker before anything of ours was there: a Klipper host from PyPI lacks the folders of a checkout,
    /// and the rig has no DBus.
    warnings: Value,
}

impl Printer {
    /// `name` is that of the instance, empty for the only one.
    async fn start(home: &Home, name: &str, moonraker: &str, klipper: &str) -> Self {
        let (data, suffix) = match name {
            "" => ("printer_data".to_owned(), String::new()),
            name => (format!("printer_{name}_data"), format!("-{name}")),
        };
        home.add_service(&data, &format!("moonraker{suffix}")).unwrap();
        let port = ports::free_port().unwrap();
        let conf = format!(
            "{moonraker}\n[update_manager]\n\n[webcam rig]\nservice: mjpegstreamer\n\
             stream_url: http://127.0.0.1:{port}/?action=stream\n\
             snapshot_url: http://127.0.0.1:{port}/?action=snapshot\n"
        );
        let rig = Rig::builder().warm(205.0, 60.0).in_home(home.folder(), &data);
        let rig = rig.moonraker_section(&conf).printer_section(klipper).start().await.unwrap();
        // Several prints run side by side on small machines.
        let look = Look { width: 640, height: 360, ..Look::default() };
        let camera =
            Camera::start(CameraConfig { port, look, ..CameraConfig::default() }, rig.machine()).await.unwrap();
        let unit = format!("moonlapse{suffix}");
        let mut printer = Self { data, unit, rig, _camera: camera, agent: None, warnings: Value::Null };
        printer.warnings = printer.ask("server.info").await["warnings"].clone();
        printer
    }

    async fn ask(&self, method: &str) -> Value {
        self.rig.call(method, json!({}), LIMIT).await.unwrap()
    }

    /// Starts what systemd would have started, and restarts what it would have restarted.
    async fn go_on_after_installing(&mut self, home: &Home, calls: &[String]) {
        let moonraker = self.unit.replace("moonlapse", "moonraker");
        for service in [&self.unit, &moonraker] {
            assert!(calls.contains(&format!("restart {service}")), "{service} was not started: {calls:?}");
        }
        self.restart_moonraker().await;
        self.start_agent(home).await;
    }

    async fn restart_moonraker(&mut self) {
        self.rig.restart_part(Part::Moonraker).await.unwrap();
    }

    async fn start_agent(&mut self, home: &Home) {
        let command = home.command_of(&self.unit).unwrap();
        let args: Vec<&str> = command[1..].iter().map(String::as_str).collect();
        let env = [("HOME", home.folder().display().to_string()), ("MOONLAPSE_LOG", "info,moonlapse=debug".to_owned())];
        let env = env.each_ref().map(|(name, value)| (*name, value.as_str()));
        self.agent = Some(self.rig.spawn_agent(Path::new(&command[0]), &args, &env).unwrap());
        self.wait_for_macro("enable", true).await;
    }

    async fn stop_agent(&mut self) {
        let status = self.agent.take().unwrap().stop(LIMIT).await.unwrap();
        assert!(status.success(), "{}", self.log());
    }

    fn log(&self) -> String {
        let log = self.rig.data().join("logs/moonlapse.log");
        tail(&std::fs::read_to_string(log).unwrap_or_default(), 60)
    }

    async fn wait_for_macro(&self, variable: &str, value: bool) {
        let what = format!("the agent to set {variable} of the macros");
        let set = |status: &moonlapse_rig::host::Status| status.get(MACRO, variable) == value;
        if let Err(error) = self.rig.wait_for(&what, LIMIT, set).await {
            panic!("{error:#}\n{}", self.log());
        }
    }

    /// Moonraker knows the component and the updates, and complains about nothing.
    async fn assert_loaded(&self) {
        let info = self.ask("server.info").await;
        assert!(info["components"].as_array().unwrap().contains(&json!("timelapse")), "{info}");
        let log = self.rig.log(Part::Moonraker);
        assert_eq!(info["failed_components"], json!([]), "{log}");
        assert_eq!(info["warnings"], self.warnings);
        let updates = self.ask("machine.update.status").await;
        let ours = &updates["version_info"][&self.unit];
        let version = format!("v{}", env!("CARGO_PKG_VERSION"));
        assert_eq!((&ours["is_valid"], &ours["version"]), (&json!(true), &json!(version)), "{ours}");
        assert_eq!((&ours["warnings"], &ours["anomalies"]), (&json!([]), &json!([])), "{ours}");
    }

    /// Prints a file and gives its film.
    async fn film(&self, films: &Path) -> PathBuf {
        let from = self.rig.with_status(|status| status.timelapse_events.len());
        self.rig.preheat(200.0, 0.0).await.unwrap();
        self.rig.speed(200.0).await.unwrap();
        self.rig.print("towers.gcode", sliced("towers_slicer_macro.gcode", LAYERS).unwrap()).await.unwrap();
        assert_eq!(self.rig.wait_print_end(LIMIT).await.unwrap(), "complete");
        let mut film = Value::Null;
        let ended = |status: &moonlapse_rig::host::Status| {
            let events = status.timelapse_events.get(from..).unwrap_or_default();
            let end = |event: &&Value| {
                event["action"] == "render" && event["status"] != "running" && event["status"] != "started"
            };
            film = events.iter().find(end).cloned().unwrap_or_default();
            !film.is_null()
        };
        if let Err(error) = self.rig.wait_for("the film", LIMIT, ended).await {
            panic!("{error:#}\n{}", self.log());
        }
        assert_eq!(film["status"], "success", "{film}\n{}", self.log());
        let film = films.join(film["filename"].as_str().unwrap());
        let layers = u32::try_from(LAYERS).unwrap();
        assert_eq!(film_facts(&film).unwrap().frames, layers + REPEATED);
        self.assert_parked();
        film
    }

    /// The frames of the newest print show the head in one place.
    fn assert_parked(&self) {
        let store = self.rig.data().join("moonlapse");
        let sessions = std::fs::read_dir(store).unwrap().map(|entry| entry.unwrap().path());
        let newest = sessions.filter(|path| path.join("frames").is_dir()).max().unwrap();
        let frames = std::fs::read_dir(newest.join("frames")).unwrap();
        let at: Vec<_> = frames
            .map(|frame| FrameTruth::from_jpeg(&std::fs::read(frame.unwrap().path()).unwrap()).unwrap().at_middle)
            .collect();
        assert_eq!(at.len(), LAYERS);
        for one in &at {
            let off = (one.x - at[0].x).hypot(one.y - at[0].y);
            assert!(off <= 0.05, "the head is {off} mm off: {at:?}");
        }
    }

    /// A setting of the timelapse page outlives each part, and reaches the macros.
    async fn assert_settings_survive(&mut self, home: &Home) {
        let set =
            |value: bool| self.rig.call("machine.timelapse.post_settings", json!({"gcode_verbose": value}), LIMIT);
        set(true).await.unwrap();
        self.wait_for_macro("verbose", true).await;
        self.restart_moonraker().await;
        assert_eq!(self.ask("machine.timelapse.get_settings").await["gcode_verbose"], true);

        // Whatever the macros have become meanwhile, an agent that starts sets them up.
        self.stop_agent().await;
        self.rig.gcode("SET_GCODE_VARIABLE MACRO=TIMELAPSE_TAKE_FRAME VARIABLE=verbose VALUE=False").await.unwrap();
        self.wait_for_macro("verbose", false).await;
        self.start_agent(home).await;
        self.wait_for_macro("verbose", true).await;

        // Klipper forgets all variables.
        self.rig.restart_part(Part::Klippy).await.unwrap();
        self.wait_for_macro("verbose", true).await;
        self.rig.call("machine.timelapse.post_settings", json!({"gcode_verbose": false}), LIMIT).await.unwrap();
        self.wait_for_macro("verbose", false).await;
    }

    /// Moonraker runs without us, as before.
    async fn assert_gone(&mut self) {
        self.restart_moonraker().await;
        let info = self.ask("server.info").await;
        assert_eq!(info["failed_components"], json!([]));
        assert_eq!(info["warnings"], self.warnings);
    }
}

/// Installs into a home, films with every printer at once, and removes everything again, some times over. `check` looks
/// at each printer while everything is there, and gives the folder of the films.
async fn come_and_go(home: &Home, printers: &mut [Printer], films: impl Fn(&Printer) -> PathBuf, store_stays: bool) {
    let data: Vec<String> = printers.iter().map(|printer| printer.data.clone()).collect();
    let left_out =
        |path: &str| may_change(path) || store_stays && data.iter().any(|data| path == format!("{data}/moonlapse"));
    let (before, changes) = (home.tree(left_out).unwrap(), home.moonraker_changes().unwrap());
    for round in 1..=rounds() {
        let started = Instant::now();
        home.unpack(&release()).unwrap();
        let said = home.install(&[]).unwrap();
        let installed = started.elapsed();
        assert!(!said.contains("Restart "), "{said}");
        let calls = home.systemctl_calls().unwrap();
        for printer in &mut *printers {
            printer.go_on_after_installing(home, &calls).await;
            printer.assert_loaded().await;
        }
        assert_eq!(home.moonraker_changes().unwrap(), "");
        let all = home.tree(may_change).unwrap();
        let said = home.install(&[]).unwrap();
        assert!(said.starts_with("Nothing to change"), "{said}");
        assert_eq!(differences(&all, &home.tree(may_change).unwrap()), "");

        let filmed = futures_util::future::join_all(printers.iter().map(|printer| printer.film_in(&films))).await;
        for printer in &mut *printers {
            printer.stop_agent().await;
        }
        let started = Instant::now();
        let purge: &[&str] = if store_stays { &["--uninstall"] } else { &["--uninstall", "--purge"] };
        let said = home.install(purge).unwrap();
        let removed = started.elapsed();
        for printer in &mut *printers {
            printer.assert_gone().await;
        }
        assert_eq!(home.moonraker_changes().unwrap(), changes);
        let after = home.tree(left_out).unwrap();
        assert_eq!(differences(&before, &after), "", "{said}");
        assert!(filmed.iter().all(|film| film.is_file()), "a film went away");
        println!(
            "round {round}: installed in {installed:.1?}, {} film(s) of {LAYERS} frames, removed in {removed:.1?} without a trace",
            filmed.len()
        );
    }
}

impl Printer {
    async fn film_in(&self, films: impl Fn(&Self) -> PathBuf) -> PathBuf {
        self.film(&films(self)).await
    }
}

#[tokio::test]
async fn two_printers_of_a_home_are_filmed_at_once_and_left_as_they_were() {
    let home = Home::make().unwrap();
    let mut printers = Vec::new();
    for name in ["1", "voron"] {
        printers.push(Printer::start(&home, name, "", "").await);
    }
    come_and_go(&home, &mut printers, |printer| printer.rig.data().join("timelapse"), false).await;
}

#[tokio::test]
async fn moonraker_timelapse_is_replaced_and_comes_back() {
    let home = Home::make().unwrap();
    let folder = home.folder();
    let (films, frames) = (folder.join("timelapse"), folder.join("printer_data/shown"));
    let plugin = Plugin::install(&home);
    let section = format!(
        "[timelapse]\nframe_path: {}\n\n[update_manager timelapse]\ntype: git_repo\nprimary_branch: main\n\
         path: ~/moonraker-timelapse\norigin: https://github.com/mainsail-crew/moonraker-timelapse.git\n\
         managed_services: klipper moonraker\n",
        frames.display()
    );
    let mut printer = Printer::start(&home, "", &section, "[include timelapse.cfg]").await;
    write(&films.join("old.mp4"), "a film of before").unwrap();
    write(&frames.join("frame000001.jpg"), "a frame of before").unwrap();
    let old = json!({"enabled": true, "parkhead": true, "parkpos": "front_right", "targetlength": 21, "camera": "rig"});
    let item = json!({"namespace": "timelapse", "key": "config", "value": old});
    printer.rig.call("server.database.post_item", item, LIMIT).await.unwrap();
    printer.restart_moonraker().await;
    let record = json!({"namespace": "timelapse"});
    let before = printer.rig.call("server.database.get_item", record.clone(), LIMIT).await.unwrap();

    home.unpack(&release()).unwrap();
    home.install(&[]).unwrap();
    let calls = home.systemctl_calls().unwrap();
    printer.go_on_after_installing(&home, &calls).await;
    let settings = printer.ask("machine.timelapse.get_settings").await;
    for (name, value) in old.as_object().unwrap() {
        assert_eq!(&settings[name], value, "{name}");
    }
    printer.assert_settings_survive(&home).await;
    printer.stop_agent().await;
    home.install(&["--uninstall", "--purge"]).unwrap();
    printer.restart_moonraker().await;
    let after = printer.rig.call("server.database.get_item", record, LIMIT).await.unwrap();
    assert_eq!(before, after);

    come_and_go(&home, std::slice::from_mut(&mut printer), |_| films.clone(), true).await;
    assert!(films.join("old.mp4").is_file());
    plugin.assert_in_place();
    let kept = std::fs::read_dir(&frames).unwrap().map(|entry| entry.unwrap().path().join("frame000001.jpg"));
    assert!(kept.into_iter().any(|path| path.is_file()), "the frame of before is gone");
}

/// Uses the folders that everybody's first printer has, which are not in the home alone.
#[tokio::test]
#[ignore = "uses /tmp/timelapse, which another test or printer of this machine may use"]
async fn a_printer_without_any_settings_is_filmed_and_left_as_it_was() {
    let home = Home::make().unwrap();
    let mut printer = Printer::start(&home, "", "", "").await;
    let films = home.folder().join("timelapse");
    come_and_go(&home, std::slice::from_mut(&mut printer), |_| films.clone(), false).await;
}

/// moonraker-timelapse as its installer leaves it.
struct Plugin {
    links: [(PathBuf, PathBuf); 2],
}

impl Plugin {
    fn install(home: &Home) -> Self {
        let plugin = home.folder().join("moonraker-timelapse");
        if let Some(checkout) = std::env::var_os("MOONLAPSE_PLUGIN") {
            let copied = Command::new("cp").arg("-R").arg(checkout).arg(&plugin).status().unwrap();
            assert!(copied.success());
        } else {
            let component = "# timelapse_frames\ndef load_component(config):\n    for name in config.get_options():\n        \
                             config.get(name)\n    return object()\n";
            write(&plugin.join("component/timelapse.py"), component).unwrap();
            write(&plugin.join("klipper_macro/timelapse.cfg"), "[gcode_macro TIMELAPSE_TAKE_FRAME]\ngcode:\n").unwrap();
        }
        let config = home.folder().join("printer_data/config");
        std::fs::create_dir_all(&config).unwrap();
        let links = [
            (home.components().join("timelapse.py"), plugin.join("component/timelapse.py")),
            (config.join("timelapse.cfg"), plugin.join("klipper_macro/timelapse.cfg")),
        ];
        for (link, target) in &links {
            std::os::unix::fs::symlink(target, link).unwrap();
        }
        Self { links }
    }

    fn assert_in_place(&self) {
        for (link, target) in &self.links {
            assert_eq!(&link.read_link().unwrap(), target);
        }
    }
}
