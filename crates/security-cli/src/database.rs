//! What the databases in a data directory have in common: how they are found, and who has them open.
//!
//! Budgets, trust and consent stand side by side in one directory, each in a file and behind a lock of its own.

use std::panic;
use std::path::Path;

use crate::failure::Failure;

/// Some damage makes the database panic, which its owner catches and returns as an error: once is enough to be told.
pub(crate) fn hush() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        let is_database = panicked
            .location()
            .is_some_and(|at| at.file().contains("redb"));
        if !is_database {
            tell(panicked);
        }
    }));
}

/// `verb` is the one with `init`.
pub(crate) fn not_there(dir: &Path, what: &str, verb: &str) -> Failure {
    Failure::new(format!(
        "there are no {what} in `{}`: if it is the right directory, begin with `secstack {verb} init`",
        dir.display()
    ))
}

pub(crate) fn there_already(dir: &Path, what: &str) -> Failure {
    Failure::new(format!("there are {what} in `{}` already", dir.display()))
}

pub(crate) fn in_use(dir: &Path) -> Failure {
    Failure::new(format!(
        "`{}` is in use by another process; stop it or ask it",
        dir.display()
    ))
}
