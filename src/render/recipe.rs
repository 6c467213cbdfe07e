//! What a profile means for ffmpeg, in parts: filters that look at one frame, filters that look at several or at the whole
//! film, the encoder, the container. A film of pieces takes the first and third for each piece, the last at the end.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Fps;
use super::escape::filter_value;
use super::profile::{Codec, Effects, EncoderArgs, Format, Geometry, Profile, Stream, Turn, Watermark};
use super::timing::Timeline;
use crate::session::{Crop as Part, View};

/// How much of the film a filter must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Sees {
    /// One frame at a time: it works on any piece of a film.
    Frame,
    /// The frames before and after too.
    Neighbours,
    /// The first or the last frame, or all of them.
    Film,
}

/// One step of the filter chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stage {
    pub(super) filter: String,
    pub(super) sees: Sees,
}

/// Where the pictures come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Source {
    /// Of most frames, even.
    pub(super) width: u32,
    /// Of most frames, even.
    pub(super) height: u32,
    /// The part of them that is shown.
    pub(super) part: Option<Part>,
    pub(super) turn: Turn,
}

/// The filters of a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// What joins several cameras, `[0:v]...` up to the first stage.
    cameras: Option<String>,
    pub(super) stages: Vec<Stage>,
    /// Width of the film, pixels.
    pub(super) width: u32,
    /// Height of the film, pixels.
    pub(super) height: u32,
}

/// What a chain is for.
#[derive(Clone, Debug, Default)]
pub(super) struct Cut<'a> {
    /// The whole film; `None` for a piece of it.
    pub(super) timeline: Option<&'a Timeline>,
    /// The script of the overlay and the film's rate, see [`super::overlay`].
    pub(super) overlay: Option<(PathBuf, Fps)>,
}

impl Chain {
    /// The chain for the frames of `sources`, of which the profile takes as many as it shows.
    pub(super) fn new(profile: &Profile, sources: &[Source], cut: &Cut<'_>) -> Self {
        let turned: Vec<Geometry> =
            sources.iter().map(|source| source.turn.geometry(source.part, source.width, source.height)).collect();
        let sizes: Vec<(u32, u32)> = turned.iter().map(|picture| (picture.width, picture.height)).collect();
        let mut stages = Vec::new();
        let mut add = |filter: String, sees| stages.push(Stage { filter, sees });
        let (mut cameras, mut size) = (None, sizes.first().copied().unwrap_or((2, 2)));
        if let Some(made) = profile.layout.compose(&sizes) {
            let mut graph = String::new();
            for (i, (turned, more)) in turned.iter().zip(&made.each).enumerate() {
                let filters: Vec<&str> = turned.filters.iter().chain(more).map(String::as_str).collect();
                // Writing into a String cannot fail.
                let _infallible = write!(graph, "[{i}:v]{}[r{i}];", filters.join(","));
            }
            graph.push_str(&made.join);
            (cameras, size) = (Some(graph), (made.width, made.height));
        } else if let Some(only) = turned.into_iter().next() {
            only.filters.into_iter().for_each(|filter| add(filter, Sees::Frame));
        }
        let Geometry { filters, width, height } = profile.picture.geometry(size.0, size.1);
        filters.into_iter().for_each(|filter| add(filter, Sees::Frame));
        let Effects { deflicker, blend, .. } = profile.effects;
        if deflicker > 1 {
            add(format!("deflicker=mode=pm:size={deflicker}"), Sees::Neighbours);
        }
        if blend > 1 {
            add(format!("tmix=frames={blend}"), Sees::Neighbours);
        }
        for filter in &profile.extra.filters {
            // Nobody knows what it does.
            add(filter.clone(), Sees::Film);
        }
        // After whatever mixes frames, so that they stay sharp.
        if let Some(watermark) = &profile.watermark {
            add(watermark_filter(watermark, width), Sees::Frame);
        }
        if let Some((script, fps)) = &cut.overlay {
            add(super::overlay::filter(script, *fps), Sees::Frame);
        }
        if let Some(timeline) = cut.timeline {
            fades(&profile.effects, timeline).into_iter().for_each(|filter| add(filter, Sees::Film));
        }
        Self { cameras, stages, width, height }
    }

    /// Adds a stage at the end.
    pub(super) fn then(&self, filter: String) -> Self {
        let mut longer = self.clone();
        longer.stages.push(Stage { filter, sees: Sees::Film });
        longer
    }

    /// The options of ffmpeg that set it up.
    pub(super) fn args(&self) -> Vec<String> {
        let filters: Vec<&str> = self.stages.iter().map(|stage| stage.filter.as_str()).collect();
        let filters = filters.join(",");
        match &self.cameras {
            None => vec!["-vf".to_owned(), filters],
            Some(cameras) => {
                let graph =
                    if filters.is_empty() { format!("{cameras}[film]") } else { format!("{cameras},{filters}[film]") };
                ["-filter_complex", &graph, "-map", "[film]"].map(str::to_owned).to_vec()
            }
        }
    }
}

/// Counted in frames, so that no rounding of times can move them.
fn fades(effects: &Effects, timeline: &Timeline) -> Vec<String> {
    let frames = |seconds: f64| timeline.fps.frames_in(seconds).clamp(1, timeline.len().max(1));
    let mut filters = Vec::new();
    if effects.fade_in > 0.0 {
        filters.push(format!("fade=in:0:{}", frames(effects.fade_in)));
    }
    if effects.fade_out > 0.0 {
        let count = frames(effects.fade_out);
        filters.push(format!("fade=out:{}:{count}", timeline.len().saturating_sub(count)));
    }
    filters
}

fn watermark_filter(watermark: &Watermark, film_width: u32) -> String {
    let Watermark { file, corner, percent, opacity } = watermark;
    let width = (u64::from(film_width) * u64::from(*percent) / 100).max(2);
    let margin = (film_width / 64).max(4);
    let opacity = f64::from(*opacity) / 100.0;
    format!(
        "null[under];movie={},scale={width}:-1:flags=lanczos,format=rgba,colorchannelmixer=aa={opacity}[mark];\
         [under][mark]overlay={}",
        filter_value(file),
        corner.place(margin)
    )
}

/// How a film is made from pieces that are encoded while the print goes on.
///
/// A piece: `ffmpeg -r <RATE> -f concat -safe 0 -reinit_filter 0 -i <list> <filters> -an <encoder> file:<piece>`. The film: the
/// frames of the pieces in one stream, `ffmpeg -copyts -f mpegts -i <stream> <finish(fps)> file:<film>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PieceRecipe {
    /// Filter options of a piece.
    pub filters: Vec<String>,
    /// Output options of a piece, its container included.
    pub encoder: Vec<String>,
    format: Format,
    codec: Codec,
}

impl PieceRecipe {
    /// Frames a second of a piece; the film's own rate is chosen at the end.
    pub const RATE: u32 = 30;

    /// Output options of the film, without its name: copies the frames and gives each its exact time. The first one is shown
    /// at `lead` in the stream, ticks of a 90 000th of a second.
    ///
    /// Measured with ffmpeg 5.1: count and duration are exact for every rate of which 90 kHz is a multiple, else right to
    /// 6 microseconds. Other ways (`-r`, `itsscale`) lose a frame's duration.
    pub fn finish(&self, fps: Fps, lead: u64, frames: u32) -> Vec<String> {
        let (num, den) = fps.parts();
        let rate = Self::RATE;
        let time = |of: &str| format!("({of}-{lead})*{rate}*{den}/{num}");
        let times = format!("setts=pts={}:dts={}:duration={den}/({num}*TB)", time("PTS"), time("DTS"));
        let mut args: Vec<String> = ["-c", "copy", "-bsf:v", &times].map(str::to_owned).to_vec();
        if matches!(self.format, Format::Mp4 | Format::Mov) {
            args.extend(["-video_track_timescale", "90000"].map(str::to_owned));
        }
        let mut words = self.format.muxer(self.codec).into_iter().map(str::to_owned).peekable();
        while let Some(word) = words.next() {
            if word == "-movflags" && words.next_if_eq("+faststart").is_some() {
                // The number of frames is known: with a place kept for the index the film need not be moved to make one.
                args.extend(["-moov_size".to_owned(), index_bytes(frames).to_string()]);
            } else {
                args.push(word);
            }
        }
        args
    }
}

/// No index of an mp4 or mov film with so many frames is larger: 45 bytes for each when nothing of it is regular, and the
/// tags.
fn index_bytes(frames: u32) -> u64 {
    u64::from(frames) * 48 + (32 << 10)
}

/// How the film of a profile can be made from pieces; or why it cannot, and is rendered as a whole when the print has ended.
///
/// `width` and `height` are those of the frames of the reel with this number, `view` is that of the reel. Repeated frames
/// ([`super::Timing`]) are frames of pieces like others.
pub fn pieces(profile: &Profile, reel: u32, view: &View, width: u32, height: u32) -> Result<PieceRecipe, &'static str> {
    let source = Source { width, height, part: view.crop, turn: profile.turn_of(reel, view) };
    let chain = Chain::new(profile, &[source], &Cut::default());
    let Effects { fade_in, fade_out, .. } = profile.effects;
    if chain.stages.iter().any(|stage| stage.sees > Sees::Frame) || fade_in > 0.0 || fade_out > 0.0 {
        return Err("a filter of it must see several frames or the whole film");
    }
    if profile.overlay.is_some() {
        return Err("its overlay tells what is only known when the print has ended");
    }
    if profile.layout.most_cameras() > 1 {
        return Err("it shows several cameras");
    }
    if !matches!(profile.encoder.codec, Codec::H264 | Codec::H265) {
        return Err("pieces are made of H.264 and H.265 only");
    }
    if profile.encoder.hardware.is_some() {
        return Err("the hardware encoder is not to be kept busy while printing");
    }
    // Matroska's times are whole milliseconds: a joined film would not have its exact ones.
    if !matches!(profile.format, Format::Mp4 | Format::Mov) {
        return Err("the pieces cannot be joined in its container");
    }
    if !profile.extra.keeps_frames {
        return Err("its own options of ffmpeg may change number or times of frames");
    }
    let (width, height) = (chain.width, chain.height);
    let stream = Stream { width, height, fps: Fps::whole(PieceRecipe::RATE) };
    let [library, ..] = profile.encoder.libraries() else { return Err("it has no encoder") };
    // One thread: it is to be unnoticed, and pieces come no faster than frames.
    let encoder = super::profile::Encoder { threads: 1, ..profile.encoder.clone() };
    let EncoderArgs { mut args, .. } = encoder.software(library, stream);
    args.extend(profile.extra.args.iter().cloned());
    args.extend(["-f", "mpegts"].map(str::to_owned));
    Ok(PieceRecipe { filters: chain.args(), encoder: args, format: profile.format, codec: profile.encoder.codec })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{FilmSettings, Hardware, Layout};

    fn default_film() -> Profile {
        Profile::of_settings(&FilmSettings::default()).unwrap()
    }

    fn source() -> Source {
        Source { width: 64, height: 48, part: None, turn: Turn::default() }
    }

    #[test]
    fn the_default_film_is_made_of_pieces() {
        let pieces = pieces(&default_film(), 0, &View::default(), 1280, 720).unwrap();
        let finish = pieces.finish(Fps::parse("12.5").unwrap(), 90_000, 1000);
        let shown = [pieces.filters, pieces.encoder, finish].map(|words| words.join(" ")).join("\n");
        insta::assert_snapshot!(shown, @r#"
        -vf scale=1280:720:force_original_aspect_ratio=decrease:eval=frame,pad=1280:720:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar=1
        -c:v libx264 -preset veryfast -threads 1 -g 30 -crf 23 -pix_fmt yuv420p -f mpegts
        -c copy -bsf:v setts=pts=(PTS-90000)*30*2/25:dts=(DTS-90000)*30*2/25:duration=2/(25*TB) -video_track_timescale 90000 -moov_size 80768 -f mp4
        "#);
    }

    #[test]
    fn films_that_need_all_frames_at_once_are_not() {
        let refused = |change: fn(&mut Profile)| {
            let mut profile = default_film();
            change(&mut profile);
            pieces(&profile, 0, &View::default(), 1280, 720).is_err()
        };
        assert!(!refused(|_| {}));
        assert!(!refused(|p| p.format = Format::Mov));
        assert!(refused(|p| p.format = Format::Mkv));
        assert!(refused(|p| p.effects.deflicker = 5));
        assert!(refused(|p| p.effects.blend = 3));
        assert!(refused(|p| p.effects.fade_out = 1.0));
        assert!(refused(|p| p.format = Format::Avi));
        assert!(refused(|p| p.encoder.codec = Codec::Vp9));
        assert!(refused(|p| p.encoder.hardware = Some(Hardware::Vaapi)));
        assert!(refused(|p| p.extra.filters.push("tmix".into())));
        assert!(refused(|p| p.extra.keeps_frames = false));
        assert!(refused(|p| p.layout = Layout::SideBySide));
    }

    #[test]
    fn fades_are_counted_in_frames() {
        let mut profile = default_film();
        profile.effects.fade_in = 0.5;
        profile.effects.fade_out = 100.0;
        let timeline = profile.timing.timeline(55, profile.encoder.codec);
        let cut = Cut { timeline: Some(&timeline), overlay: None };
        let chain = Chain::new(&profile, &[source()], &cut).args().join(" ");
        assert!(chain.ends_with(",fade=in:0:15,fade=out:0:60"), "{chain}");
    }

    #[test]
    fn several_cameras_are_joined_before_anything_else() {
        let mut profile = default_film();
        profile.layout = Layout::SideBySide;
        let args = Chain::new(&profile, &[source(), source()], &Cut::default()).args();
        insta::assert_snapshot!(args.join(" "), @r#"-filter_complex [0:v]scale=64:48:force_original_aspect_ratio=decrease:eval=frame,pad=64:48:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar=1,scale=64:48:flags=lanczos,setsar=1[r0];[1:v]scale=64:48:force_original_aspect_ratio=decrease:eval=frame,pad=64:48:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar=1,scale=64:48:flags=lanczos,setsar=1,pad=iw+2:ih:2:0:color=0x111318[r1];[r0][r1]hstack=inputs=2[film] -map [film]"#);
    }
}
