use std::time::Duration;

use super::*;
use crate::model::action::OpId;
use crate::model::facts::MemberFacts;
use crate::model::finding::Kind;
use crate::model::incarnation::{BootId, Incarnation};
use crate::model::link::ThreadError;
use crate::model::member::Both;
use crate::model::memory::{Durable, Held, RoleChange};
use crate::model::policy::{
    Automation, Durability, EndpointPolicy, FlapPolicy, HangPolicy, MemberPolicy, SwitchPolicy,
};
use crate::model::probe::ProbeError;
use crate::model::register::Register;
use crate::model::server::{Family, HeartbeatRow, SemiSync, ServerFact, Version};
use crate::model::time::Timestamp;

pub(in crate::daemon) fn policy() -> Policy {
    let member = |name: &str, port: u16| MemberPolicy {
        name: name.to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        server_id: u32::from(port),
    };
    Policy {
        pair: "orders".to_owned(),
        family: Family::Mariadb,
        members: Both {
            a: member("db1", 3311),
            b: member("db2", 3312),
        },
        durability: Durability::Lossless,
        automation: Automation::Automatic,
        prefer: None,
        failback_after: Duration::from_secs(600),
        binlog_keep: Duration::from_secs(7 * 86_400),
        max_lag: Duration::from_secs(5),
        ack_timeout: Duration::from_secs(1),
        hang: HangPolicy {
            interval: Duration::from_millis(200),
            limit: Duration::from_millis(1000),
            busy_factor: 10,
            busy_percent: 30,
            refusal: Duration::from_secs(1),
        },
        switchover: SwitchPolicy {
            close_budget: Duration::from_millis(50),
            deadline: Duration::from_secs(2),
            max_gap: 100,
        },
        flap: FlapPolicy {
            changes: 3,
            window: Duration::from_secs(3600),
        },
        endpoint: EndpointPolicy {
            redirect: true,
            reader_port: true,
            reader_lag: Duration::from_secs(5),
        },
        gating_hooks: Vec::new(),
        app: false,
        events: true,
    }
}

fn life(pid: i32) -> Incarnation {
    Incarnation {
        boot: BootId("b".to_owned()),
        pid,
        started: 1,
    }
}

pub(in crate::daemon) fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn server(pid: i32, writable: bool, executed: &str, heartbeat_ms: u64) -> ServerFact {
    ServerFact {
        asked: at(9_990),
        at: at(9_995),
        incarnation: life(pid),
        family: Family::Mariadb,
        version: Version(10, 11, 19),
        server_id: 1,
        uuid: None,
        writable,
        admins_write: false,
        executed: GtidSet::parse_mariadb(executed).unwrap(),
        semi_sync: SemiSync::default(),
        link: Some(LinkStatus {
            delay_s: 0,
            source_host: "127.0.0.1".to_owned(),
            source_port: 1,
            by_gtid: true,
            receiver: Receiver::Running,
            receiver_error: None,
            applier: !writable,
            applier_error: None,
            received: GtidSet::new(),
            half: false,
        }),
        heartbeats: vec![HeartbeatRow {
            server_id: 3311,
            epoch: 7,
            writer: 3311,
            written_ms: heartbeat_ms,
        }],
        events_on: false,
        strict: true,
        logs_updates: true,
        prepared_xa: 0,
        blockers: Vec::new(),
    }
}

fn seen(pid: i32, server: ServerFact) -> MemberFacts {
    MemberFacts {
        process: Some(ProcessFact {
            at: at(9_999),
            incarnation: Some(life(pid)),
            state: ProcessState::Running,
            ended: None,
            busy_percent: 0,
            stops_by_order: false,
            watched: true,
        }),
        server: Some(server),
        ..MemberFacts::default()
    }
}

/// db1 writes with epoch 7, db2 is in sync and 300 ms behind.
pub(in crate::daemon) fn healthy() -> (Facts, Decision) {
    let mut facts = Facts::unseen(at(10_000), BootId("b".to_owned()));
    facts.wall_ms = 1_000_000;
    facts.members.a = seen(1, server(1, true, "0-1-100,0-2-90", 999_900));
    facts.members.b = seen(2, server(2, false, "0-1-97,0-2-90", 999_695));
    let durable = Durable {
        register: Some(Register {
            epoch: 7,
            writer: Side::A,
            in_sync: Some(life(2)),
        }),
        ..Durable::default()
    };
    let mut memory = Memory::after_start(durable, at(0));
    memory.state = State::Serving;
    let decision = Decision {
        memory,
        findings: Vec::new(),
        plan: Vec::new(),
        replies: Vec::new(),
        watch: crate::decide::Watch::default(),
        may_exit: false,
        wake_at: Timestamp::NEVER,
    };
    (facts, decision)
}

fn guard(ok: bool) -> Guard {
    Guard {
        name: "in_sync".to_owned(),
        ok,
        value: String::new(),
        limit: String::new(),
        remedy: String::new(),
    }
}

fn make(facts: &Facts, decision: &Decision) -> PairReport {
    let explained = Explanation {
        failover: vec![guard(true)],
        switchover: vec![guard(true)],
        lag_ms: Some(300),
        own: 0,
    };
    report(&policy(), facts, decision, explained, &History::default())
}

#[test]
fn a_healthy_pair() {
    let (facts, decision) = healthy();
    let seen = make(&facts, &decision);
    assert!(seen.is_healthy() && seen.in_sync);
    assert_eq!(seen.writer.as_deref(), Some("db1"));
    let [a, b] = &seen.members[..] else { panic!() };
    assert_eq!((a.role, a.applier), (Role::Writer, ThreadState::Gated));
    assert_eq!(
        (a.lag_ms, a.gtid_gap, a.read_only),
        (None, None, Some(false))
    );
    assert_eq!((b.role, b.applier), (Role::Reader, ThreadState::Running));
    assert_eq!((b.lag_ms, b.gtid_gap), (Some(300), Some(3)));
    assert_eq!(
        summary(&seen),
        "orders: serving, writer db1, reader db2 running lag 300 ms; failover ready"
    );
}

#[test]
fn the_gap_of_a_mariadb_pair_is_counted_by_domain() {
    let set = |text| GtidSet::parse_mariadb(text).unwrap();
    assert_eq!(gap(&set("0-1-100,0-2-105"), &set("0-1-100")), 5);
    assert_eq!(gap(&set("0-1-100"), &set("0-1-100,0-2-3")), 0);
    let uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let mysql = |range: &str| GtidSet::parse_mysql(&format!("{uuid}:{range}")).unwrap();
    assert_eq!(gap(&mysql("1-10"), &mysql("1-4:6-8")), 3);
}

#[test]
fn another_life_of_the_reader_is_not_in_sync() {
    let (mut facts, decision) = healthy();
    facts.members.b.process.as_mut().unwrap().incarnation = Some(life(3));
    assert!(!make(&facts, &decision).in_sync);
}

#[test]
fn no_guards_or_a_failed_one_is_not_ready() {
    let (facts, decision) = healthy();
    for guards in [vec![], vec![guard(true), guard(false)]] {
        let explained = Explanation {
            failover: guards,
            ..Explanation::default()
        };
        let seen = report(&policy(), &facts, &decision, explained, &History::default());
        assert!(!seen.failover_ready);
    }
}

#[test]
fn threads_are_named_by_their_reason() {
    let (mut facts, mut decision) = healthy();
    let link = |facts: &mut Facts, change: fn(&mut LinkStatus)| {
        change(
            facts
                .members
                .b
                .server
                .as_mut()
                .unwrap()
                .link
                .as_mut()
                .unwrap(),
        );
    };
    link(&mut facts, |l| {
        l.receiver = Receiver::Stopped;
        l.applier = false;
    });
    let threads = |facts: &Facts, decision: &Decision| {
        let reader = make(facts, decision).members.remove(1);
        (reader.receiver, reader.applier)
    };
    let stopped = ThreadState::Stopped;
    assert_eq!(threads(&facts, &decision), (stopped, stopped));
    decision.memory.durable.holds.b.receiver = Some(Held {
        reason: "backup".to_owned(),
        until_ms: 5,
    });
    assert_eq!(threads(&facts, &decision), (ThreadState::Held, stopped));
    link(&mut facts, |l| {
        l.applier_error = Some(ThreadError {
            errno: 1062,
            text: "Duplicate entry".to_owned(),
        });
    });
    assert_eq!(threads(&facts, &decision).1, ThreadState::Broken);
    let reader = make(&facts, &decision).members.remove(1);
    assert_eq!(
        reader.last_error.as_deref(),
        Some("applier: 1062: Duplicate entry")
    );
    assert_eq!(reader.holds.len(), 1);
}

#[test]
fn what_does_not_answer_is_not_shown_with_old_values() {
    let (mut facts, decision) = healthy();
    facts.members.b.server_error = Some(ProbeError {
        at: at(9_999),
        errno: None,
        text: "no answer in 1 s".to_owned(),
        lost: false,
    });
    let reader = make(&facts, &decision).members.remove(1);
    assert_eq!(reader.state, MemberState::Silent);
    assert_eq!(
        (reader.applier, reader.lag_ms, reader.read_only),
        (ThreadState::Unknown, None, None)
    );
    facts.members.b.process.as_mut().unwrap().state = ProcessState::Stopped;
    assert_eq!(
        make(&facts, &decision).members[1].state,
        MemberState::Frozen
    );
}

#[test]
fn findings_and_earlier_changes_carry_names() {
    let (facts, mut decision) = healthy();
    decision.findings = vec![Finding::at(Side::B, Kind::LinkBroken, "1062")];
    decision.memory.durable.changes = vec![RoleChange {
        op: OpId(3),
        at_ms: 5,
        epoch: 7,
        to: Side::A,
        planned: true,
        why: "asked".to_owned(),
        acked: false,
    }];
    let seen = make(&facts, &decision);
    assert!(!seen.is_healthy());
    assert_eq!(seen.findings[0].member.as_deref(), Some("db2"));
    assert_eq!(seen.findings[0].kind, "LinkBroken");
    assert_eq!(seen.operations[0].from.as_deref(), Some("db2"));
    assert_eq!(seen.operations[0].ended.as_ref().unwrap().took_us, None);
}
