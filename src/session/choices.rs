//! What somebody has chosen about a session's frames: which are left out of films, and which stands for the print.
//!
//! A file in the session's folder and not rows of the journal: it goes with the frames, and a journal that had to be rebuilt
//! does not lose it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Frame, SessionId, Store, StoreError, disk, recover};

/// The file's name.
const FILE: &str = "choices.json";

/// A frame by its reel and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameRef {
    /// The reel.
    pub reel: u32,
    /// Its number in the reel.
    pub number: u32,
}

/// The choices of one session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choices {
    /// Numbers of the frames that are left out, by reel.
    dropped: BTreeMap<u32, BTreeSet<u32>>,
    /// The frame that stands for the print; the last one unless chosen.
    pub preview: Option<FrameRef>,
}

impl Choices {
    /// Whether a frame is left out of films.
    #[must_use]
    pub fn leaves_out(&self, FrameRef { reel, number }: FrameRef) -> bool {
        self.dropped.get(&reel).is_some_and(|numbers| numbers.contains(&number))
    }

    /// How many frames of a reel are left out.
    #[must_use]
    pub fn left_out(&self, reel: u32) -> usize {
        self.dropped.get(&reel).map_or(0, BTreeSet::len)
    }

    /// Leaves a frame out of films, or takes it in again.
    pub fn leave_out(&mut self, FrameRef { reel, number }: FrameRef, out: bool) {
        let numbers = self.dropped.entry(reel).or_default();
        if out {
            numbers.insert(number);
        } else {
            numbers.remove(&number);
        }
        self.dropped.retain(|_, numbers| !numbers.is_empty());
    }
}

impl Store {
    /// What was chosen; nothing where that cannot be read.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn choices(&self, id: &SessionId) -> Result<Choices, StoreError> {
        let path = self.choices_path(id);
        match fs::read(&path) {
            Ok(text) => Ok(serde_json::from_slice(&text).unwrap_or_else(|error| {
                tracing::warn!(path = %path.display(), %error, "what was chosen of a session's frames is not understood");
                Choices::default()
            })),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Choices::default()),
            Err(error) => Err(StoreError::io("read", &path, error)),
        }
    }

    /// Keeps a choice, durably.
    ///
    /// # Errors
    /// [`StoreError::NoSession`] and the errors of the disk; then it is as before.
    pub fn choose(&mut self, id: &SessionId, change: impl FnOnce(&mut Choices)) -> Result<Choices, StoreError> {
        self.session(id)?;
        let mut choices = self.choices(id)?;
        change(&mut choices);
        let path = self.choices_path(id);
        let text = serde_json::to_vec(&choices).unwrap_or_default();
        disk::replace_durably(&recover::temp_of(&path), &path, &text)?;
        Ok(choices)
    }

    /// The frames of a reel of which films are made, in order.
    ///
    /// # Errors
    /// The errors of disk and journal.
    pub fn film_frames(&self, id: &SessionId, reel: u32) -> Result<Vec<Frame>, StoreError> {
        let choices = self.choices(id)?;
        let mut frames = self.frames_of(id, reel)?;
        frames.retain(|frame| !choices.leaves_out(FrameRef { reel, number: frame.number }));
        Ok(frames)
    }

    fn choices_path(&self, id: &SessionId) -> PathBuf {
        self.dir().join(id.as_str()).join(FILE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_left_out_and_taken_in_again() {
        let mut choices = Choices::default();
        let [a, b] = [3, 4].map(|number| FrameRef { reel: 1, number });
        choices.leave_out(a, true);
        choices.leave_out(a, true);
        assert!(choices.leaves_out(a) && !choices.leaves_out(b));
        assert!(!choices.leaves_out(FrameRef { reel: 0, number: 3 }));
        assert_eq!((choices.left_out(1), choices.left_out(0)), (1, 0));
        let text = serde_json::to_string(&choices).unwrap();
        assert_eq!(serde_json::from_str::<Choices>(&text).unwrap(), choices);
        choices.leave_out(a, false);
        choices.leave_out(b, false);
        assert_eq!(choices, Choices::default());
    }
}
