//! The real Klipper host and Moonraker around the virtual parts, and a driver for tests.
