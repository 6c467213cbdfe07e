//! Planned frames and what became of each. Pure.

use std::collections::BTreeMap;

use crate::planner::{Plan, Snapshot};

/// What became of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Was over before we came.
    Before,
    /// Still to come.
    Planned,
    /// Klipper waits for its place.
    Armed,
    /// The head is there, or has been.
    InPlace,
    /// Stored.
    Captured,
    /// Not taken, and why.
    Missed(String),
}

/// One planned frame.
#[derive(Clone, Debug)]
pub(super) struct Shot {
    pub(super) snapshot: Snapshot,
    pub(super) state: State,
    /// It was met in a window; else by the fallback.
    pub(super) by_window: bool,
}

impl Shot {
    /// The frames of a plan.
    pub(super) fn of(plan: Plan) -> Vec<Self> {
        let shots = plan.snapshots.into_iter();
        shots.map(|snapshot| Self { snapshot, state: State::Planned, by_window: false }).collect()
    }
}

/// How a print's frames went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Report {
    pub(super) planned: usize,
    pub(super) captured: usize,
    pub(super) by_window: usize,
    pub(super) by_fallback: usize,
    /// How many for each reason.
    pub(super) missed: BTreeMap<String, usize>,
}

impl Report {
    /// Of these frames.
    pub(super) fn of(shots: &[Shot]) -> Self {
        let ours = shots.iter().filter(|shot| shot.state != State::Before);
        let mut report = Self { planned: ours.clone().count(), ..Self::default() };
        for shot in ours {
            let met = match &shot.state {
                State::Captured => {
                    report.captured += 1;
                    true
                }
                State::InPlace => true,
                State::Missed(reason) => {
                    *report.missed.entry(reason.clone()).or_default() += 1;
                    false
                }
                State::Before | State::Planned | State::Armed => false,
            };
            report.by_window += usize::from(met && shot.by_window);
            report.by_fallback += usize::from(met && !shot.by_window);
        }
        report
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs::File;

    use super::*;
    use crate::gcode::engine;
    use crate::planner::{self, plan_file};
    use crate::stabilize::{Bed, Limits, Point};

    /// The plan of one of the sliced files.
    pub(in super::super) fn plan(name: &str) -> Plan {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gcode").join(name);
        let bed = Bed::Rectangle { min: Point::default(), max: Point::new(235.0, 235.0) };
        let options = planner::Options::new(Limits::new(bed, 0.0, 250.0).unwrap());
        let plans = plan_file(&mut File::open(path).unwrap(), engine::Options::default(), options);
        plans.unwrap().remove(0)
    }

    #[test]
    fn a_report_counts_what_was_met_and_why_the_others_were_not() {
        let mut shots = Shot::of(plan("towers_relative_zhop.gcode"));
        shots.truncate(6);
        shots[0].state = State::Before;
        (shots[1].state, shots[1].by_window) = (State::Captured, true);
        shots[2].state = State::Captured;
        shots[3].state = State::Missed("no light".to_owned());
        shots[4].state = State::Missed("no light".to_owned());
        let report = Report::of(&shots);
        assert_eq!((report.planned, report.captured, report.by_window, report.by_fallback), (5, 2, 1, 1));
        assert_eq!(report.missed, BTreeMap::from([("no light".to_owned(), 2)]));
    }
}
