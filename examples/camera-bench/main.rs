//! What cameras are good for: which frames are taken of 200 stops, and what an open camera costs.
//!
//! * `stops`: films a scripted machine that moves and stops, in the manner of each server, straight and through a real
//!   nginx, and compares each frame with the truth inside it.
//! * `load`: CPU time and memory with one and with four cameras of 1080p and 30 fps open.

#![allow(clippy::unwrap_used, reason = "a tool for developers")]

mod load;
mod stops;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Frames of stops, for each server.
    Stops {
        /// Stops for each server.
        #[arg(long, default_value_t = 200)]
        stops: u32,
        /// How many cameras are filmed with at once.
        #[arg(long, default_value_t = 2)]
        at_once: usize,
    },
    /// CPU time and memory of open cameras.
    Load {
        /// For how long each number of cameras is measured, s.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Serves a picture at 30 fps; started by `load`.
    #[command(hide = true)]
    Serve {
        /// The JPEG.
        picture: std::path::PathBuf,
    },
    /// Films with cameras and tells what it cost; started by `load`.
    #[command(hide = true)]
    Film {
        /// How long, s.
        seconds: u64,
        /// The streams.
        urls: Vec<url::Url>,
    },
}

#[tokio::main]
async fn main() {
    match Args::parse().command {
        Command::Stops { stops, at_once } => stops::run(stops, at_once).await,
        Command::Load { seconds } => load::run(seconds).await,
        Command::Serve { picture } => load::serve(&picture).await,
        Command::Film { seconds, urls } => load::film(seconds, urls).await,
    }
}
