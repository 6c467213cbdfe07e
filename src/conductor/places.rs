//! Where in the file a planned frame is taken, as the watching macro takes them: the first place that is met. Pure.
//!
//! Klipper reads a file in bursts, so a place of 0.3 s is met by chance, better than even. A planned window costs
//! nothing, the fallback a retraction of our own. So the fallback counts only where the windows behind it are not likely
//! enough to be met, and only its end: until then a window may be met. When the layer runs out any place counts.

use crate::planner::{Snapshot, Span, Window};

/// From one place where the file stands still to the next, in seconds of motion. Measured on mainline Klipper 0.33 s and
/// on Kalico 0.48 s in the median.
const BURST: f64 = 0.45;
/// Windows that are met with this chance are waited for.
const SURE: f64 = 0.9;
/// So much of a stretch is enough to be met, s: nine of ten places are less than 0.8 s of motion from the next.
const ENOUGH: f64 = 1.6;
/// Where even the fallback was not met, any place counts in this last part of the layer.
const LAST_PART: u64 = 4;

/// A part of the file and how a frame is taken there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// First byte position that is good.
    pub(super) from: u64,
    /// Last one.
    pub(super) to: u64,
    /// The frame needs a retraction of its own.
    pub(super) retract: bool,
    /// The head must come back.
    pub(super) returns: bool,
    /// Rise to this Z for the way, mm.
    pub(super) rise: Option<f64>,
    /// Where the print goes on, mm.
    pub(super) resume: Option<[f64; 2]>,
}

/// The places of a frame; of two that overlap the earlier in the list is better. `excluded` are the objects that are not
/// printed any further: Klipper swallows every move in them.
pub(super) fn places(snapshot: &Snapshot, excluded: &[String]) -> Vec<Place> {
    // Klipper writes the names in capitals.
    let swallowed = |window: &Window| {
        window.object.as_ref().is_some_and(|object| excluded.iter().any(|name| name.eq_ignore_ascii_case(object)))
    };
    let mut windows: Vec<_> = snapshot.windows.iter().filter(|window| !swallowed(window)).collect();
    windows.sort_by_key(|w| w.span.from);
    let mut places: Vec<Place> = windows
        .iter()
        .map(|w| Place {
            from: w.span.from,
            to: w.span.to,
            retract: w.retract,
            returns: w.returns,
            rise: w.rise_to,
            resume: Some(w.resume),
        })
        .collect();
    // The chance that one of the windows behind a byte is met.
    let chance = |behind: u64| {
        let left = windows.iter().filter(|w| w.span.from >= behind);
        1.0 - left.map(|w| 1.0 - (w.seconds / BURST).min(0.95)).product::<f64>()
    };
    let Some(fallback) = &snapshot.fallback else { return places };
    // What the fallback needs it needs anywhere else in the layer, too.
    let rise = fallback.rise_to;
    let anywhere = |from: u64, to: u64| Place { from, to, retract: true, returns: true, rise, resume: None };
    if swallowed(fallback) {
        // Nothing is known of the layer's other stretches but that the macro can tell the objects apart.
        places.push(anywhere(snapshot.span.from, snapshot.span.to));
        return places;
    }
    // Only the end of the stretch: until then a window may be met.
    let Span { from, to } = fallback.span;
    if chance(to) < SURE {
        places.push(anywhere(to - last_part(to - from, fallback.seconds), to));
    }
    let Span { from, to } = snapshot.span;
    let last = to - (to - from) / LAST_PART;
    places.push(anywhere(fallback.span.to.max(last).min(to), to));
    places
}

/// How many of a stretch's bytes take [`ENOUGH`] seconds.
fn last_part(bytes: u64, seconds: f64) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "files are smaller than 2^52 bytes")]
    let part = bytes as f64 * (ENOUGH / seconds.max(0.001)).min(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of what was a u64")]
    let part = part as u64;
    part
}

#[cfg(test)]
mod tests {
    use super::super::shots::tests::plan;
    use super::*;

    #[test]
    fn windows_come_first_then_the_fallback_then_any_place_of_the_last_part() {
        for snapshot in plan("towers_relative_zhop.gcode").snapshots {
            let places = places(&snapshot, &[]);
            assert!(places.iter().all(|p| p.from <= p.to && p.to <= snapshot.span.to), "{places:?}");
            let windows = snapshot.windows.len();
            assert!(places[..windows].iter().all(|p| !p.retract), "{places:?}");
            assert!(places[windows..].iter().all(|p| p.retract && p.returns), "{places:?}");
            // The layer never runs out without a place.
            let last = places.last().unwrap();
            assert_eq!(last.to, snapshot.span.to);
            assert!(last.from < snapshot.span.to, "{places:?}");
        }
    }

    #[test]
    fn the_fallback_waits_while_the_windows_that_are_left_suffice() {
        let mut snapshot = plan("towers_relative_zhop.gcode").snapshots.remove(5);
        let fallback = snapshot.fallback.clone().unwrap();
        assert!(snapshot.windows.iter().any(|w| w.span.from >= fallback.span.to), "no window behind the fallback");
        let uses = |snapshot: &Snapshot| places(snapshot, &[]).iter().any(|p| p.retract && p.to == fallback.span.to);
        snapshot.windows.iter_mut().for_each(|w| w.seconds = 5.0);
        assert!(!uses(&snapshot), "it does not wait for what is met for sure");
        snapshot.windows.iter_mut().for_each(|w| w.seconds = 0.01);
        assert!(uses(&snapshot), "it waits for what is hardly met");
        let end = places(&snapshot, &[]).into_iter().find(|p| p.to == fallback.span.to).unwrap();
        assert!(end.from >= fallback.span.from);
    }

    #[test]
    fn in_an_excluded_object_nothing_is_waited_for() {
        let mut snapshot = plan("towers_relative_zhop.gcode").snapshots.remove(5);
        snapshot.windows[0].object = Some("cone".to_owned());
        snapshot.fallback.as_mut().unwrap().object = Some("cone".to_owned());
        let (before, after) = (places(&snapshot, &[]), places(&snapshot, &["CONE".to_owned()]));
        assert_eq!(after.iter().filter(|p| !p.retract).count(), snapshot.windows.len() - 1);
        assert!(before.iter().all(|p| p.from > snapshot.span.from));
        let last = after.last().unwrap();
        assert_eq!((last.from, last.to, last.retract), (snapshot.span.from, snapshot.span.to, true));
    }

    #[test]
    fn a_layer_without_windows_takes_the_fallback_at_once() {
        let mut snapshot = plan("towers_relative_zhop.gcode").snapshots.remove(5);
        snapshot.windows.clear();
        let fallback = snapshot.fallback.as_ref().unwrap().span;
        assert_eq!(places(&snapshot, &[])[0].to, fallback.to);
        snapshot.fallback = None;
        assert_eq!(places(&snapshot, &[]), []);
    }
}
