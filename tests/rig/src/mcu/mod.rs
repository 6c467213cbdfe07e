//! A virtual MCU that speaks Klipper's serial protocol on a pty and counts steps into true positions.
