//! Whether the head may move for a calibration or a trial frame. The macro checks the same again when it moves.

use crate::printer::{PrintStats, Travel};

/// Why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A print is under way or paused.
    #[error("a print is under way: try again when it has ended")]
    Printing,
    /// Klipper has not told its limits.
    #[error("the printer's limits are not known: is Klipper ready?")]
    Unknown,
    /// Not all axes are homed.
    #[error("the printer is not homed: home it with G28 first")]
    NotHomed,
    /// The printer cannot reach the height.
    #[error("the head cannot rise to a safe height: give a lower one behind the command, Z=mm")]
    TooLow,
    /// X is too short.
    #[error("the X axis is too short, or its limits are not known")]
    NoRoom,
}

/// Gives the height that the head must have, mm: `safe_z`, or where it is when that is higher.
///
/// # Errors
/// Why the head must not move.
pub fn permission(stats: &PrintStats, travel: Option<&Travel>, safe_z: f64) -> Result<f64, Refusal> {
    if stats.state.is_active() {
        return Err(Refusal::Printing);
    }
    let travel = travel.ok_or(Refusal::Unknown)?;
    if !travel.homed {
        return Err(Refusal::NotHomed);
    }
    if !(safe_z >= 0.0 && safe_z <= travel.max[2]) {
        return Err(Refusal::TooLow);
    }
    Ok(safe_z.max(travel.position[2]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::printer::PrintState;

    const TRAVEL: Travel =
        Travel { homed: true, min: [0.0; 3], max: [235.0, 235.0, 250.0], position: [10.0, 10.0, 5.0] };

    fn stats(state: PrintState) -> PrintStats {
        PrintStats { state, ..PrintStats::default() }
    }

    #[test]
    fn the_head_rises_to_the_safe_height_and_never_sinks() {
        let idle = stats(PrintState::Standby);
        assert_eq!(permission(&idle, Some(&TRAVEL), 30.0), Ok(30.0));
        let high = Travel { position: [0.0, 0.0, 120.0], ..TRAVEL };
        assert_eq!(permission(&stats(PrintState::Complete), Some(&high), 30.0), Ok(120.0));
    }

    #[test]
    fn it_stays_where_it_is_when_anything_speaks_against_it() {
        let idle = stats(PrintState::Standby);
        assert_eq!(permission(&stats(PrintState::Printing), Some(&TRAVEL), 30.0), Err(Refusal::Printing));
        assert_eq!(permission(&stats(PrintState::Paused), Some(&TRAVEL), 30.0), Err(Refusal::Printing));
        assert_eq!(permission(&idle, None, 30.0), Err(Refusal::Unknown));
        assert_eq!(permission(&idle, Some(&Travel { homed: false, ..TRAVEL }), 30.0), Err(Refusal::NotHomed));
        assert_eq!(permission(&idle, Some(&TRAVEL), 251.0), Err(Refusal::TooLow));
        assert_eq!(permission(&idle, Some(&TRAVEL), f64::NAN), Err(Refusal::TooLow));
    }
}
