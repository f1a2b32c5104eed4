//! A data directory that nobody owns, opened for an operator's act alone.

use std::path::Path;

use audit_trail::AuditReader;

use super::data_dir::{is_data_dir, unopened};
use super::{SecurityStack, StackError};
use crate::config::SecurityStackConfig;

impl SecurityStack {
    /// Opens a data directory without a configuration, so that an operator can act on it while no process owns it: the rules of
    /// trust and the limits of sessions that its log holds stay in force, and what no record permits is denied. Nothing is
    /// applied, and nothing is recorded but what is done then.
    ///
    /// `key` is the file of the log's signing key, where that is not in the directory itself. Blocks while the state is read back;
    /// the directory is owned until the stack is dropped. Decisions are for stacks with a configuration, which says what a call
    /// charges and which data it touches.
    ///
    /// ```
    /// use security_bundle::{Scope, SecurityStack, SecurityStackConfig, create_security_stack};
    ///
    /// # let dir = tempfile::tempdir()?;
    /// # let state = dir.path().join("state");
    /// let mut config = SecurityStackConfig::default();
    /// config.data_dir = Some(state.clone());
    /// drop(create_security_stack(config)?);
    ///
    /// let stack = SecurityStack::open_for_operator(&state, None)?;
    /// let by = "ops@example.com".parse()?;
    /// stack.admin().trust().quarantine(&"bot".parse()?, &Scope::root(), &by, "odd calls")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StackError::Owned`] where a process owns the directory: ask it. [`StackError::DataDir`] where there is no data directory,
    /// which is not made.
    pub fn open_for_operator(
        directory: impl AsRef<Path>,
        key: Option<&Path>,
    ) -> Result<Self, StackError> {
        let directory = directory.as_ref();
        if !is_data_dir(directory) {
            let problem =
                "no stack keeps its state there; name the `data_dir` of its configuration";
            return Err(StackError::data_dir(directory, problem));
        }
        let log = AuditReader::open(directory, None).map_err(unopened(directory))?;
        let mut config = SecurityStackConfig {
            data_dir: Some(directory.to_owned()),
            audit_namespace: log.namespace().to_owned(),
            ..SecurityStackConfig::default()
        };
        config.audit.key = key.map(Path::to_owned);
        Self::builder(config).keeping_rules().build()
    }
}
