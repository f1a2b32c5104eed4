//! Looks at a data directory and says what is wrong with it and what to do, without changing anything: beside the process that
//! owns it, or where none does.

mod calls;
mod disk;
mod log;
mod owner;
mod place;
mod state;

use std::fmt;
use std::path::{Path, PathBuf};

use audit_trail::Progress;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::serde::rfc3339;
use trust_gate::{Clock as _, SystemClock};

use self::log::Log;
use crate::core::WallClock;
use crate::stack::is_data_dir;

/// Looks at a data directory by the system's clock, as [`Doctor::examine`] does.
///
/// ```
/// use security_bundle::{SecurityStackConfig, create_security_stack, doctor};
///
/// # let dir = tempfile::tempdir()?;
/// let mut config = SecurityStackConfig::default();
/// config.data_dir = Some(dir.path().to_owned());
/// drop(create_security_stack(config)?);
///
/// let report = doctor(dir.path())?;
/// assert!(report.is_good(), "{report:?}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`DoctorError::NotADataDir`].
pub fn doctor(directory: impl AsRef<Path>) -> Result<Report, DoctorError> {
    Doctor::at(directory).examine()
}

/// Looks at a data directory.
#[must_use = "nobody looks before `examine`"]
pub struct Doctor<'a> {
    directory: PathBuf,
    key: Option<PathBuf>,
    clock: Option<WallClock>,
    progress: Box<dyn FnMut(Progress) + 'a>,
}

/// Why nothing was looked at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoctorError {
    /// No stack keeps its state there.
    #[error("no stack keeps its state in `{}`: it has no `stack` folder beside a log", directory.display())]
    NotADataDir {
        /// Where.
        directory: PathBuf,
    },
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// Of which directory.
    pub directory: PathBuf,
    /// When.
    #[serde(with = "rfc3339")]
    pub at: OffsetDateTime,
    /// What each check found, in the order in which they were made. Checks that another one's failure made impossible are
    /// missing.
    pub findings: Vec<Finding>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// What was looked at: `files`, `leftovers`, `disk`, `owner`, `socket`, `key`, `log`, `clock`, `snapshots`, `replay`, `books`,
    /// `holds` or `calls`.
    pub check: String,
    /// How it is.
    pub verdict: Verdict,
    /// In a sentence.
    pub found: String,
    /// What to do about it, where there is something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_do: Option<String>,
}

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// As it should be.
    Good,
    /// As it may be, and worth knowing.
    Note,
    /// As it must not be.
    Wrong,
}

impl Report {
    /// Whether nothing is wrong. There may be things worth knowing.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.verdict < Verdict::Wrong)
    }
}

impl Verdict {
    /// `good`, `note` or `wrong`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Note => "note",
            Self::Wrong => "wrong",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<'a> Doctor<'a> {
    /// Of this directory.
    pub fn at(directory: impl AsRef<Path>) -> Self {
        Self {
            directory: directory.as_ref().to_owned(),
            key: None,
            clock: None,
            progress: Box::new(|_| {}),
        }
    }

    /// The file of the log's signing key, where the configuration names one.
    pub fn key(mut self, file: impl AsRef<Path>) -> Self {
        self.key = Some(file.as_ref().to_owned());
        self
    }

    /// By which time ages are told.
    pub fn clock(mut self, clock: impl Fn() -> OffsetDateTime + Send + Sync + 'static) -> Self {
        self.clock = Some(std::sync::Arc::new(clock));
        self
    }

    /// Is told now and then how far the verification of the log has got.
    pub fn progress(mut self, progress: impl FnMut(Progress) + 'a) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// Looks at everything. Takes no lock but for a moment, and writes nothing. Blocks while the whole log is verified and read
    /// back, some times over.
    ///
    /// # Errors
    /// [`DoctorError::NotADataDir`]. Whatever else is wrong is told in the report.
    pub fn examine(mut self) -> Result<Report, DoctorError> {
        let directory = self.directory;
        if !is_data_dir(&directory) {
            return Err(DoctorError::NotADataDir { directory });
        }
        let mut findings = Vec::new();
        findings.push(place::files(&directory));
        findings.push(place::leftovers(&directory));
        findings.push(disk::free(&directory));
        let owner = owner::look(&directory, &mut findings);
        let now = || match &self.clock {
            Some(clock) => clock(),
            None => SystemClock::new().now(),
        };
        if let Some(log) = Log::open(&directory, self.key.as_deref(), &mut findings)
            && log.verify(&mut self.progress, &mut findings)
        {
            let at = now();
            findings.push(log.clock(at));
            if let Some(books) = state::look(&log, at, &mut findings) {
                calls::look(&log, &books, owner.as_ref(), at, &mut findings);
            }
        }
        Ok(Report {
            at: now(),
            directory,
            findings,
        })
    }
}

impl fmt::Debug for Doctor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doctor")
            .field("directory", &self.directory)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Finding {
    fn good(check: &str, found: impl fmt::Display) -> Self {
        Self {
            check: check.to_owned(),
            verdict: Verdict::Good,
            found: found.to_string(),
            to_do: None,
        }
    }

    fn note(check: &str, found: impl fmt::Display, to_do: impl fmt::Display) -> Self {
        Self {
            verdict: Verdict::Note,
            to_do: Some(to_do.to_string()),
            ..Self::good(check, found)
        }
    }

    fn wrong(check: &str, found: impl fmt::Display, to_do: impl fmt::Display) -> Self {
        Self {
            verdict: Verdict::Wrong,
            ..Self::note(check, found, to_do)
        }
    }
}

/// A time as findings tell it: to the second.
fn shown(at: OffsetDateTime) -> String {
    let at = at.replace_nanosecond(0).unwrap_or(at);
    let format = &time::format_description::well_known::Rfc3339;
    at.format(format).unwrap_or_else(|_| at.to_string())
}
