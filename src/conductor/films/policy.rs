//! What an ended print deserves.

use crate::config::{AfterPrint, Settings};
use crate::session::Outcome;

/// What becomes of a session's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conductor) enum Ending {
    /// A film.
    Film,
    /// They are kept, and `moonlapse render` makes a film of them.
    Keep,
    /// They are deleted.
    Discard,
}

/// By how the print ended. `film_asked`: TIMELAPSE_RENDER was called, which counts whatever the settings say.
pub(in crate::conductor) fn ending(settings: &Settings, outcome: Outcome, film_asked: bool) -> Ending {
    let set = |after| match after {
        AfterPrint::Film => Ending::Film,
        AfterPrint::Keep => Ending::Keep,
        AfterPrint::Discard => Ending::Discard,
    };
    match outcome {
        _ if film_asked => Ending::Film,
        // One whose end we did not see is as a rule a print that went on without us.
        Outcome::Complete | Outcome::Interrupted if settings.autorender => Ending::Film,
        Outcome::Cancelled => set(settings.cancelled_print),
        Outcome::Error => set(settings.failed_print),
        Outcome::Complete | Outcome::Interrupted | Outcome::Printing => Ending::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_its_setting() {
        let settings = Settings {
            autorender: false,
            cancelled_print: AfterPrint::Discard,
            failed_print: AfterPrint::Film,
            ..Settings::default()
        };
        assert_eq!(ending(&settings, Outcome::Complete, false), Ending::Keep);
        assert_eq!(ending(&settings, Outcome::Cancelled, false), Ending::Discard);
        assert_eq!(ending(&settings, Outcome::Cancelled, true), Ending::Film);
        assert_eq!(ending(&settings, Outcome::Error, false), Ending::Film);
        let usual = Settings::default();
        assert_eq!(ending(&usual, Outcome::Complete, false), Ending::Film);
        assert_eq!(ending(&usual, Outcome::Interrupted, false), Ending::Film);
        assert_eq!(ending(&usual, Outcome::Cancelled, false), Ending::Keep, "nothing is deleted unasked");
        assert_eq!(ending(&usual, Outcome::Error, false), Ending::Keep);
    }
}
