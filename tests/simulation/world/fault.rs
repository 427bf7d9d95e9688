//! What befalls the servers, and what people do to them.

use dualmasterd::model::incarnation::BootId;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::server::Family;

use super::server::{Acks, Content, Session};
use super::tale::Tale;
use super::{Event, MS, SECOND, Time, World};

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
    /// Root flushes tables there: logged, and no row.
    Flushed(Side),
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
    /// Root started this member's receiver anew as no semi-sync replica: green, counted by nobody.
    Plain(Side),
    /// Both servers die in the same instant.
    BothKilled,
    /// A disk that does not answer: the server waits in the kernel, and SIGKILL with it.
    DiskStuck(Side),
    DiskFreed(Side),
    /// Every commit takes this long on its disk, in microseconds; 0 ends it.
    DiskTakes(Side, Time),
    /// Its recovery at a start takes so much longer.
    RecoveryTakes(Side, Time),
    /// Its disk has no space left.
    DiskFull(Side),
    DiskEmptied(Side),
    /// Whatever is written to its disk fails.
    DiskFails(Side),
    DiskMended(Side),
    /// A session there holds a lock on everything.
    Locked(Side),
    Unlocked(Side),
    /// Its applier takes this long for a transaction, in microseconds; 0 ends it.
    ApplyTakes(Side, Time),
    /// A replica that is not of the pair connects, and acknowledges.
    ThirdReplica(Side),
    ThirdGone(Side),
    /// A client prepares an XA transaction and ends it later.
    XaPrepared(Side),
    /// The host's clock jumps by so many milliseconds.
    ClockJumps(i64),
    /// The redirect is deleted.
    RedirectDeleted,
    /// Nothing on this host goes on for so long, in microseconds.
    HostStands(Time),
    /// The daemon is not scheduled for so long, in microseconds.
    DaemonStands(Time),
    /// Answers to looks come late for so long, in microseconds.
    LooksLate(Time),
    /// Answers of this server do not come for so long, in microseconds.
    LooksLost(Side, Time),
    /// What the kernel says of processes is heard late for so long, in microseconds.
    ProcessesLate(Time),
    /// What the kernel says of this process is not heard for so long, in microseconds.
    ProcessesLost(Side, Time),
    /// Every hook fails for so long, in microseconds.
    HooksFail(Time),
    /// Hooks take long, or longer than they may, for so long, in microseconds.
    HooksSlow(Time),
    /// The daemon is killed, its state file put back as it was so long ago, in microseconds, and the daemon
    /// started again.
    StatePutBack(Time),
    /// The same, and this member dies meanwhile.
    StatePutBackBesideDead(Side, Time),
    /// The state file's disk is slow for so long, in microseconds.
    StoreSlow(Time),
    /// The state file cannot be written for so long, in microseconds.
    StoreFails(Time),
}

impl World {
    pub fn fault(&mut self, fault: Fault) {
        self.tell(Tale::Happened, || format!("{fault:?}"));
        let now = self.now;
        match fault {
            Fault::Killed(side) => self.server_dies(side),
            Fault::Frozen(side) => self.freeze(side, true),
            Fault::Thawed(side) => self.freeze(side, false),
            Fault::Stopped(side) => self.server_is_told_to_stop(side),
            Fault::HostReboots => self.reboot(),
            Fault::DaemonKilled => self.daemon_is_killed(),
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
            Fault::Flushed(side) => {
                if self.servers[side].answers() && !self.servers[side].holds_writes() {
                    self.commits(side, Content::Flush, Session::Nobody);
                }
            }
            Fault::StrayUndone(side) => self.stray_undone(side),
            Fault::ApplierStopped(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.applier = false;
                    life.half_applied = false;
                }
            }
            Fault::ReceiverStopped(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.receiver = Receiver::Stopped;
                    life.acks = Acks::All;
                    self.client_is_gone(side.peer(), true);
                }
            }
            Fault::Reseeded(side) => {
                self.servers[side].reseed = true;
                let all = self.servers[side].has.keys().copied();
                self.given_up.extend(all);
                self.server_dies(side);
            }
            Fault::BothKilled => {
                self.server_dies(Side::A);
                self.server_dies(Side::B);
            }
            Fault::DiskStuck(side) => self.disk_sticks(side, true),
            Fault::DiskFreed(side) => self.disk_sticks(side, false),
            Fault::DiskFull(side) => self.servers[side].full = true,
            Fault::DiskEmptied(side) => {
                self.servers[side].full = false;
                self.goes_on(side);
            }
            Fault::DiskFails(side) => self.servers[side].failing = true,
            Fault::DiskMended(side) => self.servers[side].failing = false,
            Fault::Locked(side) => self.locks(side, true),
            Fault::Unlocked(side) => self.locks(side, false),
            Fault::DiskTakes(side, takes) => self.servers[side].disk_takes = takes,
            Fault::RecoveryTakes(side, takes) => self.servers[side].recovery_takes = takes,
            Fault::ApplyTakes(side, takes) => {
                self.servers[side].apply_takes = takes;
                self.after(MS, Event::Applies(side));
            }
            Fault::ThirdReplica(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.third.get_or_insert(Time::MAX);
                }
            }
            Fault::ThirdGone(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.third = None;
                }
            }
            Fault::XaPrepared(side) => {
                let life = self.servers[side].life.as_ref();
                if self.servers[side].answers() && life.is_some_and(|life| life.writable) {
                    self.servers[side].prepared_xa = 1;
                    self.after(3 * SECOND, Event::XaEnds(side));
                }
            }
            Fault::ClockJumps(by) => self.clock_is_off += by,
            Fault::RedirectDeleted => self.endpoint = super::Endpoint::default(),
            Fault::HostStands(span) => self.host_stands(span),
            Fault::DaemonStands(span) => self.daemon_stands(span),
            Fault::LooksLate(span) => self.weather.looks_late = now + span,
            Fault::LooksLost(side, span) => self.weather.looks_lost[side] = now + span,
            Fault::ProcessesLate(span) => self.weather.processes_late = now + span,
            Fault::ProcessesLost(side, span) => self.weather.processes_lost[side] = now + span,
            Fault::HooksFail(span) => self.weather.hooks_fail = now + span,
            Fault::HooksSlow(span) => self.weather.hooks_slow = now + span,
            Fault::StatePutBack(age) => self.put_back(age),
            Fault::StatePutBackBesideDead(side, age) => {
                self.put_back(age);
                self.server_dies(side);
            }
            Fault::StoreSlow(span) => self.weather.store_slow = now + span,
            Fault::StoreFails(span) => self.weather.store_fails = now + span,
            Fault::Mute(side) => {
                if let Some(life) = self.servers[side].life.as_mut() {
                    life.acks = match life.receiver {
                        Receiver::Running => Acks::Mute,
                        Receiver::Connecting | Receiver::Stopped => Acks::All,
                    };
                }
            }
            Fault::Plain(side) => {
                let life = self.servers[side].life.as_mut();
                if let Some(life) = life.filter(|life| life.receiver == Receiver::Running) {
                    life.acks = Acks::Plain;
                    self.client_is_gone(side.peer(), true);
                }
            }
        }
    }

    fn daemon_is_killed(&mut self) {
        if self.daemon.is_some() {
            self.daemon_ends();
            let wait = self.rng.within(5 * MS, 800 * MS);
            self.after(wait, Event::DaemonStarts);
        }
    }

    fn put_back(&mut self, age: Time) {
        self.daemon_is_killed();
        if self.daemon.is_none() {
            self.state_is_put_back(age);
        }
    }

    /// A session takes a lock on everything, or lets it go.
    pub fn locks(&mut self, side: Side, locked: bool) {
        if self.servers[side].answers()
            && let Some(life) = self.servers[side].life.as_mut()
        {
            life.locked = locked;
            self.after(MS, Event::Applies(side));
        }
    }

    /// Both servers and the daemon end at once; relay logs were in the page cache only.
    fn reboot(&mut self) {
        self.store_is_cut_short(true);
        self.daemon_is_gone();
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
        if !self.servers[side].answers() || self.servers[side].holds_writes() {
            return;
        }
        self.strays += 1;
        let stray = Content::Stray(self.strays);
        if self.stored_writer() == Some(side.peer()) && !self.state_is_old {
            self.was_reader.insert(self.servers[side].next_name());
        }
        self.commits(side, stray, Session::Nobody);
    }

    /// MySQL: the other side gets an empty transaction of that name. MariaDB: whatever is its own is taken
    /// out of its history.
    fn stray_undone(&mut self, side: Side) {
        let peer = side.peer();
        let there = &self.servers[peer].has;
        let strays: Vec<_> = self.servers[side]
            .binlog
            .iter()
            .filter(|entry| match entry.content {
                Content::Stray(_) => true,
                Content::Flush => !there.contains_key(&entry.txn),
                _ => false,
            })
            .cloned()
            .collect();
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
