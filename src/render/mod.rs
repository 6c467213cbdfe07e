//! Films from frames, with `ffmpeg`.
//!
//! # Layout
//!
//! * `command`: what is asked of ffmpeg and ffprobe, as argument lists. Pure.
//! * `process`: runs such a list at the lowest priority, follows its progress, kills it.
//! * `verify`: is what came out a film with the right frames?
//! * `profile`: what a film shall be like; `recipe` turns it into filters, encoder and container.
//! * `timing`: which frame is shown when.
//! * `film`, `job`: all of these in turn, for one film of a whole session.
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
mod duration;
mod error;
mod escape;
mod film;
mod give_way;
mod hardware;
mod import;
mod job;
mod layout;
mod names;
mod overlay;
mod params;
mod process;
mod profile;
mod progress;
mod rate;
mod recipe;
mod reel;
mod scratch;
mod segments;
mod settings;
mod sidecar;
mod still;
mod survey;
mod template;
mod timing;
mod tokens;
mod tools;
mod verify;
mod webp;

pub use archive::{Archive, ArchiveRequest, ArchivedReel, archive};
pub use error::{RenderError, Transcript};
pub use film::{Film, FilmRequest, OnVerified, Progress, film, still};
pub use give_way::PrintWatch;
pub use hardware::{Trial, try_encoder};
pub use import::{ImportError, ImportRequest, Imported, import};
pub use layout::{Corner, Layout};
pub use overlay::{Colour, Overlay, Place};
pub use params::ParamError;
pub use profile::{
    Codec, Crop, DEFAULT, Effects, Encoder, Format, Hardware, Picture, Profile, ProfileError, Quality, Turn, Watermark,
    read_profiles,
};
pub use rate::Fps;
pub use recipe::{PieceRecipe, pieces};
pub use reel::Reel;
pub use scratch::remove_leftovers;
pub use segments::{NextSegment, PART_FRAMES, SEGMENT_FRAMES, SegmentRequest, Segments, film_key, next_segment};
pub use settings::FilmSettings;
pub use survey::Skipped;
pub use template::{Template, TemplateError};
pub use timing::{Pace, Roll, Shown, Timeline, Timing};
pub use tokens::{Print, Token};
pub use tools::{Tools, find_program};
