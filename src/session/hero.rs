//! The still of the finished part, which each camera takes when the head has gone: a picture of its reel that is no frame.

use std::path::{Path, PathBuf};

use super::{JpegInfo, SessionId, Store, StoreError, disk, recover};

/// `<session>/hero.jpg`, and `hero-1.jpg` and so on for the other reels.
pub(super) fn path(session: &Path, reel: u32) -> PathBuf {
    session.join(if reel == 0 { "hero.jpg".to_owned() } else { format!("hero-{reel}.jpg") })
}

impl Store {
    /// Keeps the still of a reel, in place of an earlier one. When this returns, it outlives a kill and a power cut.
    ///
    /// # Errors
    /// [`StoreError::NoSession`], [`StoreError::NotAJpeg`], [`StoreError::NearlyFull`], and the errors of the disk; then
    /// an earlier one is as it was.
    pub fn set_hero(&mut self, id: &SessionId, reel: u32, jpeg: &[u8]) -> Result<PathBuf, StoreError> {
        JpegInfo::read(jpeg)?;
        self.session(id)?;
        self.check_room(jpeg.len() as u64)?;
        let path = path(&self.session_dir(id), reel);
        disk::replace_durably(&recover::temp_of(&path), &path, jpeg)?;
        tracing::debug!(session = %id, reel, bytes = jpeg.len(), "still of the finished part stored");
        Ok(path)
    }

    /// The still of a reel, where there is one.
    #[must_use]
    pub fn hero(&self, id: &SessionId, reel: u32) -> Option<PathBuf> {
        Some(path(&self.session_dir(id), reel)).filter(|path| path.is_file())
    }
}
