//! A whole file at once.

use std::io::{self, Read, Seek};

use crate::gcode::engine::{self, Engine};
use crate::gcode::scan::read_lines;
use crate::gcode::slicer::Settings;

use super::{Options, Plan, Planner};

/// Plans the frames of `file`, in one pass after a look at its ends for the slicer's settings.
///
/// # Errors
/// Those of the file.
pub fn plan_file(file: &mut (impl Read + Seek), engine: engine::Options, options: Options) -> io::Result<Vec<Plan>> {
    let settings = Settings::from_file(file)?;
    let mut engine = Engine::new(engine.with_settings(&settings));
    let mut planner = Planner::new(options);
    read_lines(file, |raw| planner.line(&engine.line(raw)))?;
    Ok(planner.finish(&engine))
}
