//! Firmware retraction: G10, G11 and SET_RETRACTION.

/// Klipper's `[firmware_retraction]` as far as it moves filament.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FirmwareRetraction {
    /// `retract_length`, mm.
    pub length: f64,
    /// `unretract_extra_length`, mm.
    pub extra: f64,
    /// `z_hop_height` (Kalico), mm.
    pub z_hop: f64,
    /// Between G10 and G11.
    pub retracted: bool,
    /// What the next G11 pushes back, mm: settings that change in between do not matter.
    pub pending: f64,
}

impl FirmwareRetraction {
    /// Nothing retracted; lengths in mm.
    #[must_use]
    pub fn new(length: f64, extra: f64) -> Self {
        Self { length, extra, z_hop: 0.0, retracted: false, pending: 0.0 }
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
