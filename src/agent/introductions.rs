//! Looks at the cameras when they are chosen or changed, and says what each is, or what is wrong with it and what to do.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::{info, warn};

use crate::camera::{CameraSpec, probe};
use crate::clock::Clock;
use crate::conductor::Event;
use crate::conductor::filming::Viewpoint;

/// When a host boots, the camera's server may come up after us.
const SECOND_LOOK: Duration = Duration::from_secs(20);

/// The cameras that were looked at.
#[derive(Debug)]
pub(super) struct Introductions {
    known: Vec<CameraSpec>,
    /// The look that is under way.
    look: Option<AbortOnDropHandle<()>>,
    events: mpsc::Sender<Event>,
    clock: Clock,
}

impl Introductions {
    pub(super) fn new(events: mpsc::Sender<Event>, clock: Clock) -> Self {
        Self { known: Vec::new(), look: None, events, clock }
    }

    /// Looks at `chosen`, unless they are the same as the last time.
    pub(super) fn look(&mut self, chosen: &[Viewpoint]) {
        let specs: Vec<CameraSpec> = chosen.iter().map(|viewpoint| viewpoint.spec.clone()).collect();
        if specs == self.known {
            return;
        }
        self.known.clone_from(&specs);
        let (events, clock) = (self.events.clone(), self.clock);
        self.look = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            for spec in specs {
                introduce(&spec, clock, &events).await;
            }
        })));
    }
}

async fn introduce(spec: &CameraSpec, clock: Clock, events: &mpsc::Sender<Event>) {
    let first = probe(spec, clock).await;
    let Some(trouble) = &first.trouble else { return info!("{first}") };
    warn!("{trouble}");
    tokio::time::sleep(SECOND_LOOK).await;
    let second = probe(spec, clock).await;
    match &second.trouble {
        None => info!("{second}"),
        // The agent is on its way out when nobody listens.
        Some(trouble) => drop(events.send(Event::Say(format!("Timelapse: {trouble}"))).await),
    }
}
