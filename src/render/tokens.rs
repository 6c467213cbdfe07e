//! What can stand in braces in a file's name or an overlay: the tokens of Octolapse under their names, and more.

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::duration::write_duration;
use crate::session::{Frame, Outcome, Session};

/// What is known about a print.
#[derive(Clone, Debug, Default)]
pub struct Print {
    /// The printed file with its path, as Moonraker names it; may be empty.
    pub file: String,
    /// Moonraker's history job.
    pub job_id: Option<String>,
    /// The session's name.
    pub session: Option<String>,
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Layers of the printed file, filmed or not.
    pub layers: Option<u32>,
}

impl From<&Session> for Print {
    fn from(session: &Session) -> Self {
        Self {
            file: session.print_file.clone(),
            job_id: session.job_id.clone(),
            session: Some(session.id.as_str().to_owned()),
            started_at: Some(session.started_at),
            ended_at: session.ended_at,
            outcome: Some(session.outcome),
            layers: session.layers,
        }
    }
}

/// What is known about a film before it is made.
#[derive(Clone, Debug)]
pub(super) struct FilmFacts<'a> {
    pub(super) print: &'a Print,
    pub(super) profile: &'a str,
    pub(super) camera: Option<&'a str>,
    /// Its session's frames, in order.
    pub(super) frames: &'a [Frame],
    pub(super) fps: String,
    pub(super) made_at: &'a Zoned,
    /// How times are written where no format is given.
    pub(super) time_format: &'a str,
}

macro_rules! tokens {
    ($($token:ident $kind:ident $name:literal $(, $other:literal)*;)*) => {
        /// A token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "docs/films.md explains them")]
        pub enum Token { $($token,)* }

        impl Token {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$token,)*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$token => $name,)* }
            }

            /// The token of that name, in capitals or not; Octolapse's names too.
            #[must_use]
            pub fn find(name: &str) -> Option<Self> {
                match name.trim().to_lowercase().as_str() {
                    $($name $(| $other)* => Some(Self::$token),)*
                    _ => None,
                }
            }

            fn kind(self) -> Kind {
                match self { $(Self::$token => Kind::$kind,)* }
            }
        }
    };
}

/// What formats a token takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Time,
    Duration,
}

tokens! {
    File Text "file", "gcode_file_with_extension";
    FilePath Text "path", "gcode_file";
    FileStem Text "file_stem", "gcode_file_name", "gcodefilename";
    FileExtension Text "file_extension", "gcode_file_extension";
    Started Time "started", "printstarttime";
    StartedStamp Text "started_stamp", "printstarttimestamp";
    Ended Time "ended", "printendtime";
    EndedStamp Text "ended_stamp", "printendtimestamp";
    Made Time "made", "datetimestamp";
    State Text "state", "printstate", "print_end_state";
    FailedFlag Text "failed_flag", "failedflag";
    FailedState Text "failed_state", "failedstate";
    FailedSeparator Text "failed_separator", "failedseparator";
    Frames Text "frames", "snapshotcount";
    Fps Text "fps";
    Camera Text "camera", "cameraname";
    Job Text "job";
    Session Text "session";
    Profile Text "profile";
    Layers Text "layers";
    Duration Duration "duration";
    Time Time "time", "current_time";
    Date Time "date";
    Frame Text "frame", "snapshot_number";
    Elapsed Duration "elapsed";
    Filmed Duration "filmed", "time_elapsed";
    Remaining Duration "remaining";
    Progress Number "progress";
    Layer Text "layer";
    Height Number "height";
    X Number "x";
    Y Number "y";
    Z Number "z";
    Extruder Number "extruder", "nozzle";
    Bed Number "bed";
}

/// Stands where something is not known.
const UNKNOWN: &str = "–";

impl Token {
    /// Whether it differs from frame to frame. Time and date do too; in a file's name they are those of the film.
    #[must_use]
    pub fn is_of_frames(self) -> bool {
        use Token::{Bed, Elapsed, Extruder, Filmed, Frame, Height, Layer, Progress, Remaining, X, Y, Z};
        matches!(self, Frame | Elapsed | Filmed | Remaining | Progress | Layer | Height | X | Y | Z | Extruder | Bed)
    }

    /// Whether it takes that format; if not, what it takes.
    pub(super) fn check_format(self, format: &str) -> Result<(), &'static str> {
        let right = match self.kind() {
            Kind::Text => return Err("it takes no format"),
            Kind::Number => decimals(format).is_some(),
            Kind::Time => strtime::format(format, &Zoned::default()).is_ok(),
            Kind::Duration => true,
        };
        let allowed = match self.kind() {
            Kind::Number => "write the number of decimals, such as `.1`",
            _ => "use the codes of strftime, such as `%H:%M`",
        };
        right.then_some(()).ok_or(allowed)
    }

    /// Its text for a film.
    pub(super) fn of_film(self, format: Option<&str>, film: &FilmFacts<'_>) -> String {
        let print = film.print;
        let name = print.file.rsplit('/').next().unwrap_or_default();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let time = |at: Option<Timestamp>| {
            let zone = film.made_at.time_zone().clone();
            at.map_or_else(|| UNKNOWN.to_owned(), |at| write_time(format.unwrap_or("%Y%m%d%H%M%S"), at, zone))
        };
        // Octolapse's stamps are hundredths of a second.
        let stamp =
            |at: Option<Timestamp>| at.map_or_else(|| UNKNOWN.to_owned(), |at| (at.as_millisecond() / 10).to_string());
        let failed = !matches!(print.outcome, None | Some(Outcome::Complete | Outcome::Printing));
        let state = match print.outcome {
            None | Some(Outcome::Complete) => "COMPLETED",
            Some(Outcome::Printing) => "PRINTING",
            Some(Outcome::Cancelled) => "CANCELED",
            Some(Outcome::Error) => "FAILED",
            Some(Outcome::Interrupted) => "INTERRUPTED",
        };
        let when_failed = |text: &str| if failed { text.to_owned() } else { String::new() };
        let known = |text: Option<&str>| text.unwrap_or(UNKNOWN).to_owned();
        match self {
            Self::File => name.to_owned(),
            Self::FilePath => print.file.clone(),
            Self::FileStem => stem.to_owned(),
            Self::FileExtension => extension.to_owned(),
            Self::Started => time(print.started_at),
            Self::StartedStamp => stamp(print.started_at),
            Self::Ended => time(film.ended_at()),
            Self::EndedStamp => stamp(film.ended_at()),
            Self::Made => time(Some(film.made_at.timestamp())),
            Self::Time | Self::Date => {
                let usual = if self == Self::Date { "%Y%m%d" } else { film.time_format };
                write_time(format.unwrap_or(usual), film.made_at.timestamp(), film.made_at.time_zone().clone())
            }
            Self::State => state.to_owned(),
            Self::FailedFlag => when_failed("FAILED"),
            Self::FailedState => when_failed(state),
            Self::FailedSeparator => when_failed("_"),
            Self::Frames => film.frames.len().to_string(),
            Self::Fps => film.fps.clone(),
            Self::Camera => known(film.camera),
            Self::Job => known(print.job_id.as_deref()),
            Self::Session => known(print.session.as_deref()),
            Self::Profile => film.profile.to_owned(),
            Self::Layers => {
                // A file may have been counted otherwise than its frames; none of them is beyond the last layer.
                let top = film.frames.iter().filter_map(|frame| frame.meta.layer).max().max(print.layers);
                top.map_or_else(|| UNKNOWN.to_owned(), |layer| layer.to_string())
            }
            Self::Duration => duration(print.started_at, film.ended_at(), format),
            _ => UNKNOWN.to_owned(),
        }
    }

    /// Its text for the frame with that index.
    pub(super) fn of_frame(self, format: Option<&str>, index: usize, film: &FilmFacts<'_>) -> String {
        let Some(frame) = film.frames.get(index) else { return self.of_film(format, film) };
        let meta = &frame.meta;
        let at = Some(meta.at).filter(|&at| at != Timestamp::default());
        let number = |value: Option<f64>, usual: usize| {
            let decimals = format.and_then(decimals).unwrap_or(usual);
            value.map_or_else(|| UNKNOWN.to_owned(), |value| format!("{value:.decimals$}"))
        };
        let time = |usual: &str| {
            let zone = film.made_at.time_zone().clone();
            at.map_or_else(|| UNKNOWN.to_owned(), |at| write_time(format.unwrap_or(usual), at, zone))
        };
        match self {
            Self::Time => time("%H:%M"),
            Self::Date => time("%Y-%m-%d"),
            Self::Frame => frame.number.to_string(),
            Self::Elapsed => duration(film.print.started_at, at, format),
            Self::Filmed => duration(film.frames.first().map(|frame| frame.meta.at), at, format),
            Self::Remaining => duration(at, film.ended_at(), format),
            Self::Progress => number(film.progress(index), 0),
            Self::Layer => meta.layer.map_or_else(|| UNKNOWN.to_owned(), |layer| layer.to_string()),
            // The nozzle stands on the layer when it is sent to its park position.
            Self::Height => number(meta.height_mm.or(meta.z_mm), 2),
            Self::X => number(meta.x_mm, 1),
            Self::Y => number(meta.y_mm, 1),
            Self::Z => number(meta.z_mm, 2),
            Self::Extruder => number(meta.extruder_c, 0),
            Self::Bed => number(meta.bed_c, 0),
            _ => self.of_film(format, film),
        }
    }
}

impl FilmFacts<'_> {
    fn ended_at(&self) -> Option<Timestamp> {
        let last = || self.frames.last().map(|frame| frame.meta.at).filter(|&at| at != Timestamp::default());
        self.print.ended_at.or_else(last)
    }

    /// Percent of the print at a frame: by the place in the file where that is known, else by time.
    fn progress(&self, index: usize) -> Option<f64> {
        let meta = &self.frames.get(index)?.meta;
        let last = self.frames.iter().filter_map(|frame| frame.meta.file_position).max();
        if let (Some(at), Some(last @ 1..)) = (meta.file_position, last) {
            return Some(at as f64 * 100.0 / last as f64);
        }
        let (start, end) = (self.print.started_at?, self.ended_at()?);
        let (done, all) = (meta.at.duration_since(start).as_secs_f64(), end.duration_since(start).as_secs_f64());
        (all > 0.0).then(|| (done * 100.0 / all).clamp(0.0, 100.0))
    }
}

fn duration(from: Option<Timestamp>, until: Option<Timestamp>, format: Option<&str>) -> String {
    match (from, until) {
        (Some(from), Some(until)) => {
            let seconds = until.duration_since(from).as_secs_f64().max(0.0);
            write_duration(seconds, format)
        }
        _ => UNKNOWN.to_owned(),
    }
}

fn write_time(format: &str, at: Timestamp, zone: TimeZone) -> String {
    // Formats were checked when the template was read.
    strtime::format(format, &at.to_zoned(zone)).unwrap_or_else(|_| UNKNOWN.to_owned())
}

/// Reads `.2`.
fn decimals(format: &str) -> Option<usize> {
    format.trim().strip_prefix('.')?.parse().ok().filter(|&decimals: &usize| decimals <= 6)
}
