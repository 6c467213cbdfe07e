//! How long the head must stand still, where several cameras have a say.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::filming::Viewpoint;
use crate::camera::Camera;

/// A camera's need changes a little with every frame; this much is worth telling.
const STEP: Duration = Duration::from_millis(5);

/// The needs of all cameras of a print. One of them may lead: then its need is everybody's, and a slower one misses
/// frames rather than hold up the print. Else the longest need counts; each is bounded by the camera itself.
#[derive(Clone, Debug)]
pub(super) struct Holds {
    shared: Arc<Mutex<Needs>>,
}

#[derive(Debug)]
struct Needs {
    each: Vec<Duration>,
    leader: Option<usize>,
    /// Added for the light to become steady.
    extra: Duration,
    told: Duration,
}

/// One camera's way to say what it needs.
#[derive(Debug)]
pub(super) struct Hold {
    holds: Holds,
    index: usize,
}

impl Holds {
    pub(super) fn new(cameras: &[(Viewpoint, Camera)], extra: Duration) -> Self {
        let leader = cameras.iter().position(|(viewpoint, _)| viewpoint.leads);
        Self::with(cameras.len(), leader, extra)
    }

    fn with(cameras: usize, leader: Option<usize>, extra: Duration) -> Self {
        let needs = Needs { each: vec![Duration::ZERO; cameras], leader, extra, told: Duration::ZERO };
        Self { shared: Arc::new(Mutex::new(needs)) }
    }

    pub(super) fn of(&self, index: usize) -> Hold {
        Hold { holds: self.clone(), index }
    }
}

impl Hold {
    /// Notes what this camera needs; gives what the head must stand still for now, when that has changed.
    pub(super) fn needs(&self, hold: Duration) -> Option<Duration> {
        let mut needs = self.holds.shared.lock().unwrap_or_else(PoisonError::into_inner);
        *needs.each.get_mut(self.index)? = hold;
        let now = match needs.leader {
            Some(leader) => needs.each.get(leader).copied(),
            None => needs.each.iter().max().copied(),
        }? + needs.extra;
        let changed = now.abs_diff(needs.told) > STEP;
        changed.then(|| {
            needs.told = now;
            now
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_longest_need_counts_and_only_changes_are_told() {
        let holds = Holds::with(2, None, ms(0));
        assert_eq!(holds.of(0).needs(ms(80)), Some(ms(80)));
        assert_eq!(holds.of(1).needs(ms(70)), None);
        assert_eq!(holds.of(1).needs(ms(200)), Some(ms(200)));
        assert_eq!(holds.of(0).needs(ms(90)), None);
        assert_eq!(holds.of(1).needs(ms(60)), Some(ms(90)));
        assert_eq!(holds.of(1).needs(ms(92)), None, "jitter");
    }

    #[test]
    fn a_leaders_need_is_everybodys() {
        let holds = Holds::with(2, Some(1), ms(0));
        assert_eq!(holds.of(0).needs(ms(400)), None);
        assert_eq!(holds.of(1).needs(ms(80)), Some(ms(80)));
    }

    #[test]
    fn the_light_takes_its_time_too() {
        assert_eq!(Holds::with(1, None, ms(200)).of(0).needs(ms(80)), Some(ms(280)));
    }
}
