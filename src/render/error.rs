//! Why there is no film, in sentences that say what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{ParamError, ProfileError};

/// The command that was run and the end of what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    /// The command line, quoted for a shell.
    pub command: String,
    /// The last lines of its standard error.
    pub stderr: String,
}

impl Transcript {
    /// The last line, which as a rule names the cause.
    fn cause(&self) -> &str {
        self.stderr.lines().next_back().unwrap_or("it said nothing")
    }
}

/// Why a render gave nothing. The frames are untouched by all of these; `moonlapse render` tries again.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The session is empty.
    #[error("There are no frames to make a film from")]
    NoFrames,
    /// Not one frame is a readable picture.
    #[error("None of the {count} frames can be read; the first one: {first}")]
    NoUsableFrames {
        /// How many there are.
        count: usize,
        /// What is wrong with the first one.
        first: String,
    },
    /// There is no such program.
    #[error("{program} was not found: install it (`sudo apt install ffmpeg`), then run `moonlapse render latest`")]
    FfmpegMissing {
        /// As configured.
        program: PathBuf,
    },
    /// The program is there and does not start.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// Its path.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// This ffmpeg was built without the encoder.
    #[error(
        "This ffmpeg has no encoder {encoder}: install the full ffmpeg package of your distribution, or choose another encoder in extraoutputparams"
    )]
    EncoderMissing {
        /// Its name.
        encoder: String,
        /// What ffmpeg said.
        transcript: Transcript,
    },
    /// A file that a profile names is not there.
    #[error("There is no {what} {path}: correct the profile, or put the file there")]
    NoSuchFile {
        /// What it should be.
        what: &'static str,
        /// Where.
        path: PathBuf,
    },
    /// A setting has a value that cannot work.
    #[error("The setting {key} is {value:?}; allowed: {allowed}")]
    Setting {
        /// Name of the setting.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: &'static str,
    },
    /// A profile cannot be used.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// `extraoutputparams` cannot be used.
    #[error("The setting extraoutputparams cannot be used: {0}")]
    Params(#[from] ParamError),
    /// ffmpeg does not know an option or a value, and only the user's settings can have brought it in.
    #[error("ffmpeg refuses the settings (extraoutputparams, pixelformat, the profile's own): {}", transcript.cause())]
    Refused {
        /// What ffmpeg said.
        transcript: Transcript,
    },
    /// The file system of the films is full.
    #[error(
        "The disk of {path} is full: delete films or old sessions (`moonlapse sessions --help`), then run `moonlapse render latest`"
    )]
    DiskFull {
        /// What was to be written, or its folder.
        path: PathBuf,
    },
    /// The user that runs Moonlapse may not write there.
    #[error("No permission to {doing} {path}: make the user that runs Moonlapse the owner of that folder")]
    Permission {
        /// A verb, like "write".
        doing: &'static str,
        /// On what.
        path: PathBuf,
    },
    /// Another system call failed.
    #[error("Cannot {doing} {path}: {source}")]
    Io {
        /// A verb, like "write".
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Somebody killed ffmpeg; as a rule the kernel, because memory ran out.
    #[error(
        "ffmpeg was killed by signal {signal}; with signal 9 memory ran out as a rule: free some, or lower the camera's resolution, then run `moonlapse render latest`"
    )]
    Killed {
        /// Number of the signal.
        signal: i32,
        /// What it said before.
        transcript: Transcript,
    },
    /// The host is short of memory and a print is under way.
    #[error("The host has too little free memory for ffmpeg beside a print; it is tried again later")]
    NoMemory,
    /// ffmpeg ended with an error that is none of the above.
    #[error("ffmpeg failed: {}", transcript.cause())]
    Failed {
        /// What it said.
        transcript: Transcript,
    },
    /// ffmpeg made no progress for too long and was killed.
    #[error("ffmpeg made no progress for {} s and was stopped: is the disk failing, or the host overloaded?", after.as_secs())]
    Stalled {
        /// For how long.
        after: Duration,
        /// What it said.
        transcript: Transcript,
    },
    /// The caller cancelled it.
    #[error("The render was cancelled")]
    Cancelled,
    /// A film came out that is not what it should be; it was removed.
    #[error("ffmpeg made a film that is not right ({reason}), so it was removed; the frames are kept")]
    Unsound {
        /// What is wrong.
        reason: String,
        /// What ffmpeg or ffprobe said.
        transcript: Transcript,
    },
}

impl RenderError {
    /// The command and its last words, for events and bug reports.
    #[must_use]
    pub fn transcript(&self) -> Option<&Transcript> {
        match self {
            Self::EncoderMissing { transcript, .. }
            | Self::Refused { transcript }
            | Self::Killed { transcript, .. }
            | Self::Failed { transcript }
            | Self::Stalled { transcript, .. }
            | Self::Unsound { transcript, .. } => Some(transcript),
            _ => None,
        }
    }

    /// Sorts an I/O error into the kinds that users can act on.
    pub(super) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied => Self::Permission { doing, path },
            _ => Self::Io { doing, path, source },
        }
    }

    /// Reads the cause of a failed ffmpeg from its last words. The phrases are those of ffmpeg 4.3 to 7.
    pub(super) fn of_stderr(transcript: Transcript, output_dir: &Path) -> Self {
        const REFUSALS: [&str; 7] = [
            "Unrecognized option",
            "Option not found",
            "Unknown pixel format",
            "No such filter",
            "Error setting option",
            "Error parsing",
            "Unable to parse",
        ];
        let said = transcript.stderr.as_str();
        if said.contains("No space left on device") || said.contains("Disk quota exceeded") {
            return Self::DiskFull { path: output_dir.to_owned() };
        }
        let unknown = said.split_once("Unknown encoder '").and_then(|(_, rest)| rest.split_once('\''));
        if let Some((encoder, _)) = unknown {
            let encoder = encoder.to_owned();
            return Self::EncoderMissing { encoder, transcript };
        }
        if REFUSALS.iter().any(|phrase| said.contains(phrase)) {
            return Self::Refused { transcript };
        }
        Self::Failed { transcript }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_read_from_the_last_words() {
        let of = |stderr: &str| {
            let transcript = Transcript { stderr: stderr.into(), ..Transcript::default() };
            RenderError::of_stderr(transcript, Path::new("/films")).to_string()
        };
        insta::assert_snapshot!([
            of("av_interleaved_write_frame(): No space left on device"),
            of("Unknown encoder 'libx264'"),
            of("Unrecognized option 'nope'.\nError splitting the argument list: Option not found"),
            of("Unknown pixel format requested: nope."),
            of("something\nConversion failed!"),
            of(""),
        ]
        .join("\n"), @r"
        The disk of /films is full: delete films or old sessions (`moonlapse sessions --help`), then run `moonlapse render latest`
        This ffmpeg has no encoder libx264: install the full ffmpeg package of your distribution, or choose another encoder in extraoutputparams
        ffmpeg refuses the settings (extraoutputparams, pixelformat, the profile's own): Error splitting the argument list: Option not found
        ffmpeg refuses the settings (extraoutputparams, pixelformat, the profile's own): Unknown pixel format requested: nope.
        ffmpeg failed: Conversion failed!
        ffmpeg failed: it said nothing
        ");
    }
}
