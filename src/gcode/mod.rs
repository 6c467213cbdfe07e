//! Parser, position and extruder state, layers, slicer features: pure, no clock, no I/O of ours.
