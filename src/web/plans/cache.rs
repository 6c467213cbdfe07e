//! The last plans and drawings.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::drawing::Drawing;
use crate::conductor::planning::Planned;
use crate::planner::Restrictions;
use crate::stabilize::Limits;

/// Layers of the plans that are kept, about 2 kB each; the newest plan is kept whatever it has.
const LAYERS: usize = 10_000;
/// Drawings that are kept; they lie on the disk.
const DRAWINGS: usize = 4;

/// A file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileKey {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// The bits of Moonraker's time.
    pub(super) modified: u64,
}

/// A plan.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: u64,
    pub(super) file: FileKey,
    /// How it was planned.
    pub(super) key: String,
    pub(super) limits: Limits,
    pub(super) restrictions: Restrictions,
    pub(super) planned: Planned,
    pub(super) drawing: Arc<Drawn>,
}

/// A drawing.
#[derive(Debug)]
pub(super) struct Drawn {
    pub(super) id: u64,
    file: FileKey,
    pub(super) drawing: Drawing,
}

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Inner>);

/// Without a question for this long all of them go.
const FORGOTTEN: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    /// When something was last asked.
    used: Option<Instant>,
    plans: VecDeque<Arc<Kept>>,
    drawings: VecDeque<Arc<Drawn>>,
}

impl Inner {
    /// The plan that is meant; the one that was used last is forgotten last.
    fn use_plan(&mut self, meant: impl Fn(&Kept) -> bool) -> Option<Arc<Kept>> {
        let at = self.plans.iter().position(|kept| meant(kept))?;
        let kept = self.plans.remove(at)?;
        self.plans.push_front(Arc::clone(&kept));
        Some(kept)
    }
}

impl Kept {
    fn layers(&self) -> usize {
        // A plan without frames takes room, too.
        self.planned.plan.snapshots.len().max(100)
    }
}

impl Cache {
    /// The same question's answer.
    pub(super) fn find(&self, file: &FileKey, key: &str) -> Option<Arc<Kept>> {
        self.inner().use_plan(|kept| kept.file == *file && kept.key == key)
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<Kept>> {
        self.inner().use_plan(|kept| kept.id == id)
    }

    pub(super) fn keep(&self, mut kept: Kept) -> Arc<Kept> {
        let mut inner = self.inner();
        inner.next += 1;
        kept.id = inner.next;
        let kept = Arc::new(kept);
        inner.plans.push_front(Arc::clone(&kept));
        let mut layers = kept.layers();
        let mut room = |kept: &Arc<Kept>| {
            layers += kept.layers();
            layers <= LAYERS
        };
        let keep = inner.plans.iter().skip(1).map_while(|kept| room(kept).then_some(())).count() + 1;
        inner.plans.truncate(keep);
        kept
    }

    pub(super) fn drawing(&self, file: &FileKey) -> Option<Arc<Drawn>> {
        self.inner().drawings.iter().find(|drawn| drawn.file == *file).cloned()
    }

    pub(super) fn drawing_of(&self, id: u64) -> Option<Arc<Drawn>> {
        self.inner().drawings.iter().find(|drawn| drawn.id == id).cloned()
    }

    pub(super) fn keep_drawing(&self, file: &FileKey, drawing: Drawing) -> Arc<Drawn> {
        let mut inner = self.inner();
        inner.next += 1;
        let drawn = Arc::new(Drawn { id: inner.next, file: file.clone(), drawing });
        inner.drawings.push_front(Arc::clone(&drawn));
        inner.drawings.truncate(DRAWINGS);
        drawn
    }

    /// Gives back the memory of what nobody has asked for.
    pub(super) fn forget(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.used.is_some_and(|used| used.elapsed() > FORGOTTEN) {
            inner.plans.clear();
            inner.drawings.clear();
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.used = Some(Instant::now());
        inner
    }
}

impl std::ops::Deref for Drawn {
    type Target = Drawing;

    fn deref(&self) -> &Drawing {
        &self.drawing
    }
}
