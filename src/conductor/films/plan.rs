//! Which films a print gets: of which profile, and of which cameras.

use crate::render::{Profile, Reel};
use crate::session::{NewReel, SessionId, Store, StoreError};

/// A reel and its track.
pub(super) type Tracked = (String, Reel);

/// One film.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) profile: Profile,
    pub(super) reels: Vec<Reel>,
    /// What its name says of its camera.
    pub(super) suffix: String,
}

/// The reels with frames, the main one first.
pub(super) fn reels(store: &Store, id: &SessionId) -> Result<Vec<Tracked>, StoreError> {
    let mut reels = Vec::new();
    for reel in store.reels(id)? {
        let frames = store.frames_of(id, reel.number)?;
        if !frames.is_empty() {
            let NewReel { camera, view, track, .. } = reel.of;
            reels.push((track, Reel { number: reel.number, camera, frames, view }));
        }
    }
    Ok(reels)
}

/// The films of a profile, each with what its name says of its camera and the reels that it shows: one of all cameras
/// where the profile arranges or names them, else one of each reel.
pub(super) fn films_of(profile: &Profile, reels: &[Tracked]) -> Vec<(String, Vec<Reel>)> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::FilmSettings;

    #[test]
    fn each_camera_has_its_film_unless_the_profile_puts_them_together() {
        let reel = |number, camera: &str| Reel { number, camera: Some(camera.into()), ..Reel::default() };
        let reels = [
            ("layers".to_owned(), reel(0, "front")),
            ("layers".to_owned(), reel(1, "side")),
            ("hyperlapse".to_owned(), reel(2, "front")),
        ];
        let base = Profile::of_settings(&FilmSettings::default()).unwrap();
        let films = |words: &str| {
            let profile = Profile::from_words("x", words, &base).unwrap();
            let shown = |(suffix, reels): (String, Vec<Reel>)| (suffix, reels.iter().map(|r| r.number).collect());
            films_of(&profile, &reels).into_iter().map(shown).collect::<Vec<(String, Vec<u32>)>>()
        };
        let expected = [(String::new(), vec![0]), ("side".into(), vec![1]), ("front_hyperlapse".into(), vec![2])];
        assert_eq!(films("mp4"), expected);
        assert_eq!(films("layout=side_by_side"), [(String::new(), vec![0, 1])]);
        assert_eq!(films("cameras=side"), [(String::new(), vec![0, 1])]);
    }
}
