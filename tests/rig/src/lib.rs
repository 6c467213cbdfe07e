//! A printer for tests: real Klipper host and real Moonraker around a virtual MCU and a virtual camera.
//!
//! # Layout
//!
//! * [`barcode`]: pictures that carry a number, to be read back from a film.
//! * [`machine`]: what the virtual machine does, as its camera sees it.
//! * [`mcu`]: a virtual MCU that speaks Klipper's serial protocol on a pty and counts steps into true positions.
//! * [`camera`]: a virtual webcam server that draws the machine as it truly stands at exposure time.
//! * [`host`]: the real Klipper host and Moonraker around them, and a driver for tests.
//! * [`studio`]: all of these with the agent, and what its frames truly show.

pub mod barcode;
pub mod camera;
pub mod host;
pub mod machine;
pub mod mcu;
pub mod studio;
