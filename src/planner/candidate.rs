//! Places in a file where a frame could begin, and what each is worth.

use serde::Serialize;

use crate::gcode::engine::{Motion, MotionKind};
use crate::gcode::exclude_object::ObjectId;
use crate::gcode::extruder::ExtruderStates;
use crate::gcode::feature::Feature;
use crate::gcode::state::State;
use crate::stabilize::Point;

/// What the head is doing at a place. The first thirteen are Octolapse's position types, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Between two extrusions.
    Extrusion,
    /// Rising, filament at the nozzle.
    Lifting,
    /// Risen, filament at the nozzle.
    Lifted,
    /// Travelling, filament at the nozzle.
    Travel,
    /// Travelling while rising, filament at the nozzle.
    LiftingTravel,
    /// Travelling risen, filament at the nozzle.
    LiftedTravel,
    /// Filament retracted, not yet away.
    Retraction,
    /// Rising with retracted filament.
    RetractedLifting,
    /// Risen with retracted filament.
    RetractedLifted,
    /// Travelling with retracted filament.
    RetractedTravel,
    /// Travelling while rising, with retracted filament.
    LiftingRetractedTravel,
    /// Travelling risen, with retracted filament.
    LiftedRetractedTravel,
    /// Between two extrusions of the fastest speed seen.
    FastestExtrusion,
    /// Where the file asks for a frame.
    Command,
    /// A frame in passing: no move, no hold.
    ZeroMotion,
}

impl Kind {
    /// How many kinds there are that Octolapse ranks.
    pub(super) const RANKED: usize = 13;

    /// The place after `motion`, where the extruder's states are `states`; `None` where no frame may begin.
    ///
    /// Partly retracted filament and filament that has just been pushed back are under pressure: it would ooze.
    pub(super) fn after(motion: &Motion, state: &State) -> Option<Self> {
        let states = state.extruder().states();
        if states.any(ExtruderStates::PARTIALLY_RETRACTED) {
            return None;
        }
        let retracted = states.any(ExtruderStates::RETRACTED);
        let risen = state.layer.zhop;
        let rises = matches!((motion.from.z(), motion.to.z()), (Some(from), Some(to)) if to > from);
        match motion.kind {
            MotionKind::Extrusion => Some(Self::Extrusion),
            MotionKind::Travel | MotionKind::Wipe if retracted => Some(match (risen, rises) {
                (true, _) => Self::LiftedRetractedTravel,
                (false, true) => Self::LiftingRetractedTravel,
                (false, false) => Self::RetractedTravel,
            }),
            MotionKind::Travel => Some(match (risen, rises) {
                (true, _) => Self::LiftedTravel,
                (false, true) => Self::LiftingTravel,
                (false, false) => Self::Travel,
            }),
            MotionKind::Lift if retracted => Some(match (risen, rises) {
                (true, _) => Self::RetractedLifted,
                (false, true) => Self::RetractedLifting,
                (false, false) => Self::Retraction,
            }),
            MotionKind::Lift => Some(match (risen, rises) {
                (true, _) => Self::Lifted,
                (false, true) => Self::Lifting,
                (false, false) => Self::Travel,
            }),
            MotionKind::Retraction => retracted.then_some(Self::Retraction),
            MotionKind::Wipe
            | MotionKind::UnretractingTravel
            | MotionKind::Unretraction
            | MotionKind::Prime
            | MotionKind::Home => None,
        }
    }

    /// Whether the filament is retracted here.
    pub(super) fn is_retracted(self) -> bool {
        (Self::Retraction..=Self::LiftedRetractedTravel).contains(&self)
    }
}

/// Octolapse's rank of a feature, 0 to 11: how little it matters what the nozzle leaves there. From 5 on a frame may
/// begin while it is printed.
///
/// Visible tops count as outer walls (Octolapse has them with the infill).
pub(super) fn feature_rank(feature: Option<Feature>) -> u8 {
    match feature {
        None | Some(Feature::Custom | Feature::Mixed | Feature::Other) => 0,
        Some(Feature::Bridge | Feature::InternalBridge | Feature::OverhangWall) => 1,
        Some(Feature::Support | Feature::SupportInterface) => 2,
        Some(Feature::OuterWall | Feature::TopSurface | Feature::Surface | Feature::Ironing) => 3,
        Some(Feature::Wall) => 4,
        Some(Feature::InnerWall) => 5,
        Some(Feature::Skirt | Feature::Brim | Feature::SkirtBrim | Feature::Raft) => 6,
        Some(Feature::GapFill) => 7,
        Some(Feature::SolidInfill | Feature::BottomSurface) => 8,
        Some(Feature::OozeShield) => 9,
        Some(Feature::SparseInfill) => 10,
        Some(Feature::WipeTower) => 11,
    }
}

/// The lowest rank of a feature during which a frame may begin.
pub(super) const USABLE_FEATURE: u8 = 5;

/// Whether what is printed next is seen later, so that a blob where it begins would be, too.
pub(super) fn is_visible(feature: Option<Feature>) -> bool {
    matches!(
        feature,
        Some(
            Feature::OuterWall
                | Feature::Wall
                | Feature::OverhangWall
                | Feature::TopSurface
                | Feature::Surface
                | Feature::Ironing
        )
    )
}

/// A run of line ends between which the machine does not change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Place {
    /// `file_position` when the head has come here.
    pub(super) from: u64,
    /// The last `file_position` before it leaves.
    pub(super) to: u64,
    /// The same of the place before, when there is nothing but a move between them.
    pub(super) follows: Option<u64>,
    pub(super) kind: Kind,
    /// What was printed last.
    pub(super) feature: Option<Feature>,
    pub(super) at: Point,
    pub(super) z: f64,
    /// Estimated print time when the head has come here, s.
    pub(super) time: f64,
    /// Estimated print time when the move that led here began, s.
    pub(super) began: f64,
    pub(super) retracted: bool,
    pub(super) lifted: bool,
    /// Lower than the layer: in the print, or on something of another height.
    pub(super) below: bool,
    pub(super) object: Option<ObjectId>,
    pub(super) states: ExtruderStates,
    /// Speed of the move that led here, mm/s.
    pub(super) speed: f64,
    /// Where the print goes on when the head need not come back; `None` when it must.
    pub(super) next: Option<Point>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_ordered_as_octolapse_ranks_them() {
        assert!(Kind::Extrusion < Kind::Travel && Kind::Travel < Kind::Retraction);
        assert!(Kind::LiftedRetractedTravel < Kind::FastestExtrusion);
        assert_eq!(Kind::FastestExtrusion as usize + 1, Kind::RANKED);
    }

    #[test]
    fn retracted_kinds_are_those_with_retracted_filament() {
        assert!(Kind::Retraction.is_retracted() && Kind::RetractedTravel.is_retracted());
        assert!(!Kind::LiftedTravel.is_retracted() && !Kind::FastestExtrusion.is_retracted());
    }

    #[test]
    fn what_is_seen_is_worth_less_than_what_is_hidden() {
        assert!(feature_rank(Some(Feature::TopSurface)) < USABLE_FEATURE);
        assert!(feature_rank(Some(Feature::SparseInfill)) > feature_rank(Some(Feature::InnerWall)));
        assert!(is_visible(Some(Feature::OuterWall)) && !is_visible(Some(Feature::SparseInfill)));
        assert!(!is_visible(None));
    }
}
