//! Replication between the two: connect, ship, acknowledge, apply.

use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::link::{Receiver, ThreadError};
use dualmasterd::model::member::Side;
use dualmasterd::model::server::{ENDLESS_MS, Family};

use super::server::{Acks, Content, Phase, Session, Txn};
use super::{Event, MS, SECOND, Time, World};

fn error(errno: u32, text: &str) -> Option<ThreadError> {
    Some(ThreadError {
        errno,
        text: text.into(),
    })
}

impl World {
    /// How long the source counts a client that is gone.
    fn forgets_client_after(&self) -> Time {
        match self.family() {
            Family::Mysql => 30 * SECOND,
            Family::Mariadb => 2 * SECOND,
        }
    }

    /// The receiver tries to connect.
    pub fn connects(&mut self, to: Side) {
        let from = to.peer();
        let connecting = self.servers[to]
            .life
            .as_ref()
            .is_some_and(|life| life.receiver == Receiver::Connecting);
        if !connecting {
            return;
        }
        if !self.servers[to].works() || !self.servers[from].answers() {
            self.after(50 * MS, Event::Connects(to));
            return;
        }
        let refused = self.refused(to);
        let now = self.now;
        let Some(life) = &mut self.servers[to].life else {
            return;
        };
        if let Some(refused) = refused {
            life.receiver = Receiver::Stopped;
            life.receiver_error = Some(refused);
            return;
        }
        life.receiver = Receiver::Running;
        life.receiver_error = None;
        life.connected_at = now;
        life.cursor = 0;
        self.servers[to].drop_half();
        if let Some(source) = &mut self.servers[from].life {
            source.client_until = Time::MAX;
            source.source_status =
                source.source_on && (source.timeout_ms >= ENDLESS_MS || source.source_status);
        }
        self.ship_soon(to);
    }

    /// What the source has to say against the position that is asked for.
    fn refused(&self, to: Side) -> Option<ThreadError> {
        let (replica, source) = (&self.servers[to], &self.servers[to.peer()]);
        match self.family() {
            Family::Mysql => {
                let lost = replica
                    .has
                    .keys()
                    .any(|txn| txn.origin == to.peer() && !source.has.contains_key(txn));
                lost.then(|| error(13114, "Replica has more GTIDs than the source has"))?
            }
            Family::Mariadb => {
                // What was received last is asked from; else an open server, which is ahead of its peer, asks
                // from the peer's newest transaction.
                let open = replica.life.as_ref().is_some_and(|life| life.writable);
                let newest = source
                    .binlog
                    .last()
                    .filter(|newest| open && replica.has.contains_key(&newest.txn));
                let asked = replica.relay.back().or(newest).or(replica.binlog.last())?;
                let known = source.has.get(&asked.txn) == Some(&asked.content)
                    || replica.side == asked.txn.origin && source.has.contains_key(&asked.txn);
                (!known).then(|| error(1236, "GTID which is not in the master's binlog"))?
            }
        }
    }

    /// The source died within a transaction: its replica has received a part, and may apply it.
    pub fn receives_a_part(&mut self, to: Side) {
        let length = self.servers[to.peer()].binlog.len();
        let more = self.servers[to]
            .life
            .as_ref()
            .is_some_and(|life| life.receiver == Receiver::Running && life.cursor < length);
        if more && self.rng.one_in(2) {
            self.say(|| format!("{to}: has received half a transaction"));
            self.servers[to].partial = true;
            self.half_is_applied(to);
        }
    }

    /// A running applier takes the half of a transaction as well, with its locks.
    pub fn half_is_applied(&mut self, side: Side) {
        let partial = self.servers[side].partial;
        if let Some(life) = &mut self.servers[side].life {
            life.half_applied = partial && life.applier;
        }
    }

    /// The receiver has lost its source.
    pub fn disconnected(&mut self, to: Side) {
        if let Some(life) = &mut self.servers[to].life
            && life.receiver == Receiver::Running
        {
            life.receiver = Receiver::Connecting;
            life.receiver_error = error(2003, "cannot connect");
            self.after(50 * MS, Event::Connects(to));
        }
        self.client_is_gone(to.peer(), false);
    }

    /// The source's count of its semi-sync clients falls, at once where the peer said good-bye.
    pub fn client_is_gone(&mut self, source: Side, at_once: bool) {
        let until = self.now
            + if at_once {
                0
            } else {
                self.forgets_client_after()
            };
        if let Some(life) = &mut self.servers[source].life {
            life.client_until = life.client_until.min(until);
        }
    }

    pub fn ship_soon(&mut self, to: Side) {
        self.after(self.latency, Event::Ships(to));
    }

    /// Whatever the source has in its binary log and the replica lacks goes over.
    pub fn ships(&mut self, to: Side) {
        let from = to.peer();
        if !self.servers[to].works() || !self.servers[from].works() || self.servers[to].full {
            return;
        }
        let Some(life) = &self.servers[to].life else {
            return;
        };
        if life.receiver != Receiver::Running {
            return;
        }
        if self.servers[to].failing {
            self.aborts(to);
            return;
        }
        let (cursor, acks, connected_at) = (life.cursor, life.acks, life.connected_at);
        let end = self.servers[from].binlog.len();
        let mut newest = None;
        for at in cursor..end {
            let entry = self.servers[from].binlog[at].clone();
            newest = Some(entry.txn);
            let skipped = self.family() == Family::Mysql && entry.txn.origin == to;
            if !skipped && !self.servers[to].has_or_received(entry.txn) {
                self.servers[to].receive(entry);
            }
        }
        if let Some(life) = &mut self.servers[to].life {
            life.cursor = end;
        }
        self.after(MS / 2, Event::Applies(to));
        let source_life = self.servers[from].life.as_ref();
        if let Some(txn) = newest.filter(|_| acks == Acks::All)
            && let Some(source) = source_life.map(|life| life.incarnation.clone())
        {
            // MySQL's acknowledgement thread looks for new sockets about once a second.
            let ready = match self.family() {
                Family::Mysql => connected_at + 400 * MS,
                Family::Mariadb => connected_at,
            };
            let wait = self.latency + ready.saturating_sub(self.now);
            self.after(wait, Event::Acknowledged(from, source, txn));
        }
    }

    /// Everything up to this transaction was received.
    pub fn receives_ack(&mut self, side: Side, incarnation: &Incarnation, txn: Txn) {
        let server = &mut self.servers[side];
        let Some(life) = server
            .life
            .as_mut()
            .filter(|life| life.incarnation == *incarnation)
        else {
            return;
        };
        if life.frozen {
            let again = Event::Acknowledged(side, incarnation.clone(), txn);
            self.after(50 * MS, again);
            return;
        }
        if life.source_on && server.binlog.last().is_some_and(|last| last.txn == txn) {
            // It has caught up: a source that fell back waits again.
            life.source_status = true;
        }
        let Some(at) = life
            .waiting
            .iter()
            .position(|waiting| waiting.entry.txn == txn)
        else {
            return;
        };
        let done: Vec<_> = life.waiting.drain(..=at).collect();
        self.release(side, done);
    }

    /// Commits that waited are committed and answered.
    fn release(&mut self, side: Side, done: Vec<super::server::Waiting>) {
        for waiting in done {
            self.servers[side].committed(&waiting.entry);
            self.answered(side, &waiting.entry, waiting.session);
        }
        // The applier of a server whose source side is on waits as everybody does.
        self.after(0, Event::Applies(side));
    }

    /// Commits of sessions that were ended are committed without anybody hearing of it.
    pub fn release_unheard(&mut self, side: Side) {
        let Some(life) = &mut self.servers[side].life else {
            return;
        };
        let is_over = |waiting: &super::server::Waiting| waiting.session == Session::Nobody;
        let (over, kept) = life.waiting.drain(..).partition(is_over);
        life.waiting = kept;
        self.release(side, over.into());
    }

    /// Every commit that waits is answered without an acknowledgement; `heard`: the clients hear OK.
    pub fn release_all(&mut self, side: Side, heard: bool) {
        let Some(life) = &mut self.servers[side].life else {
            return;
        };
        let mut done: Vec<_> = life.waiting.drain(..).collect();
        if !heard {
            for waiting in &mut done {
                waiting.session = Session::Nobody;
            }
        }
        self.release(side, done);
    }

    pub fn ack_timeout(&mut self, side: Side, incarnation: &Incarnation, txn: Txn) {
        let Some(life) = self.servers[side]
            .life
            .as_mut()
            .filter(|life| life.incarnation == *incarnation)
        else {
            return;
        };
        if life.waiting.iter().any(|waiting| waiting.entry.txn == txn) {
            life.source_status = false;
            self.say(|| format!("{side}: falls back to asynchronous"));
            self.release_all(side, true);
        }
    }

    /// The applier takes what was received.
    pub fn applies(&mut self, side: Side) {
        let strict = self.family() == Family::Mariadb;
        if !self.servers[side].works() || self.servers[side].holds_writes() {
            return;
        }
        let acknowledged = self.is_acknowledging(side.peer());
        let (now, writer, old) = (self.now, self.stored_writer(), self.state_is_old);
        let server = &mut self.servers[side];
        let takes = server.apply_takes;
        if server.life.as_ref().is_some_and(|life| life.applying > now) {
            return;
        }
        let mut stray = None;
        while let Some(life) = &server.life {
            if !life.applier || life.phase == Phase::Booting {
                break;
            }
            if life.source_on && life.source_status && !acknowledged && life.timeout_ms >= 5_000 {
                // Its own commit waits for a replica that is not there.
                break;
            }
            let Some(txn) = server.relay.front().map(|entry| entry.txn) else {
                break;
            };
            let late = !server.has.contains_key(&txn) && txn.number <= server.sequence();
            let Some(life) = &mut server.life else { break };
            if strict && late {
                life.applier = false;
                life.applier_error = error(1950, "out-of-order sequence number");
                self.say(|| format!("{side}: applier stops, 1950 at {txn:?}"));
                break;
            }
            let Some(entry) = server.relay.pop_front() else {
                break;
            };
            if !server.has.contains_key(&entry.txn) {
                if writer == Some(side) && !old && matches!(entry.content, Content::Stray(_)) {
                    stray = Some(entry.clone());
                }
                server.log(entry, true);
            }
            if takes > 0 {
                if let Some(life) = &mut server.life {
                    life.applying = now + takes;
                }
                self.after(takes, Event::Applies(side));
                break;
            }
        }
        if let Some(stray) = stray {
            self.violated(format!(
                "{side}, the writer, applies a stray of its reader: {stray:?}"
            ));
        }
    }

    /// The receiver of this member is connected, alive and answers its source.
    pub fn is_acknowledging(&self, replica: Side) -> bool {
        self.servers[replica].works()
            && !self.servers[replica].full
            && self.servers[replica.peer()].works()
            && self.servers[replica]
                .life
                .as_ref()
                .is_some_and(|life| life.receiver == Receiver::Running && life.acks == Acks::All)
    }
}
