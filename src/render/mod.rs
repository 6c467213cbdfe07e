//! Films from frames, with `ffmpeg`.
//!
//! # Layout
//!
//! * `command`: what is asked of ffmpeg and ffprobe, as argument lists. Pure.
//! * `process`: runs such a list at the lowest priority, follows its progress, kills it.
//! * `verify`: is what came out a film with the right frames?
//! * `film`: these three in turn, for one film of a whole session.
//! * `segments`: parts of a film, encoded while the print is under way.
//! * `give_way`: when ffmpeg may run beside a print.
//! * `archive`: the frames themselves, as a zip; `import`: such a zip, or pictures from elsewhere, as a session.
//!
//! # What is sure
//!
//! * A film appears under its final name whole and verified, or not at all; an existing file is never replaced.
//! * Whatever ends a render (error, cancellation, a dropped future), its ffmpeg is killed and its temporary files are
//!   removed. Only a killed agent leaves files, and its ffmpeg ends with it; [`remove_leftovers`] takes them away at the
//!   next start.

mod archive;
mod command;
mod error;
mod film;
mod give_way;
mod import;
mod names;
mod params;
mod process;
mod progress;
mod scratch;
mod segments;
mod settings;
mod survey;
mod tools;
mod verify;

pub use archive::{Archive, ArchiveRequest, archive};
pub use error::{RenderError, Transcript};
pub use film::{Film, FilmRequest, OnVerified, Progress, film};
pub use give_way::PrintWatch;
pub use import::{ImportError, ImportRequest, Imported, import};
pub use params::ParamError;
pub use scratch::remove_leftovers;
pub use segments::{NextSegment, SEGMENT_FRAMES, SegmentRequest, Segments, next_segment};
pub use settings::FilmSettings;
pub use survey::Skipped;
pub use tools::Tools;
