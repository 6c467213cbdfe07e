//! What the frame macro tells us, read with care: the macro may be an older one, or somebody may call it by hand.

use serde_json::Value as Json;

use crate::camera::Span;
use crate::clock::MonoTime;
use crate::printer::PrintClock;

/// The dwell between the park move and the notification (`G4 P1`), s: `print_time` already includes it.
const DWELL: f64 = 0.001;
/// The macro bounds its hold to this, s.
const LONGEST_HOLD: f64 = 2.0;
/// A head that is announced to arrive later than this is a mistake, s: Klipper's queue holds two or three seconds.
const LONGEST_ETA: f64 = 30.0;

/// One call of `timelapse_newframe`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FrameCall {
    /// Until the head stands still, s, at the moment of the call.
    pub(super) eta: f64,
    /// The same instant in print time, s; an older macro does not tell it.
    pub(super) print_time: Option<f64>,
    /// How long the head stands still, s.
    pub(super) hold: f64,
    /// Part of the hyperlapse, not of the layers.
    pub(super) hyperlapse: bool,
    /// Commanded position before the park move, mm.
    pub(super) position: [Option<f64>; 3],
    /// Commanded position for the frame, mm: x and y.
    pub(super) stands: [Option<f64>; 2],
    /// The head has a way of its own to the frame.
    pub(super) parked: bool,
    /// And the macro brings it back.
    pub(super) returns: bool,
    /// Bytes of the file that Klipper has taken.
    pub(super) file_position: Option<u64>,
    /// Number of the planned frame.
    pub(super) frame: Option<u32>,
    /// Its layer, from 1.
    pub(super) layer: Option<u32>,
}

/// When the head stands still, on our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standstill {
    /// From its arrival to its leaving.
    pub(super) span: Span,
    /// How much later the call arrived here than Klipper made it, s: negative where the print clock was not settled.
    pub(super) call_delay: f64,
}

impl FrameCall {
    /// Reads the parameters; what is missing gets the value that does no harm.
    #[must_use]
    pub(super) fn read(params: &Json) -> Self {
        let number = |key: &str| params.get(key).and_then(Json::as_f64).filter(|n| n.is_finite());
        Self {
            eta: number("eta").unwrap_or(0.0).clamp(-LONGEST_ETA, LONGEST_ETA),
            print_time: number("print_time"),
            hold: number("hold").unwrap_or(0.1).clamp(0.0, LONGEST_HOLD),
            hyperlapse: truthy(params.get("hyperlapse")),
            position: [number("x"), number("y"), number("z")],
            stands: [number("park_x"), number("park_y")],
            parked: truthy(params.get("parked")),
            returns: truthy(params.get("back")),
            file_position: params.get("file_position").and_then(Json::as_u64),
            frame: counted(params, "frame"),
            layer: counted(params, "layer"),
        }
    }

    /// Places the standstill on our clock. The print clock is exact however late the call arrives; the ETA, counted from
    /// the arrival of the call, stands in until the clock has a sample, or where the two differ beyond reason.
    #[must_use]
    pub(super) fn standstill(&self, clock: &PrintClock, received: MonoTime) -> Standstill {
        let by_eta = received.offset(self.eta - DWELL);
        let by_clock = self.print_time.and_then(|t| clock.at(t - DWELL));
        let from = by_clock.filter(|at| at.secs_since(by_eta).abs() < LONGEST_ETA).unwrap_or(by_eta);
        Standstill { span: Span { from, until: from.offset(DWELL + self.hold) }, call_delay: by_eta.secs_since(from) }
    }
}

/// A number from 1; our macros pass 0 for none.
pub(super) fn counted(params: &Json, key: &str) -> Option<u32> {
    params.get(key).and_then(Json::as_u64).and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0)
}

/// moonraker-timelapse's macros pass `"True"` as text, ours pass 1.
fn truthy(value: Option<&Json>) -> bool {
    match value {
        Some(Json::Bool(yes)) => *yes,
        Some(Json::Number(number)) => number.as_f64() != Some(0.0),
        Some(Json::String(text)) => text.eq_ignore_ascii_case("true") || text == "1",
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(secs: f64) -> MonoTime {
        MonoTime::from_secs_f64(secs).unwrap()
    }

    #[test]
    fn a_late_call_still_finds_the_instant_at_which_the_head_stood_still() {
        let mut clock = PrintClock::default();
        clock.observe(50.0, at(1050.0));
        let call = FrameCall::read(&json!({"eta": 0.8, "print_time": 52.0, "hold": 0.1}));
        // Klipper made the call at print time 51.2; it was under way for 1.5 s.
        let stands = call.standstill(&clock, at(1052.7));
        assert!((stands.span.from.as_secs_f64() - 1051.999).abs() < 1e-6);
        assert!((stands.span.until.as_secs_f64() - 1052.1).abs() < 1e-6);
        assert!((stands.call_delay - 1.5).abs() < 1e-6);
    }

    #[test]
    fn without_print_time_or_clock_the_eta_counts_from_now() {
        let call = FrameCall::read(&json!({"eta": 0.5, "print_time": 9.0}));
        let stands = call.standstill(&PrintClock::default(), at(100.0));
        assert!((stands.span.from.as_secs_f64() - 100.499).abs() < 1e-6);
    }

    #[test]
    fn odd_parameters_do_no_harm() {
        for odd in [json!(null), json!([]), json!({"eta": "soon", "hold": -1, "hyperlapse": []}), json!({"hold": 1e9})]
        {
            let call = FrameCall::read(&odd);
            assert!((0.0..=2.0).contains(&call.hold), "{odd}");
            assert!(!call.hyperlapse);
        }
        assert!(FrameCall::read(&json!({"hyperlapse": "True"})).hyperlapse);
    }
}
