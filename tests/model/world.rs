//! The two servers: writes, replication, and what actions do to them.

use dualmasterd::model::action::{Action, ActionError, Brought, Saved};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::{Both, Side};
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::server::Family;

use crate::server::{Server, Txn, set};

/// Both servers and what their clients heard.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct World {
    pub family: Family,
    pub servers: Both<Server>,
    /// Writes made so far.
    pub written: u8,
    /// Writes that a client heard OK of.
    pub acknowledged: Vec<u8>,
    /// The first promise that an effect broke.
    pub broken: Option<&'static str>,
}

pub type Effect = Result<Brought, ActionError>;

fn failed() -> Effect {
    Err(ActionError::Failed("failed".into()))
}

const DONE: Effect = Ok(Brought::Nothing);

impl World {
    /// The receiver of `replica` is connected, and its source would hear it.
    pub fn acknowledges(&self, replica: Side) -> bool {
        let receiver = self.servers[replica]
            .life
            .as_ref()
            .map(|life| life.receiver);
        receiver == Some(Receiver::Running)
            && self.servers[replica].works()
            && self.servers[replica.peer()].works()
    }

    /// It takes writes of ordinary accounts and answers OK.
    pub fn can_acknowledge(&self, side: Side) -> bool {
        let server = &self.servers[side];
        server.answers()
            && server.life.as_ref().is_some_and(|life| {
                life.writable && (!life.source_on || self.acknowledges(side.peer()))
            })
    }

    /// A client's write, where the server takes it.
    pub fn write(&mut self, side: Side) {
        let server = &mut self.servers[side];
        let top = match self.family {
            Family::Mysql => server.top(Some(side)),
            Family::Mariadb => server.top(None),
        };
        self.written += 1;
        let txn = Txn {
            origin: side,
            number: top + 1,
            write: self.written,
        };
        server.log.push(txn);
        match &mut server.life {
            Some(life) if life.source_on => life.waiting.push(txn),
            _ => self.heard_ok(&[txn]),
        }
    }

    fn heard_ok(&mut self, done: &[Txn]) {
        self.acknowledged.extend(done.iter().map(|txn| txn.write));
        self.acknowledged.sort_unstable();
        self.acknowledged.dedup();
    }

    /// Every commit that waits is committed; `heard`: the clients hear OK.
    pub fn release_all(&mut self, side: Side, heard: bool) {
        if let Some(life) = &mut self.servers[side].life {
            life.heard.clear();
            let done = std::mem::take(&mut life.waiting);
            if heard {
                self.heard_ok(&done);
            }
        }
    }

    /// The acknowledgements on the wire arrive.
    pub fn hears(&mut self, side: Side) {
        if let Some(life) = &mut self.servers[side].life {
            let heard = std::mem::take(&mut life.heard);
            let (done, waiting) = life.waiting.iter().partition(|txn| heard.contains(txn));
            life.waiting = waiting;
            let done: Vec<Txn> = done;
            self.heard_ok(&done);
        }
    }

    /// The receiver of `to` has something to do.
    pub fn may_ship(&self, to: Side) -> bool {
        let (replica, source) = (&self.servers[to], &self.servers[to.peer()]);
        let Some(life) = replica.life.as_ref().filter(|_| replica.works()) else {
            return false;
        };
        match life.receiver {
            Receiver::Stopped => false,
            Receiver::Connecting => source.answers(),
            Receiver::Running => {
                source.works() && (source.log.iter()).any(|txn| self.takes(to, *txn))
            }
        }
    }

    /// MySQL ignores what carries the server's own identity.
    fn takes(&self, to: Side, txn: Txn) -> bool {
        let own = self.family == Family::Mysql && txn.origin == to;
        !own && !self.servers[to].has_or_received(txn)
    }

    /// It connects, or fetches what its source has, and acknowledges that.
    pub fn ship(&mut self, to: Side) {
        let from = to.peer();
        let refused = self.refuses(to);
        let Some(life) = &mut self.servers[to].life else {
            return;
        };
        if life.receiver == Receiver::Connecting {
            if refused {
                life.receiver = Receiver::Stopped;
                life.receiver_error = true;
                return;
            }
            life.receiver = Receiver::Running;
        }
        for txn in self.servers[from].log.clone() {
            if self.takes(to, txn) {
                self.servers[to].relay.push(txn);
            }
        }
        let has: Vec<Txn> = self.servers[from].log.clone();
        let has: Vec<Txn> = has
            .into_iter()
            .filter(|txn| self.servers[to].has_or_received(*txn))
            .collect();
        if let Some(source) = &mut self.servers[from].life
            && source.source_on
        {
            source.heard = source.waiting.clone();
            source.heard.retain(|txn| has.contains(txn));
        }
    }

    /// What the source has to say against the position that is asked for.
    fn refuses(&self, to: Side) -> bool {
        let (replica, source) = (&self.servers[to], &self.servers[to.peer()]);
        match self.family {
            Family::Mysql => {
                (replica.log.iter()).any(|txn| txn.origin == to.peer() && !source.has(*txn))
            }
            Family::Mariadb => {
                let open = replica.life.as_ref().is_some_and(|life| life.writable);
                let newest = source.log.last().filter(|txn| open && replica.has(**txn));
                let asked = newest.or(replica.relay.last()).or(replica.log.last());
                asked.is_some_and(|asked| {
                    !(source.log.contains(asked) || asked.origin == to && source.has(*asked))
                })
            }
        }
    }

    pub fn may_apply(&self, side: Side) -> bool {
        let server = &self.servers[side];
        let blocked =
            |life: &crate::server::Life| life.source_on && !self.acknowledges(side.peer());
        server.works()
            && !server.relay.is_empty()
            && server
                .life
                .as_ref()
                .is_some_and(|life| life.up && life.applier && !blocked(life))
    }

    /// The applier takes what was received.
    pub fn apply(&mut self, side: Side) {
        let strict = self.family == Family::Mariadb;
        let server = &mut self.servers[side];
        while !server.relay.is_empty() {
            let txn = server.relay[0];
            if strict && !server.has(txn) && txn.number <= server.top(None) {
                if let Some(life) = &mut server.life {
                    life.applier = false;
                    life.applier_error = true;
                }
                return;
            }
            server.relay.remove(0);
            if !server.has(txn) {
                server.log.push(txn);
            }
        }
    }

    /// The process is gone, and with it its sockets.
    pub fn reap(&mut self, side: Side) {
        if let Some(process) = &mut self.servers[side].process {
            process.state = ProcessState::Gone;
        }
        if let Some(life) = &mut self.servers[side.peer()].life
            && life.receiver == Receiver::Running
        {
            life.receiver = Receiver::Connecting;
        }
    }

    pub fn freeze(&mut self, side: Side, frozen: bool) {
        let Some(life) = &mut self.servers[side].life else {
            return;
        };
        life.frozen = frozen;
        if !frozen {
            for action in std::mem::take(&mut life.latent) {
                let _ = self.effect(&action);
            }
        }
    }

    /// SIGTERM: MySQL answers OK to commits that nobody received, MariaDB commits them unheard.
    pub fn told_to_stop(&mut self, side: Side) {
        let heard = self.family == Family::Mysql;
        if let Some(life) = &mut self.servers[side].life {
            life.stopping = true;
        }
        if let Some(process) = &mut self.servers[side].process {
            process.stops_by_order = true;
        }
        self.release_all(side, heard);
    }

    pub fn exits(&mut self, side: Side) {
        self.servers[side].clean = true;
        self.servers[side].dies(Ended::Code(0));
    }

    /// What the action does; `None`: the server does not react.
    pub fn effect(&mut self, action: &Action) -> Option<Effect> {
        match action {
            Action::Start { side, .. } => return Some(self.starts(*side)),
            Action::Kill { side, life } => {
                let server = &mut self.servers[*side];
                if (server.life.as_ref()).is_some_and(|now| now.number == life.pid) {
                    server.dies(Ended::Signal(9));
                }
                return Some(DONE);
            }
            Action::Walk { side, life, known } => {
                let lacking = self
                    .dead_set(*side, life.pid)
                    .map(|set| set.subtract(known));
                return Some(lacking.map_or_else(failed, |lacking| Ok(Brought::Lacking(lacking))));
            }
            Action::Cut { side, life, known } => return Some(self.cuts(*side, life.pid, known)),
            // Its strays change rows.
            Action::Forget { .. } => return Some(failed()),
            _ => {}
        }
        let side = action.side()?;
        let family = self.family;
        if self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen)
        {
            return None;
        }
        if !self.servers[side].answers() {
            return Some(failed());
        }
        if matches!(action, Action::Open { .. }) {
            self.check_open(side);
        }
        if matches!(action, Action::DisarmSource { .. }) {
            self.release_all(side, true);
        }
        let server = &mut self.servers[side];
        let link = server.link;
        let mut purges = false;
        let Some(life) = &mut server.life else {
            return Some(failed());
        };
        match action {
            Action::Open { .. } => life.writable = true,
            Action::Close { .. } if !life.waiting.is_empty() => return Some(failed()),
            Action::Close { .. } => life.writable = false,
            Action::ArmSource { .. } => life.source_on = true,
            Action::DisarmSource { .. } => life.source_on = false,
            Action::StopReceiver { .. } => {
                life.receiver = Receiver::Stopped;
                life.receiver_error = false;
            }
            Action::StopApplier { .. } => {
                life.applier = false;
                life.applier_error = false;
            }
            Action::StartReceiver { .. } if life.receiver == Receiver::Stopped => {
                if !link {
                    return Some(failed());
                }
                purges = !life.applier && family == Family::Mariadb;
                life.receiver = Receiver::Connecting;
                life.receiver_error = false;
            }
            Action::StartApplier { .. } if !life.applier => {
                if !link {
                    return Some(failed());
                }
                purges = life.receiver == Receiver::Stopped && family == Family::Mariadb;
                life.applier = true;
                life.applier_error = false;
            }
            Action::Point { .. } => {
                purges = true;
                life.receiver = Receiver::Stopped;
                life.receiver_error = false;
                life.applier = false;
                life.applier_error = false;
                server.link = true;
            }
            _ => {}
        }
        if purges {
            self.purges(side);
        }
        Some(DONE)
    }

    fn starts(&mut self, side: Side) -> Effect {
        let server = &mut self.servers[side];
        let there = (server.process.as_ref()).is_some_and(|now| now.state != ProcessState::Gone);
        match (there, &server.life) {
            (false, _) => server.boot(self.family),
            (true, Some(_)) => {}
            (true, None) => return failed(),
        }
        DONE
    }

    /// The transactions in the files of a dead life.
    fn dead_set(&self, side: Side, life: i32) -> Option<GtidSet> {
        let server = &self.servers[side];
        let process = server.process.as_ref()?;
        let gone = process.state == ProcessState::Gone && process.number == life;
        gone.then(|| set(self.family, &server.log))
    }

    fn cuts(&mut self, side: Side, life: i32, known: &GtidSet) -> Effect {
        if self.dead_set(side, life).is_none() {
            return failed();
        }
        let family = self.family;
        let lacks = |txn: &Txn| !known.contains(&set(family, &[*txn]));
        let log = &self.servers[side].log;
        let Some(first) = log.iter().position(lacks) else {
            return Ok(Brought::Removed(Saved::default()));
        };
        if self.servers[side].clean || !log[first..].iter().all(lacks) {
            return Err(ActionError::Refused("refused".into()));
        }
        let removed = self.servers[side].log.split_off(first);
        let peer = &self.servers[side.peer()];
        let kept = |txn: &Txn| peer.log.contains(txn) || peer.relay.contains(txn);
        let lost = |txn: &&Txn| self.acknowledged.contains(&txn.write) && !kept(txn);
        if removed.iter().any(|txn| lost(&txn)) {
            self.broken
                .get_or_insert("an acknowledged write was cut off");
        }
        let gtids = set(family, &removed);
        Ok(Brought::Removed(Saved {
            gtids,
            ..Saved::default()
        }))
    }

    /// The relay logs of this member are deleted.
    fn purges(&mut self, side: Side) {
        let lost = std::mem::take(&mut self.servers[side].relay);
        let kept = |txn: &Txn| {
            Side::BOTH
                .iter()
                .any(|at| self.servers[*at].log.contains(txn))
        };
        if !lost.iter().all(kept) {
            self.broken
                .get_or_insert("received transactions were thrown away");
        }
    }

    /// A member is opened only with everything that was acknowledged.
    fn check_open(&mut self, side: Side) {
        let server = &self.servers[side];
        if !self.acknowledged.iter().all(|write| server.holds(*write)) {
            self.broken
                .get_or_insert("a member was opened without an acknowledged write");
        }
    }
}
