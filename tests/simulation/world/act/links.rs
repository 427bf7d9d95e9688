//! What is done to a link and its threads.

use dualmasterd::model::action::{ActionError, Brought};
use dualmasterd::model::gtid::GtidSet;
use dualmasterd::model::link::Receiver;
use dualmasterd::model::member::Side;
use dualmasterd::model::server::Family;

use super::Effect::{self, Ends, EndsLater, Waits};
use super::{done, failed};
use crate::world::server::{Acks, Server};
use crate::world::{Event, MS, SECOND, Time, World};

fn readable(server: &Server) -> Result<(), Effect> {
    match server.unreadable {
        true => Err(Ends(Err(ActionError::Unreadable("1201".into())))),
        false => Ok(()),
    }
}

impl World {
    /// The relay logs of this member are deleted.
    pub(super) fn purges(&mut self, side: Side) {
        let lost = self.servers[side].purge_relay();
        self.check_purge(side, &lost);
    }

    pub(super) fn points_anew(&mut self, side: Side, expendable: &GtidSet) -> Effect {
        let server = &self.servers[side];
        if let Err(unreadable) = readable(server) {
            return unreadable;
        }
        let only_received = server.set(&server.relay);
        if !expendable.contains(&only_received.subtract(&server.set(&server.binlog))) {
            return failed("unapplied transactions");
        }
        self.points(side);
        done()
    }

    pub(super) fn points(&mut self, side: Side) {
        self.purges(side);
        self.servers[side].link = true;
        if let Some(life) = &mut self.servers[side].life {
            let connected = life.receiver == Receiver::Running;
            life.receiver = Receiver::Stopped;
            life.receiver_error = None;
            life.applier = false;
            life.applier_error = None;
            life.acks = Acks::All;
            if connected {
                self.client_is_gone(side.peer(), true);
            }
        }
    }

    /// The files of a stopped link are deleted.
    pub(super) fn resets(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let life = self.server(side, begun)?;
        if life.applier || life.receiver != Receiver::Stopped {
            return Ok(failed("a thread runs"));
        }
        self.purges(side);
        self.servers[side].unreadable = false;
        Ok(done())
    }

    fn can_start(&self, side: Side) -> Result<(), Effect> {
        let server = &self.servers[side];
        if !server.link {
            return Err(failed("no link is configured"));
        }
        readable(server)
    }

    pub(super) fn starts_receiver(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let life = self.server(side, begun)?;
        if life.receiver != Receiver::Stopped {
            return Ok(done());
        }
        let both_stopped = !life.applier;
        self.can_start(side)?;
        if both_stopped && self.family() == Family::Mariadb {
            self.points(side);
        }
        let life = self.server(side, begun)?;
        life.receiver = Receiver::Connecting;
        life.receiver_error = None;
        life.acks = Acks::All;
        self.after(15 * MS, Event::Connects(side));
        Ok(done())
    }

    pub(super) fn stops_receiver(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let now = self.now;
        let silent = self.servers[side.peer()]
            .life
            .as_ref()
            .is_some_and(|life| life.frozen);
        let life = self.server(side, begun)?;
        let connecting = life.receiver == Receiver::Connecting;
        if connecting && silent && now < begun + 2 * SECOND {
            return Ok(Waits);
        }
        life.receiver = Receiver::Stopped;
        life.receiver_error = None;
        life.acks = Acks::All;
        self.client_is_gone(side.peer(), true);
        Ok(done())
    }

    pub(super) fn starts_applier(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let life = self.server(side, begun)?;
        if life.applier {
            return Ok(done());
        }
        let both_stopped = life.receiver == Receiver::Stopped;
        self.can_start(side)?;
        if both_stopped && self.family() == Family::Mariadb {
            self.purges(side);
        }
        let life = self.server(side, begun)?;
        life.applier = true;
        life.applier_error = None;
        self.half_is_applied(side);
        self.after(MS / 2, Event::Applies(side));
        Ok(done())
    }

    /// Half a transaction is rolled back; MySQL's STOP hangs until the applier's threads are killed.
    pub(super) fn stops_applier(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let life = self.server(side, begun)?;
        let half = std::mem::take(&mut life.half_applied);
        life.applier = false;
        life.applier_error = None;
        if half {
            let wait = self.rng.within(30 * MS, 130 * MS);
            return Ok(EndsLater(wait, Ok(Brought::Nothing)));
        }
        Ok(done())
    }
}
