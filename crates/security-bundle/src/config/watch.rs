//! Notices that a configuration file says something else. Folders are watched and not the file: editors put another file in its
//! place, and Kubernetes another folder behind a link.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::{ConfigError, SecurityStackConfig, source};
use crate::hex::sha256;

/// How long the file must be left alone before it is read: whoever writes it may not be done.
const SETTLED: Duration = Duration::from_millis(50);
/// How many events in a row are waited for at most: a folder may never come to rest.
const RESTLESS: u32 = 1000;
/// How often it is looked at in any case, for file systems that tell of nothing.
const GLANCE: Duration = Duration::from_secs(5);

/// Watches a configuration file, until it is dropped.
///
/// ```no_run
/// # use security_bundle::{ConfigWatcher, Raises, SecurityStack, SecurityStackConfig, create_security_stack};
/// # use std::sync::Arc;
/// let config = SecurityStackConfig::from_path("secstack.toml")?;
/// let stack = Arc::new(create_security_stack(config)?);
/// let operator = "ops@example.com".parse()?;
/// let _watcher = ConfigWatcher::start("secstack.toml", move |read| {
///     let done = read.map_err(Into::into).and_then(|config| {
///         stack.reload(config, &operator, "the file changed", Raises::Refuse)
///     });
///     if let Err(error) = done {
///         eprintln!("the configuration from before is still in force: {error}");
///     }
/// })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ConfigWatcher {
    watcher: Option<RecommendedWatcher>,
    stop: Option<SyncSender<Wake>>,
    thread: Option<JoinHandle<()>>,
}

/// What wakes the thread that reads.
enum Wake {
    Changed,
    Stop,
}

impl ConfigWatcher {
    /// Calls `told` with what the file says, or why it cannot be read, each time when its content has become another one than it was:
    /// not at the start, and a bad or missing file once. On a thread of its own.
    ///
    /// A file without content is one that somebody has only begun to write: it is waited for, and after five seconds it is a bad one.
    /// It would be a configuration that takes everything from everybody, which the whole file could not give back unconfirmed.
    ///
    /// # Errors
    /// The file's folder cannot be watched, or the file not be read at all.
    pub fn start(
        path: impl AsRef<Path>,
        mut told: impl FnMut(Result<SecurityStackConfig, ConfigError>) + Send + 'static,
    ) -> Result<Self, ConfigError> {
        let path = path.as_ref().to_owned();
        let failed = |error: &dyn fmt::Display| ConfigError::at("", error).in_file(&path);
        let mut known = Ok(sha256(source::load(&path).map_err(|error| failed(&error))?));
        // One that is waiting is enough: the file is read after it.
        let (wake, woken) = sync_channel(1);
        let mut watcher = notify::recommended_watcher({
            let wake = wake.clone();
            let names = names(&path);
            move |event: Result<Event, notify::Error>| {
                if event.is_ok_and(|event| !may_change(&event, &names)) {
                    return;
                }
                match wake.try_send(Wake::Changed) {
                    Ok(()) | Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {}
                }
            }
        })
        .map_err(|error| failed(&error))?;
        for folder in folders(&path) {
            watcher
                .watch(&folder, RecursiveMode::NonRecursive)
                .map_err(|error| failed(&error))?;
        }
        let thread = thread::Builder::new()
            .name("stack-configuration".to_owned())
            .spawn({
                let path = path.clone();
                move || {
                    while let Some(look) = next_look(&woken) {
                        let mut text = source::load(&path);
                        if text.as_ref().is_ok_and(|text| text.trim().is_empty()) {
                            if look == Look::Changed {
                                continue;
                            }
                            text = Err(ConfigError::at("", "the file is empty"));
                        }
                        let now = text.as_ref().map(sha256).map_err(ToString::to_string);
                        if now != known {
                            known = now;
                            let read =
                                text.and_then(|text| SecurityStackConfig::of_file(&path, &text));
                            told(read.map_err(|error| error.in_file(&path)));
                        }
                    }
                }
            })
            .map_err(|error| failed(&error))?;
        Ok(Self {
            watcher: Some(watcher),
            stop: Some(wake),
            thread: Some(thread),
        })
    }
}

impl Drop for ConfigWatcher {
    fn drop(&mut self) {
        drop(self.watcher.take());
        if let Some(stop) = self.stop.take() {
            // Where the thread has gone there is nobody to stop.
            stop.send(Wake::Stop).ok();
        }
        // Dropped by its own callback, it ends after that.
        let is_elsewhere = |thread: &JoinHandle<()>| thread.thread().id() != thread::current().id();
        if let Some(thread) = self.thread.take().filter(is_elsewhere) {
            // A panic in the callback has ended it.
            thread.join().ok();
        }
    }
}

impl fmt::Debug for ConfigWatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfigWatcher").finish_non_exhaustive()
    }
}

/// Why the file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// Something happened, and has settled.
    Changed,
    /// Nothing has happened for a while.
    Glance,
}

/// Waits until the file is to be looked at. `None`: it is over.
fn next_look(woken: &Receiver<Wake>) -> Option<Look> {
    match woken.recv_timeout(GLANCE) {
        Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
        Err(RecvTimeoutError::Timeout) => return Some(Look::Glance),
        Ok(Wake::Changed) => {}
    }
    for _ in 0..RESTLESS {
        match woken.recv_timeout(SETTLED) {
            Ok(Wake::Changed) => {}
            Err(RecvTimeoutError::Timeout) => break,
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
    Some(Look::Changed)
}

/// Whether the file can say something else after this. Its folder may be one in which much goes on, such as a log that grows; and to
/// read the file is an event as well, after which it would be read again.
fn may_change(event: &Event, names: &[OsString]) -> bool {
    let is_ours = |path: &PathBuf| {
        path.file_name()
            .is_none_or(|name| names.contains(&name.into()))
    };
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => event.paths.iter().any(is_ours),
        EventKind::Access(_) => false,
        // A link may come to lead elsewhere, whatever its name.
        EventKind::Modify(ModifyKind::Name(_)) => true,
        EventKind::Modify(_) if !event.need_rescan() => event.paths.iter().any(is_ours),
        _ => true,
    }
}

/// The file's name, and that of what it is a link to.
fn names(path: &Path) -> Vec<OsString> {
    let real = path.canonicalize();
    let both = [Some(path), real.as_deref().ok()];
    let names = both.into_iter().flatten().filter_map(Path::file_name);
    names.map(OsString::from).collect()
}

/// The folder of the file, and that of what it is a link to.
fn folders(path: &Path) -> Vec<PathBuf> {
    let of = |path: &Path| match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut folders = vec![of(path)];
    if let Ok(real) = path.canonicalize() {
        folders.push(of(&real));
    }
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{CreateKind, DataChange, RenameMode};

    #[test]
    fn reading_it_and_what_goes_on_beside_it_are_no_change() {
        let names = [OsString::from("secstack.toml")];
        let may = |kind, name: &str| {
            let path = Path::new("/etc/secstack").join(name);
            may_change(&Event::new(kind).add_path(path), &names)
        };
        let opened = EventKind::Access(AccessKind::Open(AccessMode::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        assert!(!may(opened, "secstack.toml"));
        for kind in [closed, written] {
            assert!(may(kind, "secstack.toml"));
            assert!(!may(kind, "calls.ndjson"));
        }
        assert!(may(renamed, "..data"));
        assert!(may(EventKind::Create(CreateKind::Any), "..data"));
    }
}
