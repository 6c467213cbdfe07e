//! What is in an animated WebP, which ffmpeg writes and cannot read. Source: "WebP Container Specification".

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::verify::Contents;

/// Walks through the chunks: frames (`ANMF`) with their durations, and the size of the canvas (`VP8X`). The pictures
/// themselves are not decoded.
pub(super) fn contents(path: &Path) -> io::Result<Contents> {
    let length = path.metadata()?.len();
    let mut file = BufReader::new(File::open(path)?);
    let mut head = [0; 12];
    file.read_exact(&mut head)?;
    let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidData, what));
    if &head[..4] != b"RIFF" || &head[8..] != b"WEBP" {
        return wrong("it is no WebP");
    }
    if u64::from(number(&head[4..8])) + 8 > length {
        return wrong("it is cut short");
    }
    let mut found = Contents::default();
    let mut milliseconds = 0;
    let mut at = 12;
    while at + 8 <= length {
        let mut chunk = [0; 8];
        file.read_exact(&mut chunk)?;
        let size = u64::from(number(&chunk[4..]));
        let mut body = [0; 16];
        let body = &mut body[..usize::try_from(size.min(16)).unwrap_or(16)];
        file.read_exact(body)?;
        match (&chunk[..4], &*body) {
            (b"VP8X", &[_, _, _, _, w0, w1, w2, h0, h1, h2]) => {
                found.width = number(&[w0, w1, w2]) + 1;
                found.height = number(&[h0, h1, h2]) + 1;
            }
            (b"ANMF", body @ [.., _]) if body.len() == 16 => {
                found.frames += 1;
                milliseconds += u64::from(number(&body[12..15]));
            }
            _ => {}
        }
        // Chunks are filled up to even lengths.
        at += 8 + size + size % 2;
        if at > length {
            return wrong("it is cut short");
        }
        file.seek(SeekFrom::Start(at))?;
    }
    found.duration_s = milliseconds as f64 / 1000.0;
    Ok(found)
}

/// Lowest byte first.
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}
