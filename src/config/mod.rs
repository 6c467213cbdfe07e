//! The `[timelapse]` section of `moonraker.conf` and the settings of the UIs.
//!
//! [`Settings`] is the one source of all options; [`schema`] derives everything else from it. Knows nothing of
//! Moonraker's connection: the saved settings are handed in as JSON.

mod conf_file;
mod error;
mod layers;
mod paths;
pub mod schema;
mod settings;

pub use conf_file::{ConfFile, ConfOption, Section};
pub use error::{ConfigError, OptionError};
pub(crate) use layers::distance;
pub use layers::{ENV_PREFIX, Layer, Merged, SECTION, merge, read_moonraker_conf};
pub use paths::expand_home;
pub use settings::{AfterPrint, FilmWhilePrinting, Mode, ParkPosition, Settings};
