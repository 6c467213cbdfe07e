//! What to do with the files that are uploaded, kept on disk: settings, limits of the printer, and which program does it.
//!
//! Moonraker runs `moonlapse annotate` on an upload while the agent may be busy and Klipper may be off. So the agent keeps
//! what it knows in a file that only programs of this host can write. Moonraker's component takes the program's path from
//! it, and the program the rest.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::scheme::{Scheme, SchemeError};
use crate::clock::MonoTime;
use crate::config::{Mode, Settings};
use crate::gcode::engine;
use crate::planner;
use crate::printer::Printer;

/// The file's name, in the agent's folder within Moonraker's data folder.
pub const FILE_NAME: &str = "annotate.json";

/// The orders.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandingOrders {
    /// The `moonlapse` program.
    pub program: PathBuf,
    /// The settings in force.
    pub settings: Settings,
    /// [`Printer::outline`] of the last time when Klipper was there.
    pub printer: Map<String, Json>,
}

/// Why orders are of no use.
#[derive(Debug, thiserror::Error)]
pub enum OrdersError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Read {
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{} does not hold the agent's orders: {source}", file.display())]
    Form {
        /// Which.
        file: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The settings do not want files to be annotated.
    #[error("the settings want no annotated files (annotate_files, enabled, mode, parkhead)")]
    Unwanted,
    /// A setting cannot be understood, or the limits are missing.
    #[error("{0}")]
    Scheme(String),
}

impl From<SchemeError> for OrdersError {
    fn from(problem: SchemeError) -> Self {
        Self::Scheme(problem.to_string())
    }
}

impl StandingOrders {
    /// Whether `settings` want files to be annotated. Frames without moves and those at a file's own commands need no calls.
    #[must_use]
    pub fn wanted(settings: &Settings) -> bool {
        let Settings { enabled, annotate_files, mode, parkhead, .. } = settings;
        *enabled && *annotate_files && *parkhead && mode.plans() && *mode != Mode::Gcode
    }

    /// Reads the orders.
    ///
    /// # Errors
    ///
    /// There are none, or they are not understood.
    pub fn read(file: &Path) -> Result<Self, OrdersError> {
        let text = fs::read(file).map_err(|source| OrdersError::Read { file: file.to_owned(), source })?;
        serde_json::from_slice(&text).map_err(|source| OrdersError::Form { file: file.to_owned(), source })
    }

    /// Writes the orders, unless they are there already. A reader finds the old or the new ones, never a part.
    ///
    /// # Errors
    ///
    /// Those of the file system.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(self)?;
        if fs::read(file).is_ok_and(|there| there == text) {
            return Ok(());
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let temporary = file.with_extension("json.new");
        let mut new = File::create(&temporary)?;
        new.write_all(&text)?;
        new.sync_all()?;
        fs::rename(temporary, file)
    }

    /// How a file is read and planned: as the agent itself would do it.
    ///
    /// # Errors
    ///
    /// The settings do not want it, or cannot be understood.
    pub fn options(&self) -> Result<(engine::Options, planner::Options), OrdersError> {
        if !Self::wanted(&self.settings) {
            return Err(OrdersError::Unwanted);
        }
        self.scheme()
    }

    /// As [`StandingOrders::options`], whether the settings want it or not.
    ///
    /// # Errors
    ///
    /// The settings cannot be understood.
    pub fn scheme(&self) -> Result<(engine::Options, planner::Options), OrdersError> {
        let mut printer = Printer::default();
        printer.reset(self.printer.clone(), MonoTime::ZERO);
        let Scheme { engine, planner } = Scheme::new(&self.settings, &printer, self.settings.park_time)?;
        Ok((engine, planner))
    }
}
