//! The last plans and drawings.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::drawing::Drawing;
use crate::conductor::planning::Planned;
use crate::planner::Restrictions;
use crate::stabilize::Limits;

/// Plans that are kept: about 2 kB for each layer.
const PLANS: usize = 4;
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

impl Cache {
    /// The same question's answer.
    pub(super) fn find(&self, file: &FileKey, key: &str) -> Option<Arc<Kept>> {
        self.inner().plans.iter().find(|kept| kept.file == *file && kept.key == key).cloned()
    }

    pub(super) fn get(&self, id: u64) -> Option<Arc<Kept>> {
        self.inner().plans.iter().find(|kept| kept.id == id).cloned()
    }

    pub(super) fn keep(&self, mut kept: Kept) -> Arc<Kept> {
        let mut inner = self.inner();
        inner.next += 1;
        kept.id = inner.next;
        let kept = Arc::new(kept);
        inner.plans.push_front(Arc::clone(&kept));
        inner.plans.truncate(PLANS);
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
