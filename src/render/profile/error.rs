//! What is wrong with a profile.

use std::fmt;

/// A word of a profile that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProfileError {
    /// Which profile.
    pub profile: String,
    /// Its line in the option `profiles`, from 1; `None` where it was given in another way.
    pub line: Option<usize>,
    /// The word; empty where the profile as a whole is meant.
    pub word: String,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

impl std::error::Error for ProfileError {}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile `{}`", self.profile)?;
        if let Some(line) = self.line {
            write!(f, " (line {line} of `profiles`)")?;
        }
        if !self.word.is_empty() {
            write!(f, ", `{}`", self.word)?;
        }
        write!(f, ": {}", self.problem)
    }
}
