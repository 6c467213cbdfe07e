//! A list of coordinates that is followed from frame to frame.

use serde::{Deserialize, Serialize};

/// What happens after the last coordinate of a [`Path`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repeat {
    /// Stay on the last.
    #[default]
    Stay,
    /// Start again with the first.
    Loop,
    /// Go back the way it came; the ends are not repeated.
    PingPong,
}

/// Coordinates for one axis, one a frame. Never empty, every number finite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Path {
    points: Vec<f64>,
    repeat: Repeat,
}

/// Why a list of coordinates is not a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// There is no coordinate.
    #[error("a path needs at least one coordinate")]
    Empty,
    /// A coordinate is not a finite number.
    #[error("coordinate {0} of the path is not a finite number")]
    NotFinite(usize),
}

impl Path {
    /// The path along `points`.
    ///
    /// # Errors
    /// When there is no point, or one that is not finite.
    pub fn new(points: Vec<f64>, repeat: Repeat) -> Result<Self, PathError> {
        if points.is_empty() {
            return Err(PathError::Empty);
        }
        match points.iter().position(|p| !p.is_finite()) {
            Some(i) => Err(PathError::NotFinite(i + 1)),
            None => Ok(Self { points, repeat }),
        }
    }

    /// The coordinate for frame `frame`, counted from zero: the first frame gets the first coordinate.
    ///
    /// (Octolapse's smart triggers skip the first coordinate; a bug that is not reproduced.)
    #[must_use]
    pub fn at(&self, frame: usize) -> f64 {
        let n = self.points.len();
        let i = match self.repeat {
            Repeat::Stay => frame.min(n - 1),
            Repeat::Loop => frame % n,
            Repeat::PingPong if n == 1 => 0,
            Repeat::PingPong => {
                let i = frame % (2 * (n - 1));
                if i < n { i } else { 2 * (n - 1) - i }
            }
        };
        self.points[i]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(points: &[f64], repeat: Repeat, frames: usize) -> Vec<f64> {
        let path = Path::new(points.to_vec(), repeat).unwrap();
        (0..frames).map(|i| path.at(i)).collect()
    }

    // The first three are Octolapse's ST01 to ST03.
    #[test]
    fn without_a_loop_it_stays_on_the_last() {
        assert_eq!(walk(&[0., 1., 2., 3., 4., 5.], Repeat::Stay, 8), [0., 1., 2., 3., 4., 5., 5., 5.]);
    }

    #[test]
    fn a_loop_starts_again_with_the_first() {
        assert_eq!(walk(&[5., 4., 3., 2., 1., 0.], Repeat::Loop, 8), [5., 4., 3., 2., 1., 0., 5., 4.]);
    }

    #[test]
    fn ping_pong_goes_back_without_repeating_the_ends() {
        let there_and_back = [0., 1., 2., 3., 4., 5., 4., 3., 2., 1., 0., 1.];
        assert_eq!(walk(&[0., 1., 2., 3., 4., 5.], Repeat::PingPong, 12), there_and_back);
    }

    #[test]
    fn a_path_of_one_stays_there() {
        for repeat in [Repeat::Stay, Repeat::Loop, Repeat::PingPong] {
            assert_eq!(walk(&[7.], repeat, 3), [7., 7., 7.]);
        }
    }

    #[test]
    fn empty_and_infinite_paths_are_refused() {
        assert_eq!(Path::new(vec![], Repeat::Loop), Err(PathError::Empty));
        assert_eq!(Path::new(vec![1., f64::NAN], Repeat::Loop), Err(PathError::NotFinite(2)));
    }
}
