//! Which films a session has: one for each automatic profile, and for each camera where the profile shows one alone.

use std::path::PathBuf;

use crate::config::Settings;
use crate::render::{FilmSettings, Profile, ProfileError, Reel, RenderError, film_key};
use crate::session::{NewReel, SessionId, Store, StoreError};

/// One film of a session.
#[derive(Clone, Debug)]
pub(super) struct FilmPlan {
    /// The reels that it shows, the leading one first.
    pub(super) reels: Vec<Reel>,
    /// What its name says of them.
    pub(super) suffix: String,
    /// What it is to be like.
    pub(super) profile: Profile,
}

impl FilmPlan {
    /// Tells it from the other films of the session.
    pub(super) fn key(&self) -> String {
        film_key(&self.reels, &self.profile)
    }

    /// The folder of its segments, in that of the session's.
    pub(super) fn segments(&self, folder: PathBuf) -> PathBuf {
        folder.join(self.key())
    }
}

/// The films that a session has by the settings, and what is wrong with the others.
pub(super) fn plans(
    settings: &Settings,
    reels: &[(String, Reel)],
) -> Result<(Vec<FilmPlan>, Vec<ProfileError>), RenderError> {
    let (profiles, faults) = FilmSettings::from(settings).profiles()?;
    let mut plans = Vec::new();
    for profile in profiles.into_iter().filter(|profile| profile.automatic) {
        for (suffix, reels) in films_of(&profile, reels) {
            plans.push(FilmPlan { reels, suffix, profile: profile.clone() });
        }
    }
    Ok((plans, faults))
}

/// The session's reels that have frames, the main one first, each with its track. Blocks on the disk.
pub(super) fn reels_of(store: &Store, id: &SessionId) -> Result<Vec<(String, Reel)>, StoreError> {
    let mut reels = Vec::new();
    for reel in store.reels(id)? {
        let frames = store.film_frames(id, reel.number)?;
        if !frames.is_empty() {
            let NewReel { camera, view, track, .. } = reel.of;
            let hero = store.hero(id, reel.number);
            reels.push((track, Reel { number: reel.number, camera, frames, view, hero }));
        }
    }
    Ok(reels)
}

/// The films of a profile, each with the reels that it shows and what its name says of them: one of all cameras together
/// where the profile arranges them, else one of each reel.
fn films_of(profile: &Profile, reels: &[(String, Reel)]) -> Vec<(String, Vec<Reel>)> {
    let main_track = reels.first().map(|(track, _)| track);
    if profile.layout.most_cameras() > 1 || !profile.cameras.is_empty() {
        let of_track = reels.iter().filter(|(track, _)| Some(track) == main_track);
        return vec![(String::new(), of_track.map(|(_, reel)| reel.clone()).collect())];
    }
    let suffix = |track: &String, reel: &Reel| {
        let camera = reel.camera.as_deref().filter(|_| reel.number > 0);
        let track = Some(track.as_str()).filter(|_| Some(track) != main_track);
        camera.into_iter().chain(track).collect::<Vec<_>>().join("_")
    };
    reels.iter().map(|(track, reel)| (suffix(track, reel), vec![reel.clone()])).collect()
}
