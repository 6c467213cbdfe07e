//! What a rig is made of, and the files that say so to Klipper and Moonraker.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::Rig;
use crate::mcu::spec::MachineSpec;

const PRINTER_CFG: &str = include_str!("../../config/printer.cfg");
const CLIENT_MACROS_CFG: &str = include_str!("../../config/client-macros.cfg");
const MOONRAKER_CONF: &str = include_str!("../../config/moonraker.conf");

/// How fast the machine may move.
#[derive(Clone, Copy, Debug)]
pub struct Dynamics {
    /// mm/s.
    pub max_velocity: f64,
    /// mm/s².
    pub max_accel: f64,
    /// mm/s.
    pub max_z_velocity: f64,
    /// mm/s².
    pub max_z_accel: f64,
    /// mm/s.
    pub square_corner_velocity: f64,
    /// Of moves that only extrude or retract, mm/s².
    pub max_extrude_only_accel: f64,
    /// Of the extruder, mm/s.
    pub instantaneous_corner_velocity: f64,
}

impl Dynamics {
    /// An ordinary bed slinger.
    pub const ORDINARY: Self = Self {
        max_velocity: 300.0,
        max_accel: 3_000.0,
        max_z_velocity: 25.0,
        max_z_accel: 300.0,
        square_corner_velocity: 5.0,
        max_extrude_only_accel: 800.0,
        instantaneous_corner_velocity: 1.0,
    };

    /// As fast as the host's computing allows; with M220 it makes tests short, when only the order of things counts.
    pub const FAST: Self = Self {
        max_velocity: 1_000.0,
        max_accel: 20_000.0,
        max_z_velocity: 100.0,
        max_z_accel: 20_000.0,
        square_corner_velocity: 50.0,
        max_extrude_only_accel: 50_000.0,
        instantaneous_corner_velocity: 20.0,
    };
}

/// How to build a rig; made by [`Rig::builder`].
#[derive(Clone, Debug)]
pub struct RigOptions {
    pub(super) machine: MachineSpec,
    pub(super) components: Vec<(String, PathBuf)>,
    client_macros: bool,
    firmware_retraction: bool,
    pressure_advance: f64,
    dynamics: Dynamics,
    includes: Vec<PathBuf>,
    printer_sections: String,
    moonraker_sections: String,
    pub(super) home: Option<InHome>,
}

/// A printer in the home of a user instead of a folder of the rig's own.
#[derive(Clone, Debug)]
pub(super) struct InHome {
    pub(super) folder: PathBuf,
    /// The data folder in it, such as `printer_data`.
    data: String,
}

impl Default for RigOptions {
    fn default() -> Self {
        Self {
            machine: MachineSpec::default(),
            components: Vec::new(),
            client_macros: true,
            firmware_retraction: false,
            pressure_advance: 0.0,
            dynamics: Dynamics::ORDINARY,
            includes: Vec::new(),
            printer_sections: String::new(),
            moonraker_sections: String::new(),
            home: None,
        }
    }
}

/// Where things are in a rig's folder.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub(super) data: PathBuf,
    pub(super) overlay: PathBuf,
}

impl Layout {
    pub(super) fn make(root: &Path, home: Option<&InHome>) -> anyhow::Result<Self> {
        let layout = match home {
            None => Self { data: root.join("data"), overlay: root.join("overlay") },
            Some(home) => Self { data: home.folder.join(&home.data), overlay: home.folder.join("moonraker") },
        };
        for folder in ["config", "gcodes", "logs", "comms", "database"] {
            std::fs::create_dir_all(layout.data.join(folder)).context("making the rig's folders")?;
        }
        Ok(layout)
    }

    pub(super) fn klippy_socket(&self) -> PathBuf {
        self.data.join("comms/klippy.sock")
    }

    pub(super) fn moonraker_socket(&self) -> PathBuf {
        self.data.join("comms/moonraker.sock")
    }

    pub(super) fn log(&self, name: &str) -> PathBuf {
        self.data.join("logs").join(name)
    }
}

impl RigOptions {
    /// The machine; the default is a bed slinger of 235 x 235 x 250 mm.
    #[must_use]
    pub fn machine(mut self, machine: MachineSpec) -> Self {
        self.machine = machine;
        self
    }

    /// Starts with a hotend and a bed that are still hot (°C), so that M109 takes a moment only.
    #[must_use]
    pub fn warm(mut self, hotend: f64, bed: f64) -> Self {
        for heater in &mut self.machine.heaters {
            heater.start = if heater.heater_pin == "hotend_heater" { hotend } else { bed };
        }
        self
    }

    /// PAUSE, RESUME and CANCEL_PRINT as the usual client macros have them (park, come back, cool down), or Klipper's
    /// own. The default is the macros.
    #[must_use]
    pub fn client_macros(mut self, yes: bool) -> Self {
        self.client_macros = yes;
        self
    }

    /// Adds `[firmware_retraction]`: 0.8 mm at 40 mm/s.
    #[must_use]
    pub fn firmware_retraction(mut self) -> Self {
        self.firmware_retraction = true;
        self
    }

    /// Pressure advance, s. The default is 0, with which true E is what the G-code says.
    #[must_use]
    pub fn pressure_advance(mut self, seconds: f64) -> Self {
        self.pressure_advance = seconds;
        self
    }

    /// How fast the machine may move; the default is [`Dynamics::ORDINARY`].
    #[must_use]
    pub fn dynamics(mut self, dynamics: Dynamics) -> Self {
        self.dynamics = dynamics;
        self
    }

    /// Links a file of macros into the config folder and includes it.
    #[must_use]
    pub fn macros(mut self, file: impl Into<PathBuf>) -> Self {
        self.includes.push(file.into());
        self
    }

    /// Appends a section to printer.cfg.
    #[must_use]
    pub fn printer_section(mut self, section: &str) -> Self {
        self.printer_sections.push_str(section);
        self.printer_sections.push('\n');
        self
    }

    /// Appends a section to moonraker.conf, such as `[timelapse]` or `[webcam x]`.
    #[must_use]
    pub fn moonraker_section(mut self, section: &str) -> Self {
        self.moonraker_sections.push_str(section);
        self.moonraker_sections.push('\n');
        self
    }

    /// Installs a Moonraker component (a folder or a `.py` file) in this rig alone. It is loaded when
    /// moonraker.conf has a section of its name; see [`RigOptions::moonraker_section`].
    #[must_use]
    pub fn component(mut self, name: &str, source: impl Into<PathBuf>) -> Self {
        self.components.push((name.to_owned(), source.into()));
        self
    }

    /// Lives in this home, with this data folder (such as `printer_data`), and runs the Moonraker that lies there: a
    /// checkout, in `moonraker`. See [`crate::home::Home`].
    #[must_use]
    pub fn in_home(mut self, home: impl Into<PathBuf>, data: &str) -> Self {
        self.home = Some(InHome { folder: home.into(), data: data.to_owned() });
        self
    }

    /// Starts it and waits until Klipper is ready.
    ///
    /// # Errors
    ///
    /// When there is no Python environment (see `scripts/rig-venv`), a file given does not exist, or Klipper is not
    /// ready in time; the error then has the end of the logs.
    pub async fn start(self) -> anyhow::Result<Rig> {
        Rig::start(self).await
    }

    pub(super) fn write(&self, layout: &Layout, serial: &Path, port: u16) -> anyhow::Result<()> {
        let config = layout.data.join("config");
        let mut printer = PRINTER_CFG
            .replace("{serial}", &serial.display().to_string())
            .replace("{gcodes}", &layout.data.join("gcodes").display().to_string())
            .replace("{pressure_advance}", &self.pressure_advance.to_string())
            .replace("{max_velocity}", &self.dynamics.max_velocity.to_string())
            .replace("{max_accel}", &self.dynamics.max_accel.to_string())
            .replace("{max_z_velocity}", &self.dynamics.max_z_velocity.to_string())
            .replace("{max_z_accel}", &self.dynamics.max_z_accel.to_string())
            .replace("{max_extrude_only_accel}", &self.dynamics.max_extrude_only_accel.to_string())
            .replace("{instantaneous_corner_velocity}", &self.dynamics.instantaneous_corner_velocity.to_string())
            .replace("{square_corner_velocity}", &self.dynamics.square_corner_velocity.to_string());
        if self.firmware_retraction {
            printer.push_str("\n[firmware_retraction]\nretract_length: 0.8\nretract_speed: 40\nunretract_speed: 40\n");
        }
        if self.client_macros {
            std::fs::write(config.join("client-macros.cfg"), CLIENT_MACROS_CFG).context("writing the client macros")?;
            printer.push_str("\n[include client-macros.cfg]\n");
        }
        for file in &self.includes {
            let file = file.canonicalize().with_context(|| format!("finding the macros {}", file.display()))?;
            let name = file.file_name().context("the macros have no file name")?;
            std::os::unix::fs::symlink(&file, config.join(name)).context("linking the macros")?;
            writeln!(printer, "\n[include {}]", name.to_string_lossy())?;
        }
        writeln!(printer, "\n{}", self.printer_sections)?;
        std::fs::write(config.join("printer.cfg"), printer).context("writing printer.cfg")?;

        let moonraker = MOONRAKER_CONF
            .replace("{port}", &port.to_string())
            .replace("{klippy_socket}", &layout.klippy_socket().display().to_string());
        let moonraker = format!("{moonraker}\n{}\n", self.moonraker_sections);
        std::fs::write(config.join("moonraker.conf"), moonraker).context("writing moonraker.conf")
    }
}
