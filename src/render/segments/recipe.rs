//! What shapes a segment. Pure.

use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use super::super::command::Args;
use super::super::recipe::{PieceRecipe, pieces};
use super::super::{Format, Fps, Profile};
use super::stream::LEAD;
use crate::session::{Frame, View};

/// Counts the changes of how segments are made; an older segment is not found then.
const FORMAT: u32 = 2;

/// Options of the user that shape single frames or the encoder, and mean the same in a segment as in the whole film.
/// Others may belong to the film's container.
const HARMLESS: [&str; 21] = [
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
    "x265-params",
    "threads",
];

/// How the segments of a film are encoded and joined.
#[derive(Clone, Debug)]
pub(in crate::render) struct Recipe {
    pieces: PieceRecipe,
    /// Largest error of a frame's time in the film, s.
    pub(super) time_tolerance: f64,
}

impl Recipe {
    /// For the frames of a reel of this size. Where the film cannot be put together from segments, the reason.
    pub(in crate::render) fn of(
        profile: &Profile,
        reel: u32,
        view: &View,
        size: (u32, u32),
    ) -> Result<Self, &'static str> {
        let mut words = profile.extra.args.iter();
        while let Some(word) = words.next() {
            let name = word.trim_start_matches('-').split(':').next().unwrap_or_default();
            let known = matches!(name, "an" | "sn" | "dn") || HARMLESS.contains(&name) && words.next().is_some();
            if !known {
                return Err("its own options of ffmpeg may be for the whole film");
            }
        }
        // Matroska counts milliseconds, the others 90 000 ticks a second.
        let time_tolerance = if profile.format == Format::Mkv { 0.6e-3 } else { 1.5 / 90_000.0 };
        Ok(Self { pieces: pieces(profile, reel, view, size.0, size.1)?, time_tolerance })
    }

    /// Of everything that shapes the segment of these frames. Another build of Moonlapse may find another number for
    /// the same; the segment is made again then.
    pub(super) fn digest(&self, frames: &[Frame]) -> u64 {
        let mut hasher = DefaultHasher::new();
        (FORMAT, PieceRecipe::RATE, &self.pieces.filters, &self.pieces.encoder).hash(&mut hasher);
        for frame in frames {
            (frame.number, frame.bytes, &frame.path).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// The arguments of ffmpeg for the frames in `list`.
    pub(super) fn encode_args(&self, list: &Path, output: &Path, threads: u32) -> Vec<OsString> {
        let (fps, threads) = (PieceRecipe::RATE.to_string(), threads.to_string());
        let mut args = Args::quiet();
        args.all(["-progress", "pipe:1", "-nostats", "-threads", &threads, "-filter_threads", &threads]);
        args.all(["-r", &fps, "-f", "concat", "-safe", "0", "-reinit_filter", "0"]).input(list);
        args.words(&self.pieces.filters).all(["-an"]);
        let mut is_threads = false;
        for word in &self.pieces.encoder {
            args.all([if is_threads { &threads } else { word.as_str() }]);
            is_threads = word == "-threads";
        }
        args.file(output);
        args.0
    }

    /// The arguments of ffmpeg that make a film of `frames` frames from a stream of coded ones on its standard input.
    pub(super) fn join_args(&self, output: &Path, fps: Fps, frames: u32, tags: &[String]) -> Vec<OsString> {
        let mut args = Args::quiet();
        // As they are: they are counted from a certain time on.
        args.all(["-progress", "pipe:1", "-nostats", "-copyts", "-f", "mpegts", "-i", "pipe:0"]);
        args.all(["-map", "0:v:0"]).words(tags).words(&self.pieces.finish(fps, LEAD, frames)).file(output);
        args.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::FilmSettings;
    use super::super::super::command::shell_line;
    use super::super::tests::frames;
    use super::*;

    fn profile(extraoutputparams: &str) -> Profile {
        let settings = FilmSettings { extraoutputparams: extraoutputparams.into(), ..FilmSettings::default() };
        Profile::of_settings(&settings).unwrap()
    }

    fn recipe(extra: &str) -> Result<Recipe, &'static str> {
        Recipe::of(&profile(extra), 0, &View::default(), (64, 48))
    }

    #[test]
    fn commands() {
        let shell = |args: &[OsString]| shell_line(Path::new("ffmpeg"), args);
        let recipe = recipe("-preset slow").unwrap();
        let one = shell(&recipe.encode_args(Path::new("/s/.l"), Path::new("/s/.s"), 1));
        assert!(one.contains("-threads 1 -filter_threads 1 -r 30 -f concat"), "{one}");
        let two = shell(&recipe.encode_args(Path::new("/s/.l"), Path::new("/s/.s"), 2));
        assert_eq!(one.replace("threads 1", "threads 2"), two, "in the decoder, the filters and the encoder");
        let tags = ["-metadata".to_owned(), "title=x".to_owned()];
        let join = shell(&recipe.join_args(Path::new("/f/.f"), Fps::whole(25), 100, &tags));
        assert!(join.contains("-i pipe:0 -map 0:v:0 -metadata 'title=x' -c copy -bsf:v"), "{join}");
    }

    #[test]
    fn only_what_shapes_single_frames_is_encoded_in_segments() {
        for harmless in ["", "-preset slow -tune film", "-an -qmin -1", "-x264-params keyint=10 -b:v 4M"] {
            assert!(recipe(harmless).is_ok(), "{harmless}");
        }
        for other in ["-vf tmix", "-r 60", "-c:v libx265", "-metadata title=x", "-movflags faststart"] {
            assert!(recipe(other).is_err(), "{other}");
        }
    }

    #[test]
    fn the_digest_tells_apart_whatever_shapes_a_segment() {
        let block = frames(1..=15);
        let plain = recipe("").unwrap().digest(&block);
        assert_eq!(plain, recipe("").unwrap().digest(&block));
        let mut other_bytes = block.clone();
        other_bytes[3].bytes += 1;
        let view = View { rotation: 180, ..View::default() };
        let turned = Recipe::of(&profile(""), 1, &view, (64, 48)).unwrap();
        let small = Recipe::of(&profile(""), 0, &View::default(), (32, 24)).unwrap();
        for other in [
            recipe("-preset slow").unwrap().digest(&block),
            recipe("").unwrap().digest(&block[1..]),
            recipe("").unwrap().digest(&other_bytes),
            turned.digest(&block),
            small.digest(&block),
        ] {
            assert_ne!(other, plain);
        }
    }
}
