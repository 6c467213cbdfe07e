//! Pictures that carry a number in their pixels, large enough to be read back from a film.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use jpeg_encoder::{ColorType, Encoder};

/// Width and height of the pictures.
pub const SIZE: (u16, u16) = (160, 120);

/// Squares in a row and in a column: one bit each.
const GRID: usize = 4;
const DARK: u8 = 40;
const BRIGHT: u8 = 215;

/// A JPEG that shows `number`.
///
/// # Errors
/// The encoder fails.
pub fn jpeg(number: u16) -> anyhow::Result<Vec<u8>> {
    let (width, height) = (usize::from(SIZE.0), usize::from(SIZE.1));
    let mut pixels = Vec::with_capacity(width * height);
    for y in 0..height {
        for x in 0..width {
            let bit = y * GRID / height * GRID + x * GRID / width;
            pixels.push(if number >> bit & 1 == 1 { BRIGHT } else { DARK });
        }
    }
    let mut bytes = Vec::new();
    Encoder::new(&mut bytes, 90).encode(&pixels, SIZE.0, SIZE.1, ColorType::Luma)?;
    Ok(bytes)
}

/// The numbers in a film of such pictures, frame by frame.
///
/// # Errors
/// The film cannot be decoded, or a square is neither dark nor bright.
pub fn read(film: &Path) -> anyhow::Result<Vec<u16>> {
    let decoded = Command::new("ffmpeg")
        .args(["-v", "error", "-xerror", "-i"])
        .arg(film)
        .args(["-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .context("starting ffmpeg")?;
    let complaints = String::from_utf8_lossy(&decoded.stderr);
    ensure!(decoded.status.success() && complaints.is_empty(), "{} cannot be decoded: {complaints}", film.display());
    let (width, height) = (usize::from(SIZE.0), usize::from(SIZE.1));
    ensure!(decoded.stdout.len() % (width * height) == 0, "the film has another size");
    decoded.stdout.chunks(width * height).enumerate().map(|(i, frame)| number_of(i, frame)).collect()
}

fn number_of(index: usize, frame: &[u8]) -> anyhow::Result<u16> {
    let (width, height) = (usize::from(SIZE.0), usize::from(SIZE.1));
    let mut number = 0;
    for bit in 0..GRID * GRID {
        // The middle of the square.
        let x = (bit % GRID * 2 + 1) * width / (GRID * 2);
        let y = (bit / GRID * 2 + 1) * height / (GRID * 2);
        let seen = frame[y * width + x];
        ensure!(!(100..=155).contains(&seen), "bit {bit} of frame {} cannot be read ({seen})", index + 1);
        number |= u16::from(seen > 127) << bit;
    }
    Ok(number)
}
