//! The bed, from the command line or from the slicer's settings.

use std::io::{self, Read, Seek, SeekFrom};
use std::str::FromStr;

use crate::stabilize::{Bed, Point};

/// A common bed, for files that do not say theirs.
pub(super) const USUAL: Bed = Bed::Rectangle { min: Point::new(0.0, 0.0), max: Point::new(220.0, 220.0) };

/// A bed as an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BedArg(pub(super) Bed);

impl FromStr for BedArg {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let wrong = || "give XMIN,YMIN,XMAX,YMAX or round:RADIUS, in mm".to_owned();
        let number = |n: &str| n.trim().parse::<f64>().ok().filter(|n| n.is_finite());
        if let Some(radius) = s.strip_prefix("round:") {
            let radius = number(radius).filter(|r| *r > 0.0).ok_or_else(wrong)?;
            return Ok(Self(Bed::Round { centre: Point::default(), radius }));
        }
        let numbers = s.split(',').map(number).collect::<Option<Vec<_>>>().ok_or_else(wrong)?;
        match numbers.as_slice() {
            [x1, y1, x2, y2] if x1 < x2 && y1 < y2 => {
                Ok(Self(Bed::Rectangle { min: Point::new(*x1, *y1), max: Point::new(*x2, *y2) }))
            }
            _ => Err(wrong()),
        }
    }
}

/// What a slicer's settings say about the printer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Hints {
    pub(super) bed: Option<Bed>,
    /// Largest z, mm.
    pub(super) height: Option<f64>,
    /// Room that the head needs beside finished objects, mm.
    pub(super) clearance: Option<f64>,
}

/// How much of a file's ends is read.
const END_BYTES: u64 = 256 * 1024;

impl Hints {
    /// Reads the ends of `file` and goes back to its start.
    pub(super) fn from_file(file: &mut (impl Read + Seek)) -> io::Result<Self> {
        let mut text = Vec::new();
        file.by_ref().take(END_BYTES).read_to_end(&mut text)?;
        let length = file.seek(SeekFrom::End(0))?;
        if length > END_BYTES {
            file.seek(SeekFrom::Start(length - END_BYTES))?;
            file.by_ref().take(END_BYTES).read_to_end(&mut text)?;
        }
        file.rewind()?;
        Ok(Self::from_text(&text))
    }

    /// The same of ends that have been read.
    pub(super) fn from_ends(head: &[u8], tail: &[u8]) -> Self {
        Self::from_text(&[head, tail].concat())
    }

    fn from_text(text: &[u8]) -> Self {
        let mut hints = Self::default();
        for line in text.split(|b| *b == b'\n').filter(|line| line.starts_with(b";")) {
            let Ok(line) = std::str::from_utf8(line) else { continue };
            let Some((key, value)) = line.trim_start_matches([';', ' ']).split_once('=') else { continue };
            let number = || value.trim().parse::<f64>().ok().filter(|n| n.is_finite() && *n > 0.0);
            match key.trim() {
                "bed_shape" | "printable_area" => hints.bed = outline(value).or(hints.bed),
                "max_print_height" | "printable_height" => hints.height = number().or(hints.height),
                "extruder_clearance_radius" | "extruder_clearance_max_radius" => {
                    hints.clearance = number().or(hints.clearance);
                }
                _ => {}
            }
        }
        hints
    }
}

/// Corners with which a slicer draws a round bed, at least.
const ROUND_CORNERS: usize = 16;

/// The bed within `0x0,200x0,200x200,0x200`; many corners are a circle.
fn outline(value: &str) -> Option<Bed> {
    let corners = value.split(',').map(|corner| {
        let (x, y) = corner.trim().split_once('x')?;
        Some(Point::new(x.parse().ok()?, y.parse().ok()?))
    });
    let corners: Vec<Point> = corners.collect::<Option<_>>()?;
    let fold = |pick: fn(&Point) -> f64, best: fn(f64, f64) -> f64| corners.iter().map(pick).reduce(best);
    let min = Point::new(fold(|p| p.x, f64::min)?, fold(|p| p.y, f64::min)?);
    let max = Point::new(fold(|p| p.x, f64::max)?, fold(|p| p.y, f64::max)?);
    if !(min.x < max.x && min.y < max.y) {
        return None;
    }
    Some(if corners.len() >= ROUND_CORNERS {
        let centre = Point::new(f64::midpoint(min.x, max.x), f64::midpoint(min.y, max.y));
        Bed::Round { centre, radius: (max.x - min.x).min(max.y - min.y) / 2.0 }
    } else {
        Bed::Rectangle { min, max }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beds_are_read_from_arguments() {
        let bed = Bed::Rectangle { min: Point::new(-5., 0.), max: Point::new(195., 300.) };
        assert_eq!("-5,0,195,300".parse(), Ok(BedArg(bed)));
        assert_eq!("round:90".parse(), Ok(BedArg(Bed::Round { centre: Point::default(), radius: 90. })));
        for wrong in ["", "1,2,3", "9,9,1,1", "round:-1", "round:nan", "a,b,c,d"] {
            assert!(wrong.parse::<BedArg>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn prusaslicers_and_orcaslicers_settings_are_read() {
        let prusa =
            b"; bed_shape = 0x0,200x0,200x210,0x210\n; max_print_height = 180\n; extruder_clearance_radius = 20\n";
        let hints = Hints::from_text(prusa);
        assert_eq!(hints.bed, Some(Bed::Rectangle { min: Point::default(), max: Point::new(200., 210.) }));
        assert_eq!((hints.height, hints.clearance), (Some(180.), Some(20.)));
        let orca = Hints::from_text(b"; printable_area = -10x-10,100x-10,100x90,-10x90\n; printable_height = 250");
        assert_eq!(orca.bed, Some(Bed::Rectangle { min: Point::new(-10., -10.), max: Point::new(100., 90.) }));
        assert_eq!(Hints::from_text(b"; bed_shape = nonsense\nG1 X1"), Hints::default());
    }

    #[test]
    fn many_corners_are_a_round_bed() {
        let corners: Vec<String> = (0..72)
            .map(|i| f64::from(i) * std::f64::consts::TAU / 72.0)
            .map(|a| format!("{:.3}x{:.3}", 90.0 * a.cos(), 90.0 * a.sin()))
            .collect();
        let Some(Bed::Round { centre, radius }) = outline(&corners.join(",")) else { panic!("not round") };
        assert!(centre.distance(Point::default()) < 0.01 && (radius - 90.).abs() < 0.1);
    }
}
