//! Where on the bed a frame may begin, and what the head must not cross on its way.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::shape::Shape;
use crate::stabilize::Point;

/// What an area means for the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// A frame begins only when the head is here, or in another required area: a wipe tower, say.
    Required,
    /// No frame begins while the head is here: a delicate part, say.
    Forbidden,
    /// The head must not cross this on its way to the park and back: a clip on the bed, a probe's dock.
    Avoid,
}

/// An area with its rule.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Restriction {
    /// What it means.
    pub rule: Rule,
    /// Where it is.
    pub shape: Shape,
}

/// Why a text names no areas.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no area: give `avoid`, `forbidden` or `required`, then `rectangle X1 Y1 X2 Y2` or `circle X Y RADIUS`, in mm"
)]
pub struct RestrictionsError(String);

impl FromStr for Restrictions {
    type Err = RestrictionsError;

    /// One area a line; empty lines and those that begin with `#` are passed over.
    fn from_str(text: &str) -> Result<Self, RestrictionsError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| area(line).ok_or_else(|| RestrictionsError(line.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn area(line: &str) -> Option<Restriction> {
    let mut words = line.split([' ', ',', '\t']).filter(|word| !word.is_empty());
    let rule = match words.next()?.to_ascii_lowercase().as_str() {
        "required" => Rule::Required,
        "forbidden" => Rule::Forbidden,
        "avoid" => Rule::Avoid,
        _ => return None,
    };
    let kind = words.next()?.to_ascii_lowercase();
    let numbers: Option<Vec<f64>> = words.map(|word| word.parse().ok().filter(|n: &f64| n.is_finite())).collect();
    let shape = match (kind.as_str(), numbers?.as_slice()) {
        ("rectangle", &[x1, y1, x2, y2]) => {
            Shape::Rectangle { min: Point::new(x1.min(x2), y1.min(y2)), max: Point::new(x1.max(x2), y1.max(y2)) }
        }
        ("circle", &[x, y, radius]) if radius > 0.0 => Shape::Circle { centre: Point::new(x, y), radius },
        _ => return None,
    };
    Some(Restriction { rule, shape })
}

/// All areas of a track. The rules for a place are Octolapse's: forbidden wins; of the required areas one is enough.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Restrictions(pub Vec<Restriction>);

impl Restrictions {
    /// Whether a frame may begin with the head at `p`.
    #[inline]
    #[must_use]
    pub fn allow(&self, p: Point) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let (mut required, mut met) = (false, false);
        for Restriction { rule, shape } in &self.0 {
            match rule {
                Rule::Forbidden if shape.contains(p) => return false,
                Rule::Required => {
                    required = true;
                    met |= shape.contains(p);
                }
                Rule::Forbidden | Rule::Avoid => {}
            }
        }
        met || !required
    }

    /// Whether the straight way from `a` to `b` touches no area that is to be avoided.
    #[must_use]
    pub fn allow_way(&self, a: Point, b: Point) -> bool {
        self.0.iter().all(|r| r.rule != Rule::Avoid || !r.shape.is_crossed(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(rule: Rule, from: f64, to: f64) -> Restriction {
        Restriction { rule, shape: Shape::Rectangle { min: Point::new(from, from), max: Point::new(to, to) } }
    }

    fn circle(rule: Rule, x: f64, y: f64) -> Restriction {
        Restriction { rule, shape: Shape::Circle { centre: Point::new(x, y), radius: 1.0 } }
    }

    fn allowed(restrictions: &[Restriction], places: &[(f64, f64)]) -> Vec<bool> {
        let all = Restrictions(restrictions.to_vec());
        places.iter().map(|(x, y)| all.allow(Point::new(*x, *y))).collect()
    }

    #[test]
    fn areas_are_read_one_a_line() {
        let text = "# clips\n\navoid rectangle 0 0 5,5\n  Required circle 10 10 1";
        let expected = [rect(Rule::Avoid, 0.0, 5.0), circle(Rule::Required, 10.0, 10.0)];
        assert_eq!(text.parse::<Restrictions>().unwrap().0, expected);
        assert_eq!("avoid rectangle 5 5 0 0".parse::<Restrictions>().unwrap().0, expected[..1]);
        assert_eq!("".parse(), Ok(Restrictions::default()));
        for odd in ["avoid", "avoid circle 1 1 0", "shun circle 1 1 1", "avoid rectangle 1 2 3", "avoid circle 1 1 nan"]
        {
            assert_eq!(odd.parse::<Restrictions>(), Err(RestrictionsError(odd.to_owned())), "{odd}");
        }
    }

    // RE02 to RE04 of Octolapse.
    #[test]
    fn forbidden_wins_over_required() {
        let areas = [rect(Rule::Required, 10., 20.), rect(Rule::Forbidden, 15., 25.)];
        let outside = [(0., 0.), (12.5, 25.), (20.1, 25.), (15., 15.), (20., 15.)];
        assert_eq!(allowed(&areas, &outside), [false; 5]);
        assert_eq!(allowed(&areas, &[(10., 10.), (14.99, 14.99)]), [true; 2]);
    }

    #[test]
    fn a_forbidden_circle_includes_its_border() {
        let areas = [circle(Rule::Forbidden, 10., 10.)];
        assert_eq!(allowed(&areas, &[(9., 9.), (10., 9.), (11., 10.)]), [true, false, false]);
    }

    #[test]
    fn circles_may_overlap() {
        let areas = [circle(Rule::Required, 10., 10.), circle(Rule::Forbidden, 11., 10.)];
        let places = [(12., 10.), (10., 11.), (9., 10.), (10., 10.), (10.5, 10.)];
        assert_eq!(allowed(&areas, &places), [false, true, true, false, false]);
    }

    #[test]
    fn the_way_avoids_what_a_place_may_be_near_to() {
        let all = Restrictions(vec![rect(Rule::Avoid, 0., 5.)]);
        let (left, right) = (Point::new(-1., 2.), Point::new(9., 2.));
        assert!(all.allow(left) && all.allow(Point::new(2., 2.)));
        assert!(!all.allow_way(left, right));
        assert!(all.allow_way(Point::new(-1., 9.), Point::new(9., 9.)));
    }
}
