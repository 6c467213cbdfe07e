//! What a user chooses: a preset by its name, or coordinates in a short notation.

use std::f64::consts::TAU;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{Axis, Path, PathError, Point, Repeat, Stabilization};

/// Places with a name, those of Octolapse and moonraker-timelapse.
///
/// Edges are 1 % away from the printer's limits, as in Octolapse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Preset {
    /// Back, left corner.
    BackLeft,
    /// Back, in the middle.
    Back,
    /// Back, right corner.
    BackRight,
    /// Left, in the middle.
    Left,
    /// The middle of the bed.
    Centre,
    /// Right, in the middle.
    Right,
    /// Front, left corner.
    FrontLeft,
    /// Front, in the middle.
    Front,
    /// Front, right corner.
    FrontRight,
    /// Once around the middle in 32 frames, with a radius of 5 % of the bed.
    Orbit,
    /// Slowly to and fro along x about the middle, as if the head followed the print (Octolapse's
    /// "Animated-Printing").
    FollowPrint,
    /// No move at all.
    Disabled,
}

impl Preset {
    const NAMES: [(&'static str, Self); 12] = [
        ("back_left", Self::BackLeft),
        ("back", Self::Back),
        ("back_right", Self::BackRight),
        ("left", Self::Left),
        ("centre", Self::Centre),
        ("right", Self::Right),
        ("front_left", Self::FrontLeft),
        ("front", Self::Front),
        ("front_right", Self::FrontRight),
        ("orbit", Self::Orbit),
        ("follow_print", Self::FollowPrint),
        ("disabled", Self::Disabled),
    ];

    /// What the preset stands for.
    #[must_use]
    pub fn stabilization(self) -> Stabilization {
        const NEAR: f64 = 1.0;
        const MIDDLE: f64 = 50.0;
        const FAR: f64 = 99.0;
        match self {
            Self::BackLeft => Stabilization::relative(NEAR, FAR),
            Self::Back => Stabilization::relative(MIDDLE, FAR),
            Self::BackRight => Stabilization::relative(FAR, FAR),
            Self::Left => Stabilization::relative(NEAR, MIDDLE),
            Self::Centre => Stabilization::relative(MIDDLE, MIDDLE),
            Self::Right => Stabilization::relative(FAR, MIDDLE),
            Self::FrontLeft => Stabilization::relative(NEAR, NEAR),
            Self::Front => Stabilization::relative(MIDDLE, NEAR),
            Self::FrontRight => Stabilization::relative(FAR, NEAR),
            Self::Orbit => {
                const STEPS: u32 = 32;
                const RADIUS: f64 = 5.0;
                let around = |f: fn(f64) -> f64| {
                    let angles = (0..STEPS).map(|i| TAU * f64::from(i) / f64::from(STEPS));
                    relative_path(angles.map(|a| RADIUS.mul_add(f(a), MIDDLE)).collect(), Repeat::Loop)
                };
                Stabilization { x: around(f64::cos), y: around(f64::sin) }
            }
            Self::FollowPrint => {
                let x = (0..=20).map(|i| 0.5f64.mul_add(f64::from(i), 45.0)).collect();
                Stabilization { x: relative_path(x, Repeat::PingPong), y: Axis::Relative(MIDDLE) }
            }
            Self::Disabled => Stabilization::NONE,
        }
    }
}

/// A path that cannot be refused; the presets' own points are finite and not none.
fn relative_path(points: Vec<f64>, repeat: Repeat) -> Axis {
    Path::new(points, repeat).map_or(Axis::Disabled, Axis::RelativePath)
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::NAMES.iter().find(|(_, preset)| preset == self).map_or("", |(name, _)| name))
    }
}

/// Where the head goes for the frames of a film, as a user chooses it.
///
/// As text: the name of a [`Preset`] (`back_left`, `orbit` ...), `nearest_edge`, `snap_to_print`, or `X,Y` with one of
/// these for each axis: `-` (leave it), `120` (mm), `5%` (of the bed), or a path of either, `45%/50%/55%`, followed by
/// `:loop` or `:pingpong`. So `10,-` moves only x.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Park {
    /// By this rule in every frame.
    At(Stabilization),
    /// One place for the whole film: the one at the edge of the bed that needs the least travel for this model.
    NearestEdge,
    /// Where the print comes nearest to a back left corner by itself; the head is never sent away from the print.
    SnapToPrint,
}

/// Why a text is not a place to park.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParkError {
    /// Neither a preset nor two axes.
    #[error("'{0}' is no place to park: give a preset such as back_left or nearest_edge, or X,Y such as 10,5%")]
    Unknown(String),
    /// One axis is not understood.
    #[error("'{0}' is no coordinate: give millimetres (120), a share of the bed (5%), a path (0/10/20:loop) or -")]
    Coordinate(String),
    /// A path that is not one.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl From<Preset> for Park {
    fn from(preset: Preset) -> Self {
        Self::At(preset.stabilization())
    }
}

impl FromStr for Park {
    type Err = ParkError;

    fn from_str(s: &str) -> Result<Self, ParkError> {
        let name = s.trim().to_ascii_lowercase().replace(['-', ' '], "_");
        match name.as_str() {
            "nearest_edge" => return Ok(Self::NearestEdge),
            "snap_to_print" | "snap" => return Ok(Self::SnapToPrint),
            "center" => return Ok(Preset::Centre.into()),
            "none" => return Ok(Preset::Disabled.into()),
            _ => {}
        }
        if let Some((_, preset)) = Preset::NAMES.iter().find(|(known, _)| *known == name) {
            return Ok((*preset).into());
        }
        let (x, y) = s.split_once(',').ok_or_else(|| ParkError::Unknown(s.to_owned()))?;
        Ok(Self::At(Stabilization { x: axis(x.trim())?, y: axis(y.trim())? }))
    }
}

/// One axis in the notation of [`Park`].
fn axis(s: &str) -> Result<Axis, ParkError> {
    let wrong = || ParkError::Coordinate(s.to_owned());
    if s == "-" {
        return Ok(Axis::Disabled);
    }
    let (list, repeat) = match s.split_once(':') {
        None => (s, Repeat::Stay),
        Some((list, "loop")) => (list, Repeat::Loop),
        Some((list, "pingpong")) => (list, Repeat::PingPong),
        Some(_) => return Err(wrong()),
    };
    let relative = list.contains('%');
    let number = |part: &str| {
        let digits = if relative { part.trim().strip_suffix('%')? } else { part.trim() };
        digits.trim().parse::<f64>().ok().filter(|n| n.is_finite())
    };
    let points = list.split('/').map(number).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
    Ok(match (points.as_slice(), relative) {
        ([mm], false) => Axis::Fixed(*mm),
        ([percent], true) => Axis::Relative(*percent),
        (_, false) => Axis::FixedPath(Path::new(points, repeat)?),
        (_, true) => Axis::RelativePath(Path::new(points, repeat)?),
    })
}

impl Park {
    /// The rule that gives a target for each frame; `None` when the print has to be known first.
    ///
    /// With [`Park::SnapToPrint`] the target is only what the natural positions are compared with.
    #[must_use]
    pub fn stabilization(&self) -> Option<Stabilization> {
        match self {
            Self::At(s) => Some(s.clone()),
            Self::SnapToPrint => Some(Preset::BackLeft.stabilization()),
            Self::NearestEdge => None,
        }
    }

    /// The same fixed place in every frame.
    #[must_use]
    pub fn fixed(p: Point) -> Self {
        Self::At(Stabilization::fixed(p))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stabilize::{Bed, Limits};

    fn limits() -> Limits {
        Limits::new(Bed::Rectangle { min: Point::new(0., 0.), max: Point::new(200., 100.) }, 0., 200.).unwrap()
    }

    fn target(park: &str, frame: usize) -> Point {
        let park: Park = park.parse().unwrap();
        park.stabilization().unwrap().target(frame, Point::new(77., 33.), &limits())
    }

    #[test]
    fn presets_stand_at_their_corner_a_hundredth_from_the_edge() {
        assert_eq!(target("back_left", 0), Point::new(2., 99.));
        assert_eq!(target("Front-Right", 5), Point::new(198., 1.));
        assert_eq!(target("center", 5), Point::new(100., 50.));
        assert_eq!(target("disabled", 5), Point::new(77., 33.));
    }

    #[test]
    fn every_preset_is_found_by_the_name_it_shows() {
        for (name, preset) in Preset::NAMES {
            assert_eq!(preset.to_string(), name);
            assert_eq!(name.parse(), Ok(Park::from(preset)));
        }
    }

    #[test]
    fn the_orbit_closes_after_32_frames() {
        assert!(target("orbit", 0).distance(Point::new(110., 50.)) < 1e-9);
        assert!(target("orbit", 8).distance(Point::new(100., 55.)) < 1e-9);
        assert_eq!(target("orbit", 32), target("orbit", 0));
    }

    #[test]
    fn follow_print_swings_about_the_middle() {
        for (frame, x) in [(0, 90.), (20, 110.), (40, 90.), (41, 91.)] {
            assert!(target("follow_print", frame).distance(Point::new(x, 50.)) < 1e-9, "{frame}");
        }
    }

    #[test]
    fn coordinates_are_millimetres_shares_or_left_alone() {
        assert_eq!(target("120,5%", 0), Point::new(120., 5.));
        assert_eq!(target("10,-", 0), Point::new(10., 33.));
        assert_eq!(target("0%/50%:pingpong, 1/2/3", 2), Point::new(0., 3.));
        assert_eq!(target("0/5/9:loop,-", 4), Point::new(5., 33.));
    }

    #[test]
    fn what_is_no_place_says_how_one_looks() {
        assert_eq!("shelf".parse::<Park>(), Err(ParkError::Unknown("shelf".into())));
        for wrong in ["1,x", "1,2:round", "1,5%/6", "1,", "nan,1"] {
            assert!(matches!(wrong.parse::<Park>(), Err(ParkError::Coordinate(_))), "{wrong}");
        }
    }
}
