//! What shapes a segment. Pure.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::super::command::Args;
use super::super::recipe::{PieceRecipe, Source, pieces};
use super::super::{Fps, Profile};
use crate::session::Frame;

pub(in crate::render) use super::super::recipe::NOMINAL_FPS;

/// Counts the changes of how segments are made; an older segment is not found then.
const FORMAT: u32 = 2;

/// How the segments of a film are encoded.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(in crate::render) struct Recipe(PieceRecipe);

impl Recipe {
    /// `None` where the film cannot be put together from segments.
    pub(in crate::render) fn of(profile: &Profile, source: Source) -> Option<Self> {
        match pieces(profile, source) {
            Ok(pieces) => Some(Self(pieces)),
            Err(reason) => {
                tracing::debug!(profile = profile.name, reason, "no segments for this film");
                None
            }
        }
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
        let (fps, threads) = (NOMINAL_FPS.to_string(), threads.to_string());
        let PieceRecipe { filters, encoder, .. } = &self.0;
        let mut encoder = encoder.clone();
        if let Some(own) = encoder.iter().position(|word| word == "-threads").and_then(|at| encoder.get_mut(at + 1)) {
            own.clone_from(&threads);
        }
        let mut args = Args::quiet();
        args.all(["-progress", "pipe:1", "-nostats", "-threads", &threads, "-filter_threads", &threads]);
        args.all(["-r", &fps, "-f", "concat", "-safe", "0", "-reinit_filter", "0"]).input(list);
        args.words(filters).all(["-an"]).words(&encoder).all(["-f", "mpegts"]).file(output);
        args.0
    }

    /// The arguments of ffmpeg that join the segments in `list` into a film of `fps`, without encoding.
    ///
    /// The times of the packets are stretched from the nominal rate to the film's, and each gets its exact duration: naming
    /// a rate (`-r`) instead leaves a short or a doubled last frame, or is ignored.
    pub(super) fn join_args(&self, list: &Path, output: &Path, fps: Fps, tags: &[String]) -> Vec<OsString> {
        let (num, den) = fps.parts();
        let stretch = format!("{NOMINAL_FPS}*{den}/{num}");
        let times = format!("setts=pts=PTS*{stretch}:dts=DTS*{stretch}:duration={den}/({num}*TB)");
        let mut args = Args::quiet();
        args.all(["-progress", "pipe:1", "-nostats", "-f", "concat", "-safe", "0"]).input(list);
        args.all(["-map", "0:v:0", "-c", "copy", "-bsf:v", &times]).words(tags).words(&self.0.muxer).file(output);
        args.0
    }
}

#[cfg(test)]
impl Recipe {
    /// Of the default film.
    pub(super) fn of_default(width: u32, height: u32) -> Self {
        let profile = Profile::of_settings(&crate::render::FilmSettings::default());
        let source = Source { width, height, part: None, turn: crate::render::Turn::default() };
        profile.ok().and_then(|profile| Self::of(&profile, source)).unwrap_or_else(|| unreachable!("made of segments"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::frames;
    use super::*;

    use super::super::super::command::shell_line;
    use super::super::super::profile::Turn;
    use crate::render::FilmSettings;

    fn recipe_of(settings: FilmSettings) -> Option<Recipe> {
        let profile = Profile::of_settings(&settings).unwrap();
        let turn = Turn { rotation: settings.rotation, ..Turn::default() };
        Recipe::of(&profile, Source { width: 64, height: 48, part: None, turn })
    }

    fn recipe(extra: &str) -> Option<Recipe> {
        recipe_of(FilmSettings { extraoutputparams: extra.into(), ..FilmSettings::default() })
    }

    #[test]
    fn commands() {
        let shell = |args: &[OsString]| shell_line(Path::new("ffmpeg"), args);
        let args = recipe("-preset slow").unwrap().encode_args(Path::new("/s/.l"), Path::new("/s/.s"), 1);
        insta::assert_snapshot!(shell(&args), @"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -threads 1 -filter_threads 1 -r 30 -f concat -safe 0 -reinit_filter 0 -i file:/s/.l -vf 'scale=64:48:force_original_aspect_ratio=decrease:eval=frame,pad=64:48:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar=1' -an -c:v libx264 -preset veryfast -threads 1 -g 30 -crf 23 -pix_fmt yuv420p -preset slow -f mpegts file:/s/.s");
        insta::assert_snapshot!(shell(&recipe("").unwrap().join_args(Path::new("/s/.l"), Path::new("/f/.f"), Fps::parse("12.5").unwrap(), &[])), @"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -f concat -safe 0 -i file:/s/.l -map 0:v:0 -c copy -bsf:v 'setts=pts=PTS*30*2/25:dts=DTS*30*2/25:duration=2/(25*TB)' -video_track_timescale 90000 -movflags +faststart -f mp4 file:/f/.f");
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
        let turned = recipe_of(FilmSettings { rotation: 180, ..FilmSettings::default() }).unwrap();
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
