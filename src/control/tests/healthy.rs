//! A report as the loop of a healthy pair gives it.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::control::desk::PairHandle;
use crate::control::report::*;
use crate::model::member::Both;
use crate::model::policy::{Automation, Durability};
use crate::model::request::Guard;
use crate::model::server::Family;

/// A healthy pair `orders` of `db1`, writer, and `db2`.
pub(crate) fn healthy() -> PairReport {
    let member = |name: &str, role, port| MemberReport {
        name: name.to_owned(),
        role,
        state: MemberState::Running,
        host: "127.0.0.1".to_owned(),
        port,
        server_id: u32::from(port),
        pid: Some(4711),
        started: Some(5_000),
        server_version: Some("10.11.19".to_owned()),
        read_only: Some(role == Role::Reader),
        receiver: ThreadState::Running,
        applier: match role {
            Role::Writer => ThreadState::Gated,
            Role::Reader | Role::Unknown => ThreadState::Running,
        },
        lag_ms: (role == Role::Reader).then_some(120),
        lag_limit_ms: 5000,
        gtid_gap: (role == Role::Reader).then_some(3),
        own: (role == Role::Reader).then_some(0),
        holds: Vec::new(),
        last_error: None,
        receiver_errno: None,
        applier_errno: None,
    };
    PairReport {
        pair: "orders".to_owned(),
        family: Family::Mariadb,
        durability: Durability::Lossless,
        automation: Automation::Automatic,
        state: PairState::Serving,
        detail: None,
        epoch: Some(7),
        writer: Some("db1".to_owned()),
        in_sync: true,
        failover_ready: true,
        members: vec![
            member("db1", Role::Writer, 3311),
            member("db2", Role::Reader, 3312),
        ],
        endpoint: Some(EndpointReport {
            writer: Some("db1".to_owned()),
            reader: Some("db2".to_owned()),
            address: true,
            answered: Some(3311),
            error: None,
        }),
        cooldown_until_ms: None,
        findings: Vec::new(),
        guards: vec![Guard {
            name: "in_sync".to_owned(),
            ok: true,
            value: "yes".to_owned(),
            limit: "yes".to_owned(),
            remedy: String::new(),
        }],
        switchover_guards: Vec::new(),
        operations: vec![OperationReport {
            op: 1,
            kind: OperationKind::Failover,
            ordered: false,
            from: Some("db2".to_owned()),
            to: "db1".to_owned(),
            why: "the writer's process ended".to_owned(),
            begun_ms: 1_790_000_000_000,
            ended: Some(Ended {
                moved: true,
                text: "db1 is the writer".to_owned(),
                epoch: Some(7),
                took_us: Some(23_400),
                write_gap_us: None,
            }),
            steps: vec![StepReport {
                action: "StopReceiver".to_owned(),
                member: Some("db1".to_owned()),
                after_us: 100,
                took_us: Some(2300),
                error: None,
            }],
        }],
        last_refusal: None,
        counts: Counts::default(),
    }
}

/// A pair that nobody answers for.
pub(crate) fn handle(report: watch::Receiver<Arc<PairReport>>) -> PairHandle {
    PairHandle {
        members: Both {
            a: "db1".to_owned(),
            b: "db2".to_owned(),
        },
        requests: mpsc::channel(1).0,
        sessions: mpsc::channel(1).0,
        report,
        turned_ms: Arc::default(),
        meters: Arc::default(),
    }
}
