//! What may happen next.

use dualmasterd::model::action::ActionKind;
use dualmasterd::model::member::Side;
use dualmasterd::model::process::ProcessState;

use crate::server::Process;
use crate::state::State;

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
            ActionKind::Kill
                | ActionKind::Start
                | ActionKind::Walk
                | ActionKind::Cut
                | ActionKind::Forget
        );
        let life = self.world.servers[side].life.as_ref();
        !(needs_session && life.is_some_and(|life| life.frozen))
    }

    /// It is not what usually comes next.
    pub fn deviates(&self, event: Event) -> bool {
        let mut usual = Vec::new();
        self.urgent(&mut usual);
        match event {
            Event::LookTaken(_) | Event::TakesEffect(_) => true,
            Event::Tick => !usual.is_empty(),
            _ => usual.first() != Some(&event) && usual.contains(&event),
        }
    }
}
