//! The daemon's observers: when one has something new to tell, and what it then tells.

use dualmasterd::model::action::ActionKind;
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::Earning;
use dualmasterd::model::process::ProcessState;
use dualmasterd::model::time::Timestamp;

use crate::state::State;

impl State {
    pub fn process_changed(&self, side: Side) -> bool {
        let Some(daemon) = &self.daemon else {
            return false;
        };
        let truth = self.look_at_process(side);
        daemon.seen[side].process.as_ref().is_none_or(|seen| {
            let mut truth = truth;
            truth.at = seen.at;
            *seen != truth
        })
    }

    /// A look would show something new, or the last one is old, or something was done since.
    pub fn look_is_due(&self, side: Side) -> bool {
        let Some(daemon) = &self.daemon else {
            return false;
        };
        let seen = &daemon.seen[side];
        let Some(life) = &self.world.servers[side].life else {
            return seen.failed.is_none();
        };
        if life.frozen {
            return false;
        }
        let Some(fresh) = self.look(side) else {
            return seen.failed.is_none() || seen.refused.is_none();
        };
        let Some(look) = seen.look.as_ref().filter(|_| seen.failed.is_none()) else {
            return true;
        };
        let done = seen.ended.values().map(|ended| ended.at).max();
        let done = done.max(seen.beat.ok.filter(|_| daemon.hurry));
        !look.shows(&fresh)
            || self.ticks_ago(look.asked) > 0
            || done.is_some_and(|at| at > look.asked)
    }

    /// The member that is asked to write a heartbeat, or has not answered one.
    fn beats_at(&self) -> Option<Side> {
        let daemon = self.daemon.as_ref()?;
        let pending = Side::BOTH
            .into_iter()
            .find(|side| daemon.seen[*side].beat.pending.is_some());
        pending.or(daemon.beats)
    }

    /// A heartbeat is sent, or its end can be heard.
    pub fn beat_is_due(&self) -> bool {
        let (Some(side), Some(daemon)) = (self.beats_at(), &self.daemon) else {
            return false;
        };
        let beat = &daemon.seen[side].beat;
        if beat.pending.is_some() {
            return self.beat_ends(side);
        }
        let proving = matches!(daemon.memory.earning, Earning::Armed { .. });
        beat.tried.is_none_or(|tried| {
            self.ticks_ago(tried) > 0 || (proving && self.armed_since(side, tried))
        })
    }

    /// The source side was armed after this.
    fn armed_since(&self, side: Side, tried: Timestamp) -> bool {
        let ended = self.daemon.as_ref().map(|daemon| &daemon.seen[side].ended);
        let armed = ended.and_then(|ended| ended.get(&ActionKind::ArmSource));
        armed.is_some_and(|armed| armed.at > tried)
    }

    /// It is answered, or its connection is gone.
    fn beat_ends(&self, side: Side) -> bool {
        let Some(life) = &self.world.servers[side].life else {
            return true;
        };
        !life.frozen && (!life.source_on || self.world.acknowledges(side.peer()) || !life.writable)
    }

    pub fn sees_process(&mut self, side: Side) {
        let now = self.now;
        let process = self.look_at_process(side);
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let seen = &mut daemon.seen[side];
        if process.state == ProcessState::Stopped {
            seen.stuck.get_or_insert(now);
        } else {
            seen.stuck = None;
        }
        seen.process = Some(process);
    }

    pub fn looks(&mut self, side: Side) {
        let now = self.now;
        let fresh = self.look(side);
        let lives = self.world.servers[side].life.is_some();
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let seen = &mut daemon.seen[side];
        match fresh {
            Some(look) => {
                seen.look = Some(look);
                seen.failed = None;
                seen.refused = None;
            }
            None => {
                seen.failed = Some(now);
                if lives {
                    seen.refused.get_or_insert(now);
                } else {
                    seen.refused = None;
                }
            }
        }
    }

    pub fn look_arrives(&mut self, side: Side) {
        let now = self.now;
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let seen = &mut daemon.seen[side];
        let Some(mut look) = seen.late.take() else {
            return;
        };
        // One look at a server is under way at a time: a newer one was not taken meanwhile.
        if seen
            .look
            .as_ref()
            .is_none_or(|newest| newest.asked <= look.asked)
        {
            look.at = now;
            seen.look = Some(look);
            seen.failed = None;
        }
    }

    pub fn beats(&mut self) {
        let Some(side) = self.beats_at() else { return };
        let now = self.now;
        let ends = self.beat_ends(side);
        let life = self.world.servers[side].life.as_ref();
        let taken = life.is_some_and(|life| life.writable && life.up && !life.stopping);
        let answered = ends && taken;
        if answered && life.is_some_and(|life| life.source_on) {
            // What was committed before it was received before it.
            self.world.ship(side.peer());
            self.world.hears(side);
        }
        let Some(daemon) = &mut self.daemon else {
            return;
        };
        let beat = &mut daemon.seen[side].beat;
        beat.tried = Some(now);
        if answered {
            beat.sent = Some(beat.pending.unwrap_or(now));
            beat.ok = Some(now);
            beat.pending = None;
        } else if ends {
            beat.pending = None;
        } else {
            beat.pending.get_or_insert(now);
        }
    }
}
