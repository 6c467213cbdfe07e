//! A whole file at once.

use std::io::{self, Read, Seek};

use crate::gcode::engine::{self, Engine, Event};
use crate::gcode::scan::read_lines;
use crate::gcode::slicer::Settings;

use super::{Options, Plan, Planner};

/// Plans the frames of `file`, in one pass after a look at its ends for the slicer's settings.
///
/// # Errors
/// Those of the file.
pub fn plan_file(file: &mut (impl Read + Seek), engine: engine::Options, options: Options) -> io::Result<Vec<Plan>> {
    plan_file_with(file, engine, options, |_| {})
}

/// [`plan_file`], and `each` sees every line, too.
///
/// # Errors
/// Those of the file.
pub fn plan_file_with(
    file: &mut (impl Read + Seek),
    engine: engine::Options,
    options: Options,
    mut each: impl FnMut(&Event<'_>),
) -> io::Result<Vec<Plan>> {
    let settings = Settings::from_file(file)?;
    let mut engine = Engine::new(engine.with_settings(&settings));
    let mut planner = Planner::new(options);
    read_lines(file, |raw| {
        let event = engine.line(raw);
        planner.line(&event);
        each(&event);
    })?;
    Ok(planner.finish(&engine))
}
