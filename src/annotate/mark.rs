//! The comment that tells an annotated file from others.
//!
//! `; moonlapse_annotated = <version> settings=<hex> frames=<n> original=<bytes>:<hex>`, right behind the file's first
//! command: there it changes nothing that Moonraker reads from a file's head, not even the byte at which the G-code starts.

use std::fmt;
use std::io::{self, Read};

use super::call;

/// How the mark begins.
const BEGINS: &[u8] = b"; moonlapse_annotated = ";

/// The mark stands within this much of the file, bytes. Thumbnails before the first command take some 100 kB at most.
pub const WITHIN: u64 = 4 * 1024 * 1024;

/// What the mark says. A part that is missing or not understood is `None`: another version may write others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mark {
    /// Moonlapse's version.
    pub version: String,
    /// A digest of the options that the file was planned with.
    pub settings: Option<u32>,
    /// How many calls were put in.
    pub frames: Option<usize>,
    /// The slicer's file: its length in bytes and its CRC-32.
    pub original: Option<(u64, u32)>,
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "; moonlapse_annotated = {}", self.version)?;
        if let Some(settings) = self.settings {
            write!(f, " settings={settings:08x}")?;
        }
        if let Some(frames) = self.frames {
            write!(f, " frames={frames}")?;
        }
        if let Some((bytes, crc)) = self.original {
            write!(f, " original={bytes}:{crc:08x}")?;
        }
        Ok(())
    }
}

impl Mark {
    /// What a line says, with or without its line end, if it is a mark.
    #[must_use]
    pub fn parse(line: &[u8]) -> Option<Self> {
        if line.len() > call::LONGEST {
            return None;
        }
        let text = String::from_utf8_lossy(line.strip_prefix(BEGINS)?);
        let mut words = text.split_ascii_whitespace();
        let mut mark = Self { version: words.next().unwrap_or_default().to_owned(), ..Self::default() };
        let hex = |text: &str| u32::from_str_radix(text, 16).ok();
        for (key, value) in words.filter_map(|word| word.split_once('=')) {
            match key {
                "settings" => mark.settings = hex(value),
                "frames" => mark.frames = value.parse().ok(),
                "original" => {
                    let parts = value.split_once(':').map(|(bytes, crc)| (bytes.parse().ok(), hex(crc)));
                    mark.original = parts.and_then(|(bytes, crc)| Some((bytes?, crc?)));
                }
                _ => {}
            }
        }
        Some(mark)
    }
}

/// Whether this line is a mark, understood or not.
pub(super) fn is_mark(line: &[u8]) -> bool {
    line.starts_with(BEGINS) && line.len() <= call::LONGEST
}

/// The mark of the file that `reader` begins, or `None` when it is not annotated.
///
/// # Errors
///
/// Those of the reader.
pub fn read_mark(reader: impl Read) -> io::Result<Option<Mark>> {
    let mut found = None;
    let mut splitter = crate::gcode::scan::Splitter::new(call::LONGEST + 1);
    let mut reader = reader.take(WITHIN);
    let mut buffer = vec![0; 64 * 1024];
    while found.is_none() {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => splitter.feed(&buffer[..length], |line| {
                if found.is_none() {
                    found = Mark::parse(line.text);
                }
            }),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark() -> Mark {
        let original = Some((116_315, 0x0012_abcd));
        Mark { version: "0.1.0".to_owned(), settings: Some(0xdead_beef), frames: Some(20), original }
    }

    #[test]
    fn a_mark_is_read_as_it_was_written() {
        let line = mark().to_string();
        assert_eq!(line, "; moonlapse_annotated = 0.1.0 settings=deadbeef frames=20 original=116315:0012abcd");
        assert_eq!(Mark::parse(line.as_bytes()), Some(mark()));
        assert_eq!(Mark::parse(format!("{line}\r\n").as_bytes()), Some(mark()));
    }

    #[test]
    fn a_mark_of_another_version_is_still_one() {
        let newer = Mark::parse(b"; moonlapse_annotated = 9.0 settings=nonsense plan=7").unwrap();
        assert_eq!(newer, Mark { version: "9.0".to_owned(), ..Mark::default() });
        assert_eq!(Mark::parse(b"; moonlapse = 0.1.0"), None);
    }

    #[test]
    fn the_mark_is_found_in_the_head_of_a_file_and_nowhere_else() {
        let file = format!("; x\r\nG28\r\n{}\r\nG1 X1\r\n", mark());
        assert_eq!(read_mark(file.as_bytes()).unwrap(), Some(mark()));
        assert_eq!(read_mark(&b"G28\nG1 X1\n"[..]).unwrap(), None);
        let far = format!("{}{}\n", "G1 X1\n".repeat(1 + WITHIN as usize / 6), mark());
        assert_eq!(read_mark(far.as_bytes()).unwrap(), None);
    }
}
