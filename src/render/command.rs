//! What is asked of ffmpeg and ffprobe, as argument lists. Pure: nothing is run and no file is touched here.

use std::f64::consts::PI;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::params::ExtraParams;
use super::{FilmSettings, RenderError};

/// Options of every ffmpeg: quiet, never reading our terminal, replacing only our own temporary file.
const QUIET: [&str; 5] = ["-hide_banner", "-v", "error", "-nostdin", "-y"];

/// One film to encode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Encode {
    /// The list of frames, from [`frame_list`].
    pub list: PathBuf,
    /// The temporary film.
    pub output: PathBuf,
    /// Its frame rate.
    pub fps: f64,
    /// The filter chain, from [`filters`].
    pub filters: String,
    /// Quality of x264.
    pub crf: u32,
    /// ffmpeg's name.
    pub pixel_format: String,
    /// More output options.
    pub extra: Vec<String>,
}

impl Encode {
    /// The arguments of ffmpeg.
    ///
    /// `-r` before the input gives every frame its exact time. `veryfast` costs 44 % of the default preset's time for
    /// about the same size; two threads bound memory, as moonraker-timelapse does. A key frame a second lets browsers
    /// jump quickly.
    pub(super) fn args(&self) -> Vec<OsString> {
        let fps = self.fps.to_string();
        let group = (self.fps.round() as u32).max(1).to_string();
        let mut args = Args::quiet();
        args.all(["-progress", "pipe:1", "-nostats"]);
        args.all(["-r", &fps, "-f", "concat", "-safe", "0"]).input(&self.list);
        args.all([
            "-vf",
            &self.filters,
            "-an",
            "-c:v",
            "libx264",
            "-preset",
            "veryfast",
            "-threads",
            "2",
            "-g",
            &group,
        ]);
        args.all(["-crf", &self.crf.to_string(), "-pix_fmt", &self.pixel_format]);
        args.all(self.extra.iter().map(String::as_str));
        args.all(["-movflags", "+faststart", "-f", "mp4"]).file(&self.output);
        args.0
    }
}

/// A picture of one frame, filtered as the film is.
pub(super) fn preview_args(frame: &Path, filters: &str, output: &Path) -> Vec<OsString> {
    let mut args = Args::quiet();
    args.input(frame).all(["-vf", filters, "-frames:v", "1", "-c:v", "mjpeg", "-q:v", "2"]);
    args.all(["-pix_fmt", "yuvj420p", "-f", "mjpeg"]).file(output);
    args.0
}

/// Asks ffprobe to decode the whole film and to say, as JSON, what is in it.
pub(super) fn probe_args(film: &Path) -> Vec<OsString> {
    let mut args = Args(Vec::new());
    args.all(["-v", "error", "-count_frames", "-select_streams", "v:0", "-show_entries"]);
    args.all(["stream=nb_read_frames,width,height:format=duration", "-of", "json"]).input(film);
    args.0
}

/// Decodes a film or a picture with ffmpeg itself: ends with an error at the first bad frame, counts frames in its progress.
pub(super) fn decode_args(input: &Path) -> Vec<OsString> {
    let mut args = Args::quiet();
    args.all(["-progress", "pipe:1", "-nostats", "-xerror"]).input(input);
    args.all(["-map", "0:v:0", "-f", "null", "-"]);
    args.0
}

/// The filter chain: every frame is brought to `width` x `height` (a camera that changed its resolution gets borders),
/// then turned, then mirrored, then the user's own filters.
pub(super) fn filters(settings: &FilmSettings, width: u32, height: u32, own: &[String]) -> String {
    let mut chain = format!(
        "scale={width}:{height}:force_original_aspect_ratio=decrease,pad={width}:{height}:(ow-iw)/2:(oh-ih)/2,setsar=1"
    );
    // Writing into a String cannot fail.
    match settings.rotation % 360 {
        0 => {}
        90 => chain.push_str(",transpose=1"),
        180 => chain.push_str(",hflip,vflip"),
        270 => chain.push_str(",transpose=2"),
        other => {
            let _infallible = write!(chain, ",rotate={:.6}", f64::from(other) * PI / 180.0);
        }
    }
    if settings.flip_x {
        chain.push_str(",hflip");
    }
    if settings.flip_y {
        chain.push_str(",vflip");
    }
    for filter in own {
        let _infallible = write!(chain, ",{filter}");
    }
    chain
}

/// Whether the settings leave frames as the camera sent them.
pub(super) fn shows_frames_unchanged(settings: &FilmSettings, extra: &ExtraParams) -> bool {
    settings.rotation.is_multiple_of(360) && !settings.flip_x && !settings.flip_y && extra.filters.is_empty()
}

/// The list that ffmpeg's concat reads, with the last frame repeated. Names are free: gaps and odd characters do no harm,
/// while ffmpeg ends a film silently at the first gap of a numbered pattern.
pub(super) fn frame_list(frames: &[PathBuf], repeat_last: u32) -> Result<String, RenderError> {
    let mut list = String::from("ffconcat version 1.0\n");
    let repeated = frames.last().into_iter().cycle().take(repeat_last as usize);
    for frame in frames.iter().chain(repeated) {
        let Some(name) = frame.to_str().filter(|name| !name.contains('\n')) else {
            let source = std::io::Error::other("ffmpeg's list cannot hold this name");
            return Err(RenderError::io("film", frame, source));
        };
        let _infallible = writeln!(list, "file '{}'", name.replace('\'', r"'\''"));
    }
    Ok(list)
}

/// An argument list in the making.
pub(super) struct Args(pub(super) Vec<OsString>);

impl Args {
    pub(super) fn quiet() -> Self {
        Self(QUIET.map(OsString::from).to_vec())
    }

    pub(super) fn all<'a>(&mut self, words: impl IntoIterator<Item = &'a str>) -> &mut Self {
        self.0.extend(words.into_iter().map(OsString::from));
        self
    }

    pub(super) fn input(&mut self, path: &Path) -> &mut Self {
        self.all(["-i"]).file(path)
    }

    /// With `file:`, so that a colon in a name is not taken for a protocol.
    pub(super) fn file(&mut self, path: &Path) -> &mut Self {
        let mut word = OsString::from("file:");
        word.push(path);
        self.0.push(word);
        self
    }
}

/// A command line that can be pasted into a shell.
pub(super) fn shell_line(program: &Path, args: &[OsString]) -> String {
    let words: Vec<_> = std::iter::once(program.as_os_str())
        .chain(args.iter().map(OsString::as_os_str))
        .map(|word| word.to_string_lossy())
        .collect();
    shlex::try_join(words.iter().map(AsRef::as_ref)).unwrap_or_else(|_| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(args: &[OsString]) -> String {
        shell_line(Path::new("ffmpeg"), args)
    }

    #[test]
    fn the_default_film() {
        let settings = FilmSettings::default();
        let encode = Encode {
            list: "/films/.list".into(),
            output: "/films/.film".into(),
            fps: 30.0,
            filters: filters(&settings, 1280, 720, &[]),
            crf: settings.constant_rate_factor,
            pixel_format: settings.pixelformat,
            extra: vec![],
        };
        insta::assert_snapshot!(shell(&encode.args()), @r"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -r 30 -f concat -safe 0 -i file:/films/.list -vf 'scale=1280:720:force_original_aspect_ratio=decrease,pad=1280:720:(ow-iw)/2:(oh-ih)/2,setsar=1' -an -c:v libx264 -preset veryfast -threads 2 -g 30 -crf 23 -pix_fmt yuv420p -movflags +faststart -f mp4 file:/films/.film");
        let extra = Encode { fps: 12.5, extra: vec!["-preset".into(), "slow".into()], ..encode };
        insta::assert_snapshot!(shell(&extra.args()), @r"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -r 12.5 -f concat -safe 0 -i file:/films/.list -vf 'scale=1280:720:force_original_aspect_ratio=decrease,pad=1280:720:(ow-iw)/2:(oh-ih)/2,setsar=1' -an -c:v libx264 -preset veryfast -threads 2 -g 13 -crf 23 -pix_fmt yuv420p -preset slow -movflags +faststart -f mp4 file:/films/.film");
    }

    #[test]
    fn pictures_and_checks() {
        insta::assert_snapshot!(shell(&preview_args(Path::new("/s/1.jpg"), "hflip", Path::new("/films/.p"))), @r"ffmpeg -hide_banner -v error -nostdin -y -i file:/s/1.jpg -vf hflip -frames:v 1 -c:v mjpeg -q:v 2 -pix_fmt yuvj420p -f mjpeg file:/films/.p");
        insta::assert_snapshot!(shell_line(Path::new("ffprobe"), &probe_args(Path::new("/films/.film"))), @r"ffprobe -v error -count_frames -select_streams v:0 -show_entries 'stream=nb_read_frames,width,height:format=duration' -of json -i file:/films/.film");
        insta::assert_snapshot!(shell(&decode_args(Path::new("/films/.film"))), @r"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -xerror -i file:/films/.film -map 0:v:0 -f null -");
    }

    #[test]
    fn turned_first_then_mirrored_then_the_users_filters() {
        let chain = |rotation, flip_x, flip_y, own: &[&str]| {
            let settings = FilmSettings { rotation, flip_x, flip_y, ..FilmSettings::default() };
            let own: Vec<String> = own.iter().map(|&filter| filter.to_owned()).collect();
            filters(&settings, 640, 480, &own).split_once("setsar=1").unwrap().1.to_owned()
        };
        assert_eq!(chain(0, false, false, &[]), "");
        assert_eq!(chain(90, false, true, &[]), ",transpose=1,vflip");
        assert_eq!(chain(180, false, false, &[]), ",hflip,vflip");
        assert_eq!(chain(270, true, false, &["hue=s=0"]), ",transpose=2,hflip,hue=s=0");
        assert_eq!(chain(45, false, false, &[]), ",rotate=0.785398");
        assert_eq!(chain(360, true, true, &[]), ",hflip,vflip");
    }

    #[test]
    fn the_list_takes_odd_names_and_repeats_the_last() {
        let frames = ["/a/it's.jpg".into(), "/a/b c.jpg".into()];
        assert_eq!(
            frame_list(&frames, 2).unwrap(),
            "ffconcat version 1.0\nfile '/a/it'\\''s.jpg'\nfile '/a/b c.jpg'\nfile '/a/b c.jpg'\nfile '/a/b c.jpg'\n"
        );
        assert!(frame_list(&["/a/new\nline.jpg".into()], 0).is_err());
    }
}
