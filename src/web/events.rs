//! `GET /api/events`: what changes, as it changes. A viewer gets the newest of each kind whenever it can take something;
//! what came between is not kept for it.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::Stream;
use serde::Serialize;
use serde_json::{Value as Json, json};
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::Instant;

use super::SharedApp;
use super::board::Shots;
use super::calibration::Calibrating;
use super::error::{Answer, Problem};
use super::log::Line;
use super::state::Now;
use crate::conductor::ShotView;

/// The state is not sent more often.
const PACE: Duration = Duration::from_millis(250);
/// So often something is sent when there is nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One viewer.
struct Viewer {
    app: SharedApp,
    state: watch::Receiver<Arc<super::live::Live>>,
    shots: watch::Receiver<Shots>,
    jobs: watch::Receiver<u64>,
    revisions: [watch::Receiver<u64>; 4],
    calibration: watch::Receiver<Arc<Calibrating>>,
    log: broadcast::Receiver<Arc<Line>>,
    /// What it has been told of the planned frames.
    told: Option<Shots>,
    /// When the state may be sent again.
    next_state: Instant,
    ready: VecDeque<Event>,
    _place: OwnedSemaphorePermit,
}

/// `GET /api/events`
pub(super) async fn follow(State(app): State<SharedApp>) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let place = Arc::clone(&app.viewers).try_acquire_owned();
    let place = place.map_err(|_| Problem::busy("Too many pages are open: close one"))?;
    let viewer = Viewer::new(app, place);
    let events = futures_util::stream::unfold(viewer, async |mut viewer| {
        let event = viewer.next().await?;
        Some((Ok(event), viewer))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)))
}

impl Viewer {
    fn new(app: SharedApp, place: OwnedSemaphorePermit) -> Self {
        let board = &app.board;
        let mut viewer = Self {
            state: board.follow_live(),
            shots: board.follow_shots(),
            jobs: app.films.follow(),
            revisions: board.follow_revisions(),
            calibration: board.follow_calibration(),
            log: app.log.follow(),
            told: None,
            next_state: Instant::now(),
            ready: VecDeque::new(),
            _place: place,
            app,
        };
        // At first everything is new.
        viewer.state.mark_changed();
        viewer.shots.mark_changed();
        viewer.jobs.mark_changed();
        viewer.calibration.mark_changed();
        viewer.revisions.iter_mut().for_each(watch::Receiver::mark_changed);
        viewer
    }

    /// Waits for the next thing to say; `None` when the agent stops.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let [settings, sessions, cameras, health] = &mut self.revisions;
            let pace = self.next_state;
            let state = &mut self.state;
            tokio::select! {
                changed = async { tokio::time::sleep_until(pace).await; state.changed().await } => {
                    changed.ok()?;
                    self.next_state = Instant::now() + PACE;
                    let live = self.state.borrow_and_update().clone();
                    self.say("state", &Now::of(&self.app, &live));
                }
                changed = self.shots.changed() => {
                    changed.ok()?;
                    let now = self.shots.borrow_and_update().clone();
                    let news = news(self.told.as_ref(), &now);
                    self.told = Some(now);
                    if let Some(news) = news {
                        self.say("shots", &news);
                    }
                }
                changed = self.jobs.changed() => {
                    changed.ok()?;
                    self.jobs.mark_unchanged();
                    if let Ok(jobs) = super::jobs::list(&self.app).await {
                        self.say("jobs", &json!({"jobs": jobs}));
                    }
                }
                changed = settings.changed() => {
                    changed.ok()?;
                    let revision = *settings.borrow_and_update();
                    self.say("settings", &json!({"revision": revision}));
                }
                changed = sessions.changed() => {
                    changed.ok()?;
                    let revision = *sessions.borrow_and_update();
                    self.say("sessions", &json!({"revision": revision}));
                }
                changed = cameras.changed() => {
                    changed.ok()?;
                    let revision = *cameras.borrow_and_update();
                    self.say("cameras", &json!({"revision": revision}));
                }
                changed = health.changed() => {
                    changed.ok()?;
                    health.mark_unchanged();
                    self.say("health", &super::health::in_short(&self.app));
                }
                changed = self.calibration.changed() => {
                    changed.ok()?;
                    let seen = self.calibration.borrow_and_update().clone();
                    self.say("calibration", &super::calibration::shown(&self.app, &seen).await);
                }
                line = self.log.recv() => match line {
                    Ok(line) => self.say("log", &*line),
                    // Too slow; the older lines can be asked for.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                },
            }
        }
    }

    fn say(&mut self, kind: &str, data: &impl Serialize) {
        if let Ok(event) = Event::default().event(kind).json_data(data) {
            self.ready.push_back(event);
        }
    }
}

/// What a viewer that was told `before` has to learn; `None` when that is nothing.
fn news(before: Option<&Shots>, now: &Shots) -> Option<Json> {
    let Shots { print, shots } = now;
    let known = before.filter(|before| before.print == *print && before.shots.len() == shots.len());
    let changed: Vec<Json> = match known {
        None => shots.iter().map(row).collect(),
        Some(known) => {
            shots.iter().zip(known.shots.iter()).filter(|(now, known)| now != known).map(|(now, _)| row(now)).collect()
        }
    };
    if known.is_some() && changed.is_empty() {
        return None;
    }
    let mut news = json!({"print": print, "total": shots.len(), "shots": changed});
    if known.is_none() {
        news["from"] = 0.into();
    }
    Some(news)
}

fn row(shot: &ShotView) -> Json {
    let ShotView { number, layer, state, reason } = shot;
    match reason {
        Some(reason) => json!([number, layer, state, reason]),
        None => json!([number, layer, state]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shots(print: u64, states: &str) -> Shots {
        let shot = |(number, state)| ShotView {
            number,
            layer: number,
            state,
            reason: (state == 'm').then(|| "the layer ended".to_owned()),
        };
        Shots { print, shots: Arc::new((1..).zip(states.chars()).map(shot).collect()) }
    }

    #[test]
    fn a_viewer_is_told_all_at_first_and_then_what_changed() {
        let first = shots(1, "cap");
        let all = news(None, &first).unwrap();
        assert_eq!(all, json!({"print": 1, "total": 3, "from": 0, "shots": [[1, 1, "c"], [2, 2, "a"], [3, 3, "p"]]}));
        assert_eq!(news(Some(&first), &first), None);
        let later = shots(1, "cmp");
        let changed = json!({"print": 1, "total": 3, "shots": [[2, 2, "m", "the layer ended"]]});
        assert_eq!(news(Some(&first), &later), Some(changed));
        assert_eq!(news(Some(&later), &shots(2, "ppp")).unwrap()["from"], 0);
        assert_eq!(news(Some(&later), &shots(1, "pp")).unwrap()["from"], 0, "a new plan");
    }
}
