//! Makes one segment.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::command;
use super::super::film::blocking;
use super::super::process::check;
use super::super::progress::FfmpegProgress;
use super::super::scratch::Scratch;
use super::super::survey::{Survey, survey};
use super::super::tools::{Priority, prefix};
use super::super::verify::{Expected, verify};
use super::super::{PieceRecipe, Profile, RenderError, Tools};
use super::recipe::Recipe;
use super::shelf::{Shelf, first_missing};
use super::{PART_FRAMES, Segments, blocks, parts};
use crate::session::{Frame, View};

/// Segments that are wanted.
#[derive(Clone, Debug)]
pub struct SegmentRequest {
    /// Of which frames, and where.
    pub segments: Segments,
    /// The reel's number in its session.
    pub reel: u32,
    /// How the reel's pictures are shown.
    pub view: View,
    /// What the film is to be like.
    pub profile: Profile,
    /// What makes them.
    pub tools: Tools,
    /// The print nears its end: short segments leave less to do after it.
    pub closing: bool,
}

/// What came of looking for a segment to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextSegment {
    /// One was made.
    Made {
        /// Its first frame.
        first: u32,
        /// Its last frame.
        last: u32,
        /// Its size.
        bytes: u64,
    },
    /// Every segment that can be made so far is there.
    UpToDate,
    /// A film like this is not made from segments, for this reason.
    Unsuitable(&'static str),
}

/// Makes the first segment that is missing, with one thread and below the priority of everything else.
///
/// Cancelling, or dropping the future, kills ffmpeg and leaves nothing behind.
///
/// # Errors
/// See [`RenderError`]; the frames and the other segments are kept in every case.
pub async fn next_segment(request: SegmentRequest, cancel: &CancellationToken) -> Result<NextSegment, RenderError> {
    let SegmentRequest { segments: Segments { folder, frames }, reel, view, profile, tools, closing } = request;
    let Some(Survey { width, height, .. }) = Survey::of_journal(&frames) else { return Ok(NextSegment::UpToDate) };
    let recipe = match Recipe::of(&profile, reel, &view, (width, height)) {
        Ok(recipe) => recipe,
        Err(reason) => return Ok(NextSegment::Unsuitable(reason)),
    };
    let newest = frames.last().map_or(0, |frame| frame.number);
    if newest < PART_FRAMES {
        return Ok(NextSegment::UpToDate);
    }
    let program = tools.find_ffmpeg()?;
    let found = {
        let (folder, cancel, recipe) = (folder.clone(), cancel.clone(), recipe.clone());
        blocking(move || {
            fs::create_dir_all(&folder).map_err(|error| RenderError::io("create", &folder, error))?;
            let mut shelf = Shelf::open(&folder);
            shelf.tidy(&recipe, blocks(&frames).flat_map(|block| std::iter::once(block).chain(parts(block))));
            let Some(block) = first_missing(&shelf, &recipe, &frames, newest, closing) else { return Ok(None) };
            check_frames(block, &cancel)?;
            Ok(Some((shelf, block.to_vec(), prefix(Priority::Idle))))
        })
        .await?
    };
    let Some((shelf, block, prefix)) = found else { return Ok(NextSegment::UpToDate) };
    if tools.print_watch.is_printing() && !tools.print_watch.memory_to_start() {
        return Err(RenderError::NoMemory);
    }
    let scratch = Scratch::new(&folder);
    let encoder = Encoder { recipe: &recipe, tools: &tools, program: &program, prefix: &prefix, threads: 1 };
    let paths: Vec<PathBuf> = block.iter().map(|frame| frame.path.clone()).collect();
    let part = scratch.piece();
    encoder.encode(&paths, &scratch.list_of(0), &part, |_| {}, cancel).await?;
    encoder.verify(&part, paths.len(), cancel).await?;
    let (first, last) = (block.first().map_or(0, |f| f.number), block.last().map_or(0, |f| f.number));
    let bytes = blocking(move || {
        // The scratch files go when the piece has its place.
        let scratch = scratch;
        let bytes = shelf.put(&recipe, &block, &part)?;
        drop(scratch);
        Ok(bytes)
    })
    .await?;
    tracing::debug!(first, last, bytes, "segment made");
    Ok(NextSegment::Made { first, last, bytes })
}

/// Frames are checked when they are stored; one that is broken now is a matter for the whole film, which leaves it out.
fn check_frames(block: &[Frame], cancel: &CancellationToken) -> Result<(), RenderError> {
    let seen = survey(block, cancel)?;
    match seen.skipped.first() {
        None => Ok(()),
        Some(first) => Err(RenderError::NoUsableFrames { count: seen.skipped.len(), first: first.reason.clone() }),
    }
}

/// Encodes a stretch of frames by a recipe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoder<'a> {
    pub(super) recipe: &'a Recipe,
    pub(super) tools: &'a Tools,
    pub(super) program: &'a Path,
    pub(super) prefix: &'a [OsString],
    pub(super) threads: u32,
}

impl Encoder<'_> {
    /// Encodes the frames into `output`; `on_frame` is told the number of frames encoded so far.
    pub(super) async fn encode(
        &self,
        frames: &[PathBuf],
        list: &Path,
        output: &Path,
        mut on_frame: impl FnMut(u32) + Send,
        cancel: &CancellationToken,
    ) -> Result<(), RenderError> {
        let text = command::frame_list(frames.iter().map(PathBuf::as_path))?;
        tokio::fs::write(list, text).await.map_err(|error| RenderError::io("write", list, error))?;
        let args = self.recipe.encode_args(list, output, self.threads);
        let folder = output.parent().unwrap_or(Path::new("."));
        let mut progress = FfmpegProgress::default();
        let run = self.tools.write(self.prefix, self.program, &args, folder);
        let (status, transcript) = run
            .go(cancel, |line| {
                let advanced = progress.line(line);
                on_frame(progress.frame);
                advanced
            })
            .await?;
        check(status, transcript, folder).map(|_| ())
    }

    /// Decodes what came out.
    pub(super) async fn verify(
        &self,
        piece: &Path,
        frames: usize,
        cancel: &CancellationToken,
    ) -> Result<(), RenderError> {
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        let expected = Expected {
            frames,
            fps: f64::from(PieceRecipe::RATE),
            exact: true,
            timeless: false,
            container: Some("mpegts"),
        };
        verify(piece, expected, self.tools, self.prefix, cancel).await.map(|_| ())
    }
}
