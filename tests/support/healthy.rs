//! A healthy pair as the core sees it: `a` writes, `b` reads and is in sync.

use std::time::Duration;

use dualmasterd::model::facts::{
    Datadir, EndpointFact, Facts, FileState, InstanceFact, MemberFacts, Work,
};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::incarnation::{BootId, Incarnation};
use dualmasterd::model::link::{LinkStatus, Receiver};
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::memory::{Durable, Memory, State};
use dualmasterd::model::probe::{ProbeFact, Probes};
use dualmasterd::model::process::{ProcessFact, ProcessState};
use dualmasterd::model::register::Register;
use dualmasterd::model::server::{ENDLESS_MS, Family, HeartbeatRow, SemiSync, ServerFact, Version};
use dualmasterd::model::time::Timestamp;

use crate::policy::{port, server_id};

/// The moment of the first view.
pub const NOW: Timestamp = Timestamp::from_millis(100_000);
const WALL_MS: u64 = 1_700_000_000_000;

fn life(side: Side) -> Incarnation {
    Incarnation {
        boot: boot(),
        pid: 100 + i32::try_from(server_id(side)).expect("small"),
        started: 1_000,
    }
}

fn boot() -> BootId {
    BootId("boot-1".into())
}

/// What both have: 100 transactions of `a`, and none of `b`.
fn gtids(family: Family) -> GtidSet {
    let text = match family {
        Family::Mariadb => "0-1-100".to_owned(),
        Family::Mysql => format!("{}:1-100", uuid(Side::A)),
    };
    text.parse().expect("a set")
}

fn uuid(side: Side) -> String {
    format!("0000000{0}-0000-0000-0000-00000000000{0}", server_id(side))
}

fn answered() -> ProbeFact {
    let at = NOW - Duration::from_millis(100);
    ProbeFact {
        pending_since: None,
        last_ok: Some(at),
        last_ok_sent: Some(at),
        took: Duration::from_millis(1),
        error: None,
    }
}

fn server(family: Family, side: Side) -> ServerFact {
    let writer = side == Side::A;
    ServerFact {
        asked: NOW - Duration::from_millis(10),
        at: NOW - Duration::from_millis(9),
        incarnation: life(side),
        family,
        version: Version(10, 11, 19),
        server_id: server_id(side),
        uuid: (family == Family::Mysql).then(|| uuid(side)),
        writable: writer,
        admins_write: false,
        executed: gtids(family),
        semi_sync: SemiSync {
            available: true,
            source_on: writer,
            source_status: writer,
            replica_on: true,
            replica_status: true,
            clients: 1,
            waiting: false,
            timeout_ms: ENDLESS_MS,
            after_sync: true,
            wait_no_replica: true,
            wait_count: 1,
        },
        link: Some(LinkStatus {
            source_host: "127.0.0.1".into(),
            source_port: port(side.peer()),
            by_gtid: true,
            receiver: Receiver::Running,
            receiver_error: None,
            applier: !writer,
            applier_error: None,
            received: gtids(family),
            half: false,
            delay_s: 0,
        }),
        heartbeats: vec![HeartbeatRow {
            server_id: server_id(Side::A),
            epoch: 1,
            writer: server_id(Side::A),
            written_ms: WALL_MS - 100,
        }],
        events_on: writer,
        strict: true,
        logs_updates: true,
        prepared_xa: 0,
        blockers: Vec::new(),
    }
}

fn member(family: Family, side: Side) -> MemberFacts {
    let idle = if side == Side::A {
        answered()
    } else {
        ProbeFact::default()
    };
    MemberFacts {
        privileged: Vec::new(),
        instance: Some(InstanceFact {
            at: NOW,
            datadir: Datadir::Ours,
            config: FileState::Same,
            socket_gone: false,
            binary_error: None,
            port_taken_by: None,
            last_words: Vec::new(),
            waits_for_restart: String::new(),
            free_mb: 50_000,
        }),
        process: Some(ProcessFact {
            at: NOW,
            incarnation: Some(life(side)),
            state: ProcessState::Running,
            ended: None,
            busy_percent: 3,
            stops_by_order: false,
            watched: true,
        }),
        server: Some(server(family, side)),
        server_error: None,
        probes: Probes {
            ping: answered(),
            local_write: idle.clone(),
            heartbeat: idle,
            login: answered(),
            disk: answered(),
        },
        work: Work::default(),
    }
}

/// What is seen.
pub fn facts(family: Family) -> Facts {
    let mut facts = Facts::unseen(NOW, boot());
    facts.wall_ms = WALL_MS;
    facts.members = Both::from_fn(|side| member(family, side));
    facts.endpoint = Some(EndpointFact {
        at: NOW,
        writer: Some(Side::A),
        reader: Some(Side::B),
        address: true,
        answered: None,
        error: None,
        refused: false,
    });
    facts
}

/// What is remembered.
pub fn memory(family: Family) -> Memory {
    let durable = Durable {
        register: Some(Register {
            epoch: 1,
            writer: Side::A,
            in_sync: Some(life(Side::B)),
        }),
        app_created: true,
        events_epoch: 1,
        line: Both {
            a: gtids(family),
            b: GtidSet::new(),
        },
        ..Durable::default()
    };
    let mut memory = Memory::after_start(durable, Timestamp::BOOT);
    memory.state = State::Serving;
    memory.durable.lives = Both::from_fn(|side| Some(life(side)));
    memory.lives_since = Both::from_fn(|_| Timestamp::from_millis(10_000));
    memory.reader_fit_since = Some(Timestamp::from_millis(20_000));
    memory
}
