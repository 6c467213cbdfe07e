//! Where in a G-code file the frames are best taken: pure.
