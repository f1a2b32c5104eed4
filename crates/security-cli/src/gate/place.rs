//! Where a gate's decisions are made: in this process's memory, or at a data directory that it shares with other gates.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use security_bundle::audit_trail::NdjsonSink;
use security_bundle::trust_gate::OperatorId;
use security_bundle::{
    CONFIGURATION, ConfigWatcher, Guard, Metrics, Raises, ReloadError, SecurityStack,
    SecurityStackConfig, SessionId,
};
#[cfg(unix)]
use security_bundle::{Observer, Seat};

use super::fresh_file;
use crate::failure::Failure;

/// How many entries `--audit-out` writes between two signed checkpoints: what a crash can leave unsigned.
const CHECKPOINT_EVERY: u64 = 16;

/// How many entries the gate keeps in memory where the configuration does not say.
const MAX_RECORDS: usize = 10_000;

pub(super) enum Place {
    /// A stack that no other process can join.
    Own {
        stack: Arc<SecurityStack>,
        is_written: bool,
    },
    #[cfg(unix)]
    Directory(Arc<Seat>),
}

/// Gives the stack for which a file is watched, while it is in this process.
pub(super) type Ruled = Box<dyn Fn() -> Option<Arc<SecurityStack>> + Send>;

/// Puts the file in force again whenever it says something else, and tells on standard error what came of it.
///
/// Watching begins before the file is read for the first time: until there is a stack whose rules it can be, which may take seconds,
/// it may change too.
pub(super) fn watch(file: &Path, placed: Receiver<Ruled>) -> Result<ConfigWatcher, Failure> {
    let by: OperatorId = CONFIGURATION.parse()?;
    let mut ruled = None;
    let watcher = ConfigWatcher::start(file, move |read| {
        if ruled.is_none() {
            ruled = placed.recv().ok();
        }
        let Some(stack) = ruled.as_ref().and_then(|ruled| ruled()) else {
            return;
        };
        let reloaded = read.map_err(ReloadError::from).and_then(|mut config| {
            // The command line may have named another one.
            config.data_dir.clone_from(&stack.config().data_dir);
            stack.reload(config, &by, "the file has changed", Raises::Refuse)
        });
        match reloaded {
            Ok(reloaded) => anstream::eprintln!(
                "the configuration is in force as it is now\n{}",
                reloaded.diff
            ),
            Err(error) => {
                anstream::eprintln!("the configuration from before is still in force: {error}");
            }
        }
    })?;
    Ok(watcher)
}

impl Place {
    /// A seat where the configuration names a data directory, else a stack of this process's own.
    pub(super) fn take(
        mut config: SecurityStackConfig,
        audit_out: Option<&Path>,
        counts: Option<Metrics>,
    ) -> Result<Self, Failure> {
        if let Some(directory) = &config.data_dir {
            if audit_out.is_some() {
                return Err(Failure::new(format!(
                    "the audit log is kept in the data directory `{}`; leave out --audit-out, and read it with `secstack audit`",
                    directory.display()
                )));
            }
            return Self::at_directory(config, counts);
        }
        // What is older stays provable, and stands in the file.
        config.audit.max_records.get_or_insert(MAX_RECORDS);
        let mut builder = SecurityStack::builder(config);
        if let Some(counts) = counts {
            builder = builder.observer(counts);
        }
        if let Some(path) = audit_out {
            builder = builder.audit_sink(NdjsonSink::new(fresh_file(path)?), CHECKPOINT_EVERY);
        }
        Ok(Self::Own {
            stack: Arc::new(builder.build()?),
            is_written: audit_out.is_some(),
        })
    }

    #[cfg(unix)]
    fn at_directory(config: SecurityStackConfig, counts: Option<Metrics>) -> Result<Self, Failure> {
        let observers = counts.map(|counts| Box::new(counts) as Box<dyn Observer>);
        let seat = Seat::take_observed(config, observers.into_iter().collect())?;
        Ok(Self::Directory(Arc::new(seat)))
    }

    /// Without a control socket there is one gate at a directory, and a second one is refused.
    #[cfg(not(unix))]
    fn at_directory(config: SecurityStackConfig, counts: Option<Metrics>) -> Result<Self, Failure> {
        let mut builder = SecurityStack::builder(config);
        if let Some(counts) = counts {
            builder = builder.observer(counts);
        }
        Ok(Self::Own {
            stack: Arc::new(builder.build()?),
            is_written: true,
        })
    }

    /// Whose rules a changed file becomes. Where another process owns the data directory, that one looks at its own file.
    pub(super) fn ruled(&self) -> Ruled {
        match self {
            Self::Own { stack, .. } => {
                let stack = Arc::clone(stack);
                Box::new(move || Some(Arc::clone(&stack)))
            }
            #[cfg(unix)]
            Self::Directory(seat) => {
                let seat = Arc::clone(seat);
                Box::new(move || seat.stack())
            }
        }
    }

    pub(super) fn guard(&self) -> Guard {
        match self {
            Self::Own { stack, .. } => stack.guard(),
            #[cfg(unix)]
            Self::Directory(seat) => seat.guard(),
        }
    }

    /// What the auditor needs, and no secret. Empty where the log has no key.
    pub(super) fn verifier_key(&self) -> Result<String, Failure> {
        let key = match self {
            Self::Own { stack, .. } => stack.audit.verifier_key().map(ToString::to_string),
            #[cfg(unix)]
            Self::Directory(seat) => seat.verifier_key()?.map(|key| key.to_string()),
        };
        Ok(key.unwrap_or_default())
    }

    /// A session that no other process has.
    pub(super) fn session(&self) -> Result<SessionId, Failure> {
        let id = match self {
            Self::Own { stack, .. } => stack.audit.next_id()?,
            #[cfg(unix)]
            Self::Directory(seat) => seat.next_id()?,
        };
        Ok(SessionId::try_from(id.to_string())?)
    }

    /// Whatever is to be done once the last call has ended.
    pub(super) fn leave(self) -> Result<(), Failure> {
        match self {
            Self::Own { stack, is_written } => {
                if is_written {
                    stack.audit.publish_checkpoint()?;
                }
            }
            #[cfg(unix)]
            Self::Directory(seat) => {
                // The stack is let go of before the seat, which gives the directory away.
                if let Some(stack) = seat.stack() {
                    stack.audit.publish_checkpoint()?;
                }
            }
        }
        Ok(())
    }
}
