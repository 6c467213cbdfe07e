//! Where in the file a planned frame is taken, as the watching macro takes them: the first place that is met. Pure.
//!
//! Klipper reads a file in bursts, so a place of 0.3 s is met by chance, better than even. A planned window costs
//! nothing, the fallback a retraction of our own: so the fallback counts only from where the windows that are left are
//! not likely enough to be met, and any place counts when the layer runs out.

use crate::planner::Snapshot;

/// From one place where the file stands still to the next, in seconds of motion. Measured on mainline Klipper 0.33 s and
/// on Kalico 0.48 s in the median.
const BURST: f64 = 0.45;
/// The fallback counts from where the windows that are left are met with a smaller chance.
const SURE: f64 = 0.9;
/// Any place counts in this last part of the layer.
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

/// The places of a frame; of two that overlap the earlier in the list is better.
pub(super) fn places(snapshot: &Snapshot) -> Vec<Place> {
    let mut windows: Vec<_> = snapshot.windows.iter().collect();
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
    // From where the windows that are left do not suffice.
    let mut unmet = 1.0;
    let mut unsure_from = snapshot.span.from;
    for window in windows.iter().rev() {
        unmet *= 1.0 - (window.seconds / BURST).min(0.95);
        if 1.0 - unmet >= SURE {
            unsure_from = window.span.to;
            break;
        }
    }
    let rise = snapshot.fallback.as_ref().and_then(|f| f.rise_to);
    // What the fallback needs it needs anywhere else in the layer, too.
    let anywhere = |from: u64, to: u64| Place { from, to, retract: true, returns: true, rise, resume: None };
    if let Some(fallback) = &snapshot.fallback {
        let from = fallback.span.from.max(unsure_from);
        if from <= fallback.span.to {
            places.push(anywhere(from, fallback.span.to));
        }
        // Where even the fallback may not go, nothing else may.
        let length = snapshot.span.to - snapshot.span.from;
        let last = snapshot.span.to - length / LAST_PART;
        let from = last.max(unsure_from);
        if from <= snapshot.span.to {
            places.push(anywhere(from, snapshot.span.to));
        }
    }
    places
}
