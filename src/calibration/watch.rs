//! Collects the frames of a camera while the head moves.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{Look, Thumb};
use crate::camera::{Camera, Freshness, Miss, Seen};
use crate::clock::{Clock, MonoTime};

/// Frames that may wait to be decoded; on a slow host the rest is passed over, which costs precision and nothing else.
const QUEUE: usize = 4;
/// From one request for a snapshot to the next; servers have no more than this to give.
const PACE: Duration = Duration::from_millis(15);
/// Frames that are kept: some 20 kB each.
const MOST_LOOKS: usize = 2_400;
/// More than this part of the picture must change to count as a movement.
const CHANGE: f64 = 0.002;

/// Watches a camera until it is ended.
#[derive(Debug)]
pub struct Watch {
    stop: CancellationToken,
    reader: JoinHandle<Option<Miss>>,
    decoder: JoinHandle<Vec<Look>>,
    /// The last frame, and when the picture last changed.
    seen: watch::Receiver<Option<(MonoTime, MonoTime)>>,
}

impl Watch {
    /// Starts to watch.
    #[must_use]
    pub fn start(camera: Arc<Camera>, clock: Clock) -> Self {
        let stop = CancellationToken::new();
        let (frames, queue) = mpsc::channel(QUEUE);
        let (tell, seen) = watch::channel(None);
        let stopped = stop.clone();
        let reader =
            tokio::spawn(async move { stopped.run_until_cancelled(read(&camera, clock, frames)).await.flatten() });
        let decoder = tokio::task::spawn_blocking(move || decode(queue, &tell));
        Self { stop, reader, decoder, seen }
    }

    /// Waits until the picture has not changed for `quiet`, at most `limit`; false when it has not come to that.
    pub async fn quiet_for(&mut self, quiet: Duration, limit: Duration) -> bool {
        let is_quiet = |seen: &Option<(MonoTime, MonoTime)>| {
            seen.is_some_and(|(latest, changed)| latest.secs_since(changed) >= quiet.as_secs_f64())
        };
        matches!(tokio::time::timeout(limit, self.seen.wait_for(is_quiet)).await, Ok(Ok(_)))
    }

    /// Ends, and gives what was seen and why nothing more came, if it did not.
    pub async fn end(self) -> (Vec<Look>, Option<Miss>) {
        self.stop.cancel();
        // Both end by themselves; a panic in there has been logged.
        let trouble = self.reader.await.ok().flatten();
        (self.decoder.await.unwrap_or_default(), trouble)
    }
}

async fn read(camera: &Camera, clock: Clock, frames: mpsc::Sender<Seen>) -> Option<Miss> {
    let mut after = clock.monotonic();
    let mut trouble = None;
    let mut attempts = 0;
    while attempts < 5 {
        match camera.next_after(after).await {
            Ok(seen) => {
                after = seen.frame.received;
                let next = seen.asked.map(|asked| asked + PACE);
                (trouble, attempts) = (None, 0);
                if let Err(mpsc::error::TrySendError::Closed(_)) = frames.try_send(seen) {
                    break;
                }
                if let Some(next) = next {
                    clock.sleep_until(next).await;
                }
            }
            Err(miss) => {
                debug!(error = %miss, "no frame to calibrate by");
                trouble = Some(miss);
                attempts += 1;
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    trouble
}

fn decode(mut queue: mpsc::Receiver<Seen>, tell: &watch::Sender<Option<(MonoTime, MonoTime)>>) -> Vec<Look> {
    let mut looks: Vec<Look> = Vec::new();
    // Compared with the picture of the last change, so that a slow one is seen too.
    let mut standing: Option<(Thumb, MonoTime)> = None;
    let mut before = Bytes::new();
    while let Some(Seen { frame, asked }) = queue.blocking_recv() {
        let thumb = match Thumb::decode(&frame.jpeg) {
            Ok(thumb) => thumb,
            Err(error) => {
                debug!(error, "a frame could not be decoded");
                continue;
            }
        };
        let at = asked.unwrap_or(frame.received);
        let changed = match &standing {
            Some((before, since)) if before.changed(&thumb) < CHANGE => *since,
            _ => at,
        };
        if changed == at {
            standing = Some((thumb.clone(), at));
        }
        tell.send_replace(Some((at, changed)));
        let by_stamps = matches!(frame.freshness, Freshness::Proven | Freshness::Compared);
        let stamped = by_stamps.then_some(frame.exposed);
        if looks.len() < MOST_LOOKS {
            looks.push(Look { at, is_new: before != frame.jpeg, stamped, thumb });
        }
        before = frame.jpeg;
    }
    looks
}
