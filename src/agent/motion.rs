//! Klipper's own word on where the head goes, for as long as somebody wants it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, warn};

use crate::moonraker::{Backoff, Endpoint, MotionFeed, Stretch};

/// Batches that may wait; one comes each half second.
const QUEUE: usize = 32;
/// Klipper remembers thirty seconds of moves, and tells all that nobody was told of in one piece, during which it does
/// nothing else: on a slow host that could hold up a print. So a line that was down for longer stays down.
const LONGEST_GAP: Duration = Duration::from_secs(6);

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
        if let Some(feed) = &mut self.feed {
            if let Some(batch) = feed.batches.recv().await {
                return Some(batch);
            }
            self.feed = None;
        }
        std::future::pending().await
    }
}

/// Reads, and connects again when Klipper hangs up.
async fn read(klipper: Endpoint, out: mpsc::Sender<Vec<Stretch>>) {
    let mut backoff = Backoff::default();
    let mut told = false;
    let mut up = Instant::now();
    while up.elapsed() < LONGEST_GAP {
        match MotionFeed::open(&klipper).await {
            Ok(mut feed) => {
                debug!(%klipper, "following the head's moves");
                backoff.reset();
                while let Some(batch) = feed.next().await {
                    if out.send(batch).await.is_err() {
                        return;
                    }
                }
                up = Instant::now();
            }
            Err(problem) if !told => {
                told = true;
                warn!(error = %problem, "Klipper does not tell where the head goes: frames in passing are missed");
            }
            Err(_) => {}
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
    warn!(%klipper, "the line on which Klipper tells of its moves was down too long; it is asked again at the next print");
}
