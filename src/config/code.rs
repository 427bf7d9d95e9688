//! The stable codes of configuration problems.

use std::fmt;

/// What kind of problem it is. A code never changes its meaning and is never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// A file cannot be read: missing, a folder, a loop of links, forbidden, too large.
    Unreadable = 101,
    /// A file is not UTF-8.
    NotUtf8 = 102,
    /// A file of 0 bytes.
    Empty = 103,
    /// Not TOML.
    Syntax = 104,
    /// A key that does not exist.
    UnknownKey = 105,
    /// A value of the wrong type, without its unit, or out of its range.
    BadValue = 106,
    /// No pair is configured.
    NoPair = 107,
    /// A name of a pair or member that is not allowed.
    BadName = 108,
    /// A pair without exactly two members.
    MemberCount = 109,
    /// A key that has no default is missing.
    Missing = 110,
    /// Two settings that contradict each other.
    Contradiction = 111,
    /// A port is used twice.
    DuplicatePort = 112,
    /// A datadir or socket is used twice, or lies inside another.
    DuplicatePath = 113,
    /// A `server_id` is used twice.
    DuplicateServerId = 114,
    /// Both members hand out the same keys.
    SameOffset = 115,
    /// An endpoint's address and port is used twice, or is a member's.
    EndpointTaken = 116,
    /// A member is named that does not exist.
    UnknownMember = 117,
    /// A path that is not absolute, or too long for a socket.
    BadPath = 118,
    /// A folder or file that must exist does not, or is of the wrong kind.
    NoSuchFile = 119,
    /// An account that the system does not know, or that cannot be used.
    UnknownUser = 120,
    /// A secret that others can read.
    SecretExposed = 121,
    /// A secret that cannot be read or understood.
    SecretUnusable = 122,
    /// A `[mysqld]` key that a promise rests on.
    PromiseKey = 123,
    /// A `[mysqld]` key that the daemon sets itself.
    OwnedKey = 124,
    /// A `[mysqld]` key or value that an option file cannot hold.
    BadServerKey = 125,
    /// A hook that cannot be executed.
    BadHook = 126,
    /// Servers are to be units, and systemd or their template is not there.
    NoSystemd = 127,
    /// A setting that the units of the servers fix, or that only units have.
    FixedByUnit = 128,
    /// A unit that cannot run a server, or was not taken over.
    NotTakenOver = 129,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DM{:04}", *self as u16)
    }
}
