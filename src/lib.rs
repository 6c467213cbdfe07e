//! Moonlapse: stabilised timelapses for 3D printers that run Klipper.
//!
//! The agent (`moonlapse run`) connects to Moonraker, follows the print, takes a frame whenever the head stands at its
//! park position, and leaves a film when the print ends. `docs/ARCHITECTURE.md` has the map and the invariants.
//!
//! # Layout
//!
//! A module depends only on modules below it in this list.
//!
//! * [`cli`]: the `moonlapse` command, one file per subcommand.
//! * [`agent`]: wires everything together; lifecycle, reconnects, shutdown.
//! * [`web`]: the page of the agent, and its API.
//! * [`doctor`]: what is wrong with a set-up, and what to do about it.
//! * [`conductor`]: one print from its first to its last frame.
//! * [`dry_run`]: a print without heat and filament.
//! * [`annotate`]: frame calls put into G-code files.
//! * [`calibration`]: how late a camera's pictures are, found from the pictures.
//! * [`planner`]: where in a G-code file the frames are best taken. Pure.
//! * [`stabilize`]: where the head goes for a frame. Pure.
//! * [`printer`]: the live state of the printer, rebuilt from Moonraker's subscriptions.
//! * [`hooks`]: commands, light and locked cameras around prints, frames and films.
//! * [`render`]: films from frames, with `ffmpeg`.
//! * [`session`]: the durable store of frames, one folder per print.
//! * [`camera`]: frames whose exposure lies in a given span of time.
//! * [`gcode`]: parser, position and extruder state, layers, slicer features. Pure.
//! * [`moonraker`]: JSON-RPC over unix socket or websocket.
//! * [`config`]: the `[timelapse]` section and the settings of the UIs.
//! * `process_group`: a program with its children.
//! * [`clock`]: monotonic and wall time, real or simulated.
#![forbid(unsafe_code)]

pub mod agent;
pub mod annotate;
pub mod calibration;
pub mod camera;
pub mod cli;
pub mod clock;
pub mod conductor;
pub mod config;
pub mod doctor;
pub mod dry_run;
pub mod gcode;
pub mod hooks;
pub mod moonraker;
pub mod planner;
pub mod printer;
mod process_group;
pub mod render;
pub mod session;
pub mod stabilize;
pub mod web;
