//! The geometry of a film: turned, mirrored, cropped, scaled. The size that comes out is known before ffmpeg runs.

use std::f64::consts::PI;

use crate::session::Crop as Part;

/// The part of the picture that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crop {
    /// The largest part in the middle with this ratio of width and height.
    Ratio(u32, u32),
    /// Width, height, and the distance of its left and upper edge from those of the picture, pixels.
    Area {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Pixels.
        x: u32,
        /// Pixels.
        y: u32,
    },
}

/// How a camera hangs: its pictures are rotated, then mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Clockwise, degrees.
    pub rotation: u32,
    /// Mirrors left and right.
    pub flip_x: bool,
    /// Mirrors top and bottom.
    pub flip_y: bool,
}

/// What is kept of the turned picture, and how large the film is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// What is kept of it.
    pub crop: Option<Crop>,
    /// Width of the film, pixels; from `height` when only that is given.
    pub width: Option<u32>,
    /// Height of the film, pixels; from `width` when only that is given.
    pub height: Option<u32>,
}

/// Filters, and the size of what comes out of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Geometry {
    pub(in super::super) filters: Vec<String>,
    pub(in super::super) width: u32,
    pub(in super::super) height: u32,
}

impl Turn {
    /// Whether pictures stay as the camera sent them.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.rotation.is_multiple_of(360) && !self.flip_x && !self.flip_y
    }

    /// The filters for frames of which most have `width` x `height`: every frame is brought to that size first (a camera
    /// that changed its resolution, and a still of another one, get borders); then `part` of it is taken, and turned.
    pub(in super::super) fn geometry(&self, part: Option<Part>, width: u32, height: u32) -> Geometry {
        // Each frame has its own size, so both look at each frame.
        let mut filters = vec![
            format!("scale={width}:{height}:force_original_aspect_ratio=decrease:eval=frame"),
            format!("pad={width}:{height}:(ow-iw)/2:(oh-ih)/2:eval=frame"),
            "setsar=1".to_owned(),
        ];
        let (mut width, mut height) = (width, height);
        if let Some(part) = part {
            let of = |length: u32, share: f64| (f64::from(length) * share.clamp(0.0, 1.0)).round() as u32;
            let area = Crop::Area {
                width: of(width, part.width),
                height: of(height, part.height),
                x: of(width, part.left),
                y: of(height, part.top),
            };
            let (x, y);
            (width, height, x, y) = area.within(width, height);
            filters.push(format!("crop={width}:{height}:{x}:{y}"));
        }
        match self.rotation % 360 {
            0 => {}
            turn @ (90 | 270) => {
                filters.push(if turn == 90 { "transpose=1" } else { "transpose=2" }.to_owned());
                (width, height) = (height, width);
            }
            180 => filters.extend(["hflip".to_owned(), "vflip".to_owned()]),
            other => filters.push(format!("rotate={:.6}", f64::from(other) * PI / 180.0)),
        }
        if self.flip_x {
            filters.push("hflip".to_owned());
        }
        if self.flip_y {
            filters.push("vflip".to_owned());
        }
        Geometry { filters, width, height }
    }
}

impl Picture {
    /// The filters for turned pictures of `width` x `height`.
    pub(in super::super) fn geometry(&self, mut width: u32, mut height: u32) -> Geometry {
        let mut filters = Vec::new();
        if let Some(crop) = self.crop {
            let (x, y);
            (width, height, x, y) = crop.within(width, height);
            filters.push(format!("crop={width}:{height}:{x}:{y}"));
        }
        let (to_width, to_height) = self.size(width, height);
        if (to_width, to_height) != (width, height) {
            if self.width.is_some() && self.height.is_some() {
                // Nothing is stretched: what does not fit gets borders.
                filters
                    .push(format!("scale={to_width}:{to_height}:force_original_aspect_ratio=decrease:flags=lanczos"));
                filters.push(format!("pad={to_width}:{to_height}:(ow-iw)/2:(oh-ih)/2"));
            } else {
                filters.push(format!("scale={to_width}:{to_height}:flags=lanczos"));
            }
            filters.push("setsar=1".to_owned());
        }
        Geometry { filters, width: to_width, height: to_height }
    }

    fn size(&self, width: u32, height: u32) -> (u32, u32) {
        let share = |of: u32, to: u32, from: u32| {
            let length = u64::from(of) * u64::from(to) / u64::from(from.max(1));
            even(u32::try_from(length).unwrap_or(u32::MAX))
        };
        match (self.width, self.height) {
            (None, None) => (width, height),
            (Some(w), None) => (even(w), share(height, w, width)),
            (None, Some(h)) => (share(width, h, height), even(h)),
            (Some(w), Some(h)) => (even(w), even(h)),
        }
    }
}

impl Crop {
    /// Width, height, x and y inside a picture, all even.
    fn within(self, width: u32, height: u32) -> (u32, u32, u32, u32) {
        let (w, h, at) = match self {
            Self::Ratio(across, down) => {
                let (across, down) = (u64::from(across.max(1)), u64::from(down.max(1)));
                let fit = |length: u64| u32::try_from(length).unwrap_or(u32::MAX);
                let wide = fit(u64::from(height) * across / down);
                if wide <= width { (wide, height, None) } else { (width, fit(u64::from(width) * down / across), None) }
            }
            Self::Area { width: w, height: h, x, y } => (w, h, Some((x, y))),
        };
        let (w, h) = (even(w.min(width)), even(h.min(height)));
        let (x, y) = at.unwrap_or(((width - w) / 2, (height - h) / 2));
        (w, h, x.min(width - w) & !1, y.min(height - h) & !1)
    }
}

/// H.264 stores colour for pairs of pixels.
fn even(length: u32) -> u32 {
    (length & !1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turned_first_then_mirrored() {
        let turned = |rotation, flip_x, flip_y| {
            let Geometry { filters, width, height } = Turn { rotation, flip_x, flip_y }.geometry(None, 1280, 720);
            (filters[3..].join(","), width, height)
        };
        assert_eq!(turned(0, false, false), (String::new(), 1280, 720));
        assert_eq!(turned(90, false, true), ("transpose=1,vflip".into(), 720, 1280));
        assert_eq!(turned(180, false, false), ("hflip,vflip".into(), 1280, 720));
        assert_eq!(turned(270, true, false), ("transpose=2,hflip".into(), 720, 1280));
        assert_eq!(turned(45, false, false), ("rotate=0.785398".into(), 1280, 720));
        assert_eq!(turned(360, true, true), ("hflip,vflip".into(), 1280, 720));
        let part = Part { left: 0.25, top: 0.0, width: 0.5, height: 1.0 };
        let Geometry { filters, width, height } =
            Turn { rotation: 90, ..Turn::default() }.geometry(Some(part), 1280, 720);
        assert_eq!((filters[3..].join(","), width, height), ("crop=640:720:320:0,transpose=1".into(), 720, 640));
        assert!(Turn { rotation: 720, ..Turn::default() }.is_none());
    }

    #[test]
    fn cropped_first_then_scaled() {
        let of = |picture: Picture, expected: &str, width, height| {
            let filters = expected.split(',').filter(|f| !f.is_empty()).map(str::to_owned).collect();
            assert_eq!(picture.geometry(1280, 720), Geometry { filters, width, height });
        };
        let picture = Picture::default();
        of(picture, "", 1280, 720);
        let phone = Picture { crop: Some(Crop::Ratio(9, 16)), height: Some(1280), ..picture };
        of(phone, "crop=404:720:438:0,scale=718:1280:flags=lanczos,setsar=1", 718, 1280);
        let area = Crop::Area { width: 641, height: 9000, x: 5000, y: 3 };
        of(Picture { crop: Some(area), ..picture }, "crop=640:720:640:0", 640, 720);
        let boxed = Picture { width: Some(640), height: Some(640), ..picture };
        let filters = "scale=640:640:force_original_aspect_ratio=decrease:flags=lanczos,\
                       pad=640:640:(ow-iw)/2:(oh-ih)/2,setsar=1";
        of(boxed, filters, 640, 640);
        of(Picture { width: Some(480), ..picture }, "scale=480:270:flags=lanczos,setsar=1", 480, 270);
    }
}
