//! A picture, small and grey: enough to see the head in.

use jpeg_decoder::{Decoder, PixelFormat};

/// Wide enough for the head, small enough to decode thirty a second on a printer's host and to keep a thousand; what is
/// decoded is less than twice as wide.
const WIDTH: u16 = 120;
/// A pixel that differs by more than this shows something else; less is the sensor's noise.
const NOISE: u8 = 16;

/// A small grey picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumb {
    width: u16,
    luma: Vec<u8>,
}

impl Thumb {
    /// Decodes a JPEG at an eighth to all of its size, whichever is just wide enough.
    ///
    /// # Errors
    /// The decoder's reason.
    pub fn decode(jpeg: &[u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(jpeg);
        // It scales to what is as wide or as high as asked for; only the width counts here.
        let (width, height) = decoder.scale(WIDTH, u16::MAX).map_err(|error| error.to_string())?;
        let pixels = decoder.decode().map_err(|error| error.to_string())?;
        let format = decoder.info().map_or(PixelFormat::RGB24, |info| info.pixel_format);
        let luma = match format {
            PixelFormat::L8 => pixels,
            PixelFormat::RGB24 => pixels.chunks_exact(3).map(mean).collect(),
            PixelFormat::CMYK32 => pixels.chunks_exact(4).map(mean).collect(),
            PixelFormat::L16 => pixels.chunks_exact(2).filter_map(|bytes| bytes.last().copied()).collect(),
        };
        if luma.len() != usize::from(width) * usize::from(height) {
            return Err("the picture has another size than it says".to_owned());
        }
        let mut thumb = Self { width, luma };
        while thumb.width >= 2 * WIDTH {
            thumb = thumb.halved();
        }
        Ok(thumb)
    }

    /// Half as wide and high.
    fn halved(&self) -> Self {
        let (width, half) = (usize::from(self.width), self.width / 2);
        let mut luma = Vec::with_capacity(self.luma.len() / 4);
        for rows in self.luma.chunks_exact(2 * width) {
            let (upper, lower) = rows.split_at(width);
            let blocks = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            luma.extend(blocks.map(|(up, down)| {
                let sum: u32 = up.iter().chain(down).map(|pixel| u32::from(*pixel)).sum();
                u8::try_from(sum / 4).unwrap_or(u8::MAX)
            }));
        }
        Self { width: half, luma }
    }

    /// A picture from its pixels, row by row.
    #[must_use]
    pub fn from_luma(width: u16, luma: Vec<u8>) -> Self {
        Self { width, luma }
    }

    /// Its pixels; empty when the other picture has another shape.
    pub(super) fn beside<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (u8, u8)> + 'a {
        let same = self.width == other.width && self.luma.len() == other.luma.len();
        let take = if same { usize::MAX } else { 0 };
        self.luma.iter().copied().zip(other.luma.iter().copied()).take(take)
    }

    /// The part of the pixels that show something else in the other picture, 0 to 1; all for pictures of another shape.
    #[must_use]
    pub fn changed(&self, other: &Self) -> f64 {
        let (changed, count) = self
            .beside(other)
            .fold((0_u32, 0_u32), |(changed, count), (a, b)| (changed + u32::from(a.abs_diff(b) > NOISE), count + 1));
        if count == 0 { 1.0 } else { f64::from(changed) / f64::from(count) }
    }

    /// Its mean, 0 (black) to 1 (white).
    #[must_use]
    pub fn brightness(&self) -> f64 {
        let sum: f64 = self.luma.iter().map(|luma| f64::from(*luma)).sum();
        sum / self.luma.len().max(1) as f64 / f64::from(u8::MAX)
    }

    pub(super) fn luma(&self) -> &[u8] {
        &self.luma
    }

    /// The median of each pixel over several pictures of one shape; `None` without any.
    pub(super) fn median<'a>(pictures: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        let pictures: Vec<&Self> = pictures.into_iter().collect();
        let first = pictures.first()?;
        let same: Vec<&&Self> = pictures.iter().filter(|p| p.luma.len() == first.luma.len()).collect();
        let mut values = Vec::with_capacity(same.len());
        let luma = (0..first.luma.len())
            .map(|i| {
                values.clear();
                values.extend(same.iter().filter_map(|p| p.luma.get(i).copied()));
                values.sort_unstable();
                values.get(values.len() / 2).copied().unwrap_or_default()
            })
            .collect();
        Some(Self { width: first.width, luma })
    }
}

fn mean(channels: &[u8]) -> u8 {
    let sum: u32 = channels.iter().map(|c| u32::from(*c)).sum();
    u8::try_from(sum / (channels.len() as u32).max(1)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_forgets_a_visitor() {
        let empty = Thumb::from_luma(2, vec![10, 10, 20, 20]);
        let visitor = Thumb::from_luma(2, vec![200, 10, 20, 90]);
        assert_eq!(Thumb::median([&empty, &visitor, &empty]), Some(empty.clone()));
        assert!((empty.changed(&visitor) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn pictures_of_different_shape_have_nothing_in_common() {
        let (a, b) = (Thumb::from_luma(2, vec![0; 4]), Thumb::from_luma(3, vec![0; 6]));
        assert!((a.changed(&b) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn halving_takes_the_mean_of_four() {
        let whole = Thumb::from_luma(4, vec![0, 4, 8, 8, 4, 8, 8, 8]);
        assert_eq!(whole.halved(), Thumb::from_luma(2, vec![4, 8]));
    }

    #[test]
    fn what_is_no_jpeg_is_an_error() {
        assert!(Thumb::decode(b"<html>").is_err());
    }
}
