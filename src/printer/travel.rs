//! Where the head is and how far it may go.

use serde_json::Value as Json;

use super::Printer;

/// The head and its limits, mm in machine coordinates, as X, Y, Z.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Travel {
    /// All three axes are homed.
    pub homed: bool,
    /// The lowest position of each axis.
    pub min: [f64; 3],
    /// The highest position of each axis.
    pub max: [f64; 3],
    /// As last commanded.
    pub position: [f64; 3],
}

impl Printer {
    /// Where the head is and how far it may go; `None` while Klipper has not told.
    #[must_use]
    pub fn travel(&self) -> Option<Travel> {
        let triple = |field: &str| -> Option<[f64; 3]> {
            let list = self.field("toolhead", field)?.as_array()?;
            let axis = |i: usize| list.get(i).and_then(Json::as_f64).filter(|mm| mm.is_finite());
            Some([axis(0)?, axis(1)?, axis(2)?])
        };
        let homed = self.field("toolhead", "homed_axes").and_then(Json::as_str).unwrap_or_default();
        Some(Travel {
            homed: ['x', 'y', 'z'].iter().all(|axis| homed.contains(*axis)),
            min: triple("axis_minimum")?,
            max: triple("axis_maximum")?,
            position: triple("position")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::clock::MonoTime;

    fn printer(toolhead: Json) -> Printer {
        let mut printer = Printer::default();
        let Json::Object(status) = json!({"toolhead": toolhead}) else { unreachable!() };
        printer.reset(status, MonoTime::ZERO);
        printer
    }

    #[test]
    fn limits_and_homing_are_read_and_a_part_of_them_is_nothing() {
        let whole = json!({
            "homed_axes": "xyz", "axis_minimum": [0.0, -5.0, 0.0, 0.0], "axis_maximum": [235.0, 235.0, 250.0, 0.0],
            "position": [1.0, 2.0, 3.0, 4.0],
        });
        let travel = printer(whole.clone()).travel().unwrap();
        assert!(travel.homed);
        assert_eq!((travel.min, travel.position), ([0.0, -5.0, 0.0], [1.0, 2.0, 3.0]));
        let mut part = whole;
        part["homed_axes"] = "xy".into();
        assert!(!printer(part.clone()).travel().unwrap().homed);
        part["axis_maximum"] = json!([235.0, null, 250.0]);
        assert_eq!(printer(part).travel(), None);
        assert_eq!(Printer::default().travel(), None);
    }
}
