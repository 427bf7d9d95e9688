//! Who changed our tables: the kernel's own nftables events, without a process in between.
//!
//! A transaction is announced as one message per object and a closing NEWGEN that names the
//! process. `nft monitor` reads the same messages.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::io;

use nix::errno::Errno;
use rtnetlink::sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket, protocols};

use super::Table;
use crate::net::netlink::{Message, Messages, attributes};

/// NFNLGRP_NFTABLES is group 7 (linux/netfilter/nfnetlink.h).
const NFTABLES_GROUP: u32 = 1 << 6;
/// NFNL_SUBSYS_NFTABLES, the high byte of the message type.
const NFTABLES_SUBSYSTEM: u16 = 10;
/// NFT_MSG_NEWGEN (linux/netfilter/nf_tables.h).
const NEW_GENERATION: u16 = 15;
/// NFTA_TABLE_NAME, and the table of a chain, rule, set or element: all are attribute 1.
const TABLE_NAME: u16 = 1;
const GENERATION_PROCESS_ID: u16 = 2;
const GENERATION_PROCESS_NAME: u16 = 3;
/// struct nfgenmsg, before the attributes.
const GENERIC_HEADER: usize = 4;

/// Why no events come.
#[derive(Debug, thiserror::Error)]
pub enum ChangesError {
    /// The kernel refused the subscription.
    #[error("may not watch nftables for changes: it needs CAP_NET_ADMIN")]
    NotPermitted {
        /// The kernel's word.
        source: io::Error,
    },
    /// The socket could not be opened or read.
    #[error("could not watch nftables for changes")]
    Failed {
        /// The kernel's word.
        source: io::Error,
    },
}

impl From<io::Error> for ChangesError {
    fn from(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::PermissionDenied {
            Self::NotPermitted { source }
        } else {
            Self::Failed { source }
        }
    }
}

/// One transaction that touched tables of ours, our own transactions included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Somebody changed these tables.
    Tables {
        /// Names that begin with [`Table::PREFIX`].
        tables: BTreeSet<String>,
        /// Who: the process name, as the kernel knows it.
        process: String,
        /// Its process id, in the first pid namespace of the machine.
        pid: u32,
    },
    /// Events came faster than they were read and some were lost: any table may have changed.
    Lost,
}

/// The stream of changes in this network namespace, from [`Changes::watch`] on.
pub struct Changes {
    socket: TokioSocket,
    touched: BTreeSet<String>,
    ready: VecDeque<Change>,
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Changes")
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Changes {
    /// Subscribes. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`ChangesError`].
    pub fn watch() -> Result<Self, ChangesError> {
        let mut socket = TokioSocket::new(protocols::NETLINK_NETFILTER)?;
        socket
            .socket_mut()
            .bind(&SocketAddr::new(0, NFTABLES_GROUP))?;
        Ok(Self {
            socket,
            touched: BTreeSet::new(),
            ready: VecDeque::new(),
        })
    }

    /// Waits for the next change. Safe to cancel: nothing that was read is lost.
    ///
    /// # Errors
    /// [`ChangesError::Failed`]; the stream must then be opened anew, and the tables read.
    pub async fn next(&mut self) -> Result<Change, ChangesError> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Ok(change);
            }
            match self.socket.recv_from_full().await {
                Ok((datagram, _kernel)) => {
                    for message in Messages::of(&datagram) {
                        self.ready.extend(feed(&mut self.touched, message));
                    }
                }
                Err(error) if error.raw_os_error() == Some(Errno::ENOBUFS as i32) => {
                    self.ready.push_back(Change::Lost);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Notes the table of one event; the closing message of a transaction yields the change.
fn feed(touched: &mut BTreeSet<String>, message: Message<'_>) -> Option<Change> {
    if message.kind >> 8 != NFTABLES_SUBSYSTEM {
        return None;
    }
    let values = message.body.get(GENERIC_HEADER..)?;
    if message.kind & 0xff != NEW_GENERATION {
        let table = attributes(values).find(|(kind, _)| *kind == TABLE_NAME);
        touched.extend(
            table
                .map(|(_, name)| text(name))
                .filter(|t| t.starts_with(Table::PREFIX)),
        );
        return None;
    }
    let tables = std::mem::take(touched);
    let (mut pid, mut process) = (0, String::new());
    for (kind, value) in attributes(values) {
        match kind {
            GENERATION_PROCESS_ID => {
                pid = value.first_chunk().map_or(0, |b| u32::from_be_bytes(*b))
            }
            GENERATION_PROCESS_NAME => process = text(value),
            _ => {}
        }
    }
    (!tables.is_empty()).then_some(Change::Tables {
        tables,
        process,
        pid,
    })
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value)
        .trim_end_matches('\0')
        .to_owned()
}
