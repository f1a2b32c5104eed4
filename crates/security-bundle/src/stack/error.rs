//! Why there is no stack.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::journal::RestoreError;

/// Why there is no stack.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// A part of the configuration does not hold.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The audit log could not be made.
    #[error("the audit log cannot be made: {0}")]
    Audit(#[from] audit_trail::AuditError),
    /// Another process owns the data directory. It can be joined.
    #[error("the data directory `{}` is owned by another process", directory.display())]
    Owned {
        /// Which.
        directory: PathBuf,
    },
    /// The data directory cannot be used.
    #[error("the data directory `{}` cannot be used: {problem}", directory.display())]
    DataDir {
        /// Which.
        directory: PathBuf,
        /// What is wrong with it, and what to do.
        problem: String,
    },
    /// What the log says is no state of a stack. Nothing is in force.
    #[error("the log in `{}` does not give a state: {problem}; look at it with `secstack doctor`", directory.display())]
    Unrestored {
        /// Which data directory.
        directory: PathBuf,
        /// What does not fit, with the entry's index.
        problem: String,
    },
}

impl StackError {
    pub(crate) fn data_dir(directory: &std::path::Path, problem: impl std::fmt::Display) -> Self {
        Self::DataDir {
            directory: directory.to_owned(),
            problem: problem.to_string(),
        }
    }

    pub(crate) fn io(
        directory: &std::path::Path,
        what: &'static str,
    ) -> impl Fn(io::Error) -> Self {
        let directory = directory.to_owned();
        move |error| Self::data_dir(&directory, format!("{what}: {error}"))
    }

    pub(super) fn unrestored(directory: &std::path::Path, error: &RestoreError) -> Self {
        Self::Unrestored {
            directory: directory.to_owned(),
            problem: error.to_string(),
        }
    }
}

impl From<StackError> for ConfigError {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Config(error) => error,
            StackError::Audit(error) => Self::at("audit", error),
            error => Self::at("data_dir", error),
        }
    }
}
