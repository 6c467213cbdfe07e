//! A machine that follows a script, for tests of the camera alone.

use crate::machine::{Machine, TruePosition};

/// Straight moves between points in time.
#[derive(Clone, Debug)]
pub struct ScriptedMachine {
    /// Ascending times (seconds on `CLOCK_MONOTONIC`) and where the head is then.
    points: Vec<(f64, TruePosition)>,
}

impl ScriptedMachine {
    /// A machine that stands at `home` from `start` (seconds on `CLOCK_MONOTONIC`) on.
    #[must_use]
    pub fn new(start: f64, home: TruePosition) -> Self {
        Self { points: vec![(start, home)] }
    }

    fn last(&self) -> (f64, TruePosition) {
        self.points.last().copied().unwrap_or_default()
    }

    /// When the script ends, seconds on `CLOCK_MONOTONIC`.
    #[must_use]
    pub fn end(&self) -> f64 {
        self.last().0
    }

    /// Then moves to `to` within `seconds`.
    pub fn move_to(&mut self, to: TruePosition, seconds: f64) {
        self.points.push((self.end() + seconds.max(1e-6), to));
    }

    /// Then stands still for `seconds`; returns from when until when.
    pub fn stand(&mut self, seconds: f64) -> (f64, f64) {
        let (from, at) = self.last();
        self.points.push((from + seconds, at));
        (from, from + seconds)
    }

    /// Then runs the linear moves of a G-code file (`G0`, `G1`, `G92 E`, `M82`, `M83`), at `speed` times its speed.
    pub fn run_gcode(&mut self, gcode: &str, speed: f64) {
        let (mut at, mut feed, mut relative) = (self.last().1, 3000.0, false);
        // The file's E and the machine's differ after `G92 E0`.
        let mut e = 0.0;
        for line in gcode.lines() {
            let mut words = line.split(';').next().unwrap_or_default().split_ascii_whitespace();
            let command = words.next().unwrap_or_default();
            let values = words.filter_map(|w| Some((w.chars().next()?, w.get(1..)?.parse::<f64>().ok()?)));
            match command {
                "M82" => relative = false,
                "M83" => relative = true,
                "G92" => e = values.filter(|v| v.0 == 'E').map(|v| v.1).next_back().unwrap_or(e),
                "G0" | "G1" => {
                    let mut to = at;
                    for (axis, value) in values {
                        match axis {
                            'X' => to.x = value,
                            'Y' => to.y = value,
                            'Z' => to.z = value,
                            'F' => feed = value,
                            'E' => {
                                to.e += if relative { value } else { value - e };
                                e = if relative { e + value } else { value };
                            }
                            _ => {}
                        }
                    }
                    let far = ((to.x - at.x).powi(2) + (to.y - at.y).powi(2) + (to.z - at.z).powi(2)).sqrt();
                    let length = if far > 0.0 { far } else { (to.e - at.e).abs() };
                    self.move_to(to, length / (feed / 60.0) / speed);
                    at = to;
                }
                _ => {}
            }
        }
    }
}

impl Machine for ScriptedMachine {
    fn position_at(&self, at: f64) -> TruePosition {
        let next = self.points.partition_point(|p| p.0 <= at);
        let (Some(before), after) = (self.points.get(next.saturating_sub(1)), self.points.get(next)) else {
            return TruePosition::default();
        };
        let Some(after) = after else { return before.1 };
        if at <= before.0 {
            return before.1;
        }
        let t = (at - before.0) / (after.0 - before.0);
        let mix = |a: f64, b: f64| a + (b - a) * t;
        TruePosition {
            x: mix(before.1.x, after.1.x),
            y: mix(before.1.y, after.1.y),
            z: mix(before.1.z, after.1.z),
            e: mix(before.1.e, after.1.e),
        }
    }

    fn path(&self, from: usize) -> Vec<TruePosition> {
        let now = super::monotonic();
        let until = self.points.partition_point(|p| p.0 <= now);
        self.points.get(from..until).unwrap_or_default().iter().map(|p| p.1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gcode_moves_at_its_speed_and_e_grows_over_resets() {
        let mut machine = ScriptedMachine::new(0.0, TruePosition::default());
        machine.run_gcode("G1 X60 F3600\nG1 X120 E2 ; two\nG92 E0\nM83\nG1 X60 E1\n", 1.0);
        assert!((machine.end() - 3.0).abs() < 1e-6);
        assert!((machine.position_at(1.5).x - 90.0).abs() < 1e-6);
        assert!((machine.position_at(9.0).e - 3.0).abs() < 1e-6);
    }

    #[test]
    fn stops_are_told_when_they_will_be() {
        let mut machine = ScriptedMachine::new(10.0, TruePosition::default());
        let park = TruePosition { x: 5.0, ..TruePosition::default() };
        machine.move_to(park, 1.0);
        let (from, until) = machine.stand(2.0);
        assert_eq!((from, until), (11.0, 13.0));
        assert_eq!(machine.position_at(11.0), park);
        assert_eq!(machine.position_at(12.9), park);
    }
}
