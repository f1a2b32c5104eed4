//! A configuration that stands in a file, and where its relative paths start.

use std::path::{Path, PathBuf};

use super::SecurityStackConfig;
use super::source::{self, ConfigError, Format};

/// Where a configuration comes from, which is no part of what it says.
#[derive(Debug, Clone, Default)]
pub struct Source(Option<PathBuf>);

impl Source {
    /// The file, where it is from one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.0.as_deref()
    }
}

impl PartialEq for Source {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Source {}

impl SecurityStackConfig {
    /// Reads and checks a configuration file; its name says how it is written: `.toml`, `.yaml` (or `.yml`) or `.json`. Blocks on
    /// reading it, and reads at most 1 MiB.
    ///
    /// # Errors
    /// A file that cannot be read, or the first thing that is wrong in it, with file, line and key.
    pub fn from_path(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let text = source::load(path).map_err(|error| error.in_file(path))?;
        Self::of_file(path, &text)
    }

    /// The configuration that stands in a file of this name.
    pub(super) fn of_file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let read = || Self::read(Format::of_path(path)?, text);
        let mut config = read().map_err(|error| error.in_file(path))?;
        config.source = Source(Some(path.to_owned()));
        let folder = path.parent().unwrap_or(Path::new(""));
        let named = [&mut config.data_dir, &mut config.audit.key];
        for relative in named.into_iter().flatten() {
            *relative = folder.join(&relative);
        }
        Ok(config)
    }
}
