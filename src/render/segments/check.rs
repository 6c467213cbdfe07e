//! Is a joined film the sum of its parts?
//!
//! Every segment was decoded frame by frame when it was made, and joining copies its coded frames. What can still go wrong
//! is the joining. So every frame of the film is read back, and its bytes and its time are compared with what went in. That
//! takes a tenth of the time of decoding the film.

use std::ffi::OsString;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::super::command::Args;
use super::super::process::check;
use super::super::verify::{CHECK_LOG_LEVEL, Expected, sound, verify};
use super::super::{RenderError, Tools};
use super::stream::Sample;

/// What a joined film should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<'a> {
    /// Its frames, in the order in which they are decoded.
    pub(super) samples: &'a [Sample],
    /// Frames a second.
    pub(super) fps: f64,
    /// Largest error of a frame's time, s.
    pub(super) time_tolerance: f64,
}

impl Whole<'_> {
    fn frames(&self) -> u32 {
        u32::try_from(self.samples.len()).unwrap_or(u32::MAX)
    }
}

/// Checks the film, and gives its duration in s. Without ffprobe, or where the bytes are not what they should be (another
/// ffmpeg may store them otherwise), the whole film is decoded instead.
pub(super) async fn check_joined(
    film: &Path,
    whole: Whole<'_>,
    tools: &Tools,
    prefix: &[OsString],
    cancel: &CancellationToken,
) -> Result<f64, RenderError> {
    let frames = whole.frames();
    if let Some(ffprobe) = tools.find_ffprobe() {
        let args = samples_args(film);
        let mut listed = Listed::default();
        let (status, words) = tools.run(prefix, &ffprobe, &args).go(cancel, |line| listed.line(line)).await?;
        let transcript = sound(check(status, words, film))?;
        match listed.compare(whole) {
            Match::Same => return Ok(f64::from(frames) / whole.fps),
            Match::OtherTimes(reason) => return Err(RenderError::Unsound { reason, transcript }),
            Match::OtherBytes => tracing::debug!(film = %film.display(), "its bytes are not known; it is decoded"),
        }
    }
    let expected = Expected { frames, fps: whole.fps, exact: true, timeless: false, container: None };
    verify(film, expected, tools, prefix, cancel).await.map(|contents| contents.duration_s)
}

fn samples_args(film: &Path) -> Vec<OsString> {
    let mut args = Args(Vec::new());
    args.all(["-v", CHECK_LOG_LEVEL, "-select_streams", "v:0", "-show_data_hash", "crc32"]);
    args.all(["-show_entries", "packet=pts_time,size,data_hash", "-of", "csv=p=0"]).input(film);
    args.0
}

/// What ffprobe lists: time, size and checksum of each frame, as they are decoded.
#[derive(Debug, Default)]
struct Listed {
    frames: Vec<(f64, u32, Option<u32>)>,
    unread: u32,
}

/// How the film compares.
#[derive(Clone, Debug, PartialEq)]
enum Match {
    /// Every frame is there at its time.
    Same,
    /// Frames are missing, or shown at a wrong time: in a sentence.
    OtherTimes(String),
    /// As many frames at the right times, but other ones.
    OtherBytes,
}

impl Listed {
    /// Takes in a line like `0.066667,1234,CRC32:0123abcd`; always an advance.
    fn line(&mut self, line: &str) -> bool {
        let mut fields = line.trim().split(',');
        let crc = |text: &str| u32::from_str_radix(text.strip_prefix("CRC32:")?, 16).ok();
        let time = fields.next().and_then(|time| time.parse().ok());
        let bytes = fields.next().and_then(|bytes| bytes.parse().ok());
        match (time, bytes) {
            (Some(time), Some(bytes)) => self.frames.push((time, bytes, fields.next().and_then(crc))),
            _ => self.unread += u32::from(!line.trim().is_empty()),
        }
        true
    }

    fn compare(&self, whole: Whole<'_>) -> Match {
        let Whole { samples, fps, time_tolerance } = whole;
        if self.unread > 0 || self.frames.len() != samples.len() {
            return Match::OtherTimes(format!("it has {} frames instead of {}", self.frames.len(), samples.len()));
        }
        let mut same = true;
        for (sample, &(time, bytes, crc)) in samples.iter().zip(&self.frames) {
            let due = f64::from(sample.shown) / fps;
            if (time - due).abs() > time_tolerance {
                let number = sample.shown + 1;
                return Match::OtherTimes(format!("frame {number} is shown at {time:.6} s instead of {due:.6} s"));
            }
            same &= (bytes, crc) == (sample.bytes, Some(sample.crc));
        }
        if same { Match::Same } else { Match::OtherBytes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_frame_must_be_there_at_its_time_with_its_bytes() {
        let order = [0, 3, 1, 2];
        let samples = order.map(|shown| Sample { shown, bytes: 100 + shown, crc: shown });
        let lines = order.map(|shown| {
            let time = f64::from(shown) * 0.08;
            format!("{time:.6},{},CRC32:{shown:08x}", 100 + shown)
        });
        let compare = |lines: &[String]| {
            let mut listed = Listed::default();
            lines.iter().for_each(|line| assert!(listed.line(line)));
            listed.compare(Whole { samples: &samples, fps: 12.5, time_tolerance: 1e-5 })
        };
        let changed = |from: &str, to: &str| compare(&lines.clone().map(|line| line.replace(from, to)));
        assert_eq!(compare(&lines), Match::Same);
        let wrong = |text: &str| Match::OtherTimes(text.to_owned());
        assert_eq!(compare(&lines[..3]), wrong("it has 3 frames instead of 4"));
        assert_eq!(changed("0.240000", "0.160000"), wrong("frame 4 is shown at 0.160000 s instead of 0.240000 s"));
        assert_eq!(changed("0.000000", "N/A"), wrong("it has 3 frames instead of 4"));
        assert_eq!(changed("CRC32:00000002", "CRC32:00000009"), Match::OtherBytes);
        assert_eq!(changed(",102,", ",103,"), Match::OtherBytes);
        assert_eq!(changed(",CRC32:00000000", ""), Match::OtherBytes, "an ffprobe without checksums");
    }
}
