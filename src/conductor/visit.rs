//! What Klipper's own list of moves says of a frame: where the head stood, and what the visit took. Pure.

use crate::moonraker::Stretch;
use crate::planner::trapezoid;
use crate::printer::Trajectory;

/// Two points are one within this, mm: above rounding, below anything that a picture shows.
const SAME: f64 = 0.02;
/// Two directions are one from this cosine on: a bed mesh tilts the parts of a move a little.
const ALONG: f64 = 0.999;
/// A stretch whose direction has less of X and Y than this only lifts or lowers the nozzle.
const LIFTS: f64 = 0.1;
/// Klipper's times are exact to far less than this, s.
const INSTANT: f64 = 1e-4;

/// One frame, as the moves have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Visit {
    /// Where the head stood, mm: x, y, z.
    pub(super) at: [f64; 3],
    /// Nothing moved while the camera looked.
    pub(super) still: bool,
    /// What the frame took beyond what the print would have done meanwhile, s.
    pub(super) added_s: f64,
}

/// What is known of a frame beforehand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stand {
    /// Print time at which the head is to stand, s.
    pub(super) from: f64,
    /// And at which it may leave, s.
    pub(super) until: f64,
    /// Where the print was left for it, mm: x and y.
    pub(super) left: [f64; 2],
    /// The frame has a way of its own; without, the head stands where the print has brought it.
    pub(super) parked: bool,
    /// The frame itself brings the head back, and does not leave that to the next move of the print.
    pub(super) returns: bool,
}

impl Visit {
    /// What became of a frame; `None` while its moves are not all known.
    ///
    /// The time is that from the last move of the print before it to the first one behind it, less what the way
    /// between these two would have taken directly, where the print goes on elsewhere.
    #[must_use]
    pub(super) fn of(stand: &Stand, way: &Trajectory) -> Option<Self> {
        let moves = way.stretches();
        let next = moves.partition_point(|s| s.time < stand.until - INSTANT);
        let last = next.checked_sub(1)?;
        let at = way.at(stand.from)?;
        let still = moves.get(last).is_some_and(|s| s.end() <= stand.from + INSTANT);
        let after = moves.get(next)?;
        if !still {
            return Some(Self { at, still, added_s: 0.0 });
        }
        // The way there: one straight line, perhaps behind a lift.
        let mut first = next;
        if stand.parked && distance(at, stand.left) > SAME {
            let way = run_before(moves, first, |s| !lifts(s), stand.left);
            first = run_before(moves, way, lifts, stand.left);
        }
        let (left_at, left) = match first.checked_sub(1) {
            Some(before) => (moves[before].end(), moves[before].place(f64::INFINITY)),
            None => return None,
        };
        if !stand.parked {
            return Some(Self { at, still, added_s: after.time - left_at });
        }
        // The way on: lowered where it stands, one straight line, lowered there.
        let lowered = run_after(moves, next, lifts);
        let way = run_after(moves, lowered, |s| !lifts(s));
        let back = if stand.returns { run_after(moves, way, lifts) } else { way };
        let goes_on = moves.get(back)?;
        let reached = &moves[back.checked_sub(1)?];
        let point = reached.place(f64::INFINITY);
        // What lies between is the nozzle's own: the retraction that is undone.
        let back_at = if stand.returns { goes_on.time } else { reached.end() };
        let direct = distance(point, [left[0], left[1]]);
        let direct = if direct > SAME {
            let pieces = &moves[lowered..way];
            let speed = pieces.iter().map(|s| s.speed.max(s.accel.mul_add(s.duration, s.speed))).fold(0.0, f64::max);
            let accel = pieces.iter().map(|s| s.accel.abs()).fold(0.0, f64::max);
            trapezoid(direct, speed, accel)
        } else {
            0.0
        };
        Some(Self { at, still, added_s: back_at - left_at - direct })
    }
}

/// The first of the stretches before `end` that go one way without a pause, back to `left` at most.
fn run_before(moves: &[Stretch], end: usize, belongs: impl Fn(&Stretch) -> bool, left: [f64; 2]) -> usize {
    let mut first = end;
    while let Some(stretch) = first.checked_sub(1).and_then(|i| moves.get(i)) {
        let joins = first == end || same_way(stretch, &moves[first]) && stretch.end() > moves[first].time - INSTANT;
        if !belongs(stretch) || !joins {
            break;
        }
        first -= 1;
        if distance(stretch.from, left) <= SAME && !lifts(stretch) {
            break;
        }
    }
    first
}

/// The first stretch from `begin` on that does not go on the same way.
fn run_after(moves: &[Stretch], begin: usize, belongs: impl Fn(&Stretch) -> bool) -> usize {
    let mut next = begin;
    while let Some(stretch) = moves.get(next) {
        let joins =
            next == begin || same_way(&moves[next - 1], stretch) && moves[next - 1].end() > stretch.time - INSTANT;
        if !belongs(stretch) || !joins {
            break;
        }
        next += 1;
    }
    next
}

fn lifts(stretch: &Stretch) -> bool {
    stretch.direction[0].hypot(stretch.direction[1]) < LIFTS
}

fn same_way(a: &Stretch, b: &Stretch) -> bool {
    (0..3).map(|axis| a.direction[axis] * b.direction[axis]).sum::<f64>() > ALONG
}

fn distance(a: [f64; 3], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a list of moves, each from rest to rest in three stretches.
    struct Moves {
        time: f64,
        at: [f64; 3],
        list: Vec<Stretch>,
    }

    const SPEED: f64 = 100.0;
    const ACCEL: f64 = 1000.0;

    impl Moves {
        fn begin(at: [f64; 3]) -> Self {
            Self { time: 10.0, at, list: Vec::new() }
        }

        fn to(mut self, to: [f64; 3]) -> Self {
            let way: [f64; 3] = std::array::from_fn(|axis| to[axis] - self.at[axis]);
            let length = way.iter().map(|d| d * d).sum::<f64>().sqrt();
            let direction = way.map(|d| d / length);
            let top = SPEED.min((length * ACCEL).sqrt());
            let ramp = top / ACCEL;
            let cruise = (length - top * ramp) / top;
            for (duration, speed, accel) in [(ramp, 0.0, ACCEL), (cruise, top, 0.0), (ramp, top, -ACCEL)] {
                if duration > 1e-9 {
                    let from = self.at;
                    let stretch = Stretch { time: self.time, duration, speed, accel, from, direction };
                    self.at = stretch.place(duration);
                    self.time += duration;
                    self.list.push(stretch);
                }
            }
            self.at = to;
            self
        }

        fn rest(mut self, seconds: f64) -> Self {
            self.time += seconds;
            self
        }

        fn way(self) -> Trajectory {
            let mut way = Trajectory::default();
            way.extend(self.list);
            way
        }
    }

    fn stand(from: f64, returns: bool) -> Stand {
        Stand { from, until: from + 0.1, left: [100.0, 50.0], parked: true, returns }
    }

    #[test]
    fn a_frame_with_return_and_retraction_took_all_that_lies_between_the_moves_of_the_print() {
        let there = Moves::begin([90.0, 50.0, 1.0]).to([100.0, 50.0, 1.0]);
        let left_at = there.time;
        let there = there.rest(0.04).to([100.0, 50.0, 1.6]).to([10.0, 200.0, 1.6]);
        let arrival = there.time;
        let back = there.rest(0.1).to([100.0, 50.0, 1.6]).to([100.0, 50.0, 1.0]).rest(0.04);
        let goes_on = back.time;
        let way = back.to([120.0, 50.0, 1.0]).way();
        let visit = Visit::of(&stand(arrival, true), &way).unwrap();
        assert!(visit.still);
        assert!(distance(visit.at, [10.0, 200.0]) < 1e-6, "{visit:?}");
        assert!((visit.added_s - (goes_on - left_at)).abs() < 1e-6, "{visit:?}");
    }

    #[test]
    fn without_return_only_the_detour_counts() {
        let there = Moves::begin([90.0, 50.0, 1.0]).to([100.0, 50.0, 1.0]);
        let left_at = there.time;
        let there = there.to([10.0, 50.0, 1.0]);
        let arrival = there.time;
        let on = there.rest(0.1).to([150.0, 90.0, 1.0]);
        let reached_at = on.time;
        let way = on.rest(0.02).to([150.0, 95.0, 1.0]).way();
        let visit = Visit::of(&stand(arrival, false), &way).unwrap();
        let direct = trapezoid(f64::hypot(50.0, 40.0), SPEED, ACCEL);
        assert!((visit.added_s - (reached_at - left_at - direct)).abs() < 1e-6, "{visit:?}");
    }

    #[test]
    fn a_move_of_the_print_in_the_direction_of_the_park_position_is_not_the_frames() {
        let there = Moves::begin([120.0, 50.0, 1.0]).to([100.0, 50.0, 1.0]);
        let left_at = there.time;
        let there = there.to([10.0, 50.0, 1.0]);
        let arrival = there.time;
        let back = there.rest(0.1).to([100.0, 50.0, 1.0]);
        let goes_on = back.time;
        let way = back.to([100.0, 60.0, 1.0]).way();
        let visit = Visit::of(&stand(arrival, true), &way).unwrap();
        assert!((visit.added_s - (goes_on - left_at)).abs() < 1e-6, "{visit:?}");
    }

    #[test]
    fn a_frame_without_a_way_takes_what_the_head_stands() {
        let there = Moves::begin([90.0, 50.0, 1.0]).to([100.0, 50.0, 1.0]);
        let arrival = there.time;
        let way = there.rest(0.12).to([120.0, 50.0, 1.0]).way();
        let visit = Visit::of(&Stand { parked: false, ..stand(arrival, true) }, &way).unwrap();
        assert!((visit.added_s - 0.12).abs() < 1e-6, "{visit:?}");
    }

    #[test]
    fn a_head_that_moves_under_the_camera_is_told() {
        let there = Moves::begin([90.0, 50.0, 1.0]).to([10.0, 50.0, 1.0]);
        let way = there.to([100.0, 50.0, 1.0]).to([110.0, 60.0, 1.0]).way();
        let visit = Visit::of(&stand(10.5, true), &way).unwrap();
        assert!(!visit.still, "{visit:?}");
    }

    #[test]
    fn what_is_not_known_yet_is_not_guessed() {
        let there = Moves::begin([90.0, 50.0, 1.0]).to([100.0, 50.0, 1.0]).to([10.0, 200.0, 1.0]);
        let arrival = there.time;
        assert_eq!(Visit::of(&stand(arrival, true), &Trajectory::default()), None);
        let back = there.rest(0.1).to([100.0, 50.0, 1.0]);
        assert_eq!(Visit::of(&stand(arrival, true), &back.way()), None, "the print has not gone on yet");
    }
}
