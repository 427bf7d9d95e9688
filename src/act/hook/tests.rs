//! Real scripts, run as they would be.

use std::collections::BTreeMap;

use super::*;
use crate::model::action::OpId;
use crate::model::hook::{HookCall, HookCommand};
use crate::model::policy::HookEvent;

fn context() -> HookContext {
    let member = |name: &str, port| HookMember {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
    };
    HookContext {
        event: HookEvent::PostFailover,
        op: Some(OpId(9)),
        pair: "orders".to_owned(),
        command: HookCommand::Auto,
        failed: Some(member("db1", 3311)),
        successor: Some(member("db2", 3312)),
        successor_gtid: "0-1-100".to_owned(),
        lost_transactions: Some(0),
        reason: "the writer's process ended".to_owned(),
        vip: None,
        dns_name: None,
        successful: Some(true),
        dry_run: false,
    }
}

struct Script {
    path: PathBuf,
    dir: tempfile::TempDir,
}

fn script(text: &str) -> Script {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hook");
    std::fs::write(&path, text).unwrap();
    mode(&path, 0o755);
    Script { path, dir }
}

fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

async fn run_it(script: &Script, limit_ms: u64) -> Result<String, HookError> {
    run(&script.path, &context(), Duration::from_millis(limit_ms)).await
}

#[test]
fn the_names_of_the_environment_are_stable() {
    let environment: BTreeMap<_, _> = context().variables().into_iter().collect();
    assert_eq!(environment.len(), 31);
    assert_eq!(environment["DM_EVENT"], "post_failover");
    assert_eq!(environment["DM_SUCCESSOR_PORT"], "3312");
    assert_eq!(environment["DM_VIP"], "");
    assert_eq!(environment["DM_IS_SUCCESSFUL"], "true");
    assert_eq!(environment["ORC_SUCCESSOR_ALIAS"], "db2");
    assert_eq!(environment["ORC_FAILURE_TYPE"], "DeadCoMaster");
    let json: serde_json::Value = serde_json::from_str(&context().json()).unwrap();
    assert_eq!(json["failed_member"], "db1");
    assert_eq!(json.as_object().unwrap().len(), 17);
}

#[tokio::test]
async fn a_hook_gets_its_names_and_nothing_else() {
    let hook =
        script("#!/bin/sh\nenv | cut -d= -f1 | sort | grep -v -e ^DM_ -e ^ORC_\npwd; echo $# $0\n");
    let output = run_it(&hook, 5000).await.unwrap();
    // `PWD`, `OLDPWD` and `_` are made by the shell itself.
    let foreign: Vec<_> = output
        .lines()
        .filter(|name| !["PWD", "OLDPWD", "_", "SHLVL"].contains(name))
        .collect();
    let last = format!("0 {}", hook.path.display());
    assert_eq!(foreign, ["PATH", "/", last.as_str()]);
}

#[tokio::test]
async fn a_hook_reads_json_to_its_end() {
    let output = run_it(&script("#!/bin/sh\ncat\n"), 5000).await.unwrap();
    assert_eq!(output, context().json());
}

#[tokio::test]
async fn a_long_value_is_cut_in_the_environment_and_whole_on_the_input() {
    let gtid = "é".repeat(200 << 10);
    let long = HookContext {
        successor_gtid: gtid.clone(),
        ..context()
    };
    let hook = script(
        "#!/bin/sh\nprintf %s \"$DM_SUCCESSOR_GTID\" | tail -c 33; cat | wc -c; echo ${#ORC_COMMAND}\n",
    );
    let output = run(&hook.path, &long, Duration::from_secs(10)).await;
    let whole = long.json().len();
    assert!(whole > gtid.len());
    assert_eq!(
        output.unwrap(),
        format!("{}{whole}\n0\n", context::CUT),
        "the kernel refuses a variable above 128 KiB"
    );
}

#[tokio::test]
async fn what_a_link_names_is_checked_and_then_run_itself() {
    let hook = script("#!/bin/sh\necho $0\n");
    let link = hook.dir.path().join("link");
    std::os::unix::fs::symlink(&hook.path, &link).unwrap();
    let output = run(&link, &context(), Duration::from_secs(5)).await;
    assert_eq!(output.unwrap(), format!("{}\n", hook.path.display()));
}

#[tokio::test]
async fn a_hook_may_close_its_input() {
    let mut long = context();
    long.reason = "x".repeat(1 << 16);
    let hook = script("#!/bin/sh\nexec <&-\nsleep 0.1\necho done\n");
    let output = run(&hook.path, &long, Duration::from_secs(5)).await;
    assert_eq!(output.unwrap(), "done\n");
}

#[tokio::test]
async fn a_failing_hook_is_named_with_its_code_and_last_words() {
    let hook = script("#!/bin/sh\necho some\necho no such zone >&2\nexit 75\n");
    let error = run_it(&hook, 5000).await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("exit code 75"), "{text}");
    let killed = script("#!/bin/sh\nkill -9 $$\n");
    let error = run_it(&killed, 5000).await.unwrap_err();
    assert!(error.to_string().ends_with("ended by signal 9"), "{error}");
}

#[tokio::test]
async fn a_slow_hook_is_killed_with_its_children() {
    let hook = script("#!/bin/sh\nsleep 60 &\necho $! > \"$(dirname $0)/pid\"\nwait\n");
    let error = run_it(&hook, 500).await.unwrap_err();
    assert!(matches!(error, HookError::TimedOut { .. }), "{error}");
    let pid = std::fs::read_to_string(hook.dir.path().join("pid")).unwrap();
    for _ in 0..100 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        if !stat.is_ok_and(|stat| !stat.contains(") Z ")) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the child of the hook lives on");
}

#[tokio::test]
async fn a_child_left_behind_holds_nobody_up_and_lives() {
    let hook = script("#!/bin/sh\nsleep 3 &\necho begun\n");
    let output = timeout(Duration::from_secs(2), run_it(&hook, 5000)).await;
    assert_eq!(output.unwrap().unwrap(), "begun\n");
}

#[tokio::test]
async fn output_is_bounded_and_never_makes_the_hook_wait() {
    let hook = script("#!/bin/sh\nhead -c 1000000 /dev/zero | tr '\\0' x\n");
    assert_eq!(run_it(&hook, 5000).await.unwrap().len(), OUTPUT_KEPT);
}

#[tokio::test]
async fn what_is_not_safe_is_refused() {
    let hook = script("#!/bin/sh\n");
    mode(&hook.path, 0o644);
    let error = run_it(&hook, 1000).await.unwrap_err();
    assert!(matches!(error, HookError::NotExecutable(_)), "{error}");
    mode(&hook.path, 0o757);
    let error = run_it(&hook, 1000).await.unwrap_err();
    assert!(matches!(error, HookError::WorldWritable { .. }), "{error}");
    mode(&hook.path, 0o755);
    mode(hook.dir.path(), 0o777);
    let error = run_it(&hook, 1000).await.unwrap_err();
    assert!(matches!(error, HookError::WorldWritable { .. }), "{error}");
    let limit = Duration::from_secs(1);
    let error = run(Path::new("bin/true"), &context(), limit).await;
    assert!(matches!(error, Err(HookError::NotAbsolute(_))));
    let error = run(Path::new("/nowhere/hook"), &context(), limit).await;
    assert!(matches!(error, Err(HookError::Look { .. })));
    let error = run(Path::new("/usr"), &context(), limit).await;
    assert!(matches!(error, Err(HookError::NotExecutable(_))));
}

#[tokio::test]
async fn no_shell_stands_in_for_a_missing_interpreter() {
    let hook = script("echo a shell has read this\n");
    let error = run_it(&hook, 1000).await.unwrap_err();
    assert!(matches!(error, HookError::Start { .. }), "{error:?}");
}

#[tokio::test]
async fn a_gating_failure_ends_the_row_and_another_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let mark = dir.path().join("mark");
    let bad = script("#!/bin/sh\nexit 1\n");
    let good = script(&format!("#!/bin/sh\ntouch {}\n", mark.display()));
    let hooks = [bad.path.clone(), good.path.clone()];
    let limit = Duration::from_secs(5);
    assert!(run_all(&hooks, &context(), limit, true).await.is_err());
    assert!(!mark.exists());
    assert!(run_all(&hooks, &context(), limit, false).await.is_err());
    assert!(mark.exists());
}

#[tokio::test]
async fn the_hooks_of_a_pair_are_told_operation_and_members() {
    use crate::model::action::ActionError;
    use crate::model::member::{Both, Side};

    let bad = script(
        "#!/bin/sh\necho \"$DM_OP_ID to $DM_SUCCESSOR_MEMBER at $DM_SUCCESSOR_GTID, $DM_COMMAND $DM_REASON, $DM_LOST_TRANSACTIONS lost, $DM_DNS_NAME\"\nexit 3\n",
    );
    let member = |name: &str| HookMember {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 3306,
    };
    let event = HookEvent::PreSwitchover;
    let hooks = Hooks {
        pair: "orders".to_owned(),
        members: Both {
            a: member("db1"),
            b: member("db2"),
        },
        vip: None,
        dns_name: Some("db.example.org".to_owned()),
        programs: BTreeMap::from([(event, vec![bad.path.clone()])]),
        gating: vec![event],
        limit: Duration::from_secs(5),
    };
    let run = async |event| {
        let call = HookCall {
            event,
            command: HookCommand::Switchover,
            from: Some(Side::A),
            to: Side::B,
            reason: "by plan".to_owned(),
            gtid: "0-1-100".parse().unwrap(),
            lost: Some(0),
        };
        hooks.run(&call, Some(OpId(9))).await
    };
    let Err(ActionError::Failed(why)) = run(event).await else {
        panic!("it did not fail")
    };
    assert!(
        why.ends_with(
            "exit code 3: 9 to db2 at 0-1-100, switchover by plan, 0 lost, db.example.org"
        ),
        "{why}"
    );
    assert!(run(HookEvent::PostFailover).await.is_ok());
}
