//! Texts on the film: layer, height, time and more, frame by frame.
//!
//! They are drawn while the film is rendered, so another render can change them; frames hold no text. Of ffmpeg's two ways
//! the subtitle renderer (libass) is used: it finds fonts, glyphs of other scripts and outlines by itself, and its script is
//! a file of plain text, while `drawtext` takes text and settings through three levels of quoting. The script gives every
//! frame 40 ms whatever the film's rate is, and the filter shows it that clock; so a text can never slip to another frame.

mod font;
mod script;

use std::path::Path;

pub(super) use script::script;

use super::Fps;
use super::escape::filter_value;
use super::template::Template;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Place {
    TopLeft,
    Top,
    TopRight,
    Left,
    Center,
    Right,
    BottomLeft,
    Bottom,
    BottomRight,
}

impl Place {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::TopLeft,
        Self::Top,
        Self::TopRight,
        Self::Left,
        Self::Center,
        Self::Right,
        Self::BottomLeft,
        Self::Bottom,
        Self::BottomRight,
    ];

    /// Its name in a profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TopLeft => "top_left",
            Self::Top => "top",
            Self::TopRight => "top_right",
            Self::Left => "left",
            Self::Center => "center",
            Self::Right => "right",
            Self::BottomLeft => "bottom_left",
            Self::Bottom => "bottom",
            Self::BottomRight => "bottom_right",
        }
    }

    /// As on a numeric keypad, which is how subtitles count.
    fn keypad(self) -> u32 {
        match self {
            Self::TopLeft => 7,
            Self::Top => 8,
            Self::TopRight => 9,
            Self::Left => 4,
            Self::Center => 5,
            Self::Right => 6,
            Self::BottomLeft => 1,
            Self::Bottom => 2,
            Self::BottomRight => 3,
        }
    }
}

/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour {
    /// 0 to 255.
    pub red: u8,
    /// 0 to 255.
    pub green: u8,
    /// 0 to 255.
    pub blue: u8,
    /// 0 (clear) to 255 (solid).
    pub alpha: u8,
}

impl Colour {
    /// Reads `#rgb`, `#rrggbb` or `#rrggbbaa`, with or without `#`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.trim().trim_start_matches('#');
        let hex: String = if hex.len() == 3 { hex.chars().flat_map(|c| [c, c]).collect() } else { hex.to_owned() };
        if !matches!(hex.len(), 6 | 8) || !hex.chars().all(|c| c.is_ascii_hexdigit()) {
            return None;
        }
        let byte = |at: usize| hex.get(at..at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
        Some(Self { red: byte(0)?, green: byte(2)?, blue: byte(4)?, alpha: byte(6).unwrap_or(255) })
    }
}

/// Texts and how they look.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlay {
    /// One text for each place.
    pub texts: Vec<(Place, Template)>,
    /// A font that fontconfig knows; `None` takes ours.
    pub font: Option<String>,
    /// Height of a line, percent of the film's height.
    pub size: f64,
    /// Of the text.
    pub colour: Colour,
    /// Of the line around it.
    pub outline: Colour,
    /// Thickness of that line, percent of the text's height.
    pub outline_width: f64,
    /// Distance from the film's edges, percent of its height.
    pub margin: f64,
}

impl Default for Overlay {
    fn default() -> Self {
        Self {
            texts: Vec::new(),
            font: None,
            size: 4.5,
            colour: Colour { red: 255, green: 255, blue: 255, alpha: 255 },
            outline: Colour { red: 16, green: 18, blue: 24, alpha: 200 },
            outline_width: 6.0,
            margin: 4.0,
        }
    }
}

/// The filter that draws a script on a film of that rate.
pub(super) fn filter(script: &Path, fps: Fps) -> String {
    let (num, den) = fps.parts();
    // 40 ms a frame while the texts are drawn, then the film's own time.
    format!(
        "settb=1/1000,setpts=N*{},ass=filename={},settb={den}/{num},setpts=N",
        script::FRAME_MS,
        filter_value(script)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_on_web_pages() {
        let colour = |red, green, blue, alpha| Some(Colour { red, green, blue, alpha });
        assert_eq!(Colour::parse("#ff8000"), colour(255, 128, 0, 255));
        assert_eq!(Colour::parse("fff"), colour(255, 255, 255, 255));
        assert_eq!(Colour::parse("#10182080"), colour(16, 24, 32, 128));
        for text in ["red", "#12", "#12345", "", "#gggggg", "éé"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
