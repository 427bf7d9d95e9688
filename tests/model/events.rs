//! What may happen next, and what follows.

use dualmasterd::model::action::ActionKind;
use dualmasterd::model::member::Side;
use dualmasterd::model::memory::Earning;
use dualmasterd::model::policy::Policy;
use dualmasterd::model::process::{Ended, ProcessState};
use dualmasterd::model::time::Timestamp;

use crate::server::Process;
use crate::state::State;
use crate::time::TICK;

/// One thing that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    // The servers.
    Writes(Side),
    Ships(Side),
    Hears(Side),
    Applies(Side),
    Reaped(Side),
    Booted(Side),
    Exits(Side),
    Thaws(Side),
    // The observers.
    SeesProcess(Side),
    Looks(Side),
    LookTaken(Side),
    LookArrives(Side),
    Beats,
    // The daemon.
    Ends(usize),
    TakesEffect(usize),
    TimesOut(usize),
    Stores,
    DaemonStarts,
    Tick,
    // From outside.
    Switchover,
    Kill(Side),
    Freeze(Side),
    Stop(Side),
    /// Killed and started again by somebody else, before anybody looked.
    Restart(Side),
    /// `true`: what it had begun still has its effect.
    DaemonDies(bool),
}

impl State {
    /// Everything that may happen now. Whatever is not the usual next thing costs a deviation.
    pub fn events(&self, events: &mut Vec<Event>) {
        self.urgent(events);
        let pressing = !events.is_empty();
        if self.budget.deviations == 0 {
            events.truncate(1);
        } else {
            self.late(events);
        }
        for side in Side::BOTH {
            let server = &self.world.servers[side];
            let writable = server.life.as_ref().is_some_and(|life| life.writable);
            if self.budget.writes > 0 && server.answers() && writable {
                events.push(Event::Writes(side));
            }
            if server.life.as_ref().is_some_and(|life| life.frozen) {
                events.push(Event::Thaws(side));
            }
        }
        if let Some(daemon) = &self.daemon {
            if self.budget.requests > 0 {
                events.push(Event::Switchover);
            }
            if !pressing && daemon.hurry {
                let again = Side::BOTH
                    .into_iter()
                    .filter(|side| self.look(*side).is_some());
                events.extend(again.map(Event::Looks));
            }
            if !pressing || self.budget.deviations > 0 {
                events.push(Event::Tick);
            }
        }
        if self.budget.faults > 0 {
            self.faults(events);
        }
    }

    fn faults(&self, events: &mut Vec<Event>) {
        for side in Side::BOTH {
            if let Some(life) = &self.world.servers[side].life {
                events.push(Event::Kill(side));
                events.push(Event::Restart(side));
                if !life.frozen {
                    events.push(Event::Freeze(side));
                    if life.up && !life.stopping {
                        events.push(Event::Stop(side));
                    }
                }
            }
        }
        if let Some(daemon) = &self.daemon {
            events.push(Event::DaemonDies(false));
            if !daemon.flights.is_empty() || daemon.storing.is_some() {
                events.push(Event::DaemonDies(true));
            }
        }
    }

    /// What comes by chance later than usual.
    fn late(&self, events: &mut Vec<Event>) {
        let Some(daemon) = &self.daemon else { return };
        for side in Side::BOTH {
            if daemon.seen[side].late.is_none() && self.look(side).is_some() {
                events.push(Event::LookTaken(side));
            }
        }
        for (at, flight) in daemon.flights.iter().enumerate() {
            if flight.result.is_none() && self.reacts(at) {
                events.push(Event::TakesEffect(at));
            }
        }
    }

    /// What happens before time passes, the usual next one first.
    pub fn urgent(&self, events: &mut Vec<Event>) {
        for side in Side::BOTH {
            let server = &self.world.servers[side];
            if server.works()
                && server
                    .life
                    .as_ref()
                    .is_some_and(|life| !life.heard.is_empty())
            {
                events.push(Event::Hears(side));
            }
            if self.world.may_ship(side) {
                events.push(Event::Ships(side));
            }
            if self.world.may_apply(side) {
                events.push(Event::Applies(side));
            }
        }
        self.daemon_hears(events);
        for side in Side::BOTH {
            let server = &self.world.servers[side];
            let ending = |process: &Process| process.state == ProcessState::Exiting;
            if server.process.as_ref().is_some_and(ending) {
                events.push(Event::Reaped(side));
            }
            if let Some(life) = server.life.as_ref().filter(|life| !life.frozen) {
                if life.stopping {
                    events.push(Event::Exits(side));
                }
                if !life.up {
                    events.push(Event::Booted(side));
                }
            }
        }
    }

    fn daemon_hears(&self, events: &mut Vec<Event>) {
        let Some(daemon) = &self.daemon else {
            events.push(Event::DaemonStarts);
            return;
        };
        for side in Side::BOTH {
            if self.process_changed(side) {
                events.push(Event::SeesProcess(side));
            }
        }
        if daemon.storing.is_some() {
            events.push(Event::Stores);
        }
        for (at, flight) in daemon.flights.iter().enumerate() {
            if flight.result.is_some() || self.reacts(at) {
                events.push(Event::Ends(at));
            } else if self.ticks_ago(flight.begun) > 0 {
                events.push(Event::TimesOut(at));
            }
        }
        for side in Side::BOTH {
            if daemon.seen[side].late.is_some() {
                events.push(Event::LookArrives(side));
            }
            if self.look_is_due(side) {
                events.push(Event::Looks(side));
            }
        }
        if self.beat_is_due() {
            events.push(Event::Beats);
        }
    }

    /// The server would do at once what it is asked for.
    fn reacts(&self, flight: usize) -> bool {
        let Some(daemon) = &self.daemon else {
            return false;
        };
        let action = &daemon.flights[flight].step.action;
        let Some(side) = action.side() else {
            return true;
        };
        let needs_session = !matches!(
            action.kind(),
            ActionKind::Kill | ActionKind::Start | ActionKind::Walk | ActionKind::Cut
        );
        let life = self.world.servers[side].life.as_ref();
        !(needs_session && life.is_some_and(|life| life.frozen))
    }

    fn process_changed(&self, side: Side) -> bool {
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
    fn look_is_due(&self, side: Side) -> bool {
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
    fn beat_is_due(&self) -> bool {
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

    /// The state after an event.
    pub fn after(&self, policy: &Policy, event: Event) -> Self {
        let mut next = self.clone();
        next.pass();
        if self.deviates(event) {
            next.budget.deviate();
        }
        next.happens(policy, event);
        next.settle_time();
        next
    }

    /// It is not what usually comes next.
    fn deviates(&self, event: Event) -> bool {
        let mut usual = Vec::new();
        self.urgent(&mut usual);
        match event {
            Event::LookTaken(_) | Event::TakesEffect(_) => true,
            Event::Tick => !usual.is_empty(),
            _ => usual.first() != Some(&event) && usual.contains(&event),
        }
    }

    fn happens(&mut self, policy: &Policy, event: Event) {
        let world = &mut self.world;
        match event {
            Event::Writes(side) => {
                self.budget.writes -= 1;
                world.write(side);
            }
            Event::Ships(side) => world.ship(side),
            Event::Hears(side) => world.hears(side),
            Event::Applies(side) => world.apply(side),
            Event::Reaped(side) => world.reap(side),
            Event::Booted(side) => {
                if let Some(life) = &mut world.servers[side].life {
                    life.up = true;
                }
            }
            Event::Exits(side) => world.exits(side),
            Event::Thaws(side) => world.freeze(side, false),
            Event::Kill(side) => {
                self.budget.faults -= 1;
                world.servers[side].dies(Ended::Signal(9));
            }
            Event::Freeze(side) => {
                self.budget.faults -= 1;
                world.freeze(side, true);
            }
            Event::Stop(side) => {
                self.budget.faults -= 1;
                world.told_to_stop(side);
            }
            Event::Restart(side) => {
                self.budget.faults -= 1;
                world.servers[side].dies(Ended::Signal(9));
                world.reap(side);
                world.servers[side].boot(world.family);
            }
            Event::DaemonDies(sent) => {
                self.budget.faults -= 1;
                self.daemon_dies(sent);
            }
            Event::SeesProcess(side) => {
                self.sees_process(side);
                self.think(policy);
            }
            Event::Looks(side) => {
                self.sees_process(side);
                self.looks(side);
                self.think(policy);
            }
            Event::LookTaken(side) => {
                let look = self.look(side);
                if let Some(daemon) = &mut self.daemon {
                    daemon.seen[side].late = look;
                }
            }
            Event::LookArrives(side) => {
                self.look_arrives(side);
                self.think(policy);
            }
            Event::Beats => {
                self.beats();
                self.think(policy);
            }
            Event::Ends(at) => {
                self.ends(at);
                self.think(policy);
            }
            Event::TakesEffect(at) => {
                self.takes_effect(at);
            }
            Event::TimesOut(at) => {
                self.times_out(at);
                self.think(policy);
            }
            Event::Stores => {
                self.stored();
                self.think(policy);
            }
            Event::DaemonStarts => {
                self.daemon_starts();
                self.think(policy);
            }
            Event::Tick => self.tick(policy),
            Event::Switchover => {
                self.budget.requests -= 1;
                if let Some(daemon) = &mut self.daemon {
                    daemon.asked = true;
                }
                self.think(policy);
            }
        }
    }

    fn tick(&mut self, policy: &Policy) {
        self.now = self.now + TICK;
        let now = self.now;
        for side in Side::BOTH {
            let frozen = (self.world.servers[side].life.as_ref()).is_some_and(|life| life.frozen);
            if let Some(daemon) = &mut self.daemon
                && frozen
            {
                daemon.seen[side].failed.get_or_insert(now);
            }
        }
        self.think(policy);
    }

    fn sees_process(&mut self, side: Side) {
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

    fn looks(&mut self, side: Side) {
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

    fn look_arrives(&mut self, side: Side) {
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

    fn beats(&mut self) {
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
