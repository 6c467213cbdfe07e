//! A whole studio: printer, camera, component, macros and the agent; and what its frames and films truly show.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::camera::{Camera, CameraConfig, FrameTruth, Look};
use crate::host::{Part, Process, Recording, Rig, RigOptions, Usage, repository, tail};

/// Where the head parks in every studio, mm: away from the part, inside the picture.
pub const PARK: [f64; 2] = [20.0, 200.0];

/// How long anything but a print may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How to build a studio.
#[derive(Debug)]
pub struct StudioOptions {
    /// The printer. Component, macros, camera and `[timelapse]` are added to it.
    pub rig: RigOptions,
    /// The camera.
    pub camera: CameraConfig,
    /// Options of `[timelapse]` beside the folders and the park position, one a line.
    pub timelapse: String,
    /// The agent's program, such as `env!("CARGO_BIN_EXE_moonlapse")`.
    pub agent: PathBuf,
    /// Connects the agent by the websocket instead of the unix socket.
    pub websocket: bool,
}

/// An option of `[timelapse]` for tests that want each frame: a busy machine's camera sends pictures as it can.
pub const PATIENT: &str = "park_time: 0.3\n";

impl StudioOptions {
    /// The usual studio.
    #[must_use]
    pub fn new(agent: impl Into<PathBuf>) -> Self {
        Self {
            rig: Rig::builder().warm(205.0, 60.0),
            camera: CameraConfig::default(),
            timelapse: String::new(),
            agent: agent.into(),
            websocket: false,
        }
    }

    /// One for tests, of which several run side by side on small machines: its camera's pictures are small, and the head
    /// stands still for long enough ([`PATIENT`]). `timelapse`: more options of `[timelapse]`, one a line.
    #[must_use]
    pub fn small(agent: impl Into<PathBuf>, timelapse: &str) -> Self {
        let mut options = Self::new(agent);
        options.camera.look = Look { width: 640, height: 360, ..Look::default() };
        options.timelapse = format!("{PATIENT}{timelapse}");
        options
    }

    /// Starts everything, and waits until the agent has set up the macros.
    ///
    /// # Errors
    ///
    /// When one of the parts does not start.
    pub async fn start(self) -> anyhow::Result<Studio> {
        let folder =
            tempfile::Builder::new().prefix("moonlapse-studio-").tempdir().context("making the studio's folder")?;
        // Studios run side by side; the page is served where its port is given.
        let page = if self.timelapse.contains("web_port:") { "" } else { "web_port: 0\n" };
        let [films, frames] = ["films", "frames"].map(|name| folder.path().join(name));
        // The camera needs the machine and the printer's configuration needs the camera's port.
        let port = crate::host::ports::free_port()?;
        let section = format!(
            "[timelapse]\noutput_path: {}\nframe_path: {}\nparkhead: True\nparkpos: custom\npark_custom_pos_x: {}\n\
             park_custom_pos_y: {}\npark_travel_speed: 200\npark_retract_speed: 40\npark_extrude_speed: 40\n{page}{}\n\
             [webcam rig]\nservice: mjpegstreamer\nstream_url: http://127.0.0.1:{port}/?action=stream\n\
             snapshot_url: http://127.0.0.1:{port}/?action=snapshot\n",
            films.display(),
            frames.display(),
            PARK[0],
            PARK[1],
            self.timelapse,
        );
        let repository = repository();
        let rig = self
            .rig
            .macros(repository.join("klipper-macros/timelapse.cfg"))
            .component("timelapse", repository.join("moonraker-component/timelapse"))
            .moonraker_section(&section)
            .start()
            .await?;
        let camera = Camera::start(CameraConfig { port, ..self.camera }, rig.machine()).await?;
        let Self { agent: program, websocket, .. } = self;
        let mut studio =
            Studio { rig, camera, agent: None, agent_was_killed: false, program, websocket, films, _folder: folder };
        studio.start_agent().await?;
        Ok(studio)
    }
}

/// A running studio; everything ends when it is dropped.
#[derive(Debug)]
pub struct Studio {
    /// The printer.
    pub rig: Rig,
    /// The camera.
    pub camera: Camera,
    agent: Option<Process>,
    agent_was_killed: bool,
    program: PathBuf,
    websocket: bool,
    films: PathBuf,
    _folder: tempfile::TempDir,
}

/// A frame of the store with its truth.
#[derive(Clone, Debug)]
pub struct ShotFrame {
    /// Its file.
    pub path: PathBuf,
    /// What was true at its exposure.
    pub truth: FrameTruth,
}

impl ShotFrame {
    /// The greatest distance of the head from the park position during the exposure, mm.
    #[must_use]
    pub fn distance_from_park(&self) -> f64 {
        let off = |at: crate::machine::TruePosition| (at.x - PARK[0]).hypot(at.y - PARK[1]);
        let FrameTruth { at_begin, at_middle, at_end, .. } = self.truth;
        off(at_begin).max(off(at_middle)).max(off(at_end))
    }
}

impl Studio {
    /// Starts the agent, and waits until the macros know its settings.
    ///
    /// # Errors
    ///
    /// When it does not come up.
    pub async fn start_agent(&mut self) -> anyhow::Result<()> {
        let data = self.rig.data().display().to_string();
        let (url, log) = (self.rig.url(), "info,moonlapse=debug");
        let mut args = vec!["run", "--data-path", &data, "--log", log];
        if self.websocket {
            args.extend(["--moonraker", &url]);
        }
        let heard = self.agent_log().len();
        self.agent = Some(self.rig.spawn_agent(&self.program, &args, &[])?);
        let set_up = |status: &crate::host::Status| status.get("gcode_macro TIMELAPSE_TAKE_FRAME", "enable") == true;
        self.rig.wait_for("the agent to set up the macros", LIMIT, set_up).await.with_context(|| self.agent_log())?;
        // After a restart the macros are as the first agent left them; its own word counts.
        self.wait_for_log(heard, "Klipper is ready").await
    }

    /// Kills the agent at once (SIGKILL).
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn kill_agent(&mut self) -> anyhow::Result<()> {
        self.agent_was_killed = true;
        self.agent.take().context("the agent does not run")?.kill()
    }

    /// Whether a test killed it.
    #[must_use]
    pub fn agent_was_killed(&self) -> bool {
        self.agent_was_killed
    }

    /// Waits until the agent's log has `text` after its first `from` bytes.
    ///
    /// # Errors
    ///
    /// When it has not within a minute; with the log.
    pub async fn wait_for_log(&self, from: usize, text: &str) -> anyhow::Result<()> {
        wait_for_text(&self.agent_log_file(), from, text).await
    }

    /// The agent's log so far.
    #[must_use]
    pub fn agent_log(&self) -> String {
        std::fs::read_to_string(self.agent_log_file()).unwrap_or_default()
    }

    fn agent_log_file(&self) -> PathBuf {
        let name = self.program.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.rig.data().join("logs").join(name + ".log")
    }

    /// What the agent has used so far.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub fn agent_usage(&self) -> anyhow::Result<Usage> {
        self.agent.as_ref().context("the agent does not run")?.usage()
    }

    /// The events that Mainsail and Fluidd got, beginning with number `from`.
    #[must_use]
    pub fn events(&self, from: usize) -> Vec<Value> {
        self.rig.with_status(|status| status.timelapse_events.get(from..).unwrap_or_default().to_vec())
    }

    /// Waits for the first event from number `from` on that fits.
    ///
    /// # Errors
    ///
    /// When there is none within `limit`; with the agent's log.
    pub async fn wait_for_event(
        &self,
        from: usize,
        limit: Duration,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<Value> {
        let mut found = None;
        let look = |status: &crate::host::Status| {
            found = status.timelapse_events.get(from..).unwrap_or_default().iter().find(|event| fits(event)).cloned();
            found.is_some()
        };
        self.rig.wait_for(what, limit, look).await.with_context(|| self.agent_log())?;
        found.context("no event")
    }

    /// Waits until the print that began after `since` has ended as it should: complete, in one go, never shown as paused,
    /// without an error on the console or in Klipper's log.
    ///
    /// # Errors
    ///
    /// When it has not, or takes longer than `limit`.
    pub async fn wait_for_the_end(&self, since: &Recording, limit: Duration) -> anyhow::Result<()> {
        let end = self.rig.wait_print_end(limit).await?;
        let console = self.rig.console(since);
        ensure!(end == "complete", "the print ended as {end}: {console:?}\n{}", self.agent_log());
        ensure!(!self.rig.print_states(since).contains(&"paused".to_owned()), "shown as paused");
        ensure!(self.rig.print_starts(since) == 1, "the print was interrupted");
        ensure!(!console.iter().any(|line| line.starts_with("!!")), "{console:?}");
        let log = self.rig.log(Part::Klippy);
        for fault in ["Traceback", "Remote Call Error", "Error evaluating", "Internal error"] {
            // A kill of the agent or of Moonraker leaves calls that nobody takes; Klipper logs them and goes on.
            ensure!(!log.contains(fault) || self.agent_was_killed, "{fault} in klippy.log:\n{}", tail(&log, 40));
        }
        Ok(())
    }

    /// Waits until the console has a line with `text`, and gives all lines since then.
    ///
    /// # Errors
    ///
    /// When it has none within `limit`.
    pub async fn wait_for_console(
        &self,
        since: &Recording,
        text: &str,
        limit: Duration,
    ) -> anyhow::Result<Vec<String>> {
        let said = |status: &crate::host::Status| {
            status.console[since.console_from()..].iter().any(|line| line.text.contains(text))
        };
        self.rig.wait_for(text, limit, said).await.with_context(|| self.agent_log())?;
        Ok(self.rig.console(since))
    }

    /// Waits for the end of the film that is made next, and gives its file.
    ///
    /// # Errors
    ///
    /// When it fails, or takes longer than `limit`.
    pub async fn wait_for_film(&self, from: usize, limit: Duration) -> anyhow::Result<PathBuf> {
        let ended = |event: &Value| {
            event["action"] == "render"
                && ["success", "error", "skipped"].iter().any(|status| event["status"] == *status)
        };
        let event = self.wait_for_event(from, limit, "the film", ended).await?;
        ensure!(event["status"] == "success", "no film: {event}\n{}", self.agent_log());
        Ok(self.films.join(event["filename"].as_str().context("the event names no film")?))
    }

    /// The folder of the films.
    #[must_use]
    pub fn films(&self) -> &Path {
        &self.films
    }

    /// The frames of the newest session.
    ///
    /// # Errors
    ///
    /// When there is no session, or a frame carries no truth.
    pub fn frames(&self) -> anyhow::Result<Vec<ShotFrame>> {
        let store = self.rig.data().join("moonlapse");
        let sessions = listed(&store).with_context(|| format!("looking into {}", store.display()))?;
        let newest = sessions.into_iter().filter(|path| path.join("frames").is_dir()).max().context("no session")?;
        let mut frames = Vec::new();
        for path in listed(&newest.join("frames"))? {
            let jpeg = std::fs::read(&path)?;
            let truth =
                FrameTruth::from_jpeg(&jpeg).with_context(|| format!("{} is no frame of ours", path.display()))?;
            frames.push(ShotFrame { path, truth });
        }
        Ok(frames)
    }
}

/// Waits until `file` has `text` after its first `from` bytes.
///
/// # Errors
///
/// When it has not within a minute; with what it has.
pub async fn wait_for_text(file: &Path, from: usize, text: &str) -> anyhow::Result<()> {
    let read = || std::fs::read_to_string(file).unwrap_or_default();
    let found = async {
        // A file tells nobody that it grew.
        let mut look = tokio::time::interval(Duration::from_millis(50));
        while !read().get(from..).unwrap_or_default().contains(text) {
            look.tick().await;
        }
    };
    let found = tokio::time::timeout(LIMIT, found).await;
    found.map_err(|_| anyhow::anyhow!("{text:?} is not in {}:\n{}", file.display(), read()))
}

/// What a folder holds, sorted by name.
fn listed(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<anyhow::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// What ffprobe counts in a film.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmFacts {
    /// Decoded frames.
    pub frames: u32,
    /// s.
    pub duration: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

/// Decodes a film with ffprobe.
///
/// # Errors
///
/// When ffprobe is missing or does not understand the film.
pub fn film_facts(film: &Path) -> anyhow::Result<FilmFacts> {
    let entries = "stream=nb_read_frames,width,height:format=duration";
    let done = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries", entries, "-of", "json"])
        .arg(film)
        .output()
        .context("running ffprobe")?;
    let facts: Value = serde_json::from_slice(&done.stdout).context("reading ffprobe's answer")?;
    let number = |value: &Value| value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_default();
    let stream = &facts["streams"][0];
    Ok(FilmFacts {
        frames: number(&stream["nb_read_frames"]) as u32,
        duration: number(&facts["format"]["duration"]),
        width: number(&stream["width"]) as u32,
        height: number(&stream["height"]) as u32,
    })
}
