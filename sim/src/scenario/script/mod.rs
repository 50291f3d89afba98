//! Runs spelled out: every operation with its moment, every fault with whom it hits.
//!
//! A run from a seed can be written down as a script; played, it is the same run, event by event.
//! An edited script is played as far as it makes sense: an operation comes at its moment whatever
//! happened before it, and a fault hits whom it names whether or not that server still leads.

mod actions;
mod requests;

use menagerie::ids::{ClientId, NodeId, Span};
use menagerie::tree::Request;
use serde::{Deserialize, Serialize};

pub(crate) use actions::quoted_list;
pub use actions::{Grouped, grouped, in_words, lines, listed, parse_action, words};
pub use requests::{act_text, parse_act, short_text};

/// What a client does with its session instead of asking for anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Move {
    /// It goes on at another server.
    #[default]
    Hop,
    /// It goes on at another server, where it first gives a wrong password.
    WrongPassword,
    /// It dies, forgets the session, and begins anew.
    Die,
}

impl Move {
    /// All of them.
    pub const ALL: [Move; 3] = [Move::Hop, Move::WrongPassword, Move::Die];

    fn is_hop(&self) -> bool {
        *self == Move::Hop
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Move::Hop => "hop",
            Move::WrongPassword => "wrong-password",
            Move::Die => "die",
        }
    }
}

/// What a client does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// It asks for this.
    Ask(Request),
    /// It asks for nothing.
    Move(Move),
}

/// An operation and its moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptedOp {
    /// When the client invokes it.
    pub at: Span,
    /// How many events of the world come before it: says which of those at that very moment do. An
    /// edited script may have 0 here, which means: the first at its moment.
    #[serde(default)]
    pub after: u64,
    /// Who invokes it.
    pub client: ClientId,
    /// What; absent: see `moves`.
    #[serde(default)]
    pub request: Option<Request>,
    /// What it does instead of asking.
    #[serde(default, skip_serializing_if = "Move::is_hop")]
    pub moves: Move,
    /// Whether it is a read behind a sync: then the client invokes a sync right before it.
    #[serde(default)]
    pub synced: bool,
}

impl ScriptedOp {
    /// What is done, as text that [`parse_act`] reads back.
    pub fn text(&self) -> String {
        match &self.request {
            Some(request) => act_text(request),
            None => self.moves.word().to_owned(),
        }
    }
}

/// What a script lays down in place of the workload's and the driver's draws.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The operations, in their order.
    pub operations: Vec<ScriptedOp>,
    /// The servers that are healed when the safety phase ends; chosen then if absent.
    #[serde(default)]
    pub core: Option<Vec<NodeId>>,
}

/// The order in which a script is played.
#[derive(Clone, Debug)]
pub(crate) struct Player {
    next: usize,
}

impl Player {
    /// Plays from the beginning.
    pub(crate) fn new() -> Player {
        Player { next: 0 }
    }

    /// The next operation, if it is due before the world's next event: `next_at` is when that
    /// comes, `steps` how many came already.
    pub(crate) fn due<'a>(
        &mut self,
        script: &'a Script,
        next_at: Option<u64>,
        steps: u64,
    ) -> Option<&'a ScriptedOp> {
        let op = script.operations.get(self.next)?;
        let due = match next_at {
            None => true,
            Some(next_at) => op.at.0 < next_at || (op.at.0 == next_at && op.after <= steps),
        };
        if due {
            self.next += 1;
        }
        due.then_some(op)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(moments: &[(u64, u64)]) -> Script {
        let operations = moments
            .iter()
            .map(|(at, after)| ScriptedOp {
                at: Span(*at),
                after: *after,
                client: ClientId(1),
                request: Some(Request::Sync),
                moves: Move::Hop,
                synced: false,
            })
            .collect();
        Script {
            operations,
            ..Script::default()
        }
    }

    #[test]
    fn an_operation_comes_before_the_events_behind_its_moment() {
        let script = script(&[(10, 0), (20, 0)]);
        let mut player = Player::new();
        assert!(player.due(&script, Some(9), 5).is_none());
        assert!(player.due(&script, Some(11), 5).is_some());
        assert!(player.due(&script, Some(11), 5).is_none());
        assert!(player.due(&script, None, 6).is_some());
        assert!(player.due(&script, None, 6).is_none());
    }

    #[test]
    fn among_the_events_of_its_moment_it_keeps_its_place() {
        let script = script(&[(10, 7)]);
        let mut player = Player::new();
        assert!(player.due(&script, Some(10), 6).is_none());
        assert!(player.due(&script, Some(10), 7).is_some());
    }
}
