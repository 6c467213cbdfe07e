//! Reads profiles as users write them: `name: preset key=value key="two words"`, one a line.

use super::error::ProfileError;
use super::presets::{PRESETS, preset};
use super::{DEFAULT, Profile, keys};
use crate::config::distance;

/// One profile's words, each with what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// As the user wrote it, or the preset that brought it in.
    pub(super) written: String,
    pub(super) key: String,
    pub(super) value: String,
}

impl Profile {
    /// A profile that differs from `base` in what `words` say: names of presets, and `key=value`. Later words win.
    ///
    /// # Errors
    /// The first word that cannot be used.
    pub fn from_words(name: &str, words: &str, base: &Self) -> Result<Self, ProfileError> {
        let fault = |(word, problem)| ProfileError { profile: name.to_owned(), line: None, word, problem };
        let words = split(words).map_err(fault)?;
        let mut profile = base.clone();
        profile.name = name.to_owned();
        keys::apply(&words, &mut profile).map_err(fault)?;
        Ok(profile)
    }
}

/// The profiles that the option `profiles` describes, the default film first, and what is wrong with the others. Each starts
/// from `default_film`; a line called `default` changes that one, and with it all that follow.
#[must_use]
pub fn read_profiles(text: &str, default_film: Profile) -> (Vec<Profile>, Vec<ProfileError>) {
    let mut profiles = vec![default_film];
    let mut faults = Vec::new();
    for (number, line) in text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())) {
        if line.is_empty() {
            continue;
        }
        let mut fault = |profile: &str, word: &str, problem: String| {
            let (profile, word) = (profile.to_owned(), word.to_owned());
            faults.push(ProfileError { profile, line: Some(number), word, problem });
        };
        let name = line.split(':').next().unwrap_or_default().trim();
        let Some((_, words)) = line.split_once(':').filter(|_| is_name(name)) else {
            let problem = "a line is `name: key=value ...`; the name is of letters, digits, `_` and `-`";
            fault(name, "", problem.to_owned());
            continue;
        };
        if name != DEFAULT && profiles.iter().any(|profile| profile.name == name) {
            fault(name, "", "there are two profiles of that name; rename one".to_owned());
            continue;
        }
        match Profile::from_words(name, words, &profiles[0]) {
            Ok(profile) if name == DEFAULT => profiles[0] = profile,
            Ok(profile) => profiles.push(profile),
            Err(error) => fault(name, &error.word, error.problem),
        }
    }
    (profiles, faults)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Words and what they mean, presets spelled out; or the word that means nothing, and why.
fn split(text: &str) -> Result<Vec<Word>, (String, String)> {
    let unclosed = || (text.trim().to_owned(), "a quote is not closed".to_owned());
    let mut words = Vec::new();
    for written in shlex::split(text).ok_or_else(unclosed)? {
        match written.split_once('=') {
            Some((key, value)) => {
                let key = key.trim().to_lowercase().replace('-', "_");
                words.push(Word { key, value: value.trim().to_owned(), written });
            }
            None => {
                let Some(meaning) = preset(&written.to_lowercase()) else {
                    let names: Vec<&str> = PRESETS.iter().map(|(name, _)| *name).collect();
                    let problem = format!("this is neither `key=value` nor one of {}", names.join(", "));
                    return Err((written, problem));
                };
                let meant = split(meaning)?.into_iter().map(|word| Word { written: written.clone(), ..word });
                words.extend(meant);
            }
        }
    }
    Ok(words)
}

/// `there is no such key`, with the key that may be meant.
pub(super) fn unknown_key(key: &str, keys: &[&str]) -> String {
    let near = keys.iter().map(|name| (distance(key, name), name)).min();
    match near {
        Some((steps, name)) if steps <= 3 => format!("there is no key `{key}`; did you mean `{name}`?"),
        _ => format!("there is no key `{key}`; docs/films.md lists them all"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Codec, Crop, Format, Hardware, Quality};
    use super::*;
    use crate::render::{Corner, FilmSettings, Fps, Layout, Pace, Place, Roll};

    fn base() -> Profile {
        Profile::of_settings(&FilmSettings { output_framerate: 25.0, ..FilmSettings::default() }).unwrap()
    }

    fn profile(words: &str) -> Profile {
        Profile::from_words("test", words, &base()).unwrap()
    }

    fn problem(words: &str) -> String {
        Profile::from_words("test", words, &base()).unwrap_err().to_string()
    }

    #[test]
    fn a_profile_is_the_default_film_apart_from_its_words() {
        let made = profile("");
        assert_eq!(made, Profile { name: "test".into(), ..base() });
        let made = profile("webm quality=40 height=720 rotate=90 flip=x");
        assert_eq!((made.format, made.encoder.codec), (Format::Webm, Codec::Vp9));
        assert_eq!(made.encoder.quality, Quality::Scale(40));
        assert_eq!((made.picture.height, made.turn.rotation, made.turn.flip_x), (Some(720), 90, true));
        assert_eq!(made.timing, base().timing);
    }

    #[test]
    fn the_order_of_words_matters_only_where_one_is_said_twice() {
        assert_eq!(profile("crf=30 codec=h265 format=mkv"), profile("mkv codec=h265 crf=30"));
        assert_eq!(profile("gif width=300").picture.width, Some(300), "a preset can be changed");
        assert_eq!(profile("crf=20 hevc").encoder.quality, Quality::Scale(20));
        assert_eq!(profile("hevc").encoder.quality, Quality::Scale(28), "each codec has its own scale");
        assert_eq!(profile("mkv").encoder.quality, Quality::Scale(23), "x264's as it is set");
    }

    #[test]
    fn every_preset_can_be_used() {
        for (name, _) in PRESETS {
            let made = profile(name);
            assert!(made.format.codecs().contains(&made.encoder.codec), "{name}");
        }
    }

    #[test]
    fn every_key_is_understood() {
        let made = profile(
            r##"mp4 bitrate=6M preset=slow threads=1 hardware=vaapi fps=12.5 hold_first=3 hold_last=9 pre_roll=1.5
            post_roll=2 pre_roll_of=hero crop=640x480+10+20 size=320x240 deflicker=9 blend=3 fade_in=0.5 fade_out=1
            watermark=/a/logo.png watermark_corner=top-left watermark_width=20 watermark_opacity=50
            layout=picture_in_picture inset_corner=top_right inset_width=25 cameras="front, side"
            overlay="Layer {layer}" overlay_top_right="{time:%H:%M}" overlay_font="DejaVu Sans" overlay_size=6
            overlay_colour=#ff0 overlay_outline=00000080 overlay_outline_width=10 overlay_margin=5
            name="{file_stem}_%Y" preview=no preview_width=320 extra="-tune film" automatic=no"##,
        );
        assert_eq!(made.encoder.quality, Quality::Bitrate("6M".into()));
        assert_eq!((made.encoder.preset.as_deref(), made.encoder.threads), (Some("slow"), 1));
        assert_eq!(made.encoder.hardware, Some(Hardware::Vaapi));
        assert_eq!(made.timing.pace, Pace::Fixed(Fps::parse("12.5").unwrap()));
        assert_eq!((made.timing.hold_first, made.timing.hold_last, made.timing.pre_roll_of), (3, 9, Roll::Hero));
        assert_eq!(made.picture.crop, Some(Crop::Area { width: 640, height: 480, x: 10, y: 20 }));
        assert_eq!((made.picture.width, made.picture.height), (Some(320), Some(240)));
        assert_eq!((made.effects.deflicker, made.effects.blend), (9, 3));
        let watermark = made.watermark.unwrap();
        assert_eq!((watermark.corner, watermark.percent, watermark.opacity), (Corner::TopLeft, 20, 50));
        assert_eq!(made.layout, Layout::PictureInPicture { corner: Corner::TopRight, percent: 25 });
        assert_eq!(made.cameras, ["front", "side"]);
        let overlay = made.overlay.unwrap();
        assert_eq!(
            overlay.texts.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
            [Place::BottomLeft, Place::TopRight]
        );
        assert_eq!((overlay.font.as_deref(), overlay.size), (Some("DejaVu Sans"), 6.0));
        assert!(made.file_name.is_some() && !made.preview && !made.automatic);
        assert_eq!(made.extra.args, ["-tune", "film"]);
        let length = profile("length=7.5 min_fps=5 max_fps=50").timing.pace;
        assert!(matches!(length, Pace::Length { seconds: 7.5, .. }), "{length:?}");
    }

    #[test]
    fn mistakes_are_told_with_what_to_do() {
        let of = |words: &str, expected: &str| {
            let told = problem(words);
            assert!(told.starts_with("Profile `test`, ") && told.contains(expected), "{words}: {told}");
        };
        of("hieght=720", "`hieght=720`: there is no key `hieght`; did you mean `height`?");
        of("mpg4", "`mpg4`: this is neither `key=value` nor one of mp4, hevc,");
        of("webm codec=h264", "webm holds vp9, av1");
        of("crf=60", "expected a whole number from 0 to 51");
        of("mp4 fps=0", "expected frames a second from 0.1 to 240, such as 25, 12.5 or 30000/1001");
        of("bitrate=fast", "expected bits a second, such as 6M or 800k");
        of("gif bitrate=6M", "gif takes no bit rate");
        of("gif crf=3", "gif has no quality to choose");
        of("preset=quick", "ultrafast");
        of("overlay={leyer}", "there is no token {leyer}");
        of("name={layer}", "belongs into an overlay");
        of("overlay=\"Layer", "a quote is not closed");
        of("extra='-i /etc/passwd'", "the option -i is not allowed here");
        of("crop=big", "expected 16:9 or 1280x720+0+0");
        of("hardware=gpu", "expected one of");
        of("format=avi codec=mpeg4 hardware=nvenc", "nvenc has no encoder for mpeg4");
    }

    #[test]
    fn lines_are_profiles_and_a_faulty_one_leaves_the_others() {
        let text = "default: crf=20 overlay=\"{layer}\"\n\nshare: webm height=720\n nonsense\nb d: mp4\nshare: gif\nbad: crf=x\n";
        let (profiles, faults) = read_profiles(text, base());
        let names: Vec<_> = profiles.iter().map(|profile| profile.name.as_str()).collect();
        assert_eq!(names, ["default", "share"]);
        assert_eq!(profiles[0].encoder.quality, Quality::Scale(20));
        assert!(profiles[1].overlay.is_some(), "what is set for all");
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(faults.len(), 4, "{faults:?}");
        assert!(faults[0].starts_with("Profile `nonsense` (line 4 of `profiles`): a line is `name: key=value ...`"));
        assert!(faults[2].contains("two profiles of that name"));
        assert!(faults[3].starts_with("Profile `bad` (line 7 of `profiles`), `crf=x`: expected"), "{faults:?}");
    }

    #[test]
    fn no_profiles_are_the_default_film_alone() {
        assert_eq!(read_profiles("", base()), (vec![base()], vec![]));
    }
}
