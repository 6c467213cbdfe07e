//! Where the head goes for a frame: pure.
