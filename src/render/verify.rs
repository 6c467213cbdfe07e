//! Is what ffmpeg made a film with the right frames? It is decoded from its first to its last frame.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::process::{Run, check};
use super::progress::FfmpegProgress;
use super::{RenderError, Tools, Transcript, command};

/// Time that ffprobe, which shows no progress, may take for each frame; a Raspberry Pi Zero needs a tenth of it.
pub(super) const PROBE_TIME_PER_FRAME: Duration = Duration::from_millis(500);

/// What is in a film.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Contents {
    /// Frames that were decoded.
    pub frames: u32,
    /// Width, pixels; 0 when not told.
    pub width: u32,
    /// Height, pixels; 0 when not told.
    pub height: u32,
    /// s.
    pub duration_s: f64,
}

/// What a film should be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    /// Frames.
    pub frames: u32,
    /// Frames a second.
    pub fps: f64,
    /// False when the user's own options change count and times; then any frame will do.
    pub exact: bool,
    /// The container does not say how long it lasts (MPEG program streams: ffprobe guesses it from the last time it finds,
    /// which need not be the last frame's), so it must be played.
    pub timeless: bool,
    /// Its container, when it is a part of a film: the file may be too short for ffmpeg to tell, and of a transport stream
    /// ffprobe guesses how long it lasts (now and then a frame less), so that is left to whoever reads it.
    pub container: Option<&'static str>,
}

/// Decodes the film and compares. With ffprobe where it is, else with ffmpeg.
pub(super) async fn verify(
    film: &Path,
    expected: Expected,
    tools: &Tools,
    prefix: &[OsString],
    cancel: &CancellationToken,
) -> Result<Contents, RenderError> {
    let (contents, transcript) = match tools.find_ffprobe().filter(|_| !expected.timeless) {
        Some(program) => {
            let args = command::probe_args(film, expected.container);
            let stall_after = tools.stall_after + PROBE_TIME_PER_FRAME * expected.frames;
            probe(film, Run { stall_after, ..tools.run(prefix, &program, &args) }, cancel).await?
        }
        None => {
            let (program, args) = (tools.find_ffmpeg()?, command::decode_args(film, expected.container));
            decode(film, tools.run(prefix, &program, &args), cancel).await?
        }
    };
    match flaw(contents, expected) {
        None => Ok(contents),
        Some(reason) => Err(RenderError::Unsound { reason, transcript }),
    }
}

pub(super) fn flaw(found: Contents, expected: Expected) -> Option<String> {
    if found.frames == 0 {
        return Some("it has no frame that can be decoded".into());
    }
    if !expected.exact {
        return None;
    }
    if found.frames != expected.frames {
        return Some(format!("it has {} frames instead of {}", found.frames, expected.frames));
    }
    let duration_s = f64::from(expected.frames) / expected.fps;
    if expected.container.is_none() && (found.duration_s - duration_s).abs() > 0.5 / expected.fps {
        return Some(format!("it lasts {:.3} s instead of {duration_s:.3} s", found.duration_s));
    }
    None
}

async fn probe(film: &Path, run: Run<'_>, cancel: &CancellationToken) -> Result<(Contents, Transcript), RenderError> {
    let mut json = String::new();
    let (status, transcript) = run
        .go(cancel, |line| {
            json.push_str(line);
            false
        })
        .await?;
    let transcript = sound(check(status, transcript, film))?;
    match parse_probe(&json) {
        Some(contents) => Ok((contents, transcript)),
        None => Err(RenderError::Unsound { reason: "ffprobe finds no video in it".into(), transcript }),
    }
}

async fn decode(film: &Path, run: Run<'_>, cancel: &CancellationToken) -> Result<(Contents, Transcript), RenderError> {
    let mut progress = FfmpegProgress::default();
    let (status, transcript) = run.go(cancel, |line| progress.line(line)).await?;
    let transcript = sound(check(status, transcript, film))?;
    let duration_s = progress.out_time_us as f64 / 1e6;
    Ok((Contents { frames: progress.frame, duration_s, ..Contents::default() }, transcript))
}

/// How a check is to speak: errors only, each with its mark.
pub(super) const CHECK_LOG_LEVEL: &str = "level+error";

/// The marks of errors. Without one it is no word of ffmpeg's about the film: libraries in it write there, too, such as
/// libgcrypt where a container refuses it to lock memory.
const ERROR_MARKS: [&str; 3] = ["[error] ", "[fatal] ", "[panic] "];

/// A failed check, or one with complaints, speaks about the film and not about the settings.
pub(super) fn sound(checked: Result<Transcript, RenderError>) -> Result<Transcript, RenderError> {
    let unsound = |transcript| RenderError::Unsound { reason: "it cannot be decoded".into(), transcript };
    match checked {
        Ok(transcript) if !ERROR_MARKS.iter().any(|mark| transcript.stderr.contains(mark)) => Ok(transcript),
        Ok(transcript) | Err(RenderError::Failed { transcript } | RenderError::Refused { transcript }) => {
            Err(unsound(transcript))
        }
        Err(error) => Err(error),
    }
}

fn parse_probe(json: &str) -> Option<Contents> {
    #[derive(Deserialize)]
    struct Probe {
        streams: Vec<Stream>,
        format: Format,
    }
    #[derive(Deserialize)]
    struct Stream {
        nb_read_frames: String,
        width: u32,
        height: u32,
    }
    #[derive(Deserialize)]
    struct Format {
        duration: String,
    }
    let Probe { streams, format } = serde_json::from_str(json).ok()?;
    let Stream { nb_read_frames, width, height } = streams.into_iter().next()?;
    Some(Contents { frames: nb_read_frames.parse().ok()?, width, height, duration_s: format.duration.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_count_and_duration_must_be_right() {
        let expected = Expected { frames: 21, fps: 12.5, exact: true, timeless: false, container: None };
        let found = |frames, duration_s| Contents { frames, duration_s, width: 2, height: 2 };
        assert_eq!(flaw(found(21, 1.68), expected), None);
        assert_eq!(flaw(found(20, 1.6), expected).unwrap(), "it has 20 frames instead of 21");
        assert_eq!(flaw(found(21, 1.75), expected).unwrap(), "it lasts 1.750 s instead of 1.680 s");
        let part = Expected { container: Some("mpegts"), ..expected };
        assert_eq!(flaw(found(21, 1.6), part), None);
        assert!(flaw(found(20, 1.68), part).is_some());
        let filtered = Expected { exact: false, ..expected };
        assert_eq!(flaw(found(7, 1.0), filtered), None);
        assert!(flaw(found(0, 0.0), filtered).is_some());
    }

    #[test]
    fn complaints_are_those_that_ffmpeg_marks_as_errors() {
        let check = |stderr: &str| {
            let transcript = Transcript { stderr: stderr.to_owned(), ..Transcript::default() };
            sound(Ok(transcript)).map_err(|error| error.to_string())
        };
        assert!(check("").is_ok());
        assert!(check("Warning: using insecure memory!").is_ok());
        let said = "Warning: using insecure memory!\n[h264 @ 0x55d0] [error] error while decoding MB 3 4";
        assert!(check(said).unwrap_err().contains("cannot be decoded"));
        assert!(check("[fatal] no").is_err());
    }

    #[test]
    fn answers_of_ffprobe_are_read() {
        let json = r#"{"programs": [], "streams": [{"width": 320, "height": 240, "nb_read_frames": "21"}],
            "format": {"duration": "0.700000"}}"#;
        let contents = Contents { frames: 21, width: 320, height: 240, duration_s: 0.7 };
        assert_eq!(parse_probe(json), Some(contents));
        assert_eq!(parse_probe(r#"{"streams": [], "format": {}}"#), None);
        assert_eq!(parse_probe(""), None);
    }
}
