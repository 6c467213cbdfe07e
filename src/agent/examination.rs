//! `TIMELAPSE_DOCTOR`: the doctor's findings on the console.

use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::Agent;
use crate::conductor::{Event, Workshop};
use crate::doctor::{Patient, examine};

impl Agent {
    /// Begins, unless one is under way.
    pub(super) fn examine(&mut self) {
        if self.examination.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        let Workshop { store, events, clock, .. } = self.conductor.workshop().clone();
        let store = store.lock().unwrap_or_else(std::sync::PoisonError::into_inner).dir().to_owned();
        let patient = Patient {
            endpoint: self.options.endpoint.clone(),
            link: self.connection.as_ref().map(|connection| connection.link.clone()),
            conf: self.options.conf.clone().map(Ok),
            overrides: self.options.overrides.clone(),
            store,
            inside: true,
            clock,
        };
        self.examination = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            let report = examine(patient).await;
            info!(findings = report.summary(), "examined");
            for line in report.for_console() {
                // The agent is on its way out when nobody listens.
                events.send(Event::Say(line)).await.ok();
            }
        })));
    }
}
