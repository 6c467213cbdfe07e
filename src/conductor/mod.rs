//! One print from its first to its last frame.
