//! Peace: once the faults have ended the pair comes to rest, and stays there.

use std::collections::BTreeMap;

use dualmasterd::model::action::ActionKind;

use crate::world::{SECOND, World};

/// Role changes after the last fault: a takeover that was due, and the preferred member's return.
const ROLE_CHANGES: u64 = 3;
/// Actions of one kind after the last fault, at both members together.
const OF_A_KIND: u32 = 60;
/// Decisions that nothing but a timer asked for, within a second of health.
const IDLE_WAKES: u64 = 4;

/// Where things stood when the last fault ended.
pub struct Calm {
    epoch: u64,
    planned: BTreeMap<ActionKind, u32>,
}

impl World {
    fn epoch(&self) -> u64 {
        let register = self.state.durable().and_then(|disk| disk.register.as_ref());
        register.map_or(0, |register| register.epoch)
    }

    /// From now on nothing befalls the pair.
    pub fn calm_begins(&self) -> Calm {
        Calm {
            epoch: self.epoch(),
            planned: self.planned.clone(),
        }
    }

    /// Roles and threads did not go to and fro on the way to health.
    pub fn check_calm(&mut self, since: &Calm) {
        let changes = self.epoch().saturating_sub(since.epoch);
        if changes > ROLE_CHANGES {
            self.violated(format!("{changes} role changes after the last fault"));
        }
        for (kind, count) in self.planned.clone() {
            let count = count - since.planned.get(&kind).copied().unwrap_or(0);
            if count > OF_A_KIND {
                self.violated(format!("{count} times {kind:?} after the last fault"));
            }
        }
    }

    /// Nothing is planned for a healthy pair and nothing stored, and no timer asks again and again.
    pub fn check_left_alone(&mut self) {
        let seen = |world: &Self| {
            let wakes = world.daemon.as_ref().map_or(0, |daemon| daemon.idle_wakes);
            (world.planned.clone(), world.stores, wakes)
        };
        let (planned, stores, wakes) = seen(self);
        self.run(SECOND);
        let (planned_now, stores_now, wakes_now) = seen(self);
        if self.policy.prefer.is_some() {
            return;
        }
        if planned != planned_now {
            let more = planned_now
                .iter()
                .filter(|(kind, count)| planned.get(*kind) != Some(*count));
            let more: Vec<_> = more.map(|(kind, _)| kind).collect();
            self.violated(format!("a healthy pair is not left alone: {more:?}"));
        }
        if stores != stores_now {
            self.violated("the state of a healthy pair is stored again".into());
        }
        if wakes_now - wakes > IDLE_WAKES {
            let wakes = wakes_now - wakes;
            self.violated(format!(
                "{wakes} decisions by timer within a second of health"
            ));
        }
    }
}
