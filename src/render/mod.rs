//! Films from frames, with `ffmpeg`.
