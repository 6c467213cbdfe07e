//! What makes a frame due.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// What makes a frame due. At most one frame is taken each time.
#[derive(Clone, Debug, PartialEq)]
pub enum Trigger {
    /// Every layer.
    Layer,
    /// The first layer, and then every so many.
    EveryLayers(u32),
    /// The first layer, and then the first of every so many mm of height.
    ///
    /// Octolapse takes its first frame only at twice the increment; a bug that is not reproduced.
    Height(f64),
    /// Every so many seconds of estimated print time, from the first layer on.
    Time(f64),
    /// A command of the file: its name in upper case, or for `@` commands the whole line.
    Gcode(Vec<String>),
}

/// Commands that ask for a frame: moonraker-timelapse's, ours, and Octolapse's.
pub const SNAPSHOT_COMMANDS: [&str; 4] =
    ["TIMELAPSE_TAKE_FRAME", "@TIMELAPSE TAKE-SNAPSHOT", "@OCTOLAPSE TAKE-SNAPSHOT", "SNAP"];

/// Why a text is not a trigger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no trigger: give layer, every:3 (layers), height:0.5 (mm), time:30 (seconds), gcode or gcode:NAME")]
pub struct TriggerError(String);

impl FromStr for Trigger {
    type Err = TriggerError;

    fn from_str(s: &str) -> Result<Self, TriggerError> {
        let wrong = || TriggerError(s.to_owned());
        let (name, value) = s.split_once(':').map_or((s, None), |(name, value)| (name, Some(value.trim())));
        let positive = || value.and_then(|v| v.parse::<f64>().ok()).filter(|n| n.is_finite() && *n > 0.0);
        match (name.trim().to_ascii_lowercase().as_str(), value) {
            ("layer", None) => Ok(Self::Layer),
            ("every", Some(n)) => n.parse().ok().filter(|n| *n > 0).map(Self::EveryLayers).ok_or_else(wrong),
            ("height", Some(_)) => positive().map(Self::Height).ok_or_else(wrong),
            ("time", Some(_)) => positive().map(Self::Time).ok_or_else(wrong),
            ("gcode", None) => Ok(Self::Gcode(SNAPSHOT_COMMANDS.map(str::to_owned).to_vec())),
            ("gcode", Some(name)) if !name.is_empty() => Ok(Self::Gcode(vec![name.to_ascii_uppercase()])),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer => f.write_str("layer"),
            Self::EveryLayers(n) => write!(f, "every:{n}"),
            Self::Height(mm) => write!(f, "height:{mm}"),
            Self::Time(s) => write!(f, "time:{s}"),
            Self::Gcode(names) if names.len() == 1 => write!(f, "gcode:{}", names[0]),
            Self::Gcode(_) => f.write_str("gcode"),
        }
    }
}

impl Serialize for Trigger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Follows a print and says when a frame becomes due.
#[derive(Clone, Debug)]
pub(super) struct Due {
    trigger: Trigger,
    /// How many increments have been begun, of height or of time.
    begun: i64,
    first_time: Option<f64>,
}

/// What a new layer does to the frame that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnLayer {
    /// It ends, and a new one becomes due.
    Next,
    /// It ends, and none is due.
    End,
    /// It goes on.
    Keep,
}

impl Due {
    pub(super) fn new(trigger: Trigger) -> Self {
        Self { trigger, begun: -1, first_time: None }
    }

    /// A layer begins: its number, its height and the estimated print time.
    pub(super) fn on_layer(&mut self, number: u32, height: f64, run: u32) -> OnLayer {
        match &self.trigger {
            Trigger::Layer => OnLayer::Next,
            Trigger::EveryLayers(n) if number.saturating_sub(1).is_multiple_of(*n) => OnLayer::Next,
            Trigger::EveryLayers(_) => OnLayer::End,
            Trigger::Height(step) => {
                // Objects that are printed one after another begin at the bed again.
                let increment = (height / step + 5e-5).floor() as i64 + (i64::from(run) << 40);
                if increment > self.begun {
                    self.begun = increment;
                    OnLayer::Next
                } else {
                    OnLayer::End
                }
            }
            Trigger::Time(_) | Trigger::Gcode(_) => OnLayer::Keep,
        }
    }

    /// Whether one becomes due at `elapsed` seconds of print time, within the layers.
    pub(super) fn at_time(&mut self, elapsed: f64) -> bool {
        let Trigger::Time(step) = self.trigger else { return false };
        let first = *self.first_time.get_or_insert(elapsed);
        let increment = ((elapsed - first) / step).floor() as i64;
        let due = increment > self.begun;
        self.begun = self.begun.max(increment);
        due
    }

    /// Whether the track waits for commands.
    pub(super) fn wants_commands(&self) -> bool {
        matches!(self.trigger, Trigger::Gcode(_))
    }

    /// Whether the track watches the time.
    pub(super) fn wants_time(&self) -> bool {
        matches!(self.trigger, Trigger::Time(_))
    }

    /// Whether `name` (upper case) is a command that makes a frame due.
    pub(super) fn on_command(&self, name: &str) -> bool {
        matches!(&self.trigger, Trigger::Gcode(names) if names.iter().any(|n| n == name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due_layers(trigger: &str, heights: &[f64]) -> Vec<usize> {
        let mut due = Due::new(trigger.parse().unwrap());
        let numbered = heights.iter().enumerate();
        numbered.filter(|(i, h)| due.on_layer(*i as u32 + 1, **h, 0) == OnLayer::Next).map(|(i, _)| i + 1).collect()
    }

    #[test]
    fn every_layer_or_every_third() {
        assert_eq!(due_layers("layer", &[0.2, 0.4, 0.6]), [1, 2, 3]);
        assert_eq!(due_layers("every:3", &[0.2; 8]), [1, 4, 7]);
    }

    #[test]
    fn a_height_increment_is_due_in_the_first_layer_that_reaches_it() {
        // Octolapse's TR02 and its increments of 0.5, without their lag and without the lost first frame.
        assert_eq!(due_layers("height:0.25", &[0.2, 0.4, 0.6, 0.74, 0.75]), [1, 2, 3, 5]);
        assert_eq!(due_layers("height:0.5", &[0.2, 0.4, 0.6, 0.8, 1.0, 1.2]), [1, 3, 5]);
    }

    #[test]
    fn height_starts_again_with_the_next_object() {
        let mut due = Due::new(Trigger::Height(1.0));
        let layers = [(1, 0.5, 0), (2, 1.0, 0), (3, 0.5, 1), (4, 0.75, 1), (5, 1.0, 1)];
        let got: Vec<_> = layers.map(|(n, h, run)| due.on_layer(n, h, run) == OnLayer::Next).to_vec();
        assert_eq!(got, [true, true, true, false, true]);
    }

    #[test]
    fn time_is_due_once_an_interval_from_its_first_moment() {
        let mut due = Due::new(Trigger::Time(30.0));
        let times = [100.0, 110.0, 131.0, 159.9, 230.0, 231.0, 250.5];
        assert_eq!(times.map(|t| due.at_time(t)), [true, false, true, false, true, false, true]);
    }

    #[test]
    fn texts_are_read_and_shown() {
        for text in ["layer", "every:5", "height:0.5", "time:30", "gcode", "gcode:MY_FRAME"] {
            assert_eq!(text.parse::<Trigger>().unwrap().to_string(), text);
        }
        assert_eq!("gcode:my_frame".parse(), Ok(Trigger::Gcode(vec!["MY_FRAME".into()])));
        for wrong in ["", "layers", "every:0", "height:-1", "time:nan", "gcode:", "layer:2"] {
            assert!(wrong.parse::<Trigger>().is_err(), "{wrong}");
        }
    }
}
