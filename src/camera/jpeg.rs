//! Is this a whole JPEG, and how large is the picture? A walk over its markers, no decoding.
//!
//! ffmpeg exits with success on truncated JPEGs and on HTML error pages inside a stream, so they are kept out here.

use memchr::memchr_iter;

/// What the header of a whole JPEG says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JpegInfo {
    /// Width, pixels.
    pub width: u16,
    /// Height, pixels.
    pub height: u16,
}

/// Why the bytes are not a whole JPEG.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JpegFlaw {
    /// Empty, or something else, like an error page.
    #[error("it does not start like one")]
    NotJpeg,
    /// The end is missing: a transfer or a write was cut short.
    #[error("its end is missing")]
    Truncated,
    /// A marker or a segment's length makes no sense.
    #[error("its structure is damaged")]
    Damaged,
    /// No size in the header, or a size of zero.
    #[error("it has no picture size")]
    NoSize,
}

const SOI: u8 = 0xD8;
const EOI: u8 = 0xD9;
const SOS: u8 = 0xDA;

impl JpegInfo {
    /// Walks from the first marker to the end marker. Bytes after the end (cameras pad with zeros) are ignored.
    ///
    /// # Errors
    /// The first flaw found.
    pub fn read(jpeg: &[u8]) -> Result<Self, JpegFlaw> {
        if !jpeg.starts_with(&[0xFF, SOI]) {
            return Err(JpegFlaw::NotJpeg);
        }
        let mut size = None;
        let mut scanned = false;
        let mut at = 2;
        loop {
            let marker = match jpeg.get(at..at + 2) {
                None => return Err(JpegFlaw::Truncated),
                // A fill byte before a marker.
                Some([0xFF, 0xFF]) => {
                    at += 1;
                    continue;
                }
                Some(&[0xFF, marker]) => marker,
                Some(_) => return Err(JpegFlaw::Damaged),
            };
            at += 2;
            match marker {
                EOI => return if scanned { size.ok_or(JpegFlaw::NoSize) } else { Err(JpegFlaw::Damaged) },
                // TEM and restart markers stand alone.
                0x01 | 0xD0..=0xD7 => continue,
                0x00 | SOI => return Err(JpegFlaw::Damaged),
                _ => {}
            }
            let segment = segment(jpeg, at)?;
            at += 2 + segment.len();
            if is_frame_header(marker) {
                size = Some(read_size(segment)?);
            }
            if marker == SOS {
                scanned = true;
                at = end_of_scan(jpeg, at).ok_or(JpegFlaw::Truncated)?;
            }
        }
    }
}

/// The segment's content; its two length bytes at `at` count themselves.
fn segment(jpeg: &[u8], at: usize) -> Result<&[u8], JpegFlaw> {
    let Some(&[high, low]) = jpeg.get(at..at + 2) else { return Err(JpegFlaw::Truncated) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length < 2 {
        return Err(JpegFlaw::Damaged);
    }
    jpeg.get(at + 2..at + length).ok_or(JpegFlaw::Truncated)
}

/// SOF0 to SOF15, without DHT, JPG and DAC, which share the range.
fn is_frame_header(marker: u8) -> bool {
    matches!(marker, 0xC0..=0xCF) && !matches!(marker, 0xC4 | 0xC8 | 0xCC)
}

fn read_size(frame_header: &[u8]) -> Result<JpegInfo, JpegFlaw> {
    match *frame_header {
        [_precision, h1, h0, w1, w0, ..] => {
            let info = JpegInfo { width: u16::from_be_bytes([w1, w0]), height: u16::from_be_bytes([h1, h0]) };
            if info.width == 0 || info.height == 0 { Err(JpegFlaw::NoSize) } else { Ok(info) }
        }
        _ => Err(JpegFlaw::Damaged),
    }
}

/// Where the next real marker after entropy-coded data is; in there 0xFF is followed by 0x00, a restart marker, or fill.
fn end_of_scan(jpeg: &[u8], from: usize) -> Option<usize> {
    let data = jpeg.get(from..)?;
    memchr_iter(0xFF, data)
        .find(|&i| data.get(i + 1).is_some_and(|&next| !matches!(next, 0x00 | 0xFF | 0xD0..=0xD7)))
        .map(|i| from + i)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A structurally whole JPEG of `width` x `height`; `fill` is its entropy-coded data.
    pub(crate) fn fake_jpeg(width: u16, height: u16, fill: &[u8]) -> Vec<u8> {
        let mut jpeg = vec![0xFF, SOI, 0xFF, 0xC0, 0, 17, 8];
        jpeg.extend(height.to_be_bytes());
        jpeg.extend(width.to_be_bytes());
        jpeg.extend([3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
        jpeg.extend([0xFF, SOS, 0, 12, 3, 1, 0, 2, 0x11, 3, 0x11, 0, 63, 0]);
        jpeg.extend(fill.iter().map(|&byte| if byte == 0xFF { 0 } else { byte }));
        jpeg.extend([0xFF, EOI]);
        jpeg
    }

    #[test]
    fn a_whole_jpeg_gives_its_size_and_padding_is_ignored() {
        let mut jpeg = fake_jpeg(640, 480, b"pixels");
        assert_eq!(JpegInfo::read(&jpeg), Ok(JpegInfo { width: 640, height: 480 }));
        jpeg.extend([0; 100]);
        assert_eq!(JpegInfo::read(&jpeg), Ok(JpegInfo { width: 640, height: 480 }));
    }

    #[test]
    fn the_end_marker_of_an_embedded_thumbnail_is_not_the_end() {
        let mut jpeg = vec![0xFF, SOI, 0xFF, 0xE1, 0, 6, 0xFF, SOI, 0xFF, EOI];
        jpeg.extend(&fake_jpeg(640, 480, b"pixels")[2..]);
        assert_eq!(JpegInfo::read(&jpeg), Ok(JpegInfo { width: 640, height: 480 }));
        assert_eq!(JpegInfo::read(&jpeg[..jpeg.len() - 2]), Err(JpegFlaw::Truncated));
    }

    #[test]
    fn other_things_are_named() {
        assert_eq!(JpegInfo::read(b""), Err(JpegFlaw::NotJpeg));
        assert_eq!(JpegInfo::read(b"<html>502"), Err(JpegFlaw::NotJpeg));
        assert_eq!(JpegInfo::read(&[0xFF, SOI, 0xFF, EOI]), Err(JpegFlaw::Damaged));
        assert_eq!(JpegInfo::read(&fake_jpeg(0, 480, b"")), Err(JpegFlaw::NoSize));
    }

    proptest! {
        #[test]
        fn every_cut_is_noticed(fill in prop::collection::vec(any::<u8>(), 0..200), cut in any::<prop::sample::Index>()) {
            let jpeg = fake_jpeg(64, 48, &fill);
            let cut = cut.index(jpeg.len());
            prop_assert!(JpegInfo::read(&jpeg[..cut]).is_err());
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut jpeg = vec![0xFF, SOI];
            jpeg.extend(bytes);
            let _outcome = JpegInfo::read(&jpeg);
        }
    }
}
