//! The writer machine's six states and its edges, as one table.

use serde::{Deserialize, Serialize};

use crate::model::memory::State;

/// A state's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each stands for the state of the same name")]
pub enum Name {
    Settling,
    Serving,
    Switching,
    Promoting,
    Holding,
    Paused,
}

/// What makes the machine move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Event {
    /// Both members are known, and a writer is chosen.
    Known,
    /// The writer is gone, and its standby may take over.
    WriterLost,
    /// There is no safe move.
    NoSafeMove,
    /// A planned switchover begins.
    SwitchBegun,
    /// The operation under way was undone or cannot go on.
    Undone,
    /// The new writer is open and the endpoint leads to it.
    Opened,
    /// Nobody may promote, by order.
    PauseSet,
    /// The pause is over.
    PauseLifted,
}

impl Name {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Settling,
        Self::Serving,
        Self::Switching,
        Self::Promoting,
        Self::Holding,
        Self::Paused,
    ];
}

impl Event {
    /// All events.
    pub const ALL: [Self; 8] = [
        Self::Known,
        Self::WriterLost,
        Self::NoSafeMove,
        Self::SwitchBegun,
        Self::Undone,
        Self::Opened,
        Self::PauseSet,
        Self::PauseLifted,
    ];
}

/// One edge; its sentence is the journal's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// From this state
    pub from: Name,
    /// by this event
    pub event: Event,
    /// to this one,
    pub to: Name,
    /// because of this.
    pub says: &'static str,
}

const fn row(from: Name, event: Event, to: Name, says: &'static str) -> Row {
    Row {
        from,
        event,
        to,
        says,
    }
}

/// Every edge. A pair that is not here changes nothing.
pub const TABLE: [Row; 18] = {
    use Event::{
        Known, NoSafeMove, Opened, PauseLifted, PauseSet, SwitchBegun, Undone, WriterLost,
    };
    use Name::{Holding, Paused, Promoting, Serving, Settling, Switching};
    [
        row(Settling, Known, Serving, "both members are known"),
        row(Settling, NoSafeMove, Holding, "nobody can be opened safely"),
        row(
            Settling,
            PauseSet,
            Paused,
            "both members are known; nobody promotes, by order",
        ),
        row(
            Serving,
            WriterLost,
            Promoting,
            "the writer is gone and its standby takes over",
        ),
        row(
            Serving,
            NoSafeMove,
            Holding,
            "the writer is gone and nobody can take over safely",
        ),
        row(
            Serving,
            SwitchBegun,
            Switching,
            "the roles are exchanged as planned",
        ),
        row(Serving, PauseSet, Paused, "nobody promotes, by order"),
        row(Switching, Undone, Serving, "the switchover was undone"),
        row(Switching, Opened, Serving, "the new writer serves"),
        row(Promoting, Undone, Serving, "the promotion cannot go on"),
        row(Promoting, Opened, Serving, "the standby serves"),
        row(Holding, Known, Serving, "what held the pair is gone"),
        row(
            Holding,
            WriterLost,
            Promoting,
            "the standby has proven that it may take over",
        ),
        row(Holding, PauseSet, Paused, "nobody promotes, by order"),
        row(Paused, PauseLifted, Serving, "the pause is over"),
        row(
            Paused,
            NoSafeMove,
            Holding,
            "the writer is gone and nobody can take over safely",
        ),
        row(
            Paused,
            WriterLost,
            Promoting,
            "an operator orders the standby to take over",
        ),
        row(
            Paused,
            SwitchBegun,
            Switching,
            "an operator exchanges the roles: a pause stops only what moves by itself",
        ),
    ]
};

/// The edge from a state by an event, if there is one.
pub fn next(from: Name, event: Event) -> Option<&'static Row> {
    TABLE
        .iter()
        .find(|row| row.from == from && row.event == event)
}

/// The name of a state.
pub fn name(state: &State) -> Name {
    match state {
        State::Settling { .. } => Name::Settling,
        State::Serving => Name::Serving,
        State::Switching(_) => Name::Switching,
        State::Promoting(_) => Name::Promoting,
        State::Holding { .. } => Name::Holding,
        State::Paused => Name::Paused,
    }
}

/// The table as a mermaid diagram, for the documents.
pub fn picture() -> String {
    let edges = TABLE
        .iter()
        .map(|row| format!("    {:?} --> {:?}: {:?}\n", row.from, row.to, row.event));
    let first = "stateDiagram-v2\n    [*] --> Settling\n".to_owned();
    first + &edges.collect::<String>()
}

#[cfg(test)]
mod tests;
