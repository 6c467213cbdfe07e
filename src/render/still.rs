//! Pictures of single moments of a film: its preview, and stills.

use super::film::Progress;
use super::job::{Job, write};
use super::process::check;
use super::profile::Picture;
use super::recipe::{Chain, Cut};
use super::timing::Shown;
use super::{Profile, RenderError, command, overlay};
use crate::session::JpegInfo;

impl<F: FnMut(Progress) + Send> Job<'_, F> {
    /// Makes the temporary preview: what the film shows last. Gives whether it is there. A film without a preview is a
    /// film, so apart from a cancellation its errors are only logged.
    pub(super) async fn preview(&self) -> Result<bool, RenderError> {
        let Some(&last) = self.timeline().order.last() else { return Ok(false) };
        let as_it_is = self.shows_frames_unchanged();
        if !as_it_is {
            match self.picture(last, false).await {
                Ok(()) => return Ok(true),
                Err(RenderError::Cancelled) => return Err(RenderError::Cancelled),
                Err(error) => {
                    tracing::warn!(%error, "the preview is the last frame as the camera took it");
                }
            }
        }
        let Some(frame) = self.pictures(last).into_iter().next() else { return Ok(false) };
        match tokio::fs::copy(frame, self.scratch.preview()).await {
            Ok(_) => Ok(true),
            Err(error) => {
                tracing::warn!(%error, "no preview of the film");
                Ok(false)
            }
        }
    }

    /// Makes the temporary preview of `shown`, as the film shows it; with the overlay only when asked for, because a
    /// thumbnail's texts cannot be read.
    pub(super) async fn picture(&self, shown: Shown, with_overlay: bool) -> Result<(), RenderError> {
        let output = self.scratch.preview();
        let mut profile = self.profile.clone();
        if !with_overlay {
            profile.overlay = None;
            if let Some(width) = profile.preview_width {
                (profile.picture.width, profile.picture.height) = (Some(width), None);
            }
        }
        let sources = self.sources();
        let fps = self.timeline().fps;
        let mut overlay = None;
        if let Some(texts) = &profile.overlay {
            let size = Chain::new(&profile, &sources, &Cut::default());
            let text = overlay::script(texts, &[shown], (size.width, size.height), &self.facts());
            let script = self.scratch.script();
            write(&script, text).await?;
            overlay = Some((script, fps));
        }
        let chain = Chain::new(&profile, &sources, &Cut { timeline: None, overlay });
        let args = command::still_args(&self.pictures(shown), &chain.args(), &output);
        let (status, transcript) = self.run(&args).go(self.cancel, |_| false).await?;
        let transcript = check(status, transcript, &self.output_dir)?;
        let picture = tokio::fs::read(&output).await.unwrap_or_default();
        match JpegInfo::read(&picture) {
            Ok(_) => Ok(()),
            Err(flaw) => Err(RenderError::Unsound { reason: format!("the picture: {flaw}"), transcript }),
        }
    }

    /// The camera's frames as they come, so that a picture of one is a copy of its file.
    fn shows_frames_unchanged(&self) -> bool {
        let Profile { picture, watermark, extra, effects, preview_width, .. } = &self.profile;
        self.reels.iter().all(|reel| reel.source.turn.is_none() && reel.source.part.is_none())
            && *picture == Picture::default()
            && watermark.is_none()
            && extra.filters.is_empty()
            && effects.blend < 2
            && preview_width.is_none()
            && self.reels.len() == 1
    }
}
