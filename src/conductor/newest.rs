//! The newest frame of each camera, for who looks on.

use std::sync::Arc;

use tokio::sync::watch;

use super::filming::Viewpoint;
use crate::session::{Frame, SessionId, Store, StoreError, View};

/// A camera's newest frame.
#[derive(Clone, Debug, PartialEq)]
pub struct NewestFrame {
    /// The camera's name.
    pub camera: String,
    /// Its uid in Moonraker's list.
    pub uid: Option<String>,
    /// How its pictures are shown.
    pub view: View,
    /// Whose.
    pub session: SessionId,
    /// The frame.
    pub frame: Frame,
}

impl NewestFrame {
    /// Whether it is of this camera.
    #[must_use]
    pub fn is_of(&self, viewpoint: &Viewpoint) -> bool {
        match (&self.uid, &viewpoint.uid) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.camera == viewpoint.spec.name,
        }
    }
}

/// All of them. Clones share the list; nobody who reads it is waited for.
#[derive(Clone, Debug)]
pub struct Newest(watch::Sender<Arc<Vec<NewestFrame>>>);

impl Default for Newest {
    fn default() -> Self {
        Self(watch::Sender::new(Arc::default()))
    }
}

impl Newest {
    /// The list now.
    #[must_use]
    pub fn frames(&self) -> Arc<Vec<NewestFrame>> {
        self.0.borrow().clone()
    }

    /// A frame was stored.
    pub fn show(&self, newest: NewestFrame) {
        self.0.send_modify(|list| {
            let list = Arc::make_mut(list);
            let same = |known: &NewestFrame| known.uid == newest.uid && known.camera == newest.camera;
            match list.iter_mut().find(|known| same(known)) {
                Some(known) => *known = newest,
                None => list.push(newest),
            }
        });
    }

    /// Begins with what the latest session has. Blocks on the disk.
    ///
    /// # Errors
    /// The store's.
    pub fn recall(&self, store: &Store) -> Result<(), StoreError> {
        let Some(latest) = store.list()?.into_iter().find(|summary| summary.frames > 0) else { return Ok(()) };
        let session = latest.session.id;
        for reel in latest.reels {
            let of = reel.reel.of;
            let frame = store.frames_of(&session, reel.reel.number)?.pop();
            if let (Some(frame), Some(camera)) = (frame, of.camera) {
                self.show(NewestFrame { camera, uid: of.camera_uid, view: of.view, session: session.clone(), frame });
            }
        }
        Ok(())
    }
}
