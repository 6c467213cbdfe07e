//! The keys of a profile: what each takes, and what it sets.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::super::Fps;
use super::super::layout::{Corner, Layout};
use super::super::overlay::{Colour, Place};
use super::super::params::ExtraParams;
use super::super::template::Template;
use super::super::timing::{Pace, Roll};
use super::encoder::Stream;
use super::parse::{Word, unknown_key};
use super::{Codec, Crop, Format, Hardware, Profile, Quality, Watermark};
use crate::config::expand_home;

/// All keys but those of the places of an overlay.
const KEYS: [&str; 50] = [
    "automatic",
    "bitrate",
    "blend",
    "cameras",
    "codec",
    "crf",
    "crop",
    "deflicker",
    "extra",
    "fade_in",
    "fade_out",
    "flip",
    "format",
    "fps",
    "hardware",
    "height",
    "hold_first",
    "hold_last",
    "inset_corner",
    "inset_width",
    "layout",
    "length",
    "max_fps",
    "min_fps",
    "name",
    "overlay",
    "overlay_color",
    "overlay_colour",
    "overlay_font",
    "overlay_margin",
    "overlay_outline",
    "overlay_outline_width",
    "overlay_size",
    "pixel_format",
    "post_roll",
    "post_roll_of",
    "pre_roll",
    "pre_roll_of",
    "preset",
    "preview",
    "preview_width",
    "quality",
    "rotate",
    "size",
    "threads",
    "watermark",
    "watermark_corner",
    "watermark_opacity",
    "watermark_width",
    "width",
];

/// What is known only when all words were read.
#[derive(Default)]
struct Later {
    length: Option<f64>,
    min_fps: Option<Fps>,
    max_fps: Option<Fps>,
    fps: Option<Fps>,
    watermark: Option<String>,
    watermark_corner: Option<Corner>,
    watermark_width: Option<u32>,
    watermark_opacity: Option<u32>,
    inset_corner: Option<Corner>,
    inset_width: Option<u32>,
}

/// Sets what the words say; gives the word that cannot be used, and why.
pub(super) fn apply(words: &[Word], profile: &mut Profile) -> Result<(), (String, String)> {
    container(words, profile)?;
    let mut later = Later::default();
    for word in words {
        set(word, profile, &mut later).map_err(|problem| (word.written.clone(), problem))?;
    }
    pace(&later, profile);
    if let Some(file) = later.watermark {
        let file = expand_home(&file);
        profile.watermark = Some(Watermark { file, corner: Corner::BottomRight, percent: 12, opacity: 80 });
    }
    if let Some(watermark) = &mut profile.watermark {
        watermark.corner = later.watermark_corner.unwrap_or(watermark.corner);
        watermark.percent = later.watermark_width.unwrap_or(watermark.percent);
        watermark.opacity = later.watermark_opacity.unwrap_or(watermark.opacity);
    }
    if let Layout::PictureInPicture { corner, percent } = &mut profile.layout {
        *corner = later.inset_corner.unwrap_or(*corner);
        *percent = later.inset_width.unwrap_or(*percent);
    }
    whole(profile).map_err(|(key, problem)| {
        let word = words.iter().rev().find(|word| word.key == key).map(|word| word.written.clone());
        (word.unwrap_or_default(), problem)
    })
}

/// Format and codec come first: they decide what the other words may say.
fn container(words: &[Word], profile: &mut Profile) -> Result<(), (String, String)> {
    let last = |key: &str| words.iter().rev().find(|word| word.key == key);
    let before = profile.encoder.codec;
    if let Some(word) = last("format") {
        let fail = |problem| (word.written.clone(), problem);
        profile.format = choice(&word.value, &Format::ALL.map(|format| (format.name(), format))).map_err(fail)?;
        if let [usual, ..] = profile.format.codecs() {
            profile.encoder.codec = *usual;
        }
    }
    if let Some(word) = last("codec") {
        let fail = |problem| (word.written.clone(), problem);
        let value = if word.value.eq_ignore_ascii_case("hevc") { "h265" } else { &word.value };
        profile.encoder.codec = choice(value, &Codec::ALL.map(|codec| (codec.name(), codec))).map_err(fail)?;
        if !profile.format.codecs().contains(&profile.encoder.codec) {
            let codecs: Vec<&str> = profile.format.codecs().iter().map(|codec| codec.name()).collect();
            return Err(fail(format!("{} holds {}", profile.format.name(), codecs.join(", "))));
        }
    }
    let encoder = &mut profile.encoder;
    if encoder.codec != before {
        encoder.quality = Quality::Scale(encoder.codec.quality().map_or(0, |(usual, _)| usual));
        encoder.preset = None;
        encoder.pixel_format = "yuv420p".to_owned();
    }
    Ok(())
}

fn set(word: &Word, profile: &mut Profile, later: &mut Later) -> Result<(), String> {
    let value = word.value.as_str();
    let Profile { encoder, turn, picture, timing, effects, .. } = profile;
    match word.key.as_str() {
        "format" | "codec" => {}
        "quality" | "crf" => {
            let Some((_, range)) = encoder.codec.quality() else {
                return Err(format!("{} has no quality to choose", encoder.codec.name()));
            };
            encoder.quality = Quality::Scale(number(value, range)?);
        }
        "bitrate" => {
            if !encoder.codec.takes_bitrate() {
                return Err(format!("{} takes no bit rate", encoder.codec.name()));
            }
            let digits = value.trim_end_matches(['k', 'K', 'M']);
            let right = value.len() - digits.len() <= 1 && digits.parse::<f64>().is_ok_and(|rate| rate > 0.0);
            let rate = right.then(|| value.to_owned()).ok_or("expected bits a second, such as 6M or 800k")?;
            encoder.quality = Quality::Bitrate(rate);
        }
        "preset" => encoder.preset = Some(preset(encoder.codec, value)?),
        "threads" => encoder.threads = number(value, 1..=16)?,
        "hardware" => encoder.hardware = hardware(value)?,
        "pixel_format" => {
            let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let name = plain.then(|| value.to_owned());
            encoder.pixel_format = name.ok_or("expected a name from `ffmpeg -pix_fmts`, such as yuv420p")?;
        }
        "fps" => later.fps = Some(rate(value)?),
        "length" => later.length = Some(number(value, 0.5..=86_400.0)?),
        "min_fps" => later.min_fps = Some(rate(value)?),
        "max_fps" => later.max_fps = Some(rate(value)?),
        "hold_first" => timing.hold_first = number(value, 0..=10_000)?,
        "hold_last" => timing.hold_last = number(value, 0..=10_000)?,
        "pre_roll" => timing.pre_roll = number(value, 0.0..=60.0)?,
        "post_roll" => timing.post_roll = number(value, 0.0..=60.0)?,
        "pre_roll_of" => timing.pre_roll_of = roll(value)?,
        "post_roll_of" => timing.post_roll_of = roll(value)?,
        "rotate" => {
            turn.rotation = number(value, 0..=359)?;
            profile.turns_itself = true;
        }
        "flip" => {
            let ways = [("no", (false, false)), ("x", (true, false)), ("y", (false, true)), ("xy", (true, true))];
            (turn.flip_x, turn.flip_y) = choice(value, &ways)?;
            profile.turns_itself = true;
        }
        "crop" => picture.crop = Some(crop(value).ok_or("expected 16:9 or 1280x720+0+0 (width, height, left, top)")?),
        "width" => picture.width = Some(number(value, 16..=7680)?),
        "height" => picture.height = Some(number(value, 16..=4320)?),
        "size" => {
            let (width, height) = value.split_once('x').ok_or("expected a size such as 1280x720")?;
            picture.width = Some(number(width, 16..=7680)?);
            picture.height = Some(number(height, 16..=4320)?);
        }
        "deflicker" => effects.deflicker = number(value, 0..=129)?,
        "blend" => effects.blend = number(value, 0..=128)?,
        "fade_in" => effects.fade_in = number(value, 0.0..=60.0)?,
        "fade_out" => effects.fade_out = number(value, 0.0..=60.0)?,
        "watermark" => later.watermark = Some(value.to_owned()),
        "watermark_corner" => later.watermark_corner = Some(corner(value)?),
        "watermark_width" => later.watermark_width = Some(number(value, 1..=100)?),
        "watermark_opacity" => later.watermark_opacity = Some(number(value, 1..=100)?),
        "layout" => {
            let inset = Layout::PictureInPicture { corner: Corner::BottomRight, percent: 28 };
            let layouts = [
                ("single", Layout::Single),
                ("side_by_side", Layout::SideBySide),
                ("stacked", Layout::Stacked),
                ("picture_in_picture", inset),
            ];
            profile.layout = choice(value, &layouts)?;
        }
        "inset_corner" => later.inset_corner = Some(corner(value)?),
        "inset_width" => later.inset_width = Some(number(value, 5..=60)?),
        "cameras" => profile.cameras = list(value),
        "name" => profile.file_name = Some(Template::name(value).map_err(|error| error.to_string())?),
        "preview" => profile.preview = choice(value, &YES_NO)?,
        "preview_width" => profile.preview_width = Some(number(value, 16..=7680)?),
        "automatic" => profile.automatic = choice(value, &YES_NO)?,
        "extra" => profile.extra = ExtraParams::parse(value).map_err(|error| error.to_string())?,
        key => match key.strip_prefix("overlay") {
            Some(part) => overlay(part, value, key, profile)?,
            None => return Err(unknown_key(key, &KEYS)),
        },
    }
    Ok(())
}

fn overlay(part: &str, value: &str, key: &str, profile: &mut Profile) -> Result<(), String> {
    let mut overlay = profile.overlay.clone().unwrap_or_default();
    let colour = || Colour::parse(value).ok_or("expected a colour such as #ffffff or, half clear, #ffffff80");
    match part {
        "_font" => {
            let plain = !value.chars().any(|c| c.is_control() || matches!(c, ',' | '{' | '}' | '\\'));
            overlay.font = Some(value.to_owned()).filter(|name| !name.is_empty() && plain);
        }
        "_size" => overlay.size = number(value, 1.0..=50.0)?,
        "_colour" | "_color" => overlay.colour = colour()?,
        "_outline" => overlay.outline = colour()?,
        "_outline_width" => overlay.outline_width = number(value, 0.0..=50.0)?,
        "_margin" => overlay.margin = number(value, 0.0..=40.0)?,
        part => {
            let named = Place::ALL.into_iter().find(|place| part.strip_prefix('_') == Some(place.name()));
            let Some(place) = named.or(part.is_empty().then_some(Place::BottomLeft)) else {
                let places: Vec<String> = Place::ALL.iter().map(|place| format!("overlay_{}", place.name())).collect();
                let all: Vec<&str> = KEYS.into_iter().chain(places.iter().map(String::as_str)).collect();
                return Err(unknown_key(key, &all));
            };
            let text = Template::overlay(value).map_err(|error| error.to_string())?;
            overlay.texts.retain(|(other, _)| *other != place);
            if !value.is_empty() {
                overlay.texts.push((place, text));
            }
        }
    }
    profile.overlay = Some(overlay);
    Ok(())
}

fn pace(later: &Later, profile: &mut Profile) {
    let limit = |given: Option<Fps>, usual: u32| given.unwrap_or(Fps::whole(usual));
    if let Some(seconds) = later.length {
        let (min, max) = (limit(later.min_fps, 1), limit(later.max_fps, 240));
        profile.timing.pace = Pace::Length { seconds, min, max };
    } else if let Some(fps) = later.fps {
        profile.timing.pace = Pace::Fixed(fps);
    } else if let Pace::Length { min, max, .. } = &mut profile.timing.pace {
        *min = later.min_fps.unwrap_or(*min);
        *max = later.max_fps.unwrap_or(*max);
    }
}

/// What single words cannot show: the key to blame, and why.
fn whole(profile: &mut Profile) -> Result<(), (&'static str, String)> {
    if profile.overlay.as_ref().is_some_and(|overlay| overlay.texts.is_empty()) {
        profile.overlay = None;
    }
    let encoder = &profile.encoder;
    if let Some(hardware) = encoder.hardware {
        let stream = Stream { width: 64, height: 64, fps: Fps::whole(25) };
        if encoder.hardware(hardware, stream).is_none() {
            return Err(("hardware", format!("{} has no encoder for {}", hardware.name(), encoder.codec.name())));
        }
    }
    if let Pace::Length { seconds, min, max } = profile.timing.pace {
        if min.as_f64() > max.as_f64() {
            return Err(("min_fps", format!("{min} is more than max_fps, {max}")));
        }
        if profile.timing.pre_roll + profile.timing.post_roll >= seconds {
            return Err(("length", "pre_roll and post_roll leave no time for the film".to_owned()));
        }
    }
    Ok(())
}

const YES_NO: [(&str, bool); 8] = [
    ("yes", true),
    ("no", false),
    ("true", true),
    ("false", false),
    ("on", true),
    ("off", false),
    ("1", true),
    ("0", false),
];

/// One of some words; dashes and underscores are the same.
fn choice<T: Copy>(value: &str, words: &[(&str, T)]) -> Result<T, String> {
    let wanted = value.to_lowercase().replace('-', "_");
    let found = words.iter().find(|(word, _)| *word == wanted).map(|(_, meaning)| *meaning);
    let expected = || {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("expected one of {}", words.join(", "))
    };
    found.ok_or_else(expected)
}

fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn corner(value: &str) -> Result<Corner, String> {
    choice(value, &Corner::ALL.map(|corner| (corner.name(), corner)))
}

fn roll(value: &str) -> Result<Roll, String> {
    choice(value, &[("first", Roll::First), ("last", Roll::Last), ("hero", Roll::Hero)])
}

fn hardware(value: &str) -> Result<Option<Hardware>, String> {
    let mut words: Vec<(&str, Option<Hardware>)> = vec![("none", None)];
    words.extend(Hardware::ALL.map(|hardware| (hardware.name(), Some(hardware))));
    choice(value, &words)
}

fn rate(value: &str) -> Result<Fps, String> {
    let expected = || "expected frames a second from 0.1 to 240, such as 25, 12.5 or 30000/1001".to_owned();
    Fps::parse(value).ok_or_else(expected)
}

fn number<T>(value: &str, range: RangeInclusive<T>) -> Result<T, String>
where
    T: FromStr + PartialOrd + Display,
{
    // Units may stand behind a number: `2s`.
    let digits = value.trim().trim_end_matches(['s', '%']);
    let kind = if "0.5".parse::<T>().is_ok() { "a number" } else { "a whole number" };
    let expected = || format!("expected {kind} from {} to {}", range.start(), range.end());
    digits.parse().ok().filter(|number| range.contains(number)).ok_or_else(expected)
}

fn crop(value: &str) -> Option<Crop> {
    if let Some((across, down)) = value.split_once(':') {
        let part = |text: &str| text.trim().parse::<u32>().ok().filter(|part| (1..=1000).contains(part));
        return Some(Crop::Ratio(part(across)?, part(down)?));
    }
    let mut parts = value.split(['x', '+']).map(|part| part.trim().parse::<u32>().ok());
    let mut part = || parts.next().flatten();
    let (width, height, x, y) = (part()?, part()?, part()?, part()?);
    (parts.next().is_none() && width >= 16 && height >= 16).then_some(Crop::Area { width, height, x, y })
}

/// The words of x264 and x265, or the numbers of the others.
fn preset(codec: Codec, value: &str) -> Result<String, String> {
    const SPEEDS: [&str; 9] =
        ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"];
    match codec {
        Codec::H264 | Codec::H265 => choice(value, &SPEEDS.map(|speed| (speed, speed))).map(str::to_owned),
        Codec::Vp9 => number(value, 0..=8).map(|speed: u32| speed.to_string()),
        Codec::Av1 => number(value, 0..=13).map(|speed: u32| speed.to_string()),
        other => Err(format!("{} has no presets", other.name())),
    }
}
