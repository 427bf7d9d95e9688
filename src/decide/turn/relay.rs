//! Relay logs are data: what a member has received and not executed, and what may happen to it.

use super::Turn;
use crate::model::action::{Action, ActionError, ActionKind};
use crate::model::gtid::GtidSet;
use crate::model::link::{LinkStatus, Receiver};
use crate::model::member::Side;
use crate::model::server::ServerFact;

impl<'a> Turn<'a> {
    /// Both threads are stopped and something is unapplied: the next start of either throws MariaDB's
    /// relay log away.
    pub(in crate::decide) fn loses_relay_log(&self, look: &ServerFact) -> bool {
        self.is_mariadb()
            && look.link.as_ref().is_some_and(|link| {
                let both_stopped = link.receiver == Receiver::Stopped && !link.applier;
                both_stopped && !look.executed.contains(&link.received)
            })
    }

    /// What this member has received and not executed has to come again: a start would throw it away, or
    /// the applier stands before what the member has executed already, as its peer has.
    pub(in crate::decide) fn fetches_anew(&self, side: Side, look: &ServerFact) -> bool {
        let repeats = look.link.as_ref().is_some_and(LinkStatus::repeats);
        self.loses_relay_log(look)
            || self.unreadable_link(side).is_some()
            || repeats
                && self
                    .server(side.peer())
                    .is_some_and(|peer| peer.executed.contains(&look.executed))
    }

    /// Why this life of the server cannot read the files of its link.
    pub(in crate::decide) fn unreadable_link(&self, side: Side) -> Option<&'a str> {
        if let Some(torn) = self.link(side).and_then(LinkStatus::torn) {
            return Some(torn);
        }
        let work = self.work(Some(side));
        let reset = self.done_at(side, ActionKind::ResetLink);
        let since = reset.max(self.memory.lives_since[side]);
        let reading = [
            ActionKind::StartReceiver,
            ActionKind::StartApplier,
            ActionKind::Point,
        ];
        let mut tried = reading.iter().filter_map(|kind| work.ended.get(kind));
        tried.find_map(|ended| match &ended.result {
            Err(ActionError::Unreadable(why)) if ended.begun >= since => Some(why.as_str()),
            Ok(_) | Err(_) => None,
        })
    }

    /// Why what this member has received and not executed can never be applied.
    pub(in crate::decide) fn cannot_read_received(
        &self,
        side: Side,
        look: &ServerFact,
    ) -> Option<&'a str> {
        let why = self.unreadable_link(side)?;
        (!Self::unapplied(look).is_empty()).then_some(why)
    }

    /// Its relay logs were copied aside in its present life, with all that is unapplied in them now.
    pub(in crate::decide) fn has_saved_relay(&self, side: Side, look: &ServerFact) -> bool {
        let life_began = self.memory.lives_since[side].min(look.asked);
        let work = self.work(Some(side));
        let done = work.done_since(ActionKind::SaveRelay, life_began);
        let unapplied = Self::unapplied(look);
        done.is_some_and(|done| {
            matches!(&done.action, Action::SaveRelay { received, .. } if received.contains(&unapplied))
        })
    }

    /// The same; planned where they were not.
    pub(in crate::decide) fn relay_is_saved(&mut self, side: Side, look: &ServerFact) -> bool {
        let saved = self.has_saved_relay(side, look);
        if !saved {
            self.save_relay(side, look);
        }
        saved
    }

    /// Plans that its relay logs are copied aside.
    pub(in crate::decide) fn save_relay(&mut self, side: Side, look: &ServerFact) {
        let received = Self::unapplied(look);
        self.act(Action::SaveRelay { side, received });
    }

    /// What a member has received and not executed.
    pub(in crate::decide) fn unapplied(look: &ServerFact) -> GtidSet {
        let link = look.link.as_ref();
        link.map_or_else(GtidSet::new, |link| link.received.subtract(&look.executed))
    }

    /// It is on disk that this member may lack what was acknowledged: nobody would promote it unproven.
    pub(in crate::decide) fn may_lack(&self, side: Side) -> bool {
        let register = self.register();
        self.register_is_stored()
            && register
                .is_some_and(|register| register.writer == side || register.in_sync.is_none())
    }
}
