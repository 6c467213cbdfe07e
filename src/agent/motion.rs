//! Klipper's own word on where the head goes, for as long as somebody wants it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::moonraker::{Backoff, Endpoint, MotionFeed, Stretch};

/// Batches that may wait; one comes each half second.
const QUEUE: usize = 32;
/// Klipper is given so long to tell of its moves.
const LOOK: Duration = Duration::from_secs(5);

/// The feed, or none.
#[derive(Debug, Default)]
pub(super) struct Motion {
    feed: Option<Feed>,
}

#[derive(Debug)]
struct Feed {
    batches: mpsc::Receiver<Vec<Stretch>>,
    /// For more than one batch.
    lasting: bool,
    /// Ends with the feed.
    _reader: AbortOnDropHandle<()>,
}

impl Motion {
    /// Follows the Klipper at `klipper` from now on; `None` ends it.
    pub(super) fn follow(&mut self, klipper: Option<Endpoint>) {
        self.feed = klipper.map(|klipper| {
            let (out, batches) = mpsc::channel(QUEUE);
            Feed { batches, lasting: true, _reader: AbortOnDropHandle::new(tokio::spawn(read(klipper, out))) }
        });
    }

    /// Gives one batch, of the last seconds, unless batches are followed.
    pub(super) fn look_back(&mut self, klipper: Option<Endpoint>) {
        let (Some(klipper), None | Some(Feed { lasting: false, .. })) = (klipper, &self.feed) else { return };
        let (out, batches) = mpsc::channel(1);
        let reader = AbortOnDropHandle::new(tokio::spawn(look(klipper, out)));
        self.feed = Some(Feed { batches, lasting: false, _reader: reader });
    }

    /// The next batch; never returns while nobody wants one.
    pub(super) async fn next(&mut self) -> Option<Vec<Stretch>> {
        if let Some(feed) = &mut self.feed {
            if let Some(batch) = feed.batches.recv().await {
                return Some(batch);
            }
            self.feed = None;
        }
        std::future::pending().await
    }
}

/// Klipper sends what it remembers at once, within half a second.
async fn look(klipper: Endpoint, out: mpsc::Sender<Vec<Stretch>>) {
    let batch = async { MotionFeed::open(&klipper).await.ok()?.next().await };
    match tokio::time::timeout(LOOK, batch).await {
        // Nobody listens any more when the feed was replaced.
        Ok(Some(batch)) => out.send(batch).await.unwrap_or_default(),
        Ok(None) | Err(_) => debug!(%klipper, "Klipper did not tell of its moves"),
    }
}

/// Reads for ever, and connects again when Klipper hangs up.
async fn read(klipper: Endpoint, out: mpsc::Sender<Vec<Stretch>>) {
    let mut backoff = Backoff::default();
    let mut told = false;
    loop {
        match MotionFeed::open(&klipper).await {
            Ok(mut feed) => {
                debug!(%klipper, "following the head's moves");
                backoff.reset();
                while let Some(batch) = feed.next().await {
                    if out.send(batch).await.is_err() {
                        return;
                    }
                }
            }
            Err(problem) if !told => {
                told = true;
                warn!(error = %problem, "frames in passing are missed: Klipper does not tell where the head goes");
            }
            Err(_) => {}
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}
