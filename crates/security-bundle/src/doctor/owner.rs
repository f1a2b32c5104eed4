//! Who owns the directory now, and whether it can be asked.

use std::fs::{File, TryLockError};
use std::path::Path;

use super::Finding;
use crate::operator::StackStatus;

const OWNER: &str = "owner";

/// Who has the directory.
pub(super) enum Owner {
    /// A process that can be asked.
    Known(Box<StackStatus>),
    /// Some process.
    Unknown,
}

/// Says who owns the directory.
pub(super) fn look(directory: &Path, findings: &mut Vec<Finding>) -> Option<Owner> {
    if let Some(status) = asked(directory, findings) {
        findings.push(Finding::good(
            OWNER,
            format!(
                "process {} owns it since {}",
                status.owner_pid,
                super::shown(status.since)
            ),
        ));
        return Some(Owner::Known(Box::new(status)));
    }
    match is_locked(directory) {
        Ok(false) => {
            findings.push(Finding::good(OWNER, "no process owns it"));
            None
        }
        Ok(true) => {
            findings.push(Finding::note(
                OWNER,
                "a process owns it that cannot be asked: it opens or leaves it just now, or was not made to be joined",
                "ask again in a moment; operators' acts wait until it is gone",
            ));
            Some(Owner::Unknown)
        }
        Err(problem) => {
            findings.push(Finding::wrong(
                OWNER,
                format!("whether a process owns it cannot be told: {problem}"),
                "run this as the user who owns the directory",
            ));
            None
        }
    }
}

/// Tries the log's lock, beside others who only try it, and gives it back.
fn is_locked(directory: &Path) -> Result<bool, std::io::Error> {
    let lock = match File::open(directory.join("LOCK")) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match lock.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(all(unix, feature = "control"))]
fn asked(directory: &Path, findings: &mut Vec<Finding>) -> Option<StackStatus> {
    use crate::operator::{OperatorAnswer, StackAnswer, StackRequest};
    use crate::seat::{OperatorLine, OperatorLineError, SOCKET};

    const CHECK: &str = "socket";
    let wrong = |problem: &dyn std::fmt::Display| {
        let told = format!("the owner cannot be asked: {problem}");
        let to_do = "operators' acts cannot reach it; run this as its user, or stop it";
        Finding::wrong(CHECK, told, to_do)
    };
    let answer = match OperatorLine::connect(directory, "doctor") {
        Ok(line) => line.perform(&StackRequest::Status {}.into()),
        Err(OperatorLineError::NoOwner) => {
            let is_there = directory.join(crate::stack::FOLDER).join(SOCKET);
            findings.push(if is_there.symlink_metadata().is_err() {
                Finding::good(CHECK, "there is none, as nobody listens")
            } else {
                Finding::note(
                    CHECK,
                    "nobody listens at `control.sock`, which an owner that was killed has left",
                    "nothing: the next owner puts its own in the place",
                )
            });
            return None;
        }
        Err(error) => {
            findings.push(wrong(&error));
            return None;
        }
    };
    match answer {
        Ok(OperatorAnswer::Stack(StackAnswer::Status(status))) => {
            findings.push(Finding::good(CHECK, "the owner answers"));
            Some(*status)
        }
        Ok(_) => {
            findings.push(wrong(&"it answers another question"));
            None
        }
        Err(refusal) => {
            findings.push(wrong(&refusal));
            None
        }
    }
}

#[cfg(not(all(unix, feature = "control")))]
fn asked(_: &Path, _: &mut Vec<Finding>) -> Option<StackStatus> {
    None
}
