//! What a profile means for ffmpeg, in parts: filters that look at one frame, filters that look at several or at the whole
//! film, the encoder, the container. A film of pieces takes the first and third for each piece, the last at the end.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::Fps;
use super::escape::filter_value;
use super::profile::{Codec, Effects, EncoderArgs, Format, Geometry, Profile, Stream, Turn, Watermark};
use super::timing::Timeline;
use crate::session::Crop as Part;

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

/// How the pieces of a film are encoded while the print goes on, and joined at its end.
#[derive(Clone, Debug, PartialEq, Hash)]
pub(super) struct PieceRecipe {
    /// Filter options of a piece.
    pub(super) filters: Vec<String>,
    /// Encoder options of a piece.
    pub(super) encoder: Vec<String>,
    /// Container options of the film.
    pub(super) muxer: Vec<String>,
}

/// Frames a second of a piece, whatever the film's rate will be: its ticks of 90 kHz are whole numbers.
pub(super) const NOMINAL_FPS: u32 = 30;

/// How the film of a profile can be made from pieces; or why it cannot, and is rendered as a whole when the print has ended.
pub(super) fn pieces(profile: &Profile, source: Source) -> Result<PieceRecipe, &'static str> {
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
    if !matches!(profile.format, Format::Mp4 | Format::Mov) {
        return Err("the pieces cannot be joined in its container");
    }
    if !profile.extra.shapes_frames_only() {
        return Err("its own options of ffmpeg may belong to the whole film");
    }
    let (width, height) = (chain.width, chain.height);
    let stream = Stream { width, height, fps: Fps::whole(NOMINAL_FPS) };
    let [library, ..] = profile.encoder.libraries() else { return Err("it has no encoder") };
    let EncoderArgs { args: mut encoder, .. } = profile.encoder.software(library, stream);
    encoder.extend(profile.extra.args.iter().cloned());
    let mut muxer = ["-video_track_timescale", "90000"].map(str::to_owned).to_vec();
    muxer.extend(profile.format.muxer(profile.encoder.codec).into_iter().map(str::to_owned));
    Ok(PieceRecipe { filters: chain.args(), encoder, muxer })
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
        let pieces = pieces(&default_film(), Source { width: 1280, height: 720, ..source() }).unwrap();
        let shown = [pieces.filters, pieces.encoder, pieces.muxer].map(|words| words.join(" ")).join("\n");
        insta::assert_snapshot!(shown, @r#"
        -vf scale=1280:720:force_original_aspect_ratio=decrease:eval=frame,pad=1280:720:(ow-iw)/2:(oh-ih)/2:eval=frame,setsar=1
        -c:v libx264 -preset veryfast -threads 2 -g 30 -crf 23 -pix_fmt yuv420p
        -video_track_timescale 90000 -movflags +faststart -f mp4
        "#);
    }

    #[test]
    fn films_that_need_all_frames_at_once_are_not() {
        let refused = |change: fn(&mut Profile)| {
            let mut profile = default_film();
            change(&mut profile);
            pieces(&profile, source()).is_err()
        };
        assert!(!refused(|_| {}));
        assert!(!refused(|p| p.format = Format::Mov));
        assert!(refused(|p| p.format = Format::Mkv), "its times are whole milliseconds");
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
