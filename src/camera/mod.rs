//! Frames whose exposure lies in a given span of time.
