//! A print without heat and filament: a copy of its file that makes the same way through X, Y and Z and takes the same
//! frames, and does nothing else.
//!
//! What a line becomes is decided by a list of what is known to be harmless; everything that is not on it is left out, so
//! no macro, however it is called, heats or extrudes ([`line`]). Nothing but a file is made: no setting and no state of the
//! printer tells a dry run from a print, so nothing can be left behind for the next print. The frames are planned from the
//! file as it is, and put into the copy as calls, because a copy without filament has no layers.
//!
//! * [`write`]: makes the copy.
//! * [`line`]: what becomes of one line. Pure.

mod line;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use self::line::{Dry, Rewriter};
use crate::annotate::{AnnotateError, LeftAlone, Original, Planned};
use crate::gcode::engine::{self, Engine};
use crate::gcode::scan::{LONGEST_LINE, read_lines};
use crate::gcode::slicer::Settings;
use crate::planner;

/// Begins every dry copy.
const MARK: &str = "; moonlapse_dry_run = ";

/// How the frames of a file are chosen.
#[derive(Clone, Debug)]
pub enum Frames {
    /// Planned; calls of the file itself count where there are any and `own_calls` is set.
    Planned {
        /// How the file is understood.
        engine: Box<engine::Options>,
        /// What is planned.
        planner: Box<planner::Options>,
        /// Calls of the file itself win over the plan.
        own_calls: bool,
    },
    /// By the file's own calls, or by time.
    Unplanned,
}

/// What was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DryCopy {
    /// Calls for frames in it.
    pub frames: usize,
    /// Moves in it.
    pub moves: usize,
    /// Commands that were left out, with how often.
    pub left_out: BTreeMap<String, usize>,
    /// The head is homed before the first line, because the file leaves that to a macro.
    pub homes_first: bool,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the sentences say it")]
pub enum DryRunError {
    #[error(transparent)]
    Planning(#[from] AnnotateError),
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("{} would be replaced by its own dry copy: give another name", file.display())]
    Same { file: PathBuf },
    #[error("{} is a dry copy already: name the file that it was made from", file.display())]
    Already { file: PathBuf },
    #[error("{} has no moves", file.display())]
    NoMoves { file: PathBuf },
}

/// Writes the dry copy of `file` to `out`, which appears whole or not at all.
///
/// # Errors
///
/// Nothing has changed then.
pub fn write(file: &Path, out: &Path, frames: Frames) -> Result<DryCopy, DryRunError> {
    let unwritable = |source| DryRunError::Write { file: out.to_owned(), source };
    let same =
        |one: &Path, other: &Path| one.canonicalize().ok().is_some_and(|one| other.canonicalize().ok() == Some(one));
    if same(file, out) {
        return Err(DryRunError::Same { file: file.to_owned() });
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = |suffix| tempfile::Builder::new().prefix(".moonlapse-").suffix(suffix).tempfile_in(folder);
    let planned = temporary(".plan").map_err(unwritable)?;
    let with_calls = plan(file, planned.path(), frames)?;
    let source = if with_calls { planned.path() } else { file };
    let (homes_first, options) = survey(source, file)?;
    let mut copy = temporary(".tmp").map_err(unwritable)?;
    let made = rewrite(source, &mut copy, options, with_calls, homes_first);
    let made = made.map_err(|source| DryRunError::Read { file: file.to_owned(), source })?;
    if made.moves == 0 {
        return Err(DryRunError::NoMoves { file: file.to_owned() });
    }
    put_in_place(copy, file, out).map_err(unwritable)?;
    Ok(made)
}

/// Puts planned calls into `planned`; false where the file is filmed without.
fn plan(file: &Path, planned: &Path, frames: Frames) -> Result<bool, DryRunError> {
    let Frames::Planned { engine, planner, own_calls } = frames else { return Ok(false) };
    let mut original = Original::open(file, None)?;
    let settings = original.ends()?.settings();
    let plan = original.plan(engine.with_settings(&settings), *planner)?;
    if !takes_calls(&plan, own_calls) {
        return Ok(false);
    }
    original.annotate(&plan, 0, Some(planned))?;
    Ok(true)
}

/// Frames in passing are found by what Klipper says of the file's own moves, which a copy cannot be planned for: they become
/// short stops.
fn takes_calls(plan: &Planned, own_calls: bool) -> bool {
    match plan.refusal() {
        None | Some(LeftAlone::InPassing) => true,
        Some(LeftAlone::OwnCalls { .. }) => !own_calls && plan.plan().is_some_and(|plan| !plan.snapshots.is_empty()),
        Some(LeftAlone::TurnedOff | LeftAlone::NoFrames | LeftAlone::ByCommand | LeftAlone::NoHead) => false,
    }
}

/// Whether somebody else must home the head, and how the slicer's file is read.
fn survey(source: &Path, file: &Path) -> Result<(bool, engine::Options), DryRunError> {
    let unreadable = |source| DryRunError::Read { file: file.to_owned(), source };
    let mut reader = File::open(source).map_err(unreadable)?;
    let settings = Settings::from_file(&mut reader).map_err(unreadable)?;
    reader.rewind().map_err(unreadable)?;
    let options = engine::Options::default().with_settings(&settings);
    let mut engine = Engine::new(options.clone());
    let (mut homes, mut moved, mut already) = (false, false, false);
    read_lines(&mut reader, |raw| {
        already |= raw.text.starts_with(MARK.as_bytes());
        if !homes && !moved {
            let event = engine.line(raw);
            homes = line::homes(&event.command);
            moved = line::moves_head(&event.command);
        }
    })
    .map_err(unreadable)?;
    if already {
        return Err(DryRunError::Already { file: file.to_owned() });
    }
    Ok((!homes, options))
}

fn rewrite(
    source: &Path,
    copy: &mut NamedTempFile,
    options: engine::Options,
    planned: bool,
    homes_first: bool,
) -> io::Result<DryCopy> {
    let mut out = BufWriter::new(copy.as_file_mut());
    writeln!(out, "{MARK}{}", env!("CARGO_PKG_VERSION"))?;
    // Nothing else than the copy's own lines moves, heats or blows; an extruder whose heater is off is not retracted for a
    // frame.
    writeln!(out, "TURN_OFF_HEATERS\nM107\nG90")?;
    if homes_first {
        // From wherever homing leaves it, the nozzle goes on its first way above the bed.
        writeln!(out, "G28\nG1 Z10 F1200")?;
    }
    let mut engine = Engine::new(options);
    let mut rewriter = Rewriter::new(planned);
    let mut made = DryCopy { homes_first, ..DryCopy::default() };
    let mut written = Ok(());
    read_lines(File::open(source)?, |raw| {
        // Klipper never runs a last line without a line feed; and what was cut is no command any more.
        if written.is_err() || !raw.terminated || raw.text.len() >= LONGEST_LINE {
            return;
        }
        let event = engine.line(raw);
        written = match rewriter.line(raw.text, &event) {
            Dry::Kept => write_line(&mut out, raw.text),
            Dry::Move(text) => {
                made.moves += 1;
                write_line(&mut out, text.as_bytes())
            }
            Dry::Frame(text) => {
                made.frames += 1;
                write_line(&mut out, text.as_bytes())
            }
            Dry::Changed(text) => write_line(&mut out, text.as_bytes()),
            Dry::LeftOut(Some(name)) => {
                *made.left_out.entry(name).or_default() += 1;
                Ok(())
            }
            Dry::LeftOut(None) => Ok(()),
        };
    })?;
    written?;
    out.flush()?;
    Ok(made)
}

fn write_line(out: &mut impl Write, text: &[u8]) -> io::Result<()> {
    out.write_all(text.strip_suffix(b"\r").unwrap_or(text))?;
    out.write_all(b"\n")
}

fn put_in_place(copy: NamedTempFile, like: &Path, out: &Path) -> io::Result<()> {
    copy.as_file().set_permissions(like.metadata()?.permissions())?;
    copy.as_file().sync_all()?;
    copy.persist(out)?;
    Ok(())
}
