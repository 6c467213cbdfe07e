//! What the page shows of the agent: built at most four times a second, and only when something happened.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Agent;
use crate::conductor::{Event, SnapshotView, View};
use crate::web::{Board, Live, Setup, Shots, Sources};

/// From one look to the next.
const PACE: Duration = Duration::from_millis(250);
/// What became of a frame is shown for so long before the next one is.
const LINGER: Duration = Duration::from_secs(2);

/// Where the state goes.
#[derive(Debug)]
pub(super) struct Portal {
    board: Board,
    /// Something happened since the last look.
    dirty: bool,
    after: Instant,
    shots: Shots,
    /// The frame that was taken or missed last, and until when it is shown.
    last: Option<(SnapshotView, Instant)>,
}

impl Default for Portal {
    fn default() -> Self {
        Self { board: Board::default(), dirty: true, after: Instant::now(), shots: Shots::default(), last: None }
    }
}

impl Portal {
    pub(super) fn board(&self) -> Board {
        self.board.clone()
    }

    /// Something happened.
    pub(super) fn touch(&mut self) {
        self.dirty = true;
    }

    /// A worker has reported something.
    pub(super) fn hear(&self, event: &Event) {
        let film = |ui: &serde_json::Value| ui["action"] == "render" && ui["status"] != "running";
        if matches!(event, Event::Begun { .. } | Event::Ended { .. }) || matches!(event, Event::Ui(ui) if film(ui)) {
            self.board.sessions_changed();
        }
    }

    /// When it is time to look.
    pub(super) async fn due(&self) {
        let linger = self.last.as_ref().map(|(_, until)| *until);
        match (self.dirty, linger) {
            (true, _) => tokio::time::sleep_until(self.after).await,
            (false, Some(until)) => tokio::time::sleep_until(until).await,
            (false, None) => std::future::pending().await,
        }
    }

    fn shots(&mut self, view: &View) -> Shots {
        let now = Instant::now();
        let print = view.print.as_ref().map_or(0, |print| print.number);
        self.last.take_if(|(_, until)| *until <= now);
        if print == self.shots.print && view.shots.len() == self.shots.shots.len() {
            let ended = |state: char| matches!(state, 'c' | 'm');
            let changed = view.shots.iter().zip(self.shots.shots.iter()).rev();
            let news = changed
                .map(|(now, before)| (now, before.state))
                .find(|(now, before)| ended(now.state) && now.state != *before);
            if let Some((shot, _)) = news {
                let state = if shot.state == 'c' { "captured" } else { "missed" };
                let reason = shot.reason.clone().unwrap_or_default();
                let shown = SnapshotView { state, number: shot.number, layer: shot.layer, reason, due_in_s: None };
                self.last = Some((shown, now + LINGER));
            }
        } else {
            self.last = None;
        }
        // Viewers compare; the same list is told by its address.
        if print != self.shots.print || self.shots.shots != view.shots {
            self.shots = Shots { print, shots: Arc::clone(&view.shots) };
        }
        self.shots.clone()
    }
}

impl Agent {
    /// Puts the present state on the board.
    pub(super) fn show(&mut self) {
        let mut view = self.conductor.view(&self.printer);
        let shots = self.portal.shots(&view);
        if let Some((last, _)) = &self.portal.last
            && view.snapshot.as_ref().is_none_or(|next| next.state != "in_place")
        {
            view.snapshot = Some(last.clone());
        }
        let live = Live::of(&Sources {
            moonraker: self.connection.is_some(),
            klipper: self.connection.as_ref().is_some_and(|connection| connection.subscribed),
            enabled: self.conductor.settings().enabled,
            view: &view,
            printer: &self.printer,
            cameras: self.conductor.cameras(),
            newest: &self.conductor.workshop().newest.frames(),
        });
        self.portal.board.show(live, shots);
        self.portal.dirty = false;
        self.portal.after = Instant::now() + PACE;
    }

    /// Tells the page what its calls work with.
    pub(super) fn set_up_page(&mut self) {
        let before = self.portal.board.setup();
        let connection = self.connection.as_ref();
        let here = connection.is_some_and(|connection| connection.has_component);
        self.portal.board.set_up(Setup {
            settings: self.conductor.settings().clone(),
            component: self.component.clone().filter(|_| here),
            overridden: self
                .options
                .overrides
                .iter()
                .flat_map(crate::config::Layer::names)
                .map(str::to_owned)
                .collect(),
            cameras: self.conductor.cameras().to_vec(),
            link: connection.map(|connection| connection.link.clone()),
            klipper_ready: connection.is_some_and(|connection| connection.subscribed),
            outline: self.printer.outline().or_else(|| before.outline.clone()),
            trust: connection.map_or_else(|| before.trust.clone(), |connection| connection.trust.clone()),
        });
    }
}
