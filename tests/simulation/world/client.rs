//! Clients that write through the endpoint and remember what was acknowledged.

use dualmasterd::model::incarnation::Incarnation;
use dualmasterd::model::member::Side;

use super::server::{Content, Entry, Life, Phase, Session, Waiting};
use super::{Event, MS, SECOND, Time, World};

/// Time between two writes of one client.
const PACE: Time = 25 * MS;
/// After an error.
const RETRY: Time = 10 * MS;

#[derive(Debug, Clone, Default)]
pub struct Client {
    session: Option<(Side, Incarnation)>,
    /// The write that waits for its answer.
    busy: Option<u64>,
    /// No longer writes.
    pub quiet: bool,
}

impl World {
    /// The client's next write.
    pub fn client(&mut self, number: usize) {
        let client = &self.clients[number];
        if client.busy.is_some() || client.quiet {
            return;
        }
        let side = match &client.session {
            Some((side, _)) => *side,
            None => {
                let target = self.endpoint.writer.filter(|side| {
                    let life = self.servers[*side].life.as_ref();
                    let held_up = life.is_some_and(|life| life.held_up > self.now);
                    self.servers[*side].answers() && !held_up
                });
                let Some(side) = target else {
                    self.after(RETRY, Event::Client(number));
                    return;
                };
                let life = self.servers[side]
                    .life
                    .as_ref()
                    .map(|life| life.incarnation.clone());
                self.clients[number].session = life.map(|life| (side, life));
                side
            }
        };
        self.written += 1;
        let write = self.written;
        self.clients[number].busy = Some(write);
        let stands = |life: &Life| life.frozen || life.disk_stuck;
        if self.servers[side].life.as_ref().is_some_and(stands) {
            // It hangs until the server goes on or ends.
            return;
        }
        if !self.writes(side, Content::Write(write), Session::Client(number)) {
            self.fails(number);
        }
    }

    /// A write on an ordinary account. Returns whether it was taken.
    pub fn writes(&mut self, side: Side, content: Content, session: Session) -> bool {
        let may = self.servers[side]
            .life
            .as_ref()
            .is_some_and(|life| life.writable && life.phase == Phase::Up);
        if !may {
            return false;
        }
        let takes = self.servers[side].disk_takes;
        let slow = takes > 0 || self.servers[side].holds_writes();
        match &mut self.servers[side].life {
            Some(life) if slow => {
                life.committing += 1;
                let life = life.incarnation.clone();
                self.after(takes, Event::Commits(side, life, content, session));
            }
            _ => self.commits(side, content, session),
        }
        true
    }

    /// A commit has got past a slow disk.
    pub fn slow_commit(
        &mut self,
        side: Side,
        life: &Incarnation,
        content: Content,
        session: Session,
    ) {
        let now = self.servers[side].life.as_ref();
        if now.is_none_or(|now| now.incarnation != *life) {
            // Its client hears of the death.
            return;
        }
        if !self.servers[side].works() || self.servers[side].holds_writes() {
            let again = Event::Commits(side, life.clone(), content, session);
            self.after(50 * MS, again);
            return;
        }
        if let Some(life) = &mut self.servers[side].life {
            life.committing -= 1;
        }
        self.commits(side, content, session);
    }

    /// Whoever prepared an XA transaction commits it, or rolls it back in no binary log.
    pub fn xa_ends(&mut self, side: Side) {
        if !self.servers[side].answers() || self.servers[side].holds_writes() {
            self.after(SECOND, Event::XaEnds(side));
            return;
        }
        self.servers[side].prepared_xa = 0;
        let life = self.servers[side].life.as_ref();
        if life.is_some_and(|life| life.writable && !life.opened_by_hand) {
            self.commits(side, Content::Empty, Session::Nobody);
        }
    }

    /// Into the binary log, then waiting or answered.
    pub fn commits(&mut self, side: Side, content: Content, session: Session) {
        if self.servers[side].failing {
            self.aborts(side);
            return;
        }
        let server = &mut self.servers[side];
        let entry = Entry {
            txn: server.next_name(),
            content,
        };
        let Some(life) = &mut server.life else { return };
        let waits = life.source_on && life.source_status && session != Session::Nobody;
        let (timeout, incarnation) = (life.timeout_ms, life.incarnation.clone());
        if waits {
            life.waiting.push_back(Waiting {
                entry: entry.clone(),
                session,
            });
        }
        server.log(entry.clone(), !waits);
        if waits {
            self.third_acknowledges(side, entry.txn);
            self.after(
                timeout.saturating_mul(MS).min(1 << 50),
                Event::AckTimeout(side, incarnation, entry.txn),
            );
        } else {
            self.answered(side, &entry, session);
        }
        self.ship_soon(side.peer());
    }

    /// A third replica acknowledges as well, later than the peer would.
    fn third_acknowledges(&mut self, side: Side, txn: super::server::Txn) {
        let now = self.now;
        let life = self.servers[side].life.as_ref();
        if let Some(life) = life.filter(|life| life.third.is_some_and(|from| from <= now)) {
            let event = Event::Acknowledged(side, life.incarnation.clone(), txn);
            let wait = self.rng.within(10 * MS, 60 * MS);
            self.after(wait, event);
        }
    }

    /// The server said OK.
    pub fn answered(&mut self, side: Side, entry: &Entry, session: Session) {
        match session {
            Session::Client(number) => {
                self.clients[number].busy = None;
                if let Content::Write(write) = entry.content {
                    self.acknowledged.insert(write);
                    self.last_ack = self.now;
                    self.check_ack(side, entry);
                }
                let wait = self.rng.within(PACE / 2, PACE * 2);
                self.after(wait, Event::Client(number));
            }
            Session::Heartbeat(sent) => self.beat_answered(side, sent, true),
            Session::Nobody => {}
        }
    }

    /// The client hears an error, or nothing any more, and connects anew.
    fn fails(&mut self, number: usize) {
        self.clients[number].busy = None;
        self.clients[number].session = None;
        self.after(RETRY, Event::Client(number));
    }

    /// Every session at this server ends.
    pub fn sessions_end(&mut self, side: Side) -> u32 {
        let mut ended = 0;
        for number in 0..self.clients.len() {
            let client = &self.clients[number];
            if client.session.as_ref().is_some_and(|(at, _)| *at == side) {
                ended += 1;
                let busy = client.busy.is_some();
                self.nobody_hears(side, number);
                self.clients[number].busy = None;
                self.clients[number].session = None;
                if busy {
                    self.after(RETRY, Event::Client(number));
                }
            }
        }
        ended
    }

    /// The commit of a session that ended goes on without it.
    fn nobody_hears(&mut self, side: Side, number: usize) {
        if let Some(life) = &mut self.servers[side].life {
            for waiting in &mut life.waiting {
                if waiting.session == Session::Client(number) {
                    waiting.session = Session::Nobody;
                }
            }
        }
    }

    /// Writes that were sent while the server was frozen are executed now.
    pub fn thawed_sessions(&mut self, side: Side) {
        for number in 0..self.clients.len() {
            let client = &self.clients[number];
            let here = client.session.as_ref().is_some_and(|(at, _)| *at == side);
            let waits = self.servers[side].life.as_ref().is_some_and(|life| {
                life.waiting
                    .iter()
                    .any(|waiting| waiting.session == Session::Client(number))
            });
            if let Some(write) = client.busy.filter(|_| here && !waits)
                && !self.writes(side, Content::Write(write), Session::Client(number))
            {
                self.fails(number);
            }
        }
    }

    /// Lets the clients write again.
    pub fn clients_write(&mut self, write: bool) {
        for number in 0..self.clients.len() {
            let was_quiet = self.clients[number].quiet;
            self.clients[number].quiet = !write;
            if was_quiet && write && self.clients[number].busy.is_none() {
                self.after(MS, Event::Client(number));
            }
        }
    }
}
