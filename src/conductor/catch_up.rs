//! What an earlier run of the agent left: sessions still open, films not made.

use jiff::SignedDuration;
use tokio::task::JoinHandle;
use tracing::warn;

use super::around::LOCK_FILE;
use super::filming::on_disk;
use super::films::{Ending, ending};
use super::{Event, Workshop};
use crate::config::Settings;
use crate::hooks::restore_leftover;
use crate::session::Outcome;

/// A film that could not be made (the host was switched off, ffmpeg was missing) is tried again this long.
const FILM_LATER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Looks after the sessions that an earlier run of the agent left. `idle` holds, when no print is under way, the file that
/// the printer says it has completed, if any; open sessions are closed then. Those that never got the film they
/// deserve are reported again. `v4l2_ctl` puts back the controls of cameras that a killed agent left locked.
pub(super) fn catch_up(workshop: &Workshop, idle: Option<Option<String>>, v4l2_ctl: String) -> JoinHandle<()> {
    let Workshop { store, events, clock, .. } = workshop.clone();
    tokio::spawn(async move {
        let now = clock.wall();
        if idle.is_some()
            && let Ok(folder) = on_disk(&store, |store| Ok(store.dir().to_owned())).await
        {
            restore_leftover(&v4l2_ctl, &folder.join(LOCK_FILE)).await;
        }
        let left = on_disk(&store, move |store| {
            let mut left = Vec::new();
            if let Some(completed) = idle {
                if let Some(file) = completed
                    && let Some(session) = store.resume(&file, None)?
                {
                    store.end(&session.id, Outcome::Complete, now)?;
                }
                store.interrupt_others(None, now)?;
            }
            for summary in store.list()? {
                let recent = summary.session.ended_at.is_some_and(|at| now.duration_since(at) < FILM_LATER);
                // By the settings of that print: who wanted no film then does not want it now.
                let settings = serde_json::from_value::<Settings>(summary.session.settings.clone());
                let wanted = settings.is_ok_and(|then| ending(&then, summary.session.outcome, false) != Ending::Keep);
                if recent && wanted && summary.reels.iter().any(|reel| reel.frames > 0) && summary.films.is_empty() {
                    left.push(summary);
                }
            }
            Ok(left)
        });
        match left.await {
            Ok(left) => {
                for summary in left {
                    let summary = Box::new(summary);
                    events.send(Event::Ended { summary, film_asked: false }).await.ok();
                }
            }
            Err(problem) => warn!(error = %problem, "earlier sessions could not be looked through"),
        }
    })
}
