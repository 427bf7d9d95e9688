//! A member's server as a process of ours: started, and its files worked on by a child, as its user.

use std::ffi::CString;
use std::io;
use std::path::Path;
use std::process::Stdio;

use nix::unistd::Gid;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::{Begun, InstanceHands, PREPARE_WITHIN, keep_copy, on_disk};
use crate::config::Account;
use crate::files;
use crate::model::action::ActionError;
use crate::runtime::prepare::{Order, Reply};
use crate::runtime::process::{self, Identity, ServerCommand};

impl InstanceHands {
    pub(super) async fn start_process(&self) -> Result<Begun, ActionError> {
        let member = &self.member;
        let server = &member.server;
        self.own_folder(&member.run_dir, 0o755).await?;
        let command = ServerCommand {
            program: member.binary.clone(),
            args: self.arguments(),
            env: Vec::new(),
            datadir: server.datadir.clone(),
            log: server.log.clone(),
            identity: None,
        };
        let account = member.account.clone();
        let started = self.started.clone();
        let (cnf, copy) = (member.cnf.clone(), member.started_cnf());
        let spawn = move || {
            keep_copy(&cnf, &copy);
            let identity = identity(&account);
            let command = ServerCommand {
                identity,
                ..command
            };
            let spawned = process::spawn(&command).map_err(io::Error::other)?;
            let (life, ended) = (spawned.life.clone(), spawned.ended.clone());
            // Told from here: also where nobody waits any more for a start that a disk held up.
            let _ = started.send(spawned);
            Ok((life, ended))
        };
        on_disk("start", &member.binary, spawn).await
    }

    /// By a child that runs as the server's user.
    pub(super) async fn prepare_here(&self, order: Order) -> Result<Reply, ActionError> {
        let member = &self.member;
        self.own_folder(&member.home, 0o750).await?;
        // One file for each kind of order: two may be under way.
        let file = member
            .home
            .join(format!("order.{}.json", order.step.name()));
        let text =
            serde_json::to_vec(&order).map_err(|error| ActionError::Failed(error.to_string()))?;
        let (to, owner) = (file.clone(), self.owner());
        on_disk("write", &file, move || {
            files::write(&to, &text, 0o600, Some(owner))
        })
        .await?;
        self.run_prepare(&order.name, &file).await
    }

    async fn run_prepare(&self, name: &str, order: &Path) -> Result<Reply, ActionError> {
        // Through /proc, because the server's user may not enter the folder that our binary lies in.
        let mut command = Command::new("/proc/self/exe");
        command.arg("prepare").arg(name).arg("--order").arg(order);
        command
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.current_dir("/").kill_on_drop(true);
        if nix::unistd::geteuid().is_root() {
            command
                .uid(self.member.account.uid)
                .gid(self.member.account.gid);
        }
        let attempt = async {
            let mut child = command.spawn()?;
            let mut said = String::new();
            let mut complaint = String::new();
            if let (Some(out), Some(err)) = (child.stdout.as_mut(), child.stderr.as_mut()) {
                let (mut out, mut err) = (out.take(1 << 22), err.take(1 << 14));
                tokio::try_join!(
                    out.read_to_string(&mut said),
                    err.read_to_string(&mut complaint)
                )?;
            }
            child.wait().await?;
            Ok::<_, io::Error>((said, complaint))
        };
        let (said, complaint) = timeout(PREPARE_WITHIN, attempt)
            .await
            .map_err(|_| {
                ActionError::Failed(format!(
                    "prepare {name} was not done after {PREPARE_WITHIN:?}"
                ))
            })?
            .map_err(|error| ActionError::Failed(format!("cannot run prepare {name}: {error}")))?;
        serde_json::from_str(said.trim()).map_err(|error| {
            ActionError::Failed(format!(
                "prepare {name} answered oddly ({error}): {said}{complaint}"
            ))
        })
    }
}

/// Whom the server runs as, where we may choose: with all groups of the account, as a unit of systemd would
/// start it. One of them may be what lets it read the link's key.
fn identity(account: &Account) -> Option<Identity> {
    nix::unistd::geteuid().is_root().then(|| Identity {
        uid: account.uid,
        gid: account.gid,
        groups: groups(account),
    })
}

fn groups(account: &Account) -> Vec<u32> {
    let name = CString::new(account.name.as_str()).unwrap_or_default();
    let groups = nix::unistd::getgrouplist(&name, Gid::from_raw(account.gid));
    let groups = groups.unwrap_or_default().into_iter();
    groups.map(Gid::as_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_keeps_the_groups_of_its_account() {
        let account = Account {
            name: "nobody".to_owned(),
            uid: 65_534,
            gid: 65_534,
        };
        assert_eq!(groups(&account), [65_534]);
        let unknown = Account {
            name: "no\0body".to_owned(),
            ..account
        };
        assert!(groups(&unknown).len() <= 1);
    }
}
