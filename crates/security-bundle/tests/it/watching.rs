//! A configuration file that is watched: each other content is told once, however it gets there.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use security_bundle::{ConfigError, ConfigWatcher, SecurityStackConfig};

/// Far more than it takes; nothing waits for it unless something is broken.
const LONG: Duration = Duration::from_secs(60);

fn text(calls: u64) -> String {
    format!("[budget.session]\ncalls = {calls}\n")
}

type Told = Result<SecurityStackConfig, ConfigError>;

fn watch(path: &Path) -> (ConfigWatcher, Receiver<Told>) {
    let (tell, told) = channel();
    let watcher = ConfigWatcher::start(path, move |read| tell.send(read).unwrap()).unwrap();
    (watcher, told)
}

fn calls(told: &Receiver<Told>) -> Option<u64> {
    let config = told.recv_timeout(LONG).unwrap().unwrap();
    config.budget.session.unwrap().calls
}

#[test]
fn a_file_that_is_written_or_replaced_is_told_and_the_same_content_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secstack.toml");
    fs::write(&path, text(1)).unwrap();
    let (_watcher, told) = watch(&path);
    fs::write(&path, text(2)).unwrap();
    assert_eq!(calls(&told), Some(2));
    // As an editor does; the same content again comes in between.
    for calls in [2, 3] {
        let fresh = dir.path().join("fresh");
        fs::write(&fresh, text(calls)).unwrap();
        fs::rename(&fresh, &path).unwrap();
    }
    assert_eq!(calls(&told), Some(3));
}

#[test]
fn a_file_that_does_not_hold_is_told_and_then_the_one_that_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secstack.toml");
    fs::write(&path, text(1)).unwrap();
    let (_watcher, told) = watch(&path);
    fs::write(&path, "[budget.sesion]\ncalls = 2\n").unwrap();
    let error = told.recv_timeout(LONG).unwrap().unwrap_err().to_string();
    assert!(error.contains("did you mean `session`?"), "{error}");
    fs::write(&path, text(2)).unwrap();
    assert_eq!(calls(&told), Some(2));
}

#[test]
fn a_file_that_somebody_has_only_begun_to_write_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secstack.toml");
    fs::write(&path, text(1)).unwrap();
    let (_watcher, told) = watch(&path);
    fs::write(&path, "\n").unwrap();
    // Longer than the file has to be left alone, or else nothing is tested.
    std::thread::sleep(Duration::from_millis(300));
    fs::write(&path, text(2)).unwrap();
    let read = std::iter::repeat_with(|| told.recv_timeout(LONG).unwrap());
    // It is told of where this test was kept waiting for seconds.
    let mut read = read.skip_while(|read| {
        let error = read.as_ref().err().map(ToString::to_string);
        error.is_some_and(|error| error.ends_with("the file is empty"))
    });
    let session = read.next().unwrap().unwrap().budget.session;
    assert_eq!(session.unwrap().calls, Some(2));
}

#[test]
fn a_file_beside_one_that_never_rests_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secstack.toml");
    fs::write(&path, text(1)).unwrap();
    let (_watcher, told) = watch(&path);
    let (stop, stopped) = channel::<()>();
    std::thread::scope(move |scope| {
        let log = dir.path().join("calls.ndjson");
        scope.spawn(move || {
            let turn = || stopped.recv_timeout(Duration::from_millis(1));
            while turn().is_err_and(|error| error == RecvTimeoutError::Timeout) {
                fs::write(&log, "{}").unwrap();
            }
        });
        // Dropped before the thread is waited for, whatever happens.
        let _stop = stop;
        fs::write(&path, text(2)).unwrap();
        assert_eq!(calls(&told), Some(2));
    });
}

#[test]
fn a_file_that_stays_empty_is_a_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secstack.toml");
    fs::write(&path, text(1)).unwrap();
    let (_watcher, told) = watch(&path);
    fs::write(&path, "").unwrap();
    let error = told.recv_timeout(LONG).unwrap().unwrap_err().to_string();
    assert!(error.contains("the file is empty"), "{error}");
}

#[test]
fn a_file_that_goes_or_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("secstack.toml");
    fs::write(&path, text(1)).unwrap();
    let (_watcher, told) = watch(&path);
    fs::remove_file(&path).unwrap();
    told.recv_timeout(LONG).unwrap().unwrap_err();
    fs::write(&path, [0xff, 0xfe]).unwrap();
    told.recv_timeout(LONG).unwrap().unwrap_err();
    fs::write(&path, text(2)).unwrap();
    assert_eq!(calls(&told), Some(2));
}

#[cfg(unix)]
#[test]
fn another_folder_behind_a_link_is_told() {
    use std::os::unix::fs::symlink;
    let dir = tempfile::tempdir().unwrap();
    for number in [1, 2] {
        let folder = dir.path().join(number.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("secstack.toml"), text(number)).unwrap();
    }
    let (now, next) = (dir.path().join("now"), dir.path().join("next"));
    symlink(dir.path().join("1"), &now).unwrap();
    let path = dir.path().join("secstack.toml");
    symlink("now/secstack.toml", &path).unwrap();
    let (_watcher, told) = watch(&path);
    symlink(dir.path().join("2"), &next).unwrap();
    fs::rename(&next, &now).unwrap();
    assert_eq!(calls(&told), Some(2));
}

#[test]
fn a_file_that_is_not_there_cannot_be_watched() {
    let dir = tempfile::tempdir().unwrap();
    let started = ConfigWatcher::start(dir.path().join("none.toml"), |_| {});
    assert!(started.unwrap_err().to_string().contains("none.toml"));
}
