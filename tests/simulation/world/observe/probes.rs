//! The questions of the hang table.

use std::collections::BTreeMap;

use dualmasterd::model::member::Side;
use dualmasterd::model::probe::{ProbeError, ProbeFact, ProbeKind};
use dualmasterd::model::server::HeartbeatRow;
use dualmasterd::observe::Seen;

use super::INTERVAL;
use crate::support::server_id;
use crate::world::server::{Content, Phase, Session};
use crate::world::{Event, MS, Time, World};

/// The questions that were put to one member.
#[derive(Debug, Default)]
pub(super) struct Asked {
    facts: BTreeMap<ProbeKind, ProbeFact>,
    /// When those that nobody has answered yet were sent.
    sent: BTreeMap<ProbeKind, Time>,
}

/// The heartbeat under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beating {
    side: Side,
    sent: Time,
}

/// What a question gets.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Good,
    Lost,
    /// The disk takes nothing.
    Fails,
    Hangs,
}

impl World {
    /// The questions that are due at this tick, and those that still wait.
    pub(super) fn probe(&mut self, side: Side, ticks: u64) {
        let now = self.now;
        let Some(daemon) = &self.daemon else { return };
        let eyes = &daemon.eyes;
        let writer = eyes.watch.heartbeat.is_some_and(|(at, _)| at == side);
        let known = eyes.following[side].life.is_some();
        let due = |kind, every: u64| {
            ticks.is_multiple_of(every) || eyes.asked[side].sent.contains_key(&kind)
        };
        let mut kinds = Vec::new();
        if known && due(ProbeKind::Ping, if writer { 1 } else { 2 }) {
            kinds.push(ProbeKind::Ping);
        }
        if known && due(ProbeKind::Login, if writer { 4 } else { 16 }) {
            kinds.push(ProbeKind::Login);
        }
        if known && writer && due(ProbeKind::LocalWrite, 2) {
            kinds.push(ProbeKind::LocalWrite);
        }
        if due(ProbeKind::Disk, 2) {
            kinds.push(ProbeKind::Disk);
        }
        for kind in kinds {
            let sent = self.daemon.as_ref().and_then(|daemon| {
                let sent = daemon.eyes.asked[side].sent.get(&kind);
                sent.copied()
            });
            let answer = self.answer(side, kind, sent.unwrap_or(now));
            self.ask(side, kind, sent.unwrap_or(now), &answer);
        }
    }

    fn answer(&self, side: Side, kind: ProbeKind, sent: Time) -> Answer {
        let server = &self.servers[side];
        if kind == ProbeKind::Disk {
            let stuck = server.life.as_ref().is_some_and(|life| life.disk_stuck);
            return match server.full || server.failing {
                _ if stuck => Answer::Hangs,
                true => Answer::Fails,
                false => Answer::Good,
            };
        }
        let Some(life) = &server.life else {
            // The sockets of a process that ends are closed last.
            return Answer::Hangs;
        };
        let stands = life.frozen || life.disk_stuck;
        let slow = self.now < sent + server.disk_takes;
        let hangs = match kind {
            ProbeKind::Login => stands || life.held_up > self.now,
            ProbeKind::LocalWrite => stands || slow || life.locked,
            ProbeKind::Ping | ProbeKind::Heartbeat | ProbeKind::Disk => stands,
        };
        if hangs {
            return Answer::Hangs;
        }
        match life.phase {
            Phase::Up => Answer::Good,
            Phase::Booting | Phase::Stopping => Answer::Lost,
        }
    }

    /// An answer is published, and that one has stayed out for an interval.
    fn ask(&mut self, side: Side, kind: ProbeKind, sent: Time, answer: &Answer) {
        let (at, sent_at) = (self.stamp(self.now), self.stamp(sent));
        let waits = self.now >= sent + INTERVAL;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let asked = &mut daemon.eyes.asked[side];
        let fact = asked.facts.entry(kind).or_default();
        match answer {
            Answer::Hangs => {
                asked.sent.insert(kind, sent);
                if !waits || fact.pending_since.is_some() {
                    return;
                }
                fact.pending_since = Some(sent_at);
            }
            Answer::Good => {
                asked.sent.remove(&kind);
                *fact = ProbeFact {
                    pending_since: None,
                    last_ok: Some(at),
                    last_ok_sent: Some(sent_at),
                    took: at.since(sent_at),
                    error: None,
                };
            }
            Answer::Lost | Answer::Fails => {
                asked.sent.remove(&kind);
                fact.pending_since = None;
                let lost = *answer == Answer::Lost;
                let text = if lost { "connection lost" } else { "no space" };
                fact.error = Some(ProbeError {
                    at,
                    errno: None,
                    lost,
                    text: text.into(),
                });
            }
        }
        let fact = fact.clone();
        self.see(Seen::Probe(side, kind, fact));
    }

    /// The life that was asked is over, or it is no longer the writer: what waits is thrown away.
    fn forget(&mut self, side: Side, kinds: &[ProbeKind]) {
        for kind in kinds {
            let Some(daemon) = &mut self.daemon else {
                return;
            };
            let asked = &mut daemon.eyes.asked[side];
            asked.sent.remove(kind);
            if asked.facts.remove(kind).is_some() {
                self.see(Seen::Probe(side, *kind, ProbeFact::default()));
            }
        }
    }

    pub(super) fn asks_no_more(&mut self, side: Side) {
        self.writer_is_asked_no_more(Some(side));
        self.forget(side, &[ProbeKind::Ping, ProbeKind::Login]);
        self.gives_up_look(side);
    }

    pub(super) fn writer_is_asked_no_more(&mut self, side: Option<Side>) {
        let Some(side) = side else { return };
        if let Some(daemon) = &mut self.daemon {
            let beating = &mut daemon.eyes.beating;
            *beating = beating.filter(|beating| beating.side != side);
        }
        self.forget(side, &[ProbeKind::LocalWrite, ProbeKind::Heartbeat]);
    }

    /// The heartbeat of the writer, one at a time.
    pub(super) fn beat(&mut self) {
        let (sent, wall_ms) = (self.now, self.wall_ms());
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let eyes = &mut daemon.eyes;
        let Some((side, epoch)) = eyes.watch.heartbeat else {
            return;
        };
        if eyes.beating.is_some() || eyes.following[side].life.is_none() {
            return;
        }
        eyes.beating = Some(Beating { side, sent });
        let row = HeartbeatRow {
            server_id: server_id(side),
            epoch,
            writer: server_id(side),
            written_ms: wall_ms,
        };
        self.after(INTERVAL, Event::HeartbeatWaits(self.generation, side, sent));
        let life = self.servers[side].life.as_ref();
        let hangs = life.is_none_or(|life| life.frozen || life.disk_stuck);
        if !hangs && !self.writes(side, Content::Beat(row), Session::Heartbeat(sent)) {
            self.beat_answered(side, sent, false);
        }
    }

    /// The session of the heartbeat under way at this server ends.
    pub fn beat_is_lost(&mut self, side: Side) {
        let beating = self.daemon.as_ref().and_then(|daemon| daemon.eyes.beating);
        if let Some(beating) = beating.filter(|beating| beating.side == side) {
            self.beat_answered(side, beating.sent, false);
        }
    }

    pub fn beat_answered(&mut self, side: Side, sent: Time, ok: bool) {
        let event = Event::HeartbeatEnds(self.generation, side, ok, sent);
        self.after(MS / 2, event);
    }

    fn beats(&self, side: Side, sent: Time) -> bool {
        let beating = self.daemon.as_ref().and_then(|daemon| daemon.eyes.beating);
        beating.is_some_and(|beating| beating.side == side && beating.sent == sent)
    }

    pub fn heartbeat_waits(&mut self, side: Side, sent: Time) {
        if self.beats(side, sent) {
            self.ask(side, ProbeKind::Heartbeat, sent, &Answer::Hangs);
        }
    }

    pub fn heartbeat_ends(&mut self, side: Side, ok: bool, sent: Time) {
        if !self.beats(side, sent) {
            return;
        }
        if let Some(daemon) = &mut self.daemon {
            daemon.eyes.beating = None;
        }
        let answer = if ok { Answer::Good } else { Answer::Lost };
        self.ask(side, ProbeKind::Heartbeat, sent, &answer);
    }
}
