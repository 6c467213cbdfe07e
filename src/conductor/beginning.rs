//! The session of a print that begins, or that goes on after a restart of the agent.

use std::path::PathBuf;
use std::time::Duration;

use tracing::warn;

use super::Event;
use super::filming::{Desk, Shoot};
use crate::session::{NewReel, NewSession, Publisher, Session, StoreError};

/// Two prints of one file are told apart by when they started; our reading of that start is good to a second or so.
const SAME_START: Duration = Duration::from_secs(30);

/// A session to film into.
pub(super) struct Begun {
    pub(super) session: Session,
    /// Shows the frames to the UIs; `None` where their folder cannot be used.
    pub(super) publisher: Option<Publisher>,
    /// Of the next moment.
    pub(super) shot: u32,
    /// The agent was restarted during the print.
    pub(super) resumed: bool,
}

/// Finds the session of this very print, or starts one, and readies the folder of the UIs.
pub(super) async fn begin(desk: &Desk, shoot: Shoot) -> Result<Begun, StoreError> {
    let now = desk.clock.wall();
    let reels: Vec<NewReel> = shoot.cameras.iter().map(|camera| camera.reel(shoot.main_track())).collect();
    let frame_path = PathBuf::from(&shoot.settings.frame_path);
    let (begun, (shown, layer), others) = desk
        .disk(move |store| {
            let resumed = store.resume(&shoot.print_file, None)?.filter(|session| {
                let apart = session.started_at.duration_since(shoot.started_at).unsigned_abs();
                apart <= SAME_START
            });
            let others = store.interrupt_others(resumed.as_ref().map(|s| &s.id), now)?;
            let others = others.iter().map(|id| store.summary(id)).collect::<Result<Vec<_>, _>>()?;
            let is_resumed = resumed.is_some();
            let session = match resumed {
                Some(session) => session,
                None => store.start(NewSession {
                    print_file: shoot.print_file,
                    job_id: None,
                    started_at: shoot.started_at,
                    camera: shoot.cameras.first().map(|camera| camera.spec.name.clone()),
                    settings: serde_json::json!(shoot.settings),
                    reels,
                    layers: None,
                })?,
            };
            let frames = store.frames(&session.id)?;
            let shot = store.next_shot(&session.id)?;
            // Without the folder the UIs show no picture, and the film is made all the same.
            let publisher = Publisher::open(frame_path, store.dir()).and_then(|mut publisher| {
                if frames.is_empty() {
                    publisher.clear()?;
                } else {
                    publisher.resume(&frames)?;
                }
                Ok(publisher)
            });
            let publisher = publisher
                .inspect_err(|problem| warn!(error = %problem, "the UIs will show no frames of this print"))
                .ok();
            let layer = frames.iter().filter_map(|frame| frame.meta.layer).max();
            let shown = (frames.len(), layer);
            Ok((Begun { session, publisher, shot, resumed: is_resumed }, shown, others))
        })
        .await?;
    for summary in others {
        desk.tell(Event::Ended { summary: Box::new(summary), film_asked: false }).await;
    }
    let frames = shown.try_into().unwrap_or(u32::MAX);
    desk.tell(Event::Begun { session: begun.session.id.clone(), frames, layer }).await;
    Ok(begun)
}
