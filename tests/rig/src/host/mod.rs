//! The real Klipper host and Moonraker around the virtual parts, and a driver for tests.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! use std::time::Duration;
//! use moonlapse_rig::host::Rig;
//!
//! let rig = Rig::builder().warm(205.0, 60.0).start().await?;
//! rig.preheat(200.0, 0.0).await?;
//! rig.print("cube.gcode", "G28\nG1 X10 Y10 F6000\n").await?;
//! assert_eq!(rig.wait_print_end(Duration::from_secs(60)).await?, "complete");
//! println!("{:?}", rig.position());
//! # Ok(()) }
//! ```
//!
//! Everything lives in a temporary folder of the rig's own, and ends when the [`Rig`] is dropped, when the test panics
//! (the folder is kept then), and when the test is killed.

mod driver;
pub mod gcode;
mod link;
mod options;
pub mod ports;
mod process;
mod venv;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;

pub use crate::machine::monotonic;
pub use driver::Recording;
pub use link::{Stamped, Status};
pub use options::{Dynamics, RigOptions};
pub use process::{Process, Usage, tail, usage_of};
pub use venv::repository;
pub(crate) use venv::{find_package, locate};

use crate::machine::{Machine, TruePosition};
use crate::mcu::VirtualMcu;
use link::Link;
use options::Layout;

/// How long Klipper may take until it is ready, on a slow and busy machine.
const READY: Duration = Duration::from_secs(120);
/// How long a server may take to end when asked to.
const STOP: Duration = Duration::from_secs(30);

/// A server of the rig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The Klipper host.
    Klippy,
    /// Moonraker.
    Moonraker,
}

/// A running printer: virtual MCU, Klipper host, Moonraker.
#[derive(Debug)]
pub struct Rig {
    link: Link,
    klippy: Option<Process>,
    moonraker: Option<Process>,
    mcu: VirtualMcu,
    http: reqwest::Client,
    port: u16,
    venv: PathBuf,
    layout: Layout,
    home: PathBuf,
    root: TempDir,
}

impl Rig {
    /// Begins to describe a rig; [`RigOptions::start`] starts it.
    #[must_use]
    pub fn builder() -> RigOptions {
        RigOptions::default()
    }

    async fn start(options: RigOptions) -> anyhow::Result<Self> {
        let venv = venv::locate()?;
        let root = tempfile::Builder::new().prefix("moonlapse-rig-").tempdir().context("making the rig's folder")?;
        let layout = Layout::make(root.path(), options.home.as_ref())?;
        let port = ports::free_port()?;
        let mcu = VirtualMcu::start(&options.machine)?;
        options.write(&layout, mcu.serial(), port)?;
        if options.home.is_none() {
            venv::overlay_moonraker(&venv, &layout.overlay, &options.components)?;
        }
        let link = Link::open(&layout.moonraker_socket());
        let http = crate::http_client();
        let home = options.home.map_or_else(|| root.path().to_owned(), |home| home.folder);
        let mut rig = Self { link, klippy: None, moonraker: None, mcu, http, port, venv, layout, home, root };
        rig.start_part(Part::Klippy)?;
        rig.start_part(Part::Moonraker)?;
        if let Err(error) = rig.wait_ready().await {
            rig.root.disable_cleanup(true);
            return Err(
                error.context(format!("the rig did not start; its folder is kept: {}", rig.root.path().display()))
            );
        }
        Ok(rig)
    }

    /// Starts a server that was killed or stopped; see [`Rig::wait_ready`].
    ///
    /// # Errors
    ///
    /// When it runs already or cannot be started.
    pub fn start_part(&mut self, part: Part) -> anyhow::Result<()> {
        ensure!(self.part(part).is_none(), "{part:?} runs already");
        let python = self.venv.join("bin/python");
        let own = self.root.path().display().to_string();
        let mut env = vec![
            ("HOME".to_owned(), self.home.display().to_string()),
            // Moonraker keeps uploads in the temporary folder under names that two Moonrakers share.
            ("TMPDIR".to_owned(), own),
            // A component of ours is linked, not copied; nothing is to be written next to it.
            ("PYTHONDONTWRITEBYTECODE".to_owned(), "1".to_owned()),
        ];
        let data = self.layout.data.display().to_string();
        let process = match part {
            Part::Klippy => {
                // A socket left behind by a killed process would look like a running one.
                remove_if_there(&self.layout.klippy_socket())?;
                let [config, log, socket, tty] =
                    ["config/printer.cfg", "logs/klippy.log", "comms/klippy.sock", "comms/klippy.serial"]
                        .map(|file| format!("{data}/{file}"));
                let program = venv::klipper(&self.venv).display().to_string();
                // Without -I all of them make one link in /tmp, and two that start at once fail over it.
                let args = [&program, &config, "-l", &log, "-a", &socket, "-I", &tty].map(str::to_owned);
                Process::spawn(&python, args, env, self.root.path(), &self.layout.log("klippy.out"))?
            }
            Part::Moonraker => {
                remove_if_there(&self.layout.moonraker_socket())?;
                let overlay = self.layout.overlay.display().to_string();
                env.push(("PYTHONPATH".to_owned(), overlay));
                if self.home != self.root.path() {
                    // As on a printer: what it writes beside our component is ours to remove.
                    env.retain(|(name, _)| name != "PYTHONDONTWRITEBYTECODE");
                }
                let args = ["-m".to_owned(), "moonraker".to_owned(), "-d".to_owned(), data];
                Process::spawn(&python, args, env, self.root.path(), &self.layout.log("moonraker.out"))?
            }
        };
        *self.part_mut(part) = Some(process);
        Ok(())
    }

    /// Kills a server at once (SIGKILL), and waits until its absence shows.
    ///
    /// # Errors
    ///
    /// When it does not run.
    pub async fn kill_part(&mut self, part: Part) -> anyhow::Result<()> {
        self.part_mut(part).take().with_context(|| format!("{part:?} does not run"))?.kill()?;
        self.wait_gone(part).await
    }

    /// Asks a server to end (SIGTERM), and waits until its absence shows.
    ///
    /// # Errors
    ///
    /// When it does not run, or does not end in time.
    pub async fn stop_part(&mut self, part: Part) -> anyhow::Result<()> {
        let mut process = self.part_mut(part).take().with_context(|| format!("{part:?} does not run"))?;
        process.stop(STOP).await?;
        self.wait_gone(part).await
    }

    /// Without this, the status of before would look like that of a server that was started again.
    async fn wait_gone(&self, part: Part) -> anyhow::Result<()> {
        let what = format!("the absence of {part:?} to show");
        self.wait_for(&what, STOP, |status| status.klippy == "disconnected").await
    }

    /// Stops a server, starts it again, and waits until Klipper is ready.
    ///
    /// # Errors
    ///
    /// When one of these fails.
    pub async fn restart_part(&mut self, part: Part) -> anyhow::Result<()> {
        self.stop_part(part).await?;
        self.start_part(part)?;
        self.wait_ready().await
    }

    /// The process of a server, unless it was killed or stopped.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&Process> {
        match part {
            Part::Klippy => self.klippy.as_ref(),
            Part::Moonraker => self.moonraker.as_ref(),
        }
    }

    fn part_mut(&mut self, part: Part) -> &mut Option<Process> {
        match part {
            Part::Klippy => &mut self.klippy,
            Part::Moonraker => &mut self.moonraker,
        }
    }

    /// Starts a program of ours, such as the agent: killed with the rig's process or when the handle is dropped, its
    /// output in `logs/NAME.log`. To start it again after a kill, call this again; the log goes on.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn spawn_agent(&self, program: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Process> {
        let name = program.file_stem().unwrap_or(program.as_os_str()).to_string_lossy();
        let log = self.layout.log(&format!("{name}.log"));
        Process::spawn(program, args, env.iter().copied(), self.root.path(), &log)
    }

    /// klippy.log or moonraker.log so far; the empty text when there is none.
    #[must_use]
    pub fn log(&self, part: Part) -> String {
        let name = match part {
            Part::Klippy => "klippy.log",
            Part::Moonraker => "moonraker.log",
        };
        let log = std::fs::read(self.layout.log(name)).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Moonraker's HTTP address, `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// HOME of Klipper and Moonraker.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Moonraker's unix socket.
    #[must_use]
    pub fn moonraker_socket(&self) -> PathBuf {
        self.layout.moonraker_socket()
    }

    /// Klipper's unix socket.
    #[must_use]
    pub fn klippy_socket(&self) -> PathBuf {
        self.layout.klippy_socket()
    }

    /// Moonraker's data folder, with `config`, `gcodes`, `logs`, `comms` and `database`.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.layout.data
    }

    /// Leaves the rig's folder behind when the rig ends, to look at its logs.
    pub fn keep_folder(&mut self) {
        self.root.disable_cleanup(true);
    }

    /// The machine, for the camera.
    #[must_use]
    pub fn machine(&self) -> Arc<dyn Machine> {
        self.mcu.machine()
    }

    /// The virtual MCU.
    #[must_use]
    pub fn mcu(&self) -> &VirtualMcu {
        &self.mcu
    }

    /// Where the head truly is now.
    #[must_use]
    pub fn position(&self) -> TruePosition {
        self.mcu.position()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.root.disable_cleanup(true);
            eprintln!("the rig's folder is kept: {}", self.root.path().display());
            for (part, name) in [(Part::Klippy, "klippy.log"), (Part::Moonraker, "moonraker.log")] {
                eprintln!("--- the end of {name}:\n{}", tail(&self.log(part), 15));
            }
        }
    }
}

fn remove_if_there(file: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", file.display()))
        }
        _ => Ok(()),
    }
}
