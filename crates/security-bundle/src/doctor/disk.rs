//! Whether there is room for the log to grow: a log that cannot be written to denies every action.

use std::path::Path;

use super::Finding;

const CHECK: &str = "disk";

#[cfg(all(unix, feature = "control"))]
pub(super) fn free(directory: &Path) -> Finding {
    use std::os::unix::ffi::OsStrExt as _;

    /// Less than this, and calls will soon be denied.
    const LEAST: u64 = 64 << 20;
    const ENOUGH: u64 = 1 << 30;
    const TO_DO: &str = "make room, or move the data directory";
    let found = match rustix::fs::statvfs(directory.as_os_str().as_bytes()) {
        Ok(found) => found,
        Err(error) => {
            let told = format!("the free space cannot be told: {error}");
            return Finding::note(CHECK, told, "look at it with `df`");
        }
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let told = format!("{} MiB are free", free >> 20);
    match free {
        ..LEAST => Finding::wrong(CHECK, told, TO_DO),
        LEAST..ENOUGH => Finding::note(CHECK, told, TO_DO),
        ENOUGH.. => Finding::good(CHECK, told),
    }
}

#[cfg(not(all(unix, feature = "control")))]
pub(super) fn free(_: &Path) -> Finding {
    Finding::good(CHECK, "the free space is not looked at here")
}
