//! Several cameras in one picture.

/// Colour of the line between pictures: those of one printer look alike, and would seem to be one room.
const LINE: &str = "0x111318";

/// How the pictures of several cameras are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The first camera alone.
    Single,
    /// Beside each other, equally high.
    SideBySide,
    /// Below each other, equally wide.
    Stacked,
    /// The others small in the corners of the first.
    PictureInPicture {
        /// Where the second one goes; more follow clockwise.
        corner: Corner,
        /// Width of a small picture, percent of the large one's.
        percent: u32,
    },
}

/// A corner of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Corner {
    TopLeft,
    TopRight,
    BottomRight,
    BottomLeft,
}

impl Corner {
    /// Clockwise.
    pub const ALL: [Self; 4] = [Self::TopLeft, Self::TopRight, Self::BottomRight, Self::BottomLeft];

    /// Its name in a profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TopLeft => "top_left",
            Self::TopRight => "top_right",
            Self::BottomRight => "bottom_right",
            Self::BottomLeft => "bottom_left",
        }
    }

    /// `x:y` of ffmpeg's overlay filter, `margin` pixels from the edges.
    pub(super) fn place(self, margin: u32) -> String {
        let (right, bottom) = (format!("W-w-{margin}"), format!("H-h-{margin}"));
        match self {
            Self::TopLeft => format!("{margin}:{margin}"),
            Self::TopRight => format!("{right}:{margin}"),
            Self::BottomRight => format!("{right}:{bottom}"),
            Self::BottomLeft => format!("{margin}:{bottom}"),
        }
    }
}

/// How pictures of given sizes become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Composition {
    /// More filters for each camera.
    pub(super) each: Vec<Vec<String>>,
    /// What joins the streams `[r0]`, `[r1]` and so on; it has no name for its output.
    pub(super) join: String,
    /// Width, pixels.
    pub(super) width: u32,
    /// Height, pixels.
    pub(super) height: u32,
}

impl Layout {
    /// How many cameras it can show.
    #[must_use]
    pub fn most_cameras(self) -> usize {
        match self {
            Self::Single => 1,
            Self::SideBySide | Self::Stacked => 4,
            Self::PictureInPicture { .. } => 1 + Corner::ALL.len(),
        }
    }

    /// `None` for one camera.
    pub(super) fn compose(self, sizes: &[(u32, u32)]) -> Option<Composition> {
        let &[first, ref others @ ..] = sizes else { return None };
        if others.is_empty() || self == Self::Single {
            return None;
        }
        let scale =
            |width: u32, height: u32| vec![format!("scale={width}:{height}:flags=lanczos"), "setsar=1".to_owned()];
        let inputs: String = (0..sizes.len()).map(|i| format!("[r{i}]")).collect();
        let count = sizes.len();
        match self {
            Self::Single => None,
            Self::SideBySide => {
                let height = sizes.iter().map(|size| size.1).min()?;
                let widths: Vec<u32> = sizes.iter().map(|&(w, h)| share(w, height, h)).collect();
                let gap = even(height / 120);
                let mut each: Vec<Vec<String>> = widths.iter().map(|&width| scale(width, height)).collect();
                for filters in each.iter_mut().skip(1) {
                    filters.push(format!("pad=iw+{gap}:ih:{gap}:0:color={LINE}"));
                }
                let join = format!("{inputs}hstack=inputs={count}");
                let gaps = gap * u32::try_from(others.len()).unwrap_or(0);
                Some(Composition { each, join, width: widths.iter().sum::<u32>() + gaps, height })
            }
            Self::Stacked => {
                let width = sizes.iter().map(|size| size.0).min()?;
                let heights: Vec<u32> = sizes.iter().map(|&(w, h)| share(h, width, w)).collect();
                let gap = even(width / 160);
                let mut each: Vec<Vec<String>> = heights.iter().map(|&height| scale(width, height)).collect();
                for filters in each.iter_mut().skip(1) {
                    filters.push(format!("pad=iw:ih+{gap}:0:{gap}:color={LINE}"));
                }
                let join = format!("{inputs}vstack=inputs={count}");
                let gaps = gap * u32::try_from(others.len()).unwrap_or(0);
                Some(Composition { each, join, width, height: heights.iter().sum::<u32>() + gaps })
            }
            Self::PictureInPicture { corner, percent } => {
                let (width, height) = first;
                let (margin, border) = (even(width / 50), even(width / 320));
                let mut each = vec![Vec::new()];
                for &(w, h) in others {
                    let small = share(width, percent, 100);
                    let mut filters = scale(small, share(h, small, w));
                    filters.push(format!("pad=iw+{0}:ih+{0}:{border}:{border}:color={LINE}", border * 2));
                    each.push(filters);
                }
                let start = Corner::ALL.iter().position(|&other| other == corner).unwrap_or_default();
                let corners = Corner::ALL.into_iter().cycle().skip(start);
                let mut join = String::new();
                let mut under = "[r0]".to_owned();
                for (i, corner) in (1..count).zip(corners) {
                    if i > 1 {
                        under = format!("[p{i}]");
                        join.push_str(&format!("{under};"));
                    }
                    join.push_str(&format!("{under}[r{i}]overlay={}", corner.place(margin)));
                }
                Some(Composition { each, join, width, height })
            }
        }
    }
}

/// `of * to / from`, even.
fn share(of: u32, to: u32, from: u32) -> u32 {
    even(u32::try_from(u64::from(of) * u64::from(to) / u64::from(from.max(1))).unwrap_or(u32::MAX))
}

fn even(length: u32) -> u32 {
    (length & !1).max(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_and_below_each_other_nothing_is_stretched() {
        let sizes = [(1280, 720), (640, 480)];
        let beside = Layout::SideBySide.compose(&sizes).unwrap();
        assert_eq!((beside.width, beside.height), (852 + 4 + 640, 480));
        assert_eq!(beside.each[0][0], "scale=852:480:flags=lanczos");
        assert_eq!(beside.join, "[r0][r1]hstack=inputs=2");
        let below = Layout::Stacked.compose(&sizes).unwrap();
        assert_eq!((below.width, below.height), (640, 360 + 4 + 480));
        assert_eq!(Layout::SideBySide.compose(&sizes[..1]), None, "one camera needs no layout");
    }

    #[test]
    fn small_pictures_go_into_the_corners_clockwise() {
        let layout = Layout::PictureInPicture { corner: Corner::BottomRight, percent: 30 };
        let made = layout.compose(&[(1280, 720), (640, 480), (640, 360)]).unwrap();
        assert_eq!(made.join, "[r0][r1]overlay=W-w-24:H-h-24[p2];[p2][r2]overlay=24:H-h-24");
        assert_eq!((made.width, made.height), (1280, 720));
        assert_eq!(made.each[1][0], "scale=384:288:flags=lanczos");
    }
}
