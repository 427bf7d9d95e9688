//! What makes the daemon see late, store late, or stand still.

use dualmasterd::model::member::{Both, Side};

use super::{Event, MS, SECOND, Time, World};

/// A hook that takes longer is killed.
const HOOK_LIMIT: Time = 4 * SECOND;

/// Troubles of the daemon's own, each until a moment in microseconds.
#[derive(Debug, Default)]
pub struct Weather {
    /// Answers to looks come late.
    pub looks_late: Time,
    /// Answers to looks never come.
    pub looks_lost: Both<Time>,
    /// What the kernel says of a process comes late.
    pub processes_late: Time,
    /// What the kernel says of this member's process is not heard.
    pub processes_lost: Both<Time>,
    /// Hooks fail.
    pub hooks_fail: Time,
    /// Hooks take long, or longer than they may.
    pub hooks_slow: Time,
    /// The state file's disk is slow.
    pub store_slow: Time,
    /// The state file cannot be written.
    pub store_fails: Time,
    /// The daemon does not run.
    pub daemon_stands: Time,
}

impl Weather {
    /// All of it is over.
    pub fn clears(&mut self) {
        *self = Self::default();
    }
}

impl World {
    /// How long the answer to a look takes.
    pub fn look_takes(&mut self) -> Time {
        if self.now < self.weather.looks_late {
            self.rng.within(20 * MS, 950 * MS)
        } else {
            self.rng.within(MS / 2, 2 * MS)
        }
    }

    /// The answer to a look that ends now is lost.
    pub fn look_is_lost(&self, side: Side) -> bool {
        self.now < self.weather.looks_lost[side]
    }

    /// How long it takes until it is heard what the kernel says of this member's process; `None` where it is
    /// not heard.
    pub fn process_takes(&mut self, side: Side) -> Option<Time> {
        if self.now < self.weather.processes_lost[side] {
            None
        } else if self.now < self.weather.processes_late {
            Some(self.rng.within(MS, 900 * MS))
        } else {
            Some(0)
        }
    }

    /// How long a hook runs, and whether it succeeds.
    pub fn hook_takes(&mut self) -> (Time, bool) {
        let fails = self.now < self.weather.hooks_fail;
        if self.now < self.weather.hooks_slow {
            let takes = self.rng.within(100 * MS, 3 * HOOK_LIMIT / 2);
            (takes.min(HOOK_LIMIT), !fails && takes < HOOK_LIMIT)
        } else {
            (self.rng.within(MS, 10 * MS), !fails)
        }
    }

    /// How long a write of the state file takes.
    pub fn store_takes(&mut self) -> Time {
        if self.now < self.weather.store_slow {
            self.rng.within(50 * MS, 2 * SECOND)
        } else {
            self.rng.within(MS / 2, 4 * MS)
        }
    }

    /// The daemon is not scheduled for so long; the servers go on.
    pub fn daemon_stands(&mut self, span: Time) {
        self.weather.daemon_stands = self.now + span;
    }

    /// Nothing on this host goes on for so long, and nobody noticed it.
    pub fn host_stands(&mut self, span: Time) {
        self.daemon_stands(span);
        self.postpone_all(span);
    }

    /// Whoever waits for the daemon waits until it runs again.
    pub fn daemon_is_late_for(&mut self, event: &Event) -> bool {
        let until = self.weather.daemon_stands;
        if self.now < until && event.is_seen_by_daemon() {
            self.after(until - self.now, event.clone());
            return true;
        }
        false
    }
}
