//! Where Moonraker keeps its data: arguments shared by several subcommands.

use std::path::PathBuf;

use clap::Args;

use crate::config::expand_home;

/// Moonraker's data folder.
#[derive(Clone, Debug, Args)]
pub struct DataPath {
    /// Moonraker's data folder, which holds config, gcodes, logs and comms.
    #[arg(long, value_name = "FOLDER", env = "MOONLAPSE_DATA_PATH", default_value = "~/printer_data", global = true)]
    data_path: String,
}

impl DataPath {
    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        expand_home(&self.data_path)
    }

    /// Its `moonraker.conf`.
    #[must_use]
    pub fn moonraker_conf(&self) -> PathBuf {
        self.folder().join("config/moonraker.conf")
    }

    /// Moonraker's unix socket.
    #[must_use]
    pub fn moonraker_socket(&self) -> PathBuf {
        self.folder().join("comms/moonraker.sock")
    }

    /// The frame store, unless `session_path` is set.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.folder().join("moonlapse")
    }
}
