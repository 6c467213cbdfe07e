//! Klipper's own word on where the head goes, for as long as somebody wants it.

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::moonraker::{Backoff, Endpoint, MotionFeed, Stretch};

/// Batches that may wait; one comes each half second.
const QUEUE: usize = 32;

/// The feed, or none.
#[derive(Debug, Default)]
pub(super) struct Motion {
    feed: Option<Feed>,
}

#[derive(Debug)]
struct Feed {
    batches: mpsc::Receiver<Vec<Stretch>>,
    /// Ends with the feed.
    _reader: AbortOnDropHandle<()>,
}

impl Motion {
    /// Follows the Klipper at `klipper` from now on; `None` ends it.
    pub(super) fn follow(&mut self, klipper: Option<Endpoint>) {
        self.feed = klipper.map(|klipper| {
            let (out, batches) = mpsc::channel(QUEUE);
            Feed { batches, _reader: AbortOnDropHandle::new(tokio::spawn(read(klipper, out))) }
        });
    }

    /// The next batch; never returns while nobody wants one.
    pub(super) async fn next(&mut self) -> Option<Vec<Stretch>> {
        match &mut self.feed {
            Some(feed) => feed.batches.recv().await,
            None => std::future::pending().await,
        }
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
