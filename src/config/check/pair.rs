//! One pair: two members, one policy, and what stands around them.

use std::net::IpAddr;
use std::time::Duration;

use super::member::Of;
use super::{Check, access, endpoint, hooks, member, mysqld, units};
use crate::config::code::Code;
use crate::config::file::{Failback, Member, Pair};
use crate::config::problem::Problem;
use crate::config::settings::{DaemonSettings, MemberSettings, PairSettings};
use crate::model::member::{Both, Side};
use crate::model::policy::{
    Automation, Durability, FlapPolicy, HangPolicy, MemberPolicy, Policy, SwitchPolicy,
};
use crate::model::server::Family;

/// How long a commit waits for the standby in `available`.
const ACK_TIMEOUT: Duration = Duration::from_secs(1);

/// Checks a pair; `None` where it has not exactly two members.
pub(super) fn check(
    check: &mut Check<'_>,
    name: &str,
    said: &Pair,
    daemon: &DaemonSettings,
) -> Option<PairSettings> {
    super::name(check, &["pair", name], "pair");
    if said.family.is_none() {
        check.missing(
            &["pair", name, "family"],
            "family = \"mariadb\" or \"mysql\"",
        );
    }
    let family = said.family.unwrap_or(Family::Mariadb);
    let durability = said.durability.unwrap_or(Durability::Lossless);
    let rules = mysqld::Rules {
        family,
        durability,
        tls: said.link.tls.is_some(),
    };
    let own = mysqld::check(check, &["pair", name, "mysqld"], &said.mysqld, rules);
    let of = Of {
        pair: name,
        said,
        family,
        durability,
        daemon,
        own: &own,
        runtime: units::runtime(check, name, said),
        is_seen_outside: is_seen_outside(said),
    };
    let members = members(check, &of);
    let endpoint = said
        .endpoint
        .as_ref()
        .and_then(|said| endpoint::check(check, name, said));
    let app = said.app.as_ref().map(|app| access::app(check, name, app));
    let accounts = access::accounts(check, name, &said.accounts);
    let link = access::link(check, name, &said.link);
    let hooks = hooks::check(check, name, &said.hooks);
    let members = members?;
    Some(PairSettings {
        policy: policy(check, name, said, (family, durability), &members),
        members,
        home: daemon.state_dir.join(name),
        endpoint,
        app,
        accounts,
        link,
        hooks,
    })
}

/// Both members in the order of their names: the first is side A and hands out odd keys.
fn members(check: &mut Check<'_>, of: &Of<'_>) -> Option<Both<MemberSettings>> {
    let count = of.said.member.len();
    if count != 2 && !check.layers.is_struck(&["pair", of.pair, "member"]) {
        let what = format!("pair `{}` has {count} member(s)", of.pair);
        let place = check.key(&["pair", of.pair, "member"]);
        let problem = Problem::new(Code::MemberCount, place, what, "expected exactly two");
        let example = format!("[pair.{0}.member.db1] and [pair.{0}.member.db2]", of.pair);
        check.report(problem.help(format!("a pair is two servers: {example}")));
    }
    let offsets = offsets(check, of);
    let sides = [Side::A, Side::B, Side::B];
    let mut checked = Vec::new();
    for (index, (name, said)) in of.said.member.iter().enumerate() {
        let side = sides.get(index).copied().unwrap_or(Side::B);
        let offset = offsets.get(index).copied().unwrap_or(1);
        checked.push(member::check(check, of, name, said, side, offset));
    }
    let [a, b] = <[MemberSettings; 2]>::try_from(checked).ok()?;
    Some(Both { a, b })
}

/// `auto_increment_offset` of each member: 1 and 2, or the one that the other does not have.
fn offsets(check: &mut Check<'_>, of: &Of<'_>) -> Vec<u8> {
    let said = |member: &Member| {
        member
            .auto_increment_offset
            .map(|offset| offset.get::<u8>())
    };
    let mut members = of.said.member.iter();
    let (Some((first, a)), Some((second, b)), None) =
        (members.next(), members.next(), members.next())
    else {
        return Vec::new();
    };
    match (said(a), said(b)) {
        (None, None) => vec![1, 2],
        (Some(a), None) => vec![a, 3 - a],
        (None, Some(b)) => vec![3 - b, b],
        (Some(a), Some(b)) => {
            if a == b {
                let at = |name| ["pair", of.pair, "member", name, "auto_increment_offset"];
                let what = format!("members {first} and {second} would hand out the same keys");
                let place = check.value(&at(second));
                let problem =
                    Problem::new(Code::SameOffset, place, what, format!("expected {}", 3 - a));
                let other = check.value(&at(first));
                check.report(problem.also(other, "the same offset"));
            }
            vec![a, b]
        }
    }
}

/// Clients or the peer come from outside of this host.
fn is_seen_outside(said: &Pair) -> bool {
    let is_outside = |host: &str| {
        host != "localhost"
            && host
                .parse::<IpAddr>()
                .is_ok_and(|address| !address.is_loopback())
    };
    let endpoint = said
        .endpoint
        .as_ref()
        .and_then(|endpoint| endpoint.redirect);
    endpoint.is_some_and(|address| !address.0.ip().is_loopback())
        || said
            .member
            .values()
            .filter_map(|member| member.host.as_deref())
            .any(is_outside)
}

/// How long a commit waits for the standby: without end in `lossless`.
pub(super) fn ack_timeout(said: &Pair, durability: Durability) -> Option<Duration> {
    match durability {
        Durability::Lossless => None,
        Durability::Available => Some(said.ack_timeout.map_or(ACK_TIMEOUT, |span| span.get())),
    }
}

fn policy(
    check: &mut Check<'_>,
    name: &str,
    said: &Pair,
    (family, durability): (Family, Durability),
    members: &Both<MemberSettings>,
) -> Policy {
    Policy {
        pair: name.to_owned(),
        family,
        members: Both::from_fn(|side| {
            let member = &members[side];
            MemberPolicy {
                name: member.name.clone(),
                host: member.host.clone(),
                port: member.server.port,
                server_id: member.server.server_id,
            }
        }),
        durability,
        automation: said.failover.unwrap_or(Automation::Automatic),
        prefer: prefer(check, name, said, members),
        failback_after: said
            .failback_after
            .map_or(Duration::from_mins(10), |span| span.get()),
        max_lag: said
            .max_lag
            .map_or(Duration::from_secs(5), |span| span.get()),
        ack_timeout: said.ack_timeout.map_or(ACK_TIMEOUT, |span| span.get()),
        hang: hang(check, name, said),
        switchover: switchover(check, name, said),
        flap: FlapPolicy {
            changes: said.flap.changes.map_or(3, |changes| changes.get()),
            window: said
                .flap
                .window
                .map_or(Duration::from_hours(1), |span| span.get()),
        },
        endpoint: endpoint::policy(said.endpoint.as_ref()),
        gating_hooks: said.hooks.gating.clone(),
        binlog_keep: said
            .binlog_keep
            .map_or(Duration::from_hours(168), |span| span.get()),
        app: said.app.is_some(),
        events: said.events.unwrap_or(true),
    }
}

/// The member that takes its role back, if any.
fn prefer(
    check: &mut Check<'_>,
    pair: &str,
    said: &Pair,
    members: &Both<MemberSettings>,
) -> Option<Side> {
    let at = |key| ["pair", pair, key];
    let wanted = said.failback == Some(Failback::Prefer);
    let Some(name) = &said.prefer else {
        if wanted {
            check.missing(&at("prefer"), "prefer = \"MEMBER\"");
        }
        return None;
    };
    if !wanted {
        let what = "`prefer` names a member, and no failback is wanted";
        let place = check.value(&at("prefer"));
        let problem = Problem::new(
            Code::Contradiction,
            place,
            what,
            "expected `failback = \"prefer\"` as well",
        );
        check.report(problem);
    }
    let side = Side::BOTH
        .into_iter()
        .find(|side| members[*side].name == *name);
    if side.is_none() {
        let what = format!("pair `{pair}` has no member `{name}`");
        let expected = format!("expected {} or {}", members.a.name, members.b.name);
        check.report(Problem::new(
            Code::UnknownMember,
            check.value(&at("prefer")),
            what,
            expected,
        ));
    }
    side
}

/// With the defaults a frozen writer is known within 1.25 s, and a stall of 300 ms is none.
fn hang(check: &mut Check<'_>, pair: &str, said: &Pair) -> HangPolicy {
    let said = &said.hang;
    let hang = HangPolicy {
        interval: said
            .interval
            .map_or(Duration::from_millis(250), |span| span.get()),
        limit: said.limit.map_or(Duration::from_secs(1), |span| span.get()),
        busy_factor: said.busy_factor.map_or(10, |factor| factor.get()),
        busy_percent: said.busy_percent.map_or(20, |percent| percent.get()),
        refusal: said
            .refusal
            .map_or(Duration::from_secs(1), |span| span.get()),
    };
    if hang.limit < hang.interval * 2 {
        let key = if said.limit.is_some() {
            "limit"
        } else {
            "interval"
        };
        let place = check.value(&["pair", pair, "hang", key]);
        let what = format!(
            "a limit of {:?} leaves no second probe every {:?}",
            hang.limit, hang.interval
        );
        let expected = "expected `limit` to be twice `interval` or more";
        check.report(Problem::new(Code::Contradiction, place, what, expected));
    }
    hang
}

fn switchover(check: &mut Check<'_>, pair: &str, said: &Pair) -> SwitchPolicy {
    let said = &said.switchover;
    let switchover = SwitchPolicy {
        close_budget: said
            .close_budget
            .map_or(Duration::from_millis(50), |span| span.get()),
        deadline: said
            .deadline
            .map_or(Duration::from_secs(5), |span| span.get()),
        max_gap: said.max_gap.map_or(1000, |gap| gap.get()),
    };
    if switchover.close_budget >= switchover.deadline {
        let key = if said.deadline.is_some() {
            "deadline"
        } else {
            "close_budget"
        };
        let place = check.value(&["pair", pair, "switchover", key]);
        let (budget, deadline) = (switchover.close_budget, switchover.deadline);
        let what =
            format!("the budget of {budget:?} does not fit into the deadline of {deadline:?}");
        let expected = "expected `deadline` to be longer than `close_budget`";
        check.report(Problem::new(Code::Contradiction, place, what, expected));
    }
    switchover
}
