//! The still of the finished part: what each camera sees when a print is complete and the head stands where the file has
//! left it. It is no frame: it has no number and no shot, and a print without it is as good.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tracing::{debug, info};

use super::Conductor;
use super::filming::Desk;
use crate::camera::{Camera, Span};
use crate::clock::{Clock, MonoTime};
use crate::config::Settings;
use crate::printer::Printer;
use crate::render::FilmSettings;
use crate::session::SessionId;

/// The last moves of a file are made after Klipper has called it complete: usually for two or three seconds, longer when the
/// bed goes all the way down. Then there is no still.
const HEAD: Duration = Duration::from_secs(15);
/// After the head has come to rest, until it and the camera's exposure are steady.
const SETTLED: Duration = Duration::from_millis(700);
/// The head stands as long as nobody moves it. The camera gets at least this long for one picture, s.
const STILL: f64 = 1.0;
/// No camera gets longer to deliver it, whatever its own limits are.
const CAMERA: Duration = Duration::from_secs(10);

/// What is known of the head after a print's end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Head {
    /// It moves, or nobody knows.
    Moves,
    /// It stands, since then.
    Stands(MonoTime),
    /// The next print has begun, or Klipper is gone.
    Taken,
}

/// A still that is wanted.
#[derive(Clone, Debug)]
pub(super) struct Finished {
    pub(super) head: watch::Receiver<Head>,
    /// A film shows it, and waits for it.
    pub(super) for_film: bool,
}

impl Conductor {
    /// The printer's state changed: does the head of a print that has just ended stand?
    pub fn watch_head(&mut self, printer: &Printer) {
        if self.head.receiver_count() == 0 {
            return;
        }
        let now = self.workshop.clock.monotonic();
        let rests = printer.rests_since().filter(|since| *since <= now);
        let head = match rests {
            _ if printer.print_stats().state.is_active() => Head::Taken,
            Some(since) => Head::Stands(since),
            None => Head::Moves,
        };
        self.set_head(head);
    }

    pub(super) fn set_head(&self, head: Head) {
        self.head.send_if_modified(|known| std::mem::replace(known, head) != head);
    }

    /// The still of a print that is complete.
    pub(super) fn finished_part(&self) -> Finished {
        // What was known is of the time before.
        self.set_head(Head::Moves);
        Finished { head: self.head.subscribe(), for_film: shown_by_a_film(&self.settings) }
    }
}

fn shown_by_a_film(settings: &Settings) -> bool {
    let profiles = FilmSettings::from(settings).profiles();
    profiles.is_ok_and(|(profiles, _)| profiles.iter().any(|p| p.automatic && p.timing.shows_hero()))
}

/// Takes the still with one camera and keeps it for its reels.
pub(super) async fn take(
    desk: &Desk,
    session: &SessionId,
    mut finished: Finished,
    camera: &Camera,
    name: &str,
    reels: &BTreeSet<u32>,
) {
    if reels.is_empty() {
        return;
    }
    let Some(still) = standing(&mut finished.head, desk.clock).await else {
        info!(session = %session, camera = name, "no still of the finished part: the head does not stand");
        return;
    };
    let hold = camera.required_hold().as_secs_f64().mul_add(2.0, STILL);
    let still = Span { from: still, until: still.offset(hold) };
    let frame = match tokio::time::timeout(CAMERA, camera.capture(still)).await {
        Ok(Ok(frame)) => frame,
        Ok(Err(miss)) => {
            info!(session = %session, camera = name, error = %miss, "no still of the finished part");
            return;
        }
        Err(_) => {
            info!(session = %session, camera = name, "no still of the finished part: the camera does not answer");
            return;
        }
    };
    if *finished.head.borrow() == Head::Taken {
        debug!(session = %session, camera = name, "the still of the finished part came too late");
        return;
    }
    let (id, reels) = (session.clone(), reels.clone());
    let keep =
        desk.disk(move |store| reels.iter().try_for_each(|reel| store.set_hero(&id, *reel, &frame.jpeg).map(drop)));
    match keep.await {
        Ok(()) => info!(session = %session, camera = name, "still of the finished part taken"),
        Err(problem) => info!(session = %session, camera = name, error = %problem, "no still of the finished part"),
    }
}

/// From when on the head stands, not before now; `None` when it does not within [`HEAD`].
async fn standing(head: &mut watch::Receiver<Head>, clock: Clock) -> Option<MonoTime> {
    let waiting = async {
        loop {
            let stands = *head.wait_for(|head| *head != Head::Moves).await.ok()?;
            let Head::Stands(since) = stands else { return None };
            let steady = since + SETTLED;
            // It may have stopped on its way only.
            tokio::select! {
                () = clock.sleep_until(steady) => return Some(steady.max(clock.monotonic())),
                Ok(()) = head.changed() => {}
                else => return None,
            }
        }
    };
    tokio::time::timeout(HEAD, waiting).await.ok().flatten()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_waits_until_the_head_stands_and_is_steady() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let head = watch::Sender::new(Head::Moves);
        let mut receiver = head.subscribe();
        let found = tokio::spawn(async move { standing(&mut receiver, clock).await });
        tokio::time::sleep(Duration::from_secs(2)).await;
        head.send_replace(Head::Stands(clock.monotonic()));
        tokio::time::sleep(SETTLED / 2).await;
        // A stop on its way.
        head.send_replace(Head::Moves);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let since = clock.monotonic();
        head.send_replace(Head::Stands(since));
        assert_eq!(found.await.unwrap(), Some(since + SETTLED));
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_never_stands_or_is_needed_again_is_not_waited_for() {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let head = watch::Sender::new(Head::Moves);
        let begun = clock.monotonic();
        assert_eq!(standing(&mut head.subscribe(), clock).await, None);
        assert_eq!(clock.monotonic().secs_since(begun), HEAD.as_secs_f64());
        head.send_replace(Head::Taken);
        assert_eq!(standing(&mut head.subscribe(), clock).await, None);
        assert_eq!(clock.monotonic().secs_since(begun), HEAD.as_secs_f64(), "at once");
    }

    #[test]
    fn only_films_that_show_it_wait_for_it() {
        let with = |profiles: &str| shown_by_a_film(&Settings { profiles: profiles.into(), ..Settings::default() });
        assert!(!with(""));
        assert!(with("default: post_roll=2 post_roll_of=hero"));
        assert!(with("t: teaser"));
        assert!(!with("t: teaser automatic=no"), "made on request, when it is there");
        assert!(!with("default: post_roll_of=hero"), "a roll of no length");
    }
}
