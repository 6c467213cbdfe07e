//! The page's API over real HTTP.
#![allow(clippy::unwrap_used, reason = "tests")]

mod access;
mod events;
mod films;
mod frames;
mod fuzz;
mod house;
mod settings;
