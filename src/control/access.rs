//! Who may act: root, the daemon's own user, and members of the group [`GROUP`].
//!
//! The kernel tells who is at the other end (`SO_PEERCRED`); nothing the client says counts.

use std::time::Duration;

use nix::unistd::{Gid, Group, Uid, User};
use tokio::net::unix::UCred;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Members of this group may act.
pub const GROUP: &str = "dualmasterd";

/// A directory service that does not answer within this time grants nothing.
const LOOKUP: Duration = Duration::from_secs(2);

/// The user at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// Its user.
    pub uid: u32,
    /// Its primary group.
    pub gid: u32,
    /// Its process.
    pub pid: Option<i32>,
}

impl From<UCred> for Peer {
    fn from(cred: UCred) -> Self {
        Self {
            uid: cred.uid(),
            gid: cred.gid(),
            pid: cred.pid(),
        }
    }
}

impl Peer {
    /// Root or the daemon's own user: no look into the group database is needed.
    pub fn owns_daemon(self) -> bool {
        self.uid == 0 || self.uid == nix::unistd::geteuid().as_raw()
    }

    /// It may act.
    pub async fn may_act(self) -> bool {
        if self.owns_daemon() {
            return true;
        }
        let lookup = spawn_blocking(move || is_member(self.uid, self.gid));
        matches!(timeout(LOOKUP, lookup).await, Ok(Ok(true)))
    }
}

/// The user belongs to [`GROUP`] by its primary group or by the group's list of members.
fn is_member(uid: u32, gid: u32) -> bool {
    let Ok(Some(group)) = Group::from_name(GROUP) else {
        return false;
    };
    if group.gid == Gid::from_raw(gid) {
        return true;
    }
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.gid == group.gid || group.mem.contains(&user.name),
        Ok(None) | Err(_) => false,
    }
}

/// The group's number, where the host has the group.
pub fn group() -> Option<Gid> {
    Group::from_name(GROUP)
        .ok()
        .flatten()
        .map(|group| group.gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(uid: u32) -> Peer {
        Peer {
            uid,
            gid: uid,
            pid: None,
        }
    }

    #[tokio::test]
    async fn root_and_the_daemon_itself_may_act_and_nobody_may_not() {
        assert!(peer(0).may_act().await);
        assert!(peer(nix::unistd::geteuid().as_raw()).may_act().await);
        assert!(!peer(65_534).may_act().await);
    }
}
