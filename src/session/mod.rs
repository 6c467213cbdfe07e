//! The durable store of frames: one folder per print, an SQLite journal.
