//! What is done to a server's role: open, close, sessions, source side.

use dualmasterd::model::action::Brought;
use dualmasterd::model::member::Side;
use dualmasterd::model::server::Family;

use super::Effect::{self, Ends, EndsLater, Waits};
use super::{done, failed};
use crate::world::{Event, MS, Time, World};

impl World {
    pub(super) fn opens(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        self.server(side, begun)?;
        self.check_open(side);
        let life = self.server(side, begun)?;
        life.writable = true;
        life.opened_by_hand = false;
        Ok(done())
    }

    /// MariaDB: KILL of a commit that waits commits it, and its client hears nothing.
    pub(super) fn closes_sessions(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        self.server(side, begun)?;
        let sessions = self.sessions_end(side);
        match self.family() {
            Family::Mariadb => self.release_unheard(side),
            // Whoever holds a lock is ended with the others.
            Family::Mysql => self.locks(side, false),
        }
        Ok(Ends(Ok(Brought::Closed {
            sessions,
            returned: Vec::new(),
            position: self.servers[side].executed.clone(),
        })))
    }

    pub(super) fn closes(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        let late = self.now >= begun + 50 * MS;
        let life = self.server(side, begun)?;
        if !life.waiting.is_empty() || life.committing > 0 || life.locked {
            return Ok(if late {
                failed("the budget of 50 ms is over")
            } else {
                Waits
            });
        }
        life.writable = false;
        life.opened_by_hand = false;
        life.events_on = false;
        Ok(done())
    }

    pub(super) fn disarms(&mut self, side: Side, begun: Time) -> Result<Effect, Effect> {
        self.server(side, begun)?;
        self.check_disarm(side);
        let registered = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.client_until > self.now);
        self.release_all(side, true);
        let life = self.server(side, begun)?;
        life.source_on = false;
        life.source_status = false;
        self.after(0, Event::Applies(side));
        let slow = self.family() == Family::Mysql && registered;
        Ok(if slow {
            let wait = self.rng.within(MS, 1_100 * MS);
            let until = self.now + wait;
            self.server(side, begun)?.held_up = until;
            EndsLater(wait, Ok(Brought::Nothing))
        } else {
            done()
        })
    }
}
