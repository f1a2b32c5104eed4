//! A stack's data directory: its owner is asked, and where there is none it is opened for the time of a verb.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use security_bundle::operator::{Books, OperatorAnswer, OperatorRequest};
use security_bundle::{SecurityStack, StackError};

use crate::desk::Caller;
use crate::failure::Failure;

/// How long it may take until a process that opens the directory can be asked, or one that leaves it is gone.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(20);

/// A stack's data directory.
#[derive(Debug)]
pub(crate) struct Stack(PathBuf);

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The process that owns the directory.
    Owner,
    /// This one: there is no owner.
    Itself,
}

impl Stack {
    /// The one in this directory, if it is a stack's.
    pub(crate) fn at(dir: &Path) -> Option<Self> {
        // The key is left where the log has gone: then it is a damaged one, and nothing is begun anew beside it.
        let folder = dir.join("stack");
        let is_one =
            folder.is_dir() && (dir.join("seg").is_dir() || folder.join("log.key").is_file());
        is_one.then(|| Self(dir.to_owned()))
    }

    /// Has the owner do it, or does it where there is none.
    pub(crate) fn ask(&self, request: &OperatorRequest) -> Result<(OperatorAnswer, By), Failure> {
        let mut left = PATIENCE;
        loop {
            if let Some(answer) = asked(&self.0, request) {
                return answer.map(|answer| (answer, By::Owner));
            }
            match SecurityStack::open_for_operator(&self.0, None) {
                Ok(stack) => {
                    let answer = stack.perform(request, None)?;
                    return Ok((answer, By::Itself));
                }
                Err(StackError::Owned { .. }) if !left.is_zero() => {
                    thread::sleep(LOOK);
                    left = left.saturating_sub(LOOK);
                }
                Err(StackError::Owned { .. }) => {
                    return Err(Failure::new(format!(
                        "`{}` is owned by a process that cannot be asked; stop it, and ask again",
                        self.0.display()
                    )));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What the owner says, if there is one.
#[cfg(unix)]
fn asked(dir: &Path, request: &OperatorRequest) -> Option<Result<OperatorAnswer, Failure>> {
    use security_bundle::{OperatorLine, OperatorLineError};

    match OperatorLine::connect(dir, "secstack") {
        Ok(line) => Some(line.perform(request).map_err(Failure::from)),
        Err(OperatorLineError::NoOwner) => None,
        Err(error) => Some(Err(error.into())),
    }
}

#[cfg(not(unix))]
fn asked(_: &Path, _: &OperatorRequest) -> Option<Result<OperatorAnswer, Failure>> {
    None
}

impl Caller for Stack {
    fn call(&self, request: &OperatorRequest) -> Result<OperatorAnswer, Failure> {
        match request {
            // The log tells of all that was booked, however much that is, and its owner need not be kept from its work.
            OperatorRequest::Budget(asked) if !request.is_act() => {
                let books = Books::of_data_dir(&self.0)?;
                Ok(asked.look(&books)?.into())
            }
            request => Ok(self.ask(request)?.0),
        }
    }
}

/// A component's own store does not go where a stack keeps it in its log.
pub(crate) fn not_in_one(dir: &Path, what: &str) -> Result<(), Failure> {
    if Stack::at(dir).is_none() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "`{}` is a stack's data directory, which keeps its {what} in its log: there is nothing to begin",
        dir.display()
    )))
}
