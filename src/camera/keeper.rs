//! Keeps a webcam ready: its stream open, or its snapshots known; and copes with addresses that give something else than
//! they were entered for.

use std::sync::Arc;
use std::time::Duration;

use tracing::warn;
use url::Url;

use super::http::Web;
use super::spec;
use super::state::Shared;
use super::{Kind, Miss, snapshot, stream};

/// Waits between attempts double from here to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// How long a stream is watched to see how fast the sensor is.
const GLANCE: Duration = Duration::from_secs(3);

pub(super) struct Keeper {
    pub(super) shared: Arc<Shared>,
    pub(super) web: Web,
    pub(super) source: spec::Web,
}

impl Keeper {
    /// Until it is cancelled, or snapshots are known to come.
    pub(super) async fn run(self) {
        let mut stream = self.source.stream.clone();
        if self.source.stills
            && let Some(url) = &stream
        {
            self.glance(url).await;
            stream = None;
        }
        let mut wait = FIRST_WAIT;
        loop {
            let before = self.shared.clock.monotonic();
            match &stream {
                Some(url) => {
                    let miss = match stream::follow(&self.shared, &self.web, url).await {
                        Err(miss) => miss,
                        Ok(never) => match never {},
                    };
                    match self.instead(url, &miss).await {
                        Instead::Snapshots => {
                            warn!(camera = %self.shared.spec.name, "{miss}; its snapshots are used");
                            return;
                        }
                        Instead::Stream(found) => {
                            self.shared.remark(miss);
                            stream = Some(found);
                            continue;
                        }
                        Instead::Nothing => self.shared.lost(miss),
                    }
                }
                None => {
                    let Some(url) = &self.source.snapshot else { return };
                    match snapshot::look(&self.shared, &self.web, url, None).await {
                        Ok(()) => return,
                        Err(miss) if is_a_stream(&miss) => {
                            stream = Some(url.clone());
                            self.shared.remark(miss);
                            self.shared.update(|state| state.facts.kind = Kind::Stream);
                            continue;
                        }
                        Err(miss) => self.shared.lost(miss),
                    }
                }
            }
            // A connection that lasted a while begins anew.
            if self.shared.clock.monotonic().secs_since(before) > 30.0 {
                wait = FIRST_WAIT;
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// What to use when `url` turned out to be no stream.
    async fn instead(&self, url: &Url, miss: &Miss) -> Instead {
        let Miss::NotAStream { content_type, .. } = miss else { return Instead::Nothing };
        let picture = content_type.starts_with("image/").then_some(url);
        let Some(snapshot) = self.source.snapshot.as_ref().or(picture) else { return Instead::Nothing };
        match snapshot::look(&self.shared, &self.web, snapshot, Some(miss)).await {
            Ok(()) => Instead::Snapshots,
            // Both were entered, each as the other.
            Err(miss) if is_a_stream(&miss) && snapshot != url => Instead::Stream(snapshot.clone()),
            Err(_) => Instead::Nothing,
        }
    }

    /// Sees how fast the sensor is, for the bounds of the snapshots.
    async fn glance(&self, url: &Url) {
        let mut changed = self.shared.changed.subscribe();
        let measured = changed.wait_for(|_| self.shared.state().facts.fps.is_some());
        let watch = async {
            tokio::select! {
                _ = measured => {}
                _ = stream::follow(&self.shared, &self.web, url) => {}
            }
        };
        // Without the stream the usual rate is assumed.
        let _in_time = tokio::time::timeout(GLANCE, watch).await;
        self.shared.update(|state| {
            state.facts.connected = false;
            state.facts.resolution = None;
            state.reel.clear();
        });
    }
}

enum Instead {
    Snapshots,
    Stream(Url),
    Nothing,
}

fn is_a_stream(miss: &Miss) -> bool {
    matches!(miss, Miss::NotAPicture { content_type, .. } if content_type.to_ascii_lowercase().starts_with("multipart/"))
}
