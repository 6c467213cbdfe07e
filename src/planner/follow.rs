//! From lines to places: where the head stands between two moves, and how the print leaves from there.

use crate::gcode::engine::{Event, MotionKind};
use crate::gcode::line::{Command, MoveCode};
use crate::gcode::state::{Mode, State};
use crate::stabilize::Point;

use super::candidate::{Kind, Place};

/// Lower than the layer by more than this, mm, is not a place for a frame.
const BELOW: f64 = 0.005;

/// Follows the lines of a file and gives each place once it is known how the print leaves it.
#[derive(Clone, Debug, Default)]
pub(super) struct Follower {
    /// Where the head stands now.
    open: Option<Place>,
    /// The end of the place that the current move has left.
    left: Option<u64>,
    /// Places since the head last moved in x and y; what it does next decides about all of them.
    waiting: Vec<Place>,
}

/// How a move leaves the place before it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leave {
    /// It goes to this place from wherever the head is, without filament: nobody has to come back for it.
    Anywhere(Point),
    /// It begins where the head stands.
    FromHere,
    /// It moves no x and y: the next one decides.
    NotYet,
    /// It homes.
    Never,
}

impl Leave {
    #[inline]
    fn by(event: &Event<'_>, kind: MotionKind) -> Self {
        match kind {
            MotionKind::Lift | MotionKind::Retraction => Self::NotYet,
            MotionKind::Home => Self::Never,
            MotionKind::Travel => match (event.command, event.motion.and_then(|m| m.to.xy())) {
                (Command::Move { code: MoveCode::G0 | MoveCode::G1, words }, Some([x, y]))
                    if event.state.coordinates.mode == Mode::Absolute
                        && words.get(b'X').is_some()
                        && words.get(b'Y').is_some() =>
                {
                    Self::Anywhere(Point::new(x, y))
                }
                _ => Self::FromHere,
            },
            _ => Self::FromHere,
        }
    }
}

impl Follower {
    /// A line that moves nothing: a frame behind it is as good as one before.
    pub(super) fn extend(&mut self, end: u64) {
        if let Some(place) = &mut self.open {
            place.to = end;
        }
    }

    /// A line begins or ends an object: what comes behind it is a place of its own.
    pub(super) fn split(&mut self, event: &Event<'_>) {
        if let Some(place) = self.open {
            self.waiting.push(place);
            self.open =
                Some(Place { from: event.end, to: event.end, follows: None, object: event.state.object, ..place });
        }
    }

    /// A line of which nothing is known: `each` gets the places before it; the head must be back there.
    pub(super) fn barrier(&mut self, each: impl FnMut(&Place)) {
        self.waiting.extend(self.open.take());
        self.resolve(None, each);
    }

    /// Forgets the places since the last move: what comes now is no longer the print.
    pub(super) fn forget(&mut self) {
        self.open = None;
        self.waiting.clear();
    }

    /// A move begins: `each` gets the places for which it decides how the print leaves them.
    #[inline]
    pub(super) fn leave(&mut self, event: &Event<'_>, kind: MotionKind, mut each: impl FnMut(&Place)) {
        let leave = Leave::by(event, kind);
        self.left = self.open.as_ref().map(|place| place.to);
        // Mostly one line of extrusion after another: nothing waits, and nothing has to be copied.
        if self.waiting.is_empty() && leave == Leave::FromHere {
            if let Some(place) = &self.open {
                each(place);
            }
            self.open = None;
            return;
        }
        self.waiting.extend(self.open.take());
        match leave {
            Leave::NotYet => {}
            Leave::Never => self.forget(),
            Leave::FromHere => self.resolve(None, each),
            Leave::Anywhere(there) => self.resolve(Some(there), each),
        }
    }

    fn resolve(&mut self, next: Option<Point>, mut each: impl FnMut(&Place)) {
        for place in &mut self.waiting {
            place.next = next;
            each(place);
        }
        self.waiting.clear();
    }

    /// A move that began `began` seconds into the print has ended at `time`: the head stands at a new place, if a frame may begin there.
    #[inline]
    pub(super) fn arrive(&mut self, event: &Event<'_>, began: f64, time: f64) {
        self.open = event.motion.and_then(|motion| {
            let state: &State = event.state;
            let kind = Kind::after(motion, state)?;
            let [x, y, z] = motion.to.xyz().filter(|_| state.is_definite())?;
            Some(Place {
                from: event.end,
                to: event.end,
                follows: self.left,
                kind,
                feature: state.feature,
                at: Point::new(x, y),
                z,
                time,
                began,
                retracted: kind.is_retracted(),
                lifted: state.layer.zhop,
                below: z - state.coordinates.offset[2] + BELOW < state.layer.height,
                object: state.object,
                states: state.extruder().states(),
                speed: motion.speed,
                next: None,
            })
        });
    }

    /// From here on the place is `place`: a command has asked for a frame there.
    pub(super) fn replace(&mut self, place: Place) {
        self.waiting.extend(self.open.replace(place));
    }

    /// The head stands somewhere after a command that asks for a frame: that place, when one may begin there.
    pub(super) fn asked(&self, event: &Event<'_>) -> Option<Place> {
        let place = self.open?;
        Some(Place { from: event.end, to: event.end, kind: Kind::Command, ..place })
    }
}
