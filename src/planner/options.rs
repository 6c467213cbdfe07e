//! What a plan is made for: the printer, and one or more tracks of frames.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

use super::motion::Machine;
use super::restriction::Restrictions;
use super::trigger::Trigger;
use crate::gcode::extruder::ExtruderStates;
use crate::gcode::feature::Feature;
use crate::stabilize::{Limits, Park};

/// How the places for a frame are ranked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Stretches of the file in which the filament is already retracted; those first after which the print travels
    /// on by itself. Ours, and the default.
    #[default]
    RetractedTravel,
    /// Octolapse's `fast`: the place nearest to the park position, whatever the head is doing.
    Fast,
    /// Octolapse's `compatibility`: the best feature, else the best kind of place.
    Compatible,
    /// Octolapse's `high_quality`: a good feature, else places with retracted filament, else none.
    HighQuality,
    /// Octolapse's `snap_to_print`: where the print itself comes nearest to the park position.
    SnapToPrint {
        /// Only while printing what is not seen later.
        high_quality: bool,
        /// From the second frame on, nearest to the frame before.
        smooth: bool,
    },
    /// No move and no hold: frames are taken as the head passes the place nearest to the park position.
    ZeroMotion,
}

/// Why a text is not a mode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no mode: give retracted_travel, fast, compatible, high_quality, zero_motion, or snap_to_print with \
     :high_quality, :smooth or both"
)]
pub struct ModeError(String);

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(s: &str) -> Result<Self, ModeError> {
        let text = s.trim().to_ascii_lowercase().replace('-', "_");
        let mut parts = text.split(':');
        let mode = match parts.next() {
            Some("retracted_travel") => Self::RetractedTravel,
            Some("fast") => Self::Fast,
            Some("compatible" | "compatibility") => Self::Compatible,
            Some("high_quality") => Self::HighQuality,
            Some("zero_motion") => Self::ZeroMotion,
            Some("snap_to_print") => {
                let (mut high_quality, mut smooth) = (false, false);
                for part in parts.by_ref() {
                    match part {
                        "high_quality" => high_quality = true,
                        "smooth" => smooth = true,
                        _ => return Err(ModeError(s.to_owned())),
                    }
                }
                Self::SnapToPrint { high_quality, smooth }
            }
            _ => return Err(ModeError(s.to_owned())),
        };
        if parts.next().is_some() { Err(ModeError(s.to_owned())) } else { Ok(mode) }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RetractedTravel => "retracted_travel",
            Self::Fast => "fast",
            Self::Compatible => "compatible",
            Self::HighQuality => "high_quality",
            Self::SnapToPrint { high_quality: false, smooth: false } => "snap_to_print",
            Self::SnapToPrint { high_quality: true, smooth: false } => "snap_to_print:high_quality",
            Self::SnapToPrint { high_quality: false, smooth: true } => "snap_to_print:smooth",
            Self::SnapToPrint { high_quality: true, smooth: true } => "snap_to_print:high_quality:smooth",
            Self::ZeroMotion => "zero_motion",
        })
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the extruder must and must not be doing where a frame begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateRequirement {
    /// One of these must hold; any when empty.
    pub trigger: ExtruderStates,
    /// None of these may hold.
    pub forbidden: ExtruderStates,
}

impl StateRequirement {
    /// Whether a frame may begin in `states`. Forbidden wins, as in Octolapse.
    #[must_use]
    pub fn allows(&self, states: ExtruderStates) -> bool {
        !states.any(self.forbidden) && (self.trigger == ExtruderStates::EMPTY || states.any(self.trigger))
    }
}

/// One film's frames.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its name, for people.
    pub name: String,
    /// What makes a frame due.
    pub trigger: Trigger,
    /// How places are ranked.
    pub mode: Mode,
    /// Where the head goes.
    pub park: Park,
    /// Where on the bed a frame may begin, and what the head must not cross.
    pub restrictions: Restrictions,
    /// A frame may begin only after one of these; any when empty.
    pub features: Vec<Feature>,
    /// What the extruder must be doing.
    pub extruder: StateRequirement,
    /// How far from the layer's outer walls the head must be where it leaves and where it comes back, mm; 0 for any.
    pub wall_distance: f64,
    /// The same for the starts of outer walls, the visible seam; mm.
    pub seam_distance: f64,
}

impl Default for Track {
    fn default() -> Self {
        Self {
            name: "layers".to_owned(),
            trigger: Trigger::Layer,
            mode: Mode::default(),
            park: Park::NearestEdge,
            restrictions: Restrictions::default(),
            features: Vec::new(),
            extruder: StateRequirement::default(),
            wall_distance: 0.0,
            seam_distance: 0.0,
        }
    }
}

/// How a frame's own moves are made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameMoves {
    /// Speed to the park position and back, mm/s. `None`: as fast as the slicer travels.
    pub speed: Option<f64>,
    /// How far the head rises for its way, mm.
    pub z_lift: f64,
    /// How long the head stands still, s.
    pub hold: f64,
    /// Filament that the macro pulls back where the file has not, mm.
    pub retract: f64,
    /// At this speed, mm/s.
    pub retract_speed: f64,
    /// Room that the head needs beside what is finished and taller, mm.
    pub clearance: f64,
    /// Room between the nozzle and what is finished when it rises above it, mm.
    pub clearance_above: f64,
}

impl Default for FrameMoves {
    fn default() -> Self {
        Self {
            speed: None,
            z_lift: 0.0,
            hold: 0.1,
            retract: 0.8,
            retract_speed: 40.0,
            clearance: 40.0,
            clearance_above: 2.0,
        }
    }
}

/// What a plan is made for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// What the head can reach.
    pub limits: Limits,
    /// How fast it can.
    pub machine: Machine,
    /// How a frame's own moves are made.
    pub moves: FrameMoves,
    /// The tracks, independent of each other.
    pub tracks: Vec<Track>,
    /// Most windows that a frame gets.
    pub max_windows: usize,
}

impl Options {
    /// One track of the default kind on a printer that reaches `limits`.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            machine: Machine::default(),
            moves: FrameMoves::default(),
            tracks: vec![Track::default()],
            max_windows: 12,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_they_are_shown() {
        for text in [
            "retracted_travel",
            "fast",
            "compatible",
            "high_quality",
            "zero_motion",
            "snap_to_print",
            "snap_to_print:smooth",
            "snap_to_print:high_quality",
            "snap_to_print:high_quality:smooth",
        ] {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
        for wrong in ["", "best", "fast:smooth", "snap_to_print:soft"] {
            assert_eq!(wrong.parse::<Mode>(), Err(ModeError(wrong.to_owned())));
        }
    }

    #[test]
    fn a_forbidden_state_wins_and_none_required_means_any() {
        let any = StateRequirement::default();
        let both = StateRequirement {
            trigger: ExtruderStates::RETRACTED.with(ExtruderStates::PRIMED),
            forbidden: ExtruderStates::DERETRACTED,
        };
        let just_deretracted = ExtruderStates::PRIMED.with(ExtruderStates::DERETRACTED);
        assert!(any.allows(just_deretracted));
        assert!(both.allows(ExtruderStates::RETRACTED));
        assert!(!both.allows(just_deretracted));
        assert!(!both.allows(ExtruderStates::EXTRUDING));
    }
}
