//! What befalls the servers, and what people do to them.

use dualmasterd::model::incarnation::{BootId, Incarnation};
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::server::Family;

use super::server::{Content, Phase, Session};
use super::{Event, MS, Process, SECOND, World};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL, by somebody else.
    Killed(Side),
    Frozen(Side),
    Thawed(Side),
    /// SIGTERM, by somebody else.
    Stopped(Side),
    /// Power off and on.
    HostReboots,
    /// The daemon is killed, and started again.
    DaemonKilled,
    /// Root opens a member.
    OpenedByHand(Side),
    /// Root writes past read-only.
    Stray(Side),
    /// Somebody undoes what was written there.
    StrayUndone(Side),
    ApplierStopped(Side),
    ReceiverStopped(Side),
    /// Somebody makes the writer read-only.
    ClosedByHand(Side),
    /// People put a copy of its peer in its place.
    Reseeded(Side),
    /// The connection of this member's receiver stays green and acknowledges nothing.
    Mute(Side),
}

impl World {
    pub fn fault(&mut self, fault: Fault) {
        self.say(|| format!("FAULT {fault:?}"));
        match fault {
            Fault::Killed(side) => self.server_dies(side),
            Fault::Frozen(side) => self.freeze(side, true),
            Fault::Thawed(side) => self.freeze(side, false),
            Fault::Stopped(side) => self.server_is_told_to_stop(side),
            Fault::HostReboots => self.reboot(),
            Fault::DaemonKilled => {
                if self.daemon.is_some() {
                    self.daemon_ends();
                    let wait = self.rng.within(5 * MS, 800 * MS);
                    self.after(wait, Event::DaemonStarts);
                }
            }
            Fault::OpenedByHand(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.opened_by_hand |= !life.writable;
                    life.writable = true;
                }
            }
            Fault::ClosedByHand(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.writable = false;
                }
            }
            Fault::Stray(side) => self.stray(side),
            Fault::StrayUndone(side) => self.stray_undone(side),
            Fault::ApplierStopped(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.applier = false;
                }
            }
            Fault::ReceiverStopped(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.receiver = Receiver::Stopped;
                    life.mute = false;
                    self.client_is_gone(side.peer(), true);
                }
            }
            Fault::Reseeded(side) => {
                self.servers[side].reseed = true;
                self.server_dies(side);
            }
            Fault::Mute(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.mute = life.receiver == Receiver::Running;
                }
            }
        }
    }

    pub fn server_starts(&mut self, side: Side) {
        let incarnation = self.new_life();
        self.say(|| format!("{side}: process {} starts", incarnation.pid));
        if std::mem::take(&mut self.servers[side].reseed) {
            let copy = self.servers[side.peer()].binlog.clone();
            self.servers[side].reseeded(copy);
        }
        self.servers[side].boot(incarnation.clone());
        self.processes[side] = Some(Process {
            incarnation: incarnation.clone(),
            state: ProcessState::Running,
            ended: None,
            stops_by_order: false,
        });
        self.process_seen(side);
        let wait = self.rng.within(100 * MS, 400 * MS);
        self.after(wait, Event::Booted(side, incarnation));
    }

    pub fn booted(&mut self, side: Side, incarnation: &Incarnation) {
        if let Some(life) = &mut self.servers[side].life
            && life.incarnation == *incarnation
            && life.phase == Phase::Booting
        {
            life.phase = Phase::Up;
            self.poke(side);
        }
    }

    /// From one moment to the next it executes nothing more; its process ends slowly.
    pub fn server_dies(&mut self, side: Side) {
        self.ends(side, Ended::Signal(9));
    }

    fn ends(&mut self, side: Side, how: Ended) {
        let Some(life) = self.servers[side].life.take() else {
            return;
        };
        self.say(|| {
            format!(
                "{side}: process {} dies, {} wait",
                life.incarnation.pid,
                life.waiting.len()
            )
        });
        if let Some(process) = &mut self.processes[side] {
            process.state = ProcessState::Exiting;
            process.ended = Some(how);
        }
        let seen = self.rng.within(300, 4 * MS);
        self.after(seen, Event::ProcessSeen(side));
        let gone = self.rng.within(10 * MS, 400 * MS);
        self.after(gone, Event::Reaped(side, life.incarnation));
        if self
            .daemon
            .as_ref()
            .is_some_and(|daemon| daemon.beating.is_some_and(|(at, _)| at == side))
        {
            self.beat_answered(side, false);
        }
    }

    /// Its sockets close only now.
    pub fn reaped(&mut self, side: Side, incarnation: &Incarnation) {
        let Some(process) = &mut self.processes[side] else {
            return;
        };
        if process.incarnation != *incarnation || process.state != ProcessState::Exiting {
            return;
        }
        process.state = ProcessState::Gone;
        self.process_seen(side);
        self.sessions_end(side);
        self.disconnected(side.peer());
        self.client_is_gone(side.peer(), false);
    }

    fn freeze(&mut self, side: Side, frozen: bool) {
        let Some(life) = self.servers[side].life.as_mut() else {
            return;
        };
        life.frozen = frozen;
        self.after(MS, Event::ProcessSeen(side));
        if frozen {
            return;
        }
        self.thawed_sessions(side);
        for to in Side::BOTH {
            self.ship_soon(to);
        }
        self.after(MS, Event::Applies(side));
        if self
            .daemon
            .as_ref()
            .is_some_and(|daemon| daemon.beating.is_some_and(|(at, _)| at == side))
        {
            let waits = self.servers[side].life.as_ref().is_some_and(|life| {
                life.waiting
                    .iter()
                    .any(|waiting| waiting.session == Session::Heartbeat)
            });
            if !waits {
                self.beat_answered(side, false);
            }
        }
    }

    /// MySQL answers OK to commits that nobody received, and MariaDB commits them unheard.
    fn server_is_told_to_stop(&mut self, side: Side) {
        let heard = self.family() == Family::Mysql;
        let Some(life) = self.servers[side].life.as_mut().filter(|life| !life.frozen) else {
            return;
        };
        life.phase = Phase::Stopping;
        let incarnation = life.incarnation.clone();
        if let Some(process) = &mut self.processes[side] {
            process.stops_by_order = true;
        }
        self.release_all(side, heard);
        self.sessions_end(side);
        self.beat_answered(side, false);
        self.after(MS, Event::ProcessSeen(side));
        let wait = match self.family() {
            Family::Mysql => self.rng.within(100 * MS, 3 * SECOND),
            Family::Mariadb => self.rng.within(40 * MS, 170 * MS),
        };
        self.after(wait, Event::Exits(side, incarnation));
    }

    pub fn exits(&mut self, side: Side, incarnation: &Incarnation) {
        if self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.incarnation == *incarnation)
        {
            self.servers[side].clean = true;
            self.ends(side, Ended::Code(0));
        }
    }

    /// Both servers and the daemon end at once; relay logs were in the page cache only.
    fn reboot(&mut self) {
        self.daemon_ends();
        for side in Side::BOTH {
            self.servers[side].life = None;
            self.processes[side] = None;
            self.sessions_end(side);
            self.servers[side].purge_relay();
        }
        self.endpoint = super::Endpoint::default();
        self.boot = BootId(format!("boot-{}", self.generation));
        let wait = self.rng.within(MS, 500 * MS);
        self.after(wait, Event::DaemonStarts);
    }

    fn stray(&mut self, side: Side) {
        if !self.servers[side].answers() {
            return;
        }
        self.strays += 1;
        let stray = Content::Stray(self.strays);
        self.commits(side, stray, Session::Nobody);
    }

    /// MySQL: the other side gets an empty transaction of that name. MariaDB: the entry is taken out.
    fn stray_undone(&mut self, side: Side) {
        let strays: Vec<_> = self.servers[side]
            .binlog
            .iter()
            .filter(|entry| matches!(entry.content, Content::Stray(_)))
            .cloned()
            .collect();
        let peer = side.peer();
        for stray in strays {
            match self.family() {
                Family::Mysql => {
                    for at in [side, peer] {
                        let server = &mut self.servers[at];
                        server.relay.retain(|entry| entry.txn != stray.txn);
                        server.binlog.retain(|entry| entry.txn != stray.txn);
                        let empty = super::server::Entry {
                            txn: stray.txn,
                            content: Content::Empty,
                        };
                        server.log(empty, true);
                    }
                }
                Family::Mariadb => {
                    let server = &mut self.servers[side];
                    server.binlog.retain(|entry| entry.txn != stray.txn);
                    server.has.remove(&stray.txn);
                    server.rescan();
                    let writer = &mut self.servers[peer];
                    writer.relay.retain(|entry| entry.txn != stray.txn);
                    writer.received = dualmasterd::model::gtid::GtidSet::new();
                }
            }
        }
        for at in Side::BOTH {
            let end = self.servers[at].binlog.len();
            if let Some(life) = self.servers[at.peer()].life.as_mut() {
                life.cursor = life.cursor.min(end.saturating_sub(5));
            }
        }
        if let Some(life) = self.servers[side].life.as_mut() {
            life.applier_error = None;
        }
        self.ship_soon(side);
    }
}
