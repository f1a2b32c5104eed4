//! The directory's files: who may read and write them, and what a crash has left.

use std::path::Path;

use super::Finding;
use crate::stack::{FOLDER, FRESH_KEY};
use crate::stack::{opening, snapshot};

const CHECK: &str = "files";

/// Nobody but the owner's user has business in the folder, and nobody else may write beside it.
#[cfg(unix)]
pub(super) fn files(directory: &Path) -> Finding {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use crate::stack::KEY_FILE;

    let folder = directory.join(FOLDER);
    let mut problems = Vec::new();
    let mut repairs = Vec::new();
    let mut owner = None;
    // With the rights that nobody else may have.
    let files = [
        (directory.to_owned(), 0o022),
        (folder.clone(), 0o077),
        (folder.join(KEY_FILE), 0o077),
        (folder.join("control.sock"), 0o077),
    ];
    for (path, forbidden) in files {
        let told = path.display();
        let found = match fs::symlink_metadata(&path) {
            Ok(found) => found,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                problems.push(format!("`{told}` cannot be looked at: {error}"));
                continue;
            }
        };
        let mode = found.mode() & 0o777;
        if mode & forbidden != 0 && !found.is_symlink() {
            problems.push(format!("others have rights to `{told}` (mode {mode:04o})"));
            let right = mode & !forbidden;
            repairs.push(format!("chmod {right:o} {told}"));
        }
        let first = *owner.get_or_insert(found.uid());
        if found.uid() != first {
            problems.push(format!(
                "`{told}` belongs to user {}, and the directory to user {first}",
                found.uid()
            ));
            repairs.push(format!("chown {first} {told}"));
        }
    }
    if problems.is_empty() {
        return Finding::good(CHECK, "nobody else can read the key or reach the socket");
    }
    Finding::wrong(CHECK, problems.join("; "), repairs.join("; "))
}

#[cfg(not(unix))]
pub(super) fn files(_: &Path) -> Finding {
    Finding::good(CHECK, "this system knows no modes of files")
}

/// What stands half-made under another name first.
pub(super) fn leftovers(directory: &Path) -> Finding {
    const CHECK: &str = "leftovers";
    let folder = directory.join(FOLDER);
    let left: Vec<_> = [
        FRESH_KEY,
        snapshot::FRESH,
        opening::FRESH,
        "control.sock.new",
    ]
    .into_iter()
    .filter(|name| folder.join(name).symlink_metadata().is_ok())
    .map(|name| format!("`{FOLDER}/{name}`"))
    .collect();
    if left.is_empty() {
        return Finding::good(CHECK, "nothing is half-made");
    }
    Finding::note(
        CHECK,
        format!("{} was left half-made, or is being made", left.join(", ")),
        "nothing: whoever opens the directory next clears it away or writes it anew",
    )
}
