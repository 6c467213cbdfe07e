//! The durable store of frames: one folder per print, an SQLite journal.
//!
//! # On disk
//!
//! ```text
//! <store>/journal.db                        sessions, reels, frames, misses, films, calibrations
//! <store>/owner.lock                        held by the agent while it runs
//! <store>/<session>/frames/000001.jpg       JPEG bytes as the main camera sent them (reel 0)
//! <store>/<session>/frames-1/000001.jpg     those of reel 1
//! <store>/<session>/choices.json            frames that are left out of films, the frame that stands for the print
//! <store>/<session>/hero.jpg                 the finished part, without the head; hero-1.jpg is that of reel 1
//! <store>/<session>/segments/               parts of the film in the making
//! <store>/queue/000001.json                 a film that is to be made
//! ```
//!
//! # Reels
//!
//! A session has a reel for each camera and track (frames by layer, frames by time). Reel 0 is the main one, and all that
//! most callers need. Frames of several reels that show the same moment have the same shot number.
//!
//! # Order of a commit
//!
//! A frame is written to a temporary file, synced, renamed to its number, the folder is synced, and then one journal row
//! is committed (WAL, `synchronous=FULL`). [`Store::append`] returns after that: a frame it returned is *acknowledged*
//! and outlives a kill or a power cut at any later time. What a kill in between leaves is put right by [`Store::open`];
//! the rules are in `recover.rs`.
//!
//! # Threads
//!
//! Everything here is synchronous and waits for the disk (an SD card's sync can take 100 ms and more). [`Store`] is
//! `Send`, not `Sync`: async code keeps it behind a mutex and calls it inside `tokio::task::spawn_blocking`.

mod choices;
mod disk;
mod error;
mod hero;
mod id;
mod import;
mod journal;
mod model;
mod owner;
mod publish;
mod queue;
mod recover;
mod reel;
mod retention;
mod room;
mod store;

pub use crate::camera::{JpegFlaw, JpegInfo};
pub use choices::{Choices, FrameRef};
pub use error::StoreError;
pub use id::SessionId;
pub use import::Import;
pub use model::{FilmRecord, Frame, FrameMeta, Miss, NewSession, Outcome, Session, SessionSummary};
pub use owner::is_owned;
pub use publish::{FRAMES_KEPT, Publisher};
pub use queue::{Claim, Job, JobId, NewJob, Queue};
pub use recover::Recovery;
pub use reel::{Crop, HYPERLAPSE, LAYERS, NewReel, Reel, ReelSummary, View};
pub use retention::{Limits, Tidied, delete_film};
pub use room::Room;
pub use store::Store;
