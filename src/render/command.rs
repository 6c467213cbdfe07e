//! What is asked of ffmpeg and ffprobe, as argument lists. Pure: nothing is run and no file is touched here.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::profile::{EncoderArgs, Stream};
use super::verify::CHECK_LOG_LEVEL;
use super::{Fps, RenderError};

/// Options of every ffmpeg: quiet, never reading our terminal, replacing only our own temporary file.
const QUIET: [&str; 5] = ["-hide_banner", "-v", "error", "-nostdin", "-y"];

/// One film to encode.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Encode {
    /// A list of frames for each camera, from [`frame_list`].
    pub lists: Vec<PathBuf>,
    /// The temporary film.
    pub output: PathBuf,
    /// Its frame rate.
    pub fps: Fps,
    /// Options before the inputs.
    pub device: Vec<String>,
    /// The options of its filters, from [`super::recipe::Chain::args`].
    pub filters: Vec<String>,
    /// The options of its encoder and of its container.
    pub output_options: Vec<String>,
}

impl Encode {
    /// The arguments of ffmpeg.
    ///
    /// `-r` before an input gives every frame its exact time. Filters are not set up again when a frame has another size:
    /// those that count frames would begin anew, and those that keep some would lose them (measured: 12 frames became 3).
    pub(super) fn args(&self) -> Vec<OsString> {
        let fps = self.fps.to_string();
        let mut args = Args::quiet();
        args.all(["-progress", "pipe:1", "-nostats"]).words(&self.device);
        for list in &self.lists {
            args.all(["-r", &fps, "-f", "concat", "-safe", "0", "-reinit_filter", "0"]).input(list);
        }
        args.words(&self.filters).all(["-an"]).words(&self.output_options).file(&self.output);
        args.0
    }
}

/// A picture of one moment (a frame of each camera), filtered as the film is.
pub(super) fn still_args(frames: &[PathBuf], filters: &[String], output: &Path) -> Vec<OsString> {
    let mut args = Args::quiet();
    for frame in frames {
        args.input(frame);
    }
    args.words(filters).all(["-frames:v", "1", "-c:v", "mjpeg", "-q:v", "2"]);
    args.all(["-pix_fmt", "yuvj420p", "-f", "mjpeg"]).file(output);
    args.0
}

/// A few grey frames through an encoder, to nowhere.
pub(super) fn trial_args(encoder: &EncoderArgs, stream: Stream) -> Vec<OsString> {
    let Stream { width, height, fps } = stream;
    let mut args = Args::quiet();
    args.words(&encoder.device).all(["-f", "lavfi", "-i", &format!("color=gray:s={width}x{height}:r={fps}")]);
    args.all(["-frames:v", "5"]);
    if let Some(upload) = encoder.upload {
        args.all(["-vf", upload]);
    }
    args.words(&encoder.args).all(["-f", "null", "-"]);
    args.0
}

/// Asks ffprobe to decode the whole film and to say, as JSON, what is in it.
pub(super) fn probe_args(film: &Path, container: Option<&str>) -> Vec<OsString> {
    let mut args = Args(Vec::new());
    if let Some(container) = container {
        args.all(["-f", container]);
    }
    args.all(["-v", CHECK_LOG_LEVEL, "-count_frames", "-select_streams", "v:0", "-show_entries"]);
    args.all(["stream=nb_read_frames,width,height:format=duration", "-of", "json"]).input(film);
    args.0
}

/// Decodes a film or a picture with ffmpeg itself: ends with an error at the first bad frame, counts frames in its progress.
pub(super) fn decode_args(input: &Path, container: Option<&str>) -> Vec<OsString> {
    let mut args = Args::quiet();
    args.all(["-v", CHECK_LOG_LEVEL, "-progress", "pipe:1", "-nostats", "-xerror"]);
    if let Some(container) = container {
        args.all(["-f", container]);
    }
    args.input(input);
    args.all(["-map", "0:v:0", "-f", "null", "-"]);
    args.0
}

/// The list that ffmpeg's concat reads. Names are free: gaps and odd characters do no harm, while ffmpeg ends a film
/// silently at the first gap of a numbered pattern.
pub(super) fn frame_list<'a>(frames: impl IntoIterator<Item = &'a Path>) -> Result<String, RenderError> {
    let mut list = String::from("ffconcat version 1.0\n");
    for frame in frames {
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

    pub(super) fn words(&mut self, words: &[String]) -> &mut Self {
        self.0.extend(words.iter().map(OsString::from));
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
    fn a_film_of_two_cameras() {
        let encode = Encode {
            lists: vec!["/films/.a".into(), "/films/.b".into()],
            output: "/films/.film".into(),
            fps: Fps::parse("12.5").unwrap(),
            device: vec![],
            filters: ["-filter_complex", "[0:v][1:v]hstack[film]", "-map", "[film]"].map(str::to_owned).to_vec(),
            output_options: ["-c:v", "libx264", "-f", "mp4"].map(str::to_owned).to_vec(),
        };
        insta::assert_snapshot!(shell(&encode.args()), @r#"ffmpeg -hide_banner -v error -nostdin -y -progress pipe:1 -nostats -r 12.5 -f concat -safe 0 -reinit_filter 0 -i file:/films/.a -r 12.5 -f concat -safe 0 -reinit_filter 0 -i file:/films/.b -filter_complex '[0:v][1:v]hstack[film]' -map '[film]' -an -c:v libx264 -f mp4 file:/films/.film"#);
    }

    #[test]
    fn pictures_and_checks() {
        insta::assert_snapshot!(shell(&still_args(&["/s/1.jpg".into()], &["-vf".into(), "hflip".into()], Path::new("/films/.p"))), @r"ffmpeg -hide_banner -v error -nostdin -y -i file:/s/1.jpg -vf hflip -frames:v 1 -c:v mjpeg -q:v 2 -pix_fmt yuvj420p -f mjpeg file:/films/.p");
        insta::assert_snapshot!(shell_line(Path::new("ffprobe"), &probe_args(Path::new("/films/.film"), None)), @r"ffprobe -v level+error -count_frames -select_streams v:0 -show_entries 'stream=nb_read_frames,width,height:format=duration' -of json -i file:/films/.film");
        insta::assert_snapshot!(shell(&decode_args(Path::new("/films/.film"), None)), @r"ffmpeg -hide_banner -v error -nostdin -y -v level+error -progress pipe:1 -nostats -xerror -i file:/films/.film -map 0:v:0 -f null -");
    }

    #[test]
    fn the_list_takes_odd_names() {
        let frames = ["/a/it's.jpg", "/a/b c.jpg", "/a/b c.jpg"].map(Path::new);
        assert_eq!(
            frame_list(frames).unwrap(),
            "ffconcat version 1.0\nfile '/a/it'\\''s.jpg'\nfile '/a/b c.jpg'\nfile '/a/b c.jpg'\n"
        );
        assert!(frame_list([Path::new("/a/new\nline.jpg")]).is_err());
    }
}
