//! Hooks: programs that can be executed, and gates that can be closed.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::unistd::geteuid;

use super::{Check, paths};
use crate::config::code::Code;
use crate::config::file;
use crate::config::problem::Problem;
use crate::config::settings::HookSettings;
use crate::model::policy::HookEvent;

/// The hooks of a pair.
pub(super) fn check(check: &mut Check<'_>, pair: &str, said: &file::Hooks) -> HookSettings {
    let events = [
        (HookEvent::PreFailover, &said.pre_failover),
        (HookEvent::PostFailover, &said.post_failover),
        (
            HookEvent::PostUnsuccessfulFailover,
            &said.post_unsuccessful_failover,
        ),
        (HookEvent::PreSwitchover, &said.pre_switchover),
        (HookEvent::PostSwitchover, &said.post_switchover),
        (HookEvent::OnLinkBroken, &said.on_link_broken),
    ];
    let mut programs: BTreeMap<HookEvent, Vec<PathBuf>> = BTreeMap::new();
    for (event, paths) in events {
        for path in paths {
            executable(check, &["pair", pair, "hooks", event.name()], path);
        }
        if !paths.is_empty() {
            programs.insert(event, paths.clone());
        }
    }
    for event in &said.gating {
        gate(check, pair, *event, programs.contains_key(event));
    }
    HookSettings {
        programs,
        dns_name: said.dns_name.clone(),
        timeout: said
            .timeout
            .map_or(Duration::from_secs(10), |span| span.get()),
    }
}

/// A hook is executed by root: a program that others may change is an open door.
fn executable(check: &mut Check<'_>, at: &[&str], path: &Path) {
    if !paths::absolute(check, at, path) {
        return;
    }
    let wrong = match std::fs::metadata(path) {
        Err(error) => format!("cannot be executed: {error}"),
        Ok(kind) if !kind.is_file() => "is not a file".to_owned(),
        Ok(kind) if kind.mode() & 0o111 == 0 => "is not executable".to_owned(),
        Ok(kind) if kind.mode() & 0o022 != 0 => {
            "can be changed by others than its owner".to_owned()
        }
        Ok(kind) if ![0, geteuid().as_raw()].contains(&kind.uid()) => {
            format!("belongs to user {}, who can change it", kind.uid())
        }
        Ok(_) => return,
    };
    let what = format!("the hook `{}` {wrong}", path.display());
    let problem = Problem::new(
        Code::BadHook,
        check.value(at),
        what,
        "expected the path of an executable file",
    );
    check.report(problem.help("no shell is used: options go into a script"));
}

fn gate(check: &mut Check<'_>, pair: &str, event: HookEvent, has_programs: bool) {
    let is_before = matches!(event, HookEvent::PreFailover | HookEvent::PreSwitchover);
    let (what, expected) = if !is_before {
        let what = format!("`{}` comes too late to refuse anything", event.name());
        (what, "expected pre_failover or pre_switchover")
    } else if !has_programs {
        let what = format!("`{}` is gating and has no program", event.name());
        (what, "expected programs for it in [hooks]")
    } else {
        return;
    };
    let place = check.value(&["pair", pair, "hooks", "gating"]);
    check.report(Problem::new(Code::Contradiction, place, what, expected));
}
