//! Any bytes through the JPEG walker: no panic; what it calls whole stays whole with padding behind, and is not whole
//! when its end is cut off.
//!
//! `cargo +nightly fuzz run jpeg -- -max_total_time=600`

#![no_main]

#[allow(dead_code, unreachable_pub)]
#[path = "../../src/camera/jpeg.rs"]
mod jpeg;

use jpeg::JpegInfo;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(info) = JpegInfo::read(bytes) else { return };
    assert!(info.width > 0 && info.height > 0);
    let mut padded = bytes.to_vec();
    padded.extend([0; 7]);
    assert_eq!(JpegInfo::read(&padded), Ok(info));
    // Its end marker is the first byte pair that completes it: every shorter prefix is refused.
    let end = (2..=bytes.len()).find(|&end| JpegInfo::read(&bytes[..end]).is_ok()).unwrap_or(bytes.len());
    assert_eq!(bytes[end - 2..end], [0xFF, 0xD9]);
});
