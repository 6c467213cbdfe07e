//! A printer for tests: real Klipper host and real Moonraker around a virtual MCU and a virtual camera.
//!
//! # Layout
//!
//! * [`barcode`]: pictures that carry a number, to be read back from a film.
//! * [`machine`]: what the virtual machine does, as its camera sees it.
//! * [`mcu`]: a virtual MCU that speaks Klipper's serial protocol on a pty and counts steps into true positions.
//! * [`camera`]: a virtual webcam server that draws the machine as it truly stands at exposure time.
//! * [`host`]: the real Klipper host and Moonraker around them, and a driver for tests.
//! * [`home`]: the home of a user, for `install.sh`.
//! * [`studio`]: all of these with the agent, and what its frames truly show.
//! * [`faults`]: what comes of a print when something happens at an exact moment of a frame.

pub mod barcode;
pub mod camera;
pub mod faults;
pub mod home;
pub mod host;
pub mod machine;
pub mod mcu;
pub mod studio;

/// A client for tests. When the agent is built along, its TLS has no cryptography of its own and wants to be given one.
#[must_use]
pub fn http_client() -> reqwest::Client {
    // Fails when it is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    reqwest::Client::new()
}
