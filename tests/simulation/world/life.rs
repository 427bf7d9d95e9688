//! From the start of a server's process to its death.

use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::Side;
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::server::Family;

use super::server::{Phase, Session};
use super::{Event, MS, Process, SECOND, World};

impl World {
    pub fn server_starts(&mut self, side: Side) {
        let incarnation = self.new_life();
        self.say(|| format!("{side}: process {} starts", incarnation.pid));
        if std::mem::take(&mut self.servers[side].reseed) {
            let copy = self.servers[side.peer()].binlog.clone();
            self.servers[side].reseeded(copy);
        }
        self.servers[side].started = self.now;
        self.servers[side].boot(incarnation.clone());
        self.processes[side] = Some(Process {
            incarnation: incarnation.clone(),
            state: ProcessState::Running,
            ended: None,
        });
        self.process_seen(side);
        let wait = self.rng.within(100 * MS, 400 * MS) + self.servers[side].recovery_takes;
        self.after(wait, Event::Booted(side, incarnation));
        if self.servers[side].full || self.servers[side].failing {
            self.ends(side, Ended::Code(1));
        }
    }

    pub fn booted(&mut self, side: Side, incarnation: &Incarnation) {
        if let Some(life) = &mut self.servers[side].life
            && life.incarnation == *incarnation
            && life.phase == Phase::Booting
        {
            life.phase = Phase::Up;
        }
    }

    /// From one moment to the next it executes nothing more; its process ends slowly. One that waits
    /// for a disk ends when the disk answers.
    pub fn server_dies(&mut self, side: Side) {
        match self.servers[side].life.as_mut() {
            Some(life) if life.disk_stuck => life.killed = true,
            Some(_) | None => self.ends(side, Ended::Signal(9)),
        }
    }

    /// It cannot write what it must not lose.
    pub fn aborts(&mut self, side: Side) {
        self.ends(side, Ended::Signal(6));
    }

    fn ends(&mut self, side: Side, how: Ended) {
        if self.servers[side].works() {
            self.receives_a_part(side.peer());
        }
        let Some(life) = self.servers[side].life.take() else {
            return;
        };
        if self.servers[side].link && matches!(how, Ended::Signal(_)) {
            self.servers[side].unreadable |= self.rng.one_in(20);
        }
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

    pub fn disk_sticks(&mut self, side: Side, stuck: bool) {
        let Some(life) = self.servers[side].life.as_mut() else {
            return;
        };
        life.disk_stuck = stuck;
        let killed = life.killed;
        if !stuck && killed {
            self.server_dies(side);
        } else if !stuck {
            self.goes_on(side);
        }
    }

    pub fn freeze(&mut self, side: Side, frozen: bool) {
        let Some(life) = self.servers[side].life.as_mut() else {
            return;
        };
        life.frozen = frozen;
        if !frozen {
            self.goes_on(side);
        }
    }

    /// A server that stood still does what it had been asked to do meanwhile.
    pub fn goes_on(&mut self, side: Side) {
        if !self.servers[side].works() {
            return;
        }
        self.thawed_sessions(side);
        for to in Side::BOTH {
            self.ship_soon(to);
        }
        self.after(MS, Event::Applies(side));
        let waits = self.servers[side].life.as_ref().is_some_and(|life| {
            let beats = |session| matches!(session, Session::Heartbeat(_));
            life.waiting.iter().any(|waiting| beats(waiting.session))
        });
        if !waits {
            self.beat_is_lost(side);
        }
    }

    /// MySQL answers OK to commits that nobody received, and MariaDB commits them unheard.
    pub fn server_is_told_to_stop(&mut self, side: Side) {
        let heard = self.family() == Family::Mysql;
        let Some(life) = self.servers[side]
            .life
            .as_mut()
            .filter(|life| !life.frozen && !life.disk_stuck)
        else {
            return;
        };
        life.phase = Phase::Stopping;
        let incarnation = life.incarnation.clone();
        self.release_all(side, heard);
        self.sessions_end(side);
        self.beat_is_lost(side);
        let wait = match self.family() {
            // With a receiver connected it takes eleven seconds.
            Family::Mysql if self.rng.one_in(4) => self.rng.within(8 * SECOND, 12 * SECOND),
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
}
