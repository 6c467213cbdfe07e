//! Which frame is shown when. Everything that makes a film longer (held frames, pre-roll and post-roll, a codec that
//! stores only some rates) is done here, by naming a frame more than once; so counts and durations are exact in any format.

use super::Fps;
use super::profile::Codec;

/// How fast a film runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// At this rate.
    Fixed(Fps),
    /// To last `target` s, at a whole number of frames a second, as moonraker-timelapse's `variable_fps`: rounded down,
    /// at most `max`, at least `min`.
    Whole {
        /// s.
        target: u32,
        /// Frames a second.
        min: u32,
        /// Frames a second.
        max: u32,
    },
    /// To last exactly `seconds`, rolls included, unless that takes a rate below `min` or above `max`.
    Length {
        /// s.
        seconds: f64,
        /// The slowest.
        min: Fps,
        /// The fastest.
        max: Fps,
    },
}

/// What a roll shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// The frame with this index.
    Frame(usize),
    /// The still of the finished part; the last frame where there is none.
    Hero,
}

/// What a roll is to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Roll {
    First,
    Last,
    Hero,
}

/// The timing that a profile asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// How fast.
    pub pace: Pace,
    /// How often the first frame is repeated.
    pub hold_first: u32,
    /// How often the last frame is repeated.
    pub hold_last: u32,
    /// A still before the film, s.
    pub pre_roll: f64,
    /// A still after the film, s.
    pub post_roll: f64,
    /// What the pre-roll shows.
    pub pre_roll_of: Roll,
    /// What the post-roll shows.
    pub post_roll_of: Roll,
}

/// The film, frame by frame.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeline {
    /// Rate at which the film is stored.
    pub fps: Fps,
    /// What each frame of the film shows.
    pub order: Vec<Shown>,
}

impl Timeline {
    /// How long the film lasts, s.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.fps.seconds(self.len())
    }

    /// Frames in the film.
    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.order.len()).unwrap_or(u32::MAX)
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

impl Timing {
    /// Whether the still of the finished part is in the film.
    #[must_use]
    pub fn shows_hero(&self) -> bool {
        let rolls = [(self.pre_roll, self.pre_roll_of), (self.post_roll, self.post_roll_of)];
        rolls.iter().any(|&(seconds, of)| seconds > 0.0 && of == Roll::Hero)
    }

    /// The rate of a film of `frames` frames.
    #[must_use]
    pub fn rate(&self, frames: usize) -> Fps {
        let body =
            u32::try_from(frames).unwrap_or(u32::MAX).saturating_add(self.hold_first).saturating_add(self.hold_last);
        match self.pace {
            Pace::Fixed(fps) => fps,
            Pace::Whole { target, min, max } => {
                // Zeros, which the UIs let through, mean the nearest possible value.
                let fitting = body.checked_div(target).unwrap_or(u32::MAX);
                Fps::whole(fitting.min(max).max(min))
            }
            Pace::Length { seconds, min, max } => {
                let rolls = self.pre_roll + self.post_roll;
                // Rolls that are longer than the film leave one frame for each of its parts.
                let first = f64::from(body) / (seconds - rolls).max(1e-3);
                let rolled = ((self.pre_roll * first).round() + (self.post_roll * first).round()).min(1e6);
                let total = u64::from(body) + rolled as u64;
                let exact = Fps::new(total * 1000, (seconds * 1000.0).round() as u64);
                match exact {
                    Some(fps) if fps.as_f64() < min.as_f64() => min,
                    Some(fps) if fps.as_f64() > max.as_f64() => max,
                    Some(fps) => fps,
                    None if first < min.as_f64() => min,
                    None => max,
                }
            }
        }
    }

    /// The film of `frames` frames.
    #[must_use]
    pub fn timeline(&self, frames: usize, codec: Codec) -> Timeline {
        let Some(last) = frames.checked_sub(1) else { return Timeline { fps: Fps::whole(1), order: Vec::new() } };
        let fps = self.rate(frames);
        let roll = |seconds: f64, of: Roll| {
            let shown = match of {
                Roll::First => Shown::Frame(0),
                Roll::Last => Shown::Frame(last),
                Roll::Hero => Shown::Hero,
            };
            std::iter::repeat_n(shown, fps.frames_in(seconds) as usize)
        };
        let held = |index: usize, times: u32| std::iter::repeat_n(Shown::Frame(index), times as usize);
        let order: Vec<Shown> = roll(self.pre_roll, self.pre_roll_of)
            .chain(held(0, self.hold_first))
            .chain((0..frames).map(Shown::Frame))
            .chain(held(last, self.hold_last))
            .chain(roll(self.post_roll, self.post_roll_of))
            .collect();
        // Of the rates that can be stored, the first with which the film lasts as long as it should.
        let seconds = order.len() as f64 / fps.as_f64();
        let error = |rate: &Fps| {
            let frames = seconds * rate.as_f64();
            ((frames - frames.round()) / rate.as_f64() * 1e6).abs() as u64
        };
        let stored = codec.stored_rates(fps).into_iter().min_by_key(error).unwrap_or(fps);
        resample(order, fps, stored)
    }
}

/// Shows `order`, which is meant for `from` frames a second, at `to` frames a second.
fn resample(order: Vec<Shown>, from: Fps, to: Fps) -> Timeline {
    if from == to {
        return Timeline { fps: to, order };
    }
    let (a, b) = (from.parts(), to.parts());
    let (step, unit) = (u128::from(a.0) * u128::from(b.1), u128::from(a.1) * u128::from(b.0));
    let count = ((order.len() as u128 * unit * 2 + step) / (step * 2)).max(1);
    // The middle of each stored frame decides what it shows.
    let shown = (0..count).map(|k| ((2 * k + 1) * step / (2 * unit)) as usize);
    let order = shown.filter_map(|index| order.get(index).or(order.last()).copied()).collect();
    Timeline { fps: to, order }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fps(text: &str) -> Fps {
        Fps::parse(text).unwrap()
    }

    fn timing(pace: Pace) -> Timing {
        Timing {
            pace,
            hold_first: 0,
            hold_last: 0,
            pre_roll: 0.0,
            post_roll: 0.0,
            pre_roll_of: Roll::First,
            post_roll_of: Roll::Last,
        }
    }

    #[test]
    fn held_frames_and_rolls_are_repeats() {
        let timing = Timing {
            hold_first: 1,
            hold_last: 2,
            pre_roll: 0.2,
            post_roll: 0.3,
            pre_roll_of: Roll::Hero,
            ..timing(Pace::Fixed(fps("10")))
        };
        let frame = Shown::Frame;
        let order = [
            [Shown::Hero, Shown::Hero].as_slice(),
            &[frame(0), frame(0), frame(1), frame(2), frame(2), frame(2)],
            &[frame(2), frame(2), frame(2)],
        ]
        .concat();
        let timeline = timing.timeline(3, Codec::H264);
        assert_eq!(timeline, Timeline { fps: fps("10"), order });
        assert_eq!((timeline.len(), timeline.seconds()), (11, 1.1));
    }

    #[test]
    fn a_film_of_a_given_length_has_exactly_that_length() {
        for (frames, seconds) in [(105, 10.0), (1000, 7.25), (7, 3.0), (333, 60.0)] {
            let (min, max) = (fps("0.1"), fps("240"));
            let plain = timing(Pace::Length { seconds, min, max });
            let rolled = Timing { pre_roll: 1.0, post_roll: 1.5, hold_last: 5, ..plain };
            for timing in [plain, rolled] {
                let timeline = timing.timeline(frames, Codec::H264);
                assert!((timeline.seconds() - seconds).abs() < 1e-6, "{frames} in {seconds}: {}", timeline.seconds());
            }
        }
    }

    #[test]
    fn limits_of_the_rate_win_over_the_length() {
        let (min, max) = (fps("5"), fps("60"));
        let rate = |frames, seconds| timing(Pace::Length { seconds, min, max }).rate(frames).to_string();
        assert_eq!(rate(10, 10.0), "5");
        assert_eq!(rate(10_000, 10.0), "60");
        assert_eq!(rate(1, 100_000.0), "5", "far below every rate");
    }

    #[test]
    fn whole_rates_are_those_of_moonraker_timelapse() {
        let rate = |target, min, max, frames| timing(Pace::Whole { target, min, max }).rate(frames).to_string();
        assert_eq!(rate(10, 5, 60, 105), "10", "rounded down");
        assert_eq!(rate(10, 5, 60, 20), "5", "at least the minimum");
        assert_eq!(rate(10, 5, 60, 6_000), "60", "at most the maximum");
        assert_eq!(rate(10, 70, 60, 650), "70", "the minimum wins");
        assert_eq!(rate(0, 5, 60, 100), "60");
        assert_eq!(rate(10, 0, 60, 5), "1");
    }

    #[test]
    fn a_codec_with_few_rates_shows_every_frame_as_long() {
        let at = |text: &str, codec| timing(Pace::Fixed(fps(text))).timeline(60, codec);
        let mpeg = at("12.5", Codec::Mpeg2);
        assert_eq!((mpeg.fps, mpeg.len(), mpeg.seconds()), (fps("25"), 120, 4.8));
        assert_eq!(mpeg.order[..4], [Shown::Frame(0), Shown::Frame(0), Shown::Frame(1), Shown::Frame(1)]);
        let length = Pace::Length { seconds: 3.2, min: fps("1"), max: fps("60") };
        let mpeg = timing(length).timeline(60, Codec::Mpeg2);
        assert_eq!((mpeg.fps, mpeg.len(), mpeg.seconds()), (fps("25"), 80, 3.2), "18.75 frames a second");
        let gif = at("60", Codec::Gif);
        assert_eq!((gif.fps, gif.len(), gif.seconds()), (fps("50"), 50, 1.0));
        assert_eq!(gif.order.last(), Some(&Shown::Frame(59)));
        assert_eq!(at("50", Codec::Gif).len(), 60);
    }

    #[test]
    fn no_frames_give_an_empty_film() {
        assert!(timing(Pace::Fixed(fps("25"))).timeline(0, Codec::H264).is_empty());
    }
}
