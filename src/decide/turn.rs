//! One decision while it is being made: what it reads, and what it has come to so far.

mod plan;
mod relay;

use std::time::Duration;

use crate::model::action::{ActionKind, OpId, Step};
use crate::model::facts::{Facts, MemberFacts, Work};
use crate::model::finding::{Finding, Kind};
use crate::model::gtid::{GtidSet, Uuid};
use crate::model::link::LinkStatus;
use crate::model::member::Side;
use crate::model::memory::{Memory, RoleChange};
use crate::model::policy::{Durability, Policy};
use crate::model::process::ProcessFact;
use crate::model::register::Register;
use crate::model::request::Reply;
use crate::model::server::{Family, ServerFact};
use crate::model::time::Timestamp;

/// The decision in the making. Each part of the core reads it and adds its share.
pub(super) struct Turn<'a> {
    pub(super) policy: &'a Policy,
    pub(super) facts: &'a Facts,
    pub(super) memory: Memory,
    pub(super) plan: Vec<Step>,
    pub(super) findings: Vec<Finding>,
    pub(super) replies: Vec<Reply>,
    pub(super) wake_at: Timestamp,
    /// Looks are wanted at once: an operation is under way.
    pub(super) hurry: bool,
    /// The operation that planned steps belong to.
    pub(super) op: Option<OpId>,
}

impl<'a> Turn<'a> {
    pub(super) fn new(policy: &'a Policy, memory: &Memory, facts: &'a Facts) -> Self {
        Self {
            policy,
            facts,
            memory: memory.clone(),
            plan: Vec::new(),
            findings: Vec::new(),
            replies: Vec::new(),
            wake_at: Timestamp::NEVER,
            hurry: false,
            op: None,
        }
    }

    // What is seen.

    pub(super) fn now(&self) -> Timestamp {
        self.facts.now
    }

    pub(super) fn member(&self, side: Side) -> &'a MemberFacts {
        &self.facts.members[side]
    }

    pub(super) fn process(&self, side: Side) -> Option<&'a ProcessFact> {
        self.member(side).process.as_ref()
    }

    /// Its process was looked for and can execute statements.
    pub(super) fn lives(&self, side: Side) -> bool {
        self.process(side).is_some_and(ProcessFact::lives)
    }

    /// Its process was looked for and cannot execute anything any more.
    pub(super) fn is_dead(&self, side: Side) -> bool {
        self.process(side).is_some_and(|process| !process.lives())
    }

    /// How long its running process has been seen.
    pub(super) fn lives_for(&self, side: Side) -> Duration {
        if self.lives(side) {
            self.now().since(self.memory.lives_since[side])
        } else {
            Duration::ZERO
        }
    }

    /// The newest look at the life that runs now; a look at an earlier life says nothing.
    pub(super) fn server(&self, side: Side) -> Option<&'a ServerFact> {
        let life = self.process(side)?.living()?;
        self.member(side)
            .server
            .as_ref()
            .filter(|server| server.incarnation == *life)
    }

    pub(super) fn link(&self, side: Side) -> Option<&'a LinkStatus> {
        self.server(side)?.link.as_ref()
    }

    /// A look that was sent at or after `since`.
    pub(super) fn server_since(&self, side: Side, since: Timestamp) -> Option<&'a ServerFact> {
        self.server(side).filter(|server| server.asked >= since)
    }

    /// When an action of this kind last ended well here; the boot where none did.
    pub(super) fn done_at(&self, side: Side, kind: ActionKind) -> Timestamp {
        self.work(Some(side))
            .done_since(kind, Timestamp::BOOT)
            .map_or(Timestamp::BOOT, |done| done.at)
    }

    /// None of this kind is under way, and the newest look was sent after the last one had ended.
    pub(super) fn is_settled(&self, side: Side, kind: ActionKind) -> bool {
        let work = self.work(Some(side));
        let ended = work.ended_at(kind).unwrap_or(Timestamp::BOOT);
        !work.runs(kind) && self.server(side).is_some_and(|look| look.asked >= ended)
    }

    /// Its applier was stopped after this look was sent.
    pub(super) fn stopped_since(&self, side: Side, look: &ServerFact) -> bool {
        let work = self.work(Some(side));
        let started = self.done_at(side, ActionKind::StartApplier);
        work.done_since(ActionKind::StopApplier, started)
            .is_some_and(|done| done.at >= look.asked)
    }

    pub(super) fn work(&self, side: Option<Side>) -> &'a Work {
        match side {
            Some(side) => &self.member(side).work,
            None => &self.facts.pair,
        }
    }

    pub(super) fn is_mariadb(&self) -> bool {
        self.policy.family == Family::Mariadb
    }

    pub(super) fn is_lossless(&self) -> bool {
        self.policy.durability == Durability::Lossless
    }

    // What is remembered.

    pub(super) fn register(&self) -> Option<&Register> {
        self.memory.durable.register.as_ref()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.register().map_or(0, |register| register.epoch)
    }

    /// The register as it stands now is on disk.
    pub(super) fn register_is_stored(&self) -> bool {
        let stored = self
            .facts
            .stored
            .as_ref()
            .and_then(|stored| stored.register.as_ref());
        stored.is_some() && stored == self.register()
    }

    // Whose transactions.

    /// The part of `set` that this member itself made.
    pub(super) fn made_by(&self, side: Side, set: &GtidSet) -> GtidSet {
        match self.policy.family {
            Family::Mariadb => set.of_server_id(self.policy.members[side].server_id),
            Family::Mysql => self
                .member(side)
                .server
                .as_ref()
                .and_then(|server| server.uuid.as_deref()?.parse::<Uuid>().ok())
                .map_or_else(GtidSet::new, |uuid| set.of_uuid(uuid)),
        }
    }

    /// What a member has, executed or only received.
    pub(super) fn has(server: &ServerFact) -> GtidSet {
        match &server.link {
            Some(link) => server.executed.union(&link.received),
            None => server.executed.clone(),
        }
    }

    // What follows.

    pub(super) fn find(&mut self, finding: Finding) {
        if !self.findings.contains(&finding) {
            self.findings.push(finding);
        }
    }

    pub(super) fn find_at(&mut self, side: Side, kind: Kind, detail: impl Into<String>) {
        self.find(Finding::at(side, kind, detail));
    }

    /// Decide again then, if nothing happens before.
    pub(super) fn wake(&mut self, at: Timestamp) {
        self.wake_at = self
            .wake_at
            .min(at.max(self.now() + Duration::from_millis(1)));
    }

    /// Numbers a new operation.
    pub(super) fn new_op(&mut self) -> OpId {
        self.memory.durable.last_op += 1;
        OpId(self.memory.durable.last_op)
    }

    /// From now on the standby may lack what is acknowledged.
    pub(super) fn forget_standby(&mut self) {
        if let Some(register) = &mut self.memory.durable.register {
            register.in_sync = None;
        }
    }

    /// Moves the register, and writes down why.
    pub(super) fn move_register(
        &mut self,
        register: Register,
        op: OpId,
        planned: bool,
        why: String,
    ) {
        let change = RoleChange {
            op,
            at_ms: self.facts.wall_ms,
            epoch: register.epoch,
            to: register.writer,
            planned,
            why,
            acked: planned,
        };
        let changes = &mut self.memory.durable.changes;
        changes.push(change);
        let excess = changes
            .len()
            .saturating_sub(crate::model::memory::Durable::CHANGES_KEPT);
        changes.drain(..excess);
        self.memory.moved_at = self.now();
        self.install(register);
    }

    /// The register's writer is the truth: what kept it apart before no longer does.
    pub(super) fn install(&mut self, register: Register) {
        let durable = &mut self.memory.durable;
        durable.rejoin[register.writer] = None;
        durable.quarantine[register.writer] = None;
        durable.register = Some(register);
        self.memory.both_died = false;
    }
}
