//! The arithmetic; see the module's documentation for why it works.

use super::crossing::{Sample, Within, first_rise, last_fall, trimmed_mean};
use super::{Look, Place, Stamps, Stand, Thumb, Timing};
use crate::clock::MonoTime;

/// No camera is later than this, s.
pub(super) const LATEST: f64 = 3.0;
/// Nor earlier: a snapshot may be exposed after it was asked for.
const EARLIEST: f64 = -1.5;
/// Pixels must differ by this much between the two places to count.
const CONTRAST: f64 = 14.0;
/// Fewer pixels than this are not the head.
const LEAST_PIXELS: usize = 12;
/// Half of what one place changes by when the head is gone.
const LEVEL: f64 = 0.25;
/// The least level that counts as a trace of movement, unless the pictures are noisy.
const TRACE: f64 = 0.02;
/// Pictures that differ by more than this while nothing moves cannot be used.
const NOISY: f64 = 0.08;
/// With a greater mean distance between what was seen and what should have been, it was something else that moved.
const UNLIKE: f64 = 0.2;
/// Timestamps are good to this, s.
const STAMP_TOLERANCE: f64 = 0.020;

/// Why nothing could be found out.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Trouble {
    /// Too few frames.
    #[error("only {0} frames came: look at the camera's server")]
    TooFew(usize),
    /// The two places look the same.
    #[error("the pictures do not show the head moving: point the camera at the head, and light it")]
    NotSeen,
    /// The pictures change while nothing moves.
    #[error("the pictures change while the head stands still: is the light steady, does somebody walk by?")]
    Noisy,
    /// What is seen does not follow the head.
    #[error("what moves in the pictures does not follow the head, or it is later than {LATEST} s")]
    NotFollowing,
    /// The head's comings and goings were not seen often enough.
    #[error("the head was seen coming and going {0} times only: the camera sends too few frames")]
    FewEdges(usize),
}

/// Finds the timing of a camera from its frames and the stands of the head: the first at A, from at least [`LATEST`]
/// before its end on; the last at B, and at least five frames of it at the end of `looks`.
///
/// # Errors
/// Why not.
pub fn measure(looks: &[Look], stands: &[Stand]) -> Result<Timing, Trouble> {
    let (Some(last), Some((at_a, at_b))) = (stands.last(), sights(looks, stands)) else {
        return Err(Trouble::TooFew(0));
    };
    if at_a.len() < 3 || looks.len() < 30 {
        return Err(Trouble::TooFew(looks.len()));
    }
    let scale = Scale::between(&at_a, &at_b).ok_or(Trouble::NotSeen)?;
    let noise = scale.noise(&at_a, 0.0).max(scale.noise(&at_b, 1.0));
    if noise > NOISY {
        return Err(Trouble::Noisy);
    }
    let heights: Vec<f64> = looks.iter().map(|look| scale.of(&look.thumb)).collect();
    let curve = |at: &dyn Fn(&Look) -> Option<MonoTime>| -> Vec<Sample> {
        looks.iter().zip(&heights).filter_map(|(look, y)| Some((at(look)?.as_secs_f64(), *y))).collect()
    };
    let arrivals = curve(&|look| Some(look.at));
    let new: Vec<Sample> =
        looks.iter().zip(&arrivals).filter(|(look, _)| look.is_new).map(|(_, sample)| *sample).collect();
    let (interval, jitter) = beat(&new);
    let end = last.from + 2.0 * interval + 0.4;
    let edges = Edges::find(&arrivals, stands, end, TRACE.max(4.0 * noise))?;
    let stamps = looks.iter().all(|look| look.stamped.is_some()).then(|| {
        let stamped = curve(&|look| Some(look.stamped?.middle()));
        let width = looks.last().and_then(|look| look.stamped).map_or(0.0, |s| s.until.secs_since(s.from));
        Edges::find(&stamped, stands, end, TRACE.max(4.0 * noise)).map(|found| {
            let offset_s = -found.middle;
            Stamps { offset_s, right: offset_s.abs() <= width / 2.0 + STAMP_TOLERANCE }
        })
    });
    let exposure_s = edges.exposure().clamp(0.001, interval.max(0.001));
    Ok(Timing {
        latency_s: edges.middle - exposure_s / 2.0,
        exposure_s,
        interval_s: interval,
        jitter_s: jitter,
        error_s: edges.error,
        edges: edges.count as u32,
        // Stamps that cannot be compared are as good as none.
        stamps: stamps.and_then(Result::ok),
    })
}

/// Pictures of the head at A and at B.
pub(super) fn sights<'a>(looks: &'a [Look], stands: &[Stand]) -> Option<(Vec<&'a Thumb>, Vec<&'a Thumb>)> {
    let first = stands.first()?;
    let before = |look: &&Look| first.until.is_some_and(|until| look.at.as_secs_f64() < until);
    let at_a = looks.iter().filter(before).rev().take(9).map(|look| &look.thumb).collect();
    let at_b = looks.iter().rev().take(9).map(|look| &look.thumb).collect();
    Some((at_a, at_b))
}

/// Turns a picture into a number: 0 where it is like the one at A, 1 like the one at B.
pub(super) struct Scale {
    a: Thumb,
    /// What each pixel counts, and in which sense; 0 for most.
    weights: Vec<f64>,
}

impl Scale {
    pub(super) fn between(at_a: &[&Thumb], at_b: &[&Thumb]) -> Option<Self> {
        let (a, b) = (Thumb::median(at_a.iter().copied())?, Thumb::median(at_b.iter().copied())?);
        let differences: Vec<f64> = a.beside(&b).map(|(a, b)| f64::from(b) - f64::from(a)).collect();
        let counts = |d: &&f64| d.abs() > CONTRAST;
        if differences.iter().filter(counts).count() < LEAST_PIXELS {
            return None;
        }
        let square: f64 = differences.iter().filter(counts).map(|d| d * d).sum();
        let weights = differences.iter().map(|d| if counts(&d) { d / square } else { 0.0 }).collect();
        Some(Self { a, weights })
    }

    pub(super) fn of(&self, thumb: &Thumb) -> f64 {
        let pixels = self.a.luma().iter().zip(thumb.luma()).zip(&self.weights);
        pixels.map(|((a, now), weight)| (f64::from(*now) - f64::from(*a)) * weight).sum()
    }

    /// How far off the pictures of one place are.
    fn noise(&self, thumbs: &[&Thumb], place: f64) -> f64 {
        let mut off: Vec<f64> = thumbs.iter().map(|thumb| (self.of(thumb) - place).abs()).collect();
        off.sort_by(f64::total_cmp);
        off.get(off.len() * 3 / 4).copied().unwrap_or_default()
    }
}

pub(super) fn height(place: Place) -> f64 {
    match place {
        Place::A => 0.0,
        Place::B => 1.0,
    }
}

/// What the comings and goings of the head tell.
struct Edges {
    /// From the middle of an exposure to the time of its sample, s.
    middle: f64,
    /// Standard error of the above.
    error: f64,
    /// From the least trace of movement in it to the middle of the change, s.
    visible: f64,
    /// From the first trace of going to the last trace of coming, s: the exposure, less what is not visible at both ends.
    traces: f64,
    trace: f64,
    count: usize,
}

impl Edges {
    fn find(curve: &[Sample], stands: &[Stand], end: f64, trace: f64) -> Result<Self, Trouble> {
        let coarse = coarse(curve, stands).ok_or(Trouble::NotFollowing)?;
        let (mut goings, mut comings) = (Vec::new(), Vec::new());
        let (mut first_traces, mut last_traces) = (Vec::new(), Vec::new());
        for pair in stands.windows(2) {
            let &[here, there] = pair else { continue };
            let until = there.until.unwrap_or(end);
            let window = (
                (here.from.max(here.until.unwrap_or(here.from) - 1.0) + here.until.unwrap_or(here.from)) / 2.0 + coarse,
                (there.from + until) / 2.0 + coarse,
            );
            let away = |place: Place| -> Vec<Sample> {
                curve.iter().map(|(at, y)| (*at, (y - height(place)).abs())).collect()
            };
            let (from_here, from_there) = (away(here.place), away(there.place));
            if let Some(left) = here.until {
                let rise =
                    |level, within| first_rise(&from_here, window.0, window.1, level, within).map(|at| at - left);
                goings.extend(rise(LEVEL, Within::Line));
                first_traces.extend(rise(trace, Within::Middle));
            }
            let fall =
                |level, within| last_fall(&from_there, window.0, window.1, level, within).map(|at| at - there.from);
            comings.extend(fall(LEVEL, Within::Line));
            last_traces.extend(fall(trace, Within::Middle));
        }
        let count = goings.len() + comings.len();
        let few = Trouble::FewEdges(count);
        let (going, going_error) = trimmed_mean(goings).ok_or(few)?;
        let (coming, coming_error) = trimmed_mean(comings).ok_or(few)?;
        let (first, _) = trimmed_mean(first_traces).ok_or(few)?;
        let (last, _) = trimmed_mean(last_traces).ok_or(few)?;
        Ok(Self {
            middle: (going + coming) / 2.0,
            error: going_error.hypot(coming_error) / 2.0,
            visible: ((going - coming) / 2.0).max(0.0),
            traces: last - first,
            trace,
            count,
        })
    }

    /// The head leaves with a steady acceleration, so a trace becomes visible after the root of its part of the time that
    /// the half change takes.
    fn exposure(&self) -> f64 {
        let unseen = self.visible * (self.trace / LEVEL).sqrt();
        self.traces + 2.0 * unseen
    }
}

/// The delay at which what was seen is most like what the head did, good to some ten milliseconds.
fn coarse(curve: &[Sample], stands: &[Stand]) -> Option<f64> {
    let steps = ((LATEST - EARLIEST) / 0.01) as u32;
    let unlike = |delay: f64| {
        let off = curve.iter().map(|(at, y)| (y.clamp(0.0, 1.0) - expected(at - delay, stands)).abs());
        off.sum::<f64>() / curve.len().max(1) as f64
    };
    let best = (0..=steps)
        .map(|step| EARLIEST + f64::from(step) * 0.01)
        .map(|delay| (delay, unlike(delay)))
        .min_by(|a, b| a.1.total_cmp(&b.1))?;
    (best.1 < UNLIKE).then_some(best.0)
}

/// What should be seen at `at`: straight from one stand to the next.
fn expected(at: f64, stands: &[Stand]) -> f64 {
    let next = stands.partition_point(|stand| stand.from <= at);
    let Some(here) = next.checked_sub(1).and_then(|i| stands.get(i)) else {
        return stands.first().map_or(0.0, |first| height(first.place));
    };
    match (here.until, stands.get(next)) {
        (Some(left), Some(there)) if at > left => {
            let part = (at - left) / (there.from - left).max(1e-6);
            height(here.place) + (height(there.place) - height(here.place)) * part
        }
        _ => height(here.place),
    }
}

/// The time from one frame to the next, and how far the frames are off that beat, s.
fn beat(curve: &[Sample]) -> (f64, f64) {
    let mut gaps: Vec<f64> = curve.windows(2).filter_map(|w| Some(w.last()?.0 - w.first()?.0)).collect();
    gaps.sort_by(f64::total_cmp);
    let interval = gaps.get(gaps.len() / 2).copied().unwrap_or(1.0).max(0.001);
    // A frame that was dropped leaves a gap of several intervals, which is no jitter.
    let mut off: Vec<f64> = gaps.iter().map(|gap| (gap - (gap / interval).round().max(1.0) * interval).abs()).collect();
    off.sort_by(f64::total_cmp);
    (interval, off.get(off.len() * 9 / 10).copied().unwrap_or_default().min(interval))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::Tour;

    /// The head at A and B in a strip of 100 pixels; it is 8 wide and 60 apart, and moves as printers do.
    struct Scene {
        stands: Vec<Stand>,
        latency: f64,
        exposure: f64,
        interval: f64,
    }

    const WAY: f64 = 60.0;

    impl Scene {
        fn new(latency: f64, exposure: f64, interval: f64) -> Self {
            let mut stands = vec![Stand { place: Place::A, from: 0.0, until: Some(4.0) }];
            let mut at = 4.0;
            let tour = Tour { x: [0.0, WAY], speed: 1.0 };
            for step in tour.steps(interval) {
                at += 0.4;
                stands.push(Stand { place: step.place, from: at, until: Some(at + step.dwell) });
                at += step.dwell;
            }
            stands.last_mut().unwrap().until = None;
            Self { stands, latency, exposure, interval }
        }

        /// Accelerates for half of the way, brakes for the other.
        fn position(&self, at: f64) -> f64 {
            let e = expected(at, &self.stands);
            let smooth = if e < 0.5 { 2.0 * e * e } else { 1.0 - 2.0 * (1.0 - e).powi(2) };
            smooth * WAY
        }

        fn looks(&self, arrival: impl Fn(usize, f64) -> Option<f64>) -> Vec<Look> {
            let end = self.stands.last().unwrap().from + 2.0 + self.latency;
            let frames = (end / self.interval) as usize;
            (0..frames)
                .filter_map(|i| {
                    let begin = i as f64 * self.interval + 0.0137;
                    let mut luma = vec![40.0_f64; 100];
                    for part in 0..20 {
                        let x = self.position(begin + self.exposure * (f64::from(part) + 0.5) / 20.0) + 15.0;
                        for (pixel, value) in luma.iter_mut().enumerate() {
                            let cover =
                                (x + 8.0 - pixel as f64).clamp(0.0, 1.0) * (pixel as f64 + 1.0 - x).clamp(0.0, 1.0);
                            *value += 60.0 * cover;
                        }
                    }
                    let noisy = luma.iter().enumerate().map(|(p, v)| (*v + ((i * 7 + p * 13) % 5) as f64 - 2.0) as u8);
                    let at = MonoTime::from_secs_f64(arrival(i, begin + self.exposure + self.latency)?)?;
                    let thumb = Thumb::from_luma(10, noisy.collect());
                    Some(Look { at, is_new: true, stamped: None, thumb })
                })
                .collect()
        }
    }

    fn assert_near(found: f64, truth: f64, tolerance: f64, what: &str) {
        assert!((found - truth).abs() <= tolerance, "{what}: {found:.4} for {truth:.4}");
    }

    #[test]
    fn latency_exposure_and_interval_are_found_at_any_latency_and_pace() {
        for interval in [1.0 / 60.0, 1.0 / 30.0, 0.1, 0.2] {
            for latency in [0.0, 0.035, 0.3, 0.8, 2.5] {
                let scene = Scene::new(latency, 0.4 * interval, interval);
                let timing = measure(&scene.looks(|_, at| Some(at)), &scene.stands).unwrap();
                assert_near(timing.latency_s, latency, 0.25 * interval + 0.004, "latency");
                assert_near(timing.exposure_s, 0.4 * interval, 0.35 * interval + 0.012, "exposure");
                assert_near(timing.interval_s, interval, 0.001, "interval");
                assert!(timing.jitter_s < 0.002, "{timing:?}");
            }
        }
    }

    #[test]
    fn dropped_and_late_frames_do_not_mislead() {
        let scene = Scene::new(0.2, 0.012, 1.0 / 30.0);
        // Every ninth frame is lost, and each comes up to 20 ms late.
        let looks = scene.looks(|i, at| (i % 9 != 3).then_some(at + ((i * 31) % 20) as f64 * 0.001));
        let timing = measure(&looks, &scene.stands).unwrap();
        assert_near(timing.latency_s, 0.2 + 0.0095, 0.012, "latency");
        assert!((0.008..0.03).contains(&timing.jitter_s), "{timing:?}");
    }

    #[test]
    fn pictures_that_do_not_show_the_head_are_refused() {
        let scene = Scene::new(0.1, 0.01, 1.0 / 30.0);
        let mut blind = scene.looks(|_, at| Some(at));
        for look in &mut blind {
            look.thumb = Thumb::from_luma(10, vec![40; 100]);
        }
        assert_eq!(measure(&blind, &scene.stands), Err(Trouble::NotSeen));
        assert!(matches!(measure(&[], &scene.stands), Err(Trouble::TooFew(0))));
        // A picture that stops to follow: the last one seen stays.
        let mut stuck = scene.looks(|_, at| Some(at));
        let shown = stuck.iter().position(|look| look.at.as_secs_f64() > 5.0).unwrap();
        let thumb = stuck[shown].thumb.clone();
        stuck[shown..].iter_mut().for_each(|look| look.thumb = thumb.clone());
        assert!(measure(&stuck, &scene.stands).is_err());
    }
}
