//! Makes a film from segments.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::super::film::{Progress, blocking};
use super::super::process::check;
use super::super::scratch::Scratch;
use super::super::{Fps, RenderError, Tools};
use super::check::check_joined;
use super::encode::Encoder;
use super::recipe::{NOMINAL_FPS, Recipe};
use super::shelf::Shelf;
use super::{Segments, blocks};
use crate::session::Frame;

/// Threads for what is missing; the print is over.
const THREADS: u32 = 2;

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
    /// How often the last frame is shown again.
    pub(in crate::render) repeat_last: u32,
    /// The film's frame rate.
    pub(in crate::render) fps: Fps,
    /// Its tags, as options of ffmpeg.
    pub(in crate::render) tags: Vec<String>,
}

/// A part of the film, with its number of frames.
#[derive(Debug, PartialEq)]
enum Piece {
    Ready(PathBuf, u32),
    Missing(Vec<PathBuf>),
}

impl Join<'_> {
    /// Encodes what no segment holds, and joins all into the scratch film. Gives its frames and its duration in s;
    /// `None` when there is not one segment to use.
    pub(in crate::render) async fn go(
        &self,
        segments: &Segments,
        mut on_progress: impl FnMut(Progress) + Send,
        cancel: &CancellationToken,
    ) -> Result<Option<(u32, f64)>, RenderError> {
        let pieces = {
            let (segments, recipe, repeat_last) = (segments.clone(), self.recipe.clone(), self.repeat_last);
            blocking(move || Ok(pieces(&Shelf::open(&segments.folder), &recipe, &segments.frames, repeat_last))).await?
        };
        let Some(pieces) = pieces else { return Ok(None) };
        let total: u32 = pieces.iter().map(Piece::frames).sum();
        let ready = pieces.iter().filter(|piece| matches!(piece, Piece::Ready(..))).count();
        tracing::debug!(ready, pieces = pieces.len(), frames = total, fps = %self.fps, "joining segments");

        let encoder = Encoder {
            recipe: self.recipe,
            tools: self.tools,
            program: self.program,
            prefix: self.prefix,
            threads: THREADS,
        };
        let mut done: u32 = pieces.iter().filter(|piece| piece.is_ready()).map(Piece::frames).sum();
        let mut list = String::from("ffconcat version 1.0\n");
        for piece in pieces {
            let length = piece.frames();
            let file = match piece {
                Piece::Ready(file, _) => file,
                Piece::Missing(frames) => {
                    let file = self.scratch.piece();
                    let on_frame =
                        |frame: u32| on_progress(Progress { frame: (done + frame).min(total), frames: total });
                    encoder.encode(&frames, &self.scratch.list(), &file, on_frame, cancel).await?;
                    done += length;
                    file
                }
            };
            write_entry(&mut list, &file, f64::from(length) / f64::from(NOMINAL_FPS))?;
        }
        self.join(&list, cancel).await?;
        let duration_s =
            check_joined(&self.scratch.film(), total, self.fps.as_f64(), self.tools, self.prefix, cancel).await?;
        on_progress(Progress { frame: total, frames: total });
        Ok(Some((total, duration_s)))
    }

    async fn join(&self, list: &str, cancel: &CancellationToken) -> Result<(), RenderError> {
        let (path, film) = (self.scratch.list(), self.scratch.film());
        tokio::fs::write(&path, list).await.map_err(|error| RenderError::io("write", &path, error))?;
        let args: Vec<OsString> = self.recipe.join_args(&path, &film, self.fps, &self.tags);
        let run = self.tools.write(self.prefix, self.program, &args, self.output_dir);
        let mut bytes = 0;
        let (status, transcript) = run
            .go(cancel, |line| {
                let now = line.strip_prefix("total_size=").and_then(|size| size.trim().parse().ok()).unwrap_or(bytes);
                std::mem::replace(&mut bytes, now) != now
            })
            .await?;
        check(status, transcript, self.output_dir).map(|_| ())
    }
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

/// The parts of the film in order; repeats of the last frame are always missing. Neighbours that are missing are one
/// part. `None` when nothing is ready.
fn pieces(shelf: &Shelf, recipe: &Recipe, frames: &[Frame], repeat_last: u32) -> Option<Vec<Piece>> {
    if shelf.is_empty() {
        return None;
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for block in blocks(frames) {
        match shelf.find(recipe, block) {
            Some(file) => pieces.push(Piece::Ready(file, u32::try_from(block.len()).ok()?)),
            None => add_missing(&mut pieces, block.iter().map(|frame| frame.path.clone())),
        }
    }
    if !pieces.iter().any(Piece::is_ready) {
        return None;
    }
    let last = frames.last().map(|frame| frame.path.clone());
    add_missing(&mut pieces, last.into_iter().cycle().take(repeat_last as usize));
    Some(pieces)
}

fn add_missing(pieces: &mut Vec<Piece>, paths: impl Iterator<Item = PathBuf>) {
    let mut paths = paths.peekable();
    match pieces.last_mut() {
        _ if paths.peek().is_none() => {}
        Some(Piece::Missing(before)) => before.extend(paths),
        _ => pieces.push(Piece::Missing(paths.collect())),
    }
}

/// With the exact duration: what ffmpeg would read from the file is rounded.
fn write_entry(list: &mut String, file: &Path, seconds: f64) -> Result<(), RenderError> {
    let Some(name) = file.to_str().filter(|name| !name.contains('\n')) else {
        return Err(RenderError::io("film", file, std::io::Error::other("ffmpeg's list cannot hold this name")));
    };
    // Writing into a String cannot fail.
    let _infallible = writeln!(list, "file '{}'\nduration {seconds:.9}", name.replace('\'', r"'\''"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tests::frames;
    use super::*;

    /// `R15` for a segment that is ready, `M3` for frames that are missing.
    fn shown(pieces: &[Piece]) -> Vec<String> {
        pieces.iter().map(|p| format!("{}{}", if p.is_ready() { "R" } else { "M" }, p.frames())).collect()
    }

    #[test]
    fn what_no_segment_holds_is_encoded_in_as_few_pieces_as_possible() {
        let dir = tempfile::tempdir().unwrap();
        let recipe = Recipe::of_default(64, 48);
        let frames = frames(1..=77);
        let pieces = |frames: &[Frame], repeat| pieces(&Shelf::open(dir.path()), &recipe, frames, repeat);
        assert_eq!(pieces(&frames, 5), None);
        let all: Vec<_> = blocks(&frames).collect();
        for block in [all[0], all[3], all[4]] {
            let part = dir.path().join("part");
            std::fs::write(&part, "x").unwrap();
            Shelf::open(dir.path()).put(&recipe, block, &part).unwrap();
        }
        assert_eq!(shown(&pieces(&frames, 5).unwrap()), ["R15", "M30", "R15", "R15", "M7"]);
        assert_eq!(shown(&pieces(&frames[..75], 5).unwrap()), ["R15", "M30", "R15", "R15", "M5"]);
        assert_eq!(shown(&pieces(&frames[..75], 0).unwrap()), ["R15", "M30", "R15", "R15"]);
        assert_eq!(shown(&pieces(&frames[1..], 0).unwrap()), ["M44", "R15", "R15", "M2"], "a frame was lost");
        let Some(Piece::Missing(tail)) = pieces(&frames[..75], 2).unwrap().pop() else { unreachable!() };
        assert_eq!(tail, [frames[74].path.clone(), frames[74].path.clone()]);
    }
}
