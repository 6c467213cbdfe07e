//! The line that asks for a frame.
//!
//! `TIMELAPSE_TAKE_FRAME FRAME=<n> LAYER=<n> [PARK=0] [X=<mm|-> Y=<mm|->] RETRACT=<0|1> RETURN=<0|1> [RISE=<mm>]
//! [RESUME_X=<mm> RESUME_Y=<mm>] [ZERO=1] [IF_EXCLUDED=<object>[,<object>]] [ELSEWHERE=1] ; moonlapse`; `klipper-macros/timelapse.cfg` says what each means. What is not in
//! the line is as the settings say when the file is printed: the hold, the speeds, how much is retracted.

use std::fmt::Write as _;

use crate::planner::{Snapshot, Window};

/// How every line of ours begins. Slicers and people do not write the parameter.
const BEGINS: &[u8] = b"TIMELAPSE_TAKE_FRAME FRAME=";

/// How it ends.
const ENDS: &[u8] = b" ; moonlapse";

/// Longer lines are not ours, bytes.
pub(super) const LONGEST: usize = 512;

/// Whether this line, with or without its line end, is a call that an annotation put in.
#[must_use]
pub fn is_own_call(line: &[u8]) -> bool {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    line.len() <= LONGEST && line.starts_with(BEGINS) && line.ends_with(ENDS)
}

/// A place between objects may be so much further from the park position than the best place, mm.
const FURTHER: f64 = 10.0;

/// Where the frame is taken. With `several` objects any may be excluded, and Klipper swallows every move in it: so rather
/// between two objects, where that costs hardly more.
fn place(snapshot: &Snapshot, several: bool) -> Option<&Window> {
    let best = snapshot.windows.first().or(snapshot.fallback.as_ref())?;
    let as_good = |other: &&Window| {
        other.object.is_none()
            && (other.returns, other.retract, other.rise_to) == (best.returns, best.retract, best.rise_to)
            && other.travel_mm <= best.travel_mm + FURTHER
    };
    let between = snapshot.windows.iter().find(as_good).filter(|_| several && best.object.is_some());
    Some(between.unwrap_or(best))
}

/// A frame has so many calls at most: one more for each object that may have been excluded.
const MOST: usize = 4;

/// The calls for `snapshot`, the frame of number `frame` (from 1), without line end, each with the byte of the file before
/// which it belongs, in the order of the file. None where the plan has no place for it. `several`: there are several
/// objects.
///
/// A call within an object has others beside it, in other objects or in none, which are for when that object was excluded.
pub(super) fn calls(frame: usize, snapshot: &Snapshot, several: bool) -> Vec<(u64, String)> {
    let Some(mut window) = place(snapshot, several) else { return Vec::new() };
    let mut calls = Vec::new();
    let mut excluded: Vec<&str> = Vec::new();
    loop {
        let mut line = line(frame, snapshot, window);
        if !excluded.is_empty() {
            let _ = write!(line, " IF_EXCLUDED={}", excluded.join(","));
        }
        let other = window.object.as_deref().filter(|name| several && is_plain(name)).and_then(|object| {
            excluded.push(object);
            let free = |w: &&Window| w.object.as_deref().is_none_or(|name| !excluded.contains(&name));
            snapshot.windows.iter().chain(&snapshot.fallback).find(free).filter(|_| calls.len() + 1 < MOST)
        });
        if other.is_some() {
            line.push_str(" ELSEWHERE=1");
        }
        line.push_str(" ; moonlapse");
        calls.push((window.span.from, line));
        match other {
            Some(other) => window = other,
            None => break,
        }
    }
    calls.sort_by_key(|(at, _)| *at);
    calls
}

/// Whether a name can stand in a list of names without quotes.
fn is_plain(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn line(frame: usize, snapshot: &Snapshot, window: &Window) -> String {
    let mut line = format!("TIMELAPSE_TAKE_FRAME FRAME={frame} LAYER={}", snapshot.layer);
    let flag = u8::from;
    // Writing to a String cannot fail.
    if snapshot.moves_nothing() {
        line.push_str(" PARK=0 RETRACT=0 RETURN=0 ZERO=1");
    } else if snapshot.park.x.is_none() && snapshot.park.y.is_none() {
        // The head stays where the print has it, so there is nowhere to come back from.
        let _ = write!(line, " PARK=0 RETRACT={} RETURN=0", flag(window.retract));
    } else {
        for (name, coordinate) in [("X", snapshot.park.x), ("Y", snapshot.park.y)] {
            // Without it the settings would say where.
            let _ = match coordinate {
                Some(mm) => write!(line, " {name}={}", mm3(mm)),
                None => write!(line, " {name}=-"),
            };
        }
        let _ = write!(line, " RETRACT={} RETURN={}", flag(window.retract), flag(window.returns));
        if let Some(z) = window.rise_to {
            let _ = write!(line, " RISE={}", mm3(z));
        }
        // Where to come down again, also when it is the settings that lift the nozzle.
        if window.rise_to.is_some() || !window.returns {
            let [x, y] = window.resume;
            let _ = write!(line, " RESUME_X={} RESUME_Y={}", mm3(x), mm3(y));
        }
    }
    line
}

/// Micrometres are fine enough, and a number has no more digits than it needs.
fn mm3(mm: f64) -> f64 {
    let rounded = (mm * 1000.0).round() / 1000.0;
    // No -0.
    if rounded == 0.0 { 0.0 } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::{Cost, Kind, Span, Target};

    fn window() -> Window {
        Window {
            span: Span { from: 300, to: 400 },
            kind: Kind::RetractedTravel,
            feature: None,
            returns: false,
            travel_mm: 10.0,
            retract: false,
            lifted: false,
            at: [1.0, 2.0, 0.4],
            resume: [42.0, -0.0001],
            rise_to: None,
            object: None,
            time_s: 1.0,
            seconds: 0.1,
        }
    }

    fn snapshot(windows: Vec<Window>, fallback: Option<Window>, x: Option<f64>, y: Option<f64>) -> Snapshot {
        Snapshot {
            layer: 7,
            height: 1.4,
            time_s: 0.0,
            park: Target { x, y },
            span: Span { from: 100, to: 500 },
            windows,
            fallback,
            cost_s: 0.0,
            likely_s: 0.0,
            cost: Cost::default(),
        }
    }

    /// The only call, without what all of them begin with.
    fn only(snapshot: &Snapshot) -> String {
        let [(at, line)] = calls(3, snapshot, false).try_into().unwrap();
        assert_eq!(at, 300);
        assert!(is_own_call(line.as_bytes()) && is_own_call(format!("{line}\r\n").as_bytes()));
        line.strip_prefix("TIMELAPSE_TAKE_FRAME FRAME=3 LAYER=7 ").unwrap().to_owned()
    }

    #[test]
    fn a_window_says_what_the_macro_must_do() {
        let plain = snapshot(vec![window()], None, Some(10.0), Some(2.3456789));
        assert_eq!(only(&plain), "X=10 Y=2.346 RETRACT=0 RETURN=0 RESUME_X=42 RESUME_Y=0 ; moonlapse");
        let back = Window { returns: true, retract: true, ..window() };
        assert_eq!(only(&snapshot(vec![back], None, Some(10.0), None)), "X=10 Y=- RETRACT=1 RETURN=1 ; moonlapse");
    }

    #[test]
    fn a_rise_comes_with_the_place_where_it_ends() {
        let rising = Window { returns: true, rise_to: Some(10.05), ..window() };
        let said = only(&snapshot(vec![rising], None, Some(1.0), Some(2.0)));
        assert_eq!(said, "X=1 Y=2 RETRACT=0 RETURN=1 RISE=10.05 RESUME_X=42 RESUME_Y=0 ; moonlapse");
    }

    #[test]
    fn a_frame_in_passing_moves_nothing() {
        let still = Window { kind: Kind::ZeroMotion, ..window() };
        assert_eq!(only(&snapshot(vec![still], None, None, None)), "PARK=0 RETRACT=0 RETURN=0 ZERO=1 ; moonlapse");
    }

    #[test]
    fn a_frame_where_the_print_has_the_head_neither_goes_nor_returns() {
        let here = Window { returns: true, retract: true, ..window() };
        assert_eq!(only(&snapshot(vec![here], None, None, None)), "PARK=0 RETRACT=1 RETURN=0 ; moonlapse");
    }

    #[test]
    fn the_fallback_serves_where_there_is_no_window() {
        let fallback = Window { returns: true, retract: true, ..window() };
        let shot = snapshot(vec![], Some(fallback), Some(1.0), Some(2.0));
        assert_eq!(only(&shot), "X=1 Y=2 RETRACT=1 RETURN=1 ; moonlapse");
        assert_eq!(calls(1, &snapshot(vec![], None, None, None), false), []);
    }

    #[test]
    fn of_several_objects_none_is_relied_on_where_a_place_between_them_is_as_good() {
        let at = |from, object: Option<&str>, travel_mm, returns| Window {
            span: Span { from, to: from },
            object: object.map(str::to_owned),
            travel_mm,
            returns,
            ..window()
        };
        let windows = vec![
            at(1, Some("A"), 20.0, false),
            at(2, None, 10.0, true),
            at(3, None, 31.0, false),
            at(4, Some("B"), 20.0, false),
            at(5, None, 30.0, false),
        ];
        let shot = snapshot(windows, None, Some(1.0), Some(2.0));
        let places =
            |shot: &Snapshot, several| calls(1, shot, several).into_iter().map(|(at, _)| at).collect::<Vec<_>>();
        assert_eq!(places(&shot, true), [5]);
        assert_eq!(places(&shot, false), [1]);
    }

    #[test]
    fn a_call_within_an_object_has_others_for_when_it_was_excluded() {
        let at = |from, object: Option<&str>| Window {
            span: Span { from, to: from },
            object: object.map(str::to_owned),
            returns: object.is_none(),
            ..window()
        };
        let windows = vec![at(40, Some("A")), at(30, Some("A")), at(20, Some("B")), at(50, None)];
        let lines = calls(1, &snapshot(windows.clone(), None, Some(1.0), Some(2.0)), true);
        let ends = |(at, line): &(u64, String)| {
            (*at, line.split_once(" RETURN=").unwrap().1.trim_start_matches("0 RESUME_X=42 RESUME_Y=0 ").to_owned())
        };
        assert_eq!(
            lines.iter().map(ends).collect::<Vec<_>>(),
            [
                (20, "IF_EXCLUDED=A ELSEWHERE=1 ; moonlapse".to_owned()),
                (40, "ELSEWHERE=1 ; moonlapse".to_owned()),
                (50, "1 IF_EXCLUDED=A,B ; moonlapse".to_owned()),
            ]
        );
        assert!(lines.iter().all(|(_, line)| is_own_call(line.as_bytes())));
        let odd = windows.into_iter().map(|w| Window { object: Some("a b".to_owned()), ..w }).collect();
        assert_eq!(calls(1, &snapshot(odd, None, Some(1.0), Some(2.0)), true).len(), 1);
    }

    #[test]
    fn calls_of_slicers_and_people_are_not_ours() {
        for other in [
            "TIMELAPSE_TAKE_FRAME",
            "TIMELAPSE_TAKE_FRAME ; moonlapse",
            "TIMELAPSE_TAKE_FRAME FRAME=1",
            " TIMELAPSE_TAKE_FRAME FRAME=1 ; moonlapse",
            "TIMELAPSE_TAKE_FRAME FRAME=1 ; moonlapse was here",
        ] {
            assert!(!is_own_call(other.as_bytes()), "{other}");
        }
    }
}
