//! Why a command did nothing, for people.

use std::io;
use std::process::ExitCode;

use crate::render::{ImportError, ProfileError, RenderError};
use crate::session::StoreError;

/// Exit status after Ctrl-C, as shells expect it.
const INTERRUPTED: u8 = 130;

/// Why there is nothing.
pub(super) enum Failure {
    /// Ctrl-C.
    Interrupted,
    /// In a sentence.
    Message(String),
}

impl Failure {
    /// Says it, and gives the exit status.
    pub(super) fn report(self) -> ExitCode {
        match self {
            Self::Interrupted => ExitCode::from(INTERRUPTED),
            Self::Message(message) => {
                eprintln!("{message}");
                ExitCode::FAILURE
            }
        }
    }
}

impl From<RenderError> for Failure {
    fn from(error: RenderError) -> Self {
        match error {
            RenderError::Cancelled => Self::Interrupted,
            error => match error.transcript() {
                Some(transcript) => Self::Message(format!("{error}\n\n{}\n{}", transcript.command, transcript.stderr)),
                None => Self::Message(error.to_string()),
            },
        }
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Cancelled => Self::Interrupted,
            error => Self::Message(error.to_string()),
        }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Message(error.to_string())
    }
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Message(error.to_string())
    }
}
