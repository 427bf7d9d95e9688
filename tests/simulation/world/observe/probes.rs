//! The questions of the hang table.

use std::time::Duration;

use dualmasterd::model::member::Side;
use dualmasterd::model::probe::{ProbeError, ProbeFact};
use dualmasterd::model::server::HeartbeatRow;
use dualmasterd::model::time::Timestamp;

use crate::support::server_id;
use crate::world::server::{Content, Phase, Session};
use crate::world::{Event, MS, Time, World};

impl World {
    pub(super) fn probe(&mut self, side: Side) {
        let at = self.stamp(self.now);
        let server = &self.servers[side];
        let life = server.life.as_ref();
        let stands = life.is_some_and(|life| life.frozen || life.disk_stuck);
        let stuck = life.is_some_and(|life| life.disk_stuck);
        let held_up = life.is_some_and(|life| life.held_up > self.now);
        let answers = server.answers();
        let works = life.is_some_and(|life| life.phase != Phase::Booting);
        let slow = Duration::from_micros(server.disk_takes);
        let heartbeat = self
            .daemon
            .as_ref()
            .and_then(|daemon| daemon.watch.heartbeat);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let probes = &mut daemon.facts.members[side].probes;
        ask(&mut probes.ping, at, works && !stands, stands);
        ask(&mut probes.login, at, answers, stands || held_up);
        ask(&mut probes.disk, at, true, stuck);
        if heartbeat.is_some_and(|(writer, _)| writer == side) {
            let write = &mut probes.local_write;
            let waited = write.pending_since.map(|since| at.since(since));
            let still_writes = !slow.is_zero() && waited.is_none_or(|waited| waited < slow);
            ask(write, at, answers, stands || still_writes);
        } else {
            probes.local_write = ProbeFact::default();
        }
        daemon.dirty = true;
    }

    /// The heartbeat of the writer, one at a time.
    pub(super) fn beat(&mut self) {
        let (now, wall_ms) = (self.now, self.wall_ms());
        let at = self.stamp(now);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let Some((side, epoch)) = daemon.watch.heartbeat else {
            return;
        };
        if daemon.beating.is_some() {
            return;
        }
        daemon.beating = Some((side, now));
        daemon.facts.members[side].probes.heartbeat.pending_since = Some(at);
        let row = HeartbeatRow {
            server_id: server_id(side),
            epoch,
            writer: server_id(side),
            written_ms: wall_ms,
        };
        let life = self.servers[side].life.as_ref();
        let stands = life.is_some_and(|life| life.frozen || life.disk_stuck);
        if !stands && !self.writes(side, Content::Beat(row), Session::Heartbeat) {
            self.beat_answered(side, false);
        }
    }

    pub fn beat_answered(&mut self, side: Side, ok: bool) {
        if let Some((at, sent)) = self.daemon.as_ref().and_then(|daemon| daemon.beating)
            && at == side
        {
            self.after(
                MS / 2,
                Event::HeartbeatEnds(self.generation, side, ok, sent),
            );
        }
    }

    pub fn heartbeat_ends(&mut self, side: Side, ok: bool, sent: Time) {
        let (at, sent_at) = (self.stamp(self.now), self.stamp(sent));
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        if daemon.beating != Some((side, sent)) {
            return;
        }
        daemon.beating = None;
        let probe = &mut daemon.facts.members[side].probes.heartbeat;
        probe.pending_since = None;
        if ok {
            probe.last_ok = Some(at);
            probe.last_ok_sent = Some(sent_at);
            probe.took = at.since(sent_at);
            probe.error = None;
        } else {
            probe.error = Some(lost(at));
        }
        daemon.dirty = true;
    }
}

fn lost(at: Timestamp) -> ProbeError {
    ProbeError {
        at,
        errno: None,
        lost: true,
        text: "connection lost".into(),
    }
}

/// One question, and its answer half a millisecond later.
fn ask(probe: &mut ProbeFact, at: Timestamp, answers: bool, hangs: bool) {
    if hangs {
        probe.pending_since.get_or_insert(at);
    } else if answers {
        *probe = ProbeFact {
            pending_since: None,
            last_ok: Some(at),
            last_ok_sent: Some(at),
            took: Duration::from_micros(500),
            error: None,
        };
    } else {
        probe.pending_since = None;
        probe.error = Some(lost(at));
    }
}
