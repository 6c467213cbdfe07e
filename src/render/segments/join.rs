//! Makes a film from segments.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::film::{Progress, blocking};
use super::super::process::check;
use super::super::scratch::Scratch;
use super::super::{PieceRecipe, RenderError, Shown, Timeline, Tools};
use super::check::{Whole, check_joined};
use super::encode::Encoder;
use super::recipe::Recipe;
use super::shelf::{Segment, Shelf};
use super::stream::{self, CLOCK, Joined, Sample};
use super::{blocks, parts};
use crate::session::Frame;

/// Threads for what is missing; the print is over.
const THREADS: u32 = 2;
/// What a pipe holds.
const PIPE_BYTES: usize = 64 << 10;

/// A film to join.
#[derive(Debug)]
pub(in crate::render) struct Join<'a> {
    pub(in crate::render) recipe: &'a Recipe,
    pub(in crate::render) tools: &'a Tools,
    pub(in crate::render) program: &'a Path,
    pub(in crate::render) prefix: &'a [OsString],
    pub(in crate::render) scratch: &'a Scratch,
    /// The folder of the film.
    pub(in crate::render) output_dir: &'a Path,
    /// Options that say where the film comes from.
    pub(in crate::render) tags: &'a [String],
    /// The folder of the segments.
    pub(in crate::render) segments: &'a Path,
    /// The frames of the reel, in order.
    pub(in crate::render) frames: &'a [Frame],
    /// Which of them the film shows when, and its rate.
    pub(in crate::render) timeline: &'a Timeline,
    /// What stands for the still of the finished part.
    pub(in crate::render) hero: Option<&'a Path>,
}

/// A part of the film, with its number of frames.
#[derive(Debug, PartialEq)]
enum Piece {
    Ready(Segment, u32),
    Missing(Vec<PathBuf>),
}

/// Where the coded frames of a part are.
#[derive(Debug)]
enum Source {
    Segment(Segment),
    /// Encoded just now.
    Fresh(PathBuf),
}

impl Join<'_> {
    /// Encodes what no segment holds, and joins all into the scratch film. Gives its frames and its duration in s;
    /// `None` when there is not one segment to use.
    pub(in crate::render) async fn go(
        &self,
        mut on_progress: impl FnMut(Progress) + Send,
        cancel: &CancellationToken,
    ) -> Result<Option<(u32, f64)>, RenderError> {
        let pieces = {
            let (folder, recipe, frames) = (self.segments.to_owned(), self.recipe.clone(), self.frames.to_vec());
            let (order, hero) = (self.timeline.order.clone(), self.hero.map(Path::to_owned));
            blocking(move || Ok(pieces(&Shelf::open(&folder), &recipe, &frames, &order, hero.as_deref()))).await?
        };
        let Some(pieces) = pieces else { return Ok(None) };
        let total: u32 = pieces.iter().map(Piece::frames).sum();
        let ready = pieces.iter().filter(|piece| matches!(piece, Piece::Ready(..))).count();
        tracing::debug!(ready, pieces = pieces.len(), frames = total, fps = %self.timeline.fps, "joining segments");

        let encoder = Encoder {
            recipe: self.recipe,
            tools: self.tools,
            program: self.program,
            prefix: self.prefix,
            threads: THREADS,
        };
        let mut done: u32 = pieces.iter().filter(|piece| piece.is_ready()).map(Piece::frames).sum();
        let mut sources = Vec::with_capacity(pieces.len());
        let mut fresh = Vec::new();
        for piece in pieces {
            let length = piece.frames();
            let source = match piece {
                Piece::Ready(segment, _) => Source::Segment(segment),
                Piece::Missing(frames) => {
                    let file = self.scratch.piece();
                    let on_frame =
                        |frame: u32| on_progress(Progress { frame: (done + frame).min(total), frames: total });
                    encoder.encode(&frames, &self.scratch.list_of(0), &file, on_frame, cancel).await?;
                    done += length;
                    fresh.push((file.clone(), frames.len()));
                    Source::Fresh(file)
                }
            };
            sources.push((source, length));
        }
        // What was encoded just now is decoded meanwhile.
        let verify = async {
            for (file, frames) in fresh {
                encoder.verify(&file, frames, cancel).await?;
            }
            Ok(())
        };
        let join = async {
            let samples = self.join(sources, total, cancel).await?;
            let fps = self.timeline.fps.as_f64();
            let whole = Whole { samples: &samples, fps, time_tolerance: self.recipe.time_tolerance };
            check_joined(&self.scratch.film(), whole, self.tools, self.prefix, cancel).await
        };
        let ((), duration_s) = tokio::try_join!(verify, join)?;
        on_progress(Progress { frame: total, frames: total });
        Ok(Some((total, duration_s)))
    }

    /// Makes the film of these parts. Gives its frames as they are stored.
    async fn join(
        &self,
        sources: Vec<(Source, u32)>,
        frames: u32,
        cancel: &CancellationToken,
    ) -> Result<Vec<Sample>, RenderError> {
        let failed = |error| RenderError::io("join the segments in", self.segments, error);
        let (reader, writer) = io::pipe().map_err(failed)?;
        let feed = tokio::task::spawn_blocking(move || feed(BufWriter::with_capacity(PIPE_BYTES, writer), &sources));
        let args: Vec<OsString> = self.recipe.join_args(&self.scratch.film(), self.timeline.fps, frames, self.tags);
        let run = self.tools.write(self.prefix, self.program, &args, self.output_dir);
        let mut bytes = 0;
        let (status, transcript) = run
            .go_with(reader.into(), cancel, |line| {
                let now = line.strip_prefix("total_size=").and_then(|size| size.trim().parse().ok()).unwrap_or(bytes);
                std::mem::replace(&mut bytes, now) != now
            })
            .await?;
        // It ends with ffmpeg, which no longer listens, at the latest.
        let fed = feed.await.map_err(|_| RenderError::Cancelled)?;
        check(status, transcript, self.output_dir)?;
        fed.map_err(failed)
    }
}

/// Writes the coded frames of all parts into one stream; gives what the film should hold. Blocks on the disk and on the
/// stream's reader.
fn feed(to: impl Write, sources: &[(Source, u32)]) -> io::Result<Vec<Sample>> {
    const STEP: u64 = CLOCK / PieceRecipe::RATE as u64;
    let mut joined = Joined::new(to, STEP);
    let mut samples: Vec<Sample> = Vec::new();
    let mut before = 0;
    for (source, length) in sources {
        let bytes = match source {
            Source::Segment(segment) => segment.read()?,
            Source::Fresh(file) => fs::read(file)?,
        };
        let frames = stream::read(&bytes, *length, STEP).map_err(io::Error::other)?;
        if samples.is_empty() {
            joined.tables(&bytes)?;
        }
        for frame in frames {
            joined.write(before + frame.shown, &frame.data)?;
            samples.push(frame.sample(before));
        }
        before += length;
    }
    joined.finish()?;
    Ok(samples)
}

impl Piece {
    fn is_ready(&self) -> bool {
        matches!(self, Self::Ready(..))
    }

    fn frames(&self) -> u32 {
        match self {
            Self::Ready(_, frames) => *frames,
            Self::Missing(frames) => u32::try_from(frames.len()).unwrap_or(u32::MAX),
        }
    }
}

/// The parts of the film in order: a ready segment wherever its frames are shown one after the other, and what is missing
/// in between in as few parts as possible. `None` when nothing is ready.
fn pieces(
    shelf: &Shelf,
    recipe: &Recipe,
    frames: &[Frame],
    order: &[Shown],
    hero: Option<&Path>,
) -> Option<Vec<Piece>> {
    if shelf.is_empty() {
        return None;
    }
    // By the index of their first frame.
    let mut ready: HashMap<usize, (usize, Segment)> = HashMap::new();
    let mut index = 0;
    for block in blocks(frames) {
        if let Some(segment) = shelf.find(recipe, block) {
            ready.insert(index, (block.len(), segment));
            index += block.len();
            continue;
        }
        for part in parts(block) {
            if let Some(segment) = shelf.find(recipe, part) {
                ready.insert(index, (part.len(), segment));
            }
            index += part.len();
        }
    }
    let last = frames.len().saturating_sub(1);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut rest = order;
    while let Some(shown) = rest.first() {
        let whole = |(length, _): &&(usize, Segment)| {
            let Shown::Frame(first) = *shown else { return false };
            rest.get(..*length).is_some_and(|run| (first..).map(Shown::Frame).zip(run).all(|(a, b)| a == *b))
        };
        let segment = match shown {
            Shown::Frame(first) => ready.get(first).filter(whole),
            Shown::Hero => None,
        };
        if let Some((length, segment)) = segment {
            pieces.push(Piece::Ready(segment.clone(), u32::try_from(*length).ok()?));
            rest = rest.get(*length..)?;
            continue;
        }
        let path = match (shown, hero) {
            (Shown::Hero, Some(hero)) => hero,
            (Shown::Hero, None) => &frames.get(last)?.path,
            (Shown::Frame(index), _) => &frames.get(*index)?.path,
        };
        match pieces.last_mut() {
            Some(Piece::Missing(before)) => before.push(path.to_owned()),
            _ => pieces.push(Piece::Missing(vec![path.to_owned()])),
        }
        rest = rest.get(1..)?;
    }
    pieces.iter().any(Piece::is_ready).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::super::super::{FilmSettings, Profile};
    use super::super::tests::frames;
    use super::*;
    use crate::session::View;

    /// `R15` for a segment that is ready, `M3` for frames that are missing.
    fn shown(pieces: &[Piece]) -> Vec<String> {
        pieces.iter().map(|p| format!("{}{}", if p.is_ready() { "R" } else { "M" }, p.frames())).collect()
    }

    /// The first frame `first` times, all others once, the last one `last` times more, and the still.
    fn order(frames: &[Frame], first: usize, last: usize, hero: usize) -> Vec<Shown> {
        let end = frames.len() - 1;
        let body = std::iter::repeat_n(0, first).chain(0..=end).chain(std::iter::repeat_n(end, last));
        body.map(Shown::Frame).chain(std::iter::repeat_n(Shown::Hero, hero)).collect()
    }

    #[test]
    fn what_no_segment_holds_is_encoded_in_as_few_pieces_as_possible() {
        let dir = tempfile::tempdir().unwrap();
        let profile = Profile::of_settings(&FilmSettings::default()).unwrap();
        let recipe = Recipe::of(&profile, 0, &View::default(), (64, 48)).unwrap();
        let frames = frames(1..=77);
        let of = |frames: &[Frame], order: &[Shown]| pieces(&Shelf::open(dir.path()), &recipe, frames, order, None);
        assert_eq!(of(&frames, &order(&frames, 0, 5, 0)), None);
        let all: Vec<_> = blocks(&frames).collect();
        for block in [all[0], all[3], all[4]] {
            let part = dir.path().join("part");
            std::fs::write(&part, "x").unwrap();
            Shelf::open(dir.path()).put(&recipe, block, &part).unwrap();
        }
        let pieces = |frames: &[Frame], first, last, hero| of(frames, &order(frames, first, last, hero)).unwrap();
        assert_eq!(shown(&pieces(&frames, 0, 5, 0)), ["R15", "M30", "R15", "R15", "M7"]);
        assert_eq!(shown(&pieces(&frames[..75], 0, 5, 2)), ["R15", "M30", "R15", "R15", "M7"]);
        assert_eq!(shown(&pieces(&frames[..75], 3, 0, 0)), ["M3", "R15", "M30", "R15", "R15"]);
        assert_eq!(shown(&pieces(&frames[1..], 0, 0, 0)), ["M44", "R15", "R15", "M2"], "a frame was lost");
        let Some(Piece::Missing(tail)) = pieces(&frames[..75], 0, 2, 0).pop() else { unreachable!() };
        assert_eq!(tail, [frames[74].path.clone(), frames[74].path.clone()]);
        let backwards: Vec<Shown> = (0..77).rev().map(Shown::Frame).collect();
        assert_eq!(of(&frames, &backwards), None, "a segment runs forwards");
    }
}
