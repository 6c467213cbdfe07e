//! What is to be seen of the print under way. Nothing here changes anything.

use std::sync::Arc;

use serde::Serialize;

use super::shots::{Report, Shot, State};
use super::survey::Surveyed;
use super::watch::Watch;
use super::{Conductor, Current};
use crate::printer::Printer;
use crate::session::SessionId;

/// How the moments of frames are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FilmingState {
    /// Switched off.
    Off,
    /// No print is under way.
    #[default]
    Waiting,
    /// By calls of the file.
    Calls,
    /// The file is being read.
    Planning,
    /// By a plan.
    Planned,
    /// By a plan, and nothing moves for it.
    InPassing,
    /// By what the head does.
    Observed,
    /// Not any further, by TIMELAPSE_STOP.
    Stopped,
}

/// What the conductor shows of itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct View {
    /// The print.
    pub print: Option<PrintView>,
    /// How its frames are chosen.
    pub filming: FilmingState,
    /// The frame that comes next.
    pub snapshot: Option<SnapshotView>,
    /// Frames of the main camera so far, or of the last print.
    pub frames: u32,
    /// Frames missed.
    pub misses: u32,
    /// How many frames are planned.
    pub planned: usize,
    /// Met in a window.
    pub by_window: usize,
    /// Met by the fallback.
    pub by_fallback: usize,
    /// For the frames so far, as measured where Klipper tells of its moves, else by the plan, s.
    pub added_s: f64,
    /// The greatest distance of the head from its place in a frame so far, as measured, mm.
    pub off_mm: Option<f64>,
    /// Frames in which the head did not stand still.
    pub unsteady: u32,
    /// By the plan, for all frames, s.
    pub expected_s: f64,
    /// How long the head stands still, s.
    pub hold_s: f64,
    /// Where the head stands in all planned frames.
    pub park: Option<[f64; 2]>,
    /// All planned frames.
    pub shots: Arc<Vec<ShotView>>,
}

/// The print under way.
#[derive(Clone, Debug, PartialEq)]
pub struct PrintView {
    /// How many prints were begun since the agent was started, with this one.
    pub number: u64,
    /// Its file as Moonraker names it; empty for a streamed one.
    pub file: String,
    /// Its session, once that is there.
    pub session: Option<SessionId>,
    /// Klipper knows nothing of it.
    pub streamed: bool,
}

/// A planned frame that is due next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SnapshotView {
    /// As in [`ShotView`], in a word.
    pub state: &'static str,
    /// Which of the planned frames, from 1.
    pub number: u32,
    /// Its layer.
    pub layer: u32,
    /// Why it was missed.
    pub reason: String,
    /// Until its place comes, by the plan, s.
    pub due_in_s: Option<f64>,
}

/// What became of a planned frame.
#[derive(Clone, Debug, PartialEq)]
pub struct ShotView {
    /// From 1.
    pub number: u32,
    /// Its layer.
    pub layer: u32,
    /// Before, planned, armed, in place, captured or missed: the word's first letter.
    pub state: char,
    /// Why it was missed.
    pub reason: Option<String>,
}

impl Conductor {
    /// What is to be seen now.
    #[must_use]
    pub fn view(&self, printer: &Printer) -> View {
        let mut view = View {
            filming: self.filming_state(),
            frames: self.last_frame.count,
            misses: self.misses,
            hold_s: self.settings.park_time.max(self.camera_hold),
            ..View::default()
        };
        let Some(current) = &self.current else { return view };
        let Current { print_file, session, streamed, watch, survey, .. } = current;
        view.print = Some(PrintView {
            number: self.prints,
            file: print_file.clone(),
            session: session.clone(),
            streamed: *streamed,
        });
        let Surveyed { off_mm, unsteady, added_s, .. } = survey.report();
        (view.off_mm, view.unsteady, view.added_s) = (off_mm, unsteady, added_s);
        let (shots, report) = match watch {
            Watch::Live(live) => (live.shots(), live.report()),
            Watch::InPassing(passing) => (passing.shots(), passing.report()),
            Watch::Off | Watch::Calls | Watch::Planning(_) | Watch::Planned(_) | Watch::Observed(_) => return view,
        };
        let Report { planned, by_window, by_fallback, .. } = report;
        (view.planned, view.by_window, view.by_fallback) = (planned, by_window, by_fallback);
        view.expected_s = shots.iter().map(|shot| shot.snapshot.likely_s).sum();
        view.park = common_park(shots);
        view.snapshot = next(shots, printer.file_position());
        view.shots = Arc::new((1..).zip(shots).map(|(number, shot)| shown(number, shot)).collect());
        view
    }

    fn filming_state(&self) -> FilmingState {
        match &self.current {
            _ if !self.settings.enabled => FilmingState::Off,
            None => FilmingState::Waiting,
            Some(_) if self.stopped => FilmingState::Stopped,
            Some(current) => match current.watch {
                Watch::Off => FilmingState::Off,
                Watch::Calls => FilmingState::Calls,
                Watch::Planning(_) | Watch::Planned(_) => FilmingState::Planning,
                Watch::Live(_) => FilmingState::Planned,
                Watch::InPassing(_) => FilmingState::InPassing,
                Watch::Observed(_) => FilmingState::Observed,
            },
        }
    }
}

fn word(state: &State) -> &'static str {
    match state {
        State::Before => "before",
        State::Planned => "planned",
        State::Armed => "armed",
        State::InPlace => "in_place",
        State::Captured => "captured",
        State::Missed(_) => "missed",
    }
}

fn shown(number: u32, shot: &Shot) -> ShotView {
    let reason = if let State::Missed(reason) = &shot.state { Some(reason.clone()) } else { None };
    let state = word(&shot.state).chars().next().unwrap_or('p');
    ShotView { number, layer: shot.snapshot.layer, state, reason }
}

/// The place that all frames share.
fn common_park(shots: &[Shot]) -> Option<[f64; 2]> {
    let place = |shot: &Shot| Some([shot.snapshot.park.x?, shot.snapshot.park.y?]);
    let first = place(shots.first()?)?;
    shots.iter().all(|shot| place(shot) == Some(first)).then_some(first)
}

/// The frame that the head stands for now, else the first that is still to come.
fn next(shots: &[Shot], position: Option<u64>) -> Option<SnapshotView> {
    let coming = |shot: &&Shot| matches!(shot.state, State::Planned | State::Armed);
    let at = shots.iter().position(|shot| shot.state == State::InPlace);
    let at = at.or_else(|| shots.iter().position(|shot| coming(&shot)))?;
    let shot = &shots[at];
    let due = shot.snapshot.windows.first().map_or(shot.snapshot.time_s, |window| window.time_s);
    let now = position.and_then(|position| time_at(shots, position));
    Some(SnapshotView {
        state: word(&shot.state),
        number: u32::try_from(at + 1).unwrap_or(u32::MAX),
        layer: shot.snapshot.layer,
        reason: String::new(),
        due_in_s: now.filter(|_| shot.state != State::InPlace).map(|now| (due - now).max(0.0)),
    })
}

/// The print time of the plan at a place in the file, between the begins of the frames around it.
#[expect(clippy::cast_precision_loss, reason = "files are smaller than 2^52 bytes")]
fn time_at(shots: &[Shot], position: u64) -> Option<f64> {
    let after = shots.iter().position(|shot| shot.snapshot.span.from > position).unwrap_or(shots.len());
    let begin = |shot: &Shot| (shot.snapshot.span.from, shot.snapshot.time_s);
    let before = after.checked_sub(1).map_or((0, 0.0), |at| begin(&shots[at]));
    let Some(next) = shots.get(after).map(begin) else {
        // Behind the last one time goes on, but nobody asks how long.
        return shots.last().map(|shot| shot.snapshot.time_s);
    };
    let part = (position - before.0) as f64 / (next.0 - before.0).max(1) as f64;
    Some(before.1 + part * (next.1 - before.1))
}

#[cfg(test)]
mod tests {
    use super::super::shots::tests::plan;
    use super::*;

    fn shots() -> Vec<Shot> {
        Shot::of(plan("towers_relative_zhop.gcode"))
    }

    #[test]
    fn the_next_frame_is_the_one_in_place_else_the_first_to_come() {
        let mut shots = shots();
        shots[0].state = State::Captured;
        shots[1].state = State::Armed;
        let begin = shots[1].snapshot.span.from;
        let armed = next(&shots, Some(begin)).unwrap();
        assert_eq!((armed.state, armed.number, armed.layer), ("armed", 2, 2));
        let window = shots[1].snapshot.windows[0].time_s;
        let due = armed.due_in_s.unwrap();
        assert!((due - (window - shots[1].snapshot.time_s)).abs() < 1e-6, "{due}");
        shots[1].state = State::InPlace;
        assert_eq!(next(&shots, Some(begin)).unwrap().state, "in_place");
        shots.iter_mut().for_each(|shot| shot.state = State::Captured);
        assert_eq!(next(&shots, Some(begin)), None);
    }

    #[test]
    fn time_passes_with_the_file() {
        let shots = shots();
        let [a, b] = [&shots[3].snapshot, &shots[4].snapshot];
        let middle = u64::midpoint(a.span.from, b.span.from);
        let at = time_at(&shots, middle).unwrap();
        assert!((at - f64::midpoint(a.time_s, b.time_s)).abs() < 0.2, "{at}");
        assert_eq!(time_at(&shots, 0), Some(0.0));
        assert_eq!(time_at(&shots, u64::MAX), shots.last().map(|shot| shot.snapshot.time_s));
        assert_eq!(time_at(&[], 5), None);
    }

    #[test]
    fn a_missed_frame_says_why() {
        let mut shots = shots();
        shots[2].state = State::Missed("the layer ended".to_owned());
        let view = shown(3, &shots[2]);
        assert_eq!((view.state, view.layer, view.reason.as_deref()), ('m', 3, Some("the layer ended")));
        assert_eq!(common_park(&shots), shots[0].snapshot.park.x.zip(shots[0].snapshot.park.y).map(|(x, y)| [x, y]));
    }
}
