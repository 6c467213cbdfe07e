//! Every frame of a camera as it comes, for who studies the camera itself.

use std::time::Duration;

use super::{Camera, Frame, Kind, Miss, snapshot};
use crate::clock::MonoTime;

/// A stream that sends nothing for this long shows nothing.
const PATIENCE: Duration = Duration::from_secs(6);

/// A frame and when it was asked for.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The frame.
    pub frame: Frame,
    /// When the request was sent; `None` for frames of a stream, which nobody asks for.
    pub asked: Option<MonoTime>,
}

impl Camera {
    /// The first frame that arrived after `after`; of a snapshot camera one that is requested now.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn next_after(&self, after: MonoTime) -> Result<Seen, Miss> {
        match self.kind() {
            Kind::Stream => {}
            Kind::Snapshots => {
                let web = self.web.as_ref().map_err(Clone::clone)?;
                let (frame, asked) = snapshot::next(&self.shared, web).await?;
                return Ok(Seen { frame, asked: Some(asked) });
            }
            Kind::Script | Kind::Gcode => return Err(Miss::KeptByCamera { camera: self.shared.name() }),
        }
        let mut changed = self.shared.changed.subscribe();
        let found = async {
            loop {
                let found = self.shared.state().reel.first_after(after).cloned();
                if let Some(frame) = found {
                    return Some(Seen { frame, asked: None });
                }
                // The sender lives as long as `self`.
                changed.changed().await.ok()?;
            }
        };
        let came = tokio::time::timeout(PATIENCE, found).await.ok().flatten();
        came.ok_or_else(|| {
            let state = self.shared.state();
            let nothing = Miss::OnlyBefore { camera: self.shared.name(), waited: PATIENCE };
            state.facts.trouble.clone().unwrap_or(nothing)
        })
    }

    /// Waits until the pace of the stream is known, and with it [`Camera::required_hold`]. At once for other cameras; for
    /// ever for a stream that does not come.
    pub async fn measured(&self) {
        let mut changed = self.shared.changed.subscribe();
        let known = |facts: super::CameraFacts| facts.kind != Kind::Stream || facts.fps.is_some();
        // Fails only when the sender is gone, which lives as long as `self`.
        changed.wait_for(|_| known(self.facts())).await.ok();
    }
}
