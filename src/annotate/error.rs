//! What can go wrong with a file, and why one is left alone.

use std::io;
use std::path::PathBuf;

/// Why a file could not be annotated or restored. It is as it was before in any case.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the sentences say it")]
pub enum AnnotateError {
    #[error("cannot read {}: {source}", file.display())]
    Read { file: PathBuf, source: io::Error },
    #[error("{} is no regular file, so there is nothing to annotate", file.display())]
    NotAFile { file: PathBuf },
    #[error("{} is a link to {} in another folder: name that file itself, or use --out", file.display(), target.display())]
    Elsewhere { file: PathBuf, target: PathBuf },
    #[error("{} is no regular file: give --out another name", file.display())]
    OddTarget { file: PathBuf },
    #[error("{} is write-protected: make it writable first, or use --out", file.display())]
    WriteProtected { file: PathBuf },
    #[error("{} is being written by another moonlapse: wait until that is done", file.display())]
    Busy { file: PathBuf },
    #[error("{} was changed while it was read: try again when it is complete", file.display())]
    Changed { file: PathBuf },
    #[error("cannot write {}: {source}; the file is as it was before", file.display())]
    Write { file: PathBuf, source: io::Error },
    #[error("{} takes longer than {seconds} s, so it was left as it is", file.display())]
    TooSlow { file: PathBuf, seconds: u64 },
}

/// Why a file is left as it is, although nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeftAlone {
    /// It asks for frames by itself.
    #[error("it calls for frames itself ({calls} times, such as TIMELAPSE_TAKE_FRAME), and those count")]
    OwnCalls {
        /// How often.
        calls: u32,
    },
    /// It says so.
    #[error("it says '; timelapse: off'")]
    TurnedOff,
    /// There is nothing to put in.
    #[error("it has no layer in which a frame can be taken")]
    NoFrames,
    /// The frames are to be where the file's own commands are.
    #[error("frames at the file's own commands need no calls besides these")]
    ByCommand,
    /// Frames without any move or stop are taken by Klipper's own report of where the head is, exactly and at no cost.
    #[error("its frames are taken in passing, which needs no calls")]
    InPassing,
    /// There is no place for the mark.
    #[error("its first command stands too far behind its beginning to be marked")]
    NoHead,
}
