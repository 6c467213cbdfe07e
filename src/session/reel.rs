//! Reels: the frames of one camera that follow one another.

use serde::{Deserialize, Serialize};

use super::FilmRecord;

/// The track of frames by layer, the main one unless the print is a hyperlapse.
pub const LAYERS: &str = "layers";
/// The track of frames by time.
pub const HYPERLAPSE: &str = "hyperlapse";

/// The part of a picture that is shown, as parts of its width and height from its top left corner, 0 to 1: it holds for
/// any resolution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Crop {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// How the pictures of a camera are shown. Frames are stored as received; films apply this: first the crop, then the turn,
/// then the mirrors, as Mainsail does with a webcam (`transform: scaleX(-1) rotate(90deg)` begins with the last one).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Clockwise, degrees.
    pub rotation: u32,
    /// Left to right.
    pub flip_x: bool,
    /// Top to bottom.
    pub flip_y: bool,
    /// `None` shows the whole picture.
    pub crop: Option<Crop>,
}

/// What tells one reel of a session from the others, and how its pictures are shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NewReel {
    /// Name of the camera.
    pub camera: Option<String>,
    /// Its uid in Moonraker's list, which stays when it is renamed.
    pub camera_uid: Option<String>,
    /// What decides when its frames are taken: [`LAYERS`], [`HYPERLAPSE`], or another word.
    pub track: String,
    /// How its pictures are shown.
    pub view: View,
}

impl Default for NewReel {
    fn default() -> Self {
        Self { camera: None, camera_uid: None, track: LAYERS.to_owned(), view: View::default() }
    }
}

impl NewReel {
    /// Whether both are of the same camera and the same track.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        let same_camera = match (&self.camera_uid, &other.camera_uid) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.camera == other.camera,
        };
        same_camera && self.track == other.track
    }
}

/// A reel of a session: the frames of one camera and one track, numbered from 1 without gaps. Reel 0 is the main one,
/// which the UIs show.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reel {
    /// From 0, within the session.
    pub number: u32,
    /// What it is.
    #[serde(flatten)]
    pub of: NewReel,
}

/// A reel with its counts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReelSummary {
    /// The reel.
    #[serde(flatten)]
    pub reel: Reel,
    /// Frames that are there.
    pub frames: u32,
    /// Frames whose file vanished after it was stored.
    pub lost: u32,
    /// Frames that were wanted and not got.
    pub misses: u32,
    /// Size of the frames that are there.
    pub bytes: u64,
    /// Films made of it alone, oldest first.
    pub films: Vec<FilmRecord>,
}
