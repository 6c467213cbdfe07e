//! Octolapse's ten extruder states, per extruder, from the filament's movements alone.
//!
//! Fed by [`Extruder::advance`] with the filament that each move takes, whether that comes from a file or from a live
//! printer's E position ([`Extruder::follow`]). The rules are Octolapse's, without three of its quirks; see
//! `docs/triggers.md`.

use super::TOLERANCE;

/// Which of the ten states hold at once, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ExtruderStates(u16);

macro_rules! states {
    ($($(#[$doc:meta])* $constant:ident = $bit:literal, $name:literal;)*) => {
        impl ExtruderStates {
            $($(#[$doc])* pub const $constant: Self = Self(1 << $bit);)*

            /// Each state with its name, in Octolapse's order.
            pub const NAMES: [(Self, &'static str); 10] = [$((Self::$constant, $name)),*];
        }
    };
}

states! {
    /// Filament comes out, and did not on the move before.
    EXTRUDING_START = 0, "extruding_start";
    /// Filament comes out.
    EXTRUDING = 1, "extruding";
    /// Nothing is retracted and nothing comes out.
    PRIMED = 2, "primed";
    /// Filament is pulled back, and was not on the move before.
    RETRACTING_START = 3, "retracting_start";
    /// Filament is pulled back.
    RETRACTING = 4, "retracting";
    /// Some filament is pulled back, but less than the retraction length.
    PARTIALLY_RETRACTED = 5, "partially_retracted";
    /// The retraction length, or more, is pulled back.
    RETRACTED = 6, "retracted";
    /// Filament is pushed back, and was not on the move before.
    DERETRACTING_START = 7, "deretracting_start";
    /// Filament is pushed back.
    DERETRACTING = 8, "deretracting";
    /// This move has undone the retraction.
    DERETRACTED = 9, "deretracted";
}

impl ExtruderStates {
    /// No state.
    pub const EMPTY: Self = Self(0);

    /// Does one of `states` hold?
    #[inline]
    #[must_use]
    pub const fn any(self, states: Self) -> bool {
        self.0 & states.0 != 0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, states: Self) -> Self {
        Self(self.0 | states.0)
    }

    /// `states` when `holds`, else none.
    #[inline]
    const fn when(holds: bool, states: Self) -> Self {
        Self(if holds { states.0 } else { 0 })
    }

    /// The names of the states that hold, in Octolapse's order.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(state, _)| self.any(*state)).map(|(_, name)| name)
    }
}

/// One extruder's filament.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extruder {
    /// Filament pulled back, mm.
    retracted: f64,
    /// Filament that came out in the last move, mm.
    extruded: f64,
    /// Filament that came out in all, mm.
    total: f64,
    /// Retraction length by the settings, mm.
    length: Option<f64>,
    /// The deepest retraction seen, mm.
    deepest: f64,
    /// Pulled back by G10, which counts as retracted whatever its length.
    by_firmware: bool,
    states: ExtruderStates,
}

impl Extruder {
    /// An extruder whose filament is at the nozzle. Without `retraction_length` (mm) the deepest retraction seen so
    /// far takes its place.
    #[must_use]
    pub fn new(retraction_length: Option<f64>) -> Self {
        Self {
            retracted: 0.0,
            extruded: 0.0,
            total: 0.0,
            length: retraction_length.filter(|&length| length > TOLERANCE),
            deepest: 0.0,
            by_firmware: false,
            states: ExtruderStates::PRIMED,
        }
    }

    /// The states that hold.
    #[inline]
    #[must_use]
    pub fn states(&self) -> ExtruderStates {
        self.states
    }

    /// Filament that is pulled back, mm.
    #[inline]
    #[must_use]
    pub fn retracted(&self) -> f64 {
        self.retracted
    }

    /// Filament that came out in the last move, mm.
    #[inline]
    #[must_use]
    pub fn extruded(&self) -> f64 {
        self.extruded
    }

    /// Filament that came out in all, mm.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The length of a full retraction, mm: by the settings, else observed; 0 when neither is known yet.
    #[must_use]
    pub fn retraction_length(&self) -> f64 {
        self.length.unwrap_or(self.deepest)
    }

    /// The length of a full retraction (mm) by settings that the file brings after its start.
    pub(super) fn set_length(&mut self, length: Option<f64>) {
        self.length = length.filter(|&length| length > TOLERANCE).or(self.length);
    }

    /// A move or command that moves the filament by `delta` mm as the file has it (M221 not applied), 0 for a travel.
    ///
    /// A live printer's travels count too: states such as `extruding_start` last for one move.
    #[inline]
    pub fn advance(&mut self, delta: f64) {
        let before = self.states;
        let retracted_before = self.retracted;
        let rest = self.retracted - delta;
        if rest <= 0.0 {
            self.extruded = -rest;
            self.retracted = 0.0;
        } else {
            self.extruded = 0.0;
            self.retracted = rest;
        }
        self.total += self.extruded;
        if before.any(ExtruderStates::EXTRUDING) && self.extruded > TOLERANCE {
            self.states = ExtruderStates::EXTRUDING;
            return;
        }
        self.judge(before, retracted_before);
    }

    fn judge(&mut self, before: ExtruderStates, retracted_before: f64) {
        self.deepest = self.deepest.max(self.retracted);
        let pulled = self.retracted - retracted_before;
        let extruding = self.extruded > TOLERANCE;
        let empty = self.retracted < TOLERANCE;
        let full = !empty && (self.by_firmware || self.retracted > self.retraction_length() - TOLERANCE);
        let retracting = pulled > TOLERANCE;
        let deretracting = pulled < -TOLERANCE;
        let starts = |state: ExtruderStates| !before.any(state);
        if empty {
            self.by_firmware = false;
        }
        type S = ExtruderStates;
        self.states = S::when(extruding && starts(S::EXTRUDING), S::EXTRUDING_START)
            .with(S::when(extruding, S::EXTRUDING))
            .with(S::when(!extruding && empty, S::PRIMED))
            .with(S::when(retracting && starts(S::RETRACTING), S::RETRACTING_START))
            .with(S::when(retracting, S::RETRACTING))
            .with(S::when(!empty && !full, S::PARTIALLY_RETRACTED))
            .with(S::when(full, S::RETRACTED))
            .with(S::when(deretracting && starts(S::DERETRACTING), S::DERETRACTING_START))
            .with(S::when(deretracting, S::DERETRACTING))
            .with(S::when(retracted_before >= TOLERANCE && empty, S::DERETRACTED));
    }

    /// A firmware retraction (G10) by `length` mm.
    pub fn retract_by_firmware(&mut self, length: f64) {
        self.by_firmware = true;
        self.advance(-length);
    }

    /// A live printer's E position went from `before` to `now` mm (M221 taken out).
    pub fn follow(&mut self, before: f64, now: f64) {
        self.advance(now - before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(extruder: &Extruder) -> Vec<&'static str> {
        extruder.states().names().collect()
    }

    fn after(length: Option<f64>, deltas: &[f64]) -> Extruder {
        let mut extruder = Extruder::new(length);
        for &delta in deltas {
            extruder.advance(delta);
        }
        extruder
    }

    #[test]
    fn travels_while_retracted_do_not_start_a_retraction_again() {
        assert_eq!(names(&after(Some(4.0), &[1.0, -4.0, 0.0, 0.0, 0.0])), ["retracted"]);
    }

    #[test]
    fn equal_pushes_in_a_row_are_all_deretracting() {
        assert_eq!(names(&after(Some(4.0), &[-4.0, 1.0, 1.0])), ["partially_retracted", "deretracting"]);
    }

    #[test]
    fn an_unknown_retraction_length_is_the_deepest_seen() {
        assert_eq!(names(&after(None, &[1.0, -0.4, -0.4])), ["retracting", "retracted"]);
        assert_eq!(
            names(&after(None, &[1.0, -0.8, 0.8, 1.0, -0.4])),
            ["retracting_start", "retracting", "partially_retracted"]
        );
    }

    #[test]
    fn a_firmware_retraction_is_full_whatever_its_length() {
        let mut extruder = Extruder::new(Some(4.0));
        extruder.advance(1.0);
        extruder.retract_by_firmware(0.5);
        assert_eq!(names(&extruder), ["retracting_start", "retracting", "retracted"]);
        extruder.advance(0.5);
        assert_eq!(names(&extruder), ["primed", "deretracting_start", "deretracting", "deretracted"]);
        extruder.advance(-0.5);
        assert_eq!(names(&extruder), ["retracting_start", "retracting", "partially_retracted"]);
    }
}
