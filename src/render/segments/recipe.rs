//! What shapes a segment. Pure.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::super::FilmSettings;
use super::super::command::{self, Args};
use super::super::params::ExtraParams;
use crate::session::Frame;

/// Frames a second inside segments, whatever the film's rate will be: its ticks of 90 kHz are whole numbers.
pub(in crate::render) const NOMINAL_FPS: u32 = 30;

/// Counts the changes of how segments are made; an older segment is not found then.
const FORMAT: u32 = 1;

/// Options of the user that shape single frames or the encoder, and mean the same in a segment as in the whole film.
const HARMLESS: [&str; 22] = [
    "preset",
    "tune",
    "profile",
    "level",
    "crf",
    "qp",
    "b",
    "minrate",
    "maxrate",
    "bufsize",
    "qmin",
    "qmax",
    "refs",
    "bf",
    "pix_fmt",
    "aq-mode",
    "aq-strength",
    "x264-params",
    "x264opts",
    "colorspace",
    "color_range",
    "threads",
];

/// How the segments of a film are encoded.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::render) struct Recipe {
    filters: String,
    crf: u32,
    pixel_format: String,
    extra: Vec<String>,
}

impl Recipe {
    /// `None` where the film cannot be put together from segments: filters of the user may need the whole film, and
    /// other options may belong to the film's container.
    pub(in crate::render) fn of(settings: &FilmSettings, extra: &ExtraParams, size: (u32, u32)) -> Option<Self> {
        let mut words = extra.args.iter();
        while let Some(word) = words.next() {
            let name = word.trim_start_matches('-').split(':').next().unwrap_or_default();
            match name {
                "an" | "sn" | "dn" => {}
                name if HARMLESS.contains(&name) => {
                    words.next()?;
                }
                _ => return None,
            }
        }
        (extra.filters.is_empty() && extra.keeps_frames).then(|| Self {
            filters: command::filters(settings, size.0, size.1, &[]),
            crf: settings.constant_rate_factor,
            pixel_format: settings.pixelformat.clone(),
            extra: extra.args.clone(),
        })
    }

    /// Of everything that shapes the segment of these frames. Another build of Moonlapse may find another number for
    /// the same; the segment is made again then.
    pub(super) fn digest(&self, frames: &[Frame]) -> u64 {
        let mut hasher = DefaultHasher::new();
        (FORMAT, NOMINAL_FPS, self).hash(&mut hasher);
        for frame in frames {
            (frame.number, frame.bytes, &frame.path).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The arguments of ffmpeg for the frames in `list`.
    pub(super) fn encode_args(&self, list: &Path, output: &Path, threads: u32) -> Vec<OsString> {
        let (fps, threads, crf) = (NOMINAL_FPS.to_string(), threads.to_string(), self.crf.to_string());
        let mut args = Args::quiet();
        args.all(["-progress", "pipe:1", "-nostats", "-threads", &threads, "-filter_threads", &threads]);
        args.all(["-r", &fps, "-f", "concat", "-safe", "0"]).input(list);
        args.all(["-vf", &self.filters, "-an", "-c:v", "libx264", "-preset", "veryfast"]);
        args.all(["-threads", &threads, "-g", &fps, "-crf", &crf, "-pix_fmt", &self.pixel_format]);
        args.all(self.extra.iter().map(String::as_str));
        args.all(["-f", "mpegts"]).file(output);
        args.0
    }
}

/// The arguments of ffmpeg that join the segments in `list` into a film of `fps`, without encoding.
///
/// The times of the packets are stretched from the nominal rate to the film's, and each gets its exact duration: naming
/// a rate (`-r`) instead leaves a short or a doubled last frame, or is ignored.
pub(super) fn join_args(list: &Path, output: &Path, fps: f64) -> Vec<OsString> {
    let times = format!("setts=pts=PTS*{NOMINAL_FPS}/{fps}:dts=DTS*{NOMINAL_FPS}/{fps}:duration=1/({fps}*TB)");
    let mut args = Args::quiet();
    args.all(["-progress", "pipe:1", "-nostats", "-f", "concat", "-safe", "0"]).input(list);
    args.all(["-map", "0:v:0", "-c", "copy", "-bsf:v", &times, "-video_track_timescale", "90000"]);
    args.all(["-movflags", "+faststart", "-f", "mp4"]).file(output);
    args.0
}

#[cfg(test)]
mod tests {
    use super::super::tests::frames;
    use super::*;

    fn recipe(extra: &str) -> Option<Recipe> {
        Recipe::of(&FilmSettings::default(), &ExtraParams::parse(extra).unwrap(), (64, 48))
    }

    #[test]
    fn commands() {
        let shell = |args: &[OsString]| command::shell_line(Path::new("ffmpeg"), args);
        let args = recipe("-preset slow").unwrap().encode_args(Path::new("/s/.l"), Path::new("/s/.s"), 1);
        insta::assert_snapshot!(shell(&args), @"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -threads 1 -filter_threads 1 -r 30 -f concat -safe 0 -i file:/s/.l -vf 'scale=64:48:force_original_aspect_ratio=decrease,pad=64:48:(ow-iw)/2:(oh-ih)/2,setsar=1' -an -c:v libx264 -preset veryfast -threads 1 -g 30 -crf 23 -pix_fmt yuv420p -preset slow -f mpegts file:/s/.s");
        insta::assert_snapshot!(shell(&join_args(Path::new("/s/.l"), Path::new("/f/.f"), 12.5)), @"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -f concat -safe 0 -i file:/s/.l -map 0:v:0 -c copy -bsf:v 'setts=pts=PTS*30/12.5:dts=DTS*30/12.5:duration=1/(12.5*TB)' -video_track_timescale 90000 -movflags +faststart -f mp4 file:/f/.f");
    }

    #[test]
    fn only_what_shapes_single_frames_is_encoded_in_segments() {
        for harmless in ["", "-preset slow -tune film", "-an -qmin -1", "-x264-params keyint=10 -b:v 4M"] {
            assert!(recipe(harmless).is_some(), "{harmless}");
        }
        for other in ["-vf tmix", "-r 60", "-c:v libx265", "-metadata title=x", "-movflags faststart"] {
            assert!(recipe(other).is_none(), "{other}");
        }
    }

    #[test]
    fn the_digest_tells_apart_whatever_shapes_a_segment() {
        let block = frames(1..=15);
        let plain = recipe("").unwrap().digest(&block);
        assert_eq!(plain, recipe("").unwrap().digest(&block));
        let mut other_bytes = block.clone();
        other_bytes[3].bytes += 1;
        let turned = FilmSettings { rotation: 180, ..FilmSettings::default() };
        let turned = Recipe::of(&turned, &ExtraParams::parse("").unwrap(), (64, 48)).unwrap();
        for other in [
            recipe("-preset slow").unwrap().digest(&block),
            recipe("").unwrap().digest(&block[1..]),
            recipe("").unwrap().digest(&other_bytes),
            turned.digest(&block),
        ] {
            assert_ne!(other, plain);
        }
    }
}
