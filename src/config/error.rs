//! What can be wrong with the configuration, in sentences that say where and what to do.

use std::path::PathBuf;

/// A fault in `moonraker.conf`, the environment, a flag or a saved setting.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file is missing or can't be read.
    #[error("{}: cannot read the configuration: {source}; give the right file with --config", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line follows neither of Moonraker's forms.
    #[error("{}, line {line}: {problem}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong, and what is allowed.
        problem: String,
    },
    /// Files include each other in a circle.
    #[error("{}, line {line}: [include {pattern}] leads back to a file that was read already; remove one of the two", path.display())]
    RecursiveInclude {
        /// The including file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// As written.
        pattern: String,
    },
    /// One or more options are unknown or have a value that is not allowed.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Options(Vec<OptionError>),
    /// figment refused the merged settings: the schema and `Settings` disagree.
    #[error("the settings do not fit together: {0}")]
    Extract(Box<figment::Error>),
}

/// One option that can't be used as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: option `{key}`{}: {problem}", value.as_ref().map(|v| format!(" has the value `{v}`")).unwrap_or_default())]
pub struct OptionError {
    /// File, line and section, or the environment variable, flag or database entry.
    pub origin: String,
    /// The option's name.
    pub key: String,
    /// As written; `None` where the option itself is unknown.
    pub value: Option<String>,
    /// What is wrong, and what is allowed.
    pub problem: String,
}
