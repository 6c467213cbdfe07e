//! Firmware retraction: G10, G11 and SET_RETRACTION.

use super::line::Extended;

/// Klipper's `[firmware_retraction]` as far as it moves filament.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirmwareRetraction {
    /// `retract_length`, mm.
    pub length: f64,
    /// `unretract_extra_length`, mm.
    pub extra: f64,
    /// `retract_speed`, mm/s.
    pub speed: f64,
    /// `unretract_speed`, mm/s.
    pub unretract_speed: f64,
    /// Between G10 and G11.
    pub retracted: bool,
    /// What the next G11 pushes back, mm: settings that change in between do not matter.
    pub pending: f64,
}

impl FirmwareRetraction {
    /// Nothing retracted; lengths in mm, speeds are Klipper's defaults.
    #[must_use]
    pub fn new(length: f64, extra: f64) -> Self {
        Self { length, extra, speed: 20.0, unretract_speed: 10.0, retracted: false, pending: 0.0 }
    }

    /// SET_RETRACTION.
    pub(super) fn set(&mut self, command: &Extended<'_>) {
        let set = |value: &mut f64, key| {
            if let Some(number) = command.number(key) {
                *value = number;
            }
        };
        set(&mut self.length, "RETRACT_LENGTH");
        set(&mut self.extra, "UNRETRACT_EXTRA_LENGTH");
        set(&mut self.speed, "RETRACT_SPEED");
        set(&mut self.unretract_speed, "UNRETRACT_SPEED");
        self.length = self.length.max(0.0);
    }

    /// G10: the filament to pull back, mm; `None` when it is already back, which Klipper ignores.
    pub fn retract(&mut self) -> Option<f64> {
        if self.retracted {
            return None;
        }
        self.retracted = true;
        self.pending = (self.length + self.extra).max(0.0);
        Some(self.length)
    }

    /// G11: the filament to push, mm; `None` when nothing is retracted.
    pub fn unretract(&mut self) -> Option<f64> {
        std::mem::take(&mut self.retracted).then_some(self.pending)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_retraction_is_ignored_as_klipper_does() {
        let mut firmware = FirmwareRetraction::new(0.8, 0.05);
        assert_eq!(firmware.unretract(), None);
        assert_eq!(firmware.retract(), Some(0.8));
        assert_eq!(firmware.retract(), None);
        firmware.length = 2.0;
        assert!((firmware.unretract().unwrap() - 0.85).abs() < 1e-12);
        assert_eq!(firmware.unretract(), None);
    }
}
