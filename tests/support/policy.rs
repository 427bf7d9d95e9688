//! A pair's policy as the defaults of the configuration give it.

use std::time::Duration;

use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::policy::{
    Automation, Durability, EndpointPolicy, FlapPolicy, HangPolicy, MemberPolicy, Policy,
    SwitchPolicy,
};
use dualmasterd::model::server::Family;

/// Two members named `a` and `b`, with `server_id` 1 and 2.
pub fn policy(family: Family) -> Policy {
    Policy {
        pair: "main".into(),
        family,
        members: Both::from_fn(|side| MemberPolicy {
            name: side.to_string(),
            host: "127.0.0.1".into(),
            port: port(side),
            server_id: server_id(side),
        }),
        durability: Durability::Lossless,
        automation: Automation::Automatic,
        prefer: None,
        failback_after: Duration::from_secs(600),
        binlog_keep: Duration::from_secs(7 * 86_400),
        max_lag: Duration::from_secs(10),
        ack_timeout: Duration::from_secs(1),
        hang: HangPolicy {
            interval: Duration::from_millis(250),
            limit: Duration::from_secs(1),
            busy_factor: 10,
            busy_percent: 20,
            refusal: Duration::from_secs(1),
        },
        switchover: SwitchPolicy {
            close_budget: Duration::from_millis(50),
            deadline: Duration::from_secs(2),
            max_gap: 1000,
        },
        flap: FlapPolicy {
            changes: 0,
            window: Duration::from_secs(3600),
        },
        endpoint: EndpointPolicy {
            redirect: true,
            reader_port: true,
            reader_lag: Duration::from_secs(5),
        },
        gating_hooks: Vec::new(),
        events: true,
        app: true,
    }
}

/// The port of a member's server.
pub fn port(side: Side) -> u16 {
    match side {
        Side::A => 3306,
        Side::B => 3307,
    }
}

/// The `server_id` of a member.
pub fn server_id(side: Side) -> u32 {
    match side {
        Side::A => 1,
        Side::B => 2,
    }
}
