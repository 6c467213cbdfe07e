//! The script of an overlay: ASS, the format of libass. Source of its rules: Aegisub's manual, "ASS tags", and the format's
//! own specification.

use std::fmt::Write as _;

use super::super::timing::Shown;
use super::super::tokens::FilmFacts;
use super::{Colour, Overlay, font};

/// How long the script's clock shows each frame.
pub(super) const FRAME_MS: usize = 40;

/// The script for a film of `width` x `height` that shows `order`. Frames that show the still carry the texts of the last
/// frame.
pub(in super::super) fn script(
    overlay: &Overlay,
    order: &[Shown],
    (width, height): (u32, u32),
    film: &FilmFacts<'_>,
) -> String {
    let mut script = format!(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: {width}\nPlayResY: {height}\nWrapStyle: 2\n\
         ScaledBorderAndShadow: yes\n\n[V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, \
         OutlineColour, BackColour, Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, \
         Outline, Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\n"
    );
    let font_name = overlay.font.as_deref().unwrap_or(font::NAME).replace(',', " ");
    let size = f64::from(height) * overlay.size / 100.0;
    let margin = (f64::from(height) * overlay.margin / 100.0).round();
    let outline = size * overlay.outline_width / 100.0;
    let (colour, line) = (ass_colour(overlay.colour), ass_colour(overlay.outline));
    for (place, _) in &overlay.texts {
        // Writing into a String cannot fail.
        let _infallible = writeln!(
            script,
            "Style: {},{font_name},{size:.1},{colour},{colour},{line},{line},0,0,0,0,100,100,0,0,1,{outline:.2},0,{},\
             {margin},{margin},{margin},1",
            place.name(),
            place.keypad(),
        );
    }
    if overlay.font.is_none() {
        script.push('\n');
        script.push_str(&font::section());
    }
    script.push_str("\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n");
    let last = film.frames.len().saturating_sub(1);
    for (place, template) in &overlay.texts {
        let text = |shown: &Shown| {
            let index = if let Shown::Frame(index) = shown { *index } else { last };
            let text = template.fill(str::to_owned, |token, format| token.of_frame(format, index, film));
            ass_text(&text)
        };
        let mut texts = order.iter().map(text).enumerate().peekable();
        while let Some((start, text)) = texts.next() {
            let mut end = start + 1;
            while texts.next_if(|(_, next)| *next == text).is_some() {
                end += 1;
            }
            if text.is_empty() {
                continue;
            }
            // Changes half a frame early, far from the moments at which frames are drawn.
            let (start, end) = (ass_time(start), ass_time(end));
            let _infallible = writeln!(script, "Dialogue: 0,{start},{end},{},,0,0,0,,{text}", place.name());
        }
    }
    script
}

/// `h:mm:ss.cc`, half a frame before frame `index` is drawn.
fn ass_time(index: usize) -> String {
    let hundredths = (index * FRAME_MS).saturating_sub(FRAME_MS / 2) / 10;
    let (seconds, rest) = (hundredths / 100, hundredths % 100);
    format!("{}:{:02}:{:02}.{rest:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Blue first, and 0 is solid.
fn ass_colour(colour: Colour) -> String {
    let Colour { red, green, blue, alpha } = colour;
    format!("&H{:02X}{blue:02X}{green:02X}{red:02X}", 255 - alpha)
}

/// So that nothing in a file's name is taken for a command.
fn ass_text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\N"),
            '{' => safe.push_str("\\{"),
            '}' => safe.push_str("\\}"),
            // A joiner, which nobody sees, keeps it from the letter after it.
            '\\' => safe.push_str("\\\u{2060}"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use jiff::{Timestamp, Zoned};

    use super::super::Place;
    use super::*;
    use crate::render::template::Template;
    use crate::render::tokens::Print;
    use crate::session::{Frame, FrameMeta};

    fn frames(count: u32) -> Vec<Frame> {
        let frame = |number| Frame {
            reel: 0,
            number,
            shot: number,
            path: format!("{number}.jpg").into(),
            width: 64,
            height: 48,
            bytes: 0,
            adopted: false,
            meta: FrameMeta {
                at: Timestamp::from_second(1_000_000 + i64::from(number) * 60).unwrap(),
                layer: Some(number),
                height_mm: Some(f64::from(number) * 0.2),
                extruder_c: Some(214.6),
                ..FrameMeta::default()
            },
        };
        (1..=count).map(frame).collect()
    }

    fn events(text: &str, order: &[Shown]) -> Vec<String> {
        let print = Print {
            file: "parts/a {b}\\N.gcode".into(),
            started_at: Some(Timestamp::from_second(1_000_000).unwrap()),
            ..Print::default()
        };
        let frames = frames(3);
        let film = FilmFacts {
            print: &print,
            profile: "default",
            camera: None,
            frames: &frames,
            fps: "25".into(),
            made_at: &Zoned::default(),
            time_format: "%Y",
        };
        let texts = vec![(Place::BottomLeft, Template::overlay(text).unwrap())];
        let overlay = Overlay { texts, ..Overlay::default() };
        let script = script(&overlay, order, (1280, 720), &film);
        script.lines().filter_map(|line| line.strip_prefix("Dialogue: 0,")).map(str::to_owned).collect()
    }

    #[test]
    fn each_frame_has_its_text_and_the_same_text_is_said_once() {
        let order = [0, 1, 1, 2].map(Shown::Frame);
        assert_eq!(
            events("Layer {layer} of {layers}\\n{height} mm {extruder}°", &order),
            [
                "0:00:00.00,0:00:00.02,bottom_left,,0,0,0,,Layer 1 of 3\\N0.20 mm 215°",
                "0:00:00.02,0:00:00.10,bottom_left,,0,0,0,,Layer 2 of 3\\N0.40 mm 215°",
                "0:00:00.10,0:00:00.14,bottom_left,,0,0,0,,Layer 3 of 3\\N0.60 mm 215°",
            ]
        );
        let still = [Shown::Frame(2), Shown::Hero, Shown::Hero];
        assert_eq!(
            events("{elapsed} {remaining} {progress} %", &still),
            ["0:00:00.00,0:00:00.10,bottom_left,,0,0,0,,0:03:00 0:00:00 100 %"]
        );
    }

    #[test]
    fn names_cannot_command_the_renderer() {
        let shown = events("{file}", &[Shown::Frame(0)]);
        assert!(shown[0].ends_with(",,a \\{b\\}\\\u{2060}N.gcode"), "{shown:?}");
        assert!(events("", &[Shown::Frame(0)]).is_empty());
    }

    #[test]
    fn what_is_not_known_is_a_dash() {
        assert_eq!(events("{bed}|{x}|{camera}|{job}", &[Shown::Frame(0)])[0].rsplit(",,").next(), Some("–|–|–|–"));
    }
}
