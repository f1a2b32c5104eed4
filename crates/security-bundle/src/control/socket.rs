//! The socket as a file: never open to others for a moment, found however long its path is, and believed only where it is ours.

use std::fs::{self, DirBuilder, File, Metadata};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _,
};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use super::peer::{may_rely_on, own_uid};

/// How many bytes a socket's address may have, without the zero at its end (`sun_path` in `unix(7)`).
const MAX_ADDRESS: usize = if cfg!(any(target_os = "linux", target_os = "android")) {
    107
} else {
    103
};

/// Why the file of a socket cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SocketError {
    /// Others could read or replace it.
    #[error("`{}` is not to be trusted: {why}", path.display())]
    Untrusted { path: PathBuf, why: &'static str },
    /// It does not fit into an address, and the system offers no way around.
    #[error("the path of the socket `{}` has {} bytes, where this system allows {MAX_ADDRESS}: use a shorter data directory", path.display(), path.as_os_str().len())]
    TooLong { path: PathBuf },
    /// The system says no.
    #[error("cannot {doing} `{}`: {source}", path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

/// A socket that listens. Dropping it removes its file, unless another has taken the place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens at `path`, with a file of mode 0600 that takes the place of a socket that a dead owner has left.
    ///
    /// The caller must be entitled to the place: it holds the lock of the data directory.
    pub(super) fn bind(path: &Path) -> Result<(Self, UnixListener), SocketError> {
        let home = directory(path);
        trusted_home(home)?;
        vacant_or_socket(path)?;
        // Others will have to find it.
        Address::of(path)?;
        // A socket gets the mode that the process's mask leaves, which is not ours to change: so it is made where nobody else can come.
        let mut nursery = path.as_os_str().to_owned();
        nursery.push(".new");
        let nursery = PathBuf::from(nursery);
        let newborn = nursery.join("s");
        clear(&newborn, &nursery)?;
        DirBuilder::new()
            .mode(0o700)
            .create(&nursery)
            .map_err(failed("create", &nursery))?;
        let address = Address::of(&newborn)?;
        let listener = UnixListener::bind(&address.short).map_err(failed("listen at", &newborn))?;
        fs::set_permissions(&newborn, fs::Permissions::from_mode(0o600))
            .map_err(failed("restrict", &newborn))?;
        let made = fs::symlink_metadata(&newborn).map_err(failed("look at", &newborn))?;
        listener
            .set_nonblocking(true)
            .map_err(failed("listen at", &newborn))?;
        fs::rename(&newborn, path).map_err(failed("place", path))?;
        let file = Self {
            path: path.to_owned(),
            identity: identity(&made),
        };
        fs::remove_dir(&nursery).map_err(failed("remove", &nursery))?;
        Ok((file, listener))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let same = fs::symlink_metadata(&self.path).is_ok_and(|at| identity(&at) == self.identity);
        if same {
            // Where it stays, nobody answers at it, and the next owner replaces it.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Looks at the socket at `path` before anything is said to it, and gives the user to whom it belongs. `None`: there is none.
///
/// # Errors
/// It is no socket, is not ours, or others could open or replace it.
pub(super) fn owner(path: &Path) -> Result<Option<u32>, SocketError> {
    let untrusted = |why| SocketError::Untrusted {
        path: path.to_owned(),
        why,
    };
    let at = match fs::symlink_metadata(path) {
        Ok(at) => at,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("look at", path)(error)),
    };
    if !at.file_type().is_socket() {
        return Err(untrusted("it is no socket"));
    }
    let home = trusted_home(directory(path))?;
    if !may_rely_on(own_uid(), at.uid(), home.uid()) {
        return Err(untrusted("it belongs to another user"));
    }
    if at.mode() & 0o077 != 0 {
        return Err(untrusted(
            "its mode lets other users open it, and is not 0600",
        ));
    }
    Ok(Some(at.uid()))
}

/// What the system takes for a path: the path itself, or where that is too long a short one through its open directory.
#[derive(Debug)]
pub(super) struct Address {
    pub(super) short: PathBuf,
    /// Keeps the short one leading there.
    _directory: Option<File>,
}

impl Address {
    pub(super) fn of(path: &Path) -> Result<Self, SocketError> {
        if path.as_os_str().len() <= MAX_ADDRESS {
            return Ok(Self {
                short: path.to_owned(),
                _directory: None,
            });
        }
        let too_long = || SocketError::TooLong {
            path: path.to_owned(),
        };
        let name = path.file_name().ok_or_else(too_long)?;
        let home = directory(path);
        let directory = File::open(home).map_err(failed("open", home))?;
        let short = through(&directory).ok_or_else(too_long)?.join(name);
        if short.as_os_str().len() > MAX_ADDRESS {
            return Err(too_long());
        }
        Ok(Self {
            short,
            _directory: Some(directory),
        })
    }
}

/// The open directory as a short path, where the system has one.
fn through(directory: &File) -> Option<PathBuf> {
    let linux = cfg!(any(target_os = "linux", target_os = "android"));
    linux.then(|| format!("/proc/self/fd/{}", directory.as_raw_fd()).into())
}

/// The directory of the socket: ours, or somebody's whom root serves, and closed to what others would put there.
fn trusted_home(home: &Path) -> Result<Metadata, SocketError> {
    let untrusted = |why| SocketError::Untrusted {
        path: home.to_owned(),
        why,
    };
    let at = fs::metadata(home).map_err(failed("look at", home))?;
    if !may_rely_on(own_uid(), at.uid(), at.uid()) {
        return Err(untrusted("the directory belongs to another user"));
    }
    if at.mode() & 0o022 != 0 {
        return Err(untrusted("other users may write into the directory"));
    }
    Ok(at)
}

/// Nothing that somebody else put there is replaced.
fn vacant_or_socket(path: &Path) -> Result<(), SocketError> {
    match fs::symlink_metadata(path) {
        Ok(at) if at.file_type().is_socket() => Ok(()),
        Ok(_) => Err(SocketError::Untrusted {
            path: path.to_owned(),
            why: "something stands there that is no socket",
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(failed("look at", path)(error)),
    }
}

/// Removes what an owner has left that died while it made its socket.
fn clear(newborn: &Path, nursery: &Path) -> Result<(), SocketError> {
    absent(fs::remove_file(newborn)).map_err(failed("remove", newborn))?;
    absent(fs::remove_dir(nursery)).map_err(failed("remove", nursery))
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(home) if !home.as_os_str().is_empty() => home,
        _ => Path::new("."),
    }
}

fn identity(at: &Metadata) -> (u64, u64) {
    (at.dev(), at.ino())
}

fn failed<'p>(
    doing: &'static str,
    path: &'p Path,
) -> impl FnOnce(io::Error) -> SocketError + use<'p> {
    move |source| SocketError::Io {
        doing,
        path: path.to_owned(),
        source,
    }
}
