//! A file as it is read for its plan, and what is to be put into it.

use super::call::calls;
use super::error::LeftAlone;
use super::mark::{self, Mark};
use super::original::Identity;
use super::splice::Insertion;
use super::turns_off;
use crate::gcode::engine::{self, Engine};
use crate::gcode::line::Command;
use crate::gcode::scan::{RawLine, Splitter};
use crate::planner::{self, Issue, Mode, Plan, Planner, Trigger};

/// Where the calls of a file belong.
#[derive(Clone, Debug)]
pub struct Planned {
    plan: Option<Plan>,
    /// Where the mark belongs.
    mark_at: Option<u64>,
    original: Identity,
    turned_off: bool,
}

impl Planned {
    /// The plan, in bytes of the slicer's file.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        self.plan.as_ref()
    }

    /// Why the file should be left as it is.
    #[must_use]
    pub fn refusal(&self) -> Option<LeftAlone> {
        let plan = self.plan.as_ref();
        let issues = plan.map_or(&[][..], |plan| &plan.issues);
        let own = issues.iter().find_map(|issue| match issue {
            Issue::OwnCalls { calls } => Some(LeftAlone::OwnCalls { calls: *calls }),
            _ => None,
        });
        let reason = |applies: bool, reason: LeftAlone| applies.then_some(reason);
        reason(self.turned_off, LeftAlone::TurnedOff)
            .or(reason(plan.is_some_and(|plan| matches!(plan.trigger, Trigger::Gcode(_))), LeftAlone::ByCommand))
            .or(own)
            .or(reason(plan.is_none_or(|plan| plan.snapshots.is_empty()), LeftAlone::NoFrames))
            .or(reason(plan.is_some_and(|plan| plan.mode == Mode::ZeroMotion), LeftAlone::InPassing))
            .or(reason(self.mark_at.is_none(), LeftAlone::NoHead))
    }

    /// What is to be put into the file, and how many frames there are in it. `settings`: the digest for the mark.
    pub(super) fn lines(&self, settings: u32) -> (Vec<Insertion>, usize) {
        let snapshots = self.plan.iter().flat_map(|plan| &plan.snapshots).enumerate();
        let several = self.has_several_objects();
        let frames: Vec<_> = snapshots.map(|(i, snapshot)| calls(i + 1, snapshot, several)).collect();
        // The calls of two layers do not mingle, as each lies in the span of its own.
        let calls = frames.iter().flatten().cloned();
        let frames = frames.iter().filter(|calls| !calls.is_empty()).count();
        let mark = Mark {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: Some(settings),
            frames: Some(frames),
            original: Some(self.original),
        };
        let mark = self.mark_at.map(|at| (at, mark.to_string()));
        (mark.into_iter().chain(calls).map(|(at, line)| Insertion { at, line }).collect(), frames)
    }

    /// Whether there is more than one object that may be excluded.
    fn has_several_objects(&self) -> bool {
        let snapshots = self.plan.iter().flat_map(|plan| &plan.snapshots);
        let mut objects = snapshots.flat_map(|snapshot| &snapshot.windows).filter_map(|window| window.object.as_ref());
        let first = objects.next();
        objects.any(|object| Some(object) != first)
    }

    pub(super) fn original(&self) -> Identity {
        self.original
    }
}

/// Reads a file for its plan.
pub(super) struct PlanReader {
    splitter: Splitter,
    identity: crc32fast::Hasher,
    bytes: u64,
    lines: Lines,
}

struct Lines {
    engine: Engine,
    planner: Planner,
    /// Where the first command ends, and the first that Moonraker takes for the beginning of the G-code.
    first_command: Option<u64>,
    first_code: Option<u64>,
    turned_off: bool,
}

impl PlanReader {
    pub(super) fn new(engine: engine::Options, mut options: planner::Options) -> Self {
        options.tracks.truncate(1);
        let lines = Lines {
            engine: Engine::new(engine),
            planner: Planner::new(options),
            first_command: None,
            first_code: None,
            turned_off: false,
        };
        Self { splitter: Splitter::default(), identity: crc32fast::Hasher::new(), bytes: 0, lines }
    }

    pub(super) fn feed(&mut self, part: &[u8]) {
        self.identity.update(part);
        self.bytes += part.len() as u64;
        self.splitter.feed(part, |raw| self.lines.line(raw));
    }

    pub(super) fn finish(mut self) -> Planned {
        if let Some(raw) = self.splitter.finish() {
            self.lines.line(raw);
        }
        let Lines { engine, planner, first_command, first_code, turned_off } = self.lines;
        Planned {
            plan: planner.finish(&engine).into_iter().next(),
            mark_at: first_code.or(first_command).filter(|at| *at <= mark::WITHIN / 2),
            original: (self.bytes, self.identity.finalize()),
            turned_off,
        }
    }
}

impl Lines {
    fn line(&mut self, raw: RawLine<'_>) {
        let event = self.engine.line(raw);
        self.planner.line(&event);
        if raw.terminated && self.first_code.is_none() && event.command != Command::None {
            self.first_command.get_or_insert(raw.end);
            self.first_code = begins_gcode(raw).then_some(raw.end);
        }
        self.turned_off |= event.comment.is_some_and(turns_off);
    }
}

/// Whether Moonraker takes this line for the beginning of the G-code (`\n[MG]\d+\s`). A mark behind it moves nothing.
fn begins_gcode(raw: RawLine<'_>) -> bool {
    let [b'G' | b'M', rest @ ..] = raw.text else { return false };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    raw.start > 0 && digits > 0 && rest.get(digits).is_none_or(u8::is_ascii_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gcode::slicer::Settings;
    use crate::planner::Options;
    use crate::stabilize::{Bed, Limits, Point};

    const PRINT: &str = "G28\nG90\nM83\nG1 X50 Y50 Z0.2 F6000\nG1 X60 Y50 E1 F1800\nG1 E-0.8 F2400\nG1 X9 Y9 F9000\n\
                         G1 E0.8\nG1 X60 Y55 E1\n";

    fn planned(text: &str) -> Planned {
        let bed = Bed::Rectangle { min: Point::new(0.0, 0.0), max: Point::new(100.0, 100.0) };
        let options = Options::new(Limits::new(bed, 0.0, 100.0).unwrap());
        let slicer = Settings::from_ends(text.as_bytes(), b"");
        let mut reader = PlanReader::new(engine::Options::default().with_settings(&slicer), options);
        reader.feed(text.as_bytes());
        reader.finish()
    }

    /// The line before the mark.
    fn before_mark(text: &str) -> &str {
        let at = planned(text).mark_at.unwrap() as usize;
        text[..at].lines().last().unwrap()
    }

    #[test]
    fn the_mark_stands_behind_the_first_code_that_moonraker_sees() {
        assert_eq!(before_mark("; x\n\nG28\nG90\n"), "G28");
        assert_eq!(before_mark("G28\nG90 ; mode\nG91\n"), "G90 ; mode");
        assert_eq!(before_mark("; x\nT0\nM862.3 P \"MK3\"\nM73 P0\r\nG28\n"), "M73 P0");
        assert_eq!(before_mark("; x\nSTART_PRINT\n"), "START_PRINT");
    }

    #[test]
    fn a_file_with_layers_is_annotated_once_per_layer() {
        let planned = planned(PRINT);
        assert_eq!(planned.refusal(), None);
        let (lines, frames) = planned.lines(7);
        assert_eq!((lines.len(), frames), (2, 1));
        assert!(lines[0].line.contains(" settings=00000007 frames=1 "), "{}", lines[0].line);
        assert!(lines[1].line.starts_with("TIMELAPSE_TAKE_FRAME FRAME=1 LAYER=1 X="), "{}", lines[1].line);
        assert!(PRINT[..lines[1].at as usize].ends_with("G1 E-0.8 F2400\n"));
    }

    #[test]
    fn a_call_stands_between_objects_where_any_may_be_excluded() {
        let objects = |second: &str| {
            format!(
                "G28\nG90\nM83\nEXCLUDE_OBJECT_START NAME=a\nG1 X50 Y50 Z0.2 F6000\nG1 X60 Y50 E1 F1800\nG1 E-0.8 F2400\n\
                 EXCLUDE_OBJECT_END NAME=a\nG1 X9 Y9 F9000\nEXCLUDE_OBJECT_START NAME={second}\nG1 E0.8\n\
                 G1 X60 Y55 E1\nG1 E-0.8 F2400\nEXCLUDE_OBJECT_END NAME={second}\nG1 X50 Y50\n"
            )
        };
        let place = |text: &str| {
            let (lines, _) = planned(text).lines(0);
            text[..lines[1].at as usize].lines().last().unwrap().to_owned()
        };
        assert!(place(&objects("b")).starts_with("EXCLUDE_OBJECT_END"), "{}", place(&objects("b")));
        assert!(place(&objects("a")).starts_with("G1 "), "{}", place(&objects("a")));
    }

    #[test]
    fn files_that_need_nothing_are_left_alone() {
        for (text, reason) in [
            (format!("{PRINT}TIMELAPSE_TAKE_FRAME\nSNAP\n"), LeftAlone::OwnCalls { calls: 2 }),
            (format!("; timelapse: off\n{PRINT}"), LeftAlone::TurnedOff),
            ("G28\nG1 X1 Y1\n".to_owned(), LeftAlone::NoFrames),
            (format!("; spiral_vase = 1\n{PRINT}"), LeftAlone::InPassing),
            (format!("{}{PRINT}", "; thumbnail\n".repeat(200_000)), LeftAlone::NoHead),
        ] {
            assert_eq!(planned(&text).refusal(), Some(reason));
        }
    }
}
