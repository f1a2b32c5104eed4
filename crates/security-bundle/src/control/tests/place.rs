//! The socket as a file: whose it is, who may open it, and where it may stand.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::process::{Child, STRANGER};
use super::*;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn refused(path: &Path) -> String {
    let desk = Desk {
        alive: Arc::default(),
        released: Semaphore::new(0),
    };
    let error: BindError = Server::bind(path, Arc::new(desk)).unwrap_err();
    let dir = path.parent().unwrap().to_str().unwrap();
    error.to_string().replace(dir, "DIR")
}

fn not_joined(path: &Path) -> String {
    let error = Client::connect(path, &hello("gate")).unwrap_err();
    let dir = path.parent().unwrap().to_str().unwrap();
    error.to_string().replace(dir, "DIR")
}

#[test]
fn the_socket_is_the_owners_alone() {
    let owned = Owned::new();
    let at = fs::symlink_metadata(owned.path()).unwrap();
    assert_eq!(at.mode() & 0o7777, 0o600);
    assert_eq!(at.uid(), rustix::process::geteuid().as_raw());
    let names: Vec<_> = fs::read_dir(owned.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["control.sock"]);
}

#[test]
fn what_an_owner_left_that_died_while_it_made_its_socket_is_cleared_away() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    fs::create_dir(dir.path().join("control.sock.new")).unwrap();
    drop(UnixListener::bind(dir.path().join("control.sock.new/s")).unwrap());
    let (_server, _) = serve_at(&path, Limits::default());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn a_path_longer_than_an_address_serves_as_well() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(100)).join("e".repeat(100));
    fs::create_dir_all(&deep).unwrap();
    mode(&deep, 0o700);
    let path = deep.join("control.sock");
    assert!(path.as_os_str().len() > 200);
    let (server, _) = serve_at(&path, Limits::default());
    let client = Client::connect(&path, &hello("gate")).unwrap();
    client.call_blocking(Request::echo("on")).unwrap();
    drop(server);
    assert!(!path.exists());
    // A name that is too long itself has no way around.
    let endless = deep.join("n".repeat(120));
    assert!(refused(&endless).contains("use a shorter data directory"));
}

#[test]
fn an_owner_does_not_listen_where_others_may_write() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("control.sock");
    mode(dir.path(), 0o770);
    insta::assert_snapshot!(refused(&path), @"`DIR` is not to be trusted: other users may write into the directory");
    mode(dir.path(), 0o700);
    fs::write(&path, "notes").unwrap();
    insta::assert_snapshot!(refused(&path), @"`DIR/control.sock` is not to be trusted: something stands there that is no socket");
    assert_eq!(fs::read_to_string(&path).unwrap(), "notes");
    fs::remove_file(&path).unwrap();
    symlink("elsewhere", &path).unwrap();
    assert!(refused(&path).contains("no socket"));
}

#[test]
fn nobody_is_believed_whose_socket_others_may_open_or_replace() {
    let owned = Owned::new();
    let path = owned.path();
    mode(&path, 0o660);
    insta::assert_snapshot!(not_joined(&path), @"`DIR/control.sock` is not to be trusted: its mode lets other users open it, and is not 0600");
    mode(&path, 0o600);
    mode(owned.dir.path(), 0o777);
    insta::assert_snapshot!(not_joined(&path), @"`DIR` is not to be trusted: other users may write into the directory");
    mode(owned.dir.path(), 0o700);
    let other = owned.dir.path().join("other.sock");
    symlink(&path, &other).unwrap();
    insta::assert_snapshot!(not_joined(&other), @"`DIR/other.sock` is not to be trusted: it is no socket");
    assert_eq!(owned.alive.counts().hellos.len(), 0);
    drop(owned.client());
}

/// A copy of this binary and a directory, both of which a stranger can reach. `None`: only root can start a process of another user.
fn for_strangers() -> Option<(tempfile::TempDir, PathBuf)> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    mode(dir.path(), 0o755);
    let binary = dir.path().join("stranger");
    fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    mode(&binary, 0o755);
    Some((dir, binary))
}

#[test]
fn another_user_is_turned_away_unheard_and_reported() {
    let Some((dir, binary)) = for_strangers() else {
        return;
    };
    let path = dir.path().join("control.sock");
    let (_server, alive) = serve_at(&path, Limits::default());
    // The file keeps them out.
    let kept_out = Child::stranger(&binary, "connect_raw", &path).says();
    assert_eq!(kept_out, "PermissionDenied");
    assert_eq!(alive.counts().strangers, []);
    // Where it does not, the owner looks who comes.
    mode(&path, 0o666);
    assert_eq!(
        Child::stranger(&binary, "connect_raw", &path).says(),
        "None"
    );
    alive.until(|counts| counts.strangers.len() == 1);
    let counts = alive.counts();
    assert_eq!(counts.strangers[0].uid, STRANGER);
    assert_eq!(counts.hellos.len(), 0);
}

#[test]
fn a_socket_of_another_user_is_not_believed() {
    let Some((dir, binary)) = for_strangers() else {
        return;
    };
    let path = dir.path().join("control.sock");
    let (server, _alive) = serve_at(&path, Limits::default());
    mode(&path, 0o666);
    let said = Child::stranger(&binary, "connect", &path).says();
    assert!(said.contains("belongs to another user"), "{said}");
    drop(server);
    // One that somebody else made in our directory, and one that only looks like ours.
    mode(dir.path(), 0o777);
    let mut impostor = Child::stranger(&binary, "listen", &path);
    assert_eq!(impostor.says(), "ready");
    mode(dir.path(), 0o755);
    mode(&path, 0o600);
    insta::assert_snapshot!(not_joined(&path), @"`DIR/control.sock` is not to be trusted: it belongs to another user");
    chown(&path, Some(0), Some(0)).unwrap();
    insta::assert_snapshot!(not_joined(&path), @"`DIR/control.sock` is answered by user 65534, though it belongs to user 0");
}
