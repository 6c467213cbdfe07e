//! Is a joined film the sum of its parts?
//!
//! Every segment was decoded frame by frame when it was made, and joining copies its packets. What can still go wrong is
//! the joining: so every packet of the film is counted and its time compared, and the first frame of each segment (every
//! key frame) is decoded out of the film. That takes a tenth of the time of decoding the whole film again.

use std::ffi::OsString;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::super::command::Args;
use super::super::process::check;
use super::super::progress::FfmpegProgress;
use super::super::verify::{Expected, sound, verify};
use super::super::{RenderError, Tools, Transcript};

/// What a joined film should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole {
    /// Frames.
    pub(super) frames: u32,
    /// Frames a second.
    pub(super) fps: f64,
    /// Largest error of a frame's time, s.
    pub(super) time_tolerance: f64,
}

/// Checks the film, and gives its duration in s. Without ffprobe the whole film is decoded instead.
pub(super) async fn check_joined(
    film: &Path,
    whole: Whole,
    tools: &Tools,
    prefix: &[OsString],
    cancel: &CancellationToken,
) -> Result<f64, RenderError> {
    let Whole { frames, fps, .. } = whole;
    let Some(ffprobe) = tools.find_ffprobe() else {
        let expected = Expected { frames, fps, exact: true, timeless: false };
        return verify(film, expected, tools, prefix, cancel).await.map(|contents| contents.duration_s);
    };
    let ffmpeg = tools.find_ffmpeg()?;
    let (packets_args, keys_args) = (packets_args(film), key_frames_args(film));
    let mut packets = Packets::default();
    let mut decoded = FfmpegProgress::default();
    let list = tools.run(prefix, &ffprobe, &packets_args).go(cancel, |line| packets.line(line));
    let decode = tools.run(prefix, &ffmpeg, &keys_args).go(cancel, |line| decoded.line(line));
    let ((listed, list_words), (status, words)) = tokio::try_join!(list, decode)?;
    sound(check(listed, list_words, film))?;
    let transcript = sound(check(status, words, film))?;
    match packets.flaw(whole, decoded.frame) {
        None => Ok(f64::from(frames) / fps),
        Some(reason) => Err(unsound(reason, transcript)),
    }
}

fn unsound(reason: String, transcript: Transcript) -> RenderError {
    RenderError::Unsound { reason, transcript }
}

fn packets_args(film: &Path) -> Vec<OsString> {
    let mut args = Args(Vec::new());
    args.all(["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0"]);
    args.input(film);
    args.0
}

fn key_frames_args(film: &Path) -> Vec<OsString> {
    let mut args = Args::quiet();
    args.all(["-progress", "pipe:1", "-nostats", "-xerror", "-skip_frame", "nokey"]).input(film);
    args.all(["-map", "0:v:0", "-f", "null", "-"]);
    args.0
}

/// What ffprobe lists.
#[derive(Debug, Default)]
struct Packets {
    times: Vec<f64>,
    keys: u32,
    unread: u32,
}

impl Packets {
    /// Takes in a line like `0.066667,K__`; always an advance.
    fn line(&mut self, line: &str) -> bool {
        let mut fields = line.split(',');
        match fields.next().map(str::parse) {
            Some(Ok(time)) => self.times.push(time),
            _ => self.unread += u32::from(!line.trim().is_empty()),
        }
        self.keys += u32::from(fields.next().is_some_and(|flags| flags.contains('K')));
        true
    }

    fn flaw(&mut self, whole: Whole, keys_decoded: u32) -> Option<String> {
        let Whole { frames, fps, time_tolerance } = whole;
        if self.unread > 0 || self.times.len() != frames as usize {
            return Some(format!("it has {} frames instead of {frames}", self.times.len()));
        }
        // They are listed as they are decoded, which is not the order in which they are shown.
        self.times.sort_by(f64::total_cmp);
        let late = (0u32..).zip(&self.times).find(|&(i, time)| (time - f64::from(i) / fps).abs() > time_tolerance);
        if let Some((i, time)) = late {
            return Some(format!("frame {} is shown at {time:.6} s instead of {:.6} s", i + 1, f64::from(i) / fps));
        }
        (keys_decoded != self.keys || self.keys == 0)
            .then(|| format!("{keys_decoded} of its {} key frames can be decoded", self.keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Packets {
        let mut packets = Packets::default();
        lines.lines().for_each(|line| assert!(packets.line(line)));
        packets
    }

    fn whole(frames: u32) -> Whole {
        Whole { frames, fps: 12.5, time_tolerance: 1e-5 }
    }

    #[test]
    fn every_frame_must_be_there_at_its_time() {
        let lines = "0.000000,K__\n0.240000,__\n0.080000,__\n0.160000,__,\n";
        assert_eq!(read(lines).flaw(whole(4), 1), None);
        assert_eq!(read(lines).flaw(whole(5), 1).unwrap(), "it has 4 frames instead of 5");
        assert_eq!(read(lines).flaw(whole(4), 0).unwrap(), "0 of its 1 key frames can be decoded");
        let doubled = lines.replace("0.240000", "0.160000");
        assert_eq!(read(&doubled).flaw(whole(4), 1).unwrap(), "frame 4 is shown at 0.160000 s instead of 0.240000 s");
        assert!(read("N/A,K__\n").flaw(whole(1), 1).is_some());
        assert!(read("").flaw(whole(0), 0).is_some(), "an empty film is none");
    }
}
