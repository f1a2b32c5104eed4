//! Who is at the other end, as the kernel says.

use tokio::net::unix::UCred;

/// The user at the root of the machine, who may do everything there anyway.
const ROOT: u32 = 0;

/// A process at the other end of a connection, as it was when it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Where the system tells.
    pub(crate) pid: Option<i32>,
}

impl Peer {
    /// Whether it may speak to a server of `owner`: the same user, or root.
    pub(super) fn may_reach(&self, owner: u32) -> bool {
        self.uid == owner || self.uid == ROOT
    }
}

impl From<UCred> for Peer {
    fn from(peer: UCred) -> Self {
        Self {
            uid: peer.uid(),
            gid: peer.gid(),
            pid: peer.pid(),
        }
    }
}

/// The user in whose name this process acts.
pub(super) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a process of `user` may rely on a file of `owner` in a directory of `home`: it is its own, or it is root's business to
/// look into a directory of somebody else's.
pub(super) fn may_rely_on(user: u32, owner: u32, home: u32) -> bool {
    owner == user || (user == ROOT && owner == home)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_and_root_may_reach_it() {
        let peer = |uid| Peer {
            uid,
            gid: 7,
            pid: None,
        };
        assert!(peer(1000).may_reach(1000));
        assert!(peer(0).may_reach(1000));
        assert!(!peer(1001).may_reach(1000));
        assert!(!peer(1000).may_reach(0));
    }

    #[test]
    fn only_root_relies_on_somebody_elses_file_and_only_where_that_one_is_at_home() {
        assert!(may_rely_on(1000, 1000, 1000));
        assert!(may_rely_on(0, 1000, 1000));
        assert!(!may_rely_on(0, 1001, 1000));
        assert!(!may_rely_on(1000, 1001, 1001));
        assert!(!may_rely_on(1000, 0, 0));
    }
}
